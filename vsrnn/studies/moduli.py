"""A geometry for hidden units: what the penalty costs, and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series

from vsrnn.design.published import get_design
from vsrnn.methods.geometric import Geometric
from vsrnn.methods.spaces import INHIBITORS, SIDE
from vsrnn.plot.axes import grid, legend, panels
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.points import cloud, dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.config import Config
from vsrnn.runs.results import get_results
from vsrnn.stats import Claim, extent, share_below
from vsrnn.studies import watched
from vsrnn.studies.arms import (
    ARM_LOOKS,
    PENALTIES,
    REACHES,
    paired,
    penalized,
)
from vsrnn.studies.page import Page
from vsrnn.studies.watched import CHEAP, KEPT, REACHED, SIZE, VIEWS
from vsrnn.studies.widgets import Widget, neighbors

DISTANCE, COST = "distance", "cost [% of the highest]"
MEAN = f"mean {COST}"
ARMS = ("none", "torus", "permuted")
PERMUTED = "torus, costs permuted"
SHOWN: dict[str, dict[str, Any]] = {
    "torus": {},
    "Klein bottle": {"space": "klein"},
    "circle": {"space": "circle"},
    PERMUTED: {"control": "permuted"},
}
"""What units are drawn in, with the penalty's options."""

SPACES = (
    *("torus", "klein", "circle", "sphere", "6-torus", "s3"),
    *("sphere, rescaled", "6-torus, rescaled"),
)
WORDS = {"klein": "Klein bottle", "s3": "3-sphere"}
HIDDEN, PRUNED, EPOCHS = 128, 10, 12
"""Units of the cell that is trained, epochs that end with a pruning, and all epochs."""

BEFORE, LEFT = "before", 10.0  # weights that are left [%]
_MADE_BY = attrgetter("made_by")
_MOST = INHIBITORS["dog"].most or 1.0


@dataclass(frozen=True)
class Data:
    """What the tables are made from.

    Args:
        units: that are drawn in each space.
        seed: of their places.
        weights: hidden-to-hidden weights before and after pruning, by arm.
        epochs: what is left after each epoch, by arm.
        made_by: what made these two.
    """

    units: int
    seed: int
    weights: DataFrame
    epochs: DataFrame
    made_by: dict[str, Any] = field(default_factory=dict)


def load(scale: str | None = None, units: int = 160, seed: int = 0) -> Data:
    """Train a small cell with each penalty and without, or take the stored ones.

    Args:
        scale: "smoke", "quick" or "paper"; without it, nothing is trained.
        units: that are drawn in each space.
        seed: of their places, and of the cells.
    """
    if scale is None:
        weights, epochs = (get_results(f"moduli_{n}") for n in ("weights", "epochs"))
        return Data(units, seed, weights, epochs, {"results": "moduli_*.csv"})
    configs = [_config(arm, scale, seed) for arm in ARMS]
    seen, made_by = watched.watch(configs, watched.hidden_sizes, range(EPOCHS + 1))
    places = Geometric().embed(HIDDEN, seed).points.numpy()
    weights, epochs = {BEFORE: watched.by_place(seen[0].seen[0], places)}, {}
    for arm, run in zip(ARMS, seen, strict=True):
        weights[arm] = watched.by_place(run.seen[EPOCHS], places)
        # without a penalty those pairs count that are cheap on the torus
        _, cheap = Geometric(**PENALTIES[arm]).embed(HIDDEN, seed).pairs()
        epochs[arm] = watched.survivors(run, cheap.numpy())
    first, second = (watched.stacked(each, "arm") for each in (weights, epochs))
    return Data(units, seed, first, second, made_by)


def _config(arm: str, scale: str, seed: int) -> Config:
    """A cell that is pruned epoch by epoch, and then trained at its final mask."""
    design = replace(get_design("navigation", "navigation_256"), hidden=HIDDEN)
    prune = {"name": "magnitude", "density": LEFT / 100, "schedule": "linear"}
    how = penalized(arm, prune | {"end": PRUNED})
    return Config("navigation", design, scale, seed, epochs=EPOCHS, method=how)


def moduli_inhibitors_table(data: Data) -> DataFrame:
    """What a weight costs by the distance of its units on a torus, by inhibitor."""
    parts, distances = [], torch.linspace(0, SIDE / 2**0.5, 708)
    for name in INHIBITORS:
        cost, cheap = Geometric(inhibitor=name).cost(distances)
        cost *= 100 / (INHIBITORS[name].most or cost.max().item())
        row = {"inhibitor": name, DISTANCE: distances, COST: cost, "cheap": cheap}
        parts.append(DataFrame(row))
    return pd.concat(parts, ignore_index=True).round(4)


def moduli_neighbors_table(data: Data) -> DataFrame:
    """Places of units in each space, and what one of them pays to read the others."""
    parts, (unit, spaces) = [], _units(data)
    for name, (places, costs, cheap) in spaces.items():
        row: dict[str, Any] = {"space": name, "unit": np.arange(len(places))}
        row |= {"x": places[:, 0], "y": places[:, 1], COST: costs[unit]}
        row |= {"cheap": cheap[unit], "reads": np.arange(len(places)) == unit}
        parts.append(DataFrame(row))
    return pd.concat(parts, ignore_index=True).round(4)


def _units(data: Data) -> tuple[int, dict[str, tuple[np.ndarray, ...]]]:
    """A unit near an edge of the torus, and by space places, costs, cheap pairs."""
    found: dict[str, tuple[np.ndarray, ...]] = {}
    for name, options in SHOWN.items():
        own = Geometric(**options).embed(data.units, data.seed)
        costs, cheap = (each.numpy() for each in own.pairs())
        found[name] = own.points.numpy(), 100 / _MOST * costs, cheap
    return int(np.hypot(*(found["torus"][0] - (0.5, 3)).T).argmin()), found


def moduli_costs_table(data: Data, units: int = 64) -> DataFrame:
    """What each pair of units costs, the units in order of their place.

    On a circle the order is by angle, on a torus by the first coordinate.
    """
    parts = []
    for name in ("circle", "torus", PERMUTED):
        own = Geometric(**SHOWN[name]).embed(units, data.seed)
        x, y = own.points.numpy().T
        order = (np.arctan2(y, x) if name == "circle" else x).argsort()
        costs = 100 / _MOST * own.pairs()[0].numpy()
        parts.append(
            watched.grid_table(costs[np.ix_(order, order)], COST).assign(space=name)
        )
    return pd.concat(parts, ignore_index=True)


def moduli_spaces_table(
    data: Data, units: int = 256, seeds: Sequence[int] = range(5)
) -> DataFrame:
    """How many pairs are cheap in each space, and what pairs cost on average."""
    rows = []
    for name in SPACES:
        penalty = Geometric(**PENALTIES.get(name, {"space": name}))
        for seed in seeds:
            costs, cheap = penalty.embed(units, seed).pairs()
            mean = 100 / _MOST * costs.mean().item()
            rows.append(
                (WORDS.get(name, name), seed, 100 * cheap.double().mean().item(), mean)
            )
    table = DataFrame(rows, columns=["space", "seed", CHEAP, MEAN])
    means = table.groupby("space")[[CHEAP, MEAN]].transform("mean")
    return table.assign(**{f"mean of {n}": means[n] for n in (CHEAP, MEAN)}).round(4)


@figure(table=moduli_inhibitors_table, made_by=_MADE_BY)
def moduli_inhibitors(table: DataFrame, style: str = "web") -> Figure:
    """Cost of a weight against the distance of its two units, by inhibitor."""
    groups = list(table.groupby("inhibitor", sort=False))
    with drawing(style, 0.36) as drawn:
        axes = panels(drawn, len(groups), sharey=True)
        for ax, (name, rows) in zip(axes, groups, strict=True):
            looks = {name: {"color": BLUE, "marker": ""}}
            lines(ax, rows, DISTANCE, COST, hue="inhibitor", looks=looks)
            shade: dict[str, Any] = {"color": GREEN, "alpha": 0.15, "linewidth": 0}
            ax.fill_between(rows[DISTANCE], 0, 100, where=rows["cheap"], **shade)
            ax.set_title(_INHIBITORS[str(name)])
            ax.label_outer()
        free = table.loc[table[COST].where(table["inhibitor"] == "dog").idxmin()]
        cloud(axes[0], [free[DISTANCE]], [free[COST]], _UNITS[True])
        words: dict[str, Any] = {"color": ORANGE, "fontsize": "small"}
        axes[0].text(free[DISTANCE] + 1.5, 5, f"free at {free[DISTANCE]:.2f}", **words)
    return drawn


@figure(table=moduli_neighbors_table, made_by=_MADE_BY)
def moduli_neighbors(table: DataFrame, style: str = "web") -> Figure:
    """Units in four spaces, and those that one of them reads at little cost."""
    groups = list(table.groupby("space", sort=False))
    with drawing(style, 0.4) as drawn:
        for ax, (name, rows) in zip(panels(drawn, len(groups)), groups, strict=True):
            for kind, shape in _UNITS.items():
                own = rows[rows["reads"] if kind == "reads" else rows["cheap"] == kind]
                cloud(ax, own["x"], own["y"], shape)
            ax.set(title=str(name).replace(", ", "\n"), xticks=[], yticks=[])
            ax.set(xlabel="first coordinate", ylabel="second coordinate")
            ax.set_aspect("equal")
            ax.spines[:].set_visible(name != "circle")
            ax.label_outer()
        names = ("dear", "cheap", "the unit that reads")
        legend(drawn, dict(zip(names, _UNITS.values(), strict=True)))
    return drawn


@figure(table=moduli_costs_table, made_by=_MADE_BY)
def moduli_costs(table: DataFrame, style: str = "web") -> Figure:
    """What each pair of units costs, units in order of place, beside shuffled costs."""
    groups = list(table.groupby("space", sort=False))
    titles = ("circle,\nby angle", "torus,\nby first coordinate", "torus,\npermuted")
    with drawing(style, 0.4) as drawn:
        axes = panels(drawn, len(groups), sharey=True)
        for ax, title, (_, rows) in zip(axes, titles, groups, strict=True):
            picture = _grid(ax, rows, COST, 100)
            ax.set(title=title, xlabel="unit that is read", ylabel="unit that reads")
            ax.label_outer()
        drawn.colorbar(picture, ax=axes, label=COST, aspect=30)
    return drawn


@figure(table=moduli_spaces_table, made_by=_MADE_BY)
def moduli_spaces(table: DataFrame, style: str = "web") -> Figure:
    """Share of cheap pairs and mean cost in each space, a point a set of places."""
    looks = {name: {"color": BLUE, "marker": "o"} for name in table["space"]}
    with drawing(style, 0.42) as drawn:
        axes = panels(drawn, 2, sharey=True)
        for ax, name in zip(axes, (CHEAP, MEAN), strict=True):
            how: dict[str, Any] = {"points": name, "looks": looks, "how": ".1f"}
            dots(ax, table, f"mean of {name}", "space", **how, beside=True)
            ax.set(xlabel=name)
        axes[0].set_xlim(-1, 20)
        axes[1].set_xlim(table[MEAN].min() - 3, 107)
        chance_line(axes[0], LEFT, along="y")
        words: dict[str, Any] = {"color": GRAY, "fontsize": "small", "va": "top"}
        axes[0].text(LEFT + 0.3, 4.3, "left at 90 %\nsparsity", **words)
    return drawn


@figure(table=attrgetter("weights"), made_by=_MADE_BY)
def moduli_weights(table: DataFrame, style: str = "web") -> Figure:
    """Sizes of weights before and after pruning, by place and by displacement."""
    high = table[table["arm"] == "torus"].groupby("view")[SIZE].quantile(0.99)
    arms = {BEFORE: "before\ntraining", "none": "pruned\nwithout penalty"}
    arms |= {"torus": "pruned\nwith torus", "permuted": "pruned\nwith permuted"}
    with drawing(style, 0.58) as drawn:
        axes = grid(drawn, 2, len(arms), {})
        for line, view in zip(axes, VIEWS, strict=True):
            for ax, arm in zip(line, arms, strict=True):
                rows = table[(table["arm"] == arm) & (table["view"] == view)]
                _grid(ax, rows, SIZE, float(high[view]))
        for ax, title, below in zip(axes[0], arms.values(), axes[1], strict=True):
            ax.set(title=title, xlabel="unit that is read")
            below.set(xlabel="first displacement")
        axes[0, 0].set_ylabel("unit that reads")
        axes[1, 0].set_ylabel("second displacement")
    return drawn


@figure(table=attrgetter("epochs"), made_by=_MADE_BY)
def moduli_survivors(table: DataFrame, style: str = "web") -> Figure:
    """Surviving hidden weights on cheap pairs, and those kept, by epoch."""
    with drawing(style, 0.42) as drawn:
        axes = panels(drawn, 2)
        for ax, name in zip(axes, (REACHED, KEPT), strict=True):
            named = str if ax is axes[-1] else None
            lines(ax, table, "epoch", name, hue="arm", looks=ARM_LOOKS, named=named)
            ax.set_ylim(0, 100)
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        chance_line(axes[0], chance := table[CHEAP].iloc[-1])
        axes[0].text(EPOCHS, chance + 2, "chance", ha="right", color=GRAY)
    return drawn


_INHIBITORS = {
    "dog": "difference of\nGaussians",
    "diffusion": "diffusion,\nsquared distance",
    "gauss": "Gaussian",
    "ripple": "ripple",
}
_UNITS: dict[Any, dict[str, Any]] = {
    False: {"color": "0.7", "marker": "o", "markersize": 3, "linestyle": ""},
    True: {"color": ORANGE, "marker": "o", "markersize": 4, "linestyle": ""},
    "reads": {"color": BLUE, "marker": "D", "markersize": 7, "linestyle": ""},
}


def _grid(ax: Axes, rows: DataFrame, value: str, high: float) -> Any:
    """Draw a matrix, its first row on top, the higher the brighter."""
    grid = rows.pivot(index="row", columns="column", values=value).to_numpy(float)
    ax.set(xticks=[], yticks=[])
    return ax.imshow(grid, vmin=0, vmax=high, interpolation="nearest")


def explorer(page: Page) -> Widget:
    """Let a reader choose a unit, and show what it reads at little cost."""
    unit, spaces = _units(page.data)
    shown = {
        name: ((places - places.min()) / np.ptp(places), cheap)
        for name, (places, _, cheap) in spaces.items()
    }
    return neighbors(shown, unit)


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: the free distance, cheap pairs, and what survives."""
    costs = page.table("moduli_inhibitors").query("inhibitor == 'dog'")
    spaces = page.table("moduli_spaces").groupby("space")[CHEAP].mean()
    last = page.data.epochs.groupby("arm").last()
    names = {"torus": "torus", "sphere": "sphere", "torus6": "6-torus"}
    return {
        "free": f"{costs.loc[costs[COST].idxmin(), DISTANCE]:.2f}",
        "near": extent(costs.loc[costs["cheap"], DISTANCE], ".2f"),
        **{f"cheap_{n}": f"{spaces[name]:.1f} %" for n, name in names.items()},
        **{f"reached_{arm}": f"{last.loc[arm, REACHED]:.0f} %" for arm in ARMS},
        **{f"kept_{arm}": f"{last.loc[arm, KEPT]:.1f} %" for arm in ARMS},
        "chance": f"{last[CHEAP].iloc[0]:.0f} %",
    }


def claims(page: Page) -> list[Claim]:
    """Which spaces have more cheap pairs, and whether surviving weights lie on them.

    Intervals are Student's over sets of places, or Wilson's over surviving weights.
    """
    each = page.table("moduli_spaces").set_index("seed").groupby("space")[CHEAP]
    spaces, more = dict(iter(each)), "a torus has more cheap pairs than a {}"
    found = [
        paired(more.format(name), spaces[name], spaces["torus"], "points")
        for name in ("Klein bottle", "circle", "sphere", "6-torus")
    ]
    for arm, last in page.data.epochs.groupby("arm", sort=False).last().iterrows():
        weights = int(last["hidden weights"])
        dear = np.arange(weights) >= round(last[REACHED] * weights / 100)
        share = np.array(share_below(Series(dear, dtype=float), 0.5)[:3])
        found.append(Claim.of(REACHES.format(arm), share - last[CHEAP], "points"))
    return found
