"""Every rung of the ladder on the runs of many tasks, and the parent that is shipped.

``python -m vsrnn.studies.ladder probes`` measures designs before they are trained,
``... evaluate "forest" "parent network"`` holds out tasks and families, a rung after
the other, and goes on where it was stopped; ``... join`` writes the tables of
``results``; ``... ship`` trains the parent on all tasks and writes what
:func:`vsrnn.choose` reads.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pandas import DataFrame

from vsrnn.design.design import Design
from vsrnn.design.geometry import BLOCKS
from vsrnn.files import replace_text
from vsrnn.forecast import ladder
from vsrnn.forecast.meta import POOL, Tables, make_tables
from vsrnn.forecast.probe import probe
from vsrnn.forecast.rungs import Forecast
from vsrnn.forecast.statistics import statistics
from vsrnn.runs.tables import committed_runs
from vsrnn.studies.meta import meta_table, split
from vsrnn.tasks import get_task, sizes
from vsrnn.tasks.task import Task

KEYS = [*POOL, "design"]
RESULTS = Path("results")
SCRATCH = Path("runs/ladder")
"""Where forecasts are kept while rungs are evaluated."""
BY = ("family", "task")
PARENT, SHORT = "parent network", "parent network, sizes only"
COMPARED = ("portfolio", "nearest task", "forest", "ridge", SHORT)
"""Rungs whose order is a rival at equal trained epochs, beside the parent's."""
SHOWN = ("dense", "uniform")
"""Designs whose forecast curves are kept, beside the parent's first."""


@cache
def data_of(task: str) -> Task:
    """A task at the scale of the runs."""
    return get_task(task, split()["scale"])


def described(tasks: Sequence[str]) -> DataFrame:
    """Statistics of tasks, a row each."""
    rows = [statistics(data_of(task)) for task in tasks]
    return DataFrame(rows, pd.Index(tasks, name="task"))


def design_of_run(row: Any) -> Design:
    """The design of a row of the table of runs."""
    density, gain = (
        [row[f"{kind}_{b}"] for b in BLOCKS] for kind in ("density", "gain")
    )
    how: dict[str, Any] = {"init_std": gain, "options": {"initial": "fan-in"}}
    return Design(
        row["design"], row["hidden"], density, learning_rate=row["learning_rate"], **how
    )


def measured(runs: DataFrame, known: DataFrame) -> DataFrame:
    """Zero-cost measures of all designs of the runs; those that are known are kept."""
    have = {tuple(row) for row in known[KEYS].to_numpy()} if len(known) else set()
    rows = [known] if len(known) else []
    for _, row in runs.drop_duplicates(KEYS).iterrows():
        key = tuple(row[KEYS])
        if key not in have:
            found = probe(design_of_run(row), data_of(row["task"]))
            numbers = {n: float(f"{v:.4g}") for n, v in found.items()}
            rows.append(DataFrame([dict(zip(KEYS, key, strict=True)) | numbers]))
    return pd.concat(rows, ignore_index=True)


def read_tables(
    runs: DataFrame | None = None,
    tasks: DataFrame | None = None,
    probes: DataFrame | None = None,
) -> Tables:
    """All runs of designs that were measured, as tables to learn from.

    Args:
        runs: as `meta_table` gives them; the stored ones if absent.
        tasks: as `described` gives them; the stored ones if absent.
        probes: as `measured` gives them; the stored ones if absent.
    """
    runs = meta_table() if runs is None else runs
    if tasks is None:
        tasks = committed_runs("meta_statistics").set_index("task")
    losses = committed_runs("meta_tasks").set_index("task")["guess"]
    if probes is None:
        probes = committed_runs("meta_probes")
    runs = runs.merge(probes[KEYS], on=KEYS)
    each = {task: sizes(task) for task in runs["task"].unique()}
    own = runs.assign(
        guess=runs["task"].map(losses),
        inputs=runs["task"].map(lambda task: each[task][0]),
        outputs=runs["task"].map(lambda task: each[task][1]),
        curve=runs["val_loss"].map(_finite),
    )
    return make_tables(own, tasks, probes)


def _finite(curve: np.ndarray) -> np.ndarray:
    """A curve up to where it is no number any more."""
    wrong = np.flatnonzero(~np.isfinite(curve))
    return curve[: wrong[0]] if len(wrong) else curve


def evaluate(name: str, tables: Tables, folder: Path = SCRATCH) -> None:
    """Hold out families and tasks from a rung, and keep what is measured."""
    kind, held_out = ladder.RUNGS[name], split()["held_out_families"]
    for by in BY:
        parts = ladder.folds(tables, by, held_out)
        wide = ladder.stretches(tables, parts)
        kept = folder / by
        kept.mkdir(parents=True, exist_ok=True)
        for context, raw in ladder.forecasts(kind, tables, parts, kept):
            own = ladder.calibrated(raw, tables, wide, held_out)
            rows = ladder.measures(own, tables, raw)
            rows.insert(0, "rung", name)
            rows.insert(1, "by", by)
            rows.insert(2, "context", context)
            rows.to_csv(folder / f"{name}-{by}-{context}.csv", index=False)
            every = np.flatnonzero(np.isfinite(raw.order))
            factors = ladder.widening(raw, tables, wide, every)
            if by == "family":
                about = {"rung": name, "context": context, "factor": factors}
                table = DataFrame(about | {"apart": ladder.apart(raw, tables)})
                table.to_csv(folder / f"{name}-{context}.factors.csv", index=False)
            if by == "family" and context in (0, 1, 5):
                np.savez(folder / f"{name}-{context}.npz", **vars(own))


def orders(folder: Path = SCRATCH) -> dict[str, dict[int, np.ndarray]]:
    """In which order rungs try designs, by name and by epochs that they saw."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for name in ladder.RUNGS:
        for context in (0, 1, 5):
            path = folder / f"{name}-{context}.npz"
            if path.exists() and name in (*COMPARED, PARENT):
                with np.load(path) as kept:
                    found.setdefault(name, {})[context] = kept["order"]
    return {name: own if name == PARENT else {0: own[0]} for name, own in found.items()}


def join(tables: Tables, folder: Path = SCRATCH, results: Path = RESULTS) -> None:
    """Write the tables of the book: measures, rivals, ceiling, and some curves."""
    parts = [pd.read_csv(path) for path in sorted(folder.glob("*.factors.csv"))]
    parts = [part for part in parts if part["rung"].iloc[0] in (PARENT, SHORT)]
    _write(pd.concat(parts, ignore_index=True), results / "ladder_factors.csv")
    files = [f for by in BY for f in sorted(folder.glob(f"*-{by}-?.csv"))]
    parts = [pd.read_csv(path) for path in files]
    by = ["rung", "by", "context", "family", "task", "arm"]
    every = pd.concat(parts, ignore_index=True).drop(columns="budget")
    _write(every.groupby(by, sort=False).mean().reset_index(), results / "ladder.csv")
    found = ladder.rivals(tables, orders(folder))
    by = ["rival", "epochs", "family", "task"]
    lost = ["regret", "points", "speed_points"]
    own = found.groupby(by, sort=False)[lost].mean().reset_index()
    _write(own, results / "ladder_rivals.csv")
    ceiling = ladder.ceiling(tables).groupby(["family", "task"])
    ranks = ceiling[["rank_end", "rank_speed"]].mean().reset_index()
    _write(ranks, results / "ladder_ceiling.csv")
    _write(curves(tables, folder), results / "ladder_curves.csv")


def curves(tables: Tables, folder: Path = SCRATCH) -> DataFrame:
    """Forecast curves of the parent's first design and two controls, and the runs."""
    found = []
    for context in (0, 1):
        with np.load(folder / f"{PARENT}-{context}.npz") as kept:
            own = Forecast(*(kept[n] for n in ("quantiles", "diverges", "order")))
        for key, rows in tables.pools.items():
            if key[-1] == "fixed":
                first = {"first": rows[own.order[rows].argmax()]}
                more = tables.pools.get((*key[:2], "control"), rows[:0])
                names = tables.designs["design"].iloc[more].tolist()
                first |= {n: more[names.index(n)] for n in SHOWN if n in names}
                for name, row in first.items():
                    found.append(_curve(tables, own, row, name, context))
    return pd.concat(found, ignore_index=True)


def _curve(
    tables: Tables, own: Forecast, row: int, name: str, context: int
) -> DataFrame:
    about = tables.designs.iloc[row]
    low, high = (int(np.abs(ladder.QUANTILES - q).argmin()) for q in (0.1, 0.9))
    quantiles = own.quantiles[row]
    return DataFrame(
        {
            **{n: about[n] for n in ("task", "family", "budget")},
            "which": name,
            "context": context,
            "epoch": 1 + np.arange(tables.epochs),
            "low": quantiles[:, low],
            "median": own.median[row],
            "high": quantiles[:, high],
            "level": tables.level[row],
        }
    )


def _write(table: DataFrame, path: Path) -> None:
    text = table.to_csv(index=False, float_format="%.4g", lineterminator="\n")
    replace_text(path, text)


def main(given: Sequence[str] | None = None) -> None:
    """Do what the docstring of the module says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("probes", "evaluate", "join", "ship"))
    parser.add_argument("rungs", nargs="*")
    arguments = parser.parse_args(given)
    torch.set_num_threads(1)
    if arguments.what == "probes":
        runs = meta_table()
        tasks = described(sorted(runs["task"].unique()))
        _write(tasks.reset_index(), RESULTS / "meta_statistics.csv")
        known = committed_runs("meta_probes")
        known = known if KEYS[1] in known else known[:0]
        _write(measured(runs, known), RESULTS / "meta_probes.csv")
    elif arguments.what == "evaluate":
        tables = read_tables()
        for name in arguments.rungs or ladder.RUNGS:
            evaluate(name, tables)
    elif arguments.what == "join":
        join(read_tables())
    else:
        from vsrnn.forecast.choose import ship

        names = ("ladder", "ladder_rivals", "ladder_factors")
        ship(read_tables(), *map(committed_runs, names))


if __name__ == "__main__":
    main()
