"""Tasks of the laboratory: weigh evidence, compare over a delay, obey a context."""

import numpy as np
from numpy.random import Generator

from vsrnn.tasks._generated import Generated, Pair, zeros
from vsrnn.tasks.task import register

RING = 8
NOISE = 0.3


@register
class Decision(Generated):
    """Which of two noisy inputs was the larger, over twenty steps?

    The inputs are normal with a deviation of 1 around .5 + c/2 and .5 - c/2, c one of
    -.5, -.25, -.1, .1, .25 and .5; whether c is above 0 is to be told. A step of zeros
    follows. The sum of their differences tells 78 % of the sequences right.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Decision("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 21, 2]), torch.Size([9]))

    Source: Britten and others, Journal of Neuroscience 12, 1992; as a task for
    networks in Yang and others, Nature Neuroscience 22, 2019.
    """

    name, label = "decision", "Decision on evidence"
    inputs, outputs, steps, chance = 2, 2, 21, 1 / 2

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return noisy inputs, and which is the larger in the mean."""
        signs = rng.integers(2, size=number)
        clear = rng.choice([0.1, 0.25, 0.5], number) * (2 * signs - 1)
        means = 0.5 + np.stack([-clear, clear], 1)[:, None] / 2
        inputs = zeros(number, self.steps, 2)
        inputs[:, :-1] = means + rng.normal(0, 1, (number, self.steps - 1, 2))
        return inputs, signs


@register
class Match(Generated):
    """Two directions with a delay between them: are they the same?

    A direction is one of eight, and lights eight units around a circle by
    exp(2 cos d - 2), d the angle between. It is shown at the first step and again, in
    half of the sequences, at the seventh, with a ninth input of 1; noise of a deviation
    of .3 is on the eight at each step. A step of zeros follows.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Match("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 8, 9]), torch.Size([9]))

    Source: delayed match to sample, as in Yang and others, Nature Neuroscience 22,
    2019.
    """

    name, label = "match", "Delayed match"
    inputs, outputs, steps, chance = RING + 1, 2, 8, 1 / 2

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return what eight units show, and whether both directions are one."""
        same = rng.integers(2, size=number)
        first = rng.integers(RING, size=number)
        second = first + (1 - same) * rng.integers(1, RING, number)
        angles = 2 * np.pi * np.arange(RING) / RING
        inputs = zeros(number, self.steps, RING + 1)
        inputs[:, :-1, :RING] = rng.normal(0, NOISE, (number, self.steps - 1, RING))
        for step, shown in ((0, first), (self.steps - 2, second)):
            apart = angles - 2 * np.pi * shown[:, None] / RING
            inputs[:, step, :RING] += np.exp(2 * np.cos(apart) - 2)
            inputs[:, step, RING] = 1
        return inputs, same


@register
class Context(Generated):
    """Two noisy inputs, and a cue at the start that says which of them to sum up.

    Each input is normal with a deviation of 1 around .4 or -.4, apart from the other;
    the third and fourth input are the cue, 1 for one of them at the first step. Whether
    the mean of the input it names is above 0 is to be told after twelve steps. A step
    of zeros follows.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Context("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 13, 4]), torch.Size([9]))

    Source: Mante, Sussillo, Shenoy and Newsome, Nature 503, 2013.
    """

    name, label = "context", "Decision in context"
    inputs, outputs, steps, chance = 4, 2, 13, 1 / 2

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return noisy inputs and a cue, and the sign of what it names."""
        signs, cue = rng.integers(2, size=(number, 2)), rng.integers(2, size=number)
        inputs = zeros(number, self.steps, 4)
        noise = rng.normal(0, 1, (number, self.steps - 1, 2))
        inputs[:, :-1, :2] = 0.4 * (2 * signs[:, None] - 1) + noise
        rows = np.arange(number)
        inputs[rows, 0, 2 + cue] = 1
        return inputs, signs[rows, cue]
