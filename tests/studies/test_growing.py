"""Modular growth: tables of a known truth, and what claims say of them."""

import json
from pathlib import Path

import drawn
import pytest
from pandas import DataFrame

from vsrnn.plot.registry import FIGURES
from vsrnn.runs.run import build_model, task_of
from vsrnn.studies import growing as study
from vsrnn.studies import open_page
from vsrnn.studies.planned import Data

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "growing.ipynb"
EPOCHS = {"chain": 60, "chain, frozen": 120, "dense": 80, "random mask": 50}


def page_of(monkeypatch, plan):
    stored = plan[plan[study.SOONER].notna()]
    monkeypatch.setattr(study, "load", lambda: Data(plan, stored))
    return open_page("growing")


@pytest.fixture
def page(monkeypatch):
    """The chain beats a dense network but not a random mask; noise costs it more."""
    plan = study.load("nothing").plan
    plan[study.SOONER] = plan["arm"].map(EPOCHS) + plan["seed"] % 3
    plan[study.LONGER] = 90.0 + plan["seed"] * (plan["arm"] == "chain")
    plan[study.NOISY] = 5 + 3.0 * (plan["arm"] == "chain") + 0.1 * plan["seed"]
    plan[study.DELETED] = 5 + 0.1 * plan["seed"] * (plan["arm"] != "chain")
    plan.loc[plan["seed"] == 4, list(study.MEASURES)] = None
    return page_of(monkeypatch, plan)


def test_arms_have_nearly_as_many_weights_and_as_many_lessons():
    numbers = []
    for labels, config in list(study.plan())[: len(study.ARMS)]:
        model = build_model(config, task_of(config))
        numbers.append(sum(model.block_weights().values()))
        grow = config.method[0]
        assert model.heads == study.BITS - 1 and grow.threshold == study.PASS
        assert grow.frozen == (labels["arm"] == "chain, frozen")
    assert max(numbers) < 1.05 * min(numbers)


def test_all_lessons_pass_where_all_are_open_and_their_mean_passes(monkeypatch):
    ids = [config.id for config in study.protocol()[:3]]
    runs = DataFrame({"id": ids, "test_longer": [0.9, 0.5, 0.0]})
    rows = [
        *((ids[0], 5, 5, 0.99), (ids[0], 6, 6, 0.95), (ids[0], 7, 6, 0.99)),
        *((ids[0], 8, 6, 0.97), (ids[1], 6, 6, 0.97), (ids[2], 6, 4, 0.99)),
    ]
    curves = DataFrame(rows, columns=["id", "epoch", "modules", "val_accuracy"])
    curves = curves.assign(intact=0.9, noisy=0.7, deleted=0.95)
    known = {"growing": runs, "growing_curves": curves}
    monkeypatch.setattr(study, "committed_runs", known.get)
    monkeypatch.setattr("vsrnn.studies.planned.committed_runs", known.get)
    data = study.load()
    table = data.plan.set_index("id").loc[ids, list(study.MEASURES)]
    assert table[study.SOONER].tolist() == [7, study.EPOCHS, study.EPOCHS]
    assert table[study.LONGER].tolist() == [90, 50, 0]
    assert table[study.NOISY].tolist() == pytest.approx([20] * 3)
    assert table[study.DELETED].tolist() == pytest.approx([-5] * 3)
    assert data.plan[study.SOONER].notna().sum() == 3 and data.stored == "3 of 20"


def test_fewer_epochs_more_answers_and_smaller_losses_are_better(page):
    claims = page.claims().set_index("claim")
    dense, mask = study.SINGLE.values()
    for words, other, value, verdict in (
        (study.FASTER, dense, 20, "holds"),
        (study.FASTER, mask, -10, "reversed"),
        (study.FARTHER, dense, 1.5, "undecided"),
        (study.HOLDS_NOISE, dense, -3, "reversed"),
        (study.HOLDS_LOSS, dense, 0.15, "undecided"),
    ):
        row = claims.loc[words.format(other)]
        assert row["value"] == pytest.approx(value) and row["verdict"] == verdict
    assert claims.loc[study.FROZEN, "value"] == pytest.approx(78.25)
    numbers = page.numbers()
    assert numbers["sooner"].startswith("passes all lessons sooner")
    assert numbers["noise"] == "the chain loses more than the dense network"
    assert numbers["deletion"] == "the two cannot be told apart"
    assert numbers["epochs_frozen"] == "121" and numbers["stored_runs"] == "16 of 20"


def test_runs_and_means_are_drawn_on_axes_from_zero_or_chance(page):
    table = page.table("growing_measures")
    sooner = table[table["panel"] == study.SOONER]
    assert sorted(sooner.loc[sooner["arm"] == "chain", "run"]) == [60, 60, 61, 62]
    assert (table["low"] <= table["mean"]).all() and set(table["seeds"]) == {4}
    axes = FIGURES["growing_measures"].draw(table).axes
    assert [ax.get_title(loc="left") for ax in axes] == list(study.MEASURES)
    assert [ax.get_xlim()[0] for ax in axes] == [0, 50, 0, 0]


def test_without_runs_the_page_says_so(monkeypatch, page):
    empty = page.data.plan.assign(**dict.fromkeys(study.MEASURES, float("nan")))
    page = page_of(monkeypatch, empty)
    assert page.claims().empty and page.numbers()["epochs_chain"] == "no runs yet"
    figure = FIGURES["growing_measures"].draw(page.table("growing_measures"))
    assert "no runs yet" in [words for ax in figure.axes for words in drawn.words(ax)]


def test_the_heading_says_what_stored_runs_show():
    page = open_page("growing")
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    text = "".join(line for cell in cells for line in cell["source"])
    dense, mask = study.SINGLE.values()
    verdict = page.claims().set_index("claim")["verdict"]
    assert "far ahead of a random mask, and easier to disturb than a dense" in text
    assert verdict[study.FASTER.format(mask)] == "holds"
    for words in (study.HOLDS_NOISE, study.HOLDS_LOSS):
        assert verdict[words.format(dense)] == "reversed"
