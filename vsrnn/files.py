"""Files written whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4


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


def replace_bytes(path: Path, content: bytes) -> None:
    """Write bytes as :func:`replace_file` does."""
    replace_file(path, lambda part: part.write_bytes(content))


def replace_text(path: Path, text: str) -> None:
    """Write a text as :func:`replace_file` does."""
    replace_bytes(path, text.encode())
