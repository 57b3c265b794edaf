"""Two tasks side by side: hidden proportion, and a forest asked about the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandas import DataFrame
from scipy import stats

from vsrnn.analysis._explained import (
    proportion_optimum,
    rank_correlation,
    rank_interval,
)
from vsrnn.analysis._study import PROPORTION, by_table
from vsrnn.errors import VsrnnError
from vsrnn.forecast import (
    AUC,
    MIN_DESIGNS,
    RANK,
    SCORE,
    measure_forecasts,
    predict_others,
    splits,
    top_third,
    training_table,
)
from vsrnn.tasks import task_class

EVEN, PUBLISHED = "drawn evenly", "named in the paper"
DRAWN = {
    **dict.fromkeys(("rad_even_100k", "hammer_even_10k"), EVEN),
    "rad_normal_size_50k": "drawn as published, of one size",
    **dict.fromkeys(("rad_normal", "hammer_normal"), "drawn as published, of any size"),
    **dict.fromkeys(("rad_100k", "hammer_named"), PUBLISHED),
}
"""How designs were chosen in the tables of the usual protocol of each task."""

SAME, OTHER, BOTH = "the same task", "the other task", "both tasks"
SPREAD, BY_CHANCE = "spread [points]", "spread by chance [points]"
FOLDS, REFITS = 5, 20
READ = ("proportion", "hyperparameters", "across tasks")


def contrast_proportion(
    runs: DataFrame, resamples: int = 100, seed: int = 0
) -> DataFrame:
    """Score against hidden proportion on both tasks, table by table.

    Args:
        runs: as `contrast_runs` gives them; tables not in `DRAWN` are left out.
        resamples: of designs, for the intervals.
        seed: of the resampling.

    Returns:
        One row a design: task, table, scale, drawn (how the table's designs were
        chosen), design, hidden proportion [fraction], score [%], runs, diverged; how
        far the designs are apart and how far the test of so many answers alone would
        put designs that are alike (spread, spread by chance [points], standard
        deviations), the same in all rows of a table; for
        tables of 15 designs or more the smooth fit (fit, low, high [%]) and best, best
        low, best high [fraction], see `proportion_optimum`, and rank correlation, low,
        high of proportion and score (95 %, over designs).
    """
    runs = _usual(runs)
    fits = dict(iter(proportion_optimum(runs, 2.0, resamples, seed).groupby("table")))
    tables = []
    for name, known in by_table(runs):
        known = known.sort_values("hidden_proportion", ignore_index=True)
        x, y = known["hidden_proportion"].to_numpy(), known[SCORE].to_numpy()
        columns = {PROPORTION: x, SCORE: y, "runs": known["seeds"]}
        columns["diverged"] = known["diverged"]
        columns |= {SPREAD: known[SCORE].std(), BY_CHANCE: _by_chance(known)}
        first = known[["task", "table", "scale", "design"]]
        first.insert(3, "drawn", DRAWN[name])
        table = first.assign(**columns, **_fitted_at(x, fits.get(name)))
        enough = len(known) >= MIN_DESIGNS
        found = rank_interval(x, y, 10 * resamples, seed) if enough else (np.nan,) * 3
        table[["rank correlation", "low", "high"]] = found
        tables.append(table)
    return pd.concat(tables, ignore_index=True).round(4)


def contrast_correlation(
    runs: DataFrame, resamples: int = 1000, seed: int = 0
) -> DataFrame:
    """Rank correlation of what a design sets with its score, on both tasks.

    Args:
        runs: as `contrast_runs` gives them; tables not in `DRAWN` are left out.
        resamples: of designs, for the intervals.
        seed: of the resampling.

    Returns:
        As `rank_correlation` gives it, of scores alone.
    """
    return rank_correlation(_usual(runs), None, resamples, seed)


def contrast_forecast(runs: DataFrame, repeats: int = 1, seed: int = 0) -> DataFrame:
    """How well a forest ranks the designs of a task from runs of it, or of the other.

    Scores of the tasks are on different scales, so forests are fitted to ranks within
    a task and judged by the order they put its designs in. From the same task and from
    both, each design is forecast by a forest fitted without it. From the other task it
    is forecast by 20 forests, each fitted to resampled designs of that task, so that
    intervals hold what another draw of them would have changed.

    Args:
        runs: as `contrast_runs` gives them; tables not in `DRAWN` are left out. The
            paper's own designs are not asked about, nor learned from for their own
            task: left out of a fit, they leave near copies in.
        repeats: how often the designs are split anew into five folds.
        seed: of splits and forests.

    Returns:
        One row a task asked about, source of what the forest is fitted to (the same
        task, the other task, both tasks), features and measure (rank correlation; ROC
        AUC of the top third): task, scale, designs, source, features, measure, value,
        low, high (95 %, over designs). Tasks of fewer than 15 designs are not asked
        about.

    Raises:
        VsrnnError: no task can be asked about.
    """
    known = {
        str(task): _as_ranks(training_table(part))
        for task, part in _usual(runs).groupby("task", sort=False)
    }
    tables = []
    for task, part in known.items():
        own = part[part["table"].map(DRAWN) != PUBLISHED].reset_index(drop=True)
        others = [part for name, part in known.items() if name != task]
        if len(own) < MIN_DESIGNS or not others:
            continue
        forecasts = list(_forecasts(own, pd.concat(others), repeats, seed))
        for source, found in forecasts:
            first = {"task": task, "scale": own["scale"].iloc[0], "designs": len(own)}
            order = _ordering(found, refitted=source == OTHER)
            tables.append(order.assign(**first, source=source))
    columns = ["task", "scale", "designs", "source", "features", "measure"]
    if not tables:
        raise VsrnnError(
            f"a forecast across tasks needs {MIN_DESIGNS} designs drawn at random on "
            "one task, and runs of the other"
        )
    table = pd.concat(tables, ignore_index=True).round(4)
    return table[[*columns, "value", "low", "high"]]


def _usual(runs: DataFrame) -> DataFrame:
    """The runs of block designs in the tables of the usual protocols."""
    return runs[runs["table"].isin(list(DRAWN)) & (runs["model"] == "block")]


def _by_chance(known: DataFrame) -> float:
    """Standard deviation [points] that the test alone gives the scores of a table."""
    task, scale = known[["task", "scale"]].iloc[0]
    answers = task_class(task).scales[scale].scored * known["seeds"]
    return float((known[SCORE] * (100 - known[SCORE]) / answers).mean() ** 0.5)


def _fitted_at(x: np.ndarray, fit: DataFrame | None) -> dict[str, object]:
    """The smooth fit of a table at some proportions, and where it is best."""
    course = ("fit [%]", "low [%]", "high [%]")
    ends = ("best [fraction]", "best low [fraction]", "best high [fraction]")
    if fit is None:
        return dict.fromkeys((*course, *ends), np.nan)
    grid = fit[PROPORTION].to_numpy()
    columns: dict[str, object] = {
        name: np.interp(x, grid, fit[name].to_numpy()) for name in course
    }
    return columns | {name: fit[name].iloc[0] for name in ends}


def _as_ranks(known: DataFrame) -> DataFrame:
    """Designs with the rank of their score within the task, 0..100, for a score."""
    ranks = stats.rankdata(known[SCORE].round(9)) - 0.5
    return known.assign(**{SCORE: 100 * ranks / len(known)})


def _forecasts(
    own: DataFrame, other: DataFrame, repeats: int, seed: int
) -> Iterator[tuple[str, DataFrame]]:
    """Forecasts of a task's designs by source, as `cross_predict` gives them."""
    folds = list(enumerate(splits(own, FOLDS, repeats, seed)))
    fits = {
        SAME: [
            (own.iloc[fit], own.iloc[test], seed, number // FOLDS)
            for number, (fit, test) in folds
        ],
        BOTH: [
            (pd.concat([own.iloc[fit], other]), own.iloc[test], seed, number // FOLDS)
            for number, (fit, test) in folds
        ],
        OTHER: [
            (other.sample(frac=1, replace=True, random_state=each), own, each, number)
            for number, each in enumerate(range(seed, seed + REFITS))
        ],
    }
    for source, parts in fits.items():
        tables = [
            predict_others(known, new, ("forest", kind), each, repeat)
            for kind in READ
            for known, new, each, repeat in parts
        ]
        yield source, pd.concat(tables, ignore_index=True)


def _ordering(forecasts: DataFrame, refitted: bool) -> DataFrame:
    """How well forecasts order designs, and tell the top third from the rest."""
    seen = forecasts.drop_duplicates("row").set_index("row")["observed"]
    above = dict(zip(seen.index, top_third(seen), strict=True))
    classes = forecasts.assign(observed=forecasts["row"].map(above).astype(bool))
    both = pd.concat(
        [measure_forecasts(each, refitted=refitted) for each in (forecasts, classes)],
        ignore_index=True,
    )
    return both[both["measure"].isin([RANK, AUC])]
