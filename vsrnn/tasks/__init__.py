"""The tasks by name; each module of this folder registers its own."""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module, invalidate_caches
from inspect import signature
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from vsrnn.errors import VsrnnError, check_switch, describe_error
from vsrnn.tasks.task import Task, registered

SCALES: tuple[str, ...] = ("smoke", "quick", "paper")
"""How much data and training: seconds, under a minute a design, as published."""


@cache
def list_tasks() -> tuple[str, ...]:
    """Return the names of the tasks of this package, in order.

    >>> "rad" in list_tasks()
    True
    """
    for module in iter_modules(__path__):
        if not module.name.startswith("_"):
            import_module(f"{__name__}.{module.name}")
    return tuple(sorted(registered))


def get_task(name: str, scale: str = "quick", **options: Any) -> Task:
    """Return a :class:`vsrnn.Task` with its data, made or taken from the cache.

    Args:
        name: one of `list_tasks`, or "module:Class", a `vsrnn.Task` of your own.
        scale: "smoke" (seconds), "quick" (under a minute per design on two cores) or
            "paper" (as published, where the options are).
        **options: of the task's class, where they are described.

    Raises:
        VsrnnError: the task, scale or an option is unknown, or its data cannot be had.

    >>> task = get_task("rad", "smoke")
    >>> inputs, targets = task.batch("train", slice(0, 16))
    >>> inputs.shape, targets.shape
    (torch.Size([16, 11, 2500]), torch.Size([16]))
    """
    kind = check_task(name, scale, options)
    if name in registered:
        return kind(scale, **options)
    try:
        own = kind(scale, **options)
    except (VsrnnError, OSError, MemoryError):
        raise
    except (Exception, SystemExit) as problem:  # whatever a class of one's own does
        raise VsrnnError(
            f"the task {name} cannot be made ({describe_error(problem)}); on the "
            "command line --debug shows where"
        ) from problem
    if not hasattr(own, "checksum"):
        raise VsrnnError(f"the __init__ of {name} must call super().__init__(scale)")
    chosen = kind.options() | {k: options[k] for k in options if k not in kind.places}
    plain = {k: v for k, v in chosen.items() if isinstance(v, str | int | float)}
    own.provenance = plain | own.provenance
    return own


def check_task(name: str, scale: str, options: Mapping[str, Any]) -> type[Task]:
    """Return the class of a task that has this scale and these options, or refuse."""
    kind = task_class(name)
    if scale not in SCALES:
        raise VsrnnError(f"unknown scale {scale!r}; choose one of: {', '.join(SCALES)}")
    known = {**signature(kind).parameters}
    known.pop("scale", None)
    for option, value in options.items():
        if option in known:
            check_switch(option, value, known[option].default)
        else:
            raise VsrnnError(
                f"unknown option {option!r} of task {name!r}; "
                f"choose from: {', '.join(known) or 'none'}"
            )
    return kind


def task_class(name: str) -> type[Task]:
    """Return the class of a task, whose sizes are known without its data, or refuse.

    >>> task_class("rad").inputs
    2500
    """
    if name in list_tasks():
        return registered[name]
    module, colon, kind = name.partition(":")
    if not colon:
        raise VsrnnError(
            f"unknown task {name!r}; choose one of: {', '.join(list_tasks())}; or name "
            "a class of your own as module:Class"
        )
    try:
        found = getattr(_import_own(module), kind)
    except (Exception, SystemExit) as problem:  # whatever a module of one's own does
        raise VsrnnError(
            f"cannot import {kind} from {module} ({describe_error(problem)}); a task "
            "of your own is named module:Class, the module without .py and in the "
            "working folder or installed"
        ) from problem
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise VsrnnError(f"{name} is no class derived from vsrnn.Task")
    needed = ("inputs", "outputs", "steps")
    if lacking := [size for size in needed if not hasattr(found, size)]:
        raise VsrnnError(f"the task {name} does not say its {' and '.join(lacking)}")
    return found


def _import_own(module: str) -> ModuleType:
    """Import a module that is installed or, if none is, one of the working folder."""
    try:
        return import_module(module)
    except ModuleNotFoundError as problem:
        if not f"{module}.".startswith(f"{problem.name}."):
            raise
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        invalidate_caches()
        return import_module(module)
    finally:
        sys.path.remove(here)


def sizes(task: str) -> tuple[int, int]:
    """Return the inputs and outputs of a task.

    >>> sizes("hammer")
    (46, 26)
    """
    kind = task_class(task)
    return kind.inputs, kind.outputs


def places(task: str) -> tuple[str, ...]:
    """Return the options of a task, known here or not, that say where data are kept."""
    try:
        return task_class(task).places
    except VsrnnError:
        return Task.places


def texts(task: str) -> tuple[str, ...]:
    """Return the options of a task, if it is known here, whose values are text."""
    try:
        options = task_class(task).options()
    except VsrnnError:
        return ()
    return tuple(name for name in options if isinstance(options[name], str))
