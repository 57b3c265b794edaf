"""One-shot pruning: tables of a known truth, and what claims say of them."""

import drawn
import pytest
from pandas import DataFrame

from vsrnn.plot.registry import FIGURES
from vsrnn.studies import open_page
from vsrnn.studies import pruning as study
from vsrnn.studies.planned import Data


def page_of(monkeypatch, plan):
    monkeypatch.setattr(
        study, "load", lambda: Data(plan, plan[plan[study.END].notna()])
    )
    return open_page("pruning")


@pytest.fixture
def page(monkeypatch):
    """Only an LSTM recovers; a tanh network loses ten points at its safe level."""
    rows = [{**labels, "id": config.id} for labels, config in study.plan()]
    plan = DataFrame(rows).drop_duplicates("id")
    lost = 0.10 * (plan["cell"] == "tanh") * (plan["level"] > 0)
    plan[study.AFTER] = 0.95 - lost + 0.001 * plan["seed"]
    gone = (plan["what"] == study.WITHIN) & (plan["level"] == 100)
    plan[study.END] = 0.98 - 0.4 * (gone & (plan["cell"] != "lstm"))
    plan.loc[plan["seed"] == 4, [study.AFTER, study.END]] = None
    return page_of(monkeypatch, plan)


def test_a_run_goes_on_from_the_weights_of_its_cell_and_seed():
    known = {config.id: labels for labels, config in study.plan()}
    for labels, config in study.plan():
        if labels["what"] != "first":
            source = known[config.method[0].run]
            assert (source["cell"], source["seed"]) == (labels["cell"], labels["seed"])
            assert config.method[0].trained
            if labels["level"]:
                pruning = config.method[1]
                assert pruning.density == pytest.approx(1 - labels["level"] / 100)
                reads = any("ih" in name for name in pruning.protect)
                assert reads == (labels["what"] == study.WITHIN)


def test_safe_is_within_five_points_and_recovered_likewise(page):
    claims = page.claims().set_index("claim")
    row = claims.loc[study.IS_SAFE.format("tanh", 80)]
    assert row["value"] == pytest.approx(-5) and row["verdict"] == "reversed"
    assert claims.loc[study.IS_SAFE.format("GRU", 80), "verdict"] == "holds"
    assert claims.loc[study.RECOVERS.format("LSTM"), "value"] == pytest.approx(5)
    row = claims.loc[study.RECOVERS.format("ReLU")]
    assert row["value"] == pytest.approx(-35) and row["verdict"] == "reversed"
    numbers = page.numbers()
    assert numbers["safe"] == "ReLU, LSTM, GRU" and numbers["recover"] == "LSTM"
    assert numbers["gone_lstm"] == "0.98" and numbers["gone_gru"] == "0.58"


def test_without_runs_the_page_says_so(monkeypatch, page):
    empty = page.data.plan.assign(**{study.AFTER: None, study.END: None})
    page = page_of(monkeypatch, empty)
    assert page.claims().empty and page.numbers()["stored_runs"] == "0 of 660"
    figure = FIGURES["pruning_levels"].draw(page.table("pruning_levels"))
    assert "no runs yet" in [words for ax in figure.axes for words in drawn.words(ax)]
