"""Panels of a figure, their scales and names, and what stands below them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from pandas import DataFrame

SQRT = "hidden proportion (square root scale)"
"""Label of an axis as `proportion_axis` makes it."""


def panels(
    figure: Figure, number: int, columns: int | None = None, **shared: Any
) -> list[Axes]:
    """So many panels in rows, or side by side; what the last row lacks is left empty.

    More arguments, for instance sharex, are those of `Figure.subplots`.

    >>> [ax.get_subplotspec().colspan.start for ax in panels(Figure(), 3, 2)]
    [0, 1, 0]
    """
    columns = min(columns or number, number)
    rows = math.ceil(number / columns)
    axes = figure.subplots(rows, columns, squeeze=False, **shared).ravel()
    for ax in axes[number:]:
        ax.remove()
    for ax in axes[number - columns : number]:  # the lowest of each column
        ax.xaxis.set_tick_params(labelbottom=True)
    return list(axes[:number])


def each_panel(
    figure: Figure, table: DataFrame, by: str, columns: int | None = None, **shared: Any
) -> Iterator[tuple[Axes, DataFrame]]:
    """A panel for each value of a column, with the rows that go there.

    Args:
        figure: an empty figure.
        table: the rows; panels are in the order of their first rows.
        by: the column.
        columns: panels in a row; all of them side by side if absent.
        **shared: as `panels`.
    """
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
    ax.set_xscale("function", functions=(_root, _square))
    ticks = [0, 0.02, 0.1, 0.2, 0.4, 0.6, 0.8, 1] if panels < 3 else [0, 0.1, 0.4, 1]
    ax.set_xlim(0, 1)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _root(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.sqrt(np.abs(x))


def _square(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.square(x)


def log_ticks(ax: Axes, values: Iterable[float], unit: float = 1) -> None:
    """Make the x axis logarithmic, with a tick at each value, written in a unit."""
    ticks = sorted(set(values))
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick / unit:g}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())


def plain_numbers(ax: Axes, axes: str = "x") -> None:
    """Write numbers on logarithmic axes ("x", "y" or "xy") out, as many as fit."""
    for axis in (getattr(ax, f"{name}axis") for name in axes):
        low, high = axis.get_view_interval()
        decades = math.log10(high / low)
        fine = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.8 else (1, 2, 5)
        subs = fine if decades < 1.5 else (1, 3) if decades < 2.5 else (1,)
        axis.set_major_locator(LogLocator(subs=subs, numticks=20))
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
        axis.set_minor_locator(NullLocator())


def plain(value: float) -> str:
    """A number as it is written on an axis.

    >>> plain(1_500_000), plain(20_000), plain(0.05)
    ('1.5M', '20,000', '0.05')
    """
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def legend(
    figure: Figure, looks: Mapping[str, Mapping[str, Any]], columns: int = 3
) -> None:
    """Name lines and markers below a figure: their looks by their words."""
    handles = [Line2D([], [], label=words, **look) for words, look in looks.items()]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def note(ax: Axes, words: str) -> None:
    """Write gray words into the middle of a panel."""
    look: dict[str, Any] = {"color": "0.45", "ha": "center", "va": "center"}
    ax.text(0.5, 0.5, words, transform=ax.transAxes, **look)
