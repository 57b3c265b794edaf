"""Sparse RNNs as estimators of scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import (
    assert_all_finite,
    check_array,
    check_consistent_length,
    check_random_state,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
from torch import Tensor

from vsrnn.design.design import design_of
from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.errors import VsrnnError, check_int
from vsrnn.models import BlockRNN, ModelBatch
from vsrnn.tasks.task import Task
from vsrnn.training.loop import Trainee, fit
from vsrnn.training.resources import check_device

Scale = tuple[np.ndarray, np.ndarray]

AT_ONCE = 250
"""Sequences that are predicted together."""


class _SparseRNN(BaseEstimator):
    """What the classifier and the regressor share: all but their targets."""

    model_: BlockRNN
    loss_curve_: list[float]
    _scale: Scale
    _rate: float

    def __init__(
        self,
        weights: float = 10_000,
        density: float | Sequence[float] | str = 0.2,
        *,
        epochs: int = 50,
        learning_rate: float = 1e-3,
        batch_size: int = 16,
        warm_start: bool = False,
        random_state: Any = None,
        device: str = "cpu",
    ) -> None:
        self.weights = weights
        self.density = density
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device

    def _train(self, parts: list[np.ndarray], y: Tensor, outputs: int) -> Self:
        """Train on sequences, to give classes or standardized numbers behind them."""
        epochs = check_int("epochs", self.epochs, 1)
        size = check_int("batch_size", self.batch_size, 1)
        rate = self.learning_rate
        if not isinstance(rate, int | float | np.number) or not 0 < rate < math.inf:
            raise VsrnnError(f"learning_rate must be a number above 0, not {rate!r}")
        check_device(self.device)
        seed = int(check_random_state(self.random_state).randint(2**31))
        steps = np.concatenate(parts)
        sizes = self.weights, steps.shape[1], outputs
        scale = self._scale if self._goes_on else _standard(steps)
        task = _Given(_tensors(parts, scale), y, outputs, size)
        if isinstance(self.density, str):
            geometry, deviations, rate = self._chosen(task, seed)
        else:
            geometry = Geometry.for_budget(*sizes, self.density)
            deviations = _deviations(geometry)
        if self._goes_on:
            if geometry != self.model_.geometry:
                raise VsrnnError(
                    f"warm_start goes on with {self.model_.geometry}, not {geometry}"
                )
            model = deepcopy(self.model_)
        else:
            model = BlockRNN(geometry, init_std=deviations, seed=seed)
        trainee = Trainee(model.to(self.device), float(rate), [])
        network = ModelBatch([model])
        fit([trainee], network, task, epochs=epochs, seed=seed, device=self.device)
        if trainee.error:
            raise VsrnnError(f"{trainee.error}; give a smaller learning_rate")
        before = self.loss_curve_ if self._goes_on else []
        self.loss_curve_ = before + [point["train_loss"] for point in trainee.curve]
        self.model_, self._scale = model.cpu(), scale
        return self

    def _chosen(self, task: Task, seed: int) -> tuple[Geometry, list[float], float]:
        """The first choice of `vsrnn.choose`: geometry, deviations, rate."""
        if self.density != "choose":
            raise VsrnnError(
                f"density is numbers in 0..1 or 'choose', not {self.density!r}"
            )
        if self._goes_on:
            return self.model_.geometry, [], self._rate
        from vsrnn.forecast.choose import choose

        table = choose(budget=self.weights, data=task, seed=seed % 2**31)
        design = design_of(table.iloc[0].to_dict())
        geometry = design.geometry(task.inputs, task.outputs)
        self._rate = design.learning_rate
        sizes = geometry.inputs, geometry.hidden, geometry.outputs
        reads = dict(zip("xhy", sizes, strict=True))
        both = zip(BLOCKS, design.init_std, design.density, strict=True)
        own = [g / math.sqrt(max(s * reads[b[1]], 1)) for b, g, s in both]
        return geometry, own, self._rate

    @property
    def _goes_on(self) -> bool:
        """Whether training continues that of an earlier call."""
        return bool(self.warm_start) and hasattr(self, "model_")

    def _read(self, X: Any, y: Any = "no_validation") -> list[np.ndarray]:
        """The sequences of X, each (steps, channels), all finite; to fit, give y."""
        if y is None:
            validate_data(self, X, y)  # says so
        reset = not isinstance(y, str) and not self._goes_on
        if not _are_sequences(X):
            return [row[:, None] for row in validate_data(self, X, reset=reset)]
        parts = [np.asarray(one) for one in X]
        parts = [one[:, None] if one.ndim == 1 else one for one in parts]
        for number, one in enumerate(parts):
            if one.ndim != 2 or not len(one) or one.shape[1] != parts[0].shape[1]:
                raise VsrnnError(
                    "each sequence of X must be (steps, channels), of a step or more "
                    f"and the channels of all others, but X[{number}] is {one.shape}"
                )
        steps = np.concatenate(parts) if parts else np.empty((0, *X.shape[2:]))
        steps = validate_data(self, steps, reset=reset)
        return np.split(steps, np.cumsum([len(one) for one in parts])[:-1])

    @torch.no_grad()
    def _answers(self, X: Any) -> np.ndarray:
        """Outputs at the end of each sequence, (cases, outputs)."""
        check_is_fitted(self, "model_")
        check_device(self.device)
        parts, channels = self._read(X), len(self._scale[0])
        if parts[0].shape[1] != channels:  # as of one sequence
            raise VsrnnError(
                f"the network reads {channels} channels, and X has "
                f"{parts[0].shape[1]}: give (cases, steps, channels); one sequence is "
                "X[None]"
            )
        sequences = _tensors(parts, self._scale)
        answers = []
        # in double precision: no answer depends on what else is asked
        model = deepcopy(self.model_).to(self.device, torch.float64)
        for first in range(0, len(sequences), AT_ONCE):
            some = sequences[first : first + AT_ONCE]
            batch = torch.nn.utils.rnn.pad_sequence(some, batch_first=True)
            ends = [len(one) - 1 for one in some]
            outputs, _ = model(batch.to(self.device, torch.float64))
            answers.append(outputs[range(len(some)), ends].cpu())
        return torch.cat(answers).float().numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class SparseRNNClassifier(ClassifierMixin, _SparseRNN):
    """A sparse RNN that tells classes of sequences, as an estimator of scikit-learn.

    What ``sklearn.neural_network.MLPClassifier`` is to rows of a table, this is to
    sequences: a :class:`vsrnn.BlockRNN` of so many weights reads each to its end, and
    answers one step later. It works in pipelines, searches and cross-validation.

    Args:
        weights: budget of weights, which decides the hidden size, see
            :meth:`vsrnn.Geometry.for_budget`.
        density: share of entries that are weights, one number or one each for hx, hh,
            hy, yx, yh, yy; or ``"choose"``: densities, hidden size, initial deviations
            and learning rate are those of the first design of :func:`vsrnn.choose`.
        epochs: how often each sequence is seen.
        learning_rate: of Adam.
        batch_size: sequences of a training step.
        warm_start: whether `fit` goes on training what it trained before.
        random_state: of masks, initial weights and the order of sequences; an integer
            makes `fit` repeat itself.
        device: ``"cpu"`` or ``"cuda"``. A fitted network is kept on the CPU.

    Attributes:
        model_: the network, a :class:`vsrnn.BlockRNN` of standardized inputs.
        classes_: labels of the classes, in the order of `predict_proba`.
        loss_curve_: mean training loss of each epoch.
        n_features_in_: channels of a sequence, or columns of a table.

    Raises:
        VsrnnError: the budget leaves no hidden unit, there is one class only, training
            diverges, or a parameter is of no use.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.model_selection import cross_val_score
        >>> digits = load_digits()  # images: eight rows of eight pixels, read in turn
        >>> model = SparseRNNClassifier(epochs=5, random_state=0)
        >>> scores = cross_val_score(model, digits.images, digits.target, cv=3)
        >>> print(scores.mean() > 0.8)
        True
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any) -> Self:
        """Train a network, a new one unless ``warm_start`` is set.

        Args:
            X: sequences, an array (cases, steps, channels) or a list of arrays (steps,
                channels) or (steps,), which may differ in their steps: shorter ones are
                padded behind their ends, which takes time and changes no result. A
                table (cases, steps) is of one channel. Each channel is standardized.
            y: the class of each, (cases,), numbers or strings.
        """
        parts = self._read(X, y)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_consistent_length(parts, y)
        classes, targets = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise VsrnnError(f"y has one class, {classes[0]}; give two or more")
        if self._goes_on and not np.array_equal(classes, self.classes_):
            before, now = (", ".join(map(str, c)) for c in (self.classes_, classes))
            raise VsrnnError(f"warm_start goes on with the classes {before}, not {now}")
        self._train(parts, torch.from_numpy(targets), len(classes))
        self.classes_ = classes
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (cases, classes)."""
        return torch.from_numpy(self._answers(X)).softmax(-1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each sequence, (cases,)."""
        best = self._answers(X).argmax(1)
        return self.classes_[best]


class SparseRNNRegressor(RegressorMixin, _SparseRNN):
    """A sparse RNN that gives numbers for sequences, as an estimator of scikit-learn.

    What ``sklearn.neural_network.MLPRegressor`` is to rows of a table, this is to
    sequences. All parameters and attributes but ``classes_`` are those of
    :class:`vsrnn.SparseRNNClassifier`. `score` is the share of variance explained.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 10, 2))
        >>> model = SparseRNNRegressor(random_state=0).fit(x, x[:, :, 0].sum(1))
        >>> print(model.score(x, x[:, :, 0].sum(1)) > 0.9)
        True
    """

    _target_scale: Scale

    def fit(self, X: Any, y: Any) -> Self:
        """Train a network, a new one unless ``warm_start`` is set.

        Args:
            X: sequences, as :meth:`vsrnn.SparseRNNClassifier.fit` takes them.
            y: a number for each, (cases,), or several, (cases, outputs).
        """
        parts = self._read(X, y)
        y = check_array(y, ensure_2d=False, input_name="y", dtype=np.float64)
        check_consistent_length(parts, y)
        if not y.std(0).all():
            raise VsrnnError(
                f"y is the same in all cases (n_samples = {len(y)}); give numbers "
                "that vary"
            )
        scale = self._target_scale if self._goes_on else _standard(y)
        if y.shape[1:] != scale[0].shape:
            raise VsrnnError(
                f"warm_start goes on with y of {scale[0].shape} a case, "
                f"not {y.shape[1:]}"
            )
        targets = torch.from_numpy((y - scale[0]) / scale[1]).float()
        targets = targets.reshape(len(y), -1)
        self._train(parts, targets, targets.shape[1])
        self._target_scale = scale
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the numbers of each sequence, of the shape of y."""
        answers = self._answers(X)
        mean, deviation = self._target_scale
        return answers.reshape(-1, *mean.shape) * deviation + mean

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class _Given(Task):
    """Sequences that are given, each with its target."""

    name = "estimator"

    def __init__(
        self, x: list[Tensor], y: Tensor, outputs: int, batch_size: int
    ) -> None:
        self.given, self.outputs, self.batch_size = (x, list(y)), outputs, batch_size
        self.inputs, self.steps = x[0].shape[1], max(map(len, x))
        super().__init__()

    def data(self) -> Mapping[str, Sequence[Any]]:
        """Return them; nothing is held out, so few stand for the other splits."""
        few = [part[:1] for part in self.given]
        return {"train": self.given, "val": few, "test": few}


def _are_sequences(X: Any) -> bool:
    """Whether X is no table: an array of three axes, or one array a sequence."""
    if getattr(X, "ndim", 1) != 1:
        return bool(X.ndim > 2)
    first = next(iter(X), 0) if hasattr(X, "__len__") else 0
    return bool(getattr(first, "shape", ())) or np.ndim(first) > 1


def _tensors(parts: list[np.ndarray], scale: Scale) -> list[Tensor]:
    """Sequences standardized, with one more step to give the answer at."""
    mean, deviation = scale
    scaled = [np.pad((part - mean) / deviation, ((0, 1), (0, 0))) for part in parts]
    return [torch.from_numpy(part.astype(np.float32)) for part in scaled]


def _deviations(geometry: Geometry) -> list[float]:
    """Of initial weights, one over the square root of how many a row has, by block."""
    rows = {"h": geometry.hidden, "y": geometry.outputs}
    weights = dict.fromkeys(rows, 0.0)
    for block, number in geometry.block_weights.items():
        weights[block[0]] += number / rows[block[0]]
    return [1 / math.sqrt(max(weights[block[0]], 1)) for block in BLOCKS]


def _standard(rows: np.ndarray) -> Scale:
    """Mean and standard deviation of each column, 1 where it does not vary."""
    scale = rows.std(0)
    return rows.mean(0), np.where(scale > 0, scale, 1.0)
