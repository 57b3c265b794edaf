"""What the forecast found, as sentences made from its tables."""

from __future__ import annotations

from collections.abc import Iterator

from pandas import DataFrame, Series
from scipy import stats

from vsrnn.analysis._explained import feature_label
from vsrnn.analysis._forecast import GAIN, KIND, SLACK, enough_runs
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
    rare = _measures(scores, "mean", "proportion").loc["accuracy [%]", "value"]
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
            f"an accuracy of {_span(rows.loc['accuracy [%]'], '.0f')} % there, where "
            f"always to say no has {rare:.0f} %",
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
            "No feature's importance has a 95 % interval above 0; the first is "
            f"{feature_label(first['feature'])} ({first['loss [R2]']:z.2f} of R²)."
        )
    parts = [
        f"{feature_label(row['feature'])} ({row['loss [R2]']:z.2f})"
        for row in sure.iloc
    ]
    return _nested(
        "Features whose shuffling costs the forest R², by 95 % intervals above 0, each "
        "by itself",
        parts,
    )


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
            f"R² on designs held out is {rows[most]:z.2f} with {most} trained designs, "
            f"the most there are, and more than {SLACK:g} lower with fewer: more may "
            "help."
        )
    less = f"with fewer than {enough} it is more than {SLACK:g} below that"
    if enough == rows.index[0]:
        less = "fewer were not tried"
    return (
        f"With {enough} trained designs R² on designs held out is {rows[enough]:z.2f}, "
        f"with {most} it is {rows[most]:z.2f}; {less}."
    )


def _coverage(observed: DataFrame) -> str:
    level = observed["level [%]"].iloc[0]
    parts = [
        f"{name}, {_width(rows)}: {_held(rows)}"
        for name, rows in observed.groupby("table")
    ]
    return _nested(
        f"Of the intervals that promise {level:.0f} %, {_width(observed)}, so many "
        f"hold the score: {_held(observed)}; table by table",
        parts,
    )


def _width(observed: DataFrame) -> str:
    width = (observed["high [%]"] - observed["low [%]"]).mean()
    return f"{width:.0f} points wide on average"


def _held(observed: DataFrame) -> str:
    """Share of intervals that hold the score, and what that says of their promise."""
    held, level = observed["held"], observed["level [%]"].iloc[0]
    found = stats.binomtest(int(held.sum()), len(held)).proportion_ci(method="wilson")
    low, high = 100 * found.low, 100 * found.high
    kept = "fewer" if high < level else "more" if low > level else "as many"
    return (
        f"{100 * held.mean():.0f} % ({low:.0f} to {high:.0f} %), {kept} "
        f"{'as' if kept == 'as many' else 'than'} promised"
    )


def _measures(scores: DataFrame, model: str, kind: str) -> DataFrame:
    chosen = (scores["model"] == model) & (scores["features"] == kind)
    return scores[chosen].set_index("measure")


def _span(row: Series, form: str = "z.2f") -> str:
    value, low, high = (format(row[name], form) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
