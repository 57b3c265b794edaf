"""Where the weights of a block recurrent network lie, before any is drawn.

Blocks are named by what is computed and what is read: ``hx`` computes the hidden
state from the input. Density is the share of a block's entries that are weights.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from vsrnn.errors import VsrnnError, check_int

BLOCKS = ("hx", "hh", "hy", "yx", "yh", "yy")


@dataclass(frozen=True)
class Geometry:
    r"""The sizes of a block RNN and the density of each of its six blocks.

    .. math::
        \begin{aligned}
        h_t &= \mathrm{relu}(W_{hx} x_t + W_{hh} h_{t-1} + W_{hy} y_{t-1} + b_h) \\
        y_t &= W_{yx} x_t + W_{yh} h_{t-1} + W_{yy} y_{t-1} + b_y
        \end{aligned}

    Args:
        inputs: size X of the input.
        hidden: size H of the hidden state.
        outputs: size Y of the output.
        density: share of entries that are weights, 0..1, for hx, hh, hy, yx, yh,
            yy; one number stands for six equal ones.

    Raises:
        VsrnnError: a size below 1, or densities that are not six numbers in 0..1.

    The design named balanced_0 (paper, Random Anomaly Detection):

    >>> geometry = Geometry(2500, 208, 10, (0.1, 1, 1, 0.1, 0.1, 0.1))
    >>> round(geometry.weights), round(geometry.hidden_proportion, 3)
    (100062, 0.444)
    """

    inputs: int
    hidden: int
    outputs: int
    density: tuple[float, ...]

    def __init__(
        self, inputs: int, hidden: int, outputs: int, density: float | Sequence[float]
    ) -> None:
        sizes = {"inputs": inputs, "hidden": hidden, "outputs": outputs}
        for name, size in sizes.items():
            object.__setattr__(self, name, check_int(name, size, 1))
        object.__setattr__(self, "density", densities(density, BLOCKS))

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Rows (what is computed) and columns (what is read) of each block."""
        size = {"x": self.inputs, "h": self.hidden, "y": self.outputs}
        return {block: (size[block[0]], size[block[1]]) for block in BLOCKS}

    @property
    def entries(self) -> dict[str, int]:
        """Places a weight could take in each block, rows times columns."""
        return {block: rows * columns for block, (rows, columns) in self.shapes.items()}

    @property
    def block_weights(self) -> dict[str, float]:
        """Expected number of weights in each block, density times entries."""
        entries = self.entries.items()
        pairs = zip(self.density, entries, strict=True)
        return {block: share * count for share, (block, count) in pairs}

    @property
    def weights(self) -> float:
        """Expected number of weights in all six blocks, biases not counted."""
        return sum(self.block_weights.values())

    @property
    def parameters(self) -> float:
        """Weights and the biases that can matter, one for each h and each y."""
        return self.weights + self.hidden + self.outputs

    @property
    def hidden_proportion(self) -> float:
        r"""Share of the weights computing the hidden state that read the hidden state.

        .. math::
            \frac{f_{hh} H}{f_{hx} X + f_{hh} H + f_{hy} Y}

        It is 0 when no weight computes the hidden state.
        """
        return proportion(self.block_weights)

    @classmethod
    def for_budget(
        cls, weights: float, inputs: int, outputs: int, density: float | Sequence[float]
    ) -> Self:
        r"""Solve the hidden size that spends a budget of weights.

        .. math::
            H = \mathrm{round}\frac{-b + \sqrt{b^2 - 4ac}}{2a}, \qquad
            a = f_{hh}, \quad
            b = f_{hx} X + f_{hy} Y + f_{yh} Y, \quad
            c = f_{yx} XY + f_{yy} Y^2 - S

        Without hidden-to-hidden weights (a = 0) this is H = round(-c / b).

        The budget S is of expected weights, biases not counted; the rest as above.

        Raises:
            VsrnnError: the budget fits no hidden unit, or no weight depends on H.

        >>> Geometry.for_budget(100_000, 2500, 10, (0.1, 1, 1, 0.1, 0.1, 0.1)).hidden
        208

        Source: arXiv 2509.15057, random search at a fixed size.
        """
        if not (isinstance(weights, (int, float, np.number)) and abs(weights) <= 2**53):
            raise VsrnnError(f"a budget is a number of weights to 2**53, not {weights}")
        expected = cls(inputs, 1, outputs, density).block_weights
        square = expected["hh"]
        linear = expected["hx"] + expected["hy"] + expected["yh"]
        fixed = expected["yx"] + expected["yy"]
        excess = min(fixed - float(weights), 0.0)
        slope = linear + math.sqrt(linear**2 - 4 * square * excess)
        root = -2 * excess / slope if slope else 0.0  # also where square is 0
        if not (square or linear) or math.isinf(root):
            raise VsrnnError(
                "no hidden size meets the budget when hx, hh, hy and yh are empty; "
                "give at least one of them a density above 0"
            )
        if round(root) < 1:
            least = math.floor(square / 4 + linear / 2 + fixed) + 1
            raise VsrnnError(
                f"a budget of {weights:,} weights leaves no hidden unit at these "
                f"sizes and densities; give at least {least:,}"
            )
        return cls(inputs, round(root), outputs, density)


def proportion(weights: Mapping[str, float]) -> float:
    """Hidden proportion of counted weights per block, expected or as drawn."""
    row = weights["hx"] + weights["hh"] + weights["hy"]
    return weights["hh"] / row if row else 0.0


def densities(
    density: float | Sequence[float], names: Sequence[str]
) -> tuple[float, ...]:
    """Densities of matrices of these names, checked; one number stands for all."""
    try:
        values = np.asarray(density, dtype=float)
    except (TypeError, ValueError):
        raise VsrnnError(f"densities are numbers in 0..1, not {density!r}") from None
    if values.ndim and values.shape != (len(names),):
        raise VsrnnError(
            f"give one density, or one each for {', '.join(names)}, not {values.size}"
        )
    shares = np.broadcast_to(values, len(names)).tolist()
    for name, share in zip(names, shares, strict=True):
        if not 0 <= share <= 1:
            raise VsrnnError(f"the density of {name} must lie in 0..1, not {share}")
    return tuple(shares)
