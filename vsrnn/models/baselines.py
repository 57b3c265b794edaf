"""The baselines: the published projected LSTM, and a plain RNN with a linear head."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import floor, inf, sqrt

import torch
from torch import Tensor, nn

from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError

LSTMState = tuple[Tensor, Tensor]

with (
    warnings.catch_warnings()
):  # torch says once a process that oneDNN has no such LSTM
    warnings.simplefilter("ignore")
    nn.LSTM(1, 2, proj_size=1)(torch.zeros(1, 1))


class ProjectedLSTM(nn.Module):
    """The published LSTM baseline: ``torch.nn.LSTM`` whose projection is the output.

    The projected hidden state (as wide as the output) is both what recurs and the
    answer; there is no head. It has ``4 h (x + y) + 8 h + y h`` parameters for ``h``
    cells, and needs more cells than outputs.

    Args:
        inputs, hidden, outputs: sizes; ``hidden`` counts the cells.
        seed: of the initial values (torch's own distribution). Global generators
            stay untouched.

    Raises:
        VsrnnError: where ``hidden`` is not above ``outputs``.

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
        with _seeded(seed):
            self.lstm = nn.LSTM(inputs, hidden, proj_size=outputs, batch_first=True)

    def forward(
        self, x: Tensor, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Run ``(batch, time, inputs)`` to ``(batch, time, outputs)`` and a state."""
        output, state = self.lstm(x, state)
        return output, state

    def step(
        self, x: Tensor, state: LSTMState | None = None
    ) -> tuple[Tensor, LSTMState]:
        """Advance one step: ``(batch, inputs)`` in, ``(batch, outputs)`` out."""
        output, state = self.forward(x[:, None], state)
        return output[:, 0], state


class PlainRNN(nn.Module):
    """``torch.nn.RNN`` with ReLU and a linear head that reads the current hidden state.

    It has ``h x + h h + 2 h + h y + y`` parameters for ``h`` hidden units.

    Args:
        inputs, hidden, outputs: sizes.
        seed: of the initial values (torch's own distribution). Global generators
            stay untouched.

    Example:
        >>> sum(p.numel() for p in PlainRNN.for_budget(100_000, 2500, 10).parameters())
        99499
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, seed: int = 0):
        super().__init__()
        if hidden < 1:
            raise VsrnnError(f"a plain RNN needs a hidden unit or more, not {hidden}")
        with _seeded(seed):
            self.rnn = nn.RNN(inputs, hidden, nonlinearity="relu", batch_first=True)
            self.head = nn.Linear(hidden, outputs)

    @classmethod
    def for_budget(
        cls, parameters: float, inputs: int, outputs: int, *, seed: int = 0
    ) -> PlainRNN:
        """The largest plain RNN within a budget of parameters.

        Raises:
            VsrnnError: the budget pays for no hidden unit, or is not finite.
        """
        linear = inputs + outputs + 2
        if not linear + outputs + 1 <= parameters < inf:
            raise VsrnnError(
                f"a plain RNN of {inputs} inputs and {outputs} outputs needs at least "
                f"{linear + outputs + 1} parameters for a hidden unit, not {parameters}"
            )
        hidden = (-linear + sqrt(linear**2 + 4 * (parameters - outputs))) / 2
        return cls(inputs, floor(hidden), outputs, seed=seed)

    def block_weights(self) -> dict[str, int]:
        """The number of weights in each block; the head reads the new hidden state."""
        hidden, inputs = self.rnn.hidden_size, self.rnn.input_size
        outputs = self.head.out_features
        count = {"hx": hidden * inputs, "hh": hidden**2, "yh": outputs * hidden}
        return dict.fromkeys(BLOCKS, 0) | count

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run ``(batch, time, inputs)`` to ``(batch, time, outputs)`` and a state."""
        hidden, state = self.rnn(x, state)  # (batch, time, hidden)
        return self.head(hidden), state

    def step(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Advance one step: ``(batch, inputs)`` in, ``(batch, outputs)`` out."""
        output, state = self.forward(x[:, None], state)
        return output[:, 0], state


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator inside the block, and restore it after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
