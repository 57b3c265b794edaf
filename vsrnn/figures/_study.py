"""Figures of the study: hidden proportion against score and learning speed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, StrMethodFormatter
from pandas import DataFrame

from vsrnn.analysis._explained import BASES, MEASURES, feature_label
from vsrnn.analysis._labels import CHANCE
from vsrnn.analysis._study import AREA, EPOCHS, HIDDEN, PROPORTION
from vsrnn.forecast import SCORE
from vsrnn.plot.style import GRAY, accuracy_top, chance_line, drawing

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
ACCURACY = "test accuracy [%]"


def proportion_study(table: DataFrame, style: str = "web") -> Figure:
    """Score against hidden proportion, a panel a table, colored by hidden size.

    Args:
        table: as `vsrnn.analysis.proportion_study` gives it.
        style: "web" or "manuscript".
    """
    sizes = table[HIDDEN]
    norm = LogNorm(sizes.min(), max(sizes.max(), sizes.min() + 1))
    with drawing(style, 0.12 + 0.4 * _rows(table)) as figure:
        for ax, rows in _panels(figure, table):
            proportion_axis(ax)
            chance_line(ax, CHANCE)
            done = rows[rows["diverged"] == 0]
            dots = ax.scatter(
                done[PROPORTION],
                done[SCORE],
                c=done[HIDDEN],
                norm=norm,
                s=18,
                edgecolors="0.2",
                linewidths=0.3,
                clip_on=False,
            )
            lost = rows[rows["diverged"] > 0]
            ax.plot(lost[PROPORTION], lost[SCORE], "x", color=ORANGE, markersize=5)
            ax.set_title(f"{_title(rows)}\n{_weights(rows)}", fontsize="small")
            ax.set_ylim(0, accuracy_top(table[SCORE], CHANCE))
            _outer(ax)
        bar = figure.colorbar(dots, ax=figure.axes, shrink=0.7, aspect=30)
        bar.set_label("hidden size [units]")
        bar.ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        bar.ax.minorticks_off()
        if table["diverged"].any():
            cross = Line2D([], [], color=ORANGE, marker="x", linestyle="")
            words = ["a run diverged (counts as a guess)"]
            figure.legend([cross], words, loc="outside lower center")
    return figure


def learning_speed(table: DataFrame, style: str = "web") -> Figure:
    """How soon designs learn against their hidden proportion, a column a table.

    Args:
        table: as `vsrnn.analysis.learning_speed` gives it.
        style: "web" or "manuscript".
    """
    names = list(table["table"].unique())
    end = int(table["trained [epochs]"].max()) + 1
    passed = table["threshold [%]"].iloc[0]
    with drawing(style, 0.75) as figure:
        axes = figure.subplots(2, len(names), sharex=True, sharey="row", squeeze=False)
        for (above, below), name in zip(axes.T, names, strict=True):
            rows = table[table["table"] == name]
            chance_line(above, CHANCE)
            above.plot(rows[PROPORTION], rows[AREA], "o", **_DOT)
            soon, never = rows[~rows["never"]], rows[rows["never"]]
            below.plot(soon[PROPORTION], soon[EPOCHS], "o", **_DOT)
            below.plot(never[PROPORTION], never[EPOCHS], "^", **_DOT, mfc="none")
            above.set_title(_narrow_title(rows), fontsize="x-small")
            above.set_ylim(0, accuracy_top(table[AREA], CHANCE))
            below.set_ylim(0, end + 1)
            below.set_yticks([*range(0, end - 2, 5), end], [*range(0, end - 2, 5), "∞"])
            for ax in (above, below):
                proportion_axis(ax, len(names))
            below.set_xlabel(_SQRT.replace(" (", "\n("), fontsize="small")
        axes[0][0].set_ylabel("mean validation\naccuracy [%]")
        axes[1][0].set_ylabel(f"epochs until it\npasses {passed:.0f} % (∞: never)")
    return figure


def rank_correlation(table: DataFrame, style: str = "web") -> Figure:
    """Rank correlation of what designs set with what they reach, with intervals.

    Args:
        table: as `vsrnn.analysis.rank_correlation` gives it.
        style: "web" or "manuscript".
    """
    features = list(table["feature"].unique())
    found = [name for name in MEASURES if name in set(table["measure"])]
    height = 0.2 + (0.03 + 0.01 * len(found)) * len(features)
    with drawing(style, _lines(table) * height) as figure:
        for ax, rows in _columns(figure, table):
            ax.axvline(0, color=GRAY, linewidth=0.8)
            for row in rows.to_dict("records"):
                rank = found.index(row["measure"])
                shift = 0.24 * (rank - (len(found) - 1) / 2)
                place = features.index(row["feature"]) + shift
                _bar(ax, row["low"], row["high"], place, **_LOOKS[rank])
                ax.plot(row["rank correlation"], place, **_LOOKS[rank])
            ax.set(xlim=(-1, 1), xticks=[-1, 0, 1])
            ax.set_xlabel("rank correlation", fontsize="small")
            _named_rows(ax, [feature_label(name) for name in features])
        if len(found) > 1:
            handles = [Line2D([], [], **look) for look in _LOOKS[: len(found)]]
            words = [_MEASURE_WORDS[name] for name in found]
            figure.legend(handles, words, loc="outside lower center", ncols=3)
    return figure


def variance_explained(table: DataFrame, style: str = "web") -> Figure:
    """Variance explained out of fold without and with the hidden proportion.

    Args:
        table: as `vsrnn.analysis.variance_explained` gives it.
        style: "web" or "manuscript".
    """
    bases = [base for base in BASES if base in set(table["base"])]
    low = -0.3
    with drawing(style, _lines(table) * 0.62) as figure:
        for ax, rows in _columns(figure, table):
            ax.axvline(0, color=GRAY, linewidth=0.8)
            for row in rows.to_dict("records"):
                place, before = bases.index(row["base"]), row["without [R2]"]
                ends = np.clip(
                    [before + row["low [R2]"], before + row["high [R2]"]], low, 1
                )
                _bar(ax, ends[0], ends[1], place, color=BLUE)
                ax.plot(max(low, before), place, "o", color=GRAY, mfc="white")
                ax.plot(max(low, row["with [R2]"]), place, "o", color=BLUE)
            ax.set(xlim=(low, 1))
            ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
            ax.set_xlabel("R² out of fold", fontsize="small")
            _named_rows(ax, bases)
        handles = [
            Line2D([], [], linestyle="", marker="o", color=GRAY, mfc="white"),
            Line2D([], [], marker="o", color=BLUE),
        ]
        words = [
            "what the row names",
            "and hidden proportion, with interval of the gain",
        ]
        figure.legend(handles, words, loc="outside lower center", ncols=2)
    return figure


def proportion_optimum(table: DataFrame, style: str = "web") -> Figure:
    """Smooth course of the score over the hidden proportion, and where it is best.

    Args:
        table: as `vsrnn.analysis.proportion_optimum` gives it.
        style: "web" or "manuscript".
    """
    within = table["within [points]"].iloc[0]
    with drawing(style, 0.14 + 0.36 * _rows(table)) as figure:
        for ax, rows in _panels(figure, table):
            proportion_axis(ax)
            chance_line(ax, CHANCE)
            x, first = rows[PROPORTION], rows.iloc[0]
            ax.fill_between(x, 0, 100, where=rows["near"], color=GREEN, alpha=0.2, lw=0)
            ax.fill_between(x, rows["low [%]"], rows["high [%]"], color=BLUE, alpha=0.2)
            ax.plot(x, rows["fit [%]"], color=BLUE)
            ends = [first["best low [fraction]"], first["best high [fraction]"]]
            ax.plot(ends, [3, 3], color="black", linewidth=2.5, alpha=0.6)
            ax.plot(first["best [fraction]"], 3, "D", color="black", clip_on=False)
            ax.set_title(_title(rows), fontsize="small")
            ax.set_ylim(0, accuracy_top(table["high [%]"], CHANCE))
            _outer(ax)
        handles = [
            Line2D([], [], color=BLUE),
            Line2D([], [], color=GREEN, alpha=0.3, linewidth=8),
            Line2D([], [], color="black", marker="D"),
        ]
        words = [
            "fit, 95 % band",
            f"within {within:g} points of the best",
            "best, 95 %",
        ]
        figure.legend(handles, words, loc="outside lower center", ncols=3)
    return figure


def proportion_draws(table: DataFrame, style: str = "web") -> Figure:
    """Share of random designs below each hidden proportion, a line a distribution.

    Args:
        table: as `vsrnn.analysis.proportion_draws` gives it.
        style: "web" or "manuscript".
    """
    with drawing(style, 0.55) as figure:
        ax = figure.subplots()
        ax.axvline(0.3, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)))
        lines = ["-", "--", "-.", ":", "-"]
        handles, words = [], []
        for rank, (name, rows) in enumerate(table.groupby("distribution", sort=False)):
            first = rows.iloc[0]
            handles += ax.plot(
                *(rows[PROPORTION], rows["share of draws [%]"]),
                linestyle=lines[rank % len(lines)],
                linewidth=2.6 if name == "even" else 1.6,
            )
            spent = first["budget [weights]"]
            budget = f", {spent:,} weights" if spent else ""
            words.append(f"{name}{budget}: {first['below .3 [%]']:.0f} % below .3")
        ax.set(xlim=(0, 1), ylim=(0, 100), xlabel="hidden proportion")
        ax.set_ylabel("designs with at most this proportion [%]")
        drawn = table["drawn"].iloc[0]
        ax.set_title(f"Random Anomaly, {drawn:,} draws of each distribution")
        ax.legend(handles, words, loc="lower right", bbox_to_anchor=(1, 0.04))
    return figure


def proportion_axis(ax: Axes, panels: int = 2) -> None:
    """Spread small hidden proportions, where most designs lie: square root scale."""
    ax.set_xscale("function", functions=(_root, _square))
    ticks = [0, 0.02, 0.1, 0.2, 0.4, 0.6, 0.8, 1] if panels < 3 else [0, 0.1, 0.4, 1]
    ax.set_xlim(0, 1)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def _root(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.sqrt(np.abs(x))


def _square(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.square(x)


_SQRT = "hidden proportion (square root scale)"
_DOT: dict[str, Any] = {"color": BLUE, "markersize": 3.5, "alpha": 0.8}
_LOOKS: list[dict[str, Any]] = [
    {"color": BLUE, "marker": "o", "markersize": 4.5},
    {"color": ORANGE, "marker": "s", "markersize": 4, "mfc": "white"},
    {"color": GREEN, "marker": "^", "markersize": 4.5},
]
_MEASURE_WORDS = {
    SCORE: "test accuracy",
    AREA: "mean validation accuracy",
    EPOCHS: "epochs to the threshold",
}


def _title(rows: DataFrame) -> str:
    first = rows.iloc[0]
    designs = first["designs"] if "designs" in rows else len(rows)
    return f"{first['table']}: {first['scale']} scale, {designs} designs"


def _narrow_title(rows: DataFrame) -> str:
    return _title(rows).replace(": ", "\n").replace(", ", "\n")


def _weights(rows: DataFrame) -> str:
    """The budget that designs share, or from where to where they go."""
    low, high = rows["weights [expected]"].min(), rows["weights [expected]"].max()
    if high < 1.2 * low:
        return f"about {round(rows['weights [expected]'].median(), -3):,.0f} weights"
    return f"{round(low, -3):,.0f} to {round(high, -3):,.0f} weights"


def _rows(table: DataFrame) -> int:
    return (table["table"].nunique() + 1) // 2


def _panels(figure: Figure, table: DataFrame) -> Iterator[tuple[Axes, DataFrame]]:
    """A panel for each table, two in a row; one alone takes the whole width."""
    names = list(table["table"].unique())
    shape = (_rows(table), min(2, len(names)))
    axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, name in zip(axes, names, strict=False):
        yield ax, table[table["table"] == name]
    for ax in axes[len(names) :]:  # the panel above it is at the outside now
        ax.remove()
        axes[len(names) - 2].tick_params(labelbottom=True)
        axes[len(names) - 2].set_xlabel(_SQRT, fontsize="small")


def _lines(table: DataFrame) -> int:
    """How many lines of panels: four stand side by side."""
    return math.ceil(table["table"].nunique() / 4)


def _columns(figure: Figure, table: DataFrame) -> Iterator[tuple[Axes, DataFrame]]:
    """A panel for each table side by side, whose rows have the same names."""
    names = list(table["table"].unique())
    shape = (_lines(table), math.ceil(len(names) / _lines(table)))
    axes = figure.subplots(*shape, sharey=True, squeeze=False).ravel()
    for ax in axes[len(names) :]:
        ax.remove()
    for ax, name in zip(axes, names, strict=False):
        rows = table[table["table"] == name]
        ax.set_title(_narrow_title(rows), fontsize="x-small")
        yield ax, rows


def _outer(ax: Axes) -> None:
    """Name the axes of a panel where they are at the outside."""
    ax.set(xlabel=_SQRT, ylabel=ACCURACY)
    ax.xaxis.label.set_fontsize("small")
    ax.yaxis.label.set_fontsize("small")
    ax.label_outer()


def _named_rows(ax: Axes, names: list[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", color="0.92", linewidth=0.8)


def _bar(ax: Axes, low: float, high: float, place: float, **look: Any) -> None:
    ax.plot([low, high], [place, place], color=look["color"], linewidth=1.2)
