"""Cross-validated forecasts: nothing leaks, and a known truth is found."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from vsrnn import VsrnnError, forecast
from vsrnn.forecast import validation
from vsrnn.forecast.measures import r2_gain
from vsrnn.forecast.table import SCORE

BASE, WITH = ("forest", "hyperparameters"), ("forest", "with proportion")


def test_nothing_leaks_between_the_seeds_of_a_design(made_runs):
    """A design's own luck can be known from its other seeds alone."""
    once = made_runs(60, "nothing")
    runs = pd.concat([once.assign(seed=seed) for seed in range(3)])
    folds = forecast.cross_predict(runs, [("boosting", "hyperparameters")], repeats=2)
    assert (
        forecast.measure_forecasts(folds).set_index("measure").loc["R2", "value"] < 0.1
    )


def test_folds_hold_every_design_once_and_their_share_of_the_best(made_runs):
    known = forecast.training_table(made_runs(50))
    best = known[SCORE].rank() > 100 / 3
    parts = validation.splits(known, repeats=2)
    assert [repeat for _, _, repeat, _ in parts] == [0] * 5 + [1] * 5
    for fit, test, *_ in parts:
        assert sorted([*fit, *test]) == list(range(50))
        assert best.iloc[test].sum() in (3, 4)
    assert sorted(np.concatenate([test for _, test, *_ in parts[:5]])) == list(
        range(50)
    )


def test_too_few_designs_are_refused(made_runs):
    with pytest.raises(VsrnnError, match="15 designs or more, not 14"):
        forecast.cross_predict(made_runs(14))


def test_the_top_third_are_all_that_tie_where_many_do():
    ties = pd.Series([0, 50, 100, 100, 100, 100])
    assert validation.top_third(ties).tolist() == [False] * 2 + [True] * 4
    assert validation.top_third(pd.Series(range(6))).sum() == 2


def test_designs_that_nearly_all_tie_are_split_too(made_runs):
    runs = made_runs(16)
    runs["score"] = np.where(np.arange(16) < 3, 0.5, 0.0)
    parts = validation.splits(forecast.training_table(runs))
    tests = [test for _, test, *_ in parts]
    assert sorted(np.concatenate(tests)) == list(range(16))


def test_one_success_among_failures_is_no_crash(made_runs):
    runs = made_runs(30).assign(score=[0.5] + [0.0] * 29)
    for model in ("forest", "linear", "mean"):
        found = forecast.cross_predict(runs, [(model, "proportion")], classify=True)
        one = found["observed"]
        assert one.sum() == 1 and (found.loc[one, "forecast"] == 0).all()
        assert found["forecast"].between(0, 1).all()


def test_a_split_is_forecast_by_a_model_fitted_to_its_rows_alone(made_runs):
    known = forecast.training_table(made_runs(20))
    fit, test = np.arange(15), np.arange(15, 20)
    found = validation.predict_splits(known, [(fit, test, 3, 7)], [WITH])
    forest = forecast.make_regressor(seed=7)
    expected = forest.fit(known.iloc[fit], known[SCORE].iloc[fit])
    assert found["row"].tolist() == test.tolist() and (found["repeat"] == 3).all()
    np.testing.assert_allclose(found["forecast"], expected.predict(known.iloc[test]))
    np.testing.assert_allclose(found["observed"], known[SCORE].iloc[test])
    assert found["base"].unique() == pytest.approx(known[SCORE].iloc[fit].mean())


def test_forecasting_the_mean_ranks_nothing(made_runs):
    runs = made_runs(60)
    for classify in (False, True):
        folds = forecast.cross_predict(
            runs, [("mean", "proportion")], classify=classify
        )
        found = forecast.measure_forecasts(folds).set_index("measure")["value"]
        if classify:
            assert found["ROC AUC"] == 0.5
        else:
            assert found["rank correlation"] == 0
            assert -0.1 < found["R2"] < 0


def test_a_known_truth_is_found(made_runs):
    runs = made_runs(120, "proportion")
    models = [("spline", "proportion"), BASE, WITH]
    folds = forecast.cross_predict(runs, models)
    found = forecast.measure_forecasts(folds).set_index(
        ["model", "features", "measure"]
    )
    assert found.loc[("spline", "proportion", "R2"), "low"] > 0.8
    assert found.loc[(*WITH, "R2"), "low"] > found.loc[(*BASE, "R2"), "value"]
    value, low, high = r2_gain(folds, WITH, BASE)
    assert 0 < low < value < high
    each = found.xs("R2", level="measure")["value"]
    assert value == pytest.approx(each[WITH] - each[BASE])


def test_hidden_proportion_helps_nothing_where_it_means_nothing(made_runs):
    folds = forecast.cross_predict(made_runs(120, "rate"), [BASE, WITH])
    _, low, high = r2_gain(folds, WITH, BASE)
    assert low < 0.02 and high > -0.1
    found = forecast.measure_forecasts(folds).set_index(
        ["model", "features", "measure"]
    )
    assert found.loc[(*BASE, "R2"), "low"] > 0.5


def test_noise_is_not_forecast(made_runs):
    folds = forecast.cross_predict(made_runs(90, "nothing"), [WITH])
    found = forecast.measure_forecasts(folds).set_index("measure")
    assert found.loc["R2", "value"] < 0.1
    row = found.loc["rank correlation"]
    assert row["low"] < 0 < row["high"] or row["high"] < 0.1


def test_the_top_third_is_recognized(made_runs):
    models = [("linear", "proportion"), ("forest", "proportion")]
    folds = forecast.cross_predict(made_runs(90), models, classify=True)
    found = forecast.measure_forecasts(folds).set_index(["model", "measure"])
    assert found.loc[("forest", "ROC AUC"), "low"] > 0.85
    assert found.loc[("forest", "accuracy [%]"), "low"] > 75
    assert folds["observed"].mean() == pytest.approx(1 / 3, abs=0.02)


def test_the_same_seed_gives_the_same_forecast(made_runs):
    runs, new = made_runs(30), made_runs(5, seed=1)
    pipeline = forecast.make_regressor(seed=3)
    known = forecast.training_table(runs)
    first = clone(pipeline).fit(known, known[SCORE]).predict(new)
    again = clone(pipeline).fit(known, known[SCORE]).predict(new)
    assert (first == again).all()


def test_the_forest_is_that_of_the_paper_and_seeds_split(made_runs):
    assert forecast.make_regressor()[-1].n_estimators == 60
    runs = made_runs(20)
    one, other = (
        forecast.cross_predict(runs, [("mean", "proportion")], seed=s) for s in (0, 1)
    )
    assert one["row"].tolist() != other["row"].tolist()
