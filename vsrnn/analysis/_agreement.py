"""Whether stored runs come out again, beside what changes when only rounding does."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from pandas import DataFrame

from vsrnn.analysis._found import _bullets
from vsrnn.runs.reproduction import DIFFERENT, IDENTICAL, WITHIN, loss_room, summary
from vsrnn.runs.results import get_results, list_results

LOSS = "difference of first loss [tolerances]"
SCORE = "difference of test accuracy [tolerances]"
HERE_NOW, ROUNDED, OTHER_SEED = "trained here", "rounded otherwise", "another seed"
SMALL = ("rad_smoke", "rad_quick")
"""Tables whose runs take seconds to train again."""


def verified(
    scale: str = "quick",
    number: int = 3,
    seed: int | None = None,
    jobs: int | None = None,
) -> DataFrame:
    """Train runs of the small tables again, up to a scale: see `vsrnn.verify`.

    Args:
        scale: "smoke", or any other for quick, too.
        number: how many of each table.
        seed: of the draw; today's date if absent.
        jobs: worker processes; the number of processors if absent.
    """
    from vsrnn.runs.verify import verify

    names = SMALL[:1] if scale == "smoke" else SMALL
    return pd.concat(
        [verify(name, number=number, seed=seed, jobs=jobs) for name in names],
        ignore_index=True,
    )


def agreement(report: DataFrame) -> DataFrame:
    """How far runs move when trained again, when rounded otherwise, and by the seed.

    Rounded otherwise are the stored reports of ``vsrnn verify`` with other processor
    instructions, and at the scale `paper` on a processor of what a GPU had trained,
    the first epoch alone. Another seed is that of the next run of the same design, in
    the small tables: what a wrong run would look like.

    Args:
        report: as `verified` gives it; none, and only what is stored is shown.

    Returns:
        One row a comparison: compared, scale, design, seed, differences of the first
        epoch's loss and of test accuracy (none between seeds), and verdict.
    """
    rounded = [get_results(n) for n in list_results() if n.startswith("rounding_")]
    parts = {HERE_NOW: [report], ROUNDED: rounded, OTHER_SEED: [_seeds(SMALL)]}
    table = pd.concat(
        [
            part.assign(compared=compared)
            for compared, reports in parts.items()
            for part in reports
            if len(part)
        ],
        ignore_index=True,
    )
    columns = ["compared", "scale", "design", "seed", LOSS, SCORE, "verdict"]
    return table.rename(columns={"loss_shift": LOSS, "score_shift": SCORE})[columns]


def report_table(report: DataFrame) -> DataFrame:
    """What was trained again, as a page shows it."""
    return DataFrame(
        {
            **{key: report[key] for key in ("design", "scale", "seed")},
            "stored [%]": (100 * report["score"]).round(1),
            "here [%]": (100 * report["score_here"]).round(1),
            "first loss": report["loss"].round(6),
            "first loss here": report["loss_here"].round(6),
            "verdict": report["verdict"],
        }
    ).set_index("design")


def found_verify(report: DataFrame, table: DataFrame) -> str:
    """Sentences on what was trained again, and on the room the tolerance leaves."""
    return _bullets(*_outcome(report), *_room(table))


def _outcome(report: DataFrame) -> Iterator[str]:
    for name, runs in report.groupby("table", sort=False):
        machine, torch = runs[["machine", "torch"]].iloc[0]
        yield f"{name}, trained again with torch {torch} on {machine}: {summary(runs)}."
    for run in report[report["verdict"] == DIFFERENT].to_dict("records"):
        yield f"{run['id']} ({run['design']}, {run['scale']}) differs: {run['reason']}."


def _room(table: DataFrame) -> Iterator[str]:
    """Between which differences the tolerance lies."""
    size = table.assign(**{name: table[name].abs() for name in (LOSS, SCORE)})
    gpu = (size["compared"] == ROUNDED) & (size["scale"] == "paper")
    rounded = size[(size["compared"] == ROUNDED) & ~gpu]
    seeds = size[size["compared"] == OTHER_SEED]
    if len(rounded):
        yield (
            f"With the oldest processor instructions {len(rounded)} runs move by up to "
            f"{rounded[LOSS].max():.2g} tolerances of the first loss and "
            f"{rounded[SCORE].max():.2g} of test accuracy."
        )
    if gpu.any():
        same = (size[gpu]["verdict"] == IDENTICAL).sum()
        yield (
            f"In the first epoch {gpu.sum()} random designs that a GPU had trained "
            f"move by up to {size[gpu][LOSS].max():.2g} tolerances of that loss on a "
            f"processor; {same} come out identical."
        )
    if len(seeds):
        found = 100 * (seeds["verdict"] == DIFFERENT).mean()
        alone = 100 * (seeds[LOSS] > 1).mean()
        yield (
            f"Another seed moves the first loss by {seeds[LOSS].median():.2g} "
            f"tolerances in the median. Of {len(seeds)} runs with a wrong seed the "
            f"loss alone finds {alone:.0f} %, and loss or weights {found:.0f} %."
        )


def _seeds(names: tuple[str, ...]) -> DataFrame:
    """Each run of some tables compared with the next seed of the same design."""
    parts = []
    for name in names:
        runs, curves = get_results(name), get_results(f"{name}_curves")
        first = curves.loc[curves["epoch"] == 1, ["id", "train_loss", "val_loss"]]
        runs = runs.merge(first, on="id", suffixes=("_last", ""))
        other = runs.groupby(["design", "split"])[["train_loss", "total_weights"]]
        other = other.shift(-1)
        room = loss_room(runs["train_loss"], runs["val_loss"])
        shift = (other["train_loss"] - runs["train_loss"]) / room
        wrong = (shift.abs() > 1) | (other["total_weights"] != runs["total_weights"])
        runs = runs.assign(loss_shift=shift, score_shift=float("nan"))
        runs["verdict"] = wrong.map({True: DIFFERENT, False: WITHIN})
        parts.append(runs.dropna(subset=["loss_shift"]))
    return pd.concat(parts, ignore_index=True)
