"""Training designs: a pure function from configs to results."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from vsrnn.design.geometry import proportion
from vsrnn.errors import VsrnnError
from vsrnn.models import BlockRNN, PlainRNN, ProjectedLSTM, Stack
from vsrnn.runs.config import SCHEMA, Config
from vsrnn.runs.provenance import now, provenance
from vsrnn.tasks import get_task
from vsrnn.training.adam import Adam
from vsrnn.training.batching import EVALUATION_BATCH, shared
from vsrnn.training.cuda_graph import Replay, Step
from vsrnn.training.resources import check_device, resources

Result = dict[str, Any]
Curve = list[dict[str, float]]
Network = Callable[[Tensor], Tensor]

LOOK = 50
"""Training steps between two looks at whether any model can still learn."""


def run(config: Config, *, threads: int = 1, progress: bool = False) -> Result:
    """Train one design and test it: same config, same result on one machine.

    Adam at the design's constant learning rate, whole sequences, last-epoch weights
    tested once (no early stopping), as published.

    Args:
        config: what to run.
        threads: for torch, part of what makes results repeat to the bit.
        progress: show a bar on standard error.

    Returns:
        A dict of plain JSON values: ``score`` (0..1: test accuracy, or the share of
        episodes that succeed where a task is played, as ``hammer`` is; in the
        kitchens the mean return, and for numbers as targets of a task of one's own the
        share of their variance that is explained), ``test``,
        ``curve`` (one entry an epoch; the training values are means over the epoch's
        batches as they were trained), ``weights`` per block, ``total_weights``,
        ``parameters``, ``hidden_proportion`` as drawn, ``seconds``, ``provenance``,
        and ``error``, which says when a run diverged (``score`` is then ``None``).

    Raises:
        VsrnnError: for an unknown task, scale or option.
    """
    return run_many([config], threads=threads, progress=progress)[0]


def run_many(
    configs: Sequence[Config],
    *,
    threads: int = 1,
    device: str = "cpu",
    progress: bool = False,
) -> list[Result]:
    """Train designs of any sizes on the same batches, in one pass over the data.

    Each result equals that of :func:`run` up to rounding. A model that diverges does
    not touch the others. Block designs are computed together, see
    :class:`vsrnn.Stack`; a baseline has to come alone.

    Args:
        configs: runs that share task, scale, options and epochs, and the seed where
            the task shuffles; :func:`passes` groups them.
        threads: for torch.
        device: ``"cpu"`` or ``"cuda"``.
        progress: show a bar on standard error.

    Returns:
        Their results, in order, as :func:`run` gives them. Times are shares of the
        pass, equal for all.

    Raises:
        VsrnnError: for configs that cannot be trained together, an unknown task,
            scale, option or device.
    """
    began = time.perf_counter()
    if len({shared(config) for config in configs}) != 1:
        raise VsrnnError("these configs share no batches; group them with `passes`")
    check_device(device)
    first = configs[0]
    task = get_task(first.task, first.scale, **first.task_options)
    made_by = provenance(task, threads, device, len(configs))
    models = [build_model(c, task.inputs, task.outputs).to(device) for c in configs]
    loaded = time.perf_counter()
    with resources(threads):
        curves, errors = _train(models, task, configs, device, progress)
        trained = time.perf_counter()
        tests = _evaluate(_together(models), task, "test", device)
        for number, test in enumerate(tests):
            if errors[number] is None and not math.isfinite(test["loss"]):
                errors[number] = "diverged: test loss not finite"
        if hasattr(task, "score"):  # where outputs decide what comes next
            for model, error, test in zip(models, errors, tests, strict=True):
                test |= task.score(model.cpu()) if error is None else {}
    seconds = {
        "data": loaded - began,
        "train": trained - loaded,
        "total": time.perf_counter() - began,
    }
    made_by["finished"] = now()
    return [
        {
            "schema": SCHEMA,
            "id": config.id,
            "config": config.as_dict(),
            "score": None if error else test[task.metric],
            "test": None if error else test,
            "curve": curve,
            **_counts(model),
            "epochs": config.epochs or task.epochs,
            "batch_size": task.batch_size,
            "seconds": {k: round(v / len(configs), 3) for k, v in seconds.items()},
            "provenance": made_by,
            "error": error,
        }
        for config, model, curve, error, test in zip(
            configs, models, curves, errors, tests, strict=True
        )
    ]


def build_model(config: Config, inputs: int, outputs: int) -> nn.Module:
    """The untrained model of a config: block RNN, projected LSTM or plain RNN.

    Raises:
        VsrnnError: no hidden size fits the design's budget.
    """
    design = config.design
    if design.model == "lstm":
        return ProjectedLSTM(inputs, design.hidden, outputs, seed=config.seed)
    if design.model == "rnn":
        return PlainRNN(inputs, design.hidden, outputs, seed=config.seed)
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
    with resources(threads):
        _train([model], task, [config], "cpu", progress)
    return model


@torch.no_grad()
def predict(model: nn.Module, task: Any, split: str) -> Tensor:
    """Outputs after the last step for a whole split, ``(sequences, outputs)``."""
    batches = (task.batch(split, rows)[0] for rows in _rows(task, split))
    return torch.cat([model(x)[0][:, -1] for x in batches])


def evaluate(model: nn.Module, task: Any, split: str) -> dict[str, float]:
    """Mean loss and accuracy over a whole split."""
    return _evaluate(_together([model]), task, split, "cpu")[0]


def _together(models: Sequence[nn.Module]) -> Network:
    """Block RNNs as a stack, or one baseline, both with a leading axis of models."""
    blocks = [model for model in models if isinstance(model, BlockRNN)]
    if blocks:
        return Stack(blocks)
    (model,) = models
    return lambda x: model(x)[0][None]


def _train(
    models: Sequence[nn.Module],
    task: Any,
    configs: Sequence[Config],
    device: str,
    progress: bool,
) -> tuple[list[Curve], list[str | None]]:
    network = _together(models)
    optimizer = Adam(models, [config.design.learning_rate for config in configs])
    step = learner(network, optimizer, task, device)
    order = torch.Generator().manual_seed(configs[0].seed)
    epochs = configs[0].epochs or task.epochs
    curves: list[Curve] = [[] for _ in configs]
    errors: list[str | None] = [None for _ in configs]
    steps = epochs * math.ceil(task.sizes["train"] / task.batch_size)
    name = configs[0].design.name if len(configs) == 1 else f"{len(configs)} designs"
    with tqdm(total=steps, desc=name, disable=not progress) as bar:
        for epoch in range(1, epochs + 1):
            train = _train_epoch(step, task, order, device, bar)
            val = _evaluate(network, task, "val", device)
            for number, found in enumerate(train):
                if errors[number] is None and not math.isfinite(found["loss"]):
                    loss = "training loss not finite"
                    errors[number] = f"diverged: {loss} in epoch {epoch}"
                if errors[number] is None:
                    point = _prefix("train", found) | _prefix("val", val[number])
                    curves[number].append({"epoch": epoch} | point)
            if all(errors):
                break
            best = max(found["accuracy"] for found in val)
            bar.set_postfix(val_accuracy=f"{best:.3f}")
    return curves, errors


def _train_epoch(
    step: Step,
    task: Any,
    order: torch.Generator,
    device: str,
    bar: Any,
) -> list[dict[str, float]]:
    """One pass over the training sequences; each model's means on the way.

    It ends early when no loss is finite: what is not a number stays so.
    """
    found = _Means()
    for number, rows in enumerate(_rows(task, "train", task.batch_size, order)):
        if number % LOOK == LOOK - 1 and not found.finite():
            break
        x, y = _batch(task, "train", rows, device)
        found.add(len(x), *step(x, y))
        bar.update()
    return found.means()


def learner(
    network: Network,
    optimizer: Adam | torch.optim.Optimizer,
    task: Any,
    device: str = "cpu",
) -> Step:
    """What trains on a batch and returns each model's loss and accuracy before.

    On CUDA the steps of a stack are recorded and replayed.
    """

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        loss, output = train_step(network, optimizer, task, x, y)
        return loss, task.accuracy(output, y)

    replayed = device == "cuda" and isinstance(network, Stack)
    return Replay(step) if replayed else step


def train_step(
    network: Network,
    optimizer: Adam | torch.optim.Optimizer,
    task: Any,
    x: Tensor,
    y: Tensor,
) -> tuple[Tensor, Tensor]:
    """One step of the optimizer; each model's loss, and the outputs before it.

    Args:
        network: a stack, ``(batch, time, inputs) -> (models, batch, time, outputs)``.
        optimizer: of all their parameters.
        task: what gives the loss.
        x: inputs of a batch.
        y: its targets.
    """
    output = network(x)
    loss = task.loss(output, y)  # (models,)
    loss.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach(), output.detach()


@torch.no_grad()
def _evaluate(
    network: Network, task: Any, split: str, device: str
) -> list[dict[str, float]]:
    """Each model's mean loss and accuracy over a whole split."""
    found = _Means()
    for rows in _rows(task, split):
        x, y = _batch(task, split, rows, device)
        output = network(x)  # (models, batch, time, outputs)
        found.add(len(x), task.loss(output, y), task.accuracy(output, y))
    return found.means()


def _batch(
    task: Any, split: str, rows: slice | Tensor, device: str
) -> tuple[Tensor, Tensor]:
    """Inputs and targets, on the device; another one still works meanwhile."""
    x, y = task.batch(split, rows)
    if device != "cpu":
        x, y = (part.pin_memory().to(device, non_blocking=True) for part in (x, y))
    return x, y


class _Means:
    """Each model's mean loss and accuracy over sequences, from those of batches.

    Sums are kept in place: small tensors kept batch by batch would come to lie between
    the large ones of the batches, whose freed memory then is of no use.
    """

    def __init__(self) -> None:
        self.sequences = 0
        self.sums: list[Tensor] = []

    def add(self, sequences: int, *means: Tensor) -> None:
        """Add a batch: its number of sequences, loss and accuracy, ``(models,)``."""
        if not self.sums:
            self.sums = [torch.zeros_like(m, dtype=torch.float64) for m in means]
        for total, mean in zip(self.sums, means, strict=True):
            total.add_(mean, alpha=sequences)
        self.sequences += sequences

    def finite(self) -> bool:
        """Whether the losses of any model are."""
        return bool(self.sums[0].isfinite().any())

    def means(self) -> list[dict[str, float]]:
        columns = [(total / self.sequences).tolist() for total in self.sums]
        pairs = zip(*columns, strict=True)
        return [{"loss": loss, "accuracy": accuracy} for loss, accuracy in pairs]


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
