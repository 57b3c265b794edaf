"""The study of navigation: tables of a known truth, drawn, and what the page says."""

import json
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats

from vsrnn.plot.labels import BLUE, GRAY, ORANGE
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.style import STYLES
from vsrnn.stats import Claim
from vsrnn.studies import arms, navigation, open_page, walked
from vsrnn.studies.page import Page, figures_of
from vsrnn.studies.walked import ERROR, FEW, LEFT, MAIN, MEDIAN, RAMPS, RESTS

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "navigation.ipynb"
ENTRIES = {"start": 32_768, "ih_0": 512, "hh_0": 65_536, "head": 32_768}
HIGH = {"none": 60.0, "torus": 20.0, "permuted": 30.0}


def truth(arm, schedule, density, seed, rest):
    """Made-up error [cm]: by arm, less after a rest, more for fewer weights."""
    base = HIGH.get(arm, 40.0) + seed + 100 * (0.1 - density)
    return base / (2 if rest > 1 else 1) - (5 if schedule == "cubic" else 0)


def made(plan):
    """Runs of a plan, and their epochs: weights fall by a tenth of all each epoch."""
    runs, curves = [], []
    for row in plan.to_dict("records"):
        end = arms.SCHEDULES[row["schedule"]]["end"]
        own = {"id": row["id"], "cheap": 0.5 + 0.01 * row["seed"]}
        own |= {"test_floor": 9.0, "test_stay": 27.0, "test_centre": 85.0}
        own |= {f"weights_{name}": n // 10 for name, n in ENTRIES.items()}
        runs.append(own)
        keys = [row[name] for name in ("arm", "schedule", "density", "seed")]
        for epoch in range(1, end + arms.REST + 1):
            point = {"id": row["id"], "epoch": epoch}
            point["val_error"] = truth(*keys, epoch - end)
            left = max(0.9 ** min(epoch, end), row["density"])
            curves.append(point | {"weights": left * sum(ENTRIES.values())})
    return pd.DataFrame(runs), pd.DataFrame(curves)


@pytest.fixture(scope="module")
def stored():
    return open_page("navigation")


def page_of(stored, keep):
    """A page of made-up runs, of those planned ones that are kept."""
    plan = arms.planned(navigation.protocol())
    runs, curves = made(plan[keep(plan)])
    found = walked.joined(navigation.protocol(), runs, curves)
    shown = stored.data.paths, stored.data.rates
    return Page("navigation", walked.Data(runs, *found, *shown))


@pytest.fixture(scope="module")
def page(stored):
    """Two seeds, without trained points, a wider cell, and 50 steps."""

    def keep(plan):
        return (
            (plan["seed"] < 2)
            & ~plan["arm"].str.contains("trained")
            & plan["steps"].isna()
            & (plan["design"] == "navigation_256")
        )

    return page_of(stored, keep)


@pytest.fixture(scope="module")
def empty(stored):
    none = pd.DataFrame({"id": []})
    found = walked.joined(navigation.protocol(), none, none)
    shown = stored.data.paths, stored.data.rates
    return Page("navigation", walked.Data(none, *found, *shown))


def test_every_planned_run_has_a_row_for_each_rest(page):
    errors = page.data.errors
    assert len(errors) == 2 * len(navigation.protocol())
    counts = errors.drop_duplicates("id")["setting"].value_counts()
    assert counts.drop("").to_dict() == dict.fromkeys(
        ["inputs as published", "50 steps", "512 units"], 3
    )
    known = errors.dropna(subset=[ERROR])
    for row in known.sample(20, random_state=0).to_dict("records"):
        keys = [row[name] for name in ("arm", "schedule", "density", "seed", "rest")]
        assert row[ERROR] == truth(*keys)
    assert set(known["seed"]) == {0, 1}


def test_medians_extremes_and_failures_are_those_of_their_groups(page):
    table = page.table("navigation_error")
    assert list(dict.fromkeys(table["schedule"])) == list(RAMPS)
    assert list(dict.fromkeys(table["arm"])) == list(MAIN)
    first = table.query("arm == 'permuted' and schedule == 'linear 15' and rest == 1")
    assert len(first) == 5 and (first["runs"] == 2).all()
    assert first[[MEDIAN, "low", "high"]].iloc[0].tolist() == [30.5, 30, 31]
    assert (first["failed"] == 2).all()
    rested = table.query("arm == 'permuted' and rest == 4")
    assert (rested["failed"] == 0).all()
    assert table[["floor", "stay", "center"]].max().tolist() == [9, 27, 85]


def test_curves_say_what_each_step_removes(page):
    table = page.table("navigation_curves")
    own = table.query("arm == 'none' and schedule == 'cubic'").set_index("epoch")
    assert own.loc[1, "removed [%]"] == pytest.approx(10, abs=1e-3)
    assert own.loc[15, "removed [%]"] == pytest.approx(10, abs=1e-3)
    assert own.loc[16, "removed [%]"] == 0
    assert own.loc[15, LEFT] == pytest.approx(100 * 0.9**15, abs=1e-3)
    assert own.loc[3, [MEDIAN, "low", "high"]].tolist() == [55.5, 55, 56]


def test_matrices_and_cheap_pairs_are_shares(page):
    table = page.table("navigation_matrices")
    assert set(table["matrix"]) == {"start", "moves", "hidden", "readout"}
    for name, words in walked.READS.items():
        own = table[table["matrix"] == words][LEFT].dropna()
        wanted = 100 * (ENTRIES[name] // 10) / ENTRIES[name]
        np.testing.assert_allclose(own, wanted)
    cheap = page.table("navigation_cheap")
    row = cheap.query("arm == 'sphere' and seed == 1").iloc[0]
    assert row[walked.CHEAP] == 51
    assert row[walked.PAIRS] == arms.cheap_pairs("sphere", 256, 1)
    trained = cheap[cheap["arm"].isin(walked.TRAINED)]
    assert trained[walked.PAIRS].isna().all() and "none" not in set(cheap["arm"])


def test_claims_are_of_paired_seeds(page):
    claims = page.claims().set_index("claim")
    row = claims.loc["torus is below none: linear 15, rest 1"]
    assert row[["value", "low", "high"]].tolist() == [40, 40, 40]
    assert row["verdict"] == "holds"
    assert claims.loc["none is below torus: cubic, rest 4", "value"] == -20
    density = claims.loc["torus is below permuted: linear 15, rest 1, density 0.02"]
    assert density["value"] == 10
    assert claims.loc[walked.NO_PENALTY, "value"] == 20 - (60 - 5)
    reached = claims.loc[walked.REACHES.format("torus")]
    gaps = [50 + seed - arms.cheap_pairs("torus", 256, seed) for seed in (0, 1)]
    ends = stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
    found = reached[["value", "low", "high"]].astype(float)
    np.testing.assert_allclose(found, [np.mean(gaps), *ends])
    assert not claims.index.str.contains("trained").any()


@pytest.mark.parametrize(
    "ends, words",
    [
        ((9, 2, 16), "9.0 cm better (2.0 to 16.0)"),
        ((-9, -16, -2), "9.0 cm worse (2.0 to 16.0)"),
        ((9, -2, 20), "not measurably different (9.0 cm better, \u22122.0 to 20.0)"),
        ((-9, np.nan, np.nan), "9.0 cm worse (one seed)"),
        ((np.nan, np.nan, np.nan), "no runs yet"),
    ],
)
def test_words_follow_the_verdict(ends, words):
    assert walked.against(Claim("a is below b", *ends, "cm")) == words


def test_numbers_are_medians(page, empty):
    numbers = page.numbers()
    assert (numbers["none_coarse"], numbers["torus_coarse"]) == ("60", "20")
    assert (numbers["none_rested"], numbers["torus_cubic"]) == ("30", "16")
    assert numbers["torus_permuted"] == "10.0 cm better (10.0 to 10.0)"
    assert numbers["last_step"] == "10"
    done = page.data.errors.dropna(subset=[ERROR])["id"].nunique()
    assert numbers["stored_runs"] == f"{done} of {len(navigation.protocol())}"
    assert empty.numbers()["none_coarse"] == arms.NOTHING
    assert empty.claims().empty


def near(points, wanted):
    np.testing.assert_allclose(sorted(points), sorted(wanted), atol=1e-9)


def rest_is_drawn(ax, rows, order):
    for shift, (rest, shape) in zip((-0.16, 0.16), RESTS.items(), strict=True):
        own = rows[rows["rest"] == rest].dropna(subset=[ERROR])
        places = own["arm"].map(order.index) + shift
        near(drawn.runs(ax, shape["color"]), zip(own[ERROR], places, strict=True))
        medians = own.drop_duplicates("arm")
        places = medians["arm"].map(order.index) + shift
        wanted = list(zip(medians[MEDIAN], places, strict=True))
        near(drawn.markers(ax, shape["color"]), wanted)


@pytest.mark.parametrize("style", STYLES)
def test_errors_are_drawn_where_the_table_says(page, style):
    table = page.table("navigation_error")
    axes = FIGURES["navigation_error"].draw(table, style=style).axes
    for ax, ramp in zip(axes, RAMPS, strict=True):
        rest_is_drawn(ax, table[table["schedule"] == ramp], list(MAIN))
    assert drawn.words(axes[0])[:2] == ["2/2", ""]  # none fails once, torus never
    assert {"floor", "stay", "center"} <= set(drawn.words(axes[0]))
    table = page.table("navigation_penalties")
    ax, side = FIGURES["navigation_penalties"].draw(table, style=style).axes
    order = list(arms.PENALTIES)
    rest_is_drawn(ax, table, order)
    assert drawn.words(ax).count("no runs yet") == len(walked.TRAINED)
    near(
        drawn.runs(side),
        [(mean, order.index(arm)) for arm, (mean, _) in walked.AUTHORS.items()],
    )
    ends = {row: (low, high) for low, high, row in bars(side)}
    assert ends[order.index("permuted")] == pytest.approx((9.36, 9.96))


def bars(ax):
    """Horizontal bars of a collection: low, high and height."""
    (group,) = [c for c in ax.collections if hasattr(c, "get_segments")]
    return [(a[0], b[0], a[1]) for a, b in group.get_segments()]


def test_curves_are_drawn_above_their_weights(page):
    table = page.table("navigation_curves")
    axes = FIGURES["navigation_curves"].draw(table).axes
    for ax, below, ramp in zip(axes[:4], axes[4:], RAMPS, strict=True):
        rows = table[table["schedule"] == ramp]
        curves, bands = drawn.curves(ax), drawn.bands(ax)
        for arm in FEW:
            own, color = rows[rows["arm"] == arm], to_hex(arms.ARM_LOOKS[arm]["color"])
            (points,) = (p for (c, _), p in curves.items() if c == color)
            np.testing.assert_allclose(points, own[["epoch", MEDIAN]])
            np.testing.assert_allclose(
                bands[color], own[["epoch", "low", "high"]].to_numpy()
            )
        (stairs,) = below.lines
        own = rows[rows["arm"] == "none"]
        np.testing.assert_allclose(stairs.get_xydata(), own[["epoch", LEFT]])
        gone = own.loc[own["removed [%]"] > 0, "removed [%]"].iloc[-1]
        assert drawn.words(below) == [f"last step\ntakes {gone:.2g} %"]


def test_sparser_runs_are_drawn_by_ramp_and_rest(page):
    table = page.table("navigation_sparser")
    axes = FIGURES["navigation_sparser"].draw(table).axes
    panels = [
        (rest, ramp) for rest in RESTS for ramp in ("linear 15", "linear 30", "cubic")
    ]
    for ax, (rest, ramp) in zip(axes, panels, strict=True):
        rows = table[(table["schedule"] == ramp) & (table["rest"] == rest)]
        own = rows[rows["arm"] == "permuted"].drop_duplicates(LEFT)
        color = to_hex(arms.ARM_LOOKS["permuted"]["color"])
        (points,) = (p for (c, _), p in drawn.curves(ax).items() if c == color)
        near(points, own[[LEFT, MEDIAN]].to_numpy().tolist())
        low, high = ax.get_xlim()
        assert low > 10 and high < 2  # the fewest weights stand on the right


def test_shares_are_drawn_beside_chance(page):
    table = page.table("navigation_cheap")
    (ax,) = FIGURES["navigation_cheap"].draw(table).axes
    own = table.drop_duplicates("arm").reset_index(drop=True)
    known = own.dropna(subset=[f"mean of {walked.CHEAP}"])
    wanted = zip(known[f"mean of {walked.CHEAP}"], known.index, strict=True)
    assert drawn.markers(ax, BLUE) == list(wanted)
    chance = own[f"mean of {walked.PAIRS}"].dropna()
    near(drawn.runs(ax, GRAY), zip(chance, chance.index, strict=True))
    assert drawn.words(ax) == ["no runs yet"] * 2
    table = page.table("navigation_matrices")
    axes = FIGURES["navigation_matrices"].draw(table).axes
    for ax, matrix in zip(axes, walked.READS.values(), strict=True):
        rows = table[(table["matrix"] == matrix) & (table["schedule"] == "cubic")]
        own = rows.drop_duplicates("arm")
        wanted = zip(own[f"median of {LEFT}"], np.arange(5) + 0.15, strict=True)
        near(drawn.markers(ax, BLUE), wanted)


def test_single_runs_are_drawn_beside_staying(page):
    table = page.table("navigation_once")
    axes = FIGURES["navigation_once"].draw(table).axes
    order = ["as above", "inputs as published", "50 steps", "512 units"]
    assert list(dict.fromkeys(table["setting"])) == order
    for ax, rest in zip(axes, RESTS, strict=True):
        rows = table[(table["rest"] == rest) & (table["arm"] == "torus")]
        own = rows.dropna(subset=[ERROR])
        places = [order.index(name) for name in own["setting"]]
        near(drawn.markers(ax, BLUE), zip(own[ERROR], places, strict=True))
        assert drawn.words(ax) == ["no runs yet"] * 2
        assert {bar[0] for bar in drawn.uprights(ax)} == {27}


def test_paths_and_rates_are_drawn_from_their_tables(stored):
    table = stored.table("navigation_paths")
    axes = iter(FIGURES["navigation_paths"].draw(table).axes)
    for arm in navigation.LIVE:
        for epoch in (8, 13, 15, 16):
            ax = next(axes)
            rows = table[(table["arm"] == arm) & (table["epoch"] == epoch)]
            told = [line for line in ax.lines if line.get_color() == ORANGE]
            for line, (_, walk) in zip(told, rows.groupby("walk"), strict=True):
                np.testing.assert_allclose(line.get_xydata(), walk[["x", "y"]])
            assert f"{rows['error [cm]'].iloc[0]:.0f} cm" in ax.get_xlabel()
    table = stored.table("navigation_rates")
    axes = iter(FIGURES["navigation_rates"].draw(table).axes)
    for _, rows in table.groupby(["arm", "epoch"], sort=False):
        for _, own in rows.groupby("unit", sort=False):
            grid = own.pivot(index="row", columns="column", values="rate")
            image = next(axes).images[0]
            np.testing.assert_allclose(image.get_array(), grid)
            assert image.origin == "lower"


def test_pages_without_runs_are_drawn(empty):
    for name in figures_of("navigation"):
        table = empty.table(name)
        figure = FIGURES[name].draw(table)
        if name in ("navigation_error", "navigation_penalties", "navigation_cheap"):
            assert "no runs yet" in drawn.words(figure.axes[0])
    assert set(empty.scorecard().tables[0]["verdict"]) == {arms.NOTHING}


def said():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    figures = [cell["metadata"].get("mystnb", {}) for cell in cells]
    words = ["".join(cell["source"]) for cell in cells]
    return "\n".join(words + [f["figure"]["caption"] for f in figures if f])


def _counts(page):
    done, of, planned = page.numbers()["stored_runs"].split()
    return int(done), of, int(planned)


def test_the_page_says_what_the_stored_runs_say(stored):
    text, verdict = said(), stored.claims().set_index("claim")["verdict"]
    assert verdict["torus is below none: linear 15, rest 1"] == "holds"
    assert "Some penalty does, if the ramp is coarse and the test comes early" in text
    gaps = {
        (ramp, rest): walked.below(stored.data, "torus", "none", ramp=ramp, rest=rest)
        for ramp in ("linear 15", "linear 30", "cubic")
        for rest in RESTS
    }
    soon, later = ([gaps[ramp, rest].value for ramp, _ in gaps] for rest in RESTS)
    assert soon == sorted(soon, reverse=True) and soon[0] > 2 * later[0] > 0
    assert min(np.subtract(soon, later)) > -3  # a seed more or less
    assert "a fraction of that gap is left" in text
    uniform = ("uniform", "uniform / 4", "uniform / 16")
    for arm in uniform:
        assert verdict[f"torus is below {arm}: linear 15, rest 1"] == "holds"
    assert "Penalties that make some pairs cheap help more than uniform" in text
    assert "The coarser the last steps and the earlier the test, the more" in text
    assert "holds" not in (gaps["cubic", rest].verdict for rest in RESTS)
    assert "and not after a cubic one (right)" in text
    for arm in ("torus", "permuted"):
        assert verdict[walked.REACHES.format(arm)] == "holds"
    assert "The penalty reaches the mask, with a space and without" in text
    curves = stored.table("navigation_curves").set_index(["schedule", "arm", "epoch"])
    stay = stored.table("navigation_error")["stay"].iloc[0]
    for arm in FEW:
        for ramp, end in (("linear 15", 15), ("linear 30", 30)):
            assert curves.loc[(ramp, arm, end), MEDIAN] > 2 * stay
        after = [curves.loc[("linear 15 in 30", arm, n), MEDIAN] for n in (15, 31)]
        assert (
            after[0] < stay / 2
            and after[1] <= curves.loc[("linear 15 in 30", "none", 31), MEDIAN]
        )
    assert "The last steps of a linear ramp break every network" in text
    assert "from the last ones the unpenalized network takes longest" in text
    assert curves.loc[("cubic", "none", 15), "removed [%]"] < 1
    kept = stored.table("navigation_matrices").query("schedule == 'linear 15'")
    kept = kept.drop_duplicates(["matrix", "arm"]).set_index(["matrix", "arm"])
    share = kept[f"median of {LEFT}"]
    assert share["hidden", "none"] > 2 * share["hidden", "torus"]
    for matrix in ("start", "readout"):
        assert share[matrix, "none"] < share[matrix, "torus"]
    assert "A penalty on hidden weights makes pruning keep others" in text
    card, (done, _, planned) = stored.scorecard().tables[0], _counts(stored)
    explained = card["why, and what would refute it"] != ""
    assert len(card) == 7 and (explained.all() or done < planned)


def test_the_page_says_what_the_two_networks_show(stored):
    paths = stored.table("navigation_paths")
    errors = paths.groupby(["arm", "epoch"])["error [cm]"].first()
    stay = stored.table("navigation_error")["stay"].iloc[0]
    assert min(errors["none", 15], errors["torus", 15]) > 2 * stay
    assert errors["torus", 16] < stay < errors["none", 16]
    assert "one finds it again within an epoch" in said()
    assert "both networks lose their way, and the torus finds it again" in said()
    rates = stored.table("navigation_rates")
    alike = {}
    for arm, rows in rates.groupby("arm"):
        maps = rows.pivot(index=["unit", "row", "column"], columns="epoch")["rate"]
        each = maps.groupby("unit").corr().unstack().iloc[:, 1]
        alike[arm] = each.mean()
    assert alike["torus"] > 0.9 > alike["none"]
    assert "outlive the pruning where the network recovers" in said()


def test_the_scrubber_has_a_picture_for_each_moment(stored):
    html = navigation.scrubber(stored).html
    moments = stored.table("navigation_paths")["epoch"].nunique()
    assert html.count('"said"') == moments == len(navigation.MOMENTS)
    paths = stored.table("navigation_paths")
    last = paths[paths["epoch"] == 16].groupby("arm")["error [cm]"].first()
    for title, arm in (("no penalty", "none"), ("torus", "torus")):
        assert f"{title}: <b>error {last[arm]:.0f} cm</b>" in html


def test_what_is_trained_here_has_the_columns_that_are_stored(stored):
    live = navigation.load("smoke", seed=1)
    assert len(live.made_by["runs"]) == 2
    for name in ("paths", "rates"):
        own, kept = getattr(live, name), getattr(stored.data, name)
        assert list(own) == list(kept) and len(own) == len(kept)
    assert (
        live.paths.groupby("epoch")["weights left [%]"].first().diff()[1:] <= 0
    ).all()
