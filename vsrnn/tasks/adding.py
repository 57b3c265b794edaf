"""The adding problem: remember two of many numbers, and add them."""

from __future__ import annotations

import numpy as np
import torch

from vsrnn.errors import check_int
from vsrnn.tasks.task import SPLITS, Scale, Task, Training, register

SCALES = {
    "smoke": Scale(256, 100, 100, epochs=2, batch_size=32),
    "quick": Scale(8_000, 1_000, 2_000, epochs=18, batch_size=32),
    "paper": Scale(10_000, 1_000, 2_000, epochs=53, batch_size=32),
}
"""The sizes to choose from; "paper" trains on as many sequences as published."""

Pair = tuple[np.ndarray, np.ndarray]


@register
class Adding(Task):
    """Read numbers, two of them marked, and give the sum of these two at the end.

    The first input is a number, uniform in 0..1, the second 1 at two steps, any two,
    and else 0. The squared error of knowing nothing is 1/6; a network whose test loss
    is below 0.01 has learned to add.

    As published, no blank step follows the last number. A masked cell has read it when
    it answers; the block RNN, whose outputs read the state of the step before, has not.

    Training sequences are fresh in every epoch, and the same whatever a run's seed.

    Args:
        scale: "smoke", "quick" or "paper", where the published rate is 1e-4.
        length: how many numbers a sequence has, 2 or more.
        data_seed: of the sequences, 0 or above.

    Raises:
        VsrnnError: an option has no such value.

    >>> inputs, targets = Adding("smoke", length=50).batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 50, 2]), torch.Size([9, 1]))

    Source: protocol of arXiv 2406.06290.
    """

    name, label, score_label = "adding", "Adding", "explained variance"
    inputs, outputs, steps = 2, 1, 30
    shuffle, training = False, Training(clip=0.5)
    scales, generator, places = SCALES, 1, ()

    def __init__(
        self, scale: str = "quick", length: int = 30, data_seed: int = 0
    ) -> None:
        self.take_scale(scale)
        self.steps = check_int("length", length, 2)
        self.seed = check_int("data_seed", data_seed, 0)
        super().__init__(scale)
        chosen = {"length": self.steps, "data_seed": self.seed}
        self.provenance |= {"generator": 1} | chosen

    def data(self) -> dict[str, Pair]:
        """Return the sequences, those of training for the first epoch."""
        return {split: self._pair(split) for split in SPLITS}

    def renew(self, epoch: int) -> None:
        """Take the training sequences of an epoch."""
        inputs, targets = map(torch.from_numpy, self._pair("train", epoch))
        self._data |= {"train_inputs": inputs, "train_targets": targets}

    def _pair(self, split: str, epoch: int = 1) -> Pair:
        rng = np.random.default_rng([self.seed, SPLITS.index(split), epoch])
        number = self.sizes[split]
        inputs = np.zeros((number, self.steps, 2), np.float32)
        inputs[..., 0] = rng.random((number, self.steps))
        rows, first = np.arange(number), rng.integers(self.steps, size=number)
        second = (first + rng.integers(1, self.steps, number)) % self.steps
        inputs[rows, first, 1] = inputs[rows, second, 1] = 1
        return inputs, inputs.prod(2).sum(1, keepdims=True)
