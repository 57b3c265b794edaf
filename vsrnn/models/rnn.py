"""A baseline that is not of the paper: a plain RNN with a linear head."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from vsrnn.design.design import Design
from vsrnn.design.family import Counts, Family, register
from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError
from vsrnn.models.batch import ModelLoop
from vsrnn.models.ragged import Inputs, Lengths
from vsrnn.models.recurrent import Recurrent, seeded


class PlainRNN(Recurrent):
    """``torch.nn.RNN`` with ReLU and a linear head that reads the current hidden state.

    It has ``h x + h h + 2 h + h y + y`` parameters for ``h`` hidden units.

    Args:
        inputs, hidden, outputs: sizes.
        seed: of the initial values (torch's own distribution). Global generators
            stay untouched.

    Raises:
        VsrnnError: there is no hidden unit.

    Example:
        >>> sum(p.numel() for p in PlainRNN(2500, 39, 10).parameters())
        99499
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, seed: int = 0):
        super().__init__()
        if hidden < 1:
            raise VsrnnError(f"a plain RNN needs a hidden unit or more, not {hidden}")
        self.inputs = inputs
        with seeded(seed):
            self.rnn = nn.RNN(inputs, hidden, nonlinearity="relu", batch_first=True)
            self.head = nn.Linear(hidden, outputs)

    def block_weights(self) -> dict[str, int]:
        """The number of weights in each block; the head reads the new hidden state."""
        sizes = self.rnn.input_size, self.rnn.hidden_size, self.head.out_features
        return _block_weights(*sizes)

    def forward(
        self, x: Inputs, state: Tensor | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, Tensor]:
        """Run ``(batch, time, inputs)`` to ``(batch, time, outputs)`` and a state.

        Packed sequences, or ``lengths`` of padded ones, are as for
        :meth:`vsrnn.BlockRNN.forward`.
        """
        if lengths is not None or isinstance(x, PackedSequence):
            return self.ragged(x, state, lengths)
        x, given = self.checked(x, state)
        hidden, last = self.rnn(x, given and given[0])  # (batch, time, hidden)
        return self.head(hidden), last

    @property
    def like(self) -> Tensor:
        """The head's weights."""
        return self.head.weight

    def state_shapes(self, *batch: int) -> tuple[tuple[int, ...], ...]:
        """The hidden state."""
        return ((1, *batch, self.rnn.hidden_size),)


@register
class RNNFamily(Family):
    """Plain RNNs: dense, without hy, yx and yy."""

    name = "rnn"
    batch = ModelLoop

    def expected(self, design: Design, inputs: int, outputs: int) -> Counts:
        """As :meth:`counts`, from the sizes."""
        weights = _block_weights(inputs, design.hidden, outputs)
        return self.counted(weights, 2 * design.hidden + outputs)

    def make(self, design: Design, inputs: int, outputs: int, **how: Any) -> nn.Module:
        """The untrained model."""
        return PlainRNN(inputs, design.hidden, outputs, seed=how["seed"])


def _block_weights(inputs: int, hidden: int, outputs: int) -> dict[str, int]:
    count = {"hx": hidden * inputs, "hh": hidden**2, "yh": outputs * hidden}
    return dict.fromkeys(BLOCKS, 0) | count
