"""Figures of Adroit Hammer: success and more by design, expert, data and size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator
from pandas import DataFrame

from vsrnn.analysis._hammer_results import (
    BUDGET,
    DEMONSTRATIONS,
    HAMMER_FIVE,
    MEASURES,
    RETURN,
    SUCCESS,
    arrangement,
)
from vsrnn.analysis._labels import (
    DESIGN_LABELS,
    EXPERT_LABELS,
    PROPORTION,
    design_label,
    seeds_label,
)
from vsrnn.figures._scores import share_column
from vsrnn.plot.style import (
    GRAY,
    draw_interval,
    drawing,
    label_ends,
    look,
)


def hammer_success(table: DataFrame, style: str = "web") -> Figure:
    """How each run does by each measure, with its design's mean and 95 % interval.

    Args:
        table: as `vsrnn.analysis.hammer_success` gives it.
        style: "web" or "manuscript".
    """
    groups = list(_groups(table))
    designs = list(dict.fromkeys(table["design"]))
    with drawing(style, 1.3) as figure:
        axes = figure.subplots(3, len(groups), sharex="row", sharey=True, squeeze=False)
        for column, (title, rows) in zip(axes.T, groups, strict=True):
            column[0].set_title(title, fontsize="small")
            for ax, measure in zip(column, MEASURES, strict=True):
                each = _of(rows, measure)
                for place, name in enumerate(designs):
                    _drawn(ax, each[each["design"] == name], place, name)
                _measure_axis(ax, table, measure)
        for ax in axes[:, 0]:
            ax.set_yticks(range(len(designs)), [design_label(d) for d in designs])
            ax.set_ylim(len(designs) - 0.4, -0.6)
    return figure


def hammer_curve(table: DataFrame, style: str = "web") -> Figure:
    """Share of variance explained by epoch, a line a design, with intervals.

    Args:
        table: as `vsrnn.analysis.hammer_curve` gives it.
        style: "web" or "manuscript".
    """
    groups = list(_groups(table))
    with drawing(style, 0.5) as figure:
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        panels[0].set_ylim(0, 100)
        for ax, (title, rows) in zip(panels, groups, strict=True):
            ax.set(xlabel="epoch")
            ax.set_title(title, fontsize="small")
            lines = rows.rename(columns=lambda name: name.removesuffix(" [%]"))
            _lines(ax, lines, "design", "epoch", list(HAMMER_FIVE))
            ax.xaxis.get_major_locator().set_params(integer=True)
        panels[0].set_ylabel("explained variance of actions [%]")
    return figure


def hammer_ranking(table: DataFrame, style: str = "web") -> Figure:
    """Designs by success, with the other measures and each hidden proportion.

    Args:
        table: as `vsrnn.analysis.hammer_ranking` gives it.
        style: "web" or "manuscript".
    """
    designs = list(dict.fromkeys(table["design"]))
    shares = (
        table.groupby("design")[PROPORTION].first().reindex(designs).to_numpy(float)
    )
    with drawing(style, 0.15 + 0.04 * len(designs)) as figure:
        *panels, side = figure.subplots(1, 4, sharey=True, width_ratios=(4, 4, 4, 2.2))
        for ax, measure in zip(panels, MEASURES, strict=True):
            _measure_axis(ax, table, measure)
            ax.grid(axis="y", color="0.92", linewidth=0.8)
            for row in _of(table, measure).to_dict("records"):
                shape = _EXPERTS[row["expert"]]
                place = designs.index(row["design"]) + shape["shift"]
                ends = [row["low"], row["high"]]
                ax.plot(ends, [place, place], color=shape["color"], linewidth=1)
                ax.plot(row["mean"], place, shape["marker"], **shape["face"])
        share_column(side, shares)
        panels[0].set_yticks(range(len(designs)), [design_label(d) for d in designs])
        panels[0].set_ylim(len(designs) - 0.4, -0.6)
        _experts_legend(figure, table)
    return figure


def hammer_demonstrations(table: DataFrame, style: str = "web") -> Figure:
    """The measures against the number of episodes imitated, a line a design.

    Args:
        table: as `vsrnn.analysis.hammer_demonstrations` gives it.
        style: "web" or "manuscript".
    """
    with drawing(style, 1.2) as figure:
        panels = figure.subplots(3, 1, sharex=True)
        for ax, measure in zip(panels, MEASURES, strict=True):
            rows = _of(table, measure)
            _measure_axis(ax, table, measure, "y")
            _log_axis(ax, rows[DEMONSTRATIONS], DEMONSTRATIONS)
            _lines(ax, rows, "design", DEMONSTRATIONS, list(HAMMER_FIVE))
            ax.label_outer()
        _others_legend(figure, table["design"], HAMMER_FIVE)
    return figure


def hammer_size(table: DataFrame, style: str = "web") -> Figure:
    """The measures against the number of weights, a line an arrangement.

    Args:
        table: as `vsrnn.analysis.hammer_size` gives it.
        style: "web" or "manuscript".
    """
    experts = list(dict.fromkeys(table["expert"])) or list(EXPERT_LABELS)[:1]
    with drawing(style, 1.3) as figure:
        axes = figure.subplots(
            3, len(experts), sharex=True, sharey="row", squeeze=False
        )
        for column, expert in zip(axes.T, experts, strict=True):
            for ax, measure in zip(column, MEASURES, strict=True):
                rows = _of(table[table["expert"] == expert], measure)
                _measure_axis(ax, table, measure, "y")
                _log_axis(ax, table[BUDGET], "weights [thousands]", 1000)
                _lines(ax, rows, "arrangement", BUDGET, list(_ARRANGED))
                ax.label_outer()
            column[0].set_title(f"{EXPERT_LABELS[expert]}: {seeds_label(rows)}")
        _others_legend(figure, table["arrangement"], _ARRANGED)
    return figure


_ARRANGED = {arrangement(name): name for name in HAMMER_FIVE}
_EXPERTS: dict[str, dict[str, Any]] = {
    expert: {
        "shift": shift,
        "color": color,
        "marker": marker,
        "face": {"color": color, "markersize": 6, "markerfacecolor": face},
    }
    for expert, shift, color, marker, face in zip(
        EXPERT_LABELS,
        (-0.15, 0.15),
        ("#0072B2", "#D55E00"),
        ("o", "s"),
        ("#0072B2", "white"),
        strict=True,
    )
}


def _groups(table: DataFrame) -> Iterator[tuple[str, DataFrame]]:
    """Rows of one scale, source and expert, with the panel's title that says so."""
    if table.empty:
        yield "no runs yet", table
    keys = ["source", "scale", "expert"]
    for (source, scale, expert), rows in table.groupby(keys, sort=False):
        label = EXPERT_LABELS[expert]
        yield f"{scale} scale, {source}\n{label}: {seeds_label(rows)}", rows


def _drawn(ax: Axes, runs: DataFrame, place: int, name: str) -> None:
    if runs.empty:
        return
    first = runs.iloc[0]
    dots, ends = runs["value"].to_numpy(float), first[["low", "high"]].to_numpy(float)
    how = ",.0f" if first["measure"] == RETURN else ".1f"
    draw_interval(ax, dots, first["mean"], ends, place, how=how, **look(name))


def _of(table: DataFrame, measure: str) -> DataFrame:
    """Rows of a measure; intervals of a success rate end at 0 and 100 %."""
    rows = table[table["measure"] == measure]
    if measure == SUCCESS:
        rows = rows.assign(low=rows["low"].clip(0), high=rows["high"].clip(upper=100))
    return rows


def _measure_axis(ax: Axes, table: DataFrame, measure: str, along: str = "x") -> None:
    """Label and limits of an axis with a measure on it; long intervals are cut."""
    label = measure.replace(" variance", "\nvariance")
    rows = table[table["measure"] == measure]
    if measure == RETURN:
        label = "return [thousands]"
        getattr(ax, f"{along}axis").set_major_formatter(_THOUSANDS)
    if measure == SUCCESS:
        ax.set(**{f"{along}lim": (-8, 108), f"{along}ticks": (0, 25, 50, 75, 100)})
    elif rows["mean"].notna().any():
        shown = rows.filter(["value", "mean"]).stack()
        room = 0.2 * (shown.max() - shown.min()) or 1
        ax.set(**{f"{along}lim": (shown.min() - room, shown.max() + room)})
    ax.set(**{f"{along}label": label})


_THOUSANDS = FuncFormatter(lambda value, _: f"{value / 1000:g}")


def _log_axis(ax: Axes, values: DataFrame, label: str, unit: int = 1) -> None:
    ticks = sorted(values.unique())
    ax.set(xscale="log", xlabel=label)
    ax.set_xticks(ticks, [f"{tick / unit:g}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())


def _lines(ax: Axes, rows: DataFrame, by: str, x: str, named: list[str]) -> None:
    """A line for each design: those with a name in color, the others in gray.

    Intervals are bands, or bars beside each other where places are few.
    """
    if rows.empty:
        ax.text(
            *(0.5, 0.5, "no runs yet"),
            ha="center",
            color=GRAY,
            transform=ax.transAxes,
        )
    ends: list[tuple[str, float, str]] = []
    for name, line in rows.groupby(by, sort=False):
        mean = line["mean"].to_numpy(float)
        if name not in named:
            ax.plot(line[x], mean, color="0.75", linewidth=0.8, zorder=1)
            continue
        shape = look(_ARRANGED.get(str(name), str(name)))
        every, color = max(1, len(line) // 6), shape["color"]
        between = (line["low"], line["high"])
        if rows[x].nunique() > 6:
            place = line[x]
            ax.fill_between(place, *between, color=color, alpha=0.15, linewidth=0)
        else:
            place = line[x] * 1.03 ** (len(ends) - 2)  # five, the third in its place
            ax.vlines(place, *between, color=color, linewidth=1)
        ax.plot(place, mean, markevery=every, **shape)
        label = DESIGN_LABELS[_ARRANGED.get(str(name), str(name))]
        ends.append((label, mean[-1], str(color)))
    if ends:
        label_ends(ax, *zip(*ends, strict=True))


def _experts_legend(figure: Figure, table: DataFrame) -> None:
    shown = table.loc[table["seeds"] > 0, "expert"]
    experts = list(dict.fromkeys(shown)) or list(EXPERT_LABELS)
    handles = [
        Line2D([], [], marker=_EXPERTS[e]["marker"], **_EXPERTS[e]["face"])
        for e in experts
    ]
    words = [
        f"{EXPERT_LABELS[e]}: {seeds_label(table[table['expert'] == e])}"
        for e in experts
    ]
    figure.legend(handles, words, loc="outside lower center", ncols=2)


def _others_legend(figure: Figure, names: DataFrame, known: Any) -> None:
    others = set(names) - set(known)
    if others:
        handle = Line2D([], [], color="0.75", linewidth=0.8)
        words = [f"other arrangements: {len(others)}"]
        figure.legend([handle], words, loc="outside lower center")
