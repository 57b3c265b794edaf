"""Lines with bands, scatter plots and heat maps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from pandas import DataFrame

from vsrnn.plot.labels import BLUE, GRAY, look
from vsrnn.plot.points import Looks, cloud, tell
from vsrnn.plot.style import chance_line, label_ends

_AS_IS: dict[str, Any] = {"estimator": None, "legend": False}  # no mean, no legend


def lines(
    ax: Axes,
    table: DataFrame,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    *,
    hue: str,
    looks: Looks | None = None,
    named: Callable[[str], str] | None = None,
    bars: bool = False,
    chance: float | None = None,
) -> None:
    """Draw a line for each value of the column `hue`, a point a row, with intervals.

    Columns, looks and chance are as for `vsrnn.plot.points.dots`. Intervals are bands,
    or `bars` side by side at each point; `named` gives the name where a line ends.
    """
    groups = list(table.groupby(hue, sort=False))
    ends: list[tuple[str, float, str]] = []
    for rank, (level, own) in enumerate(groups):
        shape = {**((looks or {}).get(level) or look(str(level), rank))}
        place, height = own[x].to_numpy(float), own[y].to_numpy(float)
        color, every = str(shape["color"]), max(1, len(own) // 6)
        if bars:  # the middle one in its place
            place = place * 1.03 ** (rank - len(groups) // 2)
        shape = {"markevery": every, "markeredgecolor": color, **shape}
        sns.lineplot(x=place, y=height, ax=ax, **_AS_IS, **shape)
        if low and bars:
            ax.vlines(place, own[low], own[high], color=color, linewidth=1)
        elif low:
            band: dict[str, Any] = {"color": color, "alpha": 0.15, "linewidth": 0}
            ax.fill_between(place, own[low], own[high], **band)
        if named:
            ends.append((named(str(level)), height[-1], color))
    if chance is not None:
        chance_line(ax, chance)
        ends += [("chance", chance, GRAY)] if named else []
    ax.set(xlabel=x, ylabel=y)
    if ends:
        label_ends(ax, *zip(*ends, strict=True))


def scatter(
    ax: Axes,
    table: DataFrame,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    *,
    hue: str | None = None,
    looks: Looks | None = None,
    norm: Normalize | None = None,
    **marks: Any,
) -> None:
    """Draw a point a row, in one look, in a look a group, or colored by a number.

    Columns and looks are as for `lines`. With `norm`, the scale of the colors, `hue` is
    a number. More of the looks, for instance alpha, goes to all points; with `norm` it
    is of `seaborn.scatterplot`.
    """
    if norm is not None:
        colors = {"hue": hue, "hue_norm": norm, "palette": "cividis", "legend": False}
        rim = {"s": 18, "edgecolor": "0.2", "linewidth": 0.3, **marks}
        sns.scatterplot(table, x=x, y=y, ax=ax, **colors, **rim)
        tell(ax.collections[-1], table)
        return
    for level, shape in (looks or {None: {"color": BLUE}}).items():
        own = table if level is None else table[table[hue] == level]
        if low and len(own):
            bar: dict[str, Any] = {"color": shape["color"], "alpha": 0.5}
            ax.vlines(own[x], own[low], own[high], linewidth=0.7, **bar)
        cloud(ax, own[x], own[y], {**shape, **marks})
        if len(own):
            tell(ax.collections[-1], own)
    ax.set(xlabel=x, ylabel=y)


def heat(ax: Axes, table: DataFrame, rows: str, columns: str, value: str) -> None:
    """Draw numbers, a row of the table each, as colored cells from 0 upwards.

    Two columns of the table name the rows and columns of cells, in the order wanted;
    cells without a number stay empty.
    """
    orders = [list(dict.fromkeys(table[name])) for name in (columns, rows)]
    grid = table.pivot(index=rows, columns=columns, values=value)
    grid = grid.loc[orders[1], orders[0]].astype(float)
    colors = {"vmin": 0, "cmap": "cividis", "cbar": False}
    words = {"annot": True, "fmt": ".0f", "annot_kws": {"fontsize": "x-small"}}
    sns.heatmap(grid, square=True, ax=ax, **colors, **words)
    across, down = ([str(name).replace("_", " ") for name in names] for names in orders)
    ax.set_xticks(np.arange(len(across)) + 0.5, across, rotation=45, ha="right")
    ax.set_yticks(np.arange(len(down)) + 0.5, down, rotation=0)
    ax.tick_params(length=0)
