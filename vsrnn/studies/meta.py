"""Runs over many small tasks, for a parent network to learn from.

What they are, and what a parent is judged by, was fixed before any of them in
``results/meta_split.json``; the rate of each task is in ``results/meta_rates.csv``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product, zip_longest
from typing import Any

import numpy as np
import pandas as pd
import torch
from pandas import DataFrame

from vsrnn.design.design import Design
from vsrnn.design.geometry import BLOCKS
from vsrnn.design.shares import CONTROLS, GAINS, control
from vsrnn.errors import VsrnnError
from vsrnn.runs.config import Config, with_rate
from vsrnn.runs.results import FOLDERS
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import committed_runs
from vsrnn.tasks import get_task, sizes
from vsrnn.tasks.designs import draw_designs
from vsrnn.tasks.task import Task

HIDDEN = (12, 32)
"""Hidden units whose hx, hh and twice yh are as many weights as a budget has."""
LEAST, MOST = 600, 20_000
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""Of the scan of each task, whose rate is the next lower to the best up to `HIGHEST`:
at the best itself, 15 epochs leave little but noise between designs."""
HIGHEST = 1e-2
SPREAD = 20
ROUNDS = 4
"""Parts of the runs; each covers all tasks alike, so training may stop after any."""
EACH = {"fixed": 8, "drawn": 4, "absolute": 2}
"""Designs of an arm at each budget and in each round."""
SEEDS = {"fixed": (0, 1), "drawn": (0,), "absolute": (0,)}
MORE_SEEDS = (2, 3)
"""Of the fixed arm, trained last: in half of the tasks seeds differ as designs do.
Those that are stored are in ``results/meta_seeds``."""
CONTROL_SEEDS = range(5)
ABSOLUTE = 0.05
SPLIT = "meta_split.json"


@cache
def split() -> dict[str, Any]:
    """What was fixed before the runs: tasks by family, held-out ones, metrics.

    Raises:
        VsrnnError: the file is not here, as in an installed wheel.
    """
    for folder in FOLDERS:
        if (folder / SPLIT).exists():
            found: dict[str, Any] = json.loads((folder / SPLIT).read_text("utf-8"))
            return found
    raise VsrnnError(f"there is no {SPLIT} here; it is in the repository's results")


def families() -> dict[str, str]:
    """The family of each task."""
    known: dict[str, list[str]] = split()["families"]
    return {task: family for family, tasks in known.items() for task in tasks}


def tasks() -> list[str]:
    """The tasks that have a rate, in the order of their families."""
    kept = task_rates()
    return [task for task in families() if task in kept]


def budgets(task: str) -> list[int]:
    """Two budgets of weights for a task, by its sizes.

    >>> budgets("glyphs")
    [1800, 5440]
    """
    inputs, outputs = sizes(task)
    spent = [hidden * (inputs + hidden + 2 * outputs) for hidden in HIDDEN]
    return [min(max(weights, LEAST), MOST) for weights in spent]


def scan(task: str) -> list[Config]:
    """Runs that decide a task's rate: the uniform design at five rates, each budget."""
    uniform = [_control(task, "uniform", budget) for budget in budgets(task)]
    found = with_rate(uniform, RATES[0])
    for rate in RATES[1:]:
        found += with_rate(uniform, rate)
    return [_config(task, replace(d, name=f"scan{d.name[7:]}"), 0) for d in found]


def scan_rates(store: Store, jobs: int | None = None) -> DataFrame:
    """Train the scans that a store lacks, and choose a rate for each task.

    It is the one below that of the lowest validation loss, mean over epochs and both
    budgets.
    """
    configs = [config for task in families() for config in scan(task)]
    results = sweep(configs, store, jobs=jobs, per_pass=len(RATES) * len(HIDDEN))
    curves = store.curves().groupby("id")["val_loss"].mean().rename("mean_val_loss")
    table = results.merge(curves, left_on="id", right_index=True, how="left")
    lost = table["error"].notna() | ~np.isfinite(table["mean_val_loss"])
    table["mean_val_loss"] = table["mean_val_loss"].mask(lost, np.inf)
    table["budget"] = table["design"].str.split("_").str[1].astype(int)
    keys, measured = ["task", "learning_rate"], ["val_loss", "val_accuracy"]
    allowed = table[table["learning_rate"] <= HIGHEST]
    means = allowed.groupby(keys)["mean_val_loss"].mean()
    best = {task: lower(means[task].idxmin()) for task in families()}
    table["chosen"] = table["learning_rate"] == table["task"].map(best)
    table = table[
        ["task", "budget", "learning_rate", "mean_val_loss", *measured, "chosen"]
    ]
    return table.sort_values(["task", "budget", "learning_rate"], ignore_index=True)


def lower(rate: float) -> float:
    """The next lower rate of a scan."""
    return max([other for other in RATES if other < rate], default=rate)


def protocol() -> list[Config]:
    """All runs, round after round, each over all tasks; then again with more seeds."""
    rounds = [one_round(number) for number in range(ROUNDS)]
    rounds += [one_round(number, MORE_SEEDS) for number in range(ROUNDS)]
    return [config for one in rounds for config in one]


def one_round(number: int, more: Sequence[int] = ()) -> list[Config]:
    """The runs of a round, the first of each task, then the second, and so on.

    They are new designs of each arm, and the next seeds of the controls; or the same
    designs of the fixed arm with more seeds.
    """
    each = [list(_round_of(task, number, more)) for task in tasks()]
    return [config for turn in zip_longest(*each) for config in turn if config]


def _round_of(task: str, number: int, more: Sequence[int]) -> Iterator[Config]:
    arms = {"fixed": tuple(more)} if more else SEEDS
    for (arm, seeds), budget in product(arms.items(), budgets(task)):
        count = EACH[arm]
        drawn = designs(task, arm, budget)[number * count : (number + 1) * count]
        for design, seed in product(drawn, seeds):
            yield _config(task, design, seed)
    own, rate = list(CONTROL_SEEDS)[number::ROUNDS], task_rates()[task]
    for budget, name, seed in product(budgets(task), CONTROLS, () if more else own):
        design = replace(_control(task, name, budget), learning_rate=rate)
        yield _config(task, design, seed)


@cache
def designs(task: str, arm: str, budget: int) -> tuple[Design, ...]:
    """The designs of an arm at a budget, each arm with draws of its own."""
    number, seed = ROUNDS * EACH[arm], list(EACH).index(arm)
    seed += 10 * list(families()).index(task)
    drawn = draw_designs(task, "shares", number, seed, budget)
    rate = task_rates()[task]
    named = [
        replace(design, name=f"{arm}_{budget}_{n:03d}")
        for n, design in enumerate(drawn)
    ]
    if arm == "drawn":
        rng = np.random.default_rng([seed, budget])
        spread = SPREAD ** rng.uniform(-0.5, 0.5, number)
        both = zip(named, rate * spread, strict=True)
        return tuple(replace(d, learning_rate=float(f"{r:.3g}")) for d, r in both)
    if arm == "absolute":
        named = [replace(d, init_std=(ABSOLUTE,) * 6, options=()) for d in named]
    return tuple(with_rate(named, rate))


@cache
def task_rates() -> dict[str, float]:
    """The rate of each task: the best of its scan."""
    scanned = committed_runs("meta_rates")
    scanned = scanned[scanned["chosen"]] if len(scanned) else scanned
    return dict(zip(scanned["task"], scanned["learning_rate"], strict=True))


def meta_table(
    runs: DataFrame | None = None, curves: DataFrame | None = None
) -> DataFrame:
    """All runs that are stored, one row a run.

    Args:
        runs: of a table such as "meta_seeds"; those of "meta" if absent.
        curves: their epochs.

    Returns:
        id, task, family, budget, arm ("fixed", "drawn", "absolute", "control"), design
        (the name within these), seed, error, hidden, learning_rate, total_weights,
        hidden_proportion, ``density_`` and ``gain_`` of each block, and the curves
        train_loss, val_loss and val_accuracy: arrays of one number an epoch, nan
        after a divergence. A gain is the initial deviation times the root of density
        and fan-in, whether it was set so or not.
    """
    runs = committed_runs("meta") if runs is None else runs
    curves = committed_runs("meta_curves") if curves is None else curves
    parts = runs["design"].str.split("_", n=2, expand=True)
    table = runs.assign(arm=parts[0], budget=parts[1].astype(int), design=parts[2])
    facts = committed_runs("meta_tasks").set_index("task")
    table["family"] = table["task"].map(facts["family"])
    table = pd.concat([table, _gains(table)], axis=1)
    for name in ("train_loss", "val_loss", "val_accuracy"):
        wide = curves.pivot(index="id", columns="epoch", values=name)
        table[name] = list(wide.reindex(table["id"]).to_numpy(float))
    first = ["id", "task", "family", "budget", "arm", "design", "seed", "error"]
    chosen = ["hidden", "learning_rate", "total_weights", "hidden_proportion"]
    each = [f"{kind}_{block}" for kind in ("density", "gain") for block in BLOCKS]
    measured = ["train_loss", "val_loss", "val_accuracy"]
    return table[[*first, *chosen, *each, *measured]]


def with_levels(table: DataFrame) -> DataFrame:
    r"""Add the level of each epoch: validation loss between a guess and the best.

    .. math::
        \frac{\text{guess} - \text{loss}}{\text{guess} - \text{best}}

    The guess is the loss of the best constant answer, the best the lowest of any run of
    the task in the table. What is below -1 or not finite is -1.

    Args:
        table: as :func:`meta_table` gives it.
    """
    facts = committed_runs("meta_tasks").set_index("task")
    lowest = table["val_loss"].map(np.nanmin).groupby(table["task"]).min()
    rows = zip(table["task"], table["val_loss"], strict=True)
    return table.assign(
        level=[_level(loss, facts["guess"][t], lowest[t]) for t, loss in rows]
    )


def _level(loss: Any, guess: float, best: float) -> Any:
    level = (guess - np.asarray(loss, float)) / (guess - best)
    return np.nan_to_num(level, nan=-1.0, neginf=-1.0).clip(-1, 1)


def gate(table: DataFrame) -> DataFrame:
    """The gate's figures of each task, from the first designs of the fixed arm.

    Returns:
        task, family, designs (with two seeds), learnable (level of the median design at
        the end over the deviation of seeds), apart (deviation of the mean level between
        designs over that of seeds), best (score at the end), slowest (epochs to half of
        the way over those of the fastest), last (level of a linear read-out of the last
        input; families linear and letters do not claim to need memory), and which of
        these it fails: it is kept all the same.
    """
    first = [f"{n:03d}" for n in range(EACH["fixed"])]
    probes = table[(table["arm"] == "fixed") & table["design"].isin(first)]
    probes = probes[probes["seed"].isin(SEEDS["fixed"])]
    probes = with_levels(table).loc[probes.index]
    facts = committed_runs("meta_tasks").set_index("task")
    rows = []
    for task, own in probes.groupby("task"):
        lowest = np.nanmin(np.stack(table[table["task"] == task]["val_loss"]))
        pairs = own.groupby(["budget", "design"]).filter(lambda g: len(g) == 2)
        levels = np.stack(pairs["level"]).reshape(len(pairs) // 2, 2, -1)
        ends, means = levels[..., -1], levels.mean(2)
        half = [_half(curve) for curve in levels.reshape(-1, levels.shape[2])]
        best = np.stack(pairs["val_accuracy"])[:, -1]
        figures = {
            "learnable": np.median(ends.mean(1)) / _seed_deviation(ends),
            "apart": means.mean(1).std(ddof=1) / _seed_deviation(means),
            "best": float(np.nanmax(best)),
            "slowest": max(half) / min(half),
            "last": _level(facts["last"][task], facts["guess"][task], lowest),
        }
        fits = {
            "learnable": figures["learnable"] >= 3,
            "apart": figures["apart"] >= 2,
            "open": figures["best"] < 0.99 or figures["slowest"] >= 3,
            "memory": figures["last"] < 0.5,
        }
        failed = " ".join(name for name, good in fits.items() if not good)
        rows.append({"task": task, "designs": len(levels), **figures, "fails": failed})
    found = DataFrame(rows)
    found.insert(1, "family", found["task"].map(facts["family"]))
    return found


def _seed_deviation(pairs: Any) -> float:
    """Deviation between seeds, from pairs of them."""
    return float(np.sqrt(np.mean(np.diff(pairs, axis=1) ** 2) / 2))


def _half(level: Any) -> float:
    """Epochs until half of the way, in between two where it is passed."""
    over = np.flatnonzero(level >= 0.5)
    if not len(over):
        return len(level) + 1.0
    at, whole = over[0], np.concatenate([[0.0], level])
    return at + (0.5 - whole[at]) / (whole[at + 1] - whole[at])


def describe_tasks() -> DataFrame:
    """Sizes of each task, and validation losses of two that remember nothing.

    Returns:
        task, family, inputs, outputs, steps, sequences (to train on), guess (loss of
        the best constant answer), last (of a linear read-out of the inputs of the step
        that is asked for, or of the one before it if that is better).
    """
    scale = split()["scale"]
    rows = []
    for name, family in families().items():
        task = get_task(name, scale)
        row = {"task": name, "family": family, "inputs": task.inputs}
        row |= {"outputs": task.outputs, "steps": task.steps}
        row |= {"sequences": task.sizes["train"]}
        each = [
            _without_memory(*_asked(task, "train", ago), *_asked(task, "val", ago))
            for ago in (0, 1)
        ]
        rows.append(row | min(each, key=lambda losses: losses["last"]))
    return DataFrame(rows)


def _asked(task: Task, part: str, ago: int) -> tuple[Any, Any]:
    """All that is asked for in a split, and inputs of that step or of one before."""
    x, y = task.batch(part, slice(None))
    x = torch.nn.functional.pad(x, (0, 0, ago, 0))[:, : task.steps].double()
    numbers = y.is_floating_point()
    if y.ndim == 1 + numbers:
        return x[:, -1].numpy(), y.numpy()
    known = ~y.isnan().any(-1) if numbers else y >= 0
    return x[known].numpy(), y[known].numpy()


def _without_memory(x: Any, y: Any, seen: Any, wanted: Any) -> dict[str, float]:
    """Losses of the best constant, and of a linear read-out, on what is wanted."""
    from sklearn.linear_model import LogisticRegression, Ridge

    if y.dtype.kind == "f":
        constant = np.mean((wanted - y.mean(0)) ** 2)
        fit = Ridge(1.0).fit(x, y).predict(seen).reshape(wanted.shape)
        return {"guess": float(constant), "last": float(np.mean((fit - wanted) ** 2))}
    counts = 1 + np.bincount(y, minlength=wanted.max() + 1)  # no class is impossible
    rows, shares = np.arange(len(wanted)), counts / counts.sum()
    chances = np.tile(shares, (len(wanted), 1))
    guess = -np.mean(np.log(chances[rows, wanted]))
    if np.ptp(x, 0).any():  # no blank step behind what was read
        model = LogisticRegression(max_iter=200).fit(x[:20_000], y[:20_000])
        chances[:, model.classes_] = model.predict_proba(seen)
    return {"guess": guess, "last": -np.mean(np.log(chances[rows, wanted]))}


def _gains(table: DataFrame) -> DataFrame:
    """Gains of the blocks of each run."""
    scaled = table["config"].str.contains('"fan-in"')
    reads = DataFrame([_reads(*row) for row in table[["task", "hidden"]].to_numpy()])
    reads.index = table.index
    found = {}
    for block in BLOCKS:
        fan_in = (table[f"density_{block}"] * reads[block[1]]).clip(lower=1) ** 0.5
        own = fan_in.where(~scaled, 1.0)
        found[f"gain_{block}"] = table[f"init_std_{block}"] * own
    return DataFrame(found)


def _reads(task: str, hidden: int) -> dict[str, int]:
    inputs, outputs = sizes(task)
    return {"x": inputs, "h": hidden, "y": outputs}


def _control(task: str, name: str, budget: int) -> Design:
    how: dict[str, Any] = {"options": {"initial": "fan-in"}, "init_std": GAINS}
    return Design(
        f"control_{budget}_{name}", *control(name, *sizes(task), budget), **how
    )


def _config(task: str, design: Design, seed: int) -> Config:
    found = split()
    how = {"mask": found["mask"], "epochs": found["epochs"]}
    return Config(task, design, found["scale"], seed, **how)
