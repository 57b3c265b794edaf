"""Many models in one pass: block RNNs as one network, others one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import is_not
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from vsrnn.design.geometry import Geometry
from vsrnn.errors import VsrnnError
from vsrnn.models._kernels.layout import Layout
from vsrnn.models._kernels.propagate import propagate
from vsrnn.models.ragged import Inputs, Lengths, run_ragged
from vsrnn.models.recurrent import Network, below
from vsrnn.models.sparse import Places

if TYPE_CHECKING:
    from vsrnn.models.block import BlockRNN


class Models(Network):
    """Models that are computed together."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def problems(self, saved: Mapping[str, Any]) -> list[str]:
        """Those of the models."""
        return [
            f"models.{number}: {problem}"
            for number, model in enumerate(self.models)
            if isinstance(model, Network)
            for problem in model.problems(below(saved, f"models.{number}."))
        ]


class ModelBatch(Models):
    """Block RNNs of any sizes that read the same inputs, computed as one network.

    It is for models of any sizes what ``torch.func.stack_module_state`` is for equal
    ones. The models stay what they are: the batch holds no weights of its own, reads
    theirs and sends each its gradient. What one model computes, NaN included, never
    reaches another.

    Args:
        models: block RNNs of the same inputs, outputs and activation, on one device.

    Raises:
        VsrnnError: for no models, other ones than block RNNs, or models of other
            inputs, outputs or activations.

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
        if not all(isinstance(getattr(m, "geometry", None), Geometry) for m in models):
            raise VsrnnError("a batch is of block RNNs; use other models one by one")
        ends = {(m.geometry.inputs, m.geometry.outputs, m.activation) for m in models}
        if len(ends) != 1:
            raise VsrnnError(
                "a batch needs models, all of the same inputs, outputs and activation"
            )
        super().__init__(models)
        self.placed: list[Places] = []

    def forward(self, x: Inputs, lengths: Lengths | None = None) -> Any:
        """Run sequences from a zero state through all models.

        Args:
            x: inputs, ``(batch, time, inputs)``, or packed sequences.
            lengths: of padded sequences, as for :meth:`vsrnn.BlockRNN.forward`.

        Returns:
            The outputs, ``(models, batch, time, outputs)``; of packed sequences a
            tuple, each model's packed.
        """
        return self.run(x, None, lengths)[0]

    def run(
        self, x: Inputs, state: Tensor | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, Tensor]:
        """Run sequences from the state that the last call left; return one, too.

        Raises:
            VsrnnError: the inputs are of another shape, precision or device, or the
                state or lengths are of another number of sequences.
        """
        if lengths is not None or isinstance(x, PackedSequence):
            return run_ragged(self.run, self._checked, x, state, lengths, axis=-1)
        x, state = self._checked(x, state)
        models = self._models()
        layout, places = self._laid_out(models)
        *weights, bias = (
            _joined([getattr(model, name) for model in models])
            for name in ("weight_input", "weight_state", "bias")
        )
        rows = layout.models * layout.rows
        if len(bias) < rows:
            bias = bias.new_zeros(rows).scatter(0, places, bias)
        output, last = propagate(x, state, (weights[0], weights[1], bias), layout)
        return output.permute(0, 3, 2, 1), last  # (models, batch, time, outputs)

    def _checked(self, x: Any, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        x, _ = self._models()[0].checked(x, None)
        if x.dim() != 3:
            raise VsrnnError(
                f"a batch of models reads (batch, time, inputs), not {tuple(x.shape)}"
            )
        if state is not None and state.shape[2] != len(x):
            raise VsrnnError(
                f"the state is of {state.shape[2]} sequences, the input of {len(x)}"
            )
        return x, state

    @property
    def layout(self) -> Layout:
        """How the weights of all models fill the matrices of a pass."""
        return self._laid_out(self._models())[0]

    def _models(self) -> list[BlockRNN]:
        return cast("list[BlockRNN]", list(self.models))

    def _laid_out(self, models: list[BlockRNN]) -> tuple[Layout, Tensor]:
        """The layout, and every model's rows in it; anew when a model's are."""
        placed = [model.checked_places() for model in models]
        if len(placed) != len(self.placed) or any(map(is_not, placed, self.placed)):
            self.placed = placed
            self.layouts: dict[Any, tuple[Layout, Tensor]] = {}
        like = models[0].like
        key = like.device, like.dtype
        if key not in self.layouts:
            self.layouts[key] = _lay_out(models, like)
        return self.layouts[key]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"placed": []}  # which can be made again


def _lay_out(models: list[BlockRNN], like: Tensor) -> tuple[Layout, Tensor]:
    """Place every model's rows and weights in the matrices of the pass."""
    if len({(model.like.device, model.like.dtype) for model in models}) > 1:
        raise VsrnnError("a batch needs all its models on one device, in one precision")
    geometries = [model.geometry for model in models]
    hidden = max(g.hidden for g in geometries)
    inputs, outputs = geometries[0].inputs, geometries[0].outputs
    rows = hidden + outputs
    placed, index_input, index_state = [], [], []
    for number, (model, g) in enumerate(zip(models, geometries, strict=True)):
        places = model.own_places()
        own = torch.arange(g.hidden + outputs, device=places["input"].device)
        own = torch.where(own < g.hidden, own, own + hidden - g.hidden)
        row, column = _places(places["input"], inputs)
        index_input.append((number * rows + own[row]) * inputs + column)
        row, column = _places(places["state"], g.hidden + outputs)
        index_state.append((number * rows + own[row]) * rows + own[column])
        placed.append(number * rows + own)
    index = (torch.cat(index_input), torch.cat(index_state))
    sizes, activation = (inputs, hidden, outputs), models[0].activation
    layout = Layout(*index, len(models), sizes, activation, like.detach())
    return layout, torch.cat(placed).to(like.device)


def _joined(every: list[Tensor]) -> Tensor:
    """One behind the other."""
    return torch.cat(every) if len(every) > 1 else every[0]


def _places(index: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of flat positions."""
    return index // width, index % width


class ModelLoop(Models):
    """Models that read the same inputs, one after another.

    Args:
        models: ``model(x)`` gives outputs, all of one shape, and a state.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Run sequences through all models, ``(models, batch, time, outputs)``."""
        return self.run(x)[0]

    def run(self, x: Tensor, states: Any = None) -> tuple[Tensor, Any]:
        """Run sequences from the states that the last call left; return these, too."""
        states = [None] * len(self.models) if states is None else states
        pairs = [
            _pair(model(x) if state is None else model(x, state))
            for model, state in zip(self.models, states, strict=True)
        ]
        outputs, last = zip(*pairs, strict=True)
        return torch.stack(outputs) if len(outputs) > 1 else outputs[0][None], last


def _pair(given: Any) -> tuple[Tensor, Any]:
    """The outputs and the state that a model gives.

    Raises:
        VsrnnError: these are no such pair.
    """
    is_pair = isinstance(given, (tuple, list)) and len(given) == 2
    if not is_pair or not isinstance(given[0], Tensor) or given[0].dim() != 3:
        raise VsrnnError(
            "a model gives a pair, outputs (batch, time, outputs) and a state; of a "
            "batch of models take each by itself, and let a module that gives outputs "
            "alone return None with them"
        )
    return given[0], given[1]
