"""The command line: one module a command, each with its ``add``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata

from vsrnn.cli import (
    _choose,
    _compare,
    _designs,
    _figure,
    _run,
    _study,
    _sweep,
    _table,
    _verify,
)
from vsrnn.errors import VsrnnError, needs, printable

COMMANDS = (
    *(_choose, _run, _sweep, _study, _compare),
    *(_designs, _table, _verify, _figure),
)

EXAMPLES = """\
examples:
  vsrnn designs --task rad
  vsrnn run rad balanced_0 --scale quick --seed 0
  vsrnn run rad 111111_ 000000_ balanced_0 --seed 0 1 2 --jobs 2
  vsrnn sweep rad normal_size --number 20 --budget 50000
  vsrnn compare adding --budget 800 --epochs 4
  vsrnn table --out runs.csv --curves curves.csv
  vsrnn verify rad_smoke --number 20
  vsrnn figure final_accuracy --style manuscript
  vsrnn choose --inputs 300 --outputs 5 --budget 20000
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    A command returns nothing when all went well, or the status to exit with.
    """
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("PYTHONSAFEPATH", "1")  # nor do workers import from here
    with suppress(AttributeError):  # what a terminal cannot show does not end a run
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        with needs("experiments"):
            status = arguments.command(arguments) or 0
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        kept = "; finished runs are stored, and the same command goes on from there"
        print(f"vsrnn: stopped{kept if 'store' in arguments else ''}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 0
    except (VsrnnError, OSError, SystemExit) as problem:
        if arguments.debug:
            raise
        said = str(problem)
        if isinstance(problem, SystemExit):
            said = f"code that is no part of vsrnn ended the program (sys.exit: {said})"
        if isinstance(problem, OSError):
            _drop_output()
            where = f" ({problem.filename})" if problem.filename else ""
            said = f"{problem.strerror or problem}{where}"
        print(f"vsrnn: {printable(said)}", file=sys.stderr)
        return 2


def _drop_output() -> None:
    """Leave nothing that the end of the program would try to write."""
    with suppress(OSError, ValueError):  # where the output is no file, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    for command in COMMANDS:
        command.add(commands, common)
    return parser
