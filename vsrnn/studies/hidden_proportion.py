"""Does hidden proportion predict accuracy, learning speed, or both?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.forecast import effects
from vsrnn.forecast.effects import AREA, EPOCHS
from vsrnn.forecast.measures import RANK
from vsrnn.forecast.table import DENSITIES, FEATURES, SCORE
from vsrnn.forecast.validation import MIN_DESIGNS
from vsrnn.plot.axes import SQRT, each_panel, legend, panels, proportion_axis
from vsrnn.plot.labels import (
    BLUE,
    DESIGN_LABELS,
    GRAY,
    ORANGE,
    PROPORTION,
    design_label,
    look,
)
from vsrnn.plot.lines import scatter
from vsrnn.plot.points import DRAWN, dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import accuracy_top, chance_line, drawing
from vsrnn.runs.tables import study_curves, study_runs
from vsrnn.stats import Claim, extent, outlying, share_below, welch
from vsrnn.studies.labels import chance, table_label
from vsrnn.studies.page import Page
from vsrnn.studies.scores import ACCURACY

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
    "all densities": DENSITIES,
    "all hyperparameters": FEATURES["hyperparameters"],
}
"""Features that the hidden proportion is added to, one nested pair of models each."""

BESIDE = "rad_normal_size_50k"
"""Random designs that stand behind the paper's own: the most that need many epochs."""

THREE = ("111111_", "000000_", "balanced_0")
"""Dense, uniform and varied, which the figure on speed and failures names."""

SPEED, FAILURES = "speed", "failures"
RANGES = ("below .01", ".01 to .1", ".1 to .2", "above .2")
"""Panels of the figure on speed and failures, and its ranges of hidden proportion."""

_OVER = ["threshold [%]", "trained [epochs]"]
_SHARE = ("never learn [%]", "low [%]", "high [%]", "designs")
_R2 = (-0.1, 0.7)
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
        repeats: how often designs are split anew into folds.
        resamples: of designs, for intervals of rank correlations.
        seed: of folds and resampled designs.
    """

    runs: DataFrame
    curves: DataFrame
    passed: float = 40.0
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


def designs_table(data: Data) -> DataFrame:
    """Designs with their expected hidden proportion and mean score, table by table."""
    tables = [known for _, known in effects.designs_by_table(data.runs)]
    columns = ("table", "scale", "design", "hidden_proportion", SCORE)
    more = ("hidden", "weights", "seeds", "diverged")
    known = pd.concat(tables, ignore_index=True)
    return known[[*columns, *more]].rename(columns=_RENAMED)


def proportion_study_table(data: Data) -> DataFrame:
    """The random designs of `designs_table`, and whether they learned."""
    known = designs_table(data)
    known = known[known["table"] != NAMED]
    return known.assign(learned=known[SCORE] >= LEARNED)


def learning_speed_table(data: Data) -> DataFrame:
    """How soon the runs of each design learn, beside its hidden proportion.

    Its columns are those of ``vsrnn.forecast.effects.learning_speed``.
    """
    speed = effects.learning_speed(data.runs, data.curves, data.passed)
    return designs_table(data).merge(speed, on=["table", "design"])


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
    drawn = proportion_study_table(data)
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
    return f"{designs} designs {table_label(first['table'])}"


@figure(table=proportion_study_table)
def proportion_study(table: DataFrame, style: str = "web") -> Figure:
    """Score of random designs against hidden proportion, a panel a table."""
    looks = {True: {"color": BLUE, "marker": "o", "alpha": 0.7}}
    looks[False] = {"color": ORANGE, "marker": "x"}
    with drawing(style, 0.12 + 0.3 * table["table"].nunique()) as fig:
        for ax, rows in each_panel(fig, table, "table", 1, sharex=True, sharey=True):
            scatter(ax, rows, PROPORTION, SCORE, hue="learned", looks=looks)
            proportion_axis(ax)
            chance_line(ax, chance("rad"))
            ax.set_ylim(0, accuracy_top(table[SCORE], chance("rad")))
            ax.set(title=_title(rows), xlabel=SQRT, ylabel=ACCURACY)
            ax.label_outer()
        points = {"ended above twice chance": {**looks[True], "ls": ""}}
        points["did not"] = {**looks[False], "ls": ""}
        legend(fig, points)
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
        left, right = panels(fig, 2, width_ratios=(5, 4))
        own_words = speed["table"].map(table_label)
        soon = "after " + speed[EPOCHS].map("{:.3g} epochs".format)
        late = f"not within {last:.0f} epochs"
        told = {"design": speed["design"].map(design_label), "designs": own_words}
        told |= {PROPORTION: speed[PROPORTION], DRAWN: speed[EPOCHS]}
        told[f"passes {passed:.0f} %"] = soon.mask(speed[EPOCHS] > last, late)
        named = {table_label(name): shape for name, shape in looks.items()}
        scatter(left, DataFrame(told), PROPORTION, DRAWN, hue="designs", looks=named)
        for row in own[own["design"].isin(THREE)].to_dict("records"):
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
        legend(fig, {name: {**shape, "ls": ""} for name, shape in named.items()}, 2)
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
    number = table["table"].nunique()
    with drawing(style, 0.14 + 0.27 * number) as fig:
        for ax, rows in each_panel(fig, both, "table", 1, sharex=True):
            columns = ("value", "base", "low", "high")
            dots(ax, rows, *columns, step=0, within=_R2, **how)
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set(xlim=_R2, xlabel="R² on designs held out")
            ax.set_title(_title(rows))
            ax.label_outer()
        legend(fig, _GAIN_LOOKS | {before: {**_GAIN_LOOKS[before], "ls": ""}}, 2)
    return fig


_GAIN_LOOKS: dict[str, dict[str, Any]] = {
    "what the row names": {"color": GRAY, "marker": "o", "mfc": "white"},
    "and hidden proportion, with interval of the gain": {"color": BLUE, "marker": "o"},
}


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: counts and medians are over the random designs."""
    drawn = page.table("proportion_study")
    share, failed = drawn[PROPORTION], ~drawn["learned"]
    few, many, middle = share < FEW, share > MANY, share.between(0.1, MANY)
    explained = page.table("variance_explained")
    alone = 100 * explained.loc[explained["base"] == NOTHING, "with [R2]"]
    searched = share[drawn["table"] == BESIDE]
    return {
        "failed_below": str(failed[few].sum()),
        "designs_below": str(few.sum()),
        "failed_above": str(failed[many].sum()),
        "designs_above": str(many.sum()),
        "median_middle": f"{drawn.loc[middle & ~failed, SCORE].median():.1f}",
        "median_above": f"{drawn.loc[many & ~failed, SCORE].median():.1f}",
        "explained": extent(alone.clip(lower=0)),
        "searched": f"{(searched < 0.1).sum()} of {len(searched)}",
    }


def claims(page: Page) -> list[Claim]:
    """The paper's claims on hidden proportion, table by table.

    Intervals are over resampled designs; that of failures is Welch's.
    """
    study = page.table("proportion_study")
    failed, share = 100.0 * ~study["learned"], study[PROPORTION]
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
