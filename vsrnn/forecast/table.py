"""What a forecast reads of a design, and the scored designs it learns from."""

from functools import lru_cache

import numpy as np
import pandas as pd
from pandas import DataFrame, Series

from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.errors import VsrnnError
from vsrnn.tasks import sizes, task_class

SCORE = "score [%]"
PROPORTION = "hidden_proportion"
DENSITIES = tuple(f"density_{block}" for block in BLOCKS)
MEANS = tuple(f"init_mean_{block}" for block in BLOCKS)
DEVIATIONS = tuple(f"init_std_{block}" for block in BLOCKS)
HYPERPARAMETERS = ("hidden", "learning_rate", *DENSITIES, *MEANS, *DEVIATIONS)
COUNTS = ("weights", *(f"weights_{block}" for block in BLOCKS))
SHARES = tuple(f"share_{block}" for block in BLOCKS)

PROTOCOL = ("task", "scale", "epochs", "batch_size", "mask")
"""Columns of runs that have to be equal where designs are compared, beside those that
tell how the data of their task were made."""

FEATURES: dict[str, tuple[str, ...]] = {
    "proportion": (PROPORTION,),
    "hyperparameters": HYPERPARAMETERS,
    "with proportion": (*HYPERPARAMETERS, PROPORTION),
    "with counts": (*HYPERPARAMETERS, *COUNTS),
    "with both": (*HYPERPARAMETERS, PROPORTION, *COUNTS),
    "across tasks": (*HYPERPARAMETERS[1:], PROPORTION, *SHARES),
}
"""Sets of features by name: hyperparameters are all that a design sets, counts its
weights in each block; across tasks is what means the same at other sizes."""


def feature_columns(kind: str) -> list[str]:
    """Columns of a set of features: a key of `FEATURES`, or their names."""
    return list(FEATURES.get(kind) or kind.split())


def features(designs: DataFrame, kind: str = "with proportion") -> DataFrame:
    """What is known of designs before training, as numbers, one row a design.

    Counts and hidden proportion are the expected ones, from densities and sizes. A
    block whose initial values are all 0 is empty.

    Args:
        designs: one row a design, with the columns that `vsrnn.list_designs` gives or
            a table of runs has: hidden, learning_rate, density_hx to density_yy,
            init_std_hx to init_std_yy, init_mean_hx to init_mean_yy (0 if absent) and
            task, whose sizes decide the counts.
        kind: a key of `FEATURES`, or names of columns with spaces between.

    Raises:
        VsrnnError: a column is unknown, the task is not named, or a design has no
            blocks.

    >>> from vsrnn import list_designs
    >>> rad = list_designs("rad").set_index("name").loc[["balanced_0"]]
    >>> features(rad, "proportion").round(3)["hidden_proportion"].tolist()
    [0.444]
    """
    table = designs.reindex(columns=list(HYPERPARAMETERS)).astype(float)
    table[list(MEANS)] = table[list(MEANS)].fillna(0.0)
    if table.isna().to_numpy().any():
        raise VsrnnError(
            "a forecast needs hidden size, learning rate, densities and initial "
            "deviations of each design; leave out the designs without blocks"
        )
    if "task" not in designs:
        raise VsrnnError("a forecast needs the task of each design: add a column task")
    empty = (table[[*MEANS]].to_numpy() == 0) & (table[[*DEVIATIONS]].to_numpy() == 0)
    density = np.where(empty, 0.0, table[[*DENSITIES]].to_numpy()).tolist()
    rows = zip(designs["task"], table["hidden"], density, strict=True)
    expected = [_expected(*sizes(task), hidden, *row) for task, hidden, row in rows]
    names = [*COUNTS, PROPORTION, *SHARES]
    known = pd.concat([table, DataFrame(expected, table.index, names)], axis=1)
    columns = feature_columns(kind)
    if unknown := set(columns) - set(known):
        raise VsrnnError(
            f"unknown features {sorted(unknown)}; choose one of {sorted(FEATURES)} "
            f"or columns of {list(known)}"
        )
    return known[columns]


def training_table(runs: DataFrame) -> DataFrame:
    """Designs with the mean score of their runs: what a forecast learns from.

    A design is one row however many seeds and names it has, so that no fold holds a
    run of a design that another fold has. Baselines are left out, and so are the runs
    that `scored` leaves out of those that `vsrnn.get_results` gives.

    Returns:
        One row a design: design, task, scale, table where there is one, the columns of
        `FEATURES` but the shares, score [%], seeds (runs averaged) and diverged (of
        these).

    Raises:
        VsrnnError: runs are of several tasks, scales, ways to train or to make data,
            are scored by what is no share, or of no block design.

    >>> from vsrnn import get_results
    >>> table = training_table(get_results("rad_100k")).set_index("design")
    >>> int(table.loc["000000_", "hidden"])
    176
    """
    tasks = runs["task"].unique()
    data = [name for task in tasks for name in task_class(task).data_columns()]
    names = dict.fromkeys((*PROTOCOL, *data))
    differ = [name for name in names if name in runs and runs[name].nunique() > 1]
    if differ:
        raise VsrnnError(
            "a forecast is of one task and one way to train; these runs differ in "
            f"{', '.join(differ)}: select one first"
        )
    blocks = [get_family(model).matrices({}) == BLOCKS for model in runs["model"]]
    kept = scored(runs[blocks]).assign(seeds=1)
    if kept.empty:
        raise VsrnnError("a forecast needs runs of block designs; there are none")
    known = features(kept, "with both")
    own = [name for name in ("design", "task", "scale", "table") if name in runs]
    rows = pd.concat([kept[[*own, SCORE, "seeds", "diverged"]], known], axis=1)
    how = dict.fromkeys([*own, *COUNTS, PROPORTION], "first")
    how |= {SCORE: "mean", "seeds": "sum", "diverged": "sum"}
    designs = rows.groupby(list(HYPERPARAMETERS), sort=False, as_index=False)
    return designs.agg(how)


def scored(runs: DataFrame) -> DataFrame:
    """Runs with their score [%] and whether they diverged.

    A diverged run counts as chance, which is what its network is worth. Runs that
    failed otherwise, such as those of designs that no hidden size fits, are left out.
    """
    for task in runs["task"].unique():
        kind = task_class(task)
        if kind.metric == "return" or kind.lower_is_better:
            raise VsrnnError(
                f"{task} is scored by its {kind.score_label}, which is no share; "
                "forecast another task"
            )
    errors = runs.get("error", Series("", runs.index))
    diverged = errors.astype("str").str.startswith("diverged")
    chance = runs["task"].map(lambda task: task_class(task).chance)
    score = 100.0 * runs["score"].astype(float).mask(diverged, chance)
    return runs.assign(**{SCORE: score, "diverged": diverged})[score.notna()]


@lru_cache(10_000)  # each fold of a forecast asks for the same designs
def _expected(
    inputs: int, outputs: int, hidden: float, *density: float
) -> tuple[float, ...]:
    """Expected weights in all and each block, hidden proportion, share of blocks."""
    geometry = Geometry(inputs, int(hidden), outputs, density)
    counts = geometry.block_weights.values()
    shares = [count / (geometry.weights or 1) for count in counts]
    return (geometry.weights, *counts, geometry.hidden_proportion, *shares)
