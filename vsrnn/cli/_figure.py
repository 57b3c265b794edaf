"""``vsrnn figure``: any figure of the book from the committed tables."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    figure = commands.add_parser(
        "figure",
        parents=[common],
        help="write a figure of the book from the committed tables",
        description="Write figures of the book from the committed tables, without "
        "training. Without a name: list them.",
    )
    figure.set_defaults(command=_figure)
    figure.add_argument("names", nargs="*", metavar="name", help="of figures, or all")
    figure.add_argument("--style", default="web", help="web (default) or manuscript")
    figure.add_argument("--out", default=".", help="folder of the files (default: .)")
    figure.add_argument(
        "--format",
        nargs="+",
        default=["svg", "pdf", "png", "csv"],
        metavar="KIND",
        help="of svg, pdf, png, csv and json (what made it); all but json if absent",
    )


def _figure(arguments: argparse.Namespace) -> None:
    from vsrnn.figures import list_figures, redraw

    known = list_figures()
    if not arguments.names:
        width = max(map(len, known))
        for name, line in known.items():
            print(f"{name:{width}}  {line}")
    for name in known if arguments.names == ["all"] else arguments.names:
        paths = redraw(name, arguments.out, arguments.style, arguments.format)
        print("\n".join(map(str, paths.values())))
