"""Fresh weights on masks, and blocks after pruning: a known truth, and its figures."""

import json
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from scipy import stats

from vsrnn.design.geometry import BLOCKS
from vsrnn.design.published import get_design
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.style import STYLES
from vsrnn.stats import Claim, welch
from vsrnn.studies import PROTOCOLS, arms, navigation, open_page
from vsrnn.studies import survivors as study
from vsrnn.studies.page import figures_of
from vsrnn.tasks import sizes

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "survivors.ipynb"
BLUE, ORANGE = "#0072B2", "#D55E00"


def made():
    """Runs of all that is planned: errors by arm and kind, blocks by network."""
    places = {arm: place for place, arm in enumerate(study.ARMS)}
    rows = []
    for config in PROTOCOLS["survivors"]():
        own = {"id": config.id, "task": config.task, "seed": config.seed}
        own |= {"design": config.design.name, "scale": "quick", "error": None}
        if config.task != "navigation":
            pruned = len(config.method) > 1 or config.method[0].name == "magnitude"
            share = 0.3 if pruned else 0.2
            weights = [10.0 * (n + 1) for n in range(6)]
            own |= dict(zip((f"weights_{b}" for b in BLOCKS), weights, strict=True))
            own |= {"hidden_proportion": share + 0.01 * config.seed}
            own |= {"score": 0.5 + 0.1 * pruned + 0.01 * config.seed**2}
        rows.append(own)
    runs = pd.DataFrame(rows).set_index("id")
    for how, seed, arm in study.TICKETS:
        error = 20 + 5 * places[arm] + study.PENALTY.index(how) + seed**2
        runs.loc[study._fresh(arm, seed, how).id, "score"] = error
    return runs.reset_index()


def made_masks():
    """Runs that made the masks, with levels of the task."""
    rows = [
        {"id": navigation.run_of(arm, seed).id, "task": "navigation", "seed": seed}
        | {"score": 15.0 + seed, "cheap": None if arm == "none" else 0.8}
        | {"test_floor": 9.0, "test_stay": 28.0}
        for arm in study.ARMS
        for seed in study.SEEDS
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def page(monkeypatch):
    tables = {"made": made(), "masks": made_masks()}
    monkeypatch.setattr(
        study, "committed_runs", lambda name: tables.get(name, tables["masks"][:0])
    )
    return open_page("survivors", results="made", sources="masks")


@pytest.fixture
def nothing():
    return open_page("survivors", results="nothing", sources="nothing")


def test_fresh_weights_stand_beside_the_run_that_made_their_mask(page):
    table = page.table("survivors_fresh")
    assert len(table) == 7 * 5 + 19 * 5 and (table["floor"] == 9).all()
    rows = table[(table["arm"] == "permuted") & (table["weights"] == "without")]
    errors = [31 + seed**2 for seed in range(5)]
    assert rows[study.ERROR].tolist() == errors
    low, high = stats.ttest_1samp(errors, 0).confidence_interval(0.95)
    means = rows[["mean", "low", "high"]].iloc[0]
    assert means.tolist() == pytest.approx([np.mean(errors), low, high])
    own = table[(table["arm"] == "none") & (table["weights"] == "its own run")]
    assert own[study.ERROR].tolist() == [15, 16, 17, 18, 19]
    assert set(table.loc[table["arm"] == "none", "weights"]) == {
        "its own run",
        "without",
    }


def test_a_mask_serves_if_fresh_weights_end_below_those_on_the_mask_of_none(page):
    claims = page.claims().set_index("claim")
    row = claims.loc[study.SERVES.format("klein", "other points")]
    assert row[["value", "low", "high"]].tolist() == pytest.approx([-16] * 3)
    assert row["verdict"] == "reversed" and row["unit"] == "cm"
    row = claims.loc[study.BEATS.format("circle", "same penalty")]
    assert row["value"] == 15 and row["verdict"] == "holds"
    gaps = [25 + s**2 - (15 + s) for s in range(5)]
    assert claims.loc[study.KEEPS.format("torus"), "value"] == np.mean(gaps)


def test_survivors_are_compared_with_the_pairs_of_their_own_run(page):
    table = page.table("survivors_cheap")
    pairs = table[(table["arm"] == "circle") & (table["what"] == "pairs of units")]
    wanted = [arms.cheap_pairs("circle", 256, seed) for seed in range(5)]
    assert pairs["share [%]"].tolist() == wanted
    claims = page.claims().set_index("claim")
    row = claims.loc[study.REACHES.format("circle")]
    assert row["value"] == pytest.approx(80 - np.mean(wanted))
    assert "none" not in set(table["arm"])


def test_pruned_networks_are_compared_with_designs_chosen_beforehand(page):
    table = page.table("survivors_blocks")
    table = table.set_index(["task", "network", "measure"]).sort_index()
    pruned = table.loc[("rad", "pruned, torus", "hidden proportion")]
    assert pruned["value"].tolist() == pytest.approx([0.3, 0.31, 0.32, 0.33, 0.34])
    assert pruned["mean"].tolist() == pytest.approx([0.32] * 5)
    scores = table.loc[("hammer", "dense hidden", "score [%]")]["value"]
    assert scores.tolist() == pytest.approx([50 + s**2 for s in range(5)])
    claims = page.claims().set_index("claim")
    words = "pruned, none ends with a larger hidden proportion than uniform, {}"
    row = claims.loc[words.format("Random Anomaly")]
    assert row["value"] == pytest.approx(0.1) and row["verdict"] == "holds"
    row = claims.loc["pruned, none scores above varied, Random Anomaly"]
    found = row[["value", "low", "high"]].astype(float).tolist()
    both = [[60 + s**2 for s in range(5)], [50 + s**2 for s in range(5)]]
    assert found == pytest.approx(welch(*both))


def test_a_network_that_diverged_scores_as_a_guess(monkeypatch):
    runs = made()
    lost = (runs["task"] == "rad") & (runs["seed"] == 2)
    runs.loc[lost, ["score", "error"]] = [np.nan, "diverged: loss"]
    tables = {"made": runs, "masks": made_masks()}
    monkeypatch.setattr(study, "committed_runs", tables.__getitem__)
    table = study.survivors_blocks_table(study.load("made", "masks"))
    scores = table[(table["task"] == "rad") & (table["measure"] == "score [%]")]
    assert set(scores.loc[scores["seed"] == 2, "value"]) == {10.0}
    assert scores["seeds"].eq(5).all()


def test_blocks_have_the_density_that_is_left(page):
    table = page.table("survivors_layout")
    table = table.set_index(["task", "network", "block"]).sort_index()
    row = table.loc[("rad", "pruned, none", "hh")]
    assert row["rows [units]"] == row["columns [units]"] == 208
    assert row["density [fraction]"] == pytest.approx(20 / 208**2)
    whole = table.loc[("hammer", "before pruning")]
    assert whole["weights"].sum() == (46 + 128 + 26) * (128 + 26)
    own = get_design("rad", "balanced_0").geometry(*sizes("rad"))
    found = table.loc[("rad", "varied", "hx"), "hidden proportion"]
    assert found == own.hidden_proportion


def test_budgets_are_those_of_the_designs_that_were_chosen():
    for task, (parent, entries, budget, _) in study.PARENTS.items():
        weights = parent.geometry(*sizes(task)).weights
        assert weights == pytest.approx(entries, rel=1e-3)
        for name in study.CHOSEN[task]:
            weights = get_design(task, name).geometry(*sizes(task)).weights
            assert weights == pytest.approx(budget, rel=0.08)


@pytest.mark.parametrize("name", figures_of("survivors"))
@pytest.mark.parametrize("style", STYLES)
def test_without_runs_every_figure_is_drawn(nothing, name, style):
    assert nothing.claims().empty and nothing.numbers()["stored_runs"] == "0 of 155"
    figure = FIGURES[name].draw(nothing.table(name), style=style)
    words = [words for ax in figure.axes for words in drawn.words(ax)]
    known = {"survivors_cheap", "survivors_layout"}  # pairs and designs are counted
    assert name in known or "no runs yet" in words
    assert not any(each.startswith("pruned") for each in words)


@pytest.mark.parametrize("style", STYLES)
def test_errors_stand_in_the_rows_of_their_masks(page, style):
    table = page.table("survivors_fresh")
    (ax,) = FIGURES["survivors_fresh"].draw(table, style=style).axes
    assert drawn.row_names(ax) == list(study.ARMS)
    for n, kind in enumerate(("its own run", "same", "without", "new")):
        own = table[table["weights"] == kind].drop_duplicates("arm")
        rows = own["arm"].map({arm: place for place, arm in enumerate(study.ARMS)})
        color, rows = study.KINDS[kind]["color"], rows + 0.18 * (n - 1.5)
        points = sorted(drawn.markers(ax, color), key=lambda point: point[1])
        np.testing.assert_allclose(points, np.column_stack([own["mean"], rows]))
        bars = sorted(drawn.intervals(ax, color), key=lambda bar: bar[2])
        ends = np.column_stack([own["low"], own["high"], rows])
        np.testing.assert_allclose(bars, ends)
    assert {"floor", "stay"} == set(drawn.words(ax))
    table = page.table("survivors_cheap")
    (ax,) = FIGURES["survivors_cheap"].draw(table, style=style).axes
    left = table[table["what"] == "weights that are left"].drop_duplicates("arm")
    assert [x for x, _ in drawn.markers(ax, BLUE)] == left["mean"].tolist()


@pytest.mark.parametrize("style", STYLES)
def test_hidden_proportions_and_scores_stand_side_by_side(page, style):
    table = page.table("survivors_blocks")
    figure = FIGURES["survivors_blocks"].draw(table, style=style)
    for ax, (task, measure) in zip(
        figure.axes,
        [(t, m) for t in ("rad", "hammer") for m in ("hidden proportion", "score [%]")],
        strict=True,
    ):
        own = table[(table["task"] == task) & (table["measure"] == measure)]
        means = own.drop_duplicates("network")
        points = sorted(drawn.markers(ax), key=lambda point: point[1])
        assert [x for x, _ in points] == means["mean"].tolist()
        if measure == "hidden proportion":
            names = [label.get_text() for label in ax.get_yticklabels()]
            assert names == means["network"].tolist()
        torus = own[own["network"] == "pruned, torus"]
        assert [x for x, _ in drawn.runs(ax, BLUE)][:5] == torus["value"].tolist()


def test_blocks_are_drawn_to_scale(page):
    table = page.table("survivors_layout")
    figure = FIGURES["survivors_layout"].draw(table)
    for ax, (_, rows) in zip(
        figure.axes, table.groupby("task", sort=False), strict=True
    ):
        patches = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
        sides = [(p.get_width(), p.get_height()) for p in patches]
        assert sides == list(
            zip(rows["columns [units]"], rows["rows [units]"], strict=True)
        )
        assert ax.get_aspect() == 1
        sign = ": " if rows["task"].iloc[0] == "rad" else "\n"
        shares = zip(rows["network"], rows["hidden proportion"], strict=True)
        names = [f"{n}{sign}{p:.2f}".replace(",\n", ", ") for n, p in shares]
        assert set(names) <= {word.replace(",\n", ", ") for word in drawn.words(ax)}
        tops = [p.get_y() for p in patches[::6]]
        lefts = [p.get_x() for p in patches[::6]]
        assert len(set(zip(tops, lefts, strict=True))) == rows["network"].nunique()


@pytest.mark.parametrize(
    "verdict, low", [("holds", 0.5), ("undecided", -0.5), ("reversed", -3)]
)
def test_words_of_the_short_answer_follow_the_verdicts(monkeypatch, page, verdict, low):
    names = (
        study.SERVES.format("torus", "no penalty"),
        study.FINDS.format("pruned, none", "Random Anomaly"),
    )
    found = [Claim(name, low + 1, low, low + 2) for name in names]
    monkeypatch.setattr(study, "claims", lambda page: found)
    numbers = page.numbers()
    assert numbers["better"] == study.BETTER[verdict]
    assert numbers["larger"] == study.LARGER[verdict]


def test_the_short_answer_is_made_of_words_for_every_verdict(page, nothing):
    verdicts = ("holds", "undecided", "reversed")
    better = [study.BETTER[verdict].partition(" than ")[0] for verdict in verdicts]
    assert better[::2] == ["better", "worse"] and better[1].startswith("about as well")
    assert [study.LARGER[each].split()[-1] for each in verdicts[::2]] == [
        "above",
        "below",
    ]
    text = "".join(json.loads(NOTEBOOK.read_text())["cells"][0]["source"])
    assert "they do {{better}} (an error of {{fresh_torus}}, and {{fresh_none}}" in text
    assert "That is {{larger}} the one of uniform density" in text
    numbers = nothing.numbers()
    assert numbers["fresh_torus"] == "no runs yet"
    assert numbers["better"].startswith("as yet")
    numbers = page.numbers()
    assert (numbers["fresh_torus"], numbers["fresh_none"]) == ("32 cm", "27 cm")
    assert numbers["better"].startswith("worse") and numbers["larger"] == "above"


def test_headings_say_what_stored_runs_show():
    page, text = open_page("survivors"), NOTEBOOK.read_text()
    fresh = page.table("survivors_fresh").drop_duplicates(["arm", "weights"])
    means = fresh.pivot(index="arm", columns="weights", values="mean")[
        ["new", "without"]
    ]
    assert "## A penalty on other points undoes a mask" in text
    assert (means["new"] > means["without"] + 10).drop("none").all()
    claims = page.claims().set_index("claim")["verdict"]
    reached = [claims[study.REACHES.format(arm)] for arm in study.ARMS[1:-1]]
    assert "## Survivors lie on cheap pairs, where there are enough of them" in text
    assert reached == ["holds"] * 5 and arms.cheap_pairs("6-torus", 256) < 1
    shares = page.table("survivors_layout").groupby(["task", "network"]).first()
    shares = shares["hidden proportion"]["rad"]
    gap = shares["pruned, none"] - shares["before pruning"]
    assert "On Random Anomaly pruning leaves the hidden proportion where" in text
    assert abs(gap) < 0.02 and "far from the {{rad_varied}}" in text
    assert shares["varied"] > 3 * shares["pruned, none"]
