"""Does a network that grows module by module learn sooner, and hold more?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame, concat

from vsrnn.design.design import Design
from vsrnn.plot.axes import each_panel, note
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.config import Config
from vsrnn.runs.tables import committed_runs
from vsrnn.stats import Claim, tried
from vsrnn.studies.arms import means, told
from vsrnn.studies.page import Page
from vsrnn.studies.planned import Data, Labeled, gap, loaded
from vsrnn.studies.scorecard import NOTHING, judged

# Fixed before any run:
#
# - Parity of the last 2 to 7 bits, a head for each number; a head opens when all open
#   ones pass 98 % on 100 validation streams, which are asked after every 8 steps of 32
#   fresh streams (scale "smoke"). The curriculum is bounded at 200 such epochs, 1,600
#   steps; the published one goes on to 50 heads and half a million steps.
# - Four arms at nearly equal numbers of weights: a chain of six modules of ten units;
#   the same with weights within modules as they were drawn; one network of 29 dense
#   units; one of 60 units with a random mask. Rate .2 for all, not tuned.
# - Sooner: epochs until all six heads pass on the validation streams, 200 if they never
#   do. Longer: mean accuracy, on streams of two to four times the length, of the heads
#   that pass the test. Robust: points of accuracy on validation streams that 20 % noise
#   on the weights costs, and that deleting 5 % of them costs.
# - Differences are paired by seed, with the 95 % interval of Student's t.
#
# Since then: learning curves hold the mean accuracy of all heads, not that of each, so
# all six pass where they are open and their mean does.

BITS, EPOCHS, RATE = 7, 200, 0.2
SEEDS = range(5)
ARMS: dict[str, tuple[int, int, tuple[float, ...], dict[str, Any]]] = {
    "chain": (10, BITS - 1, (1, 1, 1, 1), {}),
    "chain, frozen": (10, BITS - 1, (1, 1, 1, 1), {"frozen": True}),
    "dense": (29, 1, (1, 1, 1, 1), {}),
    "random mask": (60, 1, (1, 0.124, 1, 1), {}),
}
"""Units of a module, modules, densities, and options of the curriculum, by arm."""


def plan() -> Iterator[Labeled]:
    """What the page shows, the most wanted first, with labels."""
    for seed, arm in product(SEEDS, ARMS):
        yield {"arm": arm, "seed": seed}, run_of(arm, seed)


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    return [config for _, config in plan()]


def run_of(arm: str, seed: int) -> Config:
    """The run of an arm."""
    units, modules, density, how = ARMS[arm]
    options = {"modules": modules, "heads": BITS - 1}
    name = arm.replace(", ", "_").replace(" ", "_")
    design = Design(
        name, units, density, "modular", learning_rate=RATE, options=options
    )
    methods = [{"name": "grow_modules", **how}, {"name": "robustness"}]
    return Config(
        "parity-heads",
        design,
        "smoke",
        seed,
        "exact",
        epochs=EPOCHS,
        task_options={"bits": BITS},
        method=methods,
    )


PASS = 0.98
SOONER = "epochs until all lessons pass"
LONGER = "right on longer streams [%]"
NOISY, DELETED = "points lost to noise", "points lost to deletion"
MEASURES = (SOONER, LONGER, NOISY, DELETED)
LOOKS: dict[str, dict[str, Any]] = {
    "chain": {"color": BLUE, "marker": "o"},
    "chain, frozen": {"color": GREEN, "marker": "^"},
    "dense": {"color": GRAY, "marker": "v"},
    "random mask": {"color": ORANGE, "marker": "s"},
}


def load(results: str = "growing") -> Data:
    """Load the stored runs.

    Args:
        results: their name.
    """
    last = ("intact", "noisy", "deleted")
    data = loaded(plan(), results, ("test_longer",), last)
    table = data.plan.astype(dict.fromkeys((*last, "test_longer"), float))
    curves = committed_runs(f"{results}_curves").reindex(
        columns=["id", "epoch", "modules", "val_accuracy"]
    )
    there = (curves["modules"] == BITS - 1) & (curves["val_accuracy"] > PASS)
    soon = curves[there].groupby("id")["epoch"].min().astype(float)
    ended = table["intact"].notna()
    table[SOONER] = table["id"].map(soon).fillna(EPOCHS).where(ended)
    table[LONGER] = 100 * table["test_longer"]
    table[NOISY] = 100 * (table["intact"] - table["noisy"])
    table[DELETED] = 100 * (table["intact"] - table["deleted"])
    return Data(table, data.runs)


def growing_measures_table(data: Data) -> DataFrame:
    """Every measure of every run, with the mean of its arm over seeds."""
    parts = []
    for name in MEASURES:
        own = means(data.plan, ["arm"], name).assign(panel=name)
        runs = data.plan[["arm", "seed", name]].rename(columns={name: "run"})
        parts.append(own.merge(runs.dropna(), on="arm", how="left"))
    return concat(parts, ignore_index=True)


@figure(table=growing_measures_table)
def growing_measures(table: DataFrame, style: str = "web") -> Figure:
    """How soon, how general and how robust, by arm, a panel a measure."""
    with drawing(style, 0.6) as drawn:
        for ax, rows in each_panel(drawn, table, "panel", 2, sharey=True):
            known = rows.dropna(subset=["mean"])
            ends = known.assign(
                low=known["low"].fillna(known["mean"]),
                high=known["high"].fillna(known["mean"]),
            )
            how: Any = {"order": list(ARMS), "looks": LOOKS, "points": "run"}
            if len(ends):
                dots(ax, ends, "mean", "arm", "low", "high", **how)
            else:
                note(ax, NOTHING)
            measure = str(rows["panel"].iloc[0])
            least = min(0.0, *ends["low"]) if len(ends) else 0.0
            ax.set_xlim(*((50, 102) if measure == LONGER else (least, None)))
            ax.set(title=measure, xlabel="each run, and mean over seeds")
    return drawn


FASTER = "the chain passes all lessons sooner than {}"
FARTHER = "the chain answers longer streams better than {}"
HOLDS_NOISE = "the chain loses less to noise than {}"
HOLDS_LOSS = "the chain loses less to deletion than {}"
FROZEN = "a chain with frozen modules passes all lessons before the last epoch"
SINGLE = {"dense": "one dense network", "random mask": "a random mask"}


def claims(page: Page) -> list[Claim]:
    """The chain against the single networks, and the frozen chain."""
    runs = page.data.plan.set_index("seed")
    own = {arm: rows[list(MEASURES)] for arm, rows in runs.groupby("arm")}
    found, chain = [], own["chain"]
    for arm, words in SINGLE.items():
        other = own[arm]
        found += [
            gap(FASTER.format(words), other[SOONER], chain[SOONER], "epochs"),
            gap(FARTHER.format(words), chain[LONGER], other[LONGER], "points"),
            gap(HOLDS_NOISE.format(words), other[NOISY], chain[NOISY], "points"),
            gap(HOLDS_LOSS.format(words), other[DELETED], chain[DELETED], "points"),
        ]
    still = own["chain, frozen"][SOONER]
    found.append(gap(FROZEN, EPOCHS - 1 + 0 * still, still, "epochs"))
    return tried(found)


SOON = {
    "holds": "passes all lessons sooner than a dense network of as many weights",
    "undecided": "and a dense network of as many weights cannot be told apart in speed",
    "reversed": "passes all lessons later than a dense network of as many weights",
}
ROBUST = {
    "holds": "the chain loses less than the dense network",
    "undecided": "the two cannot be told apart",
    "reversed": "the chain loses more than the dense network",
}


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name."""
    table = page.table("growing_measures").drop_duplicates(["panel", "arm"])
    soon = table[table["panel"] == SOONER].set_index("arm")["mean"]
    found = claims(page)
    single = SINGLE["dense"]
    speed = judged(found, FASTER.format(single))
    noise, lost = (judged(found, w.format(single)) for w in (HOLDS_NOISE, HOLDS_LOSS))
    few = "the two have not been compared often enough"
    return {
        "sooner": SOON.get(speed, "has not been compared often enough"),
        "noise": ROBUST.get(noise, few),
        "deletion": ROBUST.get(lost, few),
        "epochs_chain": told(soon["chain"], ".0f"),
        "epochs_frozen": told(soon["chain, frozen"], ".0f"),
        "epochs_dense": told(soon["dense"], ".0f"),
        "epochs_mask": told(soon["random mask"], ".0f"),
        "stored_runs": page.data.stored,
    }
