"""Tables: intervals, rankings, curves, geometry tables and the sentences on them."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vsrnn
from vsrnn import analysis

PROPORTION = "hidden proportion [fraction]"


def runs_of(designs, scale, seeds):
    """Made-up runs whose score grows with the place of the design in the list."""
    rows = [
        {
            "id": f"{design}-{scale}-{seed}",
            "task": "rad",
            "scale": scale,
            "design": design,
            "seed": seed,
            "split": "pooled",
            "score": 0.2 + 0.02 * place + 0.01 * seed,
        }
        for place, design in enumerate(designs)
        for seed in range(seeds)
    ]
    return pd.DataFrame(
        rows, columns=["id", "task", "scale", "design", "seed", "split", "score"]
    )


def curves_of(runs, epochs):
    columns = ["id", "scale", "design", "seed"]
    parts = [
        runs[columns].assign(epoch=epoch, val_accuracy=runs["score"] * epoch / epochs)
        for epoch in range(1, epochs + 1)
    ]
    return pd.concat(parts)


def test_interval_is_that_of_a_t_test():
    values = [0.31, 0.35, 0.36, 0.40]
    runs = pd.DataFrame({"design": "a", "score": values})
    row = analysis.intervals(runs, ["design"], "score").iloc[0]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert row["mean"] == pytest.approx(np.mean(values))
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
    assert row["seeds"] == 4


def test_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    runs = pd.DataFrame(
        {"trial": np.repeat(range(4000), 3), "score": rng.standard_normal(12000)}
    )
    found = analysis.intervals(runs, ["trial"], "score")
    covered = ((found["low"] < 0) & (found["high"] > 0)).mean()
    assert covered == pytest.approx(0.95, abs=0.015)


def test_runs_without_a_score_are_left_out():
    runs = pd.DataFrame({"design": "a", "score": [0.5, None, 0.7]})
    row = analysis.intervals(runs, ["design"], "score").iloc[0]
    assert row["seeds"] == 2
    assert row["mean"] == pytest.approx(0.6)


def test_final_accuracy_has_a_row_a_run_and_its_designs_interval():
    runs = analysis.together(
        runs_of(analysis.FIVE, "quick", 3), runs_of([], "paper", 0)
    )
    table = analysis.final_accuracy(runs)
    assert list(dict.fromkeys(table["design"])) == list(analysis.FIVE)
    each = table.groupby("design")
    np.testing.assert_allclose(
        each["test accuracy [%]"].mean(), each["mean [%]"].first(), atol=1e-3
    )
    assert (table["seeds"] == 3).all()


def test_live_comes_before_stored():
    live, kept = runs_of(["lstm_"], "quick", 2), runs_of(["lstm_"], "paper", 2)
    table = analysis.final_accuracy(analysis.together(live, kept))
    assert list(dict.fromkeys(table["source"])) == ["trained here", "stored"]


def test_curves_of_other_runs_are_left_out():
    runs = analysis.together(runs_of(["lstm_"], "quick", 2), runs_of([], "paper", 0))
    other = runs_of(["rnn_", "lstm_"], "smoke", 2)
    curves = pd.concat([curves_of(runs, 4), curves_of(other, 2)])
    table = analysis.learning_curve(runs, curves)
    assert table[["scale", "design"]].drop_duplicates().values.tolist() == [
        ["quick", "lstm_"]
    ]
    assert table["epoch"].tolist() == [1, 2, 3, 4]


def test_ranking_has_every_design_best_first_and_missing_last():
    runs = runs_of(["rnn_", "balanced_0", "lstm_"], "paper", 3)
    table = analysis.design_ranking(runs)
    assert sorted(table["design"]) == sorted(vsrnn.RAD_100K)
    means = table["mean [%]"].to_numpy()
    assert (np.diff(means[:3]) <= 0).all() and np.isnan(means[3:]).all()
    assert (table["seeds"] == [3, 3, 3, *[0] * 22]).all()
    assert math.isnan(table.set_index("design").loc["lstm_", PROPORTION])
    scatter = analysis.proportion_score(table)
    assert set(scatter["design"]) == {"rnn_", "balanced_0"}


def test_ranking_refuses_to_mix_scales():
    runs = pd.concat([runs_of(["rnn_"], "quick", 1), runs_of(["rnn_"], "paper", 1)])
    with pytest.raises(vsrnn.VsrnnError, match="one scale"):
        analysis.design_ranking(runs)


def test_completeness_counts_designs_and_seeds():
    runs = runs_of(["rnn_", "lstm_"], "paper", 3).iloc[:-1]
    assert analysis.completeness(runs, seeds=3) == (
        "5 of 75 runs are there: 2 of 25 designs have a run, and 1 have all 3 seeds."
    )
    assert analysis.completeness(analysis.stored("nothing")).startswith("0 of 125 runs")


def test_a_diverged_run_counts_as_a_guess():
    runs = runs_of(["111111_"], "paper", 2).assign(source="stored", error=None)
    runs.loc[1, ["score", "error"]] = [np.nan, "diverged: loss"]
    (mean,) = analysis.final_accuracy(runs)["mean [%]"].unique()
    assert mean == pytest.approx((20 + 10) / 2)
    assert analysis.design_ranking(runs)["mean [%]"].iloc[0] == mean


def test_sentences_quote_the_tables():
    runs = runs_of(vsrnn.RAD_100K, "paper", 3)
    runs["source"] = "stored"
    final = analysis.final_accuracy(runs)
    learning = analysis.learning_curve(runs, curves_of(runs, 4))
    ranking = analysis.design_ranking(runs)
    complete = analysis.completeness(runs)
    text = analysis.found_equal_weights(final, learning, ranking, complete)
    best = ranking.iloc[0]
    assert f"is {best['design']} with {best['mean [%]']:.1f} %" in text
    assert "75 of 125 runs" in text
    nothing = analysis.design_ranking(analysis.stored("nothing"))
    text = analysis.found_equal_weights(final, learning, nothing, "none")
    assert "The best of" not in text


def _budgets(scores):
    runs = runs_of(list(scores), "paper", 2)
    runs = runs.assign(score=runs["design"].map(scores))
    curves = curves_of(runs, 4).assign(train_accuracy=0.9)
    return analysis.budget_scores(runs, curves)


def test_budgets_are_compared_arrangement_by_arrangement():
    scores = {"111111_": 0.5, "111111": 0.4, "lstm_": 0.1, "lstm": 0.6}
    table = _budgets(scores | {"balanced_0": 0.7, "balanced": 0.7})
    assert table["design"].tolist() == ["lstm_", "lstm", "111111_", "111111"]
    assert table["arrangement"].tolist() == ["lstm", "lstm", "111111", "111111"]
    assert table["mean [%]"].tolist() == pytest.approx([10, 60, 50, 40])
    assert (table["budget [weights]"].diff()[1::2] == 900_000).all()
    assert table["best epoch"].tolist() == [4] * 4
    text = analysis.found_budgets(table)
    assert "end with a training accuracy of 90 to 90 %" in text
    assert "1 of 2 arrangements score higher" in text
    assert "dense 50.0 % to 40.0 % (-10.0)" in text
    assert "At 1,000,000 weights LSTM is best with 60.0 %" in text
    assert "too few" in text


def test_budgets_say_whether_the_order_stays():
    names = ("111111", "000000", "010000", "100100")
    same = {f"{name}{end}": n / 10 for n, name in enumerate(names) for end in ("_", "")}
    assert "other: 1.00 (n = 4" in analysis.found_budgets(_budgets(same))
    one = {name: score for name, score in same.items() if name.endswith("_")}
    assert "No arrangement" in analysis.found_budgets(_budgets(one))


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"balanced_0": 0.6, "000000_": 0.4}, "holds"),
        ({"balanced_0": 0.4, "000000_": 0.6}, "is reversed"),
        ({"balanced_0": 0.5, "000000_": 0.5}, "is not decided"),
    ],
)
def test_the_papers_order_is_judged_by_the_interval(scores, said):
    runs = runs_of(list(scores), "paper", 3).assign(source="stored")
    runs["score"] = runs["design"].map(scores) + 0.01 * runs["seed"]
    final = analysis.final_accuracy(runs)
    learning = analysis.learning_curve(runs, curves_of(runs, 4))
    ranking = analysis.design_ranking(runs)
    text = analysis.found_equal_weights(final, learning, ranking, "")
    (line,) = [line for line in text.splitlines() if "varied above uniform" in line]
    assert line.endswith(said) and "stored, the paper's order:\n" in text


def test_speed_and_loss_are_read_off_the_mean_curves():
    curve = {"lstm_": [0.1, 0.3, 0.5, 0.45], "rnn_": [0.1, 0.2, 0.2, 0.3]}
    runs = runs_of(list(curve), "paper", 1).assign(source="stored")
    points = [
        {"id": f"{name}-paper-0", "scale": "paper", "design": name, "seed": 0}
        | {"epoch": epoch, "val_accuracy": value}
        for name, values in curve.items()
        for epoch, value in enumerate(values, 1)
    ]
    learning = analysis.learning_curve(runs, pd.DataFrame(points))
    final, ranking = analysis.final_accuracy(runs), analysis.design_ranking(runs)
    text = analysis.found_equal_weights(final, learning, ranking, "")
    assert "passes 40 %: LSTM 3, plain RNN never" in text
    assert "for those that pass: LSTM 5.0 points" in text


def test_configs_cross_designs_and_seeds():
    configs = analysis.configs(["lstm_", "rnn_"], [0, 1], "smoke", split="separate")
    assert len({config.id for config in configs}) == 4
    assert configs[0].task_options == {"split": "separate"}
