"""What the study of the hidden proportion found, as sentences made from its tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pandas import DataFrame

from vsrnn.analysis._explained import ALL, LEARNING, NOTHING, TRIMMED
from vsrnn.analysis._found import _bullets, _nested, _rank_correlation
from vsrnn.analysis._study import AREA, EPOCHS, HIDDEN, PROPORTION
from vsrnn.design.geometry import BLOCKS
from vsrnn.design.published import get_design
from vsrnn.forecast import SCORE
from vsrnn.tasks import SIZES


def found_hidden_proportion(
    study: DataFrame,
    correlation: DataFrame,
    explained: DataFrame,
    optimum: DataFrame,
    draws: DataFrame,
) -> str:
    """Sentences on the hidden proportion: which of the paper's claims hold.

    A claim holds when its 95 % interval lies on the side claimed.

    Args:
        study: as `proportion_study` gives it.
        correlation: as `rank_correlation` gives it.
        explained: as `variance_explained` gives it.
        optimum: as `proportion_optimum` gives it.
        draws: as `proportion_draws` gives it.
    """
    return _bullets(
        *_designs(study),
        _piled(draws),
        *_alone(explained),
        *_beyond(explained),
        *_ordered(study, correlation),
        *_faster(correlation),
        *_best(optimum),
        "That hyperparameters can be chosen from input and output sizes alone is not "
        "decided here: one task has one pair of sizes.",
    )


def _designs(study: DataFrame) -> Iterator[str]:
    for name, rows in study.groupby("table", sort=False):
        lost = int(rows["diverged"].sum())
        counted = ", which count as guesses" if lost else ""
        yield (
            f"{name} holds {rows['runs'].sum()} runs of {len(rows)} designs at "
            f"{rows['scale'].iloc[0]} scale, with scores of {rows[SCORE].min():.1f} to "
            f"{rows[SCORE].max():.1f} %, hidden proportions of "
            f"{rows[PROPORTION].min():.3f} to {rows[PROPORTION].max():.3f} and "
            f"{rows[HIDDEN].min():.0f} to {rows[HIDDEN].max():.0f} hidden units; "
            f"{lost} runs diverged{counted}."
        )


def _piled(draws: DataFrame) -> str:
    parts = []
    for name, rows in draws.groupby("distribution", sort=False):
        spent = rows["budget [weights]"].iloc[0]
        at = f" at {spent:,} weights" if spent else ""
        parts.append(f"{name}{at} {rows['below .3 [%]'].iloc[0]:.0f} %")
    return _nested("Share of random designs with a hidden proportion below .3", parts)


def _alone(explained: DataFrame) -> Iterator[str]:
    for name, rows in explained.groupby("table", sort=False):
        each = rows.set_index("base")
        row = each.loc[NOTHING]
        part = f"{100 * row['with [R2]']:.0f} %" if row["with [R2]"] > 0 else "nothing"
        yield (
            f"{name}: hidden proportion alone explains {part} of the variance of "
            f"scores out of fold, an R² {_gain(row)} above that of their mean: that it "
            f"explains a significant part of performance {_shown(row)}"
            f"{_trimmed(each)}."
        )


def _trimmed(each: DataFrame) -> str:
    """What is left of the claim without the few designs that score far from all."""
    if TRIMMED not in each.index:
        return ""
    row, far = each.loc[TRIMMED], each.loc[NOTHING, "designs"]
    return (
        f"; without the {far - row['designs']} of {far} designs whose scores lie far "
        f"from the others (outside Tukey's fences), it {_shown(row)}, {_gain(row)}"
    )


def _beyond(explained: DataFrame) -> Iterator[str]:
    """What hidden proportion adds to other features: shown, and not shown."""
    for name, rows in explained.groupby("table", sort=False):
        each = rows.set_index("base")
        sure = (each["low [R2]"] > 0) & (each["with [R2]"] > 0)
        parts = [
            f"{base} {_gain(each.loc[base])} to {each.loc[base, 'with [R2]']:z.2f}, "
            f"{'shown' if sure[base] else 'not shown'}"
            for base in ("hidden size", "all densities", LEARNING, ALL)
        ]
        added = [block for block in BLOCKS if sure[f"density of {block}"]]
        parts.append(f"density of one block, shown for {', '.join(added) or 'none'}")
        yield _nested(
            f"{name}: R² gained by adding hidden proportion to other features, to what "
            "it is then (below 0 even both are worse than the mean), each gain by "
            "itself",
            parts,
        )


def _ordered(study: DataFrame, correlation: DataFrame) -> Iterator[str]:
    chosen = correlation[correlation["measure"] == SCORE]
    for name, rows in chosen.groupby("table", sort=False):
        each = rows.set_index("feature")
        if "hidden_proportion" not in each.index:
            continue
        text = (
            f"{name}: rank correlation of hidden proportion and test accuracy "
            f"{_rho(each.loc['hidden_proportion'])}"
        )
        designs = study[study["table"] == name]
        whole = designs[designs["diverged"] == 0]
        if 2 < len(whole) < len(designs):
            found = _rank_correlation(whole[PROPORTION], whole[SCORE])
            text += f"; without the designs that diverged {found}"
        yield f"{text}."


def _faster(correlation: DataFrame) -> Iterator[str]:
    chosen = correlation[correlation["feature"] == "hidden_proportion"]
    for name, rows in chosen.groupby("table", sort=False):
        each = rows.set_index("measure")
        parts = [
            f"{words} {_rho(each.loc[measure])}"
            for measure, words in (
                (AREA, "mean validation accuracy over all epochs"),
                (EPOCHS, "epochs to the threshold"),
            )
            if measure in each.index
        ]
        if parts:
            yield _nested(f"{name}: rank correlation with speed", parts)


def _best(optimum: DataFrame) -> Iterator[str]:
    """Where the fitted score is best, how flat that is, and the balanced designs."""
    balanced = get_design("rad", "balanced_0").geometry(*SIZES["rad"])
    place = balanced.hidden_proportion
    for name, rows in optimum.groupby("table", sort=False):
        first = rows.iloc[0]
        low, high = _around(rows)
        text = (
            f"{name}: the smooth fit is best at {first['best [fraction]']:.2f} (95 % "
            f"interval {first['best low [fraction]']:.2f} to "
            f"{first['best high [fraction]']:.2f}) and within "
            f"{first['within [points]']:g} points of that from {low:.2f} to {high:.2f}"
        )
        grid, fit = rows[PROPORTION].to_numpy(), rows["fit [%]"].to_numpy()
        if grid[0] <= place <= grid[-1]:
            lost = fit.max() - np.interp(place, grid, fit)
            text += (
                f"; at {place:.2f}, where the paper's balanced designs lie, it is "
                f"{lost:.1f} points lower"
            )
        yield f"{text}."


def _around(rows: DataFrame) -> tuple[float, float]:
    """The unbroken range near the best that holds the best."""
    near = rows["near"].to_numpy()
    grid, best = rows[PROPORTION].to_numpy(), int(rows["fit [%]"].to_numpy().argmax())
    far = np.flatnonzero(~near)
    left = far[far < best].max(initial=-1) + 1
    right = far[far > best].min(initial=len(near)) - 1
    return float(grid[left]), float(grid[right])


def _shown(row: DataFrame) -> str:
    """A gain below 0 is a poor fit, which does not reverse the claim."""
    return "holds" if row["low [R2]"] > 0 else "is not shown"


def _gain(row: DataFrame) -> str:
    gained, low, high = row["gain [R2]"], row["low [R2]"], row["high [R2]"]
    return f"{gained:+z.2f} ({low:+z.2f} to {high:+z.2f})"


def _rho(row: DataFrame) -> str:
    return f"{row['rank correlation']:z.2f} ({row['low']:z.2f} to {row['high']:z.2f})"
