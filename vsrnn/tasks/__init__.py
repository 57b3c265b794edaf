"""The tasks by name."""

from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from typing import Any

from vsrnn.errors import VsrnnError, told

SIZES: dict[str, tuple[int, int]] = {
    "rad": (2500, 10),
    "hammer": (46, 26),
    "door": (39, 28),
    "kitchen-mixed": (83, 9),
    "kitchen-blind": (71, 9),
    "kitchen-complete": (81, 9),
}
"""Inputs and outputs of every task of the paper, for the arithmetic of designs."""

TASKS: dict[str, str] = {
    "rad": "vsrnn.tasks.rad:RandomAnomaly",
    "hammer": "vsrnn.tasks.hammer:Hammer",
    "door": "vsrnn.tasks.door:Door",
    "kitchen-mixed": "vsrnn.tasks.kitchen:KitchenMixed",
    "kitchen-blind": "vsrnn.tasks.kitchen:KitchenBlind",
    "kitchen-complete": "vsrnn.tasks.kitchen:KitchenComplete",
}
"""Where the class of each task that can be trained is found."""

SCALES: tuple[str, ...] = ("smoke", "quick", "paper")
"""How much data and training: seconds, under a minute a design, as published."""


def get_task(name: str, scale: str = "quick", **options: Any) -> Any:
    """Return a task with its data, made or taken from the cache.

    Args:
        name: "rad", "hammer", "door", "kitchen-mixed", "kitchen-blind",
            "kitchen-complete", or "module:Class", a `vsrnn.Task` of your own.
        scale: "smoke" (seconds), "quick" (under a minute per design on two cores) or
            "paper" (as published, on "rad" with digits="mnist").
        **options: the options of the task's class; see
            `vsrnn.tasks.rad.RandomAnomaly`, `vsrnn.tasks.hammer.Hammer` and
            `vsrnn.tasks.kitchen.KitchenMixed`.

    Returns:
        A task: `batch(split, rows)` gives inputs and targets, `loss` and `accuracy`
        score outputs against them.

    Raises:
        VsrnnError: the task, scale or an option is unknown, or its data cannot be had.

    >>> task = get_task("rad", "smoke")
    >>> inputs, targets = task.batch("train", slice(0, 16))
    >>> inputs.shape, targets.shape
    (torch.Size([16, 11, 2500]), torch.Size([16]))
    """
    task = check_task(name, scale, options)
    if name in TASKS:
        return task(scale, **options)
    try:
        own = task(scale, **options)
    except (VsrnnError, OSError, MemoryError):
        raise
    except Exception as problem:  # whatever a class of one's own does
        raise VsrnnError(
            f"the task {name} cannot be made ({told(problem)}); on the command line "
            "--debug shows where"
        ) from problem
    if not hasattr(own, "checksum"):
        raise VsrnnError(f"the __init__ of {name} must call super().__init__(scale)")
    return own


def check_task(name: str, scale: str, options: Mapping[str, Any]) -> Any:
    """Return the class of a task that has this scale and these options.

    Raises:
        VsrnnError: one of them is unknown.
    """
    task = task_class(name)
    if scale not in SCALES:
        raise VsrnnError(f"unknown scale {scale!r}; choose one of: {', '.join(SCALES)}")
    known = [option for option in signature(task).parameters if option != "scale"]
    for option in options:
        if option not in known:
            raise VsrnnError(
                f"unknown option {option!r} of task {name!r}; "
                f"choose from: {', '.join(known) or 'none'}"
            )
    return task


def task_class(name: str) -> Any:
    """Return the class of a task, whose sizes are known without its data.

    Raises:
        VsrnnError: the task is unknown, or a class of your own cannot be imported.

    >>> task_class("rad").inputs
    2500
    """
    module, colon, kind = TASKS.get(name, name).partition(":")
    if not colon:
        raise VsrnnError(
            f"unknown task {name!r}; choose one of: {', '.join(TASKS)}; or name a "
            "class of your own as module:Class"
        )
    if name in TASKS:
        return getattr(import_module(module), kind)
    from vsrnn.tasks.task import Task

    try:
        found = getattr(import_module(module), kind)
    except Exception as problem:  # whatever a module of one's own does
        raise VsrnnError(
            f"cannot import {kind} from {module} ({told(problem)}); a task of your own "
            "is named module:Class, the module without .py and in the working folder "
            "or installed"
        ) from problem
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise VsrnnError(f"{name} is no class derived from vsrnn.Task")
    needed = ("inputs", "outputs", "steps")
    if lacking := [size for size in needed if not hasattr(found, size)]:
        raise VsrnnError(f"the task {name} does not say its {' and '.join(lacking)}")
    return found


def sizes(task: str) -> tuple[int, int]:
    """Return the inputs and outputs of a task.

    Raises:
        VsrnnError: as `task_class` does.

    >>> sizes("hammer")
    (46, 26)
    """
    if task in SIZES:
        return SIZES[task]
    own = task_class(task)
    return own.inputs, own.outputs
