"""Where blocks lie."""

from __future__ import annotations

from collections.abc import Iterator

from vsrnn.design.geometry import Geometry

_PLACE = (
    "block",
    "first row [units]",
    "first column [units]",
    "rows [units]",
    "columns [units]",
    "density [fraction]",
    "weights",
)


def _places(geometry: Geometry) -> Iterator[tuple[object, ...]]:
    """Rows h then y, columns x, h, y, as the blocks are written in the paper."""
    top = {"h": 0, "y": geometry.hidden}
    left = {"x": 0, "h": geometry.inputs, "y": geometry.inputs + geometry.hidden}
    weights = geometry.block_weights
    shapes = geometry.shapes.items()
    for (block, shape), density in zip(shapes, geometry.density, strict=True):
        place = (top[block[0]], left[block[1]])
        yield (block, *place, *shape, density, round(weights[block]))
