"""Figures of scores: learning curves, final accuracy, the ranking of designs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from pandas import DataFrame, Series

from vsrnn.analysis._labels import (
    CHANCE,
    DESIGN_LABELS,
    PROPORTION,
    arrangement_label,
    design_label,
    seeds_label,
)
from vsrnn.plot.style import (
    GRAY,
    accuracy_top,
    chance_line,
    draw_interval,
    drawing,
    label_ends,
    look,
)

ACCURACY = "test accuracy [%]"


def learning_curve(table: DataFrame, style: str = "web") -> Figure:
    """Validation accuracy by epoch, a line a design, with intervals over seeds.

    Args:
        table: as `vsrnn.analysis.learning_curve` gives it.
        style: "web" or "manuscript".
    """
    groups = list(_groups(table))
    with drawing(style, 0.5) as figure:
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for ax, (title, rows) in zip(panels, groups, strict=True):
            ax.set(xlabel="epoch", title=title, ylim=(0, _top(table)))
            _curves(ax, rows)
            ax.xaxis.get_major_locator().set_params(integer=True)
        panels[0].set_ylabel("validation accuracy [%]")
    return figure


def final_accuracy(table: DataFrame, style: str = "web") -> Figure:
    """Test accuracy of each run, with each design's mean and 95 % interval.

    Args:
        table: as `vsrnn.analysis.final_accuracy` gives it.
        style: "web" or "manuscript".
    """
    groups = list(_groups(table))
    designs = list(dict.fromkeys(table["design"]))
    with drawing(style, 0.45) as figure:
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for ax, (title, rows) in zip(panels, groups, strict=True):
            for place, name in enumerate(designs):
                _interval(ax, rows[rows["design"] == name], place, **look(name, place))
            ax.set(xlabel=ACCURACY, title=title, xlim=(0, _top(table)))
            _name_chance(ax, len(designs))
        panels[0].set_yticks(range(len(designs)), [design_label(d) for d in designs])
    return figure


def design_ranking(table: DataFrame, style: str = "web") -> Figure:
    """Designs by test accuracy, with intervals and each design's hidden proportion.

    Args:
        table: as `vsrnn.analysis.design_ranking` gives it.
        style: "web" or "manuscript".
    """
    with drawing(style, 0.12 + 0.035 * len(table)) as figure:
        ax, side = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1))
        colors = share_column(side, table[PROPORTION].to_numpy(float))
        for place, row in enumerate(table.to_dict("records")):
            _ranked(ax, row, place, colors[place])
        ax.set(xlabel=ACCURACY, xlim=(0, _top(table)))
        ax.set_yticks(range(len(table)), [design_label(d) for d in table["design"]])
        ax.grid(axis="y", color="0.92", linewidth=0.8)
        _name_chance(ax, len(table))
        ax.set_title(_one_scale(table))
    return figure


def share_column(side: Axes, shares: np.ndarray) -> list[Any]:
    """Hidden proportions as bars with their numbers, a row a design; their colors."""
    shades, most = colormaps["cividis"], np.nanmax(shares)
    colors: list[Any] = []
    for place, share in enumerate(shares):
        known = np.isfinite(share)
        colors.append(shades(share / most) if known else "white")
        text = f"{share:.3f}" if known else "none"
        side.barh(place, share / most if known else 0, color=colors[-1], height=0.7)
        side.text(2.05, place, text, ha="right", va="center", fontsize="small")
    side.set(xlabel="hidden\nproportion", xlim=(0, 2.1), xticks=[])
    side.tick_params(left=False)
    side.spines[["left", "bottom"]].set_visible(False)
    return colors


def proportion_score(table: DataFrame, style: str = "web") -> Figure:
    """Test accuracy of the designs against their hidden proportion.

    Args:
        table: as `vsrnn.analysis.proportion_score` gives it.
        style: "web" or "manuscript".
    """
    with drawing(style, 0.55) as figure:
        ax = figure.subplots()
        ax.set(xlabel="hidden proportion", ylabel=f"mean {ACCURACY}")
        ax.set(xlim=(-0.02, 0.6), ylim=(0, _top(table)))
        chance_line(ax, CHANCE)
        for place, row in enumerate(
            table.sort_values("design", key=_named).to_dict("records")
        ):
            name = row["design"]
            shape = look(name, place) if name in DESIGN_LABELS else _PLAIN
            x, y = row[PROPORTION], row["mean [%]"]
            ax.plot([x, x], _ends(row), color=shape["color"], linewidth=0.8)
            ax.plot(x, y, shape["marker"], color=shape["color"], clip_on=False)
            if name in DESIGN_LABELS:
                ax.annotate(
                    *(DESIGN_LABELS[name], (x, y)),
                    xytext=_LABEL_AT.get(name, (9, -17)),
                    textcoords="offset points",
                    color=shape["color"],
                    fontsize="small",
                    path_effects=[withStroke(linewidth=3, foreground="white")],
                )
        if table.empty:
            ax.text(0.3, 15, "no runs yet", ha="center", color=GRAY)
        ax.text(0.6, CHANCE + 1, "chance", ha="right", color=GRAY, fontsize="small")
        ax.set_title(f"{len(table)} designs, {_one_scale(table)}")
    return figure


def budget_scores(table: DataFrame, style: str = "web") -> Figure:
    """Test accuracy of each arrangement at each budget, with intervals over seeds.

    Args:
        table: as `vsrnn.analysis.budget_scores` gives it.
        style: "web" or "manuscript".
    """
    if table.empty:
        with drawing(style, 0.2) as figure:
            ax = figure.subplots()
            ax.text(0.5, 0.5, "no runs at two budgets yet", ha="center", color=GRAY)
            ax.set_axis_off()
        return figure
    budgets = sorted(table["budget [weights]"].unique())
    shapes = dict(zip(budgets, _BUDGETS, strict=False))
    rows = list(table.groupby("arrangement", sort=False))
    with drawing(style, 0.2 + 0.04 * len(rows)) as figure:
        ax, side = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1))
        for place, (_, points) in enumerate(rows):
            ax.plot(points["mean [%]"], [place] * len(points), color="0.8", zorder=1)
            for number, point in enumerate(points.to_dict("records")):
                shape = shapes[point["budget [weights]"]]
                y = place + 0.3 * number - 0.15
                ax.plot(_ends(point), [y, y], color=shape["color"], linewidth=0.8)
                ax.plot(point["mean [%]"], y, linestyle="", **shape)
        largest = [points[PROPORTION].iloc[-1] for _, points in rows]
        share_column(side, np.array(largest, float))
        side.set_xlabel(f"hidden\nproportion, at\n{budgets[-1]:,.0f}")
        ax.set(xlabel=ACCURACY, xlim=(0, _top(table)))
        names = [arrangement_label(points["design"].iloc[0]) for _, points in rows]
        ax.set_yticks(range(len(rows)), names)
        ax.grid(axis="y", color="0.92", linewidth=0.8)
        _name_chance(ax, len(rows))
        ax.set_title(_one_scale(table))
        handles = [
            Line2D([], [], linestyle="", label=f"{budget:,.0f} weights", **shape)
            for budget, shape in shapes.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


# markers of budgets, the smallest first
_BUDGETS: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "marker": "o"},
    {"color": "#D55E00", "marker": "D"},
    {"color": "#009E73", "marker": "s"},
)


def _named(names: Series) -> Series:
    """Sort key that draws the designs with a word of their own on top."""
    return names.isin(list(DESIGN_LABELS))


# where a label stands from its point [points]: three of them crowd at the left
_LABEL_AT = {"111111_": (9, 24), "000000_": (8, 8)}
_PLAIN: dict[str, Any] = {"color": GRAY, "marker": "o"}


def _groups(table: DataFrame) -> Iterator[tuple[str, DataFrame]]:
    """Rows of one scale and source, with the panel's title that says so."""
    if table.empty:
        yield "no runs yet", table
    for (source, scale), rows in table.groupby(["source", "scale"], sort=False):
        yield f"{scale} scale, {source}: {seeds_label(rows)}", rows


def _one_scale(table: DataFrame) -> str:
    scale = table["scale"].iloc[0] if len(table) else "paper"
    return f"{scale} scale: {seeds_label(table)}"


def _top(table: DataFrame) -> float:
    """Upper end of an accuracy axis [%] for all that a table shows."""
    shown = [name for name in ("mean [%]", "high [%]", ACCURACY) if name in table]
    return accuracy_top(table[shown].to_numpy(float), CHANCE)


def _curves(ax: Axes, rows: DataFrame) -> None:
    chance_line(ax, CHANCE)
    ends: list[tuple[str, float, str]] = []
    for rank, (name, curve) in enumerate(rows.groupby("design", sort=False)):
        shape = look(str(name), rank)
        every = max(1, len(curve) // 6)
        mean = curve["mean [%]"].to_numpy(float)
        ax.plot(curve["epoch"], mean, markevery=every, clip_on=False, **shape)
        ax.fill_between(
            *(curve["epoch"], curve["low [%]"], curve["high [%]"]),
            color=str(shape["color"]),
            alpha=0.15,
            linewidth=0,
        )
        label = DESIGN_LABELS.get(str(name), str(name))
        ends.append((label, mean[-1], str(shape["color"])))
    ends.append(("chance", CHANCE, GRAY))
    label_ends(ax, *zip(*ends, strict=True))


def _interval(
    ax: Axes, runs: DataFrame, place: float, fill: bool = True, **shape: Any
) -> None:
    if runs.empty:
        _no_run(ax, place)
        return
    first, dots = runs.iloc[0], runs[ACCURACY].to_numpy(float)
    draw_interval(ax, dots, first["mean [%]"], _ends(first), place, fill, **shape)


def _no_run(ax: Axes, place: float) -> None:
    ax.text(
        *(CHANCE + 2, place, "no run yet"), va="center", color=GRAY, fontsize="small"
    )


def _ends(row: Mapping[str, Any]) -> np.ndarray:
    """The interval within 0..100 %; one run alone has none, and nan draws none."""
    return np.clip([row["low [%]"], row["high [%]"]], 0, 100)


def _ranked(ax: Axes, row: dict, place: int, color: Any) -> None:
    mean = row["mean [%]"]
    if not np.isfinite(mean):
        _no_run(ax, place)
        return
    ends = _ends(row)
    ax.plot(ends, [place, place], color="black", linewidth=0.8)
    ax.plot(mean, place, "o", color=color, markeredgecolor="black", markersize=6)
    right = np.nanmax([mean, *ends])
    ax.annotate(
        *(f"{mean:.1f}", (right, place)),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize="small",
    )


def _name_chance(ax: Axes, places: int) -> None:
    chance_line(ax, CHANCE, along="y")
    ax.set_ylim(places, -0.6)
    ax.text(CHANCE + 1, places - 0.1, "chance", color=GRAY, fontsize="small")
