"""Does it matter, at equal weights, in which blocks a network keeps them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series

from vsrnn.design.published import RAD_100K, get_design, list_designs
from vsrnn.forecast.measures import RANK
from vsrnn.forecast.table import SCORE, scored
from vsrnn.plot.axes import each_panel, legend, panels
from vsrnn.plot.labels import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PROPORTION,
    arrangement_label,
    design_label,
    seeds_label,
)
from vsrnn.plot.lines import lines, scatter
from vsrnn.plot.points import dots, share_colors, share_column
from vsrnn.plot.registry import figure
from vsrnn.plot.style import accuracy_top, drawing
from vsrnn.runs.config import configs_for
from vsrnn.runs.results import get_results
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import committed_runs, concat_runs, order_rows
from vsrnn.stats import Claim, intervals, rank_interval, welch
from vsrnn.studies import widgets
from vsrnn.studies.labels import chance
from vsrnn.studies.page import Page, provenance_of
from vsrnn.studies.scores import (
    ACCURACY,
    expected_of,
    in_percent,
    mean_curves,
    panels_of,
)
from vsrnn.tasks import sizes

FIVE = ("111111_", "000000_", "balanced_0", "lstm_", "rnn_")
"""Dense, uniform, varied, LSTM and plain RNN at 100,000 weights."""

PASSED = 40.0
"""Validation accuracy [%] that a fast learner passes soon."""

_BUDGET = "budget [weights]"
_TRAIN, _LAST = "training accuracy [%]", "validation accuracy [%]"
_BEST = f"best {_LAST}"
_AT_ENDS = [_TRAIN, _LAST, _BEST, "best epoch"]


OVERFITTED = ("011001", "111111")
"""Designs of 1,000,000 weights whose training is looked at."""


@dataclass(frozen=True)
class Data:
    """What the tables are made from.

    Args:
        runs: of a few designs, trained now above stored, as `concat_runs` gives them.
        curves: their epochs.
        stored: runs of all designs of 100,000 weights, published scale.
        budgets: runs of these and of designs of 1,000,000 weights.
        budget_curves: their epochs.
        stopped: runs of 1,000,000 weights that end where one of `budgets` of the same
            seed was best in validation.
    """

    runs: DataFrame
    curves: DataFrame
    stored: DataFrame
    budgets: DataFrame
    budget_curves: DataFrame
    stopped: DataFrame


def load(
    scale: str | None = None,
    seeds: Sequence[int] = (0,),
    designs: Sequence[str] = ("111111_", "balanced_0"),
    store: str | Path = "../runs",
    jobs: int | None = None,
    results: str = "rad_100k",
    larger: str = "rad_1m",
) -> Data:
    """Load the stored runs, and train a few designs beside them.

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
        chosen = quick["design"].isin(designs) & quick["seed"].isin(seeds)
        live, seen = quick[chosen], get_results("rad_quick_curves")
    else:
        kept = Store(store)
        live = sweep(configs_for(designs, seeds, scale), kept, jobs=jobs)
        seen = kept.curves()
    return Data(
        concat_runs(live, stored[stored["design"].isin(FIVE)]),
        concat_runs(seen, curves),
        stored,
        concat_runs(DataFrame(), stored, more),
        concat_runs(DataFrame(), curves, more_curves),
        committed_runs(f"{larger}_stopped"),
    )


def learning_curve_table(data: Data) -> DataFrame:
    """Validation accuracy by epoch: mean and interval over each design's seeds."""
    return mean_curves(data.runs, data.curves, FIVE)


def final_accuracy_table(data: Data) -> DataFrame:
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


def overfitting_table(data: Data) -> DataFrame:
    """Accuracy by epoch of two designs of 1,000,000 weights, and where one may stop.

    Returns:
        One row a design, measure and epoch: design, measure (training, validation, and
        test after that epoch), epoch, mean accuracy [%] and runs. Test accuracy is that
        of the published protocol, and of runs that were stopped at their best epoch.
    """
    runs = data.budgets[data.budgets["design"].isin(OVERFITTED)]
    names = {"train_accuracy": TRAINING, "val_accuracy": VALIDATION}
    curves = data.budget_curves[data.budget_curves["id"].isin(runs["id"])]
    curves = curves.rename(columns=names).melt(
        ["design", "epoch"], names.values(), "measure", "value"
    )
    ends = {PUBLISHED: runs, STOPPED: _stopped(data)}
    tests = [own.assign(measure=name, value=own["score"]) for name, own in ends.items()]
    columns = ["design", "measure", "epoch", "value"]
    tests = [own.rename(columns={"epochs": "epoch"})[columns] for own in tests]
    every = pd.concat([curves[columns], *tests], ignore_index=True)
    every = order_rows(every, ["design"], design=OVERFITTED)
    every["value"] = 100 * every["value"].astype(float)
    each = every.groupby(columns[:3], sort=False)["value"].agg(["mean", "size"])
    return each.set_axis([_ACCURACY, "runs"], axis=1).round(4).reset_index()


def _stopped(data: Data) -> DataFrame:
    """Runs that were stopped early, of designs that are looked at."""
    return data.stopped[data.stopped["design"].isin(OVERFITTED)]


@figure(table=learning_curve_table)
def learning_curve(table: DataFrame, style: str = "web") -> Figure:
    """Validation accuracy by epoch, a line a design, with intervals over seeds."""
    groups = list(panels_of(table))
    with drawing(style, 0.1 + 0.42 * len(groups)) as fig:
        for ax, (title, rows) in zip(panels(fig, len(groups), 1), groups, strict=True):
            ax.set_ylim(0, _top(table))
            how: dict[str, Any] = {"named": arrangement_label, "chance": _CHANCE}
            lines(ax, rows, "epoch", *_MEAN, hue="design", **how)
            ax.set(ylabel="validation accuracy [%]", title=title)
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return fig


@figure(table=final_accuracy_table, made_by=lambda data: provenance_of(data.stored))
def final_accuracy(table: DataFrame, style: str = "web") -> Figure:
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


@figure(table=overfitting_table, made_by=lambda data: provenance_of(data.budgets))
def overfitting(table: DataFrame, style: str = "web") -> Figure:
    """Accuracy by epoch of large networks, and their test accuracy at two ends."""
    with drawing(style, 0.9) as fig:
        for ax, rows in each_panel(fig, table, "design", 1, sharex=True, sharey=True):
            curves = rows[rows["measure"].isin(_CURVES)]
            lines(ax, curves, "epoch", _ACCURACY, hue="measure", looks=_CURVES)
            scatter(ax, rows, "epoch", _ACCURACY, hue="measure", looks=_TESTS)
            ax.set(ylim=(0, 100), ylabel=_ACCURACY, xlabel="epoch")
            number = rows.loc[rows["measure"] == VALIDATION, "runs"].iloc[0]
            runs = f"{number} run{'s' if number > 1 else ''}"
            ax.set_title(f"{_WIDE[rows['design'].iloc[0]]}, 1,000,000 weights: {runs}")
            ax.label_outer()
        known = [name for name in _TESTS if name in set(table["measure"])]
        legend(fig, _CURVES | {name: {**_TESTS[name], "ls": ""} for name in known}, 2)
    return fig


_CHANCE = chance("rad")
TRAINING, VALIDATION = "training", "validation"
PUBLISHED, STOPPED = "test after the last epoch", "test, stopped at the best epoch"
_ACCURACY = "accuracy [%]"
_WIDE = dict(zip(OVERFITTED, ("hh, hy and yy dense", "dense"), strict=True))
_CURVES = {
    TRAINING: {"color": GRAY, "linestyle": "--", "marker": ""},
    VALIDATION: {"color": BLUE, "linestyle": "-", "marker": ""},
}
_TESTS: dict[str, dict[str, Any]] = {
    PUBLISHED: {"color": ORANGE, "marker": "s", "markersize": 7},
    STOPPED: {"color": GREEN, "marker": "D", "markersize": 7},
}
_MEAN = ("mean [%]", "low [%]", "high [%]")
_BUDGET_LOOKS = (
    {"color": BLUE, "marker": "o"},
    {"color": ORANGE, "marker": "D"},
    {"color": GREEN, "marker": "s"},
)


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


def courses(page: Page) -> widgets.Widget:
    """Let a reader move through the epochs of dense and varied, beside their blocks."""
    table = page.table("learning_curve").query("source == 'stored'")
    networks = {}
    for name in ("111111_", "balanced_0"):
        geometry = get_design("rad", name).geometry(*sizes("rad"))
        curve = table.loc[table["design"] == name, _MEAN[0]].tolist()
        networks[arrangement_label(name)] = (geometry, curve)
    return widgets.courses(networks)


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
    }


def claims(page: Page) -> list[Claim]:
    """The paper's claims on arrangements, and whether their order stays.

    Intervals are Welch's over the seeds of stored runs, or bootstrap intervals over
    block designs.
    """
    designs = page.table("final_accuracy").query("design != 'rnn_'")
    designs = designs.dropna(subset=[PROPORTION, _MEAN[0]])
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
        *_gained_by_stopping(page.data),
    ]


def _gained_by_stopping(data: Data) -> list[Claim]:
    """Test accuracy of runs stopped early, less that of the same seeds at the end."""
    both = _stopped(data).merge(data.budgets, on=["design", "seed"])
    gains = 100 * (both["score_x"] - both["score_y"]).astype(float)
    words = "stopping at the best epoch raises test accuracy: {}"
    return [
        Claim(words.format(_WIDE[str(name)]), gain.mean(), np.nan, np.nan, "points")
        for name, gain in gains.groupby(both["design"])
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
