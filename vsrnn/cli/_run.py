"""``vsrnn run``: train named designs and store the results."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vsrnn.cli._shared import (
    add_training,
    check_training,
    configs_of,
    ended,
    names_of,
    number,
    trained,
    with_rate,
)
from vsrnn.design.published import get_design
from vsrnn.runs.store import Store

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
    run.add_argument(
        "designs",
        nargs="+",
        metavar="design",
        help="names as `vsrnn designs` lists them, or 100k for all 25 of that size",
    )
    run.add_argument("--scale", default="quick", help="smoke, quick (default) or paper")
    run.add_argument("--seed", type=int, nargs="+", default=[0], metavar="N")
    add_training(run)
    run.add_argument("--json", action="store_true", help="print the results as JSON")


def _run(arguments: argparse.Namespace) -> int:
    check_training(arguments)
    names = names_of(arguments.designs)
    named = [get_design(arguments.task, name) for name in names]
    designs = with_rate(arguments, named)
    configs = configs_of(arguments, designs, arguments.seed)
    store = Store(arguments.store)
    origin, results = trained(arguments, configs, store)
    if arguments.json:
        print(json.dumps(results, indent=1))
    else:
        print(_human(results, origin))
        count = Counter(origin.values())
        said = f"{count['new']} trained now, {count['found']} found in the store"
        print(f"\n{said} {store.folder}")
        if count["elsewhere"]:
            print(f"{count['elsewhere']} trained by another process meanwhile")
    return int(any(ended(result, "failed") for result in results))


def _human(results: Sequence[dict[str, Any]], origin: Mapping[str, str]) -> str:
    import pandas as pd

    rows = [
        {
            "design": r["config"]["design"]["name"],
            "scale": r["config"]["scale"],
            "seed": r["config"]["seed"],
            "hidden": r["config"]["design"]["hidden"],
            "weights": r["total_weights"],
            "hidden prop.": number(r["hidden_proportion"], ".3f"),
            "score": r["error"] or number(r["score"], ".3f"),
            "seconds": round(r["seconds"]["train"]),
            "": ORIGINS[origin[r["id"]]],
        }
        for r in results
    ]
    return pd.DataFrame(rows).to_string(index=False)
