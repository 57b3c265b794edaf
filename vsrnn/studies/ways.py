"""When is which way to be sparse worth it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

from vsrnn.design.design import Design
from vsrnn.design.family import get_family
from vsrnn.errors import VsrnnError, check_int
from vsrnn.models.graph import LEAST
from vsrnn.runs.config import Config
from vsrnn.tasks import task_class

# Fixed before any run:
#
# - A task, a dense block RNN of 64 units, and a budget: 20 or 5 percent of its weights.
#   Every way ends with that many weights, but for rounding; the dense network of 64
#   units stands beside them.
# - All train for the same epochs, at the rates 1e-3, 3e-3 and 1e-2. The rate of a way
#   is the one whose mean last validation accuracy over seeds is best on that task at
#   that budget, chosen alike for all.
# - Score: what the task scores on its test; ways are ranked by their mean on each task
#   and budget, 1 the best, and mean ranks are compared by Friedman's test with
#   Nemenyi's critical difference at 95 %.
# - Learning speed: the mean validation accuracy over all epochs. Cost: seconds of
#   training. Robustness: validation accuracy that 20 % noise on weights costs, and
#   deleting 5 % of them.
# - The tasks are those that a run of seconds can learn. Hammer, text and a real series
#   are not among them yet.

UNITS, BUDGETS, RATES, SEEDS = 64, (0.2, 0.05), (1e-3, 3e-3, 1e-2), range(5)
TASKS: dict[str, dict[str, Any]] = {
    "adding": {"task": "adding", "task_options": {"length": 10}, "epochs": 4},
    "parity": {"task": "parity", "epochs": 4},
    "match": {"task": "parity", "epochs": 4, "task_options": {"rule": "match"}},
    "reber": {"task": "reber", "epochs": 8},
    "rad": {"task": "rad", "scale": "smoke", "epochs": 10},
    "navigation": {"task": "navigation", "scale": "smoke", "epochs": 20},
}
"""By name what a config says of a task."""

Way = Callable[[str, int, int, int], tuple[Design, list[dict[str, Any]]]]
WAYS: dict[str, Way] = {}
"""By name what makes design and methods of a task, units, weights and epochs."""


def way(name: str) -> Callable[[Way], Way]:
    """Make a way known by its name."""

    def known(function: Way) -> Way:
        WAYS[name] = function
        return function

    return known


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    found = []
    for seeds, name in product((SEEDS[:3], SEEDS[3:]), TASKS):
        for budget, rate, seed in product(BUDGETS, RATES[1:] + RATES[:1], seeds):
            weights = round(budget * dense_weights(TASKS[name]["task"], UNITS))
            own = ways_of(weights, **TASKS[name])
            found += [run_of(each, weights, rate, seed, **TASKS[name]) for each in own]
    return list({config.id: config for config in found}.values())


def ways_of(weights: int, task: str, units: int = UNITS, **given: Any) -> list[str]:
    """Ways that have a network within a budget, whose inputs alone may exceed it."""
    able = []
    for name in WAYS:
        try:
            _made(name, task, units, weights, given.get("epochs") or 10)
        except VsrnnError:
            continue
        able.append(name)
    return able


def run_of(name: str, weights: int, rate: float, seed: int, **given: Any) -> Config:
    """The run of a way.

    Args:
        name: of the way.
        weights: that it ends with.
        rate: learning rate.
        seed: of the run.
        **given: what else a config takes; ``units`` of the dense network, 64 if absent.
    """
    units = given.pop("units", UNITS)
    task, epochs = given["task"], given.get("epochs") or 10
    design, methods = _made(name, task, units, weights, epochs)
    design = replace(design, learning_rate=rate)
    methods = [*methods, {"name": "robustness"}]
    return Config(**{**given, "design": design, "seed": seed, "method": methods})


@cache
def _made(name: str, task: str, units: int, weights: int, epochs: int) -> Any:
    return WAYS[name](task, units, weights, epochs)


@cache
def dense_weights(task: str, units: int) -> int:
    """Weights of a dense block RNN."""
    return round(_expected(task, Design("dense", units, 1)))


def _expected(task: str, design: Design) -> float:
    kind = task_class(task)
    if kind.symbols:
        raise VsrnnError(
            f"the ways are compared on tasks of numbers; {task} has symbols"
        )
    family = get_family(design.model)
    return family.expected(design, kind.inputs, kind.outputs)["total_weights"]


def _largest(task: str, weights: int, make: Callable[[int], Design]) -> Design:
    """The largest design of a kind within a budget.

    Raises:
        VsrnnError: none is that small.
    """
    size = 0
    for step in (64, 32, 16, 8, 4, 2, 1):  # the greatest that fits, bit by bit
        if _fits(task, weights, make(size + step)):
            size += step
    least = LEAST if make(1).model == "graph" else 1
    if size < least:
        raise VsrnnError(f"no {make(1).name} network has as few as {weights} weights")
    return make(size)


def _fits(task: str, weights: int, design: Design) -> bool:
    small = design.model == "graph" and design.hidden < LEAST
    return small or _expected(task, design) <= weights


@way("dense, unpruned")
def dense(task: str, units: int, weights: int, epochs: int) -> Any:
    """The dense network, whatever the budget."""
    return Design("dense", units, 1), []


@way("dense, fewer units")
def small(task: str, units: int, weights: int, epochs: int) -> Any:
    """A dense network of as many weights."""
    return _largest(task, weights, lambda size: Design("small", size, 1)), []


@way("uniform")
def uniform(task: str, units: int, weights: int, epochs: int) -> Any:
    """Every block as dense."""
    return Design("uniform", units, weights / dense_weights(task, units)), []


@way("block densities")
def blocks(task: str, units: int, weights: int, epochs: int) -> Any:
    """Half of the weights in the hidden block, or all that the others leave."""
    within = units * units
    others = dense_weights(task, units) - within
    hidden = min(within, max(weights / 2, weights - others))
    share = (weights - hidden) / others
    density = (share, hidden / within, share, share, share, share)
    return Design("blocks", units, density), []


@way("magnitude")
def magnitude(task: str, units: int, weights: int, epochs: int) -> Any:
    """Gradual magnitude pruning of the dense network."""
    return Design("dense", units, 1), [_pruned(task, units, weights)]


@way("covariance")
def covariance(task: str, units: int, weights: int, epochs: int) -> Any:
    """The same by weights projected on the principal directions of hidden states."""
    prune = _pruned(task, units, weights) | {"score": "projected"}
    return Design("dense", units, 1), [prune]


@way("torus and magnitude")
def torus(task: str, units: int, weights: int, epochs: int) -> Any:
    """The same under moduli regularization."""
    penalty = {"name": "geometric", "weight": 0.001}
    return Design("dense", units, 1), [penalty, _pruned(task, units, weights)]


@way("denoising")
def denoising(task: str, units: int, weights: int, epochs: int) -> Any:
    """The largest weights of each block at every step, mended."""
    density = weights / dense_weights(task, units)
    return Design("dense", units, 1), [{"name": "denoise", "density": density}]


def _moving(name: str) -> Way:
    def moving(task: str, units: int, weights: int, epochs: int) -> Any:
        return uniform(task, units, weights, epochs)[0], [{"name": name}]

    return moving


for _name, _words in (("rigl", "moved, RigL"), ("across", "moved across blocks")):
    WAYS[_words] = _moving(_name)


@way("random graph")
def graph(task: str, units: int, weights: int, epochs: int) -> Any:
    """Relu cells along a Watts-Strogatz graph."""
    options = {"graph": "ws", "cell": "relu"}

    def make(size: int) -> Design:
        return Design("graph", size, 1, "graph", options=options)

    return _largest(task, weights, make), []


@way("modular growth")
def modular(task: str, units: int, weights: int, epochs: int) -> Any:
    """Four modules, each after a quarter of the epochs."""

    def make(size: int) -> Design:
        return Design("modular", size, 1, "modular")

    grow = {"name": "grow_modules", "every": max(1, epochs // 4)}
    return _largest(task, weights, make), [grow]


def _pruned(task: str, units: int, weights: int) -> dict[str, Any]:
    density = weights / dense_weights(task, units)
    return {"name": "magnitude", "density": density}


def compared(
    task: str, weights: int, units: int, seeds: int, **given: Any
) -> list[tuple[str, Config]]:
    """Runs of all ways on a task, every rate and seed, with the name of each.

    Args:
        task: which.
        weights: budget.
        units: of the dense network.
        seeds: how many.
        **given: what else a config takes.

    Raises:
        VsrnnError: the budget is not below the weights of the dense network.
    """
    most = dense_weights(task, check_int("units", units, 1))
    if not 1 <= weights < most:
        raise VsrnnError(
            f"the budget lies below the {most} weights of a dense network of {units} "
            f"units, not {weights}; give more units or a smaller budget"
        )
    how = {"task": task, "units": units, **given}
    return [
        (name, run_of(name, weights, rate, seed, **how))
        for name, rate, seed in product(ways_of(weights, **how), RATES, range(seeds))
    ]
