"""Random designs: the published distributions, and one even in hidden proportion.

Every number is drawn for itself, once for each block where there are six:

=============  ========================  ====================================
               uniform                   normal
=============  ========================  ====================================
learning rate  U(1e-5, 1e-3)             N(1e-3, 4e-4), at least 1e-6
hidden size    int U(1, 1000)            int N(500, 200), at least 10
density        U(0, 1]                   abs N(.5, .25), clipped to [.02, 1]
initial mean   U(-.005, .005)            N(0, .0025)
initial std    U(1e-6, .1)               N(.05, .015), at least 1e-4
=============  ========================  ====================================

rounded to 5 (rate), 2 (density) and 3 decimals (initial values). Away from Random
Anomaly Detection the normal hidden size is int N(900, 400), unless the class of a task
gives another ``hidden_draw``. ``uniform_size`` and ``normal_size`` solve the size for a
budget of weights instead; published for Random Anomaly Detection at 50,000.

Rounding has consequences. They are kept as published, but not in silence: the column
``notes`` of a design table names them.

- A learning rate rounded to 0 trains at 0.02, the published fallback (0.65 % of the
  normal draws).
- A deviation rounded to 0 makes the block constant; if its mean is 0, too, the block
  is empty, and the weights and hidden proportion in the table count it so.
- A density rounded to 0 makes the block empty.
- With an empty hh block the published formula for the hidden size divides by zero
  and the run was dropped. Here the linear equation is solved.
- Where no hidden size fits the budget, published runs were dropped as well. Here the
  design stays, with 0 hidden units, and a sweep records it as failed.

``even`` is not published. Of the published draws on Random Anomaly Detection at
50,000 weights 95 % have a hidden proportion below .17, so little can be learned from
them about the rest. Here the proportion itself is drawn, evenly over 0 to .95, in an
order (van der Corput's, from a random start) in which every first part of the designs
is even, too. The hidden size is drawn log-uniformly up to 1000, all else as in
``normal``, and the densities of hx and hh are solved for the budget and the
proportion. What does not fit, or leaves a hidden unit less than one input, is drawn
again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng

from vsrnn.design.design import Design
from vsrnn.design.geometry import Geometry
from vsrnn.errors import VsrnnError

DISTRIBUTIONS = ("uniform", "normal", "uniform_size", "normal_size", "even")
"""Names of the distributions: four published ones, and ``even``."""

BUDGETED = ("uniform_size", "normal_size", "even")
FALLBACK_RATE = 0.02
HIGHEST_PROPORTION = 0.95
LARGEST_HIDDEN = 1000
TRIES = 2_000

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

    >>> [design.hidden for design in draw(46, 26, "normal", 3)]
    [899, 791, 798]
    """
    _check(distribution, number, seed, budget)
    kind = DISTRIBUTIONS.index(distribution)
    size = "" if budget is None else f"_{budget / 1000:g}k"
    search = _Search(inputs, outputs, distribution, budget or 0, hidden)
    designs = []
    for n in range(number):
        name, rng = f"{distribution}{size}_{seed}_{n:04d}", default_rng([seed, kind, n])
        designs.append(search.design(name, rng, _spread(seed, n)))
    return designs


def _check(distribution: str, number: int, seed: int, budget: float | None) -> None:
    if distribution not in DISTRIBUTIONS:
        raise VsrnnError(
            f"unknown distribution {distribution!r}; choose {', '.join(DISTRIBUTIONS)}"
        )
    if number < 1:
        raise VsrnnError(f"the number of designs must be 1 or more, not {number}")
    if seed < 0:
        raise VsrnnError(f"the seed of the draw must be 0 or more, not {seed}")
    if distribution in BUDGETED and not (budget and 0 < budget <= 2**53):
        raise VsrnnError(
            f"the distribution {distribution} spends a budget of weights; "
            "give one above 0 and up to 2**53, for instance 50000"
        )
    if distribution not in BUDGETED and budget is not None:
        raise VsrnnError(
            f"the distribution {distribution} draws the hidden size; give no budget, "
            f"or choose {distribution}_size"
        )


@dataclass(frozen=True)
class _Search:
    """What all designs of a draw share."""

    inputs: int
    outputs: int
    distribution: str
    budget: float
    hidden: tuple[float, float]

    def design(self, name: str, rng: Generator, spread: float) -> Design:
        """One design; initial values are drawn last, whatever the densities took."""
        uniform = self.distribution.startswith("uniform")
        rate = rng.uniform(1e-5, 1e-3) if uniform else max(rng.normal(1e-3, 4e-4), 1e-6)
        if self.distribution == "even":
            hidden, density = self._even(rng, HIGHEST_PROPORTION * spread)
        elif uniform:
            density = _rounded(1 - rng.random(6), 2)  # above 0: random() is below 1
            hidden = int(rng.uniform(1, 1000))
        else:
            density = _normal_density(rng)
            hidden = max(int(rng.normal(*self.hidden)), 10)
        if self.distribution.endswith("size"):
            hidden = self._solved(density)
        if uniform:
            mean, std = rng.uniform(-0.005, 0.005, 6), rng.uniform(1e-6, 0.1, 6)
        else:
            mean = rng.normal(0, 0.0025, 6)
            std = np.maximum(rng.normal(0.05, 0.015, 6), 1e-4)
        return Design(
            name,
            hidden,
            density,
            init_mean=_rounded(mean, 3),
            init_std=_rounded(std, 3),
            learning_rate=round(rate, 5) or FALLBACK_RATE,
        )

    def _solved(self, density: Six) -> int:
        """The hidden size that spends the budget, 0 if there is none."""
        sizes = self.inputs, self.outputs
        try:
            return Geometry.for_budget(self.budget, *sizes, density).hidden
        except VsrnnError:
            return 0

    def _even(self, rng: Generator, proportion: float) -> tuple[int, Six]:
        """Hidden size and densities of a proportion and a budget; 0 if none fit."""
        inputs, outputs = self.inputs, self.outputs
        for _ in range(TRIES):
            hidden = int(math.exp(rng.uniform(0, math.log(LARGEST_HIDDEN + 1))))
            _, _, hy, yx, yh, yy = density = _normal_density(rng)
            fixed = yx * inputs * outputs + yh * outputs * hidden + yy * outputs**2
            row = (self.budget - fixed) / hidden  # weights that compute one hidden unit
            hx = round(((1 - proportion) * row - hy * outputs) / inputs, 6)
            hh = round(proportion * row / hidden, 6)
            if 1 / inputs <= hx <= 1 and 0 <= hh <= 1:
                return hidden, (hx, hh, *density[2:])
        return 0, density


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
