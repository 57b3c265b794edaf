"""The six blocks of a network, drawn to scale: equal areas are equal entries."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from pandas import DataFrame

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.plot.labels import BLOCK_COLORS

PLACE = (
    "block",
    "first row [units]",
    "first column [units]",
    "rows [units]",
    "columns [units]",
    "density [fraction]",
    "weights",
)
"""Columns of the tables that are drawn: where each block lies, how dense it is."""

BLOCK_INKS = dict.fromkeys(BLOCKS, "black") | {
    "hx": "white",
    "hh": "white",
    "yh": "white",
}
"""Color of words that are legible on the color of a block."""

_READABLE = 120
"""Side [units] from which a block has room for its name."""


def block_places(geometry: Geometry) -> DataFrame:
    """Where each block lies in a network's matrix, one row a block.

    Rows are what is computed, hidden units above outputs; columns are what is read,
    inputs, hidden units and outputs, from left to right.

    Args:
        geometry: sizes and densities.

    Returns:
        The columns of `PLACE`; weights are the expected number, rounded.

    >>> places = block_places(Geometry(2500, 30, 10, 1)).set_index("block")
    >>> int(places.loc["hh", "first column [units]"])
    2500
    """
    top = {"h": 0, "y": geometry.hidden}
    left = {"x": 0, "h": geometry.inputs, "y": geometry.inputs + geometry.hidden}
    rows = [
        (block, top[block[0]], left[block[1]], *shape, density, round(weights))
        for (block, shape), density, weights in zip(
            geometry.shapes.items(),
            geometry.density,
            geometry.block_weights.values(),
            strict=True,
        )
    ]
    return DataFrame(rows, columns=PLACE)


def blocks(
    ax: Axes,
    table: DataFrame,
    left: float = 0.0,
    top: float = 0.0,
    scale: float = 1.0,
    densities: bool = False,
) -> None:
    """Draw one network's blocks to scale, paler where sparser, named where they fit.

    Args:
        ax: axes whose y axis points down, see `to_scale`.
        table: one row a block with the columns of `PLACE`.
        left: where the left edge goes.
        top: where the upper edge goes.
        scale: length of a unit.
        densities: whether each name has the block's density beside it.
    """
    for row in table.to_dict("records"):
        x = left + scale * row["first column [units]"]
        y = top + scale * row["first row [units]"]
        width, height = scale * row["columns [units]"], scale * row["rows [units]"]
        alpha = row["density [fraction]"] ** 0.6
        color = BLOCK_COLORS[row["block"]]
        ax.add_patch(Rectangle((x, y), width, height, color=color, lw=0, alpha=alpha))
        if min(width, height) > _READABLE:
            ink = BLOCK_INKS[row["block"]] if alpha > 0.6 else "black"
            name = row["block"]
            if densities:
                gap = " " if width > 3 * height else "\n"
                name += f"{gap}{row['density [fraction]']:g}"
            middle = (x + width / 2, y + height / 2)
            ax.text(*middle, name, color=ink, ha="center", va="center")


def scale_bar(ax: Axes, left: float, top: float, length: float, words: str) -> None:
    """Draw a line of a length [drawn units], with words right of it."""
    ax.plot([left, left + length], [top, top], color="black", lw=1.5)
    ax.text(left + length + 40, top, words, va="center", fontsize="small")


def to_scale(ax: Axes, width: float, top: float, bottom: float) -> None:
    """Give both directions one scale, with y pointing down, and hide the axes."""
    ax.set(xlim=(0, width), ylim=(bottom, top), aspect="equal")
    ax.set_axis_off()


def block_legend(figure: Figure, note: str = "") -> None:
    """Name the blocks and their colors below a figure.

    Args:
        figure: where the legend goes.
        note: what the title says beside "block"; no title if empty.
    """
    reads = {"x": "input", "h": "hidden", "y": "output"}
    handles = [
        Patch(
            facecolor=BLOCK_COLORS[block],
            label=f"{block}  {reads[block[0]]} reads {reads[block[1]]}",
        )
        for block in BLOCKS
    ]
    title = f"block{note}" if note else None
    figure.legend(handles=handles, loc="outside lower center", ncols=3, title=title)
