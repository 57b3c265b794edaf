"""Runs of a protocol with their labels: what pages with arms of their own share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, Series

from vsrnn.plot.axes import each_panel, legend, note
from vsrnn.plot.points import dots
from vsrnn.runs.config import Config
from vsrnn.runs.tables import committed_runs
from vsrnn.studies.arms import measured, paired
from vsrnn.studies.scorecard import NOTHING

Labeled = tuple[dict[str, Any], Config]


@dataclass(frozen=True)
class Data:
    """What a page shows.

    Args:
        plan: all runs of the protocol with their labels, and what is stored of them.
        runs: those that are stored.
    """

    plan: DataFrame
    runs: DataFrame

    @property
    def stored(self) -> str:
        """How many of the planned runs are stored, in words."""
        there = self.plan["id"].isin(self.runs["id"])
        return f"{there.sum()} of {len(there)}"


def loaded(
    plan: Iterable[Labeled],
    results: str,
    columns: Iterable[str],
    last: Iterable[str] = (),
) -> Data:
    """The runs of a protocol with labels, and what is stored of them.

    Args:
        plan: labels and config of each run.
        results: name of the stored runs.
        columns: of the table of runs.
        last: of the table of curves, at the last epoch of each run.
    """
    rows = DataFrame([{**labels, "id": config.id} for labels, config in plan])
    runs = committed_runs(results)
    table = measured(rows, runs, *columns)
    if names := list(last):
        curves = committed_runs(f"{results}_curves")
        ends = curves.sort_values("epoch").drop_duplicates("id", keep="last")
        table = measured(table, ends, *names)
    return Data(table, runs[runs["id"].isin(rows["id"])])


def gap(claim: str, more: Series, less: Series, unit: str = "") -> Any:
    """A claim that one arm is above another: the mean difference over shared seeds.

    >>> one, other = Series({0: 1.0, 1: 2.0}), Series({0: 3.0, 1: 5.0})
    >>> gap("the other is above the one", other, one).value
    2.5
    """
    return paired(claim, less.astype(float), more.astype(float), unit)


def rows_of_means(
    drawn: Figure,
    table: DataFrame,
    y: str,
    hue: str,
    looks: Mapping[str, Mapping[str, Any]],
    label: str,
    columns: int = 2,
) -> list[Axes]:
    """Means with intervals, a row for each of a column, a panel for each of "panel"."""
    axes = []
    order = list(dict.fromkeys(table[y]))
    for ax, rows in each_panel(drawn, table, "panel", columns, sharey=True):
        known = rows.dropna(subset=["mean"])
        ends = known.assign(
            low=known["low"].fillna(known["mean"]),
            high=known["high"].fillna(known["mean"]),
        )
        how: Any = {"hue": hue, "looks": looks, "order": order}
        if len(ends):
            dots(ax, ends, "mean", y, "low", "high", **how)
        else:
            note(ax, NOTHING)
        ax.set(title=rows["panel"].iloc[0], xlabel=label, ylabel="")
        axes.append(ax)
    legend(drawn, {word: {"ls": "", **look} for word, look in looks.items()})
    return axes
