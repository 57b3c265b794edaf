"""How much of a trained network can be pruned at once, and what comes back?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame, concat

from vsrnn.design.design import Design
from vsrnn.plot.labels import BLUE, ORANGE
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.config import Config
from vsrnn.runs.tables import committed_runs
from vsrnn.stats import Claim, tried
from vsrnn.studies.arms import means, measured, told
from vsrnn.studies.page import Page
from vsrnn.studies.planned import Data, Labeled, gap, loaded, rows_of_means
from vsrnn.studies.scorecard import judged

# Fixed before any run:
#
# - Three layers of 50 tanh, ReLU, LSTM or GRU units behind an embedding of 50 classify
#   strings of the task as published, at scale "quick", for six epochs. From the weights
#   of that run each other one trains an epoch more, is pruned at once at its end, and
#   trains two epochs at that mask. What trains on is the same network at every level.
# - Right after pruning: accuracy on the 500 validation strings of that first epoch. At
#   the end: accuracy on the 1,000 test strings.
# - A level is safe if the accuracy right after pruning is less than 5 points below that
#   of the network trained on without pruning, of the same seed: a mean over seeds with
#   the 95 % interval of Student's t.
# - A network recovers if at the end it is less than 5 points below that one, likewise.
# - The thesis retrains for ten epochs of 586 batches each; two epochs here are 250.
# - The most wanted runs come first: of three seeds the level that the thesis calls safe
#   and all hidden-to-hidden weights, then levels near by, then the other ones.

CELLS = {"tanh": 1e-3, "relu": 1e-3, "lstm": 3e-3, "gru": 3e-3}
"""The cells and their learning rates; 1e-3 in the thesis."""
SEEDS = range(5)
EPOCHS, REST = 6, 2
LAYERS, UNITS = 3, 50
MATRICES = {
    "all": ("embedding", "head"),
    "input-to-hidden": ("embedding", "head", *(f"hh_{k}" for k in range(LAYERS))),
    "hidden-to-hidden": ("embedding", "head", *(f"ih_{k}" for k in range(LAYERS))),
}
"""What is pruned, and the matrices that are then left alone."""
SAFE = {"tanh": 80, "relu": 70, "lstm": 60, "gru": 80}
"""Percent of all weights that the thesis calls safe to prune."""
ALL, READS, WITHIN = MATRICES
NEAR = [
    *((ALL, level) for level in (60, 70, 80, 90)),
    *((READS, level) for level in (70, 80)),
    *((WITHIN, level) for level in (80, 90)),
]
LEVELS = range(10, 101, 10)
MASKS = "results/pruning/masks"


def plan() -> Iterator[Labeled]:
    """What the page shows, the most wanted first, with labels."""
    for seeds in (SEEDS[:3], SEEDS[3:]):
        for seed, cell in product(seeds, CELLS):
            yield {"cell": cell, "seed": seed, "what": "first"}, dense(cell, seed)
            yield _labeled(cell, seed)
            yield _labeled(cell, seed, ALL, SAFE[cell])
            yield _labeled(cell, seed, WITHIN, 100)
    for seed, cell in product(SEEDS, CELLS):
        for kind in NEAR:
            yield _labeled(cell, seed, *kind)
        yield _labeled(cell, seed, ALL, SAFE[cell], "matrix")
    for seed, cell in product(SEEDS, CELLS):
        for kind in product(MATRICES, LEVELS):
            yield _labeled(cell, seed, *kind)


def protocol() -> list[Config]:
    """What the page shows, the most wanted first, each run once."""
    return list({config.id: config for _, config in plan()}.values())


def _labeled(
    cell: str, seed: int, what: str = ALL, level: int = 0, scope: str = "global"
) -> Labeled:
    labels = {"cell": cell, "seed": seed, "what": what, "level": level, "scope": scope}
    return labels, pruned(cell, seed, what, level, scope)


def dense(cell: str, seed: int) -> Config:
    """The run that all others of a cell and seed go on from."""
    options = {"cell": cell, "layers": LAYERS, "embedding": UNITS}
    name, rate = f"{cell}_3x50", CELLS[cell]
    design = Design(name, UNITS, 1, "cell", learning_rate=rate, options=options)
    return Config("reber-published", design, "quick", seed, epochs=EPOCHS)


def pruned(
    cell: str, seed: int, what: str = "all", level: int = 0, scope: str = "global"
) -> Config:
    """A run that goes on, pruned by a level [%] after an epoch, or not at all."""
    source = dense(cell, seed)
    methods = [{"name": "lottery", "run": source.id, "masks": MASKS, "trained": True}]
    if level:
        own = {"density": round(1 - level / 100, 2), "scope": scope}
        own |= {"start": 1, "end": 1, "protect": MATRICES[what]}
        methods.append({"name": "magnitude", **own})
    return Config(
        "reber-published",
        source.design,
        "quick",
        seed,
        epochs=1 + REST,
        method=methods,
    )


AFTER, END = "right after pruning", "two epochs later"
ACCURACY = "accuracy [fraction]"
LOOKS: dict[str, dict[str, Any]] = {
    AFTER: {"color": ORANGE, "marker": "^"},
    END: {"color": BLUE, "marker": "o"},
}
NAMES = {"tanh": "tanh", "relu": "ReLU", "lstm": "LSTM", "gru": "GRU"}
KEYS = ["cell", "what", "level", "scope"]


def load(results: str = "pruning") -> Data:
    """Load the stored runs.

    Args:
        results: their name.
    """
    data = loaded(plan(), results, ("score",))
    table = data.plan.drop_duplicates("id").rename(columns={"score": END})
    first = committed_runs(f"{results}_curves")
    first = first[first["epoch"] == 1].rename(columns={"val_accuracy": AFTER})
    return Data(measured(table, first, AFTER), data.runs)


def pruning_levels_table(data: Data) -> DataFrame:
    """Accuracy right after pruning and at the end, by cell and what is pruned.

    Levels of which no run is stored are left out, but for those that a claim is about.
    """
    runs = data.plan[data.plan["what"] != "first"]
    parts = []
    for measure in (AFTER, END):
        own = means(runs, KEYS, measure)
        parts.append(own.assign(measured=measure))
    table = concat(parts, ignore_index=True)
    wanted = (table["level"] == table["cell"].map(SAFE)) & (table["what"] == ALL)
    wanted |= (table["level"] == 100) & (table["what"] == WITHIN) | (
        table["level"] == 0
    )
    table = table[(table["seeds"] > 0) | wanted & (table["scope"] == "global")]
    table = table.sort_values(["what", "scope", "level"], kind="stable")
    pruned = table["what"] + ", " + table["level"].astype(int).astype(str) + " %"
    pruned = pruned.mask(table["level"] == 0, "nothing")
    pruned += table["scope"].map({"global": "", "matrix": ", each matrix"})
    table = table.assign(pruned=pruned, panel=table["cell"].map(NAMES))
    order = {name: n for n, name in enumerate(CELLS)}
    table = table.sort_values(
        ["cell", "level"], key=lambda own: own.map(order).fillna(own), kind="stable"
    )
    return table.reset_index(drop=True)


@figure(table=pruning_levels_table)
def pruning_levels(table: DataFrame, style: str = "web") -> Figure:
    """Accuracy right after pruning and later, by what is pruned, a panel a cell."""
    with drawing(style, 0.95) as drawn:
        how = "pruned", "measured", LOOKS, ACCURACY
        for ax in rows_of_means(drawn, table, *how):
            ax.set_xlim(0.4, 1.03)  # a guess is .5
    return drawn


IS_SAFE = "{} can lose {} % of its weights at once"
RECOVERS = "{} recovers from losing all hidden-to-hidden weights"
BETTER = "{} pruned and trained on beats its dense self"


def claims(page: Page) -> list[Claim]:
    """What is safe, what comes back and what gets better, where there are runs."""
    runs = page.data.plan.dropna(subset=["level"]).set_index("seed")
    groups = runs.groupby(KEYS)[[AFTER, END]]
    values: dict[Any, DataFrame] = dict(iter(groups))
    found = []
    for cell, safe in SAFE.items():
        plain, cut, gone = (
            100 * values[cell, *kind, "global"].astype(float)
            for kind in ((ALL, 0), (ALL, safe), (WITHIN, 100))
        )
        name = NAMES[cell]
        words = IS_SAFE.format(name, safe)
        found.append(gap(words, cut[AFTER] + 5, plain[AFTER], "points"))
        found.append(gap(RECOVERS.format(name), gone[END] + 5, plain[END], "points"))
        found.append(gap(BETTER.format(name), cut[END], plain[END], "points"))
    return tried(found)


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name."""
    table = page.table("pruning_levels").set_index(["cell", "measured"])
    gone = table[(table["what"] == WITHIN) & (table["level"] == 100)]["mean"]
    found = claims(page)
    safe = [
        NAMES[cell]
        for cell, level in SAFE.items()
        if judged(found, IS_SAFE.format(NAMES[cell], level)) == "holds"
    ]
    back = [n for n in NAMES.values() if judged(found, RECOVERS.format(n)) == "holds"]
    return {
        "safe": ", ".join(safe) or "none of the four",
        "recover": ", ".join(back) or "none of the four",
        **{f"gone_{c}": told(float(gone[c, END]), ".2f") for c in CELLS},
        "stored_runs": page.data.stored,
    }
