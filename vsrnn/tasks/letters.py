"""The next letter of a text."""

import re
from functools import cache

import numpy as np

from vsrnn.tasks._generated import Generated, Pair, one_hot
from vsrnn.tasks.task import SPLITS, register
from vsrnn.tasks.text import kjv


@register
class Letters(Generated):
    """Which letter comes next? Each step reads a letter, and gives the one behind it.

    Letters are a to z and a blank for all that is between words, in pieces of 20 from
    the King James Version, one after the other, of the chapters that
    :class:`vsrnn.tasks.text.Text` has for each split. Needs the extra ``text``.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> Letters.inputs, Letters.outputs, Letters.steps
    (27, 27, 20)
    """

    name, label = "letters", "Next letter"
    inputs, outputs, steps, chance = 27, 27, 20, 1 / 27

    def data(self) -> dict[str, Pair]:
        """Return pieces of text, as inputs and as classes."""
        return {split: self._pieces(split) for split in SPLITS}

    def _pieces(self, split: str) -> Pair:
        length = 1 + self.steps
        text = _letters(split)[: self.sizes[split] * length].reshape(-1, length)
        return one_hot(text[:, :-1], 27), text[:, 1:]


@cache
def _letters(split: str) -> np.ndarray:
    """Letters of a split, 1 to 26, and 0 for what is between words."""
    words = [word for word in kjv()[split] if re.fullmatch("[a-z]+", word)]
    text = np.frombuffer(" ".join(words).encode(), np.uint8)
    return np.where(text == ord(" "), 0, text.astype(np.int64) - ord("a") + 1)
