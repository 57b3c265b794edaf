"""Every rung of the ladder on made tasks whose law is known."""

from dataclasses import replace

import numpy as np
import pytest
from made import made_tables

from vsrnn.forecast.parent import Blind, Parent
from vsrnn.forecast.rungs import LADDER, QUANTILES, RELATIVE
from vsrnn.stats import spearman

TABLES = made_tables(tasks=20, designs=24)
ASKED = (TABLES.designs["task"] == "t0").to_numpy()
KNOWN = TABLES.of(TABLES.designs["family"].to_numpy() != "f0")
POOL = {key[-1]: rows for key, rows in TABLES.of(ASKED).pools.items()}
CHEAP = {name: kind for name, kind in LADDER.items() if kind is not Parent}


def rank(forecast, arm):
    asked, rows = TABLES.of(ASKED), POOL[arm]
    return float(spearman(forecast.median[rows].mean(1), asked.speed[rows]))


@pytest.fixture(scope="module")
def told():
    """Each rung's forecast of a task that it has not seen, at its first context."""
    found = {}
    for name, kind in CHEAP.items():
        context = kind.contexts[0]
        rung = kind(context).fit(KNOWN)
        found[name] = rung.predict(TABLES.of(ASKED).seen(context)), rung
    return found


def test_forecasts_are_quantiles_in_order(told):
    for name, (forecast, _) in told.items():
        shape = (ASKED.sum(), TABLES.epochs, len(QUANTILES))
        assert forecast.quantiles.shape == shape, name
        assert (np.diff(forecast.quantiles, axis=-1) >= -1e-9).all(), name
        assert np.isfinite(forecast.order).all(), name
        assert ((forecast.diverges >= 0) & (forecast.diverges <= 1)).all(), name


def test_rungs_find_the_law(told):
    for name in ("ridge", "forest", "boosting"):
        assert rank(told[name][0], "fixed") > 0.8, name
    assert rank(told["Gaussian process"][0], "fixed") > 0.4
    assert rank(told["hidden proportion"][0], "fixed") > 0.5
    assert rank(told["forest"][0], "drawn") > 0.8
    assert rank(told["rate only"][0], "drawn") > 0.8
    assert rank(told["early only"][0], "fixed") > 0.9
    assert rank(told["mean curve"][0], "fixed") == 0


def test_early_only_tries_what_lost_least_first(told):
    first = TABLES.of(ASKED).shares[:, 0, 0]
    assert np.array_equal(told["early only"][0].order, first)


def test_designs_with_a_high_rate_diverge(told):
    forecast, _ = told["ridge"]
    asked = TABLES.of(ASKED)
    high = asked.designs["learning_rate"].to_numpy() > 1e-2
    assert forecast.diverges[high].min() > 5 * np.median(forecast.diverges[~high])


def test_the_portfolio_tries_what_was_best(told):
    forecast, rung = told["portfolio"]
    places = np.array(rung.listed)
    first = rung.scaler.inverse_transform(places[:1])[0]
    assert first[0] > KNOWN.features["proportion"].median()
    order = forecast.order
    assert len(np.unique(order[order > 0])) == min(len(places), len(order))
    places = rung.scaler.transform(TABLES.of(ASKED).features[[*RELATIVE]].to_numpy())
    gaps = np.square(places - rung.listed[0]).sum(1)
    assert order.argmax() == gaps.argmin()


def test_nothing_is_read_that_is_not_to_be_seen(told):
    asked = TABLES.of(ASKED)
    rng = np.random.default_rng(0)
    for name, (forecast, rung) in told.items():
        other = replace(asked, levels=rng.normal(size=asked.levels.shape))
        again = rung.predict(other.seen(rung.context))
        assert np.array_equal(again.quantiles, forecast.quantiles), name
        assert np.array_equal(again.order, forecast.order), name


def test_a_power_law_goes_on():
    kind = LADDER["power law"]
    asked = TABLES.of(ASKED).seen(5)
    times = np.arange(1, 6)
    losses = np.array([0.5 + 0.4 / times, 0.2 + 0.7 / times**0.3, 0.6 + 0 * times])
    shares = np.full((3, 1, 8), np.nan)
    shares[:, 0, :5] = 1 - losses
    few = replace(asked.of(np.arange(3)), shares=shares, levels=shares * np.nan)
    ends = [0.5 + 0.4 / 8, 0.2 + 0.7 / 8**0.3, 0.6]
    assert -kind(5).order(few, None) == pytest.approx(np.array(ends), abs=1e-6)


def test_the_parent_learns_orders_and_keeps_them():
    parent = Parent(members=2, steps=100).fit(KNOWN)
    asked = TABLES.of(ASKED)
    forecast = parent.predict(asked.seen(0))
    assert rank(forecast, "fixed") > 0.8
    mixed = np.random.default_rng(0).permutation(len(asked))
    turned = parent.predict(asked.of(mixed).seen(0))
    assert turned.quantiles == pytest.approx(forecast.quantiles[mixed], abs=1e-5)
    again = Parent.of_arrays(parent.arrays(), TABLES.epochs).predict(asked.seen(0))
    assert again.quantiles == pytest.approx(forecast.quantiles, abs=0.01)
    other = replace(asked, tasks=asked.tasks.assign(memory_demand=5.0))
    told = parent.predict(other.seen(0))
    assert np.abs(told.quantiles - forecast.quantiles).max() > 0.01
    blind = Blind.of_arrays(parent.arrays(), TABLES.epochs)
    same = [blind.predict(one.seen(0)).quantiles for one in (asked, other)]
    assert np.array_equal(*same)
    parent.context = 3
    later = parent.predict(asked.seen(3))
    errors = [np.abs(one.median - asked.level).mean() for one in (later, forecast)]
    assert errors[0] < errors[1]
