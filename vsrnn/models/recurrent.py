"""What all models share: steps, checks of what they are given, and safe loading."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError
from vsrnn.models.ragged import Inputs, Lengths, run_ragged

IDENTITY = "identity"
"""Under which name a state dict says of what network it is."""


class Network(nn.Module):
    """A module that a state dict changes as a whole or not at all."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load weights as every module does; what is refused changes nothing.

        Raises:
            RuntimeError: they are of another network, incomplete or damaged.
        """
        problems = self.problems(state_dict)
        if strict:
            own = {name for name in self.state_dict() if not name.endswith(IDENTITY)}
            more = {name for name in state_dict if not name.endswith(IDENTITY)} - own
            problems += [f"{name} is missing" for name in own - state_dict.keys()]
            problems += [f"{name} is unknown" for name in more]
        if problems:
            raise RuntimeError(
                f"{type(self).__name__} loads nothing: {'; '.join(sorted(problems))}"
            )
        return super().load_state_dict(state_dict, strict, assign)

    def problems(self, saved: Mapping[str, Any]) -> list[str]:
        """Why these values cannot be loaded: by default, since sizes differ."""
        own = self.state_dict()
        return [
            f"{name} is {tuple(getattr(saved[name], 'shape', '?'))} instead of "
            f"{tuple(own[name].shape)}"
            for name in own.keys() & saved.keys()
            if getattr(saved[name], "shape", None) != own[name].shape
        ]


def below(saved: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """What a state dict has for the module of a prefix."""
    own = (name for name in saved if name.startswith(prefix))
    return {name[len(prefix) :]: saved[name] for name in own}


class Recurrent(Network):
    """A network that reads sequences: ``model(x, state)`` gives outputs and a state."""

    inputs: int
    """Numbers read at a step; of symbols, how many there are."""
    symbols = False
    """Whether inputs are whole numbers below ``inputs``."""

    @property
    @abstractmethod
    def like(self) -> Tensor:
        """A parameter, of the device and precision of all."""

    @abstractmethod
    def state_shapes(self, *batch: int) -> tuple[tuple[int, ...], ...]:
        """Shapes of the parts of a state, of so many sequences or of a single one."""

    def ragged(self, x: Inputs, state: Any, lengths: Lengths | None) -> tuple[Any, Any]:
        """Run sequences of different lengths, each to its own end.

        Raises:
            VsrnnError: these are no sequences, or the lengths are none of theirs.
        """

        def check(x: Any, state: Any) -> tuple[Tensor, Any]:
            x, state = self.checked(x, state)
            if x.dim() != 3 - self.symbols:
                raise VsrnnError(
                    f"lengths are of a batch of sequences, not of {tuple(x.shape)}"
                )
            return x, state

        return run_ragged(self.forward, check, x, state, lengths)

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Advance one step: ``(batch, inputs)`` in, ``(batch, outputs)`` out.

        Without a batch, ``(inputs,)`` in and ``(outputs,)`` out; symbols have no axis
        of inputs.
        """
        if self._single(x):
            output, state = self(x[None], state)
            return output[0], state
        output, state = self(x[:, None], state)
        return output[:, 0], state

    def _single(self, x: Any) -> bool:
        """Whether the inputs of a step have no batch.

        Raises:
            VsrnnError: they are of another shape.
        """
        if not isinstance(x, Tensor):
            self._fitting("input", x, True)  # says so
        batch = x.dim() - (not self.symbols)
        if batch not in (0, 1):
            own = "" if self.symbols else f", {self.inputs}"
            raise VsrnnError(f"a step reads (batch{own}), not {tuple(x.shape)}")
        return batch == 0

    def checked(self, x: Any, state: Any) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        """Inputs and the parts of the state, in the weights' precision under autocast.

        Raises:
            VsrnnError: they are no tensors of the right shape, precision or device.
        """
        if torch._C._get_tracing_state() is not None:  # sizes have no values there
            return x, None if state is None else _parts(state)
        width = () if self.symbols else (self.inputs,)
        x = self._fitting("input", x, not self.symbols)
        axes = x.dim() - len(width)
        if axes not in (1, 2) or x.shape[axes:] != width or x.shape[axes - 1] == 0:
            rest = "".join(f", {n}" for n in width)
            raise VsrnnError(
                f"expected input (batch, time{rest}) or (time{rest}), of a step at "
                f"least, got {tuple(x.shape)}"
            )
        if state is None:
            return x, None
        parts = _parts(state)
        shapes = self.state_shapes(*x.shape[: axes - 1])
        found = tuple(tuple(getattr(part, "shape", "?")) for part in parts)
        if found != shapes:
            raise VsrnnError(
                f"expected a state of shape {' and '.join(map(str, shapes))}, "
                f"got {' and '.join(map(str, found))}"
            )
        return x, tuple(self._fitting("state", part, True) for part in parts)

    def _fitting(self, what: str, x: Any, numbers: bool) -> Tensor:
        """A tensor that these weights can be multiplied with, or one of symbols."""
        if not isinstance(x, Tensor) or x.layout is not torch.strided or x.is_nested:
            kind = getattr(x, "layout", type(x).__name__)
            kind = "a nested one" if getattr(x, "is_nested", False) else kind
            raise VsrnnError(
                f"expected {what} as a dense tensor, not {kind}; convert it with "
                "torch.as_tensor, and give sequences of different lengths padded, with "
                "their lengths, or packed"
            )
        like = self.like
        if x.device != like.device:
            raise VsrnnError(
                f"the {what} is on {x.device} and the weights on {like.device}; move "
                f"one with to({str(like.device)!r})"
            )
        if not numbers:
            if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
                raise VsrnnError(f"expected symbols, whole numbers, not {x.dtype}")
        elif x.dtype != like.dtype:
            if x.is_floating_point() and torch.is_autocast_enabled(x.device.type):
                return x.to(like.dtype)
            raise VsrnnError(
                f"the {what} is {x.dtype} and the weights are {like.dtype}; convert "
                f"one with to({like.dtype})"
            )
        return x


def _parts(state: Any) -> tuple[Any, ...]:
    """Those of a state, one or a pair of tensors."""
    return tuple(state) if isinstance(state, (tuple, list)) else (state,)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's generator of the CPU inside the block, and restore it after."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)
