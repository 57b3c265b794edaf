"""The evaluation of rungs, against brute force and known cases."""

from itertools import permutations

import numpy as np
import pytest
from made import made_tables
from scipy.stats import norm

from vsrnn.forecast import ladder
from vsrnn.forecast.rungs import LADDER, QUANTILES, Forecast

TABLES = made_tables(tasks=8)


def test_nothing_of_a_family_is_known_when_it_is_asked_about():
    family, task = (
        TABLES.designs["family"].to_numpy(),
        TABLES.designs["task"].to_numpy(),
    )
    parts = ladder.folds(TABLES, "family", ["f3"])
    assert [name for name, *_ in parts] == ["f0", "f1", "f2", "f3"]
    for name, known, asked in parts:
        assert set(family[asked]) == {name} and name not in family[known]
        assert "f3" not in family[known]
    single = ladder.folds(TABLES, "task", ["f3"])
    assert len(single) == 6
    for name, known, asked in single:
        assert set(task[asked]) == {name} and name not in task[known]
        assert "f3" not in set(family[known]) | set(family[asked])


def test_crps_of_a_point_is_the_distance_and_of_a_normal_is_known():
    runs = np.array([[[0.3]], [[-0.1]]])
    point = np.full((2, 1, len(QUANTILES)), 0.1)
    assert ladder.crps(point, runs) == pytest.approx([0.2, 0.2])
    wide = norm.ppf(QUANTILES)[None, None]
    exact = 2 * norm.pdf(0) - 1 / np.sqrt(np.pi)  # of N(0, 1) at 0
    assert ladder.crps(wide, np.zeros((1, 1, 1)))[0] == pytest.approx(exact, rel=0.03)


def test_ties_stand_for_all_their_orders():
    rng = np.random.default_rng(0)
    ends, order = rng.normal(size=6), np.array([2, 1, 1, 1, 0, 0])
    for number in range(1, 7):
        best = []
        for mixed in permutations(range(6)):
            first = sorted(mixed, key=lambda n: -order[n])[:number]
            best.append(ends[first].max())
        found = ladder.expected_best(order.astype(float), ends, number)
        assert found == pytest.approx(np.mean(best))


def test_regret_is_nothing_for_the_best_and_one_for_the_median():
    ends = np.array([0.1, 0.5, 0.9])
    assert ladder.regrets(ends, ends)["regret_1"] == 0
    found = ladder.regrets(np.array([0.0, 1.0, 0.5]), ends)
    assert found["regret_1"] == pytest.approx(1)
    assert found["points_1"] == pytest.approx(40)
    assert found["regret_5"] == 0
    assert np.isnan(ladder.regrets(ends, ends * 0 + 0.5)["regret_1"])


def test_intervals_hold_what_they_say_where_they_were_widened():
    rung = LADDER["ridge"](0).fit(TABLES)
    raw = rung.predict(TABLES.seen(0))
    thin = raw.median[..., None] + 0.1 * (raw.quantiles - raw.median[..., None])
    rows, even = np.arange(len(TABLES)), np.ones(len(TABLES))
    thin = Forecast(thin, raw.diverges, raw.order)
    factors = ladder.widening(thin, TABLES, even, rows)
    own = ladder.widened(thin.quantiles, factors, even)
    wide = Forecast(own, raw.diverges, raw.order)
    runs, task = TABLES.levels, TABLES.designs["task"].to_numpy()
    known = ~np.isnan(runs)
    for n in range(ladder.HALF):
        low, high = own[:, None, :, n], own[:, None, :, -1 - n]
        inside = np.where(known, (low - 1e-9 <= runs) & (runs <= high + 1e-9), np.nan)
        held = np.mean(
            [np.nanmean(inside[task == name]) for name in TABLES.tasks.index]
        )
        assert held == pytest.approx(1 - 2 * QUANTILES[n], abs=0.03)
    double = ladder.widened(thin.quantiles, factors, 2 * even)
    assert (np.ptp(double, axis=-1) >= np.ptp(wide.quantiles, axis=-1) - 1e-9).all()


def test_an_evaluation_goes_on_where_it_was_stopped(tmp_path):
    parts = ladder.folds(TABLES, "family")
    kind = LADDER["early only"]
    first = dict(ladder.forecasts(kind, TABLES, parts, tmp_path))
    assert len(list(tmp_path.iterdir())) == 4 * 3
    again = dict(ladder.forecasts(kind, TABLES, parts, tmp_path))
    for context, forecast in first.items():
        assert np.array_equal(again[context].quantiles, forecast.quantiles)
        assert np.isfinite(forecast.order).all()
    even = ladder.stretches(TABLES, parts)
    late, soon = (
        ladder.measures(ladder.calibrated(first[n], TABLES, even), TABLES, first[n])
        for n in (5, 1)
    )
    assert late["crps"].mean() < soon["crps"].mean()
    assert late["rank_speed"].mean() > 0.9
    assert set(late["arm"]) == {"fixed", "drawn"} and len(late) == 16


def test_halving_picks_what_lasts_and_spends_what_it_may():
    shares = np.array([[0.9, 0.1, 0.1], [0.5, 0.6, 0.7], [0.4, 0.5, 0.9], [0.3] * 3])
    assert ladder.halving(shares, 4) == 0  # one epoch of each decides
    assert ladder.halving(shares, 7, third=2) == 1  # two go on to the second
    assert ladder.halving(shares, 12, first=3) == 2
    # nine for one epoch, three for two more, and one is left
    assert ladder._cost(9, 1, 3, 15) == 9 + 3 * 2
    assert ladder._cost(27, 1, 3, 15) == 27 + 9 * 2 + 3 * 6
    assert ladder._cost(2, 1, 3, 15) == 2


def test_rivals_with_the_right_order_lose_nothing():
    ends = TABLES.end
    found = ladder.rivals(
        TABLES, {"oracle": {0: ends, 1: ends}, "wrong": {0: -ends}}, draws=50
    )
    mean = found.pivot_table(index="rival", columns="epochs", values="regret")
    assert mean.loc["oracle", 0] == 0 < mean.loc["wrong", 0]
    assert (
        mean.loc["oracle, again", 32] == 0 and "oracle, again" not in mean[10].dropna()
    )
    assert mean.loc["random", 0] > mean.loc["random", 96]
    assert mean.loc["halving", 160] <= mean.loc["halving", 1] + 1e-9
    assert mean.loc["dense"].nunique() == 1
    assert ladder.over_tasks(found[found["rival"] == "oracle"], "points")[0] >= 0


def test_ranks_by_one_seed_and_by_another():
    found = ladder.ceiling(TABLES)
    assert len(found) == 8 and found["rank_speed"].mean() > 0.8
