"""Networks watched while they train: the same runs, seen at the right moments."""

import numpy as np
import pandas as pd
import pytest
import torch

from vsrnn.runs.config import Config
from vsrnn.runs.run import run, train
from vsrnn.studies import watched
from vsrnn.studies.arms import methods


def test_watching_changes_nothing_and_sees_what_pruning_leaves(one_thread):
    how = methods("torus", 0.1, "cubic")
    how[-1]["end"] = 2
    config = Config("navigation", "navigation_256", "smoke", 1, epochs=3, method=how)
    (seen,), made_by = watched.watch([config], watched.hidden_sizes, (0, 2, 3))
    result = run(config)
    assert seen.curve == result["curve"]
    assert list(seen.seen) == [0, 2, 3] and (seen.seen[0] > 0).mean() > 0.99
    for epoch in (2, 3):
        left = seen.curve[epoch - 1]["weights_hh_0"]
        assert (seen.seen[epoch] > 0).sum() == left
    assert made_by["runs"] == [config.id] and made_by["scale"] == "smoke"
    matrix = train(config)[0].matrices()["hh_0"]
    torch.testing.assert_close(torch.from_numpy(seen.seen[3]), matrix.abs())


def test_watching_may_stop_early(one_thread):
    config = Config("navigation", "navigation_256", "smoke", epochs=4)
    (short,), _ = watched.watch([config], lambda *_: None, (), epochs=1)
    assert [point["epoch"] for point in short.curve] == [1]


def test_weights_lie_where_their_units_do():
    """One weight: its cell and its displacement are known."""
    places = np.stack([np.linspace(0, 9.9, 64)[::-1], np.full(64, 2.0)], 1)
    places[5] = (9.3, 9.5)  # third from the right
    places[40] = (0.2, 0.5)
    sizes = np.zeros((64, 64), np.float32)
    sizes[5, 40] = 8
    table = watched.by_place(sizes, places)
    cells, gaps = (table[table["view"] == view] for view in watched.VIEWS)
    (cell,) = cells[cells["mean size"] > 0].to_dict("records")
    order = places[:, 0].argsort().tolist()
    assert (cell["row"], cell["column"]) == (order.index(5) // 2, order.index(40) // 2)
    assert cell["mean size"] == 2  # one of four
    (gap,) = gaps[gaps["mean size"] > 0].to_dict("records")
    assert (gap["row"], gap["column"]) == (12, 11)  # (.9, 1) from -5 in steps of .5


def test_survivors_are_counted_on_cheap_pairs():
    sizes = np.zeros((4, 4))
    sizes[0, 1] = sizes[1, 0] = sizes[2, 3] = 0.5
    cheap = np.zeros((4, 4), bool)
    cheap[0, 1] = cheap[3, 3] = True
    seen = watched.Watched([{"epoch": 1, "val_error": 12.0}], {1: sizes})
    (row,) = watched.survivors(seen, cheap).to_dict("records")
    assert row["hidden weights"] == 3 and row[watched.KEPT] == 18.75
    assert row[watched.REACHED] == pytest.approx(33.333)
    assert row[watched.CHEAP] == 12.5 and row["error [cm]"] == 12
    assert isinstance(watched.grid_table(sizes, "x"), pd.DataFrame)
