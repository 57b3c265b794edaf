"""The table of every figure of the book, from committed results, without training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
from pandas import DataFrame

from vsrnn import analysis
from vsrnn.runs.results import get_results

Made = tuple[DataFrame, dict[str, Any]]
"""The table of a figure, and what made it."""

ALL_DESIGNS, MILLION = "rad_100k", "rad_1m"
QUICK = "rad_quick"


def _counted(table: Callable[[], DataFrame]) -> Callable[[], Made]:
    """A figure that is arithmetic or a picture of the data: nothing was run for it."""
    return lambda: (table(), {})


def _of(
    load: Callable[[], DataFrame],
    name: str,
    made_by: Callable[[DataFrame], dict[str, Any]] = analysis.made_by,
) -> Callable[[], Made]:
    """A figure whose table, of its name, needs nothing but what is loaded."""

    def made() -> Made:
        loaded = load()
        return getattr(analysis, name)(loaded), made_by(loaded)

    return made


_studied = partial(_of, partial(analysis.study_runs, analysis.STUDY))


def _learning_speed() -> Made:
    runs = analysis.study_runs(analysis.STUDY)
    speed = analysis.learning_speed(runs, analysis.study_curves(analysis.STUDY))
    return speed, analysis.made_by(runs)


def _rank_correlation() -> Made:
    speed, made_by = _learning_speed()
    return analysis.rank_correlation(
        analysis.study_runs(analysis.STUDY), speed
    ), made_by


def _five() -> DataFrame:
    """Runs of the designs with a name of their own, at the scales there are."""
    quick = get_results(QUICK)
    parts = [quick[quick["split"] == "pooled"], get_results(ALL_DESIGNS)]
    runs = pd.concat([part[part["design"].isin(analysis.FIVE)] for part in parts])
    return runs.assign(source=analysis.STORED)


def _learning_curve() -> Made:
    runs = _five()
    names = (f"{QUICK}_curves", f"{ALL_DESIGNS}_curves")
    curves = pd.concat([get_results(name) for name in names])
    return analysis.learning_curve(runs, curves), analysis.made_by(runs)


_ranking = _of(partial(get_results, ALL_DESIGNS), "design_ranking")


def _proportion_score() -> Made:
    table, made_by = _ranking()
    return analysis.proportion_score(table), made_by


def _budget_scores() -> Made:
    names = (ALL_DESIGNS, MILLION)
    runs = pd.concat([get_results(name) for name in names])
    curves = pd.concat([get_results(f"{name}_curves") for name in names])
    return analysis.budget_scores(runs, curves), analysis.made_by(runs)


CATALOG: dict[str, Callable[[], Made]] = {
    "learning_curve": _learning_curve,
    "final_accuracy": _of(_five, "final_accuracy"),
    "design_ranking": _ranking,
    "proportion_score": _proportion_score,
    "budget_scores": _budget_scores,
    "proportion_draws": _counted(analysis.proportion_draws),
    "proportion_study": _studied("proportion_study"),
    "proportion_optimum": _studied("proportion_optimum"),
    "learning_speed": _learning_speed,
    "rank_correlation": _rank_correlation,
    "variance_explained": _studied("variance_explained"),
}
"""For each figure, by name, its table from committed results alone, in book order."""
