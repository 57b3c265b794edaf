"""Budgets shared out among blocks, and controls of the same budget."""

import numpy as np
import pytest

from vsrnn import BLOCKS, Design, Geometry, VsrnnError, draw_designs
from vsrnn.design.family import get_family
from vsrnn.design.shares import (
    CONTROLS,
    control,
    draw_shares,
    hidden_range,
    shared_out,
)

SIZES = [(2, 1, 600), (1, 100, 2_556), (1000, 10, 12_384), (27, 27, 1_116)]


def poured(budget, entries, shares):
    """Weights of blocks that are filled drop by drop, by their shares."""
    weights, drop = np.zeros(6), budget / 4_000
    for _ in range(4_000):
        open_ = np.where(weights < entries, shares, 0)
        weights += drop * open_ / open_.sum()
    return weights


def test_what_a_block_has_no_room_for_goes_to_the_others():
    rng = np.random.default_rng(0)
    for inputs, outputs, budget in SIZES:
        least, most = hidden_range(inputs, outputs, budget)
        for hidden in (least, most):
            shares = rng.dirichlet([0.8] * 6)
            density = shared_out(budget, inputs, hidden, outputs, shares)
            geometry = Geometry(inputs, hidden, outputs, density)
            entries = np.array(list(geometry.entries.values()))
            slow = poured(budget, entries, shares)
            weights = list(geometry.block_weights.values())
            np.testing.assert_allclose(weights, slow, atol=budget / 1_000)
    assert shared_out(6, 2, 2, 1, [1, 0, 0, 0, 1, 1])[1:4] == (0, 0, 0)
    with pytest.raises(VsrnnError, match=r"9 weights have no room in the 4 entries"):
        shared_out(9, 2, 2, 1, [1, 0, 0, 0, 0, 0])


def test_a_draw_spends_its_budget_and_varies():
    for inputs, outputs, budget in SIZES:
        drawn = [
            draw_shares(np.random.default_rng([7, n]), inputs, outputs, budget)
            for n in range(60)
        ]
        made = [Geometry(inputs, h, outputs, density) for h, density, _, _ in drawn]
        np.testing.assert_allclose([g.weights for g in made], budget, rtol=1e-4)
        parts = [g.hidden_proportion for g in made]
        assert (
            np.ptp(parts) > 0.2 if inputs < 5 else min(parts) < 0.1 < 0.5 < max(parts)
        )
        for g in made:
            weights = g.block_weights
            assert weights["hx"] >= g.hidden / 2 - 1e-3 <= weights["hh"] + 1e-3
            assert weights["yh"] >= outputs / 2 - 1e-3
        gains = np.array([gain for _, _, gain, _ in drawn])
        spread = gains / [1, 1, 0.5, 1, 1, 0.5]
        assert (spread.min(0) >= 0.1).all() and (spread.min(0) < 0.2).all()
        assert (spread.max(0) <= 2).all() and (spread.max(0) > 1.4).all()
        rates = [rate for *_, rate in drawn]
        assert 7e-4 <= min(rates) < 1e-3 and 1e-2 < max(rates) <= 1.4e-2


def test_the_least_hidden_size_is_that_of_the_dense_network():
    for inputs, outputs, budget in SIZES:
        least, most = hidden_range(inputs, outputs, budget)
        assert Geometry(inputs, least, outputs, 1).weights >= budget
        assert least == 4 or Geometry(inputs, least - 1, outputs, 1).weights < budget
        assert most >= 1.5 * budget**0.5 - 1
    for budget in (5, 150):
        with pytest.raises(
            VsrnnError, match=f"budget of {budget} weights is too small"
        ):
            draw_shares(np.random.default_rng(0), 3, 100, budget)


def test_controls_have_the_budget_and_are_what_they_are_called():
    for inputs, outputs, budget in SIZES:
        made = {
            name: Geometry(inputs, hidden, outputs, density)
            for name in CONTROLS
            for hidden, density in [control(name, inputs, outputs, budget)]
        }
        for geometry in made.values():
            assert geometry.weights == pytest.approx(budget, rel=0.04)
        assert set(made["dense"].density) <= {0, 1}
        assert len(set(made["uniform"].density)) == 1
        assert made["uniform"].density[0] <= 0.2
        for name in ("hp_0.5", "hp_0.9"):
            asked = float(name[3:])
            assert made[name].hidden_proportion == pytest.approx(asked, abs=1e-3)
    for name, words in (("dense", "too small"), ("sparse", "unknown control 'sparse'")):
        with pytest.raises(VsrnnError, match=words):
            control(name, 100, 100, 50)


def test_gains_by_fan_in_do_not_depend_on_sizes_or_densities():
    gains = (1.0, 0.7, 0.5, 1.2, 0.9, 0.4)
    for hidden, density in ((300, 1.0), (300, 0.1)):
        how = {"init_std": gains, "options": {"initial": "fan-in"}}
        design = Design("scaled", hidden, density, **how)
        model = get_family("block").build(design, 200, 150, mask="exact")
        for block, gain in zip(BLOCKS, gains, strict=True):
            region = model.regions[block]
            rows = region.of(model.matrix(region.part).detach()).double()
            assert float(rows.square().sum(1).mean()) == pytest.approx(
                gain**2, rel=0.05
            )
    plain = Design("plain", 300, 0.1, init_std=gains)
    model = get_family("block").build(plain, 200, 150, mask="exact")
    drawn = model.regions["yx"].of(model.matrix("input").detach())
    assert float(drawn[drawn != 0].std()) == pytest.approx(1.2, rel=0.05)
    empty = Design("empty", 5, (1, 0, 0, 0, 1, 0), options={"initial": "fan-in"})
    assert get_family("block").build(empty, 2, 1).weight_state.isfinite().all()


def test_shares_is_a_distribution_of_designs():
    first, second = draw_designs("rad", "shares", 2, seed=3, budget=50_000)
    assert first.name == "shares_50k_3_0000" and first.option("initial") == "fan-in"
    assert first.hidden != second.hidden and first.init_std != second.init_std
    assert first.geometry(2500, 10).weights == pytest.approx(50_000, rel=1e-4)
