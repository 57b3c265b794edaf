"""What goes with the score of designs: rank correlations and a smooth course."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer

from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError
from vsrnn.forecast.measures import measure, r2_gain
from vsrnn.forecast.table import DENSITIES, SCORE, training_table
from vsrnn.forecast.validation import MIN_DESIGNS, cross_predict, quick_fits
from vsrnn.stats import rank_interval
from vsrnn.tasks import task_class

AREA = "mean validation accuracy [%]"
EPOCHS = "epochs to threshold [epochs]"
MEASURES = (SCORE, AREA, EPOCHS)
"""What a design reaches: its score, and two measures of how soon it learns."""

FEATURES = ("hidden_proportion", "hidden", "weights", "learning_rate", *DENSITIES)
"""What a design sets and its hidden proportion, which follows."""

_WORDS = {"init_mean": "initial mean", "init_std": "initial deviation"}


def feature_label(name: str) -> str:
    """A feature's name in words.

    >>> feature_label("init_std_hx"), feature_label("learning_rate")
    ('initial deviation, hx', 'learning rate')
    """
    kind, _, block = name.rpartition("_")
    if block in BLOCKS:
        return f"{_WORDS.get(kind, kind)}, {block}"
    words = {"hidden": "hidden size", "weights": "weights, all"}
    return words.get(name, name.replace("_", " "))


def designs_by_table(runs: DataFrame, least: int = 1) -> list[tuple[str, DataFrame]]:
    """Name and `training_table` of each table of runs with so many designs or more."""
    groups = runs.groupby("table", sort=False)
    parts = [(str(name), training_table(part)) for name, part in groups]
    large = [(name, known) for name, known in parts if len(known) >= least]
    if not large:
        raise VsrnnError(f"train more: this takes a table of {least} designs or more")
    return large


def rank_correlation(
    runs: DataFrame,
    speed: DataFrame | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> DataFrame:
    """Rank correlation of each design feature with score and learning speed.

    Runs are those of `vsrnn.runs.tables.study_runs`, speed is that of `learning_speed`;
    without it, only the score is compared. Designs are resampled for the intervals.

    Returns:
        One row a table of 15 designs or more, feature that varies and measure: table,
        scale, designs, feature, measure, rank correlation, low and high (95 %).
    """
    rows = []
    for name, known in designs_by_table(runs, MIN_DESIGNS):
        if speed is not None:
            own = speed.loc[speed["table"] == name, ["design", AREA, EPOCHS]]
            known = known.merge(own, on="design")
        first = (name, known["scale"].iloc[0], len(known))
        measures = [each for each in MEASURES if each in known]
        for feature, reached in product(FEATURES, measures):
            x, y = known[[feature, reached]].to_numpy(float).T
            interval = rank_interval(x, y, resamples, seed)
            rows.append((*first, feature, reached, *interval))
    names = ["table", "scale", "designs", "feature", "measure"]
    table = DataFrame(rows, columns=[*names, "rank correlation", "low", "high"])
    return table.dropna(ignore_index=True)


def learning_speed(runs: DataFrame, curves: DataFrame, passed: float) -> DataFrame:
    """How soon the runs of each design learn.

    An epoch that a diverged run did not reach counts as chance. A run that never passes
    the threshold of validation accuracy [%] does so in the epoch after the last.

    Returns:
        One row a table and design: validation accuracy averaged over all epochs
        (`AREA`), the first epoch that passes the threshold (`EPOCHS`), never (whether
        most of its runs do not), threshold [%] and trained [epochs].

    Raises:
        VsrnnError: the curves are of other runs.
    """
    epochs, guess = int(runs["epochs"].max()), task_class(runs["task"].iloc[0]).chance
    curves = curves.drop_duplicates(["id", "epoch"])
    lines = curves.pivot(index="id", columns="epoch", values="val_accuracy")
    failed = runs.loc[runs["score"].isna(), "id"]
    known = runs[runs["id"].isin([*lines.index, *failed])]
    if known.empty:
        raise VsrnnError("the curves are of other runs; give those of the same tables")
    lines = 100.0 * lines.reindex(index=known["id"], columns=range(1, epochs + 1))
    grid = lines.astype(float).fillna(100.0 * guess).to_numpy()  # (runs, epochs)
    over = np.pad(grid > passed, ((0, 0), (0, 1)), constant_values=True).argmax(1)
    speed = known.assign(**{AREA: grid.mean(1), EPOCHS: 1 + over}, never=over == epochs)
    groups = speed.groupby(["table", "design"], sort=False)
    means = groups[[AREA, EPOCHS, "never"]].mean().round(4).reset_index()
    ends = {"threshold [%]": passed, "trained [epochs]": epochs}
    return means.assign(never=means["never"] > 0.5, **ends)


def added_by_proportion(
    runs: DataFrame,
    bases: Mapping[str, Sequence[str]],
    repeats: int = 1,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """What the hidden proportion adds to some features, out of fold.

    Both models of a pair are sums of smooth functions, one a feature, fitted to the
    same designs and scored on the same others, in folds split anew so often. Bases are
    names of features by a word for them; none stand for the mean.

    Returns:
        One row a base: designs, base, without [R2], with [R2], gain [R2], low [R2] and
        high [R2] (95 %).
    """
    pairs = {}
    for base, columns in bases.items():
        without = ("spline", " ".join(columns)) if columns else ("mean", "hidden")
        pairs[base] = without, ("spline", " ".join((*columns, "hidden_proportion")))
    models = dict.fromkeys(model for pair in pairs.values() for model in pair)
    forecasts = cross_predict(runs, models, repeats=repeats, seed=seed)
    seen = ["observed", "forecast", "base"]
    each = forecasts.groupby(["model", "features", "repeat"])[seen].apply(
        lambda part: float(measure("R2", *part.to_numpy(float).T))
    )
    designs, means = forecasts["row"].nunique(), each.groupby(level=[0, 1]).mean()
    rows: list[dict[str, Any]] = []
    for base, (without, added) in pairs.items():
        gain, low, high = r2_gain(forecasts, added, without)
        rows.append(
            {"designs": designs, "base": base}
            | {"without [R2]": means[without], "with [R2]": means[added]}
            | {"gain [R2]": gain, "low [R2]": low, "high [R2]": high}
        )
    return rows


@quick_fits()
def score_course(runs: DataFrame, resamples: int = 200, seed: int = 0) -> DataFrame:
    """Smooth course of the score over the hidden proportion, and where it is best.

    A cubic spline in the square root of the proportion with ridge regression, with
    pointwise 95 % bands, and an interval of the optimum, from resampled designs.

    Returns:
        101 rows a table of 15 designs or more: table, scale, designs, hidden
        proportion [fraction], fit [%], low [%], high [%], and best, best low, best high
        [fraction], the same in all rows of a table.
    """
    tables = []
    for name, known in designs_by_table(runs, MIN_DESIGNS):
        shares, scores = known[["hidden_proportion", SCORE]].to_numpy().T
        first, last = np.sqrt([shares.min(), shares.max()])
        grid = np.linspace(first, last, 101) ** 2
        fit = _smooth(shares, scores, grid)
        rng = np.random.default_rng(seed)
        draws = rng.integers(len(known), size=(resamples, len(known)))
        fits = np.array([_smooth(shares[rows], scores[rows], grid) for rows in draws])
        band = np.percentile(fits, [2.5, 97.5], axis=0)
        best = np.percentile(grid[fits.argmax(axis=1)], [2.5, 97.5])
        columns = {
            **{"table": name, "scale": known["scale"].iloc[0], "designs": len(known)},
            **{"hidden proportion [fraction]": grid, "fit [%]": fit},
            **{"low [%]": band[0], "high [%]": band[1]},
            "best [fraction]": grid[fit.argmax()],
            **{"best low [fraction]": best[0], "best high [fraction]": best[1]},
        }
        tables.append(DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _smooth(shares: np.ndarray, scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    curve = make_pipeline(
        FunctionTransformer(np.sqrt),
        SplineTransformer(n_knots=5, extrapolation="constant"),
        RidgeCV(np.geomspace(1e-3, 10, 9)),
    )
    curve.fit(shares[:, None], scores)
    return np.asarray(curve.predict(grid[:, None]))
