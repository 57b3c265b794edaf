"""What arrangements reach on Adroit Hammer, as sentences made from its tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pandas import DataFrame, Series
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
from vsrnn.analysis._labels import (
    EXPERT_LABELS,
    design_label,
    designs_label,
    seeds_label,
)
from vsrnn.analysis._runs import completeness
from vsrnn.analysis._scores import welch_of_means
from vsrnn.design.design import list_designs
from vsrnn.tasks.hammer import Hammer

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
            [f"{design_label(row['design'])} {_mean(row)}" for row in each],
        )


def _best(ranking: DataFrame) -> Iterator[str]:
    """The best design for each expert, and which designs success cannot tell apart."""
    for expert, rows in ranking[ranking["seeds"] > 0].groupby("expert", sort=False):
        each = {
            name: part.set_index("design") for name, part in rows.groupby("measure")
        }
        success = each[SUCCESS]["mean"]
        explained = each[EXPLAINED]["mean"].dropna() if EXPLAINED in each else Series()
        text = (
            f"{_head(expert)}, {designs_label(len(success))}: the most success is that "
            f"of {_most(success)}, {_mean(each[SUCCESS].loc[success.idxmax()])}"
        )
        if len(explained):
            text += (
                f"; the most variance is explained by {_most(explained)}, "
                f"{_mean(each[EXPLAINED].loc[explained.idxmax()])}"
            )
        for verb, (low, high) in EXTREMES.items():
            same = success.index[success.between(low, high)]
            if len(same) > 1:
                text += (
                    f"; {len(same)} {verb} {low:.0f} to {high:.0f} %, where success "
                    "does not tell them apart"
                )
                known = explained.reindex(same).dropna()
                if len(known):
                    text += (
                        " and the variance they explain goes from "
                        f"{known.min():.1f} to {known.max():.1f} %"
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
        shown = (
            f" (most of all {design_label(most)}: {_points(gaps[most])})"
            if over
            else ""
        )
        verdicts = [
            f"{verb} against {len(names)}"
            for verb, names in (("holds", under), ("does not hold", over))
            if names
        ]
        yield (
            f"{_head(expert)}, {measure.removesuffix(' [%]')}: dense is shown to be "
            f"above {len(under)} of {len(each)} other designs and below {len(over)}"
            f"{shown}, each comparison by itself; not decided against "
            f"{len(each) - len(under) - len(over)}. That dense does well here "
            f"{' and '.join(verdicts) or 'is not decided'}."
        )


def _difference(first: dict, second: dict) -> tuple[float, float, float]:
    """Difference of two means with its 95 % interval, from each one's own."""
    rows = DataFrame([first, second])
    return welch_of_means(rows["mean"], _squares(rows), rows["seeds"])


def _squares(rows: DataFrame) -> np.ndarray:
    """Squared standard errors of means, from the intervals over their seeds.

    Those of success are no less than so many played episodes leave open.
    """
    mean, seeds = rows["mean"].to_numpy(float), rows["seeds"].to_numpy(float)
    half = rows["high"].to_numpy(float) - mean
    played = rows["scale"].map(lambda scale: Hammer.scales[scale].scored) * seeds
    least = (mean * (100 - mean)).clip(0) / played.to_numpy(float)
    success = rows["measure"].to_numpy() == SUCCESS
    squares = (half / stats.t.ppf(0.975, seeds - 1)) ** 2
    return np.where(success, np.fmax(squares, least), squares)


def _fewer(amounts: DataFrame) -> Iterator[str]:
    """How far designs are apart with each number of demonstrations."""
    chosen = amounts[amounts["measure"].isin([SUCCESS, EXPLAINED])]
    for (number, epochs), part in chosen.groupby([DEMONSTRATIONS, "epochs"]):
        texts = []
        for measure, rows in part.groupby("measure", sort=False):
            mean = rows.set_index("design")["mean"].sort_values(ascending=False)
            text = (
                f"{measure.removesuffix(' [%]')} {mean.iloc[-1]:.1f} to "
                f"{mean.iloc[0]:.1f} % (the most: {_most(mean)}"
            )
            dense = f"; dense {mean[DENSE]:.1f} %" if DENSE in mean else ""
            texts.append(f"{text}{dense}){_differ(rows)}")
        yield _nested(
            f"With {number:,} demonstrations, {epochs} epochs, "
            f"{designs_label(part['design'].nunique())}",
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
            mean = part.set_index("arrangement")["mean"]
            parts.append(
                f"{weights:,} weights {mean.min():.1f} to {mean.max():.1f} % (the "
                f"most: {_most(mean)}, of {len(part)}; {seeds_label(part)})"
            )
        yield _nested(f"{_head(expert)}, success by size", parts)


def _most(means: Series) -> str:
    """The one with the highest mean, or how many share it."""
    best = means.index[means == means.max()]
    return design_label(best[0]) if len(best) == 1 else f"{len(best)} alike"


def _differ(rows: DataFrame) -> str:
    """Whether designs differ at all, by analysis of variance over their seeds."""
    known = rows[rows["seeds"] > 1]
    seeds = known["seeds"].to_numpy(float)
    within = _squares(known).mean() if len(known) > 1 else 0.0
    if within == 0 or np.ptp(seeds):
        return ""
    free = (len(known) - 1, (seeds - 1).sum())
    chance = stats.f.sf(known["mean"].var() / within, *free)
    shown = "shown" if chance < 0.05 else "not shown"
    return f"; that designs differ is {shown} (analysis of variance, p = {chance:.2g})"


def _points(gap: tuple[float, float, float]) -> str:
    difference, low, high = gap
    return f"{difference:+.1f} points, {low:+.1f} to {high:+.1f}"


def _head(expert: object) -> str:
    label = EXPERT_LABELS[str(expert)]
    return f"{label[0].upper()}{label[1:]}"


def _mean(row: dict | DataFrame) -> str:
    return f"{row['mean']:.1f} %" + _span(row["low"], row["high"])
