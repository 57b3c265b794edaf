"""``vsrnn verify``: train committed results again and compare."""

from __future__ import annotations

import argparse
from typing import Any

from vsrnn.cli._shared import at_least_one, check_out, number, write
from vsrnn.runs.reproduction import DIFFERENT, summary
from vsrnn.runs.verify import today, verify


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    verify = commands.add_parser(
        "verify",
        parents=[common],
        help="train committed results again on this machine and compare",
        description="Train a random sample of a committed table again, or the runs "
        "named, and say of each whether it is identical, within the tolerance, or "
        "different. The exit status is 1 when one is different.",
    )
    verify.set_defaults(command=_verify)
    verify.add_argument(
        "table", nargs="?", default="rad_quick", help="of runs (default: rad_quick)"
    )
    verify.add_argument("--number", type=int, help="of runs (default: 5, or all named)")
    verify.add_argument("--seed", type=int, help="of the draw (default: the date)")
    verify.add_argument("--design", nargs="+", default=[], help="only of these designs")
    verify.add_argument("--id", nargs="+", default=[], help="only these runs")
    verify.add_argument("--epochs", type=int, help="compare only so many first epochs")
    verify.add_argument("--jobs", type=int, help="processes; all processors if absent")
    verify.add_argument("--out", help="also write the comparison to this CSV file")


def _verify(arguments: argparse.Namespace) -> int:
    for name in ("number", "epochs", "jobs"):
        at_least_one(f"--{name}", getattr(arguments, name))
    check_out(arguments.out)
    seed = today() if arguments.seed is None else arguments.seed
    report = verify(
        arguments.table,
        number=arguments.number,
        seed=seed,
        designs=arguments.design,
        ids=arguments.id,
        epochs=arguments.epochs,
        jobs=arguments.jobs,
    )
    if arguments.out:
        write(report, arguments.out)
    print(_human(report))
    print(f"\n{arguments.table}: {summary(report)} (drawn with --seed {seed})")
    print("Differences are in tolerances: up to 1 is within.")
    return int((report["verdict"] == DIFFERENT).any())


def _human(report: Any) -> str:
    columns = {
        **{key: report[key] for key in ("id", "design", "scale", "seed")},
        "score": report["score"].map(lambda v: number(v, ".3f")),
        "here": report["score_here"].map(lambda v: number(v, ".3f")),
        "off by": report["score_shift"].map(lambda v: number(v, "+.2f")),
        "first loss": report["loss"].map(lambda v: number(v, ".6f")),
        "off by ": report["loss_shift"].map(lambda v: number(v, "+.2f")),
        "verdict": report["verdict"]
        .str.cat(report["reason"], sep=": ")
        .str.strip(": "),
    }
    return type(report)(columns).to_string(index=False)
