"""Which features a forest uses, and how many designs it needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from pandas import DataFrame
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence as dependence
from sklearn.inspection import permutation_importance
from sklearn.model_selection import StratifiedShuffleSplit

from vsrnn.errors import VsrnnError
from vsrnn.forecast.intervals import FORECAST
from vsrnn.forecast.measures import R2, RANK, corrected_interval
from vsrnn.forecast.regressors import make_regressor
from vsrnn.forecast.table import SCORE, features
from vsrnn.forecast.validation import quick_fits, splits, strata
from vsrnn.stats import spearman

KIND = "with proportion"
"""Features of the forests: hyperparameters and hidden proportion."""

KIND_LABELS = {
    "proportion": "proportion alone",
    "hyperparameters": "hyperparameters",
    "with proportion": "+ proportion",
    "with counts": "+ block weights",
    "with both": "+ both",
    "across tasks": "all but sizes",
}
"""Words for sets of features; a plus sign adds to the hyperparameters."""

TRAINED = "trained [designs]"

Fitted = tuple[np.ndarray, np.ndarray, RandomForestRegressor]


@quick_fits()
def fit_forests(known: DataFrame, repeats: int = 1, seed: int = 0) -> list[Fitted]:
    """Fit a forest to four of five folds of designs, for each fold of each repeat.

    Designs are as `training_table` gives them, splits as `splits` gives them.

    Returns:
        Rows fitted to, rows held out and the forest, for each fold.
    """
    values, score = features(known, KIND).to_numpy(), known[SCORE].to_numpy()
    return [
        (fit, test, make_regressor(KIND, seed=seed)[-1].fit(values[fit], score[fit]))
        for fit, test in splits(known, 5, repeats, seed)
    ]


@quick_fits()
def feature_importance(
    known: DataFrame, forests: Sequence[Fitted], seed: int = 0
) -> DataFrame:
    """Loss of R2 on designs held out when one feature is shuffled.

    Features that say the same share their importance: the hidden proportion follows
    from sizes and densities. Features that do not vary are left out. The designs are
    those that `fit_forests` fitted the forests to.

    Returns:
        One row a feature, most important first: feature, loss [R2] and its 95 %
        interval low [R2], high [R2], corrected for the overlap of the folds.
    """
    table, score = features(known, KIND), known[SCORE].to_numpy()
    values, losses = table.to_numpy(), []
    for fit, test, forest in forests:
        shuffled = permutation_importance(
            *(forest, values[test], score[test]),
            scoring="neg_mean_squared_error",
            n_repeats=3,
            random_state=seed,
        )
        losses.append(shuffled.importances_mean / score.var())
        ratio = len(test) / len(fit)
    rows = [corrected_interval(loss, ratio) for loss in np.transpose(losses)]
    columns = ["loss [R2]", "low [R2]", "high [R2]"]
    result = DataFrame(rows, columns=columns).round(5)
    result.insert(0, "feature", list(table))
    result = result[table.nunique().to_numpy() > 1]
    return result.sort_values(columns[0], ascending=False, ignore_index=True)


@quick_fits()
def partial_dependence(
    known: DataFrame, forests: Sequence[Fitted], shown: Sequence[str]
) -> DataFrame:
    """Mean forecast of each forest when one feature is set to a value in all designs.

    The designs are those that `fit_forests` fitted the forests to; of the features
    shown, those that do not vary are left out.

    Returns:
        One row a forest, feature and value: feature, forest, value, forecast [%].
    """
    table = features(known, KIND)
    varied = [name for name in shown if table[name].nunique() > 1]
    tables = []
    for (number, (_, _, forest)), name in product(enumerate(forests), varied):
        place, how = [table.columns.get_loc(name)], {"method": "brute"}
        found = dependence(forest, table.to_numpy(), place, grid_resolution=40, **how)
        columns = {"feature": name, "forest": number, "value": found["grid_values"][0]}
        tables.append(DataFrame(columns | {FORECAST: found["average"][0]}))
    return pd.concat(tables, ignore_index=True)


@quick_fits()
def cost_curve(
    known: DataFrame, sizes: int = 6, repeats: int = 8, seed: int = 0
) -> DataFrame:
    """How good the forest's forecast is after how many designs were trained.

    In each repeat a quarter of the designs is held out, and forests are fitted to
    growing parts of the rest. R2 is against the variance of all scores.

    Args:
        known: as `training_table` gives it.
        sizes: of the part, evenly spread on a logarithmic scale.
        repeats: of the split.
        seed: of splits and forests.

    Returns:
        One row a size and measure: trained [designs], measure (R2 or rank
        correlation), mean, low, high (95 %, corrected for the overlap of the splits).
    """
    values, score = features(known, KIND).to_numpy(), known[SCORE].to_numpy()
    draw = StratifiedShuffleSplit(repeats, test_size=0.25, random_state=seed)
    rows, forest = [], make_regressor(KIND, seed=seed)[-1]
    for fit, test in draw.split(values, strata(known[SCORE], 2)):
        parts = np.geomspace(min(10, len(fit)), len(fit), sizes).round().astype(int)
        for size in np.unique(parts).tolist():
            forest.fit(values[fit[:size]], score[fit[:size]])
            forecast = forest.predict(values[test])
            error = np.mean((score[test] - forecast) ** 2) / score.var()
            rank = float(spearman(score[test], forecast))
            rows += [(size, R2, 1 - error), (size, RANK, rank)]
        ratio = len(test) / len(fit)
    by = [TRAINED, "measure"]
    each = DataFrame(rows, columns=[*by, "value"]).groupby(by, sort=False)["value"]
    table = [(*key, *corrected_interval(part, ratio)) for key, part in each]
    return DataFrame(table, columns=[*by, "mean", "low", "high"])


def enough_designs(curve: DataFrame, slack: float = 0.05) -> int:
    """Fewest designs of a `cost_curve` that lose no more than a slack of the last R2.

    Raises:
        VsrnnError: the table has no rows.

    >>> curve = {"trained [designs]": [10, 50, 90], "mean": [0.1, 0.78, 0.8]}
    >>> enough_designs(DataFrame(curve).assign(measure="R2"))
    50
    """
    if curve.empty:
        raise VsrnnError("the table has no rows; make it with `cost_curve`")
    mean = curve[curve["measure"] == R2].set_index(TRAINED)["mean"]
    return int(mean.index[mean >= mean.iloc[-1] - slack].min())
