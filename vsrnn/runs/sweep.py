"""Many runs into one store: in parallel, resumable, never one twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from vsrnn.errors import VsrnnError, describe_error
from vsrnn.runs.batching import group_runs
from vsrnn.runs.config import Config
from vsrnn.runs.provenance import provenance
from vsrnn.runs.rows import table
from vsrnn.runs.run import Result, build_model, result_of, run_many
from vsrnn.runs.store import Store
from vsrnn.tasks import get_task, task_class
from vsrnn.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd

FAILED = "failed: "
_MACHINE = (MemoryError, OSError, torch.OutOfMemoryError)
# Four, eight and sixteen designs at once are 1.6, 1.9 and 2 times as fast as one by one
# for random ones of 50,000 weights on Random Anomaly, and 1.3, 1.2 and 1.3 times for
# those of 10,000 on Hammer; whoever stops a sweep loses as many runs a worker.
PER_PASS, MEMORY = 4, 8.0


@dataclass(frozen=True)
class Workers:
    """Who trains, as :func:`sweep` describes it."""

    jobs: int | None = None
    per_pass: int = PER_PASS
    memory: float = MEMORY
    device: str = "cpu"
    scheduler: str | None = None


def sweep(
    configs: Iterable[Config],
    store: Store,
    *,
    jobs: int | None = None,
    per_pass: int = PER_PASS,
    memory: float = MEMORY,
    device: str = "cpu",
    scheduler: str | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Run every config the store does not have yet, and return the table of all.

    Each worker process uses one thread, and stores every result as it comes: a sweep
    can be stopped at any moment, and goes on from there. Sweeps that run at once on
    one store share the work. A run that fails is stored with its reason in the column
    ``error``, as one that diverges is; neither is run again. Want of memory or space
    is no result of a design: it ends the sweep.

    Args:
        configs: what to run; equal ones run once.
        store: where the results are, and go.
        jobs: worker processes; if absent the number of processors, or one on cuda.
        per_pass: designs a worker trains at once, at most, see
            :func:`vsrnn.run_many`; their results come together, at the end.
        memory: GiB that such a pass may take, as :func:`vsrnn.memory_estimate`
            estimates it; large designs are trained fewer at once.
        device: ``"cpu"`` or ``"cuda"``.
        scheduler: address of a dask scheduler whose workers are used instead. They
            need this package, and the store on a file system they share.
        progress: show a bar on standard error.

    Returns:
        One row a run, as :meth:`vsrnn.Store.collect` gives them.

    Raises:
        VsrnnError: for a bad config, a damaged result, a store that has results of
            other data or cannot be written, a scheduler that does not answer, workers
            that were killed or lack memory; runs that ended before stay in the store.
    """
    unique = {config.id: config for config in configs}
    workers = Workers(jobs, per_pass, memory, device, scheduler)
    fill(unique.values(), store, workers, progress)
    done = [store.get(config) for config in unique.values()]
    return table([result for result in done if result])


def fill(
    configs: Iterable[Config], store: Store, workers: Workers, progress: bool = True
) -> dict[str, str]:
    """Do what :func:`sweep` does and say, by id, where each result comes from.

    Returns:
        ``"found"`` for what the store had, ``"new"`` for what was trained now, and
        ``"elsewhere"`` for what another process trained meanwhile.
    """
    unique = {config.id: config for config in configs}
    origin = dict.fromkeys(_found(unique.values(), store), "found")
    todo = [config for id, config in unique.items() if id not in origin]
    if not todo:
        return origin
    store.check()
    _prepare(todo, [unique[id] for id in origin], store)
    bar = tqdm(
        total=len(unique),
        initial=len(origin),
        desc="runs",
        unit="run",
        disable=not progress,
    )
    with bar:
        # first what is free, then one by one what other processes had taken
        for wait in (False, True):
            left = [config for config in todo if config.id not in origin]
            groups = [[config] for config in left] if wait else _groups(left, workers)
            for done in _pool(groups, store, wait, workers):
                for id, result in done.items():
                    _keep(result, store)
                    origin[id] = "new" if result else "elsewhere"
                bar.update(len(done))
    return origin


def _found(configs: Iterable[Config], store: Store) -> Iterator[str]:
    """The ids of the configs whose results the store has.

    Raises:
        VsrnnError: when one is of data from another file of the same name, or was
            trained otherwise than its task says now; where no version tells whether
            data are the same, they are made for that.
    """
    made: dict[tuple[str, ...], Task] = {}
    for config in configs:
        result = store.get(config)
        if result is None:
            continue
        _check_files(config, result["provenance"]["data"], store)
        if task_class(config.task).generator is None:
            data = _data_of(config)
            made[data] = made.get(data) or _task(config)
            _check_same(config, made[data], result, store)
        yield config.id


def _check_same(config: Config, task: Task, result: Result, store: Store) -> None:
    """Refuse a result of other data, epochs or batches than the task has now."""
    same = {
        "data": task.same_data(result["provenance"]["data"]),
        "epochs": result["epochs"] == (config.epochs or task.epochs),
        "batches": result["batch_size"] == task.batch_size,
    }
    if other := [what for what in same if not same[what]]:
        raise VsrnnError(
            f"the run {config.id} in {store.folder} is of other "
            f"{' and '.join(other)} than {config.task} has now; "
            "name another store, or let it be as it was"
        )


def _check_files(config: Config, then: dict[str, Any], store: Store) -> None:
    """Refuse a result of data that were made from another file of the same name."""
    now = task_class(config.task).file_checksums(**config.task_options)
    if other := [name for name in now if then.get(name, now[name]) != now[name]]:
        raise VsrnnError(
            f"the run {config.id} in {store.folder} is of another "
            f"{other[0].removesuffix('_sha256')} than the file is now; "
            "name another store, or the file otherwise"
        )


def forget_failed(configs: Iterable[Config], store: Store) -> None:
    """Remove the results of failed runs, so that a sweep runs them again."""
    for config in configs:
        result = store.get(config)
        if result and (result["error"] or "").startswith(FAILED):
            store.remove(config)


def _prepare(todo: list[Config], found: list[Config], store: Store) -> None:
    """Make each task's data once, here, with its progress bar, before workers start.

    Raises:
        VsrnnError: when what the store has was trained otherwise.
    """
    for data, config in {_data_of(config): config for config in todo}.items():
        task = _task(config)
        for other in found if task.generator else []:  # else compared when found
            if _data_of(other) == data and (result := store.get(other)):
                _check_same(other, task, result, store)


def _data_of(config: Config) -> tuple[str, ...]:
    """What decides the data of a run."""
    return config.task, config.scale, repr(sorted(config.task_options.items()))


def _task(config: Config) -> Task:
    return get_task(config.task, config.scale, **config.task_options)


def _groups(configs: list[Config], workers: Workers) -> list[list[Config]]:
    """What to train in one pass, near the given order: a part of it is a sample.

    No group is larger than leaves every process of this machine something to do.
    """
    place = {config.id: number for number, config in enumerate(configs)}
    sized = [config for config in configs if config.design.hidden]
    share = math.ceil(len(sized) / _processes(workers))
    most = max(1, min(workers.per_pass, share))
    groups = group_runs(sized, most, workers.memory * 2**30, workers.device)
    groups += [[c] for c in configs if not c.design.hidden]
    return sorted(groups, key=lambda group: min(place[c.id] for c in group))


def _processes(workers: Workers) -> int:
    from joblib import cpu_count

    jobs: int = workers.jobs or (1 if workers.device == "cuda" else cpu_count())
    return jobs


def _keep(result: Result | None, store: Store) -> None:
    """Store a result that a worker stored where this process does not see it."""
    if result and not (store.folder / f"{result['id']}.json").exists():
        store.put(result)


def _pool(
    groups: list[list[Config]], store: Store, wait: bool, workers: Workers
) -> Iterator[dict[str, Result | None]]:
    """What the workers did of each group, in the order in which they end."""
    from joblib import Parallel, delayed

    if not groups:
        return
    there = Store(store.folder.absolute())  # workers may have another current folder
    calls = (delayed(_work)(group, there, wait, workers.device) for group in groups)
    how: dict[str, Any] = {"return_as": "generator_unordered", "batch_size": 1}
    if workers.scheduler:
        from vsrnn.runs.cluster import dask_workers

        with dask_workers(workers.scheduler):
            yield from Parallel(**how, pre_dispatch="all")(calls)
        return
    jobs = min(_processes(workers), len(groups))
    try:
        yield from Parallel(jobs, **how, pre_dispatch="n_jobs")(calls)
    except BrokenProcessPool as problem:
        raise VsrnnError(
            "a worker process was killed, perhaps for want of memory; finished runs "
            "are stored: run the same again, with fewer jobs"
        ) from problem


def _work(
    configs: Sequence[Config], store: Store, wait: bool, device: str
) -> dict[str, Result | None]:
    """Train and store what is free of a group, in a worker.

    Returns:
        By id the result of what was trained here, and None where another process had
        stored it; nothing for what another process has taken and not finished.
    """
    with ExitStack() as claims:
        free = [c for c in configs if claims.enter_context(store.claim(c, wait=wait))]
        done: dict[str, Result | None] = {c.id: None for c in configs if store.has(c)}
        for result in _attempt(free, device):
            store.put(result)
            done[result["id"]] = result
    return done


def _attempt(configs: list[Config], device: str) -> Iterator[Result]:
    """Train a group; if that fails, each by itself, to record those that fail."""
    results = []
    if configs:
        try:
            results = run_many(configs, device=device)
        except Exception as problem:  # whatever it is, it belongs into the record
            if len(configs) == 1:
                results = [_failure(configs[0], problem)]
    yield from results
    if not results:
        for config in configs:
            yield from _attempt([config], device)


def _failure(config: Config, problem: Exception) -> Result:
    """The result of a run that failed, in the form of :func:`vsrnn.run`.

    Raises:
        VsrnnError: when it is not the design that is at fault.
    """
    text = describe_error(problem)
    if isinstance(problem, _MACHINE) or "DefaultCPUAllocator" in text:
        raise VsrnnError(
            f"{config.design.name} could not be trained on this machine "
            f"({text}); finished runs are stored: free memory or space, or use "
            "fewer jobs, and run the same again"
        ) from problem
    task = _task(config)
    if isinstance(problem, VsrnnError):
        text = str(problem)
        if _can_be_built(config, task):
            raise problem
    failed = result_of(config, task, provenance(task, threads=1))
    return failed | {"error": FAILED + text}


def _can_be_built(config: Config, task: Task) -> bool:
    try:
        build_model(config, task.inputs, task.outputs, task.symbols)
    except VsrnnError:
        return False
    return True
