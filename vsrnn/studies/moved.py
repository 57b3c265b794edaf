"""Moving weights as tables: what is trained, and what its runs measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from time import process_time
from typing import Any
from zlib import crc32

import numpy as np
import torch
from pandas import DataFrame, Series

from vsrnn.design.design import Design
from vsrnn.design.geometry import Geometry
from vsrnn.design.shares import GAINS, control, shared_out
from vsrnn.methods import get_method
from vsrnn.models import BlockRNN, ModelBatch
from vsrnn.runs.config import Config
from vsrnn.tasks import get_task, sizes, task_class
from vsrnn.tasks.task import Task
from vsrnn.training.loop import make_step
from vsrnn.training.optimizer import Optimizer

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


def labelled(curves: DataFrame) -> list[tuple[dict[str, Any], Config]]:
    """The same with what each is for, the most wanted first."""
    pools: list[tuple[dict[str, Any], Config]] = [
        ({"start": config.design.name, "arm": "pool"}, config)
        for task in (*BUDGETS, SHIFTING)
        for config in pool(task)
    ]
    starts = {task: ranked(task, curves) for task in BUDGETS}
    ready = {task: order for task, order in starts.items() if order}
    rest: list[tuple[dict[str, Any], Config]] = []
    for seed in SEEDS:
        for task, order in ready.items():
            rest += moving(task, seed, order[0], order[-1])
            rest += ablated(task, seed, order[-1])
        rest += changing(seed)
    return [*pools, *sorted(rest, key=_wanted)]


def _wanted(run: tuple[dict[str, Any], Config]) -> tuple[int, int]:
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
            yield config_of(task, design, seed)
            continue
        for change in CHANGES:
            yield _changed(change, 0, design, seed)


def moving(
    task: str, seed: int, best: Design, worst: Design
) -> Iterator[tuple[dict[str, Any], Config]]:
    """The arms from each start, and the dense network."""
    given = {"uniform": designs(task)[0], "worst": worst, "best": best}
    geometry = best.geometry(*sizes(task))
    weights = {b: round(n) for b, n in geometry.block_weights.items()}
    shares = {b: round(n / sum(weights.values()), 6) for b, n in weights.items()}
    steer: dict[str, Any] = {"steer": {"name": "steer", "shares": shares}}
    for start in STARTS:
        own = {arm: ARMS[arm] for arm in MAIN} | (steer if start != "best" else {})
        for arm, how in own.items():
            yield {"start": start, "arm": arm}, config_of(task, given[start], seed, how)
    yield {"start": "dense", "arm": "static"}, config_of(task, dense(task), seed)


def ablated(
    task: str, seed: int, worst: Design
) -> Iterator[tuple[dict[str, Any], Config]]:
    """The other ways across blocks, from the worst start."""
    for arm in ABLATIONS:
        yield {"start": "worst", "arm": arm}, config_of(task, worst, seed, ARMS[arm])


def changing(seed: int) -> Iterator[tuple[dict[str, Any], Config]]:
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


def config_of(
    task: str, design: Design, seed: int, how: Mapping[str, Any] = ARMS["static"]
) -> Config:
    """A run of a design on a task."""
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
    config = config_of(SHIFTING, design, seed, how)
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


SPEED, SCORE, EPOCHS = "speed [points]", "score [points]", "epochs to the threshold"
GAIN = "recovered share of the gap [%]"
LIVE = "bits-100"
"""Task of the run that is trained with the page."""


def measured(
    plan: Sequence[tuple[dict[str, Any], Config]], runs: DataFrame, curves: DataFrame
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


WAYS = ("set", "rigl", "across, random", "across", "steer")
"""Arms that move, in the order in which they are shown."""
NEEDED = "epochs to regain"
LEAST_GAP = 1.0
"""Points from which there is a gap to recover anything of."""


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


def regret(plan: DataFrame, task: str, start: str, arm: str, value: str) -> Series:
    """By how much the best start without moves is above an arm, by seed."""
    own = plan[plan["task"] == task].drop_duplicates(["start", "arm", "seed"])
    found: Any = own.set_index(["start", "arm", "seed"])[value].sort_index()
    both = [
        found.loc[key] if key in found.index else Series(dtype=float)
        for key in (("best", "static"), (start, arm))
    ]
    return (both[0] - both[1]).dropna()


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
