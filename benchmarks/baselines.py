"""What the package is compared with, written as one would write it first."""

import torch
from torch import Tensor, nn

from vsrnn import BlockRNN

State = tuple[Tensor, Tensor]


class MaskedDense(nn.Module):
    """The network of a `BlockRNN` as dense matrices with masks, and autograd.

    The masks are multiplied in at every training step, the inputs of all time steps
    go through one product before the loop, and the optimizer sees whole matrices.

    Args:
        model: the network to copy: its masks, weights and biases.
    """

    weight_input: nn.Parameter
    weight_state: nn.Parameter
    mask_input: Tensor
    mask_state: Tensor

    def __init__(self, model: BlockRNN) -> None:
        super().__init__()
        blocks = model.matrices()
        self.hidden = model.geometry.hidden
        for part, reads in {"input": "x", "state": "hy"}.items():
            rows = [torch.cat([blocks[row + r] for r in reads], 1) for row in "hy"]
            weight = torch.cat(rows)  # (hidden + outputs, what is read)
            mask = torch.zeros_like(weight)
            mask.view(-1)[getattr(model, f"index_{part}")] = 1
            setattr(self, f"weight_{part}", nn.Parameter(weight))
            self.register_buffer(f"mask_{part}", mask)
        self.bias = nn.Parameter(model.bias.detach().clone())

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        """Run ``(batch, time, inputs)`` to ``(batch, time, outputs)`` and a state."""
        matrix = (self.weight_state * self.mask_state).t()
        matrix_input = (self.weight_input * self.mask_input).t()
        drive = x.transpose(0, 1) @ matrix_input + self.bias  # (time, batch, n)
        h, y = drive.new_zeros(len(x), len(self.bias)).tensor_split([self.hidden], 1)
        outputs = []
        for step in drive:
            new = step + torch.cat([h, y], 1) @ matrix
            h, y = torch.relu(new[:, : self.hidden]), new[:, self.hidden :]
            outputs.append(y)
        return torch.stack(outputs, 1), (h, y)
