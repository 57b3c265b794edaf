"""What all models share: steps, a check of the input, and seeds of torch's modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError


class Recurrent(nn.Module):
    """A network that reads sequences: ``model(x, state)`` gives outputs and a state."""

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Advance one step: ``(batch, inputs)`` in, ``(batch, outputs)`` out."""
        output, state = self.forward(x[:, None], state)
        return output[:, 0], state


def check_input(x: Tensor, inputs: int) -> None:
    """Refuse what is not ``(batch, time, inputs)`` or ``(time, inputs)``.

    Raises:
        VsrnnError: the shape is another.
    """
    if x.dim() not in (2, 3) or x.shape[-1] != inputs:
        raise VsrnnError(
            f"expected input (batch, time, {inputs}) or (time, {inputs}), "
            f"got {tuple(x.shape)}"
        )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator inside the block, and restore it after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
