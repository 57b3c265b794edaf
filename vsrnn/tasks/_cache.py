"""Tensors kept on disk, in a file named by everything that made them."""

import hashlib
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vsrnn.errors import VsrnnError, refusal
from vsrnn.files import cache_folder

Tensors = dict[str, Tensor]


def take(kept: Tensor, rows: slice | Tensor) -> Tensor:
    """Return these rows of a tensor.

    ``index_select`` copies rows whole, where indexing goes byte by byte: a tenth of a
    training step of the smaller designs.
    """
    return kept[rows] if isinstance(rows, slice) else kept.index_select(0, rows)


def cached(
    name: str,
    identity: dict[str, Any],
    build: Callable[[], Tensors],
    folder: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Tensors, str]:
    """Return tensors from the cache, building them only if they are not there.

    A damaged file is built again. Of several processes that start at once, one
    builds and the others wait for it. In workers loaded tensors are mapped from the
    file, so they share their memory. A program itself holds copies: where somebody cuts
    a mapped file, the system ends what reads it without a word.

    Args:
        name: start of the file's name.
        identity: everything that decides the tensors, as JSON values.
        build: makes the tensors.
        folder: where to keep the file; see `cache_folder`.
        environment: variables to be set before torch is loaded, hence in a process of
            its own, where the tensors are built.

    Returns:
        The tensors by name, and the sha256 of their contents.

    Raises:
        VsrnnError: they cannot be kept there, or that process ended early.
    """
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    path = cache_folder(folder) / f"{name}-{key[:16]}.safetensors"
    if found := _load(path):
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if found := _load(path):
                return found
            if path.exists():
                print(f"vsrnn: {path} is damaged; making it again", file=sys.stderr)
            _apart(environment, build, path) if environment else _write(build, path)
        if found := _load(path):
            return found
        raise OSError("the file does not read back as it was written")
    except (OSError, NotImplementedError, SafetensorError) as problem:
        refused = problem if isinstance(problem, OSError) else OSError(str(problem))
        other = "set VSRNN_CACHE to a folder that can be written and has room"
        raise VsrnnError(
            f"cannot keep data in {path.parent} {refusal(refused, other)}"
        ) from problem


def checksum(arrays: Mapping[str, Tensor | np.ndarray]) -> str:
    """Return the sha256 of the names and contents of arrays, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _load(path: Path) -> tuple[Tensors, str] | None:
    """What a file holds and its checksum, or None if absent or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
            if multiprocessing.parent_process() is None:
                tensors = {name: each.clone() for name, each in tensors.items()}
            expected = (file.metadata() or {}).get("sha256")
    except PermissionError as problem:
        raise VsrnnError(
            f"cannot read {path} ({problem.strerror}); ask its owner to let others "
            "read it, or set VSRNN_CACHE to a folder of your own"
        ) from problem
    except (OSError, SafetensorError):
        return None
    return (tensors, expected) if checksum(tensors) == expected else None


def _write(build: Callable[[], Tensors], path: Path) -> None:
    """Build, write to a temporary file, and put that in place."""
    tensors, part = build(), path.with_suffix(".part")
    part.unlink(missing_ok=True)  # of a process that was killed, perhaps another user's
    try:
        save_file(tensors, part, metadata={"sha256": checksum(tensors)})
        part.chmod(0o644)  # other users may share it
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _apart(
    environment: Mapping[str, str], build: Callable[[], Tensors], path: Path
) -> None:
    """Do that in a process of its own, also where daemons may have no children."""
    child = subprocess.run(
        [sys.executable, "-P", "-c", f"from {__name__} import answer; answer()"],
        input=pickle.dumps((build, path)),
        stdout=subprocess.PIPE,
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if child.returncode:
        raise VsrnnError(
            f"the process that makes the data ended early (exit status "
            f"{child.returncode}); is there enough memory?"
        )
    if problem := pickle.loads(child.stdout):  # noqa: S301, our own
        raise problem


def answer() -> None:
    """Be such a process: write the data, and give back what went wrong."""
    out, sys.stdout, problem = sys.stdout.buffer, sys.stderr, None
    build, path = pickle.load(sys.stdin.buffer)  # noqa: S301, our own
    try:
        _write(build, path)
    except Exception as found:
        problem = found
    pickle.dump(problem, out)
