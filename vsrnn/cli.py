"""The command line: run designs, list them, collect the store."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from vsrnn.errors import VsrnnError

DIGITS = "%.7g"  # of the numbers in tables: as many as single precision holds

EXAMPLES = """\
examples:
  vsrnn designs --task rad
  vsrnn run rad balanced_0 --scale quick --seed 0
  vsrnn run rad 111111_ 000000_ balanced_0 --seed 0 1 2 --jobs 2
  vsrnn table --out runs.csv --curves curves.csv
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.command(arguments)
    except VsrnnError as problem:
        if arguments.debug:
            raise
        print(f"vsrnn: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "vsrnn: stopped; finished runs are stored, "
            "and the same command goes on from there",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vsrnn",
        description="Sparse recurrent networks with a density for each block.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"vsrnn {metadata.version('vsrnn')}"
    parser.add_argument("--version", action="version", version=version)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands, common)
    _add_designs(commands, common)
    _add_table(commands, common)
    return parser


def _add_run(commands: Any, common: argparse.ArgumentParser) -> None:
    run = commands.add_parser(
        "run",
        parents=[common],
        help="train designs on a task and store the results",
        description="Train designs on a task. What the store has is not run again.",
    )
    run.set_defaults(command=_run)
    run.add_argument("task", help="for instance rad")
    run.add_argument(
        "designs",
        nargs="+",
        metavar="design",
        help="names as `vsrnn designs` lists them, or 100k for all 25 of that size",
    )
    run.add_argument("--scale", default="quick", help="smoke, quick (default) or paper")
    run.add_argument("--seed", type=int, nargs="+", default=[0], metavar="N")
    run.add_argument(
        "--mask",
        default="bernoulli",
        choices=("bernoulli", "exact"),
        help="entries drawn one by one as published, or an exact count",
    )
    run.add_argument("--epochs", type=int, help="instead of the scale's number")
    run.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the task, for instance split=separate or digits=mnist",
    )
    run.add_argument("--jobs", type=int, help="processes; all processors if absent")
    run.add_argument("--store", default="runs", help="folder of results (runs)")
    run.add_argument("--json", action="store_true", help="print the results as JSON")


def _add_designs(commands: Any, common: argparse.ArgumentParser) -> None:
    designs = commands.add_parser(
        "designs",
        parents=[common],
        help="list the named designs of the paper with their geometry",
    )
    designs.set_defaults(command=_designs)
    designs.add_argument("--task", help="only those of one task")
    designs.add_argument("--csv", action="store_true", help="print all columns as CSV")


def _add_table(commands: Any, common: argparse.ArgumentParser) -> None:
    table = commands.add_parser(
        "table", parents=[common], help="collect the store to CSV, one row a run"
    )
    table.set_defaults(command=_table)
    table.add_argument("--store", default="runs", help="folder of results (runs)")
    table.add_argument("--out", help="file of the table; printed if absent")
    table.add_argument("--curves", help="file of the learning curves, likewise CSV")


def _run(arguments: argparse.Namespace) -> None:
    from vsrnn.designs import RAD_100K, get_design
    from vsrnn.store import Store
    from vsrnn.sweep import sweep
    from vsrnn.training import Config

    if arguments.jobs is not None and arguments.jobs < 1:
        raise VsrnnError(f"--jobs must be 1 or more, not {arguments.jobs}")
    names = [
        name
        for given in arguments.designs
        for name in (RAD_100K if given == "100k" else [given])
    ]
    options = _options(arguments.option)
    configs = [
        Config(
            arguments.task,
            get_design(arguments.task, name),
            scale=arguments.scale,
            seed=seed,
            mask=arguments.mask,
            epochs=arguments.epochs,
            task_options=options,
        )
        for seed in arguments.seed
        for name in names
    ]
    store = Store(arguments.store)
    stored = {c.id for c in configs if store.get(c) is not None}
    sweep(configs, store, jobs=arguments.jobs)
    results = [result for c in configs if (result := store.get(c))]
    if arguments.json:
        print(json.dumps(results, indent=1))
    else:
        print(_human(results, stored))
        new = len({c.id for c in configs} - stored)
        print(f"\n{new} trained now, {len(stored)} found in the store {store.folder}")


def _options(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; values that are JSON (numbers, true) are read as such."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise VsrnnError(f"--option takes NAME=VALUE, not {pair!r}")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _human(results: Sequence[dict[str, Any]], stored: set[str]) -> str:
    import pandas as pd

    rows = [
        {
            "design": r["config"]["design"]["name"],
            "scale": r["config"]["scale"],
            "seed": r["config"]["seed"],
            "hidden": r["config"]["design"]["hidden"],
            "weights": r["total_weights"],
            "hidden prop.": _number(r["hidden_proportion"], ".3f"),
            "test accuracy": r["error"] or _number(r["score"], ".3f"),
            "seconds": round(r["seconds"]["train"]),
            "": "from store" if r["id"] in stored else "new",
        }
        for r in results
    ]
    return pd.DataFrame(rows).to_string(index=False)


def _designs(arguments: argparse.Namespace) -> None:
    from vsrnn.designs import list_designs

    designs = list_designs(arguments.task)
    if arguments.csv:
        print(designs.to_csv(index=False), end="")
        return
    density = designs.filter(like="density_").map(lambda d: _number(d, "g"))
    columns = {
        "densities hx hh hy yx yh yy": density.agg(" ".join, axis=1).str.strip(),
        "weights": designs["weights"].map(lambda w: _number(w, ",.0f")),
        "hidden prop.": designs["hidden_proportion"].map(lambda p: _number(p, ".3f")),
    }
    sizes = designs[["task", "name", "model", "hidden"]]
    print(sizes.assign(**columns).to_string(index=False))


def _number(value: float | None, how: str) -> str:
    """A number as text, nothing where there is none."""
    return "" if value is None or math.isnan(value) else format(value, how)


def _table(arguments: argparse.Namespace) -> None:
    from vsrnn.store import Store

    store = Store(arguments.store)
    table = store.collect()
    if table.empty:
        raise VsrnnError(
            f"the store {store.folder} holds no results; fill it with `vsrnn run`"
        )
    if arguments.curves:
        _write(store.curves(), arguments.curves)
    if arguments.out:
        _write(table, arguments.out)
    elif not arguments.curves:
        print(table.to_csv(index=False, float_format=DIGITS), end="")


def _write(table: Any, path: str) -> None:
    from vsrnn.store import replace_text

    text = table.to_csv(index=False, float_format=DIGITS, lineterminator="\n")
    try:
        replace_text(Path(path), text)
    except OSError as problem:
        raise VsrnnError(
            f"cannot write {path} ({problem.strerror}); name another file"
        ) from problem
    print(f"{len(table)} rows in {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
