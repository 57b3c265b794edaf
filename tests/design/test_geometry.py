"""Geometry: the arithmetic of blocks, over random sizes and densities."""

import copy
import dataclasses
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.errors import VsrnnError

SIZE = st.integers(1, 3000)
DENSITY = st.integers(0, 100).map(lambda percent: percent / 100)
DENSITIES = st.tuples(*[DENSITY] * 6)
GEOMETRY = st.builds(Geometry, SIZE, SIZE, SIZE, DENSITIES)
HIDDEN_BLOCKS = [0, 1, 2, 4]


def weights_at(geometry: Geometry, hidden: float) -> float:
    """Expected weights at a real hidden size, written out independently."""
    hx, hh, hy, yx, yh, yy = geometry.density
    x, y = geometry.inputs, geometry.outputs
    of_h = hx * hidden * x + hh * hidden**2 + hy * hidden * y
    return of_h + yx * y * x + yh * y * hidden + yy * y**2


def test_the_worked_example_of_the_paper():
    geometry = Geometry(2500, 208, 10, (0.1, 1, 1, 0.1, 0.1, 0.1))
    assert geometry.weights == pytest.approx(100_062)
    assert geometry.parameters == pytest.approx(100_280)
    assert geometry.hidden_proportion == pytest.approx(0.444, abs=5e-4)


def test_shapes_are_what_is_computed_by_what_is_read():
    assert Geometry(5, 3, 2, 1).shapes == {
        "hx": (3, 5),
        "hh": (3, 3),
        "hy": (3, 2),
        "yx": (2, 5),
        "yh": (2, 3),
        "yy": (2, 2),
    }


def test_dense_blocks_count_as_built_by_the_authors():
    for hidden, inputs, outputs, counts in [
        (29, 2500, 10, (72_500, 841, 290, 25_000, 290, 100)),
        (54, 46, 26, (2_484, 2_916, 1_404, 1_196, 1_404, 676)),
    ]:
        geometry = Geometry(inputs, hidden, outputs, 1)
        assert tuple(geometry.entries.values()) == counts
        assert tuple(geometry.block_weights.values()) == counts


@given(GEOMETRY)
def test_blocks_add_up(geometry):
    assert list(geometry.entries) == list(geometry.block_weights) == list(BLOCKS)
    read = geometry.inputs + geometry.hidden + geometry.outputs
    computed = geometry.hidden + geometry.outputs
    assert sum(geometry.entries.values()) == computed * read
    assert geometry.weights == pytest.approx(weights_at(geometry, geometry.hidden))
    assert geometry.parameters == pytest.approx(geometry.weights + computed)


@given(GEOMETRY)
def test_no_block_holds_more_weights_than_entries(geometry):
    for block, weights in geometry.block_weights.items():
        assert 0 <= weights <= geometry.entries[block]


@given(GEOMETRY)
def test_hidden_proportion_is_a_proportion(geometry):
    hx, hh, hy = geometry.density[:3]
    assert 0 <= geometry.hidden_proportion <= 1
    assert (geometry.hidden_proportion == 0) == (hh == 0)
    assert (geometry.hidden_proportion == 1) == (hh > 0 and hx == hy == 0)


@given(GEOMETRY)
def test_hidden_proportion_is_the_published_ratio(geometry):
    hx, hh, hy = geometry.density[:3]
    hidden = hh * geometry.hidden
    row = hx * geometry.inputs + hidden + hy * geometry.outputs
    assume(row > 0)
    assert geometry.hidden_proportion == pytest.approx(hidden / row)


@given(GEOMETRY, st.integers(1, 100))
def test_growing_adds_weights_and_hidden_proportion(geometry, more):
    larger = dataclasses.replace(geometry, hidden=geometry.hidden + more)
    reads_hidden = any(geometry.density[block] for block in HIDDEN_BLOCKS)
    assert (larger.weights > geometry.weights) == reads_hidden
    assert larger.hidden_proportion >= geometry.hidden_proportion - 1e-12


@given(GEOMETRY, st.integers(0, 5), DENSITY)
def test_density_adds_weights_where_it_is_raised(geometry, block, density):
    assume(density > geometry.density[block])
    raised = list(geometry.density)
    raised[block] = density
    denser = dataclasses.replace(geometry, density=tuple(raised))
    assert denser.weights > geometry.weights
    change = denser.hidden_proportion - geometry.hidden_proportion
    assert change >= -1e-12 if block == 1 else change <= 1e-12


@given(SIZE, SIZE, SIZE, DENSITY)
def test_one_density_stands_for_six(inputs, hidden, outputs, density):
    geometry = Geometry(inputs, hidden, outputs, density)
    assert geometry == Geometry(inputs, hidden, outputs, (density,) * 6)
    entries = sum(geometry.entries.values())
    assert geometry.weights == pytest.approx(density * entries)


@given(GEOMETRY)
def test_equal_geometries_compare_hash_and_copy(geometry):
    same = Geometry(
        np.int64(geometry.inputs),
        np.int64(geometry.hidden),
        np.int64(geometry.outputs),
        np.array(geometry.density),
    )
    assert same == geometry
    assert hash(same) == hash(geometry)
    assert copy.deepcopy(same) == geometry
    assert type(same.hidden) is int
    assert all(type(share) is float for share in same.density)


@given(GEOMETRY)
def test_a_geometry_is_the_solution_for_its_own_weights(geometry):
    assume(any(geometry.density[block] for block in HIDDEN_BLOCKS))
    solved = Geometry.for_budget(
        geometry.weights, geometry.inputs, geometry.outputs, geometry.density
    )
    assert solved == geometry


@given(SIZE, SIZE, DENSITIES, st.integers(1, 10**7))
def test_a_budget_is_spent_up_to_the_rounding_of_the_size(
    inputs, outputs, density, more
):
    assume(any(density[block] for block in HIDDEN_BLOCKS))
    half = Geometry(inputs, 1, outputs, density)
    budget = int(weights_at(half, 0.5) * (1 + 1e-9)) + more
    solved = Geometry.for_budget(budget, inputs, outputs, density)
    tolerance = 1e-9 * budget
    assert weights_at(solved, solved.hidden - 0.5) <= budget + tolerance
    assert weights_at(solved, solved.hidden + 0.5) >= budget - tolerance
    error = abs(solved.weights - budget)
    above = abs(weights_at(solved, solved.hidden + 1) - budget)
    below = abs(weights_at(solved, solved.hidden - 1) - budget)
    assert error <= above + tolerance
    # The weights are convex in H, so rounding H can lose to H - 1 by f_hh / 2.
    assert error <= below + density[1] / 2 + tolerance


@given(SIZE, SIZE, DENSITIES)
def test_a_budget_too_small_names_the_smallest_that_works(inputs, outputs, density):
    assume(any(density[block] for block in HIDDEN_BLOCKS))
    with pytest.raises(VsrnnError, match="leaves no hidden unit") as caught:
        Geometry.for_budget(0, inputs, outputs, density)
    least = int(str(caught.value).rpartition(" ")[2].replace(",", ""))
    assert Geometry.for_budget(least, inputs, outputs, density).hidden >= 1
    half = weights_at(Geometry(inputs, 1, outputs, density), 0.5)
    assert least == pytest.approx(half, abs=1 + 1e-6)
    if least - 1 < half * (1 - 1e-9):
        with pytest.raises(VsrnnError, match="give at least"):
            Geometry.for_budget(least - 1, inputs, outputs, density)


@given(SIZE, SIZE, DENSITIES, st.integers(1, 10**6))
def test_without_hidden_recurrence_the_size_is_linear(inputs, outputs, density, hidden):
    hx, _, hy, yx, yh, yy = density
    slope = hx * inputs + (hy + yh) * outputs
    assume(slope > 0)
    budget = slope * hidden + yx * inputs * outputs + yy * outputs**2
    linear = (hx, 0, hy, yx, yh, yy)
    assert Geometry.for_budget(budget, inputs, outputs, linear).hidden == hidden


def test_a_tiny_recurrence_solves_like_none():
    none = Geometry.for_budget(100_000, 2500, 10, (0.1, 0, 1, 1, 1, 1))
    tiny = Geometry.for_budget(100_000, 2500, 10, (0.1, 1e-18, 1, 1, 1, 1))
    assert tiny.hidden == none.hidden


def test_no_size_fits_when_nothing_depends_on_it():
    for yx in [0, 1]:
        for budget in [1, 10**6]:
            with pytest.raises(VsrnnError, match="no hidden size meets the budget"):
                Geometry.for_budget(budget, 4, 3, (0, 0, 0, yx, 0, 1))


def test_sizes_are_whole_and_positive():
    good = {"inputs": 4, "hidden": 3, "outputs": 2}
    for name, size in product(good, [0, -1, 2.0, 2.5, True, "3", None, np.nan]):
        with pytest.raises(VsrnnError, match=f"{name} must be a whole number"):
            Geometry(**(good | {name: size}), density=1)


def test_densities_lie_between_none_and_all():
    for block, value in product(range(6), [-0.01, 1.01, np.nan, np.inf, -np.inf]):
        density = [0.5] * 6
        density[block] = value
        with pytest.raises(VsrnnError, match=f"density of {BLOCKS[block]} must lie in"):
            Geometry(4, 3, 2, density)
        with pytest.raises(VsrnnError, match="must lie in"):
            Geometry(4, 3, 2, value)


def test_there_are_six_densities_or_one():
    for count in [0, 1, 5, 7]:
        with pytest.raises(
            VsrnnError, match=f"one density, or one each .*, not {count}"
        ):
            Geometry(4, 3, 2, [0.5] * count)


def test_densities_are_numbers():
    for density in ["R=0.5", {"hx": 1}, [0.5, "x"], 1j, [[1], [1, 2]]]:
        with pytest.raises(VsrnnError, match="densities are numbers"):
            Geometry(4, 3, 2, density)


def test_a_budget_is_a_finite_number():
    for budget in [np.nan, np.inf, 10**400, "100000", None, 1j]:
        with pytest.raises(VsrnnError, match="a budget is a number of weights"):
            Geometry.for_budget(budget, 4, 2, 1)


def test_a_geometry_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Geometry(4, 3, 2, 1).hidden = 5
