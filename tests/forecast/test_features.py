"""What a forecast reads of a design, and the table of designs it learns from."""

import numpy as np
import pandas as pd
import pytest

import vsrnn
from vsrnn import BLOCKS, VsrnnError, forecast, get_design
from vsrnn.forecast.table import PROTOCOL, SCORE
from vsrnn.tasks import sizes, task_class


def blocks(task="rad"):
    designs = vsrnn.list_designs(task)
    return designs[designs["model"] == "block"].set_index("name")


def with_last(runs, **changes):
    """The same runs with the last one changed."""
    last = runs.iloc[[-1]].assign(id="last", design="last", **changes)
    return pd.concat([runs.iloc[:-1], last], ignore_index=True)


def test_features_are_the_expected_counts_of_the_geometry():
    for task in ("rad", "hammer"):
        designs = blocks(task)
        found = forecast.features(designs, "with both")
        assert (found.index == designs.index).all()
        np.testing.assert_allclose(found["weights"], designs["weights"])
        share = designs["hidden_proportion"]
        np.testing.assert_allclose(found["hidden_proportion"], share)
        for name, row in found[[f"weights_{b}" for b in BLOCKS]].iterrows():
            geometry = get_design(task, name).geometry(*sizes(task))
            np.testing.assert_allclose(row, list(geometry.block_weights.values()))


def test_what_goes_across_tasks_has_no_sizes():
    for task, dense in (("rad", "111111_"), ("hammer", "10AH12")):
        found = forecast.features(blocks(task), "across tasks")
        assert not {"hidden", "weights"} & set(found)
        shares = found[[f"share_{block}" for block in BLOCKS]]
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        geometry = get_design(task, dense).geometry(*sizes(task))
        expected = geometry.block_weights["hx"] / geometry.weights
        assert shares.loc[dense, "share_hx"] == expected


def test_designs_and_runs_of_them_have_the_same_features():
    runs = vsrnn.get_results("rad_100k")
    known = forecast.training_table(runs).set_index("design")
    named = blocks().loc[known.index]
    pd.testing.assert_frame_equal(
        forecast.features(known), forecast.features(named), check_names=False
    )


def test_a_block_whose_initial_values_are_all_0_is_empty():
    design = blocks().loc[["balanced_0"]].assign(init_std_hh=0.0)
    assert forecast.features(design, "proportion").to_numpy().item() == 0


def test_designs_without_blocks_and_unknown_features_are_refused():
    with pytest.raises(vsrnn.VsrnnError, match="without blocks"):
        forecast.features(vsrnn.list_designs("rad"))
    with pytest.raises(vsrnn.VsrnnError, match="unknown features"):
        forecast.features(blocks(), "shoe size")
    with pytest.raises(vsrnn.VsrnnError, match="unknown model"):
        forecast.make_regressor(model="oracle")


def test_seeds_of_a_design_are_one_example():
    runs = vsrnn.get_results("rad_100k")
    known = forecast.training_table(runs).set_index("design")
    mean = 100 * runs.groupby("design")["score"].mean()
    np.testing.assert_allclose(known[SCORE], mean[known.index])
    assert set(runs["design"]) - set(known.index) == {"lstm_", "rnn_"}
    assert known["seeds"].sum() == (runs["model"] == "block").sum()


def test_diverged_runs_score_as_chance_and_networks_never_made_are_left_out(made_runs):
    runs = made_runs(10)
    lost = with_last(runs, score=np.nan, error="diverged: loss not finite in epoch 2")
    known = forecast.training_table(lost).set_index("design")
    assert known.loc["last", [SCORE, "diverged"]].tolist() == [10, 1]
    played = forecast.training_table(lost.assign(task="hammer")).set_index("design")
    assert played.loc["last", [SCORE, "diverged"]].tolist() == [0, 1]
    never = with_last(runs, score=np.nan, error="no hidden size fits", hidden=0)
    assert len(forecast.training_table(never)) == 9


def test_runs_of_several_scales_or_of_no_block_design_are_refused(made_runs):
    with pytest.raises(vsrnn.VsrnnError, match="differ in scale: select"):
        forecast.training_table(with_last(made_runs(5), scale="quick"))
    with pytest.raises(vsrnn.VsrnnError, match="differ in epochs, demonstrations"):
        forecast.training_table(vsrnn.get_results("hammer_few"))
    with pytest.raises(vsrnn.VsrnnError, match="mean return"):
        forecast.training_table(made_runs(5).assign(task="kitchen-mixed"))
    with pytest.raises(vsrnn.VsrnnError, match=r"position error \[cm\], which is no"):
        forecast.training_table(made_runs(5).assign(task="navigation"))
    with pytest.raises(vsrnn.VsrnnError, match="there are none"):
        forecast.training_table(made_runs(5).assign(model="lstm"))


def test_runs_made_in_several_ways_are_refused(made_runs):
    for task in ("rad", "hammer"):
        columns = [*PROTOCOL[1:], *task_class(task).data_columns()]
        assert {"scale", "mask", "batch_size"} <= set(columns)
        for column in columns:
            runs = made_runs(5).assign(**{"task": task, column: "one"})
            runs.loc[4, column] = "other"
            with pytest.raises(VsrnnError, match=f"differ in {column}: select"):
                forecast.training_table(runs)
    runs = made_runs(5)
    runs.loc[4, "task"] = "hammer"
    with pytest.raises(VsrnnError, match="differ in task: select"):
        forecast.training_table(runs)


def test_other_data_of_a_task_of_ones_own_are_refused(made_runs):
    runs = made_runs(5).assign(data_sha256=list("aaaab"))
    assert len(forecast.training_table(runs)) == 5  # pixels that a processor rounds
    with pytest.raises(VsrnnError, match="differ in data_sha256: select"):
        forecast.training_table(runs.assign(task="own:Classes"))
