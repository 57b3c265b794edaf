"""The benchmarks compare equal things, and their table holds what the page shows."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import vsrnn
from benchmarks import __main__ as bench
from benchmarks import plan, rivals, worker
from benchmarks.baselines import MaskedDense
from benchmarks.measure import measure
from benchmarks.report import report
from vsrnn.models import ModelBatch
from vsrnn.training.optimizer import Optimizer

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """What the benchmarks write when they run once through, in this process."""
    path = tmp_path_factory.mktemp("bench") / "bench.csv"
    threads = torch.get_num_threads()
    bench.main(["--smoke", "--threads", "1", "--out", str(path)])
    torch.set_num_threads(threads)
    return pd.read_csv(path, dtype={"design": str})


def pair(task, name):
    design = vsrnn.get_design(task, name)
    geometry = design.geometry(*vsrnn.tasks.sizes(task))
    model = vsrnn.BlockRNN(geometry, init_std=design.init_std, seed=3)
    return model, MaskedDense(model)


def data(task, steps=7):
    generator = torch.Generator().manual_seed(0)
    inputs, outputs = vsrnn.tasks.sizes(task)
    x = torch.randn(5, steps, inputs, generator=generator)
    x[:, -1] = 0
    return x, torch.randn(5, steps, outputs, generator=generator)


@pytest.mark.parametrize(
    ("task", "name"), [(t, n) for t, names in plan.DESIGNS.items() for n in names]
)
def test_masked_dense_network_has_the_same_outputs_and_gradients(task, name):
    model, dense = pair(task, name)
    x, y = data(task)
    for network in (model, dense):
        (network(x)[0] - y).square().mean().backward()
    torch.testing.assert_close(dense(x)[0], model(x)[0], rtol=1e-4, atol=1e-5)
    for part in ("input", "state"):
        grad = getattr(dense, f"weight_{part}").grad
        inside = getattr(model, f"index_{part}")
        wanted = getattr(model, f"weight_{part}").grad
        torch.testing.assert_close(grad.flatten()[inside], wanted, rtol=1e-3, atol=1e-5)
        outside = torch.ones(grad.numel(), dtype=torch.bool)
        outside[inside] = False
        assert not grad.flatten()[outside].any()
    torch.testing.assert_close(dense.bias.grad, model.bias.grad, rtol=1e-3, atol=1e-5)


def test_jax_learns_the_same():
    pytest.importorskip("jax")
    pytest.importorskip("optax")
    x, y = data("hammer")
    blocks = [pair("hammer", "10AH00")[0] for _ in range(2)]
    network, adam = ModelBatch(blocks), Optimizer(blocks, [1e-4] * 2)
    single, several = rivals.jax_step(blocks[:1]), rivals.jax_step(blocks)
    for _ in range(5):
        loss = (network(x) - y).square().mean((1, 2, 3))
        loss.sum().backward()
        adam.step()
        adam.zero_grad()
        wanted = loss.detach().numpy()
        np.testing.assert_allclose(several(x, y), wanted, rtol=1e-5)
        np.testing.assert_allclose(single(x, y), wanted[0], rtol=1e-5)


def test_masked_dense_network_learns_the_same():
    model, dense = pair("hammer", "10AH00")
    x, y = data("hammer")
    losses = []
    for network in (model, dense):
        adam = torch.optim.Adam(network.parameters(), lr=1e-3)
        for _ in range(5):
            loss = (network(x)[0] - y).square().mean()
            losses.append(loss.detach())
            loss.backward()
            adam.step()
            adam.zero_grad()
    first, second = torch.stack(losses).view(2, 5)
    assert first[-1] < 0.99 * first[0]
    torch.testing.assert_close(first, second, rtol=1e-4, atol=0)


def test_plan_has_every_case_that_is_promised():
    cases = [case for group in plan.groups(2, "cpu", peer=True) for case in group]
    shapes = {(c.task, c.batch) for c in cases if c.study == "designs"}
    assert {(t, b) for t in ("rad", "hammer") for b in (16, 256)} <= shapes
    for shape in shapes:
        own = [c for c in cases if (c.task, c.batch) == shape and c.study == "designs"]
        assert {"single", "many", "masked", "rnn", "lstm", "peer"} <= {
            c.kind for c in own
        }
    growth = {"weights", "density", "steps", "models", "ahead"}
    assert {c.study for c in cases} == {"designs", "stepping", *growth}
    assert {c.kind for c in cases} <= set(worker.KINDS)
    assert len(set(cases)) == len(cases) - repeated_products(cases)
    without = [case for group in plan.groups(2, "cpu", peer=False) for case in group]
    assert "peer" not in {case.kind for case in without}


def repeated_products(cases):
    products = [case for case in cases if case.kind == "product"]
    return len(products) - len(set(products))


def test_each_group_measures_one_product_and_compares_equal_shapes():
    for group in plan.groups(3, "cpu", peer=True, rivals=("jax", "compiled")):
        assert [case.kind for case in group].count("product") == 1
        assert len({(c.study, c.task, c.batch, c.steps) for c in group}) == 1
        for case in group:
            assert case.models % case.processes == 0
            alone = case.processes == 1 and case.study != "stepping"
            if case.study == "ahead":
                assert case.threads == group[0].threads and case.threads in (1, 3)
            else:
                assert case.threads == (3 if alone else 1)


def test_table_has_a_row_a_case_and_says_what_made_it(table):
    cases = [
        case
        for group in plan.small(1, "cpu", peer=False)
        for case in group
        if case.kind != "product"
    ]
    assert table["kind"].tolist() == [case.kind for case in cases]
    assert (table["ms_low"] <= table["ms"]).all()
    assert (table["ms"] <= table["ms_high"]).all()
    assert (table["ms_low"] > 0).all() and (table["product_gflops"] > 0).all()
    assert set(table["turns"]) == {2}
    for name in ("machine", "cores", "torch", "python", "version", "finished"):
        assert table[name].notna().all()


def test_operations_count_the_products_of_a_training_step(table):
    dense = table[(table["design"] == "balanced_0") & (table["models"] == 1)].iloc[0]
    n = 208 + 10
    wanted = 4 * 10 * n * 2500 + 6 * 10 * n * n  # ten live inputs, ten earlier states
    assert dense["dense_mflop"] == pytest.approx(wanted / 1e6, rel=1e-4)
    assert dense["weights_mflop"] < dense["dense_mflop"] / 4
    steps = table[table["study"] == "steps"]
    assert (steps["weights_mflop"] < steps["dense_mflop"]).all()


def test_networks_of_torch_have_the_weights_or_the_size_of_the_design(table):
    rows = table[table["study"] == "designs"].set_index("kind")
    weights = rows.loc["masked", "weights"]
    assert rows.loc["rnn", "weights"] == pytest.approx(weights, rel=0.03)
    assert rows.loc["lstm", "weights"] == pytest.approx(weights, rel=0.12)
    stepping = table[table["study"] == "stepping"]
    sizes = stepping.groupby("kind")["hidden"].apply(list)
    assert sizes["single"] == sizes["rnn_same_size"]


def test_the_report_holds_what_was_measured_and_says_what_was_not(table, tmp_path):
    table.to_csv(tmp_path / "bench.csv", index=False)
    text = report(tmp_path / "bench.csv")
    assert "hours_single: not measured" in text  # of batches of 4 no study is reckoned
    published = table.assign(batch=16)
    published.to_csv(tmp_path / "bench.csv", index=False)
    text = report(tmp_path / "bench.csv")
    hours = 625 * 750_000 / 3600 * table["ms"].iloc[0] / 1e3
    assert f"hours_single: {hours:,.0f}\n" in text and "hours_peer: not m" in text
    assert "faster than masked dense matrices" in text
    assert f"{1e3 / table['ms'].iloc[0]:.4f}" in text


def test_a_case_is_measured_in_a_process_of_its_own():
    studies = {cases[0].study: cases for cases in plan.small(1, "cpu", peer=False)}
    first = studies["stepping"]
    rows = measure([first[-2], first[-1]], turns=2, seconds=0.0)
    assert [row["kind"] for row in rows] == ["rnn_same_size"]
    assert rows[0]["memory_mib"] >= rows[0]["memory_before_mib"] > 0


def test_a_folder_without_the_authors_code_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.main(["--peer", str(tmp_path)])
    assert ended.value.code == 2
    assert "no checkout of qbhershey/iterativenn" in capsys.readouterr().err


def test_parent_of_the_workers_loads_no_torch():
    program = "import sys, benchmarks.__main__; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False"]
