"""Can weights that count as nothing still learn?"""

from __future__ import annotations

from itertools import product
from typing import Any

from vsrnn.design.design import Design
from vsrnn.runs.config import Config

# Fixed before any run:
#
# - Networks of 64 units, a masked ReLU cell and a block RNN, add two of ten numbers for
#   four epochs of 250 steps, all at the rate 3e-3: nothing is tuned. The measure is the
#   share of the variance of the sums explained on the 2,000 test sequences (1 is
#   perfect, 0 a guess, less is cut off at 0), a mean over paired seeds with the 95 %
#   interval of Student's t on differences.
# - Densities are of each matrix. Arms: "static" draws exact masks before training;
#   "gradual" prunes a dense network by magnitude on a cubic ramp over the first three
#   epochs; "straight" and "denoise" keep all weights and compute with the largest.
# - An arm trains at a density if it explains half of the variance.
# - Precision is tried at density 1: 2 and 16 values with the affine form, 3 with the
#   linear one, as published, against straight-through; and two of four neighbors.

MODELS: dict[str, dict[str, Any]] = {
    "block": {"model": "block"},
    "cell": {"model": "cell", "options": {"cell": "relu"}},
}
UNITS, RATE, EPOCHS, LENGTH = 64, 3e-3, 4, 10
DENSITIES = (0.5, 0.2, 0.1, 0.05, 0.02)
ARMS = ("static", "gradual", "straight", "denoise")
LEVELS = {2: "affine", 3: "linear", 16: "affine"}
"""How many values, and the form of the regression for them."""
SEEDS = range(5)


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    found: list[Config] = []
    for seeds in (SEEDS[:3], SEEDS[3:]):
        for model, seed in product(MODELS, seeds):
            found.append(run_of(model, "static", seed, 1.0))
            pairs = product(DENSITIES[::-1], ARMS)
            found += [run_of(model, arm, seed, density) for density, arm in pairs]
        for model, seed, arm in product(MODELS, seeds, ARMS[2:]):
            found += [run_of(model, arm, seed, 1.0, levels=n) for n in LEVELS]
            found.append(run_of(model, arm, seed, 0.5, group=4))
    return found


def run_of(model: str, arm: str, seed: int, density: float, **more: int) -> Config:
    """The run of an arm at a density, with other options of its method."""
    drawn = density if arm == "static" else 1.0
    design = Design(
        f"{model}_{UNITS}", UNITS, drawn, learning_rate=RATE, **MODELS[model]
    )
    method: dict[str, Any] = {"name": "static"}
    if arm == "gradual":
        method = {"name": "magnitude", "density": density, "scope": "matrix", "end": 3}
    if arm in ("straight", "denoise"):
        form = LEVELS.get(more.get("levels", 0), "linear")
        method = {"name": "denoise", "density": density, **more}
        method["estimator"] = form if arm == "denoise" else "straight"
    how: Any = {"epochs": EPOCHS, "task_options": {"length": LENGTH}}
    return Config("adding", design, "quick", seed, "exact", method=method, **how)
