"""Machines with states: count modulo three; keep bits until they are changed."""

import numpy as np
from numpy.random import Generator

from vsrnn.tasks._generated import SCALES, Generated, Pair, one_hot, zeros
from vsrnn.tasks._sequences import GAP
from vsrnn.tasks.parity import Parity
from vsrnn.tasks.reber import Reber
from vsrnn.tasks.task import Training, register


@register
class Counter3(Generated):
    """Read numbers 0, 1 or 2, and give their sum so far, modulo 3, at each next step.

    A number is 1 at its own input. There are six numbers, and nothing is asked for at
    the first of the seven steps.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Counter3("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 7, 3]), torch.Size([9, 7]))

    Source: modular arithmetic of Deletang and others, Neural Networks and the Chomsky
    Hierarchy, arXiv 2207.02098, with addition alone.
    """

    name, label = "counter-3", "Sum modulo 3"
    inputs, outputs, steps, chance = 3, 3, 7, 1 / 3

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return numbers, and their sums so far."""
        numbers = rng.integers(3, size=(number, self.steps - 1))
        inputs = zeros(number, self.steps, 3)
        inputs[:, :-1] = one_hot(numbers, 3)
        targets = np.full((number, self.steps), GAP)
        targets[:, 1:] = numbers.cumsum(1) % 3
        return inputs, targets


@register
class FlipFlop3(Generated):
    """Three bits: give the last pulse of each of three inputs, at each next step.

    At each step each input has a pulse, 1 or -1, with a probability of .15, and else
    is 0. The answer is 0 until the first pulse.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = FlipFlop3("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 20, 3]), torch.Size([9, 20, 3]))

    Source: Sussillo and Barak, Opening the Black Box, Neural Computation 25, 2013.
    """

    name, label, score_label = "flipflop-3", "Three flip-flops", "explained variance"
    inputs, outputs, steps = 3, 3, 20

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return pulses, and the last of each input before each step."""
        shape = (number, self.steps, self.inputs)
        pulses = rng.choice([-1, 0, 1], shape, p=[0.075, 0.85, 0.075])
        targets = zeros(*shape)
        for step in range(1, self.steps):
            now = pulses[:, step - 1]
            targets[:, step] = np.where(now == 0, targets[:, step - 1], now)
        return pulses.astype(np.float32), targets


@register
class ParityFew(Parity):
    """As :class:`vsrnn.tasks.parity.Parity`, with few streams and no clipping.

    At "quick" 2,000 streams train in each epoch, 500 validate and 1,000 test.
    """

    name, label = "parity-few", "Parity, few streams"
    scales, training = SCALES, Training()


@register
class ReberFew(Reber):
    """As :class:`vsrnn.tasks.reber.Reber`, with few strings of at most 20 letters.

    At "quick" 2,000 strings train, in one order, 500 validate and 1,000 test.
    """

    name, label, steps, longest = "reber-few", "Reber grammar, few strings", 20, 20
    scales, training, shuffle = SCALES, Training(), False
