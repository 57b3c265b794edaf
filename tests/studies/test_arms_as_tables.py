"""Arms of part II: named by their configs, joined with runs, judged in a table."""

import numpy as np
import pandas as pd
import pytest
from each import each
from scipy import stats

from vsrnn import Config, get_method
from vsrnn.studies import PROTOCOLS, arms, navigation


@each("name", arms.PENALTIES)
@each("weight", [None, 0.001])
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


def test_cheap_pairs_are_those_that_cost_less_than_half():
    costs, _ = get_method("geometric", space="circle").embed(40, 3).pairs()
    cheap = costs.numpy() < 81.1436 / 2  # of the most that a weight can cost
    assert arms.cheap_pairs("circle", 40, 3) == pytest.approx(100 * cheap.mean())
