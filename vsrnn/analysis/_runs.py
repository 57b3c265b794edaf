"""Which runs a study needs, how many of them there are, and what made them."""

from __future__ import annotations

from collections.abc import Sequence

from pandas import DataFrame

from vsrnn.design.published import RAD_100K
from vsrnn.forecast.table import _diverged
from vsrnn.runs.config import configs_for as configs
from vsrnn.studies.page import provenance_of as made_by

__all__ = ["configs", "made_by"]


def completeness(
    runs: DataFrame, designs: Sequence[str] = RAD_100K, seeds: int = 5
) -> str:
    """Say in one sentence how many of the runs meant are there.

    >>> completeness(DataFrame({"design": ["lstm_"], "seed": [0], "score": [0.5]}))
    '1 of 125 runs are there: 1 of 25 designs have a run, and 0 have all 5 seeds.'
    """
    ended = runs["score"].notna() | _diverged(runs)  # that is what these found
    done = runs[runs["design"].isin(designs) & ended]
    each = done.groupby("design")["seed"].nunique().clip(upper=seeds)
    total = len(designs)
    return (
        f"{each.sum()} of {total * seeds} runs are there: {len(each)} of {total} "
        f"designs have a run, and {(each == seeds).sum()} have all {seeds} seeds."
    )
