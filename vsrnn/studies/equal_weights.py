"""Does it matter, at equal weights, in which blocks a network keeps them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series

from vsrnn.design.published import RAD_100K, list_designs
from vsrnn.forecast.measures import RANK
from vsrnn.forecast.table import SCORE, scored
from vsrnn.plot.axes import legend, panels
from vsrnn.plot.labels import (
    BLUE,
    DESIGN_LABELS,
    GRAY,
    GREEN,
    ORANGE,
    PROPORTION,
    arrangement_label,
    design_label,
    look,
    seeds_label,
)
from vsrnn.plot.lines import lines, scatter
from vsrnn.plot.points import dots, share_colors, share_column
from vsrnn.plot.registry import figure
from vsrnn.plot.style import accuracy_top, chance_line, drawing
from vsrnn.runs.config import configs_for
from vsrnn.runs.results import get_results
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import concat_runs
from vsrnn.stats import Claim, intervals, rank_interval, welch
from vsrnn.studies.labels import chance
from vsrnn.studies.page import Page, provenance_of
from vsrnn.studies.scores import (
    ACCURACY,
    expected_of,
    final_scores,
    in_percent,
    mean_curves,
    panels_of,
)

FIVE = ("111111_", "000000_", "balanced_0", "lstm_", "rnn_")
"""Dense, uniform, varied, LSTM and plain RNN at 100,000 weights."""

PASSED = 40.0
"""Validation accuracy [%] that a fast learner passes soon."""

_BUDGET = "budget [weights]"
_TRAIN, _LAST = "training accuracy [%]", "validation accuracy [%]"
_BEST = f"best {_LAST}"
_AT_ENDS = [_TRAIN, _LAST, _BEST, "best epoch"]


@dataclass(frozen=True)
class Data:
    """What the tables are made from.

    Args:
        runs: of a few designs, trained now above stored, as `concat_runs` gives them.
        curves: their epochs.
        stored: runs of all designs of 100,000 weights, published scale.
        budgets: runs of these and of designs of 1,000,000 weights.
        budget_curves: their epochs.
        designs: names of the few, in the order wanted.
    """

    runs: DataFrame
    curves: DataFrame
    stored: DataFrame
    budgets: DataFrame
    budget_curves: DataFrame
    designs: Sequence[str] = FIVE


def load(
    scale: str | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    designs: Sequence[str] = FIVE,
    store: str | Path = "../runs",
    jobs: int | None = None,
    results: str = "rad_100k",
    larger: str = "rad_1m",
) -> Data:
    """Train a few designs, or take their committed runs, beside those of all designs.

    Args:
        scale: "smoke", "quick" or "paper"; without it, nothing is trained.
        seeds: a run of each of the few designs for each.
        designs: names of the few designs.
        store: folder of the runs; finished ones are reused.
        jobs: runs trained at the same time, all cores if absent.
        results: table of the stored runs.
        larger: table of stored runs of ten times the weights.

    Raises:
        VsrnnError: there are no such tables.
    """
    stored, curves = get_results(results), get_results(f"{results}_curves")
    more, more_curves = get_results(larger), get_results(f"{larger}_curves")
    if scale is None:
        quick = get_results("rad_quick").query("split == 'pooled'")
        runs = concat_runs(DataFrame(), quick, stored)
        seen = concat_runs(DataFrame(), get_results("rad_quick_curves"), curves)
    else:
        kept = Store(store)
        live = sweep(configs_for(designs, seeds, scale), kept, jobs=jobs)
        runs, seen = concat_runs(live, stored), concat_runs(kept.curves(), curves)
    return Data(
        runs[runs["design"].isin(designs)],
        seen,
        stored,
        concat_runs(DataFrame(), stored, more),
        concat_runs(DataFrame(), curves, more_curves),
        designs,
    )


def final_accuracy_table(data: Data) -> DataFrame:
    """Test accuracy of each run, with its design's mean and interval."""
    return final_scores(data.runs, data.designs)


def learning_curve_table(data: Data) -> DataFrame:
    """Validation accuracy by epoch: mean and interval over each design's seeds."""
    return mean_curves(data.runs, data.curves, data.designs)


def design_ranking_table(data: Data) -> DataFrame:
    """Designs by mean test accuracy, best first, then those without a run yet.

    The hidden proportion is the expected one; the LSTM has none. Diverged runs score
    as chance.

    Raises:
        VsrnnError: the stored runs are of more than one scale.
    """
    table = expected_of(data.stored, "rad", RAD_100K)
    groups = intervals(scored(data.stored), ["design"], SCORE)
    table = table.merge(groups, on="design", how="left")
    table["seeds"] = table["seeds"].fillna(0).astype(int)
    table = table.sort_values("mean", ascending=False, ignore_index=True, kind="stable")
    return in_percent(table)


def proportion_score_table(data: Data) -> DataFrame:
    """The designs of the ranking that have both a hidden proportion and a score."""
    ranking = design_ranking_table(data)
    return ranking.dropna(subset=[PROPORTION, "mean [%]"]).reset_index(drop=True)


def budget_scores_table(data: Data) -> DataFrame:
    """Arrangements with runs at several budgets, best at the largest first.

    An arrangement is a family of models with its six densities; it bears the name of
    its design at the largest budget. The hidden proportion is the expected one.

    Returns:
        One row an arrangement and budget: scale, arrangement, design, budget
        [weights], hidden [units], hidden proportion, mean, low and high [%], seeds,
        and means over seeds of training and validation accuracy after the last epoch,
        of the best validation accuracy [%] and of its epoch.
    """
    runs, curves = data.budgets, data.budget_curves
    known = list_designs("rad").rename(columns={"name": "design"})
    kind = ["model", *(name for name in known if name.startswith("density_"))]
    groups = intervals(scored(runs), ["scale", "design"], SCORE)
    groups = groups.merge(_ends_of(curves[curves["id"].isin(runs["id"])]), on="design")
    table = groups.merge(known, on="design").astype({"budget": int})
    table = table.sort_values("budget")
    table["arrangement"] = table.groupby(kind, dropna=False)["design"].transform("last")
    several = table.groupby("arrangement")["budget"].transform("nunique") > 1
    names = {"budget": _BUDGET, "hidden": "hidden [units]"}
    names |= {"hidden_proportion": PROPORTION}
    table = table[several].rename(columns=names)
    largest = table.groupby("arrangement")["mean"].transform("last")
    table = table.assign(largest=largest).sort_values(
        ["largest", "arrangement", _BUDGET], ascending=[False, True, True]
    )
    first = ["scale", "arrangement", "design", *names.values()]
    ends = ["mean", "low", "high", "seeds", *_AT_ENDS]
    return in_percent(table[first + ends].reset_index(drop=True))


def _ends_of(curves: DataFrame) -> DataFrame:
    """How designs end training and where they were best, means over seeds."""
    curves = curves.sort_values("epoch", ignore_index=True)
    accuracies = ["train_accuracy", "val_accuracy"]
    curves = curves.astype(dict.fromkeys(accuracies, float))
    each = curves.groupby(["design", "id"])
    last = each[accuracies].last() * 100
    best = curves.loc[each["val_accuracy"].idxmax()].set_index(["design", "id"])
    last = last.assign(best=100 * best["val_accuracy"], epoch=best["epoch"])
    means = last.set_axis(_AT_ENDS, axis=1).groupby("design").mean()
    return means.round(4).reset_index()


@figure(table=final_accuracy_table)
def final_accuracy(table: DataFrame, style: str = "web") -> Figure:
    """Test accuracy of each run, with each design's mean and 95 % interval."""
    groups, designs = list(panels_of(table)), list(dict.fromkeys(table["design"]))
    with drawing(style, 0.45) as fig:
        axes = panels(fig, len(groups), sharey=True)
        for ax, (title, rows) in zip(axes, groups, strict=True):
            how: dict[str, Any] = {"points": ACCURACY, "how": ".1f", "width": 2.5}
            _dots(ax, rows, "design", order=designs, named=design_label, **how)
            ax.set(title=title, xlim=(0, _top(table)))
    return fig


@figure(table=learning_curve_table)
def learning_curve(table: DataFrame, style: str = "web") -> Figure:
    """Validation accuracy by epoch, a line a design, with intervals over seeds."""
    groups = list(panels_of(table))
    with drawing(style, 0.5) as fig:
        axes = panels(fig, len(groups), sharey=True)
        for ax, (title, rows) in zip(axes, groups, strict=True):
            ax.set_ylim(0, _top(table))
            how: dict[str, Any] = {"named": arrangement_label, "chance": _CHANCE}
            lines(ax, rows, "epoch", *_MEAN, hue="design", **how)
            ax.set(ylabel="validation accuracy [%]", title=title)
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            ax.label_outer()
    return fig


@figure(table=design_ranking_table, made_by=lambda data: provenance_of(data.stored))
def design_ranking(table: DataFrame, style: str = "web") -> Figure:
    """Designs by test accuracy, with intervals and each design's hidden proportion."""
    rim = {"marker": "o", "markeredgecolor": "black", "bar": "black"}
    colors = zip(table["design"], share_colors(table[PROPORTION]), strict=True)
    looks = {name: {"color": color, **rim} for name, color in colors}
    with drawing(style, 0.12 + 0.035 * len(table)) as fig:
        ax, side = fig.subplots(1, 2, sharey=True, width_ratios=(5, 1))
        share_column(side, table[PROPORTION])
        how: dict[str, Any] = {"looks": looks, "how": ".1f", "beside": True}
        _dots(ax, table, "design", named=design_label, **how)
        ax.set_title(_one_scale(table))
    return fig


@figure(table=proportion_score_table, made_by=lambda data: provenance_of(data.stored))
def proportion_score(table: DataFrame, style: str = "web") -> Figure:
    """Test accuracy of the designs against their hidden proportion."""
    named = table[table["design"].isin(DESIGN_LABELS)].to_dict("records")
    looks = {"": {"color": GRAY, "marker": "o"}}
    looks |= {row["design"]: look(row["design"]) for row in named}
    kinds = table["design"].where(table["design"].isin(DESIGN_LABELS), "")
    with drawing(style, 0.55) as fig:
        ax = fig.subplots()
        ax.set(xlim=(-0.02, 0.6), ylim=(0, _top(table)))
        table, columns = table.assign(kind=kinds), (PROPORTION, *_MEAN)
        scatter(ax, table, *columns, hue="kind", looks=looks, markersize=6)
        for row in named:
            ax.annotate(
                *(DESIGN_LABELS[row["design"]], (row[PROPORTION], row["mean [%]"])),
                xytext=_LABEL_AT.get(row["design"], (9, -17)),
                textcoords="offset points",
                color=looks[row["design"]]["color"],
                fontsize="small",
            )
        chance_line(ax, _CHANCE)
        ax.text(0.6, _CHANCE + 1, "chance", ha="right", color=GRAY, fontsize="small")
        ax.set(xlabel="hidden proportion", ylabel=f"mean {ACCURACY}")
        ax.set_title(f"{len(table)} designs, {_one_scale(table)}")
    return fig


@figure(table=budget_scores_table, made_by=lambda data: provenance_of(data.budgets))
def budget_scores(table: DataFrame, style: str = "web") -> Figure:
    """Test accuracy of each arrangement at each budget, with intervals over seeds."""
    budgets = sorted(table[_BUDGET].unique())
    looks = dict(zip(budgets, _BUDGET_LOOKS, strict=False))
    first, last = (table.groupby("arrangement", sort=False).nth(n) for n in (0, -1))
    with drawing(style, 0.2 + 0.04 * len(first)) as fig:
        ax, side = fig.subplots(1, 2, sharey=True, width_ratios=(5, 1))
        share_column(side, last[PROPORTION])
        side.set_xlabel(f"hidden\nproportion, at\n{budgets[-1]:,.0f}")
        ax.hlines(range(len(first)), first["mean [%]"], last["mean [%]"], color="0.8")
        how: dict[str, Any] = {"hue": _BUDGET, "looks": looks, "step": 0.3}
        names = dict(zip(first["arrangement"], first["design"], strict=True))
        named = {name: arrangement_label(design) for name, design in names.items()}
        _dots(ax, table, "arrangement", named=named.__getitem__, **how)
        ax.set_title(_one_scale(table))
        legend(fig, {f"{b:,.0f} weights": {"ls": "", **looks[b]} for b in budgets})
    return fig


_CHANCE = chance("rad")
_MEAN = ("mean [%]", "low [%]", "high [%]")
_BUDGET_LOOKS = (
    {"color": BLUE, "marker": "o"},
    {"color": ORANGE, "marker": "D"},
    {"color": GREEN, "marker": "s"},
)
# where a label stands from its point [points]: three of them crowd at the left
_LABEL_AT = {"111111_": (9, 24), "000000_": (8, 8)}


def _dots(ax: Axes, table: DataFrame, rows: str, **how: Any) -> None:
    """Test accuracy with intervals and chance, a row a design."""
    mean, *ends = _MEAN
    how |= {"within": (0, 100), "chance": _CHANCE, "missing": "no run yet"}
    dots(ax, table, mean, rows, *ends, **how)
    ax.set(xlabel=ACCURACY, xlim=(0, _top(table)))


def _top(table: DataFrame) -> float:
    """Upper end of an accuracy axis [%] for all that a table shows."""
    shown = [name for name in (*_MEAN, ACCURACY) if name in table]
    return accuracy_top(table[shown].to_numpy(float), _CHANCE)


def _one_scale(table: DataFrame) -> str:
    scale = table["scale"].iloc[0] if len(table) else "paper"
    return f"{scale} scale: {seeds_label(table)}"


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, all of it of stored runs of the published protocol."""
    budgets = page.table("budget_scores").dropna(subset=[PROPORTION])
    curves = _stored_curves(page.data)
    mean = 100 * curves.groupby(["design", "epoch"])["val_accuracy"].mean().unstack()
    passed = mean > PASSED
    soon = passed.idxmax(axis=1).astype(str).where(passed.any(axis=1), "never")
    large = budgets[budgets[_BUDGET] == budgets[_BUDGET].max()]
    train, peak = large[_TRAIN], large[_BEST] - large[_LAST]
    claimed = {claim.claim: claim for claim in claims(page)}
    return {
        **{f"soon_{word}": soon[name] for name, word in _WORDS.items()},
        "varied_uniform": claimed["varied scores above uniform"].span("+.1f"),
        "uniform_dense": claimed["uniform scores above dense"].span("+.1f"),
        "order": claimed[ORDER_STAYS].span("z.2f"),
        "train_large": f"{train.min():.0f} to {train.max():.0f}",
        "lost_large": f"{peak.min():.1f} to {peak.max():.1f}",
        "stored_runs": f"{len(scored(page.data.stored))} of {5 * len(RAD_100K)}",
    }


def claims(page: Page) -> list[Claim]:
    """The paper's claims on arrangements, and whether their order stays.

    Intervals are Welch's over the seeds of stored runs, or bootstrap intervals over
    block designs.
    """
    designs = page.table("proportion_score").query("design != 'rnn_'")
    budgets = page.table("budget_scores").dropna(subset=[PROPORTION])
    wide = budgets.pivot(index="arrangement", columns=_BUDGET)
    share, score = wide[PROPORTION], wide["mean [%]"]
    less, more = score.columns.min(), score.columns.max()
    ranks = "hidden proportion ranks arrangements at {:,} weights"
    pairs = {
        "hidden proportion ranks the designs": (designs[PROPORTION], designs[_MEAN[0]]),
        ranks.format(less): (share[less], score[less]),
        ranks.format(more): (share[more], score[more]),
        ORDER_STAYS: (score[less], score[more]),
        GAINS_MORE: (share[less], score[more] - score[less]),
    }
    stored = scored(page.data.stored).groupby("design")[SCORE].apply(np.asarray)
    soon = _epochs_to_pass(_stored_curves(page.data))
    return [
        *_above(stored, "{} scores above {}", "points", _ABOVE),
        *_above(-soon, f"{{}} passes {PASSED:.0f} % sooner than {{}}", "epochs", _SOON),
        *(Claim(words, *rank_interval(*pair), RANK) for words, pair in pairs.items()),
    ]


ORDER_STAYS = "the order of arrangements stays at the larger budget"
GAINS_MORE = "hidden proportion goes with what a larger budget gains"
_WORDS = dict(zip(FIVE, ("dense", "uniform", "varied", "LSTM", "RNN"), strict=True))
_SOON = (("balanced_0", "000000_"), ("000000_", "111111_"))
_ABOVE = (*_SOON, ("balanced_0", "lstm_"), ("000000_", "lstm_"))


def _above(
    values: Series, words: str, unit: str, pairs: Sequence[tuple[str, str]]
) -> list[Claim]:
    """Whether the first design of each pair has the higher mean over its runs."""
    return [
        Claim(words.format(_WORDS[one], _WORDS[two]), *found, unit)
        for one, two in pairs
        for found in [welch(values[one], values[two])]
    ]


def _epochs_to_pass(curves: DataFrame) -> Series:
    """Epochs until each run of a design passes the threshold, or one more than all."""
    curves = curves.pivot(
        index=["design", "id"], columns="epoch", values="val_accuracy"
    )
    soon = (100 * curves > PASSED).assign(never=True)
    epochs = Series(1 + soon.to_numpy().argmax(1), soon.index)
    return epochs.groupby("design").apply(np.asarray)


def _stored_curves(data: Data) -> DataFrame:
    """Epochs of the stored runs of the five designs."""
    stored = data.stored[data.stored["design"].isin(FIVE)]
    return data.budget_curves[data.budget_curves["id"].isin(stored["id"])]
