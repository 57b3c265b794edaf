"""Runs of many tasks: what a parent learns from, and what it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from scipy.stats import rankdata
from sklearn.covariance import LedoitWolf

from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError
from vsrnn.forecast.table import DENSITIES

GAINS = tuple(f"gain_{block}" for block in BLOCKS)
"""Initial deviation times the root of density and fan-in, by block."""
POOL = ("task", "budget", "arm")
"""Columns that designs to be compared have in common."""
LEAST = -1.0
"""Level of a run that diverged, and the least there is."""

ENDS = {"h": "hidden", "x": "inputs", "y": "outputs"}


def design_features(designs: DataFrame) -> DataFrame:
    """What a design says before it is drawn, in numbers that mean the same at any size.

    Logarithms of hidden units, weights, hidden units over inputs and over outputs;
    hidden proportion; share of the weights in each block; logarithm of the gain of each
    block (deviation times the root of density times fan-in); logarithm of the learning
    rate, and of the rate times the weights a hidden unit reads.

    Args:
        designs: one row a design: inputs, outputs, hidden, learning_rate, density_hx
            to density_yy, gain_hx to gain_yy.

    >>> row = {"inputs": 2500, "outputs": 10, "hidden": 208, "learning_rate": 1e-4}
    >>> row |= dict(zip(DENSITIES, (0.1, 1, 1, 0.1, 0.1, 0.1)))
    >>> found = design_features(DataFrame([row | dict.fromkeys(GAINS, 0.72)]))
    >>> found.round(2).loc[0, ["proportion", "gain_hh"]].tolist()
    [0.44, -0.33]
    """
    sizes = {end: designs[name].astype(float) for end, name in ENDS.items()}
    density = {n[-2:]: designs[n].astype(float) for n in DENSITIES}
    counts = {b: density[b] * sizes[b[0]] * sizes[b[1]] for b in BLOCKS}
    total = sum(counts.values(), Series(0.0, designs.index))
    row = counts["hx"] + counts["hh"] + counts["hy"]
    rate = designs["learning_rate"].astype(float)
    found = {
        "hidden": np.log(sizes["h"]),
        "weights": np.log(total),
        "per_input": np.log(sizes["h"] / sizes["x"]),
        "per_output": np.log(sizes["h"] / sizes["y"]),
        "proportion": counts["hh"] / row.clip(lower=1e-9),
    }
    found |= {f"share_{b}": counts[b] / total for b in BLOCKS}
    for block in BLOCKS:
        gain = designs[f"gain_{block}"].astype(float)
        found[f"gain_{block}"] = np.log(gain.clip(lower=1e-3))
    found["rate"] = np.log(rate)
    found["rate_by_reads"] = np.log(rate * (row / sizes["h"]).clip(lower=1))
    return DataFrame(found, designs.index)


@dataclass(frozen=True, eq=False)
class Tables:
    """Designs of many tasks, with what is known of them and how they learned.

    Args:
        designs: one row a design of a pool: task, family, budget, arm, design, inputs,
            outputs, and the columns that `design_features` reads.
        features: as it gives them, (designs, features), as a table.
        tasks: one row a task, its index: `vsrnn.forecast.statistics.statistics`.
        probes: `vsrnn.probe` of each design, a table without columns if absent.
        levels: (guess - loss) / (guess - best) by seed and epoch, (designs, seeds,
            epochs); NaN where there is no run, or where it is not to be seen.
        shares: (guess - loss) / guess of the same, known without the best.
    """

    designs: DataFrame
    features: DataFrame
    tasks: DataFrame
    probes: DataFrame
    levels: np.ndarray
    shares: np.ndarray

    def __len__(self) -> int:
        return len(self.designs)

    @property
    def epochs(self) -> int:
        """How many epochs the curves have."""
        return self.levels.shape[2]

    @cached_property
    def level(self) -> np.ndarray:
        """Levels, mean over seeds, (designs, epochs)."""
        return np.asarray(_mean(self.levels))

    @cached_property
    def pools(self) -> dict[tuple[str, ...], np.ndarray]:
        """Row numbers of the designs of each pool."""
        found = self.designs.groupby(list(POOL), sort=False).indices
        return {tuple(map(str, key)): np.asarray(rows) for key, rows in found.items()}

    def of(self, rows: np.ndarray) -> Self:
        """Some of the designs, by row number or by truth."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        parts = {
            name: getattr(self, name).iloc[rows].reset_index(drop=True)
            for name in ("designs", "features", "probes")
        }
        own = {"levels": self.levels[rows], "shares": self.shares[rows]}
        names = parts["designs"]["task"].unique()
        return replace(self, **parts, **own, tasks=self.tasks.loc[names])

    def seen(self, context: int) -> Self:
        """What can be seen after so many epochs of the first seed: no levels."""
        shares = np.full_like(self.shares, np.nan)
        shares[:, 0, :context] = self.shares[:, 0, :context]
        return replace(self, levels=np.full_like(self.levels, np.nan), shares=shares)

    @property
    def speed(self) -> np.ndarray:
        """Mean of the level over epochs, (designs,)."""
        return np.asarray(self.level.mean(1))

    @property
    def end(self) -> np.ndarray:
        """Level after the last epoch, (designs,)."""
        return self.level[:, -1]

    def in_pool(self, values: np.ndarray) -> np.ndarray:
        """Ranks of columns within each pool, -1 to 1, (designs, columns)."""
        ranks = np.zeros(values.shape)
        for rows in self.pools.values():
            own = rankdata(values[rows], axis=0)
            ranks[rows] = (2 * own - len(rows) - 1) / max(len(rows) - 1, 1)
        return ranks

    def pool_mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over its pool at the place of each design."""
        means = np.empty_like(values)
        for rows in self.pools.values():
            means[rows] = values[rows].mean(0)
        return means

    def of_tasks(self) -> np.ndarray:
        """Statistics of the task of each design, (designs, statistics)."""
        return self.tasks.loc[self.designs["task"]].to_numpy()


def _mean(levels: np.ndarray) -> np.ndarray:
    """Mean over seeds that there are."""
    known = ~np.isnan(levels)
    total = np.where(known, levels, 0.0).sum(1)
    count = known.sum(1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def make_tables(
    runs: DataFrame, tasks: DataFrame, probes: DataFrame | None = None
) -> Tables:
    """Tables of runs.

    Args:
        runs: one row a run: task, family, budget, arm, design, seed, inputs, outputs,
            guess (loss of the best constant answer), curve (validation loss by epoch,
            shorter where the run diverged), and the columns of its design.
        tasks: statistics of the tasks, a row each, their names as its index.
        probes: measures of designs, with the columns task, budget, arm, design.

    Raises:
        VsrnnError: there are no runs, or a task has no statistics.
    """
    if runs.empty:
        raise VsrnnError("there are no runs to learn from")
    if lacking := set(runs["task"]) - set(tasks.index):
        raise VsrnnError(
            f"these tasks have no statistics: {', '.join(sorted(lacking))}"
        )
    epochs = max(map(len, runs["curve"]))
    losses = np.full((len(runs), epochs), np.inf)
    for row, curve in zip(losses, runs["curve"], strict=True):
        row[: len(curve)] = curve
    losses[~np.isfinite(losses)] = np.inf
    guess = runs["guess"].to_numpy(float)[:, None]
    least = Series(losses.min(1), runs.index).groupby(runs["task"]).transform("min")
    best = least.to_numpy()[:, None]
    levels = ((guess - losses) / np.maximum(guess - best, 1e-9)).clip(LEAST)
    shares = ((guess - losses) / guess).clip(LEAST)
    keys = [*POOL, "design"]
    place = runs.groupby(keys, sort=False).ngroup().to_numpy()
    nth = runs.assign(place=place).groupby("place").cumcount().to_numpy()
    shape = (place.max() + 1, nth.max() + 1, epochs)
    full = [np.full(shape, np.nan) for _ in range(2)]
    for array, values in zip(full, (levels, shares), strict=True):
        array[place, nth] = values
    first = runs.drop_duplicates(keys).reset_index(drop=True)
    first = first.drop(columns=["curve", "seed"])
    measured = DataFrame(index=first.index)
    if probes is not None:
        measured = first[keys].merge(probes, "left", keys).drop(columns=keys)
    known = design_features(first)
    return Tables(first, known, tasks, measured.fillna(0.0), full[0], full[1])


def early(tables: Tables, context: int) -> np.ndarray:
    """What epochs that were seen say of each design, (designs, columns).

    The share of the guess's loss that is gone after the first and the last of them, the
    first of these compared with the best of the pool, and its rank there.
    """
    if not context:
        return np.empty((len(tables), 0))
    shares = tables.shares[:, 0, :context]
    last, first = shares[:, -1:], shares[:, :1]
    top = np.empty_like(last)
    for rows in tables.pools.values():
        top[rows] = max(float(np.nanmax(last[rows])), 1e-3)
    columns = [last, first, last / top, tables.in_pool(last), tables.pool_mean(last)]
    return np.nan_to_num(np.hstack(columns), nan=LEAST)


def merge(tables: Sequence[Tables]) -> Tables:
    """Tables of different tasks as one."""
    frames = {
        name: pd.concat([getattr(one, name) for one in tables], ignore_index=True)
        for name in ("designs", "features", "probes")
    }
    own = {
        n: np.concatenate([getattr(t, n) for t in tables]) for n in ("levels", "shares")
    }
    return Tables(**frames, **own, tasks=pd.concat([one.tasks for one in tables]))


class Distance:
    """How far tasks are from known ones: Mahalanobis's distance of statistics.

    Its covariance is shrunk (Ledoit and Wolf 2004), since tasks are few; statistics
    that hardly vary count little. Usual is the distance of a known task from the
    nearest of another family, since that is how far forecasts were tried.
    """

    def __init__(self, tasks: DataFrame, family: Sequence[str] | None = None) -> None:
        self.names = list(tasks.index)
        values = tasks.to_numpy(float)
        self.mean = values.mean(0)
        self.scale = np.maximum(values.std(0), 0.05)
        self.known = (values - self.mean) / self.scale
        shrunk = LedoitWolf(assume_centered=True).fit(self.known)
        self.precision = np.asarray(shrunk.precision_)
        own = self.between(self.known)
        names = np.array(self.names if family is None else family)
        own[names[:, None] == names] = np.inf
        self.usual = np.sort(own.min(1))

    def between(self, standard: np.ndarray) -> np.ndarray:
        """Distances of standardized rows from all known tasks."""
        gap = standard[:, None] - self.known[None]
        squares = np.einsum("ijk,kl,ijl->ij", gap, self.precision, gap)
        return np.sqrt(np.maximum(squares, 0))

    def nearest(self, statistics: Series | np.ndarray) -> Series:
        """Distances of one task from the known ones, the nearest first."""
        row = (np.asarray(statistics, float) - self.mean) / self.scale
        return Series(self.between(row[None])[0], self.names).sort_values()

    def percentile(self, distance: float) -> float:
        """Share of the known tasks that are nearer to their nearest [%]."""
        return float(100 * np.mean(self.usual < distance))

    def stretch(self, statistics: Series | np.ndarray) -> float:
        """How much wider intervals are, 0.7 to 1.5: distance over the usual one."""
        near = float(self.nearest(statistics).iloc[0])
        return float(np.clip(near / np.median(self.usual), 0.7, 1.5))
