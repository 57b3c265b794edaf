"""Passes of block RNNs as loops, which numba compiles: forward, loss, back, Adam.

A model is a row of words, its job: sizes, and addresses of all it reads and writes. A
pass works on shares of up to 64 sequences, each by itself. States and gradients of a
share lie as ``(1 + time, rows, width)``, its inputs as groups of steps, each ``(inputs,
steps * width)``. The width is a multiple of 16; what is behind the sequences is zero.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from vsrnn.models._kernels.vectors import (
    BYTES,
    LANES,
    numbers,
    outer,
    product,
    shorts,
    turn,
    word,
)

# Words of a job: sizes; states, their gradients, and sums of a strip;
ROWS, HIDDEN, INPUTS, STATES, GRADS, SCRATCH = range(6)
# of each part: weights, gradient, averages and how many;
READS, MATRIX, BIAS = 6, 11, 16
# of each matrix strips and how many, columns, values in the order of the strips, which
# weights these are and how many;
READS_FORM, MATRIX_FORM, TURNED_FORM = 21, 27, 33
# and how many steps Adam has made, a number.
STEP, JOB = 39, 40
# Words of a strip: first row, rows, columns and where these and their values begin.
STRIP = 5
CACHED = 400_000
"""Bytes that stay in the cache."""

inner: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
exact = njit(nogil=True, error_model="numpy", **inner)
fast = njit(nogil=True, fastmath={"reassoc", "contract", "nsz"}, **inner)


def entry(function: Any) -> Any:
    """What is called from outside, compiled once for all processes if it can be."""
    how: Any = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    try:
        return njit(cache=True, **how)(function)
    except RuntimeError:  # there is no folder to write to
        return njit(**how)(function)


@exact
def multiply(vectors, job, form, values, to, row, near, far, read, read_row):
    """Add a matrix times ``vectors`` of each row of a panel to those of another."""
    strips, number, columns = word(job, form), word(job, form + 1), word(job, form + 2)
    packed = word(job, form + 3)
    for s in range(number):
        at = strips + 8 * STRIP * s
        first, high, count = word(at, 0), word(at, 1), word(at, 2)
        own = (values if high == 1 else packed) + 4 * word(at, 4)
        product(
            10 * high + vectors, to + row * first, row, near, far,
            own, columns + 4 * word(at, 3), count, read, read_row,
        )  # fmt: skip


@exact
def gather(
    vectors,
    job,
    form,
    to,
    left,
    row,
    panel,
    near,
    far,
    right,
    right_row,
    right_panel,
    panels,
):
    """Add to gradients of weights, those of the panels on the left times the right."""
    strips, number, columns = word(job, form), word(job, form + 1), word(job, form + 2)
    source, scratch = word(job, form + 4), word(job, SCRATCH)
    sums = numbers(scratch)
    for s in range(number):
        at = strips + 8 * STRIP * s
        first, high, count = word(at, 0), word(at, 1), word(at, 2)
        own, places = left + row * first, columns + 4 * word(at, 3)
        outer(
            10 * high + vectors, scratch, own, row, panel, near, far,
            right, right_row, right_panel, panels, places, count,
        )  # fmt: skip
        begin = 4 * word(at, 4)
        if high == 1:
            total = numbers(to + begin)
            for k in range(count):
                total[k] += sums[k]
        else:
            which, total = shorts(source + begin), numbers(to)
            for k in range(high * count):
                if which[k] >= 0:
                    total[which[k]] += sums[k]


@exact
def zero(at, count):
    values = numbers(at)
    for k in range(count):
        values[k] = 0


@exact
def pack(job, form, weights):
    """Weights in the order in which strips multiply them."""
    packed, source = numbers(word(job, form + 3)), shorts(word(job, form + 4))
    own = numbers(weights)
    for k in range(word(job, form + 5)):
        packed[k] = own[source[k]] if source[k] >= 0 else np.float32(0)


@fast
def activate(at, count, tanh):
    z = numbers(at)
    if not tanh:
        for k in range(count):
            z[k] = np.float32(0) if z[k] < 0 else z[k]
        return
    most = np.float32(7.90531110763549805)
    for k in range(count):
        x = z[k]
        x = most if x > most else x
        x = -most if x < -most else x
        q = x * x
        p = np.float32(-2.76076847742355e-16) * q + np.float32(2.00018790482477e-13)
        p = p * q + np.float32(-8.60467152213735e-11)
        p = p * q + np.float32(5.12229709037114e-08)
        p = p * q + np.float32(1.48572235717979e-05)
        p = p * q + np.float32(6.37261928875436e-04)
        p = p * q + np.float32(4.89352455891786e-03)
        d = np.float32(1.19825839466702e-06) * q + np.float32(1.18534705686654e-04)
        d = d * q + np.float32(2.26843463243900e-03)
        d = d * q + np.float32(4.89352518554385e-03)
        z[k] = x * p / d


@fast
def activate_back(grad, after, count, tanh):
    g, z = numbers(grad), numbers(after)
    if not tanh:
        for k in range(count):
            g[k] = np.float32(0) if z[k] <= 0 else g[k]
        return
    for k in range(count):
        g[k] *= np.float32(1) - z[k] * z[k]


@entry
def arrange(x, sequence_stride, step_stride, batch, width, seen, inputs, to):
    """Lay inputs out as passes read them."""
    group, row = max(1, 4 // (width // LANES)), 4 * width
    for first in range(0, batch, width):
        own = min(width, batch - first)
        begin = to + (first // width) * seen * inputs * row
        for t in range(seen):
            p = t // group * group
            steps = min(group, seen - p)
            at, to_row = begin + p * inputs * row + (t - p) * row, steps * row
            read = x + first * sequence_stride + t * step_stride
            whole, deep = own // LANES * LANES, inputs // LANES * LANES
            for b in range(0, whole, LANES):
                for i in range(0, deep, LANES):
                    turn(
                        0,
                        at + i * to_row + 4 * b,
                        to_row,
                        read + b * sequence_stride + 4 * i,
                        sequence_stride,
                    )
            for i in range(inputs):
                column = numbers(at + i * to_row)
                for b in range(whole if i < deep else 0, own):
                    column[b] = numbers(read + b * sequence_stride)[i]
                for b in range(own, width):
                    column[b] = 0


@exact
def panel_layout(job, width):
    """Bytes of a row and a step, steps in a group, and strides of its vectors."""
    row, vectors = 4 * width, width // LANES
    step = word(job, ROWS) * row
    if vectors == 1:
        return row, step, 4, step, 2 * step
    if vectors == 2:
        return row, step, 2, BYTES, step
    return row, step, 1, BYTES, 2 * BYTES


@exact
def forward_share(job, states, x, batch, width, time, seen, given, tanh):
    """States of a share."""
    rows, hidden, inputs = word(job, ROWS), word(job, HIDDEN), word(job, INPUTS)
    row, step, group, near, far = panel_layout(job, width)
    vectors = width // LANES
    bias = numbers(word(job, BIAS))
    if not given:
        zero(states, rows * width)
    for r in range(rows):
        for t in range(1, time + 1):
            own = numbers(states + t * step + r * row)
            for b in range(batch):
                own[b] = bias[r]
            for b in range(batch, width):
                own[b] = 0
    weights = word(job, READS)
    for t in range(0, seen, group):
        steps = min(group, seen - t)
        multiply(
            steps * vectors,
            job,
            READS_FORM,
            weights,
            states + (t + 1) * step,
            row,
            near,
            far,
            x + t * inputs * row,
            steps * row,
        )
    weights = word(job, MATRIX)
    for t in range(time):
        after = states + (t + 1) * step
        if t or given:
            multiply(
                vectors,
                job,
                MATRIX_FORM,
                weights,
                after,
                row,
                BYTES,
                2 * BYTES,
                states + t * step,
                row,
            )
        activate(after, hidden * width, tanh)


@fast
def backward_share(job, states, grads, x, width, time, seen, given, first, tanh):
    """Gradients of a share, added to those of the weights."""
    rows, hidden, inputs = word(job, ROWS), word(job, HIDDEN), word(job, INPUTS)
    row, step, group, near, far = panel_layout(job, width)
    vectors, packed = width // LANES, word(job, TURNED_FORM + 3)
    for t in range(time, 0, -1):
        activate_back(grads + t * step, states + t * step, hidden * width, tanh)
        if t > 1 or first:
            multiply(
                vectors,
                job,
                TURNED_FORM,
                packed,
                grads + (t - 1) * step,
                row,
                BYTES,
                2 * BYTES,
                grads + t * step,
                row,
            )
    to, whole = word(job, READS + 1), seen // group
    block = max(1, CACHED // (min(inputs, 512) * group * row + group * step))
    for p in range(0, whole, block):
        gather(
            group * vectors,
            job,
            READS_FORM,
            to,
            grads + (1 + p * group) * step,
            row,
            group * step,
            near,
            far,
            x + p * inputs * group * row,
            group * row,
            inputs * group * row,
            min(block, whole - p),
        )
    rest = seen - whole * group
    if rest:
        t = whole * group
        gather(
            rest * vectors,
            job,
            READS_FORM,
            to,
            grads + (1 + t) * step,
            row,
            step,
            near,
            far,
            x + t * inputs * row,
            rest * row,
            step,
            1,
        )
    to, begin = word(job, MATRIX + 1), 0 if given else 1
    block = max(1, CACHED // (2 * step))
    for t in range(begin, time, block):
        gather(
            vectors,
            job,
            MATRIX_FORM,
            to,
            grads + (1 + t) * step,
            row,
            step,
            BYTES,
            2 * BYTES,
            states + t * step,
            row,
            step,
            min(block, time - t),
        )
    bias = numbers(word(job, BIAS + 1))
    for t in range(1, time + 1):
        for r in range(rows):
            g, total = numbers(grads + t * step + r * row), np.float32(0)
            for b in range(width):
                total += g[b]
            bias[r] += total


@entry
def forward(jobs, first, last, x, batch, width, time, seen, given, tanh):
    """States of models, in shares."""
    shares = (batch + width - 1) // width
    for j in range(first, last):
        job = jobs + 8 * JOB * j
        pack(job, READS_FORM, word(job, READS))
        pack(job, MATRIX_FORM, word(job, MATRIX))
        size, panel = (
            4 * (1 + time) * word(job, ROWS) * width,
            4 * seen * word(job, INPUTS) * width,
        )
        for s in range(shares):
            own = min(width, batch - s * width)
            forward_share(
                job,
                word(job, STATES) + s * size,
                x + s * panel,
                own,
                width,
                time,
                seen,
                given,
                tanh,
            )


@entry
def backward(jobs, first, last, x, batch, width, time, seen, given, start, tanh):
    """Gradients of models, from those that stand in place of states."""
    shares = (batch + width - 1) // width
    for j in range(first, last):
        job = jobs + 8 * JOB * j
        pack(job, TURNED_FORM, word(job, MATRIX))
        clear(job)
        size, panel = (
            4 * (1 + time) * word(job, ROWS) * width,
            4 * seen * word(job, INPUTS) * width,
        )
        for s in range(shares):
            backward_share(
                job,
                word(job, STATES) + s * size,
                word(job, GRADS) + s * size,
                x + s * panel,
                width,
                time,
                seen,
                given,
                start,
                tanh,
            )


@exact
def clear(job):
    for part in (READS, MATRIX, BIAS):
        zero(word(job, part + 1), word(job, part + 4))
