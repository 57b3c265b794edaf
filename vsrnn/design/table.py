"""Design tables: designs written down, one row each, before any of them is run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrnn.design.design import PER_BLOCK, Design, design_of
from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.design.random import FALLBACK_RATE
from vsrnn.errors import VsrnnError
from vsrnn.files import replace_text
from vsrnn.tasks import sizes

if TYPE_CHECKING:
    import pandas as pd


def design_table(task: str, designs: Sequence[Design]) -> pd.DataFrame:
    """Designs as a table, one row each.

    Columns: name, model, hidden, density_hx to density_yy, init_mean_hx to
    init_mean_yy, init_std_hx to init_std_yy, learning_rate; computed at the task's
    sizes: weights and hidden_proportion (expected; without blocks that mean and
    deviation 0 leave empty); and notes on what is out of the ordinary.

    Args:
        task: decides the input and output sizes.
        designs: named or random ones. Baselines have no densities (NaN).

    Raises:
        VsrnnError: for an unknown task.

    >>> from vsrnn import draw_designs
    >>> table = design_table("rad", draw_designs("rad", "normal", 3, seed=1))
    >>> table[["name", "hidden"]]
                name  hidden
    0  normal_1_0000     569
    1  normal_1_0001     577
    2  normal_1_0002     275
    """
    import pandas as pd

    inputs, outputs = sizes(task)
    return pd.DataFrame([_row(design, inputs, outputs) for design in designs])


def read_designs(path: str | os.PathLike[str]) -> list[Design]:
    """Designs of a CSV file in the form of :func:`design_table`.

    Computed columns are not needed, and not read.

    Raises:
        VsrnnError: when the file cannot be read or is not a design table.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"name": str, "model": str})
        designs = [design_of(row) for row in table.to_dict("records")]
    except (OSError, ValueError, KeyError) as problem:
        missing = isinstance(problem, KeyError)
        reason = f"no column {problem}" if missing else " ".join(str(problem).split())
        raise VsrnnError(f"{path} is not a design table: {reason}") from problem
    names = [design.name for design in designs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not designs:
        reason = f"{twice[0]} is in it twice" if twice else "it has no rows"
        raise VsrnnError(f"{path} is not a design table: {reason}")
    return designs


def keep_designs(table: pd.DataFrame, path: Path) -> None:
    """Write a design table; where there is one, it must begin with the same rows.

    Raises:
        VsrnnError: when the file has other designs or cannot be written.
    """
    text = table.to_csv(index=False, lineterminator="\n")
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        lines, before = text.splitlines(), old.splitlines()
        shared = min(len(lines), len(before))
        if lines[:shared] != before[:shared]:
            raise VsrnnError(
                f"{path} holds other designs under this name; name another store"
            )
        if len(lines) > len(before):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, text)
    except UnicodeDecodeError as problem:
        raise VsrnnError(f"{path} is no table; name another store") from problem
    except OSError as problem:
        raise VsrnnError(
            f"cannot write {path} ({problem.strerror}); name another store"
        ) from problem


def _row(design: Design, inputs: int, outputs: int) -> dict[str, Any]:
    drawn = {kind: getattr(design, kind) for kind in PER_BLOCK}
    blocks = {
        f"{kind}_{block}": value
        for kind, values in drawn.items()
        for block, value in zip(BLOCKS, values or (None,) * len(BLOCKS), strict=True)
    }
    row = {"name": design.name, "model": design.model, "hidden": design.hidden}
    row |= blocks | {"learning_rate": design.learning_rate}
    return row | _expected(design, inputs, outputs) | {"notes": _notes(design)}


def _expected(design: Design, inputs: int, outputs: int) -> dict[str, float | None]:
    if design.model != "block" or not design.hidden:
        return {"weights": None, "hidden_proportion": None}
    density = [
        share if mean or std else 0.0
        for share, mean, std in zip(
            design.density, design.init_mean, design.init_std, strict=True
        )
    ]
    geometry = Geometry(inputs, design.hidden, outputs, density)
    share = geometry.hidden_proportion
    return {"weights": round(geometry.weights), "hidden_proportion": round(share, 6)}


def _notes(design: Design) -> str:
    notes = [] if design.hidden else ["no hidden size fits the budget"]
    if design.learning_rate == FALLBACK_RATE:
        notes.append(f"learning rate {FALLBACK_RATE} where 0 was drawn")
    values = zip(
        BLOCKS, design.density, design.init_mean, design.init_std, strict=False
    )
    for block, density, mean, std in values:
        if density == 0 or (mean == 0 and std == 0):
            notes.append(f"{block} empty")
        elif std == 0:
            notes.append(f"{block} constant")
    return "; ".join(notes)
