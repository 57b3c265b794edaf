"""Whether a design holds a state before it is trained, or lets it grow."""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from pandas import DataFrame

from vsrnn.design.design import Design
from vsrnn.runs.config import Config
from vsrnn.runs.run import build_model
from vsrnn.tasks import task_class

STATE = "hidden state [root mean square]"
GROWN = 1000.0
"""How many times the first state counts as grown."""

_SEQUENCES = 4
_POINTS = 14  # steps looked at, evenly spread on a logarithmic scale


@torch.no_grad()
def state_growth(task: str, designs: Iterable[Design], seed: int = 0) -> DataFrame:
    """Size of the hidden state of untrained designs of a task, step by step.

    Inputs are independent normal numbers, with mean 0 and deviation 1.

    Returns:
        One row a design and step: task, design, hidden [units], step, hidden state
        [root mean square] over units and sequences (infinite once it is no number)
        and grown (whether the last state is 1,000 times the first or more).
    """
    kind = task_class(task)
    points = np.geomspace(1, kind.steps, _POINTS).round().astype(int)
    steps = np.unique(points).tolist()
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(_SEQUENCES, kind.steps, kind.inputs, generator=generator)
    rows: list[tuple] = []
    for design in designs:
        model = build_model(Config(task, design, seed=seed), kind)
        state, states = None, []
        for before, step in pairwise([0, *steps]):
            _, state = model(x[:, before:step], state)  # state[0]: (sequences, hidden)
            size = float(state[0].double().square().mean().sqrt())
            states.append(size if np.isfinite(size) else np.inf)
        grown = states[-1] > 0 and states[-1] >= GROWN * states[0]
        first = (task, design.name, design.hidden)
        rows += [(*first, *pair, grown) for pair in zip(steps, states, strict=True)]
    names = ("task", "design", "hidden [units]", "step", STATE, "grown")
    return DataFrame(rows, columns=names)
