"""Many results in one file of gzipped JSON, a result a line: what is committed."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vsrnn.errors import VsrnnError
from vsrnn.files import replace_bytes
from vsrnn.runs.rows import row

if TYPE_CHECKING:
    from vsrnn.runs.run import Result

PACK = "runs.jsonl.gz"
"""The file's name, in the folder of a store."""
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, EOFError, zlib.error)
"""What :func:`parse` raises for something that is no result, or a broken pack."""


def read_pack(path: Path) -> Mapping[str, Result]:
    """Read all results of a pack, by id; they are kept, so nothing may change them.

    Raises:
        VsrnnError: the file is damaged.
    """
    return _read_pack(path, path.stat().st_mtime_ns, path.stat().st_size)


@lru_cache(maxsize=4)
def _read_pack(path: Path, changed: int, size: int) -> Mapping[str, Result]:
    results: dict[str, Result] = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                result = parse(line)
                results[result["id"]] = result
        if not results:
            raise EOFError  # an empty file is no error for gzip
    except (*DAMAGE, gzip.BadGzipFile) as problem:
        raise VsrnnError(
            f"{path} is damaged after {len(results)} results; get it again from where "
            "it came, with git for instance"
        ) from problem
    return MappingProxyType(results)


def write_pack(path: Path, results: Iterable[Result]) -> None:
    """Write results in order of their ids: equal results give equal bytes."""
    content = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=content, mtime=0) as file:
        for result in sorted(results, key=lambda one: one["id"]):
            line = json.dumps(result, separators=(",", ":"))
            file.write(f"{line}\n".encode())
    replace_bytes(path, content.getvalue())


def parse(text: str) -> Result:
    """Read a result from its JSON; raises one of ``DAMAGE`` where it is none."""
    result: Result = json.loads(text)
    row(result)  # which needs all of its parts
    return result


def thin(result: Result, points: int) -> Result:
    """Keep at most so many epochs of a curve, evenly spaced, both ends included.

    >>> result = {"curve": [{"epoch": n} for n in range(1, 12)]}
    >>> [point["epoch"] for point in thin(result, 3)["curve"]]
    [1, 6, 11]
    """
    curve: list[Any] = result["curve"]
    last = len(curve) - 1
    kept = [round(n * last / (points - 1)) for n in range(points)]
    return result | {"curve": [curve[n] for n in kept]} if last >= points else result
