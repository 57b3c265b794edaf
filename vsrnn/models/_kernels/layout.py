"""The places of the weights of a pass."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from torch import Tensor

from vsrnn.errors import VsrnnError
from vsrnn.models._kernels.products import InputProduct, StateProduct, fill

Weights = tuple[Tensor, Tensor, Tensor]


class Layout:
    """How the weights of a pass fill its matrices.

    Args:
        index_input: flat positions in ``(models, rows, inputs)``, rising.
        index_state: flat positions in ``(models, rows, rows)``, rising.
        models: how many there are.
        sizes: inputs, hidden and outputs, of the largest. Each model's hidden rows
            come first, padding included.
        activation: of the hidden rows, ``"relu"`` or ``"tanh"``.
        like: of the device and precision of the weights.
    """

    def __init__(
        self,
        index_input: Tensor,
        index_state: Tensor,
        models: int,
        sizes: tuple[int, int, int],
        activation: str,
        like: Tensor,
    ) -> None:
        inputs, self.hidden, outputs = sizes
        self.rows = self.hidden + outputs
        self.models, self.inputs, self.activation = models, inputs, activation
        self.index_input, self.index_state, self.like = index_input, index_state, like
        self.jobs: Any = None  # of compiled loops, once they are asked for

    @cached_property
    def input(self) -> InputProduct:
        """The product with the inputs, by operations of torch."""
        rows = self.models * self.rows
        return InputProduct(self.index_input, rows, self.inputs, self.like)

    @cached_property
    def state(self) -> StateProduct:
        """The product with the states, likewise."""
        return StateProduct(self.index_state, self.models, self.rows, self.like)

    def input_grad(self, grad: Tensor, weight: Tensor) -> Tensor:
        """Gradient on the inputs, ``(n, inputs)``, from ``(models * rows, n)``."""
        shape = (self.models * self.rows, self.inputs)
        return grad.t() @ fill(weight, self.index_input, shape)

    def check(self, weights: Weights) -> None:
        """Refuse weights that are not one for each place.

        Raises:
            VsrnnError: there are more or fewer.
        """
        ends = len(self.index_input), len(self.index_state)
        wanted = *ends, self.models * self.rows
        found = len(weights[0]), len(weights[1]), len(weights[2])
        if found != wanted:
            raise VsrnnError(
                f"there are {wanted} places for weights of input, state and bias, and "
                f"{found} weights; change both with rewire"
            )
