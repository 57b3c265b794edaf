"""Does a geometry of hidden units keep a network that is pruned on its way?"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.design.published import get_design
from vsrnn.plot.axes import grid, legend, log_ticks, panels, plain_numbers
from vsrnn.plot.labels import BLUE, GRAY, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.points import cloud, dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.config import Config
from vsrnn.runs.results import CURVES, get_results
from vsrnn.runs.tables import committed_runs
from vsrnn.studies import arms, walked, watched
from vsrnn.studies.arms import ARM_LOOKS, NOTHING, REST, methods
from vsrnn.studies.page import Page
from vsrnn.studies.walked import ERROR, FEW, LEFT, MAIN, MEDIAN, RAMPS, RESTS, Data
from vsrnn.studies.walked import claims as claims
from vsrnn.studies.walked import numbers as numbers
from vsrnn.studies.widgets import Widget

# Fixed before any run:
#
# - The measure is the position error [cm] on the 1,000 trajectories of validation,
#   which nothing is chosen by, one epoch after the last pruning ("rest 1", published)
#   and four epochs after it ("rest 4"). Printed beside it: floor, stay, center.
# - Seeds are paired: the same initial weights and trajectories in every arm.
# - A run fails when its error is above that of staying at the start.
# - A claim "a is better than b" is the mean over seeds of b's error less a's, with the
#   95 % interval of Student's t: it holds if the interval is above 0, is reversed if it
#   is below 0, and is undecided otherwise. Medians and failures are shown beside it.
# - Geometry reached the mask if more surviving hidden-to-hidden weights lie on cheap
#   pairs than pairs are cheap.

SEEDS = range(5)
DENSITIES = (0.1, 0.05, 0.02)
LIVE, MOMENTS = ("none", "torus"), (6, 8, 10, 12, 13, 14, 15, 16)
"""Arms that are trained on the page, and epochs after which they are looked at."""


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    fixed = [name for name in arms.PENALTIES if name not in walked.TRAINED]
    other = [name for name in arms.SCHEDULES if name != "linear 15"]
    published = [run_of(arm, seed) for seed, arm in product(SEEDS, fixed)]
    schedules = [run_of(a, seed, s) for seed, s, a in product(SEEDS, other, MAIN)]
    trained = [run_of(arm, seed) for seed, arm in product(SEEDS, walked.TRAINED)]
    sparser = [
        run_of(arm, seed, schedule, density)
        for density, seed, schedule, arm in product(
            DENSITIES[1:], SEEDS, ("linear 15", "cubic", "linear 30"), FEW
        )
    ]
    once = [
        run_of(arm, 0, task_options=options)
        for options, arm in product(walked.OPTIONS.values(), FEW)
    ]
    design = get_design("navigation", "navigation_256")
    wide = replace(design, name="navigation_512", hidden=512)
    larger = [replace(run_of(arm, 0), design=wide) for arm in FEW]
    return [*published, *schedules, *trained, *once, *larger, *sparser]


def run_of(
    arm: str,
    seed: int,
    schedule: str = "linear 15",
    density: float = DENSITIES[0],
    **more: Any,
) -> Config:
    """A run of an arm, as published unless said otherwise."""
    how = methods(arm, density, schedule)
    more["epochs"] = arms.epochs(schedule)
    return Config("navigation", "navigation_256", "quick", seed, method=how, **more)


def load(scale: str | None = None, seed: int = 0, results: str = "navigation") -> Data:
    """Load the stored runs, and train two of them again to look at them meanwhile.

    Args:
        scale: "smoke", "quick" or "paper"; without it, nothing is trained.
        seed: of the two.
        results: name of the stored runs.
    """
    runs, curves = committed_runs(results), committed_runs(f"{results}{CURVES}")
    errors, epochs = walked.joined(protocol(), runs, curves)
    if scale is None:
        live = [get_results(f"navigation_{name}") for name in ("paths", "rates")]
        made_by = {"results": "navigation_*.csv"}
        return Data(runs, errors, epochs, live[0], live[1], made_by)
    configs = [replace(run_of(arm, seed), scale=scale) for arm in LIVE]
    each, made_by = watched.watch(configs, watched.walks, MOMENTS, MOMENTS[-1])
    both = dict(zip(LIVE, each, strict=True))
    rates = watched.rates_table(both, (MOMENTS[1], MOMENTS[-1]))
    told = watched.paths_table(both)
    return Data(runs, errors, epochs, told, rates, made_by)


@figure(table=walked.error_table)
def navigation_error(table: DataFrame, style: str = "web") -> Figure:
    """Error at 90 % sparsity by arm and schedule, soon after pruning and later."""
    with drawing(style, 0.46) as drawn:
        axes = panels(drawn, len(RAMPS), sharey=True)
        for ax, (ramp, title) in zip(axes, RAMPS.items(), strict=True):
            _rests(ax, table[table["schedule"] == ramp], MAIN)
            ax.set(title=title, xlabel="error [cm]")
        legend(drawn, _WORDS)
    return drawn


@figure(table=walked.penalties_table)
def navigation_penalties(table: DataFrame, style: str = "web") -> Figure:
    """Error of every penalty on the coarse linear ramp, beside the published ones."""
    order = list(dict.fromkeys(table["arm"]))
    known = table.drop_duplicates("arm").dropna(subset=[walked.PUBLISHED])
    with drawing(style, 0.72) as drawn:
        ax, side = panels(drawn, 2, sharey=True)
        _rests(ax, table, order)
        rows, error = known["arm"].map(order.index), known[walked.PUBLISHED]
        low, high = error - known["deviation [cm]"], error + known["deviation [cm]"]
        side.hlines(rows, low.clip(lower=_WIDE[0]), high, color=GRAY)
        cloud(side, error, rows, {"color": "black", "markersize": 6})
        _scale(side)
        ax.set(title="here: 256 units", xlabel=ERROR)
        side.set(title="published: 4,096 units", xlabel=ERROR, ylabel="")
        legend(drawn, _WORDS)
    return drawn


@figure(table=walked.curves_table)
def navigation_curves(table: DataFrame, style: str = "web") -> Figure:
    """Error by epoch above the share of weights left, on each schedule."""
    with drawing(style, 0.62) as drawn:
        axes = grid(drawn, 2, len(RAMPS), {"x": "col", "y": "row"}, (2, 1))
        for (ax, below), (ramp, title) in zip(axes.T, RAMPS.items(), strict=True):
            rows = table[table["schedule"] == ramp]
            ends = ("low", "high")
            lines(ax, rows, "epoch", MEDIAN, *ends, hue="arm", looks=ARM_LOOKS)
            ax.set(title=title, xlabel="", ylabel=ERROR, yscale="log", ylim=_WIDE)
            plain_numbers(ax, "y")
            own = rows[rows["arm"] == "none"]
            below.step(own["epoch"], own[LEFT], where="post", color=GRAY)
            below.set(xlabel="epoch", ylabel=LEFT, ylim=(0, 105))
            if len(steps := own[own["removed [%]"] > 1e-6]):
                gone = steps["removed [%]"].iloc[-1]
                below.annotate(f"last step\ntakes {gone:.2g} %", (1, 1), **_CORNER)
            for each in (ax, below):
                each.label_outer()
        legend(drawn, {arm: ARM_LOOKS[arm] for arm in FEW})
    return drawn


@figure(table=walked.sparser_table)
def navigation_sparser(table: DataFrame, style: str = "web") -> Figure:
    """Error against sparsity on three schedules, soon after pruning and later."""
    ramps = [name for name in RAMPS if name in set(table["schedule"])]
    with drawing(style, 0.7) as drawn:
        axes = grid(drawn, 2, len(ramps), {"x": "all", "y": "all"})
        for (line, rest), (n, ramp) in product(
            zip(axes, RESTS, strict=True), enumerate(ramps)
        ):
            rows = table[(table["schedule"] == ramp) & (table["rest"] == rest)]
            means = rows.dropna(subset=[MEDIAN]).drop_duplicates(["arm", LEFT])
            how: dict[str, Any] = {"hue": "arm", "looks": ARM_LOOKS, "bars": True}
            lines(line[n], means, LEFT, MEDIAN, "low", "high", **how)
            for level in walked.LEVELS:
                chance_line(line[n], table[level].mean())
            log_ticks(line[n], rows[LEFT])
            line[n].set(yscale="log", ylim=_WIDE, xlim=(13, 1.6), ylabel=ERROR)
            line[n].set_title(f"{RAMPS[ramp]}, rest {rest}")
            line[n].label_outer()
            plain_numbers(line[n], "y")
        legend(drawn, {arm: ARM_LOOKS[arm] for arm in FEW})
    return drawn


@figure(table=walked.cheap_table)
def navigation_cheap(table: DataFrame, style: str = "web") -> Figure:
    """Surviving hidden weights on cheap pairs, beside the share of cheap pairs."""
    shown, shape = {"color": BLUE, "marker": "o"}, {"color": GRAY, "marker": "D"}
    with drawing(style, 0.6) as drawn:
        ax, own = drawn.subplots(), table.drop_duplicates("arm")
        how: dict[str, Any] = {"points": walked.CHEAP, "missing": NOTHING}
        how["looks"] = dict.fromkeys(table["arm"], shown)
        ax.set_xlim(-3, 103)
        cloud(ax, own[f"mean of {walked.PAIRS}"], range(len(own)), shape)
        dots(ax, table, f"mean of {walked.CHEAP}", "arm", **how)
        ax.set_xlabel("share [%]")
        words = {"surviving hidden weights on cheap pairs": shown, "cheap pairs": shape}
        legend(drawn, {name: {"ls": "", **look} for name, look in words.items()})
    return drawn


@figure(table=walked.matrices_table)
def navigation_matrices(table: DataFrame, style: str = "web") -> Figure:
    """Share of each matrix that pruning all of them together leaves, by arm."""
    looks = {"linear 15": RESTS[1], "cubic": RESTS[REST]}
    with drawing(style, 0.42) as drawn:
        axes = panels(drawn, len(walked.READS), sharey=True)
        for ax, matrix in zip(axes, walked.READS.values(), strict=True):
            rows = table[table["matrix"] == matrix]
            means = rows.drop_duplicates(["schedule", "arm"])
            how: dict[str, Any] = {"hue": "schedule", "looks": looks, "step": 0.3}
            dots(ax, means, f"median of {LEFT}", "arm", order=MAIN, **how)
            chance_line(ax, 100 * DENSITIES[0], along="y")
            ax.set(title=matrix, xlabel="left [%]")
            ax.set_xlim(0, np.nanmax([1.15 * rows[LEFT].max(), 12]))
        words = {RAMPS[ramp].replace("\n", " "): look for ramp, look in looks.items()}
        legend(drawn, {name: {"ls": "", **look} for name, look in words.items()})
    return drawn


@figure(table=attrgetter("paths"), made_by=attrgetter("made_by"))
def navigation_paths(table: DataFrame, style: str = "web") -> Figure:
    """True and decoded paths of two runs at four moments of pruning."""
    moments = [MOMENTS[n] for n in (1, -4, -2, -1)]
    with drawing(style, 0.66) as drawn:
        axes = drawn.subplots(len(LIVE), len(moments), squeeze=False)
        for line, arm in zip(axes, LIVE, strict=True):
            for ax, epoch in zip(line, moments, strict=True):
                rows = table[(table["arm"] == arm) & (table["epoch"] == epoch)]
                for _, walk in rows.groupby("walk"):
                    ax.plot(walk["true x"], walk["true y"], color="0.65", lw=2)
                    ax.plot(walk["x"], walk["y"], color=ORANGE, lw=1)
                error, left = rows[["error [cm]", LEFT]].mean()
                ax.set(xlim=(-115, 115), ylim=(-115, 115), xticks=[], yticks=[])
                ax.set(aspect="equal", xlabel=f"error {error:.0f} cm")
                ax.spines[:].set_visible(True)
                ax.set_title(
                    f"epoch {epoch}:\n{left:.0f} % left" if ax in axes[0] else ""
                )
            line[0].set_ylabel("no penalty" if arm == "none" else arm)
    return drawn


@figure(table=attrgetter("rates"), made_by=attrgetter("made_by"))
def navigation_rates(table: DataFrame, style: str = "web") -> Figure:
    """Rates of eight hidden units by place, in the middle of pruning and after it."""
    groups = table.groupby(["arm", "epoch"], sort=False)
    with drawing(style, 0.56) as drawn:
        axes = drawn.subplots(
            len(groups), table["unit"].groupby(table["arm"]).nunique().max()
        )
        for line, ((arm, epoch), rows) in zip(axes, groups, strict=True):
            for ax, (_, own) in zip(
                line, rows.groupby("unit", sort=False), strict=False
            ):
                grid = own.pivot(index="row", columns="column", values="rate")
                ax.imshow(grid, origin="lower", vmin=0)
            words: dict[str, Any] = {"rotation": 0, "ha": "right", "va": "center"}
            line[0].set_ylabel(f"{arm},\nepoch {epoch}", fontsize="small", **words)
        for ax in axes.flat:
            ax.set(xticks=[], yticks=[])
        axes[-1, 0].set_xlabel("box", fontsize="small")
    return drawn


@figure(table=walked.once_table)
def navigation_once(table: DataFrame, style: str = "web") -> Figure:
    """Error of single runs in other settings, for no penalty, torus and permuted."""
    order, looks = list(dict.fromkeys(table["setting"])), {a: ARM_LOOKS[a] for a in FEW}
    with drawing(style, 0.42) as drawn:
        axes = panels(drawn, len(RESTS), sharey=True)
        for ax, rest, title in zip(axes, RESTS, _WORDS, strict=True):
            rows = table[table["rest"] == rest]
            ax.set_xlim(_WIDE)
            how: dict[str, Any] = {"hue": "arm", "looks": looks, "missing": NOTHING}
            dots(ax, rows, ERROR, "setting", order=order, **how)
            rows = rows.dropna(subset=["stay"])
            places = rows["setting"].map(order.index)
            ax.vlines(rows["stay"], places - 0.4, places + 0.4, color=GRAY)
            ax.set(title=title, xlabel=ERROR)
            _scale(ax)
        legend(drawn, {arm: {**look, "linestyle": ""} for arm, look in looks.items()})
    return drawn


_WIDE = (4.5, 190.0)  # of axes of errors [cm]
_WORDS: dict[str, Any] = {
    "one epoch after the last pruning": {"ls": "", **RESTS[1]},
    "four epochs after it": {"ls": "", **RESTS[REST]},
}
_CORNER: dict[str, Any] = {
    **{"xycoords": "axes fraction", "ha": "right", "va": "top", "fontsize": "small"}
}


def _rests(ax: Axes, table: DataFrame, order: Any) -> None:
    """Single runs (small) and their medians, a row an arm, after each rest."""
    ax.set_xlim(_WIDE)
    rows = {arm: n for n, arm in enumerate(order)}
    medians = table.drop_duplicates(["arm", "rest"])
    for shift, (rest, shape) in zip((-0.16, 0.16), RESTS.items(), strict=True):
        own, lost = (t[t["rest"] == rest] for t in (table, medians))
        small = {**shape, "markersize": 2.5, "alpha": 0.6}
        cloud(ax, own[ERROR], own["arm"].map(rows) + shift, small)
        words = {"color": shape["color"], "fontsize": "x-small", "va": "center"}
        for arm, failed, runs in lost[["arm", "failed", "runs"]].to_numpy():
            said = f"{failed}/{runs}" if failed else ""
            ax.text(_WIDE[1], rows[arm] + shift, said, ha="right", **words)
    how: dict[str, Any] = {"hue": "rest", "looks": RESTS, "step": 0.32}
    dots(ax, medians, MEDIAN, "arm", order=order, missing=NOTHING, **how)
    ax.set_ylim(len(rows) - 0.5, -1)
    for level in walked.LEVELS:
        chance_line(ax, value := table[level].mean(), along="y")
        ax.text(value, -0.6, level, ha="center", color=GRAY, fontsize="x-small")
    _scale(ax)


def _scale(ax: Axes) -> None:
    ax.set(xscale="log", xlim=_WIDE)
    plain_numbers(ax)


def scrubber(page: Page) -> Widget:
    """Let a reader move through the training of the two networks."""
    return watched.scrubber(page.data.paths, {"none": "no penalty", "torus": "torus"})
