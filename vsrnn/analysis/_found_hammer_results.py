"""What arrangements reach on Adroit Hammer, as sentences made from its tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pandas import DataFrame
from scipy import stats

from vsrnn.analysis._found import _bullets, _nested, _span
from vsrnn.analysis._hammer_results import (
    BUDGET,
    DEMONSTRATIONS,
    EXPLAINED,
    HAMMER_10K,
    RETURN,
    SUCCESS,
)
from vsrnn.analysis._labels import DESIGN_LABELS, EXPERT_LABELS, seeds_label
from vsrnn.analysis._runs import completeness
from vsrnn.analysis._scores import welch_of_means
from vsrnn.designs import list_designs

DENSE = "10AH12"
EXTREMES = {"reach": (99.0, 100.0), "stay at": (0.0, 1.0)}
"""Success [%] at which designs are as good as equal: the best there is, and nothing."""


def found_hammer_weights(
    success: DataFrame,
    ranking: DataFrame,
    amounts: DataFrame,
    size: DataFrame,
) -> str:
    """Sentences on what arrangements reach on Adroit Hammer, live and stored.

    Args:
        success: as `hammer_success` gives it.
        ranking: as `hammer_ranking` gives it.
        amounts: as `hammer_demonstrations` gives it.
        size: as `hammer_size` gives it.
    """
    return _bullets(
        *_scores(success),
        *_best(ranking),
        *_dense(ranking),
        *_fewer(amounts),
        *_able(ranking, amounts),
        *_larger(size),
    )


def hammer_complete(runs: DataFrame, few: DataFrame, seeds: int = 3) -> str:
    """Say how many of the stored runs meant are there, table by table.

    Args:
        runs: of the published protocol, as `hammer_runs` gives them.
        few: those with few demonstrations, likewise.
        seeds: of each design.
    """
    budget = list_designs("hammer").set_index("name")["budget"]
    parts = []
    for expert, label in EXPERT_LABELS.items():
        rows = runs[runs["expert"] == expert]
        large = rows[rows["design"].map(budget) > 10_000]
        parts.append(
            f"Stored at paper scale, {label}, designs of 10,000 weights: "
            f"{completeness(rows, HAMMER_10K, seeds)} Of larger designs "
            f"{large['design'].nunique()} have a run, {len(large)} runs in all."
        )
    for number, rows in few.groupby("demonstrations"):
        count = completeness(rows, HAMMER_10K, seeds)
        parts.append(f"Stored with {number} demonstrations: {count}")
    return _bullets(*parts)


def _scores(success: DataFrame) -> Iterator[str]:
    keys = ["source", "scale", "expert"]
    chosen = success[success["measure"] == SUCCESS]
    for (source, scale, expert), rows in chosen.groupby(keys, sort=False):
        each = rows.drop_duplicates("design").to_dict("records")
        yield _nested(
            f"{str(scale).capitalize()} scale, {source}, {EXPERT_LABELS[expert]}, "
            f"{seeds_label(rows)}, success",
            [f"{_label(row['design'])} {_mean(row)}" for row in each],
        )


def _best(ranking: DataFrame) -> Iterator[str]:
    """The best design for each expert, and which designs success cannot tell apart."""
    for expert, rows in ranking[ranking["seeds"] > 0].groupby("expert", sort=False):
        each = {
            name: part.set_index("design") for name, part in rows.groupby("measure")
        }
        success, explained = each[SUCCESS]["mean"], each[EXPLAINED]["mean"]
        best, knows = success.idxmax(), explained.idxmax()
        text = (
            f"{_head(expert)}, {len(success)} designs: most successful is "
            f"{_label(best)}, {_mean(each[SUCCESS].loc[best])}; most variance is "
            f"explained by {_label(knows)}, {_mean(each[EXPLAINED].loc[knows])}"
        )
        for verb, (low, high) in EXTREMES.items():
            same = success.index[success.between(low, high)]
            if len(same) > 1:
                text += (
                    f"; {len(same)} {verb} {low:.0f} to {high:.0f} %, where success "
                    f"does not tell them apart and the variance they explain goes from "
                    f"{explained[same].min():.1f} to {explained[same].max():.1f} %"
                )
        yield f"{text}."


def _dense(ranking: DataFrame) -> Iterator[str]:
    """The paper's claim that dense does well on this task, design by design."""
    known = ranking[ranking["seeds"] > 1]
    for (expert, measure), rows in known.groupby(["expert", "measure"], sort=False):
        if measure == RETURN or DENSE not in set(rows["design"]):
            continue
        each = {row["design"]: row for row in rows.to_dict("records")}
        dense = each.pop(DENSE)
        gaps = {name: _difference(dense, row) for name, row in each.items()}
        under = [name for name, (_, low, _) in gaps.items() if low > 0]
        over = [name for name, (*_, high) in gaps.items() if high < 0]
        most = min(over, key=lambda name: gaps[name][0], default="")
        shown = f" (most of all {_label(most)}: {_points(gaps[most])})" if over else ""
        against = f"does not hold against these {len(over)}"
        yield (
            f"{_head(expert)}, {measure.removesuffix(' [%]')}: dense is shown to be "
            f"above {len(under)} of {len(each)} other designs and below {len(over)}"
            f"{shown}, each comparison by itself; {len(each) - len(under) - len(over)} "
            f"are not decided. "
            f"That dense does well here {against if over else 'is not contradicted'}."
        )


def _difference(first: dict, second: dict) -> tuple[float, float, float]:
    """Difference of two means with its 95 % interval, from each one's own."""
    seeds = np.array([row["seeds"] for row in (first, second)])
    halves = np.array([row["high"] - row["mean"] for row in (first, second)])
    squares = (halves / stats.t.ppf(0.975, seeds - 1)) ** 2
    return welch_of_means([first["mean"], second["mean"]], squares, seeds)


def _fewer(amounts: DataFrame) -> Iterator[str]:
    """How far designs are apart with each number of demonstrations."""
    chosen = amounts[amounts["measure"].isin([SUCCESS, EXPLAINED])]
    for (number, epochs), part in chosen.groupby([DEMONSTRATIONS, "epochs"]):
        texts = []
        for measure, rows in part.groupby("measure", sort=False):
            mean = rows.set_index("design")["mean"].sort_values(ascending=False)
            text = (
                f"{measure.removesuffix(' [%]')} {mean.iloc[-1]:.1f} to "
                f"{mean.iloc[0]:.1f} % (the most: {_label(mean.index[0])}"
            )
            dense = f"; dense {mean[DENSE]:.1f} %" if DENSE in mean else ""
            texts.append(f"{text}{dense})")
        yield _nested(
            f"With {number:,} demonstrations, {epochs} epochs, "
            f"{part['design'].nunique()} designs",
            texts,
        )


def _able(ranking: DataFrame, amounts: DataFrame) -> Iterator[str]:
    """Whether designs that never succeed as published succeed with larger steps."""
    low, most = EXTREMES["stay at"]
    success = ranking[ranking["measure"] == SUCCESS]
    never = success[(success["expert"] == "own") & (success["mean"] <= most)]["design"]
    again = amounts[(amounts["measure"] == SUCCESS) & amounts["design"].isin(never)]
    parts = [
        f"{(rows['mean'] > most).sum()} of {len(rows)} with {number:,} demonstrations"
        for number, rows in again.groupby(DEMONSTRATIONS)
    ]
    if parts:
        yield _nested(
            f"Designs that stay at {low:.0f} to {most:.0f} % as published and succeed "
            "more often at the larger rate, in fewer steps and from fewer episodes",
            parts,
        )


def _larger(size: DataFrame) -> Iterator[str]:
    """How success changes with the budget, over the arrangements."""
    chosen = size[size["measure"] == SUCCESS]
    for expert, rows in chosen.groupby("expert", sort=False):
        parts = []
        for weights, part in rows.groupby(BUDGET):
            best = part.loc[part["mean"].idxmax()]
            parts.append(
                f"{weights:,} weights {part['mean'].min():.1f} to {best['mean']:.1f} % "
                f"(the most: {best['arrangement']}, of {len(part)})"
            )
        yield _nested(f"{_head(expert)}, success by size", parts)


def _points(gap: tuple[float, float, float]) -> str:
    difference, low, high = gap
    return f"{difference:+.1f} points, {low:+.1f} to {high:+.1f}"


def _head(expert: object) -> str:
    label = EXPERT_LABELS[str(expert)]
    return f"{label[0].upper()}{label[1:]}"


def _label(name: str) -> str:
    return f"{DESIGN_LABELS[name]} ({name})" if name in DESIGN_LABELS else name


def _mean(row: dict | DataFrame) -> str:
    return f"{row['mean']:.1f} %" + _span(row["low"], row["high"])
