"""Passes of block RNNs by compiled loops, where numba is installed."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vsrnn.files import cache_folder
from vsrnn.models._kernels.plain import blank_end

if TYPE_CHECKING:
    from vsrnn.models._kernels.layout import Layout

# Four rows are multiplied densely where that many of the entries in columns that any of
# them reads are weights: 110 GFLOP/s on one thread against 70 on the weights alone.
DENSE_FROM = 0.6
# Columns of a wide matrix that are worked on together, so that they stay in the cache.
WIDE, TOGETHER = 768, 512
WIDTH, LANES = 64, 16
"""Sequences of a share, at most; and of what they are multiples in memory."""


@cache
def loops() -> ModuleType | None:
    """The compiled loops, which are loaded when first needed, or None without numba."""
    if find_spec("numba") is None:
        return None
    return _loaded("loops")


@cache
def steps() -> ModuleType:
    """Those that train."""
    return _loaded("steps")


def _loaded(name: str) -> ModuleType:
    """A module of loops, whose compiled code is kept in a folder of its sources."""
    from numba.core import config

    own = sorted(Path(__file__).parent.glob("*.py"))
    sources = hashlib.sha256(b"".join(path.read_bytes() for path in own))
    before, folder = config.CACHE_DIR, cache_folder() / "loops"
    config.CACHE_DIR = str(folder / sources.hexdigest()[:16])
    try:
        return import_module(f"{__package__}.{name}")
    finally:
        config.CACHE_DIR = before


def able(x: Tensor, weight: Tensor) -> bool:
    """Whether there are compiled loops for these."""
    return (
        type(x) is Tensor
        and x.dtype is weight.dtype is torch.float32
        and x.device.type == "cpu"
        and loops() is not None
    )


class Form:
    """A matrix as strips: of four rows, or of one where there are few weights.

    Args:
        index: flat positions of the weights, rising.
        shape: of the matrix.
        turned: turn it over.
    """

    def __init__(
        self, index: np.ndarray, shape: tuple[int, int], turned: bool = False
    ) -> None:
        number = np.full(shape, -1, np.int32)
        number.ravel()[index] = np.arange(len(index))
        number = np.ascontiguousarray(number.T) if turned else number
        self.strips: list[tuple[int, ...]] = []
        self.listed: list[np.ndarray] = []
        self.sources: list[np.ndarray] = []
        self.places = self.values = self.longest = 0
        width = TOGETHER if number.shape[1] > WIDE else number.shape[1]
        for first in range(0, number.shape[1], width):
            part = number[:, first : first + width]
            for row in range(0, len(part), 4):
                self._add(part[row : row + 4], row, first, turned)
        self.table = np.array(self.strips, np.int64).reshape(-1, 5)
        none = np.zeros(1, np.int32)
        self.columns = np.concatenate([*self.listed, none])
        self.source = np.concatenate([*self.sources, none]).astype(np.int32)
        self.packed = np.empty(max(1, self.values), np.float32)
        del self.strips, self.listed, self.sources

    def _add(self, some: np.ndarray, row: int, first: int, turned: bool) -> None:
        there = some >= 0
        (read,) = np.nonzero(there.any(0))
        if len(some) == 4 and there.sum() > DENSE_FROM * 4 * len(read):
            self._strip(row, 4, read + first, some[:, read].T.ravel(), None)
            return
        for own, inside in zip(some, there, strict=True):
            (read,) = np.nonzero(inside)
            if len(read):
                values = own[read]
                begin = None if turned else int(values[0])
                self._strip(row, 1, read + first, values, begin)
            row += 1

    def _strip(
        self,
        row: int,
        rows: int,
        read: np.ndarray,
        values: np.ndarray,
        begin: int | None,
    ) -> None:
        """A strip; its values are packed unless they begin at a place of their own."""
        packed = begin is None
        begin = self.values if begin is None else begin
        self.strips.append((row, rows, len(read), self.places, begin))
        padded = -len(read) % (4 if rows == 4 else 8)
        self.listed.append(np.pad(read, (0, padded), "edge").astype(np.int32))
        self.places += len(read) + padded
        self.longest = max(self.longest, (len(read) + padded) * rows)
        if packed:
            self.sources.append(values)
            self.values += len(values)

    def words(self) -> list[int]:
        """As a job has them."""
        arrays = self.columns, self.packed, self.source
        places = [array.ctypes.data for array in arrays]
        return [self.table.ctypes.data, len(self.table), *places, self.values]


class Jobs:
    """The jobs of the models of a pass.

    Args:
        layout: the places of their weights.
    """

    def __init__(self, layout: Layout) -> None:
        self.lock = threading.Lock()  # of the packed values
        models, rows, inputs = layout.models, layout.rows, layout.inputs
        self.splits: list[np.ndarray] = []
        numbers = []
        for places, width in ((layout.index_input, inputs), (layout.index_state, rows)):
            index, size = places.cpu().numpy(), rows * width
            ends = np.searchsorted(index, np.arange(models + 1) * size)
            self.splits.append(ends)
            own = pairwise(ends.tolist())
            numbers.append([index[a:b] - m * size for m, (a, b) in enumerate(own)])
        self.forms = []
        compiled = loops()
        assert compiled is not None
        self.table = np.zeros((models, compiled.JOB), np.int64)
        longest = 16
        for job, reads, matrix in zip(self.table, *numbers, strict=True):
            forms = (
                Form(reads, (rows, inputs)),
                Form(matrix, (rows, rows)),
                Form(matrix, (rows, rows), True),
            )
            self.forms.append(forms)
            job[:3] = rows, layout.hidden, inputs
            job[compiled.READS_FORM : compiled.STEP] = np.concatenate(
                [form.words() for form in forms]
            )
            job[compiled.READS + 4], job[compiled.MATRIX + 4] = len(reads), len(matrix)
            job[compiled.BIAS + 4] = rows
            longest = max(longest, *(form.longest for form in forms))
        self.scratch = np.empty(longest, np.float32)
        self.table[:, compiled.SCRATCH] = self.scratch.ctypes.data

    def put(self, word: int, tensor: Tensor, steps: Any) -> None:
        """Where each model's part of a tensor is, so many numbers from its start."""
        self.table[:, word] = tensor.data_ptr() + 4 * np.asarray(steps)


def width_of(batch: int) -> int:
    """Sequences of a share, a multiple of 16."""
    shares = max(1, -(-batch // WIDTH))
    return max(1, -(-batch // (shares * LANES))) * LANES


def arranged(x: Tensor, width: int, seen: int) -> Tensor:
    """The steps of inputs that are seen, as passes read them."""
    batch, _, inputs = x.shape
    read = x.new_empty(-(-batch // width) * seen * inputs * width)
    run: Any = loops()
    run.arrange(
        x.data_ptr(),
        4 * x.stride(0),
        4 * x.stride(1),
        batch,
        width,
        seen,
        inputs,
        read.data_ptr(),
    )
    return read


def jobs_of(layout: Layout) -> Jobs:
    """Those of a layout, made once."""
    if layout.jobs is None:
        layout.jobs = Jobs(layout)
    return layout.jobs


def forward(x: Tensor, start: Tensor | None, weights: Any, layout: Layout) -> Any:
    """States and inputs, laid out for the way back; outputs and last states."""
    run, jobs = loops(), jobs_of(layout)
    assert run is not None
    batch, time, _ = x.shape
    seen = time - blank_end(x)
    x = x.detach()
    if x.stride(2) != 1:
        x = x.contiguous()
    width = width_of(batch)
    models, rows = layout.models, layout.rows
    read = arranged(x, width, seen)
    states = x.new_empty(models, max(1, -(-batch // width)), 1 + time, rows, width)
    if start is not None:
        _put(states[:, :, 0], start)
    own = [weight.detach().contiguous() for weight in weights]
    with jobs.lock:
        _place(jobs, run, own, states, layout, 0)
        run.forward(
            jobs.table.ctypes.data,
            0,
            models,
            read.data_ptr(),
            batch,
            width,
            time,
            seen,
            start is not None,
            layout.activation == "tanh",
        )
    output = _taken(states[:, :, 1:, layout.hidden :], batch)
    return (states, read), (batch, seen), output, _taken(states[:, :, -1], batch)


def backward(
    kept: Any, rest: Any, given: Any, layout: Layout, needed: Any, ends: Any
) -> Any:
    """Gradients of inputs, start and weights."""
    run, jobs = loops(), jobs_of(layout)
    assert run is not None
    (states, read), (batch, seen), (output, last) = kept, rest, ends
    _, start, *weights = given
    models, _, time, _, width = states.shape
    grads = torch.zeros_like(states)
    if output is not None:
        _put(grads[:, :, 1:, layout.hidden :], output)
    if last is not None:
        grads[:, :, -1] += _put(torch.zeros_like(grads[:, :, -1]), last)
    own = [weight.detach().contiguous() for weight in weights]
    found = [torch.empty_like(weight) for weight in own]
    with jobs.lock:
        _place(jobs, run, own, states, layout, 0)
        _place(jobs, run, found, grads, layout, 1)
        run.backward(
            jobs.table.ctypes.data,
            0,
            models,
            read.data_ptr(),
            batch,
            width,
            time - 1,
            seen,
            start is not None,
            needed[1],
            layout.activation == "tanh",
        )
    x = None
    if needed[0]:
        drive = _taken(grads[:, :, 1:], batch)  # (models, rows, time, batch)
        x = layout.input_grad(drive.flatten(2).flatten(0, 1), own[0])
        x = x.view(time - 1, batch, -1).transpose(0, 1)
    first = _taken(grads[:, :, 0], batch) if needed[1] else None
    return x, first, *found


def _place(
    jobs: Jobs, run: Any, parts: Any, states: Tensor, layout: Layout, which: int
) -> None:
    """Say where weights and states are, or with 1 where their gradients are."""
    jobs.put(run.STATES + which, states, states.stride(0) * np.arange(layout.models))
    ends = *(ends[:-1] for ends in jobs.splits), layout.rows * np.arange(layout.models)
    for part, place, own in zip(
        (run.READS, run.MATRIX, run.BIAS), ends, parts, strict=True
    ):
        jobs.put(part + which, own, place)


def _put(places: Tensor, values: Tensor) -> Tensor:
    """Write ``(models, rows, .., batch)`` as ``(models, shares, .., rows, width)``."""
    wide = places.shape[1] * places.shape[-1]
    if wide > values.shape[-1]:
        values = torch.nn.functional.pad(values, (0, wide - values.shape[-1]))
    split = values.unflatten(-1, (places.shape[1], places.shape[-1]))
    # (models, rows, (time,) shares, width)
    turned = split.permute(0, 3, 2, 1, 4) if split.dim() == 5 else split.transpose(1, 2)
    places.copy_(turned)
    return places


def _taken(places: Tensor, batch: int) -> Tensor:
    """The same back, a copy."""
    back = (
        places.permute(0, 3, 2, 1, 4) if places.dim() == 5 else places.transpose(1, 2)
    )
    return back.flatten(-2)[..., :batch].clone(memory_format=torch.contiguous_format)
