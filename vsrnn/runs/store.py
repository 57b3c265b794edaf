"""The store: one small file a run, named by the hash of its config, or all in one."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from vsrnn.errors import VsrnnError, check_int, refusal
from vsrnn.files import remove_parts, replace_text
from vsrnn.runs.config import Config
from vsrnn.runs.pack import (
    DAMAGE,
    PACK,
    dump,
    parse,
    read_pack,
    rounded,
    thin,
    write_pack,
)
from vsrnn.runs.rows import curve_table, table
from vsrnn.training.checkpoint import read_head

if TYPE_CHECKING:
    import pandas as pd

    from vsrnn.runs.run import Result

_ABSENT = (FileNotFoundError, NotADirectoryError)  # no file, or no folder


class Store:
    """A folder of results: one JSON file a run, beside a pack of finished ones.

    A run is done when its file exists: files are written to a temporary name and then
    moved, so a stopped program leaves no half result. Processes may share a store:
    each claims a run before it trains, by a lock that ends with the process. Runs that
    are being trained are kept in the folder ``checkpoints`` meanwhile. The pack,
    ``runs.jsonl.gz``, is what a finished study is committed as.

    Whatever reads raises :class:`vsrnn.VsrnnError` when a file or the pack is damaged,
    and whatever writes when the folder cannot be written.

    Args:
        folder: made on the first write.

    Example:
        >>> store = Store("runs")
        >>> len(store.collect())  # doctest: +SKIP
        75
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        if not os.fspath(folder):
            raise VsrnnError("a store needs the name of a folder, such as runs")
        self.folder = Path(folder).expanduser()
        self._pack = self.folder / PACK

    def path(self, config: Config) -> Path:
        """Where the result of a config is written."""
        return self.folder / f"{config.id}.json"

    def has(self, config: Config) -> bool:
        """Whether the result of a config is stored."""
        # the file first: what is packed meanwhile is in the pack before its file goes
        return self.path(config).exists() or config.id in self._packed()

    def get(self, config: Config) -> Result | None:
        """The stored result of a config, or None."""
        with suppress(*_ABSENT):
            return _read(self.path(config))
        return deepcopy(self._packed().get(config.id))

    def put(self, result: Result) -> Path:
        """Write a result, whole or not at all."""
        path = self.folder / f"{result['id']}.json"
        with self._writing():
            replace_text(path, dump(result, indent=1))
        return path

    def remove(self, config: Config) -> None:
        """Forget the result of a config, if it is stored."""
        with self._packing():
            self.path(config).unlink(missing_ok=True)
            packed = self._packed()
            left = [result for id, result in packed.items() if id != config.id]
            if not left:
                self._pack.unlink(missing_ok=True)
            elif len(left) < len(packed):
                write_pack(self._pack, left)

    def pack(self, points: int | None = None, digits: int | None = None) -> Path:
        """Put the results of single files into the pack, and remove the files.

        Args:
            points: of each learning curve keep at most so many epochs, evenly spaced,
                the first and the last among them.
            digits: to how many significant ones measured numbers are rounded.

        Returns:
            The pack: lines of JSON in order of id, compressed to the same bytes
            whenever the results are the same.
        """
        points = None if points is None else check_int("points", points, 2)
        digits = None if digits is None else check_int("digits", digits, 1)
        with self._packing():
            singles = self._singles()
            results = list({**self._packed(), **singles}.values())
            if points:
                results = [thin(result, points) for result in results]
            if digits:
                results = [rounded(result, digits) for result in results]
            write_pack(self._pack, results)
            for id in singles:
                (self.folder / f"{id}.json").unlink()
        return self._pack

    @contextmanager
    def claim(self, config: Config, *, wait: bool = False) -> Iterator[bool]:
        """Keep others from a run inside a ``with`` block; store its result there.

        The operating system gives a claim back when the process ends, however it does.

        Args:
            config: of the run.
            wait: until another process that has the claim is done, or dead.

        Yields:
            Whether the run is to be done here: not if another process has it, nor if
            its result is stored.
        """
        lock = FileLock(self.folder / f"{config.id}.lock")
        with self._writing(), suppress(Timeout):
            lock.acquire(timeout=-1 if wait else 0)
        try:
            yield lock.is_locked and not self.has(config)
        finally:
            # only with a result: whoever gets the removed lock sees the run is done
            if lock.is_locked and self.has(config):
                with suppress(OSError):
                    remove_parts(self.path(config))
                    Path(lock.lock_file).unlink()
            lock.release()

    def checkpoint(self, configs: Sequence[Config]) -> Path:
        """Where runs that are trained side by side are kept until they are done."""
        ids = " ".join(config.id for config in configs)
        name = hashlib.sha256(ids.encode()).hexdigest()[:16]
        return self.folder / "checkpoints" / f"{name}.pt"

    def begun(self) -> list[list[str]]:
        """The ids of runs that were begun together, and are not done, from there."""
        groups = []
        for path in sorted((self.folder / "checkpoints").glob("*.pt")):
            with suppress(OSError), path.open("rb") as file:
                ids = (read_head(file.readline()) or {"run": {}})["run"].get("configs")
                groups += [list(map(str, ids))] if isinstance(ids, list) else []
        return groups

    def results(self) -> list[Result]:
        """All stored results, in order of id."""
        if not self.folder.is_dir():
            raise VsrnnError(
                f"there is no store at {self.folder}; "
                "name another, or fill it with `vsrnn run`"
            )
        singles = self._singles()  # before the pack, see `has`
        return [result for _, result in sorted({**self._packed(), **singles}.items())]

    def collect(self) -> pd.DataFrame:
        """All runs as a table, one row a run."""
        return table(self.results())

    def curves(self) -> pd.DataFrame:
        """All learning curves as a table, one row a run and epoch."""
        return curve_table(self.results())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as problem:
            raise VsrnnError(
                f"cannot write results to {self.folder} "
                f"{refusal(problem, 'name another store')}"
            ) from problem

    @contextmanager
    def _packing(self) -> Iterator[None]:
        """Keep other processes from the pack meanwhile."""
        with self._writing(), FileLock(self.folder / f"{PACK}.lock"):
            yield

    def _singles(self) -> dict[str, Result]:
        """The results that are in files of their own, by id."""
        singles = {}
        try:
            paths = list(self.folder.iterdir())
        except OSError as problem:
            raise VsrnnError(
                f"cannot read the store {self.folder} ({problem.strerror})"
            ) from problem
        for path in paths:
            if path.suffix != ".json":
                continue
            if not path.stem.isalnum():
                _pass_over(path)
                continue
            with suppress(FileNotFoundError):
                singles[path.stem] = _read(path)
        return singles

    def _packed(self) -> Mapping[str, Result]:
        """The results in the pack, by id."""
        try:
            return read_pack(self._pack) if self._pack.exists() else {}
        except OSError as problem:
            raise VsrnnError(
                f"cannot read {self._pack} ({problem.strerror})"
            ) from problem


@cache
def _pass_over(path: Path) -> None:
    """Say once that a file is not read, such as a copy that a cloud drive made."""
    print(f"vsrnn: {path} has no id as its name; passed over", file=sys.stderr)


def _read(path: Path) -> Result:
    try:
        result = parse(path.read_text(encoding="utf-8"))
        if result["id"] != path.stem:
            raise KeyError("id")
    except _ABSENT:
        raise
    except OSError as problem:
        raise VsrnnError(f"cannot read {path} ({problem.strerror})") from problem
    except DAMAGE as problem:
        raise VsrnnError(
            f"{path} is damaged, or no result of a run; delete it and run its config "
            "again, or name another store"
        ) from problem
    return result
