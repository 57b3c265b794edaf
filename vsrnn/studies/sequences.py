"""What does the penalty do where the task is addition, or the next word?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series, concat

from vsrnn.errors import VsrnnError
from vsrnn.plot.axes import legend, note, panels
from vsrnn.plot.labels import BLUE, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.config import Config
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import HERE, STORED, committed_runs
from vsrnn.stats import Claim, difference_of_shares, share_below, tried
from vsrnn.studies import arms
from vsrnn.studies.arms import (
    ARM_LOOKS,
    DENSITY,
    NOTHING,
    REST,
    measured,
    methods,
    over_density,
    paired,
    penalized,
    strips,
    told,
)
from vsrnn.studies.page import Page
from vsrnn.studies.scorecard import judged
from vsrnn.tasks import get_task

# Fixed before any run:
#
# - Addition: the measure is whether the squared error on 2,000 test sequences is below
#   .01 at the end of the run ("learned"; chance is 1/6), since runs are either near
#   chance or near 0; shown with the error itself. Ten paired seeds. An arm keeps more
#   networks than another if the 95 % interval of the difference of the two shares
#   (Newcombe) is above 0.
# - Text: the measure is the perplexity on the test words at the end, a mean over paired
#   seeds with the 95 % interval of Student's t on the difference, as for navigation.
# - The weight of the penalty on addition is .001 as published, and .03, with which the
#   geometry reaches the mask.

ADDING_SEEDS = range(10)
ADDING_DENSITIES = (0.1, 0.02, 0.005)
ADDING_WEIGHTS = (0.001, 0.03)
ADDING_ARMS = ("none", "torus", "klein", "permuted")
SCORES = ("magnitude", "activation", "prepost", "projected")
SCORE_DENSITIES = (0.1, 0.05, 0.02)
SCORE_SEEDS = range(5)
EPOCHS = 15 + REST

TEXT_SEEDS = range(5)
TEXT_DENSITIES = (0.2, 0.1, 0.05, 0.02)
TEXT_ARMS = ("none", "torus", "permuted")
TEXT_DESIGNS = ("text_128", "text_128_lstm")
TEXT_EPOCHS, VOCABULARY = 10, 2_000

LEARNED, CHANCE = 0.01, 1 / 6
"""Squared error below which a network has learned to add, and that of a guess."""

ERROR, PERPLEXITY = "squared error", "perplexity"
CHEAP, PAIRS = "survivors on cheap pairs [%]", "cheap pairs [%]"
SHARE, STRONG = "networks that learn [%]", ", λ = .03"
COURSE = {
    "train_loss": "squared error, during the epoch",
    "val_loss": "squared error, right after its pruning",
    "weights": "weights left",
}
AFTER, END = "after the last pruning", "at the end"
STEPS, ONCE = "in 15 steps", "at once"
HOW = {STEPS: {"color": BLUE, "marker": "o"}, ONCE: {"color": ORANGE, "marker": "^"}}
CELLS = {"text_128": "tanh", "text_128_lstm": "LSTM"}


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    weak, strong = ADDING_WEIGHTS
    adding = [
        _adding(arm, seed, density, weak)
        for density, seed, arm in product(
            ADDING_DENSITIES[::-1], ADDING_SEEDS, ADDING_ARMS
        )
    ]
    strongly = [
        _adding(arm, seed, density, strong)
        for density, seed, arm in product(
            ADDING_DENSITIES[::-2], ADDING_SEEDS, ("torus", "permuted")
        )
    ]
    scores = [
        _scored(score, seed, density, start)
        for density, seed, score, start in product(
            SCORE_DENSITIES, SCORE_SEEDS, SCORES, (1, 15)
        )
    ]
    longer = [
        _adding(arm, seed, 0.02, weak, length=length)
        for length, seed, arm in product((50, 100), range(3), ("none", "torus"))
    ]
    text = [
        _text(design, arm, seed, density)
        for seed, design, density, arm in product(
            TEXT_SEEDS, TEXT_DESIGNS, TEXT_DENSITIES, TEXT_ARMS
        )
    ]
    dense = [_text(d, "none", s, 1.0) for s, d in product(TEXT_SEEDS, TEXT_DESIGNS)]
    return [*adding, *scores, *dense, *text, *strongly, *longer]


def _adding(
    arm: str, seed: int, density: float, weight: float, **options: Any
) -> Config:
    how = methods(arm, density, "cubic", weight=weight)
    return _config("adding", "adding_128", seed, EPOCHS, how, task_options=options)


def _scored(score: str, seed: int, density: float, start: int) -> Config:
    """Pruned by a score after each of 15 epochs, or all at once after the last."""
    prune = {"name": "magnitude", "density": density, "score": score, "end": 15}
    more = {} if start == 1 else {"start": start}
    how = [prune | more | {"protect": ["head"]}]
    return _config("adding", "adding_128", seed, EPOCHS, how)


def _text(design: str, arm: str, seed: int, density: float) -> Config:
    """As published: the density falls epoch by epoch, the last one trains at it."""
    prune = {"name": "magnitude", "schedule": "linear", "end": TEXT_EPOCHS - 1}
    how = [prune | {"density": density}] if density < 1 else []
    how, options = penalized(arm, *how), {"vocabulary": VOCABULARY}
    return _config("text", design, seed, TEXT_EPOCHS, how, task_options=options)


def _config(
    task: str, design: str, seed: int, epochs: int, how: list[Any], **more: Any
) -> Config:
    return Config(task, design, "quick", seed, epochs=epochs, method=how, **more)


@dataclass(frozen=True)
class Data:
    """What the page shows.

    Args:
        plan: all runs of the protocol, with what those measured that are stored.
        runs: the latter, as they are stored.
        curves: their epochs.
        live: epochs of the run that is trained now, if one is.
        unigram: perplexity of a text whose words are only counted, nan without it.
    """

    plan: DataFrame
    runs: DataFrame
    curves: DataFrame
    live: DataFrame
    unigram: float


def load(
    scale: str | None = None,
    store: str | Path = "../runs",
    jobs: int | None = None,
    results: str = "sequences",
) -> Data:
    """Load the stored runs, and train one more if a scale is given.

    Args:
        scale: of that run, which learns to add while it is pruned to .02.
        store: folder where it is kept.
        jobs: processes that train.
        results: name of the stored runs.
    """
    live = DataFrame(columns=["epoch"])
    if scale is not None:
        config = replace(_adding("none", 0, 0.02, ADDING_WEIGHTS[0]), scale=scale)
        sweep([config], Store(store), jobs=jobs)
        live = Store(store).curves().query("id == @config.id")
    try:
        task: Any = get_task("text", "quick", vocabulary=VOCABULARY)
        unigram = task.unigram()["perplexity"]
    except VsrnnError:
        unigram = float("nan")
    runs = committed_runs(results)
    columns = ("test_loss", "test_perplexity", "cheap", "error")
    plan = measured(arms.planned(protocol()), runs, *columns)
    plan = plan.rename(columns={"density": DENSITY, "test_perplexity": PERPLEXITY})
    lost = plan["error"].notna()  # as a guess
    plan[ERROR] = plan["test_loss"].astype(float).mask(lost, CHANCE)
    plan[CHEAP] = 100 * plan["cheap"].astype(float)
    plan["length"] = plan["length"].fillna(30).astype(int)
    return Data(plan, runs, committed_runs(f"{results}_curves"), live, unigram)


def adding_course_table(data: Data) -> DataFrame:
    """Errors and weights left by epoch, of runs without a penalty down to .02."""
    plan = data.plan[(data.plan["arm"] == "none") & (data.plan["protect"] == "")]
    plan = plan[(plan[DENSITY] == 0.02) & (plan["length"] == 30)]
    plan = plan.query("task == 'adding'")[["id", "seed"]]
    measures = ("epoch", *COURSE)
    parts = [measured(plan, data.curves, *measures).assign(source=STORED)]
    parts += [data.live.assign(source=HERE)] if len(data.live) else []
    table = concat(parts)[["source", "seed", *measures]]
    return table.rename(columns=COURSE).reset_index(drop=True)


@figure(table=adding_course_table)
def adding_course(table: DataFrame, style: str = "web") -> Figure:
    """Error during an epoch and after its pruning, and weights left, a line a run."""
    kinds = {STORED: {"color": "0.6", "lw": 0.8}, HERE: {"color": BLUE, "lw": 2}}
    run = table["source"] + table["seed"].astype(str)
    looks = {name: kinds[name.rstrip("0123456789")] for name in run}
    known = table.assign(run=run).dropna(subset=["epoch"])
    with drawing(style, 0.75) as drawn:
        axes = panels(drawn, 3, 1, sharex=True)
        for ax, name in zip(axes, COURSE.values(), strict=True):
            lines(ax, known, "epoch", name, hue="run", looks=looks)
            ax.set(yscale="log", title=name, ylabel=name.partition(",")[0])
            ax.label_outer()
            if "error" in name:
                chance_line(ax, CHANCE)
            if known.empty:
                note(ax, NOTHING)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend(drawn, {f"{name}, a line a seed": kinds[name] for name in kinds})
    return drawn


def adding_learned_table(data: Data) -> DataFrame:
    """Test error of each run by arm, and the share of an arm's networks that learn.

    Returns:
        panel, density, arm (with the larger weight of the penalty), seed, squared
        error, share with its ends by Wilson [%], and runs.
    """
    runs = data.plan[(data.plan["task"] == "adding") & (data.plan["protect"] == "")]
    strong = np.where(runs["weight"] == ADDING_WEIGHTS[1], STRONG, "")
    panel = "density " + runs[DENSITY].map("{:g}".format)
    panel += "\n" + runs["length"].astype(str) + " numbers"
    runs = runs.assign(panel=panel, arm=runs["arm"] + strong)
    order = {"ascending": [True, False], "kind": "stable"}
    runs = runs.sort_values(["length", DENSITY], **order)
    groups = runs.groupby(["panel", "arm"], sort=False)
    shares = [(*name, *share_below(own[ERROR], LEARNED)) for name, own in groups]
    names = ["panel", "arm", SHARE, "low", "high", "runs"]
    table = runs[["panel", DENSITY, "arm", "seed", ERROR]]
    return table.merge(DataFrame(shares, columns=names), on=["panel", "arm"])


@figure(table=adding_learned_table)
def adding_learned(table: DataFrame, style: str = "web") -> Figure:
    """Error of each run by arm and density, and how many learn to add."""
    looks = {arm: ARM_LOOKS[arm.removesuffix(STRONG)] for arm in table["arm"]}
    with drawing(style, 0.75) as drawn:
        for ax, rows in strips(drawn, table, ERROR, "arm", "arm", looks, CHANCE):
            ax.axvline(LEARNED, color="0.8", lw=0.8, zorder=0)
            beside: Any = {"transform": ax.get_yaxis_transform(), "va": "center"}
            for arm, own in rows.groupby("arm"):
                place = (1.02, list(looks).index(str(arm)))
                ax.text(*place, _learned(own[ERROR]), size="small", **beside)
    return drawn


def sequences_cheap_table(data: Data) -> DataFrame:
    """Share of the hidden weights left that lie on cheap pairs, and of pairs [%]."""
    runs = _with_pairs(data)
    table = arms.means(runs, ["panel", "arm", DENSITY], CHEAP)
    return table.merge(runs.groupby("arm")[PAIRS].mean().reset_index(), on="arm")


def _with_pairs(data: Data) -> DataFrame:
    """Runs with a penalty, and how many of their pairs are cheap [%]."""
    runs = data.plan[(data.plan["weight"] > 0) & (data.plan["length"] == 30)]
    runs = runs.sort_values(["task", "weight", "design"], kind="stable")
    adding = "adding, λ = " + runs["weight"].map("{:g}".format)
    panel = ("text, " + runs["design"].map(CELLS)).fillna(adding)
    own = zip(runs["arm"], runs["seed"], strict=True)
    pairs = [arms.cheap_pairs(arm, 128, seed) for arm, seed in own]
    return runs.assign(panel=panel, **{PAIRS: pairs})


@figure(table=sequences_cheap_table)
def sequences_cheap(table: DataFrame, style: str = "web") -> Figure:
    """Share of surviving hidden weights on cheap pairs by density, and of all pairs."""
    with drawing(style, 0.75) as drawn:
        over_density(drawn, table, CHEAP, PAIRS, "cheap pairs among all pairs")
    return drawn


def adding_scores_table(data: Data) -> DataFrame:
    """Error by what weights are compared by, right after the last pruning and later.

    The first is that of the validation sequences after epoch 15, the other that of the
    test sequences after four more. The readout is not pruned.
    """
    runs = data.plan[data.plan["protect"] != ""].rename(columns={ERROR: END})
    last = data.curves[data.curves["epoch"] == EPOCHS - REST]
    runs = measured(runs, last, "val_loss").rename(columns={"val_loss": AFTER})
    runs = runs.assign(how=np.where(runs["at once"], ONCE, STEPS))
    keys = [DENSITY, "score", "how", "seed"]
    table = runs[[*keys, AFTER, END]].melt(keys, [AFTER, END], "measured", ERROR)
    order = {"ascending": [True, False, False], "kind": "stable"}
    table = table.sort_values(["measured", DENSITY, "how"], **order)
    panel = table["measured"] + "\ndensity " + table[DENSITY].astype(str)
    return table.assign(panel=panel).reset_index(drop=True)


@figure(table=adding_scores_table)
def adding_scores(table: DataFrame, style: str = "web") -> Figure:
    """Error by the score that pruning goes by, at once or in steps, by density."""
    with drawing(style, 0.75) as drawn:
        for ax, rows in strips(drawn, table, ERROR, "score", "how", HOW, CHANCE):
            if rows[ERROR].isna().all():
                note(ax, NOTHING)
        legend(drawn, {words: {"ls": "", **look} for words, look in HOW.items()})
    return drawn


def text_perplexity_table(data: Data) -> DataFrame:
    """Perplexity of the test words by cell, arm and density, and of words counted."""
    runs = data.plan[data.plan["task"] == "text"]
    runs = runs.assign(panel=runs["design"].map(CELLS))
    runs = runs.sort_values(["panel", DENSITY], ascending=[False, True], kind="stable")
    table = arms.means(runs, ["panel", "arm", DENSITY], PERPLEXITY)
    return table.assign(unigram=data.unigram)


@figure(table=text_perplexity_table)
def text_perplexity(table: DataFrame, style: str = "web") -> Figure:
    """Perplexity of the next word against density, a line an arm, a panel a cell."""
    with drawing(style, 0.5) as drawn:
        over_density(drawn, table, PERPLEXITY, "unigram", "words counted", "log")
    return drawn


TENS = "powers of ten"
KEEPS = "{} keeps more networks than {}, density {:g}"
REACHES = "the torus reaches the mask, {}, density {:g}"
SPARES = "{} spares a network pruned at once more than magnitude, density {:g}"
RAMPS = "{} in steps ends with a smaller error than magnitude in steps, density {:g}"
LASTS = "pruned in steps by {}, a network ends with a smaller error, density {:g}"
PREDICTS = "{} predicts the next word better than {}, {}, density {:g}"
_COMPARED = [(arm, "none") for arm in (*ADDING_ARMS[1:], f"torus{STRONG}")]
_COMPARED += [("torus", "permuted"), (f"torus{STRONG}", f"permuted{STRONG}")]


def claims(page: Page) -> list[Claim]:
    """What the penalty, its geometry and the scores change, where there are runs."""
    return tried(
        [*_learning(page), *_reaching(page), *_scoring(page), *_predicting(page)]
    )


def _learning(page: Page) -> Iterator[Claim]:
    """Differences of shares, by Newcombe."""
    table = page.table("adding_learned").query("panel.str.contains('30')")
    table = table.drop_duplicates([DENSITY, "arm"]).set_index([DENSITY, "arm"])
    shares = {key: row for key, *row in table[[SHARE, "low", "high"]].itertuples()}
    for density, pair in product(ADDING_DENSITIES, _COMPARED):
        both = [shares[density, arm] for arm in pair if (density, arm) in shares]
        if len(both) == 2:
            found = difference_of_shares(*both)
            yield Claim(KEEPS.format(*pair, density), *found, "points")


def _reaching(page: Page) -> Iterator[Claim]:
    """Survivors on cheap pairs less cheap pairs, at the least density."""
    runs = _with_pairs(page.data).query("arm == 'torus'").set_index("seed")
    for panel, rows in runs.groupby("panel", sort=False):
        own = rows[rows[DENSITY] == rows[DENSITY].min()]
        words = REACHES.format(panel, rows[DENSITY].min())
        yield paired(words, own[PAIRS], own[CHEAP], "points")


def _scoring(page: Page) -> Iterator[Claim]:
    """Ratios of errors, in powers of ten."""
    table = page.table("adding_scores")
    table = table.assign(log=np.log10(table[ERROR].astype(float))).set_index("seed")
    groups = table.groupby(["measured", "score", DENSITY, "how"])["log"]
    logs: Any = dict(iter(groups))
    for score, density in product(SCORES, SCORE_DENSITIES):
        for words, *key in ((SPARES, AFTER, ONCE), (RAMPS, END, STEPS)):
            when, how = key
            own, usual = (logs[when, e, density, how] for e in (score, "magnitude"))
            if score != "magnitude":
                yield paired(words.format(score, density), own, usual, TENS)
        steps, once = (logs[END, score, density, how] for how in HOW)
        yield paired(LASTS.format(score, density), steps, once, TENS)


def _predicting(page: Page) -> Iterator[Claim]:
    """Differences of perplexity."""
    runs = page.data.plan.query("task == 'text'").set_index("seed")
    values: Any = dict(iter(runs.groupby(["design", "arm", DENSITY])[PERPLEXITY]))
    for design, density in product(TEXT_DESIGNS, TEXT_DENSITIES):
        for pair in (("torus", "none"), ("torus", "permuted")):
            both = [values[design, arm, density].astype(float) for arm in pair]
            words = PREDICTS.format(*pair, CELLS[design], density)
            yield paired(words, both[0], both[1], PERPLEXITY)


HELPS = {"holds": "helps", "undecided": "does not measurably help", "reversed": "hurts"}
SPACE = {"holds": "has a part in it", "undecided": "makes no measurable difference"}
SPACE["reversed"] = "makes it worse"
TEXT = {
    "holds": "a torus predicts the next word better than no penalty",
    "undecided": "a torus and no penalty cannot be told apart",
    "reversed": "a torus predicts the next word worse than no penalty",
}


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name; of addition and text at the least density."""
    least = f"`{DENSITY}` == 0.005"
    learned = page.table("adding_learned").query(least).groupby("arm")[ERROR]
    cheap = page.table("sequences_cheap").query(f"{least} and arm == 'torus'")
    after = page.table("adding_scores").query(f"`{DENSITY}` == 0.1 and how == @ONCE")
    after = after[after["measured"] == AFTER].groupby("score")[ERROR].median()
    text = page.table("text_perplexity").set_index(["panel", DENSITY, "arm"])
    tanh = {arm: text["mean"]["tanh", 0.02, arm] for arm in TEXT_ARMS}
    stored = page.data.plan["id"].isin(page.data.runs["id"])
    found, few = claims(page), "has not been tried often enough"
    helps, space = (
        KEEPS.format("torus", other, 0.005) for other in ("none", "permuted")
    )
    words = judged(found, PREDICTS.format("torus", "none", "tanh", 0.02))
    both = (
        f"perplexity {told(tanh['torus'], '.1f')} against {told(tanh['none'], '.1f')}"
    )
    return {
        **{f"learned_{arm}": _learned(own) for arm, own in learned},
        "helps": HELPS.get(judged(found, helps), few),
        "space": SPACE.get(judged(found, space), few),
        "text": f"{TEXT.get(words, 'a torus ' + few)} ({both})",
        "cheap_weak": told(cheap["mean"].iloc[0], ".0f", " %"),
        "cheap_strong": told(cheap["mean"].iloc[-1], ".0f", " %"),
        "cheap_pairs": told(cheap[PAIRS].iloc[0], ".0f", " %"),
        **{f"after_{score}": told(after[score], ".2f") for score in SCORES},
        "unigram": told(page.data.unigram, ".0f"),
        "stored_runs": f"{stored.sum()} of {len(stored)}",
    }


def _learned(errors: Series) -> str:
    known = errors.dropna()
    return f"{(known < LEARNED).sum()} of {len(known)}" if len(known) else NOTHING
