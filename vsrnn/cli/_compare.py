"""``vsrnn compare``: all ways to be sparse on a task, at equal weights."""

from __future__ import annotations

import argparse
from typing import Any

from vsrnn.cli import _shared


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    compare = commands.add_parser(
        "compare",
        parents=[common],
        help="train all ways to be sparse on a task, at equal weights",
        description="Train every way to be sparse on a task within a budget of "
        "weights, at three learning rates, and list them by their score at the rate "
        "that validation chooses. It can be stopped, and goes on from there.",
    )
    compare.set_defaults(command=_compare, scheduler=None)
    add_argument = compare.add_argument
    add_argument("task", help="for instance adding, or module:Class of your own")
    add_argument("--budget", type=int, required=True, metavar="N", help="weights")
    units = "of the dense block RNN that most ways begin with (64)"
    add_argument("--units", type=int, default=64, metavar="N", help=units)
    add_argument("--seeds", type=int, default=3, metavar="N", help="of each (3)")
    add_argument("--scale", choices=("smoke", "quick", "paper"), default="quick")
    add_argument("--epochs", type=int, metavar="N", help="instead of the scale's")
    _shared.add_workers(compare)


def _compare(arguments: argparse.Namespace) -> int:
    from vsrnn.studies.ways import compared
    from vsrnn.tasks import check_task

    _shared.check_training(arguments)
    _shared.check_positive(arguments, "seeds", "units", "epochs")
    task = arguments.task
    check_task(task, arguments.scale, {})
    sizes = arguments.budget, arguments.units, arguments.seeds
    how = {"scale": arguments.scale, "epochs": arguments.epochs}
    named = compared(task, *sizes, **how)
    origin, results = _shared.trained(arguments, [config for _, config in named])
    print(_table([name for name, _ in named], results, task))
    print(f"\n{_shared.count(origin)} (store: {arguments.store})")
    return int(any(_shared.ended(result, "failed") for result in results))


def _table(names: list[str], results: list[dict[str, Any]], task: str) -> str:
    """Each way at the rate of its best last validation accuracy, the best score first.

    Of a task that measures an error its least is best.
    """
    import pandas as pd

    from vsrnn.tasks import task_class

    kind = task_class(task)
    less, measure = kind.lower_is_better, f"val_{kind.measure}"
    worst = float("inf") if less else float("-inf")
    rows = []
    for name, result in zip(names, results, strict=True):
        last = {} if result["error"] else result["curve"][-1]
        design = result["config"]["design"]
        kept = {n: last.get(n) for n in ("intact", "noisy", "deleted")}
        row = {"way": name, "rate": design["learning_rate"], "score": result["score"]}
        row |= {"val": last.get(measure, worst), "weights": result["total_weights"]}
        rows.append(row | kept | {"seconds": result["seconds"]["train"]})
    table = pd.DataFrame(rows)
    numbers = table.columns.drop("way")
    table[numbers] = table[numbers].astype(float)
    mean = table.groupby(["way", "rate"], sort=False).mean().reset_index()
    mean = mean.sort_values("val", ascending=less, kind="stable")
    best = mean.drop_duplicates("way").sort_values("score", ascending=less)
    return str(best.drop(columns="val").to_string(index=False, float_format="%.4g"))
