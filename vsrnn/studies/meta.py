"""Runs over many small tasks, for a parent network to learn from.

What they are, and what a parent is judged by, was fixed before any of them in
``results/meta/split.json``; the rate of each task is in ``results/meta_rates.csv``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product, zip_longest
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from vsrnn.design.design import Design
from vsrnn.design.geometry import BLOCKS
from vsrnn.design.shares import CONTROLS, control, gains
from vsrnn.errors import VsrnnError
from vsrnn.runs.config import Config, with_rate
from vsrnn.runs.results import FOLDERS
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import committed_runs
from vsrnn.tasks import sizes
from vsrnn.tasks.designs import draw_designs

HIDDEN = (12, 32)
"""Hidden units whose hx, hh and twice yh are as many weights as a budget has."""
LEAST, MOST = 600, 20_000
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""Of the scan of each task, whose rate is the best of these up to `HIGHEST`."""
HIGHEST = 1e-2
SPREAD = 20
ROUNDS = 4
"""Parts of the runs; each covers all tasks alike, so training may stop after any."""
EACH = {"fixed": 8, "drawn": 4, "absolute": 2}
"""Designs of an arm at each budget and in each round."""
SEEDS = {"fixed": (0, 1), "drawn": (0,), "absolute": (0,)}
CONTROL_SEEDS = range(5)
ABSOLUTE = 0.05
SPLIT = "meta/split.json"


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

    It is the one of the lowest validation loss, mean over epochs and both budgets.
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
    best = {task: means[task].idxmin() for task in families()}
    table["chosen"] = table["learning_rate"] == table["task"].map(best)
    table = table[
        ["task", "budget", "learning_rate", "mean_val_loss", *measured, "chosen"]
    ]
    return table.sort_values(["task", "budget", "learning_rate"], ignore_index=True)


def protocol() -> list[Config]:
    """All runs, round after round, each over all tasks."""
    return [config for number in range(ROUNDS) for config in one_round(number)]


def one_round(number: int) -> list[Config]:
    """The runs of a round, the first of each task, then the second, and so on.

    They are new designs of each arm, and the next seeds of the controls.
    """
    each = [list(_round_of(task, number)) for task in tasks()]
    return [config for turn in zip_longest(*each) for config in turn if config]


def _round_of(task: str, number: int) -> Iterator[Config]:
    seeds, rate = list(CONTROL_SEEDS)[number::ROUNDS], task_rates()[task]
    for arm, count in EACH.items():
        for budget in budgets(task):
            drawn = designs(task, arm, budget)[number * count : (number + 1) * count]
            for design, seed in product(drawn, SEEDS[arm]):
                yield _config(task, design, seed)
    for budget, name, seed in product(budgets(task), CONTROLS, seeds):
        design = replace(_control(task, name, budget), learning_rate=rate)
        yield _config(task, design, seed)


def designs(task: str, arm: str, budget: int) -> list[Design]:
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
        return [replace(d, learning_rate=float(f"{own:.3g}")) for d, own in both]
    if arm == "absolute":
        named = [replace(d, init_std=(ABSOLUTE,) * 6, options=()) for d in named]
    return with_rate(named, rate)


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
    table["family"] = table["task"].map(families())
    table = pd.concat([table, _gains(table)], axis=1)
    for name in ("train_loss", "val_loss", "val_accuracy"):
        wide = curves.pivot(index="id", columns="epoch", values=name)
        table[name] = list(wide.reindex(table["id"]).to_numpy(float))
    first = ["id", "task", "family", "budget", "arm", "design", "seed", "error"]
    chosen = ["hidden", "learning_rate", "total_weights", "hidden_proportion"]
    each = [f"{kind}_{block}" for kind in ("density", "gain") for block in BLOCKS]
    measured = ["train_loss", "val_loss", "val_accuracy"]
    return table[[*first, *chosen, *each, *measured]]


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
    how: dict[str, Any] = {"options": {"initial": "fan-in"}, "init_std": gains()}
    return Design(
        f"control_{budget}_{name}", *control(name, *sizes(task), budget), **how
    )


def _config(task: str, design: Design, seed: int) -> Config:
    found = split()
    how = {"mask": found["mask"], "epochs": found["epochs"]}
    return Config(task, design, found["scale"], seed, **how)
