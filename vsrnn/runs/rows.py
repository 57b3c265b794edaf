"""Results as tables: a row a run or a row an epoch, as DataFrames and as CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vsrnn.design.family import families, get_family

if TYPE_CHECKING:
    import pandas as pd

    from vsrnn.runs.run import Result

DIGITS = "%.7g"
"""Of measured numbers in CSV: as many as single precision holds."""
CHOSEN = ("density_", "init_", "learning_rate")
"""How columns of a design begin, which CSV gives with all their digits."""
TEXT = ("id", "design", "commit", "error", "reason", "config")
"""Columns of text, which would be read as numbers where they look like numbers."""
_KEYS = ["task", "scale", "design", "seed", "id"]
_NOT_OPTIONS = {"task", "generator", "sha256"}


def table(results: Iterable[Result]) -> pd.DataFrame:
    """Results as a tidy table, one row a run, in order of design and seed.

    Columns follow the models and tasks of the runs: ``density_`` and ``weights_`` for
    each of a model's matrices, and every option that decides a task's data.
    """
    return _frame([row(result) for result in results], _KEYS)


def curve_table(results: Iterable[Result]) -> pd.DataFrame:
    """Learning curves as a tidy table, one row a run and epoch."""
    rows = [_key(result) | point for result in results for point in result["curve"]]
    return _frame(rows, [*_KEYS, "epoch"])


def row(result: Result) -> dict[str, Any]:
    """A result as one row; reads every part that a result has to have."""
    config, provenance = result["config"], result["provenance"]
    design, data = config["design"], provenance["data"]
    names, last = _matrices(design), (result["curve"] or [{}])[-1]
    measured = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    return (
        _key(result)
        | {key: design[key] for key in ("model", "hidden", "learning_rate")}
        | _each("density", names, design["density"])
        | _each("init_mean", names, design["init_mean"])
        | _each("init_std", names, design["init_std"])
        | {"mask": config["mask"]}
        | _method(config)
        | {key: value for key, value in data.items() if _is_option(key, value)}
        | {key: result[key] for key in ("epochs", "batch_size", "score")}
        | _tested(result)
        | {key: last.get(key) for key in measured}
        | {key: result[key] for key in ("total_weights", "parameters")}
        | {f"weights_{key}": count for key, count in (result["weights"] or {}).items()}
        | {"hidden_proportion": result["hidden_proportion"]}
        | {"train_size": (data.get("sizes") or {}).get("train")}
        | {"train_seconds": result["seconds"]["train"]}
        | {"data_sha256": data["sha256"], "commit": provenance["commit"]}
        | {"version": provenance["versions"]["vsrnn"]}
        | {key: provenance["versions"][key] for key in ("torch", "python")}
        | {key: provenance[key] for key in ("machine", "threads", "finished")}
        | {"error": result["error"], "config": canonical(config)}
    )


def canonical(config: Mapping[str, Any]) -> str:
    """A config as the JSON that rows carry, equal for equal configs."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV: what was chosen in full, what was measured to seven digits."""
    whole = {
        name: table[name].map(lambda value: "" if math.isnan(value) else str(value))
        for name in _chosen(table)
        if table[name].dtype.kind == "f"
    }
    text: str = table.assign(**whole).to_csv(
        index=False, float_format=DIGITS, lineterminator="\n"
    )
    return text


def _chosen(table: pd.DataFrame) -> list[str]:
    """Columns that decide a run: of its design, and the options of its data."""
    names = [name for name in table.columns if name.startswith(CHOSEN)]
    if {"mask", "epochs"} <= set(table.columns):  # as `row` puts them
        names.extend(table.loc[:, "mask":"epochs"])
    return names


def _frame(rows: list[dict[str, Any]], keys: list[str]) -> pd.DataFrame:
    """Rows in order of their keys, columns in the order of the fullest row."""
    import pandas as pd

    if not rows:
        return pd.DataFrame()
    fullest = sorted(rows, key=len, reverse=True)
    columns = dict.fromkeys(name for one in fullest for name in one)
    frame = pd.DataFrame(rows, columns=list(columns))
    return frame.sort_values(keys, ignore_index=True)


def _key(result: Result) -> dict[str, Any]:
    config = result["config"]
    keys = {key: config[key] for key in ("task", "scale", "seed")}
    return {"id": result["id"], "design": config["design"]["name"]} | keys


def _matrices(design: Mapping[str, Any]) -> Sequence[str]:
    """Names of the matrices that have a density; numbers where the model is unknown."""
    if design["model"] in families():
        options = dict(design.get("options", ()))
        return get_family(design["model"]).matrices(options)
    return [str(number) for number in range(len(design["density"]))]


def _each(kind: str, names: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    """A value for each matrix, or none at all."""
    pairs = zip(names, values, strict=True) if values else ()
    return {f"{kind}_{name}": value for name, value in pairs}


def _method(config: Mapping[str, Any]) -> dict[str, str]:
    """The name of the method, where it is not the usual one."""
    return {"method": config["method"]["name"]} if "method" in config else {}


def _is_option(key: str, value: Any) -> bool:
    """Whether an entry of a data's provenance is plain and in no other column."""
    return key not in _NOT_OPTIONS and isinstance(value, str | int | float)


def _tested(result: Result) -> dict[str, Any]:
    """What the test found; without the accuracy where that is the score itself."""
    test = result["test"] or {"loss": None}
    itself = {"accuracy"} if test.keys() == {"loss", "accuracy"} else set()
    return {f"test_{key}": value for key, value in test.items() if key not in itself}
