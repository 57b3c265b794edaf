"""What was found, as sentences whose numbers come from the tables (Markdown)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.analysis._labels import (
    DESIGN_LABELS,
    PROPORTION,
    arrangement_label,
    designs_label,
    seeds_label,
)
from vsrnn.analysis._scores import welch

PUBLISHED_ORDER = (
    *(("balanced_0", "000000_"), ("000000_", "111111_")),
    *(("balanced_0", "lstm_"), ("000000_", "lstm_")),
)
"""Which design the paper says is above which at equal weights: claim by claim."""

PASSED = 40.0
"""Accuracy [%] by which the pages tell fast learners."""


def found_equal_weights(
    final: DataFrame, learning: DataFrame, ranking: DataFrame, complete: str
) -> str:
    """Sentences on the scores at equal weights, live and stored.

    Args:
        final: as `final_accuracy` gives it.
        learning: as `learning_curve` gives it.
        ranking: as `design_ranking` gives it.
        complete: how many of the stored runs there are, from `completeness`.
    """
    return _bullets(
        *_scores(final),
        *_order(final),
        *_speed(learning),
        *_ranks(ranking),
        f"Stored at paper scale: {complete}",
    )


def found_budgets(table: DataFrame) -> str:
    """Sentences on what more weights change, from the table of `budget_scores`."""
    if table.empty:
        return "No arrangement has runs at two budgets yet."
    budgets = table["budget [weights]"]
    ends = (budgets.min(), budgets.max())
    both = [table[budgets == end].set_index("arrangement") for end in ends]
    less, more = both[0].align(both[1], join="inner", axis=0)
    labels = less["design"].map(arrangement_label)
    blocks = less[PROPORTION].notna()
    gain = (more["mean [%]"] - less["mean [%]"]).sort_values()
    changes = [
        f"{labels[name]} {less.loc[name, 'mean [%]']:.1f} % to "
        f"{more.loc[name, 'mean [%]']:.1f} % ({points:+.1f})"
        for name, points in gain.items()
    ]
    ranks = _rank_correlation(less[blocks]["mean [%]"], more[blocks]["mean [%]"])
    return _bullets(
        _nested(
            f"From {ends[0]:,.0f} to {ends[1]:,.0f} weights ({seeds_label(less)}, and "
            f"{seeds_label(more)}), {(gain > 0).sum()} of {len(gain)} arrangements "
            "score higher",
            changes,
        ),
        *(
            sentence
            for end, rows in zip(ends, (less, more), strict=True)
            for sentence in _best(f"At {end:,.0f} weights", rows, labels)
        ),
        f"Rank correlation of the block designs' scores at one and the other: {ranks}.",
    )


def _best(head: str, rows: DataFrame, labels: Series) -> Iterator[str]:
    """The best at a budget, whether hidden proportion helps, and how training ends."""
    blocks = rows.dropna(subset=[PROPORTION])
    shares, best = blocks[PROPORTION], blocks["best validation accuracy [%]"]
    ranks = [_rank_correlation(shares, each) for each in (blocks["mean [%]"], best)]
    yield (
        f"{head} {labels[rows['mean [%]'].idxmax()]} is best with "
        f"{rows['mean [%]'].max():.1f} %. Rank correlation with hidden proportion over "
        f"the block designs here: of the score {ranks[0]}, of validation accuracy "
        f"after the best epoch {ranks[1]}."
    )
    lost = best - blocks["validation accuracy [%]"]
    train, epochs = blocks["training accuracy [%]"], blocks["best epoch"]
    yield (
        f"{head} block designs end with a training accuracy of {train.min():.0f} to "
        f"{train.max():.0f} %; their validation accuracy is best after "
        f"{epochs.min():.0f} to {epochs.max():.0f} epochs and loses {lost.min():.1f} "
        f"to {lost.max():.1f} points from there to the last, whose weights are tested, "
        "as published."
    )


def _bullets(*sentences: str) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _nested(head: str, parts: Iterable[str]) -> str:
    """A sentence that ends in a list, as one of `_bullets`."""
    return "\n".join([f"{head}:", *(f"  - {part}" for part in parts)])


def _rank_correlation(first: Series, second: Series) -> str:
    if len(first) < 3 or 1 in (first.nunique(), second.nunique()):
        return "not known (too few or all equal)"
    found = stats.spearmanr(first, second)
    return f"{found.statistic:.2f} (n = {len(first)}, p = {found.pvalue:.2g})"


def _order(final: DataFrame) -> Iterator[str]:
    """Whether the paper's order of arrangements at equal weights is seen."""
    for (source, scale), rows in final.groupby(["source", "scale"], sort=False):
        scores = rows.groupby("design")["test accuracy [%]"].apply(list)
        pairs = [pair for pair in PUBLISHED_ORDER if set(pair) <= set(scores.index)]
        parts = [_above(*pair, scores[pair[0]], scores[pair[1]]) for pair in pairs]
        if parts:
            head = f"{str(scale).capitalize()} scale, {source}, the paper's order"
            yield _nested(head, parts)


def _above(high: str, low: str, first: list[float], second: list[float]) -> str:
    """Whether one design scores above another, as published."""
    points, least, most = welch(first, second)
    text = f"{DESIGN_LABELS[high]} above {DESIGN_LABELS[low]}, {points:+z.1f} points"
    if min(len(first), len(second)) < 2:
        return f"{text} (more seeds are needed)"
    if not (np.ptp(first) or np.ptp(second)):
        return f"{text} (in each run)"
    seen = _verdict(least, most)
    return f"{text} (95 % interval {least:+.1f} to {most:+.1f}) {seen}"


def _verdict(low: float, high: float) -> str:
    return "holds" if low > 0 else "is reversed" if high < 0 else "is not decided"


def _scores(final: DataFrame) -> Iterator[str]:
    for (source, scale), rows in final.groupby(["source", "scale"], sort=False):
        each = rows.drop_duplicates("design")
        parts = [_score(row) for row in each.to_dict("records")]
        head = f"{str(scale).capitalize()} scale, {source}, {seeds_label(rows)}"
        yield _nested(head, parts)


def _speed(learning: DataFrame) -> Iterator[str]:
    """How soon the mean curves pass an accuracy [%], and what they lose at the end."""
    for (source, scale), rows in learning.groupby(["source", "scale"], sort=False):
        soon, lost = [], []
        for name, curve in rows.groupby("design", sort=False):
            label = DESIGN_LABELS.get(str(name), name)
            mean = curve.set_index("epoch")["mean [%]"]
            over = mean.index[mean > PASSED]
            soon.append(f"{label} {over.min()}" if len(over) else f"{label} never")
            if mean.max() > PASSED:
                lost.append(f"{label} {mean.max() - mean.iloc[-1]:.1f} points")
        yield _nested(
            f"{str(scale).capitalize()} scale, {source}",
            [
                "epochs until the mean validation accuracy passes "
                f"{PASSED:.0f} %: {', '.join(soon)}",
                "lost from the best epoch to the last, for those that pass: "
                f"{', '.join(lost) or 'none passes'}",
            ],
        )


def _score(row: dict) -> str:
    label = DESIGN_LABELS.get(row["design"], row["design"])
    text = f"{label} {row['mean [%]']:.1f} %"
    return text + _span(row["low [%]"], row["high [%]"])


def _span(low: float, high: float) -> str:
    """An interval of a mean percentage in parentheses, if it has one."""
    if not math.isfinite(low):
        return ""
    if low == high:
        return " (in each run)"
    return f" ({max(0, low):.1f} to {min(100, high):.1f})"


def _ranks(ranking: DataFrame) -> Iterator[str]:
    """The best design, and how hidden proportion and score go together."""
    scored = ranking.dropna(subset=["mean [%]"])
    if len(scored):
        best = scored.iloc[0]
        at = f" (hidden proportion {best[PROPORTION]:.3f})"
        yield (
            f"Of {designs_label(len(scored))} stored the best is {best['design']} with "
            f"{best['mean [%]']:.1f} %{at if np.isfinite(best[PROPORTION]) else ''}."
        )
    both = scored[scored["design"] != "rnn_"].dropna(subset=[PROPORTION])
    if len(both) > 2 and both["mean [%]"].nunique() > 1:
        rho = _rank_correlation(both[PROPORTION], both["mean [%]"])
        yield (
            "Over the block designs, rank correlation of hidden proportion and score: "
            f"{rho}."
        )
