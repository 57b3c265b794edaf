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
from benchmarks import plan, worker
from benchmarks.baselines import MaskedDense
from benchmarks.measure import measure
from vsrnn import analysis

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
    assert {c.study for c in cases} == {"designs", "stepping", *analysis.GROWTH}
    assert {c.kind for c in cases} <= set(worker.KINDS)
    assert len(set(cases)) == len(cases) - repeated_products(cases)
    without = [case for group in plan.groups(2, "cpu", peer=False) for case in group]
    assert "peer" not in {case.kind for case in without}


def repeated_products(cases):
    products = [case for case in cases if case.kind == "product"]
    return len(products) - len(set(products))


def test_each_group_measures_one_product_and_compares_equal_shapes():
    for group in plan.groups(3, "cpu", peer=True):
        assert [case.kind for case in group].count("product") == 1
        assert len({(c.study, c.task, c.batch, c.steps) for c in group}) == 1
        for case in group:
            assert case.models % case.processes == 0
            alone = case.processes == 1 and case.study != "stepping"
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


def test_rates_and_ratios_follow_from_the_times(table):
    rates, ratios = analysis.speed(table), analysis.speed_ratio(table)
    rows = table[table["study"] == "designs"].reset_index(drop=True)
    assert np.allclose(rates["sequences a second [1/s]"] * rows["ms"], 1e3, rtol=1e-3)
    assert (rates["low [1/s]"] <= rates["high [1/s]"]).all()
    assert set(ratios["trained"]) == {"one model", "many models"}
    masked = ratios[ratios["baseline"] == "masked dense matrices"].set_index("trained")
    ms = rows[rows["processes"] == 1].set_index("kind")["ms"]
    wanted = ms["masked"] / ms["single"]
    assert masked.loc["one model", "ratio"] == pytest.approx(wanted, rel=1e-3)
    assert (ratios["low"] <= ratios["ratio"]).all()
    assert (ratios["ratio"] <= ratios["high"]).all()


def test_growth_has_all_that_varies(table):
    growth = analysis.speed_growth(table)
    assert list(growth["study"].unique()) == list(analysis.GROWTH.values())
    assert growth.notna().all(axis=None)


def test_page_says_what_is_in_the_table_and_what_is_not(table):
    found = analysis.found_speed(table)
    assert "hours" not in found  # of batches of 4 no study is reckoned
    assert "make bench PEER=path" in found
    assert "GFLOP/s" in analysis.bench_machine(table)
    published = table.assign(batch=16)
    hours = 625 * 750_000 / 3600 * table["ms"].iloc[0] / 1e3
    assert f"one model {hours:,.0f} hours" in analysis.found_speed(published)
    peer = published.assign(kind=published["kind"].replace("masked", "peer"))
    assert "the authors' code" in analysis.found_speed(peer)
    assert "PEER=path" not in analysis.found_speed(peer)


def test_a_case_is_measured_in_a_process_of_its_own():
    first = plan.small(1, "cpu", peer=False)[-1]
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


def test_one_model_is_one_model():
    measured = vsrnn.get_results("bench")
    rates = analysis.speed(measured)
    alone = rates.query("kind == 'single' and processes == 1 and design != 'mixed'")
    assert set(alone["way"]) == {"one model"} and set(alone["models"]) == {1}
    many = rates.query("models > processes and kind != 'many'")
    assert set(many["way"]) == {
        "one model, 16 in turn",
        "masked dense matrices, 16 in turn",
    }
    best = alone.groupby(["task", "batch", "design"])["sequences a second [1/s]"].max()
    bound = alone.groupby(["task", "batch", "design"])["dense products [1/s]"].first()
    share = 100 * best / bound
    text = analysis.found_speed(measured)
    assert f"one model reaches {share.min():.0f} to {share.max():.0f} %" in text


def test_bounds_and_memory_follow_from_the_measurements():
    rows = pd.DataFrame(
        {
            "study": ["designs"],
            "kind": "single",
            "task": "rad",
            "design": "x",
            "batch": 16,
            "models": 1,
            "processes": 1,
            "ms": 2.0,
            "ms_low": 1.0,
            "ms_high": 4.0,
            "product_gflops": 50.0,
            "dense_mflop": 20.0,
            "weights_mflop": 5.0,
            "memory_mib": 300.0,
            "memory_before_mib": 200.0,
        }
    )
    (row,) = analysis.speed(rows).to_dict("records")
    assert row["dense products [1/s]"] == 50e9 / 20e6
    assert row["memory [MiB]"] == 100


def test_run_times_are_medians_by_machine():
    runs = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "machine": ["CPU", "CPU", "GPU"],
            "total_weights": [100, 300, 50],
            "train_seconds": [60.0, 120.4, 7.0],
        }
    )
    table = analysis.run_times(runs)
    assert table.loc["CPU"].tolist() == [2, 200, 90]
    assert table.loc["GPU"].tolist() == [1, 50, 7]
