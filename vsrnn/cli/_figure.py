"""``vsrnn figure``: any figure of the book from the committed results."""

from __future__ import annotations

import argparse
from typing import Any

from vsrnn.errors import VsrnnError


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    figure = commands.add_parser(
        "figure",
        parents=[common],
        help="write a figure of the book from the committed results",
        description="Write figures of the book from the committed results, without "
        "training. Without a name: list them.",
    )
    figure.set_defaults(command=_figure)
    figure.add_argument("names", nargs="*", metavar="name", help="of figures, or all")
    figure.add_argument(
        "--style", default="web", help="web (default), manuscript or phone"
    )
    figure.add_argument("--out", default=".", help="folder of the files (default: .)")
    figure.add_argument(
        "--format",
        nargs="+",
        default=["svg", "pdf", "png", "csv"],
        metavar="KIND",
        help="of svg, pdf, png, csv and json (what made it); all but json if absent",
    )


def _figure(arguments: argparse.Namespace) -> None:
    from vsrnn.plot.registry import FIGURES
    from vsrnn.studies import Page, open_page

    if not arguments.names:
        width = max(map(len, FIGURES))
        for name, spec in FIGURES.items():
            print(f"{name:{width}}  {spec.summary}")
    pages: dict[str, Page] = {}
    for name in FIGURES if arguments.names == ["all"] else arguments.names:
        if name not in FIGURES:
            raise VsrnnError(f"unknown figure {name!r}; `vsrnn figure` lists them all")
        study = FIGURES[name].study
        if study not in pages:
            pages[study] = open_page(study, arguments.out)
        paths = pages[study].show(name, arguments.style, arguments.format).paths
        print("\n".join(map(str, paths.values())))
