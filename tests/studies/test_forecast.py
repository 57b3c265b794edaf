"""The study of forecasts: a known truth in tables, pictures, numbers and claims."""

import ast
import inspect
import re
from pathlib import Path

import drawn
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from vsrnn.forecast.effects import feature_label
from vsrnn.forecast.inspection import KIND, KIND_LABELS, TRAINED
from vsrnn.forecast.measures import R2, RANK
from vsrnn.forecast.table import SCORE
from vsrnn.plot.labels import BLUE, GRAY, ORANGE
from vsrnn.runs.tables import study_runs
from vsrnn.stats import minus_signs
from vsrnn.studies import Page
from vsrnn.studies import forecast as study
from vsrnn.studies.forecast import Data
from vsrnn.studies.labels import table_label

NOTEBOOK = nbformat.read(
    Path(__file__).parents[2] / "notebooks" / "forecast.ipynb", as_version=4
)
MODELS = (
    ("mean", "proportion"),
    study.BASE,
    ("forest", "proportion"),
    ("forest", KIND),
)
pytestmark = pytest.mark.usefixtures("few_trees")


def page_of(runs, asked=None):
    return Page("forecast", Data(runs, asked, models=MODELS))


@pytest.fixture(scope="module")
def page(made_runs):
    """Two tables with the same truth and one that is only asked about."""
    runs = [made_runs(40, table="rad_normal"), made_runs(30, table="more", seed=1)]
    return page_of(pd.concat(runs, ignore_index=True), made_runs(20, table="asked"))


def rows_of(table, **columns):
    for name, value in columns.items():
        table = table[table[name] == value]
    return table


def spans(rows, within, place):
    """Intervals of a table as they are drawn, cut to the range of the axis."""
    ends = rows[["low", "high"]].clip(*within).to_numpy()
    return [(*map(float, pair), at) for pair, at in zip(ends, place, strict=True)]


def assert_same(found, expected):
    np.testing.assert_allclose(sorted(found), sorted(expected), atol=1e-9)


def test_scores_are_drawn_where_they_are(page):
    table = page.table("forecast_scores")
    figure = study.forecast_scores(table)
    names = [study.model_label(*pair) for pair in MODELS]
    assert drawn.row_names(figure.axes[0]) == names
    assert len(figure.axes) == table["measure"].nunique() == 6
    measures = (R2, study.GAIN, study.ERROR, RANK, "ROC AUC", study.RIGHT)
    for ax, measure in zip(figure.axes, measures, strict=True):
        rows = rows_of(table, measure=measure)
        pairs = zip(rows["model"], rows["features"], strict=True)
        place = [float(MODELS.index(pair)) for pair in pairs]
        within = study._RANGES.get(measure, (-np.inf, np.inf))
        for model, color in (("forest", BLUE), ("mean", ORANGE)):
            mine = (rows["model"] == model).to_numpy()
            at = list(np.array(place)[mine])
            points = list(zip(rows.loc[mine, "value"], at, strict=True))
            assert_same(drawn.markers(ax, color), points)
            assert_same(drawn.intervals(ax, color), spans(rows[mine], within, at))


def test_transfer_is_drawn_by_source(page):
    table = page.table("forecast_transfer")
    figure = study.forecast_transfer(table)
    keys = list(dict.fromkeys(zip(table["table"], table["features"], strict=True)))
    names = [f"{table_label(name)}: {KIND_LABELS[kind]}" for name, kind in keys]
    assert drawn.row_names(figure.axes[0]) == names
    for ax, measure in zip(figure.axes, (R2, RANK), strict=True):
        for source, color, shift in (
            ("same table", BLUE, -0.2),
            ("other tables", ORANGE, 0.2),
        ):
            rows = rows_of(table, measure=measure, source=source)
            pairs = zip(rows["table"], rows["features"], strict=True)
            at = [keys.index(pair) + shift for pair in pairs]
            points = zip(rows["value"].clip(-0.3, 1), at, strict=True)
            assert_same(drawn.markers(ax, color), points)
            assert_same(drawn.intervals(ax, color), spans(rows, (-0.3, 1), at))


def test_forecasts_are_drawn_against_what_was_observed(page):
    table = page.table("forecast_observed").copy()
    table.loc[:5, "held"] = False
    figure = study.forecast_observed(table)
    (ax,) = figure.axes
    for held, color in ((True, BLUE), (False, ORANGE)):
        rows = table[table["held"] == held]
        points = rows[[SCORE, "forecast [%]"]].to_numpy()
        assert_same(drawn.runs(ax, color), map(tuple, points))
        bars = rows[[SCORE, "low [%]", "high [%]"]].to_numpy()
        assert_same(drawn.uprights(ax, color), map(tuple, bars))
    assert f"{100 * table['held'].mean():.0f} % of" in ax.get_title(loc="left")


def test_importance_and_dependence_are_drawn_as_tabled(page):
    table = page.table("forecast_importance")
    (ax,) = study.forecast_importance(table).axes
    assert drawn.row_names(ax) == [feature_label(n) for n in table["feature"].head(12)]
    losses = table["loss [R2]"].head(12)
    assert_same(drawn.markers(ax, BLUE), zip(losses, range(12), strict=True))
    ends = table[["low [R2]", "high [R2]"]].head(12).to_numpy()
    bars = [(*pair, at) for at, pair in enumerate(ends)]
    assert_same(drawn.intervals(ax, BLUE), bars)
    lines = page.table("forecast_dependence")
    figure = study.forecast_dependence(lines)
    for ax, (name, rows) in zip(
        figure.axes, lines.groupby("feature", sort=False), strict=True
    ):
        unit = 1000 if name == "learning_rate" else 1
        curves = drawn.curves(ax)
        last = rows[rows["forest"] == 4]
        gray = zip(unit * last["value"], last["forecast [%]"], strict=True)
        assert_same(curves[to_hex(GRAY), "-"], gray)
        x, y = np.transpose(curves[BLUE.lower(), "-"])
        mean = rows.groupby("value")["forecast [%]"].mean()
        np.testing.assert_allclose(np.interp(unit * mean.index, x, y), mean, atol=0.3)


def test_costs_are_drawn_with_their_bands(page):
    table = page.table("forecast_runs")
    (ax,) = study.forecast_runs(table).axes
    curves, bands = drawn.curves(ax), drawn.bands(ax)
    for measure, color, line in ((R2, BLUE, "-"), (RANK, ORANGE, "--")):
        rows = rows_of(table, measure=measure)
        cut = rows[["mean", "low", "high"]].clip(-0.3, 1)
        points = zip(rows[TRAINED], cut["mean"], strict=True)
        assert_same(curves[color.lower(), line], points)
        band = zip(rows[TRAINED], cut["low"], cut["high"], strict=True)
        assert_same(bands[color.lower()], band)


def test_a_known_truth_holds_and_noise_does_not(page, made_runs):
    claims = page.claims().set_index("claim")
    words = "a forest forecasts the score, all tables together"
    scores = page.table("forecast_scores")
    row = rows_of(scores, model="forest", features=KIND, measure=R2).iloc[0]
    claim = claims.loc[words]
    assert claim["verdict"] == "holds" and claim["unit"] == "R2"
    assert claim[["value", "low", "high"]].tolist() == [*row[["value", "low", "high"]]]
    own = "a forest fitted to the same table forecasts the score: drawn as published"
    assert (claims.filter(like=own, axis="index")["verdict"] == "holds").all()
    assert claims.filter(like="asked", axis="index").shape[0] == 1
    noise = page_of(made_runs(30, "nothing"), made_runs(15, "nothing"))
    verdict = noise.claims().set_index("claim").loc[words, "verdict"]
    assert verdict in ("undecided", "reversed")


def test_coverage_is_claimed_above_the_level_or_below(page):
    observed = page.table("forecast_observed")
    words = "more than 90 % of intervals contain it"
    for held, verdict in ((0.5, "reversed"), (0.9, "undecided"), (1.0, "holds")):
        number = int(held * len(observed))
        changed = observed.assign(held=np.arange(len(observed)) < number)
        again = Page("forecast", page.data, _tables={**page._tables})
        again._tables["forecast_observed"] = changed
        claim = again.claims().set_index("claim").loc[words]
        assert claim["verdict"] == verdict
        assert claim["value"] == pytest.approx(100 * number / len(observed) - 90)


def test_numbers_are_those_of_the_tables(page):
    numbers = page.numbers()
    transfer = rows_of(page.table("forecast_transfer"), features=KIND, measure=R2)
    for source, key in (("same table", "same"), ("other tables", "other")):
        values = rows_of(transfer, source=source)["value"]
        for end, value in (("min", values.min()), ("max", values.max())):
            assert numbers[f"{key}_{end}"] == minus_signs(f"{value:z.2f}")
    assert numbers["designs"] == "70"
    assert numbers["right_mean"] == "67"
    observed = page.table("forecast_observed").copy()
    observed[SCORE] = np.resize([10.0, 10.0, 50.0, 54.0], len(observed))
    observed["forecast [%]"] = observed[SCORE].replace({50.0: 50.0, 54.0: 60.0})
    learned = study._learned(observed)
    assert learned.loc[RANK, "value"] == pytest.approx(1)
    assert learned.loc[R2, "value"] == pytest.approx(1 - 18 / 4, abs=0.1)
    ends = observed.assign(**{SCORE: np.resize([10.0, 50.0], len(observed))})
    assert study._between(ends) == pytest.approx(1)


def test_the_page_says_what_the_committed_runs_say():
    """Verdicts that the short answer states in words, with real forests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vsrnn.forecast.validation.TREES", 60)
        data = Data(study_runs(study.RANDOM), study_runs([study.NAMED]), models=MODELS)
        page = Page("forecast", data)
        page.table("forecast_scores"), page.table("forecast_transfer")
    observed = page.table("forecast_observed")  # few trees: failures are told as well
    answer = NOTEBOOK.cells[0].source
    verdicts = page.claims().set_index("claim")["verdict"]
    assert "explains {{r2}} of the variance" in answer
    assert verdicts["a forest forecasts the score, all tables together"] == "holds"
    assert "the forest still ranks them" in answer
    assert verdicts["a forest ranks the designs that learn"] == "holds"
    assert "their mean would be the better forecast" in answer
    assert study._learned(observed).loc[R2, "value"] < 0
    assert "{{between}} % lies between" in answer
    assert study._between(observed) > 0.8


def test_the_notebook_loads_what_the_study_does():
    source = NOTEBOOK.cells[1].source
    given = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
    }
    usual = inspect.signature(study.load).parameters
    for name in ("tables", "asked", "level", "repeats", "seed"):
        default = usual[name].default
        expected = list(default) if isinstance(default, tuple) else default
        assert given[name] == expected
    shown = re.findall(r'page\.show\("(\w+)"', str(NOTEBOOK))
    assert len(shown) == 6
