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
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.errors import VsrnnError

if TYPE_CHECKING:
    import pandas

RAD_100K = (
    *("000000_", "000100_", "000110_", "001001_", "010000_", "010010_", "010100_"),
    *("011000_", "011001_", "100010_", "100100_", "100110_", "111111_", "balanced_"),
    *(f"balanced_{number}" for number in range(9)),
    *("lstm_", "rnn_"),
)
"""The designs of about 100,000 weights on Random Anomaly Detection, 24 published."""
INITIAL = ("init_mean", "init_std")
PER_MATRIX = ("density", *INITIAL)


@dataclass(frozen=True)
class Design:
    """What makes one network, apart from the task's input and output sizes.

    Args:
        name: as published, see `list_designs`.
        hidden: hidden units H; for an LSTM the number of cells.
        density: share of entries that are weights in each matrix that the model has
            densities for: hx, hh, hy, yx, yh, yy of the block RNN, none of the dense
            baselines. One number stands for as many equal ones.
        model: "block", "cell" (masked cells of torch), or a baseline: "lstm"
            (projected) or "rnn" (plain, with a linear head).
        init_mean: mean of the initial weights in each block, 0 if absent. Other models
            have initial values of their own.
        init_std: standard deviation of the same, .05 if absent.
        learning_rate: step size of Adam.
        options: of the model, for instance ``{"activation": "tanh"}``; kept as pairs,
            without those at their default.

    Raises:
        VsrnnError: no name, another model, a hidden size that is no whole number, not
            as many densities as the model has matrices, a density outside 0..1, a
            negative deviation, a rate that is not above 0, an unknown option, or one of
            these missing.

    >>> Design("mine", 208, (0.1, 1, 1, 0.1, 0.1, 0.1)).geometry(2500, 10).hidden
    208
    """

    name: str
    hidden: int
    density: tuple[float, ...]
    model: str = "block"
    init_mean: tuple[float, ...] = ()
    init_std: tuple[float, ...] = ()
    learning_rate: float = 1e-4
    options: tuple[tuple[str, Any], ...] = ()

    if TYPE_CHECKING:  # what is taken, too, but read as above

        def __init__(
            self,
            name: str,
            hidden: int,
            density: float | Sequence[float],
            model: str = ...,
            init_mean: float | Sequence[float] = ...,
            init_std: float | Sequence[float] = ...,
            learning_rate: float = ...,
            options: Mapping[str, Any] | Sequence[tuple[str, Any]] = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        family = get_family(self.model)
        kept: dict[str, Any] = {"options": family.options(dict(self.options))}
        names = family.matrices(dict(kept["options"]))
        try:
            for kind in PER_MATRIX:
                kept[kind] = _numbers(getattr(self, kind), len(names))
            hidden, rate = float(self.hidden), float(self.learning_rate)
        except (TypeError, ValueError) as problem:
            raise VsrnnError(
                f"the design {self.name} needs numbers: hidden units, densities, "
                f"means and deviations, a learning rate ({problem})"
            ) from problem
        for kind, usual in zip(INITIAL, family.initial or (), strict=False):
            kept[kind] = kept[kind] or (usual,) * len(names)
        drawn = len(names) if family.initial else 0
        each = f" each ({', '.join(names)})" if names else ", as its model has none"
        infinite = math.inf
        checks = {
            "a name": isinstance(self.name, str) and self.name,
            "0 hidden units or more": 0 <= hidden < infinite,
            "a whole number of hidden units": hidden % 1 == 0,
            f"{len(names)} densities{each}": len(kept["density"]) == len(names),
            f"{drawn} initial means and deviations": all(
                len(kept[kind]) == drawn for kind in INITIAL
            ),
            "each density in 0..1": all(0 <= v <= 1 for v in kept["density"]),
            "a number as each initial mean": all(map(math.isfinite, kept["init_mean"])),
            "deviations of 0 or more": all(0 <= v < infinite for v in kept["init_std"]),
            "a learning rate above 0": 0 < rate < infinite,
        }
        for wanted, good in checks.items():
            if not good:
                raise VsrnnError(f"the design {self.name} needs {wanted}")
        kept |= {"hidden": int(hidden), "learning_rate": rate}
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    def option(self, name: str) -> Any:
        """An option of the model, as given or its default.

        Raises:
            VsrnnError: the model has no such option.

        >>> Design("mine", 20, 0.5).option("activation")
        'relu'
        """
        defaults = get_family(self.model).defaults
        if name not in defaults:
            raise VsrnnError(f"the model {self.model} has no option {name!r}")
        return dict(self.options).get(name, defaults[name])

    @property
    def matrices(self) -> tuple[str, ...]:
        """Names of the matrices that the densities are of, in their order."""
        return get_family(self.model).matrices(dict(self.options))

    def geometry(self, inputs: int, outputs: int) -> Geometry:
        """Geometry of a block design at a task's input and output sizes.

        Raises:
            VsrnnError: the design has no blocks, or is a random one that no hidden
                size fits.
        """
        if self.matrices != BLOCKS:
            raise VsrnnError(
                f"design {self.name} ({self.model}) has no blocks; choose a block "
                "design for its geometry"
            )
        if self.hidden == 0:
            raise VsrnnError(
                f"no hidden size fits the budget of design {self.name}; give another "
                "budget or other densities"
            )
        return Geometry(inputs, self.hidden, outputs, self.density)


def _numbers(given: Any, wanted: int) -> tuple[float, ...]:
    """Numbers for the matrices; one stands for all, and -0 is 0.

    1 and 1.0 are the same design, also where a design is written as text.
    """
    values = (given,) * max(wanted, 1) if np.ndim(given) == 0 else given
    return tuple(float(value) + 0.0 for value in values)


def get_design(task: str, name: str) -> Design:
    """Look up a design of the paper by its name or its published file name.

    Args:
        task: one that the paper has designs for, see `list_designs`.
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
    family, text = get_family(row["model"]), row.get("options")
    options = json.loads(text) if isinstance(text, str) and text else {}
    names = family.matrices(options)
    kinds = PER_MATRIX if family.initial else PER_MATRIX[:1]
    values: dict[str, Any] = {
        kind: tuple(row[f"{kind}_{name}"] for name in names) for kind in kinds
    }
    same = ("name", "hidden", "model", "learning_rate")
    return Design(**{name: row[name] for name in same}, **values, options=options)


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
    known = dict.fromkeys(row["task"] for row in _rows())
    if task not in known:
        raise VsrnnError(
            f"the paper has no designs for task {task!r}, only for {', '.join(known)}; "
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
    sizes = int(row["inputs"]), int(row["outputs"])
    expected = get_family(design.model).expected(design, *sizes)
    proportion = expected["hidden_proportion"]
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
        "weights": expected["total_weights"],
        "hidden_proportion": math.nan if proportion is None else proportion,
        "parameters": expected["parameters"],
    }
