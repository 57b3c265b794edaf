"""Tables of runs: committed ones, those trained now, and several set side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vsrnn.errors import VsrnnError, needs
from vsrnn.runs.results import CURVES, get_results, list_results

with needs("experiments"):
    import pandas as pd
    from pandas import DataFrame, Series

HERE, STORED = "trained here", "stored"
"""Where a run is from, in the column `source`."""

_CURVES = ("epoch", "train_accuracy", "val_accuracy")
_RUNS = (
    *("score", "hidden_proportion", "source", "demonstrations", "epochs"),
    *("test_return", "val_accuracy"),
)


def committed_runs(name: str) -> DataFrame:
    """A committed table of runs or curves, without rows where there is none.

    >>> committed_runs("nothing").empty
    True
    """
    if name in list_results():
        return get_results(name)
    more = _CURVES if name.endswith(CURVES) else _RUNS
    return DataFrame(columns=["task", "scale", "design", "seed", "id", *more])


def concat_runs(live: DataFrame, *committed: DataFrame) -> DataFrame:
    """Runs trained now above committed ones, with where each is from in `source`.

    >>> both = concat_runs(DataFrame({"id": ["a"]}), DataFrame({"id": ["b"]}))
    >>> both["source"].tolist()
    ['trained here', 'stored']
    """
    parts = [live.assign(source=HERE), *(t.assign(source=STORED) for t in committed)]
    return pd.concat(_full(parts) or parts, ignore_index=True)


def study_runs(names: Sequence[str], models: Sequence[str] = ("block",)) -> DataFrame:
    """Runs of several committed tables, with the name of its table in `table`.

    A table of several numbers of demonstrations counts as one table for each.

    Args:
        names: of tables, see `vsrnn.list_results`; those not committed are left out.
        models: families of models that are kept: "block", "lstm", "rnn".

    Raises:
        VsrnnError: none of the tables exists.

    >>> sorted(study_runs(["rad_100k", "nothing"])["table"].unique())
    ['rad_100k']
    """
    runs = _joined(
        {name: _by_demonstrations(name, committed_runs(name)) for name in names}
    )
    return runs[runs["model"].isin(models)].reset_index(drop=True)


def study_curves(names: Sequence[str]) -> DataFrame:
    """Learning curves of the same tables, one row a run and epoch."""
    curves = {name: committed_runs(f"{name}{CURVES}") for name in names}
    return _joined({name: table.assign(table=name) for name, table in curves.items()})


def order_rows(
    table: DataFrame, by: Sequence[str], **orders: Sequence[str]
) -> DataFrame:
    """Sort rows by columns, some of them in an order given; live runs come first.

    >>> order_rows(DataFrame({"a": ["x", "y"]}), ["a"], a=["y", "x"])["a"].tolist()
    ['y', 'x']
    """
    orders = {"source": (HERE, STORED), **orders}

    def place(column: Series) -> Series:
        order = orders.get(str(column.name))
        known = {value: number for number, value in enumerate(order or ())}
        return column.map(known) if known else column

    return table.sort_values(list(by), key=place, ignore_index=True)


def _by_demonstrations(name: str, runs: DataFrame) -> DataFrame:
    """Runs with the name of their table, split by their number of demonstrations."""
    if "demonstrations" not in runs or runs["demonstrations"].nunique() < 2:
        return runs.assign(table=name)
    runs = runs.sort_values("demonstrations", kind="stable")
    each = runs["demonstrations"].astype(int).astype(str)
    return runs.assign(table=f"{name}, " + each + " demonstrations")


def _joined(tables: Mapping[str, DataFrame]) -> DataFrame:
    if full := _full(tables.values()):
        return pd.concat(full, ignore_index=True)
    raise VsrnnError(
        f"none of the tables {', '.join(tables)} is committed; "
        "`vsrnn.list_results()` says which are"
    )


def _full(tables: Iterable[DataFrame]) -> list[DataFrame]:
    """Tables that have rows, without columns that have no values."""
    return [one.dropna(axis="columns", how="all") for one in tables if len(one)]
