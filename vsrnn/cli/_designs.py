"""``vsrnn designs``: the named designs and their geometry."""

from __future__ import annotations

import argparse
from typing import Any

from vsrnn.cli._shared import format_column
from vsrnn.design.published import list_designs


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    what = "list the named designs of the paper with their geometry"
    designs = commands.add_parser("designs", parents=[common], help=what)
    designs.set_defaults(command=_designs)
    designs.add_argument("--task", help="only those of one task")
    designs.add_argument("--csv", action="store_true", help="print all columns as CSV")


def _designs(arguments: argparse.Namespace) -> None:
    designs = list_designs(arguments.task)
    if arguments.csv:
        print(designs.to_csv(index=False), end="")
        return
    density = designs.filter(like="density_").apply(format_column, how="g")
    columns = {
        "densities hx hh hy yx yh yy": density.agg(" ".join, axis=1).str.strip(),
        "weights": format_column(designs["weights"], ",.0f"),
        "hidden prop.": format_column(designs["hidden_proportion"], ".3f"),
    }
    sizes = designs[["task", "name", "model", "hidden"]]
    print(sizes.assign(**columns).to_string(index=False))
