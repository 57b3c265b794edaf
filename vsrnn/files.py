"""Files written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4


def replace_text(path: Path, text: str) -> None:
    """Write beside the target, then move: readers see the old file or the new one.

    A link stays one, and what is no file (a pipe, a device) is written to as it is.
    """
    replace_bytes(path, text.encode("utf-8"))


def replace_bytes(path: Path, content: bytes) -> None:
    """Write bytes as :func:`replace_text` writes text."""
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path = path.resolve()
    temporary = path.with_suffix(f".{uuid4().hex[:8]}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
