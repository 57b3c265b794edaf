"""Whether stored runs come out again, beside what changes when only rounding does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.plot.axes import legend
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
from vsrnn.plot.points import strip
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.reproduction import DIFFERENT, IDENTICAL, WITHIN, loss_tolerance
from vsrnn.runs.results import get_results, list_results
from vsrnn.runs.store import Store
from vsrnn.runs.verify import choose, verify
from vsrnn.stats import Claim, difference_of_shares
from vsrnn.studies.page import Page, provenance_of

LOSS = "difference of first loss [tolerances]"
SCORE = "difference of test accuracy [tolerances]"
HERE_NOW, ROUNDED, OTHER_SEED = "trained here", "rounded otherwise", "another seed"
SMALL = ("rad_smoke", "rad_quick")
"""Tables whose runs take seconds to train again."""


@dataclass(frozen=True)
class Data:
    """What the page shows.

    Args:
        report: runs trained again and compared, one row each, as `vsrnn.verify`
            gives them.
    """

    report: DataFrame = field(default_factory=DataFrame)


def load(
    scale: str | None = None,
    number: int = 1,
    draw: int | None = None,
    store: str | Path | None = None,
    jobs: int | None = None,
) -> Data:
    """Compare runs trained here with the small stored tables, up to a scale.

    Of each table those runs are compared that the store already has, as other pages
    trained them, and some drawn at random, which are trained unless they are there.

    Args:
        scale: "smoke", or any other for quick, too; without, nothing is trained.
        number: how many runs of each table are drawn.
        draw: seed of the draw; today's date if absent.
        store: folder of the runs; without, none is kept.
        jobs: how many train at the same time; the number of processors if absent.
    """
    names = () if scale is None else SMALL[:1] if scale == "smoke" else SMALL
    there = Path(store).is_dir() if store else False
    kept = [result["id"] for result in Store(str(store)).results()] if there else []
    parts = []
    for name in names:
        runs = get_results(name)
        drawn = choose(runs, number=number, seed=draw)["id"]
        ids = runs["id"][runs["id"].isin({*kept, *drawn})]
        parts.append(verify(name, ids=ids, jobs=jobs, store=store))
    return Data(pd.concat(parts, ignore_index=True) if parts else DataFrame())


def agreement_table(data: Data) -> DataFrame:
    """How far runs move when trained again, when rounded otherwise, and by the seed.

    Rounded otherwise are the stored reports of ``vsrnn verify`` with other processor
    instructions, and at the scale `paper` on a processor of what a GPU had trained,
    the first epoch alone. Another seed is that of the next run of the same design, in
    the small tables: what a wrong run would look like.

    Returns:
        One row a comparison: compared, scale, design, seed, differences of the first
        epoch's loss and of test accuracy (none between seeds), and verdict.
    """
    rounded = [get_results(n) for n in list_results() if n.startswith("rounding_")]
    seeds = [_other_seeds(name) for name in SMALL]
    groups = {HERE_NOW: [data.report], ROUNDED: rounded, OTHER_SEED: seeds}
    pairs = [(words, part) for words, parts in groups.items() for part in parts]
    known = [part.assign(compared=words) for words, part in pairs if len(part)]
    table = pd.concat(known, ignore_index=True)
    columns = ["compared", "scale", "design", "seed", LOSS, SCORE, "verdict"]
    return table.rename(columns={"loss_shift": LOSS, "score_shift": SCORE})[columns]


def report_table(data: Data) -> DataFrame:
    """What was compared, as the page shows it, one row a run."""
    report = data.report
    if report.empty:
        return report
    reason = report["reason"].where(report["reason"] == "", ": " + report["reason"])
    return DataFrame(
        {
            **{key: report[key] for key in ("design", "scale", "seed")},
            "stored [%]": (100 * report["score"]).round(1),
            "here [%]": (100 * report["score_here"]).round(1),
            "first loss": report["loss"].round(6),
            "first loss here": report["loss_here"].round(6),
            "verdict": report["verdict"] + reason,
        }
    ).set_index("design")


def _other_seeds(name: str) -> DataFrame:
    """Each run of a table compared with the next seed of the same design."""
    runs, curves = get_results(name), get_results(f"{name}_curves")
    first = curves.loc[curves["epoch"] == 1, ["id", "train_loss", "val_loss"]]
    runs = runs.merge(first, on="id", suffixes=("_last", ""))
    other = runs.groupby(["design", "split"])[["train_loss", "total_weights"]].shift(-1)
    room = loss_tolerance(runs["train_loss"], runs["val_loss"])
    shift = (other["train_loss"] - runs["train_loss"]) / room
    wrong = (shift.abs() > 1) | (other["total_weights"] != runs["total_weights"])
    runs = runs.assign(loss_shift=shift, score_shift=float("nan"))
    runs["verdict"] = wrong.map({True: DIFFERENT, False: WITHIN})
    return runs.dropna(subset=["loss_shift"])


@figure(
    table=agreement_table,
    made_by=lambda data: provenance_of(data.report) if len(data.report) else {},
)
def agreement(table: DataFrame, style: str = "web") -> Figure:
    """Show how far runs move when trained again, beside tolerance and other seeds.

    Runs that are further off than an axis goes lie at its end.
    """
    row = table["compared"] + ",\n" + table["scale"] + " scale"
    shown = table.assign(row=row)
    shown[LOSS] = shown[LOSS].abs().clip(upper=1e3)
    with drawing(style, 0.2 + 0.07 * row.nunique()) as figure:
        ax = figure.subplots()
        strip(ax, shown, LOSS, "row", hue="verdict", looks=_LOOKS)
        ax.axvline(1, zorder=0, **_TOLERANCE)
        ax.set_xscale("symlog", linthresh=1e-6)
        ax.set(xlabel="difference of the first epoch's loss [tolerances]")
        ax.set(xlim=(-3e-7, 1e3), xticks=[0, 1e-5, 1e-3, 1e-1, 10, 1e3])
        marks = {verdict: {"ls": "", **look} for verdict, look in _LOOKS.items()}
        legend(figure, marks | {"tolerance": _TOLERANCE}, 4)
    return figure


_LOOKS: dict[str, dict[str, Any]] = {
    IDENTICAL: {"color": BLUE, "marker": "o"},
    WITHIN: {"color": GREEN, "marker": "^"},
    DIFFERENT: {"color": ORANGE, "marker": "x"},
}
_TOLERANCE: dict[str, Any] = {"color": GRAY, "linewidth": 0.8, "linestyle": "--"}


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name."""
    report, table = page.data.report, page.table("agreement")
    verdicts = report["verdict"] if len(report) else Series(dtype=str)
    machines = report["machine"].unique() if len(report) else ["none"]
    rounded = table[table["compared"] == ROUNDED]
    paper = rounded["scale"] == "paper"
    seeds = table[table["compared"] == OTHER_SEED]
    return {
        "runs": str(len(report)),
        "identical": str((verdicts == IDENTICAL).sum()),
        "within": str((verdicts == WITHIN).sum()),
        "different": str((verdicts == DIFFERENT).sum()),
        "machine": ", ".join(machines),
        "rounded_loss": f"{rounded.loc[~paper, LOSS].abs().max():.2g}",
        "rounded_score": f"{rounded.loc[~paper, SCORE].abs().max():.2g}",
        "gpu_loss": f"{rounded.loc[paper, LOSS].abs().max():.2g}",
        "seed_loss": f"{seeds[LOSS].abs().median():.2g}",
        "seed_found": f"{100 * (seeds['verdict'] == DIFFERENT).mean():.0f}",
    }


def claims(page: Page) -> list[Claim]:
    """Whether the tolerance tells a wrong run from one that is rounded otherwise."""
    table, shares = page.table("agreement"), []
    for compared in (OTHER_SEED, ROUNDED):
        wrong = table.loc[table["compared"] == compared, "verdict"] == DIFFERENT
        test = stats.binomtest(int(wrong.sum()), len(wrong))
        shares.append([wrong.mean(), *test.proportion_ci(method="wilson")])
    value, low, high = (100 * end for end in difference_of_shares(*shares))
    text = "runs of another seed are called different more often than rounded ones"
    return [Claim(text, value, low, high, "points")]
