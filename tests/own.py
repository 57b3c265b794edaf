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


class Some(Classes):
    """Classes at every step but some."""

    def pair(self, rng, n):
        inputs, _ = super().pair(rng, n)
        targets = rng.integers(self.outputs, size=(n, self.steps))
        targets[:, 1], targets[::2, 3] = -100, -100
        return inputs, targets


class Partly(Every):
    """Numbers at every step but some, and not all of them at each."""

    def pair(self, rng, n):
        inputs, targets = super().pair(rng, n)
        targets = targets.clone()
        targets[:, 1], targets[::3, 2:, 0] = np.nan, np.nan
        return inputs, targets


class Ragged(Classes):
    """Sequences of different lengths, with a class at the end of each."""

    def pair(self, rng, n):
        inputs = [rng.normal(size=(k, self.inputs)) for k in self.lengths(rng, n)]
        return inputs, [self.target(rng, part) for part in inputs]

    def lengths(self, rng, n):
        return rng.permutation([1, self.steps, *rng.integers(2, self.steps, n - 2)])

    def target(self, rng, part):
        return rng.integers(self.outputs)


class RaggedLast(Ragged):
    """Numbers at the end of each."""

    def target(self, rng, part):
        return part[0, : self.outputs]


class RaggedEvery(Ragged):
    """Numbers at every step of each."""

    def target(self, rng, part):
        return part[:, : self.outputs]


class Symbols(Ragged):
    """Symbols read, of different numbers, and a class at every step."""

    symbols = True

    def pair(self, rng, n):
        lengths = self.lengths(rng, n)
        inputs = [rng.integers(self.inputs, size=k) for k in lengths]
        return inputs, [part % self.outputs for part in inputs]


class PaddedByHand(Ragged):
    """The same as `Ragged`, padded here."""

    def pair(self, rng, n):
        inputs, targets = super().pair(rng, n)
        seen = np.zeros((n, self.steps, self.inputs))
        classes = np.full((n, self.steps), -100)
        for row, part in enumerate(inputs):
            seen[row, : len(part)] = part
            classes[row, len(part) - 1] = targets[row]
        return seen, classes


class Filled(Ragged):
    """The same as `Ragged`, with NaN behind each end."""

    def pair(self, rng, n):
        inputs, targets = super().pair(rng, n)
        seen = np.full((n, self.steps, self.inputs), np.nan)
        for row, part in zip(seen, inputs, strict=True):
            row[: len(part)] = part
        return seen, np.array(targets)


class FilledEvery(Filled):
    """The same as `RaggedEvery`, with NaN behind each end, of targets, too."""

    def pair(self, rng, n):
        seen, _ = super().pair(rng, n)
        return seen, seen[:, :, : self.outputs]

    def target(self, rng, part):
        return 0


class Once(Classes):
    """All training sequences in one batch, once: one step."""

    epochs, batch_size = 1, SIZES["train"]


class Nought(Task):
    """Nothing to train on."""

    inputs, outputs, steps = 6, 4, 5
