"""Statistics agree with scipy's, and a verdict is what an interval says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vsrnn.stats import (
    Claim,
    claims_table,
    intervals,
    means_differ,
    one_against_others,
    outlying,
    rank_interval,
    share_below,
    spearman,
    welch,
    welch_of_means,
)

VALUES = st.lists(st.integers(-1000, 1000), min_size=2, max_size=9)


@given(VALUES)
def test_an_interval_is_that_of_students_t(values):
    table = pd.DataFrame({"design": "a", "score": values})
    ((_, mean, low, high, seeds),) = intervals(table, ["design"], "score").to_numpy()
    assert seeds == len(values) and mean == pytest.approx(np.mean(values))
    found = stats.ttest_1samp(values, 0) if np.ptp(values) else None
    if found:
        known = found.confidence_interval()
        assert (low, high) == pytest.approx((known.low, known.high))
    else:
        assert low == high == mean


def test_groups_keep_their_order_and_rows_without_a_value_are_left_out():
    table = pd.DataFrame({"d": list("bbaa"), "s": [1.0, 3.0, 5.0, np.nan]})
    found = intervals(table, ["d"], "s")
    assert found["d"].tolist() == ["b", "a"] and found["seeds"].tolist() == [2, 1]
    assert found["mean"].tolist() == [2, 5] and np.isnan(found["low"].iloc[1])


@given(VALUES, VALUES)
def test_a_difference_of_means_is_that_of_welch(first, second):
    gap, low, high = welch(first, second)
    assert gap == pytest.approx(np.mean(first) - np.mean(second))
    if not (np.ptp(first) and np.ptp(second)):  # scipy warns where one does not vary
        assert low <= gap <= high
        return
    known = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert (low, high) == pytest.approx((known.low, known.high))
    errors = [np.var(each, ddof=1) / len(each) for each in (first, second)]
    means, numbers = [np.mean(first), np.mean(second)], [len(first), len(second)]
    assert welch_of_means(means, errors, numbers) == pytest.approx((gap, low, high))


def test_one_value_has_no_interval_and_a_shared_error_widens_it():
    assert np.isnan(welch([1.0], [2.0, 3.0])[1:]).all()
    narrow, wide = (welch([1.0, 2.0], [3.0, 5.0], shared) for shared in (0, [1, 1]))
    assert wide[1] < narrow[1] < narrow[2] < wide[2]


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 2), min_size=3, max_size=20))
def test_a_rank_correlation_is_that_of_scipy(pairs):
    first, second = np.array(pairs, float).T
    if np.ptp(first) and np.ptp(second):
        known = stats.spearmanr(first, second).statistic
        assert float(spearman(first, second)) == pytest.approx(known)
    else:
        assert float(spearman(first, second)) == 0
    both = spearman(np.stack([first, -first]), np.stack([second, second]))
    assert both[1] == pytest.approx(-both[0])


def test_an_interval_of_ranks_holds_the_correlation_and_turns_with_its_sign():
    rng = np.random.default_rng(0)
    first = rng.normal(size=40)
    second = first + rng.normal(size=40)
    rho, low, high = rank_interval(first, second)
    assert low < rho < high and low > 0 and high < 1
    assert rho == pytest.approx(stats.spearmanr(first, second).statistic)
    order = rng.permutation(40)
    assert rank_interval(first[order], second[order]) == (rho, low, high)
    turned = rank_interval(first, -second)
    assert turned[0] == pytest.approx(-rho) and turned[2] < 0
    assert turned[1:] == pytest.approx((-high, -low), abs=0.1)
    assert rank_interval(first, 2 * first) == (1, 1, 1)
    for few in (first[:4], np.zeros(40)):
        assert np.isnan(rank_interval(few, second[: len(few)])).all()


def test_verdicts():
    for low, high, word in (
        (0.1, 2, "holds"),
        (-2, -0.1, "reversed"),
        (-1, 1, "undecided"),
        (0, 1, "undecided"),
        (-1, 0, "undecided"),
        (np.nan, np.nan, "undecided"),
    ):
        assert Claim("c", 0, low, high).verdict == word


def test_a_table_of_claims_has_a_row_each():
    table = claims_table([Claim("a", 1, 0.5, 2, "points"), Claim("b", 0, -1, 1)])
    columns = ["claim", "value", "low", "high", "unit", "verdict"]
    assert list(table) == columns == list(claims_table([]))
    assert table.iloc[0].tolist() == ["a", 1, 0.5, 2, "points", "holds"]
    assert table["verdict"].tolist() == ["holds", "undecided"]


def test_one_less_others_is_welchs_for_two_means_and_right_for_more():
    rng = np.random.default_rng(0)
    samples = [rng.normal(0, 1, 4), rng.normal(3, 2, 6), rng.normal(1, 1, 5)]
    means = np.array([values.mean() for values in samples])
    numbers = np.array([len(values) for values in samples])
    squares = np.array([values.var(ddof=1) for values in samples]) / numbers
    both = one_against_others(means[:2], squares[:2], numbers[:2], 0)
    wanted = stats.ttest_ind(*samples[:2], equal_var=False).confidence_interval(0.95)
    assert both[1:] == pytest.approx(tuple(wanted))
    shares = squares / [1, 4, 4]
    free = shares.sum() ** 2 / (shares**2 / [3, 5, 4]).sum()
    gap = means[0] - means[1:].mean()
    half = stats.t.ppf(0.975, free) * shares.sum() ** 0.5
    three = one_against_others(means, squares, numbers, 0)
    assert three == pytest.approx((gap, gap - half, gap + half))
    other = one_against_others(means[[1, 0, 2]], squares[[1, 0, 2]], numbers, 1)
    assert other[0] == pytest.approx(gap)


def test_means_differ_as_an_analysis_of_variance_says():
    samples = np.random.default_rng(0).normal([0, 0, 1], 1, (5, 3)).T
    squares, numbers = samples.var(axis=1, ddof=1) / 5, np.array([5, 5, 5])
    chance = means_differ(samples.mean(1), squares, numbers)
    assert chance == pytest.approx(stats.f_oneway(*samples).pvalue)
    for some in (
        (samples.mean(1), squares, np.array([5, 5, 4])),
        (samples.mean(1), 0 * squares, numbers),
        (samples.mean(1)[:1], squares[:1], numbers[:1]),
    ):
        assert np.isnan(means_differ(*some))


def test_outlying_is_beyond_tukeys_fences():
    # quartiles 1.25 and 3.75: the fences are at -2.5 and 7.5
    assert outlying([0, 1, 2, 3, 4, 7.4]).sum() == 0
    assert outlying([0, 1, 2, 3, 4, 7.6]).tolist()[-1]


def test_a_share_has_the_interval_of_wilson():
    """The example of Newcombe 1998, Statistics in Medicine 17, 857-872: 81 of 263."""
    values = pd.Series([0.0] * 81 + [1.0] * 182 + [np.nan])
    share, low, high, runs = share_below(values, 0.5)
    assert (share, runs) == (pytest.approx(8100 / 263), 263)
    assert (low, high) == pytest.approx((25.53, 36.62), abs=0.01)
    assert np.isnan(share_below(values[:0], 0.5)[0])
