"""Every figure of the book from the committed tables, by name, without training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pandas import DataFrame

from vsrnn import analysis
from vsrnn.errors import VsrnnError
from vsrnn.figures._publish import FIGURES, publish
from vsrnn.results import get_results

Made = tuple[DataFrame, dict[str, Any]]
"""The table of a figure, and what made it."""

ALL_DESIGNS = "rad_100k"
QUICK = "rad_quick"
HAMMER, HAMMER_FEW = ("hammer_named", "hammer_named_dapg"), ("hammer_few",)


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

    >>> list_figures()["transforms"]
    'Show one digit under each transform, a column each, a row a draw.'
    """
    return {
        name: (inspect.getdoc(FIGURES[name]) or "").splitlines()[0] for name in CATALOG
    }


def _counted(table: Callable[[], DataFrame]) -> Callable[[], Made]:
    """A figure that is arithmetic or a picture of the data: nothing was run for it."""
    return lambda: (table(), {})


def _kept(name: str) -> Callable[[], Made]:
    """A figure whose table is committed as it is."""
    return lambda: (get_results(name), {"results": name})


def _studied(name: str, tables: Sequence[str] = analysis.STUDY) -> Callable[[], Made]:
    """A figure of the runs of the study; its table needs nothing but them."""

    def made() -> Made:
        runs = analysis.study_runs(tables)
        return getattr(analysis, name)(runs), analysis.made_by(runs)

    return made


def _contrasted(name: str) -> Callable[[], Made]:
    """A figure of the runs of two tasks; its table needs nothing but them."""

    def made() -> Made:
        runs = analysis.contrast_runs()
        return getattr(analysis, name)(runs), analysis.made_by(runs)

    return made


def _measured(name: str) -> Callable[[], Made]:
    """A figure of the measurements of speed."""

    def made() -> Made:
        bench = analysis.measurements()
        return getattr(analysis, name)(bench), analysis.measured_on(bench)

    return made


def _learning_speed() -> Made:
    runs = analysis.study_runs(analysis.STUDY)
    speed = analysis.learning_speed(runs, analysis.study_curves(analysis.STUDY))
    return speed, analysis.made_by(runs)


def _rank_correlation() -> Made:
    speed, made_by = _learning_speed()
    return analysis.rank_correlation(
        analysis.study_runs(analysis.STUDY), speed
    ), made_by


def _forecast_transfer() -> Made:
    runs = analysis.study_runs(analysis.STUDY)
    named = runs["table"] == analysis.NAMED
    return analysis.forecast_transfer(runs[~named], runs[named]), analysis.made_by(runs)


def _five() -> DataFrame:
    """Runs of the designs with a name of their own, at the scales there are."""
    quick = get_results(QUICK)
    parts = [quick[quick["split"] == "pooled"], get_results(ALL_DESIGNS)]
    runs = pd.concat([part[part["design"].isin(analysis.FIVE)] for part in parts])
    return runs.assign(source=analysis.STORED)


def _final_accuracy() -> Made:
    runs = _five()
    return analysis.final_accuracy(runs), analysis.made_by(runs)


def _learning_curve() -> Made:
    runs = _five()
    names = (f"{QUICK}_curves", f"{ALL_DESIGNS}_curves")
    curves = pd.concat([get_results(name) for name in names])
    return analysis.learning_curve(runs, curves), analysis.made_by(runs)


def _ranking() -> Made:
    runs = get_results(ALL_DESIGNS)
    return analysis.design_ranking(runs), analysis.made_by(runs)


def _proportion_score() -> Made:
    table, made_by = _ranking()
    return analysis.proportion_score(table), made_by


def _shared_images() -> Made:
    runs = get_results(QUICK).assign(source=analysis.STORED)
    both = runs.groupby("design")["split"].transform("nunique") == 2
    return analysis.shared_images(runs[both]), analysis.made_by(runs[both])


def _hammered(name: str, names: Sequence[str] = HAMMER) -> Callable[[], Made]:
    """A figure of runs of the named designs on Adroit Hammer."""

    def made() -> Made:
        get_results(names[0])
        runs = analysis.hammer_runs(names)
        return getattr(analysis, name)(runs), analysis.made_by(runs)

    return made


def _hammer_curve() -> Made:
    get_results(HAMMER[0])
    runs = analysis.hammer_runs(HAMMER)
    table = analysis.hammer_curve(runs, analysis.hammer_curves(HAMMER))
    return table, analysis.made_by(runs)


def _agreement() -> DataFrame:
    return analysis.agreement(DataFrame())


def _sequences() -> DataFrame:
    from vsrnn.tasks import get_task

    # the first sequences are the same at every scale; here they are made the soonest
    return analysis.sequences(get_task("rad", "smoke"))


CATALOG: dict[str, Callable[[], Made]] = {
    "weight_share": _counted(analysis.weight_share),
    "dense_layout": _counted(analysis.dense_layout),
    "design_layout": _counted(analysis.design_layout),
    "proportion_surface": _counted(analysis.proportion_surface),
    "sequences": _counted(_sequences),
    "transforms": _counted(analysis.transforms),
    "transform_pairs": _kept("rad_transform_pairs"),
    "shared_images": _shared_images,
    "learning_curve": _learning_curve,
    "final_accuracy": _final_accuracy,
    "design_ranking": _ranking,
    "proportion_score": _proportion_score,
    "agreement": _counted(_agreement),
    "proportion_draws": _counted(analysis.proportion_draws),
    "proportion_study": _studied("proportion_study"),
    "proportion_optimum": _studied("proportion_optimum"),
    "learning_speed": _learning_speed,
    "rank_correlation": _rank_correlation,
    "variance_explained": _studied("variance_explained"),
    "forecast_scores": _studied("forecast_scores", analysis.RANDOM),
    "forecast_transfer": _forecast_transfer,
    "forecast_observed": _studied("forecast_observed", analysis.RANDOM),
    "forecast_importance": _studied("forecast_importance", analysis.RANDOM),
    "forecast_dependence": _studied("forecast_dependence", analysis.RANDOM),
    "forecast_runs": _studied("forecast_runs", analysis.RANDOM),
    "hammer_frames": _kept("hammer_frames"),
    "hammer_episode": _kept("hammer_episode"),
    "hammer_noise": _kept("hammer_noise"),
    "hammer_success": _hammered("hammer_success"),
    "hammer_curve": _hammer_curve,
    "hammer_ranking": _hammered("hammer_ranking"),
    "hammer_demonstrations": _hammered("hammer_demonstrations", HAMMER_FEW),
    "hammer_size": _hammered("hammer_size"),
    "contrast_ranks": _contrasted("contrast_ranks"),
    "contrast_layout": _contrasted("contrast_layout"),
    "contrast_proportion": _contrasted("contrast_proportion"),
    "contrast_growth": _contrasted("contrast_growth"),
    "contrast_correlation": _contrasted("contrast_correlation"),
    "contrast_forecast": _contrasted("contrast_forecast"),
    "speed": _measured("speed"),
    "speed_ratio": _measured("speed_ratio"),
    "speed_memory": _measured("speed_memory"),
    "speed_growth": _measured("speed_growth"),
}
"""For each name in `FIGURES`, the table it draws, from committed results alone."""
