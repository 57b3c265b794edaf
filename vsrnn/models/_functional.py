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
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# An input row of lower density is multiplied on its weights alone: on one CPU thread
# 218 x 2500 at density .1, .2, .3 takes 1.1, 2.2, 3.3 ms forward and back, against
# 3.7 ms dense. Narrow inputs are faster dense.
SPARSE_BELOW = 0.25
SPARSE_FROM = 256  # columns
# Numbers that stay in the cache: 32 columns of 2,500 forward, 160 back. Forward that
# saves 30 %, and with a batch of 256 it halves the time back.
CACHED, CACHED_BACK = 80_000, 400_000

with warnings.catch_warnings():  # torch says once a process that CSR is in beta
    warnings.simplefilter("ignore")
    torch.zeros(1, 1).to_sparse_csr()


class Sparse:
    """A matrix known by the places of its weights, and products on those alone.

    Args:
        row, column: places of the weights, in row-major order.
        shape: of the matrix.
    """

    def __init__(self, row: Tensor, column: Tensor, shape: tuple[int, int]) -> None:
        self.shape = shape
        count = torch.bincount(row, minlength=shape[0])
        self.start = torch.cat([count.new_zeros(1), count.cumsum(0)]).int()
        self.column = column.int()

    def matrix(self, values: Tensor) -> Tensor:
        """The matrix, compressed by rows."""
        return torch.sparse_csr_tensor(
            self.start, self.column, values, self.shape, check_invariants=False
        )

    def outer(self, left: Tensor, right: Tensor) -> Tensor:
        """Values of ``left right^T`` at the places: ``(rows, n)`` by ``(columns, n)``.

        As many of the ``n`` are taken at a time as let ``right`` stay in the cache.
        """
        product = self.matrix(left.new_zeros(len(self.column)))
        for part in _slices(right, CACHED_BACK):
            a, b = left[:, part].contiguous(), right[:, part].contiguous()
            torch.sparse.sampled_addmm(product, a, b.t(), out=product)
        return product.values()


class InputProduct:
    """The input matrix of a pass, rows of low density apart from dense ones.

    Args:
        index: flat positions of the weights in the ``(rows, inputs)`` matrix, rising.
        rows: of all models.
        inputs: columns.
    """

    def __init__(self, index: Tensor, rows: int, inputs: int) -> None:
        self.rows, self.inputs, self.index = rows, inputs, index
        row, column = index // inputs, index % inputs
        thin = torch.bincount(row, minlength=rows) < SPARSE_BELOW * inputs
        if not _sparse_pays(index, inputs):
            thin = torch.zeros_like(thin)
        self.thin = thin[row].nonzero()[:, 0]  # which weights
        self.thick = (~thin)[row].nonzero()[:, 0]
        self.sparse = Sparse(row[self.thin], column[self.thin], (rows, inputs))
        self.dense_rows = (~thin).nonzero()[:, 0]
        rank = (~thin).cumsum(0) - 1
        self.dense_index = (rank[row] * inputs + column)[self.thick]

    def columns(self, x: Tensor) -> Tensor:
        """Inputs ``(batch, time, inputs)`` as ``(inputs, time * batch)``."""
        if len(self.thin):
            return x.permute(2, 1, 0).contiguous().view(self.inputs, -1)
        return x.transpose(0, 1).reshape(-1, self.inputs).t()  # a dense product's way

    def add(self, drive: Tensor, columns: Tensor, weight: Tensor) -> None:
        """Add the matrix times ``(inputs, n)`` columns to ``drive``, ``(rows, n)``."""
        if len(self.thin):
            matrix = self.sparse.matrix(_pick(weight, self.thin))
            for part in _slices(columns, CACHED):
                drive[:, part].addmm_(matrix, columns[:, part].contiguous())
        if len(self.dense_rows) == self.rows:
            drive.addmm_(self._dense(weight), columns)
        elif len(self.thick):
            drive.index_add_(0, self.dense_rows, self._dense(weight) @ columns)

    def weight_grad(self, grad: Tensor, columns: Tensor) -> Tensor:
        """Gradient on the weights alone, from that of the drive, ``(rows, n)``."""
        parts = []
        if len(self.thin):
            parts.append((self.thin, self.sparse.outer(grad, columns)))
        if len(self.thick):
            rows = grad if len(self.dense_rows) == self.rows else grad[self.dense_rows]
            dense = (rows @ columns.t()).view(-1)
            parts.append((self.thick, _pick(dense, self.dense_index)))
        if len(parts) == 1:
            return parts[0][1]
        found = columns.new_empty(len(self.index))
        for which, values in parts:
            found.scatter_(0, which, values)
        return found

    def input_grad(self, grad: Tensor, weight: Tensor) -> Tensor:
        """Gradient on the columns, ``(inputs, n)``."""
        return _fill(weight, self.index, (self.rows, self.inputs)).t() @ grad

    def _dense(self, weight: Tensor) -> Tensor:
        shape = (len(self.dense_rows), self.inputs)
        return _fill(_pick(weight, self.thick), self.dense_index, shape)


class StateProduct:
    """What reads the state: a matrix for each model, all dense or all sparse.

    Args:
        index: flat positions of the weights in ``(models, rows, rows)``, rising.
        models: how many.
        rows: of each.
    """

    def __init__(self, index: Tensor, models: int, rows: int) -> None:
        self.index, self.shape = index, (models, rows, rows)
        low = len(index) < SPARSE_BELOW * models * rows**2
        self.sparse: Sparse | None = None
        if low and _sparse_pays(index, rows):
            row, column = index // rows, index // rows**2 * rows + index % rows
            shape = (models * rows, models * rows)  # block diagonal
            self.sparse = Sparse(row, column, shape)
            self.order = torch.argsort(column, stable=True)
            self.transposed = Sparse(column[self.order], row[self.order], shape)

    def matrices(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix and its transpose, in the form that :meth:`add` takes."""
        if self.sparse is None:
            matrix = _fill(weight, self.index, self.shape)
            return matrix, matrix.mT
        values = weight.index_select(0, self.order)
        return self.sparse.matrix(weight), self.transposed.matrix(values)

    def add(self, after: Tensor, matrix: Tensor, before: Tensor) -> None:
        """Add the product with a step ``(models, rows, batch)`` to another step."""
        if self.sparse is None:
            after.baddbmm_(matrix, before)
        else:
            after.flatten(0, 1).addmm_(matrix, before.flatten(0, 1))

    def weight_grad(self, grad: Tensor, before: Tensor) -> Tensor:
        """Gradient on the weights, from ``(models, rows, n)`` of all steps."""
        if self.sparse is None:
            return _pick((grad @ before.mT).view(-1), self.index)
        return self.sparse.outer(grad.flatten(0, 1), before.flatten(0, 1))


@dataclass(frozen=True)
class Layout:
    """How the weights of a pass fill its matrices.

    Args:
        input: the product with the inputs, ``models * (hidden + outputs)`` rows.
        state: the product with the state.
        models: how many there are.
        hidden: rows of the largest model that are hidden units; they come first.
        outputs: rows of each model that are outputs.
    """

    input: InputProduct
    state: StateProduct
    models: int
    hidden: int
    outputs: int

    @property
    def rows(self) -> int:
        """Rows of each model, padding included."""
        return self.hidden + self.outputs


def lay_out(
    index_input: Tensor,
    index_state: Tensor,
    models: int,
    sizes: tuple[int, int, int],
) -> Layout:
    """Prepare the products of a pass.

    Args:
        index_input: flat positions in ``(models, rows, inputs)``, rising.
        index_state: flat positions in ``(models, rows, rows)``, rising.
        models: how many there are.
        sizes: inputs, hidden and outputs, of the largest.
    """
    inputs, hidden, outputs = sizes
    rows = hidden + outputs
    product = InputProduct(index_input, models * rows, inputs)
    state = StateProduct(index_state, models, rows)
    return Layout(product, state, models, hidden, outputs)


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
    columns = layout.input.columns(x[:, :-1] if blank else x)
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
        layout.input.add(drive, columns, weight_input)
        matrix, transposed = layout.state.matrices(weight_state)
        steps, hidden = states.unbind(2), states[:, : layout.hidden].unbind(2)
        for t in range(time):
            layout.state.add(steps[t + 1], matrix, steps[t])
            hidden[t + 1].relu_()
        ctx.save_for_backward(columns, states, weight_input)
        ctx.layout, ctx.transposed = layout, transposed
        return states[:, :, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        columns, states, weight_input = ctx.saved_tensors
        layout, transposed = ctx.layout, ctx.transposed
        models, rows, time, batch = grad.shape
        grad = grad.clone(memory_format=torch.contiguous_format)
        steps, hidden = grad.unbind(2), grad[:, : layout.hidden].unbind(2)
        after = states[:, : layout.hidden].unbind(2)
        for t in reversed(range(time)):
            _relu_backward(hidden[t], after[t + 1])
            if t > 0:
                layout.state.add(steps[t - 1], transposed, steps[t])
        first = None
        if ctx.needs_input_grad[1]:
            first = torch.zeros_like(steps[0])
            layout.state.add(first, transposed, steps[0])
        flat = grad.view(models, rows, time * batch)
        before = states.view(models, rows, -1)[:, :, : time * batch]
        drive = grad.view(models * rows, -1)[:, : columns.shape[1]].contiguous()
        return (
            layout.input.input_grad(drive, weight_input)
            if ctx.needs_input_grad[0]
            else None,
            first,
            layout.input.weight_grad(drive, columns),
            layout.state.weight_grad(flat, before),
            flat.sum(2).view(-1),
            None,
            None,
        )


def _relu_backward(grad: Tensor, after: Tensor) -> None:
    """Zero the gradient where the unit was not active, in place."""
    torch.ops.aten.threshold_backward.grad_input(grad, after, 0, grad_input=grad)


def _pick(values: Tensor, which: Tensor) -> Tensor:
    """Those of the values; all of them where as many are asked for."""
    return values if len(which) == len(values) else values.index_select(0, which)


def _fill(values: Tensor, index: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A dense matrix with the values at these flat positions."""
    size = prod(shape)
    if len(values) == size:
        return values.view(shape)
    return values.new_zeros(size).scatter_(0, index, values).view(shape)


def _slices(columns: Tensor, numbers: int) -> Iterator[slice]:
    """Slices of the second axis of about so many numbers each."""
    width = max(1, numbers // len(columns))
    for first in range(0, columns.shape[1], width):
        yield slice(first, first + width)


def _sparse_pays(index: Tensor, width: int) -> bool:
    """Whether products on the weights alone can be faster, where density is low."""
    on_cpu = index.device.type == "cpu" and torch.backends.mkl.is_available()
    return on_cpu and width >= SPARSE_FROM
