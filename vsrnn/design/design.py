"""The named designs of the paper: hidden size, densities, initial scale, rate.

Names are the authors' file names, without ``ra_test_`` for Random Anomaly Detection
(``rad``). There six digits are the densities of hx, hh, hy, yx, yh, yy (1 dense, 0 one
fifth), and a trailing underscore, or balanced_N, means 100,000 weights; the others
have a million. Elsewhere the number in front is the budget in thousands of weights.

Where two files share a name, the less used one gets its own: ``25ADV020`` is varied
(file Sparsity2/25AD020) and ``25AD020`` uniform, ``H400AD020`` has 400 hidden units
(file Density/400AD020) and ``400AD020`` has 400,000 weights, and ``_archive`` marks
the older balanced kitchen designs. ``rnn_`` is not of the paper: it is a plain RNN
with a linear head, added as a baseline of 100,000 weights.

Several files can hold one design. Those named ``S2D`` differ from the design they
are listed under in how biases are laid out, not in its arrangement of weights.
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.errors import VsrnnError
from vsrnn.tasks import SIZES

if TYPE_CHECKING:
    import pandas

RAD_100K = (
    *("000000_", "000100_", "000110_", "001001_", "010000_", "010010_", "010100_"),
    *("011000_", "011001_", "100010_", "100100_", "100110_", "111111_", "balanced_"),
    *(f"balanced_{number}" for number in range(9)),
    *("lstm_", "rnn_"),
)
"""The designs of about 100,000 weights on Random Anomaly Detection, 24 published."""
PER_BLOCK = ("density", "init_mean", "init_std")


@dataclass(frozen=True)
class Design:
    """What makes one network, apart from the task's input and output sizes.

    Args:
        name: as published, see `list_designs`.
        hidden: hidden units H; for the LSTM the number of cells.
        density: share of entries that are weights in hx, hh, hy, yx, yh, yy;
            whatever is given, empty for the baselines, which have no blocks.
        model: "block", "lstm" (projected) or "rnn" (plain, with a linear head).
        init_mean: mean of the initial weights in each block, empty for baselines.
        init_std: standard deviation of the same.
        learning_rate: step size of Adam.

    Raises:
        VsrnnError: no name, another model, a hidden size that is no whole number, not
            six values for the blocks, a density outside 0..1, a negative deviation, a
            rate that is not above 0, or one of these missing.

    >>> Design("mine", 208, (0.1, 1, 1, 0.1, 0.1, 0.1)).geometry(2500, 10).hidden
    208
    """

    name: str
    hidden: int
    density: tuple[float, ...]
    model: str = "block"
    init_mean: tuple[float, ...] = (0.0,) * 6
    init_std: tuple[float, ...] = (0.05,) * 6
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        # 1 and 1.0 are the same design, also where a design is written as text
        blocks = len(BLOCKS) if self.model == "block" else 0
        try:
            for name in PER_BLOCK:
                values = tuple(map(float, getattr(self, name))) if blocks else ()
                object.__setattr__(self, name, values)
            hidden, rate = float(self.hidden), float(self.learning_rate)
        except (TypeError, ValueError) as problem:
            raise VsrnnError(
                f"the design {self.name} needs numbers: hidden units, six densities, "
                f"means and deviations, a learning rate ({problem})"
            ) from problem
        given = {len(getattr(self, name)) for name in PER_BLOCK}
        known, infinite = ("block", "lstm", "rnn"), math.inf
        checks = {
            "a name": isinstance(self.name, str) and self.name,
            f"model block, lstm or rnn, not {self.model!r}": self.model in known,
            "0 hidden units or more": 0 <= hidden < infinite,
            "a whole number of hidden units": hidden % 1 == 0,
            "six densities, initial means and deviations": given == {blocks},
            "each density in 0..1": all(0 <= value <= 1 for value in self.density),
            "a number as each initial mean": all(map(math.isfinite, self.init_mean)),
            "deviations of 0 or more": all(0 <= v < infinite for v in self.init_std),
            "a learning rate above 0": 0 < rate < infinite,
        }
        for wanted, good in checks.items():
            if not good:
                raise VsrnnError(f"the design {self.name} needs {wanted}")
        object.__setattr__(self, "hidden", int(hidden))
        object.__setattr__(self, "learning_rate", rate)

    def geometry(self, inputs: int, outputs: int) -> Geometry:
        """Geometry of a block design at a task's input and output sizes.

        Raises:
            VsrnnError: the design is a baseline without blocks, or a random one that
                no hidden size fits.
        """
        if self.model != "block":
            raise VsrnnError(
                f"design {self.name} is a baseline ({self.model}) without blocks; "
                "choose a block design for its geometry"
            )
        if self.hidden == 0:
            raise VsrnnError(
                f"no hidden size fits the budget of design {self.name}; give another "
                "budget or other densities"
            )
        return Geometry(inputs, self.hidden, outputs, self.density)


def get_design(task: str, name: str) -> Design:
    """Look up a design of the paper by its name or its published file name.

    Args:
        task: "rad", "hammer", "door", "kitchen-mixed", "kitchen-blind" or
            "kitchen-complete".
        name: as in `list_designs`, or a published file name with or without folder.

    Returns:
        The design, under its own name whichever name was asked for.

    Raises:
        VsrnnError: the task or the design is unknown.

    >>> get_design("rad", "balanced_0").hidden
    208
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


def design_of(row: Mapping[str, Any]) -> Design:
    """The design in a row of a table with columns as :func:`vsrnn.design_table` names.

    Raises:
        VsrnnError: the values make no design.
    """
    block = row["model"] == "block"
    values: dict[str, Any] = {
        kind: tuple(row[f"{kind}_{name}"] for name in BLOCKS) if block else ()
        for kind in PER_BLOCK
    }
    names = ("name", "hidden", "model", "learning_rate")
    return Design(**{name: row[name] for name in names}, **values)


def list_designs(task: str | None = None) -> pandas.DataFrame:
    """Table of the named designs, one row each, with their geometry.

    Columns: task, name, published (file names, separated by ";"), model, hidden,
    density_hx to density_yy, init_std_hx to init_std_yy, learning_rate and budget
    (nominal weights); computed: weights (expected), hidden_proportion, parameters.
    Baselines have no densities or initial deviations (NaN), the LSTM no hidden
    proportion, and some files name no budget. The authors spent budgets on weights
    without biases for block designs, with biases for the LSTMs.

    Args:
        task: one task's designs only.

    Raises:
        VsrnnError: the task has no designs.

    >>> table = list_designs("rad").set_index("name")
    >>> int(table.loc["lstm_", "parameters"])
    110638
    """
    import pandas

    if task is not None:
        check_task(task)
    rows = [row for row in _rows() if task in (None, row["task"])]
    return pandas.DataFrame([_record(row) for row in rows])


@cache
def _rows() -> tuple[dict[str, str], ...]:
    text = resources.files("vsrnn.design").joinpath("published.csv").read_text("utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def check_task(task: str) -> None:
    """Refuse a task that the paper has no designs for.

    Raises:
        VsrnnError: it is unknown.
    """
    if task not in SIZES:
        raise VsrnnError(
            f"the paper has no designs for task {task!r}, only for {', '.join(SIZES)}; "
            "draw random designs for it, or read a table of them"
        )


@cache
def _names(task: str) -> dict[str, Design]:
    """Every name of the task's designs: own names win, then paths, then files."""
    check_task(task)
    rows = [row for row in _rows() if row["task"] == task]
    names = {row["name"]: _design(row) for row in rows}
    files = [(path, row["name"]) for row in rows for path in _published(row)]
    spellings = (str, _file, lambda path: _file(path).removeprefix("ra_test_"))
    for spelling in spellings:
        for path, name in files:
            names.setdefault(spelling(path), names[name])
    return names


def _published(row: Mapping[str, str]) -> list[str]:
    return row["published"].split(";") if row["published"] else []


def _file(path: str) -> str:
    return path.rpartition("/")[2]


def _design(row: Mapping[str, str]) -> Design:
    return design_of({f"init_mean_{block}": 0.0 for block in BLOCKS} | dict(row))


def _record(row: Mapping[str, str]) -> dict[str, object]:
    design = _design(row)
    columns = [
        f"{kind}_{block}" for kind in ("density", "init_std") for block in BLOCKS
    ]
    return {
        "task": row["task"],
        "name": design.name,
        "published": row["published"],
        "model": design.model,
        "hidden": design.hidden,
        **{column: float(row[column] or "nan") for column in columns},
        "learning_rate": design.learning_rate,
        "budget": float(row["budget"] or "nan"),
        **_counts(design, *SIZES[row["task"]]),
    }


def _counts(design: Design, inputs: int, outputs: int) -> dict[str, float]:
    hidden = design.hidden
    if design.model == "block":
        geometry = design.geometry(inputs, outputs)
        weights, parameters = geometry.weights, geometry.parameters
        proportion = geometry.hidden_proportion
    elif design.model == "lstm":
        weights = hidden * (4 * (inputs + outputs) + outputs)
        parameters, proportion = weights + 8 * hidden, math.nan
    else:
        weights = hidden * (inputs + hidden + outputs)
        parameters = weights + 2 * hidden + outputs
        proportion = hidden / (inputs + hidden)
    return {
        "weights": weights,
        "hidden_proportion": proportion,
        "parameters": parameters,
    }
