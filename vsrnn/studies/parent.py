"""How far can a parent network be trusted on a task it never saw?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.forecast.ladder import RUNGS, over_tasks
from vsrnn.plot.axes import each_panel, legend
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.tables import committed_runs
from vsrnn.stats import Claim, minus_signs
from vsrnn.studies.ladder import PARENT
from vsrnn.studies.meta import split
from vsrnn.studies.page import Page
from vsrnn.studies.scorecard import judged

# Metrics, held-out families and what is to be beaten are in results/meta_split.json,
# fixed before the runs; "changed" there says what was not kept. Beside the regret of
# the end, which is nothing where all designs of a task end alike, the page gives
# points: 100 times the level that is lost.

RIVALS: dict[str, dict[str, Any]] = {
    PARENT: {"color": BLUE, "marker": "o", "linestyle": "-"},
    f"{PARENT}, again": {"color": BLUE, "marker": "s", "linestyle": "--"},
    "portfolio": {"color": GREEN, "marker": "D", "linestyle": "-"},
    "one epoch": {"color": ORANGE, "marker": "^", "linestyle": "-"},
    "halving": {"color": ORANGE, "marker": "v", "linestyle": "--"},
    "random": {"color": "black", "marker": "x", "linestyle": "-"},
    "uniform": {"color": GRAY, "marker": "", "linestyle": "--"},
    "dense": {"color": GRAY, "marker": "", "linestyle": "-"},
}
WORDS = {
    f"{PARENT}, again": f"{PARENT}, asked again after epochs of all",
    "one epoch": "best after one epoch",
    "halving": "successive halving",
    "random": "random designs, trained to the end",
}
MEASURED = {
    "rank_speed": {"color": BLUE, "marker": "o"},
    "rank_end": {"color": ORANGE, "marker": "^"},
}
MEASURE_WORDS = {"rank_speed": "learning speed", "rank_end": "level at the end"}
NONE = 0.5  # where no epochs stand on an axis of logarithms
QUOTED = (
    *((name, 0) for name in (PARENT, "portfolio", "random", "dense", "uniform")),
    *((PARENT, 10), ("one epoch", 10)),
)
"""Rivals and epochs whose points the page may quote."""


@dataclass(frozen=True)
class Data:
    """What was measured of the ladder.

    Args:
        measures: of each rung, by task and arm.
        rivals: what ways to pick lose at equal epochs, by task.
        ceiling: rank of designs between two seeds, by task.
        curves: forecasts of a few designs, and how they learned.
    """

    measures: DataFrame
    rivals: DataFrame
    ceiling: DataFrame
    curves: DataFrame


def load() -> Data:
    """Load the committed tables.

    Raises:
        VsrnnError: there are none.
    """
    names = ("ladder", "ladder_rivals", "ladder_ceiling", "ladder_curves")
    return Data(*(committed_runs(name) for name in names))


def _means(table: DataFrame, by: Sequence[str], value: str) -> DataFrame:
    """Means over tasks, with 95 % intervals by bootstrap over tasks."""
    rows = []
    for key, own in table.groupby(list(by), sort=False):
        mean, low, high = over_tasks(own, value)
        ends = {"mean": mean, "low": low, "high": high, "tasks": own["task"].nunique()}
        rows.append(dict(zip(by, key, strict=True)) | ends)
    return DataFrame(rows)


def parent_regret_table(data: Data) -> DataFrame:
    """What is lost to the best design of a pool, by rival and trained epochs.

    Returns:
        One row a rival and number of epochs: rival, epochs, mean [points], low, high
        (95 %, over tasks), tasks.
    """
    chosen = data.rivals[data.rivals["rival"].isin(RIVALS)]
    return _means(chosen, ["rival", "epochs"], "points").round(3)


def parent_ladder_table(data: Data) -> DataFrame:
    """How each rung ranks the designs of a task whose family it never saw.

    Returns:
        One row a rung and measure, at one rate a task and without any training: rung,
        measure, mean (rank correlation), low, high (95 %, over tasks), tasks, ceiling
        (rank between two seeds).
    """
    own = data.measures.query("by == 'family' and context == 0 and arm == 'fixed'")
    parts = []
    for name in MEASURED:
        top = data.ceiling[name].mean()
        parts.append(_means(own, ["rung"], name).assign(measure=name, ceiling=top))
    table = DataFrame([row for part in parts for row in part.to_dict("records")])
    order = {rung: n for n, rung in enumerate(RUNGS)}
    return table.sort_values("rung", key=lambda r: r.map(order)).round(4)


def parent_curves_table(data: Data) -> DataFrame:
    """Forecast and observed curves on tasks of the families held out.

    Returns:
        One row a task, design and epoch: task, which ("first", the parent's first, or
        "dense"), epoch, low, median, high (80 % interval), level (as it learned).
    """
    held_out = split()["held_out_families"]
    own = data.curves[data.curves["family"].isin(held_out)]
    own = own[(own["context"] == 0) & own["which"].isin(["first", "dense"])]
    largest = own.groupby("task")["budget"].transform("max")
    names = ["task", "which", "epoch", "low", "median", "high", "level"]
    return own.loc[own["budget"] == largest, names].reset_index(drop=True)


def _provenance(data: Data) -> dict[str, Any]:
    return {"tables": ["ladder", "ladder_rivals", "ladder_ceiling", "ladder_curves"]}


@figure(table=parent_regret_table, made_by=_provenance)
def parent_regret(table: DataFrame, style: str = "web") -> Figure:
    """Points lost on tasks never seen against epochs trained, by way to pick."""
    table = table.assign(at=table["epochs"].clip(lower=NONE))
    known = {name: look for name, look in RIVALS.items() if name in set(table["rival"])}
    with drawing(style, 0.7) as fig:
        ax = fig.subplots()
        order = {name: n for n, name in enumerate(RIVALS)}
        shown = table.sort_values(["rival", "at"], key=lambda c: c.replace(order))
        lines(ax, shown, "at", "mean", hue="rival", looks=known)
        ax.set_xscale("log")
        ticks = [NONE, 1, 2, 5, 10, 32, 96]
        ax.set_xticks(ticks, ["0", *(f"{t:g}" for t in ticks[1:])])
        ax.set_xticks([], minor=True)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("epochs trained, of all designs of a task and budget together")
        ax.set_ylabel("points lost to the best design")
        legend(fig, {WORDS.get(name, name): look for name, look in known.items()}, 2)
    return fig


@figure(table=parent_ladder_table, made_by=_provenance)
def parent_ladder(table: DataFrame, style: str = "web") -> Figure:
    """How well each rung ranks designs of families it never saw, without training."""
    with drawing(style, 0.75) as fig:
        ax = fig.subplots()
        how: dict[str, Any] = {"hue": "measure", "looks": MEASURED, "step": 0.3}
        dots(ax, table, "mean", "rung", "low", "high", **how)
        ax.axvline(0, color=GRAY, linewidth=0.8)
        for name, look in MEASURED.items():
            top = table.loc[table["measure"] == name, "ceiling"].iloc[0]
            ax.axvline(top, color=look["color"], linewidth=0.8, linestyle=":")
        ax.set_xlabel("rank correlation within a task (dotted: of two seeds)")
        legend(fig, {MEASURE_WORDS[n]: look for n, look in MEASURED.items()}, 2)
    return fig


@figure(table=parent_curves_table, made_by=_provenance)
def parent_curves(table: DataFrame, style: str = "web") -> Figure:
    """Forecast curves with 80 % intervals, and what then happened, on unseen tasks."""
    looks = {
        "first": {"color": BLUE, "marker": "", "linestyle": "--"},
        "dense": {"color": GRAY, "marker": "", "linestyle": "--"},
    }
    happened = {n: look | {"linestyle": "-"} for n, look in looks.items()}
    with drawing(style, 0.7) as fig:
        for ax, own in each_panel(fig, table, "task", 3):
            task = str(own["task"].iloc[0])
            lines(ax, own, "epoch", "median", "low", "high", hue="which", looks=looks)
            lines(ax, own, "epoch", "level", hue="which", looks=happened)
            ax.set(title=task, xlabel="epoch", ylabel="level")
            ax.set_ylim(-0.6, 1.1)
        words = {"first": "the parent's first", "dense": "dense"}
        named = {f"{words[n]}, forecast": look for n, look in looks.items()}
        named |= {f"{words[n]}, as it learned": look for n, look in happened.items()}
        legend(fig, named, 2)
    return fig


def _lost(page: Page, rival: str, epochs: int) -> float:
    table = page.table("parent_regret")
    own = table[(table["rival"] == rival) & (table["epochs"] == epochs)]
    return float(own["mean"].iloc[0]) if len(own) else float("nan")


def _held(data: Data, held_out: bool, context: int = 0) -> tuple[float, float, float]:
    own = data.measures.query("rung == @PARENT and by == 'family'")
    own = own[own["context"] == context]
    test = own["family"].isin(split()["held_out_families"])
    return over_tasks(own[test == held_out], "held_80")


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes."""
    data, found = page.data, claims(page)
    ranks = page.table("parent_ladder").query("measure == 'rank_speed'")
    parent = ranks.set_index("rung")["mean"]
    cost = data.measures.query("by == 'family' and context == 0 and arm == 'fixed'")
    crps = cost.groupby(["rung", "task"])["crps"].mean().groupby("rung").mean()
    gain = 100 * (1 - crps[PARENT] / crps["mean curve"])
    lost = {
        f"{name.replace(' ', '_')}_{epochs}": f"{_lost(page, name, epochs):.1f}"
        for name, epochs in QUOTED
    }
    return lost | {
        "tasks": str(data.rivals["task"].nunique()),
        "families": str(data.rivals["family"].nunique()),
        "rank": minus_signs(f"{parent[PARENT]:.2f}"),
        "forest_rank": minus_signs(f"{parent['forest']:.2f}"),
        "ceiling": f"{ranks['ceiling'].iloc[0]:.2f}",
        "held": f"{100 * _held(data, False)[0]:.0f}",
        "held_out": f"{100 * _held(data, True)[0]:.0f}",
        "crps_gain": minus_signs(f"{gain:.0f}"),
        "against_random": _AGAINST[judged(found, CLAIMS["random"])],
        "against_dense": _AGAINST[judged(found, CLAIMS["dense"])],
        "against_portfolio": _AGAINST[judged(found, CLAIMS["portfolio"])],
    }


CLAIMS = {
    name: f"the parent's first pick, untrained, loses less than {words}"
    for name, words in {
        "random": "a random design",
        "half": "half of what a random design loses",
        "dense": "dense",
        "uniform": "uniform",
        "portfolio": "the portfolio's",
        "one epoch": "the best of ten after one epoch",
    }.items()
}
"""By rival."""
_RANKED = "the parent ranks speed at .4 or above on families it never saw"
FOREST = "a forest ranks speed as well as the parent, or within .1 of it"
_AGAINST = {
    "holds": "less than",
    "reversed": "more than",
    "undecided": "not clearly different from",
    "too few runs yet": "not clearly different from",
    "no runs yet": "not clearly different from",
}


def claims(page: Page) -> list[Claim]:
    """What was to be beaten, paired over tasks; intervals by bootstrap over tasks."""
    data = page.data
    points = data.rivals.pivot_table(
        index="task", columns=["rival", "epochs"], values="points"
    )
    own = points[PARENT, 0]
    others = {name: points[name, 0] for name in ("random", "dense", "uniform")}
    others |= {"half": points["random", 0] / 2, "portfolio": points["portfolio", 0]}
    others["one epoch"] = points["one epoch", 10]
    found = []
    for name, words in CLAIMS.items():
        gap = (others[name] - own).rename("gap").reset_index()
        found.append(Claim.of(words, over_tasks(gap, "gap"), "points"))
    table = page.table("parent_ladder").set_index(["rung", "measure"])
    rank = table.loc[(PARENT, "rank_speed"), ["mean", "low", "high"]].astype(float)
    found.append(Claim.of(_RANKED, rank - 0.4, "rank correlation"))
    own = data.measures.query("by == 'family' and context == 0 and arm == 'fixed'")
    each = own.pivot_table(index="task", columns="rung", values="rank_speed")
    gap = (each["forest"] - each[PARENT] + 0.1).rename("gap").reset_index()
    found.append(Claim.of(FOREST, over_tasks(gap, "gap"), "rank correlation"))
    return found
