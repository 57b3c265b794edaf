"""How much of the score the hidden proportion explains, and where it is best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas import DataFrame
from scipy import stats
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer

from vsrnn.analysis._study import AREA, EPOCHS, NAMED, PROPORTION, by_table
from vsrnn.design.geometry import BLOCKS
from vsrnn.forecast import (
    FEATURES,
    LEAST,
    SCORE,
    evaluate,
    gain,
    measure,
    spearman,
)
from vsrnn.forecast._check import quick_fits
from vsrnn.forecast._features import DENSITIES

MEASURES = (SCORE, AREA, EPOCHS)
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


def feature_label(name: str) -> str:
    """A feature's name in words.

    >>> feature_label("init_std_hx")
    'initial deviation, hx'
    """
    words = {"hidden": "hidden size", "weights": "weights, all"}
    kind, _, block = name.rpartition("_")
    blocks = {
        "density": "density",
        "init_mean": "initial mean",
        "init_std": "initial deviation",
        "weights": "weights",
    }
    if kind in blocks and block in BLOCKS:
        return f"{blocks[kind]}, {block}"
    return words.get(name, name.replace("_", " "))


def rank_correlation(
    runs: DataFrame,
    speed: DataFrame | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> DataFrame:
    """Rank correlation of what a design sets with what it reaches, table by table.

    Args:
        runs: as `study_runs` gives them.
        speed: as `learning_speed` gives it; without, only the score is compared.
        resamples: of designs, for the intervals (bias-corrected bootstrap).
        seed: of the resampling.

    Returns:
        One row a table, feature and measure: table, scale, designs, feature, measure,
        rank correlation, low and high (95 %). Features that do not vary are left out,
        and so are, here and below, tables of fewer than 15 designs.
    """
    rows = []
    for name, known in by_table(runs, LEAST):
        measured = known
        if speed is not None:
            columns = speed.loc[speed["table"] == name, ["design", AREA, EPOCHS]]
            measured = known.merge(columns, on="design")
        for feature in ("hidden_proportion", "hidden", "weights", "learning_rate"):
            rows += _correlations(measured, feature, resamples, seed)
        for feature in DENSITIES:
            rows += _correlations(measured, feature, resamples, seed)
    return DataFrame(rows)


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
        designs (low, high [R2]), models and splits kept, see `vsrnn.forecast.compare`.
        Where a few designs score far from all others, one more row leaves them out: a
        gain that is gone there says nothing of the rest. The paper's own designs are
        left out, see `NAMED`.
    """
    rows = []
    for name, known in by_table(runs[runs["table"] != NAMED], LEAST):
        part = runs[runs["table"] == name]
        bases = [base for base in BASES if base != TRIMMED]
        each = _gains(part, bases, repeats, seed)
        far = known["design"][_far(known[SCORE])]
        if 0 < len(far) <= len(known) - LEAST:
            rest = part[~part["design"].isin(far)]
            each[1:1] = _gains(rest, [TRIMMED], repeats, seed)
        rows += [{"table": name, "scale": known["scale"].iloc[0]} | row for row in each]
    return DataFrame(rows)


@quick_fits()
def proportion_optimum(
    runs: DataFrame, within: float = 2.0, resamples: int = 200, seed: int = 0
) -> DataFrame:
    """Smooth course of the score over the hidden proportion, and where it is best.

    A cubic spline in the square root of the proportion with ridge regression, with
    pointwise 95 % bands from resampled designs.

    Args:
        runs: as `study_runs` gives them.
        within: how far below the best a score still counts as near it [points].
        resamples: of designs, for bands and the interval of the optimum.
        seed: of the resampling.

    Returns:
        101 rows a table: table, scale, designs, hidden proportion [fraction], fit [%],
        low [%], high [%], near (within so many points of the best), within [points],
        and best, best low, best high [fraction], the same in all rows of a table.
    """
    tables = []
    for name, known in by_table(runs, LEAST):
        shares = known["hidden_proportion"].to_numpy()
        scores = known[SCORE].to_numpy()
        ends = np.sqrt([shares.min(), shares.max()])
        grid = np.linspace(ends[0], ends[1], 101) ** 2
        fit = _smooth(shares, scores, grid)
        rng = np.random.default_rng(seed)
        draws = rng.integers(len(known), size=(resamples, len(known)))
        fits = np.array([_smooth(shares[rows], scores[rows], grid) for rows in draws])
        low, high = np.percentile(fits, [2.5, 97.5], axis=0)
        best = np.percentile(grid[fits.argmax(axis=1)], [2.5, 97.5])
        columns = {
            **{"table": name, "scale": known["scale"].iloc[0], "designs": len(known)},
            **{PROPORTION: grid, "fit [%]": fit, "low [%]": low, "high [%]": high},
            **{"near": fit >= fit.max() - within, "within [points]": within},
            "best [fraction]": grid[fit.argmax()],
            **{"best low [fraction]": best[0], "best high [fraction]": best[1]},
        }
        tables.append(DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


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
    found = evaluate(runs, models, repeats=repeats, seed=seed)
    each = found.groupby(["model", "features", "repeat"])[[*_SEEN]].apply(_r2)
    means = each.groupby(["model", "features"]).mean()
    rows: list[dict[str, object]] = []
    for base, pair in pairs.items():
        without, added = ((model, " ".join(columns)) for model, columns in pair)
        gained, low, high = gain(found, added, without)
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


def _correlations(
    known: DataFrame, feature: str, resamples: int, seed: int
) -> list[dict[str, object]]:
    """Rank correlation of a feature with each measure that the table has."""
    rows = []
    for name in [m for m in MEASURES if m in known]:
        one, other = known[[feature, name]].to_numpy(float).T
        rho, low, high = rank_interval(one, other, resamples, seed)
        if np.isnan(rho):
            continue
        first = {"table": known["table"].iloc[0], "scale": known["scale"].iloc[0]}
        rows.append(
            first
            | {"designs": len(known), "feature": feature, "measure": name}
            | {"rank correlation": rho, "low": low, "high": high}
        )
    return rows


def rank_interval(
    first: np.ndarray, second: np.ndarray, resamples: int, seed: int
) -> tuple[float, float, float]:
    """Rank correlation with its 95 % interval by bias-corrected bootstrap.

    The order of the pairs does not matter. Fewer than five, or values that are all
    equal, give no correlation.
    """
    first, second = np.round(first, 9), np.round(second, 9)  # ties of means are ties
    if len(first) < 5 or min(np.ptp(first), np.ptp(second)) == 0:
        return (np.nan,) * 3
    rho = float(spearman(first, second))
    if abs(rho) > 1 - 1e-9:  # so is every resample's, which leaves nothing to correct
        return rho, rho, rho
    order = np.lexsort((second, first))
    found = stats.bootstrap(
        (first[order], second[order]),
        spearman,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        random_state=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    return rho, float(low), float(high)


def _smooth(shares: np.ndarray, scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    curve = make_pipeline(
        FunctionTransformer(np.sqrt),
        SplineTransformer(n_knots=5, extrapolation="constant"),
        RidgeCV(np.geomspace(1e-3, 10, 9)),
    )
    curve.fit(shares[:, None], scores)
    return np.asarray(curve.predict(grid[:, None]))
