"""What several commands need: options as given, numbers and tables as text."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vsrnn.design.design import Design
from vsrnn.design.published import RAD_100K
from vsrnn.errors import VsrnnError
from vsrnn.files import replace_text
from vsrnn.methods import get_method
from vsrnn.runs.config import Config
from vsrnn.runs.rows import csv_text
from vsrnn.runs.run import Result
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import Workers, fill
from vsrnn.tasks import places


def add_training(parser: Any) -> None:
    """The arguments of every command that trains designs."""
    parser.add_argument(
        "--mask",
        default="bernoulli",
        choices=("bernoulli", "exact"),
        help="entries drawn one by one as published, or an exact count",
    )
    parser.add_argument("--epochs", type=int, help="instead of the scale's number")
    parser.add_argument(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help="instead of the designs' own",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the task, for instance split=separate or digits=mnist",
    )
    parser.add_argument(
        "--method",
        default="static",
        help="which weights exist while it trains: static (default) or magnitude",
    )
    parser.add_argument(
        "--method-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the method, for instance density=0.1 or schedule=linear",
    )
    parser.add_argument("--jobs", type=int, help="processes; all processors if absent")
    parser.add_argument(
        "--per-pass",
        type=int,
        default=4,
        metavar="M",
        help="designs a process trains at once, at most (4)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=8.0,
        metavar="GIB",
        help="what they may take together, as estimated beforehand (8)",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    add_store(parser)


def names_of(given: Sequence[str]) -> list[str]:
    """The names of designs that were given, with 100k for all of that size."""
    return [n for name in given for n in (RAD_100K if name == "100k" else [name])]


def with_rate(arguments: Any, designs: Sequence[Design]) -> Sequence[Design]:
    """The designs, at the rate that was asked for if one was."""
    rate = arguments.learning_rate
    if rate is None:
        return designs
    return [replace(design, learning_rate=rate) for design in designs]


def configs_of(
    arguments: Any, designs: Sequence[Design], seeds: Sequence[int]
) -> list[Config]:
    """A run of every design with every seed, trained as the arguments say."""
    options = task_options(arguments.task, arguments.option)
    chosen = named_values("--method-option", arguments.method_option)
    method = get_method(arguments.method, **chosen)
    return [
        Config(
            arguments.task,
            design,
            scale=arguments.scale,
            seed=seed,
            mask=arguments.mask,
            epochs=arguments.epochs,
            task_options=options,
            method=method,
        )
        for seed in seeds
        for design in designs
    ]


def trained(
    arguments: Any, configs: Sequence[Config], store: Store
) -> tuple[dict[str, str], list[Result]]:
    """Train what the store lacks.

    Returns:
        By id where each result comes from, see :func:`vsrnn.runs.sweep.fill`, and the
        results in the order of the configs.
    """
    workers = Workers(
        arguments.jobs,
        arguments.per_pass,
        arguments.memory,
        arguments.device,
        arguments.scheduler,
    )
    origin = fill(configs, store, workers)
    return origin, [result for config in configs if (result := store.get(config))]


def add_store(parser: Any) -> None:
    """The argument of every command that looks at results."""
    parser.add_argument("--store", default="runs", help="folder of results (runs)")


def at_least_one(name: str, value: int | None) -> None:
    """Refuse counts below 1.

    Raises:
        VsrnnError: the option's value is below 1.
    """
    if value is not None and value < 1:
        raise VsrnnError(f"{name} must be 1 or more, not {value}")


def check_training(arguments: Any) -> None:
    """Refuse numbers of processes, designs or GiB, and rates, of no use.

    Raises:
        VsrnnError: an option's value is too small.
    """
    at_least_one("--jobs", arguments.jobs)
    at_least_one("--per-pass", arguments.per_pass)
    for name in ("memory", "learning_rate"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value < math.inf:
            option = name.replace("_", "-")
            raise VsrnnError(f"--{option} must be a number above 0, not {value:g}")


def task_options(task: str, pairs: Sequence[str]) -> dict[str, Any]:
    """The options of a task; folders stay the text they are."""
    return named_values("--option", pairs, places(task))


def named_values(
    flag: str, pairs: Sequence[str], text: Collection[str] = ()
) -> dict[str, Any]:
    """NAME=VALUE pairs of a flag; values that are JSON (numbers, true) read as such.

    Args:
        flag: what they were given with.
        pairs: as given.
        text: names whose values stay text.

    Raises:
        VsrnnError: a pair is none.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise VsrnnError(f"{flag} takes NAME=VALUE, not {pair!r}")
        try:
            options[name] = value if name in text else json.loads(value)
        except ValueError:
            options[name] = value
    return options


def ended(result: Result, how: str) -> bool:
    """Whether a run ended so: it "diverged", or "failed"."""
    return (result["error"] or "").startswith(how)


def number(value: float | None, how: str) -> str:
    """A number as text, nothing where there is none."""
    return "" if value is None or math.isnan(value) else format(value, how)


def check_out(path: str | None) -> None:
    """Refuse a file that cannot be written, before there is anything to lose.

    Raises:
        VsrnnError: it is a folder, its folder is not there, or it is a stored run.
    """
    if path is None:
        return
    file = Path(path)
    if file.is_dir() or not file.parent.is_dir():
        what = "it is a folder" if file.is_dir() else f"there is no {file.parent}"
        raise VsrnnError(f"cannot write {path}: {what}; name another file")
    if file.suffix == ".json":
        raise VsrnnError(f"{path} would hold CSV; name a file that ends in .csv")


def write(table: Any, path: str) -> None:
    """Write a table as CSV, whole or not at all, and say so."""
    text = csv_text(table)
    try:
        replace_text(Path(path), text)
    except OSError as problem:
        raise VsrnnError(
            f"cannot write {path} ({problem.strerror}); name another file"
        ) from problem
    print(f"{len(table)} rows in {path}", file=sys.stderr)
