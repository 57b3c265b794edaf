"""Forecasts of designs from runs of other tables, or of another task."""

import numpy as np
import pandas as pd
from pandas import DataFrame
from sklearn.utils import resample

from vsrnn.forecast.effects import designs_by_table
from vsrnn.forecast.measures import R2, RANK, measure_forecasts
from vsrnn.forecast.table import SCORE, training_table
from vsrnn.forecast.validation import MIN_DESIGNS, predict_splits, splits

SAME, OTHER, BOTH = "the same task", "the other task", "both tasks"
"""Sources of the designs that a forest is fitted to."""

REFITS = 20
BY_TABLE = ("proportion", "hyperparameters", "with proportion")
ACROSS = [("forest", "across tasks")]
"""The forest that reads what means the same at any size."""


def transfer_between_tables(
    runs: DataFrame, asked: DataFrame | None = None, repeats: int = 1, seed: int = 0
) -> DataFrame:
    """How well a forest forecasts each table, from its own designs or the others.

    The others were drawn differently, which is the case of a reader's own search.

    Runs have the name of their table in `table`; runs asked about are of more tables,
    which are forecast but never fitted to. Designs are split anew so often.

    Returns:
        Rows of table, scale, designs, source ("same table", out of fold, or "other
        tables"), features, measure (R2 or rank correlation), value, low, high (95 %).
    """
    models = [("forest", kind) for kind in BY_TABLE]
    every = pd.concat([runs, asked], ignore_index=True)
    tables = []
    for name, known in designs_by_table(every, MIN_DESIGNS):
        mine = runs["table"] == name
        first = {"table": name, "scale": known["scale"].iloc[0], "designs": len(known)}
        forecasts = {}
        if mine.any():
            parts = splits(known, repeats, seed)
            forecasts["same table"] = predict_splits(known, parts, models)
        if not mine.all():
            both = pd.concat([known, training_table(runs[~mine])], ignore_index=True)
            test, fit = np.split(np.arange(len(both)), [len(known)])
            others = predict_splits(both, [(fit, test, 0, seed)], models)
            forecasts["other tables"] = others
        for source, each in forecasts.items():
            measured = measure_forecasts(each, measures=(R2, RANK))
            tables.append(measured.assign(**first, source=source))
    columns = ["table", "scale", "designs", "source", "features", "measure"]
    return pd.concat(tables, ignore_index=True)[[*columns, "value", "low", "high"]]


def transfer_between_tasks(
    own: DataFrame, other: DataFrame, repeats: int = 1, seed: int = 0
) -> DataFrame:
    """How well a forest ranks the designs of a task, by the task it is fitted to.

    From the same task and from both, each design is forecast out of fold. From the
    other task it is forecast by 20 forests, each fitted to resampled designs of that
    task, so intervals include what another draw of them would have changed.

    Designs are as `rank_scores` gives them, and split anew so often.

    Returns:
        One row a source (the same task, the other task, both tasks): source, measure
        (rank correlation), value, low, high (95 %, over designs).
    """
    both = pd.concat([own, other], ignore_index=True)
    mine, rest = np.split(np.arange(len(both)), [len(own)])
    same = splits(own, repeats, seed)
    draws = [(resample(rest, random_state=seed + n), n) for n in range(REFITS)]
    sources = {
        SAME: same,
        BOTH: [(np.append(fit, rest), test, n, seed) for fit, test, n, _ in same],
        OTHER: [(rows, mine, n, seed + n) for rows, n in draws],
    }
    tables = []
    for source, parts in sources.items():
        forecasts, drawn = predict_splits(both, parts, ACROSS), source == OTHER
        order = measure_forecasts(forecasts, refitted=drawn, measures=(RANK,))
        tables.append(order.assign(source=source))
    return pd.concat(tables, ignore_index=True).drop(columns=["model", "features"])


def rank_scores(known: DataFrame) -> DataFrame:
    """Designs with the rank of their score, 0..100, as the score.

    Accuracy and success are different scales; ranks within a task can be compared.
    """
    ranks = known[SCORE].round(9).rank() - 0.5
    return known.assign(**{SCORE: 100 * ranks / len(known)})
