"""Train committed results again, on this machine, and say run by run if they agree."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrnn.errors import VsrnnError, needs
from vsrnn.runs.config import Config
from vsrnn.runs.reproduction import compare
from vsrnn.runs.results import CURVES, get_results, list_results
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep

if TYPE_CHECKING:
    import pandas as pd


def verify(
    name: str = "rad_quick",
    *,
    number: int | None = None,
    seed: int | None = None,
    designs: Iterable[str] = (),
    ids: Iterable[str] = (),
    epochs: int | None = None,
    jobs: int | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Train a sample of a committed table again, and compare run by run.

    The rule is that of :func:`vsrnn.runs.reproduction.compare`.

    Args:
        name: a committed table of runs, see :func:`vsrnn.list_results`.
        number: runs drawn at random; 5, or all that `designs` and `ids` name.
        seed: of that draw; today's date (UTC, as 20250131) if absent.
        designs: only runs of these designs.
        ids: only these runs.
        epochs: train only so many epochs and compare the learning curve up to there,
            since the first epochs of a long run are those of a short one.
        jobs: worker processes; the number of processors if absent.
        store: folder that keeps what is trained; a run that is there already is
            compared as it is. Without, nothing is kept.
        progress: show a bar on standard error.

    Returns:
        One row a run: table, id, design, scale, seed, verdict ("identical", "within
        tolerance" or "different"), reason, score and score_here, loss and loss_here
        (mean training loss of the first epoch), their differences loss_shift and
        score_shift [tolerances], and machine, torch and finished here.

    Raises:
        VsrnnError: the table, a design or an id is unknown, or a row does not hold
            enough to train it again.

    Example:
        >>> verify("rad_smoke", number=2)["verdict"].tolist()  # doctest: +SKIP
        ['identical', 'identical']
    """
    with needs("experiments"):
        import pandas as pd

    table, curves = get_results(name), pd.DataFrame(columns=["id", "epoch"])
    if not {"config", "data_sha256", "score"} <= set(table.columns):
        raise VsrnnError(
            f"{name} is not a table of runs; name one that is, such as rad_smoke"
        )
    if f"{name}{CURVES}" in list_results():
        curves = get_results(f"{name}{CURVES}")
    elif epochs is not None:
        raise VsrnnError(f"there are no curves of {name} to compare; leave out epochs")
    runs = choose(table, number=number, seed=seed, designs=designs, ids=ids)
    rows = runs.to_dict("records")
    configs = [rebuild(row) for row in rows]
    for n, row in enumerate(rows):
        if epochs is not None and epochs < row["epochs"]:
            configs[n] = replace(configs[n], epochs=epochs)
        last = curves.loc[curves["id"] == row["id"], "epoch"].max()
        ended = not isinstance(row.get("error"), str)
        if len(curves) and ended and last != row["epochs"]:
            raise VsrnnError(
                f"{name}{CURVES} lacks epochs of the run {row['id']}; get it again "
                "from where it came, with git for instance"
            )
    with tempfile.TemporaryDirectory() as folder:
        kept = Store(folder if store is None else store)
        sweep(configs, kept, jobs=jobs, per_pass=1, progress=progress)
        results = {result["id"]: result for result in kept.results()}
    report = [
        compare(row, curves[curves["id"] == row["id"]], results[config.id])
        for row, config in zip(rows, configs, strict=True)
    ]
    return pd.DataFrame([{"table": name} | line for line in report])


def choose(
    runs: pd.DataFrame,
    *,
    number: int | None = None,
    seed: int | None = None,
    designs: Iterable[str] = (),
    ids: Iterable[str] = (),
) -> pd.DataFrame:
    """Draw runs from a table at random, or take those that are named.

    Arguments and errors are those of :func:`vsrnn.verify`, for a table of runs.
    """
    named = {"design": set(designs), "id": set(ids)}
    for column, wanted in named.items():
        if missing := sorted(wanted - set(runs[column])):
            raise VsrnnError(
                f"the table has no run with {column} {missing[0]}; "
                f"it has {', '.join(runs[column].unique()[:6])}, ..."
            )
        runs = runs[runs[column].isin(wanted)] if wanted else runs
    if number is None:
        number = len(runs) if any(named.values()) else 5
    if number < 1:
        raise VsrnnError(f"number must be 1 or more, not {number}")
    seed = today() if seed is None else seed
    if not 0 <= seed < 2**32:
        raise VsrnnError(f"seed must be a number from 0 to 2**32 - 1, not {seed}")
    return runs.sample(min(number, len(runs)), random_state=seed).sort_index()


def today() -> int:
    """Today's date as a seed, so that each day draws other runs."""
    return int(datetime.now(UTC).strftime("%Y%m%d"))


def rebuild(row: Mapping[str, Any]) -> Config:
    """The config of a row of a table of runs; its id proves that it is the one.

    Raises:
        VsrnnError: the row has no config, or one of another run.

    >>> rows = get_results("rad_100k").set_index("design", drop=False)
    >>> rebuild(rows.loc["lstm_"].iloc[0]).design.model
    'lstm'
    """
    try:
        config = Config.from_dict(json.loads(row["config"]))
        if config.id == row["id"]:
            return config
        wrong = f"is of the run {config.id}"
    except (ValueError, TypeError) as problem:
        wrong = f"does not give its config ({problem})"
    raise VsrnnError(
        f"the run {row['id']} ({row['design']}) cannot be trained again: its column "
        f"config {wrong}; make the table again with `vsrnn table`"
    )
