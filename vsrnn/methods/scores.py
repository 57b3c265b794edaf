"""What pruning goes by: scores of weights, of which the lowest go first."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vsrnn.models import SparseModule

SCORES: dict[str, Callable[[Matrix], Tensor]] = {}
"""Each score by its name; `score` enters a function of a matrix."""
HELD = 0.98
"""Share of the variance of the units read that `projected` keeps."""


class Matrix(NamedTuple):
    """The weights of a matrix, their places, and what the units at both ends do.

    The matrices of the gates of a cell stand under each other and share its hidden
    units: row i belongs to the i-th unit modulo their number.
    """

    weights: Tensor
    """``(weights,)``."""
    rows: Tensor
    columns: Tensor
    shape: tuple[int, int]
    before: Tensor = torch.empty(0)
    """Activity of the units that are read, ``(samples, columns)``."""
    after: Tensor = torch.empty(0)
    """Activity of the units that are fed, ``(samples, units)``."""


def score_weights(
    model: SparseModule, name: str, inputs: Callable[[], Tensor]
) -> dict[str, Tensor]:
    """Return the score of each weight of every matrix of a model.

    Args:
        model: which.
        name: one of `SCORES`.
        inputs: gives a batch of inputs; asked for where hidden states are needed.
    """
    ends = {} if name == "magnitude" else model.activity(inputs())
    scores = {}
    for matrix, (part, places, row, column) in model.block_ends().items():
        _, rows, columns = model.regions[matrix]
        scores[matrix] = SCORES[name](
            Matrix(
                model.weight(part).detach()[places],
                row,
                column,
                (len(rows), len(columns)),
                *(each.flatten(0, 1) for each in ends.get(matrix, ())),
            )
        )
    return scores


def score(function: Callable[[Matrix], Tensor]) -> Callable[[Matrix], Tensor]:
    """Make a score known by its name."""
    SCORES[function.__name__] = function
    return function


@score
def magnitude(matrix: Matrix) -> Tensor:
    """Return the magnitudes of the weights."""
    return matrix.weights.abs()


@score
def activation(matrix: Matrix) -> Tensor:
    """Return magnitudes times the standard deviation of the unit that is read."""
    return matrix.weights.abs() * matrix.before.std(0)[matrix.columns]


@score
def prepost(matrix: Matrix) -> Tensor:
    """Return those of `activation` times the deviation of the unit that is fed.

    The latter is divided by its mean over the units of the matrix, so an output, whose
    size the task sets, does not outweigh the hidden units.
    """
    std = matrix.after.std(0)
    share = std / std.mean().clamp(min=torch.finfo(std.dtype).tiny)
    return activation(matrix) * share[matrix.rows % len(share)]


@score
def projected(matrix: Matrix) -> Tensor:
    """Return magnitudes of the weights projected on what varies in the units read.

    That is ``|W P|``, where P projects on the fewest leading principal components of
    the units that hold 98 % of their variance.
    """
    before = matrix.before.double().nan_to_num(0, 0, 0)
    variance, axes = torch.linalg.eigh(before.T.cov().reshape(2 * before.shape[1:]))
    held = variance.clamp(min=0).cumsum(0)  # rising: from the least component on
    axes = axes[:, held > (1 - HELD) * held[-1]].to(matrix.weights)
    dense = matrix.weights.new_zeros(matrix.shape)
    dense[matrix.rows, matrix.columns] = matrix.weights
    return (dense @ axes @ axes.T)[matrix.rows, matrix.columns].abs()
