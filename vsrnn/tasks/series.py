"""Series of dynamical systems: what comes later, or what cannot be seen."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from vsrnn.tasks._generated import Generated, Pair
from vsrnn.tasks.task import register


class Series(Generated):
    """Numbers at every step, learned from those that are read before it."""

    score_label = "explained variance"


@register
class MackeyGlass(Series):
    """Give the value of a chaotic series eight units of time after the one just read.

    The delay equation dx/dt = .2 x(t - 17) / (1 + x(t - 17)^10) - .1 x, from a constant
    history in .4..1.4, by Euler's method in steps of .1. After 200 units the series is
    read every 2 units, as 4 (x - .9).

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = MackeyGlass("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 25, 1]), torch.Size([9, 25, 1]))

    Source: Mackey and Glass, Science 197, 1977.
    """

    name, label = "mackey-glass", "Mackey-Glass series"
    inputs, outputs, steps = 1, 1, 25

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return the series, and the same later."""
        delay, each, later = 170, 20, 4  # in steps of .1; in steps of 2
        length = 2_000 + each * (self.steps + later)
        x = np.empty((delay + length, number), np.float32)
        x[:delay] = rng.uniform(0.4, 1.4, number)
        for t in range(delay, delay + length):
            old, now = x[t - delay], x[t - 1]
            x[t] = now + 0.1 * (0.2 * old / (1 + old**10) - 0.1 * now)
        seen = 4 * (x[delay + 2_000 :: each].T[..., None] - 0.9)
        return seen[:, : self.steps], seen[:, later:]


@register
class Narma(Series):
    """Give a moving average of order ten, not a linear one, of what was read.

    Inputs u are uniform in 0..0.5, read as 6 (u - .25). With y = 0 at the start,
    y' = .3 y + .05 y (y + ... + the y of 9 steps ago) + 1.5 u (u of 9 steps ago) + .1,
    asked for as 8 (y' - .4) from the 11th step on.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Narma("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 30, 1]), torch.Size([9, 30, 1]))

    Source: Atiya and Parlos, IEEE Transactions on Neural Networks 11, 2000.
    """

    name, label = "narma", "NARMA-10"
    inputs, outputs, steps = 1, 1, 30

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return inputs, and the average up to the step before each."""
        u = rng.uniform(0, 0.5, (number, self.steps))
        y = np.zeros((number, self.steps + 1))
        for t in range(self.steps):
            past = y[:, max(t - 9, 0) : t + 1].sum(1)
            old = u[:, t - 9] if t >= 9 else 0
            y[:, t + 1] = 0.3 * y[:, t] + 0.05 * y[:, t] * past
            y[:, t + 1] += 1.5 * u[:, t] * old + 0.1
        targets = 8 * (y[:, : self.steps] - 0.4)
        targets[:, :10] = np.nan
        both = 6 * (u - 0.25), targets
        first, second = (part[..., None].astype(np.float32) for part in both)
        return first, second


@register
class Lorenz(Series):
    """Read one coordinate of a chaotic system, and give the two others.

    x' = 10 (y - x), y' = x (28 - z) - y, z' = x y - 8/3 z, by the method of Runge and
    Kutta in steps of .025, from places near the attractor. Read is x / 8 at every
    second step after the first 200; asked for are y / 9 and (z - 24) / 8 of the step
    before, from the sixth on.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Lorenz("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 25, 1]), torch.Size([9, 25, 2]))

    Source: Lorenz, Journal of the Atmospheric Sciences 20, 1963.
    """

    name, label = "lorenz", "Lorenz, one coordinate"
    inputs, outputs, steps = 1, 2, 25

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return x, and y and z of the step before."""
        start = rng.normal(np.array([[0], [0], [24]]), 8, (3, number))
        x, y, z = _walk(_lorenz, start, 0.025, 200, 2, self.steps)
        seen = np.stack([x / 8, y / 9, (z - 24) / 8], -1).astype(np.float32)
        targets = np.full((number, self.steps, 2), np.nan, np.float32)
        targets[:, 5:] = seen[:, 4:-1, 1:]
        return seen[..., :1].copy(), targets


@register
class Lorenz20(Series):
    """Read every second of 40 places on a circle of weather, and give the others.

    x_i' = (x_(i+1) - x_(i-2)) x_(i-1) - x_i + 8, by the method of Runge and Kutta in
    steps of .05, each read after the first 100, as (x - 2.3) / 3.6. Asked for are the
    places between those of the step before, from the fourth step on.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Lorenz20("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 12, 20]), torch.Size([9, 12, 20]))

    Source: Lorenz, Predictability: a Problem Partly Solved, ECMWF 1996.
    """

    name, label = "lorenz-20", "Half of a Lorenz 96 system"
    inputs, outputs, steps = 20, 20, 12

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return even places, and odd ones of the step before."""
        start = 8 + rng.normal(0, 1, (40, number))
        x = _walk(_weather, start, 0.05, 100, 1, self.steps)
        seen = ((x.transpose(1, 2, 0) - 2.3) / 3.6).astype(np.float32)
        targets = np.full((number, self.steps, 20), np.nan, np.float32)
        targets[:, 3:] = seen[:, 2:-1, 1::2]
        return seen[..., ::2].copy(), targets


def _lorenz(s: np.ndarray) -> np.ndarray:
    x, y, z = s
    return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])


def _weather(x: np.ndarray) -> np.ndarray:
    after, before = np.roll(x, -1, 0), np.roll(x, 1, 0)
    return (after - np.roll(x, 2, 0)) * before - x + 8


def _walk(
    slope: Callable[[np.ndarray], np.ndarray],
    state: np.ndarray,
    step: float,
    first: int,
    each: int,
    number: int,
) -> np.ndarray:
    """States (parts, sequences, number) at every so many steps after the first ones."""
    kept = []
    for t in range(first + each * number):
        if t >= first and (t - first) % each == 0:
            kept.append(state)
        a = slope(state)
        b = slope(state + step / 2 * a)
        c = slope(state + step / 2 * b)
        d = slope(state + step * c)
        state = state + step / 6 * (a + 2 * b + 2 * c + d)
    return np.stack(kept, -1)
