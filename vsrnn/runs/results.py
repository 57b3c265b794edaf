"""The committed result tables behind the book."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vsrnn.errors import VsrnnError

if TYPE_CHECKING:
    import pandas as pd

# In an installed wheel the tables lie inside the package, in a checkout beside it.
FOLDERS = (
    Path(__file__).parents[1] / "results_tables",
    Path(__file__).parents[2] / "results",
)
TEXT = ("id", "design", "commit", "error", "reason")
"""Columns that would be read as numbers where they look like numbers or are empty."""


def list_results() -> list[str]:
    """Names of the committed tables."""
    return sorted({path.stem for f in FOLDERS for path in f.glob("*.csv")})


def get_results(name: str) -> pd.DataFrame:
    """A committed result table as a tidy DataFrame.

    Tables of runs have a row a run, those of curves one for each run and epoch; the
    results folder's README describes the others. Ids, designs, commits, errors and
    reasons are text even where they look like numbers. What does not apply is missing,
    as the six blocks of an LSTM, the score of a run that diverged, or the error of one
    that did not.

    Args:
        name: file name without ``.csv``, as in the results folder's README.

    Raises:
        VsrnnError: when there is no such table.

    Example:
        >>> get_results("nothing")
        Traceback (most recent call last):
        ...
        vsrnn.errors.VsrnnError: no committed results are called 'nothing'...
    """
    import pandas as pd

    for folder in FOLDERS:
        path = folder / f"{name}.csv"
        if path.exists():
            return pd.read_csv(path, dtype=dict.fromkeys(TEXT, str))
    known = ", ".join(list_results()) or "none"
    raise VsrnnError(f"no committed results are called {name!r}; there are: {known}")
