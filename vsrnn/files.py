"""Files written whole or not at all, and committed ones that are as they were."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from platformdirs import user_cache_path

from vsrnn.errors import VsrnnError

SUMS = "SHA256SUMS"
"""A folder's list of its committed files, as ``sha256sum`` writes it."""


def cache_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """Return where data are kept: as given, else VSRNN_CACHE, else the platform's."""
    chosen = folder or os.environ.get("VSRNN_CACHE") or user_cache_path("vsrnn")
    return Path(chosen).expanduser()


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let a file be written beside the target, then move it: never half a file.

    A link stays one, and what is no file (a pipe, a device) is written to as it is.
    """
    if path.exists() and not path.is_file():
        write(path)
        return
    path = path.resolve()
    temporary = path.with_suffix(f".{uuid4().hex[:8]}.part")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_parts(path: Path) -> None:
    """Remove what processes that were killed had begun to write to a file."""
    for part in path.parent.glob(f"{path.stem}.*.part"):
        part.unlink(missing_ok=True)


def replace_bytes(path: Path, content: bytes) -> None:
    """Write bytes as :func:`replace_file` does."""
    replace_file(path, lambda part: part.write_bytes(content))


def replace_text(path: Path, text: str) -> None:
    """Write a text as :func:`replace_file` does."""
    replace_bytes(path, text.encode())


def read_committed(path: Path) -> bytes:
    """Read a file that has to be as the list of its folder, or of the one above, says.

    Raises:
        VsrnnError: it cannot be read, or is another than is listed.
    """
    try:
        content = path.read_bytes()
        for folder in list(path.parents)[:2]:
            listed = folder / SUMS
            lines = (
                listed.read_text("utf-8", "replace").split("\n")
                if listed.is_file()
                else []
            )
            name = path.relative_to(folder).as_posix()
            if any(line[66:] == name and line[:64] != _sum(content) for line in lines):
                raise VsrnnError(
                    f"{path} is damaged: it is not the file that {listed} lists; get "
                    "it again from where it came, with git for instance, or, if it was "
                    "made anew, call `make sums`"
                )
    except OSError as problem:
        raise VsrnnError(f"cannot read {path} ({problem.strerror})") from problem
    return content


def write_sums(folder: Path) -> None:
    """List the files of a folder, and packs of its folders, for `read_committed`."""
    kept = [*folder.glob("*.*"), *folder.glob("*/*.gz")]
    paths = sorted(path for path in kept if path.suffix != ".md")
    names = [(path, path.relative_to(folder).as_posix()) for path in paths]
    lines = [f"{_sum(path.read_bytes())}  {name}\n" for path, name in names]
    replace_text(folder / SUMS, "".join(lines))


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
