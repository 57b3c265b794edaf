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
gives another ``hidden_draw``. ``uniform_size`` and
``normal_size`` solve the hidden size for a budget of weights instead; published for
Random Anomaly Detection at 50,000 weights.

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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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

    Args:
        inputs: size of the task's input.
        outputs: size of its output.
        distribution: one of `DISTRIBUTIONS`.
        number: how many designs; more of the same seed begin with the same ones.
        seed: of the draw, 0 or more.
        budget: weights without biases, where the distribution solves the hidden size.
        hidden: mean and deviation of a normal hidden size.

    Raises:
        VsrnnError: for an unknown distribution, a number below 1, a negative seed, and
            a budget that is missing or of no use.

    >>> [design.hidden for design in draw(46, 26, "normal", 3)]
    [899, 791, 798]
    """
    _check(distribution, number, seed, budget)
    size = "" if budget is None else f"_{budget / 1000:g}k"
    drawing = _Drawing(inputs, outputs, distribution, budget, hidden)
    kind = DISTRIBUTIONS.index(distribution)
    return [
        _draw(
            f"{distribution}{size}_{seed}_{n:04d}",
            drawing,
            np.random.default_rng([seed, kind, n]),
            _spread(seed, n),
        )
        for n in range(number)
    ]


@dataclass(frozen=True)
class _Drawing:
    """What all designs of a draw share."""

    inputs: int
    outputs: int
    distribution: str
    budget: float | None
    hidden: tuple[float, float]


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


def _draw(
    name: str, drawing: _Drawing, rng: np.random.Generator, spread: float
) -> Design:
    """One design; the initial values are drawn last, whatever the densities took."""
    budget, uniform = drawing.budget, drawing.distribution.startswith("uniform")
    rate = _uniform_rate(rng) if uniform else _normal_rate(rng)
    if drawing.distribution == "even":
        hidden, density = _draw_even(rng, drawing, HIGHEST_PROPORTION * spread)
    else:
        density = _uniform_density(rng) if uniform else _normal_density(rng)
        drawn = _uniform_hidden(rng) if uniform else _normal_hidden(rng, drawing)
        hidden = drawn if budget is None else _solved(drawing, density, budget)
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


def _uniform_rate(rng: np.random.Generator) -> float:
    return rng.uniform(1e-5, 1e-3)


def _normal_rate(rng: np.random.Generator) -> float:
    return max(rng.normal(1e-3, 4e-4), 1e-6)


def _uniform_hidden(rng: np.random.Generator) -> int:
    return int(rng.uniform(1, 1000))


def _normal_hidden(rng: np.random.Generator, drawing: _Drawing) -> int:
    return max(int(rng.normal(*drawing.hidden)), 10)


def _uniform_density(rng: np.random.Generator) -> Six:
    return _rounded(1 - rng.random(6), 2)  # random() is below 1, so this is above 0


def _normal_density(rng: np.random.Generator) -> Six:
    return _rounded(np.abs(rng.normal(0.5, 0.25, 6)).clip(0.02, 1), 2)


def _solved(drawing: _Drawing, density: Six, budget: float) -> int:
    """The hidden size that spends the budget, 0 if there is none."""
    sizes = drawing.inputs, drawing.outputs
    try:
        return Geometry.for_budget(budget, *sizes, density).hidden
    except VsrnnError:
        return 0


def _draw_even(
    rng: np.random.Generator, drawing: _Drawing, proportion: float
) -> tuple[int, Six]:
    """Hidden size and densities of a proportion and a budget; 0 if none is found."""
    inputs, outputs, budget = drawing.inputs, drawing.outputs, drawing.budget or 0
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


def _spread(seed: int, n: int) -> float:
    """The n-th number in 0..1 of van der Corput's sequence, from a random start."""
    start = np.random.default_rng(seed).random()
    mirrored = int(f"{n:b}"[::-1], 2) / 2 ** len(f"{n:b}")
    return (start + mirrored) % 1


def _rounded(values: Sequence[float] | np.ndarray, decimals: int) -> Six:
    """Rounded as published, and without a minus sign on 0."""
    return tuple(round(float(value), decimals) + 0.0 for value in values)
