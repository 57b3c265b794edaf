"""How good forecasts of unseen designs are, with intervals, and what helps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from pandas import DataFrame
from scipy import stats
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from vsrnn.errors import VsrnnError
from vsrnn.forecast._features import SCORE, examples
from vsrnn.forecast._measures import CLASSES, MEASURES, R2, measure
from vsrnn.forecast._models import forecaster

LEAST = 15
"""Fewest designs that a forecast is checked on."""

COMPARED = (
    *(("mean", "proportion"), ("spline", "proportion"), ("linear", "with proportion")),
    *(("boosting", "with proportion"), ("forest", "proportion")),
    *(("forest", "hyperparameters"), ("forest", "with proportion")),
    *(("forest", "with counts"), ("forest", "with both")),
)
"""Models and what they read: baselines first, then the forest, from little to all."""


@contextmanager
def quick_fits() -> Iterator[None]:
    """Spare fits to few designs what costs more than they do: threads and checks."""
    with (
        threadpool_limits(1),
        config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        yield


def splits(
    known: DataFrame, folds: int = 5, repeats: int = 1, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and rows to test, for each fold of each repeat.

    Every fold has its share of the designs in the top third of scores, unless ties
    leave fewer than one for each fold.

    Args:
        known: as `examples` gives them.
        folds: parts that designs are split into.
        repeats: how often they are split anew.
        seed: of the splits.

    Raises:
        VsrnnError: there are fewer than 15 designs, or than folds.
    """
    if len(known) < LEAST:
        raise VsrnnError(
            f"a forecast is checked on {LEAST} designs or more, not {len(known)}; "
            "train more designs"
        )
    if not 2 <= folds <= len(known):
        raise VsrnnError(f"folds must be from 2 to {len(known)} designs, not {folds}")
    folding = RepeatedStratifiedKFold(
        n_splits=folds, n_repeats=repeats, random_state=seed
    )
    yield from folding.split(known, strata(known[SCORE], folds))


def strata(scores: pd.Series, folds: int) -> np.ndarray:
    """Which scores are in the top third; none where a side lacks one for each fold."""
    above = top_third(scores)
    shared = min(above.sum(), len(above) - above.sum()) >= folds
    return np.asarray(above & shared)


def top_third(scores: DataFrame) -> np.ndarray:
    """Which scores are above two thirds of all; where none is, those that tie there."""
    limit = np.quantile(scores, 2 / 3)
    above = np.asarray(scores > limit)
    return above if above.any() else np.asarray(scores >= limit)


def evaluate(
    runs: DataFrame,
    models: Iterable[tuple[str, str | Sequence[str]]] = COMPARED,
    *,
    classify: bool = False,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
) -> DataFrame:
    """Forecast each design by models that were fitted without it (cross-validation).

    Args:
        runs: one row a run, as `vsrnn.get_results` gives them.
        models: pairs of a model and of what it reads, see `forecaster`.
        classify: forecast whether a design is in the top third of the scores.
        folds: parts that designs are split into, stratified by the top third.
        repeats: how often they are split anew.
        seed: of splits and models.

    Returns:
        One row a model, repeat and design: model, features, repeat, row (of
        `examples`), observed, forecast and base (mean of what was observed in the
        designs fitted to): scores [%], or with `classify` true or false and its
        probability.

    Raises:
        VsrnnError: a model is unknown, or there are fewer than 15 designs.
    """
    known = examples(runs)
    score = known[SCORE].to_numpy()
    observed = top_third(score) if classify else score
    parts = list(splits(known, folds, repeats, seed))
    tables = []
    with quick_fits():
        for model, kind in models:
            read, *rest = forecaster(kind, model, classify=classify, seed=seed)
            name = kind if isinstance(kind, str) else " ".join(kind)
            values, fitted = read.transform(known).to_numpy(), make_pipeline(*rest)
            for fold, (fit, test) in enumerate(parts):
                same = classify and len(np.unique(observed[fit])) == 1
                pipeline = DummyClassifier() if same else fitted
                pipeline.fit(values[fit], observed[fit])
                columns = {
                    **{"model": model, "features": name, "repeat": fold // folds},
                    **{"row": test, "observed": observed[test]},
                    "forecast": _predict(pipeline, values[test], classify),
                    "base": observed[fit].mean(),
                }
                tables.append(DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


@quick_fits()
def evaluate_on(
    known: DataFrame,
    new: DataFrame,
    pair: tuple[str, str],
    seed: int = 0,
    repeat: int = 0,
) -> DataFrame:
    """Forecast designs by a model fitted to others, as one fold of `evaluate` does.

    Args:
        known: designs to fit to, as `examples` gives them.
        new: designs to forecast, as `examples` gives them.
        pair: the model and what it reads, see `forecaster`.
        seed: of the model.
        repeat: of which the fold is one.

    Returns:
        As `evaluate`; row is the index of new.
    """
    model, kind = pair
    fitted = forecaster(kind, model, seed=seed).fit(known, known[SCORE])
    columns = {
        **{"model": model, "features": kind, "repeat": repeat},
        **{"row": new.index, "observed": new[SCORE], "forecast": fitted.predict(new)},
        "base": known[SCORE].mean(),
    }
    return DataFrame(columns)


def compare(
    forecasts: DataFrame,
    resamples: int = 500,
    seed: int = 0,
    refitted: bool = False,
) -> DataFrame:
    """Measures of each model with 95 % intervals, from what `evaluate` gives.

    Intervals are percentiles over resampled designs, the forecasts kept: the same
    designs for all models and repeats, so repeats do not make them narrower than the
    designs allow (Bayle et al., NeurIPS 2020, on such intervals in cross-validation).
    Those of R2 are of its expansion to first order in the means it is a ratio of, cut
    at 1.

    Args:
        forecasts: as `evaluate` gives them.
        resamples: of the designs.
        seed: of the resampling.
        refitted: each repeat is another fit, to resampled designs. A resample then
            takes the forecasts of one of them, so intervals hold what fits differ by.

    Returns:
        One row a model and measure: model, features, measure, value, low, high. The
        measures are R2, mean absolute error [points] and rank correlation, or for
        classes ROC AUC and accuracy [%].
    """
    rows = []
    for (model, kind), part in forecasts.groupby(["model", "features"], sort=False):
        for name in CLASSES if part["observed"].dtype == bool else MEASURES:
            found = _resampled(name, part, resamples, seed, refitted)
            rows.append((model, kind, name, *_interval(found)))
    names = ("model", "features", "measure", "value", "low", "high")
    return DataFrame(rows, columns=names)


def gain(
    forecasts: DataFrame,
    better: tuple[str, str],
    base: tuple[str, str],
    resamples: int = 500,
    seed: int = 0,
) -> tuple[float, float, float]:
    """By how much the R2 of one model is above another's, with its 95 % interval.

    Args:
        forecasts: as `evaluate` gives them, of scores.
        better: model and features that are hoped to be better.
        base: model and features it is compared with, on the same designs.
        resamples: of the designs, the same for both.
        seed: of the resampling.
    """
    keys = list(zip(forecasts["model"], forecasts["features"], strict=True))
    both = [
        _resampled(R2, forecasts[[key == one for key in keys]], resamples, seed)
        for one in (better, base)
    ]
    return _interval(both[0] - both[1])


def corrected_interval(
    values: Sequence[float] | pd.Series, ratio: float, level: float = 0.95
) -> tuple[float, float, float]:
    r"""Mean of a measure over random splits and its interval, for splits that overlap.

    .. math:: \bar x \pm t_{J-1} \sqrt{\left(\tfrac 1 J + \text{ratio}\right) s^2}

    Splits share designs they are fitted to, so their measures vary together; the
    plain interval, without the second term, would shrink with every repeat.

    Args:
        values: one value a split, J in all.
        ratio: designs tested over designs fitted to.
        level: share of such intervals that are meant to hold the true mean.

    Returns:
        Mean, low and high.

    Nadeau and Bengio, Machine Learning 52 (2003) 239-281.

    >>> [round(x, 2) for x in corrected_interval([0.4, 0.5, 0.6], 0.25)]
    [0.5, 0.17, 0.83]
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    mean, spread = values.mean(), values.std(ddof=1)
    half = stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(1 / n + ratio) * spread
    return float(mean), float(mean - half), float(mean + half)


def _predict(pipeline: Pipeline, values: np.ndarray, classify: bool) -> np.ndarray:
    if classify:
        chances = pipeline.predict_proba(values)
        return np.asarray(chances @ pipeline.classes_.astype(float))
    return np.asarray(pipeline.predict(values))


def _resampled(
    name: str, part: DataFrame, resamples: int, seed: int, refitted: bool = False
) -> np.ndarray:
    """A measure, mean over repeats: of all designs first, then of resampled ones."""
    grid = part.pivot(index="repeat", columns="row", values="forecast")
    base = part.pivot(index="repeat", columns="row", values="base").to_numpy()
    observed = part.drop_duplicates("row").set_index("row")["observed"]
    seen = observed.loc[grid.columns].to_numpy()
    rows = _draws(len(seen), resamples, seed)
    each = [
        _shares(seen, forecast)[rows].mean(axis=1)
        if name == R2
        else measure(name, seen[rows], forecast[rows], mean[rows])
        for forecast, mean in zip(grid.to_numpy(), base, strict=True)
    ]
    found = np.mean(each, axis=0)
    if refitted:
        turns = np.arange(len(found))
        found[1:] = np.asarray(each)[turns % len(each), turns][1:]
    return np.minimum(found, 1) if name == R2 else np.asarray(found)


def _shares(observed: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """What each design adds to R2, so that their mean is R2.

    R2 is a ratio, and a few designs far from the others can hold most of the variance
    below the line: resamples without them would give any value. This is the ratio's
    expansion to first order, which has no such resamples.
    """
    error, spread = (observed - forecast) ** 2, (observed - observed.mean()) ** 2
    variance = spread.mean()
    if not variance:  # as `measure` has it
        return np.zeros(len(observed))
    ratio = error.mean() / variance
    return np.asarray(1 - ratio - (error - ratio * spread) / variance)


def _draws(number: int, resamples: int, seed: int) -> np.ndarray:
    """Every row once, then rows drawn with replacement, (1 + resamples, number)."""
    draws = np.random.default_rng(seed).integers(number, size=(resamples, number))
    return np.vstack([np.arange(number), draws])


def _interval(found: np.ndarray) -> tuple[float, float, float]:
    low, high = np.percentile(found[1:], [2.5, 97.5])
    return float(found[0]), float(low), float(high)
