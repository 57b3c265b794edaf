"""Figures of where the weights lie: drawings to scale, shares, and a surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import LogLocator, NullLocator
from pandas import DataFrame

from vsrnn.analysis._labels import DESIGN_LABELS, TASK_LABELS, design_label
from vsrnn.design.geometry import BLOCKS
from vsrnn.plot.style import (
    BLOCK_COLORS,
    drawing,
)


def weight_share(table: DataFrame, style: str = "web") -> Figure:
    """Stack the share of weights in each block against the hidden size, by task.

    Args:
        table: as `vsrnn.analysis.weight_share` gives it.
        style: "web" or "manuscript".

    >>> from vsrnn import analysis
    >>> figure = weight_share(analysis.weight_share([10, 100, 1000]))
    >>> [axes.get_title(loc="left") for axes in figure.axes][:2]
    ['Random Anomaly', 'Hammer']
    """
    tasks = list(table["task"].unique())
    with drawing(style, 0.42) as figure:
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for ax, task in zip(panels, tasks, strict=True):
            shares = table[table["task"] == task].pivot(
                index="hidden [units]", columns="block", values="weight share [%]"
            )[list(BLOCKS)]
            _stack(ax, shares)
            ax.set_title(TASK_LABELS.get(task, task))
            ax.set_xlabel("hidden size [units]", fontsize="small")
        panels[0].set_ylabel("share of weights [%]")
        _block_legend(figure)
    return figure


def dense_layout(table: DataFrame, style: str = "web") -> Figure:
    """Draw the blocks of dense networks to one scale: equal area, equal weights.

    Args:
        table: as `vsrnn.analysis.dense_layout` gives it.
        style: "web" or "manuscript".

    >>> from vsrnn import analysis
    >>> len(dense_layout(analysis.dense_layout([30], ["rad"])).axes)
    1
    """
    tasks = list(table["task"].unique())
    sizes = list(table["hidden [units]"].unique())
    with drawing(style, 0.42) as figure:
        ax = figure.subplots()
        left = 0.0
        for task in tasks:
            chosen = table[table["task"] == task]
            width = (chosen["first column [units]"] + chosen["columns [units]"]).max()
            ax.text(left, -60, TASK_LABELS.get(task, task), va="bottom")
            top = 0.0
            for size in sizes:
                blocks = chosen[chosen["hidden [units]"] == size]
                _matrix(ax, blocks, left, top)
                if task == tasks[0]:
                    _row_name(ax, f"H = {size:,}", top + size / 2)
                top += size + 160
            left += width + 350
        _scale_bar(ax, 0, top + 20)
        _bare(ax, left - 350, top + 130)
        _block_legend(figure)
    return figure


def design_layout(table: DataFrame, style: str = "web") -> Figure:
    """Draw the blocks of named designs to one scale, inked as densely as they are.

    Args:
        table: as `vsrnn.analysis.design_layout` gives it.
        style: "web" or "manuscript".

    >>> from vsrnn import analysis
    >>> len(design_layout(analysis.design_layout(["balanced_0"])).axes)
    1
    """
    with drawing(style, 0.4) as figure:
        ax = figure.subplots()
        top = 0.0
        for name, blocks in table.groupby("design", sort=False):
            _matrix(ax, blocks, 0, top)
            ax.text(0, top - 25, _design_title(str(name), blocks), va="bottom")
            top += blocks["rows [units]"].iloc[[0, 3]].sum() + 190
        width = (table["first column [units]"] + table["columns [units]"]).max()
        _scale_bar(ax, 0, top - 110)
        _bare(ax, width, top)
        ax.set_ylim(top - 20, -110)
        _block_legend(figure, "; the paler, the sparser")
    return figure


def proportion_surface(table: DataFrame, style: str = "web") -> Figure:
    """Map the hidden proportion over density and budget, by task and arrangement.

    Args:
        table: as `vsrnn.analysis.proportion_surface` gives it.
        style: "web" or "manuscript".

    >>> from vsrnn import analysis
    >>> figure = proportion_surface(analysis.proportion_surface(steps=9))
    >>> figure.axes[0].get_ylabel()
    'density of the sparse blocks'
    """
    tasks = list(table["task"].unique())
    arrangements = list(table["arrangement"].unique())
    with drawing(style, 0.8) as figure:
        shape = (len(tasks), len(arrangements))
        axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
        for task, row in zip(tasks, axes, strict=True):
            for arrangement, ax in zip(arrangements, row, strict=True):
                here = (table["task"] == task) & (table["arrangement"] == arrangement)
                filled, lines = _surface(ax, table[here & (table["design"] == "")])
                _points(ax, table[here & (table["design"] != "")])
                title = f"{TASK_LABELS.get(task, task)}\n{arrangement}"
                ax.set_title(title, fontsize="small")
            row[0].set_ylabel("density of the sparse blocks")
        for ax in axes[-1]:
            ax.set_xlabel("budget [weights]")
        bar = figure.colorbar(filled, ax=axes, shrink=0.6, aspect=30)
        bar.set_label("hidden proportion")
        bar.add_lines(lines)
        bar.set_ticks([0, *_LEVELS, 1])
    return figure


def _stack(ax: Axes, shares: DataFrame) -> None:
    sizes = shares.index.to_numpy(float)
    colors = [BLOCK_COLORS[block] for block in shares.columns]
    ax.stackplot(sizes, shares.to_numpy().T, colors=colors, linewidth=0)
    ax.set(xscale="log", xlim=(sizes[0], sizes[-1]), ylim=(0, 100))
    ax.xaxis.set_major_locator(LogLocator(10, numticks=9))
    ax.xaxis.set_minor_locator(NullLocator())
    tops = shares.to_numpy().cumsum(axis=1)
    for number, block in enumerate(shares.columns):
        share = shares[block].to_numpy()
        inner = slice(len(sizes) // 6, len(sizes) - len(sizes) // 6)
        place = inner.start + int(share[inner].argmax())
        if share[place] > 12:
            height = tops[place, number] - share[place] / 2
            ax.text(
                *(sizes[place], height, block),
                color=_ink(block),
                ha="center",
                va="center",
            )


def _ink(block: str) -> str:
    return "white" if block in ("hx", "hh", "yh") else "black"


def _matrix(ax: Axes, blocks: DataFrame, left: float, top: float) -> None:
    """One network's blocks, paler where sparser, with names where they fit."""
    for row in blocks.to_dict("records"):
        corner = (left + row["first column [units]"], top + row["first row [units]"])
        width, height = row["columns [units]"], row["rows [units]"]
        color = BLOCK_COLORS[row["block"]]
        alpha = row["density [fraction]"] ** 0.6
        ax.add_patch(Rectangle(corner, width, height, color=color, lw=0, alpha=alpha))
        if min(width, height) > 120:
            ink = _ink(row["block"]) if alpha > 0.6 else "black"
            middle = (corner[0] + width / 2, corner[1] + height / 2)
            ax.text(*middle, _block_name(row), color=ink, ha="center", va="center")


def _block_name(row: dict) -> str:
    """The block, with its density where densities differ between the drawings."""
    if "design" not in row:
        return str(row["block"])
    gap = " " if row["columns [units]"] > 3 * row["rows [units]"] else "\n"
    return f"{row['block']}{gap}{row['density [fraction]']:g}"


def _row_name(ax: Axes, text: str, height: float) -> None:
    ax.text(-80, height, text, ha="right", va="center", fontsize="small")


def _scale_bar(ax: Axes, left: float, height: float, length: int = 500) -> None:
    ax.plot([left, left + length], [height, height], color="black", lw=1.5)
    ax.text(
        *(left + length + 40, height, f"{length} units, the same across and down"),
        va="center",
        fontsize="small",
    )


def _bare(ax: Axes, width: float, height: float) -> None:
    ax.set(xlim=(0, width), ylim=(height, -170), aspect="equal")
    ax.set_axis_off()


def _block_legend(figure: Figure, note: str = "") -> None:
    reads = {"x": "input", "h": "hidden", "y": "output"}
    handles: Sequence[Patch] = [
        Patch(
            facecolor=BLOCK_COLORS[block],
            label=f"{block}  {reads[block[0]]} reads {reads[block[1]]}",
        )
        for block in BLOCKS
    ]
    title = f"block{note}" if note else None
    figure.legend(handles=handles, loc="outside lower center", ncols=3, title=title)


def _design_title(name: str, blocks: DataFrame) -> str:
    hidden = int(blocks["hidden [units]"].iloc[0])
    proportion = blocks["hidden proportion [fraction]"].iloc[0]
    weights = blocks["weights"].sum()
    return (
        f"{design_label(name)}: H = {hidden}, {weights:,} weights, "
        f"hidden proportion {proportion:.3f}"
    )


_LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


def _surface(ax: Axes, table: DataFrame) -> tuple[QuadContourSet, QuadContourSet]:
    grid = table.pivot(
        index="density [fraction]",
        columns="budget [weights]",
        values="hidden proportion [fraction]",
    )
    place = (grid.columns.to_numpy(float), grid.index.to_numpy(float))
    values = np.ma.masked_invalid(grid.to_numpy(float))
    ax.set_facecolor("0.85")
    filled = ax.contourf(*place, values, levels=np.linspace(0, 1, 21))
    filled.set_edgecolor("face")
    ax.set(xscale="log", yscale="log")
    inks = ["w", "w", "w", "k", "k"]
    lines = ax.contour(*place, values, levels=_LEVELS, colors=inks, linewidths=0.7)
    ax.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    return filled, lines


def _points(ax: Axes, table: DataFrame) -> None:
    for row in table.to_dict("records"):
        place = (row["budget [weights]"], row["density [fraction]"])
        ax.plot(*place, "o", color="white", mec="black", clip_on=False, zorder=5)
        ax.annotate(
            DESIGN_LABELS.get(row["design"], row["design"]),
            place,
            xytext=(6, -10),
            textcoords="offset points",
            fontsize="small",
            color="white",
            fontweight="bold",
        )
