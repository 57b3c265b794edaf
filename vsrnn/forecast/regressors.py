"""Regressors and classifiers that forecast from a table of designs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

from vsrnn.errors import VsrnnError
from vsrnn.forecast.table import FEATURES, features

MODELS = ("mean", "linear", "spline", "forest", "boosting")
TREES = 60


def make_regressor(
    kind: str | Sequence[str] = "with proportion",
    model: str = "forest",
    *,
    classify: bool = False,
    seed: int = 0,
) -> Pipeline:
    """A scikit-learn pipeline from designs to a forecast of their scores.

    Fit it to a `training_table` and its score [%], or with `classify` to true and
    false.

    Args:
        kind: its features, see `features`.
        model: "mean" (no features), "linear" (ridge or logistic regression),
            "spline" (a sum of smooth functions, one a feature), "forest" (random
            forest of 60 trees, as in the paper) or "boosting" (gradient boosting).
        classify: forecast a class instead of a number; not for "spline".
        seed: of the trees.

    Returns:
        The unfitted pipeline; its first step is `features`, so `fit` and `predict`
        take designs as `vsrnn.list_designs` gives them.

    Raises:
        VsrnnError: the model is unknown.

    >>> from vsrnn import get_results, list_designs
    >>> from vsrnn.forecast import training_table
    >>> known = training_table(get_results("rad_100k"))
    >>> pipeline = make_regressor("proportion", "linear").fit(known, known["score [%]"])
    >>> rad = list_designs("rad")
    >>> pipeline.predict(rad[rad["name"] == "balanced_0"]).shape
    (1,)
    """
    columns = FEATURES.get(kind, (kind,)) if isinstance(kind, str) else tuple(kind)
    read = FunctionTransformer(features, kw_args={"kind": columns})
    steps = _classifiers(seed) if classify else _regressors(len(columns), seed)
    if model not in steps:
        raise VsrnnError(f"unknown model {model!r}; choose one of {sorted(steps)}")
    return make_pipeline(read, *steps[model])


def _regressors(columns: int, seed: int) -> dict[str, list[BaseEstimator]]:
    ridge = RidgeCV(np.geomspace(1e-3, 1e3, 13))
    # of quantiles, so that a feature that does not vary needs no case
    knots = np.tile(np.linspace(0, 1, 4), (columns, 1)).T
    third = {"max_features": 1 / 3, "random_state": seed}
    return {
        "mean": [DummyRegressor()],
        "linear": [StandardScaler(), ridge],
        "spline": [
            QuantileTransformer(n_quantiles=10),
            SplineTransformer(degree=2, knots=knots),
            ridge,
        ],
        "forest": [RandomForestRegressor(TREES, **third)],
        "boosting": [GradientBoostingRegressor(**third)],
    }


def _classifiers(seed: int) -> dict[str, list[BaseEstimator]]:
    third = {"max_features": 1 / 3, "random_state": seed}
    return {
        "mean": [DummyClassifier()],
        "linear": [StandardScaler(), LogisticRegression()],
        "forest": [RandomForestClassifier(TREES, random_state=seed)],
        "boosting": [GradientBoostingClassifier(**third)],
    }
