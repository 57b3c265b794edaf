"""Does a network that grows module by module learn sooner, and hold more?"""

from __future__ import annotations

from itertools import product
from typing import Any

from vsrnn.design.design import Design
from vsrnn.runs.config import Config

# Fixed before any run:
#
# - Parity of the last 2 to 7 bits, a head for each number; a head opens when all open
#   ones pass 98 % on 100 validation streams, which are asked after every 8 steps of 32
#   fresh streams (scale "smoke"). The curriculum is bounded at 200 such epochs, 1,600
#   steps; the published one goes on to 50 heads and half a million steps.
# - Four arms at nearly equal numbers of weights: a chain of six modules of ten units;
#   the same with weights within modules as they were drawn; one network of 29 dense
#   units; one of 60 units with a random mask. Rate .2 for all, not tuned.
# - Sooner: epochs until all six heads pass on the validation streams, 200 if they never
#   do. Longer: mean accuracy, on streams of two to four times the length, of the heads
#   that pass the test. Robust: points of accuracy on validation streams that 20 % noise
#   on the weights costs, and that deleting 5 % of them costs.
# - Differences are paired by seed, with the 95 % interval of Student's t.

BITS, EPOCHS, RATE = 7, 200, 0.2
SEEDS = range(5)
ARMS: dict[str, tuple[int, int, tuple[float, ...], dict[str, Any]]] = {
    "chain": (10, BITS - 1, (1, 1, 1, 1), {}),
    "chain, frozen": (10, BITS - 1, (1, 1, 1, 1), {"frozen": True}),
    "dense": (29, 1, (1, 1, 1, 1), {}),
    "random mask": (60, 1, (1, 0.124, 1, 1), {}),
}
"""Units of a module, modules, densities, and options of the curriculum, by arm."""


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    return [run_of(arm, seed) for seed, arm in product(SEEDS, ARMS)]


def run_of(arm: str, seed: int) -> Config:
    """The run of an arm."""
    units, modules, density, how = ARMS[arm]
    options = {"modules": modules, "heads": BITS - 1}
    name = arm.replace(", ", "_").replace(" ", "_")
    design = Design(
        name, units, density, "modular", learning_rate=RATE, options=options
    )
    methods = [{"name": "grow_modules", **how}, {"name": "robustness"}]
    return Config(
        "parity-heads",
        design,
        "smoke",
        seed,
        "exact",
        epochs=EPOCHS,
        task_options={"bits": BITS},
        method=methods,
    )
