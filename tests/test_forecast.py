"""The forecast: what it reads, that nothing leaks, and that it finds a known truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.base import clone

import vsrnn
from vsrnn import BLOCKS, VsrnnError, analysis, forecast, get_design
from vsrnn.analysis._found_forecast import _held
from vsrnn.forecast import SCORE
from vsrnn.tasks import sizes

BASE, WITH = ("forest", "hyperparameters"), ("forest", "with proportion")


def blocks(task="rad"):
    designs = vsrnn.list_designs(task)
    return designs[designs["model"] == "block"].set_index("name")


def spoilt(runs, **changes):
    """The same runs with the last one changed."""
    last = runs.iloc[[-1]].assign(id="last", design="last", **changes)
    return pd.concat([runs.iloc[:-1], last], ignore_index=True)


@pytest.mark.parametrize("task", ["rad", "hammer"])
def test_features_are_the_expected_counts_of_the_geometry(task):
    designs = blocks(task)
    found = forecast.features(designs, "with both")
    np.testing.assert_allclose(found["weights"], designs["weights"])
    np.testing.assert_allclose(found["hidden_proportion"], designs["hidden_proportion"])
    counts = found[[f"weights_{block}" for block in vsrnn.BLOCKS]]
    np.testing.assert_allclose(counts.sum(axis=1), designs["weights"])
    assert (found.index == designs.index).all()


@pytest.mark.parametrize("task", ["rad", "hammer"])
def test_what_goes_across_tasks_has_no_sizes(task):
    found = forecast.features(blocks(task), "across tasks")
    assert not {"hidden", "weights"} & set(found)
    shares = found[[f"share_{block}" for block in vsrnn.BLOCKS]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    row = shares.loc["111111_" if task == "rad" else "10AH12"]
    inputs, outputs = vsrnn.tasks.sizes(task)
    geometry = vsrnn.Geometry(inputs, blocks(task).loc[row.name, "hidden"], outputs, 1)
    assert row["share_hx"] == geometry.block_weights["hx"] / geometry.weights


def test_designs_and_runs_of_them_have_the_same_features():
    runs = vsrnn.get_results("rad_100k")
    known = forecast.training_table(runs).set_index("design")
    named = blocks().loc[known.index]
    pd.testing.assert_frame_equal(
        forecast.features(known), forecast.features(named), check_names=False
    )


def test_a_block_whose_initial_values_are_all_0_is_empty():
    design = blocks().loc[["balanced_0"]].assign(init_std_hh=0.0)
    assert forecast.features(design, "proportion").to_numpy().item() == 0


def test_designs_without_blocks_and_unknown_features_are_refused():
    with pytest.raises(vsrnn.VsrnnError, match="without blocks"):
        forecast.features(vsrnn.list_designs("rad"))
    with pytest.raises(vsrnn.VsrnnError, match="unknown features"):
        forecast.features(blocks(), "shoe size")
    with pytest.raises(vsrnn.VsrnnError, match="unknown model"):
        forecast.make_regressor(model="oracle")


def test_seeds_of_a_design_are_one_example():
    runs = vsrnn.get_results("rad_100k")
    known = forecast.training_table(runs).set_index("design")
    mean = 100 * runs.groupby("design")["score"].mean()
    np.testing.assert_allclose(known[SCORE], mean[known.index])
    assert set(runs["design"]) - set(known.index) == {"lstm_", "rnn_"}
    assert known["seeds"].sum() == (runs["model"] == "block").sum()


def test_diverged_runs_are_guesses_and_networks_never_made_are_left_out(made_runs):
    runs = made_runs(10)
    lost = spoilt(runs, score=np.nan, error="diverged: loss not finite in epoch 2")
    known = forecast.training_table(lost).set_index("design")
    assert known.loc["last", [SCORE, "diverged"]].tolist() == [10, 1]
    played = forecast.training_table(lost.assign(task="hammer")).set_index("design")
    assert played.loc["last", [SCORE, "diverged"]].tolist() == [0, 1]
    never = spoilt(runs, score=np.nan, error="no hidden size fits", hidden=0)
    assert len(forecast.training_table(never)) == 9


def test_runs_of_several_scales_or_of_no_block_design_are_refused(made_runs):
    with pytest.raises(vsrnn.VsrnnError, match="differ in scale: select"):
        forecast.training_table(spoilt(made_runs(5), scale="quick"))
    with pytest.raises(vsrnn.VsrnnError, match="differ in epochs, demonstrations"):
        forecast.training_table(vsrnn.get_results("hammer_few"))
    with pytest.raises(vsrnn.VsrnnError, match="mean return"):
        forecast.training_table(made_runs(5).assign(task="kitchen-mixed"))
    with pytest.raises(vsrnn.VsrnnError, match="there are none"):
        forecast.training_table(made_runs(5).assign(model="lstm"))
    with pytest.raises(vsrnn.VsrnnError, match="15 designs or more, not 14"):
        forecast.cross_predict(made_runs(14))


def test_nothing_leaks_between_the_seeds_of_a_design(made_runs):
    """A design's own luck can be known from its other seeds alone."""
    once = made_runs(60, "nothing")
    runs = pd.concat([once.assign(seed=seed) for seed in range(3)])
    folds = forecast.cross_predict(runs, [("boosting", "hyperparameters")], repeats=2)
    assert (
        forecast.measure_forecasts(folds).set_index("measure").loc["R2", "value"] < 0.1
    )


def test_folds_hold_every_design_once_and_their_share_of_the_best(made_runs):
    known = forecast.training_table(made_runs(50))
    best = known[SCORE].rank() > 100 / 3
    parts = list(forecast.splits(known, folds=5, repeats=2))
    assert len(parts) == 10
    for fit, test in parts:
        assert sorted([*fit, *test]) == list(range(50))
        assert best.iloc[test].sum() in (3, 4)
    assert sorted(np.concatenate([test for _, test in parts[:5]])) == list(range(50))


def test_the_top_third_are_all_that_tie_where_many_do():
    ties = pd.Series([0, 50, 100, 100, 100, 100])
    assert forecast.top_third(ties).tolist() == [False] * 2 + [True] * 4
    assert forecast.top_third(pd.Series(range(6))).sum() == 2


def test_designs_that_nearly_all_tie_are_split_too(made_runs):
    runs = made_runs(16)
    runs["score"] = np.where(np.arange(16) < 3, 0.5, 0.0)
    tests = [test for _, test in forecast.splits(forecast.training_table(runs))]
    assert sorted(np.concatenate(tests)) == list(range(16))


@pytest.mark.parametrize("model", ["forest", "linear", "mean"])
def test_one_success_among_failures_is_no_crash(made_runs, model):
    runs = made_runs(30).assign(score=[0.5] + [0.0] * 29)
    found = forecast.cross_predict(runs, [(model, "proportion")], classify=True)
    one = found["observed"]
    assert one.sum() == 1 and (found.loc[one, "forecast"] == 0).all()
    assert found["forecast"].between(0, 1).all()
    assert len(analysis.forecast_runs(runs, steps=2, repeats=2)) == 4


def test_measures_are_those_of_other_libraries():
    rng = np.random.default_rng(0)
    seen, told = rng.normal(size=(2, 40))
    told, none = told + seen, np.zeros(40)
    expected = {
        "R2": metrics.r2_score(seen, told),
        "mean absolute error [points]": metrics.mean_absolute_error(seen, told),
        "rank correlation": stats.spearmanr(seen, told).statistic,
    }
    for name, value in expected.items():
        assert forecast.measure(name, seen, told, none) == pytest.approx(value)
    above, chance = seen > 0.4, 1 / (1 + np.exp(-told))
    area = metrics.roc_auc_score(above, chance)
    assert forecast.measure("ROC AUC", above, chance, none) == pytest.approx(area)
    right = 100 * metrics.accuracy_score(above, chance > 0.5)
    assert forecast.measure("accuracy [%]", above, chance, none) == pytest.approx(right)


def test_forecasting_the_mean_ranks_nothing(made_runs):
    runs = made_runs(60)
    for classify in (False, True):
        folds = forecast.cross_predict(
            runs, [("mean", "proportion")], classify=classify
        )
        found = forecast.measure_forecasts(folds).set_index("measure")["value"]
        if classify:
            assert found["ROC AUC"] == 0.5
        else:
            assert found["rank correlation"] == 0
            assert -0.1 < found["R2"] < 0


def test_a_known_truth_is_found(made_runs):
    runs = made_runs(120, "proportion")
    models = [("spline", "proportion"), BASE, WITH]
    folds = forecast.cross_predict(runs, models)
    found = forecast.measure_forecasts(folds).set_index(
        ["model", "features", "measure"]
    )
    assert found.loc[("spline", "proportion", "R2"), "low"] > 0.8
    assert found.loc[(*WITH, "R2"), "low"] > found.loc[(*BASE, "R2"), "value"]
    value, low, high = forecast.r2_gain(folds, WITH, BASE)
    assert 0 < low < value < high
    each = found.xs("R2", level="measure")["value"]
    assert value == pytest.approx(each[WITH] - each[BASE])


def test_hidden_proportion_helps_nothing_where_it_means_nothing(made_runs):
    folds = forecast.cross_predict(made_runs(120, "rate"), [BASE, WITH])
    _, low, high = forecast.r2_gain(folds, WITH, BASE)
    assert low < 0.02 and high > -0.1
    found = forecast.measure_forecasts(folds).set_index(
        ["model", "features", "measure"]
    )
    assert found.loc[(*BASE, "R2"), "low"] > 0.5


def test_noise_is_not_forecast(made_runs):
    folds = forecast.cross_predict(made_runs(90, "nothing"), [WITH])
    found = forecast.measure_forecasts(folds).set_index("measure")
    assert found.loc["R2", "value"] < 0.1
    row = found.loc["rank correlation"]
    assert row["low"] < 0 < row["high"] or row["high"] < 0.1


def test_the_top_third_is_told_apart(made_runs):
    models = [("linear", "proportion"), ("forest", "proportion")]
    folds = forecast.cross_predict(made_runs(90), models, classify=True)
    found = forecast.measure_forecasts(folds).set_index(["model", "measure"])
    assert found.loc[("forest", "ROC AUC"), "low"] > 0.85
    assert found.loc[("forest", "accuracy [%]"), "low"] > 75
    assert folds["observed"].mean() == pytest.approx(1 / 3, abs=0.02)


def test_more_repeats_do_not_make_intervals_narrower_than_the_designs_allow(made_runs):
    widths = []
    for repeats in (1, 6):
        folds = forecast.cross_predict(
            made_runs(60), [("spline", "proportion")], repeats=repeats
        )
        row = forecast.measure_forecasts(folds).set_index("measure").loc["R2"]
        widths.append(row["high"] - row["low"])
    assert widths[1] > 0.8 * widths[0]


def test_intervals_of_r2_cover_as_often_as_they_say():
    """Forecasts of fresh designs by a model that is given: R2 is .75 in truth."""
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(100):
        told = rng.normal(size=100) * 3**0.5
        folds = pd.DataFrame({"row": range(100), "forecast": told, "base": 0.0})
        folds["observed"] = told + rng.normal(size=100)
        folds = folds.assign(model="given", features="all", repeat=0)
        row = forecast.measure_forecasts(folds, resamples=200, seed=trial).iloc[0]
        held += row["low"] < 0.75 < row["high"]
    assert 0.88 <= held / 100 <= 0.99


def test_no_interval_of_r2_is_above_one():
    """One design far from the others, and far from its forecast."""
    folds = pd.DataFrame({"row": range(20), "observed": np.arange(20.0), "base": 0.0})
    folds.loc[19, "observed"] = 500.0
    folds["forecast"] = folds["observed"].clip(upper=-400)
    folds = folds.assign(model="given", features="all", repeat=0)
    row = forecast.measure_forecasts(folds).iloc[0]
    assert row["value"] < row["high"] == 1


def test_corrected_interval_is_wider_than_a_t_test():
    values = [0.4, 0.5, 0.55, 0.6]
    plain = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    mean, low, high = forecast.corrected_interval(values, 1 / 4)
    assert low < plain.low < mean < plain.high < high
    assert forecast.corrected_interval(values, 0)[1:] == pytest.approx(tuple(plain))


@pytest.mark.parametrize("model", ["linear", "forest"])
def test_prediction_intervals_hold_what_they_promise(made_runs, model):
    runs, fresh = made_runs(100), made_runs(300, seed=1)
    found = forecast.predict_scores(runs, fresh, "proportion", model, level=0.8)
    truth = 100 * fresh["score"]
    assert truth.between(found["low [%]"], found["high [%]"]).mean() == pytest.approx(
        0.8, abs=0.12
    )
    checked = forecast.check_intervals(runs, "proportion", model, level=0.8)
    assert checked["held"].mean() == pytest.approx(0.8, abs=0.12)
    assert len(checked) == 100 and checked.notna().to_numpy().all()


def test_a_reader_forecasts_named_designs_from_a_committed_table():
    designs = blocks().loc[["balanced_0", "111111_", "balanced"]]
    found = forecast.predict_scores(vsrnn.get_results("rad_100k"), designs)
    assert (found.index == designs.index).all()
    assert (found["low [%]"] <= found["forecast [%]"]).all()
    assert (found["forecast [%]"] <= found["high [%]"]).all()
    assert found.to_numpy().min() >= 0 and found.to_numpy().max() <= 100


def test_designs_that_name_no_task_are_of_the_runs_own():
    task = "own:Classes"
    drawn = vsrnn.draw_designs(task, "normal", 30)
    known = vsrnn.design_table(task, drawn).rename(columns={"name": "design"})
    runs = known.assign(task=task, score=known["hidden_proportion"], error=None)
    runs.loc[0, ["score", "error"]] = None, "diverged: training loss not finite"
    assert forecast.training_table(runs)["score [%]"][0] == 25, "a guess among four"
    new = vsrnn.design_table(task, vsrnn.draw_designs(task, "normal", 20, seed=1))
    found = forecast.predict_scores(runs, new, "proportion", "spline")
    named = forecast.predict_scores(runs, new.assign(task=task), "proportion", "spline")
    pd.testing.assert_frame_equal(found, named)
    middle = found["forecast [%]"] / 100
    assert (middle - new["hidden_proportion"]).abs().median() < 0.05
    low = forecast.predict_scores(runs.assign(score=-runs["score"]), new)
    assert (low["low [%]"] < low["forecast [%]"]).all() and low["low [%]"].min() < -5


@pytest.mark.parametrize("level, words", [(0.99, "more than 30"), (90, "0 and 1")])
def test_intervals_that_cannot_be_promised_are_refused(made_runs, level, words):
    with pytest.raises(vsrnn.VsrnnError, match=words):
        forecast.predict_scores(made_runs(30), blocks(), model="linear", level=level)


def test_the_fewest_designs_for_intervals_are_ten(made_runs):
    rest = {"model": "linear", "level": 0.5}
    with pytest.raises(vsrnn.VsrnnError, match="more than 9 trained designs"):
        forecast.predict_scores(made_runs(9), blocks(), "proportion", **rest)
    found = forecast.predict_scores(made_runs(10), blocks(), "proportion", **rest)
    assert found.notna().to_numpy().all()


def test_the_same_seed_gives_the_same_forecast(made_runs):
    runs, new = made_runs(30), made_runs(5, seed=1)
    pipeline = forecast.make_regressor(seed=3)
    known = forecast.training_table(runs)
    first = clone(pipeline).fit(known, known[SCORE]).predict(new)
    again = clone(pipeline).fit(known, known[SCORE]).predict(new)
    assert (first == again).all()


def test_importance_and_dependence_find_the_truth(made_runs):
    runs = made_runs(90)
    table = analysis.forecast_importance(runs)
    first = table.iloc[0]
    assert first["feature"] == "hidden_proportion" and first["low [R2]"] > 0
    lines = analysis.forecast_dependence(runs)
    part = lines[lines["feature"] == "hidden_proportion"]
    mean = part.groupby("value")["forecast [%]"].mean()
    assert 0.1 < mean.idxmax() < 0.5
    assert mean.max() - mean.iloc[0] > 5
    flat = lines[lines["feature"] == "learning_rate"].groupby("value").mean(True)
    assert np.ptp(flat["forecast [%]"]) < 2


def test_dependence_is_the_mean_with_the_feature_set(made_runs):
    runs = made_runs(60)
    lines = analysis.forecast_dependence(runs, ["density_hx"]).query("forest == 0")
    known = forecast.training_table(runs)
    values = forecast.features(known)
    fit, _ = next(forecast.splits(known))
    model = forecast.make_regressor(seed=0).fit(known.iloc[fit], known[SCORE].iloc[fit])
    for line in lines.iloc[[0, 17, 39]].to_dict("records"):
        given = values.assign(density_hx=line["value"])
        expected = model[-1].predict(given).mean()
        assert line["forecast [%]"] == pytest.approx(expected)


def test_where_no_score_varies_nothing_is_explained(made_runs):
    known = forecast.cross_predict(
        made_runs(20).assign(score=0.5), [("mean", "proportion")]
    )
    found = forecast.measure_forecasts(known).set_index("measure").loc["R2"]
    assert found[["value", "low", "high"]].tolist() == [0, 0, 0]


@pytest.mark.parametrize("folds", [1, 21])
def test_folds_that_cannot_be_are_refused(made_runs, folds):
    with pytest.raises(VsrnnError, match="folds must be from 2 to 20"):
        forecast.cross_predict(made_runs(20), folds=folds)


def test_more_runs_make_a_better_forecast(made_runs):
    table = analysis.forecast_runs(made_runs(90), steps=3, repeats=4)
    curve = table[table["measure"] == "R2"]
    assert curve["trained [designs]"].tolist() == [10, 26, 67]
    assert curve["mean"].is_monotonic_increasing
    assert analysis.enough_runs(table, slack=10) == 10
    assert analysis.enough_runs(table, slack=0) == 67


def test_transfer_is_worse_where_tables_differ(made_runs):
    tables = [
        made_runs(40, "proportion", table="one"),
        made_runs(40, "rate", table="other", seed=1),
    ]
    found = analysis.forecast_transfer(pd.concat(tables, ignore_index=True))
    chosen = found[
        (found["features"] == "with proportion") & (found["measure"] == "R2")
    ]
    mean = chosen.groupby("source")["value"].mean()
    assert mean["same table"] > mean["other tables"]
    alone = analysis.forecast_transfer(tables[0])
    assert set(alone["source"]) == {"same table"}


def test_sentences_say_whether_the_claim_holds(made_runs, request):
    runs, empty = made_runs(30), made_runs(30, "nothing")
    models = [("mean", "proportion"), BASE, WITH]
    scores, none = (analysis.forecast_scores(table, models) for table in (runs, empty))
    cost = analysis.forecast_runs(runs, steps=2, repeats=2)
    first = analysis.forecast_transfer(runs), analysis.forecast_importance(runs)
    request.getfixturevalue("few_trees")
    observed = analysis.forecast_observed(runs)
    text = analysis.found_forecast(scores, *first, cost, observed)
    row = scores.set_index(["model", "features", "measure"]).loc[(*WITH, "R2")]
    assert f"R² {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})" in text
    assert "That a random forest predicts performance holds" in text
    held = 100 * observed["held"].mean()
    assert f"so many hold the score: {held:.0f} % (" in text
    assert "where always to say no has 67 %" in text
    poor = cost.assign(mean=-0.1)
    text = analysis.found_forecast(none, *first, poor, observed)
    assert "That a random forest predicts performance is not decided" in text
    assert "a useful forecast takes more" in text


@pytest.mark.parametrize(
    ("held", "said"),
    [(0.5, "fewer than promised"), (0.9, "as many as promised"), (1, "more than")],
)
def test_intervals_are_said_to_hold_what_they_hold(held, said):
    rows = pd.DataFrame({"held": np.arange(100) < 100 * held, "level [%]": 90.0})
    assert said in _held(rows)


def test_an_interval_is_the_expected_error_times_the_ratio_of_its_rank(made_runs):
    from sklearn.model_selection import KFold, cross_val_predict

    known, new = forecast.training_table(made_runs(29)), made_runs(5, seed=1)
    folds = KFold(5, shuffle=True, random_state=0)

    def expected(some, of):
        pipeline = forecast.make_regressor("proportion", "linear")
        score = some[forecast.SCORE]
        errors = abs(score - cross_val_predict(pipeline, some, score, cv=folds))
        return np.maximum(pipeline.fit(some, errors).predict(of), errors.mean() / 10)

    ratios = []
    for fit, rest in folds.split(known):
        seen, unseen = known.iloc[fit], known.iloc[rest]
        pipeline = forecast.make_regressor("proportion", "linear")
        middle = pipeline.fit(seen, seen[forecast.SCORE]).predict(unseen)
        ratios += [*(abs(unseen[forecast.SCORE] - middle) / expected(seen, unseen))]
    found = forecast.predict_scores(
        made_runs(29), new, "proportion", "linear", level=0.8
    )
    width = found["high [%]"] - found["forecast [%]"]
    rank = 24  # .8 of 29 + 1
    np.testing.assert_allclose(width, sorted(ratios)[rank - 1] * expected(known, new))


def test_intervals_are_wide_where_forecasts_err(made_runs):
    runs, fresh = made_runs(200), made_runs(200, seed=1)
    rng = np.random.default_rng(0)
    for table in (runs, fresh):  # noise above the middle of the hidden sizes
        noisy = table["hidden"] > runs["hidden"].median()
        noise = rng.normal(0, np.where(noisy, 0.1, 0.005))
        table["score"] = np.clip(table["score"] + noise, 0, 1)
    found = forecast.predict_scores(runs, fresh, level=0.8)
    width = found["high [%]"] - found["low [%]"]
    held = (100 * fresh["score"]).between(found["low [%]"], found["high [%]"])
    assert width[noisy].median() > 2 * width[~noisy].median()
    for part in (noisy, ~noisy):
        assert held[part].mean() == pytest.approx(0.8, abs=0.15)


def test_scores_without_error_have_intervals_without_width(made_runs):
    runs = made_runs(20).assign(score=0.5)
    found = forecast.predict_scores(runs, made_runs(5, seed=1), level=0.8)
    np.testing.assert_allclose(found, 50)


@pytest.mark.parametrize("task", ["rad", "hammer"])
def test_counts_are_of_their_blocks(task):
    designs = vsrnn.list_designs(task).query("model == 'block'").set_index("name")
    found = forecast.features(designs, "with counts")
    for name, row in found[[f"weights_{b}" for b in BLOCKS]].iterrows():
        geometry = get_design(task, name).geometry(*sizes(task))
        np.testing.assert_allclose(row, list(geometry.block_weights.values()))


@pytest.mark.parametrize(
    "column",
    [
        "task",
        "mask",
        "digits",
        "split",
        "source",
        "noise",
        "data_seed",
        "policy_sha256",
        "batch_size",
    ],
)
def test_runs_made_in_several_ways_are_refused(made_runs, column):
    runs = made_runs(5).assign(**{column: "one"})
    runs.loc[4, column] = "other"
    with pytest.raises(VsrnnError, match=f"differ in {column}: select"):
        forecast.training_table(runs)


def test_other_data_of_a_task_of_ones_own_are_refused(made_runs):
    runs = made_runs(5).assign(data_sha256=list("aaaab"))
    assert len(forecast.training_table(runs)) == 5  # pixels that a processor rounds
    with pytest.raises(VsrnnError, match="differ in data_sha256: select"):
        forecast.training_table(runs.assign(task="own:Classes"))


def test_the_forest_is_that_of_the_paper_and_seeds_split(made_runs):
    assert forecast.make_regressor()[-1].n_estimators == 60
    runs = made_runs(20)
    one, other = (
        forecast.cross_predict(runs, [("mean", "proportion")], seed=s) for s in (0, 1)
    )
    assert one["row"].tolist() != other["row"].tolist()


def test_importance_is_measured_on_designs_that_the_forest_has_not_seen(made_runs):
    noise = analysis.forecast_importance(made_runs(60, "nothing"))
    print(noise)
    assert noise["loss [R2]"].abs().max() < 0.3
    first = analysis.forecast_importance(made_runs(60)).iloc[0]
    print(first)
    assert 0.1 < first["loss [R2]"] < 2
