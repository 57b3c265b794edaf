"""Points in rows: means with intervals, single runs, and bars of shares."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from pandas import DataFrame

from vsrnn.errors import VsrnnError
from vsrnn.plot.axes import name_rows
from vsrnn.plot.labels import GRAY, look
from vsrnn.plot.style import chance_line

Looks = Mapping[Any, Mapping[str, Any]]
DRAWN = "drawn value"
"""Column of what points stand at, where other words say it: it is not told."""

_ROW = "row of the panel"
_NUMBERS = {"orient": "y", "native_scale": True}  # rows at numbers, not categories
_SMALL: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small"}


def dots(
    ax: Axes,
    table: DataFrame,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    *,
    hue: str | None = None,
    order: Sequence[Any] | None = None,
    looks: Looks | None = None,
    named: Callable[[str], str] = str,
    points: str | None = None,
    how: str = "",
    beside: bool = False,
    within: tuple[float, float] = (-np.inf, np.inf),
    chance: float | None = None,
    missing: str = "",
    step: float = 0.24,
    width: float = 1.2,
) -> None:
    """Draw means as markers and their intervals as bars, a row a category.

    Args:
        ax: the axes.
        table: one row a mean; with `points` one row a run, each with its group's mean.
        x: column of the means.
        y: column of the categories; each is a row, named by it.
        low: column of the lower ends; without, no interval is drawn.
        high: column of the upper ends.
        hue: column that tells several means of a category apart; they stand below
            each other in the order of `looks`.
        order: the categories from the top; as they come in the table if absent.
        looks: color, marker and so on by value of `hue` (or `y`), with another color
            of the interval as "bar"; those absent are of `vsrnn.plot.labels.look`.
        named: gives the name of a category at its row.
        points: column of the runs' own values, drawn small above the mean.
        how: format of the mean as a label at its marker; no label if empty.
        beside: whether the label is right of the interval instead of below the mean.
        within: range of the axis; a marker left of it becomes an arrowhead at its end.
        chance: score of a guess, drawn as a line.
        missing: what is written into a row without a mean.
        step: distance of the means of a category, in rows.
        width: of the bars.

    Raises:
        VsrnnError: two different means have the same category and hue.
    """
    order = list(order if order is not None else dict.fromkeys(table[y]))
    hue = hue or y
    levels = list(looks or dict.fromkeys(table[hue]))
    middle = (len(levels) - 1) / 2
    shift = {level: step * (n - middle) for n, level in enumerate(levels)}
    rows = table[y].map({name: n for n, name in enumerate(order)}).astype(float)
    rows = rows if hue == y else rows + table[hue].map(shift).astype(float)
    table = table.assign(**{_ROW: rows})
    for rank, level in enumerate(levels):
        own = table[table[hue] == level]
        shape = {**((looks or {}).get(level) or look(str(level), rank))}
        shape.pop("linestyle", None)
        if points:
            above = own.assign(**{_ROW: own[_ROW] - 0.25})
            small = {"jitter": False, "size": 2.2, "color": shape["color"]}
            sns.stripplot(above, x=points, y=_ROW, ax=ax, **_NUMBERS, **small)
        names = [name for name in (low, x, high) if name]
        means = own[[_ROW, *names]].drop_duplicates().dropna(subset=[x])
        if means[_ROW].duplicated().any():
            raise VsrnnError(f"several values of {x} for one {y} and {hue}: {level}")
        drawn = len(ax.lines)
        _means(ax, means, names, x, within, {"width": width, **shape})
        marks = [line for line in ax.lines[drawn:] if line.get_marker() != "None"]
        if len(marks) == 1:
            rows = own.drop_duplicates([_ROW, x]).dropna(subset=[x]).sort_values(_ROW)
            tell(marks[0], rows.drop(columns=[points] if points else []))
        if how:
            _value_labels(ax, means, names, x, how, beside)
    ax.set(xlabel=x, ylabel="")
    name_rows(ax, map(named, order))
    left = ax.get_xlim()[0] if chance is None else chance
    gray = {**_SMALL, "va": "center", "color": GRAY}
    if chance is not None:
        chance_line(ax, chance, along="y")
        ax.set_ylim(len(order), -0.6)
        ax.annotate("chance", (chance, len(order) - 0.3), (4, 0), **gray)
    known = set(table.loc[table[x].notna(), y])
    for row, name in enumerate(order if missing else ()):
        if name not in known:
            ax.annotate(missing, (left, row), (6, 0), **gray)


def _means(
    ax: Axes, means: DataFrame, names: list[str], x: str, within: tuple, shape: dict
) -> None:
    """Markers and bars of one look; the ends of each row come in order."""
    bars = {"linewidth": shape.pop("width"), "alpha": shape.get("alpha"), "zorder": 1.9}
    bars["color"] = shape.pop("bar", shape["color"])
    how: dict[str, Any] = {
        "estimator": lambda values: values.iloc[len(values) // 2],
        "errorbar": lambda values: (values.iloc[0], values.iloc[-1]),
        **{"linestyle": "none", "markersize": 6, "markeredgewidth": 1, "err_kws": bars},
    }
    arrow = {"marker": "<", "clip_on": False}
    for outside, rows in means.groupby(means[x] < within[0]):
        long = rows.astype(float).melt(_ROW, names, value_name=DRAWN)
        long[DRAWN] = long[DRAWN].clip(*within)
        mark = {**how, **shape, **(arrow if outside else {})}
        sns.pointplot(long, x=DRAWN, y=_ROW, ax=ax, **_NUMBERS, **mark)


def _value_labels(
    ax: Axes, means: DataFrame, names: list[str], x: str, how: str, beside: bool
) -> None:
    where: dict[str, Any] = {"xytext": (0, -6), "ha": "center", "va": "top"}
    if beside:
        where = {"xytext": (6, 0), "ha": "left", "va": "center"}
    for row in means.to_dict("records"):
        end = np.nanmax([row[name] for name in names]) if beside else row[x]
        ax.annotate(f"{row[x]:{how}}", (end, row[_ROW]), **where, **_SMALL)


def strip(
    ax: Axes,
    table: DataFrame,
    x: str,
    y: str,
    *,
    hue: str,
    looks: Looks,
    order: Sequence[Any] = (),
) -> None:
    """Draw single values as points, a row a category, spread over its height.

    Columns, looks and order are as for `dots`.
    """
    order = list(order or dict.fromkeys(table[y]))
    count, place = table.groupby(y)[y].transform("size"), table.groupby(y).cumcount()
    rows = table[y].map(order.index)
    spread = rows - 0.3 + 0.6 * (place + 1) / (count + 1)
    for level, shape in looks.items():
        chosen = table[hue] == level
        cloud(ax, table.loc[chosen, x], spread[chosen], shape)
    ax.set(xlabel=x, ylabel="")
    name_rows(ax, map(str, order))


def tell(artist: Artist, table: DataFrame) -> None:
    """Let each point tell its row of a table, where an SVG file of it is read.

    The rows come in the order of the points. What they tell is the artist's id until
    `vsrnn.plot.save` gives each point its own.
    """
    artist.set_gid(json.dumps([_words(row) for row in table.to_dict("records")]))


def _words(row: Mapping[Any, Any]) -> str:
    """A row as lines: the name of each column, its value and unit."""
    lines = []
    for name, value in row.items():
        plain, _, unit = str(name).rstrip("]").partition(" [")
        if isinstance(value, (float, np.floating)):
            value = f"{value:.4g}" if np.isfinite(value) else ""
        if isinstance(value, (bool, np.bool_)):
            value = "yes" if value else "no"
        if value not in ("", None) and name not in (_ROW, DRAWN):
            unit = f" {unit}" if unit and unit != "fraction" else ""
            lines.append(f"{plain}: {value}{unit}")
    return "\n".join(lines)


def cloud(ax: Axes, x: ArrayLike, y: ArrayLike, shape: Mapping[str, Any]) -> None:
    """Draw a scatter plot in one look, given as for lines: color, marker and so on."""
    shape = {"marker": "o", "markersize": 4, **shape}
    face = shape.pop("markerfacecolor", None)
    thin = shape["marker"] == "x" or face is not None
    size = shape.pop("markersize") ** 2
    shape.pop("linestyle", None)
    sns.scatterplot(x=x, y=y, s=size, linewidth=int(thin), legend=False, ax=ax, **shape)
    if face is not None and len(ax.collections):
        ax.collections[-1].set(facecolor=face, edgecolor=shape["color"])


def share_colors(shares: ArrayLike) -> list[Any]:
    """Colors of hidden proportions, the larger the brighter; white where unknown."""
    values = np.asarray(shares, float)
    shades, most = colormaps["cividis"], np.nanmax(values)
    return [shades(v / most) if np.isfinite(v) else "white" for v in values]


def share_column(ax: Axes, shares: ArrayLike) -> None:
    """Draw hidden proportions as bars with their numbers, a row a design, or nan.

    The axes are narrow, right of those whose rows are the designs.
    """
    values = np.asarray(shares, float)
    lengths, rows = np.nan_to_num(values / np.nanmax(values)), range(len(values))
    colors = {"hue": rows, "palette": share_colors(values), "saturation": 1}
    bar = {**_NUMBERS, **colors, "width": 0.7, "legend": False}
    sns.barplot(x=lengths, y=rows, ax=ax, **bar)
    for row, value in enumerate(values):
        text = f"{value:.3f}" if np.isfinite(value) else "none"
        ax.text(2.05, row, text, ha="right", va="center", fontsize="small")
    ax.set(xlabel="hidden\nproportion", ylabel="", xlim=(0, 2.1), xticks=[])
    ax.tick_params(left=False)
    ax.spines[["left", "bottom"]].set_visible(False)
