"""Forecasts from other tables and from another task."""

import pandas as pd
import pytest

from vsrnn import forecast
from vsrnn.forecast import transfer
from vsrnn.forecast.table import SCORE

pytestmark = pytest.mark.usefixtures("few_trees")


def test_transfer_is_worse_where_tables_differ(made_runs):
    tables = [
        made_runs(40, "proportion", table="one"),
        made_runs(40, "rate", table="other", seed=1),
    ]
    runs = pd.concat(tables, ignore_index=True)
    found = transfer.transfer_between_tables(runs)
    chosen = found.query("features == 'with proportion' and measure == 'R2'")
    mean = chosen.groupby("source")["value"].mean()
    assert mean["same table"] > mean["other tables"]
    assert (found["designs"] == 40).all()
    alone = transfer.transfer_between_tables(tables[0])
    assert set(alone["source"]) == {"same table"}


def test_tables_that_are_only_asked_about_are_not_learned_from(made_runs):
    runs = made_runs(40, table="one")
    asked = made_runs(20, "rate", table="asked", seed=1)
    found = transfer.transfer_between_tables(runs, asked).set_index("table")
    assert set(found.loc[["asked"], "source"]) == {"other tables"}
    alone = transfer.transfer_between_tables(runs).set_index("table")
    pd.testing.assert_frame_equal(found.loc[["one"]], alone)


def test_a_forest_orders_another_task_as_the_truth_allows(made_runs):
    """Of the other task, designs have the same order, the reverse, or none."""
    own, other = (
        transfer.rank_scores(forecast.training_table(made_runs(50, seed=seed)))
        for seed in (0, 1)
    )
    reverse = other.assign(**{SCORE: 100 - other[SCORE]})
    for designs, sign in ((other, 1), (reverse, -1)):
        found = transfer.transfer_between_tasks(own, designs)
        each = found.set_index("source")
        assert (sign * each.loc["the other task", ["low", "high"]]).min() > 0.2
        assert each.loc["the same task", "low"] > 0.5


def test_ranks_share_ties_and_span_the_scale():
    known = pd.DataFrame({SCORE: [3.0, 1.0, 1.0, 2.0]})
    ranks = transfer.rank_scores(known)[SCORE].tolist()
    assert ranks == [87.5, 25, 25, 62.5]
