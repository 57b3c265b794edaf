"""Arms of part II: which penalty, which pruning; compared at the same seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pandas import DataFrame, Series

from vsrnn.stats import Claim, intervals

PENALTIES: dict[str, Mapping[str, Any]] = {
    "none": {},
    "torus": {"space": "torus"},
    "permuted": {"control": "permuted"},
    "uniform": {"control": "uniform"},
    "uniform / 4": {"control": "uniform", "weight": 0.1 / 4},
    "uniform / 16": {"control": "uniform", "weight": 0.1 / 16},
    "klein": {"space": "klein"},
    "circle": {"space": "circle"},
    "sphere": {"space": "sphere"},
    "6-torus": {"space": "torus6"},
    "sphere, rescaled": {"space": "sphere", "rescaled": True},
    "6-torus, rescaled": {"space": "torus6", "rescaled": True},
    "diffusion": {"inhibitor": "diffusion"},
    "torus, trained": {"trained": True},
    "R3, trained": {"space": "r3", "trained": True},
}
"""Penalties on hidden-to-hidden weights by name; the weight is .1 as published.

The space is a torus where none is named, and `uniform` is the mean of its penalty, at
the strengths 1, 1/4 and 1/16.
"""

SCHEDULES: dict[str, Mapping[str, Any]] = {
    "linear 15": {"schedule": "linear", "end": 15},
    "linear 30": {"schedule": "linear", "end": 30},
    "linear 15 in 30": {"schedule": "linear", "end": 30, "prunings": 15},
    "cubic": {"end": 15},
}
"""Schedules of pruning by name: prunings, one an epoch; 15 in 30 are every other."""

REST = 4
"""Epochs of training at the final mask; published is the first of them."""


def methods(
    penalty: str, density: float, schedule: str, **more: Any
) -> list[dict[str, Any]]:
    """The methods of an arm: its penalty, unless it is none, and then pruning.

    Args:
        penalty: of `PENALTIES`.
        density: share of weights at the end.
        schedule: of `SCHEDULES`.
        **more: other options of the penalty.

    >>> methods("none", 0.1, "cubic")
    [{'name': 'magnitude', 'density': 0.1, 'end': 15}]
    """
    prune = {"name": "magnitude", "density": density, **SCHEDULES[schedule]}
    if penalty == "none":
        return [prune]
    return [{"name": "geometric", **PENALTIES[penalty], **more}, prune]


def epochs(schedule: str) -> int:
    """Epochs of a run: those of pruning and those at the final mask."""
    return int(SCHEDULES[schedule]["end"]) + REST


def paired(claim: str, better: Series, worse: Series, unit: str = "") -> Claim:
    """A claim that one arm is below another: the mean difference over shared seeds.

    The interval is that of Student's t over the differences.

    Args:
        claim: in words.
        better: values of the arm that is claimed to be below, by seed.
        worse: values of the other.
        unit: of both.

    >>> one, other = Series({0: 1.0, 1: 2.0}), Series({0: 3.0, 1: 5.0, 2: 1.0})
    >>> paired("one is below the other", one, other, "cm").value
    2.5
    """
    gap = (worse - better).dropna()
    table = intervals(DataFrame({"claim": claim, "gap": gap}), ["claim"], "gap")
    ends = table[["mean", "low", "high"]].to_numpy(float)
    return Claim.of(claim, ends[0] if len(ends) else [float("nan")] * 3, unit)
