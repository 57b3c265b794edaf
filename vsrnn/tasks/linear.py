"""Linear systems: see what is behind the noise, and follow what is driven."""

import numpy as np
from numpy.random import Generator

from vsrnn.tasks._generated import Generated, Pair, zeros
from vsrnn.tasks.task import register


@register
class Denoise50(Generated):
    """Read fifty noisy numbers, and give an affine map of what they are without noise.

    Five hidden numbers s go by s' = .9 s + .44 e, e normal. Read is A s, with noise of
    a deviation of 1; asked for is B s + b of the step before, at each but the first.
    A and B have rows of length 1, on average, and b a deviation of .5.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Denoise50("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 8, 50]), torch.Size([9, 8, 50]))
    """

    name, label, score_label = "denoise-50", "Denoising", "explained variance"
    inputs, outputs, steps = 50, 50, 8

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return noisy numbers, and others without noise."""
        world = self.fixed()
        reads, gives = world.normal(0, 5**-0.5, (2, 5, self.inputs))
        shift = world.normal(0, 0.5, self.inputs)
        hidden = np.empty((number, self.steps, 5))
        hidden[:, 0] = rng.normal(0, 1, (number, 5))
        for step in range(1, self.steps):
            new = rng.normal(0, 0.19**0.5, (number, 5))
            hidden[:, step] = 0.9 * hidden[:, step - 1] + new
        seen = hidden @ reads + rng.normal(0, 1, (number, self.steps, self.inputs))
        targets = np.full(seen.shape, np.nan, np.float32)
        targets[:, 1:] = hidden[:, :-1] @ gives + shift
        return seen.astype(np.float32), targets


@register
class System10(Generated):
    """Follow a linear system of ten numbers that what is read drives.

    s' = .85 Q s + B x, Q a random rotation, B with rows of length .5 on average and x
    normal; s' is asked for at the next step, at each but the first.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = System10("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 15, 10]), torch.Size([9, 15, 10]))
    """

    name, label, score_label = "system-10", "Driven system", "explained variance"
    inputs, outputs, steps = 10, 10, 15

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return what drives the system, and its state after each step."""
        world = self.fixed()
        turn = 0.85 * np.linalg.qr(world.normal(size=(self.outputs,) * 2))[0]
        drive = world.normal(0, 0.5 * self.inputs**-0.5, (self.inputs, self.outputs))
        inputs = rng.normal(0, 1, (number, self.steps, self.inputs))
        targets = zeros(number, self.steps, self.outputs)
        for step in range(1, self.steps):
            old = targets[:, step - 1]
            targets[:, step] = old @ turn + inputs[:, step - 1] @ drive
        targets[:, 0] = np.nan
        return inputs.astype(np.float32), targets


@register
class System200(System10):
    """As :class:`System10`, five numbers that two hundred drive, over eight steps."""

    name, label = "system-200", "System driven by 200 inputs"
    inputs, outputs, steps = 200, 5, 8
