"""Measures of forecasts are those of other libraries, and intervals cover."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from vsrnn import forecast
from vsrnn.forecast import measures


def test_measures_are_those_of_other_libraries():
    rng = np.random.default_rng(0)
    seen, guess = rng.normal(size=(2, 40))
    guess, none = guess + seen, np.zeros(40)
    expected = {
        "R2": metrics.r2_score(seen, guess),
        "mean absolute error [points]": metrics.mean_absolute_error(seen, guess),
        "rank correlation": stats.spearmanr(seen, guess).statistic,
    }
    for name, value in expected.items():
        assert measures.measure(name, seen, guess, none) == pytest.approx(value)
    above, chance = seen > 0.4, 1 / (1 + np.exp(-guess))
    area = metrics.roc_auc_score(above, chance)
    assert measures.measure("ROC AUC", above, chance, none) == pytest.approx(area)
    right = 100 * metrics.accuracy_score(above, chance > 0.5)
    assert measures.measure("accuracy [%]", above, chance, none) == pytest.approx(right)


def test_only_the_measures_asked_for_are_taken_and_they_are_the_same(made_runs):
    folds = forecast.cross_predict(made_runs(30), [("linear", "proportion")])
    each = forecast.measure_forecasts(folds)
    some = forecast.measure_forecasts(folds, measures=("R2", "ROC AUC"))
    assert each["measure"].tolist() == list(measures.MEASURES)
    pd.testing.assert_frame_equal(some, each.head(1))


def test_resamples_of_refitted_models_take_turns():
    """One of two fits is right and one is wrong: resamples are of either."""
    seen = np.arange(20.0)
    rows = [
        pd.DataFrame({"row": range(20), "observed": seen, "forecast": sign * seen})
        for sign in (1, -1)
    ]
    folds = pd.concat(part.assign(repeat=n) for n, part in enumerate(rows))
    folds = folds.assign(model="given", features="all", base=0.0)
    kept = forecast.measure_forecasts(folds, measures=("rank correlation",)).iloc[0]
    turns = forecast.measure_forecasts(
        folds, refitted=True, measures=("rank correlation",)
    ).iloc[0]
    assert kept[["value", "low", "high"]].tolist() == pytest.approx([0, 0, 0])
    assert turns[["value", "low", "high"]].tolist() == pytest.approx([0, -1, 1])


def test_more_repeats_do_not_make_intervals_narrower_than_the_designs_allow(made_runs):
    widths = []
    for repeats in (1, 6):
        folds = forecast.cross_predict(
            made_runs(60), [("spline", "proportion")], repeats=repeats
        )
        row = forecast.measure_forecasts(folds).set_index("measure").loc["R2"]
        widths.append(row["high"] - row["low"])
    assert widths[1] > 0.8 * widths[0]


def test_intervals_of_r2_cover_as_often_as_they_say():
    """Forecasts of fresh designs by a model that is given: R2 is .75 in truth."""
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(100):
        given_values = rng.normal(size=100) * 3**0.5
        folds = pd.DataFrame({"row": range(100), "forecast": given_values, "base": 0.0})
        folds["observed"] = given_values + rng.normal(size=100)
        folds = folds.assign(model="given", features="all", repeat=0)
        row = forecast.measure_forecasts(folds, resamples=200, seed=trial).iloc[0]
        held += row["low"] < 0.75 < row["high"]
    assert 0.88 <= held / 100 <= 0.99


def test_no_interval_of_r2_is_above_one():
    """One design far from the others, and far from its forecast."""
    folds = pd.DataFrame({"row": range(20), "observed": np.arange(20.0), "base": 0.0})
    folds.loc[19, "observed"] = 500.0
    folds["forecast"] = folds["observed"].clip(upper=-400)
    folds = folds.assign(model="given", features="all", repeat=0)
    row = forecast.measure_forecasts(folds).iloc[0]
    assert row["value"] < row["high"] == 1


def test_corrected_interval_is_wider_than_a_t_test():
    values = [0.4, 0.5, 0.55, 0.6]
    plain = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    mean, low, high = measures.corrected_interval(values, 1 / 4)
    assert low < plain.low < mean < plain.high < high
    assert measures.corrected_interval(values, 0)[1:] == pytest.approx(tuple(plain))


def test_where_no_score_varies_nothing_is_explained(made_runs):
    known = forecast.cross_predict(
        made_runs(20).assign(score=0.5), [("mean", "proportion")]
    )
    found = forecast.measure_forecasts(known).set_index("measure").loc["R2"]
    assert found[["value", "low", "high"]].tolist() == [0, 0, 0]
