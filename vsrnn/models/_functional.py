"""One pass of block RNNs that read the same inputs, forward and back.

One network is a pass of one model. Several are one network whose state matrix is block
diagonal: their input rows stand under each other in one product, and their time loops
are one loop of batched products. Models of different hidden sizes are padded with rows
that have no weights, so their states and gradients stay zero.

What makes it fast, most important first:

- Only the weights are stored and trained. Where density is low the products are on the
  weights alone, elsewhere they are dense: by rows for the inputs, all or none for the
  state. Many columns are multiplied as bags of weighted rows.
- Back-propagation is written out: after the time loop one product for each matrix is
  left, where autograd would make one a step.
- States and gradients lie as (rows, time, batch): no product copies them. Inputs lie as
  (time, batch, inputs), which dense products read as they are; those on the weights
  alone read a copy, turned, of as many columns at a time as stay in the cache.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# An input row of lower density is multiplied on its weights alone: on one CPU thread
# 218 x 2500 at density .1, .2, .3 takes 1.5, 2.7, 4.3 ms forward and back, against
# 3.8 ms dense. Narrow inputs are faster dense.
SPARSE_BELOW = 0.25
SPARSE_FROM = 100  # columns
# From so many columns on bags are faster: 45 GFLOP/s on one thread against 22.
BAGS_FROM = 32
# Numbers that stay in the cache: 160 columns of 2,500.
CACHED = 400_000

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

    def outer(self, left: Tensor, parts: Sequence[Tensor]) -> Tensor:
        """Values of ``left right^T`` at the places: ``(rows, n)`` by ``(columns, n)``.

        ``right`` comes in parts of its columns.
        """
        product = self.matrix(left.new_zeros(len(self.column)))
        widths = [part.shape[1] for part in parts]
        for a, b in zip(left.split(widths, 1), parts, strict=True):
            torch.sparse.sampled_addmm(product, a.contiguous(), b.t(), out=product)
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

    def parts(self, x: Tensor) -> list[Tensor]:
        """Inputs ``(n, inputs)`` as the products on the weights alone read them."""
        return _parts(x.t()) if len(self.thin) else []

    def add(
        self, drive: Tensor, x: Tensor, parts: Sequence[Tensor], weight: Tensor
    ) -> None:
        """Add the matrix times the inputs to ``drive``, ``(rows, n)``."""
        if len(self.thin):
            matrix = self.sparse.matrix(_pick(weight, self.thin))
            widths = [part.shape[1] for part in parts]
            for some, part in zip(drive.split(widths, 1), parts, strict=True):
                _add_product(some, matrix, part)
        if len(self.dense_rows) == self.rows:
            drive.addmm_(self._dense(weight), x.t())
        elif len(self.thick):
            drive.index_add_(0, self.dense_rows, self._dense(weight) @ x.t())

    def weight_grad(self, grad: Tensor, x: Tensor, parts: Sequence[Tensor]) -> Tensor:
        """Gradient on the weights alone, from that of the drive, ``(rows, n)``."""
        found = []
        if len(self.thin):
            found.append((self.thin, self.sparse.outer(grad, parts)))
        if len(self.thick):
            rows = grad if len(self.dense_rows) == self.rows else grad[self.dense_rows]
            found.append((self.thick, _pick((rows @ x).view(-1), self.dense_index)))
        if len(found) == 1:
            return found[0][1]
        whole = x.new_empty(len(self.index))
        for which, values in found:
            whole.scatter_(0, which, values)
        return whole

    def input_grad(self, grad: Tensor, weight: Tensor) -> Tensor:
        """Gradient on the inputs, ``(n, inputs)``."""
        return grad.t() @ _fill(weight, self.index, (self.rows, self.inputs))

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
        self.flat = models == 1 or self.sparse is not None  # else a batch of products

    def matrices(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix and its transpose, in the form that :meth:`add` takes."""
        if self.sparse is None:
            matrix = _fill(weight, self.index, self.shape)
            matrix = matrix[0] if self.flat else matrix
            return matrix, matrix.mT
        values = weight.index_select(0, self.order)
        return self.sparse.matrix(weight), self.transposed.matrix(values)

    def steps(self, states: Tensor) -> tuple[Tensor, ...]:
        """The steps of ``(models, rows, time, batch)``, as :meth:`add` takes them."""
        return states.flatten(0, 1).unbind(1) if self.flat else states.unbind(2)

    def add(self, after: Tensor, matrix: Tensor, before: Tensor) -> None:
        """Add the product of a matrix and a step to another step."""
        if self.sparse is not None:
            _add_product(after, matrix, before)
        else:
            (after.addmm_ if self.flat else after.baddbmm_)(matrix, before)

    def weight_grad(self, grad: Tensor, before: Tensor) -> Tensor:
        """Gradient on the weights, from ``(models, rows, n)`` of all steps."""
        if self.sparse is None:
            return _pick((grad @ before.mT).view(-1), self.index)
        return self.sparse.outer(grad.flatten(0, 1), _parts(before.flatten(0, 1)))


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
    start: Tensor | None,
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
        start: the states before the first step, ``(models, rows, batch)``; zeros if
            absent.
        weight_input: vector of the weights that read the inputs.
        weight_state: of those that read the state.
        bias: ``(models * rows,)``.
        layout: the places of the weights.
    """
    on_cpu = x.device.type == "cpu"  # elsewhere a look at the values would wait
    blank = on_cpu and x.shape[1] > 1 and not x.requires_grad and not x[:, -1].any()
    seen = (x[:, :-1] if blank else x).transpose(0, 1).reshape(-1, x.shape[2])
    weights = (weight_input, weight_state, bias)
    states: Tensor = _Pass.apply(seen, start, *weights, layout, x.shape[:2])
    return states


class _Pass(torch.autograd.Function):
    """Input product and time loop, with back-propagation through time written out."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        start: Tensor | None,
        weight_input: Tensor,
        weight_state: Tensor,
        bias: Tensor,
        layout: Layout,
        size: tuple[int, int],
    ) -> Tensor:
        (batch, time), models, rows = size, layout.models, layout.rows
        states = bias.new_empty(models, rows, 1 + time, batch)
        states[:, :, 0] = 0 if start is None else start
        states[:, :, 1:] = bias.view(models, rows, 1, 1)
        parts = layout.input.parts(x)
        drive = states.view(models * rows, -1)[:, batch : batch + len(x)]
        layout.input.add(drive, x, parts, weight_input)
        matrix, transposed = layout.state.matrices(weight_state)
        steps, hidden = layout.state.steps(states), states[:, : layout.hidden].unbind(2)
        for t in range(time):
            if t > 0 or start is not None:
                layout.state.add(steps[t + 1], matrix, steps[t])
            hidden[t + 1].relu_()
        ctx.save_for_backward(x, states, weight_input)
        ctx.layout, ctx.parts, ctx.transposed = layout, parts, transposed
        return states[:, :, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, states, weight_input = ctx.saved_tensors
        layout, transposed = ctx.layout, ctx.transposed
        models, rows, time, batch = grad.shape
        grad = grad.clone(memory_format=torch.contiguous_format)
        steps, hidden = layout.state.steps(grad), grad[:, : layout.hidden].unbind(2)
        after = states[:, : layout.hidden].unbind(2)
        for t in reversed(range(time)):
            _relu_backward(hidden[t], after[t + 1])
            if t > 0:
                layout.state.add(steps[t - 1], transposed, steps[t])
        first = None
        if ctx.needs_input_grad[1]:
            first = grad.new_zeros(models, rows, 1, batch)
            layout.state.add(*layout.state.steps(first), transposed, steps[0])
            first = first[:, :, 0]
        flat = grad.view(models, rows, time * batch)
        before = states.view(models, rows, -1)[:, :, : time * batch]
        drive = grad.view(models * rows, -1)[:, : len(x)]
        return (
            layout.input.input_grad(drive, weight_input)
            if ctx.needs_input_grad[0]
            else None,
            first,
            layout.input.weight_grad(drive, x, ctx.parts),
            layout.state.weight_grad(flat, before),
            flat.sum(2).view(-1),
            None,
            None,
        )


def _add_product(total: Tensor, matrix: Tensor, right: Tensor) -> None:
    """Add a matrix compressed by rows times ``(columns, n)``.

    Each row of the product is a bag of weighted rows of ``right``. That kernel of torch
    is twice as fast as its product of such matrices, except for few columns.
    """
    if right.shape[1] < BAGS_FROM:
        total.addmm_(matrix, right)
    else:
        bags, *_ = torch.embedding_bag(
            right,
            matrix.col_indices(),
            matrix.crow_indices(),
            per_sample_weights=matrix.values(),
            include_last_offset=True,
        )
        total.add_(bags)


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


def _parts(columns: Tensor) -> list[Tensor]:
    """As many columns at a time as stay in the cache, each part contiguous."""
    width = max(1, CACHED // len(columns))
    # with one more axis torch copies in all threads
    return [part[:, None].contiguous()[:, 0] for part in columns.split(width, 1)]


def _sparse_pays(index: Tensor, width: int) -> bool:
    """Whether products on the weights alone can be faster, where density is low."""
    on_cpu = index.device.type == "cpu" and torch.backends.mkl.is_available()
    return on_cpu and width >= SPARSE_FROM
