"""The study of the hidden proportion: its tables show a known truth, its page it."""

import json
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest

import vsrnn
from vsrnn.forecast.effects import AREA, EPOCHS
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.style import STYLES
from vsrnn.runs.tables import study_runs
from vsrnn.studies import Page
from vsrnn.studies import hidden_proportion as study
from vsrnn.studies.hidden_proportion import Data

PROPORTION = "hidden proportion [fraction]"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "hidden_proportion.ipynb"


def curves_of(runs):
    """Validation accuracy grows evenly to the score; diverged runs have no curve."""
    rows = [
        {"id": run["id"], "epoch": epoch, "val_accuracy": epoch / 4 * run["score"]}
        for run in runs.dropna(subset=["score"]).to_dict("records")
        for epoch in range(1, 5)
    ]
    return pd.DataFrame(rows)


def page_of(runs, **given):
    return Page("hidden_proportion", Data(runs, curves_of(runs), **given))


@pytest.fixture(scope="module")
def page(made_runs):
    """Three tables with known truths, one of them with a run that diverged."""
    tables = [
        made_runs(70, "proportion", table="curved"),
        made_runs(50, "nothing", table="flat", budget=50_000, seed=1),
        made_runs(50, "rate", table="rate", budget=400_000, seed=2),
    ]
    tables[1].loc[3, ["score", "error"]] = [np.nan, "diverged: loss not finite"]
    runs = pd.concat(tables, ignore_index=True)
    return page_of(runs, repeats=1, resamples=100)


def test_designs_have_their_expected_proportion_and_mean_score():
    runs = study_runs(["rad_100k"])
    table = study.designs_table(Data(runs, pd.DataFrame())).set_index("design")
    known = vsrnn.list_designs("rad").set_index("name").loc[table.index]
    np.testing.assert_allclose(table[PROPORTION], known["hidden_proportion"])
    mean = 100 * runs.groupby("design")["score"].mean()
    np.testing.assert_allclose(table["score [%]"], mean[table.index])
    assert table["runs"].sum() == len(runs)


def test_speed_is_read_off_the_curves(made_runs):
    runs = made_runs(4)
    runs["score"] = [0.8, 0.6, 0.2, np.nan]
    runs.loc[3, "error"] = "diverged: loss not finite in epoch 1"
    table = study.learning_speed_table(Data(runs, curves_of(runs), passed=35.0))
    assert table[AREA].tolist() == [50, 37.5, 12.5, 10]  # 10: chance
    assert table[EPOCHS].tolist() == [2, 3, 5, 5]
    assert table["never"].tolist() == [False, False, True, True]
    # what is at the threshold has not passed it
    table = study.learning_speed_table(Data(runs, curves_of(runs), passed=40.0))
    assert table[EPOCHS].tolist() == [3, 3, 5, 5]


def test_seeds_are_averaged_and_other_curves_left_out(made_runs):
    one = made_runs(2).assign(score=[0.8, 0.4])
    two = one.assign(id=["x", "y"], seed=1, score=[0.4, 0.2])
    runs = pd.concat([one, two], ignore_index=True)
    other = curves_of(one.assign(id=["p", "q"]))
    curves = pd.concat([curves_of(runs), other])
    table = study.learning_speed_table(Data(runs, curves))
    np.testing.assert_allclose(table[AREA], [37.5, 18.75])
    with pytest.raises(vsrnn.VsrnnError, match="curves are of other runs"):
        study.learning_speed_table(Data(runs, other))


def test_the_truth_decides_what_hidden_proportion_explains(page):
    each = page.table("variance_explained").set_index(["table", "base"])
    curved = each.loc["curved"]
    assert curved.loc["nothing", "low [R2]"] > 0.6
    for base in ("hidden size", "all densities"):
        assert curved.loc[base, "low [R2]"] > 0, base
    gained = each["with [R2]"] - each["without [R2]"]
    np.testing.assert_allclose(each["gain [R2]"], gained, atol=1e-9)
    assert (each.loc["flat", "low [R2]"] < 0.02).all()
    rate = each.loc["rate"]
    assert rate.loc["all hyperparameters", "without [R2]"] > 0.6
    assert rate.loc["all hyperparameters", "low [R2]"] <= 0


def test_a_gain_that_a_few_far_designs_make_is_not_taken_for_one(made_runs):
    """Four designs with next to no hidden proportion fail; the rest is noise."""
    runs = pd.concat([made_runs(40, "nothing"), made_runs(9, table="few", seed=1)])
    known = study.designs_table(Data(runs, pd.DataFrame()))
    assert set(known["table"]) == {"made", "few"}
    least = known[known["table"] == "made"].sort_values(PROPORTION)["design"]
    runs.loc[runs["design"].isin(least.iloc[:4]), "score"] = 0.1
    table = study.variance_explained_table(Data(runs, pd.DataFrame(), repeats=2))
    assert set(table["table"]) == {"made"}
    each = table.set_index("base")
    assert each.loc["nothing", "low [R2]"] > 0
    rest = each.loc["nothing, far scores left out"]
    assert 4 <= 40 - rest["designs"] <= 8 and rest["low [R2]"] <= 0


def test_claims_are_decided_by_the_truth(page):
    claims = page.claims().set_index("claim")
    verdict = claims["verdict"]
    for words in ("alone explains scores", "explains more than all densities"):
        assert verdict[f"hidden proportion {words}: curved"] == "holds"
        assert verdict[f"hidden proportion {words}: flat"] == "undecided"
    ranks = page.table("rank_correlation").query("feature == 'hidden_proportion'")
    for table, rows in ranks.groupby("table"):
        rho = rows.set_index("measure")["rank correlation"]
        for words, value in (
            ("ranks designs by score", rho["score [%]"]),
            ("ranks designs by mean accuracy", rho[AREA]),
            ("goes with fewer epochs", -rho[EPOCHS]),
        ):
            row = claims.loc[f"hidden proportion {words}: {table}"]
            assert row["low"] < row["value"] < row["high"]
            assert row["value"] == pytest.approx(value)


def test_designs_that_never_learn_are_counted(made_runs):
    runs = made_runs(60, "nothing")
    share = study.designs_table(Data(runs, pd.DataFrame()))[PROPORTION]
    few, many = (share < study.FEW).to_numpy(), (share > study.MANY).to_numpy()
    runs.loc[few, "score"] = 0.1
    runs.loc[np.flatnonzero(many)[:2], "score"] = 0.19
    page = page_of(runs, repeats=1, resamples=50)
    numbers = page.numbers()
    assert numbers["failed_below"] == numbers["designs_below"] == str(few.sum())
    assert numbers["failed_above"] == "2"
    assert numbers["designs_above"] == str(many.sum())
    assert float(numbers["median_above"]) == pytest.approx(40, abs=1)
    assert numbers["searched"] == "0 of 0"
    claim = page.claims().iloc[0]
    assert claim["value"] == pytest.approx(100 - 200 / many.sum())
    assert claim["verdict"] == "holds"


def test_failures_are_counted_by_range_and_stand_where_the_table_says(monkeypatch):
    share = [0.005, 0.01, 0.05, 0.1, 0.15, 0.3, 0.9]
    known = pd.DataFrame({PROPORTION: share, "score [%]": [10, 10, 30, 10, 50, 50, 50]})
    speed = pd.DataFrame({"table": study.NAMED, "design": ["111111_", "x"]})
    speed = speed.assign(**{PROPORTION: [0.1, 0.4], EPOCHS: [9.0, 2.0], "never": False})
    ends = {"threshold [%]": 40.0, "trained [epochs]": 25}
    speed = speed.assign(**ends)
    known = known.assign(table="rad_normal")
    monkeypatch.setattr(study, "proportion_study_table", lambda data: known)
    monkeypatch.setattr(study, "learning_speed_table", lambda data: speed)
    table = study.speed_and_failures_table(None)
    shares = table[table["panel"] == "failures"].set_index("range")
    counts = shares[["failed [designs]", "designs"]].to_numpy().tolist()
    assert counts == [[2, 2], [1, 2], [0, 1], [0, 2]]
    assert shares["never learn [%]"].tolist() == [100, 50, 0, 0]
    left, right = FIGURES["speed_and_failures"].draw(table).axes
    assert {(0.1, 9), (0.4, 2)} <= set(drawn.runs(left))
    assert drawn.markers(left, marker="s") == [(0.1, 9)] and "dense" in drawn.words(
        left
    )
    assert [x for x, _ in drawn.markers(right)] == [100, 50, 0, 0]


def test_the_short_answer_says_what_the_claims_say(monkeypatch):
    asked = ("nothing", "nothing, far scores left out", "all densities")
    monkeypatch.setattr(study, "BASES", {base: study.BASES[base] for base in asked})
    page = Page("hidden_proportion", study.load(repeats=1, resamples=300))
    claims, numbers = page.claims(), page.numbers()
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    text, rest = "".join(cells[0]["source"]), NOTEBOOK.read_text()

    def verdicts(words):
        return set(claims.loc[claims["claim"].str.contains(words), "verdict"])

    assert verdicts("fewer epochs") == {"holds"} and "\nSpeed, and" in text
    assert verdicts("never learn") == {"holds"} and "learns at all" in text
    assert verdicts("ranks designs by score") == {"holds", "undecided"}
    assert "accuracy only in part" in text
    assert verdicts("than all densities") == {"undecided"}
    assert "adds nothing measurable to what the densities explain" in text
    table = page.table("proportion_study").query("learned")
    low = table.loc[table[PROPORTION] < 0.1, "score [%]"].median()
    middle, high = (float(numbers[f"median_{n}"]) for n in ("middle", "above"))
    assert abs(high - middle) < 1.5 and "nearly flat" in text
    assert middle - low > 3 * (high - middle)
    assert "Most of the rise in accuracy lies below a hidden proportion of one" in rest
    failed, drawn = map(int, numbers["searched"].split(" of "))
    assert failed > drawn / 2 and "draws each density by itself" in rest
    alone = claims.set_index("claim").filter(like="drawn evenly", axis="index")
    alone = alone.filter(like="alone explains", axis="index")["verdict"]
    assert alone.tolist() == ["undecided", "holds"]
    assert "its effect is unclear, and clear once they are left out" in rest


def near(points, wanted):
    """The same points, in whatever order they were drawn."""
    wanted = sorted(np.asarray(wanted, float).tolist())
    assert len(points) == len(wanted)
    np.testing.assert_allclose(sorted(points), wanted or sorted(points), atol=1e-9)


@pytest.mark.parametrize("style", STYLES)
def test_scores_stand_where_their_table_says(page, style):
    table = page.table("proportion_study")
    axes = FIGURES["proportion_study"].draw(table, style=style).axes
    for ax, (_, rows) in zip(axes, table.groupby("table", sort=False), strict=True):
        for learned, color in ((True, "#0072B2"), (False, "#D55E00")):
            own = rows[rows["learned"] == learned]
            near(drawn.runs(ax, color), own[[PROPORTION, "score [%]"]])


@pytest.mark.parametrize("style", STYLES)
def test_gains_stand_where_their_table_says(page, style):
    table = page.table("variance_explained")
    bases = [base for base in study.BASES if base in set(table["base"])]
    axes = FIGURES["variance_explained"].draw(table, style=style).axes
    for ax, (_, rows) in zip(axes, table.groupby("table", sort=False), strict=True):
        places = [bases.index(base) for base in rows["base"]]
        for color, column in (("0.45", "without [R2]"), ("#0072B2", "with [R2]")):
            points = np.column_stack([rows[column].clip(*study._R2), places])
            near(drawn.markers(ax, color), points)
        ends = rows[["low [R2]", "high [R2]"]].add(rows["without [R2]"], axis=0)
        bars = np.column_stack([ends.clip(*study._R2), places])
        near(drawn.intervals(ax, "#0072B2"), bars)
