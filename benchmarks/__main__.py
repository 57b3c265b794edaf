"""Measure, print, and write the table: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import Row, ask, fresh_process, measure
from benchmarks.plan import groups, small

ROOT = Path(__file__).parents[1]

RIVALS = {
    "jax": lambda: all(map(find_spec, ("jax", "optax"))),
    "compiled": lambda: any(map(shutil.which, ("c++", "g++", "clang++"))),
}
"""What is compared with where it is installed."""


def main(arguments: list[str] | None = None) -> None:
    """Measure what the options say."""
    parser = _parser()
    options = parser.parse_args(arguments)
    peer = options.peer
    if peer and not (peer / "iterativenn" / "src").is_dir():
        parser.error(f"{peer} is no checkout of qbhershey/iterativenn; give one")
    make = small if options.smoke else groups
    rivals = [n for n, there in RIVALS.items() if there() and not options.smoke]
    plan = make(options.threads, options.device, peer is not None, rivals, options.only)
    turns, seconds = (2, 0.0) if options.smoke else (options.turns, options.seconds)
    start = partial(ThreadPoolExecutor, 1) if options.smoke else fresh_process
    with start() as first:  # so that none of those measured makes the data
        ask(first, "prepare", plan[0][-1], 0, None).result()
    began = time.perf_counter()
    rows: list[Row] = []
    for number, cases in enumerate(plan, 1):
        rows += measure(cases, turns, seconds, peer, start)
        passed = time.perf_counter() - began
        print(f"{number} of {len(plan)} groups, {passed:.0f} s", file=sys.stderr)
    _write(_others(options.only, options.out) + rows, options.out)
    from benchmarks.report import report  # needs torch, which the workers do not want

    print(report(options.out))


def _others(studies: list[str], path: Path) -> list[Row]:
    """What a table has of studies that were not measured now."""
    if not studies or not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["study"] not in studies]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--peer", type=Path, help="a checkout of qbhershey/iterativenn to run, too")
    add("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    device = "default: cpu; nothing has been measured on cuda yet"
    add("--device", default="cpu", choices=("cpu", "cuda"), help=device)
    add("--turns", type=int, default=9, help="how often each case has its turn")
    add("--seconds", type=float, default=0.25, help="how long a turn lasts at least")
    only = "measure these studies, and keep the rest of the table"
    add("--only", nargs="*", default=[], metavar="STUDY", help=only)
    add("--smoke", action="store_true", help="the least, in one process, as a test")
    add("--out", type=Path, default=ROOT / "results" / "bench.csv")
    return parser


def _write(rows: list[Row], path: Path) -> None:
    """Write the table beside its place and move it there whole."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


if __name__ == "__main__":
    main()
