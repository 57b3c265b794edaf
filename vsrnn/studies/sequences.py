"""What does the penalty do where the task is addition, or the next word?"""

from __future__ import annotations

from itertools import product
from typing import Any

from vsrnn.runs.config import Config
from vsrnn.studies.arms import PENALTIES, REST, methods

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
    penalty = {"name": "geometric", **PENALTIES[arm]}
    how = [penalty, *how] if arm != "none" else how
    options = {"vocabulary": VOCABULARY}
    return _config("text", design, seed, TEXT_EPOCHS, how, task_options=options)


def _config(
    task: str, design: str, seed: int, epochs: int, how: list[Any], **more: Any
) -> Config:
    return Config(task, design, "quick", seed, epochs=epochs, method=how, **more)
