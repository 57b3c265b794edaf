"""The study: its tables find a known truth, and its sentences say what holds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vsrnn
from vsrnn import analysis, figures

PROPORTION = "hidden proportion [fraction]"
AREA, EPOCHS = "mean validation accuracy [%]", "epochs to threshold [epochs]"


def curves_of(runs):
    """Validation accuracy grows evenly to the score; diverged runs have no curve."""
    rows = [
        {"id": run["id"], "epoch": epoch, "val_accuracy": epoch / 4 * run["score"]}
        for run in runs.dropna(subset=["score"]).to_dict("records")
        for epoch in range(1, 5)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def three(made_runs):
    """Three tables with known truths, one of them with a run that diverged."""
    tables = [
        made_runs(70, "proportion", table="curved"),
        made_runs(50, "nothing", table="flat", budget=50_000, seed=1),
        made_runs(50, "rate", table="rate", budget=400_000, seed=2),
    ]
    tables[1].loc[3, ["score", "error"]] = [np.nan, "diverged: loss not finite"]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def tables(three):
    speed = analysis.learning_speed(three, curves_of(three))
    return {
        "proportion_study": analysis.proportion_study(three),
        "learning_speed": speed,
        "rank_correlation": analysis.rank_correlation(three, speed, 200),
        "variance_explained": analysis.variance_explained(three, 1),
        "proportion_optimum": analysis.proportion_optimum(three, resamples=60),
        "proportion_draws": analysis.proportion_draws(200),
    }


def test_those_tables_are_read_that_are_committed():
    runs = analysis.study_runs(["nothing", "rad_100k"])
    stored = vsrnn.get_results("rad_100k")
    assert set(runs["id"]) == set(stored.loc[stored["model"] == "block", "id"])
    curves = analysis.study_curves(["nothing", "rad_100k"])
    assert set(runs["id"]) <= set(curves["id"])
    with pytest.raises(vsrnn.VsrnnError, match="none of the tables nothing"):
        analysis.study_runs(["nothing"])
    assert analysis.study_runs(analysis.STUDY)["scale"].unique().tolist() == ["paper"]
    both = analysis.study_runs(["rad_100k"], ["block", "lstm"])
    assert set(both["design"]) - set(runs["design"]) == {"lstm_"}


def test_designs_have_their_expected_proportion_and_mean_score():
    runs = analysis.study_runs(["rad_100k"])
    table = analysis.proportion_study(runs).set_index("design")
    known = vsrnn.list_designs("rad").set_index("name").loc[table.index]
    np.testing.assert_allclose(table[PROPORTION], known["hidden_proportion"])
    mean = 100 * runs.groupby("design")["score"].mean()
    np.testing.assert_allclose(table["score [%]"], mean[table.index])
    assert table["runs"].sum() == len(runs)


def test_speed_is_read_off_the_curves(made_runs):
    runs = made_runs(4)
    runs["score"] = [0.8, 0.6, 0.2, np.nan]
    runs.loc[3, "error"] = "diverged: loss not finite in epoch 1"
    table = analysis.learning_speed(runs, curves_of(runs), passed=35.0)
    assert table[AREA].tolist() == [50, 37.5, 12.5, 10]  # 10: a guess
    assert table[EPOCHS].tolist() == [2, 3, 5, 5]
    assert table["never"].tolist() == [False, False, True, True]


def test_seeds_are_averaged_and_other_curves_left_out(made_runs):
    one = made_runs(2).assign(score=[0.8, 0.4])
    two = one.assign(id=["x", "y"], seed=1, score=[0.4, 0.2])
    runs = pd.concat([one, two], ignore_index=True)
    curves = pd.concat([curves_of(runs), curves_of(one.assign(id=["p", "q"]))])
    table = analysis.learning_speed(runs, curves)
    np.testing.assert_allclose(table[AREA], [37.5, 18.75])
    with pytest.raises(vsrnn.VsrnnError, match="curves are of other runs"):
        analysis.learning_speed(runs, curves_of(one.assign(id=["p", "q"])))


def test_rank_correlation_is_scipys_with_an_interval_around(tables):
    study, found = tables["proportion_study"], tables["rank_correlation"]
    each = found.set_index(["table", "feature", "measure"])
    for name, rows in study.groupby("table"):
        row = each.loc[(name, "hidden_proportion", "score [%]")]
        rho = stats.spearmanr(rows[PROPORTION], rows["score [%]"]).statistic
        assert row["rank correlation"] == pytest.approx(rho)
        assert row["low"] < rho < row["high"]
    row = each.loc[("rate", "learning_rate", "score [%]")]
    assert row["high"] < -0.9
    soon = each.loc[("rate", "learning_rate", EPOCHS)]
    assert soon["low"] > 0.5
    row = each.loc[("flat", "learning_rate", "score [%]")]
    assert row["low"] < 0 < row["high"]


def test_bootstrap_intervals_of_a_rank_correlation_cover(made_runs):
    """Of designs whose score is noise, the true rank correlation is 0."""
    runs = pd.concat(
        [made_runs(30, "nothing", table=f"t{seed}", seed=seed) for seed in range(60)]
    )
    found = analysis.rank_correlation(runs, resamples=200)
    assert len(found) == 60 * 10
    held = (found["low"] < 0) & (found["high"] > 0)
    assert held.mean() == pytest.approx(0.95, abs=0.04)


def test_features_that_do_not_vary_have_no_correlation():
    found = analysis.rank_correlation(analysis.study_runs(["rad_100k"]), resamples=20)
    assert "learning_rate" not in set(found["feature"])
    assert set(found["measure"]) == {"score [%]"}


def test_the_truth_decides_what_hidden_proportion_explains(tables):
    each = tables["variance_explained"].set_index(["table", "base"])
    curved = each.loc["curved"]
    assert curved.loc["nothing", "low [R2]"] > 0.6
    for base in ("hidden size", "density of hh", "density of yy", "all densities"):
        assert curved.loc[base, "low [R2]"] > 0, base
    np.testing.assert_allclose(
        each["gain [R2]"], each["with [R2]"] - each["without [R2]"], atol=1e-9
    )
    assert (each.loc["flat", "low [R2]"] < 0.02).all()
    rate = each.loc["rate"]
    assert rate.loc["learning rate and initial weights", "without [R2]"] > 0.6
    decided = rate["low [R2]"] > 0
    assert decided.sum() <= 2 and not decided["learning rate and initial weights"]


def test_a_gain_that_a_few_far_designs_make_is_not_taken_for_one(made_runs):
    """Four designs with next to no hidden proportion fail; the rest is noise."""
    runs = made_runs(40, "nothing")
    known = analysis.proportion_study(runs).sort_values(PROPORTION)
    runs.loc[runs["design"].isin(known["design"].iloc[:4]), "score"] = 0.1
    explained = analysis.variance_explained(runs, 2)
    each = explained.set_index("base")
    assert each.loc["nothing", "low [R2]"] > 0
    rest = each.loc["nothing, far scores left out"]
    left = 40 - rest["designs"]
    assert 4 <= left <= 8 and rest["low [R2]"] <= 0
    text = analysis.found_hidden_proportion(
        analysis.proportion_study(runs),
        analysis.rank_correlation(runs, resamples=50),
        explained,
        analysis.proportion_optimum(runs, resamples=20),
        analysis.proportion_draws(20),
    )
    assert f"part of performance holds; without the {left} of 40 designs" in text


def test_the_optimum_is_where_it_was_put(tables):
    table = tables["proportion_optimum"]
    curved = table[table["table"] == "curved"]
    first = curved.iloc[0]
    assert first["best low [fraction]"] <= 0.25 <= first["best high [fraction]"]
    assert first["best [fraction]"] == pytest.approx(0.25, abs=0.06)
    near = curved.loc[curved["near"], PROPORTION]
    # 25 sin(pi sqrt(p)) is within 2 of its top from .138 to .394
    assert near.min() == pytest.approx(0.138, abs=0.05)
    assert near.max() == pytest.approx(0.394, abs=0.08)
    assert (curved["low [%]"] <= curved["high [%]"]).all()
    truth = 30 + 25 * np.sin(np.pi * curved[PROPORTION] ** 0.5)
    assert (curved["fit [%]"] - truth).abs().median() < 1.5


def test_tables_of_few_designs_are_left_out_where_they_say_nothing(made_runs):
    runs = pd.concat([made_runs(20, table="some"), made_runs(9, table="few", seed=1)])
    assert set(analysis.proportion_study(runs)["table"]) == {"some", "few"}
    assert set(analysis.variance_explained(runs, 1)["table"]) == {"some"}
    with pytest.raises(vsrnn.VsrnnError, match="15 designs or more"):
        analysis.proportion_optimum(runs[runs["table"] == "few"])


def test_published_draws_pile_up_and_even_ones_do_not(tables):
    table = tables["proportion_draws"]
    below = table.groupby("distribution")["below .3 [%]"].first()
    assert below["even"] == pytest.approx(100 * 0.3 / 0.95, abs=3)
    assert below["normal_size"] > 85 and below["uniform_size"] > 80
    for _, rows in table.groupby("distribution"):
        assert rows[PROPORTION].is_monotonic_increasing
        assert rows[PROPORTION].between(0, 1).all()
    at_50k = analysis.proportion_draws(200, budget=50_000)
    share = at_50k.loc[at_50k["distribution"] == "normal_size", "below .3 [%]"]
    assert share.iloc[0] > 90


def test_sentences_say_which_claims_hold(tables):
    order = ("proportion_study", "rank_correlation", "variance_explained")
    more = ("proportion_optimum", "proportion_draws")
    text = analysis.found_hidden_proportion(*(tables[name] for name in order + more))
    lines = text.splitlines()
    (curved, flat, rate) = (line for line in lines if "significant part" in line)
    assert curved.startswith("- curved: ") and "performance holds" in curved
    assert "performance is not shown" in flat and "is not shown" in rate
    assert any(
        "flat holds 50 runs" in line and "1 runs diverged" in line for line in lines
    )
    assert any("without the designs that diverged" in line for line in lines)
    each = tables["variance_explained"].set_index(["base", "table"])
    shown = (each["low [R2]"] > 0) & (each["with [R2]"] > 0)
    for base in ("hidden size", "all densities", "all hyperparameters"):
        said = [line for line in lines if line.startswith(f"  - {base} ")]
        assert [line.endswith(", shown") for line in said] == list(shown[base])
    (best,) = (line for line in lines if "curved: the smooth fit is best" in line)
    rows = tables["proportion_optimum"]
    first = rows[rows["table"] == "curved"].iloc[0]
    assert f"best at {first['best [fraction]']:.2f} (95 % interval" in best
    assert "at 0.44, where the paper's balanced designs lie" in best


@pytest.mark.parametrize("style", ["web", "manuscript"])
@pytest.mark.parametrize(
    "name", ["proportion_study", "proportion_optimum", "learning_speed"]
)
def test_several_tables_are_drawn_side_by_side_and_nothing_is_cut(tables, name, style):
    figure = figures.FIGURES[name](tables[name], style=style)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    for table in ("curved", "flat", "rate"):
        assert any(title.startswith(table) for title in titles)
    used, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert used.x0 >= -0.01 and used.x1 <= width + 0.01
    assert used.y0 >= -0.01 and used.y1 <= height + 0.01
    words = [text.get_text() for legend in figure.legends for text in legend.texts]
    assert ("a run diverged (counts as a guess)" in words) == (
        name == "proportion_study"
    )


def test_a_threshold_is_passed_by_what_is_above_it(made_runs):
    runs = made_runs(1).assign(score=0.8)
    curves = pd.DataFrame(
        [
            {"id": runs["id"][0], "epoch": e, "val_accuracy": e / 4 * 0.8}
            for e in range(1, 5)
        ]
    )
    assert analysis.learning_speed(runs, curves, 40.0)[
        "epochs to threshold [epochs]"
    ].tolist() == [3]


def test_far_is_beyond_tukeys_fences():
    from vsrnn.analysis._explained import _far

    # quartiles 1.25 and 3.75: the fences are at -2.5 and 7.5
    assert _far(pd.Series([0, 1, 2, 3, 4, 7.4])).sum() == 0
    assert _far(pd.Series([0, 1, 2, 3, 4, 7.6])).sum() == 1
