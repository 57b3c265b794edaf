"""Tensors kept on disk, in a file named by everything that made them."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vsrnn.errors import VsrnnError

Tensors = dict[str, Tensor]


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return where data is kept: the argument, else VSRNN_CACHE, else the platform's.

    Raises:
        VsrnnError: it begins with ~ and there is no such home.

    >>> cache_folder("somewhere").name
    'somewhere'
    """
    chosen = folder or os.environ.get("VSRNN_CACHE") or user_cache_path("vsrnn")
    try:
        return Path(chosen).expanduser()
    except RuntimeError as problem:
        raise VsrnnError(f"there is no home folder for {chosen}") from problem


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
) -> tuple[Tensors, str]:
    """Return tensors from the cache, building them only if they are not there.

    A damaged file is built again. Of several processes that start at once, one
    builds and the others wait for it. Loaded tensors are mapped from the file, so
    processes share their memory.

    Args:
        name: start of the file's name.
        identity: everything that decides the tensors, as JSON values.
        build: makes the tensors.
        folder: where to keep the file; see `cache_folder`.

    Returns:
        The tensors by name, and the sha256 of their contents.

    Raises:
        VsrnnError: the folder cannot be written, or its disk is full.
    """
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    path = cache_folder(folder) / f"{name}-{key[:16]}.safetensors"
    found = _load(path)
    if found is None:
        with _locked(path):
            found = _load(path) or _rebuild(path, build)
    return found


def checksum(tensors: Tensors) -> str:
    """Return the sha256 of the names and contents of tensors, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy().data)
    return digest.hexdigest()


def _load(path: Path) -> tuple[Tensors, str] | None:
    """Return what a file holds and its checksum, or None if absent or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
            expected = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError):
        return None
    return (tensors, expected) if checksum(tensors) == expected else None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from building the same file."""
    lock = FileLock(f"{path}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, NotImplementedError) as problem:
        raise _unwritable(path, problem) from problem
    try:
        yield
    finally:
        lock.release()


def _rebuild(path: Path, build: Callable[[], Tensors]) -> tuple[Tensors, str]:
    """Build, write to a temporary file, put that in place and load it."""
    if path.exists():
        print(f"vsrnn: {path} is damaged; making it again", file=sys.stderr)
    _save(build(), path)
    found = _load(path)
    if found is None:
        raise _unwritable(path, "the file does not read back as it was written")
    return found


def _save(tensors: Tensors, path: Path) -> None:
    """Write a whole file or none; the lock makes the temporary name safe."""
    temporary = path.with_suffix(".part")
    try:
        save_file(tensors, temporary, metadata={"sha256": checksum(tensors)})
        temporary.replace(path)
    except (OSError, SafetensorError) as problem:
        raise _unwritable(path, problem) from problem
    finally:
        with suppress(OSError):
            temporary.unlink()


def _unwritable(path: Path, problem: Exception | str) -> VsrnnError:
    """Return the error that names the way out."""
    reason = getattr(problem, "strerror", None) or problem
    return VsrnnError(
        f"cannot keep data in {path.parent} ({reason}); set VSRNN_CACHE to a folder "
        "that can be written and has room"
    )
