"""Importance, dependence and cost of forests: the truth is found."""

import numpy as np
import pytest

from vsrnn import forecast
from vsrnn.forecast import inspection
from vsrnn.forecast.table import SCORE


@pytest.fixture(scope="module")
def known(made_runs):
    return forecast.training_table(made_runs(90))


@pytest.fixture(scope="module")
def forests(known):
    return inspection.fit_forests(known)


def test_importance_finds_the_truth_on_designs_held_out(known, forests, made_runs):
    first = inspection.feature_importance(known, forests).iloc[0]
    assert first["feature"] == "hidden_proportion"
    assert 0.1 < first["loss [R2]"] < 2 and first["low [R2]"] > 0
    nothing = forecast.training_table(made_runs(60, "nothing"))
    none = inspection.feature_importance(nothing, inspection.fit_forests(nothing))
    assert none["loss [R2]"].abs().max() < 0.3  # fitted noise would be important


def test_importance_is_the_error_added_by_shuffling_the_column(known, forests):
    table = inspection.feature_importance(known, forests).set_index("feature")
    values = forecast.features(known)
    score, losses = known[SCORE].to_numpy(), []
    for _, test, forest in forests:
        seen = values.iloc[test].to_numpy()
        error = np.mean((forest.predict(seen) - score[test]) ** 2)
        rng, order, more = np.random.default_rng(1), np.arange(len(test)), []
        for _ in range(20):
            rng.shuffle(order)
            mixed = seen.copy()
            mixed[:, list(values).index("hidden_proportion")] = seen[order, -1]
            more.append(np.mean((forest.predict(mixed) - score[test]) ** 2))
        losses.append((np.mean(more) - error) / score.var())
    assert list(values)[-1] == "hidden_proportion"
    expected = table.loc["hidden_proportion", "loss [R2]"]
    assert np.mean(losses) == pytest.approx(expected, rel=0.25)


def test_dependence_rises_to_where_the_truth_is_best(known, forests):
    shown = ["hidden_proportion", "learning_rate"]
    lines = inspection.partial_dependence(known, forests, shown)
    mean = lines.groupby(["feature", "value"])["forecast [%]"].mean()
    course = mean["hidden_proportion"]
    assert 0.1 < course.idxmax() < 0.5 and course.max() - course.iloc[0] > 5
    assert np.ptp(mean["learning_rate"]) < 2


def test_more_designs_make_a_better_forecast(known, made_runs):
    table = inspection.cost_curve(known, sizes=3, repeats=4)
    curve = table[table["measure"] == "R2"]
    assert curve["trained [designs]"].tolist() == [10, 26, 67]
    assert curve["mean"].is_monotonic_increasing
    assert (curve["low"] < curve["mean"]).all()
    assert (curve["high"] > curve["mean"]).all()
    assert inspection.enough_designs(table, slack=10) == 10
    assert inspection.enough_designs(table, slack=0) == 67
    one = forecast.training_table(made_runs(30).assign(score=[0.5] + [0.0] * 29))
    assert len(inspection.cost_curve(one, sizes=2, repeats=2)) == 4
