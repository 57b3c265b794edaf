"""Which features a forest uses, and how many designs it needs."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from pandas import DataFrame
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import partial_dependence as dependence
from sklearn.inspection import permutation_importance
from sklearn.model_selection import StratifiedShuffleSplit

from vsrnn.forecast.intervals import FORECAST
from vsrnn.forecast.measures import R2, RANK, corrected_interval
from vsrnn.forecast.table import SCORE, features
from vsrnn.forecast.validation import make_regressor, quick_fits, splits, strata
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
    """Fit a forest for each of the `splits` of a `training_table`.

    Returns:
        Rows fitted to, rows held out and the forest, for each split.
    """
    values, score = features(known, KIND).to_numpy(), known[SCORE].to_numpy()
    return [
        (fit, test, make_regressor(KIND, seed=seed)[-1].fit(values[fit], score[fit]))
        for fit, test, *_ in splits(known, repeats, seed)
    ]


@quick_fits()
def feature_importance(
    known: DataFrame, forests: Sequence[Fitted], seed: int = 0
) -> DataFrame:
    """Loss of R2 on designs held out when one feature is shuffled.

    Features that say the same share their importance: the hidden proportion follows
    from sizes and densities. Designs are those of `fit_forests`.

    Returns:
        One row a feature that varies, most important first: feature, loss [R2], low
        [R2] and high [R2] (95 %, corrected for the overlap of the folds).
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
    result = DataFrame(rows, table.columns, columns)[table.nunique() > 1].round(5)
    result = result.rename_axis("feature").reset_index()
    return result.sort_values(columns[0], ascending=False, ignore_index=True)


@quick_fits()
def partial_dependence(
    known: DataFrame, forests: Sequence[Fitted], shown: Sequence[str]
) -> DataFrame:
    """Mean forecast of each forest when one feature is set to a value in all designs.

    Returns:
        One row a forest, feature shown that varies, and value: feature, forest, value,
        forecast [%].
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
    parts of the rest of so many sizes, evenly spread on a logarithmic scale. R2 is
    against the variance of all scores.

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

    >>> curve = {"trained [designs]": [10, 50, 90], "mean": [0.1, 0.78, 0.8]}
    >>> enough_designs(DataFrame(curve).assign(measure="R2"))
    50
    """
    mean = curve[curve["measure"] == R2].set_index(TRAINED)["mean"]
    return int(mean.index[mean >= mean.iloc[-1] - slack].min())
