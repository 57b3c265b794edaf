"""Does hidden proportion predict accuracy, learning speed, or both?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter
from pandas import DataFrame, Series

from vsrnn.design.geometry import BLOCKS
from vsrnn.design.random import BUDGETED, DISTRIBUTIONS
from vsrnn.errors import VsrnnError
from vsrnn.forecast import (
    DENSITIES,
    FEATURES,
    MIN_DESIGNS,
    SCORE,
    cross_predict,
    effects,
    measure,
    r2_gain,
)
from vsrnn.forecast.effects import (
    AREA,
    EPOCHS,
    MEASURES,
    designs_by_table,
    feature_label,
    score_course,
)
from vsrnn.plot.axes import SQRT, legend, panels, proportion_axis
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE, PROPORTION
from vsrnn.plot.lines import lines, scatter
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import accuracy_top, chance_line, drawing
from vsrnn.runs.tables import study_curves, study_runs
from vsrnn.stats import Claim, welch
from vsrnn.studies.labels import chance, table_label
from vsrnn.studies.page import Page
from vsrnn.studies.scores import ACCURACY
from vsrnn.tasks import sizes
from vsrnn.tasks.designs import draw_designs

RANDOM = ("rad_even_100k", "rad_normal_size_50k", "rad_normal")
"""Tables of designs drawn at random, those drawn for the study first."""

NAMED = "rad_100k"
"""The table of the paper's own designs. These are a few patterns in variants: left out
of a fit, near-duplicates would leak into it, so nothing fitted to others is tested on
them."""

STUDY = (*RANDOM, NAMED)
"""Tables of the study."""

LEARNED = 20.0
"""Test accuracy [%] below which a network has not learned: twice chance."""

FEW, MANY = 0.01, 0.2
"""Hidden proportions below and above which designs are counted that never learn."""

NOTHING, TRIMMED = "nothing", "nothing, far scores left out"
BASES: dict[str, tuple[str, ...]] = {
    NOTHING: (),
    TRIMMED: (),
    "hidden size": ("hidden",),
    **{f"density of {block}": (f"density_{block}",) for block in BLOCKS},
    "all densities": DENSITIES,
    "hidden size and all densities": ("hidden", *DENSITIES),
    "learning rate and initial weights": (
        "learning_rate",
        *(f"init_{kind}_{block}" for kind in ("mean", "std") for block in BLOCKS),
    ),
    "all hyperparameters": FEATURES["hyperparameters"],
}
"""Features that the hidden proportion is added to, one nested pair of models each."""

_HIDDEN, _WEIGHTS = "hidden [units]", "weights [expected]"
_RENAMED = {"hidden_proportion": PROPORTION, "hidden": _HIDDEN}
_RENAMED |= {"weights": _WEIGHTS, "seeds": "runs"}


@dataclass(frozen=True)
class Data:
    """What the tables are made from.

    Args:
        runs: one row a run, as `study_runs` gives them.
        curves: one row a run and epoch, as `study_curves` gives them.
        passed: validation accuracy [%] that a fast design passes soon.
        within: how far below the best a score still counts as near it [points].
        draws: designs drawn from each distribution.
        repeats: how often designs are split anew into folds.
        resamples: of designs, for intervals of rank correlations.
        seed: of draws, folds and resampled designs.
    """

    runs: DataFrame
    curves: DataFrame
    passed: float = 40.0
    within: float = 2.0
    draws: int = 1000
    repeats: int = 10
    resamples: int = 1000
    seed: int = 0


def load(tables: Sequence[str] = STUDY, **given: Any) -> Data:
    """Load committed runs of block designs.

    Args:
        tables: names of committed tables; those that do not exist are left out.
        **given: the other fields of `Data`.

    Raises:
        VsrnnError: none of the tables exists.
    """
    return Data(study_runs(tables), study_curves(tables), **given)


def proportion_study_table(data: Data) -> DataFrame:
    """Designs with their expected hidden proportion and mean score, table by table."""
    tables = [known for _, known in designs_by_table(data.runs)]
    columns = ("table", "scale", "design", "hidden_proportion", SCORE)
    more = ("hidden", "weights", "seeds", "diverged")
    known = pd.concat(tables, ignore_index=True)
    return known[[*columns, *more]].rename(columns=_RENAMED)


def learning_speed_table(data: Data) -> DataFrame:
    """How soon the runs of each design learn, beside its hidden proportion.

    Two measures: validation accuracy averaged over all epochs, and the first epoch
    that passes a threshold. An epoch that a diverged run did not reach counts as
    chance. A run that never passes counts as passing in the epoch after the last;
    `never` is true of a design most of whose runs do not.

    Raises:
        VsrnnError: the curves are of other runs.
    """
    runs, curves = data.runs, data.curves.drop_duplicates(["id", "epoch"])
    epochs = int(runs["epochs"].max())
    lines = curves.pivot(index="id", columns="epoch", values="val_accuracy")
    failed = runs.loc[runs["score"].isna(), "id"]
    known = runs[runs["id"].isin([*lines.index, *failed])]
    if known.empty:
        raise VsrnnError("the curves are of other runs; give those of the same tables")
    lines = 100.0 * lines.reindex(index=known["id"], columns=range(1, epochs + 1))
    grid = lines.astype(float).fillna(chance("rad")).to_numpy()  # (runs, epochs)
    over = np.hstack([grid > data.passed, np.ones((len(grid), 1), bool)])
    columns = {AREA: grid.mean(1), EPOCHS: 1 + over.argmax(1)}
    speed = known.assign(**columns, never=~over[:, :-1].any(1))
    keys = ["table", "design"]
    means = speed.groupby(keys, sort=False)[[*columns, "never"]].mean().round(4)
    table = proportion_study_table(Data(known, curves))
    table = table.merge(means.reset_index(), on=keys)
    ends = {"threshold [%]": data.passed, "trained [epochs]": epochs}
    return table.assign(never=table["never"] > 0.5, **ends)


def proportion_draws_table(data: Data) -> DataFrame:
    """Which hidden proportions the published random searches draw, and the even one.

    Returns:
        The distribution function of each at 201 points: distribution, drawn (designs;
        those that no hidden size fits are left out), budget [weights] (0 for none),
        share of draws [%], hidden proportion [fraction], and below .3 [%].
    """
    shares = np.linspace(0, 100, 201)
    tables = []
    for name in DISTRIBUTIONS:
        budget = 100_000 if name in BUDGETED else None
        drawn = draw_designs("rad", name, data.draws, seed=data.seed, budget=budget)
        built = [d.geometry(*sizes("rad")) for d in drawn if d.hidden]
        proportions = np.array([geometry.hidden_proportion for geometry in built])
        columns = {
            **{"distribution": name, "drawn": len(built)},
            **{"budget [weights]": budget or 0, "share of draws [%]": shares},
            PROPORTION: np.percentile(proportions, shares),
            "below .3 [%]": 100 * np.mean(proportions < 0.3),
        }
        tables.append(DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def _made_by_seed(data: Data) -> dict[str, Any]:
    return {"seed": data.seed}


def rank_correlation_table(data: Data) -> DataFrame:
    """Rank correlation of each design feature with score and learning speed."""
    return effects.rank_correlation(
        data.runs, learning_speed_table(data), data.resamples, data.seed
    )


def proportion_optimum_table(data: Data) -> DataFrame:
    """Smooth course of the score over the hidden proportion, and where it is best."""
    return score_course(data.runs, data.within, seed=data.seed)


def variance_explained_table(data: Data) -> DataFrame:
    r"""Variance of the score explained out of fold, without and with the proportion.

    Both models of a pair are sums of smooth functions, one a feature (splines with
    ridge regression), fitted to the same designs and scored on the same others:

    .. math:: R^2 = 1 - \text{mean squared error} / \text{variance of the scores}

    Returns:
        One row a table and base (a key of `BASES`): table, scale, designs, base,
        without [R2], with [R2], and gain [R2] with its 95 % interval over resampled
        designs (low, high [R2]), models and splits kept. Where the scores of a few
        designs lie outside Tukey's fences, one more row leaves them out. The paper's
        own designs are left out, see `NAMED`.
    """
    rows = []
    runs = data.runs[data.runs["table"] != NAMED]
    for name, known in designs_by_table(runs, MIN_DESIGNS):
        part = runs[runs["table"] == name]
        each = _gains(part, [base for base in BASES if base != TRIMMED], data)
        far = known["design"][far_scores(known[SCORE].to_numpy())]
        if 0 < len(far) <= len(known) - MIN_DESIGNS:
            rest = part[~part["design"].isin(far)]
            each[1:1] = _gains(rest, [TRIMMED], data)
        rows += [{"table": name, "scale": known["scale"].iloc[0]} | row for row in each]
    return DataFrame(rows)


def far_scores(scores: np.ndarray) -> np.ndarray:
    """Which scores lie outside Tukey's fences, 1.5 quartile ranges from the quartiles.

    >>> far_scores(np.array([1, 2, 3, 4, 30])).tolist()
    [False, False, False, False, True]
    """
    low, high = np.quantile(scores, [0.25, 0.75])
    reach = 1.5 * (high - low)
    return np.asarray((scores < low - reach) | (scores > high + reach))


def _gains(runs: DataFrame, bases: Sequence[str], data: Data) -> list[dict[str, Any]]:
    """What the hidden proportion adds to some bases, a row each."""
    pairs = {
        base: (_model(BASES[base]), _model((*BASES[base], "hidden_proportion")))
        for base in bases
    }
    models = dict.fromkeys(model for pair in pairs.values() for model in pair)
    forecasts = cross_predict(runs, models, repeats=data.repeats, seed=data.seed)
    seen = ["observed", "forecast", "base"]
    each = forecasts.groupby(["model", "features", "repeat"])[seen].apply(
        lambda part: float(measure("R2", *part.to_numpy(float).T))
    )
    means = each.groupby(["model", "features"]).mean()
    rows: list[dict[str, Any]] = []
    for base, pair in pairs.items():
        without, added = ((model, " ".join(columns)) for model, columns in pair)
        gained, low, high = r2_gain(forecasts, added, without)
        rows.append(
            {"designs": forecasts["row"].nunique(), "base": base}
            | {"without [R2]": means[without], "with [R2]": means[added]}
            | {"gain [R2]": gained, "low [R2]": low, "high [R2]": high}
        )
    return rows


def _model(columns: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The spline model of some columns; of none, the mean."""
    return ("spline", tuple(columns)) if columns else ("mean", ("hidden",))


@figure(table=proportion_study_table)
def proportion_study(table: DataFrame, style: str = "web") -> Figure:
    """Score against hidden proportion, a panel a table, colored by hidden size."""
    sizes_of = table[_HIDDEN]
    norm = LogNorm(sizes_of.min(), max(sizes_of.max(), sizes_of.min() + 1))
    lost: dict[str, Any] = {"color": ORANGE, "marker": "x"}
    with drawing(style, 0.12 + 0.4 * _rows(table)) as fig:
        for ax, rows in _score_panels(fig, table, table[SCORE]):
            diverged = rows["diverged"] > 0
            xy = (PROPORTION, SCORE)
            scatter(ax, rows[~diverged], *xy, hue=_HIDDEN, norm=norm, clip_on=False)
            scatter(ax, rows[diverged], *xy, hue="table", looks={_name(rows): lost})
            ax.set_title(_title(rows) + _weights(rows), fontsize="small")
        bar = fig.colorbar(ScalarMappable(norm, "cividis"), ax=fig.axes, aspect=30)
        bar.set_label("hidden size [units]")
        bar.ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        bar.ax.minorticks_off()
        if table["diverged"].any():
            legend(fig, {"a run diverged (scores as chance)": {"ls": "", **lost}})
    return fig


@figure(table=proportion_optimum_table)
def proportion_optimum(table: DataFrame, style: str = "web") -> Figure:
    """Smooth course of the score over the hidden proportion, and where it is best."""
    within = table["within [points]"].iloc[0]
    with drawing(style, 0.14 + 0.36 * _rows(table)) as fig:
        for ax, rows in _score_panels(fig, table, table["high [%]"]):
            first = rows.iloc[0]
            near: dict[str, Any] = {"color": GREEN, "alpha": 0.2, "linewidth": 0}
            ax.fill_between(rows[PROPORTION], 0, 100, where=rows["near"], **near)
            columns = (PROPORTION, "fit [%]", "low [%]", "high [%]")
            lines(ax, rows, *columns, hue="table", looks={_name(rows): {"color": BLUE}})
            ends = [first["best low [fraction]"], first["best high [fraction]"]]
            ax.plot(ends, [3, 3], color="black", linewidth=2.5, alpha=0.6)
            ax.plot(first["best [fraction]"], 3, "D", color="black", clip_on=False)
            ax.set_title(_title(rows), fontsize="small")
        looks = {
            "fit, 95 % band": {"color": BLUE},
            f"within {within:g} points of the best": {**near, "linewidth": 8},
            "best, 95 %": {"color": "black", "marker": "D"},
        }
        legend(fig, looks)
    return fig


@figure(table=learning_speed_table)
def learning_speed(table: DataFrame, style: str = "web") -> Figure:
    """How soon designs learn against their hidden proportion, a column a table."""
    groups = [rows for _, rows in table.groupby("table", sort=False)]
    end = int(table["trained [epochs]"].max()) + 1
    passed = table["threshold [%]"].iloc[0]
    looks: dict[Any, dict[str, Any]] = {False: {"color": BLUE, "alpha": 0.8}}
    looks[True] = {"color": BLUE, "marker": "^", "markerfacecolor": "none"}
    with drawing(style, 0.75) as fig:
        n = len(groups)
        axes = panels(fig, 2 * n, n, sharex=True, sharey="row")
        for above, below, rows in zip(axes[:n], axes[n:], groups, strict=True):
            chance_line(above, chance("rad"))
            scatter(above, rows, PROPORTION, AREA, alpha=0.8)
            scatter(below, rows, PROPORTION, EPOCHS, hue="never", looks=looks)
            above.set_title(_narrow_title(rows), fontsize="x-small")
            for ax in (above, below):
                proportion_axis(ax, n)
                ax.set(xlabel="", ylabel="")
            below.set_xlabel(SQRT.replace(" (", "\n("), fontsize="small")
        ticks = [*range(0, end - 2, 5), end]
        axes[0].set_ylim(0, accuracy_top(table[AREA], chance("rad")))
        axes[n].set_ylim(0, end + 1)
        axes[n].set_yticks(ticks, [*map(str, ticks[:-1]), "∞"])
        axes[0].set_ylabel("mean validation\naccuracy [%]")
        axes[n].set_ylabel(f"epochs until it\npasses {passed:.0f} % (∞: never)")
    return fig


@figure(table=rank_correlation_table)
def rank_correlation(table: DataFrame, style: str = "web") -> Figure:
    """Rank correlation of what designs set with what they reach, with intervals."""
    features = list(table["feature"].unique())
    looks = {name: _LOOKS[name] for name in MEASURES if name in set(table["measure"])}
    height = 0.2 + (0.03 + 0.01 * len(looks)) * len(features)
    with drawing(style, _lines(table) * height) as fig:
        for ax, rows in _columns(fig, table):
            how: dict[str, Any] = {"hue": "measure", "looks": looks, "order": features}
            dots(ax, rows, "rank correlation", "feature", "low", "high", **how)
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set(xlim=(-1, 1), xticks=[-1, 0, 1])
            ax.xaxis.label.set_fontsize("small")
            ax.set_yticks(range(len(features)), map(feature_label, features))
        words = {_MEASURE_WORDS[name]: look for name, look in looks.items()}
        legend(fig, words if len(looks) > 1 else {})
    return fig


@figure(table=variance_explained_table)
def variance_explained(table: DataFrame, style: str = "web") -> Figure:
    """Variance explained out of fold without and with the hidden proportion."""
    bases = [base for base in BASES if base in set(table["base"])]
    ends = [table["without [R2]"] + table[name] for name in ("low [R2]", "high [R2]")]
    looks: dict[str, dict[str, Any]] = {
        "what the row names": {"color": GRAY, "marker": "o", "mfc": "white"},
        "and hidden proportion, with interval of the gain": {
            "color": BLUE,
            "marker": "o",
        },
    }
    before, after = (
        table.assign(kind=kind, value=table[name])
        for kind, name in zip(looks, ("without [R2]", "with [R2]"), strict=True)
    )
    after = after.assign(low=ends[0], high=ends[1])
    both = pd.concat([before, after], ignore_index=True)
    with drawing(style, _lines(table) * 0.62) as fig:
        for ax, rows in _columns(fig, both):
            how: dict[str, Any] = {"hue": "kind", "looks": looks, "order": bases}
            how |= {"step": 0, "within": (-0.3, 1)}
            dots(ax, rows, "value", "base", "low", "high", **how)
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set_xlim(-0.3, 1)
            ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
            ax.set_xlabel("R² out of fold", fontsize="small")
        without, added = looks.items()
        legend(fig, {without[0]: {**without[1], "ls": ""}, added[0]: added[1]}, 2)
    return fig


@figure(table=proportion_draws_table, made_by=_made_by_seed)
def proportion_draws(table: DataFrame, style: str = "web") -> Figure:
    """Share of random designs below each hidden proportion, a line a distribution."""
    colors = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00")
    names = list(table["distribution"].unique())
    dashes = zip(names, colors, ("-", "--", "-.", ":", "-"), strict=True)
    looks: dict[str, dict[str, Any]] = {
        name: {"color": color, "linestyle": dash} for name, color, dash in dashes
    }
    looks["even"]["linewidth"] = 2.6
    with drawing(style, 0.55) as fig:
        ax = fig.subplots()
        ax.axvline(0.3, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)))
        columns = (PROPORTION, "share of draws [%]")
        lines(ax, table, *columns, hue="distribution", looks=looks)
        ax.set(xlim=(0, 1), ylim=(0, 100), xlabel="hidden proportion")
        ax.set_ylabel("designs with at most this proportion [%]")
        drawn = table["drawn"].iloc[0]
        ax.set_title(f"Random Anomaly, {drawn:,} draws of each distribution")
        words = [_below(rows) for _, rows in table.groupby("distribution", sort=False)]
        ax.legend(ax.lines[1:], words, loc="lower right", bbox_to_anchor=(1, 0.04))
    return fig


_LOOKS: dict[str, dict[str, Any]] = {
    SCORE: {"color": BLUE, "marker": "o"},
    AREA: {"color": ORANGE, "marker": "s", "mfc": "white"},
    EPOCHS: {"color": GREEN, "marker": "^"},
}
_MEASURE_WORDS = {
    SCORE: "test accuracy",
    AREA: "mean validation accuracy",
    EPOCHS: "epochs to the threshold",
}


def _below(rows: DataFrame) -> str:
    """A distribution of designs, and how many of them are below .3."""
    first = rows.iloc[0]
    spent = first["budget [weights]"]
    budget = f", {spent:,} weights" if spent else ""
    return f"{first['distribution']}{budget}: {first['below .3 [%]']:.0f} % below .3"


def _name(rows: DataFrame) -> str:
    return str(rows["table"].iloc[0])


def _title(rows: DataFrame) -> str:
    first = rows.iloc[0]
    designs = first["designs"] if "designs" in rows else len(rows)
    return f"{table_label(_name(rows))}\n{designs} designs, {first['scale']} scale"


def _narrow_title(rows: DataFrame) -> str:
    return _title(rows).replace(", ", ",\n", 1)


def _weights(rows: DataFrame) -> str:
    """A line for the title: the range of weights where designs share no budget."""
    low, high = rows[_WEIGHTS].min(), rows[_WEIGHTS].max()
    if high < 1.2 * low:
        return ""
    return f"\n{round(low, -3):,.0f} to {round(high, -3):,.0f} weights"


def _rows(table: DataFrame) -> int:
    return math.ceil(table["table"].nunique() / 2)


def _score_panels(
    fig: Figure, table: DataFrame, shown: Series
) -> Iterator[tuple[Axes, DataFrame]]:
    """A panel of scores against hidden proportion for each table, two in a row."""
    groups = [rows for _, rows in table.groupby("table", sort=False)]
    for ax, rows in zip(
        panels(fig, len(groups), 2, sharex=True, sharey=True), groups, strict=True
    ):
        proportion_axis(ax)
        chance_line(ax, chance("rad"))
        yield ax, rows
        ax.set_ylim(0, accuracy_top(shown, chance("rad")))
        ax.set_xlabel(SQRT, fontsize="small")
        ax.set_ylabel(ACCURACY, fontsize="small")
        ax.label_outer()


def _lines(table: DataFrame) -> int:
    """How many lines of panels: four stand side by side."""
    return math.ceil(table["table"].nunique() / 4)


def _columns(fig: Figure, table: DataFrame) -> Iterator[tuple[Axes, DataFrame]]:
    """A panel for each table side by side, whose rows have the same names."""
    groups = [rows for _, rows in table.groupby("table", sort=False)]
    columns = math.ceil(len(groups) / _lines(table))
    axes = panels(fig, len(groups), columns, sharey=True)
    for ax, rows in zip(axes, groups, strict=True):
        yield ax, rows
        ax.set_title(_narrow_title(rows), fontsize="x-small")


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: counts and medians are over the random designs."""
    study, speed = page.table("proportion_study"), page.table("learning_speed")
    explained = page.table("variance_explained")
    alone = 100 * explained.loc[explained["base"] == NOTHING, "with [R2]"]
    drawn = page.table("proportion_draws").groupby("distribution")["below .3 [%]"]
    published = drawn.first().drop("even")
    ranks = page.table("rank_correlation").query("feature == 'hidden_proportion'")
    rho = ranks.groupby("measure")["rank correlation"]
    return {
        **_learned(study[study["table"] != NAMED]),
        "explained": _range(alone.clip(lower=0), ".0f"),
        "rank_score": _range(rho.get_group(SCORE), "z.2f"),
        "rank_epochs": _range(rho.get_group(EPOCHS), "z.2f"),
        "drawn_below": _range(published, ".0f"),
        "designs": f"{len(study):,}",
        "runs": f"{study['runs'].sum():,}",
        "diverged": str(int(study["diverged"].sum())),
        "never": str(int(speed["never"].sum())),
    }


def claims(page: Page) -> list[Claim]:
    """The paper's claims on hidden proportion, table by table.

    Intervals are over resampled designs; that of failures is Welch's.
    """
    study = page.table("proportion_study").query("table != @NAMED")
    failed, share = 100.0 * (study[SCORE] < LEARNED), study[PROPORTION]
    words = f"more designs never learn below {FEW:g} than above {MANY:g}"
    difference = welch(failed[share < FEW], failed[share > MANY])
    ranks = page.table("rank_correlation").query("feature == 'hidden_proportion'")
    explained = page.table("variance_explained")
    return [
        Claim(f"{words}, random designs", *difference, "points"),
        *_ranked(ranks[ranks["measure"] == SCORE], "ranks designs by score", 1),
        *_ranked(ranks[ranks["measure"] == AREA], "ranks designs by mean accuracy", 1),
        *_ranked(ranks[ranks["measure"] == EPOCHS], "goes with fewer epochs", -1),
        *_gained(explained, NOTHING, "alone explains scores"),
        *_gained(explained, TRIMMED, "alone explains scores that are not far off"),
        *_gained(explained, "hidden size", "explains more than hidden size"),
        *_gained(explained, "all densities", "explains more than all densities"),
    ]


def _learned(drawn: DataFrame) -> dict[str, str]:
    """Random designs that never learn, and the median score of those that do."""
    share, failed = drawn[PROPORTION], drawn[SCORE] < LEARNED
    few, many, middle = share < FEW, share > MANY, share.between(0.1, MANY)
    return {
        "failed_below": str(failed[few].sum()),
        "designs_below": str(few.sum()),
        "failed_above": str(failed[many].sum()),
        "designs_above": str(many.sum()),
        "median_middle": f"{drawn.loc[middle & ~failed, SCORE].median():.1f}",
        "median_above": f"{drawn.loc[many & ~failed, SCORE].median():.1f}",
    }


def _ranked(ranks: DataFrame, words: str, sign: int) -> list[Claim]:
    """What hidden proportion ranks, a claim a table."""
    return [
        Claim(
            f"hidden proportion {words}: {table_label(row['table'])}",
            sign * row["rank correlation"],
            min(sign * row["low"], sign * row["high"]),
            max(sign * row["low"], sign * row["high"]),
            "rank correlation",
        )
        for row in ranks.to_dict("records")
    ]


def _gained(explained: DataFrame, base: str, words: str) -> list[Claim]:
    """What hidden proportion explains beyond some features, a claim a table."""
    return [
        Claim(
            f"hidden proportion {words}: {table_label(row['table'])}",
            row["gain [R2]"],
            row["low [R2]"],
            row["high [R2]"],
            "R2",
        )
        for row in explained[explained["base"] == base].to_dict("records")
    ]


def _range(values: Series, how: str) -> str:
    """The least and the greatest of several values."""
    return f"{values.min():{how}} to {values.max():{how}}".replace(
        "-", "\N{MINUS SIGN}"
    )
