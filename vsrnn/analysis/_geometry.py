"""Tables of where the weights lie, for the figures of the geometry notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from pandas import DataFrame

from vsrnn.design.design import get_design
from vsrnn.design.geometry import Geometry
from vsrnn.errors import VsrnnError
from vsrnn.tasks import SIZES

SHOWN_TASKS = ("rad", "hammer", "door", "kitchen-mixed")
ARRANGEMENTS = {
    "all blocks equally sparse": (1, 1, 1, 1, 1, 1),
    "hh and hy dense, the rest sparse": (1, 0, 0, 1, 1, 1),
}
"""Which blocks (hx, hh, hy, yx, yh, yy) take the density; the others are dense."""


def weight_share(
    hidden: Sequence[int] | None = None, tasks: Sequence[str] = SHOWN_TASKS
) -> DataFrame:
    """Share of a dense network's weights in each block, by task and hidden size.

    Args:
        hidden: hidden sizes [units]; by default 49 from 10 to 10,000.
        tasks: names of the tasks whose input and output sizes are used.

    >>> table = weight_share([29], ["rad"]).set_index("block")
    >>> round(float(table.loc["hx", "weight share [%]"]), 1)
    73.2
    """
    if hidden is None:
        hidden = np.geomspace(10, 10_000, 49).round().astype(int).tolist()
    rows = []
    for task in tasks:
        for size in hidden:
            geometry = Geometry(SIZES[task][0], size, SIZES[task][1], 1)
            for block, weights in geometry.block_weights.items():
                share = 100 * weights / geometry.weights
                rows.append((task, size, block, round(weights), share))
    columns = ("task", "hidden [units]", "block", "weights", "weight share [%]")
    return DataFrame(rows, columns=columns)


def dense_layout(
    hidden: Sequence[int] = (30, 100, 300, 1000),
    tasks: Sequence[str] = SHOWN_TASKS,
) -> DataFrame:
    """Place of each block in the matrices of dense networks, one for each size.

    >>> int(dense_layout([30], ["rad"]).loc[0, "columns [units]"])
    2500
    """
    rows = [
        (task, size, *place)
        for task in tasks
        for size in hidden
        for place in _places(Geometry(SIZES[task][0], size, SIZES[task][1], 1))
    ]
    return DataFrame(rows, columns=("task", "hidden [units]", *_PLACE))


def design_layout(
    names: Sequence[str] = ("111111_", "000000_", "balanced_0"), task: str = "rad"
) -> DataFrame:
    """Place and density of each block in the matrices of named designs.

    >>> table = design_layout(["balanced_0"]).set_index("block")
    >>> int(table.loc["hx", "weights"])
    52000
    """
    rows = []
    for name in names:
        geometry = get_design(task, name).geometry(*SIZES[task])
        proportion = geometry.hidden_proportion
        for place in _places(geometry):
            rows.append((name, geometry.hidden, proportion, *place))
    first = ("design", "hidden [units]", "hidden proportion [fraction]")
    return DataFrame(rows, columns=(*first, *_PLACE))


def proportion_surface(
    tasks: Sequence[str] = ("rad", "hammer"),
    marked: Sequence[str] = ("111111_", "000000_", "balanced_0"),
    steps: int = 31,
) -> DataFrame:
    """Hidden proportion over density and weight budget, in two arrangements.

    Rows with a design's name are the paper's designs that lie on the surface; an
    empty hidden size says that the budget is too small for that density.

    Args:
        tasks: names of the tasks.
        marked: designs of the first task to add as points.
        steps: densities (.01 to 1) and budgets (10,000 to 10,000,000), each.

    >>> table = proportion_surface(["rad"], ["balanced_0"], steps=3)
    >>> float(table["hidden proportion [fraction]"].iloc[-1])
    0.4444
    """
    rows: list[tuple[object, ...]] = [
        (task, arrangement, density, round(budget), *_solved(task, budget, blocks), "")
        for task in tasks
        for arrangement, mask in ARRANGEMENTS.items()
        for density in np.geomspace(0.01, 1, steps).round(6)
        for blocks in [np.where(mask, density, 1.0)]
        for budget in np.geomspace(1e4, 1e7, steps)
    ]
    rows += [row for name in marked for row in _marks(tasks[0], name)]
    return DataFrame(
        rows,
        columns=(
            *("task", "arrangement", "density [fraction]", "budget [weights]"),
            *("hidden [units]", "hidden proportion [fraction]", "design"),
        ),
    )


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


def _solved(task: str, budget: float, blocks: np.ndarray) -> tuple[float, float]:
    try:
        geometry = Geometry.for_budget(budget, *SIZES[task], blocks.tolist())
    except VsrnnError:
        return float("nan"), float("nan")
    return geometry.hidden, round(geometry.hidden_proportion, 4)


def _marks(task: str, name: str) -> Iterator[tuple[object, ...]]:
    """The design once for each arrangement that its densities fit."""
    geometry = get_design(task, name).geometry(*SIZES[task])
    for arrangement, mask in ARRANGEMENTS.items():
        density = geometry.density[0]
        if np.allclose(geometry.density, np.where(mask, density, 1.0)):
            place = (density, round(geometry.weights), geometry.hidden)
            yield (
                task,
                arrangement,
                *place,
                round(geometry.hidden_proportion, 4),
                name,
            )
