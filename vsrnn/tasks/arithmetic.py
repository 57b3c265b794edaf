"""Two of several numbers, or vectors, are marked: what is their sum, or product?"""

import numpy as np
from numpy.random import Generator

from vsrnn.tasks._generated import Generated, Pair, zeros
from vsrnn.tasks.task import register


@register
class Add2(Generated):
    """Read ten numbers, two of them marked, and give the sum of these two.

    Inputs are a number, uniform in -1..1, and 1 at two steps, any two, else 0. A step
    of zeros follows. It is :class:`vsrnn.tasks.adding.Adding` made short enough for
    a few thousand sequences, whose numbers lie around 0.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Add2("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 11, 2]), torch.Size([9, 1]))

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 9,
    1997, experiment 4.
    """

    name, label, score_label = "add-2", "Addition, short", "explained variance"
    inputs, outputs, steps = 2, 1, 11

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return numbers with marks, and what the two marked ones make."""
        shown, width = self.steps - 1, self.inputs - 1
        inputs = zeros(number, self.steps, self.inputs)
        inputs[:, :shown, :width] = rng.uniform(-1, 1, (number, shown, width))
        rows, first = np.arange(number), rng.integers(shown, size=number)
        second = (first + rng.integers(1, shown, number)) % shown
        inputs[rows, first, -1] = inputs[rows, second, -1] = 1
        pair = inputs[rows, first, :-1], inputs[rows, second, :-1]
        return inputs, self.together(*pair)

    def together(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """What two marked numbers make."""
        return first + second


@register
class Multiply2(Add2):
    """As :class:`Add2`, with six numbers, and the product, times three.

    Source: the same, experiment 5.
    """

    name, label, steps = "multiply-2", "Multiplication, short", 7

    def together(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """What two marked numbers make."""
        return 3 * first * second


@register
class Add17(Add2):
    """As :class:`Add2`, with 6 vectors of 16 numbers, and the sum of two of them."""

    name, label = "add-17", "Addition of vectors"
    inputs, outputs, steps = 17, 16, 7
