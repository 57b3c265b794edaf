"""Many runs into one store: in parallel, resumable, never one twice."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from vsrnn.errors import VsrnnError, needs
from vsrnn.runs.batching import group_runs, memory_estimate
from vsrnn.runs.config import Config
from vsrnn.runs.rows import table
from vsrnn.runs.run import Result, task_of
from vsrnn.runs.store import Store
from vsrnn.runs.worker import FAILED, train_free
from vsrnn.tasks import task_class
from vsrnn.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd

# Four, eight and sixteen designs at once are 1.6, 1.9 and 2 times as fast as one by one
# for random ones of 50,000 weights on Random Anomaly, and 1.3, 1.2 and 1.3 times for
# those of 10,000 on Hammer.
PER_PASS, MEMORY = 4, 8.0


@dataclass(frozen=True)
class Workers:
    """Who trains, as :func:`sweep` describes it."""

    jobs: int | None = None
    per_pass: int = PER_PASS
    memory: float = MEMORY
    device: str = "cpu"
    scheduler: str | None = None
    masks: bool = False

    @needs("experiments")
    def processes(self) -> int:
        """How many train on this machine."""
        from joblib import cpu_count

        jobs: int = self.jobs or (1 if self.device == "cuda" else cpu_count())
        return jobs


def sweep(
    configs: Iterable[Config],
    store: Store,
    *,
    jobs: int | None = None,
    per_pass: int = PER_PASS,
    memory: float = MEMORY,
    device: str = "cpu",
    scheduler: str | None = None,
    masks: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    """Run every config the store does not have yet, and return the table of all.

    Each worker process uses one thread, stores every result as it comes, and keeps in
    the store's folder ``checkpoints`` what it trains: a sweep can be stopped at any
    moment, and goes on from the last epoch, or the one of five seconds before. Sweeps
    that run at once on one store share the work. A run that fails is stored with its
    reason in the column ``error``, as one that diverges is; neither is run again. Want
    of memory or space is no result of a design: it ends the sweep.

    Args:
        configs: what to run; equal ones run once.
        store: where the results are, and go.
        jobs: worker processes; if absent the number of processors, or one on cuda.
        per_pass: designs a worker trains at once, at most, see
            :func:`vsrnn.run_many`; all their results come at the end.
        memory: GiB that these may take, as :func:`vsrnn.memory_estimate` estimates
            it; of large designs fewer are trained at once.
        device: ``"cpu"`` or ``"cuda"``.
        scheduler: address of a dask scheduler whose workers are used instead. They
            need this package, and the store on a file system they share.
        masks: keep the final masks of what is trained now, in the folder ``masks`` of
            the store, see :func:`vsrnn.run_many`.
        progress: show a bar on standard error.

    Returns:
        One row a run, as :meth:`vsrnn.Store.collect` gives them.

    Raises:
        VsrnnError: a config is bad, the store has damaged results or some of other
            data, or cannot be written, a scheduler does not answer, or workers were
            killed or lack memory; runs that ended before stay in the store.
    """
    unique = {config.id: config for config in configs}
    workers = Workers(jobs, per_pass, memory, device, scheduler, masks)
    fill(unique.values(), store, workers, progress)
    return table(stored_results(unique.values(), store))


def stored_results(configs: Iterable[Config], store: Store) -> list[Result]:
    """The results of configs that are done, in their order.

    Raises:
        VsrnnError: some are not in the store.
    """
    found = [store.get(config) for config in configs]
    results = [result for result in found if result]
    if gone := len(found) - len(results):
        raise VsrnnError(
            f"{gone} of {len(found)} runs are no longer in {store.folder}: something "
            "removed them meanwhile; run the same again"
        )
    return results


def fill(
    configs: Iterable[Config], store: Store, workers: Workers, progress: bool = True
) -> dict[str, str]:
    """Do what :func:`sweep` does and say, by id, where each result comes from.

    That is ``"found"`` for what the store had, ``"new"`` for what was trained now, and
    ``"elsewhere"`` for what another process trained meanwhile.
    """
    unique = {config.id: config for config in configs}
    origin = dict.fromkeys(_stored(unique.values(), store), "found")
    todo = [config for id, config in unique.items() if id not in origin]
    if not todo:
        return origin
    how: Any = {"desc": "runs", "unit": "run", "disable": not progress}
    with tqdm(total=len(unique), initial=len(origin), **how) as bar:
        # first what is free, then one by one what other processes had taken
        for wait in (False, True):
            left = [config for config in todo if config.id not in origin]
            groups = (
                [[config] for config in left] if wait else _groups(left, store, workers)
            )
            for done in _pool(groups, store, wait, workers):
                for id, result in done.items():
                    if result and not (store.folder / f"{id}.json").exists():
                        store.put(result)  # the worker's file is not seen here
                    origin[id] = "new" if result else "elsewhere"
                bar.update(len(done))
    return origin


def forget_failed(configs: Iterable[Config], store: Store) -> None:
    """Remove the results of failed runs, so that a sweep runs them again."""
    for config in configs:
        result = store.get(config)
        if result and (result["error"] or "").startswith(FAILED):
            store.remove(config)


def _stored(configs: Iterable[Config], store: Store) -> list[str]:
    """Ids of the runs that the store has; data are made here and now, to compare.

    Raises:
        VsrnnError: a result was trained otherwise than its task says now, or the data
            cannot be had and there is something to train.
    """
    groups: dict[str, list[Config]] = {}
    for config in configs:
        data = config.task, config.scale, sorted(config.task_options.items())
        groups.setdefault(repr(data), []).append(config)
    stored = []
    for group in groups.values():
        done = [config for config in group if store.has(config)]
        task = None
        try:
            task = task_of(group[0])
        except VsrnnError:
            known = task_class(group[0].task).generator is not None
            if len(done) < len(group) or not known:
                raise
        for config in done:
            _check_same(config, task, store)
        stored += [config.id for config in done]
    return stored


def _check_same(config: Config, task: Task | None, store: Store) -> None:
    """Refuse a result of other files, or data, epochs or batches than the task has."""
    result = store.get(config) or {}
    data, same = result["provenance"]["data"], {}
    files = task_class(config.task).file_checksums(**config.task_options)
    for name, now in files.items():
        same[name.removesuffix("_sha256")] = data.get(name, now) == now
    if task:
        same["data"] = task.same_data(data)
        same["epochs"] = result["epochs"] == (config.epochs or task.epochs)
        same["batches"] = result["batch_size"] == task.batch_size
    if other := [what for what in same if not same[what]]:
        raise VsrnnError(
            f"the run {config.id} in {store.folder} differs in its "
            f"{' and '.join(other)} from what {config.task} has now; "
            "name another store, or let it be as it was"
        )


def _groups(
    configs: list[Config], store: Store, workers: Workers
) -> list[list[Config]]:
    """What to train side by side, near the given order: a part of it is a sample.

    What was begun together goes on together, if that is still allowed. No other group
    is so large that a process of this machine would have nothing to do.
    """
    memory = workers.memory * 2**30
    left = {config.id: config for config in configs}
    groups: list[list[Config]] = []
    for ids in store.begun():
        group = [left[id] for id in ids if id in left]
        fits = 0 < len(group) == len(set(ids)) <= max(1, workers.per_pass)
        if fits and (len(group) == 1 or memory_estimate(group) <= memory):
            groups.append(group)
            left = {id: config for id, config in left.items() if id not in ids}
    sized = [config for config in left.values() if config.design.hidden]
    share = math.ceil(len(sized) / workers.processes())
    most = max(1, min(workers.per_pass, share))
    groups += group_runs(sized, most, memory, workers.device)
    groups += [[c] for c in left.values() if not c.design.hidden]
    place = {config.id: number for number, config in enumerate(configs)}
    return sorted(groups, key=lambda group: min(place[c.id] for c in group))


def _pool(
    groups: Sequence[list[Config]], store: Store, wait: bool, workers: Workers
) -> Iterator[dict[str, Result | None]]:
    """What the workers did of each group, in the order in which they end."""
    from joblib import Parallel, delayed

    if not groups:
        return
    there = Store(store.folder.absolute())  # workers may have another current folder
    tasks = {config.task for group in groups for config in group}
    mine = {name: task_class(name) for name in tasks if name.startswith("__main__:")}
    own = wait, workers.device, workers.masks, mine, os.getpid()
    calls = (delayed(train_free)(group, there, *own) for group in groups)
    how: dict[str, Any] = {"return_as": "generator_unordered", "batch_size": 1}
    if workers.scheduler:
        from vsrnn.runs.cluster import dask_workers

        with dask_workers(workers.scheduler):
            yield from Parallel(**how, pre_dispatch="all")(calls)
        return
    jobs = min(workers.processes(), len(groups))
    try:
        yield from Parallel(jobs, **how, pre_dispatch="n_jobs")(calls)
    except BrokenProcessPool as problem:
        why, cure = "was killed, perhaps for want of memory", "again, with fewer jobs"
        if "SIGBUS" in str(problem):  # its data are mapped from files of the cache
            why, cure = "ended as a file was cut that it read", "again"
            for group in groups:
                task_of(group[0])  # looks at the files, names the one and makes it
        raise VsrnnError(
            f"a worker process {why}; finished runs are stored, and others up to their "
            f"last epochs: run the same {cure}"
        ) from problem
