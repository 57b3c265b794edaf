"""Whole training steps as compiled loops: forward, loss, back, and Adam on the vectors.

A share of sequences goes through all of it before the next, and a model before the
next, so that what one loop writes is still in the cache for the one after it.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vsrnn.models._kernels.loops import (
    BIAS,
    GRADS,
    HIDDEN,
    INPUTS,
    JOB,
    MATRIX,
    MATRIX_FORM,
    READS,
    READS_FORM,
    ROWS,
    STATES,
    STEP,
    TURNED_FORM,
    backward_share,
    clear,
    entry,
    exact,
    fast,
    forward_share,
    pack,
    zero,
)
from vsrnn.models._kernels.vectors import doubles, longs, numbers, word

GAP = -100
"""The class of a step without a target."""
ONE, TWO, EPSILON = 0.9, 0.999, 1e-8
"""How much of its averages Adam keeps at a step, and what it adds to their root."""


@fast
def _squares(job, y, by_sequence, by_step, by_output, batch, width, first, time, scale):
    """Sum of the squared differences of a share, and gradients of their mean."""
    hidden, rows, loss = word(job, HIDDEN), word(job, ROWS), 0.0
    for t in range(first, time + 1):
        for r in range(hidden, rows):
            at = 4 * (t * rows + r) * width
            z, g = numbers(word(job, STATES) + at), numbers(word(job, GRADS) + at)
            wanted = numbers(y + 4 * ((t - first) * by_step + (r - hidden) * by_output))
            total: Any = np.float32(0)
            for b in range(batch):
                target = wanted[b * by_sequence]
                error = z[b] - target if target == target else np.float32(0)
                total += error * error
                g[b] = np.float32(2 * scale) * error
            loss += total
    return loss


@exact
def _entropy(job, y, by_sequence, by_step, batch, width, first, time, scale):
    """Sum of the cross-entropies of a share, right answers, gradients of the mean."""
    hidden, rows, loss, right = word(job, HIDDEN), word(job, ROWS), 0.0, 0
    wanted = longs(y)
    for t in range(first, time + 1):
        at = 4 * (t * rows + hidden) * width
        z, g = numbers(word(job, STATES) + at), numbers(word(job, GRADS) + at)
        for b in range(batch):
            target = wanted[b * by_sequence + (t - first) * by_step]
            if target == GAP:
                continue
            most, best = z[b], 0
            for r in range(1, rows - hidden):
                if z[r * width + b] > most:
                    most, best = z[r * width + b], r
            total = np.float32(0)
            for r in range(rows - hidden):
                part = math.exp(z[r * width + b] - most)
                g[r * width + b] = part
                total += part
            for r in range(rows - hidden):
                g[r * width + b] *= np.float32(scale) / total
            loss += math.log(total) + most - z[target * width + b]
            g[target * width + b] -= np.float32(scale)
            right += best == target
    return loss, right


@fast
def _adam(job, part, rate, decay, step):
    weight, grad = numbers(word(job, part)), numbers(word(job, part + 1))
    mean, square = numbers(word(job, part + 2)), numbers(word(job, part + 3))
    kept = np.float32(1 - rate * decay)
    size = np.float32(rate / (1 - ONE**step))
    root = np.float32(1 / math.sqrt(1 - TWO**step))
    for k in range(word(job, part + 4)):
        g = grad[k]
        m = mean[k] + np.float32(1 - ONE) * (g - mean[k])
        v = np.float32(TWO) * square[k] + np.float32(1 - TWO) * g * g
        mean[k], square[k] = m, v
        divided = math.sqrt(v) * root + np.float32(EPSILON)
        weight[k] = kept * weight[k] - size * m / divided


@exact
def _there(y, classes, by_sequence, by_step, by_output, batch, steps, outputs):
    """How many targets there are."""
    found = 0
    for b in range(batch):
        for t in range(steps):
            at = b * by_sequence + t * by_step
            if classes:
                found += longs(y)[at] != GAP
            else:
                for r in range(outputs):
                    target = numbers(y)[at + r * by_output]
                    found += target == target
    return found


@exact
def _known(y, by_sequence, by_step, batch, steps, outputs):
    """Whether all targets are classes, or gaps."""
    for b in range(batch):
        for t in range(steps):
            target = longs(y)[b * by_sequence + t * by_step]
            if target != GAP and not 0 <= target < outputs:
                return False
    return True


@entry
def train(
    jobs,
    first,
    last,
    rates,
    decay,
    x,
    batch,
    width,
    time,
    seen,
    tanh,
    y,
    classes,
    gaps,
    by_sequence,
    by_step,
    by_output,
    steps,
    losses,
    scores,
):
    """Train models for a step; note each one's loss, and the share of right answers.

    False, and nothing is done, if a target is no class.
    """
    outputs = word(jobs, ROWS) - word(jobs, HIDDEN)
    count = batch * steps * (1 if classes else outputs)
    if classes and not _known(y, by_sequence, by_step, batch, steps, outputs):
        return False
    if gaps:
        count = _there(
            y, classes, by_sequence, by_step, by_output, batch, steps, outputs
        )
    begin, scale = time + 1 - steps, 1 / count
    for j in range(first, last):
        job = jobs + 8 * JOB * j
        panel, loss, right = 4 * seen * word(job, INPUTS) * width, 0.0, 0
        pack(job, READS_FORM, word(job, READS))
        pack(job, MATRIX_FORM, word(job, MATRIX))
        pack(job, TURNED_FORM, word(job, MATRIX))
        clear(job)
        for s in range((batch + width - 1) // width):
            own, at = min(width, batch - s * width), x + s * panel
            forward_share(
                job, word(job, STATES), at, own, width, time, seen, False, tanh
            )
            zero(word(job, GRADS), (1 + time) * word(job, ROWS) * width)
            if classes:
                wanted = y + 8 * s * width * by_sequence
                some, answers = _entropy(
                    job, wanted, by_sequence, by_step, own, width, begin, time, scale
                )
                loss, right = loss + some, right + answers
            else:
                wanted = y + 4 * s * width * by_sequence
                loss += _squares(
                    job,
                    wanted,
                    by_sequence,
                    by_step,
                    by_output,
                    own,
                    width,
                    begin,
                    time,
                    scale,
                )
            backward_share(
                job,
                word(job, STATES),
                word(job, GRADS),
                at,
                width,
                time,
                seen,
                False,
                False,
                tanh,
            )
        step = numbers(word(job, STEP))[0] + 1
        for part in (READS, MATRIX, BIAS):
            _adam(job, part, doubles(rates)[j], decay, step)
        numbers(losses)[j] = loss * scale
        doubles(scores)[j] = right * scale
    return True
