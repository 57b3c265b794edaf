"""Runs: a pure function from configs to results."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from vsrnn.design.family import get_family
from vsrnn.errors import VsrnnError
from vsrnn.methods import Work
from vsrnn.methods.lottery import keep_masks
from vsrnn.models import SparseModule
from vsrnn.runs.batching import batch_key
from vsrnn.runs.config import SCHEMA, Config
from vsrnn.runs.provenance import now, provenance
from vsrnn.tasks import get_task
from vsrnn.tasks.task import Task, Training
from vsrnn.training.checkpoint import Checkpoint
from vsrnn.training.loop import Callback, Curve, Trainee, evaluate_network, fit
from vsrnn.training.resources import check_device, resources

Result = dict[str, Any]


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
        variance explained where the targets are numbers; where a task is played, the
        share of episodes that succeed, or their mean return), ``test``, ``curve`` (one
        entry an epoch; the training values are means over the epoch's batches as they
        were trained; a method that changes which weights exist adds the weights left),
        ``weights`` per block, ``total_weights``, ``parameters``, ``hidden_proportion``
        of the weights there are at the end, ``seconds``, ``provenance``, and
        ``error``, which says when a run diverged (``score`` is then ``None``).

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
    masks: Path | None = None,
    checkpoint: Path | None = None,
) -> list[Result]:
    """Train designs side by side on the same batches.

    Each result equals that of :func:`run` up to rounding. A model that diverges does
    not touch the others. Block designs are computed together, see
    :class:`vsrnn.ModelBatch`.

    Args:
        configs: runs that share task, scale, options and epochs, and the seed where
            the task shuffles; :func:`vsrnn.group_runs` groups them.
        threads: for torch.
        device: ``"cpu"`` or ``"cuda"``.
        progress: show a bar on standard error.
        masks: folder to keep each model's final masks in, ``<id>.safetensors``, for
            :class:`vsrnn.methods.lottery.Lottery`; a model without masks leaves none.
        checkpoint: a file written after epochs, as by :func:`vsrnn.train`, from which
            the same runs go on; one of others, or of other data, is written over.

    Returns:
        Their results, in order, as :func:`run` gives them, with equal shares of the
        time.

    Raises:
        VsrnnError: for configs that cannot be trained together, an unknown task,
            scale, option or device.
    """
    times = [time.perf_counter()]
    if len({batch_key(config) for config in configs}) != 1:
        raise VsrnnError("these configs share no batches; group them with `group_runs`")
    check_device(device)
    task = task_of(configs[0])
    made_by = provenance(task, threads, device, len(configs))
    models = [build_model(config, task).to(device) for config in configs]
    times.append(time.perf_counter())
    kept = None
    if checkpoint is not None:
        kept = _checkpoint(checkpoint, configs, task, device, threads, anew=True)
    with resources(threads):
        trainees = train_models(
            configs, models, task, device, progress, checkpoint=kept
        )
        times.append(time.perf_counter())
        tests = _test(trainees, configs[0], task, device)
    times.append(time.perf_counter())
    times[0] -= kept.spent if kept else 0  # before it was stopped
    times[1] -= kept.spent if kept else 0
    began, loaded, trained, ended = (moment / len(configs) for moment in times)
    shares = {
        "data": loaded - began,
        "train": trained - loaded,
        "total": ended - began,
    }
    for config, model in zip(configs, models, strict=True):
        if masks is not None and isinstance(model, SparseModule):
            keep_masks(model, masks, config.id)
    made_by["finished"] = now()
    return [
        empty_result(config, task, made_by)
        | get_family(config.design.model).counts(trainee.model)
        | ({} if trainee.error else {"score": test[task.metric], "test": test})
        | {"curve": trainee.curve, "error": trainee.error}
        | {"seconds": {name: round(value, 3) for name, value in shares.items()}}
        for config, trainee, test in zip(configs, trainees, tests, strict=True)
    ]


def empty_result(config: Config, task: Task, made_by: dict[str, Any]) -> Result:
    """The result of a run that has not given anything yet."""
    return {
        "schema": SCHEMA,
        "id": config.id,
        "config": config.as_dict(),
        "score": None,
        "test": None,
        "curve": [],
        "weights": None,
        "total_weights": None,
        "parameters": None,
        "hidden_proportion": None,
        "epochs": config.epochs or task.epochs,
        "batch_size": task.batch_size,
        "seconds": {"data": 0.0, "train": 0.0, "total": 0.0},
        "provenance": made_by,
        "error": None,
    }


def build_model(config: Config, task: Task | type[Task]) -> nn.Module:
    """The untrained model of a config, for its task or the class of that.

    Raises:
        VsrnnError: no hidden size fits the design's budget, or the model cannot read
            symbols.
    """
    design = config.design
    how: Any = {"seed": config.seed, "mask": config.mask, "symbols": task.symbols}
    return get_family(design.model).build(design, task.inputs, task.outputs, **how)


def task_of(config: Config) -> Task:
    """The task of a config, with its data."""
    return get_task(config.task, config.scale, **config.task_options)


def train(
    config: Config,
    *,
    threads: int = 1,
    device: str = "cpu",
    training: Training | None = None,
    callbacks: Callback | Sequence[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> tuple[nn.Module, Curve]:
    """Train one design and return the model itself, and its learning curve.

    Args:
        config: what to train.
        threads: for torch.
        device: ``"cpu"`` or ``"cuda"``, where the model then is.
        training: optimizer, schedule, clipping, early stopping; as the task says if
            absent, and as :func:`vsrnn.run` trains.
        callbacks: functions called as ``callback(model, point)`` after each step and
            each epoch. The point is a dict: after a step ``epoch``, ``step`` and the
            training loss and accuracy of its batch, after an epoch the entry of the
            curve, without ``step``. One that raises ``StopIteration`` ends the
            training; an epoch that it cuts short is the last of the curve.
        checkpoint: a file written after each epoch, at most every five seconds. A
            training that was stopped, however that was, goes on from there when it is
            called again, and gives what it would have given. The file stays.
        progress: show a bar on standard error.

    Returns:
        The model, and for each epoch a dict, as in the results of :func:`vsrnn.run`. A
        training that diverges has a curve that ends before.

    Raises:
        VsrnnError: for an unknown task, scale, option or device, or a checkpoint that
            is damaged, of another run, or of methods that do not say their state.

    Example:
        >>> import vsrnn
        >>> config = vsrnn.Config("rad", "balanced_0", scale="smoke", epochs=5)
        >>> def enough(model, point):
        ...     if point.get("val_accuracy", 0) > 0.055:
        ...         raise StopIteration
        >>> model, curve = vsrnn.train(config, callbacks=enough)
        >>> len(curve)
        2
    """
    check_device(device)
    task = task_of(config)
    model = build_model(config, task).to(device)
    told = [callbacks] if callable(callbacks) else callbacks
    if wrong := [each for each in told if not callable(each)]:
        raise VsrnnError(
            f"a callback is a function of model and point, not {wrong[0]!r}"
        )
    how: Any = {"training": training, "callbacks": told}
    if checkpoint is not None:
        given = [config], task, device, threads, training
        how["checkpoint"] = _checkpoint(Path(checkpoint), *given)
    with resources(threads):
        [trainee] = train_models([config], [model], task, device, progress, **how)
    return trainee.model, trainee.curve


def train_models(
    configs: Sequence[Config],
    models: Sequence[nn.Module],
    task: Task,
    device: str = "cpu",
    progress: bool = True,
    watch: Callable[[nn.Module], Work] | None = None,
    stop: int | None = None,
    training: Training | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | None = None,
) -> list[Trainee]:
    """Train each model as its config says.

    Args:
        configs: runs that share batches, see :func:`run_many`.
        models: one of each, untrained.
        task: theirs.
        device: ``"cpu"`` or ``"cuda"``.
        progress: show a bar on standard error.
        watch: begins what works on each model after its methods, to look at it.
        stop: epoch to stop after; the last one if absent.
        training: see :func:`train`, and
        callbacks: there.
        checkpoint: what was kept there is gone on from. One that begins anew where it
            has to stays unused where a method does not say its state.
    """
    first = configs[0]
    epochs = first.epochs or task.epochs
    trainees = [
        Trainee(
            model,
            config.design.learning_rate,
            [method.begin(model, epochs, config.seed) for method in config.method],
        )
        for config, model in zip(configs, models, strict=True)
    ]
    if watch is not None:
        for trainee in trainees:
            trainee.works = [*trainee.works, watch(trainee.model)]
    works = [work for trainee in trainees for work in trainee.works]
    silent = [type(work).__name__ for work in works if work.state_dict() is None]
    if silent and checkpoint is not None:
        if not checkpoint.anew:
            raise VsrnnError(
                f"{silent[0]} does not say what it keeps, so no checkpoint can; give "
                "the class methods state_dict and load_state_dict"
            )
        checkpoint = None
    epochs = stop or epochs
    steps = epochs * math.ceil(task.sizes["train"] / task.batch_size)
    name = first.design.name if len(configs) == 1 else f"{len(configs)} designs"
    network = get_family(first.design.model).batch(models)
    with tqdm(total=steps, desc=name, disable=not progress) as bar:
        how: Any = {"seed": first.seed, "device": device, "bar": bar}
        how |= {"training": training, "callbacks": callbacks, "checkpoint": checkpoint}
        fit(trainees, network, task, epochs=epochs, **how)
    return trainees


def _checkpoint(
    path: Path,
    configs: Sequence[Config],
    task: Task,
    device: str,
    threads: int,
    training: Training | None = None,
    anew: bool = False,
) -> Checkpoint:
    """The checkpoint of runs, with all that decides them."""
    training = training or task.training
    how = {field.name: getattr(training, field.name) for field in fields(training)}
    run = {
        "configs": [config.id for config in configs],
        "data": task.checksum,
        "epochs": configs[0].epochs or task.epochs,
        "batch size": task.batch_size,
        "training": {
            name: getattr(value, "__qualname__", type(value).__name__)
            if callable(value)
            else value
            for name, value in how.items()
        },
        "version of torch": str(torch.__version__),
        "device": device,
        "threads": threads,
    }
    return Checkpoint(path, run, anew)


def _test(
    trainees: Sequence[Trainee], config: Config, task: Task, device: str
) -> list[dict[str, float]]:
    """Each model's loss and accuracy on the test sequences, and what playing gives."""
    models = [trainee.model for trainee in trainees]
    network = get_family(config.design.model).batch(models)
    tests = evaluate_network(network, task, "test", device)
    for trainee, test in zip(trainees, tests, strict=True):
        if trainee.error is None and not math.isfinite(test["loss"]):
            trainee.error = "diverged: test loss not finite"
        if trainee.error is None:
            test |= task.score(trainee.model.cpu())
    return tests
