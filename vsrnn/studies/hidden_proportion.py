"""Does hidden proportion predict accuracy, learning speed, or both?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from vsrnn.forecast import effects
from vsrnn.forecast.effects import AREA, EPOCHS, MEASURES, feature_label
from vsrnn.forecast.measures import RANK
from vsrnn.forecast.table import DENSITIES, FEATURES, SCORE
from vsrnn.forecast.validation import MIN_DESIGNS
from vsrnn.plot.axes import SQRT, each_panel, legend, panels, proportion_axis
from vsrnn.plot.labels import (
    BLUE,
    DESIGN_LABELS,
    GRAY,
    GREEN,
    ORANGE,
    PROPORTION,
    look,
)
from vsrnn.plot.lines import lines, scatter
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import accuracy_top, chance_line, drawing
from vsrnn.runs.tables import study_curves, study_runs
from vsrnn.stats import Claim, extent, outlying, share_below, welch
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

BESIDE = "rad_normal_size_50k"
"""Random designs that stand behind the paper's own: the most that need many epochs."""

SPEED, FAILURES = "speed", "failures"
RANGES = ("below .01", ".01 to .1", ".1 to .2", "above .2")
"""Panels of the figure on speed and failures, and its ranges of hidden proportion."""

_OVER = ["threshold [%]", "trained [epochs]"]
_SHARE = ("never learn [%]", "low [%]", "high [%]", "designs")
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
    tables = [known for _, known in effects.designs_by_table(data.runs)]
    columns = ("table", "scale", "design", "hidden_proportion", SCORE)
    more = ("hidden", "weights", "seeds", "diverged")
    known = pd.concat(tables, ignore_index=True)
    return known[[*columns, *more]].rename(columns=_RENAMED)


def learning_speed_table(data: Data) -> DataFrame:
    """How soon the runs of each design learn, beside its hidden proportion.

    Its columns are those of ``vsrnn.forecast.effects.learning_speed``.
    """
    speed = effects.learning_speed(data.runs, data.curves, data.passed)
    known = data.runs.merge(speed[["table", "design"]].drop_duplicates())
    return proportion_study_table(replace(data, runs=known)).merge(speed)


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


def speed_and_failures_table(data: Data) -> DataFrame:
    """How soon designs learn, and how many random ones never do, by hidden proportion.

    Returns:
        One row a design of `NAMED` and of `BESIDE` in the panel `SPEED`, as
        `learning_speed_table` gives them, and one row a range of hidden proportions in
        the panel `FAILURES`: range, failed and all designs, and the share that failed
        with its interval by Wilson (low, high) [%].
    """
    speed = learning_speed_table(data)
    columns = ["table", "design", PROPORTION, EPOCHS, "never", *_OVER]
    speed = speed.loc[speed["table"].isin((NAMED, BESIDE)), columns]
    drawn = proportion_study_table(data).query("table != @NAMED")
    ends = (0, FEW, 0.1, MANY, 1)
    ranges = pd.cut(drawn[PROPORTION], ends, labels=RANGES, include_lowest=True)
    shares = [
        {"range": name, "failed [designs]": int((own < LEARNED).sum())}
        | dict(zip(_SHARE, share_below(own, LEARNED), strict=True))
        for name, own in drawn[SCORE].groupby(ranges, observed=False)
    ]
    both = [speed.assign(panel=SPEED), DataFrame(shares).assign(panel=FAILURES)]
    return pd.concat(both, ignore_index=True)


def rank_correlation_table(data: Data) -> DataFrame:
    """Rank correlation of each design feature with score and learning speed."""
    return effects.rank_correlation(
        data.runs, learning_speed_table(data), data.resamples, data.seed
    )


def proportion_optimum_table(data: Data) -> DataFrame:
    """Smooth course of the score over the hidden proportion, and where it is best."""
    return effects.score_course(data.runs, data.within, seed=data.seed)


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
    for name, known in effects.designs_by_table(runs, MIN_DESIGNS):
        part = runs[runs["table"] == name]
        bases = {base: BASES[base] for base in BASES if base != TRIMMED}
        gains = partial(
            effects.added_by_proportion, repeats=data.repeats, seed=data.seed
        )
        each = gains(part, bases)
        far = known["design"][outlying(known[SCORE])]
        if 0 < len(far) <= len(known) - MIN_DESIGNS:
            each[1:1] = gains(part[~part["design"].isin(far)], {TRIMMED: ()})
        rows += [{"table": name, "scale": known["scale"].iloc[0]} | row for row in each]
    return DataFrame(rows)


def _title(rows: DataFrame) -> str:
    first = rows.iloc[0]
    designs = first["designs"] if "designs" in rows else len(rows)
    return f"{table_label(first['table'])}\n{designs} designs, {first['scale']} scale"


def _narrow_title(rows: DataFrame) -> str:
    return _title(rows).replace(", ", ",\n", 1)


@figure(table=proportion_study_table)
def proportion_study(table: DataFrame, style: str = "web") -> Figure:
    """Score against hidden proportion, a panel a table, colored by hidden size."""
    sizes_of = table[_HIDDEN]
    norm = LogNorm(sizes_of.min(), max(sizes_of.max(), sizes_of.min() + 1))
    lost: dict[str, Any] = {"color": ORANGE, "marker": "x"}
    with drawing(style, 0.12 + 0.4 * _lines(table, 2)) as fig:
        for ax, rows in _score_panels(fig, table, table[SCORE]):
            diverged = rows["diverged"] > 0
            xy = (PROPORTION, SCORE)
            scatter(ax, rows[~diverged], *xy, hue=_HIDDEN, norm=norm, clip_on=False)
            scatter(ax, rows[diverged], *xy, looks={None: lost})
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
    with drawing(style, 0.14 + 0.36 * _lines(table, 2)) as fig:
        for ax, rows in _score_panels(fig, table, table["high [%]"]):
            first = rows.iloc[0]
            near: dict[str, Any] = {"color": GREEN, "alpha": 0.2, "linewidth": 0}
            ax.fill_between(rows[PROPORTION], 0, 100, where=rows["near"], **near)
            columns = (PROPORTION, "fit [%]", "low [%]", "high [%]")
            blue = {first["table"]: {"color": BLUE}}
            lines(ax, rows, *columns, hue="table", looks=blue)
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
    n = table["table"].nunique()
    end = int(table["trained [epochs]"].max()) + 1
    passed = table["threshold [%]"].iloc[0]
    looks: dict[Any, dict[str, Any]] = {False: {"color": BLUE, "alpha": 0.8}}
    looks[True] = {"color": BLUE, "marker": "^", "markerfacecolor": "none"}
    with drawing(style, 0.75) as fig:
        groups = [rows for _, rows in table.groupby("table", sort=False)]
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


@figure(table=speed_and_failures_table)
def speed_and_failures(table: DataFrame, style: str = "web") -> Figure:
    """Epochs until designs learn, and the share that never does, by hidden share."""
    speed, failures = (table[table["panel"] == name] for name in (SPEED, FAILURES))
    own = speed[speed["table"] == NAMED]
    passed, last = speed[_OVER].iloc[0]
    gray = {"color": "0.75", "marker": "o"}
    looks = {BESIDE: gray, NAMED: {"color": "black", "marker": "o"}}
    with drawing(style, 0.5) as fig:
        left, right = fig.subplots(1, 2, width_ratios=(5, 4))
        scatter(left, speed, PROPORTION, EPOCHS, hue="table", looks=looks)
        for row in own[own["design"].isin(DESIGN_LABELS)].to_dict("records"):
            word, shape = DESIGN_LABELS[row["design"]], look(row["design"])
            place, how = (row[PROPORTION], row[EPOCHS]), {"color": shape["color"]}
            left.plot(*place, shape["marker"], markersize=8, **how)
            at: dict[str, Any] = {"textcoords": "offset points", "xytext": (7, 5)}
            left.annotate(word, place, weight="bold", **at, **how)
        proportion_axis(left)
        ticks = [*range(0, int(last), 5), last + 1]
        left.set_yticks(ticks, [*map(str, ticks[:-1]), f"not in {last:.0f}"])
        left.set(ylim=(0, last + 2), xlabel=SQRT)
        left.set(ylabel=f"epochs until it passes {passed:.0f} %")
        left.set_title("How soon they learn")
        counts = failures["failed [designs]"].map("{:.0f} of ".format)
        counts += failures["designs"].map("{:.0f}".format)
        rows = failures.assign(row=failures["range"] + "\n" + counts)
        color = {name: {"color": ORANGE, "marker": "o"} for name in rows["row"]}
        dots(right, rows, _SHARE[0], "row", *_SHARE[1:3], looks=color, how=".0f")
        right.set(xlim=(0, 80), xlabel="random designs [%]")
        right.set(ylabel="hidden proportion")
        right.set_title("How many never learn")
        words = {
            table_label(name): {**shape, "ls": ""} for name, shape in looks.items()
        }
        legend(fig, words, 2)
    return fig


@figure(table=rank_correlation_table)
def rank_correlation(
    table: DataFrame,
    style: str = "web",
    title: Callable[[DataFrame], str] = _narrow_title,
) -> Figure:
    """Rank correlation of what designs set with what they reach, with intervals."""
    features = list(table["feature"].unique())
    looks = {name: _LOOKS[name] for name in MEASURES if name in set(table["measure"])}
    how: dict[str, Any] = {"hue": "measure", "looks": looks, "order": features}
    height = 0.2 + (0.03 + 0.01 * len(looks)) * len(features)
    with drawing(style, _lines(table) * height) as fig:
        for ax, rows in _columns(fig, table):
            columns = ("rank correlation", "feature", "low", "high")
            dots(ax, rows, *columns, named=feature_label, **how)
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set(xlim=(-1, 1), xticks=[-1, 0, 1])
            ax.xaxis.label.set_fontsize("small")
            ax.set_title(title(rows), fontsize="x-small")
        words = {_MEASURE_WORDS[name]: look for name, look in looks.items()}
        legend(fig, words if len(looks) > 1 else {})
    return fig


@figure(table=variance_explained_table)
def variance_explained(table: DataFrame, style: str = "web") -> Figure:
    """Variance explained out of fold without and with the hidden proportion."""
    bases = [base for base in BASES if base in set(table["base"])]
    (before, after), base = _GAIN_LOOKS, table["without [R2]"]
    ends = {end: base + table[f"{end} [R2]"] for end in ("low", "high")}
    without = table.assign(kind=before, value=base)
    added = table.assign(kind=after, value=table["with [R2]"], **ends)
    both = pd.concat([without, added], ignore_index=True)
    how: dict[str, Any] = {"hue": "kind", "looks": _GAIN_LOOKS, "order": bases}
    with drawing(style, _lines(table) * 0.62) as fig:
        for ax, rows in _columns(fig, both):
            columns = ("value", "base", "low", "high")
            dots(ax, rows, *columns, step=0, within=(-0.3, 1), **how)
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set_xlim(-0.3, 1)
            ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
            ax.set_xlabel("R² out of fold", fontsize="small")
            ax.set_title(_narrow_title(rows), fontsize="x-small")
        legend(fig, _GAIN_LOOKS | {before: {**_GAIN_LOOKS[before], "ls": ""}}, 2)
    return fig


@figure(table=proportion_draws_table, made_by=lambda data: {"seed": data.seed})
def proportion_draws(table: DataFrame, style: str = "web") -> Figure:
    """Share of random designs below each hidden proportion, a line a distribution."""
    colors = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00")
    names, dashes = table["distribution"].unique(), ("-", "--", "-.", ":", "-")
    looks: dict[str, dict[str, Any]] = {
        name: {"color": color, "linestyle": dash}
        for name, color, dash in zip(names, colors, dashes, strict=True)
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
_GAIN_LOOKS: dict[str, dict[str, Any]] = {
    "what the row names": {"color": GRAY, "marker": "o", "mfc": "white"},
    "and hidden proportion, with interval of the gain": {"color": BLUE, "marker": "o"},
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


def _weights(rows: DataFrame) -> str:
    """A line for the title: the range of weights where designs share no budget."""
    low, high = rows[_WEIGHTS].min(), rows[_WEIGHTS].max()
    if high < 1.2 * low:
        return ""
    return f"\n{round(low, -3):,.0f} to {round(high, -3):,.0f} weights"


def _score_panels(
    fig: Figure, table: DataFrame, shown: Series
) -> Iterator[tuple[Axes, DataFrame]]:
    """A panel of scores against hidden proportion for each table, two in a row."""
    for ax, rows in each_panel(fig, table, "table", 2, sharex=True, sharey=True):
        proportion_axis(ax)
        chance_line(ax, chance("rad"))
        yield ax, rows
        ax.set_ylim(0, accuracy_top(shown, chance("rad")))
        ax.set_xlabel(SQRT, fontsize="small")
        ax.set_ylabel(ACCURACY, fontsize="small")
        ax.label_outer()


def _lines(table: DataFrame, beside: int = 4) -> int:
    """How many lines of panels there are, with so many side by side."""
    return math.ceil(table["table"].nunique() / beside)


def _columns(fig: Figure, table: DataFrame) -> Iterator[tuple[Axes, DataFrame]]:
    """A panel for each table side by side, whose rows have the same names."""
    columns = math.ceil(table["table"].nunique() / _lines(table))
    return each_panel(fig, table, "table", columns, sharey=True)


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: counts and medians are over the random designs."""
    drawn = page.table("proportion_study").query("table != @NAMED")
    share, failed = drawn[PROPORTION], drawn[SCORE] < LEARNED
    few, many, middle = share < FEW, share > MANY, share.between(0.1, MANY)
    explained = page.table("variance_explained")
    alone = 100 * explained.loc[explained["base"] == NOTHING, "with [R2]"]
    below = page.table("proportion_draws").query("distribution != 'even'")
    return {
        "failed_below": str(failed[few].sum()),
        "designs_below": str(few.sum()),
        "failed_above": str(failed[many].sum()),
        "designs_above": str(many.sum()),
        "median_middle": f"{drawn.loc[middle & ~failed, SCORE].median():.1f}",
        "median_above": f"{drawn.loc[many & ~failed, SCORE].median():.1f}",
        "explained": extent(alone.clip(lower=0)),
        "drawn_below": extent(below["below .3 [%]"]),
    }


def claims(page: Page) -> list[Claim]:
    """The paper's claims on hidden proportion, table by table.

    Intervals are over resampled designs; that of failures is Welch's.
    """
    study = page.table("proportion_study").query("table != @NAMED")
    failed, share = 100.0 * (study[SCORE] < LEARNED), study[PROPORTION]
    words = f"more designs never learn below {FEW:g} than above {MANY:g}"
    difference = welch(failed[share < FEW], failed[share > MANY])
    found = [Claim(f"{words}, random designs", *difference, "points")]
    ranks = page.table("rank_correlation").query("feature == 'hidden_proportion'")
    for measured, words, sign in _RANKED:
        for _, row in ranks[ranks["measure"] == measured].iterrows():
            claim = f"hidden proportion {words}: {table_label(row['table'])}"
            found.append(Claim.of(claim, row[[RANK, "low", "high"]], RANK, sign))
    explained = page.table("variance_explained")
    for base, words in _GAINED.items():
        for _, row in explained[explained["base"] == base].iterrows():
            claim = f"hidden proportion {words}: {table_label(row['table'])}"
            gain = row[["gain [R2]", "low [R2]", "high [R2]"]]
            found.append(Claim.of(claim, gain, "R2"))
    return found


_RANKED = (
    (SCORE, "ranks designs by score", 1),
    (AREA, "ranks designs by mean accuracy", 1),
    (EPOCHS, "goes with fewer epochs", -1),
)
_GAINED = {
    NOTHING: "alone explains scores",
    TRIMMED: "alone explains scores that are not far off",
    "hidden size": "explains more than hidden size",
    "all densities": "explains more than all densities",
}
