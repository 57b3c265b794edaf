"""What decides a run: a design on a task at a scale, with a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from vsrnn.design.design import Design
from vsrnn.design.published import get_design
from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods import Method, get_method
from vsrnn.methods.static import Static
from vsrnn.models import check_mask
from vsrnn.tasks import places

SCHEMA = 1
Chosen = Method | str | Mapping[str, Any]
STATIC = (Static(),)


@dataclass(frozen=True)
class Config:
    """All that decides a run: a design on a task at a scale, with a seed.

    Args:
        task: name of a task, see :func:`vsrnn.get_task`.
        design: a :class:`vsrnn.Design`, or the name of a published one.
        scale: ``"smoke"``, ``"quick"`` or ``"paper"`` (the published protocol, on
            ``rad`` with the option ``digits="mnist"``).
        seed: of masks, initial values and, where the task shuffles, the order.
        mask: ``"bernoulli"`` as published, or ``"exact"`` counts.
        epochs: instead of the scale's number of epochs.
        task_options: passed to the task, for instance ``{"split": "separate"}``.
        method: which weights exist while it trains: a :class:`vsrnn.Method`, the name
            of one, its name and options, ``{"name": "magnitude", "density": 0.1}``, or
            a list of several that act in turn. It is kept as a tuple.

    Raises:
        VsrnnError: for an unknown design, mask or method, no epochs, a negative seed,
            or options that are not plain values.

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
    method: tuple[Method, ...] = STATIC

    if TYPE_CHECKING:  # names are taken for a design and a method, too

        def __init__(
            self,
            task: str,
            design: Design | str,
            scale: str = ...,
            seed: int = ...,
            mask: str = ...,
            epochs: int | None = ...,
            task_options: dict[str, Any] = ...,
            method: Chosen | Sequence[Chosen] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        if isinstance(self.design, str):
            object.__setattr__(self, "design", get_design(self.task, self.design))
        given: Any = self.method
        several = given if isinstance(given, list | tuple) else [given]
        object.__setattr__(self, "method", tuple(map(_method, several)) or STATIC)
        check_mask(self.mask)
        object.__setattr__(self, "seed", check_int("seed", self.seed, 0))
        if self.epochs is not None:
            object.__setattr__(self, "epochs", check_int("epochs", self.epochs, 1))
        if wrong := {"name", "scale"} & self.task_options.keys():
            raise VsrnnError(f"{min(wrong)!r} is no option of a task")
        # callers may go on changing what they gave
        object.__setattr__(self, "task_options", deepcopy(dict(self.task_options)))
        object.__setattr__(self, "method", deepcopy(self.method))
        self.as_dict()  # raises where a value cannot be stored

    def as_dict(self) -> dict[str, Any]:
        """The config as plain JSON values, without the places where data is kept.

        What has been added since the first results were stored is left out where it is
        at its default, so new settings leave the ids of old runs as they are.
        """
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        own["design"] = asdict(self.design)
        if not own["design"]["options"]:
            del own["design"]["options"]
        given = self.task_options.items()
        kept = places(self.task) if given else ()
        own["task_options"] = {key: value for key, value in given if key not in kept}
        methods = [method.as_dict() for method in self.method]
        own["method"] = methods if len(methods) > 1 else methods[0]
        if self.method == STATIC:
            del own["method"]
        try:
            text = json.dumps(own, default=_plain, allow_nan=False)
        except ValueError as problem:
            raise VsrnnError(f"a config holds finite numbers: {problem}") from problem
        plain: dict[str, Any] = json.loads(text, parse_float=_positive)
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """The config that :meth:`as_dict` gave.

        Raises:
            VsrnnError: the values make no config.

        >>> config = Config("rad", "balanced_0", seed=3)
        >>> Config.from_dict(config.as_dict()) == config
        True
        """
        try:
            return cls(**{**values, "design": Design(**values["design"])})
        except (KeyError, TypeError) as problem:
            raise VsrnnError(f"this is no config of a run: {problem}") from problem

    @property
    def id(self) -> str:
        """Hash of everything that decides the result; the design's name does not."""
        return identify(self.as_dict())


def identify(config: Mapping[str, Any]) -> str:
    """The id of a config that is given as plain values."""
    design = {key: value for key, value in config["design"].items() if key != "name"}
    return digest({**config, "design": design, "schema": SCHEMA})


def digest(values: Any) -> str:
    """Hash of plain values."""
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def configs_for(
    designs: Iterable[str],
    seeds: Iterable[int],
    scale: str = "quick",
    task: str = "rad",
    learning_rate: float | None = None,
    **options: Any,
) -> list[Config]:
    """Configs of published designs, by name, each with every seed.

    Args:
        designs: names of the designs.
        seeds: of each.
        scale: ``"smoke"``, ``"quick"`` or ``"paper"``.
        task: name of the task.
        learning_rate: instead of the designs' own.
        options: of the task, for instance ``split="separate"``.

    >>> [config.seed for config in configs_for(["balanced_0"], range(3))]
    [0, 1, 2]
    """
    known = with_rate([get_design(task, name) for name in designs], learning_rate)
    return [
        Config(task, design, scale, seed, task_options=dict(options))
        for design, seed in product(known, seeds)
    ]


def with_rate(designs: Sequence[Design], rate: float | None) -> list[Design]:
    """The designs at this learning rate, or at their own if it is None."""
    if rate is None:
        return list(designs)
    return [replace(design, learning_rate=rate) for design in designs]


def _method(given: Chosen) -> Method:
    if isinstance(given, Method):
        return given
    if isinstance(given, str):
        return get_method(given)
    if not isinstance(given, Mapping) or "name" not in given:
        raise VsrnnError(
            "name a method by its name, or by its name and options such as "
            f"{{'name': 'magnitude', 'density': 0.1}}, not {given!r}"
        )
    return get_method(**given)


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python."""
    if not hasattr(value, "tolist"):
        raise VsrnnError(f"a config holds numbers and text, not {value!r}")
    return value.tolist()


def _positive(text: str) -> float:
    """A number, where -0 is 0: equal configs have equal ids."""
    return float(text) + 0.0
