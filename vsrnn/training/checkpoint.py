"""A run in progress, kept in a file so that it can go on when its process ended."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from vsrnn.errors import VsrnnError, describe_error, refusal
from vsrnn.files import remove_parts, replace_bytes

EVERY = 5.0
"""Seconds between two writes, at least: epochs can take less than a write."""


UNREADABLE = (
    pickle.PickleError,
    RuntimeError,
    AttributeError,
    TypeError,
    ValueError,
    KeyError,
    EOFError,
)
DAMAGED = "is damaged, or no checkpoint"


class Checkpoint:
    """A file that is written after epochs, whole or not at all, and read at the start.

    It holds tensors and plain values only; reading it executes nothing.

    Args:
        path: of the file, whose folder is made.
        run: what decides the run, as JSON values.
        anew: begin anew where the file is damaged or of another run, instead of
            refusing it.
    """

    def __init__(self, path: Path, run: Mapping[str, Any], anew: bool = False) -> None:
        self.path, self.run, self.anew = path.expanduser(), dict(run), anew
        self.spent, self.began = 0.0, time.perf_counter()
        self.written = self.began
        self.tried = self.useless = False

    def load(self) -> dict[str, Any] | None:
        """What was kept last, or None if nothing was.

        Raises:
            VsrnnError: the file is damaged, of another run, or cannot be read.
        """
        try:
            if not self.anew:  # what cannot be written should be said now
                self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_parts(self.path)
            head, _, content = self.path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise VsrnnError(
                f"cannot keep a checkpoint {refusal(problem, 'name another file')}"
            ) from problem
        wrong = self._wrong(head, content)
        try:
            if not wrong:
                state = _read(content)
                self.spent = float(state.pop("spent"))
                return state
        except UNREADABLE:
            wrong = DAMAGED
        if not self.anew:
            raise VsrnnError(
                f"{self.path} {wrong}; name another file, or delete it to begin anew"
            )
        print(f"vsrnn: {self.path} {wrong}; beginning anew", file=sys.stderr)
        return None

    def save(self, make: Callable[[], dict[str, Any]]) -> None:
        """Keep a state, unless one was kept just now.

        A file that cannot be written is no reason to end a run.

        Raises:
            VsrnnError: there are values in it that no checkpoint can hold.
        """
        now = time.perf_counter()
        if now - self.written < EVERY or self.useless:
            return
        buffer = io.BytesIO()
        try:
            torch.save(make() | {"spent": self.spent + now - self.began}, buffer)
            if not self.tried:
                _read(buffer.getvalue())
        except UNREADABLE as problem:
            if not self.anew:
                raise VsrnnError(
                    "a checkpoint holds tensors and plain values only, and the "
                    "optimizer, schedule or method has others in its state "
                    f"({describe_error(problem)[:200]}); train without one"
                ) from problem
            self.useless = True
            return
        self.tried, content = True, buffer.getvalue()
        head = json.dumps({"sha256": _sum(content), "run": self.run}).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(self.path, head + b"\n" + content)
        except OSError as problem:
            print(
                f"vsrnn: cannot keep a checkpoint "
                f"{refusal(problem, 'else a run that is stopped begins anew')}",
                file=sys.stderr,
            )
        self.written = time.perf_counter()

    def _wrong(self, head: bytes, content: bytes) -> str:
        """Why a file cannot be gone on from, if so."""
        known = read_head(head)
        if known is None or known["sha256"] != _sum(content):
            return DAMAGED
        other = [key for key in self.run if known["run"].get(key) != self.run[key]]
        return f"is of another run (it differs in {', '.join(other)})" if other else ""


def read_head(head: bytes) -> dict[str, Any] | None:
    """The first line of a checkpoint, if it is one."""
    try:
        known = json.loads(head)
        known["run"].keys(), known["sha256"]
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return dict(known)


def clear(path: Path) -> None:
    """Remove a checkpoint, what a process that was killed left of it, and the folder.

    Where others use that, it stays.
    """
    with suppress(OSError):
        remove_parts(path)
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def _read(content: bytes) -> dict[str, Any]:
    buffer = io.BytesIO(content)
    return dict(torch.load(buffer, map_location="cpu", weights_only=True))


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
