"""The same numbers on processors of different makers.

torch multiplies and solves by Intel's MKL, which uses other instructions on another
processor and so rounds otherwise, unless the environment forbids it from the start.
"""

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from subprocess import PIPE, Popen
from typing import Any, TypeVar

from vsrnn.errors import VsrnnError

T = TypeVar("T")

DETERMINISTIC = {"MKL_CBWR": "COMPATIBLE"}
"""The environment that makes MKL round the same everywhere."""


def deterministic(function: Callable[..., Iterator[T]], *args: Any) -> Iterator[T]:
    """Yield what a function yields, from a process that rounds the same everywhere.

    The function is one that a module holds; arguments and yields can be pickled.

    Raises:
        VsrnnError: the process ended early.
    """
    command = [sys.executable, "-c", f"from {__name__} import answer; answer()"]
    own = {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    env = os.environ | DETERMINISTIC | own
    with Popen(
        command, stdin=PIPE, stdout=PIPE, env=env, start_new_session=True
    ) as child:
        assert child.stdin and child.stdout
        try:
            pickle.dump((function, args), child.stdin)
            child.stdin.close()
            while (made := pickle.load(child.stdout)) is not None:  # noqa: S301, our own
                yield made
        except (EOFError, OSError, pickle.UnpicklingError) as problem:
            raise VsrnnError(
                f"the process that makes the data ended early (exit status "
                f"{child.wait()}); is there enough memory?"
            ) from problem
        finally:
            child.kill()


def answer() -> None:
    """Be such a process: write what the function yields, and None after it."""
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    function, args = pickle.load(sys.stdin.buffer)  # noqa: S301, our own
    with suppress(BrokenPipeError):  # nobody reads any longer
        for made in function(*args):
            pickle.dump(made, out)
            out.flush()
        pickle.dump(None, out)
        out.flush()
