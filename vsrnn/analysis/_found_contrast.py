"""What setting two tasks side by side found, as sentences made from its tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pandas import DataFrame, Series

from vsrnn.analysis._contrast import ABOVE, ABOVE_HIGH, ABOVE_LOW, BEST_ON, best_on
from vsrnn.analysis._contrast_study import (
    BOTH,
    BY_CHANCE,
    EVEN,
    OTHER,
    SAME,
    SPREAD,
)
from vsrnn.analysis._explained import feature_label
from vsrnn.analysis._found import _bullets, _nested, _verdict
from vsrnn.analysis._found_forecast import _span
from vsrnn.analysis._growth import growing
from vsrnn.analysis._labels import (
    PROPORTION,
    SCORE_LABELS,
    TASK_LABELS,
    arrangement_label,
    designs_label,
)
from vsrnn.forecast import SCORE

DENSE = "111111_"
FOREST = "across tasks"
_CORRELATION = ("rank correlation", "low", "high")


def found_contrast(
    ranks: DataFrame,
    layout: DataFrame,
    proportion: DataFrame,
    correlation: DataFrame,
    forecast: DataFrame,
    growth: DataFrame,
) -> str:
    """Sentences on the contrast of the tasks: which of the paper's claims hold.

    A claim holds when its 95 % interval lies on the side claimed, is reversed when it
    lies on the other, and is not decided when it holds 0 or there is none.

    Args:
        ranks: as `contrast_ranks` gives it.
        layout: as `contrast_layout` gives it.
        proportion: as `contrast_proportion` gives it.
        correlation: as `contrast_correlation` gives it.
        forecast: as `contrast_forecast` gives it.
        growth: as `contrast_growth` gives it.
    """
    rad, hammer = (ranks[ranks["task"] == task] for task in ("rad", "hammer"))
    rad = rad[rad["table"] == rad["table"].iloc[0]]  # ranks are within a table
    tables = [rows for _, rows in hammer.groupby("table", sort=False)]
    return _bullets(
        _there(ranks),
        _nested(
            "That what is good on one task is poor on the other, by rank correlation "
            "of the arrangements' scores",
            map(_order, tables),
        ),
        _nested(
            "That dense does well on Hammer, by points above the mean of the others",
            map(_dense, tables),
        ),
        _nested(
            "That the best on Random Anomaly is poor on Hammer, by the same measure",
            [_elsewhere(rad, rows, rows) for rows in tables],
        ),
        _nested(
            "That the best on Hammer is poor on Random Anomaly, likewise",
            [_elsewhere(rows, rad, rows) for rows in tables],
        ),
        *_shares(layout),
        _nested("Rank correlation of hidden proportion and score", _course(proportion)),
        *_apart(proportion),
        _nested(
            "How far designs are apart, and in parentheses how far the test alone "
            "would put designs that are alike, standard deviations in points",
            _spread(proportion),
        ),
        _nested(
            "What of a design goes with its score, of rank correlations whose 95 % "
            "interval, each by itself, leaves out 0",
            _goes(correlation),
        ),
        *_forecast(forecast),
        growing(growth),
    )


def _there(ranks: DataFrame) -> str:
    parts = []
    for name, rows in ranks.groupby("table", sort=False):
        lost = int(rows["diverged"].sum())
        parts.append(
            f"{name} {rows['runs'].sum()} runs of {len(rows)} at "
            f"{rows['scale'].iloc[0]} scale, "
            f"{SCORE_LABELS[rows['task'].iloc[0]]} {rows[SCORE].min():.1f} to "
            f"{rows[SCORE].max():.1f} %{f', {lost} diverged' if lost else ''}"
        )
    return _nested(
        f"Both tasks have {ranks['arrangement'].nunique()} arrangements with runs",
        parts,
    )


def _order(rows: DataFrame) -> str:
    first, tied = rows.iloc[0], int(rows["rank"].duplicated(keep=False).sum())
    if not np.isfinite(first["rank correlation"]):
        return f"{first['table']} is not decided (few scores, or all equal)"
    ties = f", {tied} of {len(rows)} in ties" if tied else ""
    text = (
        f"{first['table']} {_verdict(-first['high'], -first['low'])}, "
        f"{first['rank correlation']:.2f} "
        f"({first['low']:.2f} to {first['high']:.2f}{ties})"
    )
    rho, low, high = (first[f"return {name}"] for name in _CORRELATION)
    return text + (
        f", by return {rho:.2f} ({low:.2f} to {high:.2f})" if np.isfinite(rho) else ""
    )


def _dense(rows: DataFrame) -> str:
    each = rows.set_index("arrangement")
    if DENSE not in each.index:
        return f"{rows['table'].iloc[0]} has no run of it"
    row = each.loc[DENSE]
    verdict = _verdict(row[ABOVE_LOW], row[ABOVE_HIGH])
    return f"{row['table']} {verdict}, {_place(row, rows)}"


def _elsewhere(here: DataFrame, there: DataFrame, table: DataFrame) -> str:
    """How the best of one task's table does in a table of the other task."""
    name = table["table"].iloc[0]
    both = here[here["arrangement"].isin(there["arrangement"])]
    if both.empty:
        return f"{name} is not decided (no arrangement has runs on both)"
    best = both[both[SCORE] == both[SCORE].max()]["arrangement"].tolist()
    if len(best) > 1:
        return f"{name} is not decided ({len(best)} share the best score)"
    row = there.set_index("arrangement").loc[best[0]]
    verdict = _verdict(-row[ABOVE_HIGH], -row[ABOVE_LOW])
    return f"{name} {verdict}, {arrangement_label(best[0])} is {_place(row, there)}"


def _place(row: Series, rows: DataFrame) -> str:
    text = f"rank {row['rank']:g} of {len(rows)}"
    if np.isfinite(row[ABOVE]):
        text += f", {row[ABOVE]:+.1f}"
    if np.isfinite(row[ABOVE_LOW]):
        text += f" ({row[ABOVE_LOW]:+.1f} to {row[ABOVE_HIGH]:+.1f})"
    return text


def _shares(layout: DataFrame) -> Iterator[str]:
    """What the same densities mean at the sizes of each task."""
    for name, pair in layout.groupby("arrangement", sort=False):
        parts = []
        for task, rows in pair.groupby("task", sort=False):
            share = rows.set_index("block")["weight share [%]"]
            parts.append(
                f"on {TASK_LABELS[str(task)]} hx takes {share['hx']:.0f} % of the "
                f"weights and the hidden proportion is {rows[PROPORTION].iloc[0]:.3f}"
            )
        best = pair[BEST_ON].iloc[0]
        on = "" if best == "neither" else f", of block designs {best_on(best)}"
        yield _nested(f"{arrangement_label(str(name))}{on}", parts)


def _course(proportion: DataFrame) -> Iterator[str]:
    for name, rows in proportion.groupby("table", sort=False):
        first, proportions = rows.iloc[0], rows[PROPORTION]
        start = (
            f"{name} ({designs_label(len(rows))} {first['drawn']}, proportions of "
            f"{proportions.min():.2f} to {proportions.max():.2f})"
        )
        if not np.isfinite(first["rank correlation"]):
            yield f"{start} too few or all equal"
            continue
        yield (
            f"{start} {first['rank correlation']:.2f} "
            f"({first['low']:.2f} to {first['high']:.2f}), the smooth fit best at "
            f"{first['best [fraction]']:.2f} ({first['best low [fraction]']:.2f} to "
            f"{first['best high [fraction]']:.2f})"
        )


def _apart(proportion: DataFrame) -> Iterator[str]:
    """Whether the tasks are best at different proportions, where these are spread."""
    ends = ["best low [fraction]", "best high [fraction]"]
    even = proportion[proportion["drawn"] == EVEN].dropna(subset=ends)
    each = even.drop_duplicates("task")[ends].to_numpy()
    claim = "That the two tasks are best at different hidden proportions"
    if len(each) < 2:
        have = "only one task has" if len(each) else "neither task has"
        yield f"{claim} is not decided: {have} enough designs drawn evenly."
        return
    apart = each[:, 0].max() > each[:, 1].min()
    yield (
        f"{claim} {'holds' if apart else 'is not decided'} for designs drawn evenly: "
        f"the intervals of the best {'do not meet' if apart else 'overlap'}."
    )


def _spread(proportion: DataFrame) -> Iterator[str]:
    several = proportion.dropna(subset=[SPREAD])
    for name, rows in several.groupby("table", sort=False):
        first = rows.iloc[0]
        yield (
            f"{name} ({len(rows)} designs, {rows[SCORE].min():.1f} to "
            f"{rows[SCORE].max():.1f} %) {first[SPREAD]:.1f} ({first[BY_CHANCE]:.1f})"
        )


def _goes(correlation: DataFrame) -> Iterator[str]:
    for name, rows in correlation.groupby("table", sort=False):
        shown = rows[(rows["low"] > 0) | (rows["high"] < 0)]
        strongest = shown.sort_values("rank correlation", key=abs, ascending=False)
        parts = [
            f"{feature_label(row['feature'])} {row['rank correlation']:+z.2f} "
            f"({row['low']:+z.2f} to {row['high']:+z.2f})"
            for row in strongest.to_dict("records")
        ]
        yield f"{name}: {'; '.join(parts) or 'nothing'}"


def _forecast(forecast: DataFrame) -> Iterator[str]:
    ranks = forecast[forecast["measure"] == "rank correlation"]
    for task, rows in ranks.groupby("task", sort=False):
        each = rows.set_index(["source", "features"])
        across = each.loc[(OTHER, FOREST)]
        parts = [
            f"{_span(each.loc[(source, FOREST)])} from {source}"
            for source in (SAME, BOTH)
        ]
        alone = each.loc[(OTHER, "proportion")]
        yield (
            f"{TASK_LABELS[str(task)]}, {across['designs']} designs: that a forest "
            "fitted to the other task alone orders them "
            f"{_verdict(across['low'], across['high'])}: rank correlation "
            f"{_span(across)} of forecast and score; {_span(alone)} where it reads the "
            f"hidden proportion alone; {', '.join(parts)}."
        )
