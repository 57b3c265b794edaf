"""The scorecard: claims of the works with our verdicts, in words held to numbers."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vsrnn.stats import Claim
from vsrnn.studies import PROTOCOLS, open_page, scorecard
from vsrnn.studies.page import figures_of

ROOT = Path(__file__).parents[2]
WORDS = pd.read_csv(scorecard.JUDGED, dtype=str).fillna("")
YET = ("no runs yet", "too few runs yet")
SLOW = ("hidden_proportion", "forecast", "contrast")
"""Studies whose claims take long to compute: a built book has them."""
HTML = Path(os.environ.get("VSRNN_BOOK", ROOT / "_build" / "html"))
BUILT = HTML.parent / "src" / "notebooks" / "figures"


@pytest.fixture
def words(tmp_path, monkeypatch):
    """A file of words on one claim, which is said to hold."""
    row = {"study": "toy", "paper": "a wins", "published": "9 cm", "tested": "a is low"}
    row |= {"verdict": "holds", "explained": "a is near; a far b would refute it"}
    row |= {"figure": "toy_figure"}
    path = tmp_path / "scorecard.csv"
    pd.DataFrame([row, row | {"study": "other"}]).to_csv(path, index=False)
    monkeypatch.setattr(scorecard, "JUDGED", path)


@pytest.mark.parametrize(
    "ends, verdict, size",
    [
        ((0.2, 0.1, 0.3), "holds", "0.20 (0.10 to 0.30) cm"),
        ((2.0, -1.0, 5.0), "undecided", "2.0 (\u22121.0 to 5.0) cm"),
        ((0.02, 0.01, 0.03), "holds", "0.020 (0.010 to 0.030) cm"),
        ((3.0, 0.02, 6.0), "holds", "3.00 (0.02 to 6.00) cm"),
        ((2.0, np.nan, np.nan), "too few runs yet", ""),
        (None, "no runs yet", ""),
    ],
)
def test_a_scorecard_explains_the_verdict_it_was_written_for(
    words, ends, verdict, size
):
    found = [Claim("b is low", 1, 1, 1)]
    found += [Claim("a is low", *ends, "cm")] if ends else []
    (row,) = scorecard.scorecard("toy", found).to_dict("records")
    why = "a is near; a far b would refute it" if verdict == "holds" else ""
    assert (row["verdict"], row["size"], row["explained"]) == (verdict, size, why)
    assert row["paper"] == "a wins" and row["figure"] == "toy_figure"


def test_every_claim_is_judged_in_words_and_shown_in_a_figure():
    assert not (WORDS[["study", "paper", "published", "verdict"]] == "").any(axis=None)
    tested = WORDS[WORDS["tested"] != ""]
    assert set(tested["verdict"]) <= {"holds", "undecided", "reversed"}
    assert set(WORDS["verdict"]) - set(tested["verdict"]) == {scorecard.UNTESTED}
    for study, figure in zip(tested["study"], tested["figure"], strict=True):
        assert figure in figures_of(study)


def test_a_written_verdict_is_the_one_of_the_stored_runs(tmp_path):
    """Of studies that are soon computed; of the others as the book has them."""
    for study in WORDS["study"].unique():
        path = BUILT / f"{study}.scorecard.csv"
        if study in SLOW and not path.exists():
            continue
        if study not in SLOW:
            path = tmp_path / path.name
            found = [Claim(*row[:-1]) for row in open_page(study).claims().values]
            scorecard.scorecard(study, found).to_csv(path, index=False)
        told = pd.read_csv(path, dtype=str)["verdict"].tolist()
        written = WORDS.loc[WORDS["study"] == study, "verdict"].tolist()
        if study in PROTOCOLS:  # some of its runs may still be to come
            written = [
                here if here in YET else wanted
                for here, wanted in zip(told, written, strict=True)
            ]
        assert told == written, study


def test_the_readme_says_what_the_front_page_says():
    readme, front = (
        " ".join((ROOT / name).read_text("utf-8").split())
        for name in ("README.md", "book/index.md")
    )
    question, answer = re.match(r"# (.*?\?) (.*?) ```\{figure\}", front).groups()
    assert f"**{question}** {answer} ```console make book" in readme
    rows = re.findall(r"\| ([^|`]+) \| ([a-z ]+) \|", readme)
    known = set(WORDS[["paper", "verdict"]].itertuples(index=False, name=None))
    assert len(rows) > 8 and set(rows[1:]) <= known
