"""Figure of how far runs move when they are trained again."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame, Series

from vsrnn.analysis._agreement import LOSS, SCORE
from vsrnn.plot.style import GRAY, drawing
from vsrnn.runs.reproduction import DIFFERENT, IDENTICAL, WITHIN

LOOKS = {
    IDENTICAL: ("#0072B2", "o"),
    WITHIN: ("#009E73", "^"),
    DIFFERENT: ("#D55E00", "x"),
}


def agreement(table: DataFrame, style: str = "web") -> Figure:
    """How far runs move when trained again, beside the tolerance and other seeds.

    Runs that are further off than an axis goes lie at its end.

    Args:
        table: as `vsrnn.analysis.agreement` gives it.
        style: "web" or "manuscript".
    """
    rows = list(table.groupby(["compared", "scale"], sort=False))
    with drawing(style, 0.2 + 0.07 * len(rows)) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for place, (_, runs) in enumerate(rows):
            _points(left, runs[LOSS].abs().clip(upper=1e3), runs["verdict"], place)
            _points(right, runs[SCORE].clip(-1.45, 1.45), runs["verdict"], place)
        left.set_xscale("symlog", linthresh=1e-6)
        left.set(xlabel="difference of the\nfirst epoch's loss [tolerances]")
        left.set(xlim=(-3e-7, 1e3), xticks=[0, 1e-5, 1e-3, 1e-1, 10, 1e3])
        right.set(xlabel="difference of\ntest accuracy [tolerances]", xlim=(-1.5, 1.5))
        names = [f"{compared},\n{scale} scale" for (compared, scale), _ in rows]
        left.set_yticks(range(len(rows)), names)
        left.set_ylim(len(rows) - 0.5, -0.5)
        _limits(left, 1)
        _limits(right, -1, 1)
        handles = [
            Line2D([], [], color=color, marker=marker, linestyle="", label=verdict)
            for verdict, (color, marker) in LOOKS.items()
        ]
        handles.append(Line2D([], [], color=GRAY, linestyle="--", label="tolerance"))
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _points(ax: Axes, values: Series, verdicts: Series, place: float) -> None:
    """A point a run, spread over the height of its row."""
    heights = place + np.linspace(-0.3, 0.3, len(values) + 2)[1:-1]
    for verdict, (color, marker) in LOOKS.items():
        chosen = (verdicts == verdict).to_numpy()
        ax.plot(values[chosen], heights[chosen], marker, color=color, markersize=4)


def _limits(ax: Axes, *values: float) -> None:
    for value in values:
        ax.axvline(value, color=GRAY, linewidth=0.8, linestyle="--", zorder=0)
