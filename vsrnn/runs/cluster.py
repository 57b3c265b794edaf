"""Workers on other machines: joblib's calls go to those of a dask scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

from vsrnn.errors import VsrnnError, needs

PATIENCE = 30  # seconds for a scheduler to answer, and to have a worker


@contextmanager
def dask_workers(scheduler: str) -> Iterator[None]:
    """Send the calls that joblib makes in a ``with`` block to dask's workers.

    Args:
        scheduler: its address, such as ``tcp://node7:8786``.

    Raises:
        VsrnnError: when the extra ``cluster`` is not installed, the scheduler does not
            answer or goes away, it has no workers, or a run killed several of them.
    """
    with needs("cluster"):
        from distributed import Client, KilledWorker
        from distributed.comm import get_address_host_port
        from joblib import parallel_config
        from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):
        """joblib would run everything here if there were one worker only."""

        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(2, super().effective_n_jobs(n_jobs))

    try:
        get_address_host_port(scheduler)
        client = Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise VsrnnError(
            f"no dask scheduler answers at {scheduler}; start one with "
            "`dask scheduler`, and give the address that it prints"
        ) from problem
    backend = Backend(client=client, wait_for_workers_timeout=PATIENCE)
    try:
        with client, parallel_config(backend):
            yield
    except TimeoutError as problem:
        raise VsrnnError(
            f"the dask scheduler at {scheduler} has no workers; start some with "
            f"`dask worker {scheduler} --nthreads 1`"
        ) from problem
    except CancelledError as problem:
        raise VsrnnError(
            f"the dask scheduler at {scheduler} went away; finished runs are stored: "
            "start it again, and give the same command"
        ) from problem
    except KilledWorker as problem:
        raise VsrnnError(
            "several workers died over the same run, perhaps for want of memory; "
            "finished runs are stored: start fewer workers a machine, and give the "
            "same command"
        ) from problem
