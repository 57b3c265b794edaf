"""Results as strict JSON that vouches for itself, and many of them in one gzip file."""

from __future__ import annotations

import gzip
import io
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from vsrnn.errors import VsrnnError
from vsrnn.files import replace_bytes
from vsrnn.runs.config import SCHEMA, digest, identify
from vsrnn.runs.rows import row

if TYPE_CHECKING:
    from vsrnn.runs.run import Result

PACK = "runs.jsonl.gz"
"""The file's name, in the folder of a store."""
DAMAGE = (
    *(ValueError, LookupError, TypeError, AttributeError, EOFError, RecursionError),
    zlib.error,
)
"""What :func:`parse` raises for something that is no result, or a broken pack."""
CHECK = "check"
"""What a stored result has beside its parts: the hash of all of them."""
_NONE = (type(None),)
_NUMBERS = (int, float, *_NONE)
_PARTS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("schema", "epochs", "batch_size"), (int,)),
    "id": (str,),
    **dict.fromkeys(("config", "seconds", "provenance"), (dict,)),
    "curve": (list,),
    "error": (str, *_NONE),
    **dict.fromkeys(("test", "weights"), (dict, *_NONE)),
    **dict.fromkeys(("total_weights", "parameters"), (int, *_NONE)),
    **dict.fromkeys(("score", "hidden_proportion"), _NUMBERS),
}


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
                if results.setdefault(result["id"], result) is not result:
                    raise ValueError("twice the same run")
        if not results:
            raise EOFError  # an empty file is no error for gzip
    except (*DAMAGE, OSError) as problem:
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
            line = dump(result, separators=(",", ":"))
            file.write(f"{line}\n".encode())
    replace_bytes(path, content.getvalue())


def dump(result: Result, **how: Any) -> str:
    """Write a result as strict JSON, with its hash; what is not finite is null."""
    plain = _strict(result)
    return json.dumps(plain | {CHECK: digest(plain)}, **how)


def parse(text: str) -> Result:
    """Read a result from its JSON; raises one of ``DAMAGE`` where it is none.

    One that was stored before there were hashes has to be at one with itself.
    """
    result: Result = json.loads(text)
    hashed, now = result.pop(CHECK, None), digest(result)  # of finite numbers
    if not (
        _has_parts(result) and (_agrees(result) if hashed is None else hashed == now)
    ):
        raise ValueError("no result, or another than was written")
    row(result)  # which needs all that a table shows
    return result


def _has_parts(result: Result) -> bool:
    """Whether a result has every part, each of its kind, and the id of its config."""
    if result.keys() != _PARTS.keys():
        return False
    known = [(result[name], kinds) for name, kinds in _PARTS.items()]
    measured = [result["test"] or {}, result["weights"] or {}, *result["curve"]]
    known += [(n, _NUMBERS) for part in measured for n in part.values()]
    right = all(type(value) in kinds for value, kinds in known)
    named = result["schema"] == SCHEMA and result["id"] == identify(result["config"])
    return right and named


def _agrees(result: Result) -> bool:
    """Whether numbers of a result that must be equal are."""
    score, weights = result["score"], result["weights"]
    epochs = [point["epoch"] for point in result["curve"]]
    return (
        (score is None or score in result["test"].values())
        and (weights is None or sum(weights.values()) == result["total_weights"])
        and epochs == sorted({*epochs, *[result["epochs"]] * (not result["error"])})
    )


def _strict(value: Any) -> Any:
    """Plain values, with None for each number that JSON does not have."""
    if isinstance(value, dict):
        return {key: _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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


def rounded(result: Result, digits: int) -> Result:
    """Round what was measured to so many significant digits; the config stays.

    >>> result = {"curve": [{"epoch": 1, "val_loss": 0.123456}]}
    >>> rounded(result, 3)
    {'curve': [{'epoch': 1, 'val_loss': 0.123}]}
    """
    measured = ("score", "test", "curve", "hidden_proportion")
    return {
        name: _rounded(value, digits) if name in measured else value
        for name, value in result.items()
    }


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part, digits) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part, digits) for part in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
