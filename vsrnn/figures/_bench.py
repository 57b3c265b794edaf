"""Figures of speed: rates, ratios, memory and the growth of cost, as measured."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from pandas import DataFrame

from vsrnn.analysis._bench import BOUNDS, GROWTH, HIGH, LOW, MEMORY, RATE, TIME, WAYS
from vsrnn.analysis._found_bench import SPEED_LABELS
from vsrnn.analysis._labels import TASK_LABELS
from vsrnn.plot.style import DESIGN_LOOKS, GRAY, drawing

_LOOKS = {
    "balanced_0": DESIGN_LOOKS["balanced_0"],
    "000000_": DESIGN_LOOKS["000000_"],
    "111111_": DESIGN_LOOKS["111111_"],
    "10AH00": DESIGN_LOOKS["000000_"],
    "10AH12": DESIGN_LOOKS["111111_"],
    "mixed": ("#000000", "*", "-"),
}
"""Color and marker of designs: one for an arrangement, whatever the task."""

_LINES: dict[str, dict[str, Any]] = {
    "single": {"color": "#0072B2", "marker": "o"},
    "many": {"color": "#009E73", "marker": "s"},
    "masked": {"color": "#D55E00", "marker": "^", "linestyle": "--"},
    "rnn": {"color": "#000000", "marker": "v", "linestyle": ":"},
    "rnn_same_size": {"color": "#000000", "marker": "v", "linestyle": ":"},
}


def speed(table: DataFrame, style: str = "web") -> Figure:
    """Sequences a second of each way to train, a panel for each task and batch.

    Args:
        table: as `vsrnn.analysis.speed` gives it.
        style: "web" or "manuscript".
    """
    values = {"value": RATE, "low": LOW, "high": HIGH}
    bounds = dict(zip(BOUNDS.values(), ("--", ":"), strict=True))
    return _by_task(table, style, "way", values, bounds)


def speed_ratio(table: DataFrame, style: str = "web") -> Figure:
    """Times as fast as each baseline, one model and many, for each task and batch.

    Args:
        table: as `vsrnn.analysis.speed_ratio` gives it.
        style: "web" or "manuscript".
    """
    values = {"value": "ratio", "low": "low", "high": "high"}
    return _by_task(table, style, "baseline", values)


def speed_memory(table: DataFrame, style: str = "web") -> Figure:
    """Peak memory that training takes beyond data and libraries, by task and batch.

    Args:
        table: as `vsrnn.analysis.speed_memory` gives it.
        style: "web" or "manuscript".
    """
    values = dict.fromkeys(("value", "low", "high"), MEMORY)
    return _by_task(table, style, "way", values)


def speed_growth(table: DataFrame, style: str = "web") -> Figure:
    """Time for a sequence against weights, density, time steps and number of models.

    Args:
        table: as `vsrnn.analysis.speed_growth` gives it.
        style: "web" or "manuscript".
    """
    with drawing(style, 0.75) as figure:
        axes = figure.subplots(2, 2).flat
        ways: dict[str, Line2D] = {}
        for ax, study in zip(axes, GROWTH.values(), strict=True):
            ax.set(xlabel=study, ylabel=TIME, xscale="log", yscale="log")
            for kind, rows in table[table["study"] == study].groupby("kind"):
                _line(ax, str(kind), rows.sort_values("value"))
            _plain_numbers(ax, "xy")
            for line in ax.get_lines():
                ways.setdefault(str(line.get_label()), line)
        figure.legend(ways.values(), ways, loc="outside lower center", ncols=3)
    return figure


def _by_task(
    table: DataFrame,
    style: str,
    names: str,
    values: Mapping[str, str],
    bounds: Mapping[str, str] | None = None,
) -> Figure:
    """A panel for each task and batch: a row for each name, a point for each design."""
    groups = list(table.groupby(["task", "batch"], sort=False))
    most = max(own[names].nunique() for _, own in groups)
    rows = 1 + len(groups) // 2
    with drawing(style, rows * (0.14 + 0.045 * most)) as figure:
        panels = figure.subplots(rows, 2, squeeze=False, sharey="row")
        axes = list(panels.flat)
        for number, ((task, batch), own) in enumerate(groups):
            ax, first = axes[number], number // 2 * 2
            beside = pd.concat([rows for _, rows in groups[first : first + 2]])
            _panel(ax, own, names, values, list(dict.fromkeys(beside[names])))
            for name, line in (bounds or {}).items():
                for design, one in own.groupby("design"):
                    color, marker, _ = _LOOKS[str(design)]
                    bound = one[name].median()
                    ax.axvline(bound, color=color, ls=line, lw=0.8)
                    above = ax.get_xaxis_transform()
                    look: dict[str, Any] = {"color": color, "markersize": 4}
                    ax.plot(bound, 1, marker, transform=above, clip_on=False, **look)
            ax.set_title(f"{TASK_LABELS[str(task)]}\nbatches of {batch}")
        for ax in axes[len(groups) :]:
            ax.set_axis_off()
        _legend(axes[-1], table, bounds or {})
    return figure


def _panel(
    ax: Axes, rows: DataFrame, names: str, values: Mapping[str, str], known: list[str]
) -> None:
    """A point with its quartiles for each row, at the height of its name."""
    places = {name: y for y, name in enumerate(known)}
    designs = list(dict.fromkeys(rows["design"]))
    for row in rows.to_dict("records"):
        color, marker, _ = _LOOKS[row["design"]]
        y = places[row[names]] + 0.2 * (designs.index(row["design"]) - 1)
        inside = "white" if row.get("trained") == "many models" else color
        ax.plot([row[values["low"]], row[values["high"]]], [y, y], color=color)
        ax.plot(row[values["value"]], y, marker, color=color, markerfacecolor=inside)
    ax.set(xscale="log", xlabel=values["value"], ylim=(len(places) - 0.4, -0.6))
    ax.set_yticks(range(len(places)), list(places))
    ax.grid(axis="y", color="0.92", linewidth=0.8)
    _plain_numbers(ax, "x")
    if values["value"] == "ratio":
        ax.axvline(1, color=GRAY, linewidth=0.8, zorder=0)


def _legend(ax: Axes, table: DataFrame, bounds: Mapping[str, str]) -> None:
    """What markers and lines mean, in a panel of its own."""
    looks: dict[str, dict[str, Any]] = {
        SPEED_LABELS[name]: {"color": look[0], "marker": look[1], "ls": ""}
        for name, look in _LOOKS.items()
        if name in set(table["design"])
    }
    if "trained" in table:
        looks["many models (open)"] = {
            **{"color": GRAY, "marker": "o", "ls": ""},
            "markerfacecolor": "white",
        }
    looks |= {
        f"bound: {name}": {"color": GRAY, "ls": line} for name, line in bounds.items()
    }
    lines = [Line2D([], [], **look) for look in looks.values()]
    ax.legend(lines, list(looks), loc="upper left")


def _line(ax: Axes, kind: str, rows: DataFrame) -> None:
    """Time with its quartiles as a band, for one way to train."""
    look = {"linestyle": "-", **_LINES[kind]}
    models = rows["models"].max()
    many = "many models" if rows["models"].nunique() > 1 else f"{models} models"
    label = many if kind == "many" else WAYS[kind]
    x = rows["value"].to_numpy(float)
    ax.plot(x, rows[TIME].to_numpy(float), label=label, **look)
    low, high = (rows[f"{end} [ms]"].to_numpy(float) for end in ("low", "high"))
    ax.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)


def _plain_numbers(ax: Axes, axes: str) -> None:
    """Numbers on logarithmic axes as one writes them, more where there is less."""
    for axis in (getattr(ax, f"{name}axis") for name in axes):
        low, high = axis.get_view_interval()
        decades = log10(high / low)
        fine = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.8 else (1, 2, 5)
        subs = fine if decades < 1.5 else (1, 3) if decades < 2.5 else (1,)
        axis.set_major_locator(LogLocator(subs=subs, numticks=20))
        axis.set_major_formatter(FuncFormatter(_plain))
        axis.set_minor_locator(NullLocator())


def _plain(value: float, _: object) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
