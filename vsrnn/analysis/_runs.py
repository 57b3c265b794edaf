"""Which runs a study needs, how many of them there are, and what made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pandas import DataFrame

from vsrnn.design.design import RAD_100K
from vsrnn.forecast._features import _diverged
from vsrnn.runs.config import configs_for as configs

__all__ = ["configs"]

_DATA = ("digits", "split", "expert", "demonstrations", "noise", "policy_sha256")
_MADE_BY = ("scale", *_DATA, "data_sha256", "version", "commit")
_MADE_ON = ("torch", "python", "machine")


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


def made_by(runs: DataFrame) -> dict[str, Any]:
    """What made a table of runs: ids, data, code, packages and machines.

    >>> made_by(DataFrame({"id": ["a", "b"], "scale": "quick"}))
    {'scale': ['quick'], 'runs': ['a', 'b']}
    """
    known = [column for column in (*_MADE_BY, *_MADE_ON) if column in runs]
    record: dict[str, Any] = {
        column: sorted(runs[column].dropna().astype(str).unique()) for column in known
    }
    return record | {"runs": sorted(runs["id"].astype(str))}
