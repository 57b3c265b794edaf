"""Prediction intervals contain what they promise."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, cross_val_predict

import vsrnn
from vsrnn import forecast
from vsrnn.forecast.table import SCORE

pytestmark = pytest.mark.usefixtures("few_trees")


def blocks(task="rad"):
    designs = vsrnn.list_designs(task)
    return designs[designs["model"] == "block"].set_index("name")


def test_prediction_intervals_contain_what_they_promise(made_runs):
    runs, fresh = made_runs(100), made_runs(300, seed=1)
    truth = 100 * fresh["score"]
    for model in ("linear", "forest"):
        found = forecast.predict_scores(runs, fresh, "proportion", model, level=0.8)
        held = truth.between(found["low [%]"], found["high [%]"]).mean()
        assert held == pytest.approx(0.8, abs=0.12)
        checked = forecast.check_intervals(runs, "proportion", model, level=0.8)
        assert checked["held"].mean() == pytest.approx(0.8, abs=0.12)
        assert len(checked) == 100 and checked.notna().to_numpy().all()


def test_a_reader_forecasts_named_designs_from_a_committed_table():
    designs = blocks().loc[["balanced_0", "111111_", "balanced"]]
    found = forecast.predict_scores(vsrnn.get_results("rad_100k"), designs)
    assert (found.index == designs.index).all()
    assert (found["low [%]"] <= found["forecast [%]"]).all()
    assert (found["forecast [%]"] <= found["high [%]"]).all()
    assert found.to_numpy().min() >= 0 and found.to_numpy().max() <= 100


def test_designs_that_name_no_task_are_of_the_runs_own():
    task = "own:Classes"
    drawn = vsrnn.draw_designs(task, "normal", 30)
    known = vsrnn.design_table(task, drawn).rename(columns={"name": "design"})
    runs = known.assign(task=task, score=known["hidden_proportion"], error=None)
    runs.loc[0, ["score", "error"]] = None, "diverged: training loss not finite"
    assert forecast.training_table(runs)["score [%]"][0] == 25, "a guess among four"
    new = vsrnn.design_table(task, vsrnn.draw_designs(task, "normal", 20, seed=1))
    found = forecast.predict_scores(runs, new, "proportion", "spline")
    named = forecast.predict_scores(runs, new.assign(task=task), "proportion", "spline")
    pd.testing.assert_frame_equal(found, named)
    middle = found["forecast [%]"] / 100
    assert (middle - new["hidden_proportion"]).abs().median() < 0.05
    low = forecast.predict_scores(runs.assign(score=-runs["score"]), new)
    assert (low["low [%]"] < low["forecast [%]"]).all() and low["low [%]"].min() < -5


def test_intervals_that_cannot_be_promised_are_refused(made_runs):
    for level, words in ((0.99, "more than 30"), (90, "0 and 1")):
        with pytest.raises(vsrnn.VsrnnError, match=words):
            forecast.predict_scores(
                made_runs(30), blocks(), model="linear", level=level
            )


def test_the_fewest_designs_for_intervals_are_ten(made_runs):
    rest = {"model": "linear", "level": 0.5}
    with pytest.raises(vsrnn.VsrnnError, match="more than 9 trained designs"):
        forecast.predict_scores(made_runs(9), blocks(), "proportion", **rest)
    found = forecast.predict_scores(made_runs(10), blocks(), "proportion", **rest)
    assert found.notna().to_numpy().all()


def test_an_interval_is_the_expected_error_times_the_ratio_of_its_rank(made_runs):
    known, new = forecast.training_table(made_runs(29)), made_runs(5, seed=1)
    folds = KFold(5, shuffle=True, random_state=0)

    def expected(some, of):
        pipeline = forecast.make_regressor("proportion", "linear")
        score = some[SCORE]
        errors = abs(score - cross_val_predict(pipeline, some, score, cv=folds))
        return np.maximum(pipeline.fit(some, errors).predict(of), errors.mean() / 10)

    ratios = []
    for fit, rest in folds.split(known):
        seen, unseen = known.iloc[fit], known.iloc[rest]
        pipeline = forecast.make_regressor("proportion", "linear")
        middle = pipeline.fit(seen, seen[SCORE]).predict(unseen)
        ratios += [*(abs(unseen[SCORE] - middle) / expected(seen, unseen))]
    found = forecast.predict_scores(
        made_runs(29), new, "proportion", "linear", level=0.8
    )
    width = found["high [%]"] - found["forecast [%]"]
    rank = 24  # .8 of 29 + 1
    np.testing.assert_allclose(width, sorted(ratios)[rank - 1] * expected(known, new))


def test_intervals_are_wide_where_forecasts_err(made_runs):
    runs, fresh = made_runs(200), made_runs(200, seed=1)
    rng = np.random.default_rng(0)
    for table in (runs, fresh):  # noise above the middle of the hidden sizes
        noisy = table["hidden"] > runs["hidden"].median()
        noise = rng.normal(0, np.where(noisy, 0.1, 0.005))
        table["score"] = np.clip(table["score"] + noise, 0, 1)
    found = forecast.predict_scores(runs, fresh, level=0.8)
    width = found["high [%]"] - found["low [%]"]
    held = (100 * fresh["score"]).between(found["low [%]"], found["high [%]"])
    assert width[noisy].median() > 2 * width[~noisy].median()
    for part in (noisy, ~noisy):
        assert held[part].mean() == pytest.approx(0.8, abs=0.15)


def test_scores_without_error_have_intervals_without_width(made_runs):
    runs = made_runs(20).assign(score=0.5)
    found = forecast.predict_scores(runs, made_runs(5, seed=1), level=0.8)
    np.testing.assert_allclose(found, 50)
