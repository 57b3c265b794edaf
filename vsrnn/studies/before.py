"""What decides how a network learns before it learns?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from pandas import DataFrame
from scipy.stats import rankdata

from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError
from vsrnn.forecast.ladder import ceiling, over_tasks
from vsrnn.forecast.meta import Tables
from vsrnn.plot.axes import legend
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.tables import committed_runs
from vsrnn.stats import Claim, minus_signs, spearman
from vsrnn.studies.ladder import read_tables
from vsrnn.studies.page import Page
from vsrnn.studies.scorecard import judged

# The measure is the rank correlation with learning speed (mean of the level over
# epochs, mean over seeds) within a task, budget and arm; the unit is the task, and
# intervals are 95 % by bootstrap over tasks. Something goes with speed if that interval
# leaves out 0.

DESIGN, MEASURED, TRAINED = "design", "untrained network", "first epochs"
KINDS = {
    DESIGN: {"color": BLUE, "marker": "o"},
    MEASURED: {"color": GREEN, "marker": "D"},
    TRAINED: {"color": ORANGE, "marker": "^"},
}
ARMS = {
    "fixed": {"color": BLUE, "marker": "o"},
    "drawn": {"color": ORANGE, "marker": "^"},
}
ARM_WORDS = {
    "fixed": "one rate a task",
    "drawn": "rates drawn over a factor of 20",
    "absolute": "one deviation for all blocks",
}
SHOWN, EPOCHS = 6, (1, 3)
COLUMNS = ("what", "kind", "arm", "mean", "low", "high", "tasks")
RATE, PROPORTION, GAIN = "learning rate", "hidden proportion", "gain of hh"
NAMES = {
    "rate": RATE,
    "proportion": PROPORTION,
    **{f"gain_{b}": f"gain of {b}" for b in BLOCKS},
    **{f"share_{b}": f"share of weights in {b}" for b in BLOCKS},
    "hidden": "hidden units",
    "rate_by_reads": "rate times weights read",
    "readout": "read-out of frozen states",
    "radius": "spectral radius of hh",
    "radius_joint": "spectral radius, outputs included",
    "lyapunov": "largest Lyapunov exponent",
    "lyapunov_mean": "Lyapunov exponents, mean",
    "growth": "growth of the state",
    "dead": "dead units",
    "rank": "effective rank of states",
    "covariance": "hidden covariance",
    "spread": "spread of outputs",
    "backward": "gradient, first step over last",
    **{f"memory_{n}": f"memory of {n} steps before" for n in (1, 2, 4, 8)},
    **{f"gradient_{b}": f"gradient of {b} over weights" for b in BLOCKS},
    **{f"snip_{b}": f"SNIP, share of {b}" for b in BLOCKS},
    **{f"synflow_{b}": f"SynFlow, share of {b}" for b in BLOCKS},
}
SAME = ("weights", "per_input", "per_output")
"""Features that are the same, or say the same as hidden units, within a pool."""


@dataclass(frozen=True)
class Data:
    """All runs over many tasks."""

    tables: Tables

    @cached_property
    def ranks(self) -> DataFrame:
        """Rank correlation with speed of each column, by pool."""
        return DataFrame(list(_ranks(self.tables)))


def load() -> Data:
    """Load the committed runs.

    Raises:
        VsrnnError: there are none.
    """
    if "id" not in committed_runs("meta") or committed_runs("meta").empty:
        raise VsrnnError("there are no runs over many tasks yet")
    return Data(read_tables())


def _ranks(tables: Tables) -> Iterator[dict[str, Any]]:
    features = tables.features.drop(columns=[*SAME])
    gains = [f"gain_{block}" for block in BLOCKS]  # which features have, too
    parts = {
        DESIGN: features,
        MEASURED: tables.probes.drop(columns=gains, errors="ignore"),
    }
    for (task, _, arm), rows in tables.pools.items():
        if arm not in ARM_WORDS or len(rows) < 5:
            continue
        speed = tables.speed[rows]
        about = {"task": task, "arm": arm}
        for kind, part in parts.items():
            for name, own in part.iloc[rows].items():
                if np.ptp(own.to_numpy()) > 0:
                    rank = float(spearman(own.to_numpy(), speed))
                    yield about | {"what": str(name), "kind": kind, "rank": rank}
        for epoch in EPOCHS:
            rank = float(spearman(tables.shares[rows, 0, epoch - 1], speed))
            what = f"loss after {epoch} epoch{'s' * (epoch > 1)}"
            yield about | {"what": what, "kind": TRAINED, "rank": rank}


def _summed(ranks: DataFrame, by: list[str]) -> DataFrame:
    rows = []
    for key, own in ranks.groupby(by, sort=False):
        mean, low, high = over_tasks(own, "rank", resamples=500)
        number = own["task"].nunique()
        ends = {"mean": mean, "low": low, "high": high, "tasks": number}
        rows.append(dict(zip(by, key, strict=True)) | ends)
    return DataFrame(rows)


def before_measures_table(data: Data) -> DataFrame:
    """What goes with learning speed at one rate a task, of all that is measured.

    Returns:
        One row a feature, measure or early loss: what, kind, arm, mean (rank
        correlation), low, high (95 %, over tasks), tasks, ceiling (rank between two
        seeds).
    """
    table = _summed(data.ranks.query("arm == 'fixed'"), ["what", "kind", "arm"])
    known = ceiling(data.tables)
    top = known.groupby("task")["rank_speed"].mean().mean() if len(known) else np.nan
    table = table.assign(what=table["what"].map(lambda n: NAMES.get(n, n)), ceiling=top)
    order = table["mean"].abs().sort_values(ascending=False).index
    return table.loc[order].reset_index(drop=True).round(4)


def before_rate_table(data: Data) -> DataFrame:
    """The same of a few, at one rate a task and with rates drawn."""
    names = {"rate", "proportion", "gain_hh", "readout", "lyapunov"}
    ranks = data.ranks[data.ranks["arm"].isin(ARMS)]
    chosen = ranks[ranks["what"].isin(names) | (ranks["kind"] == TRAINED)]
    table = _summed(chosen, ["what", "kind", "arm"])
    return table.assign(what=table["what"].map(lambda n: NAMES.get(n, n))).round(4)


def before_confound_table(data: Data) -> DataFrame:
    """Hidden proportion and the gain of hh, each alone and given the other.

    Returns:
        One row a quantity and arm: what, arm, mean (rank correlation with speed, or
        partial), low, high, tasks.
    """
    rows = []
    for (task, _, arm), own in data.tables.pools.items():
        if arm in ("fixed", "absolute") and len(own) >= 4:
            found = _partial(data.tables, own)
            rows += [{"task": task, "arm": arm, "what": w, "rank": r} for w, r in found]
    return _summed(DataFrame(rows), ["what", "arm"]).round(4)


def _partial(tables: Tables, rows: np.ndarray) -> Iterator[tuple[str, float]]:
    """Rank correlations of a pool: of both with speed, partial, with each other."""
    columns = tables.features.iloc[rows][["proportion", "gain_hh"]].to_numpy()
    ranks = [rankdata(each) for each in (*columns.T, tables.speed[rows])]
    proportion, gain, speed = (each - each.mean() for each in ranks)

    def corr(one: np.ndarray, other: np.ndarray) -> float:
        size = np.sqrt((one**2).sum() * (other**2).sum())
        return float((one * other).sum() / size) if size else 0.0

    both = corr(proportion, gain)
    first, second = corr(proportion, speed), corr(gain, speed)
    left = max(1 - both**2, 1e-9)
    yield PROPORTION, first
    yield (
        f"{PROPORTION}, given the gain",
        (first - both * second) / np.sqrt(left * max(1 - second**2, 1e-9)),
    )
    yield GAIN, second
    yield (
        f"{GAIN}, given the proportion",
        (second - both * first) / np.sqrt(left * max(1 - first**2, 1e-9)),
    )
    yield "proportion and gain", both


def _provenance(data: Data) -> dict[str, Any]:
    return {"tables": ["meta", "meta_statistics", "meta_probes"]}


@figure(table=before_measures_table, made_by=_provenance)
def before_measures(table: DataFrame, style: str = "web") -> Figure:
    """What is known before training beside two early losses, by how it ranks speed."""
    parts = [table[table["kind"] == kind].head(SHOWN) for kind in KINDS]
    shown = table.loc[np.concatenate([part.index.to_numpy() for part in parts])]
    with drawing(style, 0.75) as fig:
        ax = fig.subplots()
        how: dict[str, Any] = {"hue": "kind", "looks": KINDS, "step": 0.0}
        dots(ax, shown, "mean", "what", "low", "high", **how)
        ax.axvline(0, color=GRAY, linewidth=0.8)
        top = table["ceiling"].iloc[0]
        ax.axvline(top, color=GRAY, linewidth=0.8, linestyle=":")
        ax.set_xlabel("rank correlation with learning speed (dotted: of two seeds)")
        legend(fig, KINDS, 3)
    return fig


@figure(table=before_rate_table, made_by=_provenance)
def before_rate(table: DataFrame, style: str = "web") -> Figure:
    """The same quantities at one rate a task and with rates drawn."""
    words = "rank correlation with learning speed"
    return _by_arm(table, style, 0.5, words, ARMS, ARM_WORDS)


@figure(table=before_confound_table, made_by=_provenance)
def before_confound(table: DataFrame, style: str = "web") -> Figure:
    """Hidden proportion and gain, each alone and given the other, by kind of draw."""
    looks = {"fixed": ARMS["fixed"], "absolute": {"color": "black", "marker": "s"}}
    words = {"fixed": "gains drawn apart", "absolute": ARM_WORDS["absolute"]}
    return _by_arm(table, style, 0.45, "rank correlation", looks, words)


def _by_arm(
    table: DataFrame, style: str, height: float, label: str, looks: Any, words: Any
) -> Figure:
    """Rank correlations of two arms beside each other."""
    with drawing(style, height) as fig:
        ax = fig.subplots()
        how: dict[str, Any] = {"hue": "arm", "looks": looks, "step": 0.3}
        dots(ax, table, "mean", "what", "low", "high", **how)
        ax.axvline(0, color=GRAY, linewidth=0.8)
        ax.set_xlabel(label)
        legend(fig, {words[arm]: look for arm, look in looks.items()}, 2)
    return fig


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes."""
    measures, rates = page.table("before_measures"), page.table("before_rate")
    best = {kind: own.iloc[0] for kind, own in measures.groupby("kind")}
    before = measures[measures["kind"] == MEASURED]
    idle = before[(before["low"] < 0) & (before["high"] > 0)]
    drawn = rates[rates["arm"] == "drawn"].set_index("what")["mean"]
    fixed = measures.set_index("what")["mean"]
    confound = page.table("before_confound").set_index(["what", "arm"])["mean"]
    found = claims(page)
    both = ("proportion and gain", "absolute")
    return {
        "tasks": str(int(measures["tasks"].max())),
        "best_feature": str(best[DESIGN]["what"]),
        "best_feature_rank": _rank(best[DESIGN]["mean"]),
        "best_measure": str(best[MEASURED]["what"]),
        "best_measure_rank": _rank(best[MEASURED]["mean"]),
        "idle": str(len(idle)),
        "measures": str(len(before)),
        "loss_1": _rank(fixed["loss after 1 epoch"]),
        "loss_3": _rank(fixed["loss after 3 epochs"]),
        "ceiling": _rank(measures["ceiling"].iloc[0]),
        "rate_drawn": _rank(drawn[RATE]) if RATE in drawn else "not known",
        "proportion": _rank(fixed[PROPORTION]),
        "together": _rank(confound[both]) if both in confound else "not known",
        "proportion_verdict": _WORDS[judged(found, CLAIMS[0])],
        "early_verdict": _EARLY[judged(found, CLAIMS[1])],
    }


def _rank(value: float) -> str:
    return minus_signs(f"{value:.2f}")


CLAIMS = (
    "hidden proportion goes with speed on tasks of many kinds",
    "one epoch says more of speed than the best measure before training",
    "hidden proportion goes with speed, given the gain of hh",
)
_WORDS = {
    "holds": "goes with learning sooner",
    "reversed": "goes with learning *later*",
    "undecided": "goes with neither learning sooner nor later",
    "too few runs yet": "is not decided yet",
    "no runs yet": "is not decided yet",
}
_EARLY = {
    "holds": "more than",
    "reversed": "less than",
    "undecided": "no more, as far as these tasks can tell, than",
    "too few runs yet": "perhaps as much as",
    "no runs yet": "perhaps as much as",
}


def claims(page: Page) -> list[Claim]:
    """What goes with learning speed over tasks; intervals are over tasks."""
    measures = page.table("before_measures").set_index("what")
    confound = page.table("before_confound").set_index(["what", "arm"])
    ends = ["mean", "low", "high"]
    ranks = page.data.ranks.query("arm == 'fixed'")
    best = page.table("before_measures").query("kind != @TRAINED").iloc[0]
    named = {NAMES.get(name, name): name for name in ranks["what"].unique()}
    sign = np.sign(best["mean"])
    first = ranks[ranks["what"] == "loss after 1 epoch"].groupby("task")["rank"].mean()
    own = ranks[ranks["what"] == named[best["what"]]].groupby("task")["rank"].mean()
    gap = (first - sign * own).dropna().rename("rank").reset_index()
    given = (f"{PROPORTION}, given the gain", "fixed")
    found = [
        Claim.of(CLAIMS[0], measures.loc[PROPORTION, ends], "rank correlation"),
        Claim.of(CLAIMS[1], over_tasks(gap, "rank"), "rank correlation"),
    ]
    if given in confound.index:
        known = confound.loc[given, ends]
        found.append(Claim.of(CLAIMS[2], known, "partial rank correlation"))
    return found
