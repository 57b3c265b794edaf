"""What goes with learning speed before training: a known law, and the page's words."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import made_tables

from vsrnn.studies import before as study
from vsrnn.studies import open_page
from vsrnn.studies.page import Page, figures_of

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "before.ipynb"


def tables():
    """Made ones, whose law is that hidden proportion goes with speed."""
    found = made_tables(tasks=8)
    named = found.probes.rename(columns={"noise": "readout"})
    return replace(found, probes=named)


@pytest.fixture
def page():
    return Page("before", study.Data(tables()))


def test_the_law_is_found_and_noise_is_not(page):
    table = page.table("before_measures").set_index("what")
    assert table.loc["hidden proportion", "low"] > 0.3
    readout = table.loc["read-out of frozen states"]
    assert readout["low"] < 0 < readout["high"]
    assert table.loc["loss after 3 epochs", "mean"] > 0.5
    assert table["ceiling"].iloc[0] > 0.5 and (table["tasks"] == 8).all()
    found = {claim.claim: claim.verdict for claim in study.claims(page)}
    assert found[study.CLAIMS[0]] == "holds" == found[study.CLAIMS[2]]
    assert study.numbers(page)["proportion_verdict"] == study._WORDS["holds"]


def test_a_law_turned_round_reads_so():
    turned = tables()
    slow = replace(turned, levels=-turned.levels)
    page = Page("before", study.Data(slow))
    words = study.numbers(page)["proportion_verdict"]
    assert words == study._WORDS["reversed"]


def test_what_is_given_is_taken_out():
    """A quantity that goes with speed only through the other has nothing left."""
    rng = np.random.default_rng(0)
    found = made_tables(tasks=1, designs=400)
    rows = found.pools["t0", "1000", "fixed"]
    gain = rng.normal(size=len(found))
    own = found.features.assign(
        gain_hh=gain, proportion=gain + rng.normal(size=len(gain))
    )
    levels = np.tile(
        (gain + 0.1 * rng.normal(size=len(gain)))[:, None, None], (1, 2, 8)
    )
    ranks = dict(study._partial(replace(found, features=own, levels=levels), rows))
    assert ranks["hidden proportion"] > 0.5 and ranks["proportion and gain"] > 0.5
    assert abs(ranks["hidden proportion, given the gain"]) < 0.2
    assert ranks["gain of hh, given the proportion"] > 0.9


def test_every_figure_is_drawn_in_both_styles(page):
    for name in figures_of("before"):
        spec = study.__dict__[name]
        for style in ("web", "manuscript"):
            assert spec(page.table(name), style=style).axes


def test_the_text_says_what_the_committed_runs_say():
    page = open_page("before")
    text = "".join(
        "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]
    )
    numbers = page.numbers()
    assert set(re.findall(r"\{\{(\w+)\}\}", text)) <= set(numbers)
    found = {claim.claim: claim.verdict for claim in study.claims(page)}
    # "A few epochs say more than any measure of the untrained network"
    assert found[study.CLAIMS[1]] == "holds"
    rates = page.table("before_rate").query("arm == 'drawn'").set_index("what")["mean"]
    # "Where rates differ, a few epochs and the rate decide"
    assert (
        rates["learning rate"]
        > rates.drop(
            ["learning rate", *(n for n in rates.index if n.startswith("loss"))]
        )
        .abs()
        .max()
    )
    confound = page.table("before_confound").set_index(["what", "arm"])["mean"]
    # "With one deviation for all blocks, hidden proportion and gain rise together"
    both = confound["proportion and gain"]
    assert both["absolute"] > 0.3 > abs(both["fixed"])
