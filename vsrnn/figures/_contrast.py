"""Figures of two tasks side by side: ranks, geometry, hidden proportion, forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from pandas import DataFrame

from vsrnn.analysis._contrast import BEST_ON, best_on
from vsrnn.analysis._contrast_study import BOTH, OTHER, SAME
from vsrnn.analysis._growth import STATE
from vsrnn.analysis._labels import (
    CHANCE,
    PROPORTION,
    SCORE_LABELS,
    TASK_LABELS,
    arrangement_label,
    designs_label,
)
from vsrnn.figures._forecast import KINDS, _interval
from vsrnn.figures._geometry import _block_legend, _matrix
from vsrnn.figures._study import _named_rows, proportion_axis, rank_correlation
from vsrnn.forecast import SCORE
from vsrnn.plot.style import GRAY, chance_line, drawing, spread

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
DENSE: dict[str, dict[str, Any]] = {
    "hh": {"color": BLUE, "linestyle": "-"},
    "hx": {"color": ORANGE, "linestyle": "--"},
    "neither": {"color": GREEN, "linestyle": "-."},
    "hx and hh": {"color": "#000000", "linestyle": "-"},
    "LSTM": {"color": "#CC79A7", "linestyle": ":"},
}
"""Look of an arrangement by which of the two large blocks are dense."""


def contrast_ranks(table: DataFrame, style: str = "web") -> Figure:
    """Rank and score of each arrangement on both tasks, a column a table.

    Args:
        table: as `vsrnn.analysis.contrast_ranks` gives it.
        style: "web" or "manuscript".
    """
    tables = list(table["table"].unique())
    names = list(table["arrangement"].unique())
    with drawing(style, 0.22 + 0.045 * len(names)) as figure:
        ax = figure.subplots()
        for _, rows in table.groupby("arrangement", sort=False):
            places = [tables.index(each) for each in rows["table"]]
            look = DENSE[rows["dense"].iloc[0]]
            ax.plot(places, rows["rank"], **look, linewidth=1.2, alpha=0.7)
            for place, row in zip(places, rows.to_dict("records"), strict=True):
                _score(ax, place, row["rank"], f"{row[SCORE]:.0f}", look["color"])
        parts = [table[table["table"] == each] for each in tables]
        ax.xaxis.tick_top()
        ax.set_xticks(range(len(tables)), map(_table_title, parts), fontsize="x-small")
        _name_ends(ax, parts[0], parts[-1])
        ax.tick_params(length=0)
        ax.set(xlim=(-0.4, len(tables) - 0.6), ylim=(len(names) + 0.6, 0.3))
        ax.spines[:].set_visible(False)
        ax.xaxis.set_label_position("bottom")
        ax.set_xlabel("rank, best above; in the circles the score [%]")
        found = [word for word in DENSE if word in set(table["dense"])]
        handles = [Line2D([], [], **DENSE[word]) for word in found]
        words = [word if word == "LSTM" else f"dense: {word}" for word in found]
        figure.legend(handles, words, loc="outside lower center", ncols=5)
    return figure


def contrast_layout(table: DataFrame, style: str = "web") -> Figure:
    """Blocks of the best arrangements of both tasks, on both, each task to one scale.

    Args:
        table: as `vsrnn.analysis.contrast_layout` gives it.
        style: "web" or "manuscript".
    """
    ends = table["first column [units]"] + table["columns [units]"]
    widths = ends.groupby(table["task"], sort=False).max() * pd.Series(_MAGNIFIED)
    left = dict(zip(widths.index, [0, widths.iloc[0] + 250], strict=True))
    with drawing(style, 1.0) as figure:
        ax = figure.subplots()
        top = 0.0
        for _, pair in table.groupby("arrangement", sort=False):
            top += 420
            lowest = top
            for task, blocks in pair.groupby("task", sort=False):
                _drawn(ax, blocks, left[task], top)
                high = blocks["rows [units]"].iloc[[0, 3]].sum() * _MAGNIFIED[task]
                lowest = max(lowest, top + high)
            top = lowest
        for task, start in left.items():
            _scale(ax, start, top + 110, _MAGNIFIED[task])
        ax.set(xlim=(0, sum(widths) + 250), ylim=(top + 180, 0), aspect="equal")
        ax.set_anchor("W")
        ax.set_axis_off()
        _block_legend(figure, "; the paler, the sparser")
    return figure


def contrast_proportion(table: DataFrame, style: str = "web") -> Figure:
    """Score against hidden proportion, a column a task, a row a way to choose designs.

    Args:
        table: as `vsrnn.analysis.contrast_proportion` gives it.
        style: "web" or "manuscript".
    """
    tasks = list(table["task"].unique())
    kinds = list(table["drawn"].unique())
    with drawing(style, 0.12 + 0.34 * len(kinds)) as figure:
        shape = (len(kinds), len(tasks))
        axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False)
        for kind, line in zip(kinds, axes, strict=True):
            for task, ax in zip(tasks, line, strict=True):
                chosen = (table["task"] == task) & (table["drawn"] == kind)
                _proportion(ax, task, kind, table[chosen])
        for ax in axes[-1]:
            ax.set_xlabel("hidden proportion (square root scale)", fontsize="small")
        handles = [
            Line2D([], [], color=BLUE, marker="o", linestyle="", markersize=4),
            Line2D([], [], color=BLUE),
            Line2D([], [], color="black", marker="D"),
        ]
        words = ["a design", "smooth fit, 95 % band", "best, 95 %"]
        if table["diverged"].any():
            handles.append(Line2D([], [], color=ORANGE, marker="x", linestyle=""))
            words.append("a run diverged")
        figure.legend(handles, words, loc="outside lower center", ncols=4)
    return figure


def contrast_growth(table: DataFrame, style: str = "web") -> Figure:
    """Hidden state of untrained random designs by step, a line a design.

    Args:
        table: as `vsrnn.analysis.contrast_growth` gives it.
        style: "web" or "manuscript".
    """
    tasks = list(table["task"].unique())
    top = 1e6
    with drawing(style, 0.5) as figure:
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for ax, task in zip(panels, tasks, strict=True):
            rows = table[table["task"] == task]
            for _, line in rows.groupby("design", sort=False):
                first = line.iloc[0]
                look = _GROWING[bool(first["grown"])]
                ax.plot(line["step"], line[STATE].clip(upper=1e30), **look, alpha=0.5)
                if first["outcome"] in _OUTCOMES:
                    end = line[line[STATE] < top].iloc[-1]
                    ax.plot(end["step"], end[STATE], **_OUTCOMES[first["outcome"]])
            count = rows.drop_duplicates("design")["grown"]
            ax.set_title(
                f"{TASK_LABELS[task]}, {rows['step'].max()} steps:\n"
                f"{count.sum()} of {designs_label(len(count))} grow"
            )
            ax.set(xscale="log", yscale="log", xlabel="step")
            ticks = [tick for tick in (1, 3, 10, 30, 100) if tick <= line["step"].max()]
            ax.set_xticks(ticks, map(str, ticks))
            ax.xaxis.set_minor_locator(NullLocator())
        low = table.loc[table[STATE] > 0, STATE].min()
        panels[0].set(ylabel="hidden state [root mean square]", ylim=(low / 2, top))
        words = ["stays", "grows 1,000 times or more"]
        words += ["trained to the end", "diverged in training"]
        looks = [*_GROWING.values(), *_OUTCOMES.values()]
        known = [True, True, *(word in set(table["outcome"]) for word in _OUTCOMES)]
        chosen = [n for n, there in enumerate(known) if there]
        handles = [Line2D([], [], **looks[n]) for n in chosen]
        names = [words[n] for n in chosen]
        figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


def contrast_correlation(table: DataFrame, style: str = "web") -> Figure:
    """Rank correlation of what designs set with their score, a column a table.

    Args:
        table: as `vsrnn.analysis.contrast_correlation` gives it.
        style: "web" or "manuscript".
    """
    return rank_correlation(table, style)


def contrast_forecast(table: DataFrame, style: str = "web") -> Figure:
    """How well forests order a task's designs, by the task they are fitted to.

    Args:
        table: as `vsrnn.analysis.contrast_forecast` gives it.
        style: "web" or "manuscript".
    """
    keys = list(dict.fromkeys(zip(table["task"], table["features"], strict=True)))
    measures = {"rank correlation": (-1, 1, 0), "ROC AUC": (0, 1, 0.5)}
    with drawing(style, 0.2 + 0.05 * len(keys)) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for ax, (name, (low, high, chance)) in zip(
            panels, measures.items(), strict=True
        ):
            ax.axvline(chance, color=GRAY, linewidth=0.8)
            for row in table[table["measure"] == name].to_dict("records"):
                shift = 0.25 * (list(_SOURCES).index(row["source"]) - 1)
                place = keys.index((row["task"], row["features"])) + shift
                _interval(ax, row, place, (low, high), **_SOURCES[row["source"]])
            ax.set_xlim(low, high)
            _named_rows(ax, [_asked(*key) for key in keys])
        panels[0].set_xlabel("rank correlation", fontsize="small")
        panels[1].set_xlabel("ROC AUC of the top third", fontsize="small")
        handles = [Line2D([], [], **look) for look in _SOURCES.values()]
        words = [f"forest fitted to {source}" for source in _SOURCES]
        figure.legend(handles, words, loc="outside lower center", ncols=3)
        figure.suptitle(_designs(table), x=0.01, ha="left", fontsize="medium")
    return figure


_GROWING: dict[bool, dict[str, Any]] = {
    False: {"color": BLUE, "linewidth": 0.8},
    True: {"color": ORANGE, "linewidth": 0.8, "linestyle": "--"},
}
_OUTCOMES: dict[str, dict[str, Any]] = {
    "trained": {"color": "black", "marker": "o", "linestyle": "", "markersize": 5},
    "diverged": {"color": "black", "marker": "x", "linestyle": "", "markersize": 6},
}
_MAGNIFIED = {"rad": 1, "hammer": 5}
_SOURCES: dict[str, dict[str, Any]] = {
    SAME: {"color": BLUE, "marker": "o"},
    OTHER: {"color": ORANGE, "marker": "s", "mfc": "white"},
    BOTH: {"color": GREEN, "marker": "^"},
}


def _score(ax: Axes, place: float, rank: float, text: str, color: str) -> None:
    ax.plot(place, rank, "o", color=color, mfc="white", markersize=15, zorder=3)
    ax.text(place, rank, text, ha="center", va="center", fontsize="x-small", zorder=4)


def _name_ends(ax: Axes, first: DataFrame, last: DataFrame) -> None:
    """Names of arrangements beside the first and the last column."""
    places = [spread(rows["rank"].tolist(), 1.0) for rows in (first, last)]
    ax.set_yticks(places[0], map(arrangement_label, first["arrangement"]))
    for label, word in zip(ax.get_yticklabels(), first["dense"], strict=True):
        label.set(color=DENSE[word]["color"], fontsize="small")
    end = ax.get_xticks()[-1] + 0.3
    for height, row in zip(places[1], last.to_dict("records"), strict=True):
        color = DENSE[row["dense"]]["color"]
        look: dict[str, Any] = {"color": color, "va": "center", "fontsize": "small"}
        ax.text(end, height, arrangement_label(row["arrangement"]), **look)


def _table_title(rows: DataFrame) -> str:
    """Task, table, scale and rank correlation with the first column."""
    first = rows.iloc[0]
    name, _, few = first["table"].partition(", ")
    lines = [TASK_LABELS[first["task"]], name.removeprefix(f"{first['task']}_")]
    lines += [f"{first['scale']} scale", few.replace("demonstrations", "episodes")]
    rho = first["rank correlation"]
    if np.isfinite(rho):
        lines += ["correlation", f"{rho:.2f} (95 %:"]
        lines += [f"{first['low']:.2f} to {first['high']:.2f})"]
    return "\n".join(lines)


def _drawn(ax: Axes, blocks: DataFrame, left: float, top: float) -> None:
    """One network to the scale of its task, with its sizes above."""
    first = blocks.iloc[0]
    lengths = ("first row", "first column", "rows", "columns")
    larger = {
        f"{name} [units]": blocks[f"{name} [units]"] * _MAGNIFIED[first["task"]]
        for name in lengths
    }
    _matrix(ax, blocks.drop(columns="design").assign(**larger), left, top)
    ax.text(left, top - 25, _layout_title(blocks), va="bottom", fontsize="x-small")


def _layout_title(blocks: DataFrame) -> str:
    first, share = blocks.iloc[0], blocks.set_index("block")["weight share [%]"]
    trained = "" if first["design"] else " (not trained)"
    text = (
        f"{TASK_LABELS[first['task']]}{trained}: H = {first['hidden [units]']}, "
        f"weights hx {share['hx']:.0f} %, hh {share['hh']:.0f} %\n"
        f"hidden proportion {first[PROPORTION]:.3f}"
    )
    if first["task"] != "rad":
        return text
    best = "" if first[BEST_ON] == "neither" else f", {best_on(first[BEST_ON])}"
    density = " ".join(f"{each:g}" for each in blocks["density [fraction]"])
    return f"{arrangement_label(first['arrangement'])} ({density}){best}\n{text}"


def _scale(ax: Axes, left: float, height: float, magnified: int) -> None:
    ax.plot([left, left + 500], [height, height], color="black", lw=1.5)
    words = f"{500 // magnified} units"
    ax.text(left + 540, height, words, va="center", fontsize="small")


def _proportion(ax: Axes, task: str, kind: str, rows: DataFrame) -> None:
    proportion_axis(ax)
    ax.set_ylim(-4, 104)  # so that no marker is cut
    ax.set_ylabel(f"{SCORE_LABELS[task]} [%]", fontsize="small")
    if task == "rad":
        chance_line(ax, CHANCE)
    if rows.empty:
        ax.text(0.5, 0.5, "no such runs", transform=ax.transAxes, ha="center")
        ax.set_title(f"{TASK_LABELS[task]}, {kind}", fontsize="small")
        return
    first, x = rows.iloc[0], rows[PROPORTION]
    ax.fill_between(x, rows["low [%]"], rows["high [%]"], color=BLUE, alpha=0.2)
    ax.plot(x, rows["fit [%]"], color=BLUE)
    done, lost = rows[rows["diverged"] == 0], rows[rows["diverged"] > 0]
    ax.plot(done[PROPORTION], done[SCORE], "o", color=BLUE, markersize=3, alpha=0.7)
    ax.plot(lost[PROPORTION], lost[SCORE], "x", color=ORANGE, markersize=5)
    ends = [first["best low [fraction]"], first["best high [fraction]"]]
    ax.plot(ends, [3, 3], color="black", linewidth=2.5, alpha=0.6)
    ax.plot(first["best [fraction]"], 3, "D", color="black", markersize=5)
    ax.set_title(_proportion_title(first, len(rows)), fontsize="small")


def _proportion_title(first: DataFrame, designs: int) -> str:
    head = f"{TASK_LABELS[first['task']]}, {first['drawn']}\nn = {designs}"
    if not np.isfinite(first["rank correlation"]):
        return f"{head}, too few for a fit"
    return (
        f"{head}, rank correlation {first['rank correlation']:.2f} "
        f"({first['low']:.2f} to {first['high']:.2f})"
    )


def _asked(task: str, kind: str) -> str:
    return f"{TASK_LABELS[task]}: {KINDS.get(kind, kind)}"


def _designs(table: DataFrame) -> str:
    each = table.drop_duplicates("task")
    parts = [
        f"{row['designs']} designs of {TASK_LABELS[row['task']]}" for row in each.iloc
    ]
    return f"{' and '.join(parts)}, {table['scale'].iloc[0]} scale"
