"""Addition and text: tables of a known truth, claims, and what is drawn of them."""

import json
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vsrnn import VsrnnError
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.style import STYLES
from vsrnn.runs.tables import committed_runs
from vsrnn.stats import Claim, difference_of_shares
from vsrnn.studies import arms, open_page
from vsrnn.studies import sequences as study
from vsrnn.studies.page import figures_of

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "sequences.ipynb"
BLUE, ORANGE = "#0072B2", "#D55E00"


def made(some=lambda plan: plan["seed"] >= 0):
    """Runs of a plan, or of some of it, with errors that grow with the seed.

    The torus loses four of its ten networks at a density of .005; `prepost` leaves a
    tenth of the error of the others behind when it prunes at once.
    """
    plan = arms.planned(study.protocol())
    runs = plan[some(plan)]
    lost = (runs["arm"] == "torus") & (runs["density"] == 0.005) & (runs["seed"] > 5)
    errors = np.where(lost, 0.15, 1e-3 * (1 + runs["seed"]) / 2)
    words = (
        200 - 10 * np.log(runs["density"]) + runs["seed"] + 3 * (runs["arm"] == "none")
    )
    text = runs["task"] == "text"
    return runs[["id", "task", "design", "seed"]].assign(
        scale="quick",
        test_loss=errors,
        test_perplexity=words.where(text),
        cheap=np.where(runs["weight"] == 0.03, 0.5, 0.14) + 0.001 * runs["seed"],
        error=None,
    )


def curves_of(runs):
    """Three epochs: one near chance, that of the last pruning, and the last one."""
    plan = arms.planned(study.protocol()).set_index("id").loc[runs["id"]]
    spared = (plan["score"] == "prepost") & plan["at once"]
    after = np.where(spared, 0.05, 0.5)
    return pd.concat(
        runs[["id", "seed", "scale"]].assign(
            epoch=epoch, train_loss=0.9 * loss, val_loss=loss, weights=left
        )
        for epoch, loss, left in ((1, 0.17, 16_000), (15, after, 300), (19, 1e-3, 300))
    )


def known(tables, name):
    return tables[name] if name in tables else committed_runs(name)


def page_of(runs, monkeypatch, **given):
    tables = {"made": runs, "made_curves": curves_of(runs)}
    monkeypatch.setattr(study, "committed_runs", lambda name: known(tables, name))
    return open_page("sequences", results="made", **given)


@pytest.fixture
def page(monkeypatch):
    return page_of(made(), monkeypatch)


@pytest.fixture
def nothing():
    return open_page("sequences", results="nothing")


def test_runs_are_counted_that_learn(page):
    table = page.table("adding_learned")
    row = table[
        (table["arm"] == "torus") & (table["panel"] == "density 0.005\n30 numbers")
    ]
    assert row["seed"].tolist() == list(range(10)) and set(row["runs"]) == {10}
    low, high = stats.binomtest(6, 10).proportion_ci(method="wilson")
    assert set(row[study.SHARE]) == {60.0}
    assert row[["low", "high"]].iloc[0].tolist() == pytest.approx(
        [100 * low, 100 * high]
    )
    assert list(dict.fromkeys(table["panel"])) == [
        *(
            "density 0.1\n30 numbers",
            "density 0.02\n30 numbers",
            "density 0.005\n30 numbers",
        ),
        *("density 0.02\n50 numbers", "density 0.02\n100 numbers"),
    ]
    strong = table[table["arm"] == "torus, λ = .03"]
    assert set(strong["density [fraction]"]) == {0.1, 0.005}


def test_a_run_that_diverged_has_not_learned(monkeypatch):
    runs = made()
    runs.loc[runs["seed"] == 3, "test_loss"] = np.nan
    runs.loc[runs["seed"] == 3, "error"] = "diverged: loss"
    table = page_of(runs, monkeypatch).table("adding_learned")
    lost = table[(table["seed"] == 3) & (table["arm"] == "none")]
    assert lost[study.ERROR].tolist() == pytest.approx([1 / 6] * len(lost))
    first = table[
        (table["arm"] == "none") & (table["panel"] == "density 0.1\n30 numbers")
    ]
    assert set(first[study.SHARE]) == {90.0}


def test_arms_are_compared_by_the_shares_that_learn(page):
    claims = page.claims().set_index("claim")
    words = "torus keeps more networks than none, density 0.005"
    ends = [
        [
            100 * k / 10,
            *(100 * np.array(stats.binomtest(k, 10).proportion_ci(method="wilson"))),
        ]
        for k in (6, 10)
    ]
    found = claims.loc[words, ["value", "low", "high"]].astype(float)
    assert found.tolist() == pytest.approx(difference_of_shares(*ends))
    assert claims.loc[words, "verdict"] == "reversed"
    words = "klein keeps more networks than none, density 0.005"
    assert (
        claims.loc[words, "verdict"] == "undecided" and claims.loc[words, "value"] == 0
    )


def test_geometry_reaches_a_mask_if_more_survivors_than_pairs_are_cheap(page):
    table = page.table("sequences_cheap").set_index(
        ["panel", "arm", "density [fraction]"]
    )
    weak, strong = (
        table.loc[(f"adding, λ = {w}", "torus", 0.005)] for w in (0.001, 0.03)
    )
    assert weak["mean"] == pytest.approx(14.45) and strong["mean"] == pytest.approx(
        50.45
    )
    pairs = [arms.cheap_pairs("torus", 128, seed) for seed in range(10)]
    assert weak[study.PAIRS] == pytest.approx(np.mean(pairs), abs=0.2)
    claims = page.claims().set_index("claim")
    row = claims.loc["the torus reaches the mask, adding, λ = 0.03, density 0.005"]
    gap = 50 + 0.1 * np.arange(10) - pairs
    assert row["value"] == pytest.approx(gap.mean()) and row["verdict"] == "holds"


def test_scores_are_compared_right_after_pruning_and_at_the_end(page):
    table = page.table("adding_scores")
    assert len(table) == 2 * 3 * 5 * 4 * 2
    after = table[table["measured"] == "after the last pruning"]
    spared = after[(after["score"] == "prepost") & (after["how"] == "at once")]
    assert set(spared[study.ERROR]) == {0.05} and len(spared) == 15
    end = table[(table["measured"] == "at the end") & (table["seed"] == 3)]
    assert set(end[study.ERROR]) == {0.002}
    claims = page.claims().set_index("claim")
    words = "{} spares a network pruned at once more than magnitude, density 0.1"
    assert claims.loc[words.format("prepost"), "value"] == pytest.approx(1)
    assert claims.loc[words.format("projected"), "value"] == 0


def test_perplexity_is_a_mean_over_seeds_and_its_differences_are_paired(page):
    table = page.table("text_perplexity").set_index(
        ["panel", "arm", "density [fraction]"]
    )
    row = table.loc[("LSTM", "none", 1.0)]
    assert row["mean"] == 205 and row["seeds"] == 5
    claims = page.claims().set_index("claim")
    row = claims.loc[
        "torus predicts the next word better than none, tanh, density 0.02"
    ]
    assert row[["value", "low", "high"]].astype(float).tolist() == pytest.approx(
        [3] * 3
    )
    words = "torus predicts the next word better than permuted, LSTM, density 0.2"
    assert claims.loc[words, "value"] == 0


def test_the_line_of_counted_words_is_missing_without_the_text(monkeypatch):
    def refuse(*given, **more):
        raise VsrnnError("no text")

    monkeypatch.setattr(study, "get_task", refuse)
    page = page_of(made(), monkeypatch)
    assert page.table("text_perplexity")["unigram"].isna().all()
    assert page.numbers()["unigram"] == "no runs yet"


def test_one_run_is_trained_here(monkeypatch, tmp_path):
    page = page_of(made(), monkeypatch, scale="smoke", store=tmp_path, jobs=1)
    table = page.table("adding_course")
    here = table[table["source"] == "trained here"]
    assert here["epoch"].tolist() == list(range(1, 20))
    left = here["weights left"]
    assert left.iloc[-1] == round(0.02 * (128 * 128 + 3 * 128))
    assert left.is_monotonic_decreasing
    assert sorted(set(table["seed"])) == list(range(10))


@pytest.mark.parametrize("name", figures_of("sequences"))
@pytest.mark.parametrize("style", STYLES)
def test_without_runs_every_figure_says_so(nothing, name, style):
    assert nothing.claims().empty and nothing.numbers()["stored_runs"] == "0 of 422"
    figure = FIGURES[name].draw(nothing.table(name), style=style)
    assert "no runs yet" in [words for ax in figure.axes for words in drawn.words(ax)]


@pytest.mark.parametrize("style", STYLES)
def test_errors_are_drawn_where_the_tables_say(page, style):
    table = page.table("adding_learned")
    figure = FIGURES["adding_learned"].draw(table, style=style)
    order = list(dict.fromkeys(table["arm"]))
    groups = table.groupby("panel", sort=False)
    for ax, (panel, rows) in zip(figure.axes, groups, strict=True):
        assert ax.get_title(loc="left") == panel and ax.get_xscale() == "log"
        for arm, color in (("torus", BLUE), ("permuted", ORANGE)):
            own = rows[rows["arm"].str.startswith(arm)][study.ERROR]
            points = sorted(x for x, _ in drawn.runs(ax, color))
            assert points == pytest.approx(sorted(own))
        for _, y in drawn.runs(ax, BLUE):
            assert order[round(y)].startswith("torus")
        shown = {
            arm: f"{(own[study.ERROR] < 0.01).sum()} of {len(own)}"
            for arm, own in rows.groupby("arm")
        }
        counts = {
            order[round(text.get_position()[1])]: text.get_text() for text in ax.texts
        }
        assert counts == shown
    table = page.table("adding_scores")
    figure = FIGURES["adding_scores"].draw(table, style=style)
    groups = table.groupby("panel", sort=False)
    for ax, (panel, rows) in zip(figure.axes, groups, strict=True):
        assert ax.get_title(loc="left") == panel
        for how, color in (("in 15 steps", BLUE), ("at once", ORANGE)):
            own = rows[rows["how"] == how]
            places = own["score"].map({name: n for n, name in enumerate(study.SCORES)})
            points = sorted((x, round(y)) for x, y in drawn.runs(ax, color))
            wanted = sorted(zip(own[study.ERROR], places, strict=True))
            np.testing.assert_allclose(points, wanted)


@pytest.mark.parametrize(
    "name, value",
    [("sequences_cheap", "cheap pairs [%]"), ("text_perplexity", "unigram")],
)
def test_means_stand_at_their_densities(page, name, value):
    table = page.table(name)
    figure = FIGURES[name].draw(table)
    for ax, (panel, rows) in zip(
        figure.axes, table.groupby("panel", sort=False), strict=True
    ):
        assert ax.get_title(loc="left") == panel
        bars = drawn.uprights(ax, BLUE)
        own = rows[rows["arm"] == "torus"].sort_values("density [fraction]")
        np.testing.assert_allclose([b[1:] for b in sorted(bars)], own[["low", "high"]])
        line = [each for each in ax.lines if each.get_transform() != ax.transData]
        assert line[0].get_ydata()[0] == pytest.approx(rows[value].mean())


def test_the_course_is_drawn_run_by_run(page):
    table = page.table("adding_course")
    axes = FIGURES["adding_course"].draw(table).axes
    for ax, name in zip(axes, study.COURSE.values(), strict=True):
        drawn_here = [line for line in ax.lines if len(line.get_xdata()) == 3]
        heights = [line.get_ydata().tolist() for line in drawn_here]
        runs = table.groupby("seed", sort=False)[name]
        assert heights == [own.tolist() for _, own in runs] and len(runs) == 10
        assert drawn_here[0].get_xdata().tolist() == [1, 15, 19]


def test_the_short_answer_says_what_the_claims_say(page, nothing):
    numbers = page.numbers()
    assert numbers["helps"] == "hurts" and numbers["learned_torus"] == "6 of 10"
    text = "a torus predicts the next word better than no penalty"
    assert numbers["text"] == f"{text} (perplexity 241.1 against 244.1)"
    for words, meant in (
        (study.HELPS, ("helps", "does not measurably help", "hurts")),
        (study.SPACE, ("a part in it", "no measurable difference", "worse")),
        (study.TEXT, ("better than", "cannot be told apart", "worse than")),
    ):
        said = [words[verdict] for verdict in ("holds", "undecided", "reversed")]
        assert all(part in each for part, each in zip(meant, said, strict=True))
    text = "".join(json.loads(NOTEBOOK.read_text())["cells"][0]["source"])
    for word in (
        "the penalty {{helps}} where",
        "The space {{space}}:",
        ".02, {{text}}.",
    ):
        assert word in text
    numbers = nothing.numbers()
    assert numbers["learned_torus"] == "no runs yet"
    for word in ("helps", "space", "text"):
        assert "has not been tried often enough" in numbers[word]


@pytest.mark.parametrize(
    "verdict, low", [("holds", 0.5), ("undecided", -0.5), ("reversed", -3)]
)
def test_words_follow_the_verdict(monkeypatch, page, verdict, low):
    found = [
        Claim(words.format("torus", "none", *more), low + 1, low, low + 2)
        for words, more in ((study.KEEPS, [0.005]), (study.PREDICTS, ["tanh", 0.02]))
    ]
    monkeypatch.setattr(study, "claims", lambda page: found)
    numbers = page.numbers()
    assert numbers["helps"] == study.HELPS[verdict]
    assert numbers["text"].startswith(study.TEXT[verdict])


def test_headings_say_what_stored_runs_show():
    page, text = open_page("sequences"), NOTEBOOK.read_text()
    course = page.table("adding_course").query("5 <= epoch <= 12")
    during, after, _ = (course[name].median() for name in study.COURSE.values())
    assert "## Pruning breaks what an epoch has learned" in text and after > 3 * during
    verdict = page.claims().set_index("claim")["verdict"]
    assert verdict[study.KEEPS.format("torus", "none", 0.005)] == "holds"
    assert "With hardly any weight left, more networks add under the penalty" in text
    cheap = page.table("sequences_cheap").query("arm == 'torus'")
    pairs = cheap[study.PAIRS].max()
    assert "In text the penalty chooses the mask; on addition it hardly does" in text
    assert cheap.query("panel.str.startswith('text')")["mean"].min() > 4 * pairs
    assert cheap.query("panel == 'adding, λ = 0.001'")["mean"].max() < 2 * pairs
    words = page.table("text_perplexity")
    assert "far below the dotted line" in text
    assert words["mean"].max() < words["unigram"].min() / 2
