"""Tables of many tasks, and how far a task is from them."""

import numpy as np
import pandas as pd
import pytest
from made import made, made_tables

import vsrnn
from vsrnn.design.geometry import BLOCKS
from vsrnn.forecast.meta import Distance, design_features, early, make_tables


@pytest.fixture(scope="module")
def tables():
    return made_tables(tasks=6)


def test_features_are_those_of_the_geometry():
    runs, _, _ = made(tasks=2)
    found = design_features(runs)
    for n in (0, 7):
        row = runs.iloc[n]
        density = [row[f"density_{b}"] for b in BLOCKS]
        g = vsrnn.Geometry(row["inputs"], row["hidden"], row["outputs"], density)
        own = found.iloc[n]
        assert own["weights"] == pytest.approx(np.log(g.weights))
        assert own["proportion"] == pytest.approx(g.hidden_proportion)
        assert own["share_yh"] == pytest.approx(g.block_weights["yh"] / g.weights)
        assert own["per_input"] == pytest.approx(np.log(row["hidden"] / row["inputs"]))
        row_weights = sum(g.block_weights[b] for b in ("hx", "hh", "hy")) / g.hidden
        fan = row["learning_rate"] * max(row_weights, 1)
        assert own["rate_by_reads"] == pytest.approx(np.log(fan))


def test_levels_go_from_a_guess_to_the_best():
    runs, statistics, _ = made(tasks=2)
    one = runs[runs["task"] == "t0"].iloc[:2].copy()
    one["seed"], one["design"], one["guess"] = [0, 1], "same", 2.0
    one["curve"] = [[1.5, 0.5, 1.0], [4.0, 1.0]]  # the second diverged
    found = make_tables(one, statistics)
    assert len(found) == 1 and found.levels.shape == (1, 2, 3)
    third = (2 - np.array([1.5, 0.5, 1.0])) / 1.5
    assert found.levels[0, 0] == pytest.approx(third)
    assert found.levels[0, 1] == pytest.approx([-1, 2 / 3, -1])
    assert found.shares[0, 0] == pytest.approx([0.25, 0.75, 0.5])
    assert found.end[0] == pytest.approx((third[2] - 1) / 2)
    with pytest.raises(vsrnn.VsrnnError, match="no statistics: t0"):
        make_tables(one, statistics.drop("t0"))
    with pytest.raises(vsrnn.VsrnnError, match="no runs"):
        make_tables(one[:0], statistics)


def test_what_is_not_seen_yet_is_not_there(tables):
    seen = tables.seen(3)
    assert np.isnan(seen.levels).all() and np.isnan(seen.shares[:, 1:]).all()
    assert np.isnan(seen.shares[:, 0, 3:]).all()
    assert np.array_equal(seen.shares[:, 0, :3], tables.shares[:, 0, :3])
    assert early(seen, 0).shape == (len(tables), 0)
    assert np.array_equal(early(seen, 3), early(tables, 3))


def test_ranks_and_means_are_within_pools(tables):
    values = tables.speed[:, None]
    ranks, means = tables.in_pool(values), tables.pool_mean(values)
    for rows in tables.pools.values():
        assert ranks[rows].min() == -1 and ranks[rows].max() == 1
        assert (np.argsort(ranks[rows, 0]) == np.argsort(values[rows, 0])).all()
        assert means[rows] == pytest.approx(values[rows].mean())
    half = tables.of(tables.designs["task"].isin(["t1", "t2"]).to_numpy())
    assert list(half.tasks.index) == ["t1", "t2"] and len(half.features) == len(half)


def test_distance_knows_the_nearest_and_what_is_far():
    rng = np.random.default_rng(0)
    tasks = pd.DataFrame(rng.normal(size=(20, 4)), [f"t{n}" for n in range(20)])
    distance = Distance(tasks)
    near = distance.nearest(tasks.loc["t3"] + 0.01)
    assert near.index[0] == "t3" and near.iloc[0] < 0.1
    assert distance.stretch(tasks.loc["t3"]) == 0.7
    far = tasks.loc["t3"] + 20
    assert distance.percentile(float(distance.nearest(far).iloc[0])) == 100
    assert distance.stretch(far) == 1.5
