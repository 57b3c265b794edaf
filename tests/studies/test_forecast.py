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
from sklearn.metrics import roc_auc_score

from vsrnn.forecast.inspection import KIND, TRAINED
from vsrnn.forecast.measures import R2, RANK
from vsrnn.forecast.table import SCORE
from vsrnn.plot.labels import BLUE, ORANGE
from vsrnn.runs.tables import study_runs
from vsrnn.stats import minus_signs
from vsrnn.studies import Page
from vsrnn.studies import forecast as study
from vsrnn.studies.forecast import Data
from vsrnn.studies.labels import table_label

NOTEBOOK = nbformat.read(
    Path(__file__).parents[2] / "notebooks" / "forecast.ipynb", as_version=4
)
pytestmark = pytest.mark.usefixtures("few_trees")


def page_of(runs, asked=None):
    return Page("forecast", Data(runs, asked))


@pytest.fixture(scope="module")
def page(made_runs):
    """Two tables with the same truth and one that is only asked about."""
    runs = [made_runs(40, table="rad_normal"), made_runs(30, table="more", seed=1)]
    return page_of(pd.concat(runs, ignore_index=True), made_runs(20, table="asked"))


_SOURCES = (("same", ""), ("other", "s"))


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


def test_transfer_is_drawn_by_source(page):
    table = page.table("forecast_transfer")
    figure = study.forecast_transfer(table)
    keys = list(dict.fromkeys(table["table"]))
    names = [table_label(name) for name in keys]
    assert drawn.row_names(figure.axes[0]) == names
    for ax, measure in zip(figure.axes, (R2, RANK), strict=True):
        for source, color, shift in (
            ("same table", BLUE, -0.2),
            ("other tables", ORANGE, 0.2),
        ):
            rows = rows_of(table, measure=measure, source=source)
            at = [keys.index(name) + shift for name in rows["table"]]
            points = zip(rows["value"].clip(-0.3, 1), at, strict=True)
            assert_same(drawn.markers(ax, color), points)
            assert_same(drawn.intervals(ax, color), spans(rows, (-0.3, 1), at))


def test_forecasts_are_drawn_against_what_was_observed(page):
    table = page.table("forecast_observed").copy()
    table.loc[:5, SCORE] = 12.0
    (ax,) = study.forecast_observed(table).axes
    never = table[SCORE] < study.LEARNED
    for rows, color in ((table[~never], BLUE), (table[never], ORANGE)):
        points = rows[[SCORE, "forecast [%]"]].to_numpy()
        assert len(points) and drawn.runs(ax, color)
        assert_same(drawn.runs(ax, color), map(tuple, points))


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
    transfer = rows_of(page.table("forecast_transfer"), measure=R2)
    for source, key in (("same table", "same"), ("other tables", "other")):
        values = rows_of(transfer, source=source)["value"]
        for end, value in (("min", values.min()), ("max", values.max())):
            assert numbers[f"{key}_{end}"] == minus_signs(f"{value:z.2f}")
    assert numbers["designs"] == "70"
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
        data = Data(study_runs(study.RANDOM), study_runs([study.NAMED]))
        page = Page("forecast", data)
        page.table("forecast_scores"), page.table("forecast_transfer")
    observed = page.table("forecast_observed")  # few trees: failures are told as well
    answer, rest = NOTEBOOK.cells[0].source, str(NOTEBOOK)
    verdicts = page.claims().set_index("claim")["verdict"]
    assert "explains {{r2}} of the variance" in answer
    assert verdicts["a forest forecasts the score, all tables together"] == "holds"
    assert "the forest still ranks them" in answer
    assert verdicts["a forest ranks the designs that learn"] == "holds"
    assert "for their exact scores the mean of all would be the closer" in answer
    assert study._learned(observed).loc[R2, "value"] < 0
    assert "{{between}} % lies between" in answer
    assert study._between(observed) > 0.8
    learned = observed[SCORE] >= study.LEARNED
    assert roc_auc_score(learned, observed["forecast [%]"]) > 0.9
    assert "A forest tells failures from successes" in rest
    errors = (observed["forecast [%]"] - observed[SCORE])[learned]
    assert errors.mean() < 0 and "forecasts are too low and too far apart" in rest
    spreads = observed[learned].std(numeric_only=True)
    assert spreads["forecast [%]"] > spreads[SCORE]
    r2 = rows_of(page.table("forecast_transfer"), measure=R2)
    same, other = (rows_of(r2, source=f"{s} table{e}") for s, e in _SOURCES)
    assert other["value"].min() < 0 < same["value"].max()
    assert "It need not carry over to designs drawn in another way" in rest
    curve = rows_of(page.table("forecast_runs"), measure=R2)["mean"]
    assert curve.iloc[-1] > curve.iloc[-2] + 0.03
    assert "More runs still make a better forecast" in rest


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
    assert len(shown) == 3
