"""Tasks of one's own, each with another kind of target, as a user writes them."""

import numpy as np
import torch

from vsrnn import Task

SIZES = {"train": 24, "val": 10, "test": 12}


class Classes(Task):
    """One of four classes at the last step, inputs of whole numbers."""

    inputs, outputs, steps = 6, 4, 5
    epochs, chance = 2, 0.25

    def data(self):
        rng = np.random.default_rng(0)
        return {split: self.pair(rng, n) for split, n in SIZES.items()}

    def pair(self, rng, n):
        shape = (n, self.steps, self.inputs)
        inputs = rng.integers(5, size=shape, dtype=np.int16)
        return inputs, rng.integers(self.outputs, size=n, dtype=np.int32)


class Last(Classes):
    """Numbers at the last step, in double precision, of inputs times a factor."""

    def __init__(self, scale="quick", factor=1.0):
        self.factor = factor
        super().__init__(scale)

    def pair(self, rng, n):
        inputs = self.factor * rng.normal(size=(n, self.steps, self.inputs))
        return inputs, inputs[:, 0, : self.outputs]


class Every(Classes):
    """Numbers at every step."""

    def pair(self, rng, n):
        inputs = torch.from_numpy(rng.normal(size=(n, self.steps, self.inputs)))
        return inputs, inputs[:, :, : self.outputs]


class Once(Classes):
    """All training sequences in one batch, once: one step."""

    epochs, batch_size = 1, SIZES["train"]


class Nought(Task):
    """Nothing to train on."""

    inputs, outputs, steps = 6, 4, 5
