"""What the ladder reads of the stored runs, and what is shipped of it."""

import numpy as np
import pytest

from vsrnn.forecast.choose import SHIPPED, shipped
from vsrnn.forecast.probe import probe
from vsrnn.studies import ladder
from vsrnn.studies.meta import meta_table, with_levels


@pytest.fixture(scope="module")
def tables():
    return ladder.read_tables()


def test_levels_are_those_of_the_data_set(tables):
    runs = with_levels(meta_table())
    for row in np.linspace(0, len(tables) - 1, 20).astype(int):
        about = tables.designs.iloc[row]
        own = runs[(runs[ladder.KEYS] == about[ladder.KEYS]).all(axis=1)]
        level = np.mean(np.stack(own["level"]), axis=0)
        assert tables.level[row] == pytest.approx(level, abs=0.05)
        assert tables.features["proportion"][row] == pytest.approx(
            own["hidden_proportion"].iloc[0], abs=0.05
        )


def test_measures_are_made_again(tables):
    rows = np.flatnonzero(tables.designs["task"].isin(["add-2", "counter-3"]))[::40]
    assert len(rows) > 2
    for row in rows:
        design = ladder.design_of_run(tables.designs.iloc[row])
        found = probe(design, ladder.data_of(tables.designs["task"][row]))
        kept = tables.probes.iloc[row]
        for name in ("gain_hh", "readout", "snip_yh", "spread"):
            assert found[name] == pytest.approx(kept[name], rel=0.05, abs=0.05)


def test_what_is_shipped_knows_these_tasks(tables):
    known = shipped(SHIPPED)
    assert set(known.tasks.index) == set(tables.tasks.index)
    own = known.tasks.loc[tables.tasks.index, tables.tasks.columns]
    assert own.to_numpy() == pytest.approx(tables.tasks.to_numpy())
    assert known.measured["probes"] == list(tables.probes.columns)
    assert known.arrays["epochs"] == tables.epochs
