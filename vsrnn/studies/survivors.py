"""Which weights survive, does their mask serve fresh ones, and in which blocks?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from vsrnn.design.design import Design
from vsrnn.design.geometry import BLOCKS
from vsrnn.design.published import get_design
from vsrnn.plot.axes import each_panel, legend
from vsrnn.plot.blocks import block_legend, block_places, blocks, to_scale
from vsrnn.plot.labels import BLUE, DESIGN_LABELS, GRAY, GREEN, ORANGE, look
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.config import Config, configs_for
from vsrnn.runs.tables import committed_runs
from vsrnn.stats import Claim, tried, welch
from vsrnn.studies import arms, navigation
from vsrnn.studies.arms import ARM_LOOKS, NOTHING, measured, paired, told
from vsrnn.studies.labels import chance, score_label, task_label
from vsrnn.studies.page import Page
from vsrnn.studies.scorecard import judged
from vsrnn.tasks import sizes

# Fixed before any run:
#
# - Fresh weights: the measure is the position error [cm] at the end, on the mask that
#   the arm's own run of the same number ended with (density .1, linear 15), with the
#   arm's penalty on the same points, with it on other points, and without it. A mask
#   serves if its error with fresh weights, less that of the mask of `none`, is below 0
#   by the interval over five paired seeds.
# - Blocks: a dense network is pruned to the weights of designs that are chosen
#   beforehand. The measures are the score, and hidden proportion after pruning. A
#   network finds what paper I recommends if its hidden proportion ends above that of
#   the uniform design.

ARMS = ("none", "torus", "permuted", "klein", "circle", "sphere", "6-torus")
SEEDS = range(5)
PENALTY = ("same", "without", "new")
"""With the arm's penalty on the same points, without it, with it on other points."""

TICKETS = [
    (penalty, seed, arm)
    for penalty, seed, arm in product(PENALTY, SEEDS, ARMS)
    if arm != "none" or penalty == "without"
]
"""Fresh weights: every mask that is trained again, and how."""

FRESH = 100
"""Added to the seed of a run, for the seed of the fresh weights on its mask."""

BLOCK_ARMS = ("none", "torus", "permuted")
PARENTS = {
    "rad": (Design("dense_208", 208, 1.0), 592_136, 100_000, 8),
    "hammer": (Design("dense_128", 128, 1.0, learning_rate=1e-3), 30_796, 10_000, 20),
}
"""By task the dense network that is pruned, about its weights, those left, and epochs.

The two numbers of weights make the density, which is part of what decides the runs.
"""

CHOSEN = {
    "rad": ("111111_", "000000_", "balanced_0"),
    "hammer": ("10AH12", "10AH00", "10AH01"),
}
"""Designs of as many weights, chosen beforehand: dense, uniform, varied."""

ERROR, CHEAP, OWN = "position error [cm]", "on cheap pairs [%]", "its own run"
UNIFORM = DESIGN_LABELS["10AH00"]
SCORE, PROPORTION = "score [%]", "hidden proportion"
KINDS = {
    OWN: {"color": "black", "marker": "s"},
    "same": {"color": BLUE, "marker": "o"},
    "without": {"color": ORANGE, "marker": "^"},
    "new": {"color": GREEN, "marker": "D"},
}
"""The run that made a mask, and fresh weights on it, by their penalty."""

KIND_WORDS = {
    OWN: "the run that made the mask",
    "same": "fresh weights, same penalty",
    "without": "fresh weights, no penalty",
    "new": "fresh weights, penalty on other points",
}
COUNTS = [f"weights_{block}" for block in BLOCKS]
LEVELS = ("floor", "stay")
"""Errors of true place codes, and of staying at the start."""


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    fresh = [_fresh(arm, seed, penalty) for penalty, seed, arm in TICKETS]
    return [*_blocks("rad"), *fresh, *_blocks("hammer")]


def _fresh(arm: str, seed: int, penalty: str) -> Config:
    """Fresh weights on the mask of an arm's run, which `navigation` keeps."""
    source = navigation.run_of(arm, seed)
    ticket = {"name": "lottery", "run": source.id, "masks": "results/navigation/masks"}
    points = {"seed": seed} if penalty == "same" else {}
    own: Any = arms.penalized("none" if penalty == "without" else arm, ticket, **points)
    return replace(source, seed=FRESH + seed, method=own)


def _blocks(task: str) -> list[Config]:
    """Dense networks pruned to a budget, and designs chosen to have it."""
    parent, entries, budget, epochs = PARENTS[task]
    prune = {"name": "magnitude", "density": round(budget / entries, 5)}
    prune["end"] = epochs - 2
    found = []
    for seed, arm in product(SEEDS, BLOCK_ARMS):
        how = arms.penalized(arm, prune)
        found.append(Config(task, parent, "quick", seed, epochs=epochs, method=how))
    chosen = configs_for(CHOSEN[task], SEEDS, "quick", task, parent.learning_rate)
    return found + [replace(config, epochs=epochs) for config in chosen]


@dataclass(frozen=True)
class Data:
    """What the page shows.

    Args:
        runs: the stored ones, of fresh weights and of blocks.
        fresh: what is planned on masks, and the runs that made these, with errors.
        blocks: what is planned to have a budget, with scores and weights by block.
    """

    runs: DataFrame
    fresh: DataFrame
    blocks: DataFrame


def load(results: str = "survivors", sources: str = "navigation") -> Data:
    """Load the stored runs.

    Args:
        results: name of the runs.
        sources: name of the runs that made the masks.
    """
    runs, made = committed_runs(results), committed_runs(sources)
    plan = [(_fresh(arm, s, how).id, arm, s, how) for how, s, arm in TICKETS]
    own = [(navigation.run_of(a, s).id, a, s, OWN) for a in ARMS for s in SEEDS]
    tickets = DataFrame([*own, *plan], columns=["id", "arm", "seed", "weights"])
    measures = ("score", "cheap", *(f"test_{level}" for level in LEVELS))
    fresh = measured(tickets, concat([made, runs]), *measures)
    budget = arms.planned([*_blocks("rad"), *_blocks("hammer")])
    budget = budget[["id", "task", "design", "seed", "arm"]]
    columns = ("score", "error", "hidden_proportion", *COUNTS)
    budget = measured(budget, runs, *columns)
    budget = budget.rename(columns={"hidden_proportion": PROPORTION})
    lost = budget["error"].notna()  # as a guess
    score = 100 * budget["score"].astype(float)
    budget[SCORE] = score.mask(lost, budget["task"].map(chance))
    pruned = "pruned, " + budget["arm"]
    budget["network"] = budget["design"].map(DESIGN_LABELS).fillna(pruned)
    return Data(runs, fresh.rename(columns={"score": ERROR}), budget)


def survivors_fresh_table(data: Data) -> DataFrame:
    """Error of fresh weights on each mask, and of the run that made it, with means."""
    keys = ["arm", "weights"]
    table = data.fresh[[*keys, "seed", ERROR]].astype({ERROR: float})
    levels = data.fresh[[f"test_{level}" for level in LEVELS]].astype(float).mean()
    table = table.merge(arms.means(table, keys, ERROR), on=keys)
    return table.assign(**levels.rename(lambda name: name.removeprefix("test_")))


@figure(table=survivors_fresh_table)
def survivors_fresh(table: DataFrame, style: str = "web") -> Figure:
    """Error of fresh weights on each mask, by penalty, and of the run that made it."""
    with drawing(style, 0.7) as drawn:
        ax = drawn.subplots()
        means = table.drop_duplicates(["arm", "weights"])
        how: dict[str, Any] = {"hue": "weights", "looks": KINDS, "step": 0.18}
        dots(ax, means, "mean", "arm", "low", "high", missing=NOTHING, **how)
        for level in LEVELS:
            if table[level].notna().all():
                place, top = table[level].iloc[0], ax.get_xaxis_transform()
                chance_line(ax, place, along="y")
                ax.text(place, 1.02, level, transform=top, ha="center", color=GRAY)
        ax.set(xlabel=ERROR)
        words = {KIND_WORDS[kind]: {"ls": "", **look} for kind, look in KINDS.items()}
        legend(drawn, words, 2)
    return drawn


def survivors_cheap_table(data: Data) -> DataFrame:
    """Share of surviving hidden weights on cheap pairs, and of all pairs [%]."""
    runs = _on_cheap(data)
    names = {CHEAP: "weights that are left", "pairs": "pairs of units"}
    table = runs.melt(["arm", "seed"], list(names), "what", "share [%]")
    table = table.assign(what=table["what"].map(names))
    keys = ["arm", "what"]
    return table.merge(arms.means(table, keys, "share [%]"), on=keys)


def _on_cheap(data: Data) -> DataFrame:
    """Runs that made masks, with survivors on cheap pairs and cheap pairs [%]."""
    runs = data.fresh[(data.fresh["weights"] == OWN) & (data.fresh["arm"] != "none")]
    own = zip(runs["arm"], runs["seed"], strict=True)
    pairs = [arms.cheap_pairs(arm, 256, seed) for arm, seed in own]
    share = 100 * runs["cheap"].astype(float)
    return runs[["arm", "seed"]].assign(**{CHEAP: share, "pairs": pairs})


@figure(table=survivors_cheap_table)
def survivors_cheap(table: DataFrame, style: str = "web") -> Figure:
    """Share of the surviving hidden weights on cheap pairs beside that of all pairs."""
    looks = {"weights that are left": {"color": BLUE, "marker": "o"}}
    looks["pairs of units"] = {"color": GRAY, "marker": "D"}
    with drawing(style, 0.45) as drawn:
        ax = drawn.subplots()
        means = table.drop_duplicates(["arm", "what"])
        dots(ax, means, "mean", "arm", "low", "high", hue="what", looks=looks)
        ax.set(xlabel=CHEAP, xlim=(-3, 103))
        legend(drawn, {what: {"ls": "", **look} for what, look in looks.items()})
    return drawn


def survivors_blocks_table(data: Data) -> DataFrame:
    """Hidden proportion and score of networks pruned to a budget, and of designs."""
    keys = ["task", "network", "measure"]
    by = ["task", "network", "seed"]
    table = data.blocks.melt(by, [PROPORTION, SCORE], "measure", "value")
    table = table.astype({"value": float})
    return table.merge(arms.means(table, keys, "value"), on=keys)


@figure(table=survivors_blocks_table)
def survivors_blocks(table: DataFrame, style: str = "web") -> Figure:
    """Hidden proportion and score after pruning to a budget, and of chosen designs."""
    table = table.sort_values("task", ascending=False, kind="stable")
    table = table.assign(panel=table["task"] + table["measure"])
    with drawing(style, 0.8) as drawn:
        for ax, rows in each_panel(drawn, table, "panel", 2, sharey="row"):
            task, measure = rows[["task", "measure"]].iloc[0]
            looks = {name: _look(name) for name in rows["network"]}
            how: dict[str, Any] = {"points": "value", "how": ".1f", "most": 100}
            label = f"{score_label(task)} [%]"
            if measure == PROPORTION:
                label, how = measure, how | {"how": ".2f", "most": 1}
            ax.set(title=task_label(task), xlim=(0, how.pop("most")))
            how |= {"looks": looks, "missing": NOTHING}
            dots(ax, rows, "mean", "network", "low", "high", **how)
            ax.set(xlabel=label)
    return drawn


def _look(network: str) -> dict[str, Any]:
    if network.startswith("pruned, "):
        return ARM_LOOKS[network.removeprefix("pruned, ")]
    return look(next(name for name, word in DESIGN_LABELS.items() if word == network))


def survivors_layout_table(data: Data) -> DataFrame:
    """Place and density of each block before and after pruning, and of the designs."""
    parts = []
    for task, (parent, *_) in PARENTS.items():
        dense = parent.geometry(*sizes(task))
        found = {"before pruning": dense}
        own = data.blocks[data.blocks["task"] == task]
        for network, runs in own.groupby("network", sort=False):
            name, entries = runs["design"].iloc[0], list(dense.entries.values())
            shares = runs[COUNTS].astype(float).mean().to_numpy() / entries
            if name != parent.name:
                found[network] = get_design(task, name).geometry(*sizes(task))
            elif np.isfinite(shares).all():
                found[network] = replace(dense, density=tuple(shares))
        for network, geometry in found.items():
            first: dict[str, Any] = {"task": task, "network": network}
            first[PROPORTION] = geometry.hidden_proportion
            parts.append(block_places(geometry).assign(**first))
    return concat(parts, ignore_index=True)


@figure(table=survivors_layout_table)
def survivors_layout(table: DataFrame, style: str = "web") -> Figure:
    """Draw the blocks of pruned networks and of designs to scale, a panel a task."""
    with drawing(style, 0.95) as drawn:
        for ax, rows in each_panel(drawn, table, "task", 1, height_ratios=(3, 1)):
            _draw(ax, rows)
        block_legend(drawn, "; the paler, the sparser")
    return drawn


def _draw(ax: Axes, table: DataFrame) -> None:
    """Networks below each other if they are wide, else side by side, with names."""
    task, wide = table["task"].iloc[0], table["columns [units]"].max() > 1000
    gap, sign = (190.0, ": ") if wide else (50.0, "\n")
    left, top, right, bottom = 0.0, 0.0, 0.0, 0.0
    for network, own in table.groupby("network", sort=False):
        blocks(ax, own, left, top)
        name = network if wide else str(network).replace(", ", ",\n")
        words = f"{name}{sign}{own[PROPORTION].iloc[0]:.2f}"
        ax.text(left, top - 0.1 * gap, words, va="bottom", size="small")
        across, down = own["columns [units]"], own["rows [units]"]
        right = max(right, left + (own["first column [units]"] + across).max())
        bottom = max(bottom, top + (own["first row [units]"] + down).max())
        left, top = (left, bottom + gap) if wide else (right + gap, top)
    to_scale(ax, right, -1.0 * gap if wide else -2.2 * gap, bottom)
    ax.set_title(task_label(str(task)))


UNDER = {"same": "same penalty", "without": "no penalty", "new": "other points"}
SERVES = "{} makes a better mask for fresh weights than none ({})"
BEATS = "torus makes a better mask for fresh weights than {} ({})"
KEEPS = "a run ({}) ends with a smaller error than fresh weights on its mask"
REACHES = "the penalty ({}) reaches the mask"
FINDS = "{} ends with a larger hidden proportion than uniform, {}"
ABOVE = "{} scores above {}, {}"


def claims(page: Page) -> list[Claim]:
    """What masks, penalties and pruning bring, where there are runs."""
    return tried([*_serving(page.data), *_reaching(page.data), *_finding(page.data)])


def _serving(data: Data) -> Iterator[Claim]:
    """Differences of errors with paired seeds."""
    runs = data.fresh.set_index("seed").groupby(["arm", "weights"])[ERROR]
    errors: Any = {key: own.astype(float) for key, own in runs}
    bare = errors["none", "without"]
    for how, arm in product(PENALTY, ARMS[1:]):
        yield paired(SERVES.format(arm, UNDER[how]), errors[arm, how], bare, "cm")
    for how, arm in product(PENALTY, ("permuted", "circle", "sphere", "6-torus")):
        both = errors["torus", how], errors[arm, how]
        yield paired(BEATS.format(arm, UNDER[how]), *both, "cm")
    for arm in ARMS:
        fresh = errors[arm, "without" if arm == "none" else "same"]
        yield paired(KEEPS.format(arm), errors[arm, OWN], fresh, "cm")


def _reaching(data: Data) -> Iterator[Claim]:
    """Survivors on cheap pairs less cheap pairs."""
    for arm, own in _on_cheap(data).set_index("seed").groupby("arm", sort=False):
        yield paired(REACHES.format(arm), own["pairs"], own[CHEAP], "points")


def _finding(data: Data) -> Iterator[Claim]:
    """Hidden proportions with paired seeds, and differences of scores by Welch."""
    runs = data.blocks.set_index("seed").astype({PROPORTION: float})
    for task, rows in runs.groupby("task", sort=False):
        own: Any = dict(iter(rows.groupby("network", sort=False)))
        uniform = own[UNIFORM][PROPORTION]
        pruned = [name for name in own if name.startswith("pruned")]
        for name in pruned:
            words = FINDS.format(name, task_label(str(task)))
            yield paired(words, uniform, own[name][PROPORTION])
        chosen = [name for name in own if name not in pruned]
        for name, other in product(pruned, chosen):
            both = [own[each][SCORE].dropna() for each in (name, other)]
            if min(map(len, both)):
                words = ABOVE.format(name, other, task_label(str(task)))
                yield Claim(words, *welch(*both), "points")


BETTER = {
    "holds": "better than on that of a run without a penalty",
    "undecided": "about as well as on that of a run without a penalty",
    "reversed": "worse than on that of a run without a penalty",
}
LARGER = {"holds": "above", "undecided": "not measurably above", "reversed": "below"}


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name."""
    fresh = page.table("survivors_fresh").drop_duplicates(["arm", "weights"])
    errors = fresh.set_index(["arm", "weights"])["mean"]
    ends = page.table("survivors_blocks").query("measure == @PROPORTION")
    ends = ends.drop_duplicates(["task", "network"])
    shares = ends.set_index(["task", "network"])["mean"]
    ids = [*page.data.fresh.query("weights != @OWN")["id"], *page.data.blocks["id"]]
    finds = FINDS.format("pruned, none", task_label("rad"))
    serves, claimed = SERVES.format("torus", UNDER["without"]), claims(page)
    few = "as yet neither clearly better nor worse"
    found = {
        **{f"fresh_{arm}": told(errors[arm, "without"], ".0f", " cm") for arm in ARMS},
        "fresh_new": told(errors["torus", "new"], ".0f", " cm"),
        "own_torus": told(errors["torus", OWN], ".0f", " cm"),
        "better": BETTER.get(judged(claimed, serves), few),
        "larger": LARGER.get(judged(claimed, finds), "to be compared with"),
        "stored_runs": f"{page.data.runs['id'].isin(ids).sum()} of {len(ids)}",
    }
    networks = {"none": "pruned, none", "torus": "pruned, torus", "uniform": UNIFORM}
    for task, (word, name) in product(PARENTS, networks.items()):
        found[f"{task}_{word}"] = told(shares[task, name], ".2f")
    varied = get_design("rad", CHOSEN["rad"][-1]).geometry(*sizes("rad"))
    return found | {"rad_varied": f"{varied.hidden_proportion:.2f}"}
