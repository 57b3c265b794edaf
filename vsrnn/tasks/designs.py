"""Designs for a task by name: its sizes decide what is drawn and computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vsrnn.design.design import Design
from vsrnn.design.random import draw
from vsrnn.design.table import tabulate
from vsrnn.tasks import sizes, task_class

if TYPE_CHECKING:
    import pandas as pd


def draw_designs(
    task: str,
    distribution: str,
    number: int,
    seed: int = 0,
    budget: float | None = None,
) -> list[Design]:
    """Draw designs; each depends on the seed and its own number, not on how many.

    Args:
        task: decides the input and output sizes, see `vsrnn.get_task`.
        distribution: one of `vsrnn.DISTRIBUTIONS`.
        number: how many designs; more of the same seed begin with the same ones.
        seed: of the draw, 0 or more.
        budget: weights without biases, for the distributions that solve the hidden
            size and for them only; 50,000 as published.

    Returns:
        Designs named distribution, budget, seed and number, such as
        ``normal_size_50k_0_0007``. One that fits no hidden size has 0 hidden units.

    Raises:
        VsrnnError: the task or distribution is unknown, the number or seed too low, or
            a budget is missing or of no use.

    >>> designs = draw_designs("rad", "normal_size", 2, seed=0, budget=50_000)
    >>> [design.name for design in designs]
    ['normal_size_50k_0_0000', 'normal_size_50k_0_0001']
    >>> round(designs[0].geometry(2500, 10).weights, -3)
    50000.0

    Source: random search of arXiv 2509.15057.
    """
    hidden = task_class(task).hidden_draw
    return draw(*sizes(task), distribution, number, seed, budget, hidden)


def design_table(task: str, designs: Sequence[Design]) -> pd.DataFrame:
    """Designs, named or random ones, as a table, one row each.

    Columns: name, model, hidden, ``density_``, ``init_mean_`` and ``init_std_`` of each
    matrix (NaN for baselines), learning_rate, options where a design has any; expected
    at the task's sizes: weights and hidden_proportion; and notes on what is out of the
    ordinary.

    Raises:
        VsrnnError: the task is unknown.

    >>> from vsrnn import draw_designs
    >>> table = design_table("rad", draw_designs("rad", "normal", 3, seed=1))
    >>> table[["name", "hidden"]]
                name  hidden
    0  normal_1_0000     569
    1  normal_1_0001     577
    2  normal_1_0002     275
    """
    return tabulate(designs, *sizes(task))
