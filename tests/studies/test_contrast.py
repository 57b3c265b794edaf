"""Two tasks side by side: matched by densities, and a known truth is found."""

import ast
import re
from pathlib import Path

import drawn
import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vsrnn
from vsrnn.forecast.growth import STATE
from vsrnn.forecast.measures import RANK
from vsrnn.forecast.transfer import BOTH, OTHER, SAME
from vsrnn.plot.labels import BLUE, DESIGN_LABELS, GREEN, ORANGE
from vsrnn.studies import Page
from vsrnn.studies import contrast as study
from vsrnn.studies.contrast import ABOVE, CORRELATION, Data
from vsrnn.studies.labels import table_label, task_label

PROPORTION, SCORE = "hidden proportion [fraction]", "score [%]"
NOTEBOOK = nbformat.read(
    Path(__file__).parents[2] / "notebooks" / "contrast.ipynb", as_version=4
)
DENSITIES = [f"density_{block}" for block in vsrnn.BLOCKS]
FIGURES = ("proportion", "patterns", "forecast", "growth")
pytestmark = pytest.mark.usefixtures("few_trees")


def page_of(runs, designs=2, resamples=100):
    return Page("contrast", Data(runs, designs, resamples=resamples))


def ranks_of(runs, resamples=10):
    return study.contrast_patterns_table(Data(runs, resamples=resamples))


def table_of(page, name):
    return page.table(f"contrast_{name}")


@pytest.fixture(scope="module")
def alike(made_contrast):
    return made_contrast()


@pytest.fixture(scope="module")
def page(alike):
    return page_of(alike, resamples=250)


def assert_same(found, expected):
    np.testing.assert_allclose(sorted(found), sorted(expected), atol=1e-9)


def scored_as(runs, rank):
    """The named Hammer runs with scores [0..1] made from those on Random Anomaly."""
    table = ranks_of(runs)
    rad = table[table["task"] == "rad"].set_index("arrangement")[SCORE]
    named = table[table["task"] == "hammer"].set_index("design")["arrangement"]
    chosen = runs[runs["table"].isin(["rad_100k", "hammer_named"])].copy()
    here = chosen["design"].isin(named.index)
    chosen = chosen[here | (chosen["task"] == "rad")]
    given = chosen["design"].map(named).map(rank(rad))
    return chosen.assign(score=given.where(chosen["task"] == "hammer", chosen["score"]))


def test_patterns_are_matched_by_their_densities(page):
    known = vsrnn.list_designs().set_index("name")
    table = table_of(page, "patterns")
    hammer = table[table["task"] == "hammer"]
    blocks = hammer[hammer["dense"] != "LSTM"]
    for _, row in blocks.iterrows():
        ours, theirs = (known.loc[row[name]] for name in ("design", "arrangement"))
        np.testing.assert_array_equal(ours[DENSITIES], theirs[DENSITIES])
        digits = row["arrangement"].rstrip("_")
        assert set(ours[DENSITIES]) <= {0.2, 1}
        assert digits == "".join("1" if each == 1 else "0" for each in ours[DENSITIES])
    assert len(hammer) == 14 and len(blocks) == 13
    lstm = hammer[hammer["dense"] == "LSTM"].iloc[0]
    assert (lstm["arrangement"], lstm["design"]) == ("lstm_", "10AH13")
    words = hammer.set_index("arrangement")["dense"]
    assert words["011000_"] == "hh" and words["100110_"] == "hx"
    assert words["111111_"] == "hx and hh" and words["000100_"] == "neither"


def test_ranks_share_ties_and_their_correlation_is_scipys(alike):
    runs = scored_as(alike, lambda rad: (rad / 100).round(1))
    table = ranks_of(runs, 100)
    rad, hammer = (table[table["task"] == task] for task in ("rad", "hammer"))
    both = rad.merge(hammer, on="arrangement")
    expected = stats.spearmanr(both[f"{SCORE}_x"], both[f"{SCORE}_y"]).statistic
    first = hammer.iloc[0]
    assert first["rank correlation"] == pytest.approx(expected, abs=1e-4)
    assert first["low"] < expected < first["high"] <= 1
    assert hammer["rank"].duplicated().any()
    assert hammer["rank"].sum() == 14 * 15 / 2
    assert rad["rank correlation"].isna().all()
    np.testing.assert_allclose(rad[SCORE], rad[study.ON_RAD])
    shared = hammer.merge(rad, on="arrangement")
    np.testing.assert_allclose(shared[f"{study.ON_RAD}_x"], shared[f"{SCORE}_y"])


def test_the_truth_decides_whether_the_order_turns_round(alike, page):
    for rank, verdict in (
        (lambda rad: 1 - rad / 100, "holds"),
        (lambda rad: rad / 100, "reversed"),
        (lambda rad: 0 * rad, "undecided"),
    ):
        turned = page_of(scored_as(alike, rank))
        for name in set(FIGURES) - {"patterns"}:
            turned._tables[f"contrast_{name}"] = table_of(page, name)
        claims = turned.claims().set_index("claim")
        named = table_label("hammer_named")
        order = claims.loc[
            f"patterns good on Random Anomaly are poor on Hammer: {named}"
        ]
        assert order["verdict"] == verdict
        if verdict != "undecided":
            assert order["value"] == pytest.approx(1 if verdict == "holds" else -1)
        rows = table_of(turned, "patterns").query("table == 'hammer_named'")
        row = rows.set_index("arrangement").loc["111111_"]
        dense = claims.loc[f"dense is above the others on Hammer: {named}"]
        assert dense[["value", "low", "high"]].tolist() == row[ABOVE].tolist()
        best = "the best on {} is below the others on {}: " + named
        poor = [
            claims.loc[best.format(*pair)]
            for pair in (("Random Anomaly", "Hammer"), ("Hammer", "Random Anomaly"))
        ]
        if verdict != "undecided":
            assert all(claim["verdict"] == verdict for claim in poor)
        else:  # all share the best score on Hammer
            assert np.isnan(poor[1]["value"]) and poor[1]["verdict"] == verdict


def test_runs_that_diverged_score_as_chance(alike):
    runs = alike.copy()
    lost = runs["design"].isin(["000000_", "10AH00", "10AH020", "10AH02"])
    runs.loc[lost, ["score", "error"]] = [np.nan, "diverged: loss not finite"]
    table = ranks_of(runs).set_index(["task", "arrangement"])
    assert table.loc[("rad", "000000_"), [SCORE, "diverged"]].tolist() == [10, 2]
    assert table.loc[("hammer", "011001_"), [SCORE, "diverged"]].tolist() == [0, 2]


def test_a_pattern_is_compared_with_the_mean_of_the_others(page):
    for _, rows in table_of(page, "patterns").groupby("table"):
        others = (rows[SCORE].sum() - rows[SCORE]) / (len(rows) - 1)
        np.testing.assert_allclose(rows[ABOVE[0]], rows[SCORE] - others, atol=1e-3)
        assert rows["rank"].is_monotonic_increasing
        assert rows[SCORE].is_monotonic_decreasing


def test_proportion_and_score_are_those_of_each_design(alike, page):
    table = table_of(page, "proportion")
    assert set(table["table"]) == {"rad_even_100k", "hammer_even_10k"}
    for name, rows in table.groupby("table"):
        runs = alike[(alike["table"] == name) & (alike["model"] == "block")]
        assert rows["runs"].sum() == len(runs)
        rho = stats.spearmanr(rows[PROPORTION], rows[SCORE]).statistic
        assert rows["rank correlation"].iloc[0] == pytest.approx(rho, abs=1e-3)
        assert rows["low"].iloc[0] <= rho <= rows["high"].iloc[0]
        assert (rows["fit [%]"] - rows[SCORE]).abs().median() < 3


def test_equal_designs_are_as_far_apart_as_the_test_puts_them(alike):
    rng, apart = np.random.default_rng(0), alike.copy()
    answers = apart["task"].map({"rad": 1_000, "hammer": 100})
    apart["score"] = rng.binomial(answers, 0.3) / answers
    table = study.contrast_proportion_table(Data(apart, resamples=90))
    table = table.drop_duplicates("table")
    ratio = table["spread [points]"] / table["spread by chance [points]"]
    assert ratio.between(0.6, 1.6).all()
    assert (table.groupby("task")["spread by chance [points]"].max() < [3.5, 1.1]).all()


def test_a_forest_finds_what_the_tasks_share(made_contrast, page):
    for same in (True, False):
        runs = made_contrast(alike=False)
        table = table_of(page if same else page_of(runs), "forecast")
        assert set(table["measure"]) == {RANK}
        each = table.set_index(["task", "source"])
        for task in ("rad", "hammer"):
            own = each.loc[(task, SAME)]
            other = each.loc[(task, OTHER)]
            assert own["low"] > 0.2
            assert (other["low"] > 0.5) if same else (other["high"] < -0.5)
            both = each.loc[(task, BOTH)]
            assert both["low"] > 0.5 if same else both["value"] < own["value"]


def test_a_forest_does_not_order_what_it_was_fitted_to(alike):
    rng = np.random.default_rng(0)
    score = {name: rng.random() for name in alike["design"].unique()}
    noise = alike.assign(score=alike["design"].map(score))
    table = table_of(page_of(noise), "forecast")
    found = table[table["source"] == SAME]
    assert (found["low"] < 0).all() or found["value"].max() < 0.4


def test_untrained_designs_are_matched_with_their_runs():
    ends = {"normal_0_0000": "diverged: loss", "normal_0_0002": None}
    runs = pd.DataFrame(
        {"task": "hammer", "design": list(ends), "error": list(ends.values())}
    ).assign(score=[np.nan, 1.0])
    table = study.contrast_growth_table(Data(runs, 3))
    hammer = table[table["task"] == "hammer"].drop_duplicates("design")
    assert hammer["grown"].tolist() == [True, True, False]
    assert hammer["outcome"].tolist() == ["diverged", "not trained", "trained"]
    (_, ax) = study.contrast_growth(table).axes
    assert len(drawn.runs(ax)) == 2
    last = table[(table["design"] == "normal_0_0002") & (table["task"] == "hammer")]
    assert (200.0, pytest.approx(last[STATE].iloc[-1])) in drawn.runs(ax)
    assert "2 of 3 designs grow" in ax.get_title(loc="left")


def test_patterns_are_drawn_where_their_scores_are(page):
    table = table_of(page, "patterns")
    (ax,) = study.contrast_patterns(table).axes
    named = table[table["table"] == "hammer_named"]
    for dense, look in study._DENSE.items():
        rows = named[named["dense"] == dense]
        points = zip(rows[study.ON_RAD], rows[SCORE], strict=True)
        assert_same(drawn.runs(ax, look["color"]), points)
    shown = named[named[SCORE] > 1]["arrangement"].map(DESIGN_LABELS).dropna()
    assert set(shown) == set(drawn.words(ax)) - {""}
    rho, low, high = named.iloc[-1][CORRELATION]
    title = ax.get_title(loc="left").replace("\N{MINUS SIGN}", "-")
    wanted = f"rank correlation {rho:.2f} ({low:.2f} to {high:.2f})"
    assert title == f"imitating our expert: {wanted}"


def test_proportions_are_drawn_with_their_fit_and_crosses(alike):
    runs = alike.copy()
    lost = (runs["table"] == "hammer_even_10k") & (runs["score"] < 0.3)
    assert lost.any()
    runs.loc[lost, ["score", "error"]] = [np.nan, "diverged: loss not finite"]
    table = table_of(page_of(runs), "proportion")
    axes = study.contrast_proportion(table).axes
    for ax, (task, rows) in zip(axes, table.groupby("task", sort=False), strict=True):
        for color, mine in (
            (BLUE, rows["diverged"] == 0),
            (ORANGE, rows["diverged"] > 0),
        ):
            points = rows.loc[mine, [PROPORTION, SCORE]].to_numpy()
            assert_same(drawn.runs(ax, color), map(tuple, points))
        fit = rows[[PROPORTION, "fit [%]"]].to_numpy()
        assert_same(drawn.curves(ax)[BLUE.lower(), "-"], map(tuple, fit))
        rho = f"{task_label(task)}: rank correlation {rows[RANK].iloc[0]:.2f} ("
        assert ax.get_title(loc="left").startswith(rho)


def test_forecasts_are_drawn_where_they_are(page):
    table = table_of(page, "forecast")
    (ax,) = study.contrast_forecast(table).axes
    tasks = list(table["task"].unique())
    for task, name in zip(tasks, drawn.row_names(ax), strict=True):
        assert name.endswith(task_label(task))
    shifts = ((SAME, BLUE, -0.25), (OTHER, ORANGE, 0), (BOTH, GREEN, 0.25))
    for source, color, shift in shifts:
        rows = table[table["source"] == source]
        place = rows["task"].map(tasks.index) + shift
        assert_same(drawn.markers(ax, color), zip(rows["value"], place, strict=True))
        bars = zip(rows["low"], rows["high"], place, strict=True)
        assert_same(drawn.intervals(ax, color), bars)


def test_numbers_and_claims_follow_the_tables(page):
    numbers, claims = page.numbers(), page.claims().set_index("claim")
    assert numbers["patterns"] == "14"
    forecast = table_of(page, "forecast").set_index(["task", "source"])
    for task in ("rad", "hammer"):
        row = forecast.loc[(task, OTHER)]
        assert numbers[f"across_{task}"] == f"{row['value']:z.2f}"
        words = f"a forest of the other task orders designs of {task_label(task)}"
        assert claims.loc[words, "value"] == row["value"]
        assert claims.loc[words, "verdict"] == "holds"
    rows = table_of(page, "proportion").query("table == 'hammer_even_10k'")
    assert numbers["even_hammer"] == f"{rows[RANK].iloc[0]:.2f}"
    rising = claims.filter(like="designs of larger hidden proportion", axis="index")
    assert len(rising) == 2 and (rising["verdict"] == "holds").all()
    words = "Random Anomaly is best at a larger hidden proportion than Hammer"
    assert claims.loc[f"{words}, evenly drawn", "verdict"] == "undecided"


def test_two_best_proportions_differ_where_their_intervals_do_not_meet(page):
    rows = table_of(page, "proportion").copy()
    ends = {"rad": [0.9, 0.8, 1.0], "hammer": [0.3, 0.1, 0.4]}
    for task, each in ends.items():
        rows.loc[rows["task"] == task, study.BEST] = each
    (claim,) = study._apart(rows)
    assert (claim.value, claim.low, claim.high) == pytest.approx((0.6, 0.4, 0.9))
    assert study._apart(rows[rows["task"] == "rad"]) == []


@pytest.fixture
def partial(alike):
    """No random designs on Hammer, few named ones, none of them dense."""
    few = alike["design"].isin([f"10AH{n:02d}" for n in (0, 1, 2, 9, 13)])
    return alike[(alike["task"] == "rad") | few].reset_index(drop=True)


def test_a_part_of_the_tables_is_enough(partial):
    page = page_of(partial, 1)
    for name in set(FIGURES) - {"proportion"}:
        for style in ("web", "manuscript"):
            figure = getattr(study, f"contrast_{name}")(table_of(page, name), style)
            used, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
            assert used.x0 >= -0.01 and used.x1 <= width + 0.01
            assert used.y0 >= -0.01 and used.y1 <= height + 0.01
    assert set(table_of(page, "proportion")["task"]) == {"rad"}
    claims = page.claims().set_index("claim")
    dense = claims.filter(like="dense is above", axis="index")
    assert dense["value"].isna().all() and (dense["verdict"] == "undecided").all()
    assert "across_hammer" not in page.numbers()


def test_too_little_gets_a_sentence(alike):
    named = alike[alike["table"].isin(["rad_100k", "hammer_named"])]
    with pytest.raises(vsrnn.VsrnnError, match="15 designs drawn at random"):
        study.contrast_forecast_table(Data(named))
    with pytest.raises(vsrnn.VsrnnError, match="no arrangement has a run on both"):
        ranks_of(alike[alike["task"] == "rad"])
    with pytest.raises(vsrnn.VsrnnError, match="none of the tables nothing"):
        study.load(hammer=["nothing"])


def test_committed_tables_are_read_with_their_lstm():
    runs = study.load().runs
    assert set(runs["model"]) == {"block", "lstm"}
    few = [f"hammer_few, {n} demonstrations" for n in (10, 25, 50, 100)]
    named = ["rad_100k", "hammer_named", "hammer_named_dapg"]
    tables = ranks_of(runs)["table"].unique()
    assert list(tables) == [*named, *few]
    assert not runs["table"].isin(["hammer_few"]).any()


def test_the_page_says_what_the_committed_runs_say(monkeypatch):
    """Verdicts and comparisons that the page states in words."""
    monkeypatch.setattr("vsrnn.forecast.validation.TREES", 60)
    page, said = page_of(study.load().runs), str(NOTEBOOK)
    verdicts = page.claims().set_index("claim")["verdict"]
    order = "patterns good on Random Anomaly are poor on Hammer: "
    for name in study.SHOWN:
        assert verdicts[order + table_label(name)] == "undecided"
    assert "is undecided: over" in said and "too uncertain to compare" in said
    patterns = table_of(page, "patterns").drop_duplicates("table").dropna()
    assert (patterns["rank correlation"] < 0).all() and "lean the same way" in said
    larger = "designs of larger hidden proportion score higher: "
    place = f"Random Anomaly, {table_label('rad_even_100k')}"
    assert verdicts[larger + place] == "holds"
    assert verdicts[f"{larger}Hammer, {table_label('hammer_even_10k')}"] == "reversed"
    assert "accuracy on Random Anomaly rises" in said
    assert "success on Hammer falls" in said
    proportion = table_of(page, "proportion")
    for _, rows in proportion[proportion[PROPORTION] > 0.1].groupby("task"):
        assert np.ptp(rows["fit [%]"]) < 3 * rows[SCORE].std()
    assert "Both slopes are small beside the scatter" in said
    words = "a forest of the other task orders designs of Hammer"
    assert "orders the designs of Hammer worse than chance" in said
    assert verdicts[words] == "reversed"
    forecast = table_of(page, "forecast").set_index(["task", "source"])["value"]
    for task in ("rad", "hammer"):
        assert forecast[(task, OTHER)] < 0 < forecast[(task, SAME)]
    assert "on both tasks they lie left of the line" in said


def test_the_page_says_what_untrained_designs_do():
    table = table_of(page_of(study.load().runs, 30), "growth")
    each = table.drop_duplicates(["task", "design"]).set_index("task")
    grown = each.groupby("task")["grown"].sum()
    assert grown["hammer"] >= 5 and grown["rad"] == 0
    lost = each[each["outcome"] == "diverged"]
    assert len(lost) and lost["grown"].all()
    assert not (each["grown"] & (each["outcome"] == "trained")).any()
    assert "those of them that were trained diverged" in str(NOTEBOOK)


def test_the_notebook_reads_the_tables_of_the_study():
    source = NOTEBOOK.cells[1].source
    given = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
    }
    assert tuple(given["rad"]) == study.STUDY
    assert tuple(given["hammer"]) == study.HAMMER
    assert tuple(given["protocols"]) == study.PROTOCOLS
    for name in ("designs", "repeats", "seed"):
        assert given[name] == getattr(Data, name)
    assert re.findall(r'page\.show\("contrast_(\w+)"', str(NOTEBOOK)) == [*FIGURES]
