"""Runs over many tasks: what is planned, and the table of what is stored."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from pandas import DataFrame

from vsrnn import BLOCKS
from vsrnn.runs.tables import committed_runs
from vsrnn.studies import meta
from vsrnn.tasks import get_task, list_tasks, sizes


@pytest.fixture(scope="module")
def plan():
    return [meta.one_round(number) for number in range(meta.ROUNDS)]


def test_tasks_are_those_that_were_fixed():
    found = meta.split()
    assert set(meta.families()) <= set(list_tasks())
    assert set(found["held_out_families"]) < set(found["families"])
    assert sum(map(len, found["families"].values())) == len(meta.families())
    ratios = [np.divide(*sizes(task)) for task in meta.families()]
    assert min(ratios) <= 1 / 100 and max(ratios) >= 100
    tested = [name for tables in found["final_test"].values() for name in tables]
    for name in tested:
        assert not set(committed_runs(name)["task"]) & set(meta.families())


def test_rounds_cover_tasks_alike_and_share_no_design(plan):
    names = [{(c.task, c.design.name, c.seed) for c in one} for one in plan]
    assert sum(map(len, names)) == len(set().union(*names)) == sum(map(len, plan))
    for one in plan:
        counts = Counter(config.task for config in one)
        assert len(set(counts.values())) == 1 and set(counts) == set(meta.tasks())
        first = [config.task for config in one[: len(counts)]]
        assert first == meta.tasks()
    arms = meta.split()["arms"]
    every = [config for one in plan for config in one if config.task == "glyphs"]
    for arm in ("fixed", "drawn", "absolute"):
        own = {c.design.name for c in every if c.design.name.startswith(arm)}
        assert len(own) == 2 * arms[arm]["designs"]
    more = meta.one_round(1, meta.MORE_SEEDS)
    assert {c.design for c in more} < {c.design for c in plan[1]}
    assert {c.seed for c in more} == set(meta.MORE_SEEDS)
    assert arms["fixed"]["seeds"] == [*meta.SEEDS["fixed"], *meta.MORE_SEEDS]
    seeds = {c.seed for c in every if c.design.name == "control_1800_hp_0.5"}
    assert sorted(seeds) == arms["control"]["seeds"]


def test_arms_differ_in_rate_and_initial_values(plan):
    rate, own = meta.task_rates()["add-17"], {}
    for config in [c for one in plan for c in one if c.task == "add-17"]:
        own.setdefault(config.design.name.split("_")[0], []).append(config.design)
        weights = config.design.geometry(17, 16).weights
        assert min(abs(weights / b - 1) for b in meta.budgets("add-17")) < 0.04
    for arm, designs in own.items():
        rates = {design.learning_rate for design in designs}
        scaled = {design.option("initial") for design in designs}
        assert scaled == {"absolute" if arm == "absolute" else "fan-in"}
        if arm == "drawn":
            assert rate / 4.5 <= min(rates) < rate / 2 < 2 * rate < max(rates)
            assert max(rates) <= 4.5 * rate
        else:
            assert rates == {rate}
    assert {design.init_std for design in own["absolute"]} == {(0.05,) * 6}


def test_a_rate_is_the_best_of_its_scan():
    scanned = committed_runs("meta_rates")
    assert set(scanned["learning_rate"]) == set(meta.RATES)
    for task, rows in scanned.groupby("task"):
        means = rows.groupby("learning_rate")["mean_val_loss"].mean()
        best = means[means.index <= meta.HIGHEST].idxmin()
        assert (
            meta.task_rates()[task]
            == meta.lower(best)
            == max(rate for rate in meta.RATES if rate < best)
        )


def test_the_table_has_a_row_a_run_with_its_curve():
    more = [committed_runs(f"meta_seeds{end}") for end in ("", "_curves")]
    seeds, table = meta.meta_table(*more), meta.meta_table()
    assert set(seeds["seed"]) == set(meta.MORE_SEEDS) and set(seeds["arm"]) == {"fixed"}
    keys = ["task", "budget", "design", "hidden", "gain_hh"]
    rows = seeds[keys].drop_duplicates()
    assert len(
        rows.merge(table[table["arm"] == "fixed"][keys].drop_duplicates())
    ) == len(rows)
    runs = committed_runs("meta").set_index("id")
    assert len(table) == len(runs) > 0
    known = dict(table[["task", "family"]].to_numpy())
    assert known == {task: meta.families()[task] for task in known}
    whole = table[table["error"].isna()]
    for row in whole.groupby(["task", "arm"]).head(1).itertuples():
        assert len(row.val_loss) == meta.split()["epochs"]
        assert row.val_loss[-1] == pytest.approx(runs.loc[row.id, "val_loss"], rel=1e-4)
        assert row.budget in meta.budgets(row.task)
        inputs, outputs = sizes(row.task)
        fan_in = {"x": inputs, "h": row.hidden, "y": outputs}
        for block in BLOCKS:
            reads = max(getattr(row, f"density_{block}") * fan_in[block[1]], 1)
            std = runs.loc[row.id, f"init_std_{block}"]
            scale = reads**0.5 if row.arm == "absolute" else 1
            assert getattr(row, f"gain_{block}") == pytest.approx(std * scale)


def test_levels_lie_between_a_guess_and_the_best():
    guess = dict(committed_runs("meta_tasks")[["task", "guess"]].to_numpy())
    losses = {
        "add-2": [[guess["add-2"], 0.1, np.nan], [np.inf, 9.0, 0.3]],
        "match": [[0.5, guess["match"] + 0.05, 0.4], [0.2, np.nan, np.nan]],
    }
    rows = [(task, np.array(loss)) for task, own in losses.items() for loss in own]
    table = meta.with_levels(DataFrame(rows, columns=["task", "val_loss"]))
    first, second, third, fourth = table["level"]
    assert first.tolist() == [0, 1, -1]
    share = (guess["add-2"] - 0.3) / (guess["add-2"] - 0.1)
    assert second.tolist() == pytest.approx([-1, -1, share])
    whole = guess["match"] - 0.2
    wanted = [(guess["match"] - 0.5) / whole, -0.05 / whole, (whole - 0.2) / whole]
    assert third.tolist() == pytest.approx(wanted)
    assert fourth.tolist() == [1, -1, -1]


def test_the_gate_compares_designs_with_seeds():
    (guess,) = committed_runs("meta_tasks").query("task == 'add-2'")["guess"]
    rng, rows = np.random.default_rng(0), []
    means = rng.uniform(0.2, 0.9, (2, 8))
    noise = rng.normal(0, 0.01, (2, 8, 2))
    for b, n, seed in product(range(2), range(8), range(2)):
        level = means[b, n] + noise[b, n, seed]
        row = {"task": "add-2", "arm": "fixed", "budget": meta.budgets("add-2")[b]}
        row |= {
            "design": f"{n:03d}",
            "seed": seed,
            "val_loss": [guess * (1 - level)] * 4,
        }
        rows.append(row | {"val_accuracy": [level] * 4})
    best = {"arm": "control", "design": "dense", "val_loss": [0.0] * 4}
    table = DataFrame([*rows, {**rows[0], **best}])
    table["val_loss"] = table["val_loss"].map(np.array)
    (found,) = meta.gate(table).to_dict("records")
    seeds = np.sqrt(np.mean(noise.var(2, ddof=1)))
    each = (means + noise.mean(2)).ravel()
    assert found["apart"] == pytest.approx(np.std(each, ddof=1) / seeds)
    assert found["learnable"] == pytest.approx(np.median(each) / seeds)
    assert found["best"] == pytest.approx((means[..., None] + noise).max())
    assert found["designs"] == 16 and found["family"] == "arithmetic"
    assert found["fails"] == "" and found["slowest"] > 3


def test_a_guess_is_the_best_constant_answer():
    facts = committed_runs("meta_tasks").set_index("task")
    assert list(facts.index) == list(meta.families())
    for name, row in facts.iterrows():
        assert sizes(name) == (row["inputs"], row["outputs"])
        assert row["family"] == meta.families()[name]
    for name in ("add-2", "match"):
        task = get_task(name, "quick")
        train, val = (task.batch(s, slice(None))[1].numpy() for s in ("train", "val"))
        if name == "add-2":
            loss = np.mean((val - train.mean(0)) ** 2)
        else:
            share = (1 + train.sum()) / (2 + len(train))
            loss = -np.mean(np.where(val, np.log(share), np.log(1 - share)))
        assert facts.loc[name, "guess"] == pytest.approx(loss, rel=1e-4)
    # a step behind has nothing of two that are summed, all of what is to be denoised
    far = facts["last"] / facts["guess"]
    assert far["add-2"] > 0.95 and far["denoise-50"] < 0.2
    assert far["counter-3"] > 0.95 > 0.9 > far["flipflop-3"]
