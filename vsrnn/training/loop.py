"""The training loop: models side by side on the same batches of a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import inf
from typing import Any, cast

import torch
from torch import Tensor, nn
from tqdm import tqdm

from vsrnn.errors import VsrnnError
from vsrnn.methods import Work
from vsrnn.models.batch import ModelLoop
from vsrnn.tasks.task import SPLITS, Task, Training
from vsrnn.training.checkpoint import Checkpoint
from vsrnn.training.cuda_graph import RecordedStep, Step
from vsrnn.training.fused import fused_step
from vsrnn.training.optimizer import Optimizer, TorchOptimizer, make_optimizer

Curve = list[dict[str, float]]
Network = Callable[[Tensor], Tensor]
Callback = Callable[[nn.Module, dict[str, float]], object]
AnyOptimizer = Optimizer | TorchOptimizer | torch.optim.Optimizer

EVALUATION_BATCH = 250
CHECK_EVERY = 50
"""Training steps between two checks whether the loss of any model is still finite."""


@dataclass
class Trainee:
    """A model in training, with its learning rate and methods of sparsity at work.

    Its curve has an entry for each epoch that ended with a finite loss; its error says
    why it has no score, if it has none. It has ended when a callback said so, or early;
    then, of the best epoch so far, there are the validation loss, the weights, and how
    many epochs it is ago.
    """

    model: nn.Module
    rate: float
    works: Sequence[Work]
    curve: Curve = field(default_factory=list)
    error: str | None = None
    ended: bool = False
    best: float = inf
    weights: dict[str, Any] | None = None
    ago: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing of it is of use from here on."""
        return self.ended or self.error is not None


def fit(
    trainees: Sequence[Trainee],
    network: Network,
    task: Task,
    *,
    epochs: int,
    seed: int = 0,
    device: str = "cpu",
    bar: tqdm[Any] | None = None,
    training: Training | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train models side by side, and note the curve and error of each in it.

    A model that diverges does not touch the others, and its curve ends.

    Args:
        trainees: the models, with their rates and methods.
        network: all of them as one, ``(batch, time, inputs)`` to ``(models, batch,
            time, outputs)``.
        task: what they learn.
        epochs: how often each training sequence is seen.
        seed: of their order, where the task shuffles.
        device: ``"cpu"`` or ``"cuda"``.
        bar: counts the training steps.
        training: how; if absent as the task says.
        callbacks: see :func:`vsrnn.train`.
        checkpoint: what was kept there is gone on from.
    """
    training = training or task.training
    models = [trainee.model for trainee in trainees]
    rates = [trainee.rate for trainee in trainees]
    optimizer = make_optimizer(models, rates, training)
    works = [work for trainee in trainees for work in trainee.works]
    for work in works:
        work.task = task
    order = torch.Generator().manual_seed(seed)
    run = _Run(trainees, optimizer, order)
    begun = checkpoint.load() if checkpoint else None
    done = run.go_on(begun) if begun else 0
    if bar is not None:
        bar.update(done * math.ceil(task.sizes["train"] / task.batch_size))
    trained = Carrying(network) if task.carries else network
    batches = math.ceil(task.sizes["train"] / task.batch_size)
    clock = _Clock(done * batches, epochs * batches)
    step = make_step(trained, optimizer, task, device, works, clock)
    for epoch in range(done + 1, epochs + 1):
        going = [not trainee.over for trainee in trainees]
        if not any(going):
            break
        task.renew(epoch)
        if isinstance(trained, Carrying):
            trained.state = None
        told = _telling(step, trainees, callbacks, task, epoch) if callbacks else step
        train = train_epoch(told, task, order, device, bar, trainees)
        changed = [
            optimizer.carry(work.after_epoch(epoch, lambda: _sample(task, device)))
            for work in works
        ]
        val = evaluate_network(network, task, "val", device)
        changed.append(optimizer.slow_down([means["loss"] for means in val]))
        if any(changed):
            step = make_step(trained, optimizer, task, device, works, clock)
        for trainee, goes, *means in zip(trainees, going, train, val, strict=True):
            if goes and _note(trainee, epoch, *means):
                _wait(trainee, training.patience)
                _tell(trainee, callbacks, trainee.curve[-1])
        if checkpoint is not None:
            checkpoint.save(partial(run.state, epoch))
        if bar is not None:
            best = min(val, key=lambda means: means["loss"])
            bar.set_postfix({f"val_{name}": f"{n:.3f}" for name, n in best.items()})
    for trainee in trainees:
        if trainee.weights is not None:
            trainee.model.load_state_dict(trainee.weights)


@dataclass
class _Clock:
    """How many steps are made, of how many."""

    made: int = 0
    total: int = 1


@dataclass
class _Run:
    """All that changes while models are trained."""

    trainees: Sequence[Trainee]
    optimizer: Optimizer | TorchOptimizer
    order: torch.Generator

    KEPT = ("curve", "error", "ended", "best", "weights", "ago")

    def state(self, epoch: int) -> dict[str, Any]:
        """As a checkpoint keeps it after an epoch."""
        each = [
            {name: getattr(trainee, name) for name in self.KEPT}
            | {"model": trainee.model.state_dict()}
            | {"works": [work.state_dict() for work in trainee.works]}
            for trainee in self.trainees
        ]
        own = {"optimizer": self.optimizer.state_dict()}
        return own | {
            "epoch": epoch,
            "order": self.order.get_state(),
            "trainees": each,
        }

    def go_on(self, state: dict[str, Any]) -> int:
        """Take such a state, and say after which epoch it is."""
        for trainee, kept in zip(self.trainees, state["trainees"], strict=True):
            trainee.model.load_state_dict(kept["model"])
            for name in self.KEPT:
                setattr(trainee, name, kept[name])
            for work, own in zip(trainee.works, kept["works"], strict=True):
                work.load_state_dict(own)
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        return int(state["epoch"])


def _note(
    trainee: Trainee, epoch: int, train: dict[str, float], val: dict[str, float]
) -> bool:
    """Add an epoch to a model's curve, or say that it diverged; whether it did not."""
    if not math.isfinite(train["loss"]):
        trainee.error = f"diverged: training loss not finite in epoch {epoch}"
        return False
    splits = {"train": train, "val": val}.items()
    point = {f"{s}_{key}": v for s, means in splits for key, v in means.items()}
    for work in trainee.works:
        point |= work.record()
    trainee.curve.append({"epoch": epoch} | point)
    return True


def _wait(trainee: Trainee, patience: int | None) -> None:
    """Keep the weights of a new best epoch, or end after so many without one."""
    if patience is None:
        return
    trainee.ago += 1
    if (loss := trainee.curve[-1]["val_loss"]) < trainee.best:
        trainee.best, trainee.ago = loss, 0
        trainee.weights = deepcopy(trainee.model.state_dict())
    trainee.ended = trainee.ended or trainee.ago >= patience


def _tell(
    trainee: Trainee, callbacks: Sequence[Callback], point: dict[str, float]
) -> None:
    """Call back; a model whose callback wants to stop has ended."""
    for callback in callbacks:
        try:
            callback(trainee.model, dict(point))
        except StopIteration:
            trainee.ended = True


def _telling(
    step: Step,
    trainees: Sequence[Trainee],
    callbacks: Sequence[Callback],
    task: Task,
    epoch: int,
) -> Step:
    """A training step that calls back after it."""
    numbers = count(1)

    def told(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        results, number = step(x, y), next(numbers)
        means = zip(*(result.tolist() for result in results), strict=True)
        for trainee, (loss, other) in zip(trainees, means, strict=True):
            point = {"train_loss": loss, f"train_{task.measure}": other}
            if not trainee.over:
                _tell(trainee, callbacks, {"epoch": epoch, "step": number} | point)
        return results

    return told


def train_epoch(
    step: Step,
    task: Task,
    order: torch.Generator,
    device: str = "cpu",
    bar: tqdm[Any] | None = None,
    trainees: Sequence[Trainee] = (),
) -> list[dict[str, float]]:
    """Train on all training sequences once, and return each model's means meanwhile.

    It ends early when no loss is finite, since none would become so again, or when all
    trainees have ended.
    """
    means = _Means(task.measure)
    batches = _batches(task, "train", device, task.batch_size, order)
    for number, (x, y) in enumerate(batches):
        if number % CHECK_EVERY == CHECK_EVERY - 1 and not means.finite():
            break
        means.add(len(x), *step(x, y))
        if bar is not None:
            bar.update()
        if trainees and all(trainee.ended for trainee in trainees):
            break
    return means.means()


def make_step(
    network: Network,
    optimizer: AnyOptimizer,
    task: Task,
    device: str = "cpu",
    works: Sequence[Work] = (),
    clock: _Clock | None = None,
) -> Step:
    """Make what trains on a batch and returns each model's loss and accuracy before.

    On CUDA the steps are recorded once and replayed, as long as no weights come or go.
    """
    active = [work for work in works if type(work).after_step is not Work.after_step]
    looking = [work for work in works if type(work).before_step is not Work.before_step]
    clock = clock or _Clock()

    fused = fused_step(network, optimizer, task, works)

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        for work in looking:
            work.before_step(clock.made, clock.total, partial(_loss, task, x, y))
        clock.made += 1
        means = fused(x, y) if fused else None
        if means is None:
            loss, output = train_step(network, optimizer, task, x, y, works)
        for work in active:
            optimizer.carry(work.after_step())  # type: ignore[union-attr]
        return means or (loss, task.accuracy(output, y))

    # a graph of CUDA has fixed shapes
    able = all(getattr(each, "recordable", False) for each in (network, optimizer))
    recorded = device == "cuda" and not (active or looking) and able
    return RecordedStep(step) if recorded else step


def _loss(task: Task, x: Tensor, y: Tensor, model: nn.Module) -> Tensor:
    """That of one model on a batch."""
    return task.loss(model(x)[0][None], y)[0]


def train_step(
    network: Network,
    optimizer: AnyOptimizer,
    task: Task,
    x: Tensor,
    y: Tensor,
    works: Sequence[Work] = (),
) -> tuple[Tensor, Tensor]:
    """Step on a batch, inputs and targets, minimizing losses and penalties of methods.

    Returns:
        Each model's loss, (models,), and the outputs before the step.
    """
    output = network(x)  # (models, batch, time, outputs)
    loss = task.loss(output, y)  # (models,)
    penalties = [penalty for work in works if (penalty := work.penalty()) is not None]
    sum(penalties, loss.sum()).backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach(), output.detach()


@torch.no_grad()
def predict(model: nn.Module, task: Task, split: str) -> Tensor:
    """What a model answers over a whole split: outputs, where targets ask for them.

    Returns:
        ``(sequences, outputs)`` where each sequence has its target at one step, such as
        its own last one; else outputs at every step, ``(sequences, time, outputs)``.

    Raises:
        VsrnnError: the model is not one that gives this task's outputs and a state, or
            there is no such task or split.
    """
    _check(task, split)
    run = _outputs(ModelLoop([model]), task, split)
    return torch.cat([task.answers(output[0], y) for output, y in run])


def evaluate(model: nn.Module, task: Task, split: str) -> dict[str, float]:
    """Mean loss and accuracy of one model over a split.

    Raises:
        VsrnnError: the model is not one that gives this task's outputs and a state, or
            there is no such task or split.
    """
    return evaluate_network(ModelLoop([model]), task, split)[0]


@torch.no_grad()
def evaluate_network(
    network: Network, task: Task, split: str, device: str = "cpu"
) -> list[dict[str, float]]:
    """Each model's mean loss and accuracy over a split."""
    _check(task, split)
    means = _Means(task.measure)
    for output, y in _outputs(network, task, split, device):
        means.add(len(y), task.loss(output, y), task.accuracy(output, y))
    return means.means()


def _outputs(
    network: Network, task: Task, split: str, device: str = "cpu"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Outputs ``(models, batch, time, outputs)`` and targets of each batch."""
    network = Carrying(network) if task.carries else network
    for x, y in _batches(task, split, device):
        output = network(x)
        if output.shape[1:] != (*x.shape[:2], task.outputs):
            raise VsrnnError(
                f"expected outputs (batch, time, outputs) of {tuple(x.shape[:2])} and "
                f"{task.outputs}, got {tuple(output.shape[1:])}"
            )
        yield output, y


def _check(task: Any, split: str) -> None:
    if not isinstance(task, Task):
        raise VsrnnError(f"expected a task, as get_task gives it, not {task!r}")
    if split not in SPLITS:
        raise VsrnnError(f"the split is one of {', '.join(SPLITS)}, not {split!r}")


class Carrying:
    """A network that goes on from the state in which the last batch left it."""

    def __init__(self, network: Any) -> None:
        self.network, self.state = network, None

    def __call__(self, x: Tensor) -> Tensor:
        """Run a batch on from the last one."""
        output, state = self.network.run(x, self.state)
        self.state = _detached(state)
        return cast(Tensor, output)


def _detached(state: Any) -> Any:
    """The tensors of a state, apart from how they were computed."""
    if isinstance(state, Tensor):
        return state.detach()
    if not isinstance(state, (tuple, list)):
        raise VsrnnError(
            f"this task carries states on, and a model gave none, but {state!r}"
        )
    return tuple(_detached(part) for part in state)


def _sample(task: Task, device: str) -> Tensor:
    """Inputs to look at a network with."""
    return task.batch("train", slice(0, EVALUATION_BATCH))[0].to(device)


class _Means:
    """Each model's mean loss and accuracy over sequences, from those of batches.

    Sums are kept in place: small tensors kept batch by batch would lie between the
    large ones of the batches, whose freed memory then is of no use.
    """

    def __init__(self, measure: str) -> None:
        self.measure, self.sequences = measure, 0
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
        columns = ((total / self.sequences).tolist() for total in self.sums)
        return [{"loss": a, self.measure: b} for a, b in zip(*columns, strict=True)]


def _batches(
    task: Task,
    split: str,
    device: str = "cpu",
    size: int = EVALUATION_BATCH,
    order: torch.Generator | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets of each batch; shuffled where order is given and wanted."""
    number, size = task.sizes[split], task.batch_size if task.carries else size
    parts: Iterable[slice | Tensor] = (
        slice(first, min(first + size, number)) for first in range(0, number, size)
    )
    if order is not None and task.shuffle:
        parts = torch.randperm(number, generator=order).split(size)
    for rows in parts:
        x, y = task.batch(split, rows)
        if device != "cpu":  # which may still work on the last batch
            x, y = (part.pin_memory().to(device, non_blocking=True) for part in (x, y))
        yield x, y
