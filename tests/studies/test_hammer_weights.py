"""Results on Adroit Hammer: tables, numbers and claims of a known truth."""

from unittest.mock import Mock

import drawn
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vsrnn
from vsrnn.plot.labels import BLUE, ORANGE, design_label, look
from vsrnn.plot.registry import FIGURES
from vsrnn.stats import one_against_others
from vsrnn.studies import hammer_weights as study
from vsrnn.studies.page import Page, figures_of, open_page

DAPG = "dapg_hammer_policy.npz"
LARGER = ("25AHV04", "50AHV04", "25AHV07", "adroit_hammer_lstm25")
SHARES = dict(zip(study.HAMMER_10K, np.linspace(0, 0.85, 18), strict=True))


def made(shares, seeds=3, demonstrations=4500, expert="own", scale="paper"):
    """Runs with known success (growing a little by seed), return and explained part."""
    kind = vsrnn.list_designs("hammer").set_index("name")["model"]
    rows = [
        {"id": f"{expert}{demonstrations}{scale}{design}{seed}", "task": "hammer"}
        | {"scale": scale, "design": design, "seed": seed, "model": kind[design]}
        | {"expert": expert, "source": "stored", "epochs": 4, "error": None}
        | {"demonstrations": demonstrations, "score": share and share + 0.01 * seed}
        | {"test_return": 16_000 * share, "val_accuracy": 0.4 + 0.4 * share}
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


def page_of(runs, few=None):
    few = runs if few is None else few
    curves = curves_of(runs) if len(runs) else runs.assign(epoch=[])
    return Page("hammer_weights", study.Data(runs, curves, runs, few))


def nothing():
    none = study.load(["nothing"]).stored
    return page_of(none, none)


def verdicts(page, word):
    claims = page.claims()
    return claims.loc[claims["claim"].str.contains(word), "verdict"].tolist()


def test_what_is_imitated_is_kept_beside_where_runs_are_from(monkeypatch):
    kept = made(SHARES).drop(columns="source").rename(columns={"expert": "source"})
    live = kept.iloc[:2].assign(scale="quick", id=["x", "y"])
    tables = {"kept": kept}
    monkeypatch.setattr(
        study, "committed_runs", lambda name: tables.get(name, kept.iloc[:0])
    )
    monkeypatch.setattr(study, "get_task", lambda *given: None)
    monkeypatch.setattr(study, "sweep", lambda *given, **more: live)
    monkeypatch.setattr(study, "Store", lambda folder: Mock(curves=pd.DataFrame))
    data = study.load(["kept", "nothing"], store="runs")
    assert data.runs["source"].tolist() == ["trained here"] * 2 + ["stored"] * len(kept)
    assert set(data.runs["expert"]) == {"own"} and len(data.stored) == len(kept)


def test_without_a_simulator_what_is_stored_is_shown(monkeypatch, tmp_path, capsys):
    def refuse(*given):
        raise vsrnn.VsrnnError("no robot here")

    monkeypatch.setattr(study, "get_task", refuse)
    data = study.load(store=tmp_path)
    assert set(data.runs["source"]) == {"stored"}
    assert "no robot here" in capsys.readouterr().out


def test_every_run_has_its_measures_and_its_designs_interval():
    page = page_of(pd.concat([made(SHARES), made(SHARES, expert=DAPG)]))
    table = page.table("hammer_success")
    assert list(dict.fromkeys(table["design"])) == list(study.HAMMER_FIVE)
    assert len(table) == 2 * 5 * 3 * 3  # experts, designs, seeds, measures
    row = table[(table["design"] == "10AH13") & (table["measure"] == "success [%]")]
    values = row[row["expert"] == "own"]["value"]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert row.iloc[0][["mean", "low", "high"]].tolist() == pytest.approx(
        [values.mean(), low, high], abs=1e-3
    )


def test_a_run_that_diverged_has_no_success_and_no_return():
    runs = made({"10AH12": 0.5})
    lost = {"score": np.nan, "test_return": np.nan, "error": "diverged: loss"}
    runs.loc[0, list(lost)] = list(lost.values())
    table = page_of(runs).table("hammer_success")
    mean = table.groupby("measure")["mean"].first()
    assert mean["success [%]"] == pytest.approx((0 + 51 + 52) / 3, abs=1e-3)
    assert mean["return"] == pytest.approx(8000)


def test_curves_are_of_the_runs_meant():
    runs = made(SHARES)
    data = study.Data(runs.iloc[:3], curves_of(runs), runs, runs, ["10AH00"])
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


def test_experts_with_one_number_of_demonstrations_are_left_out():
    few = [made(SHARES, demonstrations=n) for n in (10, 4500)]
    few = pd.concat([*few, made(SHARES, expert=DAPG)])
    table = page_of(made(SHARES), few).table("hammer_demonstrations")
    assert set(table["expert"]) == {"own"}
    assert set(table["demonstrations [episodes]"]) == {10, 4500}


def test_sizes_are_joined_by_densities_not_by_names():
    runs = made(dict.fromkeys([*SHARES, *LARGER], 0.5))
    table = page_of(runs).table("hammer_size")
    budgets = table.groupby("arrangement")["budget [weights]"].unique().map(sorted)
    assert budgets.to_dict() == {
        "dense": [10_000, 25_000, 50_000],
        "1 .2 .2 / 1 1 .2": [10_000, 25_000],
        "LSTM": [10_000, 25_000],
    }


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


def test_the_larger_rate_and_the_larger_budget_are_compared_design_by_design():
    shares = SHARES | {"10AH01": 0.0, "10AH02": 0.005}
    few = pd.concat(
        made(SHARES | {"10AH00": share}, demonstrations=n)
        for n, share in ((10, 0.4), (25, 0.0))
    )
    page = page_of(made(shares | dict.fromkeys(LARGER, 0.9)), few)
    numbers = page.numbers()
    assert numbers["never"] == "2" and numbers["recovered"] == "1"
    claims = page.claims().set_index("claim")
    gain = claims[claims.index.str.contains("larger rate")].iloc[0]
    before = few[few["design"].isin(["10AH00", "10AH01"])].groupby("design")
    assert gain["value"] == pytest.approx(
        (100 * before["score"].mean()).mean(), abs=1e-2
    )
    more = claims[claims.index.str.contains("25,000")].iloc[0]
    same = [100 * SHARES[name] + 1 for name in ("10AH12", "10AH10", "10AH13")]
    assert more["value"] == pytest.approx(91 - np.mean(same), abs=1e-2)


def test_pages_of_parts_and_of_nothing_have_numbers_and_claims():
    lost = {"score": None, "error": "diverged: x", "test_return": None}
    lost |= {"val_accuracy": None}
    runs = made(SHARES | {"10AH03": 0.0})
    for gone in (runs["design"] == "10AH04", runs["design"] != ""):
        some = runs.assign(**{k: runs[k].mask(gone, v) for k, v in lost.items()})
        some = some.astype({"val_accuracy": float, "test_return": float})
        numbers = page_of(some).numbers()
        assert not any("nan" in value for value in numbers.values())
        assert set(page_of(some).claims()["verdict"]) <= {"holds", "undecided"}
    assert nothing().numbers()["never"] == "0" and nothing().claims().empty
    assert page_of(made(SHARES, seeds=1)).numbers()["best_own_success"] == "85.0 %"


def test_the_short_answer_says_what_the_stored_runs_say():
    page = open_page("hammer_weights")
    numbers, claims = page.numbers(), page.claims().set_index("claim")["verdict"]
    assert numbers["never"] == numbers["recovered"]
    assert float(numbers["differ_success"].split()[0]) > 0.05
    success = claims[claims.index.str.contains("mean of the other designs: success")]
    explained = claims[claims.index.str.contains("designs: explained")]
    ranking = page.table("hammer_ranking").query("measure == 'success [%]'")
    assert (ranking.loc[ranking["expert"] == DAPG, "mean"] > study.NEVER).all()
    assert success.tolist() == ["undecided"] * 2 and explained.tolist() == ["holds"] * 2


TWO = pd.concat([made(SHARES | dict.fromkeys(LARGER, 0.6)), made(SHARES, expert=DAPG)])
TWO = pd.concat([TWO, made(SHARES, 2, demonstrations=10)])
"""Runs of two experts, of several budgets and of two numbers of demonstrations."""


def drawn_page():
    full = TWO[TWO["demonstrations"] == 4500]
    return page_of(full, TWO)


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


def test_success_is_drawn_where_its_table_says():
    table = drawn_page().table("hammer_success")
    axes = np.reshape(study.hammer_success(table).axes, (3, 2))
    assert drawn.row_names(axes[0, 0]) == [design_label(n) for n in study.HAMMER_FIVE]
    for expert, column in zip(("own", DAPG), axes.T, strict=True):
        rows = table[table["expert"] == expert]
        for measure, ax in zip(study.MEASURES, column, strict=True):
            for place, design in enumerate(study.HAMMER_FIVE):
                own = of(rows[rows["design"] == design], measure)
                color = look(design)["color"]
                near(drawn.markers(ax, color), [(own["mean"].iloc[0], place)])
                ends = own[["low", "high"]].iloc[0]
                near(drawn.intervals(ax, color), [(*ends, place)])
                near(drawn.runs(ax, color), [(v, place - 0.25) for v in own["value"]])


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


@pytest.mark.parametrize(
    ("name", "by", "x", "names"),
    [
        ("demonstrations", "design", study.DEMONSTRATIONS, study._NAMED),
        ("size", "arrangement", study.BUDGET, study._ARRANGED),
    ],
)
def test_courses_are_drawn_where_their_table_says(name, by, x, names):
    table = drawn_page().table(f"hammer_{name}")
    axes = np.array(getattr(study, f"hammer_{name}")(table).axes).reshape(3, -1)
    for expert, column in zip(dict.fromkeys(table["expert"]), axes.T, strict=True):
        for measure, ax in zip(study.MEASURES, column, strict=True):
            rows = of(table[table["expert"] == expert], measure)
            shown = [n for n in dict.fromkeys(rows[by]) if n in names]
            for rank, label in enumerate(shown):
                own = rows[rows[by] == label]
                color = look(names[label])["color"].lower()
                place = own[x] * 1.03 ** (rank - len(shown) // 2)
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
