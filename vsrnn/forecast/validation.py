"""Forecasts of designs by models that were fitted without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from vsrnn.errors import VsrnnError
from vsrnn.forecast.regressors import make_regressor
from vsrnn.forecast.table import SCORE, features, training_table

MIN_DESIGNS = 15
"""Fewest designs that a forecast is checked on."""

Split = tuple[np.ndarray, np.ndarray, int, int]

COMPARED = (
    *(("mean", "proportion"), ("spline", "proportion"), ("linear", "with proportion")),
    *(("boosting", "with proportion"), ("forest", "proportion")),
    *(("forest", "hyperparameters"), ("forest", "with proportion")),
    *(("forest", "with counts"), ("forest", "with both")),
)
"""Models and their features: baselines first, then the forest, from few to all."""


@contextmanager
def quick_fits() -> Iterator[None]:
    """Switch off what costs more than fits to few designs: threads and checks."""
    with (
        threadpool_limits(1),
        config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        yield


def splits(
    known: DataFrame, folds: int = 5, repeats: int = 1, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and rows to test, for each fold of each repeat.

    Folds are stratified by the top third of the scores, unless ties leave fewer than
    one of these for each fold.

    Args:
        known: as `training_table` gives it.
        folds: parts that designs are split into.
        repeats: number of times the designs are split anew.
        seed: of the splits.

    Raises:
        VsrnnError: there are fewer than 15 designs, or than folds.
    """
    if len(known) < MIN_DESIGNS:
        raise VsrnnError(
            f"a forecast is checked on {MIN_DESIGNS} designs or more, not "
            f"{len(known)}; train more designs"
        )
    if not 2 <= folds <= len(known):
        raise VsrnnError(f"folds must be from 2 to {len(known)} designs, not {folds}")
    splitter = RepeatedStratifiedKFold(
        n_splits=folds, n_repeats=repeats, random_state=seed
    )
    yield from splitter.split(known, strata(known[SCORE], folds))


def strata(scores: Series, folds: int) -> np.ndarray:
    """Which scores are in the top third; none where a side lacks one for each fold."""
    above = top_third(scores)
    return above & (min(above.sum(), (~above).sum()) >= folds)


def top_third(scores: Series | np.ndarray) -> np.ndarray:
    """Which scores are above two thirds of all; if none is, those that tie there.

    >>> top_third(np.array([10, 20, 30])).tolist()
    [False, False, True]
    """
    values = np.asarray(scores)
    limit = np.quantile(values, 2 / 3)
    return values > limit if (values > limit).any() else values >= limit


def cross_predict(
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
        models: pairs of a model and its features, see `make_regressor`.
        classify: forecast whether a design is in the top third of the scores.
        folds: parts that designs are split into, see `splits`.
        repeats: number of times the designs are split anew.
        seed: of splits and models.

    Returns:
        One row a model, repeat and design: model, features, repeat, row (of
        `training_table`), observed, forecast and base (mean observed in the designs
        fitted to): scores [%], or with `classify` true or false and its probability.

    Raises:
        VsrnnError: a model is unknown, or there are fewer than 15 designs.
    """
    known = training_table(runs)
    parts = [
        (fit, test, number // folds, seed)
        for number, (fit, test) in enumerate(splits(known, folds, repeats, seed))
    ]
    return predict_splits(known, parts, models, classify=classify)


@quick_fits()
def predict_splits(
    known: DataFrame,
    parts: Sequence[Split],
    models: Iterable[tuple[str, str | Sequence[str]]] = COMPARED,
    *,
    classify: bool = False,
) -> DataFrame:
    """Forecast some rows of a table by models fitted to other rows.

    Args:
        known: one row a design, as `training_table` gives them.
        parts: rows to fit to, rows to forecast, number of the repeat, and seed of the
            models, for each split.
        models: as `cross_predict` takes them, which gives the same columns.
        classify: as `cross_predict` takes it.
    """
    score = known[SCORE].to_numpy()
    observed = top_third(score) if classify else score
    tables = []
    for model, kind in models:
        name = kind if isinstance(kind, str) else " ".join(kind)
        values = features(known, kind).to_numpy()  # (designs, features)
        for fit, test, repeat, seed in parts:
            pipeline = make_regressor(kind, model, classify=classify, seed=seed)[1:]
            known_scores, asked = observed[fit], values[test]
            forecast = _forecast(pipeline, values[fit], known_scores, asked)
            columns = {
                **{"model": model, "features": name, "repeat": repeat, "row": test},
                **{"observed": observed[test], "forecast": forecast},
                "base": known_scores.mean(),
            }
            tables.append(DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _forecast(
    pipeline: Pipeline, values: np.ndarray, observed: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Fit to designs and forecast others: scores, or the probability of true."""
    if observed.dtype != bool:
        return np.asarray(pipeline.fit(values, observed).predict(asked))
    if len(np.unique(observed)) == 1:
        pipeline = DummyClassifier()
    shares = pipeline.fit(values, observed).predict_proba(asked)
    return np.asarray(shares @ pipeline.classes_.astype(float))
