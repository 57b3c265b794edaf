"""Denoising: tables of a known truth, and what claims say of them."""

import drawn
import pytest

from vsrnn.plot.registry import FIGURES
from vsrnn.studies import denoise as study
from vsrnn.studies import open_page
from vsrnn.studies.page import figures_of
from vsrnn.studies.planned import Data

BEST = {"static": 0.1, "gradual": 0.6, "straight": 0.3, "denoise": 0.7}


def page_of(monkeypatch, change):
    data = study.load("nothing")
    plan = data.plan.assign(**{study.EXPLAINED: change(data.plan)})
    monkeypatch.setattr(study, "load", lambda: Data(plan, plan))
    return open_page("denoise")


@pytest.fixture
def page(monkeypatch):
    return page_of(
        monkeypatch, lambda plan: plan["arm"].map(BEST) + 0.01 * plan["seed"]
    )


def test_arms_end_with_as_many_weights():
    for labels, config in study.plan():
        method, density = config.method[0], labels[study.DENSITY]
        if labels["arm"] == "static":
            assert set(config.design.density) == {density}
        else:
            assert set(config.design.density) == {1} and method.density == density
        if labels["precision"]:
            wanted = {"2": "affine", "3": "linear", "16": "affine"}
            form = wanted[labels["precision"].split()[0]]
            form = "linear" if "neighbors" in labels["precision"] else form
            straight = labels["arm"] == "straight"
            assert method.estimator == ("straight" if straight else form)


def test_differences_are_paired_and_half_is_the_bar(page):
    claims = page.claims().set_index("claim")
    row = claims.loc[study.MORE.format("straight-through", "block", 0.05)]
    assert row["value"] == pytest.approx(0.4) and row["verdict"] == "holds"
    assert claims.loc[study.HALF.format("cell", "3 values"), "value"] == pytest.approx(
        0.22
    )
    numbers = page.numbers()
    assert numbers["straight"] == numbers["gradual"] == "explains more"
    assert (numbers["at_denoise"], numbers["dense"]) == ("0.72", "0.12")


def test_a_worse_arm_reverses_the_words(monkeypatch):
    page = page_of(
        monkeypatch,
        lambda plan: -plan["arm"].map(BEST) - 0.3 * (plan["arm"] == "denoise"),
    )
    assert page.numbers()["gradual"] == "explains less"


def test_lines_are_drawn_where_the_table_says(page):
    table = page.table("denoise_density")
    axes = FIGURES["denoise_density"].draw(table).axes
    for ax, (panel, rows) in zip(axes, table.groupby("panel", sort=False), strict=True):
        assert ax.get_title(loc="left") == panel
        own = rows[rows["arm"] == "denoise"]
        bars = sorted(bar[1:] for bar in drawn.uprights(ax, "#0072B2"))
        assert bars == [pytest.approx(list(e)) for e in own[["low", "high"]].values]


@pytest.mark.parametrize("name", figures_of("denoise"))
def test_without_runs_every_figure_says_so(monkeypatch, name):
    page = page_of(monkeypatch, lambda plan: float("nan"))
    assert page.claims().empty
    figure = FIGURES[name].draw(page.table(name))
    assert "no runs yet" in [words for ax in figure.axes for words in drawn.words(ax)]
