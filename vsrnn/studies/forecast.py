"""Can the score of a design be forecast before it is trained?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.forecast.effects import feature_label
from vsrnn.forecast.inspection import (
    KIND,
    KIND_LABELS,
    TRAINED,
    cost_curve,
    enough_designs,
    feature_importance,
    fit_forests,
    partial_dependence,
)
from vsrnn.forecast.intervals import FORECAST, check_intervals
from vsrnn.forecast.measures import ERROR, R2, RANK, RIGHT, measure_forecasts, r2_gain
from vsrnn.forecast.table import SCORE, training_table
from vsrnn.forecast.transfer import transfer_between_tables
from vsrnn.forecast.validation import COMPARED, cross_predict
from vsrnn.plot.axes import legend, log_ticks, panels, proportion_axis
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
SHOWN = ("hidden_proportion", "hidden", "density_hx", "learning_rate")


@dataclass(frozen=True, eq=False)
class Data:
    """Runs that forecasts are fitted to and checked on.

    Args:
        runs: of random designs, one row a run, as `study_runs` gives them.
        asked: runs in other tables, which are forecast but never fitted to.
        level: nominal share of intervals that contain the score, 0..1.
        repeats: number of times the designs are split anew into five folds.
        seed: of splits and forests.
        models: pairs of a model and its features, see `make_regressor`.
    """

    runs: DataFrame
    asked: DataFrame | None = None
    level: float = 0.9
    repeats: int = 1
    seed: int = 0
    models: Sequence[tuple[str, str]] = COMPARED

    @cached_property
    def known(self) -> DataFrame:
        """The designs of the runs with their mean scores."""
        return training_table(self.runs)

    @cached_property
    def forests(self) -> list:
        """Forests out of fold, as `fit_forests` gives them."""
        return fit_forests(self.known, self.repeats, self.seed)

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
        correlation of the forecast score, R2 above hyperparameters (of the forest),
        ROC AUC and accuracy [%] of whether the score is in the top third.
    """
    cross = partial(cross_predict, data.runs, repeats=data.repeats, seed=data.seed)
    scores = cross(data.models)
    top = cross([pair for pair in data.models if pair[0] != "spline"], classify=True)
    gains = [
        (*pair, GAIN, *r2_gain(scores, pair, BASE))
        for pair in data.models
        if pair[0] == BASE[0] and pair != BASE and BASE in data.models
    ]
    first, last = (measure_forecasts(each) for each in (scores, top))
    parts = [first, DataFrame(gains, columns=first.columns), last]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return data.about(table.round(4))


def forecast_transfer_table(data: Data) -> DataFrame:
    """Forecasts of each table from its own designs or the others, as measures."""
    table = transfer_between_tables(data.runs, data.asked, data.repeats, data.seed)
    return table.round(4)


def forecast_observed_table(data: Data) -> DataFrame:
    """Forecast and observed score of each design, out of fold, with intervals.

    Returns:
        As `check_intervals` gives it, and level [%], scale, designs.
    """
    table = check_intervals(data.runs, KIND, level=data.level, seed=data.seed)
    return data.about(table.round(4).assign(**{"level [%]": 100 * data.level}))


def forecast_importance_table(data: Data) -> DataFrame:
    """Loss of R2 when one feature is shuffled, see `feature_importance`."""
    return data.about(feature_importance(data.known, data.forests, data.seed))


def forecast_dependence_table(data: Data) -> DataFrame:
    """Mean forecast with one feature set, see `partial_dependence`."""
    return data.about(partial_dependence(data.known, data.forests[:5], SHOWN))


def forecast_runs_table(data: Data) -> DataFrame:
    """How good the forecast is after how many designs, see `cost_curve`."""
    return data.about(cost_curve(data.known, seed=data.seed).round(4))


@figure(table=forecast_scores_table)
def forecast_scores(table: DataFrame, style: str = "web") -> Figure:
    """How well unseen designs are forecast, by model and features."""
    pairs = zip(table["model"], table["features"], strict=True)
    table = table.assign(row=[model_label(*pair) for pair in pairs])
    table = table.assign(kind=table["model"].where(table["model"] == "forest", "other"))
    rows, shown = list(dict.fromkeys(table["row"])), set(table["measure"])
    with drawing(style, 0.18 + 0.04 * len(rows)) as fig:
        names = [name for name in _WORDS if name in shown]
        axes = panels(fig, len(names), sharey=True)
        for ax, name in zip(axes, names, strict=True):
            within = _RANGES.get(name, (-np.inf, np.inf))
            how: dict[str, Any] = {"looks": _MODELS, "step": 0, "within": within}
            own = table[table["measure"] == name]
            dots(ax, own, *_ENDS, hue="kind", order=rows, **how)
            ax.set_xlabel(_WORDS[name], fontsize="small")
            if name in _RANGES:
                ax.set_xlim(within)
            ax.margins(x=0.1)
            ax.xaxis.set_major_locator(MaxNLocator(2))
            if name == GAIN:
                ax.axvline(0, color=GRAY, linewidth=0.8)
        _headline(fig, f"{_about(table)}, each forecast without its runs")
    return fig


def _provenance(data: Data) -> dict[str, Any]:
    return provenance_of(pd.concat([data.runs, data.asked], ignore_index=True))


@figure(table=forecast_transfer_table, made_by=_provenance)
def forecast_transfer(table: DataFrame, style: str = "web") -> Figure:
    """Forecasts of each table's designs from the same table and from the others."""
    pairs = zip(table["table"], table["features"], strict=True)
    names = [f"{table_label(name)}: {KIND_LABELS[kind]}" for name, kind in pairs]
    table = table.assign(row=names)
    rows, shown = list(dict.fromkeys(names)), set(table["source"])
    looks = {name: look for name, look in _SOURCES.items() if name in shown}
    with drawing(style, 0.18 + 0.035 * len(rows)) as fig:
        for ax, name in zip(panels(fig, 2, sharey=True), (R2, RANK), strict=True):
            how: dict[str, Any] = {"looks": looks, "within": _RANGES[name]}
            own = table[table["measure"] == name]
            dots(ax, own, *_ENDS, hue="source", step=0.4, **how)
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set_xlim(_RANGES[name])
            ax.set_xlabel(_WORDS[name].replace("\n", " "), fontsize="small")
        _headline(fig, f"{table['scale'].iloc[0]} scale")
        legend(fig, {f"forest fitted to the {name}": looks[name] for name in looks})
    return fig


@figure(table=forecast_observed_table)
def forecast_observed(table: DataFrame, style: str = "web") -> Figure:
    """Forecast against observed score of designs out of fold, with intervals."""
    ends = [*table[SCORE], *table["low [%]"], *table["high [%]"]]
    limits = (max(0, min(ends) - 2), min(100, max(ends) + 2))
    level, held = table["level [%]"].iloc[0], table["held"]
    words = {True: "contains", False: "misses"}
    looks = {each: look for each, look in _HELD.items() if (held == each).any()}
    with drawing(style, 0.75) as fig:
        ax = fig.subplots()
        ax.plot(limits, limits, color=GRAY, linewidth=0.8)
        columns = (SCORE, FORECAST, "low [%]", "high [%]")
        scatter(ax, table, *columns, hue="held", looks=looks, alpha=0.8, zorder=3)
        ax.set(xlim=limits, ylim=limits, aspect="equal")
        ax.set(xlabel="observed test accuracy [%]", ylabel="forecast accuracy [%]")
        share = f"{100 * held.mean():.0f} % of intervals contain the score"
        ax.set_title(f"{_about(table)}:\n{share}")
        names = [
            f"{level:.0f} % interval {words[each]} the score "
            f"({(held == each).sum()} designs)"
            for each in looks
        ]
        points = [{**look, "linestyle": ""} for look in looks.values()]
        legend(fig, dict(zip(names, points, strict=True)))
    return fig


@figure(table=forecast_importance_table)
def forecast_importance(table: DataFrame, style: str = "web", most: int = 12) -> Figure:
    """How much R2 the forest loses when one feature is shuffled, most first."""
    rows = table.head(most).assign(kind="forest")
    rows["feature"] = rows["feature"].map(feature_label)
    with drawing(style, 0.15 + 0.03 * len(rows)) as fig:
        ax = fig.subplots()
        columns = ("loss [R2]", "feature", "low [R2]", "high [R2]")
        dots(ax, rows, *columns, hue="kind", looks=_MODELS, step=0)
        ax.axvline(0, color=GRAY, linewidth=0.8)
        ax.set_xlabel("loss of R² when the feature is shuffled, with 95 % interval")
        shown = "all" if len(rows) == len(table) else f"the {len(rows)} first of"
        ax.set_title(f"{_about(table)}, {shown} {len(table)} features that vary")
    return fig


@figure(table=forecast_dependence_table)
def forecast_dependence(table: DataFrame, style: str = "web") -> Figure:
    """Mean forecast when one feature is set to a value in all designs."""
    names = list(table["feature"].unique())
    gray = {"color": GRAY, "linewidth": 0.7, "alpha": 0.7}
    looks = dict.fromkeys(table["forest"].unique(), gray)
    looks |= {"mean": {"color": BLUE, "linewidth": 2}}
    with drawing(style, 0.42) as fig:
        axes = panels(fig, len(names), sharey=True)
        for ax, name in zip(axes, names, strict=True):
            rows = table[table["feature"] == name]
            rows = pd.concat([rows, _mean_curve(rows)], ignore_index=True)
            rows["value"] *= 1000 if name == "learning_rate" else 1
            lines(ax, rows, "value", FORECAST, hue="forest", looks=looks)
            ax.set_xlabel(_AXIS.get(name, feature_label(name)), fontsize="small")
            if name == "hidden_proportion":
                proportion_axis(ax, 4)
            ax.set_xlim(rows["value"].min(), rows["value"].max())
        axes[0].set_ylabel("mean forecast\naccuracy [%]")
        _headline(fig, f"{_about(table)}: five forests (gray) and their mean")
    return fig


@figure(table=forecast_runs_table)
def forecast_runs(table: DataFrame, style: str = "web") -> Figure:
    """How good the forecast is after how many trained designs."""
    sizes, enough = table[TRAINED].unique(), enough_designs(table)
    fewer = enough < sizes.max()
    seen = table.assign(**table[["mean", "low", "high"]].clip(*_RANGES[R2]))
    with drawing(style, 0.5) as fig:
        ax = fig.subplots()
        lines(ax, seen, TRAINED, "mean", "low", "high", hue="measure", looks=_CURVES)
        if fewer:
            ax.axvline(enough, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)))
        log_ticks(ax, sizes)
        ax.set(ylim=_RANGES[R2], xlabel="trained designs")
        ax.set_ylabel("on designs held out")
        near = f": R² within .05 of the last from {enough} trained on"
        title = f"{_about(table)}, a quarter held out{near if fewer else ''}"
        ax.set_title(title, fontsize="small")
        legend(
            fig, {_WORDS[name].replace("\n", " "): _CURVES[name] for name in _CURVES}
        )
    return fig


def model_label(model: str, kind: str) -> str:
    """A model and its features in words.

    >>> model_label("forest", "with counts")
    'forest: + block weights'
    """
    return "mean" if model == "mean" else f"{model}: {KIND_LABELS.get(kind, kind)}"


_ENDS = ("value", "row", "low", "high")
_RANGES = {R2: (-0.3, 1.0), RANK: (-0.3, 1.0), "ROC AUC": (0.3, 1.0)}
_FOREST, _OTHER = {"color": BLUE, "marker": "o"}, {"color": ORANGE, "marker": "s"}
_MODELS = {"forest": _FOREST, "other": _OTHER}
_SOURCES = {"same table": _FOREST, "other tables": _OTHER | {"mfc": "white"}}
_HELD = {True: _FOREST, False: _OTHER}
_CURVES: dict[str, dict[str, Any]] = {
    R2: {**_FOREST, "linestyle": "-", "markevery": 1},
    RANK: {**_OTHER, "linestyle": "--", "markevery": 1},
}
_WORDS = {
    R2: "R²",
    GAIN: "R² above\nhyperparam.",
    ERROR: "mean absolute\nerror [points]",
    RANK: "rank\ncorrelation",
    "ROC AUC": "top third:\nROC AUC",
    RIGHT: "top third:\naccuracy [%]",
}
_AXIS = {
    "hidden_proportion": "hidden proportion\n(square root scale)",
    "hidden": "hidden size\n[units]",
    "learning_rate": "learning rate\n[1/1000]",
}


def _about(table: DataFrame) -> str:
    return f"{table['designs'].iloc[0]} designs at {table['scale'].iloc[0]} scale"


def _headline(fig: Figure, words: str) -> None:
    fig.suptitle(words, x=0.01, ha="left", fontsize="medium")


def _mean_curve(rows: DataFrame) -> DataFrame:
    """Mean over the forests of one feature, at evenly spread values."""
    grid = np.linspace(rows["value"].min(), rows["value"].max(), 80)
    curves = [
        np.interp(grid, line["value"], line[FORECAST])
        for _, line in rows.groupby("forest")
    ]
    mean = np.mean(curves, axis=0)
    return DataFrame({"forest": "mean", "value": grid, FORECAST: mean})


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, of the forest with hyperparameters and proportion."""
    scores, observed = page.table("forecast_scores"), page.table("forecast_observed")
    forest = _measures(scores, "forest", KIND)
    transfer = page.table("forecast_transfer").query("features == @KIND")
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
        "right": f"{forest.loc[RIGHT, 'value']:.0f}",
        "right_mean": f"{_measures(scores, 'mean').loc[RIGHT, 'value']:.0f}",
        **sources,
        "enough": str(enough_designs(page.table("forecast_runs"))),
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
    chosen = transfer[(transfer["features"] == KIND) & (transfer["measure"] == R2)]
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
