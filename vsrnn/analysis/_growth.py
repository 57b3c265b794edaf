"""How random designs carry a state before they are trained."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from pandas import DataFrame

from vsrnn.analysis._found import _nested
from vsrnn.analysis._labels import TASK_LABELS
from vsrnn.forecast import scored
from vsrnn.runs.config import Config
from vsrnn.runs.run import build_model
from vsrnn.tasks import task_class
from vsrnn.tasks.designs import draw_designs

STATE, GROWN = "hidden state [root mean square]", 1000.0
"""The column of sizes, and how many times the first state counts as grown."""

DISTRIBUTION, TASKS = "normal", ("rad", "hammer")
_SEQUENCES = 4
_POINTS = 14  # steps looked at, evenly spread on a logarithmic scale


def contrast_growth(runs: DataFrame, number: int = 100, seed: int = 0) -> DataFrame:
    """Size of the hidden state of untrained random designs, step by step.

    The designs are the first of the published distribution of any size, with their
    initial weights. Inputs are independent normal numbers, with mean 0 and deviation 1.

    Args:
        runs: as `contrast_runs` gives them; tells which designs diverged in training.
        number: of designs for each task.
        seed: of the draw, the initial weights and the inputs.

    Returns:
        One row a design and step: task, design, hidden [units], step, hidden state
        [root mean square] over units and sequences (infinite once it is no number),
        grown (whether the last state is 1,000 times the first or more) and outcome
        ("diverged", "trained" or "not trained").
    """
    lost = scored(runs).groupby(["task", "design"])["diverged"].any().to_dict()
    words = {True: "diverged", False: "trained", None: "not trained"}
    rows = []
    for task in TASKS:
        last = task_class(task).steps
        steps = np.unique(np.geomspace(1, last, _POINTS).round().astype(int)).tolist()
        inputs = task_class(task).inputs
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(_SEQUENCES, last, inputs, generator=generator)
        for design in draw_designs(task, DISTRIBUTION, number, seed):
            model = build_model(
                Config(task, design, seed=seed), inputs, task_class(task).outputs
            )
            sizes = list(_sizes(model, x, steps))
            known = (task, design.name, design.hidden)
            grown = sizes[-1] > 0 and sizes[-1] >= GROWN * sizes[0]
            outcome = words[lost.get((task, design.name))]
            rows += [
                (*known, step, size, grown, outcome)
                for step, size in zip(steps, sizes, strict=True)
            ]
    names = ("task", "design", "hidden [units]", "step", STATE, "grown", "outcome")
    return DataFrame(rows, columns=names)


def growing(growth: DataFrame) -> str:
    """A sentence on which untrained designs grow, and what became of those trained."""
    parts = []
    for task, rows in growth.groupby("task", sort=False):
        each = rows.drop_duplicates("design")
        text = (
            f"{TASK_LABELS[str(task)]}, {rows['step'].max()} steps: "
            f"{each['grown'].sum()} of {len(each)} designs"
        )
        for grown, word in ((True, "those"), (False, "the others")):
            trained = each[
                (each["grown"] == grown) & (each["outcome"] != "not trained")
            ]
            lost = (trained["outcome"] == "diverged").sum()
            if len(trained):
                text += f"; trained of {word}: {len(trained)}, diverged: {lost}"
        parts.append(text)
    head = (
        f"Designs drawn as published ({DISTRIBUTION}) whose hidden state grows "
        f"{GROWN:,.0f} times or more before any training, with random inputs"
    )
    return _nested(head, parts)


@torch.no_grad()
def _sizes(
    model: torch.nn.Module, x: torch.Tensor, steps: list[int]
) -> Iterator[float]:
    """Root mean square of the hidden state after each of the steps."""
    state, before = None, 0
    for step in steps:
        _, state = model(x[:, before:step], state)
        size = float(state[0].double().square().mean().sqrt())
        yield size if np.isfinite(size) else np.inf
        before = step
