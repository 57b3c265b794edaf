"""The published baseline: a projected LSTM."""

from __future__ import annotations

import warnings
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from vsrnn.design.design import Design
from vsrnn.design.family import Counts, Family, register
from vsrnn.errors import VsrnnError
from vsrnn.models.batch import ModelLoop
from vsrnn.models.ragged import Inputs, Lengths
from vsrnn.models.recurrent import Recurrent, seeded

LSTMState = tuple[Tensor, Tensor]

with warnings.catch_warnings(), seeded(0):  # torch says once: oneDNN has no such LSTM
    warnings.simplefilter("ignore")
    nn.LSTM(1, 2, proj_size=1)(torch.zeros(1, 1))


class ProjectedLSTM(Recurrent):
    """The published LSTM baseline: ``torch.nn.LSTM`` whose projection is the output.

    The projected hidden state (as wide as the output) is both what recurs and the
    answer; there is no head. It has ``4 h (x + y) + 8 h + y h`` parameters for ``h``
    cells, and needs more cells than outputs.

    Args:
        inputs, hidden, outputs: sizes; ``hidden`` counts the cells.
        seed: of the initial values (torch's own distribution). Global generators
            stay untouched.

    Raises:
        VsrnnError: ``hidden`` is not above ``outputs``.

    Example:
        >>> sum(p.numel() for p in ProjectedLSTM(2500, 11, 10).parameters())
        110638

    Source: protocol of arXiv 2509.15057 (LSTM baseline).
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, seed: int = 0):
        super().__init__()
        if hidden <= outputs:
            raise VsrnnError(
                f"a projected LSTM with {outputs} outputs needs at least "
                f"{outputs + 1} cells, not {hidden}"
            )
        self.inputs = inputs
        with seeded(seed):
            self.lstm = nn.LSTM(inputs, hidden, proj_size=outputs, batch_first=True)

    def forward(
        self, x: Inputs, state: LSTMState | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, LSTMState]:
        """Run ``(batch, time, inputs)`` to ``(batch, time, outputs)`` and a state.

        Packed sequences, or ``lengths`` of padded ones, are as for
        :meth:`vsrnn.BlockRNN.forward`.
        """
        if lengths is not None or isinstance(x, PackedSequence):
            return self.ragged(x, state, lengths)
        output, last = self.lstm(*self.checked(x, state))
        return output, last

    @property
    def like(self) -> Tensor:
        """The weights of the inputs."""
        return cast(Tensor, self.lstm.weight_ih_l0)

    def state_shapes(self, *batch: int) -> tuple[tuple[int, ...], ...]:
        """The outputs and the cells."""
        sizes = self.lstm.proj_size, self.lstm.hidden_size
        return tuple((1, *batch, size) for size in sizes)


@register
class LSTMFamily(Family):
    """Projected LSTMs: dense, and their gates do not fall into blocks."""

    name = "lstm"
    batch = ModelLoop

    def expected(self, design: Design, inputs: int, outputs: int) -> Counts:
        """As :meth:`counts`, from the sizes."""
        return _counts(inputs, design.hidden, outputs)

    def make(self, design: Design, inputs: int, outputs: int, **how: Any) -> nn.Module:
        """The untrained model."""
        return ProjectedLSTM(inputs, design.hidden, outputs, seed=how["seed"])

    def counts(self, model: Any) -> Counts:
        """Weights in all and parameters."""
        lstm = model.lstm
        return _counts(lstm.input_size, lstm.hidden_size, lstm.proj_size)

    def rows(self, design: Design, outputs: int) -> int:
        """Four gates, cells and the projection."""
        return 5 * design.hidden + outputs


def _counts(inputs: int, cells: int, outputs: int) -> Counts:
    weights = cells * (4 * (inputs + outputs) + outputs)
    return {
        "weights": None,
        "total_weights": weights,
        "parameters": weights + 8 * cells,
        "hidden_proportion": None,
    }
