"""Adroit Hammer: what designs of equal weights reach, by learning rate and expert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.errors import VsrnnError
from vsrnn.forecast.table import SCORE, scored
from vsrnn.plot.axes import legend, log_ticks, note, panels
from vsrnn.plot.film import Film
from vsrnn.plot.film import film as make_film
from vsrnn.plot.labels import (
    BLUE,
    DESIGN_LABELS,
    GRAY,
    ORANGE,
    PROPORTION,
    arrangement_label,
    design_label,
    look,
    seeds_label,
)
from vsrnn.plot.lines import lines
from vsrnn.plot.points import cloud, dots, share_column
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.config import Config, configs_for
from vsrnn.runs.results import FOLDERS
from vsrnn.runs.run import train
from vsrnn.runs.tables import committed_runs, concat_runs, order_rows
from vsrnn.stats import Claim, intervals, means_differ, one_against_others
from vsrnn.studies.hammer import SHOWN
from vsrnn.studies.labels import EXPERT_LABELS
from vsrnn.studies.page import Page, provenance_of
from vsrnn.studies.scores import expected_of, mean_curves
from vsrnn.tasks import task_class
from vsrnn.tasks.adroit import HAMMER, Played, play, versions
from vsrnn.tasks.hammer import EXPERT, acting
from vsrnn.tasks.pictures import draw
from vsrnn.tasks.policy import load_policy

PUBLISHED, FEW = ("hammer_named", "hammer_named_dapg"), "hammer_few"
"""Tables of runs by the published protocol, one an expert; and with few episodes."""

HAMMER_10K = tuple(f"10AH{number:02}" for number in range(18))
"""The published designs of about 10,000 weights that the paper compares on Hammer."""

DENSE = "10AH12"
HAMMER_FIVE = (DENSE, "10AH00", "10AH01", "10AH10", "10AH13")
"""Dense, uniform, dense hidden block, dense input block and LSTM at 10,000 weights."""

SUCCESS, EXPLAINED = "success [%]", "explained variance [%]"
MEASURES = (SUCCESS, EXPLAINED)
"""How well a model plays, and how well it says what the expert would do."""

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

PROTOCOLS = (
    "1,000 steps from 50 episodes",
    "the published protocol, 1,800 steps from 4,500 episodes",
)
_PATTERNS = {name: DESIGN_LABELS[name] for name in HAMMER_FIVE}
DRAWN, RANDOM = "hammer_even_10k", "drawn at random"
"""Table of random designs of as many weights at other rates, and what they are."""

RATE, DEMONSTRATIONS = "learning rate", "demonstrations [episodes]"
NEVER = 1.0
"""Success [%] up to which a design as good as never succeeds."""

BOARDS = range(3_000, 3_100)
"""Seeds of the episodes that the network trained here plays; no data has them."""


@dataclass(frozen=True)
class Data:
    """What the page shows; what runs imitate is in their column ``expert``.

    Args:
        stored: runs by the published protocol, one row each.
        curves: their epochs.
        few: stored runs with few demonstrations.
        rates: stored runs at other rates, and random designs.
        played: episodes of a network that was trained here.
        made_by: what made these, or why there are none.
    """

    stored: DataFrame
    curves: DataFrame
    few: DataFrame
    rates: DataFrame
    played: Played | None = None
    made_by: dict[str, Any] = field(default_factory=dict)


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
    scale: str | None = None,
    design: str = HAMMER_FIVE[1],
    learning_rate: float = 1e-3,
    episodes: int = 20,
) -> Data:
    """Load the stored runs, and train a network to watch it play if a scale is given.

    Args:
        results: tables of stored runs.
        scale: of the network trained now, "smoke", "quick" or "paper".
        design: its name.
        learning_rate: of it.
        episodes: that it plays.
    """
    played, made_by = None, {"because": "no scale was given to train a network at"}
    if scale is not None:
        try:
            (config,) = configs_for([design], [0], scale, "hammer", learning_rate)
            model, _ = train(config)
            with torch.no_grad():
                played = play(HAMMER, acting(model), BOARDS[:episodes])
            made_by = {"id": config.id, "design": design, "scale": scale, **versions()}
        except VsrnnError as problem:
            made_by = {"because": str(problem)}
    return Data(
        stored=_by_expert(results),
        curves=_by_expert([f"{name}_curves" for name in results]),
        few=_by_expert([FEW]),
        rates=_by_expert(["hammer_weights", DRAWN]),
        played=played,
        made_by=made_by,
    )


def _by_expert(names: Sequence[str]) -> DataFrame:
    """Runs of committed tables, their ``source`` renamed, with their table."""
    tables = [committed_runs(name).assign(table=name) for name in names]
    renamed = [one.rename(columns={"source": "expert"}) for one in tables]
    return concat_runs(DataFrame(), *renamed)


def hammer_rates_table(data: Data) -> DataFrame:
    """Success against learning rate, by pattern and by how long and on what it trains.

    Returns:
        One row a protocol, pattern and rate: protocol, design, learning rate, and over
        its seeds mean, low, high [%] and seeds; and one row a random design, which has
        one seed.
    """
    runs = _by_rate(data)
    keys = ["protocol", "pattern", "design", RATE]
    orders = {"protocol": PROTOCOLS, "pattern": [*_PATTERNS.values(), RANDOM]}
    return order_rows(intervals(runs, keys, SCORE), keys, **orders).round(4)


def _by_rate(data: Data) -> DataFrame:
    """Runs of the five patterns that imitate our expert, and of random designs."""
    few = data.few[data.few["demonstrations"] == 50]
    own = data.stored[data.stored["expert"] == "own"]
    runs = pd.concat([few, own, data.rates], ignore_index=True)
    random = runs["table"] == DRAWN
    runs = scored(runs[random | runs["design"].isin(HAMMER_FIVE)])
    steps = dict(zip(("quick", "paper"), PROTOCOLS, strict=True))
    return runs.assign(
        protocol=runs["scale"].map(steps),
        pattern=runs["design"].map(_PATTERNS).fillna(RANDOM),
        **{RATE: runs["learning_rate"].astype(float)},
    )


def hammer_curve_table(data: Data) -> DataFrame:
    """Share of the variance of the expert's actions explained, by epoch.

    It is that of the validation episodes, as mean and interval over each design's
    seeds.
    """
    table = mean_curves(data.stored, data.curves, HAMMER_FIVE, by=["expert"])
    return _sorted(table, ["expert", "design", "epoch"], HAMMER_FIVE)


def hammer_ranking_table(data: Data) -> DataFrame:
    """Designs by mean success, then explained variance, best first.

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
    """The measures against the number of episodes imitated, by design."""
    chosen = data.few[data.few["design"].isin(HAMMER_10K)]
    chosen = chosen.rename(columns={"demonstrations": DEMONSTRATIONS})
    keys = ["expert", "scale", "design", "measure", DEMONSTRATIONS, "epochs"]
    table = intervals(_measured(chosen), keys, "value")
    return _sorted(table, keys, HAMMER_10K)


def _measured(runs: DataFrame) -> DataFrame:
    """One row a run and measure; a run that diverged has no success."""
    runs = scored(runs).rename(columns={SCORE: SUCCESS})
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


@figure(table=hammer_rates_table, made_by=lambda data: provenance_of(data.rates))
def hammer_rates(table: DataFrame, style: str = "web") -> Figure:
    """Show success against the learning rate, a line a pattern, by protocol."""
    looks = {words: look(name) for name, words in _PATTERNS.items()}
    random = {RANDOM: {"color": "0.7", "marker": ".", "ls": ""}}
    with drawing(style, 1.0) as figure:
        axes = panels(figure, 2, 1, sharex=True, sharey=True)
        for ax, title in zip(axes, PROTOCOLS, strict=True):
            rows = table[table["protocol"] == title]
            drawn = rows["pattern"] == RANDOM
            cloud(ax, rows.loc[drawn, RATE], rows.loc[drawn, "mean"], random[RANDOM])
            how: dict[str, Any] = {"hue": "pattern", "looks": looks, "bars": True}
            own = rows[~drawn].assign(
                low=rows["low"].clip(0), high=rows["high"].clip(upper=100)
            )
            lines(ax, own, RATE, "mean", "low", "high", **how)
            log_ticks(ax, [1e-4, 3e-4, 1e-3, 3e-3])
            ax.set(title=title, xlabel=RATE, ylabel=SUCCESS, ylim=(-4, 104))
            ax.axvline(1e-4, **_PUBLISHED)
            if own.empty:
                note(ax, "no runs yet")
            ax.label_outer()
        legend(figure, looks | random | {"published rate": _PUBLISHED}, 4)
    return figure


@figure(table=hammer_curve_table, made_by=lambda data: provenance_of(data.stored))
def hammer_curve(table: DataFrame, style: str = "web") -> Figure:
    """Show the share of variance explained by epoch, a line a design."""
    with drawing(style, 0.9) as figure:
        axes = panels(figure, len(EXPERT_LABELS), 1, sharex=True, sharey=True)
        axes[0].set_ylim(0, 100)
        for ax, (expert, title) in zip(axes, EXPERT_LABELS.items(), strict=True):
            rows = table[table["expert"] == expert]
            columns = ("epoch", "mean [%]", "low [%]", "high [%]")
            lines(ax, rows, *columns, hue="design", named=arrangement_label)
            ax.set(xlabel="epoch", ylabel="explained variance\nof actions [%]")
            ax.set_title(f"imitating {_the(title)}: {seeds_label(rows)}")
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
    with drawing(style, 0.2 + 0.05 * len(designs)) as figure:
        *axes, side = figure.subplots(1, 3, sharey=True, width_ratios=(4, 4, 2))
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
    with drawing(style, 1.0) as figure:
        for ax, measure in zip(panels(figure, 2, 1), MEASURES, strict=True):
            _limit(ax, table, measure, "y")
            _courses(ax, _of(table, measure))
            log_ticks(ax, table[DEMONSTRATIONS])
            _label(ax, measure, "y")
            ax.label_outer()
        others = table["design"].nunique() - len(HAMMER_FIVE)
        legend(figure, {f"other designs: {others}": _GRAY} if others > 0 else {})
    return figure


_GRAY: dict[str, Any] = {"color": "0.75", "linewidth": 0.8, "zorder": 1}
_PUBLISHED: dict[str, Any] = {"color": GRAY, "linewidth": 0.8, "linestyle": ":"}
_FILLED = {"color": BLUE, "marker": "o", "markerfacecolor": BLUE}
_OPEN = {"color": ORANGE, "marker": "s", "markerfacecolor": "white"}
_EXPERTS = dict(zip(EXPERT_LABELS, (_FILLED, _OPEN), strict=True))


def _dots(ax: Axes, rows: DataFrame, designs: list[str], **how: Any) -> None:
    """Means and intervals, a row a design, its name in words."""
    if designs:
        how |= {"order": designs, "named": design_label, "missing": "no run yet"}
        dots(ax, rows, "mean", "design", "low", "high", **how)


def _courses(ax: Axes, rows: DataFrame) -> None:
    """Lines of the designs named with intervals and in color, of others in gray."""
    named = rows["design"].isin(HAMMER_FIVE)
    grays = dict.fromkeys(rows["design"], _GRAY)
    lines(ax, rows[~named], DEMONSTRATIONS, "mean", hue="design", looks=grays)
    columns = (DEMONSTRATIONS, "mean", "low", "high")
    lines(ax, rows[named], *columns, hue="design", bars=True, named=arrangement_label)
    if rows.empty:
        note(ax, "no runs yet")


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
    """Name an axis with a measure on it."""
    words = measure.replace(" variance", "\nvariance") if along == "x" else measure
    ax.set(**{f"{along}label": words})


def _the(expert: str) -> str:
    return expert if expert.startswith("our") else f"the {expert}"


def film(name: str, page: Page, alt: str) -> Film:
    """Show the expert (left) and the network trained here (right) on the same board.

    Args:
        name: of its files, "hammer_driven" for the first episode in which the network
            drives the nail in, else the first in which it does not.
        page: gives the episodes, their folder, and what made them.
        alt: what it shows, for those who cannot see it.
    """
    made_by = page.data.made_by

    def shoot() -> np.ndarray:
        played = page.data.played
        if played is None:
            raise VsrnnError(made_by["because"])
        wanted = played.succeeded() == (name == "hammer_driven")
        if not wanted.any():
            raise VsrnnError(f"none of the {len(wanted)} episodes ends so")
        first = int(wanted.argmax())
        one = {"seeds": [played.seeds[first]], "actions": played.actions[[first]]}
        own = replace(played, **one)
        expert = play(HAMMER, load_policy(EXPERT, HAMMER), own.seeds, SHOWN)
        both = [draw(each, range(0, SHOWN + 1, 3), 320) for each in (expert, own)]
        return np.concatenate(both, axis=2)

    return make_film(name, shoot, page.folder, alt, made_by, kept=FOLDERS)


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
    rates = page.table("hammer_rates")
    for name, protocol in zip(("few", "published"), PROTOCOLS, strict=True):
        own = rates[(rates["protocol"] == protocol) & (rates["pattern"] != RANDOM)]
        for rate, rows in own.groupby(RATE):
            mean = f"{rows['mean'].mean():.0f} %"
            found[f"{name}_{rate:g}".replace("-", "")] = mean
    played = page.data.played
    driven = "none" if played is None else f"{played.succeeded().sum()}"
    of = "none" if played is None else f"{len(played.seeds)}"
    found |= {"here_driven": driven, "here_played": of}
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
        if known := [chance for chance in chances if chance == chance]:
            found[f"differ_{word}"] = f"{min(known):.2g} to {max(known):.2g}"
    return found


def claims(page: Page) -> list[Claim]:
    """How dense does beside the others, and what a larger rate does."""
    ranking, few = page.table("hammer_ranking"), page.table("hammer_demonstrations")
    found = []
    for (expert, measure), rows in ranking.groupby(["expert", "measure"], sort=False):
        known = rows.loc[rows["seeds"] > 1, "design"].tolist()
        if DENSE in known and len(known) > 1:
            what = f"{measure.removesuffix(' [%]')}, {EXPERT_LABELS[expert]}"
            text = f"dense is above the mean of the other designs: {what}"
            gap = one_against_others(*summary(rows), known.index(DENSE))
            found.append(Claim(text, *gap, "points"))
    before = ranking[(ranking["measure"] == SUCCESS) & (ranking["expert"] == "own")]
    before = before.set_index("design")["mean"][_never(ranking)]
    again = few[few["measure"] == SUCCESS].groupby("design")["mean"].mean()
    text = "designs that never succeed as published do so at the larger rate"
    found += _gained(text, again - before)
    runs = _by_rate(page.data)
    for protocol in PROTOCOLS:
        own = runs[(runs["protocol"] == protocol) & (runs["pattern"] != RANDOM)]
        pairs = own.pivot_table(SCORE, ["design", "seed"], RATE)
        if {1e-4, 1e-3} <= set(pairs):
            text = f"ten times the published rate raises success: {protocol}"
            found += _gained(text, (pairs[1e-3] - pairs[1e-4]).dropna())
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
