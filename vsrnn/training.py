"""Training one design: a pure function from a config to a result."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.designs import Design, get_design
from vsrnn.errors import VsrnnError
from vsrnn.geometry import proportion
from vsrnn.models import BlockRNN, PlainRNN, ProjectedLSTM
from vsrnn.provenance import provenance
from vsrnn.tasks import get_task

SCHEMA = 1
EVALUATION_BATCH = 250
PLACES = {"cache", "mnist_dir"}  # task options that do not decide what the data is
Result = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """All that decides a run: a design on a task at a scale, with a seed.

    Args:
        task: name of a task, see :func:`vsrnn.get_task`.
        design: a :class:`vsrnn.Design`, or the name of a published one.
        scale: ``"smoke"``, ``"quick"`` or ``"paper"`` (the published protocol).
        seed: of masks, initial values and, where the task shuffles, the order.
        mask: ``"bernoulli"`` as published, or ``"exact"`` counts.
        epochs: instead of the scale's number of epochs.
        task_options: passed to the task, for instance ``{"split": "separate"}``.

    Raises:
        VsrnnError: for an unknown design.

    Example:
        >>> Config("rad", "balanced_0", scale="quick").design.hidden
        208
    """

    task: str
    design: Design
    scale: str = "quick"
    seed: int = 0
    mask: str = "bernoulli"
    epochs: int | None = None
    task_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.design, str):
            object.__setattr__(self, "design", get_design(self.task, self.design))
        if self.epochs is not None and self.epochs < 1:
            raise VsrnnError(f"epochs must be 1 or more, not {self.epochs}")

    def as_dict(self) -> dict[str, Any]:
        """The config as plain JSON values, without the places where data is kept."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        for place in PLACES & plain["task_options"].keys():
            del plain["task_options"][place]
        return plain

    @property
    def id(self) -> str:
        """Hash of everything that decides the result; the design's name does not."""
        identity = self.as_dict() | {"schema": SCHEMA}
        identity["design"].pop("name")
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def run(config: Config, *, threads: int = 1, progress: bool = False) -> Result:
    """Train one design and test it: same config, same result on one machine.

    Adam at the design's constant learning rate, whole sequences, last-epoch weights
    tested once (no early stopping), as published.

    Args:
        config: what to run.
        threads: for torch, part of what makes results repeat to the bit.
        progress: show a bar on standard error.

    Returns:
        A dict of plain JSON values: ``score`` (test accuracy, 0..1), ``test``,
        ``curve`` (one entry an epoch; the training values are means over the epoch's
        batches as they were trained), ``weights`` per block, ``total_weights``,
        ``parameters``, ``hidden_proportion`` as drawn, ``seconds``, ``provenance``,
        and ``error``, which says when a run diverged (``score`` is then ``None``).

    Raises:
        VsrnnError: for an unknown task, scale or option.
    """
    began = time.perf_counter()
    task = get_task(config.task, config.scale, **config.task_options)
    model = build_model(config, task.inputs, task.outputs)
    loaded = time.perf_counter()
    with _threads(threads):
        curve, error = _train(model, task, config, progress)
        trained = time.perf_counter()
        test = None if error else evaluate(model, task, "test")
    seconds = {
        "data": loaded - began,
        "train": trained - loaded,
        "total": time.perf_counter() - began,
    }
    return {
        "schema": SCHEMA,
        "id": config.id,
        "config": config.as_dict(),
        "score": test["accuracy"] if test else None,
        "test": test,
        "curve": curve,
        **_counts(model),
        "epochs": config.epochs or task.epochs,
        "batch_size": task.batch_size,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "provenance": provenance(task, threads),
        "error": error,
    }


def build_model(config: Config, inputs: int, outputs: int) -> nn.Module:
    """The untrained model of a config: block RNN, projected LSTM or plain RNN.

    Raises:
        VsrnnError: for an unknown kind of model.
    """
    design = config.design
    if design.model == "lstm":
        return ProjectedLSTM(inputs, design.hidden, outputs, seed=config.seed)
    if design.model == "rnn":
        return PlainRNN(inputs, design.hidden, outputs, seed=config.seed)
    if design.model != "block":
        raise VsrnnError(f"model must be block, lstm or rnn, not {design.model!r}")
    return BlockRNN(
        design.geometry(inputs, outputs),
        init_mean=design.init_mean,
        init_std=design.init_std,
        mask=config.mask,
        seed=config.seed,
    )


def train(config: Config, *, threads: int = 1, progress: bool = False) -> nn.Module:
    """Train one design and return the model itself, for a closer look at it."""
    task = get_task(config.task, config.scale, **config.task_options)
    model = build_model(config, task.inputs, task.outputs)
    with _threads(threads):
        _train(model, task, config, progress)
    return model


@torch.no_grad()
def predict(model: nn.Module, task: Any, split: str) -> Tensor:
    """Outputs after the last step for a whole split, ``(sequences, outputs)``."""
    batches = (task.batch(split, rows)[0] for rows in _rows(task, split))
    return torch.cat([model(x)[0][:, -1] for x in batches])


@torch.no_grad()
def evaluate(model: nn.Module, task: Any, split: str) -> dict[str, float]:
    """Mean loss and accuracy over a whole split."""
    loss = accuracy = 0.0
    for rows in _rows(task, split):
        x, y = task.batch(split, rows)
        output = model(x)[0]  # (batch, time, outputs)
        loss += len(x) * float(task.loss(output, y))
        accuracy += len(x) * float(task.accuracy(output, y))
    size = task.sizes[split]
    return {"loss": loss / size, "accuracy": accuracy / size}


def _train(
    model: nn.Module, task: Any, config: Config, progress: bool
) -> tuple[list[dict[str, float]], str | None]:
    from tqdm import tqdm

    optimizer = torch.optim.Adam(
        model.parameters(), lr=config.design.learning_rate, fused=True
    )
    order = torch.Generator().manual_seed(config.seed)
    epochs = config.epochs or task.epochs
    curve: list[dict[str, float]] = []
    steps = epochs * math.ceil(task.sizes["train"] / task.batch_size)
    with tqdm(total=steps, desc=config.design.name, disable=not progress) as bar:
        for epoch in range(1, epochs + 1):
            train = _train_epoch(model, task, optimizer, order, bar)
            if not math.isfinite(train["loss"]):
                return curve, f"diverged: training loss not finite in epoch {epoch}"
            val = evaluate(model, task, "val")
            curve.append({"epoch": epoch} | _prefix("train", train))
            curve[-1] |= _prefix("val", val)
            bar.set_postfix(val_accuracy=f"{val['accuracy']:.3f}")
    return curve, None


def _train_epoch(
    model: nn.Module,
    task: Any,
    optimizer: torch.optim.Optimizer,
    order: torch.Generator,
    bar: Any,
) -> dict[str, float]:
    """One pass over the training sequences; means of loss and accuracy on the way."""
    losses, accuracies, sizes = [], [], []
    for rows in _rows(task, "train", task.batch_size, order):
        x, y = task.batch("train", rows)  # (batch, time, inputs)
        output, _ = model(x)  # (batch, time, outputs)
        loss = task.loss(output, y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        accuracies.append(task.accuracy(output.detach(), y))
        sizes.append(len(x))
        bar.update()
    share = torch.tensor(sizes, dtype=torch.float64) / sum(sizes)
    return {
        "loss": float(torch.stack(losses).double() @ share),
        "accuracy": float(torch.stack(accuracies).double() @ share),
    }


def _rows(
    task: Any,
    split: str,
    batch: int = EVALUATION_BATCH,
    order: torch.Generator | None = None,
) -> Iterator[slice | Tensor]:
    """The rows of each batch of a split; shuffled where order is given and wanted."""
    size = task.sizes[split]
    if order is not None and task.shuffle:
        yield from torch.randperm(size, generator=order).split(batch)
    else:
        for first in range(0, size, batch):
            yield slice(first, min(first + batch, size))


def _counts(model: nn.Module) -> dict[str, Any]:
    """Weights per block and in all, parameters, and hidden proportion, as drawn.

    The gates of the LSTM do not fall into the six blocks: None there.
    """
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    counts: dict[str, Any] = {
        "weights": None,
        "total_weights": sum(n for name, n in sizes.items() if "bias" not in name),
        "parameters": sum(sizes.values()),
        "hidden_proportion": None,
    }
    if isinstance(model, (BlockRNN, PlainRNN)):
        counts["weights"] = weights = model.block_weights()
        counts["hidden_proportion"] = proportion(weights)
    return counts


def _prefix(name: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{name}_{key}": value for key, value in values.items()}


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
