"""``vsrnn study``: train the runs that a page of the book shows."""

from __future__ import annotations

import argparse
from typing import Any

from vsrnn.cli import _shared
from vsrnn.errors import VsrnnError


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    study = commands.add_parser(
        "study",
        parents=[common],
        help="train the runs that a page of the book shows",
        description="Train the runs of a study that its store lacks, the most wanted "
        "first. It can be stopped at any moment, and goes on from there.",
    )
    study.set_defaults(command=_study)
    study.add_argument("name", help="of a study with runs of its own, as navigation")
    study.add_argument("--first", type=int, metavar="N", help="only the first N runs")
    _shared.add_workers(study)
    study.set_defaults(store=None)
    _shared.add_machines(study)


def _study(arguments: argparse.Namespace) -> int:
    from vsrnn.studies import PROTOCOLS

    _shared.check_training(arguments)
    if arguments.name not in PROTOCOLS:
        known = ", ".join(sorted(PROTOCOLS))
        raise VsrnnError(f"no study {arguments.name!r} has runs of its own: {known}")
    arguments.store = arguments.store or f"results/{arguments.name}"
    wanted = PROTOCOLS[arguments.name]()[: arguments.first]
    configs = _shared.shard(arguments, wanted)
    origin, results = _shared.trained(arguments, configs)
    print(f"{len(origin)} runs: {_shared.count(origin)} (store: {arguments.store})")
    wrong = [result for result in results if result["error"]]
    for result in wrong:
        print(f"{result['id']}: {result['error']}")
    return int(any(_shared.ended(result, "failed") for result in wrong))
