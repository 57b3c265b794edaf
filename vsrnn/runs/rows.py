"""Results as tables: a row a run or a row an epoch, as DataFrames and as CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vsrnn.design.family import families, get_family
from vsrnn.errors import needs

if TYPE_CHECKING:
    import pandas as pd

    from vsrnn.runs.run import Result

DIGITS = "%.7g"
"""Of measured numbers in CSV: as many as single precision holds."""
CHOSEN = ("density_", "init_", "learning_rate")
"""How columns of a design begin, which CSV gives with all their digits."""
TEXT = ("id", "design", "commit", "error", "reason", "config")
"""Columns of text, which would be read as numbers where they look like numbers."""
MEASURED = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
"""What the loop measures in every epoch."""
_KEYS = ["task", "scale", "design", "seed", "id"]
_NOT_OPTIONS = {"task", "generator", "sha256"}


def table(results: Iterable[Result]) -> pd.DataFrame:
    """Results as a tidy table, one row a run, in order of design and seed.

    Columns follow the runs: ``density_`` and ``weights_`` for each of a model's
    matrices, and every option that decides a task's data.
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
    last, versions = (result["curve"] or [{}])[-1], provenance["versions"]
    first = {
        **_key(result),
        **{key: design[key] for key in ("model", "hidden", "learning_rate")},
        **_of_matrices(design),
        "mask": config["mask"],
        **_of_methods(config.get("method", [])),
    }
    options = {key: value for key, value in data.items() if _is_option(key, value)}
    return {
        **first,
        **{key: value for key, value in options.items() if key not in first},
        **{key: result[key] for key in ("epochs", "batch_size", "score")},
        **_tested(result),
        **_measured(last),
        **{key: result[key] for key in ("total_weights", "parameters")},
        **{f"weights_{key}": n for key, n in (result["weights"] or {}).items()},
        "hidden_proportion": result["hidden_proportion"],
        "train_size": (data.get("sizes") or {}).get("train"),
        "train_seconds": result["seconds"]["train"],
        "data_sha256": data["sha256"],
        "commit": provenance["commit"],
        "version": versions["vsrnn"],
        **{key: versions[key] for key in ("torch", "python")},
        **{key: provenance[key] for key in ("machine", "threads", "finished")},
        "error": result["error"],
        "config": canonical(config),
    }


def canonical(config: Mapping[str, Any]) -> str:
    """A config as the JSON that rows carry, equal for equal configs."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV: what was chosen in full, what was measured to seven digits."""
    chosen = [name for name in table.columns if name.startswith(CHOSEN)]
    if {"mask", "epochs"} <= set(table.columns):  # options lie between, see `row`
        chosen.extend(table.loc[:, "mask":"epochs"])
    full = {
        name: table[name].map(lambda value: "" if math.isnan(value) else str(value))
        for name in chosen
        if table[name].dtype.kind == "f"
    }
    how: Any = {"index": False, "float_format": DIGITS, "lineterminator": "\n"}
    text: str = table.assign(**full).to_csv(**how)
    return text


@needs("experiments")
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


def _of_matrices(design: Mapping[str, Any]) -> dict[str, float]:
    """What a design says of each matrix; these have numbers in an unknown model."""
    names = tuple(map(str, range(len(design["density"]))))
    if design["model"] in families():
        options = dict(design.get("options", ()))
        names = get_family(design["model"]).matrices(options)
    return {
        f"{kind}_{name}": value
        for kind in ("density", "init_mean", "init_std")
        if design[kind]
        for name, value in zip(names, design[kind], strict=True)
    }


def _of_methods(given: Any) -> dict[str, Any]:
    """The names of methods, and every option that is not at its default."""
    methods = [given] if isinstance(given, dict) else given
    columns = {"method": " + ".join(method["name"] for method in methods)}
    for method in methods:
        options = {key: value for key, value in method.items() if key != "name"}
        columns |= {f"{method['name']}_{key}": each for key, each in options.items()}
    return columns if methods else {}


def _measured(last: Mapping[str, Any]) -> dict[str, Any]:
    """What the last epoch measured, without the weights, which a row has counted."""
    kept = {k: v for k, v in last.items() if not k.startswith(("epoch", "weights"))}
    return kept or dict.fromkeys(MEASURED)


def _is_option(key: str, value: Any) -> bool:
    """Whether a number or text of a data's provenance has no other column."""
    return key not in _NOT_OPTIONS and isinstance(value, str | int | float)


def _tested(result: Result) -> dict[str, Any]:
    """The test's numbers, without the accuracy where that is the score itself."""
    test = result["test"] or {"loss": None}
    kept = ["loss"] if len(test) == 2 else test
    return {f"test_{key}": test[key] for key in kept}
