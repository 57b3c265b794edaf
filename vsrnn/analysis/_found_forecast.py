"""What the forecast found, as sentences made from its tables."""

from __future__ import annotations

from collections.abc import Iterator

from pandas import DataFrame
from scipy import stats

from vsrnn.analysis._explained import feature_label
from vsrnn.analysis._forecast import GAIN, KIND, enough_runs
from vsrnn.analysis._found import _bullets, _nested

READS = {
    "proportion": "hidden proportion alone",
    "hyperparameters": "hyperparameters alone",
    "with proportion": "hyperparameters and hidden proportion",
    "with counts": "hyperparameters and the weights of each block",
    "with both": "all of these",
}


def found_forecast(
    scores: DataFrame,
    transfer: DataFrame,
    importance: DataFrame,
    cost: DataFrame,
    observed: DataFrame,
) -> str:
    """Sentences on the forecast: how good, from what, and after how many runs.

    Args:
        scores: as `forecast_scores` gives it.
        transfer: as `forecast_transfer` gives it.
        importance: as `forecast_importance` gives it.
        cost: as `forecast_runs` gives it.
        observed: as `forecast_observed` gives it.
    """
    return _bullets(
        _forest(scores),
        _added(scores),
        _baselines(scores),
        *_elsewhere(transfer),
        _important(importance),
        _enough(cost),
        _coverage(observed),
    )


def _forest(scores: DataFrame) -> str:
    rows = _measures(scores, "forest", KIND)
    holds = rows.loc["R2", "low"] > 0
    error = _span(rows.loc["mean absolute error [points]"], ".1f")
    return _nested(
        "That a random forest predicts performance "
        f"{'holds' if holds else 'is not decided'}. One that reads {READS[KIND]} "
        f"forecasts {scores['designs'].iloc[0]} designs out of fold, at "
        f"{scores['scale'].iloc[0]} scale, with",
        [
            f"R² {_span(rows.loc['R2'])}",
            f"a mean absolute error of {error} points",
            f"rank correlation {_span(rows.loc['rank correlation'])}",
            f"ROC AUC {_span(rows.loc['ROC AUC'])} for the top third",
            f"an accuracy of {_span(rows.loc['accuracy [%]'], '.0f')} % there",
        ],
    )


def _added(scores: DataFrame) -> str:
    """What the forest gains by more features than the hyperparameters."""
    rows = scores[(scores["model"] == "forest") & (scores["measure"] == GAIN)]
    parts = [f"{READS[row['features']]} {_span(row, '+z.2f')}" for row in rows.iloc]
    return _nested(
        f"R² of the forest above that from {READS['hyperparameters']}", parts
    )


def _baselines(scores: DataFrame) -> str:
    rows = scores[(scores["measure"] == "R2") & (scores["model"] != "forest")]
    parts = [
        f"{row['model']} ({READS[row['features']]}) {_span(row)}"
        if row["model"] != "mean"
        else f"the mean {_span(row)}"
        for row in rows.iloc
    ]
    return _nested("R² of simpler or other models", parts)


def _elsewhere(transfer: DataFrame) -> Iterator[str]:
    chosen = transfer[(transfer["features"] == KIND) & (transfer["measure"] == "R2")]
    for name, rows in chosen.groupby("table", sort=False):
        parts = [f"the {row['source']} {_span(row)}" for row in rows.iloc]
        yield _nested(f"{name}: R² of a forest fitted to", parts)


def _important(importance: DataFrame) -> str:
    sure = importance[importance["low [R2]"] > 0]
    if sure.empty:
        first = importance.iloc[0]
        return (
            "No feature's importance is above 0 beyond doubt; the first is "
            f"{feature_label(first['feature'])} ({first['loss [R2]']:z.2f} of R²)."
        )
    parts = [
        f"{feature_label(row['feature'])} ({row['loss [R2]']:z.2f})"
        for row in sure.iloc
    ]
    return _nested("Features whose shuffling surely costs the forest R²", parts)


def _enough(cost: DataFrame) -> str:
    enough = enough_runs(cost)
    rows = cost[cost["measure"] == "R2"].set_index("trained [designs]")["mean"]
    most = rows.index[-1]
    if rows[most] <= 0:
        return (
            f"Even {most} trained designs give an R² of {rows[most]:z.2f} on designs "
            "held out: a useful forecast takes more."
        )
    if enough == most:
        return (
            f"R² on designs held out still grows at {most} trained designs, the most "
            f"there are, where it is {rows[most]:z.2f}: more would help."
        )
    return (
        f"With {enough} trained designs R² on designs held out is {rows[enough]:z.2f}, "
        f"with {most} it is {rows[most]:z.2f}: more help little."
    )


def _coverage(observed: DataFrame) -> str:
    held, number = int(observed["held"].sum()), len(observed)
    level = observed["level [%]"].iloc[0]
    found = stats.binomtest(held, number, level / 100)
    low, high = found.proportion_ci(method="wilson")
    kept = "keep" if 100 * low <= level <= 100 * high else "break"
    width = (observed["high [%]"] - observed["low [%]"]).mean()
    return (
        f"Of the intervals that promise {level:.0f} %, {100 * held / number:.0f} % "
        f"hold the score ({100 * low:.0f} to {100 * high:.0f} %): they {kept} the "
        f"promise, {width:.0f} points wide on average."
    )


def _measures(scores: DataFrame, model: str, kind: str) -> DataFrame:
    chosen = (scores["model"] == model) & (scores["features"] == kind)
    return scores[chosen].set_index("measure")


def _span(row: DataFrame, form: str = "z.2f") -> str:
    value, low, high = (format(row[name], form) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
