"""Arms of part II: which penalty, which pruning; compared at the same seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from pandas import DataFrame, Series

from vsrnn.methods import get_method
from vsrnn.plot.axes import each_panel, legend, log_ticks, note, plain_numbers
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.points import strip
from vsrnn.plot.style import chance_line
from vsrnn.runs.config import Config
from vsrnn.stats import Claim, intervals
from vsrnn.studies.scorecard import NOTHING

PENALTIES: dict[str, Mapping[str, Any]] = {
    "none": {},
    "torus": {"space": "torus"},
    "permuted": {"control": "permuted"},
    "uniform": {"control": "uniform"},
    "uniform / 4": {"control": "uniform", "weight": 0.1 / 4},
    "uniform / 16": {"control": "uniform", "weight": 0.1 / 16},
    "klein": {"space": "klein"},
    "circle": {"space": "circle"},
    "sphere": {"space": "sphere"},
    "6-torus": {"space": "torus6"},
    "sphere, rescaled": {"space": "sphere", "rescaled": True},
    "6-torus, rescaled": {"space": "torus6", "rescaled": True},
    "diffusion": {"inhibitor": "diffusion"},
    "torus, trained": {"trained": True},
    "R3, trained": {"space": "r3", "trained": True},
}
"""Penalties on hidden-to-hidden weights by name; the weight is .1 as published.

The space is a torus where none is named, and `uniform` is the mean of its penalty, at
the strengths 1, 1/4 and 1/16.
"""

SCHEDULES: dict[str, Mapping[str, Any]] = {
    "linear 15": {"schedule": "linear", "end": 15},
    "linear 30": {"schedule": "linear", "end": 30},
    "linear 15 in 30": {"schedule": "linear", "end": 30, "prunings": 15},
    "cubic": {"end": 15},
}
"""Schedules of pruning by name: prunings, one an epoch; 15 in 30 are every other."""

ARM_LOOKS: dict[str, dict[str, Any]] = {
    "none": {"color": "#000000", "marker": "v", "linestyle": "--"},
    "torus": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "permuted": {"color": ORANGE, "marker": "s", "linestyle": "-."},
    "klein": {"color": GREEN, "marker": "D", "linestyle": ":"},
    "circle": {"color": "#CC79A7", "marker": "^", "linestyle": "-"},
    "sphere": {"color": "#E69F00", "marker": "P", "linestyle": "--"},
    "6-torus": {"color": "#56B4E9", "marker": "X", "linestyle": ":"},
}
"""Color, marker and line style of the arms that pages compare."""

DENSITY = "density [fraction]"
REACHES = "{}: surviving weights lie on cheap pairs"
REST = 4
"""Epochs of training at the final mask; published is the first of them."""


def methods(
    penalty: str, density: float, schedule: str, **more: Any
) -> list[dict[str, Any]]:
    """The methods of an arm: its penalty, unless it is none, and then pruning.

    Args:
        penalty: of `PENALTIES`.
        density: share of weights at the end.
        schedule: of `SCHEDULES`.
        **more: other options of the penalty.

    >>> methods("none", 0.1, "cubic")
    [{'name': 'magnitude', 'density': 0.1, 'end': 15}]
    """
    prune = {"name": "magnitude", "density": density, **SCHEDULES[schedule]}
    return penalized(penalty, prune, **more)


def penalized(penalty: str, *others: dict[str, Any], **more: Any) -> list[Any]:
    """A penalty, unless it is none, and then other methods.

    >>> penalized("klein", {"name": "static"}, seed=1)
    [{'name': 'geometric', 'space': 'klein', 'seed': 1}, {'name': 'static'}]
    """
    if penalty == "none":
        return [*others]
    return [{"name": "geometric", **PENALTIES[penalty], **more}, *others]


def epochs(schedule: str) -> int:
    """Epochs of a run: those of pruning and those at the final mask."""
    return int(SCHEDULES[schedule]["end"]) + REST


def planned(configs: Iterable[Config]) -> DataFrame:
    """The runs of a protocol, one row each: what its configs say, by id.

    Returns:
        id, task, design, seed, arm (of `PENALTIES`), weight of the penalty, density,
        schedule (of `SCHEDULES`, empty for another), score, matrices left alone,
        whether all is pruned at once, and options of the task.
    """
    return DataFrame(map(_planned, configs))


def _planned(config: Config) -> dict[str, Any]:
    own: dict[str, Any] = {method.name: method for method in config.method}
    penalty, prune = own.get("geometric"), own.get("magnitude")
    return {
        **{"id": config.id, "task": config.task, "design": config.design.name},
        **{"seed": config.seed, "arm": arm_of(config)},
        "weight": penalty.weight if penalty else 0.0,
        "density": prune.density if prune else 1.0,
        "schedule": _schedule_of(prune.as_dict()) if prune else "",
        "score": prune.score if prune else "",
        "protect": ", ".join(prune.protect) if prune else "",
        "at once": prune.start == prune.end if prune else False,
        **config.task_options,
    }


def arm_of(config: Config) -> str:
    """The name of a run's penalty, at whatever weight if no arm has that one.

    >>> penalty = {"name": "geometric", "space": "klein", "weight": 0.001}
    >>> arm_of(Config("adding", "adding_128", method=penalty))
    'klein'
    """
    for own in (method for method in config.method if method.name == "geometric"):
        for free in (("seed",), ("seed", "weight")):
            found = _without(own.as_dict(), free)
            for name, options in PENALTIES.items():
                known = get_method("geometric", **options).as_dict()
                if name != "none" and _without(known, free) == found:
                    return name
        return ""
    return "none"


def _schedule_of(prune: Mapping[str, Any]) -> str:
    """The name of a schedule, or nothing."""
    kept = {key: prune[key] for key in ("schedule", "end", "prunings") if key in prune}
    return next((name for name, known in SCHEDULES.items() if known == kept), "")


def _without(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in names}


def measured(plan: DataFrame, runs: DataFrame, *columns: str) -> DataFrame:
    """A plan with columns of its runs, empty for a run that is still to come.

    >>> measured(DataFrame({"id": ["a", "b"]}), DataFrame({"id": ["b"], "x": [1]}), "x")
      id    x
    0  a  NaN
    1  b  1.0
    """
    return plan.merge(runs.reindex(columns=["id", *columns]), on="id", how="left")


def means(runs: DataFrame, by: list[str], value: str) -> DataFrame:
    """Mean, low, high and seeds of each group, also of groups without a run yet.

    >>> runs = DataFrame({"arm": ["none", "none", "torus"], "x": [1.0, 2.0, None]})
    >>> means(runs, ["arm"], "x")[["arm", "mean", "seeds"]].values.tolist()
    [['none', 1.5, 2], ['torus', nan, 0]]
    """
    table = runs[by].drop_duplicates().merge(intervals(runs, by, value), how="left")
    return table.assign(seeds=table["seeds"].fillna(0).astype(int))


def paired(claim: str, better: Series, worse: Series, unit: str = "") -> Claim:
    """A claim that one arm is below another: the mean difference over shared seeds.

    The interval is that of Student's t over the differences.

    Args:
        claim: in words.
        better: values of the arm that is claimed to be below, by seed.
        worse: values of the other.
        unit: of both.

    >>> one, other = Series({0: 1.0, 1: 2.0}), Series({0: 3.0, 1: 5.0, 2: 1.0})
    >>> paired("one is below the other", one, other, "cm").value
    2.5
    """
    gap = (worse - better).dropna()
    table = intervals(DataFrame({"claim": claim, "gap": gap}), ["claim"], "gap")
    ends = table[["mean", "low", "high"]].to_numpy(float)
    return Claim.of(claim, ends[0] if len(ends) else [float("nan")] * 3, unit)


@cache
def cheap_pairs(arm: str, units: int, seed: int = 0) -> float:
    """Share of pairs of units that are cheap as a run of that seed places them [%].

    >>> round(cheap_pairs("permuted", 256))
    14
    """
    penalty: Any = get_method("geometric", **PENALTIES[arm])
    _, cheap = penalty.embed(units, seed).pairs()
    return 100 * float(cheap.double().mean())


def told(value: float, how: str, unit: str = "") -> str:
    """A number as a page quotes it.

    >>> told(3.14159, ".1f", " cm"), told(float("nan"), ".1f")
    ('3.1 cm', 'no runs yet')
    """
    return f"{value:{how}}{unit}" if value == value else NOTHING


def strips(
    drawn: Figure,
    table: DataFrame,
    x: str,
    y: str,
    hue: str,
    looks: Mapping[str, Mapping[str, Any]],
    level: float,
) -> Iterator[tuple[Axes, DataFrame]]:
    """Single values on a log scale, a panel for each of "panel", three in a row.

    Args:
        drawn: an empty figure.
        table: one row a value.
        x: column of the values.
        y: column of the rows.
        hue: column that the looks stand for.
        looks: color and marker.
        level: what the values are compared with, drawn as a line.
    """
    order, how = list(dict.fromkeys(table[y])), {"sharex": True, "sharey": True}
    for ax, rows in each_panel(drawn, table, "panel", 3, **how):
        strip(ax, rows, x, y, hue=hue, looks=looks, order=order)
        ax.set(xscale="log", title=rows["panel"].iloc[0])
        ax.xaxis.set_minor_locator(NullLocator())
        chance_line(ax, level, along="y")
        yield ax, rows


def over_density(
    drawn: Figure,
    table: DataFrame,
    label: str,
    level: str,
    words: str,
    scale: str = "linear",
) -> None:
    """Means against density, a line an arm, a panel for each of "panel", two in a row.

    Args:
        drawn: an empty figure.
        table: one row a mean, with its interval.
        label: of the means.
        level: column of what they are compared with, drawn as a line.
        words: for that line.
        scale: of the means, "linear" or "log".
    """
    known = table[["mean", "low", "high", level]].stack().dropna()
    room = 0.05 * (np.ptp(known) or 1)
    for ax, rows in each_panel(drawn, table, "panel", 2, sharey=True):
        there, ends = rows.dropna(subset=["mean"]), ("mean", "low", "high")
        lines(ax, there, DENSITY, *ends, hue="arm", looks=ARM_LOOKS, bars=True)
        chance_line(ax, rows[level].mean())
        log_ticks(ax, rows[DENSITY])
        ax.set(title=rows["panel"].iloc[0], ylabel=label)
        if not ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            ax.set_ylabel("")
        ax.set_yscale(scale)
        if len(known):
            ax.set_ylim(known.min() - room, known.max() + room)
        if scale == "log":
            plain_numbers(ax, "y")
        if there.empty:
            note(ax, NOTHING)
    looks = {arm: ARM_LOOKS[arm] for arm in dict.fromkeys(table["arm"])}
    legend(drawn, looks | {words: {"color": GRAY, "ls": ":"}}, 4)
