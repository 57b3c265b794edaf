"""Design tables: designs written down, one row each, before any of them is run."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrnn.design.design import PER_MATRIX, Design, design_of
from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS
from vsrnn.design.random import FALLBACK_RATE
from vsrnn.errors import VsrnnError, refusal
from vsrnn.files import replace_text

if TYPE_CHECKING:
    import pandas as pd


def tabulate(designs: Sequence[Design], inputs: int, outputs: int) -> pd.DataFrame:
    """Designs as a table for a task of these sizes, see :func:`vsrnn.design_table`."""
    import pandas as pd

    table = pd.DataFrame([_row(design, inputs, outputs) for design in designs])
    plain = all(not design.options for design in designs)
    return table.drop(columns="options") if plain else table


def read_designs(path: str | os.PathLike[str]) -> list[Design]:
    """Designs of a CSV file like :func:`design_table`; computed columns are not read.

    Raises:
        VsrnnError: when the file cannot be read or is not a design table.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"name": str, "model": str})
        if twice := table.loc[table["name"].duplicated(), "name"].tolist():
            raise ValueError(f"{twice[0]} is in it twice")
        if table.empty:
            raise ValueError("it has no rows")
        return [design_of(row) for row in table.to_dict("records")]
    except (OSError, ValueError, KeyError) as problem:
        missing = isinstance(problem, KeyError)
        reason = f"no column {problem}" if missing else " ".join(str(problem).split())
        raise VsrnnError(f"{path} is not a design table: {reason}") from problem


def keep_designs(table: pd.DataFrame, path: Path) -> None:
    """Write a design table; where there is one, it must begin with the same rows.

    Raises:
        VsrnnError: when the file has other designs or cannot be written.
    """
    text = table.to_csv(index=False, lineterminator="\n")
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        shorter, longer = sorted((old.splitlines(), text.splitlines()), key=len)
        if longer[: len(shorter)] != shorter:
            raise VsrnnError(f"{path} holds other designs; name another store")
        if len(longer) > len(old.splitlines()):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, text)
    except UnicodeDecodeError as problem:
        raise VsrnnError(f"{path} is no table; name another store") from problem
    except OSError as problem:
        raise VsrnnError(
            f"cannot write {path} {refusal(problem, 'name another store')}"
        ) from problem


def _row(design: Design, inputs: int, outputs: int) -> dict[str, Any]:
    names, weights, share = design.matrices, None, None
    row = {"name": design.name, "model": design.model, "hidden": design.hidden}
    for kind in PER_MATRIX:
        values = dict(zip(names, getattr(design, kind), strict=False))
        row |= {f"{kind}_{name}": values.get(name) for name in (*BLOCKS, *names)}
    if design.density and design.hidden:
        counts = get_family(design.model).expected(design, inputs, outputs)
        weights, share = round(counts["total_weights"]), counts["hidden_proportion"]
    return row | {
        "learning_rate": design.learning_rate,
        "options": json.dumps(dict(design.options)) if design.options else None,
        "weights": weights,
        "hidden_proportion": None if share is None else round(share, 6),
        "notes": _notes(design),
    }


def _notes(design: Design) -> str:
    notes = [] if design.hidden else ["no hidden size fits the budget"]
    if design.learning_rate == FALLBACK_RATE:
        notes.append(f"learning rate {FALLBACK_RATE} where 0 was drawn")
    deviations = design.init_std or (None,) * len(design.density)
    means = design.init_mean or deviations
    for name, density, mean, std in zip(
        design.matrices, design.density, means, deviations, strict=True
    ):
        if density == 0 or mean == std == 0:
            notes.append(f"{name} empty")
        elif std == 0:
            notes.append(f"{name} constant")
    return "; ".join(notes)
