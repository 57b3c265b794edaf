"""How much of a trained network can be pruned at once, and what comes back?"""

from __future__ import annotations

from itertools import product

from vsrnn.design.design import Design
from vsrnn.runs.config import Config

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


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    found: list[Config] = []
    for seeds in (SEEDS[:3], SEEDS[3:]):
        for seed, cell in product(seeds, CELLS):
            found += [dense(cell, seed), pruned(cell, seed)]
            found += [pruned(cell, seed, ALL, SAFE[cell])]
            found += [pruned(cell, seed, WITHIN, 100)]
    for seed, cell in product(SEEDS, CELLS):
        found += [pruned(cell, seed, *kind) for kind in NEAR]
        found.append(pruned(cell, seed, ALL, SAFE[cell], "matrix"))
    for seed, cell in product(SEEDS, CELLS):
        found += [pruned(cell, seed, *kind) for kind in product(MATRICES, LEVELS)]
    return list({config.id: config for config in found}.values())


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
