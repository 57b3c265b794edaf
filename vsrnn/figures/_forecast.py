"""Figures of the forecast: how good it is, what it reads, how many runs it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from pandas import DataFrame

from vsrnn.analysis._explained import feature_label
from vsrnn.analysis._forecast import enough_runs
from vsrnn.figures._study import BLUE, ORANGE, _named_rows, proportion_axis
from vsrnn.forecast import FORECAST, SCORE
from vsrnn.plot.style import GRAY, drawing

KINDS = {
    "proportion": "proportion alone",
    "hyperparameters": "hyperparameters",
    "with proportion": "+ proportion",
    "with counts": "+ block weights",
    "with both": "+ both",
    "across tasks": "all but sizes",
}
_RANGES = {"R2": (-0.3, 1), "rank correlation": (-0.3, 1), "ROC AUC": (0.3, 1)}
_FOREST, _OTHER = {"color": BLUE, "marker": "o"}, {"color": ORANGE, "marker": "s"}
_WORDS = {
    "R2": "R²",
    "R2 above hyperparameters": "R² above\nhyperparam.",
    "mean absolute error [points]": "mean absolute\nerror [points]",
    "rank correlation": "rank\ncorrelation",
    "ROC AUC": "top third:\nROC AUC",
    "accuracy [%]": "top third:\naccuracy [%]",
}


def forecast_scores(table: DataFrame, style: str = "web") -> Figure:
    """How well unseen designs are forecast, by model and by what it reads.

    Args:
        table: as `vsrnn.analysis.forecast_scores` gives it.
        style: "web" or "manuscript".
    """
    keys = list(dict.fromkeys(zip(table["model"], table["features"], strict=True)))
    found = [name for name in _WORDS if name in set(table["measure"])]
    with drawing(style, 0.18 + 0.04 * len(keys)) as figure:
        panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
        for ax, name in zip(panels, found, strict=True):
            within = _RANGES.get(name, (-np.inf, np.inf))
            for row in table[table["measure"] == name].to_dict("records"):
                place = keys.index((row["model"], row["features"]))
                forest = row["model"] == "forest"
                look = _FOREST if forest else _OTHER
                _interval(ax, row, place, within, **look)
            ax.set_xlabel(_WORDS[name], fontsize="small")
            if name in _RANGES:
                ax.set_xlim(_RANGES[name])
            ax.margins(x=0.1)
            ax.xaxis.set_major_locator(MaxNLocator(2))
            if "above" in name:
                ax.axvline(0, color=GRAY, linewidth=0.8)
            _named_rows(ax, [model_label(*key) for key in keys])
        title = f"{_about(table)}, each forecast without its runs"
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    return figure


def forecast_transfer(table: DataFrame, style: str = "web") -> Figure:
    """Forecasts of each table's designs from the same table and from the others.

    Args:
        table: as `vsrnn.analysis.forecast_transfer` gives it.
        style: "web" or "manuscript".
    """
    keys = list(dict.fromkeys(zip(table["table"], table["features"], strict=True)))
    looks: dict[str, dict[str, Any]] = {
        "same table": _FOREST,
        "other tables": _OTHER | {"mfc": "white"},
    }
    sources = [name for name in looks if name in set(table["source"])]
    scale = table["scale"].iloc[0]
    with drawing(style, 0.18 + 0.035 * len(keys)) as figure:
        for ax, name in zip(
            figure.subplots(1, 2, sharey=True), ("R2", "rank correlation"), strict=True
        ):
            ax.axvline(0, color=GRAY, linewidth=0.8)
            for row in table[table["measure"] == name].to_dict("records"):
                shift = 0.2 * (2 * sources.index(row["source"]) - len(sources) + 1)
                place = keys.index((row["table"], row["features"])) + shift
                _interval(ax, row, place, _RANGES[name], **looks[row["source"]])
            ax.set(xlim=_RANGES[name])
            ax.set_xlabel(_WORDS[name].replace("\n", " "), fontsize="small")
            names = [f"{table}: {_reads(kind)}" for table, kind in keys]
            _named_rows(ax, names)
        handles = [Line2D([], [], **looks[name]) for name in sources]
        words = [f"forest fitted to the {name}" for name in sources]
        figure.suptitle(f"{scale} scale", x=0.01, ha="left", fontsize="medium")
        figure.legend(handles, words, loc="outside lower center", ncols=2)
    return figure


def forecast_importance(table: DataFrame, style: str = "web", most: int = 12) -> Figure:
    """How much R2 the forest loses when one feature is shuffled, most first.

    Args:
        table: as `vsrnn.analysis.forecast_importance` gives it.
        style: "web" or "manuscript".
        most: features shown.
    """
    rows = table.head(most).to_dict("records")
    with drawing(style, 0.15 + 0.03 * len(rows)) as figure:
        ax = figure.subplots()
        ax.axvline(0, color=GRAY, linewidth=0.8)
        for place, row in enumerate(rows):
            ends = [row["low [R2]"], row["high [R2]"]]
            ax.plot(ends, [place, place], color=BLUE, linewidth=1.2)
            ax.plot(row["loss [R2]"], place, "o", color=BLUE)
        _named_rows(ax, [feature_label(row["feature"]) for row in rows])
        ax.set_xlabel("loss of R² when the feature is shuffled, with 95 % interval")
        shown = "all" if len(rows) == len(table) else f"the {len(rows)} first of"
        ax.set_title(f"{_about(table)}, {shown} {len(table)} features that vary")
    return figure


def forecast_dependence(table: DataFrame, style: str = "web") -> Figure:
    """Mean forecast when one feature is set to a value in all designs.

    Args:
        table: as `vsrnn.analysis.forecast_dependence` gives it.
        style: "web" or "manuscript".
    """
    names = list(table["feature"].unique())
    with drawing(style, 0.42) as figure:
        panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for ax, name in zip(panels, names, strict=True):
            lines = table[table["feature"] == name]
            unit = 1000 if name == "learning_rate" else 1
            grid = np.linspace(lines["value"].min(), lines["value"].max(), 80)
            curves = []
            for _, line in lines.groupby("forest"):
                x, y = line["value"], line[FORECAST]
                ax.plot(unit * x, y, color=GRAY, linewidth=0.7, alpha=0.7)
                curves.append(np.interp(grid, x, y))
            ax.plot(unit * grid, np.mean(curves, axis=0), color=BLUE, linewidth=2)
            ax.set_xlabel(_AXIS.get(name, feature_label(name)), fontsize="small")
            if name == "hidden_proportion":
                proportion_axis(ax, 4)
            ax.set_xlim(unit * grid[0], unit * grid[-1])
        panels[0].set_ylabel("mean forecast\naccuracy [%]")
        title = f"{_about(table)}: five forests (gray) and their mean"
        figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    return figure


def forecast_runs(table: DataFrame, style: str = "web") -> Figure:
    """How good the forecast is after how many trained designs.

    Args:
        table: as `vsrnn.analysis.forecast_runs` gives it.
        style: "web" or "manuscript".
    """
    looks = {"R2": (BLUE, "o", "-"), "rank correlation": (ORANGE, "s", "--")}
    enough, most = enough_runs(table), table["trained [designs]"].max()
    with drawing(style, 0.5) as figure:
        ax = figure.subplots()
        if enough < most:
            ax.axvline(enough, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)))
        for name, (color, marker, line) in looks.items():
            rows = table[table["measure"] == name]
            x = rows["trained [designs]"]
            ends = [np.clip(rows[end], -0.3, 1) for end in ("low", "high")]
            ax.fill_between(x, *ends, color=color, alpha=0.15, linewidth=0)
            mean = np.clip(rows["mean"], -0.3, 1)
            label = _WORDS[name].replace("\n", " ")
            ax.plot(x, mean, line, marker=marker, color=color, label=label)
        ax.set(xscale="log", ylim=(-0.3, 1), xlabel="trained designs")
        ax.set_ylabel("on designs held out")
        ax.xaxis.set_minor_locator(NullLocator())
        sizes = sorted(table["trained [designs]"].unique())
        ax.set_xticks(sizes, [str(size) for size in sizes])
        near = f": R² within .05 of the last from {enough} trained on"
        title = f"{_about(table)}, a quarter held out{near if enough < most else ''}"
        ax.set_title(title, fontsize="small")
        ax.legend(loc="lower right")
    return figure


def forecast_observed(table: DataFrame, style: str = "web") -> Figure:
    """Forecast against observed score of designs out of fold, with intervals.

    Args:
        table: as `vsrnn.analysis.forecast_observed` gives it.
        style: "web" or "manuscript".
    """
    ends = [*table[SCORE], *table["low [%]"], *table["high [%]"]]
    limits = (max(0, min(ends) - 2), min(100, max(ends) + 2))
    level, held = table["level [%]"].iloc[0], table["held"]
    with drawing(style, 0.75) as figure:
        ax = figure.subplots()
        ax.plot(limits, limits, color=GRAY, linewidth=0.8)
        looks = ((True, BLUE, "o", "holds"), (False, ORANGE, "s", "misses"))
        for inside, color, marker, word in looks:
            rows = table[held == inside]
            if rows.empty:
                continue
            ax.vlines(
                *(rows[SCORE], rows["low [%]"], rows["high [%]"]),
                color=color,
                linewidth=0.6,
                alpha=0.4,
            )
            label = f"{level:.0f} % interval {word} the score ({len(rows)} designs)"
            ax.plot(rows[SCORE], rows[FORECAST], marker, **_point(color), label=label)
        ax.set(xlim=limits, ylim=limits, aspect="equal")
        ax.set(xlabel="observed test accuracy [%]", ylabel="forecast accuracy [%]")
        share = f"{100 * held.mean():.0f} % of intervals hold the score"
        ax.set_title(f"{_about(table)}:\n{share}")
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def model_label(model: str, kind: str) -> str:
    """A model and what it reads in words.

    >>> model_label("forest", "with counts")
    'forest: + block weights'
    """
    return "mean" if model == "mean" else f"{model}: {_reads(kind)}"


_AXIS = {
    "hidden_proportion": "hidden proportion\n(square root scale)",
    "hidden": "hidden size\n[units]",
    "learning_rate": "learning rate\n[1/1000]",
}


def _about(table: DataFrame) -> str:
    return f"{table['designs'].iloc[0]} designs at {table['scale'].iloc[0]} scale"


def _reads(kind: str) -> str:
    return KINDS.get(kind, kind)


def _point(color: str) -> dict[str, Any]:
    return {"color": color, "markersize": 4, "alpha": 0.8}


def _interval(
    ax: Axes, row: dict, place: float, within: tuple[float, float], **look: Any
) -> None:
    """A point and its interval; an arrowhead where the point is left of the axis."""
    ends = np.clip([row["low"], row["high"]], *within)
    ax.plot(ends, [place, place], color=look["color"], linewidth=1.2)
    if row["value"] < within[0]:
        look |= {"marker": "<", "clip_on": False}
    ax.plot(np.clip(row["value"], *within), place, **look)
