"""A task that changes while it is learned: other inputs, outputs, lag or targets."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator, default_rng
from torch import nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.tasks.task import SPLITS, Scale, Task, register

SCALES = {
    "smoke": Scale(100, 50, 50, epochs=4, batch_size=50),
    "quick": Scale(2_000, 500, 1_000, epochs=30, batch_size=50),
    "paper": Scale(10_000, 1_000, 2_000, epochs=30, batch_size=50),
}
"""The sizes to choose from; none is published."""

BEFORE = {"first": 0, "last": 12, "used": 6, "lag": 1, "turn": 0}
"""Inputs that tell, patterns in use, and how long ago the one asked for was seen."""

CHANGES = {
    "inputs": {"first": 12, "last": 96},
    "outputs": {"used": 12},
    "lag": {"lag": 4},
    "targets": {"turn": 1},
}
"""What becomes different."""

Pair = tuple[np.ndarray, np.ndarray]


@register
class Shifting(Task):
    """Which pattern was seen so many steps ago? After some epochs that is different.

    At each of six steps a pattern is shown, which lights half of the inputs that tell;
    a tenth of all inputs are turned over by noise, and those that tell nothing are lit
    by chance. Then comes a dark step, and the answer. Before the change twelve inputs
    tell, there are six patterns, and the last but one is asked for. Afterwards, by
    ``change``, the 84 other inputs tell instead (``"inputs"``), there are twelve
    patterns (``"outputs"``), the fifth from the end is asked for (``"lag"``), or each
    pattern is called by the next one's name (``"targets"``).

    Training and validation sequences are those of the epoch; the test is after the
    change, and a test score of the task before it, ``old_accuracy``, goes along.

    Args:
        scale: "smoke", "quick" or "paper".
        change: what becomes different.
        at: last epoch before the change; 0 for a task that is so from the beginning.
        over: epochs in which sequences of the new kind become more and more; 0 for all
            at once.
        data_seed: of the sequences, 0 or above.

    Raises:
        VsrnnError: an option has no such value.

    >>> inputs, targets = Shifting("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 7, 96]), torch.Size([9]))
    """

    name, label = "shifting", "Shifting patterns"
    inputs, outputs, steps, chance = 96, 12, 7, 1 / 12
    shuffle, scales, generator, places = False, SCALES, 1, ()

    def __init__(
        self,
        scale: str = "quick",
        change: str = "inputs",
        at: int = 15,
        over: int = 0,
        data_seed: int = 0,
    ) -> None:
        self.take_scale(scale)
        if change not in CHANGES:
            known = ", ".join(CHANGES)
            raise VsrnnError(f"the change is one of {known}, not {change!r}")
        self.change, self.at = change, check_int("at", at, 0)
        self.over, self.seed = (
            check_int("over", over, 0),
            check_int("data_seed", data_seed, 0),
        )
        super().__init__(scale)
        chosen = {"change": change, "at": at, "over": over, "data_seed": data_seed}
        self.provenance |= {"generator": 1} | chosen

    def data(self) -> dict[str, Pair]:
        """Return the sequences of the first epoch, and those of the test."""
        first = {split: self._mixed(split, 1) for split in SPLITS[:2]}
        return first | {"test": self._drawn("test", 1)}

    def renew(self, epoch: int) -> None:
        """Take the sequences of an epoch."""
        for split in SPLITS[:2]:
            inputs, targets = self._mixed(split, epoch)
            self._data[f"{split}_inputs"] = torch.from_numpy(inputs)
            self._data[f"{split}_targets"] = torch.from_numpy(targets)

    def share(self, epoch: int) -> float:
        """The share of an epoch's sequences that are of the new kind.

        >>> [Shifting("smoke", at=2, over=4).share(epoch) for epoch in (2, 3, 6, 7)]
        [0.0, 0.25, 1.0, 1.0]
        """
        since = epoch - self.at
        return (
            float(since > 0) if not self.over else min(max(since / self.over, 0.0), 1.0)
        )

    @torch.no_grad()
    def score(self, model: nn.Module) -> dict[str, float]:
        """Return the accuracy on test sequences of the task before the change."""
        inputs, targets = map(torch.from_numpy, self._drawn("test", 0))
        output = model(inputs)[0][None]
        return {"old_accuracy": float(self.accuracy(output, targets))}

    def _mixed(self, split: str, epoch: int) -> Pair:
        """Sequences of both kinds."""
        (x, y), (new_x, new_y) = (self._drawn(split, kind) for kind in (0, 1))
        rng = default_rng([self.seed, SPLITS.index(split), 2])
        new = rng.random(len(y)) < self.share(epoch)
        return np.where(new[:, None, None], new_x, x), np.where(new, new_y, y)

    def _drawn(self, split: str, kind: int) -> Pair:
        """Sequences before (0) or after (1) the change."""
        rng = default_rng([self.seed, SPLITS.index(split), kind])
        how = BEFORE | (CHANGES[self.change] if kind else {})
        patterns = self._patterns(default_rng([self.seed, 3]))
        number, shown = self.sizes[split], self.steps - 1
        classes = rng.integers(how["used"], size=(number, shown))
        lit = patterns[classes]
        tells = np.zeros(self.inputs, bool)
        tells[how["first"] : how["last"]] = True
        lit = np.where(tells, lit, rng.random(lit.shape) < 0.5)
        inputs = np.zeros((number, self.steps, self.inputs), np.float32)
        inputs[:, :shown] = lit ^ (rng.random(lit.shape) < 0.1)
        asked = classes[:, shown - 1 - how["lag"]]
        return inputs, (asked + how["turn"]) % how["used"]

    def _patterns(self, rng: Generator) -> np.ndarray:
        """Which inputs each pattern lights, ``(outputs, inputs)``."""
        return rng.random((self.outputs, self.inputs)).argsort(1) < self.inputs // 2
