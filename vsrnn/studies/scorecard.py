"""What the works claim beside what we find: a table a study, all of them in front."""

from collections.abc import Iterable
from pathlib import Path

from pandas import DataFrame, read_csv

from vsrnn.stats import Claim

JUDGED = Path(__file__).with_name("scorecard.csv")
"""The file of its words.

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
        The rows, with the verdict that the claim has, its `size` (value and interval in
        words, "" without an interval), and no explanation of another verdict.
    """
    known = {claim.claim: claim for claim in found}
    words = read_csv(JUDGED, dtype=str).fillna("").query("study == @study")
    tested = words["tested"]
    verdict = [judged(known.values(), name) if name else UNTESTED for name in tested]
    return words.assign(
        size=[_size(known.get(name)) for name in tested],
        explained=words["explained"].where(words["verdict"] == verdict, ""),
        verdict=verdict,
    )


def _size(claim: Claim | None) -> str:
    if claim is None or claim.low != claim.low:
        return ""
    ends = (abs(claim.low), abs(claim.high))
    digits = 1 + (max(ends) < 1) + (max(ends) < 0.1)
    while claim.verdict != "undecided" and not round(min(ends), digits):
        digits += 1  # an interval that leaves out 0 does not read as if it did not
    return f"{claim.span(f'.{digits}f')} {claim.unit}".replace("R2", "R²").rstrip()
