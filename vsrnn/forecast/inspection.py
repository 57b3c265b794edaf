"""How many trained designs a forest needs."""

import numpy as np
from pandas import DataFrame
from sklearn.model_selection import StratifiedShuffleSplit

from vsrnn.forecast.measures import R2, RANK, corrected_interval
from vsrnn.forecast.table import SCORE, features
from vsrnn.forecast.validation import make_regressor, quick_fits, strata
from vsrnn.stats import spearman

KIND = "with proportion"
"""Features of the forests: hyperparameters and hidden proportion."""

TRAINED = "trained [designs]"


@quick_fits()
def cost_curve(
    known: DataFrame, sizes: int = 6, repeats: int = 8, seed: int = 0
) -> DataFrame:
    """How good the forest's forecast is after how many designs were trained.

    In each repeat a quarter of the designs is held out, and forests are fitted to
    parts of the rest of so many sizes, evenly spread on a logarithmic scale. R2 is
    against the variance of all scores.

    Returns:
        One row a size and measure: trained [designs], measure (R2 or rank
        correlation), mean, low, high (95 %, corrected for the overlap of the splits).
    """
    values, score = features(known, KIND).to_numpy(), known[SCORE].to_numpy()
    draw = StratifiedShuffleSplit(repeats, test_size=0.25, random_state=seed)
    rows, forest = [], make_regressor(KIND, seed=seed)[-1]
    for fit, test in draw.split(values, strata(known[SCORE], 2)):
        parts = np.geomspace(min(10, len(fit)), len(fit), sizes).round().astype(int)
        for size in np.unique(parts).tolist():
            forest.fit(values[fit[:size]], score[fit[:size]])
            forecast = forest.predict(values[test])
            error = np.mean((score[test] - forecast) ** 2) / score.var()
            rank = float(spearman(score[test], forecast))
            rows += [(size, R2, 1 - error), (size, RANK, rank)]
        ratio = len(test) / len(fit)
    by = [TRAINED, "measure"]
    each = DataFrame(rows, columns=[*by, "value"]).groupby(by, sort=False)["value"]
    table = [(*key, *corrected_interval(part, ratio)) for key, part in each]
    return DataFrame(table, columns=[*by, "mean", "low", "high"])
