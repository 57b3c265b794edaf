"""How a budget is split: what each block holds, and what density changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from pandas import DataFrame

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.design.published import get_design
from vsrnn.errors import VsrnnError
from vsrnn.plot.axes import panels
from vsrnn.plot.blocks import (
    BLOCK_INKS,
    block_legend,
    block_places,
    blocks,
    scale_bar,
    to_scale,
)
from vsrnn.plot.labels import (
    BLOCK_COLORS,
    DESIGN_LABELS,
    PROPORTION,
    arrangement_label,
    design_label,
)
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing, is_narrow
from vsrnn.stats import Claim
from vsrnn.studies import hidden_proportion, widgets
from vsrnn.studies.labels import task_label
from vsrnn.studies.page import Page
from vsrnn.tasks import sizes

ARRANGEMENTS = {
    "all blocks equally sparse": (1, 1, 1, 1, 1, 1),
    "hh and hy dense, the rest sparse": (1, 0, 0, 1, 1, 1),
}
"""Which blocks (hx, hh, hy, yx, yh, yy) take the density; the others are dense."""

HIDDEN, SHARE = "hidden [units]", "weight share [%]"
DENSITY, BUDGET = "density [fraction]", "budget [weights]"
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)  # hidden proportions that have a line on the map


@dataclass(frozen=True)
class Data:
    """What is counted; nothing is trained or loaded.

    Args:
        tasks: whose input and output sizes are used; designs are those of the first,
            and hidden proportion is mapped for the first two.
        designs: names of the designs that are drawn.
    """

    tasks: Sequence[str]
    designs: Sequence[str]


def load(
    tasks: Sequence[str] = ("rad", "hammer", "door", "kitchen-mixed"),
    designs: Sequence[str] = ("111111_", "000000_", "balanced_0"),
) -> Data:
    """Say what is counted, see `Data`."""
    return Data(tasks, designs)


def weight_share_table(data: Data, hidden: Sequence[int] | None = None) -> DataFrame:
    """Share of a dense network's weights in each block, by task and hidden size.

    Args:
        data: as `load` gives it.
        hidden: hidden sizes [units]; by default 49 from 10 to 10,000.

    >>> table = weight_share_table(load(["rad"]), [29]).set_index("block")
    >>> round(float(table.loc["hx", "weight share [%]"]), 1)
    73.2
    """
    if hidden is None:
        hidden = np.geomspace(10, 10_000, 49).round().astype(int).tolist()
    rows = [
        (task, size, block, round(weights), 100 * weights / geometry.weights)
        for task in data.tasks
        for size in hidden
        for geometry in [_dense(task, size)]
        for block, weights in geometry.block_weights.items()
    ]
    return DataFrame(rows, columns=("task", HIDDEN, "block", "weights", SHARE))


@figure(table=weight_share_table)
def weight_share(table: DataFrame, style: str = "web") -> Figure:
    """Stack the share of weights in each block against the hidden size, by task."""
    tasks = list(table["task"].unique())
    with drawing(style, 0.9) as drawn:
        axes = panels(drawn, len(tasks), 2, sharey=True)
        for ax, task in zip(axes, tasks, strict=True):
            shares = table[table["task"] == task].pivot(
                index=HIDDEN, columns="block", values=SHARE
            )[list(BLOCKS)]
            _stack(ax, shares)
            ax.set(title=task_label(task), xlabel="hidden size [units]")
            ax.set_ylabel("share of weights [%]")
            ax.label_outer()
        block_legend(drawn)
    return drawn


def six_blocks_table(data: Data | None = None) -> DataFrame:
    """Place of each block in the matrix of a small made-up network."""
    return block_places(Geometry(600, 400, 200, 1))


@figure(table=six_blocks_table)
def six_blocks(table: DataFrame, style: str = "web") -> Figure:
    """Draw the blocks of a network with what they compute and read."""
    sides = table.set_index("block")
    bottom, right = sides.loc["yy", "first row [units]"], _right(table)
    with drawing(style, 0.6) as drawn:
        ax = drawn.subplots()
        blocks(ax, table)
        for block, words in (("hx", "input"), ("hh", "hidden state"), ("hy", "output")):
            row = sides.loc[block]
            middle = row["first column [units]"] + row["columns [units]"] / 2
            size = {"input": "X", "hidden state": "H", "output": "Y"}[words]
            told = f"reads the\n{words},\n{size}"
            ax.text(middle, -25, told, ha="center", va="bottom", fontsize="small")
        for block, words in (
            ("hh", "computes the\nhidden state"),
            ("yy", "computes\nthe output"),
        ):
            row = sides.loc[block]
            middle = row["first row [units]"] + row["rows [units]"] / 2
            ax.text(right + 25, middle, words, va="center")
        to_scale(ax, right + 330, -200, bottom + 210)
    return drawn


def design_layout_table(data: Data) -> DataFrame:
    """Place and density of each block in the matrices of named designs.

    >>> table = design_layout_table(load()).set_index(["design", "block"])
    >>> int(table.loc[("balanced_0", "hx"), "weights"])
    52000
    """
    parts = []
    for name in data.designs:
        geometry = _named(data.tasks[0], name)
        first = {HIDDEN: geometry.hidden, PROPORTION: geometry.hidden_proportion}
        parts.append(DataFrame({"design": name, **first, **block_places(geometry)}))
    return pd.concat(parts, ignore_index=True)


@figure(table=design_layout_table)
def design_layout(table: DataFrame, style: str = "web") -> Figure:
    """Draw the blocks of named designs to one scale, inked as densely as they are."""
    with drawing(style, 0.4) as drawn:
        ax, top = drawn.subplots(), 0.0
        line = 220 if is_narrow(drawn) else 85  # height of one [units]
        for name, rows in table.groupby("design", sort=False):
            blocks(ax, rows, 0, top, densities=True)
            words = _design_title(str(name), rows)
            words = fill(words, 42) if is_narrow(drawn) else words
            ax.text(0, top - 25, words, va="bottom")
            gap = 20 + line * (2 + words.count("\n"))
            top += rows["rows [units]"].iloc[[0, 3]].sum() + gap
        scale_bar(ax, 0, top + 80 - gap, 500, "500 units, the same across and down")
        to_scale(ax, _right(table), 60 - gap, top + 170 - gap)
        block_legend(drawn, "; the paler, the sparser")
    return drawn


def proportion_surface_table(data: Data, steps: int = 31) -> DataFrame:
    """Hidden proportion over density and weight budget, in two arrangements.

    Rows with a design's name are the designs that lie on the surface; an empty hidden
    size says that the budget is too small for that density.

    Args:
        data: as `load` gives it.
        steps: densities (.01 to 1) and budgets (10,000 to 10,000,000), each.

    >>> table = proportion_surface_table(load(), steps=3)
    >>> float(table["hidden proportion [fraction]"].iloc[-1])
    0.4444
    """
    rows = [
        (task, arrangement, density, round(budget), *_solved(task, budget, densities))
        for task in data.tasks[:2]
        for arrangement, sparse in ARRANGEMENTS.items()
        for density in np.geomspace(0.01, 1, steps).round(6)
        for densities in [np.where(sparse, density, 1.0)]
        for budget in np.geomspace(1e4, 1e7, steps)
    ]
    grid = [(*row, "") for row in rows]
    marks = [row for name in data.designs for row in _marks(data.tasks[0], name)]
    names = ("task", "arrangement", DENSITY, BUDGET, HIDDEN, PROPORTION, "design")
    return DataFrame(grid + marks, columns=names)


@figure(table=proportion_surface_table)
def proportion_surface(table: DataFrame, style: str = "web") -> Figure:
    """Map the hidden proportion over density and budget, by task and arrangement."""
    tasks, arrangements = table["task"].unique(), table["arrangement"].unique()
    with drawing(style, 0.9) as drawn:
        shape = (len(tasks), len(arrangements))
        axes = drawn.subplots(*shape, sharex=True, sharey=True, squeeze=False)
        for task, row in zip(tasks, axes, strict=True):
            for arrangement, ax in zip(arrangements, row, strict=True):
                here = (table["task"] == task) & (table["arrangement"] == arrangement)
                filled, lines = _surface(ax, table[here & (table["design"] == "")])
                _points(ax, table[here & (table["design"] != "")])
                ax.set_title(f"{task_label(task)}\n{arrangement}", fontsize="small")
            row[0].set_ylabel("density of the sparse blocks")
        for ax in axes[-1]:
            ax.set_xlabel("budget [weights]")
        bar = drawn.colorbar(filled, ax=axes, shrink=0.6, aspect=30)
        bar.set_label("hidden proportion")
        bar.add_lines(lines)
        bar.set_ticks([0, *LEVELS, 1])
    return drawn


def explorer(page: Page) -> widgets.Widget:
    """Let a reader split a budget, beside random designs that were trained near it."""
    names = {arrangement_label(name): name for name in page.data.designs}
    built = {word: _named(page.data.tasks[0], name) for word, name in names.items()}
    first = list(built.values())[-1]
    random = hidden_proportion.load(hidden_proportion.RANDOM)
    trained = hidden_proportion.proportion_study_table(random)
    table = trained[[PROPORTION, "weights [expected]", "learned"]]
    presets = {word: geometry.density for word, geometry in built.items()}
    return widgets.explorer(first, round(first.weights / 1e3) * 1000, presets, table)


def numbers(page: Page) -> dict[str, str]:
    """Where hh overtakes hx, how the designs are split, and what density can reach."""
    found, layout = {}, page.table("design_layout")
    peaks = page.table("weight_share").query("block == 'hx'").groupby("task")[SHARE]
    for task, peak in peaks.max().items():
        found[f"crossing_{task}"] = f"{sizes(str(task))[0] + 1:,}"
        found[f"peak_hx_{task}"] = f"{peak:.0f} %"
    weights = layout.groupby("design")["weights"].sum().mean()
    found["weights"] = f"{round(weights, -3):,.0f}"
    for name, row in layout.groupby("design", sort=False).first().iterrows():
        word = DESIGN_LABELS.get(str(name), str(name)).split()[0]
        found[f"hidden_{word}"] = f"{row[HIDDEN]:,.0f}"
        found[f"proportion_{word}"] = f"{row[PROPORTION]:.3f}"
    for task, ends in _reach(page.table("proportion_surface")).items():
        found[f"reach_{task}"] = "{:.2f} to {:.2f}".format(*ends)
    return found


def claims(page: Page) -> list[Claim]:
    """Whether each design has a larger hidden proportion than the one before: exact."""
    found = []
    designs = page.table("design_layout").groupby("design", sort=False)
    for (less, low), (more, high) in pairwise(designs[PROPORTION].first().items()):
        names = [DESIGN_LABELS.get(name, name) for name in (more, less)]
        words = "{} has a larger hidden proportion than {}".format(*names)
        found.append(Claim(words, high - low, high - low, high - low))
    return found


def _dense(task: str, hidden: int) -> Geometry:
    inputs, outputs = sizes(task)
    return Geometry(inputs, hidden, outputs, 1)


def _named(task: str, name: str) -> Geometry:
    return get_design(task, name).geometry(*sizes(task))


def _solved(task: str, budget: float, densities: np.ndarray) -> tuple[float, float]:
    """Hidden size and proportion at a budget; nan where it is too small."""
    try:
        geometry = Geometry.for_budget(budget, *sizes(task), densities.tolist())
    except VsrnnError:
        return float("nan"), float("nan")
    return geometry.hidden, round(geometry.hidden_proportion, 4)


def _marks(task: str, name: str) -> Iterator[tuple[object, ...]]:
    """The design once for each arrangement that its densities fit."""
    geometry = _named(task, name)
    density, weights = geometry.density[0], round(geometry.weights)
    proportion = round(geometry.hidden_proportion, 4)
    for arrangement, sparse in ARRANGEMENTS.items():
        if np.allclose(geometry.density, np.where(sparse, density, 1.0)):
            place = (task, arrangement, density, weights)
            yield (*place, geometry.hidden, proportion, name)


def _reach(surface: DataFrame, budget: float = 100_000) -> dict[str, list[float]]:
    """Least and largest hidden proportion near a budget, by task, any arrangement."""
    grid = surface[surface["design"] == ""]
    near = grid[BUDGET].iloc[np.abs(np.log(grid[BUDGET] / budget)).argmin()]
    ends = grid[grid[BUDGET] == near].groupby("task")[PROPORTION].agg(["min", "max"])
    return {str(task): [row["min"], row["max"]] for task, row in ends.iterrows()}


def _right(rows: DataFrame) -> float:
    """Right edge of the widest network."""
    return float((rows["first column [units]"] + rows["columns [units]"]).max())


def _design_title(name: str, rows: DataFrame) -> str:
    first, weights = rows.iloc[0], rows["weights"].sum()
    return (
        f"{design_label(name)}: H = {first[HIDDEN]}, {weights:,} weights, "
        f"hidden proportion {first[PROPORTION]:.3f}"
    )


def _stack(ax: Axes, shares: DataFrame) -> None:
    """Stacked areas, a block each, named where they are thick enough."""
    hidden = shares.index.to_numpy(float)
    colors = [BLOCK_COLORS[block] for block in shares.columns]
    ax.stackplot(hidden, shares.to_numpy().T, colors=colors, linewidth=0)
    ax.set(xscale="log", xlim=(hidden[0], hidden[-1]), ylim=(0, 100))
    ax.xaxis.set_major_locator(LogLocator(10, numticks=9))
    ax.xaxis.set_minor_locator(NullLocator())
    tops, margin = shares.cumsum(axis=1), len(hidden) // 6
    for block, share in shares.items():
        place = margin + int(share.iloc[margin : len(share) - margin].argmax())
        if share.iloc[place] > 12:
            middle = tops[block].iloc[place] - share.iloc[place] / 2
            ink = BLOCK_INKS[str(block)]
            ax.text(hidden[place], middle, block, color=ink, ha="center", va="center")


def _surface(ax: Axes, table: DataFrame) -> tuple[QuadContourSet, QuadContourSet]:
    grid = table.pivot(index=DENSITY, columns=BUDGET, values=PROPORTION)
    place = (grid.columns.to_numpy(float), grid.index.to_numpy(float))
    values = np.ma.masked_invalid(grid.to_numpy(float))
    ax.set_facecolor("0.85")
    filled = ax.contourf(*place, values, levels=np.linspace(0, 1, 21))
    filled.set_edgecolor("face")
    ax.set(xscale="log", yscale="log")
    inks = ["w", "w", "w", "0.15", "0.15"]
    lines = ax.contour(*place, values, levels=LEVELS, colors=inks, linewidths=0.7)
    ax.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    return filled, lines


def _points(ax: Axes, table: DataFrame) -> None:
    """Named designs as points."""
    look: dict[str, Any] = {"color": "white", "fontweight": "bold"}
    look |= {"fontsize": "small", "textcoords": "offset points"}
    for row in table.to_dict("records"):
        place = (row[BUDGET], row[DENSITY])
        ax.plot(*place, "o", color="white", mec="black", clip_on=False, zorder=5)
        word = DESIGN_LABELS.get(row["design"], row["design"])
        ax.annotate(word, place, (6, -10), **look)
