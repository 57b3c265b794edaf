"""The store: one small file a run, named by the hash of its config."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError
from vsrnn.files import replace_text
from vsrnn.runs.config import Config
from vsrnn.runs.run import Result

if TYPE_CHECKING:
    import pandas as pd

_EPISODES = ("source", "demonstrations", "noise", "data_seed", "policy_sha256")


class Store:
    """A folder of results, one JSON file a run.

    A run is done when its file exists: files are written to a temporary name and then
    moved, so a stopped program leaves no half result. Processes may share a store:
    each claims a run before it trains, by a lock that ends with the process.

    Args:
        folder: made on the first write.

    Example:
        >>> store = Store("runs")
        >>> len(store.collect())  # doctest: +SKIP
        75
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def path(self, config: Config) -> Path:
        """Where the result of a config is or will be."""
        return self.folder / f"{config.id}.json"

    def get(self, config: Config) -> Result | None:
        """The stored result of a config, or None.

        Raises:
            VsrnnError: when the file is damaged.
        """
        path = self.path(config)
        return _read(path) if path.exists() else None

    def put(self, result: Result) -> Path:
        """Write a result, whole or not at all.

        Raises:
            VsrnnError: when the folder cannot be written.
        """
        path = self.folder / f"{result['id']}.json"
        with self._writing():
            replace_text(path, json.dumps(result, indent=1))
        return path

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

        Raises:
            VsrnnError: when the folder cannot be written.
        """
        lock = FileLock(self.folder / f"{config.id}.lock")
        with self._writing(), suppress(Timeout):
            lock.acquire(timeout=-1 if wait else 0)
        try:
            yield lock.is_locked and not self.path(config).exists()
        finally:
            # only with a result: who then gets the removed lock finds the run done
            if lock.is_locked and self.path(config).exists():
                with suppress(OSError):
                    Path(lock.lock_file).unlink()
            lock.release()

    def check(self) -> None:
        """Try that results can be written, before hours are spent on one.

        Raises:
            VsrnnError: when the folder cannot be written.
        """
        with self._writing(), tempfile.TemporaryFile(dir=self.folder):
            pass

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as problem:
            raise VsrnnError(
                f"cannot write results to {self.folder} ({problem.strerror}); "
                "free some space or name another store"
            ) from problem

    def results(self) -> Iterator[Result]:
        """All stored results, in order of file name.

        Raises:
            VsrnnError: when there is no such folder or a file is damaged.
        """
        if not self.folder.is_dir():
            raise VsrnnError(
                f"there is no store at {self.folder}; "
                "name another, or fill it with `vsrnn run`"
            )
        for path in sorted(self.folder.glob("*.json")):
            yield _read(path)

    def collect(self) -> pd.DataFrame:
        """All runs as a table, one row a run."""
        return table(self.results())

    def curves(self) -> pd.DataFrame:
        """All learning curves as a table, one row a run and epoch."""
        return curve_table(self.results())


def table(results: Iterator[Result] | list[Result]) -> pd.DataFrame:
    """Results as a tidy table, one row a run, in order of design and seed."""
    import pandas as pd

    rows = pd.DataFrame([_row(result) for result in results])
    if rows.empty:
        return rows
    return rows.sort_values(
        ["task", "scale", "design", "seed", "id"], ignore_index=True
    )


def curve_table(results: Iterator[Result] | list[Result]) -> pd.DataFrame:
    """Learning curves as a tidy table, one row a run and epoch."""
    import pandas as pd

    rows = pd.DataFrame([_key(r) | point for r in results for point in r["curve"]])
    if rows.empty:
        return rows
    keys = ["task", "scale", "design", "seed", "id", "epoch"]
    return rows.sort_values(keys, ignore_index=True)


def _key(result: Result) -> dict[str, Any]:
    config = result["config"]
    keys = {key: config[key] for key in ("task", "scale", "seed")}
    return {"id": result["id"], "design": config["design"]["name"]} | keys


def _row(result: Result) -> dict[str, Any]:
    config, design = result["config"], result["config"]["design"]
    provenance, last = result["provenance"], (result["curve"] or [{}])[-1]
    data = provenance["data"]
    return (
        _key(result)
        | {key: design[key] for key in ("model", "hidden", "learning_rate")}
        | _per_block("density", design["density"])
        | _per_block("init_mean", design["init_mean"])
        | _per_block("init_std", design["init_std"])
        | {"mask": config["mask"]}
        | {key: data.get(key) for key in ("digits", "split")}
        | {key: data[key] for key in _EPISODES if key in data}
        | {key: result[key] for key in ("epochs", "batch_size", "score")}
        | _tested(result)
        | {key: last.get(key) for key in ("train_loss", "train_accuracy")}
        | {key: last.get(key) for key in ("val_loss", "val_accuracy")}
        | {key: result[key] for key in ("total_weights", "parameters")}
        | _per_block("weights", list((result["weights"] or {}).values()))
        | {"hidden_proportion": result["hidden_proportion"]}
        | {"train_size": (data.get("sizes") or {}).get("train")}
        | {"train_seconds": result["seconds"]["train"]}
        | {"data_sha256": data["sha256"], "commit": provenance["commit"]}
        | {"version": provenance["versions"]["vsrnn"]}
        | {key: provenance["versions"][key] for key in ("torch", "python")}
        | {key: provenance[key] for key in ("machine", "threads", "finished")}
        | {"error": result["error"]}
    )


def _tested(result: Result) -> dict[str, Any]:
    """What the test found; without the accuracy where that is the score itself."""
    test = result["test"] or {"loss": None}
    itself = {"accuracy"} if test.keys() == {"loss", "accuracy"} else set()
    return {f"test_{key}": value for key, value in test.items() if key not in itself}


def _per_block(name: str, values: list[Any]) -> dict[str, Any]:
    values = values or [None] * len(BLOCKS)
    return {f"{name}_{b}": v for b, v in zip(BLOCKS, values, strict=True)}


def _read(path: Path) -> Result:
    try:
        result: Result = json.loads(path.read_text(encoding="utf-8"))
        if _row(result)["id"] != path.stem:  # which needs all parts of a result
            raise KeyError("id")
    except OSError as problem:
        raise VsrnnError(f"cannot read {path} ({problem.strerror})") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise VsrnnError(
            f"{path} is damaged, or no result of a run; delete it and run its config "
            "again, or name another store"
        ) from problem
    return result
