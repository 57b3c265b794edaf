"""Forecasts with prediction intervals, and how often these contain the score."""

import math

import numpy as np
from pandas import DataFrame
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline

from vsrnn.errors import VsrnnError
from vsrnn.forecast.table import SCORE, training_table
from vsrnn.forecast.validation import FOLDS, make_regressor, quick_fits, splits

FORECAST = "forecast [%]"
MIN_ERROR = 0.1  # that is expected of a forecast, as a share of the mean error


def predict_scores(
    runs: DataFrame,
    designs: DataFrame,
    kind: str = "with proportion",
    model: str = "forest",
    *,
    level: float = 0.9,
    seed: int = 0,
) -> DataFrame:
    r"""Forecast the scores of designs nobody has trained yet, with intervals.

    Intervals are wider where forecasts err more. The expected error :math:`\hat\sigma`
    of a forecast is itself forecast, by a model of the same kind fitted to errors out
    of fold, and is at least a tenth of the mean error. The interval is

    .. math:: \hat y(x) \pm q\,\hat\sigma(x)

    where q is the :math:`\lceil (n + 1)\, level \rceil`-th smallest of the ratios
    :math:`|y_i - \hat y_i| / \hat\sigma_i` of the n known designs, each forecast, as
    its error is, by models fitted without it. The forecast itself is by a model fitted
    to all, as in cross-conformal prediction, so the level is nominal; `check_intervals`
    measures the coverage. Nothing is promised for designs unlike the known ones.

    Args:
        runs: one row a run, as `vsrnn.get_results` gives them.
        designs: one row a design, as `vsrnn.list_designs` or `vsrnn.design_table`
            gives them; of the task of the runs where they name none.
        kind: features of a design, see `features`.
        model: see `make_regressor`.
        level: nominal share of intervals that contain the score, 0..1.
        seed: of splits and model.

    Returns:
        One row a design, with the index of `designs`: forecast [%], low [%], high [%].

    Raises:
        VsrnnError: the runs do not fit together, or there are too few designs for
            intervals of this level.

    >>> from vsrnn import get_results, list_designs
    >>> rad = list_designs("rad").set_index("name").loc[["balanced_0", "111111_"]]
    >>> predict_scores(get_results("rad_100k"), rad, model="linear").shape
    (2, 3)

    Source: Vovk, Annals of Mathematics and Artificial Intelligence 74 (2015) 9-28; Lei
    et al., J. Amer. Statist. Assoc. 113 (2018) 1094-1111, section 5.2.
    """
    known = training_table(runs)
    if "task" not in designs:
        designs = designs.assign(task=known["task"].iloc[0])
    pipeline = make_regressor(kind, model, seed=seed)
    return _forecast(pipeline, known, designs, level, seed)


def check_intervals(
    runs: DataFrame,
    kind: str = "with proportion",
    model: str = "forest",
    *,
    level: float = 0.9,
    seed: int = 0,
) -> DataFrame:
    """Forecast every known design as `predict_scores` does, from the other four folds.

    Returns:
        One row a design: table where there is one, design, score [%], forecast [%],
        low [%], high [%] and held (whether the interval contains the score).
    """
    known = training_table(runs)
    pipeline = make_regressor(kind, model, seed=seed)
    own = [name for name in ("table", "design") if name in known]
    table = known[[*own, SCORE]].copy()
    for fit, test, *_ in splits(known, seed=seed):
        found = _forecast(pipeline, known.iloc[fit], known.iloc[test], level, seed)
        table.loc[found.index, list(found)] = found
    table["held"] = table[SCORE].between(table["low [%]"], table["high [%]"])
    return table


def _forecast(
    pipeline: Pipeline, known: DataFrame, designs: DataFrame, level: float, seed: int
) -> DataFrame:
    """Fit to known designs and forecast others; intervals from errors out of fold."""
    if not 0 < level < 1:
        raise VsrnnError(f"level is a share between 0 and 1, not {level:g}")
    score = known[SCORE].to_numpy()
    rank = math.ceil((len(score) + 1) * level)
    if len(score) < max(2 * FOLDS, rank):
        raise VsrnnError(
            f"level {level:g} takes more than {len(score)} trained designs"
        )
    values, asked = (pipeline[0].transform(x).to_numpy() for x in (known, designs))
    model, folds = pipeline[1:], KFold(FOLDS, shuffle=True, random_state=seed)
    errors, expected = np.empty((2, len(score)))
    with quick_fits():
        for fit, rest in folds.split(values):
            inner = cross_val_predict(model, values[fit], score[fit], cv=folds)
            misses = np.abs(score[fit] - inner)
            expected[rest] = _expect_errors(model, values[fit], misses, values[rest])
            middle = model.fit(values[fit], score[fit]).predict(values[rest])
            errors[rest] = np.abs(score[rest] - middle)
        error = _expect_errors(model, values, errors, asked)
        middle = model.fit(values, score).predict(asked)
    width = np.sort(errors / expected)[rank - 1] * error
    least = 0 if score.min() >= 0 else -np.inf  # variance explained can be below 0
    low, high = np.clip([middle - width, middle + width], least, 100)
    columns = {FORECAST: middle, "low [%]": low, "high [%]": high}
    return DataFrame(columns, index=designs.index)


def _expect_errors(
    model: Pipeline, values: np.ndarray, errors: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Forecast the error of forecasts, at least a share of the mean error."""
    least = max(MIN_ERROR * errors.mean(), np.finfo(float).tiny)
    return np.maximum(model.fit(values, errors).predict(asked), least)
