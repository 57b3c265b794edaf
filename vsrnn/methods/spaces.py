"""Spaces that hidden units lie in, and what their distances cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from vsrnn.errors import VsrnnError

SIDE = 10.0
"""The way around a torus, after which one is back."""
RADIUS = 5.0
"""Of circles and spheres."""


class Space(NamedTuple):
    """A space: how points are drawn, and how far they are from each other."""

    coordinates: int
    draw: Callable[[int, Generator], Tensor]
    """Independent points, ``(units, coordinates)``."""
    apart: Callable[[Tensor], Tensor]
    bounded: bool = True

    def distances(self, points: Tensor) -> Tensor:
        """The distances of all pairs, ``(units, units)``; gradients pass.

        Where a distance has none, as at 0, the gradient is 0.

        Raises:
            VsrnnError: the points are not of this space.

        >>> SPACES["torus"].distances(torch.tensor([[1.0, 0.0], [9.0, 0.0]]))
        tensor([[0., 2.],
                [2., 0.]])
        """
        if points.dim() != 2 or points.shape[1] != self.coordinates:
            expected, found = f"(units, {self.coordinates})", tuple(points.shape)
            raise VsrnnError(f"points of this space have shape {expected}, not {found}")
        return self.apart(points)


def _torus(coordinates: int) -> Space:
    def draw(units: int, generator: Generator) -> Tensor:
        return SIDE * torch.rand(units, coordinates, generator=generator)

    def apart(points: Tensor) -> Tensor:
        return _length(_around(_pairs(points, -1), SIDE))

    return Space(coordinates, draw, apart)


def _klein(points: Tensor) -> Tensor:
    """Least distance to an image: ``(x + 10, 10 - y)`` and ``(x, y + 10)`` are (x, y).

    An even number of turns in x leaves y as it is, an odd number turns it over. That
    is the least over the nine images of the published code, for points anywhere.
    """
    x = _pairs(points, -1)[0]
    even = torch.stack([_around(x, 2 * SIDE), _around(_pairs(points, -1)[1], SIDE)])
    turned = _around(_pairs(points, 1)[1], SIDE)
    odd = torch.stack([_around(x - SIDE, 2 * SIDE), turned])
    return torch.minimum(_length(even), _length(odd))


def _sphere(coordinates: int, radius: float = RADIUS) -> Space:
    """The unit sphere among so many coordinates, its arcs times a radius."""

    def draw(units: int, generator: Generator) -> Tensor:
        return normalize(torch.randn(units, coordinates, generator=generator))

    def apart(points: Tensor) -> Tensor:
        points = normalize(points)  # trained ones leave the sphere
        # arccos of the product has neither gradient nor precision at its ends
        halves = _length(_pairs(points, -1)), _length(_pairs(points, 1))
        return 2 * radius * torch.atan2(*halves)

    return Space(coordinates, draw, apart)


def _flat(coordinates: int, spread: float) -> Space:
    def draw(units: int, generator: Generator) -> Tensor:
        return spread * torch.randn(units, coordinates, generator=generator)

    return Space(coordinates, draw, lambda p: _length(_pairs(p, -1)), bounded=False)


def _product(one: Space, other: Space) -> Space:
    def draw(units: int, generator: Generator) -> Tensor:
        return torch.cat([each.draw(units, generator) for each in (one, other)], 1)

    def apart(points: Tensor) -> Tensor:
        parts = points.split([one.coordinates, other.coordinates], 1)
        return _length(torch.stack([one.apart(parts[0]), other.apart(parts[1])]))

    return Space(one.coordinates + other.coordinates, draw, apart)


def _pairs(points: Tensor, sign: int) -> Tensor:
    """Sums or differences of all pairs, ``(coordinates, units, units)``."""
    columns = points.t()
    return columns[:, :, None] + sign * columns[:, None]


def _around(difference: Tensor, way: float) -> Tensor:
    """The shorter way, where one is back after so much."""
    return difference - way * (difference / way).round()


def _length(vectors: Tensor) -> Tensor:
    """Lengths along the first axis; the gradient at 0 is 0, not NaN."""
    squares = vectors.square().sum(0)
    zero = squares == 0
    return squares.masked_fill(zero, 1).sqrt().masked_fill(zero, 0)


SPACES = {
    "torus": _torus(2),
    "klein": Space(2, _torus(2).draw, _klein),
    "circle": _sphere(2),
    "sphere": _sphere(3),
    "s3": _sphere(4, 2 * RADIUS),
    "torus6": _torus(6),
    "r3": _flat(3, 1.0),
    "r9": _flat(9, 10.0),
    "mixed": _product(_sphere(3), _torus(2)),
}
"""The published ones; R^3 as for navigation, where adding draws ten times as wide."""
TRAINED = {"s3": _sphere(4)}
"""Those that are published with another radius where the points are trained."""


class Inhibitor(NamedTuple):
    """A function of the distance, its maximum (of none: the largest of all pairs)."""

    of: Callable[[Tensor], Tensor]
    most: float | None
    inverted: bool
    """Whether the cost is what is missing to the maximum."""


INHIBITORS = {
    "dog": Inhibitor(
        lambda d: 100 * (torch.exp(-d.square() / 5) - torch.exp(-4 * d.square())),
        95 * 20 ** (-1 / 19),  # where d^2 = ln(20) / 3.8
        True,
    ),
    "diffusion": Inhibitor(torch.square, None, False),
    "gauss": Inhibitor(lambda d: 100 * torch.exp(-d.square() / 3), 100.0, True),
    "ripple": Inhibitor(lambda d: 50 + 50 * torch.cos(2 * d), 100.0, False),
}
