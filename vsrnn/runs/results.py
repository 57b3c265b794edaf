"""The committed results behind the book, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrnn.errors import VsrnnError, needs
from vsrnn.files import read_committed
from vsrnn.runs.pack import PACK, read_pack
from vsrnn.runs.rows import TEXT, csv_text, curve_table, table

if TYPE_CHECKING:
    import pandas as pd

    Make = Callable[[Iterable[Any]], pd.DataFrame]

# In an installed wheel the results lie inside the package, in a checkout beside it.
FOLDERS = (
    Path(__file__).parents[1] / "results_tables",
    Path(__file__).parents[2] / "results",
)
CURVES = "_curves"
"""At the end of a name: not the runs of a study, but their learning curves."""


def list_results() -> list[str]:
    """Names of the committed tables: two for each study, and those of measurements."""
    studies = {path.parent.name for f in FOLDERS for path in f.glob(f"*/{PACK}")}
    tables = {path.stem for folder in FOLDERS for path in folder.glob("*.csv")}
    return sorted(studies | {f"{study}{CURVES}" for study in studies} | tables)


def get_results(name: str) -> pd.DataFrame:
    """A committed result table as a tidy DataFrame.

    A study's name gives a row a run, and with ``_curves`` a row a run and epoch; the
    results folder's README describes these and the other tables. What does not apply
    is missing, as the densities of an LSTM or the score of a run that diverged.
    Measured numbers have seven digits, as in CSV.

    Args:
        name: of a folder with runs, or of a file without ``.csv``.

    Raises:
        VsrnnError: there is no such table, or its file is damaged.

    Example:
        >>> int(get_results("rad_100k")["design"].nunique())
        25
        >>> get_results("nothing")
        Traceback (most recent call last):
        ...
        vsrnn.errors.VsrnnError: no committed results are called 'nothing'...
    """
    for folder in FOLDERS:
        pack, file = folder / name.removesuffix(CURVES) / PACK, folder / f"{name}.csv"
        if pack.exists():
            make = curve_table if name.endswith(CURVES) else table
            read_committed(pack)
            return _table(make, pack, pack.stat().st_mtime_ns).copy()
        if file.exists():
            return _read(read_committed(file).decode("utf-8", "replace"), file)
    known = ", ".join(list_results()) or "none"
    raise VsrnnError(f"no committed results are called {name!r}; there are: {known}")


@lru_cache
def _table(make: Make, pack: Path, changed: int) -> pd.DataFrame:
    """Make a table of a pack as it was at that time, once."""
    return _read(csv_text(make(read_pack(pack).values())), pack)


@needs("experiments")
def _read(csv: str, path: Path) -> pd.DataFrame:
    """Read CSV, also where it was never a file, so that numbers are the same."""
    import pandas as pd

    try:
        return pd.read_csv(StringIO(csv), dtype=dict.fromkeys(TEXT, str))
    except ValueError as problem:
        again = "get it again from where it came, with git for instance"
        raise VsrnnError(f"{path} is damaged ({problem}); {again}") from problem
