"""Draw a figure by name, save it with its data, and show it in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.errors import VsrnnError
from vsrnn.figures import (
    _agreement,
    _bench,
    _contrast,
    _forecast,
    _geometry,
    _hammer_results,
    _hammer_task,
    _scores,
    _study,
    _task,
)
from vsrnn.figures._save import save

_DRAWN_BY = (
    *(_geometry.weight_share, _geometry.dense_layout, _geometry.design_layout),
    *(_geometry.proportion_surface, _task.sequences, _task.transforms),
    *(_task.transform_pairs, _scores.shared_images, _scores.learning_curve),
    *(_scores.final_accuracy, _scores.design_ranking, _scores.proportion_score),
    _agreement.agreement,
    *(_study.proportion_draws, _study.proportion_study, _study.proportion_optimum),
    *(_study.learning_speed, _study.rank_correlation, _study.variance_explained),
    *(_forecast.forecast_scores, _forecast.forecast_transfer),
    *(_forecast.forecast_observed, _forecast.forecast_importance),
    *(_forecast.forecast_dependence, _forecast.forecast_runs),
    *(_hammer_task.hammer_frames, _hammer_task.hammer_episode),
    _hammer_task.hammer_noise,
    *(_hammer_results.hammer_success, _hammer_results.hammer_curve),
    *(_hammer_results.hammer_ranking, _hammer_results.hammer_demonstrations),
    _hammer_results.hammer_size,
    *(_contrast.contrast_ranks, _contrast.contrast_layout),
    *(_contrast.contrast_proportion, _contrast.contrast_growth),
    *(_contrast.contrast_correlation, _contrast.contrast_forecast),
    *(_bench.speed, _bench.speed_ratio, _bench.speed_memory, _bench.speed_growth),
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
