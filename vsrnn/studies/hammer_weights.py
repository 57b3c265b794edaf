"""Adroit Hammer: what designs of equal weights reach, live and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.design.published import get_design, list_designs
from vsrnn.errors import VsrnnError
from vsrnn.forecast.table import SCORE, scored
from vsrnn.plot.axes import legend, log_ticks, note, panels
from vsrnn.plot.labels import (
    BLUE,
    DESIGN_LABELS,
    ORANGE,
    PROPORTION,
    arrangement_label,
    design_label,
    look,
    seeds_label,
)
from vsrnn.plot.lines import lines
from vsrnn.plot.points import dots, share_column
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.config import Config, configs_for
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import committed_runs, concat_runs, order_rows
from vsrnn.stats import Claim, intervals, means_differ, one_against_others
from vsrnn.studies.labels import EXPERT_LABELS
from vsrnn.studies.page import Page, provenance_of
from vsrnn.studies.scores import expected_of, mean_curves, panels_of
from vsrnn.tasks import get_task, task_class

PUBLISHED, FEW = ("hammer_named", "hammer_named_dapg"), "hammer_few"
"""Tables of runs by the published protocol, one an expert; and with few episodes."""

HAMMER_10K = tuple(f"10AH{number:02}" for number in range(18))
"""The published designs of about 10,000 weights that the paper compares on Hammer."""

DENSE = "10AH12"
HAMMER_FIVE = (DENSE, "10AH00", "10AH01", "10AH10", "10AH13")
"""Dense, uniform, dense hidden block, dense input block and LSTM at 10,000 weights."""

SUCCESS, RETURN, EXPLAINED = "success [%]", "return", "explained variance [%]"
MEASURES = (SUCCESS, RETURN, EXPLAINED)
"""How well a model plays (two), and how well it says what the expert would do."""

# Learning rate against arrangement, fixed before any of these runs:
#
# - Five patterns imitate our expert from 50 episodes for 1,000 steps, at four rates; at
#   1e-3 the runs are those of `hammer_few`. The same at three and ten times the
#   published rate of 1e-4 by the published protocol, beside `hammer_named`.
# - The measure is success in the episodes played, the mean of three seeds.
# - Patterns succeed more often at a larger rate if the 95 % interval of Student's t of
#   their mean gain, over patterns and seeds, is above 0. Patterns differ at a rate if
#   an analysis of variance gives p < .05.

RATES, SEEDS = {"quick": (1e-4, 3e-4, 3e-3), "paper": (1e-3, 3e-4)}, range(3)

BUDGET, DEMONSTRATIONS = "budget [weights]", "demonstrations [episodes]"
NEVER = 1.0
"""Success [%] up to which a design as good as never succeeds."""


@dataclass(frozen=True)
class Data:
    """What the page shows; what runs imitate is in their column ``expert``.

    Args:
        runs: trained now and stored, one row a run.
        curves: their epochs.
        stored: those of them that are stored.
        few: stored runs with few demonstrations.
        designs: names of the designs that are compared one by one.
    """

    runs: DataFrame
    curves: DataFrame
    stored: DataFrame
    few: DataFrame
    designs: Sequence[str] = HAMMER_FIVE


def protocol() -> list[Config]:
    """What is trained at other rates, the most wanted first."""
    few = {"demonstrations": 50}
    quick = [
        replace(config, epochs=200)
        for rate, seed in product(RATES["quick"], SEEDS)
        for config in configs_for(HAMMER_FIVE, [seed], "quick", "hammer", rate, **few)
    ]
    paper = [
        config
        for rate, seed in product(RATES["paper"], SEEDS)
        for config in configs_for(HAMMER_FIVE, [seed], "paper", "hammer", rate)
    ]
    return [*quick, *paper]


def load(
    results: Sequence[str] = PUBLISHED,
    store: str | Path | None = None,
    designs: Sequence[str] = HAMMER_FIVE,
    seeds: Sequence[int] = (0,),
    scale: str = "quick",
    learning_rate: float = 1e-3,
    jobs: int | None = None,
) -> Data:
    """Load the stored runs, and train some if a store is given.

    Where the robot cannot be simulated nothing is trained, and the reason printed.

    Args:
        results: tables of stored runs.
        store: folder of the runs trained now; without, none are.
        designs: names of those trained now and compared one by one.
        seeds: of the runs trained now.
        scale: of these, "smoke", "quick" or "paper".
        learning_rate: of these.
        jobs: how many train at the same time; the number of processors if absent.
    """
    live, curves = DataFrame(), DataFrame()
    if store is not None:
        configs = configs_for(designs, seeds, scale, "hammer", learning_rate)
        try:
            get_task("hammer", scale)
            live = sweep(configs, Store(store), jobs=jobs, per_pass=1)
            curves = Store(store).curves()
        except VsrnnError as problem:
            print(f"Nothing was trained here; what is shown is stored: {problem}.")
    return Data(
        runs=_by_expert(results, live),
        curves=_by_expert([f"{name}_curves" for name in results], curves),
        stored=_by_expert(results),
        few=_by_expert([FEW]),
        designs=designs,
    )


def _by_expert(names: Sequence[str], live: DataFrame | None = None) -> DataFrame:
    """Runs trained now above those of committed tables, their ``source`` renamed."""
    tables = [DataFrame() if live is None else live, *map(committed_runs, names)]
    return concat_runs(*(one.rename(columns={"source": "expert"}) for one in tables))


def hammer_success_table(data: Data) -> DataFrame:
    """How the runs of some designs do by each measure, with means and intervals.

    Returns:
        One row a run and measure: source, scale, expert, design, measure ("success
        [%]", "return", or "explained variance [%]" of the expert's actions in the
        validation episodes), seed and value; of its design mean, low, high and seeds.
    """
    keys = ["source", "scale", "expert", "design", "measure"]
    each = _measured(data.runs[data.runs["design"].isin(data.designs)])
    table = each.dropna(subset=["value"])[[*keys, "seed", "value"]]
    table = table.merge(intervals(each, keys, "value"), on=keys)
    return _sorted(table, [*keys, "seed"], data.designs)


def hammer_curve_table(data: Data) -> DataFrame:
    """Share of the variance of the expert's actions explained, by epoch.

    It is that of the validation episodes, as mean and interval over each design's
    seeds.
    """
    table = mean_curves(data.runs, data.curves, data.designs, by=["expert"])
    keys = ["source", "scale", "expert", "design", "epoch"]
    return _sorted(table, keys, data.designs)


def hammer_ranking_table(data: Data) -> DataFrame:
    """Designs by mean success, then return, then explained variance, best first.

    The order is that of the first expert that has runs; designs without a run yet
    come last.

    Raises:
        VsrnnError: the stored runs are of more than one scale.
    """
    keys, known = ["expert", "design", "measure"], DataFrame({"measure": MEASURES})
    known = expected_of(data.stored, "hammer", HAMMER_10K).merge(known, how="cross")
    each = _measured(data.stored[data.stored["design"].isin(HAMMER_10K)])
    table = DataFrame({"expert": list(EXPERT_LABELS)}).merge(known, how="cross")
    table = table.merge(intervals(each, keys, "value"), on=keys, how="left")
    table["seeds"] = table["seeds"].fillna(0).astype(int)
    return _sorted(table, keys, _best_first(table))


def hammer_demonstrations_table(data: Data) -> DataFrame:
    """The measures against the number of episodes imitated, by design.

    An expert with one number of episodes only is left out.
    """
    chosen = data.few[data.few["design"].isin(HAMMER_10K)]
    chosen = chosen.rename(columns={"demonstrations": DEMONSTRATIONS})
    keys = ["expert", "scale", "design", "measure", DEMONSTRATIONS, "epochs"]
    table = intervals(_measured(_varied(chosen, DEMONSTRATIONS)), keys, "value")
    return _sorted(table, keys, HAMMER_10K)


def hammer_size_table(data: Data) -> DataFrame:
    """The measures against the number of weights, by arrangement.

    Named designs of one arrangement, that is of the same six densities or LSTMs, are
    those of different budgets. Arrangements with one budget only are left out.
    """
    budget = list_designs("hammer").set_index("name")["budget"]
    known = data.stored[data.stored["design"].isin(budget.index)]
    known = known.assign(arrangement=[arrangement(name) for name in known["design"]])
    known[BUDGET] = known["design"].map(budget).astype(int)
    keys = ["expert", "scale", "arrangement", "measure", BUDGET]
    each = _measured(_varied(known, BUDGET, "arrangement"))
    return _sorted(intervals(each, keys, "value"), keys)


def arrangement(name: str) -> str:
    """What designs of different budgets share: six densities, or the model.

    >>> arrangement("10AH10"), arrangement("25AHV04"), arrangement("10AH13")
    ('1 .2 .2 / 1 1 .2', 'dense', 'LSTM')
    """
    design = get_design("hammer", name)
    shares = [f"{density:g}".removeprefix("0") for density in design.density]
    if not shares:
        return design.model.upper()
    if len(set(shares)) == 1:
        return "dense" if shares[0] == "1" else f"uniform {shares[0]}"
    return f"{' '.join(shares[:3])} / {' '.join(shares[3:])}"


def _varied(runs: DataFrame, column: str, *by: str) -> DataFrame:
    """Runs of the experts, and other groups, that have a column at several values."""
    return runs[runs.groupby(["expert", *by])[column].transform("nunique") > 1]


def _measured(runs: DataFrame) -> DataFrame:
    """One row a run and measure; a run that diverged has no success."""
    runs = scored(runs).rename(columns={SCORE: SUCCESS, "test_return": RETURN})
    runs[EXPLAINED] = 100.0 * runs["val_accuracy"].astype(float)
    names = [name for name in runs if name not in MEASURES]
    return runs.melt(names, list(MEASURES), "measure", "value")


def _sorted(
    table: DataFrame, by: Sequence[str], designs: Sequence[str] = ()
) -> DataFrame:
    orders = {"expert": list(EXPERT_LABELS), "measure": MEASURES, "design": designs}
    return order_rows(table, by, **orders).round(4)


def _best_first(table: DataFrame) -> list[str]:
    """Designs by all measures with the first expert, and then with the others."""
    scores = table.pivot_table(
        index="design", columns=["expert", "measure"], values="mean", dropna=False
    )
    order = [(expert, name) for expert in EXPERT_LABELS for name in MEASURES]
    return list(scores.reindex(columns=order).sort_values(order, ascending=False).index)


@figure(table=hammer_success_table)
def hammer_success(table: DataFrame, style: str = "web") -> Figure:
    """Show each run by each measure, with its design's mean and 95 % interval."""
    groups = list(panels_of(table))
    designs = list(dict.fromkeys(table["design"]))
    with drawing(style, 1.3) as figure:
        axes = figure.subplots(3, len(groups), sharex="row", sharey=True, squeeze=False)
        for column, (title, rows) in zip(axes.T, groups, strict=True):
            for ax, measure in zip(column, MEASURES, strict=True):
                how = ",.0f" if measure == RETURN else ".1f"
                _dots(ax, _of(rows, measure), designs, points="value", how=how)
                _limit(ax, table, measure)
                _label(ax, measure)
            column[0].set_title(title, fontsize="small")
    return figure


@figure(table=hammer_curve_table)
def hammer_curve(table: DataFrame, style: str = "web") -> Figure:
    """Show the share of variance explained by epoch, a line a design."""
    groups = list(panels_of(table))
    ends = ("low [%]", "high [%]")
    with drawing(style, 0.5) as figure:
        axes = panels(figure, len(groups), sharey=True)
        axes[0].set_ylim(0, 100)
        for ax, (title, rows) in zip(axes, groups, strict=True):
            columns = ("epoch", "mean [%]", *ends)
            lines(ax, rows, *columns, hue="design", named=arrangement_label)
            ax.set(ylabel="explained variance of actions [%]")
            ax.set_title(title, fontsize="small")
            ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            ax.label_outer()
    return figure


@figure(table=hammer_ranking_table, made_by=lambda data: provenance_of(data.stored))
def hammer_ranking(table: DataFrame, style: str = "web") -> Figure:
    """Show designs by success, with the other measures and each hidden proportion."""
    designs = list(dict.fromkeys(table["design"]))
    shares = table.groupby("design")[PROPORTION].first().reindex(designs)
    seeds = {name: seeds_label(rows) for name, rows in table.groupby("expert")}
    words = {f"{EXPERT_LABELS[e]}: {seeds[e]}": look for e, look in _EXPERTS.items()}
    with drawing(style, 0.15 + 0.04 * len(designs)) as figure:
        *axes, side = figure.subplots(1, 4, sharey=True, width_ratios=(4, 4, 4, 2.2))
        for ax, measure in zip(axes, MEASURES, strict=True):
            two = {"hue": "expert", "looks": _EXPERTS, "step": 0.3}
            _dots(ax, _of(table, measure), designs, **two)
            _limit(ax, table, measure)
            _label(ax, measure)
        share_column(side, shares.to_numpy(float))
        legend(figure, words, 2)
    return figure


@figure(table=hammer_demonstrations_table, made_by=lambda data: provenance_of(data.few))
def hammer_demonstrations(table: DataFrame, style: str = "web") -> Figure:
    """Show the measures against the number of episodes imitated, a line a design."""
    with drawing(style, 1.2) as figure:
        for ax, measure in zip(panels(figure, 3, 1), MEASURES, strict=True):
            _limit(ax, table, measure, "y")
            _courses(ax, _of(table, measure), "design", DEMONSTRATIONS, _NAMED)
            log_ticks(ax, table[DEMONSTRATIONS])
            _label(ax, measure, "y")
            ax.label_outer()
        _others(figure, table["design"], _NAMED)
    return figure


@figure(table=hammer_size_table, made_by=lambda data: provenance_of(data.stored))
def hammer_size(table: DataFrame, style: str = "web") -> Figure:
    """Show the measures against the number of weights, a line an arrangement."""
    experts = list(dict.fromkeys(table["expert"])) or list(EXPERT_LABELS)[:1]
    shared: dict[str, Any] = {"sharex": True, "sharey": "row", "squeeze": False}
    with drawing(style, 1.3) as figure:
        axes = figure.subplots(3, len(experts), **shared)
        for column, expert in zip(axes.T, experts, strict=True):
            for ax, measure in zip(column, MEASURES, strict=True):
                rows = _of(table[table["expert"] == expert], measure)
                _limit(ax, table, measure, "y")
                _courses(ax, rows, "arrangement", BUDGET, _ARRANGED)
                log_ticks(ax, table[BUDGET], 1000)
                _label(ax, measure, "y")
                ax.set_xlabel("weights [thousands]")
                ax.label_outer()
            column[0].set_title(f"{EXPERT_LABELS[expert]}: {seeds_label(rows)}")
        _others(figure, table["arrangement"], _ARRANGED)
    return figure


_NAMED = {name: name for name in HAMMER_FIVE}
_ARRANGED = {arrangement(name): name for name in HAMMER_FIVE}
_FILLED = {"color": BLUE, "marker": "o", "markerfacecolor": BLUE}
_OPEN = {"color": ORANGE, "marker": "s", "markerfacecolor": "white"}
_EXPERTS = dict(zip(EXPERT_LABELS, (_FILLED, _OPEN), strict=True))


def _dots(ax: Axes, rows: DataFrame, designs: list[str], **how: Any) -> None:
    """Means and intervals, a row a design, its name in words."""
    if designs:
        how |= {"order": designs, "named": design_label, "missing": "no run yet"}
        dots(ax, rows, "mean", "design", "low", "high", **how)


def _courses(
    ax: Axes, rows: DataFrame, by: str, x: str, names: Mapping[str, str]
) -> None:
    """Lines of the designs named with intervals and in color, of others in gray."""
    named = rows[by].isin(list(names))
    gray = {"color": "0.75", "linewidth": 0.8, "zorder": 1}
    lines(ax, rows[~named], x, "mean", hue=by, looks=dict.fromkeys(rows[by], gray))
    looks = {name: look(design) for name, design in names.items()}
    ends: dict[str, Any] = {"named": lambda name: DESIGN_LABELS[names[name]]}
    columns = (x, "mean", "low", "high")
    lines(ax, rows[named], *columns, hue=by, looks=looks, bars=True, **ends)
    if rows.empty:
        note(ax, "no runs yet")


def _others(figure: Figure, names: Series, known: Mapping[str, str]) -> None:
    """Say how many lines are gray."""
    others = len(set(names) - set(known))
    look = {"color": "0.75", "linewidth": 0.8}
    legend(figure, {f"other arrangements: {others}": look} if others else {})


def _of(table: DataFrame, measure: str) -> DataFrame:
    """Rows of a measure; intervals of a success rate end at 0 and 100 %."""
    rows = table[table["measure"] == measure]
    if measure == SUCCESS:
        rows = rows.assign(low=rows["low"].clip(0), high=rows["high"].clip(upper=100))
    return rows


def _limit(ax: Axes, table: DataFrame, measure: str, along: str = "x") -> None:
    """Limits of an axis with a measure on it; long intervals are cut."""
    rows = table[table["measure"] == measure]
    if measure == SUCCESS:
        ax.set(**{f"{along}lim": (-8, 108), f"{along}ticks": (0, 25, 50, 75, 100)})
    elif rows["mean"].notna().any():
        shown = rows.filter(["value", "mean"]).stack()
        room = 0.2 * (shown.max() - shown.min()) or 1
        ax.set(**{f"{along}lim": (shown.min() - room, shown.max() + room)})


def _label(ax: Axes, measure: str, along: str = "x") -> None:
    """Name an axis with a measure on it; returns are in thousands."""
    label = measure.replace(" variance", "\nvariance")
    if measure == RETURN:
        label = "return [thousands]"
        thousands = FuncFormatter(lambda value, _: f"{value / 1000:g}")
        getattr(ax, f"{along}axis").set_major_formatter(thousands)
    ax.set(**{f"{along}label": label})


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name."""
    ranking, few = page.table("hammer_ranking"), page.table("hammer_demonstrations")
    success = ranking[(ranking["measure"] == SUCCESS) & (ranking["seeds"] > 0)]
    never = _never(ranking)
    found = {"designs": str(len(HAMMER_10K)), "never": str(len(never))}
    for expert, rows in success.groupby("expert", sort=False):
        name, rows = "own" if expert == "own" else "dapg", rows.set_index("design")
        if rows["mean"].notna().any():
            found[f"best_{name}_success"] = _percent(rows.loc[rows["mean"].idxmax()])
        if DENSE in rows.index:
            found[f"dense_{name}_success"] = _percent(rows.loc[DENSE])
    if len(few):
        found |= _with_few(few, never)
    return found


def _with_few(few: DataFrame, never: Sequence[str]) -> dict[str, str]:
    """How many designs recover with few demonstrations, and whether any differ."""
    success = few[(few["measure"] == SUCCESS) & few["design"].isin(never)]
    least = success.groupby("design")["mean"].min()
    found = {"recovered": str((least > NEVER).sum())}
    for measure, word in ((SUCCESS, "success"), (EXPLAINED, "explained")):
        groups = few[few["measure"] == measure].groupby(DEMONSTRATIONS)
        chances = [means_differ(*summary(rows)) for _, rows in groups]
        found[f"differ_{word}"] = f"{min(chances):.2g} to {max(chances):.2g}"
    return found


def claims(page: Page) -> list[Claim]:
    """How dense does beside the others, and what a larger rate and budget do."""
    ranking, few = page.table("hammer_ranking"), page.table("hammer_demonstrations")
    found = []
    for (expert, measure), rows in ranking.groupby(["expert", "measure"], sort=False):
        known = rows.loc[rows["seeds"] > 1, "design"].tolist()
        if measure != RETURN and DENSE in known and len(known) > 1:
            what = f"{measure.removesuffix(' [%]')}, {EXPERT_LABELS[expert]}"
            text = f"dense is above the mean of the other designs: {what}"
            gap = one_against_others(*summary(rows), known.index(DENSE))
            found.append(Claim(text, *gap, "points"))
    before = ranking[(ranking["measure"] == SUCCESS) & (ranking["expert"] == "own")]
    before = before.set_index("design")["mean"][_never(ranking)]
    again = few[few["measure"] == SUCCESS].groupby("design")["mean"].mean()
    text = "designs that never succeed as published do so at the larger rate"
    found += _gained(text, again - before)
    size = page.table("hammer_size").query("expert == 'own' and measure == @SUCCESS")
    by_size = size.pivot_table(index="arrangement", columns=BUDGET, values="mean")
    if {10_000, 25_000} <= set(by_size):
        text = "success rises from 10,000 to 25,000 weights, our expert"
        found += _gained(text, by_size[25_000] - by_size[10_000])
    return found


def _gained(claim: str, gains: Series) -> list[Claim]:
    """A claim on the mean gain over designs."""
    table = intervals(DataFrame({"claim": claim, "gain": gains}), ["claim"], "gain")
    ends = table[["mean", "low", "high"]].to_numpy(float)
    return [Claim.of(claim, found, "points") for found in ends]


def _never(ranking: DataFrame) -> list[str]:
    """Designs that as good as never succeed at the published rate, our expert."""
    success = ranking[(ranking["measure"] == SUCCESS) & (ranking["expert"] == "own")]
    return list(success["design"][success["mean"] <= NEVER])


def _percent(row: Series) -> str:
    """A mean with its interval, cut to what a share can be."""
    if not row["low"] < row["high"]:
        return f"{row['mean']:.1f} %"
    low, high = max(row["low"], 0), min(row["high"], 100)
    return f"{row['mean']:.1f} % ({low:.1f} to {high:.1f})"


def summary(rows: DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of designs with two seeds or more, squared standard errors, and seeds."""
    known = rows[rows["seeds"] > 1]
    means, seeds = known[["mean", "seeds"]].to_numpy(float).T
    return means, squared_errors(known), seeds


def squared_errors(rows: DataFrame) -> np.ndarray:
    """Squared standard errors of means, from the intervals over their seeds.

    Those of success are no less than the number of played episodes leaves open.
    """
    mean, seeds = rows["mean"].to_numpy(float), rows["seeds"].to_numpy(float)
    half = rows["high"].to_numpy(float) - mean
    scales = task_class("hammer").scales
    played = rows["scale"].map(lambda scale: scales[scale].scored) * seeds
    least = (mean * (100 - mean)).clip(0) / played.to_numpy(float)
    success = rows["measure"].to_numpy() == SUCCESS
    squares = (half / stats.t.ppf(0.975, seeds - 1)) ** 2
    return np.where(success, np.fmax(squares, least), squares)
