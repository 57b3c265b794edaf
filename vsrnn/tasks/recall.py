"""What was seen before? The first symbol, or several in their order."""

import numpy as np
from numpy.random import Generator

from vsrnn.tasks._generated import Generated, Pair, one_hot, zeros
from vsrnn.tasks._sequences import GAP
from vsrnn.tasks.task import register


@register
class Recall4(Generated):
    """Read fourteen symbols, one of four each, and name the first of them.

    A symbol is 1 at its own input. A step of zeros follows.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Recall4("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 15, 4]), torch.Size([9]))

    Source: the latch problem of Bengio, Simard and Frasconi, IEEE Transactions on
    Neural Networks 5, 1994, with more classes.
    """

    name, label = "recall-4", "First of 14 symbols"
    inputs, outputs, steps, chance = 4, 4, 15, 1 / 4

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return the symbols, and the first of each sequence."""
        symbols = rng.integers(self.inputs, size=(number, self.steps - 1))
        inputs = zeros(number, self.steps, self.inputs)
        inputs[:, :-1] = one_hot(symbols, self.inputs)
        return inputs, symbols[:, 0]


@register
class Recall20(Recall4):
    """As :class:`Recall4`, with four symbols, one of twenty each."""

    name, label = "recall-20", "First of 4 symbols"
    inputs, outputs, steps, chance = 20, 20, 5, 1 / 20


@register
class Copy5(Generated):
    """Read five symbols, one of four each, and a cue; then repeat them in their order.

    The cue is the fifth input. Each of the five last steps asks for a symbol.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Copy5("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 11, 5]), torch.Size([9, 11]))

    Source: the copying problem of Hochreiter and Schmidhuber, 1997, as in Arjovsky,
    Shah and Bengio, arXiv 1511.06464, made short.
    """

    name, label = "copy-5", "Copy 5 symbols"
    inputs, outputs, steps, chance = 5, 4, 11, 1 / 4

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return symbols and a cue, and the symbols again behind it."""
        symbols = rng.integers(4, size=(number, 5))
        inputs = zeros(number, self.steps, self.inputs)
        inputs[:, :5, :4] = one_hot(symbols, 4)
        inputs[:, 5, 4] = 1
        targets = np.full((number, self.steps), GAP)
        targets[:, 6:] = symbols
        return inputs, targets
