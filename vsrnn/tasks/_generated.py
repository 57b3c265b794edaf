"""What small tasks have in common whose sequences are drawn from a generator."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from numpy.random import Generator

from vsrnn.tasks.task import SPLITS, Scale, Task

SCALES = {
    "smoke": Scale(100, 50, 50, epochs=2, batch_size=25),
    "quick": Scale(2_000, 500, 1_000, epochs=15, batch_size=50),
    "paper": Scale(10_000, 1_000, 2_000, epochs=30, batch_size=50),
}
"""The sizes to choose from; none is published, "paper" is five times "quick"."""

Pair = tuple[np.ndarray, np.ndarray]


class Generated(Task):
    """A task whose sequences a generator of random numbers gives, by `draw`.

    What belongs to the task itself, such as patterns to be told apart, is drawn from
    :meth:`fixed`, and so the same at every scale. Training sequences are the same in
    every epoch, and in one order, whatever the seed of a run.
    """

    shuffle, scales, generator, places = False, SCALES, 1, ()

    def __init__(self, scale: str = "quick") -> None:
        self.take_scale(scale)
        super().__init__(scale)
        self.provenance |= {"generator": self.generator}

    def data(self) -> dict[str, Pair]:
        """Return the sequences of each split."""
        return {
            split: self.draw(self._rng(1 + number), self.sizes[split])
            for number, split in enumerate(SPLITS)
        }

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return inputs and targets of so many sequences."""
        raise NotImplementedError("a subclass needs a method `draw`")

    def fixed(self) -> Generator:
        """Numbers that are the same for all splits."""
        return self._rng(0)

    def _rng(self, part: int) -> Generator:
        return np.random.default_rng([crc32(self.name.encode()), part])


def zeros(number: int, *sizes: int) -> np.ndarray:
    """Inputs or numbers to be given, all 0 yet."""
    return np.zeros((number, *sizes), np.float32)


def one_hot(classes: Any, number: int) -> np.ndarray:
    """Classes as numbers, 1 at the place of each class."""
    return np.eye(number, dtype=np.float32)[classes]
