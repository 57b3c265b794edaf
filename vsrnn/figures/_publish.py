"""Draw a figure by name, save it with its data, and show it in a notebook."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.errors import VsrnnError
from vsrnn.figures import _scores, _study
from vsrnn.figures._catalog import CATALOG
from vsrnn.plot.film import Film
from vsrnn.plot.film import film as make_film
from vsrnn.plot.save import save
from vsrnn.runs.results import FOLDERS

FIGURES: dict[str, Callable[..., Figure]] = {
    name: draw
    for module in (_scores, _study)
    for name, draw in vars(module).items()
    if name in CATALOG
}
"""The functions that draw, by name; files and page anchors bear the same name."""


@dataclass(frozen=True)
class Published:
    """A figure and its files; a notebook shows the SVG file.

    Args:
        figure: the figure.
        paths: its files by ending: svg, pdf, png, csv, json.
    """

    figure: Figure
    paths: dict[str, Path]

    def _repr_svg_(self) -> str:
        return self.paths["svg"].read_text(encoding="utf-8")


def film(
    stem: str,
    shoot: Callable[[], Any],
    folder: str | Path = "figures",
    alt: str = "",
    provenance: Mapping[str, object] | None = None,
) -> Film:
    """Make a film or take the stored one, see `vsrnn.plot.film.film`."""
    return make_film(stem, shoot, folder, alt, provenance, FOLDERS)


def publish(
    stem: str,
    table: DataFrame,
    folder: str | Path = "figures",
    provenance: Mapping[str, object] | None = None,
    style: str = "web",
    kinds: Sequence[str] | None = None,
) -> Published:
    """Draw a figure by its name from its table and write its files.

    Args:
        stem: name of the figure, a key of `FIGURES`.
        table: what it plots.
        folder: where the files go.
        provenance: what made the table, see `vsrnn.analysis.made_by`.
        style: "web" or "manuscript".
        kinds: which of svg, pdf, png, csv and json to write; all if absent.

    Raises:
        VsrnnError: the figure, style or an ending is unknown, or the folder cannot be
            written.
    """
    if stem not in FIGURES:
        raise VsrnnError(f"unknown figure {stem!r}; choose one of {sorted(FIGURES)}")
    figure = FIGURES[stem](table, style=style)
    return Published(figure, save(figure, stem, table, folder, provenance, kinds))


def redraw(
    name: str,
    folder: str | Path = "figures",
    style: str = "web",
    kinds: Sequence[str] | None = None,
) -> dict[str, Path]:
    """Draw a figure of the book from the committed tables and write its files.

    Args:
        name: a key of `CATALOG`.
        folder: where the files go.
        style: "web" or "manuscript".
        kinds: which of svg, pdf, png, csv and json to write; all if absent.

    Returns:
        The paths by ending.

    Raises:
        VsrnnError: the figure, style or an ending is unknown, its table is not there,
            or the folder cannot be written.

    >>> redraw("nothing")
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: unknown figure 'nothing'; `vsrnn figure` lists them all
    """
    if name not in CATALOG:
        raise VsrnnError(f"unknown figure {name!r}; `vsrnn figure` lists them all")
    table, made_by = CATALOG[name]()
    return publish(name, table, folder, made_by, style, kinds).paths


def list_figures() -> dict[str, str]:
    """Name of every figure of the book, with what it shows in a line.

    >>> list_figures().keys() == CATALOG.keys()
    True
    """
    return {
        name: (inspect.getdoc(FIGURES[name]) or "").splitlines()[0] for name in CATALOG
    }
