"""Does a network that moves its weights while it learns repair a poor arrangement?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any
from zlib import crc32

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series, concat

from vsrnn.design.design import Design
from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.design.shares import GAINS, control, shared_out
from vsrnn.methods import get_method
from vsrnn.models import BlockRNN, ModelBatch
from vsrnn.plot.axes import each_panel, legend, note, panels
from vsrnn.plot.blocks import block_legend
from vsrnn.plot.labels import BLOCK_COLORS, BLUE, GREEN, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.config import Config
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import HERE, committed_runs
from vsrnn.stats import Claim, intervals
from vsrnn.studies.arms import told
from vsrnn.studies.page import Page
from vsrnn.studies.scorecard import NOTHING, judged
from vsrnn.tasks import get_task, sizes, task_class
from vsrnn.tasks.task import Task
from vsrnn.training.loop import make_step
from vsrnn.training.optimizer import Optimizer
from vsrnn.training.serving import adapt

# Fixed before any run:
#
# - Eight small tasks at the scale "quick", one learning rate, initial deviations by
#   fan-in. On each, all networks have the same budget and hidden size, but for the
#   dense one, which is smaller. A pool of eight designs, uniform density and seven
#   random sharings of the budget, is trained with two seeds; its best and worst by the
#   mean of the validation measure over all epochs (below chance counts as chance) are
#   starts of their own. Which they are is decided by these seeds, how good by others.
# - From the starts uniform, worst and best, five paired seeds: no moves; within blocks
#   at random (set) and by gradient (rigl); across blocks by gradient and at random;
#   steered, by gradient, to the shares of the best.
# - Measures: the mean of the curve (speed) [points]; epochs to nine tenths of the way
#   from chance to the mean final value of the best start without moves; the test score;
#   regret, how much the best start without moves is above a run, of speed and score;
#   shares of the blocks after each epoch.
# - Recovered: the gain in speed over no moves, as a share of the gap between no moves
#   and the best start, means over seeds. Looked for: across blocks by gradient recovers
#   half or more from the worst start on six of eight tasks, and steering recovers as
#   much or more, averaged over tasks.
# - Ablations from the worst start, by speed: other scales of magnitudes, averages of
#   Adam that begin anew at each move.
# - The task that changes, at once or over five epochs, in four ways: keeping the
#   weights where they are, moves by rigl and across, and units that begin anew, five
#   paired seeds from the uniform design. A restart is a network that is trained on the
#   changed task alone; the pool has two seeds there, too. Recovery is the first epoch
#   after the change that reaches 95 % of what the best of the pool, by the same two
#   seeds, ends with after as many epochs; what is never reached counts as one epoch
#   more than there are. After a gradual change it is counted from its last epoch.

BUDGETS = {
    "repeat-400": 8_000,
    "digits-rows": 1_500,
    "match": 1_500,
    "counter-3": 1_000,
    "add-2": 1_000,
    "flipflop-3": 1_000,
    "bits-100": 3_000,
    "glyphs": 3_000,
}
"""Weights on each task."""
SHIFTING, SHIFTING_BUDGET = "shifting", 4_000
CHANGES, GRADUAL = ("inputs", "outputs", "lag", "targets"), (0, 5)
BEFORE, AFTER = 15, 15
"""Epochs before the change, and after it."""

POOL, POOL_SEEDS, SEEDS = 8, (100, 101), range(5)
RATE = 3e-3
STARTS = ("uniform", "worst", "best")
ARMS: dict[str, Mapping[str, Any]] = {
    "static": {"name": "static"},
    "set": {"name": "set"},
    "rigl": {"name": "rigl"},
    "across": {"name": "across"},
    "across, random": {"name": "across", "random": 1},
    "across, fan-in": {"name": "across", "norm": "fan_in"},
    "across, raw": {"name": "across", "norm": "raw"},
    "across, deviation": {"name": "across", "norm": "deviation"},
    "across, averages anew": {"name": "across", "averages": False},
}
"""Methods by the name of their arm; "steer" is to the shares of the best."""
MAIN = ("static", "set", "rigl", "across", "across, random")
ABLATIONS = tuple(arm for arm in ARMS if arm not in MAIN)
SHIFTED = ("static", "restart", "recycle", "rigl", "across", "across, less")
LASTING = {"moves": 40, "stop": 1, "schedule": "constant"}
FOLLOWING: dict[str, Mapping[str, Any]] = {
    "static": {"name": "static"},
    "recycle": {"name": "recycle"},
    "rigl": {"name": "rigl", **LASTING},
    "across": {"name": "across", **LASTING},
    "across, less": {"name": "across", **LASTING, "share": 0.05},
}
"""Methods on the task that changes."""


Labelled = tuple[dict[str, Any], Config]
"""What a run is for, and the run."""


def protocol() -> list[Config]:
    """All runs: the pools, and then, of pools that are stored, those of the starts."""
    return [config for _, config in labelled(committed_runs("adaptation_curves"))]


def labelled(curves: DataFrame) -> list[Labelled]:
    """The same with what each is for, the most wanted first."""
    pools: list[Labelled] = [
        ({"start": config.design.name, "arm": "pool"}, config)
        for task in (*BUDGETS, SHIFTING)
        for config in pool(task)
    ]
    starts = {task: ranked(task, curves) for task in BUDGETS}
    ready = {task: order for task, order in starts.items() if order}
    rest: list[Labelled] = []
    for seed in SEEDS:
        for task, order in ready.items():
            rest += moving(task, seed, order[0], order[-1])
            rest += ablated(task, seed, order[-1])
        rest += changing(seed)
    return [*pools, *sorted(rest, key=_wanted)]


def _wanted(run: Labelled) -> tuple[int, int]:
    """The worst start and the best without moves come first, then sudden changes."""
    (labels, config), arms = run, (*MAIN, "steer")
    start, arm = labels["start"], labels["arm"]
    if config.task == SHIFTING:
        return (2 if "over" in config.task_options else 1), config.seed
    if (start == "worst" and arm in arms) or (start, arm) == ("best", "static"):
        return config.seed // 3 * 2, config.seed
    return 3 + (arm in ABLATIONS), config.seed


def pool(task: str) -> Iterator[Config]:
    """The pool of a task; of the one that changes, on what it becomes."""
    for design, seed in product(designs(task), POOL_SEEDS):
        if task != SHIFTING:
            yield _config(task, design, seed)
            continue
        for change in CHANGES:
            yield _changed(change, 0, design, seed)


def moving(task: str, seed: int, best: Design, worst: Design) -> Iterator[Labelled]:
    """The arms from each start, and the dense network."""
    given = {"uniform": designs(task)[0], "worst": worst, "best": best}
    geometry = best.geometry(*sizes(task))
    weights = {b: round(n) for b, n in geometry.block_weights.items()}
    shares = {b: round(n / sum(weights.values()), 6) for b, n in weights.items()}
    steer: dict[str, Any] = {"steer": {"name": "steer", "shares": shares}}
    for start in STARTS:
        own = {arm: ARMS[arm] for arm in MAIN} | (steer if start != "best" else {})
        for arm, how in own.items():
            yield {"start": start, "arm": arm}, _config(task, given[start], seed, how)
    yield {"start": "dense", "arm": "static"}, _config(task, dense(task), seed)


def ablated(task: str, seed: int, worst: Design) -> Iterator[Labelled]:
    """The other ways across blocks, from the worst start."""
    for arm in ABLATIONS:
        yield {"start": "worst", "arm": arm}, _config(task, worst, seed, ARMS[arm])


def changing(seed: int) -> Iterator[Labelled]:
    """The arms on the task that changes, and a network that starts at the change."""
    uniform = designs(SHIFTING)[0]
    for change, over in product(CHANGES, GRADUAL):
        for arm, how in FOLLOWING.items():
            own = _changed(change, BEFORE, uniform, seed, how, over)
            yield {"start": "uniform", "arm": arm}, own
    for change in CHANGES:
        own = _changed(change, 0, uniform, seed)
        yield {"start": "uniform", "arm": "restart"}, own


def designs(task: str) -> list[Design]:
    """The pool of a task: uniform density, and random shares of the same budget."""
    (inputs, outputs), budget = sizes(task), _budget(task)
    hidden, rng = round(1.5 * budget**0.5), np.random.default_rng(crc32(task.encode()))
    entries = Geometry(inputs, hidden, outputs, 1).weights
    even: tuple[float, ...] = (round(budget / entries, 6),) * 6
    found = [("uniform", even)]
    while len(found) < POOL:
        shares = rng.dirichlet([0.8] * 6).tolist()
        density = shared_out(budget, inputs, hidden, outputs, shares)
        weights = Geometry(inputs, hidden, outputs, density).block_weights
        if 2 * weights["yh"] >= outputs:  # as the designs of the meta-data set
            found.append((f"shares_{len(found)}", density))
    return [_design(name, hidden, density) for name, density in found]


def dense(task: str) -> Design:
    """The dense network of a task's budget, which has fewer hidden units."""
    return _design("dense", *control("dense", *sizes(task), _budget(task)))


def ranked(task: str, curves: DataFrame) -> list[Design]:
    """The pool from the fastest to the slowest by its stored curves, if all are."""
    speed = speeds(task, curves)
    found: dict[Design, list[float]] = {}
    for config in pool(task):
        if config.id not in speed:
            return []
        found.setdefault(config.design, []).append(speed[config.id])
    return sorted(found, key=lambda design: -float(np.mean(found[design])))


def speeds(task: str, curves: DataFrame) -> dict[str, float]:
    """The mean over its epochs of each run's validation measure, at least chance."""
    kind = task_class(task)
    name = f"val_{kind.measure}"
    if name not in curves:
        return {}
    own = curves[curves["task"] == task]
    known = own[name].astype(float).clip(lower=kind.chance)
    return dict(known.groupby(own["id"]).mean())


def _design(name: str, hidden: int, density: Sequence[float]) -> Design:
    how = {"initial": "fan-in"}
    return Design(name, hidden, tuple(density), "block", 0, GAINS, RATE, how)


def _budget(task: str) -> int:
    return SHIFTING_BUDGET if task == SHIFTING else BUDGETS[task]


def _config(
    task: str, design: Design, seed: int, how: Mapping[str, Any] = ARMS["static"]
) -> Config:
    return Config(task, design, "quick", seed, "exact", method=how)


def _changed(
    change: str,
    at: int,
    design: Design,
    seed: int,
    how: Mapping[str, Any] = ARMS["static"],
    over: int = 0,
) -> Config:
    """On the task that changes; from the change on if that is at 0."""
    options = {"change": change, "at": at} | ({"over": over} if over else {})
    config = _config(SHIFTING, design, seed, how)
    epochs = AFTER if at == 0 else BEFORE + AFTER
    return replace(config, task_options=options, epochs=epochs)


@dataclass(frozen=True)
class Data:
    """What the page shows.

    Args:
        plan: all runs of the protocol, what they are for, and what those measured that
            are stored: speed and score [points], epochs to the threshold.
        runs: the latter, as they are stored.
        curves: their epochs.
        live: epochs of the run that is trained now, if one is.
    """

    plan: DataFrame
    runs: DataFrame
    curves: DataFrame
    live: DataFrame


STEPS = 3_000
"""Of the stream that is served with the page."""
SERVED = ("moves", "step", "squared error")
SPEED, SCORE, EPOCHS = "speed [points]", "score [points]", "epochs to the threshold"
GAIN = "recovered share of the gap [%]"
LIVE = "bits-100"
"""Task of the run that is trained with the page."""


def load(
    scale: str | None = None,
    store: str | Path = "../runs",
    jobs: int | None = None,
    results: str = "adaptation",
) -> Data:
    """Load the stored runs, and train one more if a scale is given.

    Args:
        scale: of that run, across blocks from a poor start.
        store: folder where it is kept.
        jobs: processes that train.
        results: name of the stored runs.
    """
    runs, curves = committed_runs(results), committed_runs(f"{results}_curves")
    live = DataFrame(columns=["epoch"])
    if scale is not None:
        poor = (ranked(LIVE, curves) or designs(LIVE))[-1]
        config = replace(_config(LIVE, poor, 0, ARMS["across"]), scale=scale)
        sweep([config], Store(store), jobs=jobs)
        live = Store(store).curves().query("id == @config.id")
    plan = _measured(labelled(curves), runs, curves)
    return Data(plan, runs, curves, live)


@cache
def served(steps: int = STEPS, every: int = 100) -> DataFrame:
    """Errors of two networks that name one of eight sensors, another one half way.

    Args:
        steps: of the stream.
        every: steps that an error is a mean of.

    Returns:
        moves, step and squared error, see `SERVED`.
    """
    sensors = torch.randn(steps, 8, generator=torch.Generator().manual_seed(0))
    half = torch.arange(steps) < steps // 2
    wanted, rows = torch.where(half, sensors[:, 0], sensors[:, 5]), []
    for moves, updates in (("across", 20), ("static", 10**9)):
        model = BlockRNN(Geometry(8, 40, 1, 0.08), init_std=0.3, seed=0)
        network = adapt(model, every=updates, share=0.1, rate=3e-3)
        errors = []
        for seen, target in zip(sensors[1:], wanted, strict=False):
            guess = network.step(seen)
            network.tell(target[None])
            errors.append(float((guess - target).square()))
        means = np.reshape(errors[: len(errors) // every * every], (-1, every)).mean(1)
        rows += [(moves, every * (n + 1), mean) for n, mean in enumerate(means)]
    return DataFrame(rows, columns=[*SERVED])


def _measured(
    plan: Sequence[Labelled], runs: DataFrame, curves: DataFrame
) -> DataFrame:
    """The plan as a table, with what the runs measured."""
    table = DataFrame(
        {"id": config.id, "task": config.task, "seed": config.seed}
        | {"design": config.design.name, "change": config.task_options.get("change")}
        | {"over": config.task_options.get("over", 0), **labels}
        for labels, config in plan
    )
    values = {task: _values(task, curves) for task in (*BUDGETS, SHIFTING)}
    known: dict[str, float] = {}
    for own in values.values():
        known |= dict(own.groupby("id")["value"].mean())
    found = runs.reindex(columns=["id", "score", "hidden_proportion"])
    table = table.merge(found.drop_duplicates("id"), on="id", how="left")
    chance = table["task"].map({t: task_class(t).chance for t in values})
    ended = table["id"].isin(known)
    score = table["score"].astype(float).clip(lower=chance).fillna(chance)
    table[SPEED] = 100 * table["id"].map(known)
    table[SCORE] = 100 * score.where(ended)
    needed: dict[tuple[str, str], float] = {}
    for task in BUDGETS:
        needed |= _needed(values[task], table[table["task"] == task], task)
    keys = zip(table["task"], table["id"], strict=True)
    table[EPOCHS] = [needed.get(key, np.nan) for key in keys]
    return table


def _values(task: str, curves: DataFrame) -> DataFrame:
    """Validation measure of each run and epoch, at least chance: id, epoch, value."""
    kind = task_class(task)
    own = curves[curves["task"] == task]
    if f"val_{kind.measure}" not in own:
        return DataFrame(columns=["id", "epoch", "value"])
    value = own[f"val_{kind.measure}"].astype(float).clip(lower=kind.chance)
    return own[["id", "epoch"]].assign(value=value.fillna(kind.chance))


def _needed(
    values: DataFrame, plan: DataFrame, task: str
) -> dict[tuple[str, str], float]:
    """Epochs each run needs to nine tenths of what the best start ends with."""
    best = plan[(plan["start"] == "best") & (plan["arm"] == "static")]["id"]
    last = values[values["id"].isin(best)].groupby("id")["value"].last()
    if last.empty:
        return {}
    chance = task_class(task).chance
    level = chance + 0.9 * (last.mean() - chance)
    never = values["epoch"].max() + 1
    return {
        (task, str(id)): float(own.loc[own["value"] >= level, "epoch"].min())
        if (own["value"] >= level).any()
        else float(never)
        for id, own in values.groupby("id")
    }


LOOKS: dict[str, dict[str, Any]] = {
    "static": {"color": "#000000", "marker": "v", "linestyle": "--"},
    "set": {"color": "#E69F00", "marker": "P", "linestyle": ":"},
    "rigl": {"color": GREEN, "marker": "D", "linestyle": "-."},
    "across": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "across, random": {"color": "#56B4E9", "marker": "X", "linestyle": ":"},
    "steer": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "restart": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "recycle": {"color": "#CC79A7", "marker": "^", "linestyle": ":"},
    "across, less": {"color": "#56B4E9", "marker": "X", "linestyle": ":"},
}
STARTS_LOOKS: dict[str, dict[str, Any]] = {
    "uniform": {"color": GREEN, "marker": "^", "linestyle": "-."},
    "worst": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "best": {"color": BLUE, "marker": "o", "linestyle": "-"},
}
WAYS = ("set", "rigl", "across, random", "across", "steer")
"""Arms that move, in the order in which they are shown."""
NEEDED = "epochs to regain"
REGRET, LOST = "regret in speed [points]", "regret in test score [points]"
LEAST_GAP = 1.0
"""Points from which there is a gap to recover anything of."""


def adaptation_recovered_table(data: Data) -> DataFrame:
    """Share of the gap in speed that arms recover, by task, from the worst start.

    Returns:
        task, arm, gap [points], mean, low and high [%] over seeds, and seeds.
    """
    rows = [_recovered(data, task, arm) for task, arm in product(BUDGETS, WAYS)]
    return DataFrame(rows)


def _recovered(data: Data, task: str, arm: str) -> dict[str, Any]:
    label = task_class(task).label
    gains, gap = recovered(data.plan, task, arm)
    found = intervals(DataFrame({"arm": arm, "gain": gains}), ["arm"], "gain")
    ends = found[["mean", "low", "high", "seeds"]].to_dict("records")
    nothing = dict.fromkeys(("mean", "low", "high"), np.nan) | {"seeds": 0}
    own = {"task": label, "arm": arm, "gap [points]": gap}
    return own | (ends[0] if ends else nothing)


def recovered(
    plan: DataFrame, task: str, arm: str, start: str = "worst"
) -> tuple[Series, float]:
    """What each seed gains over no moves as a share of the mean gap [%], and that gap.

    Seeds are left out where there is no gap of a point.
    """
    own = plan[plan["task"] == task].drop_duplicates(["start", "arm", "seed"])
    speed: Any = own.set_index(["start", "arm", "seed"])[SPEED].sort_index()
    none, best, moved = (
        speed.loc[key].dropna() if key in speed.index else Series(dtype=float)
        for key in ((start, "static"), ("best", "static"), (start, arm))
    )
    gap = float((best - none).mean())
    gains = 100 * (moved - none).dropna() / gap
    return (gains if gap >= LEAST_GAP else gains[:0]), gap


@figure(table=adaptation_recovered_table)
def adaptation_recovered(table: DataFrame, style: str = "web") -> Figure:
    """Share of the gap that each way recovers, a row a task, with intervals."""
    looks = {arm: LOOKS[arm] for arm in WAYS}
    with drawing(style, 0.95) as drawn:
        [ax] = panels(drawn, 1)
        how: dict[str, Any] = {"hue": "arm", "looks": looks, "step": 0.16}
        shown = table.rename(columns={"mean": GAIN})
        dots(ax, shown, GAIN, "task", "low", "high", **how, missing=NOTHING)
        for level in (0, 100):
            chance_line(ax, level, along="y")
        if table["mean"].notna().any():
            ax.set_xlim(-60, 320)
        legend(
            drawn, {arm: {**look, "linestyle": ""} for arm, look in looks.items()}, 5
        )
    return drawn


def adaptation_regret_table(data: Data) -> DataFrame:
    """How far arms stay below the best start, in speed and score, a row a task.

    Returns:
        panel, arm ("static" and those that move from the worst start, and the dense
        network), task, regret (mean over seeds) [points], and its mean over tasks with
        the 95 % interval.
    """
    parts = []
    for value, panel in ((SPEED, REGRET), (SCORE, LOST)):
        for (start, arm), words in _shown_regrets().items():
            for task in BUDGETS:
                own = regret(data.plan, task, start, arm, value)
                parts.append((panel, words, task_class(task).label, own.mean()))
    table = DataFrame(parts, columns=["panel", "arm", "task", "regret [points]"])
    found = intervals(table, ["panel", "arm"], "regret [points]")
    found = found.rename(columns={"seeds": "tasks"})
    return table.merge(found, on=["panel", "arm"], how="left")


def _shown_regrets() -> dict[tuple[str, str], str]:
    arms = {("worst", arm): arm for arm in ("static", *WAYS)}
    return arms | {("dense", "static"): "dense, static"}


def regret(plan: DataFrame, task: str, start: str, arm: str, value: str) -> Series:
    """By how much the best start without moves is above an arm, by seed."""
    own = plan[plan["task"] == task].drop_duplicates(["start", "arm", "seed"])
    found: Any = own.set_index(["start", "arm", "seed"])[value].sort_index()
    both = [
        found.loc[key] if key in found.index else Series(dtype=float)
        for key in (("best", "static"), (start, arm))
    ]
    return (both[0] - both[1]).dropna()


@figure(table=adaptation_regret_table)
def adaptation_regret(table: DataFrame, style: str = "web") -> Figure:
    """Regret in speed and in score by arm: tasks as points, means with intervals."""
    with drawing(style, 0.5) as drawn:
        for ax, rows in each_panel(drawn, table, "panel", 2, sharey=True):
            name = rows["panel"].iloc[0]
            shown = rows.rename(columns={"mean": name})
            looks = {
                a: {"color": BLUE, "marker": "o"} for a in dict.fromkeys(rows["arm"])
            }
            how: dict[str, Any] = {"looks": looks, "points": "regret [points]"}
            dots(ax, shown, name, "arm", "low", "high", **how, missing=NOTHING)
            chance_line(ax, 0, along="y")
    return drawn


def adaptation_shares_table(data: Data) -> DataFrame:
    """Hidden proportion by epoch, of runs that move across blocks, by task and start.

    Returns:
        task, start, epoch, mean, low, high over seeds, seeds, and the hidden proportion
        of the best start.
    """
    plan = data.plan[data.plan["arm"] == "across"]
    plan = plan[plan["task"].isin(BUDGETS) & plan["start"].isin(STARTS)]
    names = [f"weights_{block}" for block in BLOCKS]
    curves = data.curves.reindex(columns=["id", "epoch", *names]).dropna()
    rows = plan[["id", "task", "start", "seed"]].merge(curves, on="id", how="inner")
    reads = rows[names[:3]].sum(axis=1)
    rows = rows.assign(proportion=rows["weights_hh"] / reads)
    table = intervals(rows, ["task", "start", "epoch"], "proportion")
    best = data.plan.query("start == 'best' and arm == 'static'")
    best = best.groupby("task")["hidden_proportion"].mean().rename("best")
    table = table.merge(best, on="task", how="left")
    labels = {task: task_class(task).label for task in BUDGETS}
    return table.assign(panel=table["task"].map(labels))


@figure(table=adaptation_shares_table)
def adaptation_shares(table: DataFrame, style: str = "web") -> Figure:
    """Hidden proportion by epoch from three starts, a panel a task."""
    with drawing(style, 1.0) as drawn:
        for ax, rows in _each_panel(drawn, table, "panel", 3, sharex=True, sharey=True):
            ends = ("mean", "low", "high")
            lines(ax, rows, "epoch", *ends, hue="start", looks=STARTS_LOOKS)
            ax.set(title=rows["panel"].iloc[0], ylim=(0, 1), ylabel="")
            ax.label_outer()
            chance_line(ax, rows["best"].iloc[0])
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(table):
            drawn.supylabel("hidden proportion", size="medium")
        legend(drawn, {f"from the {name} start": o for name, o in STARTS_LOOKS.items()})
    return drawn


def _each_panel(
    drawn: Figure, table: DataFrame, by: str, *columns: int, **shared: Any
) -> Iterator[tuple[Axes, DataFrame]]:
    """As `each_panel`; without rows one panel that says so."""
    if table.empty:
        note(panels(drawn, 1)[0], NOTHING)
    else:
        yield from each_panel(drawn, table, by, *columns, **shared)


def adaptation_blocks_table(data: Data) -> DataFrame:
    """Weights in each block by epoch, of one task: seed 0 from each start, and live.

    Returns:
        panel, epoch, block, share [%].
    """
    plan = data.plan.query("task == @LIVE and arm == 'across' and seed == 0")
    panels_of = {row.id: f"from the {row.start} start" for row in plan.itertuples()}
    parts = [data.curves[data.curves["id"].isin(panels_of)]]
    parts[0] = parts[0].assign(panel=parts[0]["id"].map(panels_of))
    parts += [data.live.assign(panel=HERE)] if len(data.live) else []
    names = [f"weights_{block}" for block in BLOCKS]
    rows = concat(parts).reindex(columns=["panel", "epoch", "weights", *names])
    rows = rows.dropna(subset=["weights"])
    long = rows.melt(["panel", "epoch", "weights"], names, "block", "count")
    share = 100 * long["count"].astype(float) / long["weights"].astype(float)
    long = long.assign(block=long["block"].str[-2:], **{"share [%]": share})
    return long[["panel", "epoch", "block", "share [%]"]]


@figure(table=adaptation_blocks_table)
def adaptation_blocks(table: DataFrame, style: str = "web") -> Figure:
    """Shares of the six blocks by epoch, stacked, a panel a run."""
    with drawing(style, 0.4) as drawn:
        for ax, rows in _each_panel(drawn, table, "panel", sharey=True):
            wide = rows.pivot(index="epoch", columns="block", values="share [%]")
            heights = [wide[block] for block in BLOCKS]
            colors = [BLOCK_COLORS[block] for block in BLOCKS]
            ax.stackplot(wide.index, heights, colors=colors, linewidth=0)
            ax.set(title=rows["panel"].iloc[0], xlabel="epoch", ylabel="share [%]")
            ax.set(ylim=(0, 100), xlim=(wide.index.min(), wide.index.max()))
            ax.label_outer()
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        block_legend(drawn)
    return drawn


def adaptation_recovery_table(data: Data) -> DataFrame:
    """Epochs to regain 95 % of what the best of the pool reaches, by change and arm.

    Returns:
        panel ("at once" or gradually), change, arm, mean, low and high over seeds.
    """
    needed = regained(data)
    table = intervals(needed, ["panel", "change", "arm"], NEEDED)
    return table


def regained(data: Data) -> DataFrame:
    """Epochs each run on the task that changes needs: panel, change, arm, seed."""
    plan = data.plan[(data.plan["task"] == SHIFTING)]
    plan = plan.rename(columns={SPEED: "known"}).dropna(subset=["known"])
    values = _values(SHIFTING, data.curves)
    rows = []
    for change in CHANGES:
        own = plan[plan["change"] == change]
        level = _level(own[own["arm"] == "pool"], values)
        for over in GRADUAL:
            runs = own[(own["arm"] != "pool") & (own["over"].isin({over, 0}))]
            runs = runs[(runs["over"] == over) | (runs["arm"] == "restart")]
            for row in runs.itertuples():
                first = 0 if row.arm == "restart" else BEFORE + over
                after = values[(values["id"] == row.id) & (values["epoch"] > first)]
                there = after.loc[after["value"] >= level, "epoch"] - first
                words = f"over {over} epochs" if over else "at once"
                number = there.min() if len(there) else AFTER + 1 - over
                rows.append((words, change, row.arm, row.seed, float(number)))
    return DataFrame(rows, columns=["panel", "change", "arm", "seed", NEEDED])


def _level(pool: DataFrame, values: DataFrame) -> float:
    """95 % of what the best design of a pool ends with, a mean over its seeds."""
    last = values.groupby("id")["value"].last()
    ends = pool.assign(end=pool["id"].map(last)).groupby("design")["end"].mean()
    return 0.95 * float(ends.max()) if len(ends) else np.nan


@figure(table=adaptation_recovery_table)
def adaptation_recovery(table: DataFrame, style: str = "web") -> Figure:
    """Epochs to regain the level after four changes, a panel for each pace."""
    looks = {arm: LOOKS[arm] for arm in SHIFTED}
    with drawing(style, 0.6) as drawn:
        for ax, rows in _each_panel(drawn, table, "panel", 2, sharey=True):
            shown = rows.rename(columns={"mean": NEEDED})
            how: dict[str, Any] = {"hue": "arm", "looks": looks, "step": 0.14}
            dots(ax, shown, NEEDED, "change", "low", "high", **how, order=CHANGES)
            ax.set(title=rows["panel"].iloc[0], xlim=(0, AFTER + 1.5))
        legend(
            drawn, {arm: {**look, "linestyle": ""} for arm, look in looks.items()}, 6
        )
    return drawn


def adaptation_stream_table(data: Data) -> DataFrame:
    """Errors of networks that serve a stream while this page is made."""
    return served().copy()


@figure(table=adaptation_stream_table)
def adaptation_stream(table: DataFrame, style: str = "web") -> Figure:
    """Error by step of a network that serves a stream, with moves and without."""
    looks = {arm: LOOKS[arm] for arm in ("across", "static")}
    with drawing(style, 0.4) as drawn:
        [ax] = panels(drawn, 1)
        lines(ax, table, "step", "squared error", hue="moves", looks=looks)
        chance_line(ax, 1)
        ax.axvline(STEPS / 2, color="0.8", zorder=0)
        words = {"with moves": looks["across"], "without": looks["static"]}
        legend(drawn, words)
    return drawn


def adaptation_scales_table(data: Data) -> DataFrame:
    """What other ways across blocks gain in speed over the usual one, by task.

    Returns:
        arm, task, gain (mean over seeds) [points], its mean over tasks, low and high.
    """
    rows = []
    for arm, task in product(("across, random", *ABLATIONS), BUDGETS):
        usual = regret(data.plan, task, "worst", "across", SPEED)
        other = regret(data.plan, task, "worst", arm, SPEED)
        rows.append((arm, task_class(task).label, (usual - other).mean()))
    table = DataFrame(rows, columns=["arm", "task", "gain [points]"])
    found = intervals(table, ["arm"], "gain [points]")
    return table.merge(found.rename(columns={"seeds": "tasks"}), on="arm", how="left")


@figure(table=adaptation_scales_table)
def adaptation_scales(table: DataFrame, style: str = "web") -> Figure:
    """Gain in speed over the usual way across blocks: tasks as points, and means."""
    name = "gain in speed over across [points]"
    with drawing(style, 0.35) as drawn:
        [ax] = panels(drawn, 1)
        looks = {a: {"color": BLUE, "marker": "o"} for a in dict.fromkeys(table["arm"])}
        how: dict[str, Any] = {"looks": looks, "points": "gain [points]"}
        shown = table.rename(columns={"mean": name})
        dots(ax, shown, name, "arm", "low", "high", **how, missing=NOTHING)
        chance_line(ax, 0, along="y")
    return drawn


HALF = "{} recovers half or more of the gap, {}"
SOONER = "{} learns sooner than no moves, from the {} start"
HIGHER = "{} ends with a higher score than no moves, from the {} start"
STEERED = "steering learns sooner than moves across blocks by gradient"
REGAINS = "{} regains sooner than keeping still, {}, {}"
BETTER = "{} learns sooner than the usual moves across blocks"


def claims(page: Page) -> list[Claim]:
    """What moving weights changes, where there are runs."""
    found = [*_repaired(page), *_compared(page), *_following(page)]
    return [claim for claim in found if claim.value == claim.value]


def _repaired(page: Page) -> Iterator[Claim]:
    """Recovered shares less half."""
    for row in page.table("adaptation_recovered").to_dict("records"):
        ends = [row[name] - 50 for name in ("mean", "low", "high")]
        yield Claim.of(HALF.format(row["arm"], row["task"]), ends, "% of the gap")


def _compared(page: Page) -> Iterator[Claim]:
    """Means over tasks of paired differences."""
    plan = page.data.plan
    for arm, start in product(WAYS, STARTS):
        for value, words in ((SPEED, SOONER), (SCORE, HIGHER)):
            own, none = (_by_task(plan, start, each, value) for each in (arm, "static"))
            if (arm, start) != ("steer", "best"):
                yield _mean(words.format(arm, start), none - own)
    across, steer = (_by_task(plan, "worst", a, SPEED) for a in ("across", "steer"))
    yield _mean(STEERED, across - steer)
    for arm, own in page.table("adaptation_scales").groupby("arm", sort=False):
        yield _mean(BETTER.format(arm), own["gain [points]"])


def _by_task(plan: DataFrame, start: str, arm: str, value: str) -> Series:
    """Mean regret on each task."""
    return Series({t: regret(plan, t, start, arm, value).mean() for t in BUDGETS})


def _mean(words: str, values: Series) -> Claim:
    found = intervals(DataFrame({"claim": words, "gap": values}), ["claim"], "gap")
    ends = found[["mean", "low", "high"]].to_numpy(float)
    return Claim.of(words, ends[0] if len(ends) else [np.nan] * 3, "points")


def _following(page: Page) -> Iterator[Claim]:
    """Paired differences of epochs to regain."""
    needed = regained(page.data)
    for (panel, change), own in needed.groupby(["panel", "change"], sort=False):
        by_arm: Any = dict(iter(own.set_index("seed").groupby("arm")[NEEDED]))
        for arm in SHIFTED[1:]:
            if arm in by_arm and "static" in by_arm:
                gap = (by_arm["static"] - by_arm[arm]).dropna()
                words = REGAINS.format(arm, change, panel)
                yield replace(_mean(words, gap), unit="epochs")


SAID = {"holds": "learn sooner", "undecided": "do not measurably learn sooner"}
SAID["reversed"] = "learn later"
END = {"holds": "end higher", "undecided": "end no higher measurably"}
END["reversed"] = "end lower"
BOTH = {"holds": "better than", "undecided": "not measurably better than"}
BOTH["reversed"] = "worse than"


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name."""
    plan, found = page.data.plan, claims(page)
    table = page.table("adaptation_recovered")
    known = table.dropna(subset=["mean"])
    halves = known[known["mean"] >= 50].groupby("arm")["task"].count()
    middle, tasks = known.groupby("arm")["mean"].median(), known["task"].nunique()
    few = "have not been tried often enough to say whether they help"
    sooner = judged(found, SOONER.format("across", "worst"))
    higher = judged(found, HIGHER.format("across", "worst"))
    steer = judged(found, STEERED)
    stored = plan["id"].isin(page.data.runs["id"])
    return {
        "cost": _cost(),
        "sooner": SAID.get(sooner, few),
        "higher": END.get(higher, few),
        "steer": BOTH.get(steer, "not comparable yet with"),
        **{f"half_{_word(a)}": f"{halves.get(a, 0):.0f} of {tasks}" for a in WAYS},
        **{f"share_{_word(arm)}": told(middle.get(arm, np.nan), ".0f") for arm in WAYS},
        "stored_runs": f"{stored.sum()} of {len(stored)}",
    }


def _cost() -> str:
    """How much longer a moving run of 100,000 weights takes, by task."""
    table = committed_runs("adaptation_cost")
    if table.empty:
        return NOTHING
    time = table.groupby(["task", "arm"])["seconds"].sum()
    more = [100 * (time[t, "across"] / time[t, "static"] - 1) for t in COSTS]
    return f"{more[0]:.0f} % on Random Anomaly and {more[1]:.0f} % on Hammer"


def _word(arm: str) -> str:
    return arm.replace(", ", "_")


COSTS = {"rad": (16, 5_000), "hammer": (64, 1_775)}
"""Sequences of a batch, and steps of a run: at the scales "quick" and "paper"."""


def measure_costs(pairs: int = 1, moves: int = 20) -> DataFrame:
    """Time static and moving training of 100,000 weights, in turns, on this machine.

    Args:
        pairs: how often, after one that warms up.
        moves: of a run; as many steps as it has for one of them are timed.

    Returns:
        task, steps between two moves, arm, pair and seconds of the processor.
    """
    rows = []
    for name, (batch, steps) in COSTS.items():
        task = get_task(name, "smoke")
        some = task.batch("train", slice(0, batch))
        many = -(-batch // len(some[0]))
        x, y = (torch.cat([part] * many)[:batch] for part in some)
        sizes_of = (task.inputs, task.outputs)
        geometry = Geometry.for_budget(100_000, *sizes_of, (0.2,) * 6)
        for pair, arm in product(range(pairs + 1), ("static", "across")):
            model = BlockRNN(geometry, seed=pair)
            work = get_method("across", moves=1, stop=1).begin(model, 1)
            optimizer = Optimizer([model], [1e-4])
            step = make_step(ModelBatch([model]), optimizer, task)
            step(x, y)  # what is compiled or laid out once
            number = min(steps // moves, 250)
            began = process_time()
            for n in range(number):
                if arm == "across":
                    work.before_step(n, number, partial(_loss_on, task, x, y))
                step(x, y)
                if arm == "across":
                    optimizer.carry(work.after_step())
            spent = process_time() - began
            rows.append((name, steps // moves, number, arm, pair, spent))
    names = ("task", "steps a move", "steps timed", "arm", "pair", "seconds")
    return DataFrame(rows, columns=list(names)).query("pair > 0")


def _loss_on(task: Task, x: torch.Tensor, y: torch.Tensor, net: Any) -> torch.Tensor:
    return task.loss(net(x)[0][None], y)[0]
