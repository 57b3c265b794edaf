"""Scores at equal weights: tables, claims, and figures that show them."""

import json
import math
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import vsrnn
from vsrnn.plot.labels import look
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.style import STYLES
from vsrnn.runs.tables import concat_runs
from vsrnn.stats import rank_interval, welch
from vsrnn.studies import equal_weights as study
from vsrnn.studies import open_page
from vsrnn.studies.equal_weights import FIVE, Data

PROPORTION = "hidden proportion [fraction]"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "equal_weights.ipynb"


def runs_of(designs, scale="paper", seeds=3):
    """Made-up runs whose score grows with the place of the design and the seed."""
    rows = [
        {"id": f"{design}-{scale}-{seed}", "task": "rad", "scale": scale}
        | {"design": design, "seed": seed, "score": 0.2 + 0.02 * place + 0.01 * seed}
        for place, design in enumerate(designs)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def curves_of(runs, epochs=4):
    """Validation accuracy grows evenly to the score."""
    columns = runs[["id", "scale", "design", "seed"]]
    parts = [
        columns.assign(
            epoch=epoch,
            val_accuracy=runs["score"] * epoch / epochs,
            train_accuracy=0.9,
        )
        for epoch in range(1, epochs + 1)
    ]
    return pd.concat(parts, ignore_index=True)


def data_of(stored, live=None, curves=None, stopped=()):
    """Data of stored runs beside live ones."""
    curves = curves_of(stored) if curves is None else curves
    live = pd.DataFrame() if live is None else live
    seen = [curves, *([curves_of(live)] if len(live) else [])]
    runs = concat_runs(live, stored)
    stopped = pd.DataFrame(list(stopped), columns=["design", "epochs", "score"])
    return Data(runs, pd.concat(seen), stored, stored, curves, stopped)


@pytest.fixture(scope="module")
def tables():
    """Tables of made-up runs: live and stored, one design without a stored run."""
    live, stored = runs_of(FIVE, "quick"), runs_of(vsrnn.RAD_100K)
    scores = {"111111_": 0.5, "111111": 0.4, "lstm_": 0.1, "lstm": 0.6}
    scores |= {"000000_": 0.55, "000000": 0.3}
    two = runs_of(scores, seeds=2)
    two["score"] = two["design"].map(scores) + 0.01 * two["seed"]
    data, budgets = data_of(stored, live), data_of(two)
    return {
        "final_accuracy": study.final_accuracy_table(data),
        "learning_curve": study.learning_curve_table(data),
        "budget_scores": study.budget_scores_table(budgets),
    }


def test_curves_of_other_runs_are_left_out():
    runs = runs_of(["lstm_"], seeds=2)
    other = curves_of(runs_of(["rnn_", "lstm_"], "smoke", 2), 2)
    curves = pd.concat([curves_of(runs), other])
    table = study.learning_curve_table(data_of(runs, curves=curves))
    assert set(zip(table["scale"], table["design"], strict=True)) == {
        ("paper", "lstm_")
    }
    assert table["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(table["mean [%]"], 20.5 * np.arange(1, 5) / 4)


def test_ranking_has_every_design_best_first_and_missing_last():
    data = data_of(runs_of(["rnn_", "balanced_0", "lstm_"]))
    table = study.final_accuracy_table(data)
    assert sorted(table["design"]) == sorted(vsrnn.RAD_100K)
    assert table["design"][:3].tolist() == ["lstm_", "balanced_0", "rnn_"]
    assert table["mean [%]"][3:].isna().all()
    assert table["seeds"].tolist() == [3, 3, 3, *[0] * 22]
    assert math.isnan(table.set_index("design").loc["lstm_", PROPORTION])
    two = pd.concat([data.stored, runs_of(["rnn_"], "quick")])
    with pytest.raises(vsrnn.VsrnnError, match="one scale"):
        study.final_accuracy_table(data_of(two))


def test_a_diverged_run_scores_as_chance():
    runs = runs_of(["111111_"], seeds=2).assign(error=None)
    runs.loc[1, ["score", "error"]] = [np.nan, "diverged: loss"]
    curves = curves_of(runs.iloc[:1])
    data = data_of(runs, curves=curves)
    mean = study.final_accuracy_table(data)["mean [%]"].iloc[0]
    assert mean == pytest.approx((20 + 10) / 2)


def test_budgets_are_compared_arrangement_by_arrangement():
    scores = {"111111_": 0.5, "111111": 0.4, "lstm_": 0.1, "lstm": 0.6}
    scores |= {"balanced_0": 0.7, "balanced": 0.7}
    runs = runs_of(list(scores), seeds=2)
    runs["score"] = runs["design"].map(scores)
    curves = curves_of(runs)
    late = (curves["epoch"] == 4) & (curves["design"] == "111111")
    curves.loc[late, "val_accuracy"] = 0.1
    table = study.budget_scores_table(data_of(runs, curves=curves))
    assert table["design"].tolist() == ["lstm_", "lstm", "111111_", "111111"]
    assert table["arrangement"].tolist() == ["lstm", "lstm", "111111", "111111"]
    assert table["mean [%]"].tolist() == pytest.approx([10, 60, 50, 40])
    assert (table["budget [weights]"].diff()[1::2] == 900_000).all()
    assert table["best epoch"].tolist() == [4, 4, 4, 3]
    assert table["best validation accuracy [%]"].iloc[-1] == pytest.approx(30)
    assert table["validation accuracy [%]"].iloc[-1] == pytest.approx(10)
    assert (table["training accuracy [%]"] == 90).all()


@pytest.mark.parametrize("style", STYLES)
def test_overfitting_is_drawn_with_what_stopping_gives(style):
    runs = runs_of(["111111", "011001", "lstm"], seeds=2).assign(epochs=4)
    stopped = [("111111", 2, 0.6), ("111111", 2, 0.7), ("lstm", 1, 0.9)]
    table = study.overfitting_table(data_of(runs, stopped=stopped))
    assert set(table["design"]) == set(study.OVERFITTED)
    figure = FIGURES["overfitting"].draw(table, style=style)
    for ax, name in zip(figure.axes, study.OVERFITTED, strict=True):
        end = runs.loc[runs["design"] == name, "score"].mean()
        curves = drawn.curves(ax)
        points = [(epoch, 100 * end * epoch / 4) for epoch in range(1, 5)]
        np.testing.assert_allclose(curves["#0072b2", "-"], points)
        np.testing.assert_allclose(np.array(curves["#737373", "--"])[:, 1], 90)
        np.testing.assert_allclose(drawn.runs(ax, "#D55E00"), [(4, 100 * end)])
        wanted = [(2, 65)] if name == "111111" else []
        np.testing.assert_allclose(drawn.runs(ax, "#009E73"), wanted)
    without = study.overfitting_table(data_of(runs))
    words = str(FIGURES["overfitting"].draw(without, style=style).legends[0].texts)
    assert study.PUBLISHED in words and study.STOPPED not in words


@pytest.fixture(scope="module")
def page():
    return open_page("equal_weights")


def test_claims_are_of_the_stored_runs(page):
    claims = page.claims().set_index("claim")
    runs = vsrnn.get_results("rad_100k")
    points = {name: 100 * each["score"] for name, each in runs.groupby("design")}
    for words, high, low in (
        ("varied scores above uniform", "balanced_0", "000000_"),
        ("uniform scores above dense", "000000_", "111111_"),
        ("varied scores above LSTM", "balanced_0", "lstm_"),
        ("uniform scores above LSTM", "000000_", "lstm_"),
    ):
        found = claims.loc[words, ["value", "low", "high"]].astype(float)
        np.testing.assert_allclose(found, welch(points[high], points[low]))
    curves = vsrnn.get_results("rad_100k_curves")
    soon = curves[curves["val_accuracy"] > 0.4].groupby(["design", "id"])["epoch"].min()
    means = soon.groupby("design").mean()
    for words, first, then in (
        ("varied passes 40 % sooner than uniform", "balanced_0", "000000_"),
        ("uniform passes 40 % sooner than dense", "000000_", "111111_"),
    ):
        assert claims.loc[words, "value"] == pytest.approx(means[then] - means[first])
    table = page.table("budget_scores").dropna(subset=[PROPORTION])
    less, more = (
        rows.set_index("arrangement")["mean [%]"].sort_index()
        for _, rows in table.groupby("budget [weights]")
    )
    row = claims.loc[study.ORDER_STAYS, ["value", "low", "high"]].astype(float)
    np.testing.assert_allclose(row, rank_interval(less, more))
    assert less.rank().corr(more.rank()) == pytest.approx(row["value"])


def test_numbers_are_read_off_the_tables(page):
    numbers = page.numbers()
    curves = page.table("learning_curve").query("scale == 'paper'")
    for word, name in (("dense", "111111_"), ("varied", "balanced_0"), ("RNN", "rnn_")):
        curve = curves[curves["design"] == name].set_index("epoch")["mean [%]"]
        assert numbers[f"soon_{word}"] == str(curve.index[curve > 40][0])
    assert numbers["soon_LSTM"] == "never"


def test_the_short_answer_says_what_the_claims_say(page):
    claims = page.claims().set_index("claim")
    verdict, text = claims["verdict"], "".join(_first_cell()["source"])
    assert verdict["varied passes 40 % sooner than uniform"] == "holds"
    assert verdict["uniform passes 40 % sooner than dense"] == "holds"
    soon = [int(page.numbers()[f"soon_{n}"]) for n in ("varied", "uniform", "dense")]
    assert soon == sorted(soon) and "how soon a network learns more than" in text
    assert verdict["varied scores above uniform"] == "undecided"
    assert "varied and uniform cannot be told apart" in text
    assert verdict["uniform scores above dense"] == "holds"
    assert "{{uniform_dense}} points above dense" in text
    for name in ("varied", "uniform"):
        assert verdict[f"{name} scores above LSTM"] == "holds"
    assert "both end far above the LSTM" in text
    assert verdict[study.ORDER_STAYS] != "holds"
    assert claims.loc[study.ORDER_STAYS, "value"] < 0
    assert "does not carry over to ten times the weights (rank" in text
    rest = NOTEBOOK.read_text()
    assert "Varied density learns sooner, and ends no better" in rest
    ends = page.table("final_accuracy")["mean [%]"]
    assert (ends > ends.max() - 5).mean() > 0.75
    assert "Most arrangements end close together" in rest
    assert verdict["hidden proportion ranks the designs"] == "undecided"
    words = "hidden proportion ranks arrangements at 100,000 weights"
    assert verdict[words] == "holds"
    assert "Among the arrangements of the next figure, none of them balanced" in rest
    words = "hidden proportion goes with what a larger budget gains"
    assert verdict[words] == "reversed"
    assert "Ten times the weights help those that had little hidden weight" in rest
    ends = page.table("budget_scores").dropna(subset=[PROPORTION])
    large = ends[ends["budget [weights]"] == 1_000_000].set_index("arrangement")
    fitted = large["training accuracy [%]"] - large["validation accuracy [%]"]
    assert fitted.min() > 25 and "Large networks overfit" in rest
    soon = large.loc[large[PROPORTION] > 0.5, "best epoch"]
    gains = claims.filter(like="stopping at the best epoch raises", axis="index")
    assert len(gains) and gains["value"].abs().max() < 2
    assert "tests within two points of its last epoch" in rest
    assert len(soon) == 5 and soon.max() <= 5 and "is best within five epochs" in rest


def _first_cell():
    return json.loads(NOTEBOOK.read_text())["cells"][0]


@pytest.mark.parametrize("style", STYLES)
def test_curves_stand_where_their_tables_say(tables, style):
    table = tables["learning_curve"]
    figure = FIGURES["learning_curve"].draw(table, style=style)
    groups = table.groupby("source", sort=False)
    for ax, (_, rows) in zip(figure.axes, groups, strict=True):
        curves, bands = drawn.curves(ax), drawn.bands(ax)
        for name, curve in rows.groupby("design"):
            color = to_hex(look(name)["color"])
            (points,) = (p for (drawn_in, _), p in curves.items() if drawn_in == color)
            assert points == list(zip(curve["epoch"], curve["mean [%]"], strict=True))
            ends = curve[["epoch", "low [%]", "high [%]"]].to_numpy()
            np.testing.assert_allclose(bands[color], ends)


@pytest.mark.parametrize("style", STYLES)
def test_the_ranking_is_drawn_from_the_best_down(tables, style):
    table = tables["final_accuracy"]
    ax, side = FIGURES["final_accuracy"].draw(table, style=style).axes
    means = [(mean, place) for place, mean in enumerate(table["mean [%]"].dropna())]
    assert sorted(drawn.markers(ax), key=lambda point: point[1]) == means
    assert drawn.row_names(ax)[0].endswith(f"{table['design'][0]})")
    share = table[PROPORTION].fillna(0) / table[PROPORTION].max()
    assert [length for length, _ in drawn.bars(side)] == pytest.approx(share.tolist())


@pytest.mark.parametrize("style", STYLES)
def test_budgets_are_drawn_below_each_other(tables, style):
    table = tables["budget_scores"]
    ax, side = FIGURES["budget_scores"].draw(table, style=style).axes
    budgets = table.groupby("budget [weights]")
    shapes = (("#0072B2", -0.15), ("#D55E00", 0.15))
    for (color, shift), (_, rows) in zip(shapes, budgets, strict=True):
        places = np.arange(3) + shift
        points = np.column_stack([rows["mean [%]"], places])
        np.testing.assert_allclose(drawn.markers(ax, color), points)
        ends = np.column_stack([rows["low [%]"], rows["high [%]"], places])
        np.testing.assert_allclose(drawn.intervals(ax, color), ends)
    assert drawn.row_names(ax) == ["LSTM", "dense", "uniform .2"]
    assert [round(length, 3) for length, _ in drawn.bars(side)] == [0, 0.35, 1]


def test_courses_are_those_of_dense_and_varied_on_the_published_protocol(tmp_path):
    page = open_page("equal_weights", tmp_path)
    html = study.courses(page).html
    table = page.table("learning_curve").query("source == 'stored'")
    for name, word in (("111111_", "dense"), ("balanced_0", "varied")):
        last = table.loc[table["design"] == name, "mean [%]"].iloc[-1]
        assert f"{word}: <b>{last:.0f} %</b>" in html
