"""The six blocks of a network, drawn to scale: equal areas are equal entries."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from pandas import DataFrame

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.plot.axes import legend_below
from vsrnn.plot.labels import BLOCK_COLORS
from vsrnn.plot.style import is_narrow

PLACE = (
    *("block", "first row [units]", "first column [units]", "rows [units]"),
    *("columns [units]", "density [fraction]", "weights"),
)
"""Columns of the tables that are drawn: where each block lies, how dense it is."""

BLOCK_INKS = {b: "white" if b in ("hx", "hh", "yh") else "0.15" for b in BLOCKS}
"""Color of words that are legible on the color of a block."""

_READABLE = 120
"""Side [units] from which a block has room for its name, on the web."""


def block_places(geometry: Geometry) -> DataFrame:
    """Where each block lies in a network's matrix: columns of `PLACE`, one row a block.

    Rows are what is computed, hidden units above outputs; columns are what is read,
    inputs, hidden units and outputs, from left to right. Weights are the expected
    number, rounded.
    """
    top = {"h": 0, "y": geometry.hidden}
    left = {"x": 0, "h": geometry.inputs, "y": geometry.inputs + geometry.hidden}
    shapes, counts = geometry.shapes, geometry.block_weights
    rows = [
        (b, top[b[0]], left[b[1]], *shapes[b], density, round(counts[b]))
        for b, density in zip(BLOCKS, geometry.density, strict=True)
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

    The table has a row a block with the columns of `PLACE`; left and top edge go where
    they are given, and the scale is the length of a unit. The y axis points down, see
    `to_scale`. Names can have the block's density beside them.
    """
    least = _READABLE * (1.5 if is_narrow(ax.get_figure(root=True)) else 1)
    for block, row, column, rows, columns, density, _ in table[[*PLACE]].to_numpy():
        x, y = left + scale * column, top + scale * row
        width, height, alpha = scale * columns, scale * rows, density**0.6
        look = {"color": BLOCK_COLORS[block], "linewidth": 0, "alpha": alpha}
        ax.add_patch(Rectangle((x, y), width, height, **look))
        if min(width, height) > least:
            ink = BLOCK_INKS[block] if alpha > 0.6 else "black"
            gap = " " if width > 3 * height else "\n"
            name = f"{block}{gap}{density:g}" if densities else block
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
    """Name the blocks and their colors below a figure; a note goes into the title."""
    parts = {"x": "input", "h": "hidden", "y": "output"}
    handles = [
        Patch(facecolor=color, label=f"{b}  {parts[b[0]]} reads {parts[b[1]]}")
        for b, color in BLOCK_COLORS.items()
    ]
    title = f"block{note}" if note else None
    legend_below(figure, handles, 3, title=title)
