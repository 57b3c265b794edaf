"""Data are made in a process of its own, which rounds the same everywhere."""

import os
import signal
import time

import pytest

from vsrnn.errors import VsrnnError
from vsrnn.tasks._deterministic import deterministic


def count(last):
    print("not in the way")
    for n in range(last):
        yield n, os.environ["MKL_CBWR"], os.getpid()


def killed():
    yield os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)


def broken():
    yield from ()
    raise MemoryError


def endless():
    while True:
        yield os.getpid()


def test_another_process_yields_what_the_function_yields():
    made = list(deterministic(count, 3))
    assert [n for n, _, _ in made] == [0, 1, 2]
    assert {rounding for _, rounding, _ in made} == {"COMPATIBLE"}
    assert os.getpid() not in {process for _, _, process in made}


def test_a_process_that_ends_early_is_said():
    for function, status in [(killed, -9), (broken, 1)]:
        with pytest.raises(
            VsrnnError, match=rf"exit status {status}\); is there enough"
        ):
            list(deterministic(function))


def test_no_process_outlives_its_use():
    made = deterministic(endless)
    process = next(made)
    made.close()
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(process, 0)
            time.sleep(0.05)
