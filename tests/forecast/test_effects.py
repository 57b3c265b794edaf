"""Rank correlations and the smooth course of scores show a known truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vsrnn
from vsrnn.forecast.effects import (
    AREA,
    EPOCHS,
    designs_by_table,
    rank_correlation,
    score_course,
)
from vsrnn.runs.tables import study_runs

PROPORTION = "hidden proportion [fraction]"


@pytest.fixture(scope="module")
def three(made_runs):
    """Three tables with known truths."""
    truths = {"curved": "proportion", "flat": "nothing", "rate": "rate"}
    parts = [
        made_runs(50, truth, table=name, seed=seed)
        for seed, (name, truth) in enumerate(truths.items())
    ]
    return pd.concat(parts, ignore_index=True)


def test_rank_correlation_is_scipys_with_an_interval_around(three):
    speed = three[["table", "design"]].assign(
        **{AREA: 50 * three["score"], EPOCHS: 100 - 100 * three["score"]}
    )
    found = rank_correlation(three, speed, 200)
    each = found.set_index(["table", "feature", "measure"])
    for name, known in designs_by_table(three):
        row = each.loc[(name, "hidden_proportion", "score [%]")]
        rho = stats.spearmanr(known["hidden_proportion"], known["score [%]"]).statistic
        assert row["rank correlation"] == pytest.approx(rho)
        assert row["low"] < rho < row["high"]
        assert row["designs"] == 50
    rate = each.xs("learning_rate", level="feature")
    assert rate.loc[("rate", "score [%]"), "high"] < -0.9
    assert rate.loc[("rate", AREA), "high"] < -0.9
    assert rate.loc[("rate", EPOCHS), "low"] > 0.9
    assert rate.loc[("flat", "score [%]"), "low"] < 0
    assert rate.loc[("flat", "score [%]"), "high"] > 0


def test_bootstrap_intervals_of_a_rank_correlation_cover(made_runs):
    """For designs whose score is noise, the true rank correlation is 0."""
    runs = pd.concat(
        [made_runs(30, "nothing", table=f"t{seed}", seed=seed) for seed in range(30)]
    )
    found = rank_correlation(runs, resamples=200)
    assert len(found) == 30 * 10
    held = (found["low"] < 0) & (found["high"] > 0)
    assert held.mean() == pytest.approx(0.95, abs=0.04)


def test_features_that_do_not_vary_have_no_correlation():
    found = rank_correlation(study_runs(["rad_100k"]), resamples=20)
    assert "learning_rate" not in set(found["feature"])
    assert set(found["measure"]) == {"score [%]"}


def test_the_course_is_best_where_the_truth_is(made_runs):
    course = score_course(made_runs(70), resamples=60)
    first = course.iloc[0]
    assert first["best low [fraction]"] <= 0.25 <= first["best high [fraction]"]
    assert first["best [fraction]"] == pytest.approx(0.25, abs=0.06)
    fit = course["fit [%]"]
    near = course.loc[fit >= fit.max() - 2, PROPORTION]
    # 25 sin(pi sqrt(p)) is within 2 of its top from .138 to .394
    assert near.min() == pytest.approx(0.138, abs=0.05)
    assert near.max() == pytest.approx(0.394, abs=0.08)
    assert (course["low [%]"] <= course["high [%]"]).all()
    truth = 30 + 25 * np.sin(np.pi * course[PROPORTION] ** 0.5)
    assert (course["fit [%]"] - truth).abs().median() < 1.5


def test_tables_of_few_designs_are_refused(made_runs):
    runs = made_runs(9)
    assert [name for name, _ in designs_by_table(runs)] == ["made"]
    with pytest.raises(vsrnn.VsrnnError, match="15 designs or more"):
        score_course(runs)
