"""Arms of part II: named by their configs, joined with runs, judged in a table."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vsrnn import Config, get_method
from vsrnn.stats import Claim
from vsrnn.studies import PROTOCOLS, arms, navigation


@pytest.mark.parametrize("name", arms.PENALTIES)
@pytest.mark.parametrize("weight", [None, 0.001])
def test_an_arm_is_recognized_by_its_config(name, weight):
    more = {} if weight is None else {"weight": weight, "seed": 3}
    how = arms.methods(name, 0.1, "cubic", **more)
    found = arms.arm_of(Config("navigation", "navigation_256", method=how))
    same_but_for_weight = {"uniform / 4": "uniform", "uniform / 16": "uniform"}
    assert found == (same_but_for_weight.get(name, name) if weight else name)


@pytest.mark.parametrize("schedule", arms.SCHEDULES)
def test_a_plan_says_what_is_pruned_and_how(schedule):
    run = navigation.run_of("torus", 2, schedule, 0.05, task_options={"steps": 50})
    (row,) = arms.planned([run]).to_dict("records")
    assert row == {
        **{"id": run.id, "task": "navigation", "design": "navigation_256", "seed": 2},
        **{"arm": "torus", "weight": 0.1, "density": 0.05, "schedule": schedule},
        **{"score": "magnitude", "protect": "", "at once": False, "steps": 50},
    }


def test_every_planned_run_has_an_arm_and_an_id_of_its_own():
    for study in ("navigation", "sequences"):
        plan = arms.planned(PROTOCOLS[study]())
        assert plan["id"].is_unique and set(plan["arm"]) <= set(arms.PENALTIES)


def test_means_are_over_the_runs_that_there_are():
    plan = pd.DataFrame({"id": ["a", "b", "c"], "arm": ["none", "none", "torus"]})
    runs = pd.DataFrame({"id": ["b", "a", "other"], "x": [4.0, 1.0, 9.0]})
    table = arms.means(arms.measured(plan, runs, "x"), ["arm"], "x")
    low, high = stats.ttest_1samp([1, 4], 0).confidence_interval(0.95)
    assert table.iloc[0, :2].tolist() == ["none", 2.5]
    assert table.iloc[0, 2:4].tolist() == pytest.approx([low, high])
    assert table["seeds"].tolist() == [2, 0] and np.isnan(table["mean"][1])


def test_a_share_has_the_interval_of_wilson():
    """The example of Newcombe 1998, Statistics in Medicine 17, 857-872: 81 of 263."""
    errors = pd.Series([0.0] * 81 + [1.0] * 182 + [np.nan])
    share, low, high, runs = arms.share_below(errors, 0.5)
    assert (share, runs) == (pytest.approx(8100 / 263), 263)
    assert (low, high) == pytest.approx((25.53, 36.62), abs=0.01)
    assert np.isnan(arms.share_below(errors[:0], 0.5)[0])


def test_cheap_pairs_are_those_that_cost_less_than_half():
    costs, _ = get_method("geometric", space="circle").embed(40, 3).pairs()
    cheap = costs.numpy() < 81.1436 / 2  # of the most that a weight can cost
    assert arms.cheap_pairs("circle", 40, 3) == pytest.approx(100 * cheap.mean())


@pytest.fixture
def words(tmp_path, monkeypatch):
    """A file of words on one claim, which is said to hold."""
    row = {"study": "toy", "paper": "a wins", "published": "9 cm", "tested": "a is low"}
    row |= {"verdict": "holds", "explained": "a is near; a far b would refute it"}
    path = tmp_path / "scorecard.csv"
    pd.DataFrame([row, row | {"study": "other"}]).to_csv(path, index=False)
    monkeypatch.setattr(arms, "JUDGED", path)


@pytest.mark.parametrize(
    "ends, verdict, here",
    [
        ((0.2, 0.1, 0.3), "holds", "a is low: 0.20 (0.10 to 0.30) cm"),
        ((2.0, -1.0, 5.0), "undecided", "a is low: 2.0 (\u22121.0 to 5.0) cm"),
        ((0.02, 0.01, 0.03), "holds", "a is low: 0.020 (0.010 to 0.030) cm"),
        ((2.0, np.nan, np.nan), "too few runs yet", "a is low"),
        (None, "no runs yet", "a is low"),
    ],
)
def test_a_scorecard_explains_the_verdict_it_was_written_for(
    words, ends, verdict, here
):
    found = [Claim("b is low", 1, 1, 1)]
    found += [Claim("a is low", *ends, "cm")] if ends else []
    (row,) = arms.scorecard("toy", found).values.tolist()
    why = "a is near; a far b would refute it" if verdict == "holds" else ""
    assert row == ["a wins", "9 cm", here, verdict, why]


def test_every_claim_of_the_paper_is_judged_in_words():
    table = pd.read_csv(arms.JUDGED, dtype=str)
    assert set(table["study"]) <= set(PROTOCOLS)
    assert set(table["verdict"].dropna()) <= {"holds", "undecided", "reversed"}
    assert not table[["paper", "published", "tested"]].isna().any(axis=None)
