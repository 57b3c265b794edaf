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
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from vsrnn.errors import VsrnnError
from vsrnn.forecast._features import SCORE, training_table
from vsrnn.forecast.regressors import make_regressor

MIN_DESIGNS = 15
"""Fewest designs that a forecast is checked on."""

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
    folding = RepeatedStratifiedKFold(
        n_splits=folds, n_repeats=repeats, random_state=seed
    )
    yield from folding.split(known, strata(known[SCORE], folds))


def strata(scores: Series, folds: int) -> np.ndarray:
    """Which scores are in the top third; none where a side lacks one for each fold."""
    above = top_third(scores)
    shared = min(above.sum(), len(above) - above.sum()) >= folds
    return np.asarray(above & shared)


def top_third(scores: Series | np.ndarray) -> np.ndarray:
    """Which scores are above two thirds of all; if none is, those that tie there.

    >>> top_third(np.array([10, 20, 30])).tolist()
    [False, False, True]
    """
    limit = np.quantile(scores, 2 / 3)
    above = np.asarray(scores > limit)
    return above if above.any() else np.asarray(scores >= limit)


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
        folds: parts that designs are split into, stratified by the top third.
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
    score = known[SCORE].to_numpy()
    observed = top_third(score) if classify else score
    parts = list(splits(known, folds, repeats, seed))
    tables = []
    with quick_fits():
        for model, kind in models:
            read, *rest = make_regressor(kind, model, classify=classify, seed=seed)
            name = kind if isinstance(kind, str) else " ".join(kind)
            values, pipeline = read.transform(known).to_numpy(), make_pipeline(*rest)
            for number, (fit, test) in enumerate(parts):
                forecast = _forecast(pipeline, values, observed, fit, test)
                columns = {
                    **{"model": model, "features": name, "repeat": number // folds},
                    **{"row": test, "observed": observed[test], "forecast": forecast},
                    "base": observed[fit].mean(),
                }
                tables.append(DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


@quick_fits()
def predict_others(
    known: DataFrame,
    new: DataFrame,
    pair: tuple[str, str],
    seed: int = 0,
    repeat: int = 0,
) -> DataFrame:
    """Forecast designs by a model fitted to others, as one fold of `cross_predict`.

    Args:
        known: designs to fit to, as `training_table` gives them.
        new: designs to forecast, likewise.
        pair: the model and its features, see `make_regressor`.
        seed: of the model.
        repeat: number of the repeat that the fold belongs to.

    Returns:
        As `cross_predict`; row is the index of new.
    """
    model, kind = pair
    fitted = make_regressor(kind, model, seed=seed).fit(known, known[SCORE])
    columns = {
        **{"model": model, "features": kind, "repeat": repeat},
        **{"row": new.index, "observed": new[SCORE], "forecast": fitted.predict(new)},
        "base": known[SCORE].mean(),
    }
    return DataFrame(columns)


def _forecast(
    pipeline: Pipeline,
    values: np.ndarray,
    observed: np.ndarray,
    fit: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:
    """Fit to some rows and forecast others: scores, or the probability of true."""
    if observed.dtype != bool:
        return np.asarray(
            pipeline.fit(values[fit], observed[fit]).predict(values[test])
        )
    if len(np.unique(observed[fit])) == 1:
        pipeline = DummyClassifier()
    shares = pipeline.fit(values[fit], observed[fit]).predict_proba(values[test])
    return np.asarray(shares @ pipeline.classes_.astype(float))
