"""How much of the score the hidden proportion explains, and where it is best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pandas import DataFrame

from vsrnn.analysis._study import NAMED, by_table
from vsrnn.design.geometry import BLOCKS
from vsrnn.forecast import (
    FEATURES,
    MIN_DESIGNS,
    SCORE,
    cross_predict,
    measure,
    r2_gain,
)
from vsrnn.forecast.effects import MEASURES as MEASURES
from vsrnn.forecast.effects import feature_label as feature_label
from vsrnn.forecast.effects import rank_correlation as rank_correlation
from vsrnn.forecast.effects import rank_interval as rank_interval
from vsrnn.forecast.effects import score_course as proportion_optimum
from vsrnn.forecast.table import DENSITIES

NOTHING, ALL = "nothing", "all hyperparameters"
_SEEN = ("observed", "forecast", "base")
TRIMMED = "nothing, far scores left out"
LEARNING = "learning rate and initial weights"

BASES: dict[str, tuple[str, ...]] = {
    NOTHING: (),
    TRIMMED: (),
    "hidden size": ("hidden",),
    **{f"density of {block}": (f"density_{block}",) for block in BLOCKS},
    "all densities": DENSITIES,
    "hidden size and all densities": ("hidden", *DENSITIES),
    LEARNING: (
        "learning_rate",
        *(f"init_{kind}_{block}" for kind in ("mean", "std") for block in BLOCKS),
    ),
    ALL: FEATURES["hyperparameters"],
}
"""What the hidden proportion is added to, one nested pair of models each."""


def variance_explained(runs: DataFrame, repeats: int = 10, seed: int = 0) -> DataFrame:
    r"""Variance of the score explained out of fold, without and with the proportion.

    Both models of a pair are sums of smooth functions, one a feature (splines with
    ridge regression), fitted to the same designs and scored on the same others:

    .. math:: R^2 = 1 - \text{mean squared error} / \text{variance of the scores}

    Args:
        runs: as `study_runs` gives them.
        repeats: how often the designs are split anew, into five parts.
        seed: of the splits.

    Returns:
        One row a table and base (a key of `BASES`): table, scale, designs, base,
        without [R2], with [R2], and gain [R2] with its 95 % interval over resampled
        designs (low, high [R2]), models and splits kept, see `vsrnn.forecast.r2_gain`.
        Where a few designs score far from all others, one more row leaves them out: a
        gain that is gone there says nothing of the rest. The paper's own designs are
        left out, see `NAMED`.
    """
    rows = []
    for name, known in by_table(runs[runs["table"] != NAMED], MIN_DESIGNS):
        part = runs[runs["table"] == name]
        bases = [base for base in BASES if base != TRIMMED]
        each = _gains(part, bases, repeats, seed)
        far = known["design"][_far(known[SCORE])]
        if 0 < len(far) <= len(known) - MIN_DESIGNS:
            rest = part[~part["design"].isin(far)]
            each[1:1] = _gains(rest, [TRIMMED], repeats, seed)
        rows += [{"table": name, "scale": known["scale"].iloc[0]} | row for row in each]
    return DataFrame(rows)


def _r2(forecasts: DataFrame) -> float:
    """R2 of one model's forecasts of all designs."""
    return float(measure("R2", *(forecasts[name].to_numpy() for name in _SEEN)))


def _gains(
    runs: DataFrame, bases: Sequence[str], repeats: int, seed: int
) -> list[dict[str, object]]:
    """What the hidden proportion adds to some bases, a row each."""
    pairs = {
        base: (_model(BASES[base]), _model((*BASES[base], "hidden_proportion")))
        for base in bases
    }
    models = dict.fromkeys(model for pair in pairs.values() for model in pair)
    found = cross_predict(runs, models, repeats=repeats, seed=seed)
    each = found.groupby(["model", "features", "repeat"])[[*_SEEN]].apply(_r2)
    means = each.groupby(["model", "features"]).mean()
    rows: list[dict[str, object]] = []
    for base, pair in pairs.items():
        without, added = ((model, " ".join(columns)) for model, columns in pair)
        gained, low, high = r2_gain(found, added, without)
        rows.append(
            {"designs": found["row"].nunique(), "base": base}
            | {"without [R2]": means[without]}
            | {"with [R2]": means[added]}
            | {"gain [R2]": gained, "low [R2]": low, "high [R2]": high}
        )
    return rows


def _far(scores: DataFrame) -> np.ndarray:
    """Which scores lie outside Tukey's fences, 1.5 quartile ranges from the quartiles.

    >>> _far(DataFrame({"score": [1, 2, 3, 4, 30]})["score"]).tolist()
    [False, False, False, False, True]
    """
    low, high = np.quantile(scores, [0.25, 0.75])
    reach = 1.5 * (high - low)
    return np.asarray((scores < low - reach) | (scores > high + reach))


def _model(columns: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The spline model of some columns; of none, the mean."""
    if not columns:
        return "mean", ("hidden",)
    return "spline", tuple(columns)


__all__ = ["proportion_optimum"]
