"""Does a geometry of hidden units keep a network that is pruned on its way?"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from vsrnn.design.published import get_design
from vsrnn.runs.config import Config
from vsrnn.studies import arms
from vsrnn.studies.arms import methods

# Fixed before any run:
#
# - The measure is the position error [cm] on the 1,000 trajectories of validation,
#   which nothing is chosen by, one epoch after the last pruning ("rest 1", published)
#   and four epochs after it ("rest 4"). Printed beside it: floor, stay, centre.
# - Seeds are paired: the same initial weights and trajectories in every arm.
# - A run fails when its error is above that of staying at the start.
# - A claim "a is better than b" is the mean over seeds of b's error less a's, with the
#   95 % interval of Student's t: it holds if the interval is above 0, is reversed if it
#   is below 0, and is undecided otherwise. Medians and failures are shown beside it.
# - Geometry reached the mask if more surviving hidden-to-hidden weights lie on cheap
#   pairs than pairs are cheap.

SEEDS = range(5)
MAIN = ("none", "torus", "permuted", "circle", "uniform / 4")
"""Arms that are pruned on every schedule."""

FEW = ("none", "torus", "permuted")
TRAINED = ("torus, trained", "R3, trained")
DENSITIES = (0.1, 0.05, 0.02)
OPTIONS = {"inputs as published": {"scaled": False}, "50 steps": {"steps": 50}}


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    fixed = [name for name in arms.PENALTIES if name not in TRAINED]
    other = [name for name in arms.SCHEDULES if name != "linear 15"]
    published = [run_of(arm, seed) for seed, arm in product(SEEDS, fixed)]
    schedules = [run_of(a, seed, s) for seed, s, a in product(SEEDS, other, MAIN)]
    trained = [run_of(arm, seed) for seed, arm in product(SEEDS, TRAINED)]
    sparser = [
        run_of(arm, seed, schedule, density)
        for density, seed, schedule, arm in product(
            DENSITIES[1:], SEEDS, ("linear 15", "cubic", "linear 30"), FEW
        )
    ]
    once = [
        run_of(arm, 0, task_options=options)
        for options, arm in product(OPTIONS.values(), FEW)
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
