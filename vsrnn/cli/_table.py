"""``vsrnn table``: the store as CSV, or packed into one file."""

from __future__ import annotations

import argparse
from typing import Any

from vsrnn.cli._shared import add_store, check_out, write
from vsrnn.errors import VsrnnError
from vsrnn.runs.rows import csv_text
from vsrnn.runs.store import Store


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    what = "collect the store to CSV, one row a run"
    table = commands.add_parser("table", parents=[common], help=what)
    table.set_defaults(command=_table)
    add_store(table)
    table.add_argument("--out", help="file of the table; printed if absent")
    table.add_argument("--curves", help="file of the learning curves, likewise CSV")
    pack = "put the store's files into one, runs.jsonl.gz, and print no table"
    table.add_argument("--pack", action="store_true", help=pack)
    points = "keep at most N epochs of each learning curve (with --pack)"
    table.add_argument("--points", type=int, metavar="N", help=points)
    digits = "round what was measured to N significant digits (with --pack)"
    table.add_argument("--digits", type=int, metavar="N", help=digits)


def _table(arguments: argparse.Namespace) -> None:
    check_out(arguments.out)
    check_out(arguments.curves)
    if arguments.out and arguments.out == arguments.curves:
        raise VsrnnError("--out and --curves name one file; give each its own")
    if arguments.points is not None and not arguments.pack:
        raise VsrnnError("--points thins what is packed; give --pack, too")
    if arguments.digits is not None and not arguments.pack:
        raise VsrnnError("--digits rounds what is packed; give --pack, too")
    store = Store(arguments.store)
    table = store.collect()
    if table.empty:
        raise VsrnnError(
            f"the store {store.folder} holds no results; fill it with `vsrnn run`"
        )
    if arguments.curves:
        write(store.curves(), arguments.curves)
    if arguments.out:
        write(table, arguments.out)
    if arguments.pack:
        print(f"{len(table)} runs in {store.pack(arguments.points, arguments.digits)}")
    elif not (arguments.out or arguments.curves):
        print(csv_text(table), end="")
