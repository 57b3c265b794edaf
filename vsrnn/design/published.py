"""The named designs of the paper: hidden size, densities, initial scale, rate.

Names are the authors' file names, without ``ra_test_`` for Random Anomaly Detection
(``rad``). There six digits are the densities of hx, hh, hy, yx, yh, yy (1 dense, 0 one
fifth), and a trailing underscore, or balanced_N, means 100,000 weights; the others
have a million. Elsewhere the number in front is the budget in thousands of weights.

Where two files share a name, the less used one gets its own: ``25ADV020`` is varied
(file Sparsity2/25AD020) and ``25AD020`` uniform, ``H400AD020`` has 400 hidden units
(file Density/400AD020) and ``400AD020`` has 400,000 weights, and ``_archive`` marks
the older balanced kitchen designs. ``rnn_`` is not of the paper: it is a plain RNN
with a linear head, added as a baseline of 100,000 weights. Those of ``navigation``,
``adding`` and ``text`` are the dense networks of arXiv 2406.06290: ``navigation_4096``
as published, ``navigation_256`` scaled down, ``adding_128`` as published but for its
rate, which was 1e-4, and ``text_650`` as published for WikiText-2, the others smaller.

Several files can hold one design. Those named ``S2D`` differ from the design they
are listed under in how biases are laid out, not in its arrangement of weights.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from vsrnn.design.design import Design, design_of
from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError, needs

if TYPE_CHECKING:
    import pandas

RAD_100K = (
    *("000000_", "000100_", "000110_", "001001_", "010000_", "010010_", "010100_"),
    *("011000_", "011001_", "100010_", "100100_", "100110_", "111111_", "balanced_"),
    *(f"balanced_{number}" for number in range(9)),
    *("lstm_", "rnn_"),
)
"""The designs of about 100,000 weights on Random Anomaly Detection, 24 published."""
TEXTS = ("task", "name", "published", "model", "options")

Row = dict[str, str]


def get_design(task: str, name: str) -> Design:
    """Look up a design of the paper by its name or its published file name.

    The design has its own name whichever was asked for, with or without a folder.

    Raises:
        VsrnnError: the task or the design is unknown.

    >>> get_design("rad", "ra_test_dense").name
    '111111_'
    """
    names = _names(task)
    if name not in names:
        own = sorted({design.name for design in names.values()})
        key = name.removeprefix("ra_test_")
        close = ", ".join(difflib.get_close_matches(key, own, n=4))
        raise VsrnnError(
            f"unknown {task} design {name!r}{f' (close: {close})' if close else ''}; "
            "`vsrnn designs` lists them all"
        )
    return names[name]


@needs("experiments")
def list_designs(task: str | None = None) -> pandas.DataFrame:
    """Table of the named designs, one row each, with their geometry.

    Columns: task, name, published (file names, separated by ";"), model, hidden,
    density_hx to density_yy, init_std_hx to init_std_yy, learning_rate and budget
    (nominal weights), options (of the model, JSON), density of further matrices that a
    model has; computed: weights (expected), hidden_proportion, parameters.
    Baselines have no densities or initial deviations (NaN), the LSTM no hidden
    proportion, and some files name no budget. The authors spent budgets on weights
    without biases for block designs, with biases for the LSTMs.

    Raises:
        VsrnnError: the task has no designs.

    >>> table = list_designs("rad").set_index("name")
    >>> int(table.loc["lstm_", "parameters"])
    110638
    """
    import pandas

    return pandas.DataFrame([_record(row) for row in _rows(task)])


@cache
def _rows(task: str | None) -> list[Row]:
    """Rows of the published designs, of a task or of all."""
    text = resources.files("vsrnn.design").joinpath("published.csv").read_text("utf-8")
    every = list(csv.DictReader(text.splitlines()))
    rows = [row for row in every if task in (None, row["task"])]
    if not rows:
        known = ", ".join(dict.fromkeys(row["task"] for row in every))
        raise VsrnnError(
            f"the paper has no designs for task {task!r}, only for {known}; "
            "draw random designs for it, or read a table of them"
        )
    return rows


@cache
def _names(task: str) -> dict[str, Design]:
    """Every name of the task's designs: own names win, then paths, then files."""
    rows = _rows(task)
    names = {row["name"]: _design(row) for row in rows}
    for folder in ("", "(.*/)?", "(.*/)?(ra_test_)?"):  # left out of a path
        for row in rows:
            for path in filter(None, row["published"].split(";")):
                names.setdefault(re.sub(f"^{folder}", "", path), names[row["name"]])
    return names


def _design(row: Row) -> Design:
    """The design of a row; matrices that no column is of are dense."""
    options = json.loads(row["options"] or "{}")
    matrices = get_family(row["model"]).matrices(options)
    dense = {f"density_{name}": 1.0 for name in matrices}
    return design_of({f"init_mean_{block}": 0.0 for block in BLOCKS} | dense | row)


def _record(row: Row) -> dict[str, object]:
    design, sizes = _design(row), (int(row["inputs"]), int(row["outputs"]))
    expected = get_family(design.model).expected(design, *sizes)
    share = expected["hidden_proportion"]
    record: dict[str, object] = {
        column: value if column in TEXTS else float(value or "nan")
        for column, value in row.items()
        if column not in ("inputs", "outputs")
    }
    densities = zip(design.matrices, design.density, strict=True)
    return record | {
        **{f"density_{name}": density for name, density in densities},
        "hidden": design.hidden,
        "weights": expected["total_weights"],
        "hidden_proportion": math.nan if share is None else share,
        "parameters": expected["parameters"],
    }
