"""Measures of a forecast, with intervals over designs or over splits."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas import DataFrame
from scipy import stats

from vsrnn.errors import VsrnnError
from vsrnn.stats import Interval, spearman

R2, ERROR, RANK = "R2", "mean absolute error [points]", "rank correlation"
AUC, RIGHT = "ROC AUC", "accuracy [%]"
MEASURES, CLASSES = (R2, ERROR, RANK), (AUC, RIGHT)
"""Measures of forecast scores, and of the probability that a class is true."""


def measure(
    name: str, observed: np.ndarray, forecast: np.ndarray, base: np.ndarray
) -> np.ndarray:
    r"""One measure of forecasts of the same designs, over the last axis.

    .. math:: R^2 = 1 - \text{mean squared error} / \text{variance of observed}

    Ranks are those of forecast minus base: the mean of the designs fitted to is low
    in folds whose own designs score high, so forecasting that mean would rank designs
    worse than chance. Where nothing varies, R2 and rank correlation are 0 and ROC AUC
    is one half.

    Args:
        name: one of `MEASURES` or `CLASSES`.
        observed: scores [%] or, for `CLASSES`, true and false, (..., designs).
        forecast: scores [%] or probabilities of true, (..., designs).
        base: mean observed in the designs fitted to, (..., designs).
    """
    if name == R2:
        error = np.mean((observed - forecast) ** 2, axis=-1)
        return 1 - _ratio(error, np.var(observed, axis=-1), 1.0)
    if name == ERROR:
        return np.abs(observed - forecast).mean(axis=-1)
    if name == RIGHT:
        return 100 * np.mean((forecast > 0.5) == observed, axis=-1)
    rise = np.round(forecast - base, 9)
    if name == RANK:
        return spearman(observed, rise)
    if name != AUC:
        raise VsrnnError(f"unknown measure {name!r}")
    above, count = observed.sum(axis=-1), observed.shape[-1]
    ranks = np.sum(stats.rankdata(rise, axis=-1) * observed, axis=-1)
    won = ranks - above * (above + 1) / 2
    return _ratio(won, above * (count - above), 0.5)


def _ratio(over: np.ndarray, under: np.ndarray, otherwise: float) -> np.ndarray:
    over, under = np.asarray(over, float), np.asarray(under, float)
    return np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)


def measure_forecasts(
    forecasts: DataFrame,
    resamples: int = 500,
    seed: int = 0,
    refitted: bool = False,
    measures: Sequence[str] = (*MEASURES, *CLASSES),
) -> DataFrame:
    """Measures of each model with 95 % intervals over resampled designs.

    Forecasts are kept and designs resampled, the same ones for all models and
    repeats, so repeats do not make intervals narrower than the designs allow (Bayle et
    al., NeurIPS 2020, on such intervals in cross-validation). Intervals of R2 are of
    its expansion to first order in the means it is a ratio of, cut at 1.

    Forecasts are as `cross_predict` gives them. If they are `refitted`, each repeat is
    another fit, to resampled designs, and a resample takes the forecasts of one of
    them, so intervals cover what fits differ by.

    Returns:
        One row a model and measure: model, features, measure, value, low, high.
    """
    rows = []
    for (model, kind), part in forecasts.groupby(["model", "features"], sort=False):
        known = CLASSES if part["observed"].dtype == bool else MEASURES
        for name in [each for each in known if each in measures]:
            values = _resampled(name, part, resamples, seed, refitted)
            rows.append((model, kind, name, *_interval(values)))
    names = ("model", "features", "measure", "value", "low", "high")
    return DataFrame(rows, columns=names)


def r2_gain(
    forecasts: DataFrame, better: tuple[str, str], base: tuple[str, str]
) -> Interval:
    """How far the R2 of a model and features is above another's, resampled alike."""
    parts = dict(list(forecasts.groupby(["model", "features"])))
    return _interval(_resampled(R2, parts[better]) - _resampled(R2, parts[base]))


def corrected_interval(values: Sequence[float] | pd.Series, ratio: float) -> Interval:
    r"""Mean of a measure over J splits that overlap, with its 95 % interval.

    .. math:: \bar x \pm t_{J-1} \sqrt{\left(\tfrac 1 J + \text{ratio}\right) s^2}

    The ratio is of designs tested to designs fitted to. Splits share designs, so their
    measures vary together; without it the interval would shrink with every repeat.

    >>> [round(x, 2) for x in corrected_interval([0.4, 0.5, 0.6], 0.25)]
    [0.5, 0.17, 0.83]

    Source: Nadeau and Bengio, Machine Learning 52 (2003) 239-281.
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    mean, deviation = values.mean(), values.std(ddof=1)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt(1 / n + ratio) * deviation
    return float(mean), float(mean - half), float(mean + half)


def _resampled(
    name: str,
    part: DataFrame,
    resamples: int = 500,
    seed: int = 0,
    refitted: bool = False,
) -> np.ndarray:
    """A measure, mean over repeats: of all designs first, then of resampled ones."""
    seen, forecasts, base = (
        part.pivot(index="repeat", columns="row", values=column).to_numpy()
        for column in ("observed", "forecast", "base")
    )  # (repeats, designs)
    number = seen.shape[1]
    draws = np.random.default_rng(seed).integers(number, size=(resamples, number))
    rows = np.vstack([np.arange(number), draws])  # (1 + resamples, designs)
    each = np.array(
        [
            _r2_shares(*pair[:2])[rows].mean(axis=1)
            if name == R2
            else measure(name, *(values[rows] for values in pair))
            for pair in zip(seen, forecasts, base, strict=True)
        ]
    )  # (repeats, 1 + resamples)
    values = each.mean(axis=0)
    if refitted:
        sets = np.arange(1, len(rows))
        values[1:] = each[sets % len(each), sets]
    return np.minimum(values, 1) if name == R2 else values


def _r2_shares(observed: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """What each design adds to R2, so that their mean is R2.

    R2 is a ratio, and a few designs far from the others can hold most of the variance
    below the line: resamples without them would give any value. This is the ratio's
    expansion to first order, which has no such resamples.
    """
    error, spread = (observed - forecast) ** 2, (observed - observed.mean()) ** 2
    variance = spread.mean()
    if not variance:  # as in `measure`
        return np.zeros(len(observed))
    ratio = error.mean() / variance
    return np.asarray(1 - ratio - (error - ratio * spread) / variance)


def _interval(values: np.ndarray) -> Interval:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return float(values[0]), float(low), float(high)
