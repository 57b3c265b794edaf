"""The products of a pass of block RNNs: dense, or on the weights alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

# An input row of lower density is multiplied on its weights alone: on one CPU thread
# 218 x 2500 at density .1, .2, .3 takes 1.7, 3.1, 4.9 ms forward and back, against
# 4.2 ms dense. Narrow inputs are faster dense.
SPARSE_BELOW = 0.25
SPARSE_FROM = 100  # columns
# What such rows cost beside, in entries not multiplied: turning the inputs over, for
# each column of them, and keeping dense rows apart, for each weight of those. Rows that
# save less than that are multiplied densely with the others.
TURNED, APART = 4, 1 / 13
# From so many columns on bags are faster: 45 GFLOP/s on one thread against 22.
BAGS_FROM = 32
# Numbers that stay in the cache: 160 columns of 2,500. Fewer columns than the least
# make many short sums, a third slower: the weights of several states, under each other,
# are worked on model by model, so what is read at a time stays there all the same.
CACHED, LEAST = 400_000, 128

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
        """Values of ``left right^T`` at the places; ``right`` in parts of columns."""
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
        like: of the device and precision of the weights.
    """

    def __init__(self, index: Tensor, rows: int, inputs: int, like: Tensor) -> None:
        self.rows, self.inputs, self.index = rows, inputs, index
        row, column = index // inputs, index % inputs
        saved = SPARSE_BELOW * inputs - torch.bincount(row, minlength=rows)
        thin = saved > 0
        beside = TURNED * inputs + APART * (~thin)[row].sum()
        if not _sparse_pays(like, inputs) or saved[thin].sum() < beside:
            thin = torch.zeros_like(thin)
        self.dense_rows = (~thin).nonzero()[:, 0]
        self.thin = thin[row].nonzero()[:, 0]  # which weights
        self.sparse = Sparse(row[self.thin], column[self.thin], (rows, inputs))
        self.thick = self.dense_index = index  # all of them, if not some are thin
        if thin.any():  # rows without weights, too
            self.thick = (~thin)[row].nonzero()[:, 0]
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

    def _dense(self, weight: Tensor) -> Tensor:
        shape = (len(self.dense_rows), self.inputs)
        return fill(_pick(weight, self.thick), self.dense_index, shape)


class StateProduct:
    """What reads the state: a matrix for each model, all dense or all sparse.

    Args:
        index: flat positions of the weights in ``(models, rows, rows)``, rising.
        models: how many.
        rows: of each.
        like: of the device and precision of the weights.
    """

    def __init__(self, index: Tensor, models: int, rows: int, like: Tensor) -> None:
        self.index, self.shape = index, (models, rows, rows)
        low = len(index) < SPARSE_BELOW * models * rows**2
        self.sparse: Sparse | None = None
        if low and _sparse_pays(like, rows):
            row, column = index // rows, index // rows**2 * rows + index % rows
            shape = (models * rows, models * rows)  # block diagonal
            self.sparse = Sparse(row, column, shape)
            self.order = torch.argsort(column, stable=True)
            self.turned = Sparse(column[self.order], row[self.order], shape)
        self.flat = models == 1 or self.sparse is not None  # else a batch of products

    def matrix(self, weight: Tensor) -> Tensor:
        """The matrix, in the form that :meth:`add` takes."""
        if self.sparse is not None:
            return self.sparse.matrix(weight)
        matrix = fill(weight, self.index, self.shape)
        return matrix[0] if self.flat else matrix

    def transposed(self, matrix: Tensor) -> Tensor:
        """The transpose of such a matrix, likewise."""
        if self.sparse is None:
            return matrix.mT
        return self.turned.matrix(matrix.values().index_select(0, self.order))

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


def _add_product(total: Tensor, matrix: Tensor, right: Tensor) -> None:
    """Add a matrix compressed by rows times ``(columns, n)``.

    Each row of the product is a bag of weighted rows of ``right``. That kernel of torch
    is twice as fast as its product of such matrices, except for few columns.
    """
    if right.shape[1] < BAGS_FROM:
        total.addmm_(matrix, right)
        return
    columns, rows = matrix.col_indices(), matrix.crow_indices()
    how: Any = {"per_sample_weights": matrix.values(), "include_last_offset": True}
    total.add_(torch.embedding_bag(right, columns, rows, **how)[0])


def _pick(values: Tensor, which: Tensor) -> Tensor:
    """Those of the values; all of them where as many are asked for."""
    return values if len(which) == len(values) else values.index_select(0, which)


def fill(values: Tensor, index: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A dense matrix with the values at these flat positions."""
    size = prod(shape)
    if len(index) == size:
        return values.view(shape)
    zeros = values.new_zeros(size)
    if torch._C._are_functorch_transforms_active():  # vmap has no scatter_
        return zeros.scatter(0, index, values).view(shape)
    return zeros.scatter_(0, index, values).view(shape)


def _parts(columns: Tensor) -> list[Tensor]:
    """As many columns at a time as stay in the cache, each part contiguous."""
    width = max(LEAST, CACHED // len(columns))
    # with one more axis torch copies in all threads
    return [part[:, None].contiguous()[:, 0] for part in columns.split(width, 1)]


def _sparse_pays(like: Tensor, width: int) -> bool:
    """Whether products on the weights alone can be faster, where density is low.

    There are none in half precision.
    """
    on_cpu = like.device.type == "cpu" and torch.backends.mkl.is_available()
    single = like.dtype in (torch.float32, torch.float64)
    return on_cpu and single and width >= SPARSE_FROM
