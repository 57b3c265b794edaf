"""Panels of a figure, their scales and names, and what stands below them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from pandas import DataFrame

from vsrnn.plot.labels import GRAY
from vsrnn.plot.style import is_narrow

SQRT = "hidden proportion (square root scale)"
"""Label of an axis as `proportion_axis` makes it."""


def panels(
    figure: Figure, number: int, columns: int | None = None, **shared: Any
) -> list[Axes]:
    """So many panels in rows, or side by side; what the last row lacks is left empty.

    On a phone a row has half as many. More arguments, for instance sharex, are those of
    `Figure.subplots`.
    """
    wide = min(columns or number, number)
    columns = max(1, wide // 2) if is_narrow(figure) else wide
    rows = math.ceil(number / columns)
    if columns < wide:
        _grow(figure, rows / math.ceil(number / wide))
        shared.pop("width_ratios", None)
    axes = figure.subplots(rows, columns, squeeze=False, **shared).ravel()
    for ax in axes[number:]:
        ax.remove()
    for ax in axes[number - columns : number]:  # the lowest of each column
        ax.xaxis.set_tick_params(labelbottom=True)
    return list(axes[:number])


def grid(
    figure: Figure,
    rows: int,
    columns: int,
    share: Mapping[str, str],
    heights: Sequence[float] | None = None,
) -> np.ndarray:
    """Panels in rows and columns, which share axes; on a phone in bands.

    A band has all rows of half the columns, and stands above the next one.

    Args:
        figure: an empty figure.
        rows: number of rows.
        columns: number of columns.
        share: for x and y, whether panels of a "row", a "col" or "all" share that axis.
        heights: of the rows, relative to each other.
    """
    named: dict[str, Any] = {f"share{x}": how for x, how in share.items()}
    if not is_narrow(figure):
        named |= {"squeeze": False, "height_ratios": heights}
        return figure.subplots(rows, columns, **named)
    wide = max(1, columns // 2)
    bands = math.ceil(columns / wide)
    _grow(figure, bands)
    outer = figure.add_gridspec(bands, 1)
    ratios = {"height_ratios": heights}
    inner = [outer[n].subgridspec(rows, wide, **ratios) for n in range(bands)]
    axes = np.empty((rows, columns), object)
    for row, column in np.ndindex(rows, columns):
        first = {"row": axes[row, 0], "col": axes[0, column], "all": axes[0, 0]}
        shared = {name: first[how] for name, how in named.items()}
        band, place = divmod(column, wide)
        axes[row, column] = figure.add_subplot(inner[band][row, place], **shared)
    return axes


def _grow(figure: Figure, factor: float) -> None:
    figure.set_figheight(factor * figure.get_figheight())


def each_panel(
    figure: Figure, table: DataFrame, by: str, columns: int | None = None, **shared: Any
) -> Iterator[tuple[Axes, DataFrame]]:
    """One of the `panels` for each value of a column, with the rows that go there."""
    groups = [rows for _, rows in table.groupby(by, sort=False)]
    yield from zip(panels(figure, len(groups), columns, **shared), groups, strict=True)


def name_rows(ax: Axes, names: Iterable[str]) -> None:
    """Name the rows 0, 1, 2 and so on from the top down; a pale line through each."""
    names = list(names)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color="0.92", linewidth=0.8)


def proportion_axis(ax: Axes, panels: int = 2) -> None:
    """Give hidden proportions on the x axis a square root scale: most are small.

    Where three or more panels stand side by side there is room for few ticks.
    """
    signed = [lambda x, f=f: np.sign(x) * f(np.abs(x)) for f in (np.sqrt, np.square)]
    ax.set_xscale("function", functions=signed)
    ticks = [0, 0.02, 0.1, 0.2, 0.4, 0.6, 0.8, 1] if panels < 3 else [0, 0.1, 0.4, 1]
    ax.set_xlim(0, 1)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def log_ticks(ax: Axes, values: Iterable[float], unit: float = 1) -> None:
    """Make the x axis logarithmic, with a tick at each value, written in a unit."""
    ticks = sorted(set(values))
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick / unit:g}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())


def plain_numbers(ax: Axes, axes: str = "x") -> None:
    """Write numbers on logarithmic axes ("x", "y" or "xy") out, as many as fit."""

    def plain(value: float, _: int) -> str:
        return f"{value / 1e6:g}M" if value >= 1e6 else f"{value:,g}"

    for axis in (getattr(ax, f"{name}axis") for name in axes):
        low, high = axis.get_view_interval()
        decades = math.log10(high / low)
        fine = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.8 else (1, 2, 5)
        subs = fine if decades < 1.5 else (1, 3) if decades < 2.5 else (1,)
        axis.set_major_locator(LogLocator(subs=subs, numticks=20))
        axis.set_major_formatter(FuncFormatter(plain))
        axis.set_minor_locator(NullLocator())


def legend(
    figure: Figure, looks: Mapping[str, Mapping[str, Any]], columns: int = 3
) -> None:
    """Name lines and markers below a figure: their looks by their words."""
    handles = [Line2D([], [], label=words, **look) for words, look in looks.items()]
    if handles:
        legend_below(figure, handles, columns)


def legend_below(
    figure: Figure, handles: Sequence[Artist], columns: int, **given: Any
) -> None:
    """Put a legend below a figure; on a phone it has as many columns as fit."""
    if is_narrow(figure):
        longest = max(len(str(each.get_label())) for each in handles)
        columns = max(1, min(columns, 50 // (longest + 8)))
    given |= {"loc": "outside lower center", "ncols": columns}
    figure.legend(handles=handles, **given)


def note(ax: Axes, words: str) -> None:
    """Write gray words into the middle of a panel."""
    place: dict[str, Any] = {"transform": ax.transAxes, "ha": "center", "va": "center"}
    ax.text(0.5, 0.5, words, color=GRAY, **place)


def images(figure: Figure, pictures: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Draw rows of pictures, none longer than the first; the axes, (rows, columns).

    Each picture is (height, width) in gray levels 0..255 or (height, width, 3) uint8.
    """
    axes = figure.subplots(len(pictures), len(pictures[0]), squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for line, row in zip(axes, pictures, strict=True):
        for ax, picture in zip(line, row, strict=False):
            smooth = "nearest" if picture.ndim == 2 else "none"
            ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation=smooth)
    return axes
