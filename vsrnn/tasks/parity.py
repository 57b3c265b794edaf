"""Parity of the last bits of a stream, and whether two of its bits match."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from vsrnn.errors import VsrnnError, check_int
from vsrnn.tasks._cache import checksum
from vsrnn.tasks.task import SPLITS, Scale, Task, Training, register

RULES = ("parity", "match")

SCALES = {
    "smoke": Scale(256, 100, 100, epochs=2, batch_size=32),
    "quick": Scale(8_000, 1_000, 2_000, epochs=15, batch_size=32),
    "paper": Scale(128_000, 5_000, 12_800, epochs=50, batch_size=256),
}
"""The sizes to choose from; an epoch of "paper" has 500 batches, as published."""


@register
class Parity(Task):
    """Read a stream of bits, and say whether the last few have an odd sum.

    A bit is -1 or 1, with equal chances. A stream has 2 bits more than what counts at
    least, and at most 2.5 times as many and one, any number as likely; what stands
    before it is 0. A step of zeros follows, at which the class is given. Training
    streams are fresh in every epoch, and the same whatever a run's seed.

    Args:
        scale: "smoke", "quick" or "paper".
        bits: how many count, 2 or more.
        rule: "parity", whether the sum of the last bits, counted as 0 and 1, is odd; or
            "match", whether the first and the last one of them are the same.
        data_seed: of the streams, 0 or above.

    Raises:
        VsrnnError: an option has no such value.

    >>> inputs, targets = Parity("smoke", bits=3).batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape  # at most 8 bits, and the step of zeros
    (torch.Size([9, 9, 1]), torch.Size([9]))

    Source: the tasks of Hamidi et al. 2024 (arXiv 2406.06262), there without the step
    of zeros, with bits 0 and 1 and one length in a batch; see :class:`ParityHeads`.
    """

    name, label = "parity", "Parity"
    inputs, outputs, bits, steps = 1, 2, 3, 9
    chance, shuffle, training = 0.5, False, Training(clip=2)
    scales, generator, places = SCALES, 1, ()

    def __init__(
        self,
        scale: str = "quick",
        bits: int | None = None,
        rule: str = "parity",
        data_seed: int = 0,
    ) -> None:
        self.take_scale(scale)
        self.bits = check_int("bits", self.bits if bits is None else bits, 2)
        if rule not in RULES:
            raise VsrnnError(f"rule must be {' or '.join(RULES)}, not {rule!r}")
        self.rule, self.seed = rule, check_int("data_seed", data_seed, 0)
        self.lengths = self.bits + 2, max(self.bits + 2, int(2.5 * self.bits + 1))
        self.steps = self.lengths[1] + 1
        data = {}
        for split in SPLITS:
            data[f"{split}_inputs"], data[f"{split}_targets"] = self._pair(split)
        self.keep(data, checksum(data))
        self.provenance = {"task": self.name, "generator": 1, "sizes": self.sizes}
        self.provenance |= {"bits": self.bits, "rule": rule, "data_seed": self.seed}

    def renew(self, epoch: int) -> None:
        """Take the training streams of an epoch."""
        inputs, targets = self._pair("train", epoch)
        self._data |= {"train_inputs": inputs, "train_targets": targets}

    def _pair(self, split: str, epoch: int = 1) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, SPLITS.index(split), epoch])
        return self.draw(rng, self.sizes[split], *self.lengths)

    def draw(
        self, rng: np.random.Generator, number: int, shortest: int, longest: int
    ) -> tuple[Tensor, Tensor]:
        """Draw streams of other lengths, and the classes of each.

        Args:
            rng: draws.
            number: how many.
            shortest: number of bits, and
            longest: that.
        """
        bits = rng.random((number, longest)) < self._chances(rng, number)
        lengths = rng.integers(shortest, longest + 1, size=(number, 1))
        there = np.arange(longest) >= longest - lengths
        inputs = np.zeros((number, longest + 1, 1), np.float32)
        inputs[:, :-1, 0] = np.where(bits, 1, -1) * there
        classes = torch.from_numpy(self._classes(bits))
        return torch.from_numpy(inputs), classes

    def _chances(self, rng: np.random.Generator, number: int) -> np.ndarray:
        """How likely the bits of each stream are 1, (number, 1)."""
        return np.full((number, 1), 0.5)

    def _classes(self, bits: np.ndarray) -> np.ndarray:
        return answer(bits, self.bits, self.rule)


@register
class ParityHeads(Parity):
    """Parity of the last 2, of the last 3 and so on bits at once, each for two outputs.

    Outputs 2k and 2k + 1 are the classes of the last k + 2 bits. The loss is the sum of
    the cross-entropies of all, the accuracy the mean. Outputs that are always 0 add a
    constant, so a method can open one pair of outputs after the other, see
    :class:`vsrnn.methods.grow_modules.GrowModules`.

    For parity, bits are 1 by a chance that is drawn anew for each stream, so for few
    bits one class is the more frequent one.

    Args:
        scale: "smoke", "quick" or "paper".
        bits: the most that count, 2 or more.
        rule: "parity" or "match".
        data_seed: of the streams, 0 or above.

    Raises:
        VsrnnError: an option has no such value.

    Source: the curriculum of Hamidi et al. 2024 (arXiv 2406.06262).
    """

    name, label = "parity-heads", "Parity of 2, 3, ... bits"
    bits, steps, outputs = 9, 24, 16
    training = Training(partial(SGD, momentum=0.1, nesterov=True), clip=2)

    def __init__(
        self,
        scale: str = "quick",
        bits: int | None = None,
        rule: str = "parity",
        data_seed: int = 0,
    ) -> None:
        super().__init__(scale, bits, rule, data_seed)
        self.outputs = 2 * (self.bits - 1)

    def loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over heads of the mean cross-entropy at the last step."""
        pairs = self._pairs(output)
        wanted = targets.expand(pairs.shape[:-1])
        each = cross_entropy(pairs.flatten(0, -2), wanted.flatten(), reduction="none")
        return each.view(wanted.shape).mean(-2).sum(-1)

    def accuracy(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the share of right answers, of all heads."""
        return self.head_accuracy(output, targets).mean(-1)

    def head_accuracy(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the share of right answers of each head, (..., heads)."""
        return (self._pairs(output).argmax(-1) == targets).double().mean(-2)

    @torch.no_grad()
    def score(self, model: nn.Module) -> dict[str, float]:
        """Return "passed", heads above 98 % on the test, and "longer".

        The latter is their mean accuracy, 0 without one, on 1,000 streams of two to
        four times as many bits as trained on at most.
        """
        shares = self.head_accuracy(*_given(model, self.batch("test", slice(None))))
        passed, most = shares > 0.98, self.lengths[1]
        rng = np.random.default_rng([self.seed, len(SPLITS)])
        longer = self.draw(rng, 1_000, 2 * most, 4 * most)
        right = self.head_accuracy(*_given(model, longer))[passed]
        mean = float(right.mean()) if len(right) else 0.0
        return {"passed": int(passed.sum()), "longer": mean}

    def answers(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the outputs of the last step."""
        return output[:, -1]

    def _pairs(self, output: Tensor) -> Tensor:
        """Those of the last step by head, (..., batch, heads, 2)."""
        return output[..., -1, :].unflatten(-1, (-1, 2))

    def _chances(self, rng: np.random.Generator, number: int) -> np.ndarray:
        if self.rule == "match":
            return super()._chances(rng, number)
        return rng.random((number, 1))

    def _classes(self, bits: np.ndarray) -> np.ndarray:
        each = [answer(bits, n, self.rule) for n in range(2, self.bits + 1)]
        return np.stack(each, 1)


def _given(model: nn.Module, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Outputs of a model, and the classes."""
    return model(pair[0])[0], pair[1]


def answer(bits: np.ndarray, number: int, rule: str) -> np.ndarray:
    """Return 1 where the last so many of bits, (streams, time), are as the rule says.

    >>> bits = np.array([[0, 1, 1, 0], [1, 1, 1, 1]])
    >>> answer(bits, 3, "parity"), answer(bits, 3, "match")
    (array([0, 1]), array([0, 1]))
    """
    last = bits[:, -number:].astype(np.int64)
    if rule == "parity":
        return last.sum(1) % 2
    return (last[:, 0] == last[:, -1]).astype(np.int64)
