"""The figures of the book by name: the table of each, and what draws it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.errors import VsrnnError

Draw = Callable[..., Figure]
Provenance = Callable[[Any], dict[str, Any]]


@dataclass(frozen=True)
class Spec:
    """A figure: how its table is made and how it is drawn.

    Args:
        name: of the drawing function, the files and the anchor on its page.
        module: where the drawing function is.
        table: makes the table from the data of its study.
        draw: draws the table in a style.
        made_by: says from the same data what made the table; without, it is what made
            the data's runs.
    """

    name: str
    module: str
    table: Callable[[Any], DataFrame]
    draw: Draw
    made_by: Provenance | None = None

    @property
    def study(self) -> str:
        """Name of the study, which is its module's last name."""
        return self.module.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """What the figure shows, in a line."""
        return (inspect.getdoc(self.draw) or "").partition("\n")[0]


FIGURES: dict[str, Spec] = {}
"""Every figure by its name; `vsrnn.studies` fills it.

:meta hide-value:
"""


def figure(
    table: Callable[[Any], DataFrame], made_by: Provenance | None = None
) -> Callable[[Draw], Draw]:
    """Register a function that draws a figure, under its own name, see `Spec`.

    Raises:
        VsrnnError: another study has a figure of that name.

    Example::

        @figure(table=final_accuracy_table)
        def final_accuracy(table: DataFrame, style: str = "web") -> Figure: ...
    """

    def register(draw: Draw) -> Draw:
        spec = Spec(draw.__name__, draw.__module__, table, draw, made_by)
        known = FIGURES.setdefault(spec.name, spec)
        if known.module != spec.module:
            raise VsrnnError(
                f"two figures are called {spec.name}, in {known.module} and "
                f"{spec.module}; rename one"
            )
        FIGURES[spec.name] = spec
        return draw

    return register
