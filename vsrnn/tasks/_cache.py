"""Tensors kept on disk, in a file named by everything that made them."""

import hashlib
import json
import os
import sys
from collections.abc import Callable
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

    >>> cache_folder("somewhere").name
    'somewhere'
    """
    chosen = folder or os.environ.get("VSRNN_CACHE") or user_cache_path("vsrnn")
    return Path(chosen).expanduser()


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
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock"):
                found = _load(path) or _rebuild(path, build)
        except (OSError, SafetensorError) as problem:
            raise VsrnnError(
                f"cannot keep data in {path.parent} ({problem}); set VSRNN_CACHE to a "
                "folder that can be written and has room"
            ) from problem
    return found


def checksum(tensors: Tensors) -> str:
    """Return the sha256 of the names and contents of tensors, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().numpy())
    return digest.hexdigest()


def _load(path: Path) -> tuple[Tensors, str] | None:
    """Return what a file holds and its checksum, or None if absent or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            expected = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError):
        return None
    return (tensors, expected) if checksum(tensors) == expected else None


def _rebuild(path: Path, build: Callable[[], Tensors]) -> tuple[Tensors, str]:
    """Build, write to a temporary file, put that in place and load it."""
    if path.exists():
        print(f"vsrnn: {path} is damaged; making it again", file=sys.stderr)
    temporary = path.with_suffix(f".{os.getpid()}.part")
    try:
        tensors = build()
        save_file(tensors, temporary, metadata={"sha256": checksum(tensors)})
        del tensors
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    found = _load(path)
    if found is None:
        raise OSError(f"{path.name} does not read back as written")
    return found
