"""Design tables: designs written down, one row each, before any of them is run."""

from __future__ import annotations

import json
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrnn.design.design import PER_MATRIX, Design, design_of
from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS
from vsrnn.design.random import FALLBACK_RATE
from vsrnn.errors import VsrnnError, needs, refusal
from vsrnn.files import replace_text

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 64 * 2**20  # bytes of a table that is read


@needs("experiments")
def tabulate(designs: Sequence[Design], inputs: int, outputs: int) -> pd.DataFrame:
    """Designs as a table for a task of these sizes, see :func:`vsrnn.design_table`."""
    import pandas as pd

    table = pd.DataFrame([_row(design, inputs, outputs) for design in designs])
    plain = all(not design.options for design in designs)
    return table.drop(columns="options") if plain else table


def read_designs(path: str | os.PathLike[str]) -> list[Design]:
    """Designs of a CSV file like :func:`design_table`; computed columns are not read.

    Semicolons or tabs may part the columns, with decimal commas, and the text may be
    UTF-16, as spreadsheets write it. A table of runs gives the designs of its runs.

    Raises:
        VsrnnError: when the file cannot be read or is not a design table.
    """
    try:
        table = _read_text(Path(path))
        if table.empty:
            raise ValueError("it has no rows")
        if "config" in table:  # a table of runs, with a row for each seed
            configs = [json.loads(text)["design"] for text in table["config"]]
            designs = list(dict.fromkeys(Design(**values) for values in configs))
        else:
            designs = [design_of(row) for row in table.to_dict("records")]
        name, number = Counter(one.name for one in designs).most_common(1)[0]
        if number > 1:
            raise ValueError(f"{name} is in it twice")
        return designs
    except (OSError, ValueError, KeyError, TypeError) as problem:
        missing = isinstance(problem, KeyError)
        reason = f"no column {problem}" if missing else " ".join(str(problem).split())
        raise VsrnnError(f"{path} is not a design table: {reason}") from problem


@needs("experiments")
def _read_text(path: Path) -> pd.DataFrame:
    """A table with all cells as text, decimal points in numbers, and no empty rows."""
    import pandas as pd

    with path.open("rb") as file:  # which may have no end
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST / 2**20:g} MiB")
    if content.startswith(b"PK"):
        raise ValueError("it is a workbook; save it as CSV")
    wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig")
    first, _, rest = text.partition("\n")
    if first.startswith("sep="):  # a hint for spreadsheets
        text = rest
    separator = max(",;\t", key=text.partition("\n")[0].count)
    table = pd.read_csv(StringIO(text), sep=separator, dtype=str).dropna(how="all")
    table.columns = table.columns.str.strip()
    if separator != ",":
        numbers = table.filter(regex="^(density|init|learning)_").columns
        table[numbers] = table[numbers].apply(lambda cells: cells.str.replace(",", "."))
    return table


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
