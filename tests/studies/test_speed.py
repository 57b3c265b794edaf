"""Speed: tables, figures, numbers and claims follow from the measured times."""

from dataclasses import asdict
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest

from benchmarks import plan
from vsrnn.plot.labels import look
from vsrnn.studies import speed as study
from vsrnn.studies.page import Page, open_page

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "speed.ipynb"
RATE, LOW, HIGH = study.RATE, study.LOW, study.HIGH


@pytest.fixture(scope="module")
def page():
    return Page("speed", study.Data(measured()))


@pytest.fixture(scope="module")
def committed():
    return open_page("speed")


def measured():
    """Measurements of the cases of the plan up to batches of 100, made up."""
    rows = []
    rivals = "jax", "compiled"
    groups = plan.groups(threads=2, device="cpu", peer=True, rivals=rivals)
    for cases in (group for group in groups if group[0].batch <= 100):
        for number, case in enumerate(cases[:-1]):
            ms = (1 + number) * case.steps / case.batch
            row = asdict(case) | {"ms": ms, "ms_low": 0.9 * ms, "ms_high": 1.2 * ms}
            row |= {"density": max(case.density, default=np.nan)}
            row |= {"weights": case.weights or 100_000, "hidden": case.hidden or 208}
            row |= {"dense_mflop": 20.0, "weights_mflop": 5.0, "product_gflops": 100.0}
            rows.append(row | {"memory_mib": 300 + 9.0 * number})
    machine = {"machine": "made up", "cores": 2, "torch": "2", "python": "3"}
    made = {"memory_before_mib": 200.0, "finished": "2026-01-02T03:04:05", "turns": 9}
    return pd.DataFrame(rows).assign(**machine, **made)


def test_rates_and_ratios_follow_from_the_times(page):
    rates, ratios = page.table("speed"), page.table("speed_ratio")
    rows = page.data.bench.query("study == 'designs'").reset_index(drop=True)
    assert np.allclose(rates[RATE] * rows["ms"], 1e3, rtol=1e-3)
    assert np.allclose(rates[LOW] * rows["ms_high"], 1e3, rtol=1e-3)
    assert np.allclose(rates[HIGH] * rows["ms_low"], 1e3, rtol=1e-3)
    assert set(ratios["trained"]) == {"one model", "many models"}
    own = rows.query("task == 'rad' and design == 'balanced_0'")
    ms = own[own["processes"] == 1].set_index("kind")["ms"]
    masked = ratios.query("task == 'rad' and design == 'balanced_0'")
    masked = masked[masked["baseline"] == study.WAYS["masked"]].set_index("trained")
    wanted = ms["masked"] / ms["single"]
    assert masked.loc["one model", "ratio"] == pytest.approx(wanted, rel=1e-3)
    widest = wanted * np.array([0.9 / 1.2, 1.2 / 0.9])
    assert masked.loc["one model", ["low", "high"]].tolist() == pytest.approx(
        widest, rel=1e-3
    )


def test_many_models_are_those_of_the_faster_way(page):
    rates, ratios = page.table("speed"), page.table("speed_ratio")
    many = rates[(rates["kind"] == "many") | (rates["processes"] > 1)]
    many = many[many["kind"].isin(["single", "many"])]
    best = many.groupby(["task", "batch", "design"])[RATE].max()
    way = many.loc[many.groupby(["task", "batch", "design"])[RATE].idxmax()]
    chosen = ratios[ratios["trained"] == "many models"].drop_duplicates("design")
    for row in chosen.to_dict("records"):
        keys = (row["task"], row["batch"], row["design"])
        same = way.set_index(["task", "batch", "design"]).loc[keys]
        assert same["way"] == row["way"] and same[RATE] == best[keys]


def test_one_model_is_one_model(committed):
    rates = committed.table("speed")
    alone = rates.query("kind == 'single' and processes == 1 and design != 'mixed'")
    assert set(alone["way"]) == {"one model"} and set(alone["models"]) == {1}
    many = rates.query("models > processes and kind != 'many'")
    turns = {"one model, 16 in turn", "masked dense matrices, 16 in turn"}
    assert set(many["way"]) == turns


def test_the_least_favorable_case_beside_jax_comes_first(page, committed):
    table, rows = page.table("ahead"), page.data.bench.query("study == 'ahead'")
    keys = ["task", "batch", "design", "threads", "models", "kind"]
    ms = rows.set_index(keys)["ms"]
    assert set(table["rival"]) == {"JAX", "torch.compile"} and table.shape[0] > 20
    for row in table.to_dict("records"):
        case = tuple(row[key] for key in keys[:-1])
        own = "single" if row["models"] == 1 else "many"
        kind = "jax" if row["rival"] == "JAX" else "compiled"
        ratio = ms[(*case, kind)] / ms[(*case, own)]
        assert row["times as fast"] == pytest.approx(ratio, rel=1e-3)
    assert table["times as fast"].is_monotonic_increasing
    least = table.query("rival == 'JAX'")["times as fast"].min()
    assert page.numbers()["least_jax"] == f"{least:.1f}"
    nobody = Page("speed", study.Data(page.data.bench.query("kind != 'jax'")))
    assert nobody.numbers()["least_jax"] == "not measured"
    assert len(committed.table("ahead").columns) == len(table.columns)


def test_memory_is_what_training_adds(page):
    (row,) = study.speed_table(study.Data(page.data.bench.iloc[:1])).to_dict("records")
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
    table = study.run_times_table(study.Data(pd.DataFrame(), runs))
    assert table.loc["CPU"].tolist() == [2, 200, 90]
    assert table.loc["GPU"].tolist() == [1, 50, 7]


def test_steps_of_episodes_are_those_measured(page):
    rows = page.data.bench.query("study == 'stepping'")
    table = page.table("stepping")
    assert table["median [ms]"].tolist() == rows["ms"].tolist()
    assert set(table["way"]) == {"one model", "dense nn.RNN of equal size"}


def test_headings_say_what_was_measured(committed):
    steps = (
        committed.table("stepping")
        .set_index(["design", "way"])["median [ms]"]
        .unstack()
    )
    ratio = steps["one model"] / steps["dense nn.RNN of equal size"]
    said = NOTEBOOK.read_text("utf-8")
    assert ratio.between(0.75, 1.25).all()
    assert "## Playing an episode is about as fast as with a dense RNN of torch" in said
    times = committed.table("run_times")["median seconds"]
    card = times.index.str.contains("NVIDIA")
    assert times[card].max() < 60 and times[~card].min() > 600
    assert "## On a GPU, runs take seconds instead of many minutes" in said


def test_hours_are_those_of_the_whole_study(page):
    rows = page.data.bench.query("design == 'balanced_0' and batch == 16")
    ms = rows[rows["study"] == "designs"].groupby("kind")["ms"].min()
    numbers = page.numbers()
    for kind in ("single", "many", "masked", "peer"):
        hours = 625 * 750_000 * ms[kind] / 3.6e6
        assert numbers[f"hours_{kind}"] == f"{hours:,.0f}"
    nobody = page.data.bench.query("kind != 'peer'")
    without = Page("speed", study.Data(nobody))
    assert without.numbers()["hours_peer"] == "not measured"
    assert without.numbers()["one_peer"] == "not measured"


def test_a_claim_is_of_the_worst_design_at_the_published_batches(page):
    ratios = page.table("speed_ratio")
    assert set(zip(ratios["task"], ratios["batch"], strict=True)) == {
        ("rad", 16),
        ("hammer", 64),
    }
    claims = page.claims().set_index("claim")
    for (trained, baseline), rows in ratios.groupby(["trained", "baseline"]):
        claim = claims.loc[f"{trained}: faster than {baseline}, for every design"]
        worst = rows.loc[rows["ratio"].idxmin()]
        for ours, theirs in (("value", "ratio"), ("low", "low"), ("high", "high")):
            assert claim[ours] == pytest.approx(100 * (worst[theirs] - 1))
    slower = page.data.bench.copy()
    slower.loc[slower["kind"] == "masked", ["ms", "ms_low", "ms_high"]] /= 100
    claims = Page("speed", study.Data(slower)).claims().set_index("claim")["verdict"]
    masked = "one model: faster than masked dense matrices, for every design"
    assert claims[masked] == "reversed"


def test_panels_show_what_their_table_says(page):
    table = page.table("speed_ratio")
    axes = study.speed_ratio(table).axes
    for ax, (_, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        order, designs = drawn.row_names(ax), list(dict.fromkeys(rows["design"]))
        assert order == list(dict.fromkeys(rows["baseline"]))
        for rank, design in enumerate(designs):
            own = rows[rows["design"] == design]
            shift = 0.2 * (rank - (len(designs) - 1) / 2)
            place = own["baseline"].map(order.index) + shift
            color = look(design)["color"]
            wanted = np.column_stack([own["ratio"], place])
            found = sorted(drawn.markers(ax, color))
            np.testing.assert_allclose(found, sorted(map(tuple, wanted)))
            wanted = np.column_stack([own["low"], own["high"], place])
            found = sorted(drawn.intervals(ax, color))
            np.testing.assert_allclose(found, sorted(map(tuple, wanted)))


def test_open_markers_are_many_models(page):
    table = page.table("speed_ratio")
    ax = study.speed_ratio(table).axes[0]
    rows = table.query("task == 'rad'")
    for trained, white in (("one model", False), ("many models", True)):
        shown = [
            x
            for line in ax.lines
            if line.get_marker() not in ("None", None)
            and (line.get_markerfacecolor() == "white") == white
            for x in line.get_xdata()
        ]
        wanted = rows.loc[rows["trained"] == trained, "ratio"]
        np.testing.assert_allclose(sorted(shown), sorted(wanted))


def test_the_page_says_what_was_measured(committed):
    said = NOTEBOOK.read_text("utf-8")
    claims = committed.claims().set_index("claim")["verdict"]
    for trained in ("one model", "many models"):
        for baseline in ("masked dense matrices", "the authors' code"):
            text = f"{trained}: faster than {baseline}, for every design"
            assert claims[text] == "holds"
    assert "Many models side by side train faster than every baseline" in said
    assert (claims[claims.index.str.startswith("many models")] == "holds").all()
    rnn = "one model: faster than nn.RNN of equal weights, for every design"
    assert claims[claims == "reversed"].index.tolist() == [rnn]
    ratios = committed.table("speed_ratio").set_index(["trained", "ratio"])
    left = ratios[ratios.index.get_level_values("ratio") < 1]
    assert left[["task", "design"]].drop_duplicates().to_numpy().tolist() == [
        ["hammer", "10AH00"]
    ]
    assert "The only markers left of the line are single uniform models" in said
    keys = ["task", "design", "baseline"]
    pairs = committed.table("speed_ratio").pivot_table("ratio", keys, "trained")
    assert (pairs["many models"] / pairs["one model"]).between(1.5, 3).all()
    assert "about twice as fast again" in said
