"""Two tasks side by side: which arrangement does well where, and its geometry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas import DataFrame
from scipy import stats

from vsrnn.analysis._explained import rank_interval
from vsrnn.analysis._geometry import _PLACE, _places
from vsrnn.analysis._labels import TASK_LABELS
from vsrnn.analysis._scores import welch
from vsrnn.analysis._study import PROPORTION, STUDY, study_runs
from vsrnn.design.design import get_design, list_designs
from vsrnn.design.geometry import Geometry
from vsrnn.errors import VsrnnError
from vsrnn.forecast import DENSITIES, SCORE, scored
from vsrnn.tasks import SIZES

CONTRAST = {
    "rad": STUDY,
    "hammer": (
        *("hammer_even_10k", "hammer_normal", "hammer_named"),
        *("hammer_named_dapg", "hammer_few"),
    ),
}
"""The tables of each task that are set side by side, those that exist."""

BUDGETS = {"rad": 100_000, "hammer": 10_000}
"""Weights of the named designs that have the same densities on both tasks."""

RETURN, BEST_ON = "return", "best on"
ABOVE, ABOVE_LOW, ABOVE_HIGH = (f"{word} [points]" for word in ("above", "low", "high"))


def contrast_runs(
    rad: Sequence[str] = CONTRAST["rad"], hammer: Sequence[str] = CONTRAST["hammer"]
) -> DataFrame:
    """Runs of block designs and LSTMs on both tasks, from committed tables.

    Args:
        rad: tables of Random Anomaly Detection; those that do not exist are left out.
        hammer: tables of Adroit Hammer, likewise.

    Returns:
        One row a run, see `study_runs`.

    Raises:
        VsrnnError: none of the tables of a task exists.

    >>> contrast_runs(hammer=["nothing"])
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: none of the tables nothing is committed...
    """
    parts = [study_runs(names, ("block", "lstm")) for names in (rad, hammer)]
    full = [part.dropna(axis="columns", how="all") for part in parts]
    return pd.concat(full, ignore_index=True)


def contrast_ranks(runs: DataFrame, resamples: int = 2000, seed: int = 0) -> DataFrame:
    """Score and rank of each arrangement that both tasks have, table by table.

    An arrangement is the six densities of a named design of 100,000 weights on Random
    Anomaly Detection; on Hammer the designs of 10,000 weights with the same densities
    are its own, and the LSTM goes with the LSTM. Runs are averaged; those that diverged
    count as guesses. Arrangements that tie share the mean of their ranks.

    Args:
        runs: as `contrast_runs` gives them.
        resamples: of arrangements, for the intervals of the rank correlation.
        seed: of the resampling.

    Returns:
        One row a table and arrangement: arrangement (its name on Random Anomaly
        Detection), task, table, scale, design, dense (which of hx and hh are, or
        "LSTM"), hidden proportion [fraction] (none for the LSTM), runs, diverged (of
        these), score [%], return (of played episodes), rank (by score, 1 is best); how
        far it is above the mean of the others with Welch's 95 % interval (above, low,
        high [points]); and, the same in all rows of a table, Spearman's rank
        correlation, low, high (95 %) of its scores with those on Random Anomaly
        Detection, and the same three of its returns (return rank correlation, ...).

    Raises:
        VsrnnError: no arrangement has a run on both tasks.
    """
    named = _named(runs)
    tasks = named.groupby("arrangement")["task"].nunique()
    shared = named[named["arrangement"].map(tasks) > 1]
    if shared.empty:
        raise VsrnnError(
            "no arrangement has a run on both tasks; train the named designs of "
            "10,000 weights on Hammer"
        )
    tables = [_ranked(part) for _, part in shared.groupby("table", sort=False)]
    on_rad = shared[shared["task"] == "rad"].groupby("arrangement")[SCORE].mean()
    for table in tables:
        other = on_rad[table["arrangement"]].to_numpy()
        apart = table["task"].iloc[0] != "rad"
        for name, start in ((SCORE, ""), (RETURN, "return ")):
            own = table[name].to_numpy()
            known = np.isfinite(own) & apart
            found = rank_interval(own[known], other[known], resamples, seed)
            columns = ("rank correlation", "low", "high")
            table[[f"{start}{column}" for column in columns]] = found
    return pd.concat(tables, ignore_index=True).round(4)


def contrast_layout(runs: DataFrame) -> DataFrame:
    """Place of each block in the best arrangements of both tasks, and of two more.

    The best arrangement of a task is the one of block designs, matched or not, that is
    the furthest above the mean of the others, averaged over the task's tables. Uniform
    density and dense go with them. On the task where an arrangement has no design, its
    hidden size is solved for the budget.

    Args:
        runs: as `contrast_runs` gives them.

    Returns:
        One row a task, arrangement and block: task, arrangement, best on (a task,
        "both" or "neither"), design (empty where none was trained), hidden [units],
        hidden proportion [fraction], place and density of the block, weights and weight
        share [%].
    """
    named = _named(runs[runs["model"] == "block"])
    best = {task: _best(part) for task, part in named.groupby("task", sort=False)}
    shown = dict.fromkeys([*best.values(), "000000_", "111111_"])
    rows = []
    for name in shown:
        won = [task for task, winner in best.items() if winner == name]
        on = "both" if len(won) > 1 else "".join(won) or "neither"
        for task in BUDGETS:
            geometry, design = _geometry(named, task, name)
            first = (task, name, on, design, geometry.hidden)
            for place in _places(geometry):
                rows.append((*first, geometry.hidden_proportion, *place))
    names = ("task", "arrangement", BEST_ON, "design", "hidden [units]", PROPORTION)
    table = DataFrame(rows, columns=(*names, *_PLACE))
    total = table.groupby(["task", "arrangement"])["weights"].transform("sum")
    share = (100 * table["weights"] / total).round(4)
    return table.assign(**{"weight share [%]": share})


def best_on(task: str) -> str:
    """What a table of layouts says of an arrangement, in words.

    >>> best_on("rad")
    'best on Random Anomaly'
    """
    return f"best on {TASK_LABELS.get(task, 'both tasks')}"


def _named(runs: DataFrame) -> DataFrame:
    """Scored runs of the named designs that are compared, with their arrangement."""
    designs = list_designs()
    chosen = designs[designs["budget"] == designs["task"].map(BUDGETS)]
    names = chosen[["task", "name", "hidden_proportion"]]
    named = scored(runs.drop(columns="hidden_proportion", errors="ignore")).merge(
        names.rename(columns={"name": "design"}), on=["task", "design"]
    )
    keys = ["model", *DENSITIES]
    on_rad = named[named["task"] == "rad"].drop_duplicates(keys)
    reference = on_rad[[*keys, "design"]].rename(columns={"design": "arrangement"})
    named = named.merge(reference, on=keys, how="left")
    arrangement = named["arrangement"].fillna(named["design"])
    dense = (named[[*DENSITIES[:2]]] == 1).to_numpy() @ np.array([1, 2])
    words = np.array(["neither", "hx", "hh", "hx and hh"])[dense]
    words[named["model"] == "lstm"] = "LSTM"
    played = named.get("test_return", np.nan)
    return named.assign(arrangement=arrangement, dense=words, **{RETURN: played})


def _ranked(part: DataFrame) -> DataFrame:
    """One row an arrangement of a table, best first."""
    groups = part.groupby("arrangement", sort=False)
    first = ["task", "table", "scale", "design", "dense", "hidden_proportion"]
    each = groups[first].first()
    each["runs"], each["diverged"] = groups.size(), groups["diverged"].sum()
    each[SCORE], each[RETURN] = groups[SCORE].mean(), groups[RETURN].mean()
    each["rank"] = stats.rankdata(-each[SCORE].round(9))
    lists = groups[SCORE].apply(np.asarray)
    columns = [ABOVE, ABOVE_LOW, ABOVE_HIGH]
    each[columns] = np.nan
    if len(each) > 1:
        others = (each[SCORE].drop(name) for name in each.index)
        each[columns] = [*map(welch, lists, others)]
    table = each.reset_index().rename(columns={"hidden_proportion": PROPORTION})
    return table.sort_values("rank", kind="stable", ignore_index=True)


def _best(named: DataFrame) -> str:
    """The arrangement that is the furthest above the others, over a task's tables."""
    tables = [_ranked(part) for _, part in named.groupby("table", sort=False)]
    above = pd.concat(tables).groupby("arrangement", sort=False)[ABOVE].mean()
    return str(above.idxmax())


def _geometry(named: DataFrame, task: str, arrangement: str) -> tuple[Geometry, str]:
    """An arrangement on a task, as trained there or solved for the budget."""
    here = (named["task"] == task) & (named["arrangement"] == arrangement)
    if here.any():
        design = str(named.loc[here, "design"].iloc[0])
        return get_design(task, design).geometry(*SIZES[task]), design
    density = list_designs().set_index("name").loc[arrangement, [*DENSITIES]].tolist()
    return Geometry.for_budget(BUDGETS[task], *SIZES[task], density), ""
