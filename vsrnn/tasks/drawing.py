"""Few inputs, many outputs: read bits or symbols, and draw a picture of them."""

import numpy as np
from numpy.random import Generator

from vsrnn.tasks._generated import Generated, Pair, one_hot, zeros
from vsrnn.tasks.scans import small_digits
from vsrnn.tasks.task import register


@register
class Bits100(Generated):
    """Read four bits, one a step, and give the 100 numbers that belong to them.

    Bits are 1 or -1. The numbers are tanh(A c), c the bits and the products of each
    with the next, A normal with a variance of 1 over the length of c. A step of zeros
    follows the bits.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Bits100("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 5, 1]), torch.Size([9, 100]))
    """

    name, label, score_label = "bits-100", "Bits to a pattern", "explained variance"
    inputs, outputs, steps = 1, 100, 5

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return bits, and the pattern of each sequence of them."""
        shape = (number, self.steps - 1, self.inputs)
        bits = rng.choice([-1.0, 1.0], shape)
        inputs = zeros(number, self.steps, self.inputs)
        inputs[:, :-1] = bits
        flat = bits.reshape(number, -1)
        code = np.concatenate([flat, flat[:, 1:] * flat[:, :-1]], 1)
        size = code.shape[1]
        reads = self.fixed().normal(0, size**-0.5, (size, self.outputs))
        return inputs, np.tanh(code @ reads).astype(np.float32)


@register
class Bits64(Bits100):
    """As :class:`Bits100`, with three bits at each of three steps and 64 numbers."""

    name, label = "bits-64", "Three bits a step to a pattern"
    inputs, outputs, steps = 3, 64, 4


@register
class Glyphs(Generated):
    """Read three digits as symbols, and draw the first one beside the last.

    The picture of a digit is the mean of its images in scikit-learn, 8 x 8 pixels in
    0..1. Answers are 64 pixels, the left half of the first digit's picture and the
    right half of the last one's. A step of zeros follows the digits.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Glyphs("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 4, 10]), torch.Size([9, 64]))
    """

    name, label, score_label = "glyphs", "Draw two digits", "explained variance"
    inputs, outputs, steps = 10, 64, 4

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return digits, and the picture of the first and the last."""
        images, labels = small_digits()
        means = [images[labels == digit].mean(0) for digit in range(10)]
        pictures = np.array(means).reshape(10, 8, 8)
        digits = rng.integers(10, size=(number, 3))
        inputs = zeros(number, self.steps, 10)
        inputs[:, :3] = one_hot(digits, 10)
        left, right = pictures[digits[:, 0], :, :4], pictures[digits[:, 2], :, 4:]
        targets = np.concatenate([left, right], 2).reshape(number, 64)
        return inputs, targets.astype(np.float32)
