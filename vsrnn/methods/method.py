"""What a method of sparsity is: which weights exist, when, and how that changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_switch
from vsrnn.models import SparseModule

METHODS: dict[str, type[Method]] = {}
"""Every method by name; a subclass of :class:`Method` enters itself."""

Rewired = dict[nn.Parameter, Tensor]
"""Vectors of weights that changed, each with what `SparseModule.rewire` returned."""


class Work:
    """A method at work on one model during one run; this one does nothing.

    The loop calls `before_step`, asks for `penalty` in every training step, calls
    `after_step` behind it, and `after_epoch` before the validation. What the last two
    return tells the optimizer which weights stay and which are new.

    Args:
        model: what is trained.
    """

    task: Any = None
    """The task, which the loop tells before the first step."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def before_step(
        self, number: int, total: int, loss: Callable[[nn.Module], Tensor]
    ) -> None:
        """Look at the batch of the next step.

        Args:
            number: of the step, from 0.
            total: steps of the whole run.
            loss: gives the loss of a network on the batch, from a zero state.
        """

    def penalty(self) -> Tensor | None:
        """Return what is added to the model's loss, a scalar, or nothing."""
        return None

    def after_step(self) -> Rewired:
        """Change which weights exist, after a step of the optimizer."""
        return {}

    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """Change which weights exist, at the end of an epoch.

        Args:
            epoch: its number, from 1.
            inputs: gives a batch of training inputs to look at the model with.
        """
        return {}

    def record(self) -> dict[str, Any]:
        """Return what the learning curve keeps of the epoch, as plain numbers."""
        return {}

    def state_dict(self) -> dict[str, Any] | None:
        """Return what changed since the beginning, beside the model, for checkpoints.

        Tensors and plain values only. None, as of a class that does not say, leaves the
        run without checkpoints.
        """
        return {} if type(self) is Work else None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there, on a model that has its weights and masks again."""


@dataclass(frozen=True)
class Method:
    """A method by its options, which are part of what decides a run.

    A subclass is a frozen dataclass with a ``name``; its fields are its options and
    have defaults. It is known under its name as soon as its module is imported, and
    every module of ``vsrnn.methods`` is. One without a name is a base of others.

    >>> get_method("magnitude", density=0.1).density
    0.1
    """

    name: ClassVar[str]
    places: ClassVar[tuple[str, ...]] = ()
    """Options that say only where something is kept, no part of what decides a run."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "name" in vars(cls):
            METHODS[cls.name] = cls

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Work:
        """Begin a run of a model.

        Args:
            model: what is trained; its weights are those of before the first step.
            epochs: how many the run has.
            seed: of what the method draws.

        Raises:
            VsrnnError: the method does not work on this model or this long.
        """
        return Work(model)

    def as_dict(self) -> dict[str, Any]:
        """Return the name and the options that are not at their defaults."""
        given = [(field, getattr(self, field.name)) for field in fields(self)]
        given = [each for each in given if each[0].name not in self.places]
        changed = {f.name: value for f, value in given if value != f.default}
        return {"name": self.name} | changed


def with_masks(model: nn.Module, what: str) -> SparseModule:
    """A model that a method can work on, which has masks.

    Raises:
        VsrnnError: it has none; the sentence begins with what needs them.
    """
    if not isinstance(model, SparseModule):
        raise VsrnnError(
            f"{what} needs a model with masks; choose a block or cell design, not "
            f"{type(model).__name__}"
        )
    return model


def get_method(name: str, **options: Any) -> Method:
    """Return a method by its name.

    Args:
        name: "static", "magnitude" or another of `METHODS`.
        **options: of the method.

    Raises:
        VsrnnError: the method or an option is unknown, or a value is of no use.
    """
    if name not in METHODS:
        known = ", ".join(sorted(METHODS))
        raise VsrnnError(f"unknown method {name!r}; choose one of: {known}")
    names = [field.name for field in fields(METHODS[name])]
    if unknown := [option for option in options if option not in names]:
        raise VsrnnError(
            f"unknown option {unknown[0]!r} of method {name!r}; "
            f"choose from: {', '.join(names) or 'none'}"
        )
    for field in fields(METHODS[name]):
        if field.name in options:
            check_switch(field.name, options[field.name], field.default)
    return METHODS[name](**options)
