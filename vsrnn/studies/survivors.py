"""Which weights survive, does their mask serve fresh ones, and in which blocks?"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from vsrnn.design.design import Design
from vsrnn.runs.config import Config, configs_for
from vsrnn.studies import arms, navigation

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

FRESH = 100
"""Added to the seed of a run, for the seed of the fresh weights on its mask."""

BLOCK_ARMS = ("none", "torus", "permuted")
PARENTS = {
    "rad": (Design("dense_208", 208, 1.0), 592_136, 100_000, 8),
    "hammer": (Design("dense_128", 128, 1.0, learning_rate=1e-3), 30_796, 10_000, 20),
}
"""By task the dense network that is pruned, its weights, those left, and epochs."""

CHOSEN = {
    "rad": ("111111_", "000000_", "balanced_0"),
    "hammer": ("10AH12", "10AH00", "10AH01"),
}
"""Designs of as many weights, chosen beforehand: dense, uniform, varied."""


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    fresh = [
        _fresh(arm, seed, penalty)
        for penalty, seed, arm in product(PENALTY, SEEDS, ARMS)
        if arm != "none" or penalty == "without"
    ]
    return [*_blocks("rad"), *fresh, *_blocks("hammer")]


def _fresh(arm: str, seed: int, penalty: str) -> Config:
    """Fresh weights on the mask of an arm's run, which `navigation` keeps."""
    source = navigation.run_of(arm, seed)
    how: list[dict[str, Any]] = [
        {"name": "lottery", "run": source.id, "masks": "results/navigation/masks"}
    ]
    if penalty != "without":
        points = {"seed": seed} if penalty == "same" else {}
        how.insert(0, {"name": "geometric", **arms.PENALTIES[arm], **points})
    return replace(source, seed=FRESH + seed, method=how)  # type: ignore[arg-type]


def _blocks(task: str) -> list[Config]:
    """Dense networks pruned to a budget, and designs chosen to have it."""
    parent, entries, budget, epochs = PARENTS[task]
    prune = {"name": "magnitude", "density": round(budget / entries, 5)}
    prune["end"] = epochs - 2
    found = []
    for seed, arm in product(SEEDS, BLOCK_ARMS):
        penalty = {"name": "geometric", **arms.PENALTIES[arm]}
        how = [prune] if arm == "none" else [penalty, prune]
        found.append(Config(task, parent, "quick", seed, epochs=epochs, method=how))
    chosen = configs_for(CHOSEN[task], SEEDS, "quick", task, parent.learning_rate)
    return found + [replace(config, epochs=epochs) for config in chosen]
