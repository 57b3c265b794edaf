"""The two products of the block RNN: inputs for all steps at once, then the time loop.

Both are written so that back-propagation leaves one large product per weight matrix.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Below this share of weights in the input matrix, products on the weights alone beat
# dense ones: on one CPU thread 218 x 2500 at density .1, .2, .3 takes 1.2, 2.4, 3.6 ms
# forward and back, against 3.6 ms dense.
SPARSE_BELOW = 0.25

with warnings.catch_warnings():  # torch says once a process that CSR is in beta
    warnings.simplefilter("ignore")
    torch.zeros(1, 1).to_sparse_csr()


def project(
    x: Tensor, weight: Tensor, index: Tensor, rows: tuple[Tensor, Tensor]
) -> Tensor:
    """Compute the input's share of every step, ``(time, batch, n)``, in one product.

    Args:
        x: inputs, ``(batch, time, inputs)``. When the last step is blank (all zero),
            as in tasks that ask for the answer after the last informative input, its
            product is not computed.
        weight: the weights of the ``(n, inputs)`` input matrix, row-major.
        index: their flat positions.
        rows: where each row starts in ``weight``, ``(n + 1,)``, and each weight's
            column.
    """
    n, inputs = len(rows[0]) - 1, x.shape[-1]
    blank = x.shape[1] > 1 and not x.requires_grad and not x[:, -1].any()
    live = x[:, :-1] if blank else x  # (batch, steps, inputs)
    batch, steps = live.shape[:2]
    on_weights_alone = x.device.type == "cpu" and not x.requires_grad
    if on_weights_alone and len(weight) < SPARSE_BELOW * n * inputs:
        columns = live.permute(2, 1, 0).reshape(inputs, -1)  # (inputs, steps * batch)
        drive = _SparseProduct.apply(columns, weight, *rows)
        drive = drive.view(n, steps, batch).permute(1, 2, 0)
    else:
        empty = weight.new_zeros(n * inputs)
        matrix = empty.index_copy(0, index, weight).view(n, inputs)
        drive = torch.nn.functional.linear(live, matrix).transpose(0, 1)
    if blank:
        drive = torch.cat([drive, drive.new_zeros(1, batch, n)])
    return drive  # (steps, batch, n)


def recur(drive: Tensor, matrix: Tensor, start: Tensor, hidden: int) -> Tensor:
    """The time loop: ``s_t = act(drive_t + matrix s_{t-1})``, ReLU on hidden rows.

    Args:
        drive: input's share and bias, ``(time, batch, n)``.
        matrix: what reads the state, ``(n, n)``.
        start: the state before the first step, ``(batch, n)``.
        hidden: how many of the ``n`` rows are hidden; the others stay linear.

    Returns:
        The states after each step, ``(time, batch, n)``.
    """
    states: Tensor = _Recurrence.apply(drive, matrix, start, hidden)
    return states


class _SparseProduct(torch.autograd.Function):
    """A sparse matrix times a dense one, with the gradient on the weights alone."""

    @staticmethod
    def forward(
        ctx: Any, columns: Tensor, weight: Tensor, row_start: Tensor, column: Tensor
    ) -> Tensor:
        ctx.save_for_backward(columns, row_start, column)
        return _csr(row_start, column, weight, len(columns)) @ columns

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        columns, row_start, column = ctx.saved_tensors
        zeros = columns.new_zeros(len(column))
        pattern = _csr(row_start, column, zeros, len(columns))
        weights = torch.sparse.sampled_addmm(
            pattern, grad.contiguous(), columns.t(), beta=0.0
        )
        return None, weights.values(), None, None


class _Recurrence(torch.autograd.Function):
    """The time loop with a backward pass that ends in one product for the matrix."""

    @staticmethod
    def forward(
        ctx: Any, drive: Tensor, matrix: Tensor, start: Tensor, hidden: int
    ) -> Tensor:
        states = torch.cat([start[None], drive])  # (1 + time, batch, n)
        transposed = matrix.t()
        for t in range(len(drive)):
            states[t + 1].addmm_(states[t], transposed)
            states[t + 1, :, :hidden].relu_()
        ctx.save_for_backward(states, matrix)
        ctx.hidden = hidden
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        states, matrix = ctx.saved_tensors
        active = (states[1:, :, : ctx.hidden] > 0).to(grad.dtype)
        grad = grad.clone(memory_format=torch.contiguous_format)
        for t in range(len(grad) - 1, -1, -1):
            grad[t, :, : ctx.hidden].mul_(active[t])
            if t > 0:
                grad[t - 1].addmm_(grad[t], matrix)
        n = grad.shape[-1]
        grad_matrix = grad.view(-1, n).t() @ states[:-1].reshape(-1, n)
        return grad, grad_matrix, grad[0] @ matrix, None


def _csr(row_start: Tensor, column: Tensor, values: Tensor, width: int) -> Tensor:
    shape = (len(row_start) - 1, width)
    return torch.sparse_csr_tensor(
        row_start, column, values, shape, check_invariants=False
    )
