"""Models of the score of a design, and forecasts by those fitted without it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from sklearn import config_context, ensemble, preprocessing
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from vsrnn.errors import VsrnnError
from vsrnn.forecast.table import SCORE, feature_columns, features, training_table

MIN_DESIGNS = 15
"""Fewest designs that a forecast is checked on."""

FOLDS, TREES = 5, 60

# rows to fit to, rows to forecast, number of the repeat, and seed of the models
Split = tuple[np.ndarray, np.ndarray, int, int]

COMPARED = (
    *(("mean", "proportion"), ("spline", "proportion"), ("linear", "with proportion")),
    *(("boosting", "with proportion"), ("forest", "proportion")),
    *(("forest", "hyperparameters"), ("forest", "with proportion")),
    *(("forest", "with counts"), ("forest", "with both")),
)
"""Models and their features: baselines first, then the forest, from few to all."""


def make_regressor(
    kind: str = "with proportion",
    model: str = "forest",
    *,
    classify: bool = False,
    seed: int = 0,
) -> Pipeline:
    """An unfitted scikit-learn pipeline from designs to a forecast of their scores.

    Its first step is `features`, so it takes designs as `vsrnn.list_designs` gives them
    and is fitted to a `training_table` and its score [%], or true and false.

    Args:
        kind: its features, see `features`.
        model: "mean" (no features), "linear" (ridge or logistic regression),
            "spline" (a sum of smooth functions, one a feature), "forest" (random
            forest of 60 trees, as in the paper) or "boosting" (gradient boosting).
        classify: forecast a class instead of a number; not for "spline".
        seed: of the trees.

    Raises:
        VsrnnError: the model is unknown.
    """
    read = preprocessing.FunctionTransformer(features, kw_args={"kind": kind})
    steps = _steps(len(feature_columns(kind)), classify, seed)
    if model not in steps:
        raise VsrnnError(f"unknown model {model!r}; choose one of {sorted(steps)}")
    return make_pipeline(read, *steps[model])


def _steps(columns: int, classify: bool, seed: int) -> dict[str, list[BaseEstimator]]:
    """What follows on reading so many columns, by model."""
    third = {"max_features": 1 / 3, "random_state": seed}
    if classify:
        return {
            "mean": [DummyClassifier()],
            "linear": [preprocessing.StandardScaler(), LogisticRegression()],
            "forest": [ensemble.RandomForestClassifier(TREES, random_state=seed)],
            "boosting": [ensemble.GradientBoostingClassifier(**third)],
        }
    ridge = RidgeCV(np.geomspace(1e-3, 1e3, 13))
    # of quantiles, so that a feature that does not vary needs no case
    even = preprocessing.QuantileTransformer(n_quantiles=10)
    knots = np.tile(np.linspace(0, 1, 4), (columns, 1)).T
    spline = preprocessing.SplineTransformer(degree=2, knots=knots)
    return {
        "mean": [DummyRegressor()],
        "linear": [preprocessing.StandardScaler(), ridge],
        "spline": [even, spline, ridge],
        "forest": [ensemble.RandomForestRegressor(TREES, **third)],
        "boosting": [ensemble.GradientBoostingRegressor(**third)],
    }


@contextmanager
def quick_fits() -> Iterator[None]:
    """Switch off what costs more than fits to few designs: threads and checks."""
    with (
        threadpool_limits(1),
        config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        yield


def splits(known: DataFrame, repeats: int = 1, seed: int = 0) -> list[Split]:
    """Split designs, as `training_table` gives them, into five folds, repeatedly.

    Folds are stratified by the top third of the scores, unless ties leave fewer than
    one of these for each fold.

    Raises:
        VsrnnError: there are fewer than 15 designs.
    """
    if len(known) < MIN_DESIGNS:
        raise VsrnnError(
            f"train {MIN_DESIGNS} designs or more, not {len(known)}, first"
        )
    folds = RepeatedStratifiedKFold(
        n_splits=FOLDS, n_repeats=repeats, random_state=seed
    )
    parts = folds.split(known, strata(known[SCORE], FOLDS))
    return [(fit, test, n // FOLDS, seed) for n, (fit, test) in enumerate(parts)]


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
    models: Iterable[tuple[str, str]] = COMPARED,
    *,
    classify: bool = False,
    repeats: int = 1,
    seed: int = 0,
) -> DataFrame:
    """Forecast each design by models that were fitted without it (cross-validation).

    Args:
        runs: one row a run, as `vsrnn.get_results` gives them.
        models: pairs of a model and its features, see `make_regressor`.
        classify: forecast whether a design is in the top third of the scores.
        repeats: number of times the designs are split anew into five folds.
        seed: of splits and models.

    Returns:
        One row a model, repeat and design: model, features, repeat, row (of
        `training_table`), observed, forecast and base (mean observed in the designs
        fitted to): scores [%], or with `classify` true or false and its probability.

    Raises:
        VsrnnError: a model is unknown, or there are fewer than 15 designs.
    """
    known = training_table(runs)
    return predict_splits(known, splits(known, repeats, seed), models, classify)


@quick_fits()
def predict_splits(
    known: DataFrame,
    parts: Sequence[Split],
    models: Iterable[tuple[str, str]],
    classify: bool = False,
) -> DataFrame:
    """As `cross_predict`, of a `training_table` and the splits given."""
    score = known[SCORE].to_numpy()
    observed = top_third(score) if classify else score
    tables = []
    for model, kind in models:
        values = features(known, kind).to_numpy()  # (designs, features)
        for fit, test, repeat, seed in parts:
            pipeline = make_regressor(kind, model, classify=classify, seed=seed)[1:]
            known_scores, asked = observed[fit], values[test]
            forecast = _forecast(pipeline, values[fit], known_scores, asked)
            columns = {
                **{"model": model, "features": kind, "repeat": repeat, "row": test},
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
