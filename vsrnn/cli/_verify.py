"""``vsrnn verify``: train committed results again and compare."""

from __future__ import annotations

import argparse
from typing import Any

from vsrnn.cli._shared import check_out, check_positive, format_column, write
from vsrnn.runs.reproduction import DIFFERENT, IDENTICAL, WITHIN
from vsrnn.runs.verify import today, verify

DESCRIPTION = """Train a random sample of a committed table again, or the runs named,
and say of each whether it is identical, within the tolerance, or different. The exit
status is 1 when one is different."""
COLUMNS = {
    "score": ("score", ".3f"),
    "here": ("score_here", ".3f"),
    "off by": ("score_shift", "+.2f"),
    "first loss": ("loss", ".6f"),
    "off by ": ("loss_shift", "+.2f"),
}


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    what = "train committed results again on this machine and compare"
    verify = commands.add_parser(
        "verify", parents=[common], help=what, description=DESCRIPTION
    )
    verify.set_defaults(command=_verify)
    add = verify.add_argument
    add("table", nargs="?", default="rad_quick", help="of runs (default: rad_quick)")
    add("--number", type=int, help="of runs (default: 5, or all named)")
    add("--seed", type=int, help="of the draw (default: the date)")
    add("--design", nargs="+", default=[], help="only of these designs")
    add("--id", nargs="+", default=[], help="only these runs")
    add("--epochs", type=int, help="compare only so many first epochs")
    add("--jobs", type=int, help="processes; all processors if absent")
    add("--out", help="also write the comparison to this CSV file")


def _verify(arguments: argparse.Namespace) -> int:
    check_positive(arguments, "number", "epochs", "jobs")
    check_out(arguments.out)
    seed = today() if arguments.seed is None else arguments.seed
    how = {name: getattr(arguments, name) for name in ("number", "epochs", "jobs")}
    named = {"designs": arguments.design, "ids": arguments.id}
    report = verify(arguments.table, seed=seed, **named, **how)
    if arguments.out:
        write(report, arguments.out)
    shown = report[["id", "design", "scale", "seed"]].assign(
        **{name: format_column(report[c], how) for name, (c, how) in COLUMNS.items()},
        verdict=report["verdict"].str.cat(report["reason"], ": ").str.strip(": "),
    )
    print(shown.to_string(index=False))
    verdicts = (IDENTICAL, WITHIN, DIFFERENT)
    same, within, other = (sum(report["verdict"] == verdict) for verdict in verdicts)
    counts = f"{same} are {IDENTICAL}, {within} {WITHIN}, {other} {DIFFERENT}"
    drawn = f"of {len(report)} runs {counts} (drawn with --seed {seed})"
    print(f"\n{arguments.table}: {drawn}")
    print("Differences are in tolerances: up to 1 is within.")
    return int((report["verdict"] == DIFFERENT).any())
