"""Sentences on Hammer, from the tables of what an episode of it looks like."""

from __future__ import annotations

from typing import Any

import numpy as np
from pandas import DataFrame

from vsrnn.analysis._found import _bullets
from vsrnn.analysis._hammer_task import BOARD, NOISE


def found_hammer(episode: DataFrame, noise: DataFrame) -> str:
    """Sentences on the expert: when it strikes, what noise costs, how it is scored."""
    return _bullets(_strike(episode), *map(_played_with, noise.iloc), _slip(noise))


def hammer_origin(*tables: DataFrame) -> str:
    """Say whether tables of the expert's episodes were made here, and if not, why.

    >>> table = DataFrame()
    >>> table.attrs = {"results": "hammer_noise", "because": "there is no mujoco"}
    >>> hammer_origin(table)
    'Stored, not made here: `hammer_noise`, as there is no mujoco.'
    """
    stored: dict[str, list[str]] = {}
    for table in tables:
        if "because" in table.attrs:
            stored.setdefault(table.attrs["because"], []).append(table.attrs["results"])
    said = [
        f"Stored, not made here: {', '.join(f'`{name}`' for name in names)}, as {why}."
        for why, names in stored.items()
    ]
    made = [table.attrs for table in tables if "because" not in table.attrs]
    for attrs in made[:1]:
        parts = [f"{k} {v}" for k, v in attrs.items() if k != "policy_sha256"]
        said.insert(0, f"Played when this page was made, with {', '.join(parts)}.")
    return " ".join(said)


def _strike(episode: DataFrame) -> str:
    """When the nail is driven in, over the episodes without noise."""
    rows = episode[episode[NOISE] == 0]
    steps = rows[rows["driven"]].groupby("episode")["step"].min()
    boards = rows.groupby("episode")[BOARD].first()
    if steps.empty:
        return (
            f"In none of {len(boards)} episodes shown does the expert without noise "
            "drive the nail in."
        )
    return (
        f"In {len(steps)} of {len(boards)} episodes shown, the expert without noise "
        f"drives the nail in, {steps.min()} to {steps.max()} steps "
        f"({steps.min() / 100:.2f} to {steps.max() / 100:.2f} s) after the start, into "
        f"boards {boards.min():.1f} to {boards.max():.1f} cm high."
    )


def _played_with(row: Any) -> str:
    factor, deviation = row[NOISE], row["noise [standard deviation of an action]"]
    size = f"(standard deviation {deviation:.2f})" if factor else ""
    start = {0: "Without noise", 1: f"With the noise of the data {size}"}.get(
        factor, f"With {factor:g} times that noise {size}"
    )
    return (
        f"{start} it succeeds in {row['success [%]']:.0f} % of {row['episodes']:.0f} "
        f"episodes ({row['low [%]']:.0f} to {row['high [%]']:.0f} %), with a mean "
        f"return of {row['return']:,.0f} ({row['low [return]']:,.0f} to "
        f"{row['high [return]']:,.0f})."
    )


def _slip(noise: DataFrame) -> str:
    worth = (noise["return"] - noise["return of version 2"]).abs()
    share = 100 * (worth / noise["return"].abs()).max()
    return (
        "The slip of sign in version 1 of the reward is worth "
        f"{worth.min():.1f} to {worth.max():.1f} points of return"
        f"{f', {share:.2f} % at most' if np.isfinite(share) else ''}."
    )
