"""One pass of block RNNs that read the same inputs, forward and back.

One network is a pass of one model. Several are one network whose state matrix is block
diagonal: their input rows stand under each other in one product, and their time loops
are one loop of batched products. Models of different hidden sizes are padded with rows
that have no weights, so their states and gradients stay zero.

What makes it fast, most important first:

- Only the weights are stored and trained. An input row of low density is multiplied on
  its weights alone, a dense one by a dense product.
- Back-propagation is written out: after the time loop one product for each matrix is
  left, where autograd would make one a step.
- Inputs, states and gradients lie as (rows, time, batch): no product copies them.
- The products on the weights alone take as many columns at a time as stay in the cache.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# An input row of lower density is multiplied on its weights alone: on one CPU thread
# 218 x 2500 at density .1, .2, .3 takes 1.1, 2.2, 3.3 ms forward and back, against
# 3.7 ms dense. Narrow inputs are faster dense.
SPARSE_BELOW = 0.25
SPARSE_FROM = 512  # inputs
# Numbers that stay in the cache: 32 columns of 2,500 forward, 160 back. Forward that
# saves 30 %, and with a batch of 256 it halves the time back.
CACHED, CACHED_BACK = 80_000, 400_000

with warnings.catch_warnings():  # torch says once a process that CSR is in beta
    warnings.simplefilter("ignore")
    torch.zeros(1, 1).to_sparse_csr()


class InputProduct:
    """The input matrix of a pass as positions of its weights, and its two products.

    Args:
        index: flat positions of the weights in the ``(rows, inputs)`` matrix, rising.
        rows, inputs: its shape.
    """

    def __init__(self, index: Tensor, rows: int, inputs: int) -> None:
        self.rows, self.inputs, self.index = rows, inputs, index
        row, column = index // inputs, (index % inputs).int()
        count = torch.bincount(row, minlength=rows)
        sparse = count < SPARSE_BELOW * inputs
        on_weights_alone = (
            index.device.type == "cpu" and torch.backends.mkl.is_available()
        )
        if not on_weights_alone or inputs < SPARSE_FROM:
            sparse = torch.zeros_like(sparse)
        self.sparse = (sparse[row]).nonzero()[:, 0]  # which weights
        self.start = torch.cat([count.new_zeros(1), (count * sparse).cumsum(0)]).int()
        self.column = column[self.sparse]
        self.dense_rows = (~sparse).nonzero()[:, 0]
        self.dense = (~sparse[row]).nonzero()[:, 0]  # which weights
        rank = (~sparse).cumsum(0) - 1
        self.dense_index = (rank[row] * inputs + index % inputs)[self.dense]

    def columns(self, x: Tensor) -> Tensor:
        """Inputs ``(batch, time, inputs)`` as ``(inputs, time * batch)``."""
        columns = x.transpose(0, 1).reshape(-1, self.inputs).t()
        return columns.contiguous() if len(self.sparse) else columns

    def add(self, drive: Tensor, columns: Tensor, weight: Tensor) -> None:
        """Add the matrix times ``(inputs, n)`` columns to ``drive``, ``(rows, n)``."""
        if len(self.sparse):
            matrix = self._csr(_pick(weight, self.sparse))
            for part in self._parts(columns, CACHED):
                drive[:, part].addmm_(matrix, columns[:, part].contiguous())
        if len(self.dense_rows) == self.rows:
            drive.addmm_(self._matrix(weight), columns)
        elif len(self.dense):
            drive.index_add_(0, self.dense_rows, self._matrix(weight) @ columns)

    def weight_grad(self, grad: Tensor, columns: Tensor) -> Tensor:
        """Gradient on the weights alone, from that of the drive, ``(rows, n)``."""
        found = columns.new_empty(len(self.index))
        if len(self.sparse):
            product = self._csr(columns.new_zeros(len(self.sparse)))
            for part in self._parts(columns, CACHED_BACK):
                g, x = grad[:, part].contiguous(), columns[:, part].contiguous()
                torch.sparse.sampled_addmm(product, g, x.t(), out=product)
            if len(self.sparse) == len(self.index):
                return product.values()
            found.scatter_(0, self.sparse, product.values())
        if len(self.dense):
            part = grad if len(self.dense_rows) == self.rows else grad[self.dense_rows]
            values = (part @ columns.t()).view(-1).index_select(0, self.dense_index)
            if len(self.dense) == len(self.index):
                return values
            found.scatter_(0, self.dense, values)
        return found

    def input_grad(self, grad: Tensor, weight: Tensor) -> Tensor:
        """Gradient on the columns, ``(inputs, n)``."""
        matrix = weight.new_zeros(self.rows * self.inputs)
        matrix.scatter_(0, self.index, weight)
        return matrix.view(self.rows, self.inputs).t() @ grad

    def _parts(self, columns: Tensor, numbers: int) -> Iterator[slice]:
        width = max(1, numbers // self.inputs)
        for first in range(0, columns.shape[1], width):
            yield slice(first, first + width)

    def _csr(self, values: Tensor) -> Tensor:
        shape = (self.rows, self.inputs)
        return torch.sparse_csr_tensor(
            self.start, self.column, values, shape, check_invariants=False
        )

    def _matrix(self, weight: Tensor) -> Tensor:
        """The dense rows as a matrix."""
        rows = len(self.dense_rows)
        values = _pick(weight, self.dense)
        if len(values) == rows * self.inputs:
            return values.view(rows, self.inputs)
        matrix = weight.new_zeros(rows * self.inputs)
        return matrix.scatter_(0, self.dense_index, values).view(rows, self.inputs)


@dataclass(frozen=True)
class Layout:
    """How the weights of a pass fill its matrices.

    Args:
        product: the input matrix, ``(models * rows, inputs)``.
        index_state: flat positions of the weights that read the state, in
            ``(models, rows, rows)``.
        models: how many there are.
        hidden, outputs: rows of the largest model; hidden ones come first.
    """

    product: InputProduct
    index_state: Tensor
    models: int
    hidden: int
    outputs: int

    @property
    def rows(self) -> int:
        """Rows of each model, padding included."""
        return self.hidden + self.outputs

    def state_matrix(self, weight: Tensor) -> Tensor:
        """What reads the state, dense, ``(models, rows, rows)``."""
        shape = (self.models, self.rows, self.rows)
        if len(weight) == self.models * self.rows**2:
            return weight.view(shape)
        matrix = weight.new_zeros(self.models * self.rows**2)
        return matrix.scatter_(0, self.index_state, weight).view(shape)


def propagate(
    x: Tensor,
    start: Tensor,
    weight_input: Tensor,
    weight_state: Tensor,
    bias: Tensor,
    layout: Layout,
) -> Tensor:
    """All states after each step, ``(models, rows, time, batch)``.

    ``s_t = act(W_input x_t + W_state s_{t-1} + bias)``, ReLU on hidden rows.

    Args:
        x: inputs, ``(batch, time, inputs)``. When the last step is blank (all zero),
            as in tasks that ask for the answer after the last informative input, its
            product is not computed.
        start: the states before the first step, ``(models, rows, batch)``.
        weight_input: vector of the weights that read the inputs.
        weight_state: of those that read the state.
        bias: ``(models * rows,)``.
        layout: the places of the weights.
    """
    on_cpu = x.device.type == "cpu"  # elsewhere a look at the values would wait
    blank = on_cpu and x.shape[1] > 1 and not x.requires_grad and not x[:, -1].any()
    columns = layout.product.columns(x[:, :-1] if blank else x)
    weights = (weight_input, weight_state, bias)
    states: Tensor = _Pass.apply(columns, start, *weights, layout, x.shape[1])
    return states


class _Pass(torch.autograd.Function):
    """Input product and time loop, with back-propagation through time written out."""

    @staticmethod
    def forward(
        ctx: Any,
        columns: Tensor,
        start: Tensor,
        weight_input: Tensor,
        weight_state: Tensor,
        bias: Tensor,
        layout: Layout,
        time: int,
    ) -> Tensor:
        models, rows, batch = start.shape
        states = start.new_empty(models, rows, 1 + time, batch)
        states[:, :, 0] = start
        states[:, :, 1:] = bias.view(models, rows, 1, 1)
        drive = states.view(models * rows, -1)[:, batch : batch + columns.shape[1]]
        layout.product.add(drive, columns, weight_input)
        matrix = layout.state_matrix(weight_state)
        steps, hidden = states.unbind(2), states[:, : layout.hidden].unbind(2)
        for t in range(time):
            steps[t + 1].baddbmm_(matrix, steps[t])
            hidden[t + 1].relu_()
        ctx.save_for_backward(columns, states, weight_input, matrix)
        ctx.layout = layout
        return states[:, :, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        columns, states, weight_input, matrix = ctx.saved_tensors
        layout = ctx.layout
        models, rows, time, batch = grad.shape
        grad = grad.clone(memory_format=torch.contiguous_format)
        steps, hidden = grad.unbind(2), grad[:, : layout.hidden].unbind(2)
        after, transposed = states[:, : layout.hidden].unbind(2), matrix.mT
        for t in reversed(range(time)):
            _relu_backward(hidden[t], after[t + 1])
            if t > 0:
                steps[t - 1].baddbmm_(transposed, steps[t])
        flat = grad.view(models, rows, time * batch)
        before = states.view(models, rows, -1)[:, :, : time * batch]
        grad_matrix = (flat @ before.mT).view(-1)
        if len(layout.index_state) < len(grad_matrix):
            grad_matrix = grad_matrix.index_select(0, layout.index_state)
        drive = grad.view(models * rows, -1)[:, : columns.shape[1]].contiguous()
        return (
            layout.product.input_grad(drive, weight_input)
            if ctx.needs_input_grad[0]
            else None,
            transposed @ steps[0] if ctx.needs_input_grad[1] else None,
            layout.product.weight_grad(drive, columns),
            grad_matrix,
            flat.sum(2).view(-1),
            None,
            None,
        )


def _relu_backward(grad: Tensor, after: Tensor) -> None:
    """Zero the gradient where the unit was not active, in place."""
    torch.ops.aten.threshold_backward.grad_input(grad, after, 0, grad_input=grad)


def _pick(weight: Tensor, which: Tensor) -> Tensor:
    return weight if len(which) == len(weight) else weight.index_select(0, which)
