"""A run is a pure function of its config, and its numbers are what it says."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import vsrnn
from vsrnn import (
    BlockRNN,
    Config,
    Design,
    Geometry,
    PlainRNN,
    VsrnnError,
    run,
)
from vsrnn.runs import provenance
from vsrnn.runs import run as running
from vsrnn.runs.run import build_model, run_many
from vsrnn.tasks import task_class
from vsrnn.training import loop

SMOKE = Config("rad", "balanced_0", scale="smoke")


@pytest.fixture(scope="module")
def result():
    return run(SMOKE)


def without_times(result):
    return {k: v for k, v in result.items() if k not in ("seconds", "provenance")}


def test_equal_configs_give_equal_results_to_the_bit(result):
    torch.manual_seed(123)
    assert without_times(run(SMOKE)) == without_times(result)


def test_seed_and_mask_decide(result):
    for other in (replace(SMOKE, seed=1), replace(SMOKE, mask="exact")):
        assert other.id != SMOKE.id
        assert run(other)["curve"] != result["curve"]


def test_the_id_is_of_what_decides_the_result_not_of_the_name():
    design = SMOKE.design
    renamed = Design("mine", design.hidden, design.density)
    assert Config("rad", renamed, scale="smoke").id == SMOKE.id
    wider = Design("balanced_0", 209, design.density)
    assert Config("rad", wider, scale="smoke").id != SMOKE.id
    dense = [Design("a", 9, (one,) * 6) for one in (1, 1.0)]
    assert Config("rad", dense[0]).id == Config("rad", dense[1]).id
    ids = {Config("rad", name, scale="smoke").id for name in vsrnn.RAD_100K}
    assert len(ids) == 25


def test_places_of_data_are_not_part_of_a_config(tmp_path):
    here = Config("rad", "rnn_", task_options={"cache": str(tmp_path)})
    assert here.id == Config("rad", "rnn_").id
    assert str(tmp_path) not in json.dumps(here.as_dict())


def test_results_are_plain_json_and_complete(result):
    assert json.loads(json.dumps(result)) == result
    assert result["error"] is None and 0 <= result["score"] <= 1
    assert [point["epoch"] for point in result["curve"]] == [1, 2]
    assert result["total_weights"] == sum(result["weights"].values())
    assert result["parameters"] == result["total_weights"] + 208 + 10
    weights = result["weights"]
    row = weights["hx"] + weights["hh"] + weights["hy"]
    assert result["hidden_proportion"] == weights["hh"] / row
    provenance = result["provenance"]
    assert provenance["versions"]["torch"] == torch.__version__
    assert provenance["data"]["sha256"] == vsrnn.get_task("rad", "smoke").checksum


def test_the_code_that_a_run_names_is_what_it_began_with(monkeypatch):
    """Files that change while it trains, or while a worker lives, change nothing."""
    asked, train = [], running.train_models
    provenance._commit.cache_clear()
    monkeypatch.setattr(
        provenance.subprocess, "check_output", lambda *_, **__: asked.append(1) or ""
    )

    def trains(*given, **how):
        assert asked, "the commit is to be known before the training begins"
        return train(*given, **how)

    monkeypatch.setattr(running, "train_models", trains)
    monkeypatch.setattr(running, "now", lambda: "when it had been tested")
    short = replace(SMOKE, epochs=1)
    first, times = run(short), len(asked)
    second = run(short)
    provenance._commit.cache_clear()
    assert len(asked) == times
    assert first["provenance"]["commit"] == second["provenance"]["commit"]
    assert first["provenance"]["finished"] == "when it had been tested"


def test_score_and_validation_are_of_the_last_weights(result):
    model, curve = vsrnn.train(SMOKE)
    assert curve == result["curve"]
    task = vsrnn.get_task("rad", "smoke")
    answers = vsrnn.predict(model, task, "test").argmax(1)
    _, target = task.batch("test", slice(None))
    assert result["score"] == pytest.approx(float((answers == target).float().mean()))
    val = vsrnn.evaluate(model, task, "val")
    assert result["curve"][-1]["val_loss"] == pytest.approx(val["loss"])
    assert result["curve"][-1]["val_accuracy"] == pytest.approx(val["accuracy"])


def test_training_accuracy_is_of_the_training_sequences():
    """The authors' log repeats the validation accuracy here; this one must not."""
    result = run(Config("rad", "balanced_0", scale="smoke", epochs=12))
    last = result["curve"][-1]
    assert len(result["curve"]) == 12
    assert last["train_accuracy"] > last["val_accuracy"] + 0.1
    assert last["train_loss"] < result["curve"][0]["train_loss"]


def test_baselines_train():
    for name in ("lstm_", "rnn_"):
        result = run(Config("rad", name, scale="smoke"))
        assert result["parameters"] == {"lstm_": 110_638, "rnn_": 99_499}[name]
        if name == "lstm_":  # its gates do not fall into the six blocks
            assert result["weights"] is None and result["hidden_proportion"] is None
        else:
            assert sum(result["weights"].values()) == result["total_weights"]
            assert result["hidden_proportion"] == 39 / 2539
        assert result["curve"][1]["train_loss"] < result["curve"][0]["train_loss"]


def test_a_diverged_run_says_so():
    wild = Design("wild", 50, (1,) * 6, learning_rate=1e6)
    result = run(Config("rad", wild, scale="smoke"))
    assert result["score"] is None and "diverged" in result["error"]
    assert all(math.isfinite(point["train_loss"]) for point in result["curve"])


def test_a_run_that_diverges_in_its_last_step_says_so():
    wild = Design("wild", 20, (1,) * 6, learning_rate=1e20)
    result = run(Config("own:Once", wild))
    assert math.isfinite(result["curve"][-1]["train_loss"])
    assert result["error"] == "diverged: test loss not finite"
    assert result["score"] is None and result["test"] is None


def test_whole_numbers_of_numpy_are_taken_and_others_refused():
    config = Config("rad", "balanced_0", seed=np.int64(3), epochs=np.int32(2))
    assert type(config.seed) is type(config.epochs) is int
    assert config.id == Config("rad", "balanced_0", seed=3, epochs=2).id
    for wrong in ({"seed": 1.0}, {"epochs": 2.5}, {"seed": None}):
        with pytest.raises(VsrnnError, match=f"{next(iter(wrong))} must be a whole"):
            Config("rad", "balanced_0", **wrong)


def test_an_epoch_ends_when_every_model_has_diverged(monkeypatch, around_steps):
    monkeypatch.setattr(loop, "CHECK_EVERY", 2)
    steps = []

    def diverge(step, *batch):
        steps.append(len(steps))
        loss, accuracy = step(*batch)
        return torch.where(torch.arange(2) < len(steps) - 2, math.nan, loss), accuracy

    around_steps(diverge)
    for found in run_many([SMOKE, replace(SMOKE, seed=1)]):
        assert found["error"] == "diverged: training loss not finite in epoch 1"
    assert len(steps) == 5  # looked at after one, three and five


def test_bad_configs_get_a_sentence():
    for make, words in (
        (lambda: Config("rad", "nothing"), "vsrnn designs"),
        (lambda: Config("rad", "balanced_0", epochs=0), "from 1 to"),
        (lambda: run(replace(SMOKE, scale="huge")), "paper"),
        (lambda: run(replace(SMOKE, task_options={"color": 1})), "color"),
        (lambda: Config("rad", Design("x", 5, (2,) * 6)), "density"),
    ):
        with pytest.raises(VsrnnError, match=words):
            make()


def test_a_task_that_shuffles_does_so_by_the_seed(monkeypatch):
    kind, seen, orders = task_class("rad"), [], []
    batch = kind.batch

    def look(task, split, rows):
        if split == "train":
            seen.append(rows)
        return batch(task, split, rows)

    monkeypatch.setattr(kind, "shuffle", True)
    monkeypatch.setattr(kind, "batch", look)
    for seed in (0, 0, 1):
        seen.clear()
        vsrnn.train(Config("rad", Design("small", 5, (0.1,) * 6), "smoke", seed))
        orders.append(torch.cat(seen).view(2, 512).tolist())
    assert orders[0] == orders[1] != orders[2]
    assert orders[0][0] != orders[0][1]
    assert sorted(orders[0][0]) == sorted(orders[0][1]) == list(range(512))


def test_a_model_is_built_as_its_config_says():
    given = {"init_mean": (0.3, 0, -0.2, 0, 0.1, 0)}
    given["init_std"] = (0.01, 0.1, 0.02, 0.05, 0.3, 0.2)
    design = Design("mine", 12, (0.5,) * 6, **given)
    config = Config("rad", design, seed=7, mask="exact")
    geometry, task = Geometry(30, 12, 4, 0.5), SimpleNamespace(symbols=False)
    task.inputs, task.outputs = 30, 4
    theirs = BlockRNN(geometry, mask="exact", seed=7, **given)
    pairs = [(build_model(config, task), theirs)]
    for model, kind in (("rnn", PlainRNN), ("lstm", vsrnn.ProjectedLSTM)):
        config = Config("rad", Design("mine", 12, (), model, (), ()), seed=7)
        pairs.append((build_model(config, task), kind(30, 12, 4, seed=7)))
    for ours, theirs in pairs:
        parts = zip(ours.parameters(), theirs.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in parts)
