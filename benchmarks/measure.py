"""Measures a group of cases in turns, each case in processes of its own.

This module and the plan import no torch: a process starts with what its parent has
in memory, and the memory of a case is to be its own.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.plan import Case

Row = dict[str, Any]
Workers = list[Executor]


def fresh_process() -> Executor:
    """One process that has the libraries loaded and nothing else.

    Where that is safe they are loaded once for all, which saves seconds a process.
    """
    if sys.platform != "linux":
        return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["benchmarks.worker", "vsrnn.tasks.rad"])
    return ProcessPoolExecutor(1, mp_context=forks)


def measure(
    cases: list[Case],
    turns: int,
    seconds: float,
    peer: Path | None = None,
    start: Callable[[], Executor] = fresh_process,
) -> list[Row]:
    """Time every case of a group, one after another, again and again.

    Slow minutes of the machine so fall on all cases alike. Odd turns go through the
    cases backwards.

    Args:
        cases: what to compare; one of them is the product of two matrices.
        turns: how often each case has its turn, 2 or more.
        seconds: how long a turn lasts at least.
        peer: the checkout of the authors' code, where a case runs it.
        start: gives a worker.

    Returns:
        A row for the table for each case but the product.
    """
    with ExitStack() as stack:
        workers = [
            [stack.enter_context(start()) for _ in range(case.processes)]
            for case in cases
        ]
        started = [
            [ask(one, "prepare", case, share, peer) for share, one in enumerate(own)]
            for case, own in zip(cases, workers, strict=True)
        ]
        facts = [[future.result() for future in futures] for futures in started]
        times: list[list[float]] = [[] for _ in cases]
        for turn in range(turns):
            order = range(len(cases))
            for place in reversed(order) if turn % 2 else order:
                times[place].append(_turn(workers[place], seconds))
        memory = [[ask(one, "memory").result() for one in own] for own in workers]
    rows = [
        _row(*measured) for measured in zip(cases, facts, times, memory, strict=True)
    ]
    (rate,) = (row["product_gflops"] for row in rows if row["kind"] == "product")
    found = [row for row in rows if row["kind"] != "product"]
    return [row | {"product_gflops": rate} for row in found]


def ask(worker: Executor, name: str, *given: Any) -> Future[Any]:
    """Have a worker call a function of `benchmarks.worker`."""
    return worker.submit(_call, name, *given)


def _call(name: str, *given: Any) -> Any:
    """Import it only in the worker."""
    from benchmarks import worker

    return getattr(worker, name)(*given)


def _turn(workers: Workers, seconds: float) -> float:
    """Seconds for one sequence while all processes of a case work at once."""
    futures = [ask(one, "turn", seconds) for one in workers]
    return 1 / sum(1 / future.result() for future in futures)


def _row(
    case: Case,
    facts: list[Row],
    times: list[float],
    memory: list[tuple[float, float]],
) -> Row:
    """A row of the table: the case, what it trained, times, memory, machine."""
    row = asdict(case)
    for name in ("density", "weights", "hidden"):
        del row[name]
    quartiles = statistics.quantiles([1e3 * t for t in times], n=4, method="inclusive")
    low, median, high = (float(f"{ms:.6g}") for ms in quartiles)
    shared = facts[0]
    for name in ("hidden", "weights", "dense_mflop", "weights_mflop"):
        shared[name] = round(statistics.fmean(one[name] for one in facts), 4)
    return {
        **row,
        "density": max(case.density, default=""),
        **{name: shared.pop(name) for name in ("hidden", "weights")},
        "turns": len(times),
        "ms": median,
        "ms_low": low,
        "ms_high": high,
        **{name: shared.pop(name) for name in ("dense_mflop", "weights_mflop")},
        "product_gflops": round(shared.pop("product_flop") / median / 1e6, 2),
        "memory_mib": round(sum(most for most, _ in memory), 1),
        "memory_before_mib": round(sum(before for _, before in memory), 1),
        **shared,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
