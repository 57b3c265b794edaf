"""Many models in one pass equal each by itself, and do not touch each other."""

import copy
import math
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from vsrnn import Config, Design, Geometry, VsrnnError, get_design, get_task
from vsrnn.models import BlockRNN, ModelBatch
from vsrnn.runs.batching import group_runs, memory_estimate
from vsrnn.runs.run import run, run_many
from vsrnn.training.loop import train_step

VARIED = (0.1, 1, 1, 0.1, 0.1, 0.1)
DESIGNS = (
    Design("varied", 60, VARIED, learning_rate=1e-4),
    Design("dense", 9, (1,) * 6, learning_rate=1e-3),
    Design("uniform", 35, (0.2,) * 6, learning_rate=5e-4),
    Design("mixed", 17, (0.1, 0.5, 1, 1, 0, 0.3), init_std=(0.1,) * 6),
    Design("sparse state", 300, (0.02, 0.1, 0.1, 0.1, 0.1, 0.1)),
    Design("no recurrence", 5, (0.5, 0, 0, 0.5, 1, 0), learning_rate=1e-3),
)
CONFIGS = [Config("rad", design, "smoke") for design in DESIGNS]
WILD = Config("rad", Design("wild", 20, (1,) * 6, learning_rate=1e6), "smoke")


def numbers(result):
    """What a run found, without what made it."""
    return {key: result[key] for key in ("score", "test", "curve", "error")}


@pytest.fixture(scope="module")
def together():
    return run_many(CONFIGS)


def losses(models, rates, steps):
    """Losses of the models on the same batches, step by step, ``(steps, models)``."""
    task = get_task("rad", "smoke")
    groups = [
        {"params": list(model.parameters()), "lr": rate}
        for model, rate in zip(models, rates, strict=True)
    ]
    optimizer = torch.optim.Adam(groups, fused=True)
    network = ModelBatch(models)
    found = []
    for step in range(steps):
        first = 16 * (step % 32)
        x, y = task.batch("train", slice(first, first + 16))
        found.append(train_step(network, optimizer, task, x, y)[0])
    return torch.stack(found)


def test_losses_equal_those_of_single_runs_over_200_steps():
    chosen = DESIGNS[1:4]
    rates = [design.learning_rate for design in chosen]
    models = [BlockRNN(d.geometry(2500, 10), init_std=d.init_std) for d in chosen]
    alone = [
        losses([copy.deepcopy(model)], [rate], 200)
        for model, rate in zip(models, rates, strict=True)
    ]
    many = losses(models, rates, 200)
    torch.testing.assert_close(many, torch.cat(alone, 1), rtol=1e-4, atol=0)
    assert (many[-1] != many[0]).all()


def test_results_equal_single_runs(together):
    for config, result in zip(CONFIGS, together, strict=True):
        alone = run(config)
        assert result["id"] == alone["id"] == config.id
        assert result["weights"] == alone["weights"]
        assert result["score"] == pytest.approx(alone["score"], abs=2 / 128)
        for point, other in zip(result["curve"], alone["curve"], strict=True):
            assert point["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)
            assert point["val_loss"] == pytest.approx(other["val_loss"], rel=1e-4)


def test_results_repeat_to_the_bit(together):
    torch.manual_seed(7)
    again = run_many(CONFIGS)
    assert [numbers(r) for r in again] == [numbers(r) for r in together]


def test_threads_change_no_more_than_rounding(together):
    """The documented tolerance across thread counts: 1e-4 of the losses at first."""
    short = [replace(config, epochs=1) for config in CONFIGS[:3]]
    for one, two in zip(together, run_many(short, threads=2), strict=False):
        assert two["provenance"]["threads"] == 2
        first, other = one["curve"][0], two["curve"][0]
        assert first["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)


def test_a_diverging_model_does_not_touch_its_neighbors():
    tame = Config("rad", Design("tame", 20, (1,) * 6), "smoke")
    *others, diverged = run_many([*CONFIGS[:3], WILD])
    *expected, fine = run_many([*CONFIGS[:3], tame])
    assert fine["error"] is None and fine["score"] is not None
    assert "diverged" in diverged["error"] and diverged["score"] is None
    assert [numbers(r) for r in others] == [numbers(r) for r in expected]


def test_no_model_sees_another_whatever_the_sizes():
    for activation in ["relu", "tanh"]:
        torch.manual_seed(0)
        x, how = torch.randn(3, 7, 30), {"activation": activation}
        models = [BlockRNN(Geometry(30, h, 4, 0.5), seed=h, **how) for h in (2, 13, 7)]
        with torch.no_grad():
            models[1].bias.fill_(math.nan)
            outputs = ModelBatch(models)(x)
            for model, output in zip(models[::2], outputs[::2], strict=True):
                torch.testing.assert_close(output, model(x)[0], rtol=1e-5, atol=1e-6)
        assert outputs[1].isnan().all()


def test_a_batch_follows_its_models_to_another_precision():
    models = [BlockRNN(Geometry(30, h, 4, 0.5), seed=h) for h in (3, 6)]
    x = torch.randn(2, 5, 30, dtype=torch.float64)
    outputs = ModelBatch(models).double()(x)
    assert outputs.dtype == torch.float64
    torch.testing.assert_close(outputs[1], models[1](x)[0])


def test_rows_that_pad_a_smaller_model_are_left_out_of_the_product():
    torch.manual_seed(0)
    models = [BlockRNN(Geometry(300, h, 4, 0.3), seed=h) for h in (20, 90)]
    stack, x = ModelBatch(models), torch.randn(3, 5, 300)
    assert len(stack.layout.input.dense_rows) < stack.layout.input.rows
    for model, output in zip(models, stack(x), strict=True):
        torch.testing.assert_close(output, model(x)[0], rtol=1e-4, atol=1e-5)


def test_a_stack_takes_the_masks_that_are_loaded():
    for mask in ["bernoulli", "exact"]:
        for whole in [True, False]:

            def models(seed, mask=mask):
                geometry = Geometry(30, 9, 4, 0.5)
                return [BlockRNN(geometry, mask=mask, seed=seed + n) for n in (0, 1)]

            x, saved = torch.randn(3, 5, 30), ModelBatch(models(2))
            stack = ModelBatch(models(0))
            if whole:
                stack.load_state_dict(saved.state_dict())
            else:
                for own, other in zip(stack.models, saved.models, strict=True):
                    own.load_state_dict(other.state_dict())
            torch.testing.assert_close(stack(x), saved(x))


def test_a_batch_takes_the_places_that_a_model_is_given():
    torch.manual_seed(0)
    models = [BlockRNN(Geometry(30, h, 4, 0.5), seed=h) for h in (9, 20)]
    batch, x = ModelBatch(models), torch.randn(3, 5, 30)
    before = batch(x)
    before.sum().backward()
    models[0].rewire("state", models[0].index_state[::2])
    after = batch(x)
    torch.testing.assert_close(after[0], models[0](x)[0])
    torch.testing.assert_close(after[1], before[1])
    assert not torch.allclose(after[0], before[0])
    after.sum().backward()
    assert models[0].weight_state.grad.shape == models[0].index_state.shape


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_results_on_cuda_equal_those_on_the_cpu(together):
    for one, other in zip(together, run_many(CONFIGS, device="cuda"), strict=True):
        first, second = one["curve"][0], other["curve"][0]
        assert first["train_loss"] == pytest.approx(second["train_loss"], rel=1e-3)


def test_passes_group_what_shares_batches():
    baselines = [Config("rad", name, "smoke") for name in ("lstm_", "rnn_")]
    longer = Config("rad", DESIGNS[0], "smoke", epochs=3)
    seeds = [Config("rad", DESIGNS[1], "smoke", seed=seed) for seed in (1, 2)]
    every = [*CONFIGS, *baselines, longer, *seeds]
    groups = group_runs(every)
    assert {c.id for group in groups for c in group} == {c.id for c in every}
    assert [longer] in groups
    assert all([baseline] in groups for baseline in baselines)
    assert any(len({c.seed for c in group}) == 3 for group in groups)
    for group in groups:
        rows = [config.design.hidden + 10 for config in group]
        assert max(rows) <= 1.5 * min(rows)
    assert all(len(group) <= 2 for group in group_runs(every, most=2))


def test_on_cuda_size_alone_decides_what_shares_a_pass():
    both = [
        Config("rad", Design("d", hidden, (0.5, density) + (0.5,) * 4), "smoke")
        for hidden in (100, 300)
        for density in (0.1, 0.9)
    ]
    assert [len(group) for group in group_runs(both)] == [1, 1, 1, 1]
    assert [len(group) for group in group_runs(both, device="cuda")] == [2, 2]


def test_no_more_come_together_than_asked_for():
    for most in (0, 1, 2):
        assert max(map(len, group_runs(CONFIGS, most))) == max(1, most)


def test_memory_bounds_a_pass():
    many = [Config("rad", "balanced_0", "paper", seed=seed) for seed in range(20)]
    one, five = memory_estimate(many[:1]), memory_estimate(many[:5])
    assert one < five < 5 * one
    groups = group_runs(many, memory=five)
    assert [len(group) for group in groups] == [5, 5, 5, 5]
    assert len(group_runs(many, memory=1)) == 20


MEASURED = """
import re
from pathlib import Path
from vsrnn import Config, Design, memory_estimate, run_many

def train(number, hidden, density):
    designs = [Design(f"d{{n}}", hidden, density) for n in range(number)]
    configs = [Config("rad", design, "smoke", epochs=1) for design in designs]
    run_many(configs)
    status = Path("/proc/self/status").read_text()  # most memory of this process
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]), memory_estimate(configs)

before, _ = train(1, 2, (1,) * 6)
after, estimated = train(8, 300, {density})
print((after - before) * 2**10 / estimated)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count otherwise")
def test_a_pass_takes_no_more_memory_than_estimated():
    for density in [(1,) * 6, VARIED]:
        code = [sys.executable, "-c", MEASURED.format(density=density)]
        share = float(subprocess.check_output(code, text=True))
        assert 0.2 < share < 1


def test_bad_input_gets_a_sentence():
    for make, words in [
        (lambda: ModelBatch([]), "a batch needs models"),
        (
            lambda: ModelBatch([BlockRNN(Geometry(n, 3, 2, 1)) for n in (4, 5)]),
            "same inputs, outputs",
        ),
        (
            lambda: ModelBatch(
                [BlockRNN(Geometry(4, 3, 2, 1), activation=a) for a in ("relu", "tanh")]
            ),
            "outputs and activation",
        ),
        (lambda: run_many([*CONFIGS, Config("rad", "lstm_", "smoke")]), "group_runs"),
        (lambda: run_many([]), "group_runs"),
        (lambda: run_many(CONFIGS, device="tpu"), "cpu or cuda"),
        (lambda: run_many([Config("nothing", DESIGNS[0])]), "rad"),
    ]:
        with pytest.raises(VsrnnError, match=words):
            make()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_where_there_is_none_gets_a_sentence():
    with pytest.raises(VsrnnError, match="use the device cpu"):
        run_many(CONFIGS, device="cuda")


def test_a_published_design_trains_in_a_pass_as_alone():
    config = Config("rad", get_design("rad", "balanced_2"), "smoke", epochs=1)
    other = Config("rad", get_design("rad", "000000_"), "smoke", epochs=1)
    both = run_many([config, other])
    assert both[0]["curve"][0]["train_loss"] == pytest.approx(
        run(config)["curve"][0]["train_loss"], rel=1e-4
    )


def test_runs_that_share_no_batches_share_no_pass():
    one = Config("rad", "balanced_0", "smoke")
    other = replace(one, task_options={"split": "separate"})
    larger = replace(one, scale="quick")
    seeds = [Config("hammer", "10AH12", "smoke", seed) for seed in (0, 1)]
    for pair in ([one, other], [one, larger], seeds):  # the last one shuffles
        assert len(group_runs(pair)) == 2


def test_times_are_shares_of_the_pass(monkeypatch):
    clock = SimpleNamespace(perf_counter=iter((0.0, 1.0, 5.0, 6.0)).__next__)
    monkeypatch.setattr("vsrnn.runs.run.time", clock)
    small = Design("small", 5, (0.1,) * 6)
    pair = [Config("rad", small, "smoke", seed, epochs=1) for seed in (0, 1)]
    for result in run_many(pair):
        assert result["seconds"] == {"data": 0.5, "train": 2.0, "total": 3.0}
