"""Many runs into one store: in parallel, resumable, never one twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vsrnn.store import Store, table
from vsrnn.tasks import get_task
from vsrnn.training import Config, Result, run

if TYPE_CHECKING:
    import pandas as pd


def sweep(
    configs: Iterable[Config],
    store: Store,
    *,
    jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Run every config the store does not have yet, and return the table of all.

    Each worker process uses one thread. Every result is stored as it comes, so a
    stopped sweep continues where it was.

    Args:
        configs: what to run; equal ones run once.
        store: where the results are, and go.
        jobs: worker processes; the number of processors if absent.
        progress: show a bar on standard error.

    Returns:
        One row a run, as :meth:`vsrnn.Store.collect` gives them.

    Raises:
        VsrnnError: for a bad config, a damaged result or a store that cannot be
            written; runs that ended before stay in the store.
    """
    unique = {config.id: config for config in configs}
    todo = [c for c in unique.values() if store.get(c) is None]
    if todo:
        store.check()
    _prepare(todo)
    for result in _results(todo, jobs, progress):
        store.put(result)
    done = [store.get(config) for config in unique.values()]
    return table([result for result in done if result])


def _prepare(configs: list[Config]) -> None:
    """Make each task's data once, here, with its progress bar, before workers start."""
    seen = {(c.task, c.scale, repr(sorted(c.task_options.items()))): c for c in configs}
    for config in seen.values():
        get_task(config.task, config.scale, **config.task_options)


def _results(
    configs: list[Config], jobs: int | None, progress: bool
) -> Iterable[Result]:
    from joblib import Parallel, cpu_count, delayed
    from tqdm import tqdm

    workers = Parallel(
        n_jobs=min(jobs or cpu_count(), max(1, len(configs))),
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="n_jobs",
    )
    results = workers(delayed(run)(config) for config in configs)
    return tqdm(results, total=len(configs), desc="runs", disable=not progress)
