"""``vsrnn sweep``: write random or named designs down, then train them all."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsrnn.cli._shared import (
    add_training,
    check_training,
    configs_of,
    ended,
    names_of,
    number,
    task_options,
    trained,
    with_rate,
)
from vsrnn.design.design import Design
from vsrnn.design.published import get_design
from vsrnn.design.random import DISTRIBUTIONS
from vsrnn.design.table import keep_designs, read_designs
from vsrnn.errors import VsrnnError
from vsrnn.runs.run import Result
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import forget_failed
from vsrnn.tasks import check_task
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
    sweep.add_argument(
        "designs",
        nargs="*",
        metavar="design",
        help="a distribution (uniform, normal, uniform_size, normal_size, even), "
        "or names as `vsrnn designs` lists them, or 100k",
    )
    draw = sweep.add_argument_group("which designs")
    draw.add_argument("--number", type=int, metavar="N", help="to be drawn (50)")
    draw.add_argument("--seed", type=int, help="of the draw (0)")
    draw.add_argument("--budget", type=float, metavar="W", help="weights of a design")
    draw.add_argument(
        "--design-table", metavar="FILE", help="CSV of designs, instead of drawing"
    )
    how = sweep.add_argument_group("how to train them")
    how.add_argument("--scale", default="quick", help="smoke, quick (default) or paper")
    how.add_argument(
        "--run-seed",
        type=int,
        nargs="+",
        default=[0],
        metavar="N",
        help="of masks, initial values and order; a run of each design for each (0)",
    )
    add_training(how)
    how.add_argument(
        "--retry-failed", action="store_true", help="run what failed before again"
    )
    where = sweep.add_argument_group("on several machines")
    where.add_argument(
        "--shard", metavar="I/N", help="only the I-th of N parts, from 1/N to N/N"
    )
    where.add_argument("--engine", choices=("local", "dask"), default="local")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of dask")


def _sweep(arguments: argparse.Namespace) -> int:
    check_training(arguments)
    if (arguments.engine == "dask") != bool(arguments.scheduler):
        raise VsrnnError("give --engine dask and --scheduler ADDRESS together")
    name, chosen = _designs(arguments)
    designs = with_rate(arguments, chosen)
    part, parts = _shard(arguments.shard or "1/1")
    configs = configs_of(arguments, designs, arguments.run_seed)[part - 1 :: parts]
    options = task_options(arguments.task, arguments.option)
    check_task(arguments.task, arguments.scale, options)
    store = Store(arguments.store)
    task = arguments.task.replace(":", "_")
    path = store.folder / "designs" / f"{task}_{name}.csv"
    keep_designs(design_table(arguments.task, designs), path)
    if arguments.retry_failed:
        forget_failed(configs, store)
    origin, results = trained(arguments, configs, store)
    print(_summary(list(origin.values()), results, store, path))
    return int(any(ended(result, "failed") for result in results))


def _designs(arguments: argparse.Namespace) -> tuple[str, list[Design]]:
    """The designs asked for, and what to call their table."""
    task, given, file = arguments.task, arguments.designs, arguments.design_table
    if bool(given) == bool(file):
        raise VsrnnError(
            "name designs, a distribution, or a --design-table: one of them"
        )
    if given and given[0] in DISTRIBUTIONS and len(given) == 1:
        count = 50 if arguments.number is None else arguments.number
        seed, budget = arguments.seed or 0, arguments.budget
        drawn = draw_designs(task, given[0], count, seed, budget)
        return drawn[0].name.rpartition("_")[0], drawn
    if any(v is not None for v in (arguments.number, arguments.seed, arguments.budget)):
        raise VsrnnError(
            "--number, --seed and --budget are of a distribution, and go with one of "
            f"{', '.join(DISTRIBUTIONS)}; the seed of a run is --run-seed"
        )
    if file:
        return Path(file).stem, read_designs(file)
    named = dict.fromkeys(get_design(task, name) for name in names_of(given))
    return _file_name("+".join(given).replace("/", "-")), list(named)


def _file_name(names: str) -> str:
    """Names in a file's name; too many of them end in their hash."""
    if len(names) <= LONGEST:
        return names
    end = hashlib.sha256(names.encode()).hexdigest()[:8]
    return f"{names[: LONGEST - 9]}-{end}"


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise VsrnnError(f"--shard takes I/N, from 1/N to N/N, not {text!r}")
    return int(part), int(parts)


def _summary(
    origins: Sequence[str], results: Sequence[Result], store: Store, path: Path
) -> str:
    count = {kind: origins.count(kind) for kind in ("new", "found", "elsewhere")}
    lines = [
        f"{len(origins)} runs: {count['new']} trained now, {count['found']} found in "
        f"the store, {count['elsewhere']} trained by another process meanwhile"
    ]
    lines += _ended(results, "diverged") + _ended(results, "failed")
    scored = [result for result in results if result["score"] is not None]
    if scored:
        best = max(scored, key=lambda result: result["score"])
        share = number(best["hidden_proportion"], ".3f") or "none"
        lines.append(
            f"best: {_name(best)}, score {best['score']:.3f}, hidden proportion {share}"
        )
    lines.append(f"designs: {path}")
    lines.append(f"results: vsrnn table --store {store.folder} --out FILE")
    return "\n".join(lines)


def _ended(results: Sequence[Result], how: str) -> list[str]:
    """How many runs ended so, and the first few with their reasons."""
    some = [result for result in results if ended(result, how)]
    lines = [f"{len(some)} {how}{':' if some else ''}"]
    for result in some[:SHOWN]:
        lines.append(f"  {_name(result)}, {result['error'].removeprefix(f'{how}: ')}")
    return [*lines, "  ..."] if len(some) > SHOWN else lines


def _name(result: Result) -> str:
    config = result["config"]
    return f"{config['design']['name']} (run seed {config['seed']})"
