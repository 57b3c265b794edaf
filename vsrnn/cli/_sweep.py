"""``vsrnn sweep``: write random or named designs down, then train them all."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsrnn.cli import _shared
from vsrnn.design.design import Design
from vsrnn.design.random import DISTRIBUTIONS
from vsrnn.design.table import keep_designs, read_designs
from vsrnn.errors import VsrnnError
from vsrnn.runs.config import with_rate
from vsrnn.runs.run import Result
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import forget_failed
from vsrnn.tasks import check_task, task_class
from vsrnn.tasks.designs import design_table, draw_designs

DESCRIPTION = """\
Draw or look up designs, write them down as a CSV file in the folder `designs` of the
store, and train them. The same command again goes on where it was stopped, and several
at once on one store share the work.
"""
STATUS = """\
exit status: 0 when every run is stored and none failed (one that diverged is a finding,
not a failure); 1 when some failed; 2 for a problem that one sentence explains; 130 when
stopped from the keyboard.
"""
LONGEST = 80  # letters of a file name of designs
SHOWN = 5  # of the runs that diverged or failed, in the summary


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    sweep = commands.add_parser(
        "sweep",
        parents=[common],
        help="train random designs, or a list of them, and store the results",
        description=DESCRIPTION,
        epilog=STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.set_defaults(command=_sweep)
    sweep.add_argument("task", help="for instance rad, or module:Class of your own")
    kinds = f"a distribution ({', '.join(DISTRIBUTIONS)}), or names as "
    names = "`vsrnn designs` lists them, or 100k"
    sweep.add_argument("designs", nargs="*", metavar="design", help=kinds + names)
    draw = sweep.add_argument_group("which designs").add_argument
    draw("--number", type=int, metavar="N", help="to be drawn (50)")
    draw("--seed", type=int, help="of the draw (0)")
    draw("--budget", type=float, metavar="W", help="weights of a design")
    draw("--design-table", metavar="FILE", help="CSV of designs, instead of drawing")
    how = sweep.add_argument_group("how to train them")
    seeds: Any = {"type": int, "nargs": "+", "default": [0], "metavar": "N"}
    seed = "of masks, initial values and order; a run of each design for each (0)"
    how.add_argument("--run-seed", **seeds, help=seed)
    _shared.add_training(how)
    retry = "run what failed before again"
    how.add_argument("--retry-failed", action="store_true", help=retry)
    _shared.add_machines(sweep)


def _sweep(arguments: argparse.Namespace) -> int:
    _shared.check_training(arguments)
    name, chosen = _designs(arguments)
    designs = with_rate(chosen, arguments.learning_rate)
    every = _shared.configs_of(arguments, designs, arguments.run_seed)
    configs = _shared.shard(arguments, every)
    task, store = arguments.task, Store(arguments.store)
    check_task(task, arguments.scale, _shared.task_options(task, arguments.option))
    path = store.folder / "designs" / f"{task.replace(':', '_')}_{name}.csv"
    keep_designs(design_table(task, designs), path)
    if arguments.retry_failed:
        forget_failed(configs, store)
    origin, results = _shared.trained(arguments, configs)
    print(f"{len(origin)} runs: {_shared.count(origin)}")
    print(_summary(results))
    print(f"designs: {path}")
    print(f"results: vsrnn table --store {store.folder} --out FILE")
    return int(any(_shared.ended(result, "failed") for result in results))


def _designs(arguments: argparse.Namespace) -> tuple[str, list[Design]]:
    """The designs asked for, and what to call their table."""
    task, given, file = arguments.task, arguments.designs, arguments.design_table
    drawing = arguments.number, arguments.seed, arguments.budget
    if bool(given) == bool(file):
        raise VsrnnError(
            "name designs, a distribution, or a --design-table: one of them"
        )
    if len(given) == 1 and given[0] in DISTRIBUTIONS:
        number, seed, budget = drawing
        number = 50 if number is None else number
        drawn = draw_designs(task, given[0], number, seed or 0, budget)
        return drawn[0].name.rpartition("_")[0], drawn
    if any(value is not None for value in drawing):
        raise VsrnnError(
            "--number, --seed and --budget are of a distribution, and go with one of "
            f"{', '.join(DISTRIBUTIONS)}; the seed of a run is --run-seed"
        )
    if file:
        return Path(file).stem, read_designs(file)
    name = "+".join(given).replace("/", "-")
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name, _shared.named_designs(task, given)


def _summary(results: Sequence[Result]) -> str:
    """The runs that diverged or failed, the first few with their reasons; the best."""
    lines = []
    for how in ("diverged", "failed"):
        some = [result for result in results if _shared.ended(result, how)]
        lines.append(f"{len(some)} {how}{':' if some else ''}")
        for result in some[:SHOWN]:
            reason = result["error"].removeprefix(f"{how}: ")
            lines.append(f"  {_name(result)}, {reason}")
        lines += ["  ..."] if len(some) > SHOWN else []
    scored = [result for result in results if result["score"] is not None]
    if scored:
        choose = min if task_class(scored[0]["config"]["task"]).lower_is_better else max
        best = choose(scored, key=lambda result: result["score"])
        share = _shared.number(best["hidden_proportion"], ".3f") or "none"
        score = f"score {best['score']:.3f}, hidden proportion {share}"
        lines.append(f"best: {_name(best)}, {score}")
    return "\n".join(lines)


def _name(result: Result) -> str:
    config = result["config"]
    return f"{config['design']['name']} (run seed {config['seed']})"
