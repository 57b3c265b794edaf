"""Results on Adroit Hammer: tables of a known truth, and sentences that follow it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vsrnn
from vsrnn import analysis, figures
from vsrnn.analysis._found_hammer_results import _difference

DAPG = "dapg_hammer_policy.npz"
LARGER = ("25AHV04", "50AHV04", "25AHV07", "adroit_hammer_lstm25")
SHARES = dict(zip(analysis.HAMMER_10K, np.linspace(0, 0.85, 18), strict=True))


def made(shares, seeds=3, demonstrations=4500, expert="own", scale="paper"):
    """Runs with known success (growing a little by seed), return and explained part."""
    kind = vsrnn.list_designs("hammer").set_index("name")["model"]
    rows = [
        {"id": f"{expert}{demonstrations}{scale}{design}{seed}", "task": "hammer"}
        | {"scale": scale, "design": design, "seed": seed, "model": kind[design]}
        | {"expert": expert, "source": analysis.STORED, "epochs": 4, "error": None}
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


def tables(runs):
    """All tables of the page, by the names of their figures."""
    return {
        "hammer_success": analysis.hammer_success(runs),
        "hammer_curve": analysis.hammer_curve(runs, curves_of(runs)),
        "hammer_ranking": analysis.hammer_ranking(runs),
        "hammer_demonstrations": analysis.hammer_demonstrations(runs),
        "hammer_size": analysis.hammer_size(runs),
    }


def found(runs):
    names = ("success", "ranking", "demonstrations", "size")
    made_tables = tables(runs)
    return analysis.found_hammer_weights(
        *(made_tables[f"hammer_{name}"] for name in names)
    )


def test_what_is_imitated_is_kept_beside_where_runs_are_from(monkeypatch):
    kept = made(SHARES).drop(columns="source").rename(columns={"expert": "source"})
    live = kept.iloc[:2].assign(scale="quick", id=["x", "y"])
    monkeypatch.setattr(
        "vsrnn.analysis._hammer_results.stored",
        lambda name: kept if name == "kept" else kept.iloc[:0],
    )
    runs = analysis.hammer_runs(["kept", "nothing"], live)
    assert runs["source"].tolist() == ["trained here"] * 2 + ["stored"] * len(kept)
    assert set(runs["expert"]) == {"own"}


def test_every_run_has_its_measures_and_its_designs_interval():
    runs = pd.concat([made(SHARES), made(SHARES, expert=DAPG)])
    table = analysis.hammer_success(runs)
    assert list(dict.fromkeys(table["design"])) == list(analysis.HAMMER_FIVE)
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
    mean = analysis.hammer_success(runs).groupby("measure")["mean"].first()
    assert mean["success [%]"] == pytest.approx((0 + 51 + 52) / 3, abs=1e-3)
    assert mean["return"] == pytest.approx(8000)


def test_curves_are_of_the_runs_meant():
    runs = made(SHARES)
    table = analysis.hammer_curve(runs.iloc[:3], curves_of(runs), ["10AH00"])
    assert set(table["expert"]) == {"own"} and table["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(table["mean [%]"], [10, 20, 30, 40])


def test_ranking_breaks_ties_by_what_is_explained_and_puts_the_missing_last():
    runs = made(dict.fromkeys(["10AH03", "10AH05", "10AH09"], 0.0))
    runs["val_accuracy"] = runs["design"].map(
        {"10AH03": 0.5, "10AH05": 0.7, "10AH09": 0.6}
    )
    table = analysis.hammer_ranking(runs)
    order = list(dict.fromkeys(table["design"]))
    assert order[:3] == ["10AH05", "10AH09", "10AH03"] and len(order) == 18
    assert (table.loc[table["expert"] == DAPG, "seeds"] == 0).all()
    known = vsrnn.list_designs("hammer").set_index("name").loc[order]
    shares = table.drop_duplicates("design")["hidden proportion [fraction]"]
    np.testing.assert_allclose(shares, known["hidden_proportion"], atol=1e-4)
    with pytest.raises(vsrnn.VsrnnError, match="one scale"):
        analysis.hammer_ranking(pd.concat([runs, runs.assign(scale="quick")]))


def test_experts_with_one_number_of_demonstrations_show_no_course():
    runs = [made(SHARES), made(SHARES, demonstrations=10), made(SHARES, expert=DAPG)]
    table = analysis.hammer_demonstrations(pd.concat(runs))
    assert set(table["expert"]) == {"own"}
    assert set(table["demonstrations [episodes]"]) == {10, 4500}


def test_sizes_are_joined_by_densities_not_by_names():
    runs = made(dict.fromkeys([*SHARES, *LARGER], 0.5))
    table = analysis.hammer_size(runs)
    budgets = table.groupby("arrangement")["budget [weights]"].unique().map(sorted)
    assert budgets.to_dict() == {
        "dense": [10_000, 25_000, 50_000],
        "1 .2 .2 / 1 1 .2": [10_000, 25_000],
        "LSTM": [10_000, 25_000],
    }


def test_differences_from_intervals_are_those_of_welch():
    rng = np.random.default_rng(0)
    both = [rng.normal(0, 1, 4), rng.normal(3, 2, 6)]
    rows = []
    for values in both:
        high = stats.ttest_1samp(values, 0).confidence_interval(0.95).high
        row = {"mean": values.mean(), "high": high, "seeds": len(values)}
        rows.append(row | {"measure": "return", "scale": "paper"})
    wanted = stats.ttest_ind(*both, equal_var=False).confidence_interval(0.95)
    assert _difference(*rows)[1:] == pytest.approx(tuple(wanted))


def test_success_of_played_episodes_is_no_surer_than_their_number_allows():
    """Three runs of 100 episodes: all succeed, or all but one in each run."""
    first = {"measure": "success [%]", "scale": "paper", "seeds": 3}
    least, most = ({"mean": mean, "high": mean} for mean in (99.0, 100.0))
    _, low, high = _difference(first | least, first | most)
    assert low < -1 < 0 < high


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        (0.3, "above 17 of 17 other designs and below 0,"),
        (-0.3, "above 0 of 17 other designs and below 17 (most of all uniform"),
    ],
)
def test_dense_does_well_unless_another_is_shown_to_be_above(shift, said):
    shares = dict.fromkeys(SHARES, 0.5) | {"10AH12": 0.5 + shift}
    (line,) = [s for s in found(made(shares)).splitlines() if "success: dense is" in s]
    assert said in line
    held = "holds" if shift > 0 else "does not hold"
    assert line.endswith(f"That dense does well here {held} against 17.")


def test_where_nothing_tells_designs_apart_dense_is_not_decided():
    text = found(made(dict.fromkeys(SHARES, 0.5)))
    assert text.count("That dense does well here is not decided.") == 2
    assert "the most success is that of 18 alike" in text


@pytest.mark.parametrize("apart", [0.0, 0.3])
def test_whether_designs_differ_is_that_of_an_analysis_of_variance(apart):
    rng = np.random.default_rng(0)
    names = list(SHARES)
    runs = made(dict.fromkeys(names, 0.5), demonstrations=10)
    shift = runs["design"].map({name: i / len(names) for i, name in enumerate(names)})
    runs["val_accuracy"] = 0.4 + apart * shift + 0.05 * rng.normal(size=len(runs))
    text = found(pd.concat([made(SHARES), runs]))
    groups = [part["val_accuracy"] for _, part in runs.groupby("design")]
    chance = stats.f_oneway(*groups).pvalue
    said = "shown" if chance < 0.05 else "not shown"
    assert f"differ is {said} (analysis of variance, p = {chance:.2g})" in text
    assert (said == "shown") == (apart > 0)


def test_sentences_say_where_success_tells_nothing_apart():
    shares = SHARES | {"10AH01": 0.0, "10AH02": 0.0, "10AH03": 1.0}
    text = found(made(shares, 1))
    assert "the most success is that of 10AH03, 100.0 %" in text
    assert "3 stay at 0 to 1 %" in text and "from 40.0 to 40.0 %" in text
    assert "reach 99" not in text and "dense is shown" not in text


def test_sentences_quote_every_table():
    runs = [made(SHARES | dict.fromkeys(LARGER, 0.9)), made(SHARES, demonstrations=10)]
    few = runs[1].assign(score=0.5 * runs[1]["score"])
    text = found(pd.concat([runs[0], few]))
    assert "With 10 demonstrations, 4 epochs, 18 designs:\n  - success 0.0 to" in text
    assert "25,000 weights 91.0 to 91.0 % (the most:" in text
    nothing = found(analysis.hammer_runs(["nothing"]))
    assert nothing == ""


def test_designs_that_never_succeed_may_do_so_at_the_larger_rate():
    kept = tables(made(SHARES | {"10AH01": 0.0, "10AH02": 0.0}))
    again = pd.concat([made(SHARES, demonstrations=n) for n in (10, 25)])
    text = analysis.found_hammer_weights(
        kept["hammer_success"],
        kept["hammer_ranking"],
        analysis.hammer_demonstrations(again),
        kept["hammer_size"],
    )
    parts = [f"  - 2 of 3 with {n} demonstrations" for n in (10, 25)]
    assert "\n".join(["in fewer steps and from fewer episodes:", *parts]) in text


def test_completeness_counts_by_table():
    runs = pd.concat([made(SHARES), made({"25AHV04": 0.5, "10AH12": 0.5}, expert=DAPG)])
    text = analysis.hammer_complete(runs, made({"10AH12": 0.5}, 2, 25))
    lines = text.splitlines()
    assert "own expert" in lines[0] and "54 of 54 runs" in lines[0]
    assert "3 of 54 runs" in lines[1] and "1 have a run, 3 runs in all" in lines[1]
    assert "with 25 demonstrations: 2 of 54" in lines[2]


@pytest.mark.parametrize("seeds", [1, 3])
def test_figures_are_drawn_from_parts_of_the_runs(seeds):
    runs = pd.concat([made(SHARES, seeds), made({"10AH12": 0.2}, seeds, expert=DAPG)])
    for name, table in tables(runs).items():
        assert figures.FIGURES[name](table).axes, name


def test_runs_that_all_diverged_say_so_and_stop_nothing():
    lost = {"score": None, "error": "diverged: x", "test_return": None}
    lost |= {"val_accuracy": None}
    runs = made(SHARES | {"10AH03": 0.0})
    for gone in (runs["design"] == "10AH04", runs["design"] != ""):
        some = runs.assign(**{k: runs[k].mask(gone, v) for k, v in lost.items()})
        some = some.astype({"val_accuracy": float, "test_return": float})
        text = found(some)
        assert "nan" not in text and "the most success is that of" in text
        for name, table in tables(some).items():
            assert figures.FIGURES[name](table).axes, name


@pytest.mark.parametrize(
    "name", ["success", "curve", "demonstrations", "ranking", "size"]
)
def test_figures_without_runs_say_so(name):
    table = tables(analysis.hammer_runs(["nothing"]))[f"hammer_{name}"]
    figure = figures.FIGURES[f"hammer_{name}"](table)
    texts = [text for ax in figure.axes for text in ax.texts]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    words = [text.get_text() for text in texts]
    words += [ax.get_title(loc="left") for ax in figure.axes]
    assert any("no runs yet" in each for each in words)
