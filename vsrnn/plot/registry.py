"""The figures of the book by name: the table of each, and what draws it."""

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
    """A figure: how its table is made from the data of its study, and what draws it.

    `made_by` says from the same data what made the table, where that is not what made
    the data's runs.
    """

    name: str
    module: str
    table: Callable[[Any], DataFrame]
    draw: Draw
    made_by: Provenance | None

    @property
    def study(self) -> str:
        """Name of the study."""
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
    """

    def register(draw: Draw) -> Draw:
        spec = Spec(draw.__name__, draw.__module__, table, draw, made_by)
        known = FIGURES.setdefault(spec.name, spec)
        if known.module != spec.module:
            raise VsrnnError(f"two figures are called {spec.name}; rename one")
        FIGURES[spec.name] = spec
        return draw

    return register
