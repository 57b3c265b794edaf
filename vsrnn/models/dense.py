"""Twins of networks with masks, of modules of ``torch.nn`` alone, for export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from vsrnn.models.ragged import Inputs, Lengths, run_ragged

Pair = tuple[Tensor, Tensor]
KINDS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU}


class DenseBlock(nn.Module):
    """A block RNN of dense matrices: it computes the same, and has no masks.

    Args:
        reads, matrix, bias: of the inputs, the state and the rows.
        hidden: how many rows, the first, are hidden units.
        activation: of these.
    """

    def __init__(
        self, reads: Tensor, matrix: Tensor, bias: Tensor, hidden: int, activation: str
    ) -> None:
        super().__init__()
        self.hidden, self.activation = hidden, activation
        self.input = _linear(reads, bias)
        self.state = _linear(matrix)

    def forward(
        self, x: Inputs, state: Pair | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, Pair]:
        """Run ``(batch, time, inputs)`` to ``(batch, time, outputs)`` and a state.

        Packed sequences, or ``lengths`` of padded ones, are as for the network.
        """
        if isinstance(x, PackedSequence) or lengths is not None:
            return run_ragged(self.forward, _unchecked, x, state, lengths)
        before = None if state is None else torch.cat(state, -1)
        outputs, activate = [], getattr(torch, self.activation)
        for step in self.input(x).unbind(1):
            after = step if before is None else step + self.state(before)
            h, y = activate(after[..., : self.hidden]), after[..., self.hidden :]
            before = torch.cat([h, y], -1)
            outputs.append(y)
        return torch.stack(outputs, 1), (h, y)


class DenseCell(nn.Module):
    """A masked cell of dense matrices: it computes the same, and has no masks.

    Args:
        matrices, biases: of the masked cell, by name.
        cell: which.
        layers: how many.
        units: of symbols, the vector that each is read as.
    """

    def __init__(
        self,
        matrices: Mapping[str, Tensor],
        biases: Mapping[str, Tensor],
        cell: str,
        layers: int,
        units: Tensor | None,
    ) -> None:
        super().__init__()
        self.symbols = None if units is None else nn.Embedding.from_pretrained(units)
        self.start = _linear(matrices["start"]) if "start" in matrices else None
        self.head = _linear(matrices["head"], biases.get("head"))
        sizes = matrices["ih_0"].shape[1], matrices["hh_0"].shape[1], layers
        how: dict[str, Any] = {"batch_first": True, "bias": bool(biases)}
        if cell not in KINDS:
            how["nonlinearity"] = cell
        self.rnn = KINDS.get(cell, nn.RNN)(*sizes, device="meta", **how)  # no draws
        for kind, values in (("weight", matrices), ("bias", biases)):
            for part, value in values.items():
                if part[:2] in ("ih", "hh"):
                    name = f"{kind}_{part.replace('_', '_l')}"
                    setattr(self.rnn, name, nn.Parameter(value))

    def forward(
        self, x: Inputs, state: Any = None, lengths: Lengths | None = None
    ) -> tuple[Any, Any]:
        """Run ``(batch, time, inputs)`` to ``(batch, time, outputs)`` and a state.

        Packed sequences, or ``lengths`` of padded ones, are as for the network.
        """
        if isinstance(x, PackedSequence) or lengths is not None:
            return run_ragged(self.forward, _unchecked, x, state, lengths)
        read: Tensor = x if self.symbols is None else self.symbols(x)
        if self.start is not None:
            width = self.start.in_features
            if state is None:
                first = self.start(read[:, 0, :width])[None]
                zeros = first.new_zeros(self.rnn.num_layers, *first.shape[1:])
                h = torch.cat([first, zeros[1:]])
                state = (h, zeros) if isinstance(self.rnn, nn.LSTM) else h
            read = read[..., width:]
        hidden, state = self.rnn(read, state)
        return self.head(hidden), state


def _unchecked(x: Any, state: Any) -> tuple[Tensor, Any]:
    return x, state


def _linear(matrix: Tensor, bias: Tensor | None = None) -> nn.Linear:
    """A linear layer of these values, without drawing any."""
    rows, width = matrix.shape
    made = nn.Linear(width, rows, bias=bias is not None, device="meta")
    made.weight = nn.Parameter(matrix)
    if bias is not None:
        made.bias = nn.Parameter(bias)
    return made
