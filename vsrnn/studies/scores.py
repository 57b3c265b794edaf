"""Scores and learning curves of runs, as several studies show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pandas import DataFrame

from vsrnn.design.published import list_designs
from vsrnn.errors import VsrnnError
from vsrnn.plot.labels import PROPORTION, seeds_label
from vsrnn.runs.tables import order_rows
from vsrnn.stats import intervals
from vsrnn.studies.labels import EXPERT_LABELS

ACCURACY = "test accuracy [%]"


def mean_curves(
    runs: DataFrame, curves: DataFrame, designs: Sequence[str], by: Sequence[str] = ()
) -> DataFrame:
    """Validation accuracy by epoch: mean and interval over each design's seeds.

    Args:
        runs: the runs meant, as `vsrnn.runs.tables.concat_runs` gives them.
        curves: one row a run and epoch; other runs' rows are left out.
        designs: names, in the order wanted.
        by: more columns of the runs that separate groups.

    Returns:
        One row a group and epoch: source, scale, the columns of `by`, design, epoch,
        mean, low, high [%] and seeds.
    """
    chosen = runs.loc[runs["design"].isin(designs), ["id", "source", *by]]
    curves = curves.drop(columns=["source", *by], errors="ignore")
    points = curves.drop_duplicates(["id", "epoch"]).merge(
        chosen.drop_duplicates(), on="id"
    )
    points = points.assign(val_accuracy=100.0 * points["val_accuracy"].astype(float))
    keys = ["source", "scale", *by, "design", "epoch"]
    table = intervals(points, keys, "val_accuracy")
    return in_percent(order_rows(table, keys, design=designs))


def in_percent(table: DataFrame) -> DataFrame:
    """Mean and interval named as percentages, all percentages rounded."""
    names = {name: f"{name} [%]" for name in ("mean", "low", "high")}
    table = table.rename(columns=names)
    return table.round(dict.fromkeys([*names.values(), ACCURACY], 4))


def expected_of(runs: DataFrame, task: str, names: Sequence[str]) -> DataFrame:
    """Named designs with what is expected of them, to be ranked by runs of one scale.

    Raises:
        VsrnnError: the runs are of more than one scale.
    """
    if runs["scale"].nunique() > 1:
        raise VsrnnError("a ranking compares runs of one scale; select one first")
    known = list_designs(task).set_index("name").loc[list(names)].reset_index()
    table = known[["name", "hidden_proportion", "weights"]]
    table = table.set_axis(["design", PROPORTION, "weights"], axis="columns")
    table.insert(0, "scale", runs["scale"].iloc[0] if len(runs) else "paper")
    return table.assign(weights=known["weights"].round().astype(int))


def panels_of(table: DataFrame) -> Iterator[tuple[str, DataFrame]]:
    """Rows of one scale and source, and expert if any, with the title of their panel.

    >>> [title for title, _ in panels_of(DataFrame())]
    ['no runs yet']
    """
    if table.empty:
        yield "no runs yet", table
        return
    keys = [name for name in ("source", "scale", "expert") if name in table]
    for (source, scale, *expert), rows in table.groupby(keys, sort=False):
        names = "".join(f"\n{EXPERT_LABELS[name]}" for name in expert)
        yield f"{scale} scale, {source}{names}: {seeds_label(rows)}", rows
