"""Tables of how well scores are forecast, from what, and from how many runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from pandas import DataFrame
from sklearn.base import BaseEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.model_selection import StratifiedShuffleSplit

from vsrnn.analysis._study import by_table
from vsrnn.errors import VsrnnError
from vsrnn.forecast import (
    COMPARED,
    MIN_DESIGNS,
    R2,
    RANK,
    SCORE,
    check_intervals,
    corrected_interval,
    cross_predict,
    features,
    make_regressor,
    measure_forecasts,
    predict_others,
    r2_gain,
    spearman,
    splits,
    strata,
    training_table,
)

SHOWN = ("hidden_proportion", "hidden", "density_hx", "learning_rate")
KIND = "with proportion"
BASE, GAIN = ("forest", "hyperparameters"), "R2 above hyperparameters"


def forecast_scores(
    runs: DataFrame,
    models: Iterable[tuple[str, str]] = COMPARED,
    repeats: int = 1,
    seed: int = 0,
) -> DataFrame:
    """How well unseen designs are forecast, by model and by what it reads.

    Args:
        runs: one row a run, as `study_runs` gives them.
        models: pairs of a model and its features, see `make_regressor`.
        repeats: how often the designs are split anew into five folds.
        seed: of splits and models.

    Returns:
        One row a model and measure: model, features, measure, value, low, high (95 %),
        scale, designs. The measures: R2, mean absolute error [points] and rank
        correlation of the forecast score, R2 above hyperparameters (of the forest),
        ROC AUC and accuracy [%] of whether the score is in the top third.
    """
    models = list(models)
    classes = [pair for pair in models if pair[0] != "spline"]
    found = cross_predict(runs, models, repeats=repeats, seed=seed)
    sorted_out = cross_predict(runs, classes, classify=True, repeats=repeats, seed=seed)
    names = ["model", "features", "measure", "value", "low", "high"]
    gained = [
        (*pair, GAIN, *r2_gain(found, pair, BASE))
        for pair in models
        if pair[0] == BASE[0] and pair != BASE and BASE in models
    ]
    parts = [
        measure_forecasts(found),
        DataFrame(gained, columns=names),
        measure_forecasts(sorted_out),
    ]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return _about(table.round(4), runs)


def forecast_transfer(
    runs: DataFrame,
    asked: DataFrame | None = None,
    repeats: int = 1,
    seed: int = 0,
) -> DataFrame:
    """How well a forest forecasts each table, from its own designs or from the others.

    The designs of one table were drawn alike, those of the others differently, so the
    second is what a reader with a search of their own meets.

    Args:
        runs: as `study_runs` gives them.
        asked: more of them that are only asked about, in other tables.
        repeats: how often the designs are split anew into folds.
        seed: of splits and forests.

    Returns:
        Rows of table, scale, designs, source ("same table", out of fold, or "other
        tables"), features, measure (R2 or rank correlation), value, low, high (95 %).
    """
    models = [("forest", kind) for kind in ("proportion", "hyperparameters", KIND)]
    tables = []
    every = runs if asked is None else pd.concat([runs, asked], ignore_index=True)
    for name, known in by_table(every, MIN_DESIGNS):
        part, others = every[every["table"] == name], runs[runs["table"] != name]
        found = {}
        if len(others) < len(runs):
            found["same table"] = cross_predict(
                part, models, repeats=repeats, seed=seed
            )
        if len(others):
            learned = training_table(others)
            found["other tables"] = pd.concat(
                predict_others(learned, known, pair, seed) for pair in models
            )
        for source, forecasts in found.items():
            first = {"table": name, "scale": known["scale"].iloc[0]}
            first["designs"] = len(known)
            tables.append(measure_forecasts(forecasts).assign(**first, source=source))
    table = pd.concat(tables, ignore_index=True).round(4)
    columns = ["table", "scale", "designs", "source", "features", "measure"]
    table = table[table["measure"].isin([R2, RANK])]
    return table[[*columns, "value", "low", "high"]].reset_index(drop=True)


def forecast_importance(runs: DataFrame, repeats: int = 1, seed: int = 0) -> DataFrame:
    """How much worse the forest forecasts when one feature is shuffled.

    Measured on designs that the forest was not fitted to. Features that say the same
    share their importance: the hidden proportion follows from sizes and densities.
    Those that do not vary are left out.

    Returns:
        One row a feature, most important first: feature, loss [R2] and its 95 %
        interval low [R2], high [R2], corrected for the overlap of the folds; scale,
        designs.
    """
    known = training_table(runs)
    score, values = known[SCORE].to_numpy(), features(known, KIND)
    losses = []
    for fit, test, forest in _fitted(known, repeats, seed):
        found = permutation_importance(
            *(forest, values.iloc[test], score[test]),
            scoring="neg_mean_squared_error",
            n_repeats=3,
            random_state=seed,
        )
        losses.append(found.importances_mean / score.var())
        ratio = len(test) / len(fit)
    rows = [corrected_interval(loss, ratio) for loss in np.transpose(losses)]
    columns = ("loss [R2]", "low [R2]", "high [R2]")
    table = DataFrame(rows, columns=columns).round(5)
    table.insert(0, "feature", list(values))
    table = table[[values[name].nunique() > 1 for name in values]]
    table = table.sort_values("loss [R2]", ascending=False, ignore_index=True)
    return _about(table, runs)


def forecast_dependence(
    runs: DataFrame, shown: Sequence[str] = SHOWN, seed: int = 0
) -> DataFrame:
    """Mean forecast of the forest when one feature is set to a value in all designs.

    Args:
        runs: one row a run, as `study_runs` gives them.
        shown: the features; those that do not vary are left out.
        seed: of splits and forests.

    Returns:
        One row a feature, forest (one for each of five folds, fitted to the other
        four) and value: feature, forest, value, forecast [%], scale, designs.
    """
    known = training_table(runs)
    values = features(known, KIND)
    tables = []
    for number, (_, _, forest) in enumerate(_fitted(known, 1, seed)):
        for name in [name for name in shown if values[name].nunique() > 1]:
            found = partial_dependence(
                *(forest, values, [name]),
                kind="average",
                method="brute",  # the other one weights designs as the trees split them
                grid_resolution=40,
            )
            columns = {"feature": name, "forest": number}
            columns |= {"value": found["grid_values"][0]}
            tables.append(DataFrame(columns | {"forecast [%]": found["average"][0]}))
    return _about(pd.concat(tables, ignore_index=True), runs)


def forecast_runs(
    runs: DataFrame, steps: int = 6, repeats: int = 8, seed: int = 0
) -> DataFrame:
    """How good the forest's forecast is after how many designs were trained.

    In each repeat a quarter of the designs is held out, and forests are fitted to
    growing parts of the rest. R2 is against the variance of all scores.

    Args:
        runs: one row a run, as `study_runs` gives them.
        steps: sizes of the part, evenly spread on a logarithmic scale.
        repeats: of the split.
        seed: of splits and forests.

    Returns:
        One row a size and measure: trained [designs], measure (R2 or rank
        correlation), mean, low, high (95 %, corrected for the overlap), scale,
        designs.
    """
    known = training_table(runs)
    score, values = known[SCORE].to_numpy(), features(known, KIND)
    folding = StratifiedShuffleSplit(repeats, test_size=0.25, random_state=seed)
    rows = []
    forest = make_regressor(KIND, seed=seed)[-1]
    for fit, test in folding.split(known, strata(known[SCORE], 2)):
        for size in _steps(len(fit), steps):
            forest.fit(values.iloc[fit[:size]], score[fit[:size]])
            forecast = forest.predict(values.iloc[test])
            error = np.mean((score[test] - forecast) ** 2) / score.var()
            rank = spearman(score[test], forecast)
            rows += [(size, R2, 1 - error), (size, RANK, float(rank))]
        ratio = len(test) / len(fit)
    each = DataFrame(rows, columns=["trained [designs]", "measure", "value"])
    by = ["trained [designs]", "measure"]
    table = [
        (*key, *corrected_interval(part["value"], ratio))
        for key, part in each.groupby(by, sort=False)
    ]
    columns = [*by, "mean", "low", "high"]
    return _about(DataFrame(table, columns=columns).round(4), runs)


def forecast_observed(
    runs: DataFrame, level: float = 0.9, kind: str = KIND, seed: int = 0
) -> DataFrame:
    """Forecast and observed score of each design, out of fold, with intervals.

    Returns:
        As `vsrnn.forecast.check_intervals` gives it, and level [%], scale, designs.
    """
    table = check_intervals(runs, kind, level=level, seed=seed)
    return _about(table.round(4).assign(**{"level [%]": 100 * level}), runs)


SLACK = 0.05
"""How much R2 may be lost where fewer designs are enough."""


def enough_runs(table: DataFrame, slack: float = SLACK) -> int:
    """Fewest designs whose forecast is within a slack of the R2 of the most.

    Args:
        table: as `forecast_runs` gives it.
        slack: how much R2 may be lost.

    Raises:
        VsrnnError: the table has no rows.

    >>> curve = {"trained [designs]": [10, 50, 90], "mean": [0.1, 0.78, 0.8]}
    >>> enough_runs(DataFrame(curve).assign(measure="R2"))
    50
    """
    if table.empty:
        raise VsrnnError("the table has no rows; make it with `forecast_runs`")
    curve = table[table["measure"] == R2].set_index("trained [designs]")["mean"]
    return int(curve.index[curve >= curve.iloc[-1] - slack].min())


def _about(table: DataFrame, runs: DataFrame) -> DataFrame:
    """A table with the scale and the number of the designs it is about."""
    scale = runs["scale"].iloc[0]
    return table.assign(scale=scale, designs=len(training_table(runs)))


def _fitted(
    known: DataFrame, repeats: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray, BaseEstimator]]:
    """Rows to fit and to test, and the forest fitted to the first, fold by fold."""
    values, score = features(known, KIND), known[SCORE].to_numpy()
    for fit, test in splits(known, 5, repeats, seed):
        forest = make_regressor(KIND, seed=seed)[-1]
        yield fit, test, forest.fit(values.iloc[fit], score[fit])


def _steps(most: int, steps: int) -> list[int]:
    sizes = np.geomspace(min(10, most), most, steps).round().astype(int)
    return np.unique(sizes).tolist()
