"""What the works claim beside what we find: a table a study, all of them in front."""

from collections.abc import Iterable
from pathlib import Path

from pandas import DataFrame, read_csv

from vsrnn.stats import Claim

CARD = ("the paper", "published", "here", "verdict", "why, and what would refute it")
JUDGED = Path(__file__).with_name("scorecard.csv")
"""Columns of a scorecard, and the file of its words.

:meta hide-value:
"""

NOTHING, UNTESTED = "no runs yet", "not tested"


def judged(found: Iterable[Claim], words: str) -> str:
    """The verdict of a claim, or that there are no runs, or too few for an interval.

    >>> judged([Claim("a wins", 2.0, float("nan"), float("nan"))], "a wins")
    'too few runs yet'
    """
    for claim in found:
        if claim.claim == words:
            return claim.verdict if claim.low == claim.low else "too few runs yet"
    return NOTHING


def scorecard(study: str, found: Iterable[Claim]) -> DataFrame:
    """What the paper claims beside our test of it, its verdict and what we make of it.

    The words are in the file `scorecard.csv`, a row a claim of the paper, with the
    verdict that they explain; where another one comes out, there is no explanation. A
    row that names no claim of ours is not tested.

    Args:
        study: whose rows of the file.
        found: claims of ours, of which `tested` names one.

    Returns:
        The columns `CARD`, and the figure that shows it.
    """
    known = {claim.claim: claim for claim in found}
    rows = []
    words = read_csv(JUDGED, dtype=str).fillna("").query("study == @study")
    for each in words.to_dict("records"):
        here, why = each["tested"], each["explained"]
        claim = known.get(here)
        verdict = judged(known.values(), here) if here else UNTESTED
        if claim and claim.low == claim.low:
            size = max(abs(claim.low), abs(claim.high))
            how = ".3f" if size < 0.1 else ".2f" if size < 1 else ".1f"
            here = f"{here}: {claim.span(how)} {claim.unit}".rstrip()
        why = why if verdict == each["verdict"] else ""
        told = (each["paper"], each["published"], here, verdict, why)
        rows.append((*told, each["figure"]))
    return DataFrame(rows, columns=[*CARD, "figure"])
