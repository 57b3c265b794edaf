"""Networks that are looked at while they train and are pruned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from pandas import DataFrame
from scipy.stats import binned_statistic_2d
from torch import nn

from vsrnn.methods import Work
from vsrnn.methods.method import Rewired
from vsrnn.methods.spaces import SIDE
from vsrnn.runs.config import Config
from vsrnn.runs.provenance import provenance
from vsrnn.runs.run import build_model, task_of, train_models
from vsrnn.studies.widgets import Widget, paths
from vsrnn.tasks.task import Task
from vsrnn.training.loop import Curve
from vsrnn.training.resources import resources

SIZE, VIEWS = "mean size", ("by place", "by displacement")
KEPT, REACHED = "hidden weights kept [%]", "on cheap pairs [%]"
CHEAP = "cheap pairs [%]"

Look = Callable[[nn.Module, Task], Any]


class Watch(Work):
    """Looks at a model at the end of epochs, after whatever works before it."""

    def __init__(
        self, model: nn.Module, task: Task, look: Look, moments: Collection[int]
    ) -> None:
        super().__init__(model)
        self.task, self.look, self.moments = task, look, moments
        self.seen: dict[int, Any] = {}
        self.after_epoch(0)

    def after_epoch(self, epoch: int, *inputs: Any) -> Rewired:
        """Look, if it is time to."""
        if epoch in self.moments:
            self.seen[epoch] = self.look(self.model, self.task)
        return {}


class Watched(NamedTuple):
    """A run that was looked at: its learning curve, and what was seen, by epoch."""

    curve: Curve
    seen: dict[int, Any]


def watch(
    configs: Sequence[Config],
    look: Look,
    moments: Collection[int],
    epochs: int | None = None,
) -> tuple[list[Watched], dict[str, Any]]:
    """Train runs side by side on one core, and look at their models meanwhile.

    Args:
        configs: runs that share all but design and methods.
        look: gives what is kept of a model, with the task.
        moments: epochs at whose ends it looks, 0 is before training.
        epochs: where to stop; at the end of the runs if absent.

    Returns:
        The runs, and what made them.
    """
    task, watches = task_of(configs[0]), []

    def begin(model: nn.Module) -> Watch:
        watches.append(Watch(model, task, look, moments))
        return watches[-1]

    models = [build_model(config, task) for config in configs]
    with resources(1):
        trainees = train_models(configs, models, task, watch=begin, stop=epochs)
    seen = [Watched(t.curve, w.seen) for t, w in zip(trainees, watches, strict=True)]
    made = provenance(task, 1, models=len(configs)) | {"scale": configs[0].scale}
    return seen, made | {"runs": [config.id for config in configs]}


def hidden_sizes(model: Any, task: Task) -> np.ndarray:
    """Sizes of the weights between hidden units, ``(units, units)``."""
    return np.abs(model.matrices()["hh_0"].numpy())


def by_place(sizes: np.ndarray, places: np.ndarray) -> DataFrame:
    """Sizes of weights by the places of their units on a torus, and by displacement.

    Each of 32 x 32 cells is a mean over weights of neighbors in the order of the first
    coordinate, each of 20 x 20 one over weights of about the same displacement, from
    the unit that reads to the one that is read.
    """
    order, side = places[:, 0].argsort(), len(places) // 32
    cells = sizes[np.ix_(order, order)].reshape(32, side, 32, side).mean((1, 3))
    gaps = (places[None] - places[:, None] + SIDE / 2) % SIDE
    bins, (x, y) = [np.linspace(0, SIDE, 21)] * 2, gaps.reshape(-1, 2).T
    means = binned_statistic_2d(y, x, sizes.ravel(), "mean", bins).statistic
    grids = zip(VIEWS, (cells, means), strict=True)
    return stacked({view: grid_table(grid, SIZE) for view, grid in grids}, "view")


def stacked(tables: Mapping[str, DataFrame], name: str) -> DataFrame:
    """Tables below each other, after a column of this name with what each is called."""
    return pd.concat(tables, names=[name]).reset_index(name).reset_index(drop=True)


def grid_table(grid: np.ndarray, name: str) -> DataFrame:
    """A matrix as a table: row, column and value."""
    row, column = np.indices(grid.shape).reshape(2, -1)
    values = grid.astype(float).ravel().round(4)
    return DataFrame({"row": row, "column": column, name: values})


def survivors(run: Watched, cheap: np.ndarray) -> DataFrame:
    """Hidden weights left after each epoch, and how many of them on cheap pairs.

    Args:
        run: one of `hidden_sizes`.
        cheap: which pairs are, ``(units, units)``.
    """
    rows = []
    for point in run.curve:
        left = run.seen[int(point["epoch"])] > 0
        weights, reached = left.sum(), left[cheap].sum()
        row = {"epoch": point["epoch"], "error [cm]": point["val_error"]}
        row |= {"hidden weights": weights, KEPT: 100 * left.mean()}
        row |= {REACHED: 100 * reached / max(weights, 1), CHEAP: 100 * cheap.mean()}
        rows.append(row)
    return DataFrame(rows).round(3)


class Walks(NamedTuple):
    """What a network tells of test walks: some paths, its error, and hidden rates."""

    true: np.ndarray
    told: np.ndarray
    error: float
    left: float
    rates: np.ndarray


def walks(model: Any, task: Any) -> Walks:
    """Decode the first test walks, and map the mean rate of each hidden unit by place.

    Returns:
        True and decoded paths [cm], ``(6, steps, 2)``, the mean error over all test
        walks [cm], the share of weights left [%], and rates on the first 250 of them,
        ``(hidden, 12, 12)``, nan where no walk came.
    """
    inputs, places = task.batch("test", slice(None))
    with torch.no_grad():
        output, states = model(inputs)[0], model.states(inputs[:250])[0]
    error = task.accuracy(output, places).item()
    true, told = (100 * p[:6].numpy() for p in (places, task.decode(output[:6])))
    rates, (x, y) = (
        states.flatten(0, 1).numpy().T,
        places[:250].numpy().reshape(-1, 2).T,
    )
    bins = [np.linspace(-1.1, 1.1, 13)] * 2
    maps = binned_statistic_2d(y, x, rates, "mean", bins).statistic
    entries = sum(model.block_entries().values())
    left = 100 * sum(model.block_weights().values()) / entries
    return Walks(true, told, error, left, maps)


def paths_table(runs: Mapping[str, Watched]) -> DataFrame:
    """True and decoded paths by arm and epoch, a row a step."""
    parts = []
    for arm, run in runs.items():
        for epoch, seen in run.seen.items():
            walk, step = np.indices(seen.true.shape[:2]).reshape(2, -1)
            both = np.concatenate([seen.true, seen.told], -1).reshape(-1, 4).round(1)
            table = DataFrame(both, columns=["true x", "true y", "x", "y"])
            own = {"arm": arm, "epoch": epoch, "error [cm]": round(seen.error, 2)}
            own |= {"weights left [%]": round(seen.left, 2), "walk": walk, "step": step}
            parts.append(DataFrame(own).join(table))
    return pd.concat(parts, ignore_index=True)


def rates_table(
    runs: Mapping[str, Watched], epochs: tuple[int, int], units: int = 8
) -> DataFrame:
    """Rates by place of the units that are most active at the first of two epochs."""
    parts = []
    for arm, run in runs.items():
        first = np.nanmean(run.seen[epochs[0]].rates, (1, 2))
        for epoch, unit in product(epochs, np.argsort(-first)[:units]):
            table = grid_table(run.seen[epoch].rates[unit], "rate")
            parts.append(table.assign(arm=arm, epoch=epoch, unit=unit))
    return pd.concat(parts, ignore_index=True)


def scrubber(table: DataFrame, titles: Mapping[str, str]) -> Widget:
    """Let a reader move through a table of paths, a picture an epoch.

    Args:
        table: as `paths_table` gives it.
        titles: of the arms that have panels.
    """

    def walked(rows: DataFrame, *names: str) -> np.ndarray:
        return rows[[*names]].to_numpy(float).reshape(rows["walk"].nunique(), -1, 2)

    frames = []
    for epoch, rows in table.groupby("epoch"):
        own = [rows[rows["arm"] == arm] for arm in titles]
        said = (
            f"After epoch {epoch}: {rows['weights left [%]'].mean():.0f} % of weights"
        )
        errors = [f"error {each['error [cm]'].mean():.0f} cm" for each in own]
        told = [walked(each, "x", "y") for each in own]
        frames.append({"said": said, "errors": errors, "paths": told})
    return paths([*titles.values()], walked(own[0], "true x", "true y"), frames)
