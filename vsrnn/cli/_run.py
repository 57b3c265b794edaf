"""``vsrnn run``: train named designs and store the results."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from vsrnn.cli import _shared
from vsrnn.runs.config import with_rate

ORIGINS = {"new": "new", "found": "from store", "elsewhere": "of another process"}


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    run = commands.add_parser(
        "run",
        parents=[common],
        help="train designs on a task and store the results",
        description="Train designs on a task. What the store has is not run again.",
    )
    run.set_defaults(command=_run, scheduler=None)
    run.add_argument("task", help="for instance rad")
    names = "names as `vsrnn designs` lists them, or 100k for all 25 of that size"
    run.add_argument("designs", nargs="+", metavar="design", help=names)
    run.add_argument("--seed", type=int, nargs="+", default=[0], metavar="N")
    _shared.add_training(run)
    run.add_argument("--json", action="store_true", help="print the results as JSON")


def _run(arguments: argparse.Namespace) -> int:
    _shared.check_training(arguments)
    named = _shared.named_designs(arguments.task, arguments.designs)
    designs = with_rate(named, arguments.learning_rate)
    configs = _shared.configs_of(arguments, designs, arguments.seed)
    origin, results = _shared.trained(arguments, configs)
    if arguments.json:
        print(json.dumps(results, indent=1))
    else:
        print(_table(results, origin))
        print(f"\n{_shared.count(origin)} (store: {arguments.store})")
    return int(any(_shared.ended(result, "failed") for result in results))


def _table(results: Sequence[dict[str, Any]], origin: Mapping[str, str]) -> str:
    import pandas as pd

    rows = [
        {
            "design": r["config"]["design"]["name"],
            "scale": r["config"]["scale"],
            "seed": r["config"]["seed"],
            "hidden": r["config"]["design"]["hidden"],
            "weights": r["total_weights"],
            "hidden prop.": _shared.number(r["hidden_proportion"], ".3f"),
            "score": r["error"] or _shared.number(r["score"], ".3f"),
            "seconds": round(r["seconds"]["train"]),
            "": ORIGINS[origin[r["id"]]],
        }
        for r in results
    ]
    return pd.DataFrame(rows).to_string(index=False)
