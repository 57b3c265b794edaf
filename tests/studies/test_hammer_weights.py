"""Results on Adroit Hammer: tables, numbers and claims of a known truth."""

import json
from dataclasses import replace
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vsrnn
from vsrnn.plot.labels import BLUE, ORANGE, design_label, look
from vsrnn.plot.registry import FIGURES
from vsrnn.runs.results import FOLDERS
from vsrnn.stats import one_against_others
from vsrnn.studies import hammer_weights as study
from vsrnn.studies.page import Page, figures_of, open_page
from vsrnn.tasks.adroit import HAMMER, Played

STORED = FOLDERS[1]

DAPG = "dapg_hammer_policy.npz"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "hammer_weights.ipynb"
SHARES = dict(zip(study.HAMMER_10K, np.linspace(0, 0.85, 18), strict=True))


def made(shares, seeds=3, demonstrations=4500, expert="own", scale="paper", rate=1e-4):
    """Runs with known success (growing a little by seed) and explained part."""
    kind = vsrnn.list_designs("hammer").set_index("name")["model"]
    rows = [
        {"id": f"{expert}{demonstrations}{scale}{design}{seed}", "task": "hammer"}
        | {"scale": scale, "design": design, "seed": seed, "model": kind[design]}
        | {"expert": expert, "source": "stored", "epochs": 4, "error": None}
        | {"demonstrations": demonstrations, "score": share and share + 0.01 * seed}
        | {"val_accuracy": 0.4 + 0.4 * share, "learning_rate": rate}
        | {"table": "hammer_named"}
        for design, share in shares.items()
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def curves_of(runs):
    keys = ["id", "scale", "design", "seed"]
    return pd.concat(
        runs[keys].assign(epoch=epoch, val_accuracy=epoch / 4 * runs["val_accuracy"])
        for epoch in range(1, 5)
    )


def page_of(runs, few=None, rates=None):
    few = runs if few is None else few
    curves = curves_of(runs) if len(runs) else runs.assign(epoch=[])
    rates = runs.iloc[:0] if rates is None else rates
    return Page("hammer_weights", study.Data(runs, curves, few, rates))


def nothing():
    none = study.load(["nothing"]).stored
    none = none.reindex(columns=made(SHARES).columns)
    return page_of(none, none)


def verdicts(page, word):
    claims = page.claims()
    return claims.loc[claims["claim"].str.contains(word), "verdict"].tolist()


def test_without_a_simulator_films_are_stored(monkeypatch, tmp_path):
    def refuse(*given):
        raise vsrnn.VsrnnError("no robot here")

    monkeypatch.setattr(study, "train", refuse)
    page = open_page("hammer_weights", tmp_path, scale="smoke")
    for name in ("hammer_driven", "hammer_missed"):
        film = study.film(name, page, "A hand.")
        assert film.origin == "The film is stored, not made here: no robot here."
        for ending, path in film.paths.items():
            assert path.read_bytes() == (STORED / f"{name}.{ending}").read_bytes()
    assert page.numbers()["here_played"] == "none"


def test_films_are_of_the_first_episode_that_ends_so(monkeypatch, tmp_path):
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    pytest.importorskip("av")
    shown = []

    def look(played, steps, width):
        shown.append((list(played.seeds), played.actions[0, 0, 0]))
        return np.full((len(steps), 8, 8, 3), len(shown), np.uint8)

    success = np.zeros((4, 200), bool)
    success[[1, 3], 50:] = True
    actions = np.tile(np.arange(4.0)[:, None, None], (1, 200, 26))
    seen = np.zeros((4, 201, 46))
    played = Played(
        [5, 6, 7, 8], seen, actions, seen[:, 1:, 0], success, np.zeros(4, bool), HAMMER
    )
    page = page_of(made(SHARES))
    page = replace(page, data=replace(page.data, played=played), folder=tmp_path)
    monkeypatch.setattr(study, "draw", look)
    study.film("hammer_driven", page, "")
    study.film("hammer_missed", page, "")
    assert [seeds for seeds, _ in shown] == [[6], [6], [5], [5]]
    assert (shown[1][1], shown[3][1]) == (1, 0)  # the network is on the right
    assert page.numbers()["here_driven"] == "2"
    never = replace(played, success=np.zeros_like(success))
    page = replace(page, data=replace(page.data, played=never))
    assert "none of the 4 episodes" in study.film("hammer_driven", page, "").origin


def test_films_are_of_one_network_that_succeeds_and_fails():
    said = NOTEBOOK.read_text("utf-8")
    names = ("hammer_driven", "hammer_missed")
    records = [json.loads((STORED / f"{name}.json").read_text()) for name in names]
    assert len({record["provenance"]["id"] for record in records}) == 1
    assert "## The same network succeeds in one episode and fails in another" in said
    for words, name in zip(("**A success: ", "**A failure: "), names, strict=True):
        assert said.index(words) < said.index(name) < said.index(words) + 1500


def test_stored_films_are_small():
    for name in ("hammer_driven", "hammer_missed"):
        ends = ("mp4", "png", "json")
        assert sum((STORED / f"{name}.{end}").stat().st_size for end in ends) < 1e6


def test_rates_are_told_apart_by_protocol_and_pattern():
    few = made(SHARES, demonstrations=50, scale="quick", rate=1e-3)
    faster = made({"10AH00": 0.7}, rate=1e-3).assign(table="hammer_weights")
    random = made({"10AH05": 0.3}, 1, rate=7e-4).assign(table=study.DRAWN)
    lost = few.iloc[:1].assign(demonstrations=10, id="z")
    page = page_of(made(SHARES), pd.concat([few, lost]), pd.concat([faster, random]))
    table = page.table("hammer_rates").set_index(["protocol", "pattern", study.RATE])
    first, published = study.PROTOCOLS
    assert len(table) == 5 + 5 + 1 + 1
    assert table.loc[(published, "uniform .2", 1e-3), "mean"] == pytest.approx(71)
    assert table.loc[(published, "drawn at random", 7e-4), "seeds"] == 1
    assert table.loc[(first, "uniform .2", 1e-3), "seeds"] == 3
    claims = page.claims().set_index("claim")
    gain = claims.loc[f"ten times the published rate raises success: {published}"]
    assert gain["value"] == pytest.approx(71, abs=1e-2) and gain["verdict"] == "holds"


def test_curves_are_of_the_runs_meant():
    runs = made(SHARES)
    data = study.Data(runs.iloc[:3], curves_of(runs), runs, runs)
    table = study.hammer_curve_table(data)
    assert set(table["expert"]) == {"own"} and table["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(table["mean [%]"], [10, 20, 30, 40])


def test_ranking_breaks_ties_by_what_is_explained_and_puts_the_missing_last():
    runs = made(dict.fromkeys(["10AH03", "10AH05", "10AH09"], 0.0))
    explained = {"10AH03": 0.5, "10AH05": 0.7, "10AH09": 0.6}
    runs["val_accuracy"] = runs["design"].map(explained)
    table = page_of(runs).table("hammer_ranking")
    order = list(dict.fromkeys(table["design"]))
    assert order[:3] == ["10AH05", "10AH09", "10AH03"] and len(order) == 18
    assert (table.loc[table["expert"] == DAPG, "seeds"] == 0).all()
    known = vsrnn.list_designs("hammer").set_index("name").loc[order]
    shares = table.drop_duplicates("design")["hidden proportion [fraction]"]
    np.testing.assert_allclose(shares, known["hidden_proportion"], atol=1e-4)
    with pytest.raises(vsrnn.VsrnnError, match="one scale"):
        page_of(pd.concat([runs, runs.assign(scale="quick")])).table("hammer_ranking")


def test_success_of_played_episodes_is_no_surer_than_their_number_allows():
    """Three runs of 100 episodes: all succeed, or all but one in each run."""
    first = {"measure": "success [%]", "scale": "paper", "seeds": 3}
    rows = [
        first | {"design": design, "mean": mean, "high": mean}
        for design, mean in ((study.DENSE, 99.0), ("10AH00", 100.0))
    ]
    gap, low, high = one_against_others(*study.summary(pd.DataFrame(rows)), 0)
    assert gap == -1 and low < -1 < 0 < high


def test_dense_is_judged_by_the_interval():
    for shift, verdict in ((0.3, "holds"), (-0.3, "reversed"), (0.0, "undecided")):
        page = page_of(made(dict.fromkeys(SHARES, 0.5) | {"10AH12": 0.5 + shift}))
        assert verdicts(page, "dense .* success, .* expert") == [verdict]
        success = page.numbers()["dense_own_success"]
        assert success.startswith(f"{51 + 100 * shift:.1f} %")


@pytest.mark.parametrize("apart", [0.0, 0.3])
def test_whether_designs_differ_is_that_of_an_analysis_of_variance(apart):
    rng = np.random.default_rng(0)
    names = list(SHARES)
    runs = made(dict.fromkeys(names, 0.5), demonstrations=10)
    shift = runs["design"].map({name: i / len(names) for i, name in enumerate(names)})
    runs["val_accuracy"] = 0.4 + apart * shift + 0.05 * rng.normal(size=len(runs))
    again = runs.assign(demonstrations=25, id="x" + runs["id"])
    numbers = page_of(made(SHARES), pd.concat([runs, again])).numbers()
    groups = [part["val_accuracy"] for _, part in runs.groupby("design")]
    chance = f"{stats.f_oneway(*groups).pvalue:.2g}"
    assert numbers["differ_explained"] == f"{chance} to {chance}"
    assert (float(chance) < 0.05) == (apart > 0)


def test_the_larger_rate_is_compared_design_by_design():
    shares = SHARES | {"10AH01": 0.0, "10AH02": 0.005}
    few = pd.concat(
        made(SHARES | {"10AH00": share}, demonstrations=n)
        for n, share in ((10, 0.4), (25, 0.0))
    )
    page = page_of(made(shares), few)
    numbers = page.numbers()
    assert numbers["never"] == "2" and numbers["recovered"] == "1"
    claims = page.claims().set_index("claim")
    gain = claims[claims.index.str.contains("larger rate")].iloc[0]
    before = few[few["design"].isin(["10AH00", "10AH01"])].groupby("design")
    assert gain["value"] == pytest.approx(
        (100 * before["score"].mean()).mean(), abs=1e-2
    )


def test_pages_of_parts_and_of_nothing_have_numbers_and_claims():
    lost = {"score": None, "error": "diverged: x", "val_accuracy": None}
    runs = made(SHARES | {"10AH03": 0.0})
    for gone in (runs["design"] == "10AH04", runs["design"] != ""):
        some = runs.assign(**{k: runs[k].mask(gone, v) for k, v in lost.items()})
        some = some.astype({"val_accuracy": float})
        numbers = page_of(some).numbers()
        assert not any("nan" in value for value in numbers.values())
        assert set(page_of(some).claims()["verdict"]) <= {"holds", "undecided"}
    assert nothing().numbers()["never"] == "0" and nothing().claims().empty
    assert page_of(made(SHARES, seeds=1)).numbers()["best_own_success"] == "85.0 %"


def test_the_page_says_what_the_stored_runs_say():
    page, said = open_page("hammer_weights"), NOTEBOOK.read_text("utf-8")
    numbers, claims = page.numbers(), page.claims().set_index("claim")["verdict"]
    assert numbers["never"] == numbers["recovered"]
    assert 2 * int(numbers["never"]) == int(numbers["designs"])
    assert (
        "Half of the designs of the paper never succeed at the published rate" in said
    )
    assert float(numbers["differ_success"].split()[0]) > 0.05
    assert "Success then no longer differs measurably between designs" in said
    success = claims[claims.index.str.contains("mean of the other designs: success")]
    explained = claims[claims.index.str.contains("designs: explained")]
    ranking = page.table("hammer_ranking").query("measure == 'success [%]'")
    assert (ranking.loc[ranking["expert"] == DAPG, "mean"] > study.NEVER).all()
    assert "fail with one expert and succeed with the other" in said
    assert success.tolist() == ["undecided"] * 2 and explained.tolist() == ["holds"] * 2
    assert "is not decided by success" in said
    own = ranking[ranking["expert"] == "own"].dropna()
    found = stats.spearmanr(own["mean"], own["hidden proportion [fraction]"])
    assert found.statistic < -0.5 and "succeed less often" in said
    few = page.table("hammer_demonstrations").query("measure == 'success [%]'")
    assert few["mean"].min() > 20 and "no design stays at zero" in said


def test_headings_say_what_the_rates_show():
    page, said = open_page("hammer_weights"), NOTEBOOK.read_text("utf-8")
    rates = page.table("hammer_rates")
    published = rates[rates["protocol"] == study.PROTOCOLS[1]]
    at_once = published[(published[study.RATE] == 1e-4)].set_index("pattern")["mean"]
    assert (at_once <= study.NEVER).sum() == 3
    assert "three of five patterns lie at zero at the published rate" in said
    random = published[published["pattern"] == study.RANDOM]
    assert len(random) == 100 and random["mean"].min() >= 30
    assert "none of the random designs stays near zero" in said
    few = rates[rates["protocol"] == study.PROTOCOLS[0]]
    mean = few.pivot(index=study.RATE, columns="pattern", values="mean")
    assert (mean.loc[1e-4].dropna() <= study.NEVER).all()
    assert mean.loc[3e-4, ["dense", "dense input"]].min() > 25
    assert mean.loc[3e-4, ["uniform .2", "dense hidden"]].max() < 10
    assert 15 < mean.loc[3e-4, "LSTM"] < 25 and "the LSTM does once" in said
    assert "those with a dense input do" in said
    assert "at a third of the rate that the sparse ones need" in said
    assert (mean.loc[1e-3:].stack() > 25).all()
    assert "from ten times on none stays at zero" in said
    curves = page.table("hammer_curve").query("expert == 'own'")
    last = curves.pivot(index="epoch", columns="design", values="mean [%]").diff()
    assert (last.loc[25] > 0.2).all()
    assert "All five patterns still improve in the last epoch with our expert" in said


def drawn_page():
    """Runs of two experts, and of two numbers of demonstrations."""
    full = pd.concat([made(SHARES), made(SHARES, expert=DAPG)])
    few = pd.concat([made(SHARES, 2, demonstrations=n) for n in (10, 50)])
    random = made({"10AH05": 0.3}, 1, rate=7e-4).assign(table=study.DRAWN)
    slow = made(SHARES, 2, demonstrations=50, scale="quick", rate=3e-4)
    few["learning_rate"], few["scale"] = 1e-3, "quick"
    faster = made(SHARES, 2, rate=1e-3)
    return page_of(full, few, pd.concat([random, slow, faster]))


def of(table, measure):
    """What is drawn of a measure: success ends at 0 and 100 %."""
    rows = table[table["measure"] == measure]
    if measure == study.SUCCESS:
        rows = rows.assign(low=rows["low"].clip(0), high=rows["high"].clip(upper=100))
    return rows


def near(points, wanted):
    """Whether the same points are drawn, in whatever order."""
    points, wanted = (np.array(sorted(map(tuple, o)), float) for o in (points, wanted))
    np.testing.assert_allclose(points, wanted, atol=1e-6)


def test_rates_are_drawn_where_their_table_says():
    page = drawn_page()
    table = page.table("hammer_rates")
    for ax, title in zip(study.hammer_rates(table).axes, study.PROTOCOLS, strict=True):
        rows = table[table["protocol"] == title]
        assert ax.get_title(loc="left") == title
        own = rows[rows["pattern"] != study.RANDOM]
        for rank, (design, one) in enumerate(own.groupby("design", sort=False)):
            place = one[study.RATE] * 1.03 ** (rank - own["design"].nunique() // 2)
            color = look(design)["color"].lower()
            (line,) = (p for (c, _), p in drawn.curves(ax).items() if c == color)
            near(line, np.column_stack([place, one["mean"]]))
        random = rows[rows["pattern"] == study.RANDOM]
        near(drawn.runs(ax), random[[study.RATE, "mean"]].to_numpy())


def test_curves_are_drawn_with_their_bands():
    table = drawn_page().table("hammer_curve")
    for expert, ax in zip(("own", DAPG), study.hammer_curve(table).axes, strict=True):
        for design in study.HAMMER_FIVE:
            own = table[(table["expert"] == expert) & (table["design"] == design)]
            color = look(design)["color"].lower()
            lines = [p for (c, _), p in drawn.curves(ax).items() if c == color]
            near(lines[0], own[["epoch", "mean [%]"]].to_numpy())
            near(
                drawn.bands(ax)[color], own[["epoch", "low [%]", "high [%]"]].to_numpy()
            )


def test_the_ranking_is_drawn_in_its_order():
    table = drawn_page().table("hammer_ranking")
    *axes, side = study.hammer_ranking(table).axes
    designs = list(dict.fromkeys(table["design"]))
    assert drawn.row_names(axes[0]) == [design_label(name) for name in designs]
    for measure, ax in zip(study.MEASURES, axes, strict=True):
        for expert, color, shift in (("own", BLUE, -0.15), (DAPG, ORANGE, 0.15)):
            own = of(table[table["expert"] == expert], measure)
            rows = own["design"].map(designs.index) + shift
            near(drawn.markers(ax, color), np.column_stack([own["mean"], rows]))
            wanted = np.column_stack([own["low"], own["high"], rows])
            near(drawn.intervals(ax, color), wanted)
    shares = table.drop_duplicates("design")["hidden proportion [fraction]"]
    lengths = [length for length, _ in drawn.bars(side)]
    np.testing.assert_allclose(lengths, shares.fillna(0) / shares.max())


def test_courses_are_drawn_where_their_table_says():
    table = drawn_page().table("hammer_demonstrations")
    axes = study.hammer_demonstrations(table).axes
    for measure, ax in zip(study.MEASURES, axes, strict=True):
        rows = of(table, measure)
        shown = [n for n in dict.fromkeys(rows["design"]) if n in study.HAMMER_FIVE]
        for rank, design in enumerate(shown):
            own = rows[rows["design"] == design]
            color = look(design)["color"].lower()
            place = own[study.DEMONSTRATIONS] * 1.03 ** (rank - len(shown) // 2)
            (line,) = (p for (c, _), p in drawn.curves(ax).items() if c == color)
            near(line, np.column_stack([place, own["mean"]]))
            bars = np.column_stack([place, own["low"], own["high"]])
            near(drawn.uprights(ax, color), bars[np.isfinite(bars).all(1)])


@pytest.mark.parametrize("name", figures_of("hammer_weights"))
def test_figures_without_runs_say_so(name):
    empty = FIGURES[name].draw(nothing().table(name))
    words = [text for ax in empty.axes for text in drawn.words(ax)]
    words += [text.get_text() for key in empty.legends for text in key.get_texts()]
    words += [ax.get_title(loc="left") for ax in empty.axes]
    assert any("no run" in each for each in words)
