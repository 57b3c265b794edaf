"""What several commands need: options as given, numbers and tables as text."""

from __future__ import annotations

import ast
import json
import math
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from vsrnn.design.design import Design
from vsrnn.design.published import RAD_100K, get_design
from vsrnn.errors import VsrnnError, refusal
from vsrnn.files import replace_text
from vsrnn.methods import METHODS, get_method
from vsrnn.runs.config import Config
from vsrnn.runs.rows import csv_text
from vsrnn.runs.run import Result
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import MEMORY, PER_PASS, Workers, fill, stored_results
from vsrnn.tasks import places, texts

_WORDS = {"true": True, "false": False, "none": None, "null": None}
PAIRS = {"action": "append", "default": [], "metavar": "NAME=VALUE"}


def add_training(parser: Any) -> None:
    """Add the arguments of every command that trains designs."""
    add = parser.add_argument
    add("--scale", default="quick", help="smoke, quick (default) or paper")
    mask = "entries drawn one by one as published, or an exact count"
    add("--mask", default="bernoulli", choices=("bernoulli", "exact"), help=mask)
    add("--epochs", type=int, help="instead of the scale's number")
    rate = "instead of the designs' own"
    add("--learning-rate", type=float, metavar="RATE", help=rate)
    option = "of the task, for instance split=separate or digits=mnist"
    add("--option", **PAIRS, help=option)
    method = (
        f"which weights exist while it trains: {', '.join(METHODS)}; with options, "
    )
    method += "for instance magnitude density=0.1; again for one that acts after it"
    shape: Any = {"action": "append", "nargs": "+", "default": []}
    add("--method", **shape, metavar=("NAME", "NAME=VALUE"), help=method)
    add_workers(parser)


def add_workers(parser: Any) -> None:
    """Add the arguments that say who trains, and where results go."""
    add = parser.add_argument
    add("--jobs", type=int, help="processes; all processors if absent")
    most = f"designs a process trains at once, at most ({PER_PASS})"
    add("--per-pass", type=int, default=PER_PASS, metavar="M", help=most)
    memory = f"what they may take together, as estimated beforehand ({MEMORY:g})"
    add("--memory", type=float, default=MEMORY, metavar="GIB", help=memory)
    add("--device", choices=("cpu", "cuda"), default="cpu")
    masks = (
        "keep the final masks, for --method lottery, in the folder masks of the store"
    )
    add("--masks", action="store_true", help=masks)
    add_store(parser)


def add_machines(parser: Any) -> None:
    """Add the arguments of commands that several machines can share."""
    where = parser.add_argument_group("on several machines").add_argument
    where("--shard", metavar="I/N", help="only the I-th of N parts, from 1/N to N/N")
    where("--scheduler", metavar="ADDRESS", help="of dask, whose workers are to train")


def shard(arguments: Any, configs: Sequence[Config]) -> Sequence[Config]:
    """The part of the runs that is asked for."""
    text = arguments.shard or "1/1"
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise VsrnnError(f"--shard takes I/N, from 1/N to N/N, not {text!r}")
    return configs[int(part) - 1 :: int(parts)]


def add_store(parser: Any) -> None:
    """Add the argument of every command that looks at results."""
    parser.add_argument("--store", default="runs", help="folder of results (runs)")


def check_positive(arguments: Any, *names: str) -> None:
    """Refuse options below 1."""
    for name in names:
        value, flag = getattr(arguments, name), name.replace("_", "-")
        if value is not None and value < 1:
            raise VsrnnError(f"--{flag} must be 1 or more, not {value}")


def check_training(arguments: Any) -> None:
    """Refuse numbers of processes, designs or GiB, and rates, that are too small."""
    check_positive(arguments, "jobs", "per_pass")
    for name in ("memory", "learning_rate"):
        value, flag = getattr(arguments, name, None), name.replace("_", "-")
        if value is not None and not 0 < value < math.inf:
            raise VsrnnError(f"--{flag} must be a number above 0, not {value:g}")


def named_designs(task: str, names: Sequence[str]) -> list[Design]:
    """Return designs by name, with 100k for all of that size, each once."""
    every = [n for name in names for n in (RAD_100K if name == "100k" else [name])]
    return list(dict.fromkeys(get_design(task, name) for name in every))


def configs_of(
    arguments: Any, designs: Sequence[Design], seeds: Sequence[int]
) -> list[Config]:
    """Return a run of every design with every seed, as the arguments say."""
    how = {name: getattr(arguments, name) for name in ("scale", "mask", "epochs")}
    how["task_options"] = task_options(arguments.task, arguments.option)
    how["method"] = [
        get_method(name, **named_values("--method", options, _text(name)))
        for name, *options in arguments.method
    ]
    task = arguments.task
    return [Config(task, one, seed=seed, **how) for seed in seeds for one in designs]


def _text(method: str) -> list[str]:
    """The options of a method that are text, such as an id, which may look a number."""
    known = fields(METHODS[method]) if method in METHODS else ()
    return [option.name for option in known if option.type == "str"]


def trained(
    arguments: Any, configs: Sequence[Config]
) -> tuple[dict[str, str], list[Result]]:
    """Train what the store lacks.

    Returns:
        By id where each result comes from, see :func:`vsrnn.runs.sweep.fill`, and the
        results in the order of the configs.
    """
    names = ("jobs", "per_pass", "memory", "device", "scheduler", "masks")
    store, own = Store(arguments.store), [getattr(arguments, name) for name in names]
    origin = fill(configs, store, Workers(*own))
    done = [config for config in configs if config.id in origin]
    return origin, stored_results(done, store)


def count(origin: Mapping[str, str]) -> str:
    """Say how many results come from where."""
    number = Counter(origin.values())
    return (
        f"{number['new']} trained now, {number['found']} found in the store, "
        f"{number['elsewhere']} trained by another process meanwhile"
    )


def task_options(task: str, pairs: Sequence[str]) -> dict[str, Any]:
    """Return the options of a task; folders and text stay the text they are."""
    return named_values("--option", pairs, {*places(task), *texts(task)})


def named_values(
    flag: str, pairs: Sequence[str], text: Collection[str] = ()
) -> dict[str, Any]:
    """Read the NAME=VALUE pairs of a flag as what they say, some as text only."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise VsrnnError(f"{flag} takes NAME=VALUE, not {pair!r}")
        if name in options:
            raise VsrnnError(f"{flag} names {name} twice; give it one value")
        options[name] = value if name in text else read_value(value)
    return options


def read_value(text: str) -> Any:
    """What a text says in JSON or Python: truths, nothing, numbers and lists; or text.

    >>> [read_value(text) for text in ("False", "none", ".5", "[1, 'a']", "007")]
    [False, None, 0.5, [1, 'a'], '007']
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            value = read(text)
            if isinstance(value, int | float | str | list | tuple | dict):
                return text if value != value else value  # nan is no number
    return text


def ended(result: Result, how: str) -> bool:
    """Whether a run ended so: it "diverged", or "failed"."""
    return (result["error"] or "").startswith(how)


def number(value: float | None, how: str) -> str:
    """Format a number, as nothing where there is none."""
    return "" if value is None or math.isnan(value) else format(value, how)


def format_column(column: Any, how: str) -> Any:
    """Format the numbers of a column of a table."""
    return column.map(lambda value: number(value, how))


def check_out(path: str | None, of: str = "runs", column: str = "id") -> None:
    """Refuse a file that cannot be written, or is not ours, before anything is lost.

    Ours is a table of what is named, which has that column.
    """
    if path is None:
        return
    file = Path(path).expanduser()
    if file.is_dir() or not file.parent.is_dir():
        what = "it is a folder" if file.is_dir() else f"there is no {file.parent}"
        raise VsrnnError(f"cannot write {path}: {what}; name another file")
    if file.suffix not in ("", ".csv"):
        raise VsrnnError(f"{path} would hold CSV; name a file that ends in .csv")
    if file.is_file() and file.stat().st_size:
        with file.open(encoding="utf-8", errors="replace") as lines:
            first = lines.readline(2**16)
        if column not in first.strip().split(","):
            raise VsrnnError(
                f"{path} is there and no table of {of}; name another file, or remove it"
            )


def write(table: Any, path: str) -> None:
    """Write a table as CSV, whole or not at all, and say so."""
    try:
        replace_text(Path(path).expanduser(), csv_text(table))
    except OSError as problem:
        raise VsrnnError(
            f"cannot write {path} {refusal(problem, 'name another file')}"
        ) from problem
    print(f"{len(table)} rows in {path}", file=sys.stderr)
