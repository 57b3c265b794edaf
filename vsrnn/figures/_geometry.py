"""Blocks drawn to scale."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from pandas import DataFrame

from vsrnn.design.geometry import BLOCKS
from vsrnn.plot.labels import BLOCK_COLORS


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
