"""What one worker of a sweep does: train what is free of a group, and store it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

import torch

from vsrnn.errors import VsrnnError, describe_error
from vsrnn.runs.config import Config
from vsrnn.runs.provenance import provenance
from vsrnn.runs.run import Result, build_model, empty_result, run_many, task_of
from vsrnn.runs.store import Store
from vsrnn.tasks.task import Task
from vsrnn.training.checkpoint import clear

FAILED = "failed: "
_MACHINE = (MemoryError, OSError, torch.OutOfMemoryError)


def train_free(
    configs: Sequence[Config],
    store: Store,
    wait: bool,
    device: str,
    masks: bool,
    mine: Mapping[str, type[Task]],
    parent: int,
) -> dict[str, Result | None]:
    """Train and store what is free of a group.

    Tasks of a script or notebook come along, since no worker could import them. A
    worker ends with the process that began it.

    Returns:
        By id the result of what was trained here, and None where another process had
        stored it; nothing for what another process has taken and not finished.
    """
    if os.getppid() == parent:
        _end_with(parent)
    for name, kind in mine.items():
        setattr(sys.modules["__main__"], name.partition(":")[2], kind)
    with ExitStack() as claims:
        free = [c for c in configs if claims.enter_context(store.claim(c, wait=wait))]
        done: dict[str, Result | None] = {c.id: None for c in configs if store.has(c)}
        folder = store.folder / "masks" if masks else None
        for result in _attempt(free, store, device, folder):
            store.put(result)
            done[result["id"]] = result
        for group in (free, *([config] for config in free)):
            clear(store.checkpoint(group))
    return done


@cache
def _end_with(parent: int) -> None:
    """End this process as soon as its parent is another one, since that has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _attempt(
    configs: list[Config], store: Store, device: str, masks: Path | None
) -> Iterator[Result]:
    """Train a group; if that fails, each by itself, to record those that fail."""
    results: Iterable[Result] = []
    how: Any = {"device": device, "masks": masks}
    try:
        if configs:
            results = run_many(configs, **how, checkpoint=store.checkpoint(configs))
    except (Exception, SystemExit) as problem:  # whatever it is, it is recorded
        if len(configs) == 1:
            results = [failed_result(configs[0], problem)]
        else:
            results = (
                one for c in configs for one in _attempt([c], store, device, masks)
            )
    yield from results


def failed_result(config: Config, problem: BaseException) -> Result:
    """The result of a run that failed, in the form of :func:`vsrnn.run`.

    Raises:
        VsrnnError: when it is not the design that is at fault.
    """
    text = describe_error(problem)
    if isinstance(problem, _MACHINE) or "DefaultCPUAllocator" in text:
        raise VsrnnError(
            f"{config.design.name} could not be trained on this machine "
            f"({text}); finished runs are stored: free memory or space, or use "
            "fewer jobs, and run the same again"
        ) from problem
    task = task_of(config)
    if isinstance(problem, VsrnnError):
        text = str(problem)
        if _can_be_built(config, task):
            raise problem
    failed = empty_result(config, task, provenance(task, threads=1))
    return failed | {"error": FAILED + text}


def _can_be_built(config: Config, task: Task) -> bool:
    try:
        build_model(config, task)
    except VsrnnError:
        return False
    return True
