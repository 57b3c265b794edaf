"""Measures of a forecast, each over the last axis of its arguments."""

from __future__ import annotations

import numpy as np
from scipy import stats

from vsrnn.errors import VsrnnError

R2, ERROR, RANK = "R2", "mean absolute error [points]", "rank correlation"
AUC, RIGHT = "ROC AUC", "accuracy [%]"
MEASURES, CLASSES = (R2, ERROR, RANK), (AUC, RIGHT)


def measure(
    name: str, observed: np.ndarray, forecast: np.ndarray, base: np.ndarray
) -> np.ndarray:
    r"""One measure of forecasts of the same designs.

    .. math:: R^2 = 1 - \text{mean squared error} / \text{variance of observed}

    Ranks are those of forecast less base: the means of the designs fitted to differ
    from fold to fold, against what is observed in the fold, which would make the
    forecasts of one mean look worse than none. Where nothing varies, R2 and rank
    correlation are 0 and ROC AUC is one half.

    Args:
        name: one of `MEASURES` or `CLASSES`.
        observed: scores [%] or, for `CLASSES`, true and false, (..., designs).
        forecast: scores [%] or probabilities of true, (..., designs).
        base: mean observed in the designs fitted to, (..., designs).

    Raises:
        VsrnnError: the measure is unknown.

    >>> seen, forecast = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0])
    >>> float(measure("R2", seen, forecast, np.zeros(3)))
    0.5
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
        known = ", ".join((*MEASURES, *CLASSES))
        raise VsrnnError(f"unknown measure {name!r}; choose one of: {known}")
    above, count = observed.sum(axis=-1), observed.shape[-1]
    ranks = np.sum(stats.rankdata(rise, axis=-1) * observed, axis=-1)
    won = ranks - above * (above + 1) / 2
    return _ratio(won, above * (count - above), 0.5)


def spearman(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    """Rank correlation along an axis; 0 where one of the two does not vary.

    >>> float(spearman(np.array([1, 2, 3]), np.array([1, 4, 9])))
    1.0
    """
    one, other = (
        ranks - ranks.mean(axis=axis, keepdims=True)
        for ranks in (stats.rankdata(values, axis=axis) for values in (first, second))
    )
    both = np.sqrt(np.sum(one**2, axis=axis) * np.sum(other**2, axis=axis))
    return _ratio(np.sum(one * other, axis=axis), both, 0.0)


def _ratio(over: np.ndarray, under: np.ndarray, otherwise: float) -> np.ndarray:
    over, under = np.asarray(over, float), np.asarray(under, float)
    return np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)
