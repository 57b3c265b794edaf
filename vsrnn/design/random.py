"""Random designs: the published distributions, and two that cover more.

What is drawn from which distribution, what rounding does to it, and what ``even`` and
``shares`` are for are on the book's page of the reference. Rounding is as published.
"""

import math

import numpy as np
from numpy.random import Generator, default_rng

from vsrnn.design.design import Design
from vsrnn.design.geometry import Geometry
from vsrnn.design.shares import draw_shares
from vsrnn.errors import VsrnnError, check_int

DISTRIBUTIONS = ("uniform", "normal", "uniform_size", "normal_size", "even", "shares")
"""Names of the distributions: four published ones, ``even`` and ``shares``."""

BUDGETED = ("uniform_size", "normal_size", "even", "shares")
FALLBACK_RATE = 0.02
HIGHEST_PROPORTION = 0.95
LARGEST_HIDDEN = 1000
TRIES = 2_000
MOST_DESIGNS = 1_000_000  # of a draw

Six = tuple[float, ...]


def draw(
    inputs: int,
    outputs: int,
    distribution: str,
    number: int,
    seed: int = 0,
    budget: float | None = None,
    hidden: tuple[float, float] = (900.0, 400.0),
) -> list[Design]:
    """Draw designs for a task of these sizes, see :func:`vsrnn.draw_designs`.

    The mean and deviation of a normal hidden size are ``hidden``.
    """
    if distribution not in DISTRIBUTIONS:
        known = ", ".join(DISTRIBUTIONS)
        raise VsrnnError(f"unknown distribution {distribution!r}; choose {known}")
    check_int("the number of designs", number, 1, MOST_DESIGNS)
    check_int("the seed of the draw", seed, 0)
    if distribution in BUDGETED and not (budget and 0 < budget <= 2**53):
        raise VsrnnError(f"give {distribution} a budget of weights, for instance 50000")
    if distribution not in BUDGETED and budget is not None:
        raise VsrnnError(f"give no budget for {distribution}, or choose another")
    kind, sizes = DISTRIBUTIONS.index(distribution), (inputs, outputs)
    uniform = distribution.startswith("uniform")
    spent = "" if budget is None else f"_{budget / 1000:g}k"
    designs = []
    for n in range(number):
        rng, name = (
            default_rng([seed, kind, n]),
            f"{distribution}{spent}_{seed}_{n:04d}",
        )
        if distribution == "shares":
            units, density, gains, rate = draw_shares(rng, *sizes, budget or 0)
            own = (name, units, density, "block", 0, gains, rate, {"initial": "fan-in"})
            designs.append(Design(*own))
            continue
        rate = rng.uniform(1e-5, 1e-3) if uniform else max(rng.normal(1e-3, 4e-4), 1e-6)
        if distribution == "even":
            proportion = HIGHEST_PROPORTION * _spread(seed, n)
            units, density = _even(rng, *sizes, budget or 0, proportion)
        elif uniform:
            density = _rounded(1 - rng.random(6), 2)  # above 0: random() is below 1
            units = int(rng.uniform(1, 1000))
        else:
            density = _normal_density(rng)
            units = max(int(rng.normal(*hidden)), 10)
        if distribution.endswith("size"):
            units = _solved(*sizes, budget or 0, density)
        rate = round(rate, 5) or FALLBACK_RATE
        initial = _initial(rng, uniform)  # drawn last, whatever the densities took
        designs.append(Design(name, units, density, "block", *initial, rate))
    return designs


def _solved(inputs: int, outputs: int, budget: float, density: Six) -> int:
    """The hidden size that spends the budget, 0 if there is none."""
    try:
        return Geometry.for_budget(budget, inputs, outputs, density).hidden
    except VsrnnError:
        return 0


def _even(
    rng: Generator, inputs: int, outputs: int, budget: float, proportion: float
) -> tuple[int, Six]:
    """Hidden size and densities of a proportion and a budget; 0 if none fit."""
    for _ in range(TRIES):
        hidden = int(math.exp(rng.uniform(0, math.log(LARGEST_HIDDEN + 1))))
        _, _, hy, yx, yh, yy = density = _normal_density(rng)
        fixed = yx * inputs * outputs + yh * outputs * hidden + yy * outputs**2
        row = (budget - fixed) / hidden  # weights that compute one hidden unit
        hx = round(((1 - proportion) * row - hy * outputs) / inputs, 6)
        hh = round(proportion * row / hidden, 6)
        if 1 / inputs <= hx <= 1 and 0 <= hh <= 1:
            return hidden, (hx, hh, *density[2:])
    return 0, density


def _initial(rng: Generator, uniform: bool) -> tuple[Six, Six]:
    """Means and deviations of the initial weights."""
    if uniform:
        mean, std = rng.uniform(-0.005, 0.005, 6), rng.uniform(1e-6, 0.1, 6)
    else:
        mean = rng.normal(0, 0.0025, 6)
        std = np.maximum(rng.normal(0.05, 0.015, 6), 1e-4)
    return _rounded(mean, 3), _rounded(std, 3)


def _normal_density(rng: Generator) -> Six:
    return _rounded(np.abs(rng.normal(0.5, 0.25, 6)).clip(0.02, 1), 2)


def _spread(seed: int, n: int) -> float:
    """The n-th number in 0..1 of van der Corput's sequence, from a random start."""
    start = default_rng(seed).random()
    mirrored = int(f"{n:b}"[::-1], 2) / 2 ** len(f"{n:b}")
    return (start + mirrored) % 1


def _rounded(values: np.ndarray, decimals: int) -> Six:
    """Rounded as published, and without a minus sign on 0."""
    return tuple(round(float(value), decimals) + 0.0 for value in values)
