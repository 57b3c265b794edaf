"""The page on verification: what is compared, drawn and counted."""

from pathlib import Path
from unittest.mock import Mock

import drawn
import numpy as np
import pandas as pd
import pytest

from vsrnn import get_results
from vsrnn.runs.config import configs_for
from vsrnn.runs.reproduction import DIFFERENT, IDENTICAL, WITHIN
from vsrnn.studies import verify as study
from vsrnn.studies.page import Page, open_page


def report(verdicts, scale="quick"):
    """Runs trained again, the n-th off by n tenths of the tolerances."""
    rows = [
        {"id": f"run{n}", "design": "lstm_", "scale": scale, "seed": n}
        | {"verdict": verdict, "score": 0.5, "score_here": 0.6, "loss": 2.0}
        | {"loss_here": 2.1, "loss_shift": -n / 10, "score_shift": n / 10}
        | {"machine": "this one", "torch": "2"}
        | {"reason": "other data" if verdict == DIFFERENT else ""}
        for n, verdict in enumerate(verdicts)
    ]
    return pd.DataFrame(rows)


NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "verify.ipynb"


@pytest.fixture(scope="module")
def page():
    verdicts = [IDENTICAL] * 3 + [WITHIN, DIFFERENT]
    return Page("verify", study.Data(report(verdicts)))


@pytest.fixture(scope="module")
def stored():
    return open_page("verify")


def test_runs_of_the_store_are_compared_and_others_drawn(monkeypatch, tmp_path):
    asked = {}

    def verify(name, *, ids, jobs, store):
        asked[name] = list(ids)
        return report([IDENTICAL])

    monkeypatch.setattr(study, "verify", verify)
    (kept,) = configs_for(["balanced_0"], [1], "quick")
    store = Mock(results=lambda: [{"id": kept.id}, {"id": "of no table"}])
    monkeypatch.setattr(study, "Store", lambda folder: store)
    data = study.load("quick", number=2, draw=0, store=tmp_path)
    assert len(data.report) == 2 and list(asked) == ["rad_smoke", "rad_quick"]
    assert len(asked["rad_smoke"]) == 2 and kept.id in asked["rad_quick"]
    assert set(asked["rad_quick"]) <= set(get_results("rad_quick")["id"])
    assert len(asked["rad_quick"]) in (2, 3)
    asked.clear()
    study.load("smoke", number=2, draw=0, store=tmp_path / "nothing")
    assert list(asked) == ["rad_smoke"] and study.load().report.empty


def test_numbers_count_the_verdicts(page, stored):
    numbers = page.numbers()
    names = ("runs", "identical", "within", "different")
    assert [numbers[name] for name in names] == ["5", "3", "1", "1"]
    assert numbers["machine"] == "this one"
    assert stored.numbers()["runs"] == "0"


def test_what_a_gpu_trained_is_told_apart_from_old_instructions(stored):
    numbers, gpu = stored.numbers(), get_results("rounding_normal")
    rounded = stored.table("agreement").query("compared == @study.ROUNDED")
    assert len(rounded) == len(gpu) + 31
    assert numbers["gpu_loss"] == f"{gpu['loss_shift'].abs().max():.2g}"
    small = rounded[rounded["scale"] != "paper"][study.LOSS].abs()
    assert numbers["rounded_loss"] == f"{small.max():.2g}"


def test_the_table_shows_scores_in_percent(page):
    table = page.table("report")
    assert set(table.index) == {"lstm_"} and table["here [%]"].tolist() == [60.0] * 5
    assert table["stored [%]"].tolist() == [50.0] * 5
    assert table["verdict"].tolist()[2:] == [IDENTICAL, WITHIN, "different: other data"]
    assert study.report_table(study.Data()).empty


def test_another_seed_is_compared_with_the_one_before(stored):
    table = stored.table("agreement")
    own = table[table["compared"] == study.OTHER_SEED]
    runs, curves = get_results("rad_quick"), get_results("rad_quick_curves")
    loss = curves[curves["epoch"] == 1].set_index("id")["train_loss"]
    rows = own[(own["design"] == "lstm_") & (own["scale"] == "quick")]
    assert rows["seed"].tolist() == [0, 1]  # the last has no next one
    row = rows.iloc[0]
    ids = runs[runs["design"] == "lstm_"].set_index("seed")["id"]
    moved = loss[ids[row["seed"] + 1]] - loss[ids[row["seed"]]]
    assert np.sign(row[study.LOSS]) == np.sign(moved) != 0
    assert row[study.SCORE] != row[study.SCORE]  # of seeds only losses are compared


def test_points_are_drawn_where_the_table_says(page):
    table = page.table("agreement")
    (ax,) = study.agreement(table).axes
    rows = list(dict.fromkeys(zip(table["compared"], table["scale"], strict=True)))
    assert [" ".join(name.split()) for name in drawn.row_names(ax)] == [
        f"{compared}, {scale} scale" for compared, scale in rows
    ]
    for verdict, look in study._LOOKS.items():
        own = table[table["verdict"] == verdict]
        points = [p for p in drawn.runs(ax, look["color"]) if p[0] == p[0]]
        values = own[study.LOSS].abs().clip(upper=1e3)
        np.testing.assert_allclose(sorted(x for x, _ in points), sorted(values))
        pairs = zip(own["compared"], own["scale"], strict=True)
        place = [rows.index(pair) for pair in pairs]
        assert sorted(round(y) for _, y in points) == sorted(place)
    assert ax.lines[0].get_xdata()[0] == 1


def test_the_page_says_how_far_runs_move(stored):
    said, claims = NOTEBOOK.read_text("utf-8"), stored.claims()
    assert claims["verdict"].tolist() == ["holds"] and (claims["low"] > 50).all()
    numbers = stored.numbers()
    assert float(numbers["rounded_loss"]) < 1 < float(numbers["seed_loss"])
    assert float(numbers["rounded_score"]) < 1 and float(numbers["gpu_loss"]) < 1
    assert "Rounding stays within the tolerance, and nine in ten wrong seeds do" in said
    assert 85 <= float(numbers["seed_found"]) < 95
    table = stored.table("agreement").set_index("compared")
    shifts = table[study.LOSS].abs()
    assert (shifts[study.ROUNDED] <= 1).all()
    assert (table.loc[study.OTHER_SEED, "verdict"] == "different").mean() > 0.8
    assert (shifts[study.OTHER_SEED] > 1).mean() > 0.5
    assert "Most runs of another seed lie right of it" in said
