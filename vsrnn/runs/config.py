"""What decides a run: a design on a task at a scale, with a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vsrnn.design.design import Design, get_design
from vsrnn.errors import VsrnnError, whole
from vsrnn.models import check_mask
from vsrnn.tasks import places

SCHEMA = 1


@dataclass(frozen=True)
class Config:
    """All that decides a run: a design on a task at a scale, with a seed.

    Args:
        task: name of a task, see :func:`vsrnn.get_task`.
        design: a :class:`vsrnn.Design`, or the name of a published one.
        scale: ``"smoke"``, ``"quick"`` or ``"paper"`` (the published
            protocol, on ``rad`` with the option ``digits="mnist"``).
        seed: of masks, initial values and, where the task shuffles, the order.
        mask: ``"bernoulli"`` as published, or ``"exact"`` counts.
        epochs: instead of the scale's number of epochs.
        task_options: passed to the task, for instance ``{"split": "separate"}``.

    Raises:
        VsrnnError: for an unknown design or mask, no epochs, a negative seed, or
            options that are not plain values.

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

    if TYPE_CHECKING:  # a name is taken for a design, too, but read as a Design

        def __init__(
            self,
            task: str,
            design: Design | str,
            scale: str = ...,
            seed: int = ...,
            mask: str = ...,
            epochs: int | None = ...,
            task_options: dict[str, Any] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        if isinstance(self.design, str):
            object.__setattr__(self, "design", get_design(self.task, self.design))
        check_mask(self.mask)
        object.__setattr__(self, "seed", whole("seed", self.seed, 0))
        if self.epochs is not None:
            object.__setattr__(self, "epochs", whole("epochs", self.epochs, 1))
        for name in ("name", "scale"):
            if name in self.task_options:
                raise VsrnnError(f"{name!r} is no option of a task")
        self.as_dict()  # raises where something has no place in a result

    def as_dict(self) -> dict[str, Any]:
        """The config as plain JSON values, without the places where data is kept."""
        own = asdict(self)
        for place in places(self.task) if own["task_options"] else ():
            own["task_options"].pop(place, None)
        if not own["design"]["options"]:
            del own["design"]["options"]  # as before there were any
        plain: dict[str, Any] = json.loads(json.dumps(own, default=_plain))
        return plain

    @property
    def id(self) -> str:
        """Hash of everything that decides the result; the design's name does not."""
        identity = self.as_dict() | {"schema": SCHEMA}
        identity["design"].pop("name")
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def configs_for(
    designs: Iterable[str],
    seeds: Iterable[int],
    scale: str = "quick",
    task: str = "rad",
    learning_rate: float | None = None,
    **options: Any,
) -> list[Config]:
    """Every design with every seed, as configs for :func:`vsrnn.sweep`.

    Args:
        designs: names of published designs.
        seeds: seeds of each.
        scale: ``"smoke"``, ``"quick"`` or ``"paper"``.
        task: name of the task.
        learning_rate: instead of the designs' own.
        options: of the task, for instance ``split="separate"``.

    Example:
        >>> [config.seed for config in configs_for(["balanced_0"], range(3))]
        [0, 1, 2]
    """
    known = [get_design(task, name) for name in designs]
    if learning_rate is not None:
        known = [replace(design, learning_rate=learning_rate) for design in known]
    seeds = list(seeds)
    return [
        Config(task, design, scale, seed, task_options=dict(options))
        for design in known
        for seed in seeds
    ]


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python."""
    if not hasattr(value, "item"):
        raise VsrnnError(f"a config holds numbers and text, not {value!r}")
    return value.item()
