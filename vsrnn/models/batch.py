"""Many models in one pass: block RNNs as one network, others one by one."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_not
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError
from vsrnn.models._kernels.propagate import Layout, propagate

if TYPE_CHECKING:
    from vsrnn.models.block import BlockRNN


class ModelBatch(nn.Module):
    """Block RNNs of any sizes that read the same inputs, computed as one network.

    The models stay what they are: the batch holds no weights of its own, reads theirs
    and sends each its gradient. What one model computes, NaN included, never reaches
    another.

    Args:
        models: block RNNs of the same inputs, outputs and activation, on one device.

    Raises:
        VsrnnError: for no models, or models of other inputs, outputs or activations.

    Example:
        >>> import torch, vsrnn
        >>> sizes = [vsrnn.Geometry(46, hidden, 26, 0.2) for hidden in (10, 20)]
        >>> batch = ModelBatch([vsrnn.BlockRNN(geometry) for geometry in sizes])
        >>> batch(torch.zeros(5, 200, 46)).shape
        torch.Size([2, 5, 200, 26])
    """

    recordable = True
    """A training step has the same shapes each time, so CUDA can record it."""

    def __init__(self, models: Sequence[BlockRNN]) -> None:
        super().__init__()
        ends = {(m.geometry.inputs, m.geometry.outputs, m.activation) for m in models}
        if len(ends) != 1:
            raise VsrnnError(
                "a batch needs models, all of the same inputs, outputs and activation"
            )
        self.models = nn.ModuleList(models)
        self._lay_out()

    def forward(self, x: Tensor) -> Tensor:
        """Run sequences from a zero state through all models.

        Args:
            x: inputs, ``(batch, time, inputs)``.

        Returns:
            The outputs, ``(models, batch, time, outputs)``.
        """
        return self.run(x)[0]

    def run(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run sequences from the state that the last call left; return one, too."""
        if any(map(is_not, self._layouts(), self.laid_out)):
            self._lay_out()  # a model was given other masks
        *weights, bias = map(self._all, ("weight_input", "weight_state", "bias"))
        rows = self.layout.models * self.layout.rows
        if len(bias) < rows:
            bias = bias.new_zeros(rows).scatter(0, self.rows, bias)
        own = weights[0], weights[1], bias
        output, last = propagate(x, state, own, self.layout)
        return output.permute(0, 3, 2, 1), last  # (models, batch, time, outputs)

    def _all(self, name: str) -> Tensor:
        """The models' parameters of a name, one behind the other."""
        every = [getattr(model, name) for model in self.models]
        return torch.cat(every) if len(every) > 1 else every[0]

    def _layouts(self) -> list[Layout]:
        """How the weights of each model lie, anew when its masks are."""
        return [cast("BlockRNN", model).layout for model in self.models]

    def _lay_out(self) -> None:
        """Place every model's rows and weights in the matrices of the pass."""
        models = cast("list[BlockRNN]", list(self.models))
        self.laid_out = self._layouts()
        geometries = [model.geometry for model in models]
        hidden = max(g.hidden for g in geometries)
        inputs, outputs = geometries[0].inputs, geometries[0].outputs
        rows = hidden + outputs
        placed, index_input, index_state = [], [], []
        for number, (model, g) in enumerate(zip(models, geometries, strict=True)):
            own = torch.arange(g.hidden + outputs, device=model.index_input.device)
            own = torch.where(own < g.hidden, own, own + hidden - g.hidden)
            row, column = _places(model.index_input, inputs)
            index_input.append((number * rows + own[row]) * inputs + column)
            row, column = _places(model.index_state, g.hidden + outputs)
            index_state.append((number * rows + own[row]) * rows + own[column])
            placed.append(number * rows + own)
        self.rows = torch.cat(placed)
        index = (torch.cat(index_input), torch.cat(index_state))
        sizes, activation = (inputs, hidden, outputs), models[0].activation
        self.layout = Layout(*index, len(models), sizes, activation)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self._lay_out()
        return self


def _places(index: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of flat positions."""
    return index // width, index % width


class ModelLoop(nn.Module):
    """Models that read the same inputs, one after another.

    Args:
        models: ``model(x)`` gives outputs, all of one shape, and a state.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, x: Tensor) -> Tensor:
        """Run sequences through all models, ``(models, batch, time, outputs)``."""
        return self.run(x)[0]

    def run(self, x: Tensor, states: Any = None) -> tuple[Tensor, Any]:
        """Run sequences from the states that the last call left; return these, too."""
        states = [None] * len(self.models) if states is None else states
        pairs = [m(x, state) for m, state in zip(self.models, states, strict=True)]
        outputs, last = zip(*pairs, strict=True)
        return torch.stack(outputs) if len(outputs) > 1 else outputs[0][None], last
