"""Can the score of a design be forecast before it is trained?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.forecast.inspection import KIND, TRAINED, cost_curve
from vsrnn.forecast.intervals import FORECAST, check_intervals
from vsrnn.forecast.measures import R2, RANK, measure_forecasts, r2_gain
from vsrnn.forecast.table import SCORE, training_table
from vsrnn.forecast.transfer import transfer_between_tables
from vsrnn.forecast.validation import cross_predict
from vsrnn.plot.axes import legend, log_ticks, panels
from vsrnn.plot.labels import BLUE, GRAY, ORANGE
from vsrnn.plot.lines import lines, scatter
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.tables import study_runs
from vsrnn.stats import Claim, minus_signs
from vsrnn.studies.hidden_proportion import LEARNED, NAMED, RANDOM
from vsrnn.studies.labels import table_label
from vsrnn.studies.page import Page, provenance_of

BASE, GAIN = ("forest", "hyperparameters"), "R2 above hyperparameters"
MODELS = (("mean", "proportion"), BASE, ("forest", "proportion"), ("forest", KIND))
"""Models and their features: the mean, and a forest that reads more and more."""


@dataclass(frozen=True, eq=False)
class Data:
    """Runs that forecasts are fitted to and checked on.

    Args:
        runs: of random designs, one row a run, as `study_runs` gives them.
        asked: runs in other tables, which are forecast but never fitted to.
        level: nominal share of intervals that contain the score, 0..1.
        repeats: number of times the designs are split anew into five folds.
        seed: of splits and forests.
    """

    runs: DataFrame
    asked: DataFrame | None = None
    level: float = 0.9
    repeats: int = 1
    seed: int = 0

    @cached_property
    def known(self) -> DataFrame:
        """The designs of the runs with their mean scores."""
        return training_table(self.runs)

    def about(self, table: DataFrame) -> DataFrame:
        """A table with the scale and the number of the designs it is about."""
        scale = self.runs["scale"].iloc[0]
        return table.assign(scale=scale, designs=len(self.known))


def load(
    tables: Sequence[str] = RANDOM,
    asked: Sequence[str] = (NAMED,),
    level: float = 0.9,
    repeats: int = 1,
    seed: int = 0,
) -> Data:
    """Runs of block designs from committed tables.

    Args:
        tables: of designs to learn from, see `vsrnn.list_results`.
        asked: tables that are only asked about.
        level: see `Data`, as repeats and seed.
        repeats: of the folds.
        seed: of splits and forests.

    Raises:
        VsrnnError: none of the tables exists.
    """
    return Data(study_runs(tables), study_runs(asked), level, repeats, seed)


def forecast_scores_table(data: Data) -> DataFrame:
    """Measures of how well unseen designs are forecast, by model and features.

    Returns:
        One row a model and measure: model, features, measure, value, low, high (95 %),
        scale, designs. The measures: R2, mean absolute error [points] and rank
        correlation of the forecast score, and R2 above hyperparameters.
    """
    scores = cross_predict(data.runs, MODELS, repeats=data.repeats, seed=data.seed)
    gains = [
        (*pair, GAIN, *r2_gain(scores, pair, BASE))
        for pair in MODELS
        if pair[0] == BASE[0] and pair != BASE
    ]
    measured = measure_forecasts(scores)
    gained = DataFrame(gains, columns=measured.columns)
    return data.about(pd.concat([measured, gained], ignore_index=True).round(4))


def forecast_transfer_table(data: Data) -> DataFrame:
    """Forecasts of each table from its own designs or the others, as measures."""
    table = transfer_between_tables(data.runs, data.asked, data.repeats, data.seed)
    return table[table["features"] == KIND].round(4)


def forecast_observed_table(data: Data) -> DataFrame:
    """Forecast and observed score of each design, out of fold, with intervals.

    Returns:
        As `check_intervals` gives it, and level [%], scale, designs.
    """
    table = check_intervals(data.runs, KIND, level=data.level, seed=data.seed)
    return data.about(table.round(4).assign(**{"level [%]": 100 * data.level}))


def forecast_runs_table(data: Data) -> DataFrame:
    """How good the forecast is after how many designs, see `cost_curve`."""
    return data.about(cost_curve(data.known, seed=data.seed).round(4))


def _provenance(data: Data) -> dict[str, Any]:
    return provenance_of(pd.concat([data.runs, data.asked], ignore_index=True))


@figure(table=forecast_transfer_table, made_by=_provenance)
def forecast_transfer(table: DataFrame, style: str = "web") -> Figure:
    """Forecasts of each table's designs from the same table and from the others."""
    table = table.assign(row=table["table"].map(table_label))
    shown = set(table["source"])
    looks = {name: look for name, look in _SOURCES.items() if name in shown}
    with drawing(style, 0.75) as fig:
        for ax, name in zip(panels(fig, 2, 1), (R2, RANK), strict=True):
            how: dict[str, Any] = {"looks": looks, "within": _RANGES[name]}
            own = table[table["measure"] == name]
            dots(ax, own, *_ENDS, hue="source", step=0.4, **how)
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set_xlim(_RANGES[name])
            ax.set_xlabel(_WORDS[name])
        legend(fig, {f"forest fitted to the {name}": looks[name] for name in looks}, 2)
    return fig


@figure(table=forecast_observed_table)
def forecast_observed(table: DataFrame, style: str = "web") -> Figure:
    """Forecast against observed score of designs, each forecast out of fold."""
    limits = (0, min(100, table[[SCORE, FORECAST]].max().max() + 5))
    table = table.assign(learned=table[SCORE] >= LEARNED)
    words = {True: "learned", False: "ended below twice chance"}
    with drawing(style, 0.85) as fig:
        ax = fig.subplots()
        ax.plot(limits, limits, color=GRAY, linewidth=0.8)
        how: dict[str, Any] = {"hue": "learned", "looks": _LEARNED, "alpha": 0.7}
        scatter(ax, table, SCORE, FORECAST, **how)
        ax.set(xlim=limits, ylim=limits, aspect="equal")
        ax.set(xlabel="observed test accuracy [%]", ylabel="forecast accuracy [%]")
        ax.set_title(_about(table))
        counts = table["learned"].value_counts()
        names = [f"{words[each]} ({counts.get(each, 0)} designs)" for each in words]
        points = [{**_LEARNED[each], "ls": ""} for each in words]
        legend(fig, dict(zip(names, points, strict=True)))
    return fig


@figure(table=forecast_runs_table)
def forecast_runs(table: DataFrame, style: str = "web") -> Figure:
    """How good the forecast is after how many trained designs."""
    seen = table.assign(**table[["mean", "low", "high"]].clip(*_RANGES[R2]))
    with drawing(style, 0.5) as fig:
        ax = fig.subplots()
        lines(ax, seen, TRAINED, "mean", "low", "high", hue="measure", looks=_CURVES)
        log_ticks(ax, table[TRAINED].unique())
        ax.set(ylim=_RANGES[R2], xlabel="trained designs")
        ax.set_ylabel("on designs held out")
        ax.set_title(f"{_about(table)}, a quarter of them held out")
        legend(fig, {_WORDS[name]: look for name, look in _CURVES.items()})
    return fig


_ENDS = ("value", "row", "low", "high")
_RANGES = {R2: (-0.3, 1.0), RANK: (-0.3, 1.0)}
_FOREST, _OTHER = {"color": BLUE, "marker": "o"}, {"color": ORANGE, "marker": "s"}
_SOURCES = {"same table": _FOREST, "other tables": _OTHER | {"mfc": "white"}}
_LEARNED = {True: _FOREST, False: {"color": ORANGE, "marker": "x"}}
_CURVES: dict[str, dict[str, Any]] = {
    R2: {**_FOREST, "linestyle": "-", "markevery": 1},
    RANK: {**_OTHER, "linestyle": "--", "markevery": 1},
}
_WORDS = {R2: "R²", RANK: "rank correlation"}


def _about(table: DataFrame) -> str:
    return f"{table['designs'].iloc[0]} designs at {table['scale'].iloc[0]} scale"


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, of the forest with hyperparameters and proportion."""
    scores, observed = page.table("forecast_scores"), page.table("forecast_observed")
    forest = _measures(scores, "forest", KIND)
    transfer = page.table("forecast_transfer")
    by_source = transfer[transfer["measure"] == R2].groupby("source")["value"]
    sources = {
        f"{name.split()[0]}_{end}": minus_signs(f"{value:z.2f}")
        for name in by_source.groups
        for end, value in by_source.get_group(name).agg(["min", "max"]).items()
    }
    return {
        "designs": str(scores["designs"].iloc[0]),
        "r2": f"{100 * forest.loc[R2, 'value']:z.0f} %",
        "between": f"{100 * _between(observed):.0f}",
        "rank_learned": f"{_learned(observed).loc[RANK, 'value']:z.2f}",
        **sources,
        "held": f"{100 * observed['held'].mean():.0f}",
    }


def claims(page: Page) -> list[Claim]:
    """What the paper says a forest forecasts, over all tables and table by table.

    Intervals are over resampled designs; that of coverage is Wilson's.
    """
    scores, transfer = page.table("forecast_scores"), page.table("forecast_transfer")
    forest = _measures(scores, "forest", KIND)
    alone = _measures(scores, "forest", "proportion")
    learned = _learned(page.table("forecast_observed"))
    chosen = transfer[transfer["measure"] == R2]
    held = page.table("forecast_observed")
    level = held["level [%]"].iloc[0]
    test = stats.binomtest(int(held["held"].sum()), len(held))
    ends = test.proportion_ci(method="wilson")
    coverage = {"value": test.statistic, "low": ends.low, "high": ends.high}
    more = {name: 100 * share - level for name, share in coverage.items()}
    return [
        _claim("a forest forecasts the score, all tables together", forest.loc[R2]),
        *(
            _claim(
                f"a forest fitted to the {row['source']} forecasts the score: "
                f"{table_label(row['table'])}",
                row,
            )
            for row in chosen.to_dict("records")
        ),
        _claim("a forest ranks the designs that learn", learned.loc[RANK], RANK),
        _claim("a forest forecasts the score of designs that learn", learned.loc[R2]),
        _claim("a forest of hidden proportion alone forecasts it", alone.loc[R2]),
        *(
            _claim("hidden proportion adds to hyperparameters", row)
            for row in forest.loc[forest.index == GAIN].to_dict("records")
        ),
        _claim(f"more than {level:.0f} % of intervals contain it", more, "points"),
    ]


def _claim(words: str, row: Series | dict, unit: str = "R2") -> Claim:
    return Claim(words, row["value"], row["low"], row["high"], unit)


def _between(observed: DataFrame) -> float:
    """Share of the variance of scores that is between failures and successes."""
    score, learned = observed[SCORE], observed[SCORE] >= LEARNED
    return float(score.groupby(learned).transform("mean").var() / score.var())


def _learned(observed: DataFrame) -> DataFrame:
    """Measures of the forecasts of designs that learn."""
    rows = observed[observed[SCORE] >= LEARNED].reset_index(names="row")
    columns = {"observed": rows[SCORE], "forecast": rows[FORECAST], "base": 0.0}
    rows = rows.assign(model="forest", features=KIND, repeat=0, **columns)
    return measure_forecasts(rows).set_index("measure")


def _measures(scores: DataFrame, model: str, kind: str = "proportion") -> DataFrame:
    chosen = (scores["model"] == model) & (scores["features"] == kind)
    return scores[chosen].set_index("measure")
