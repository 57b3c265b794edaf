"""What a forecast reads of a design, and the scored designs it learns from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas import DataFrame

from vsrnn.errors import VsrnnError
from vsrnn.geometry import BLOCKS, Geometry
from vsrnn.tasks import SIZES

SCORE = "score [%]"
PROPORTION = "hidden_proportion"
DENSITIES = tuple(f"density_{block}" for block in BLOCKS)
MEANS = tuple(f"init_mean_{block}" for block in BLOCKS)
DEVIATIONS = tuple(f"init_std_{block}" for block in BLOCKS)
HYPERPARAMETERS = ("hidden", "learning_rate", *DENSITIES, *MEANS, *DEVIATIONS)
COUNTS = ("weights", *(f"weights_{block}" for block in BLOCKS))

FEATURES: dict[str, tuple[str, ...]] = {
    "proportion": (PROPORTION,),
    "hyperparameters": HYPERPARAMETERS,
    "with proportion": (*HYPERPARAMETERS, PROPORTION),
    "with counts": (*HYPERPARAMETERS, *COUNTS),
    "with both": (*HYPERPARAMETERS, PROPORTION, *COUNTS),
}
"""Sets of columns by name: the hidden proportion alone, all that a design sets,
and that with the hidden proportion, with the weights of each block, with both."""


def features(
    designs: DataFrame, kind: str | Sequence[str] = "with proportion"
) -> DataFrame:
    """What is known of designs before training, as numbers, one row a design.

    Counts and hidden proportion are the expected ones, from densities and sizes. A
    block whose initial values are all 0 is empty.

    Args:
        designs: one row a design, with the columns that `vsrnn.list_designs` gives or
            a table of runs has: hidden, learning_rate, density_hx to density_yy,
            init_std_hx to init_std_yy, init_mean_hx to init_mean_yy (0 if absent) and
            task ("rad" if absent).
        kind: a key of `FEATURES`, or columns of any of them.

    Raises:
        VsrnnError: a column is unknown, or a design has no blocks.

    >>> from vsrnn import list_designs
    >>> rad = list_designs("rad").set_index("name").loc[["balanced_0"]]
    >>> features(rad, "proportion").round(3)["hidden_proportion"].tolist()
    [0.444]
    """
    columns = list(FEATURES.get(kind, (kind,)) if isinstance(kind, str) else kind)
    table = designs.reindex(columns=list(HYPERPARAMETERS)).astype(float)
    table[list(MEANS)] = table[list(MEANS)].fillna(0.0)
    if table.isna().to_numpy().any():
        raise VsrnnError(
            "a forecast needs hidden size, learning rate, densities and initial "
            "deviations of each design; leave out the designs without blocks"
        )
    tasks = designs["task"] if "task" in designs else ["rad"] * len(designs)
    empty = (table[[*MEANS]].to_numpy() == 0) & (table[[*DEVIATIONS]].to_numpy() == 0)
    density = np.where(empty, 0.0, table[[*DENSITIES]].to_numpy()).tolist()
    sizes = table["hidden"].astype(int)
    expected = [_expected(*row) for row in zip(tasks, sizes, density, strict=True)]
    names = [*COUNTS, PROPORTION]
    known = pd.concat([table, DataFrame(expected, table.index, names)], axis=1)
    if unknown := set(columns) - set(known):
        raise VsrnnError(
            f"unknown features {sorted(unknown)}; choose one of {sorted(FEATURES)} "
            f"or columns of {list(known)}"
        )
    return known[columns]


def examples(runs: DataFrame) -> DataFrame:
    """Designs with the mean score of their runs: what a forecast learns from.

    A design is one row however many seeds and names it has, so that no fold holds a
    run of a design that another fold has. A diverged run counts as a guess, which is
    what its network is worth. Baselines and designs that failed otherwise, such as
    those that no hidden size fits, are left out.

    Args:
        runs: one row a run, as `vsrnn.get_results` gives them.

    Returns:
        One row a design, columns: design, task, scale, table where there is one, all
        columns of `FEATURES`, score [%], seeds (runs averaged) and diverged (of these).

    Raises:
        VsrnnError: the runs are of several tasks or scales, or no block design's.

    >>> from vsrnn import get_results
    >>> table = examples(get_results("rad_100k")).set_index("design")
    >>> int(table.loc["000000_", "hidden"])
    176
    """
    if runs[["task", "scale"]].drop_duplicates().shape[0] > 1:
        raise VsrnnError("a forecast is of one task and scale; select one first")
    diverged = _diverged(runs)
    kept = (runs["model"] == "block") & (runs["score"].notna() | diverged)
    if not kept.any():
        raise VsrnnError("a forecast needs runs of block designs; there are none")
    runs, diverged = runs[kept], diverged[kept]
    guess = 1 / SIZES[str(runs["task"].iloc[0])][1]
    scored = runs.assign(diverged=diverged, seeds=1)
    scored[SCORE] = 100.0 * runs["score"].where(~diverged, guess).astype(float)
    known = features(scored, "with both")
    own = [name for name in ("design", "task", "scale", "table") if name in runs]
    return (
        pd.concat([scored[[*own, SCORE, "seeds", "diverged"]], known], axis=1)
        .groupby(list(HYPERPARAMETERS), sort=False, as_index=False)
        .agg(
            dict.fromkeys([*own, *COUNTS, PROPORTION], "first")
            | {SCORE: "mean", "seeds": "sum", "diverged": "sum"}
        )
    )


def _diverged(runs: DataFrame) -> DataFrame:
    """Which runs diverged; a table without errors has none."""
    if "error" not in runs:
        return runs["score"].isna() & False
    return runs["error"].astype("str").str.startswith("diverged")


def _expected(task: str, hidden: int, density: list[float]) -> list[float]:
    """Expected weights in all and in each block, and the hidden proportion."""
    inputs, outputs = SIZES[task]
    geometry = Geometry(inputs, hidden, outputs, density)
    counts = geometry.block_weights.values()
    return [geometry.weights, *counts, geometry.hidden_proportion]
