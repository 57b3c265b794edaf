"""Draw a figure by name, save it with its data, and show it in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.errors import VsrnnError
from vsrnn.figures import _geometry, _scores, _task
from vsrnn.figures._save import save

_DRAWN_BY = (
    *(_geometry.weight_share, _geometry.dense_layout, _geometry.design_layout),
    *(_geometry.proportion_surface, _task.sequences, _task.transforms),
    *(_task.transform_pairs, _scores.shared_images, _scores.learning_curve),
    *(_scores.final_accuracy, _scores.design_ranking, _scores.proportion_score),
)
FIGURES: dict[str, Callable[..., Figure]] = {draw.__name__: draw for draw in _DRAWN_BY}
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


def publish(
    stem: str,
    table: DataFrame,
    folder: str | Path = "figures",
    provenance: Mapping[str, object] | None = None,
    style: str = "web",
) -> Published:
    """Draw a figure by its name from its table and write all its files.

    Args:
        stem: name of the figure, a key of `FIGURES`.
        table: what it plots.
        folder: where the files go.
        provenance: what made the table, see `vsrnn.analysis.made_by`.
        style: "web" or "manuscript".

    Raises:
        VsrnnError: the figure or style is unknown, or the folder cannot be written.
    """
    if stem not in FIGURES:
        raise VsrnnError(f"unknown figure {stem!r}; choose one of {sorted(FIGURES)}")
    figure = FIGURES[stem](table, style=style)
    return Published(figure, save(figure, stem, table, folder, provenance))
