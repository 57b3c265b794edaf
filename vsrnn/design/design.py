"""A design: what makes one network, apart from the sizes of its task."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.errors import VsrnnError

PER_MATRIX = ("density", "init_mean", "init_std")
MOST_HIDDEN = 10_000_000


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
        VsrnnError: a value is missing or of no use, or the model or an option unknown.

    >>> Design("mine", 208, (0.1, 1, 1, 0.1, 0.1, 0.1)).geometry(2500, 10).hidden
    208
    """

    name: str
    hidden: int
    density: tuple[float, ...]
    model: str
    init_mean: tuple[float, ...]
    init_std: tuple[float, ...]
    learning_rate: float
    options: tuple[tuple[str, Any], ...]

    def __init__(
        self,
        name: str,
        hidden: int,
        density: float | Sequence[float],
        model: str = "block",
        init_mean: float | Sequence[float] = (),
        init_std: float | Sequence[float] = (),
        learning_rate: float = 1e-4,
        options: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
    ) -> None:
        family = get_family(model)
        used = family.options(dict(options))
        names = family.matrices(dict(used))
        drawn = len(names) if family.initial else 0
        usual = family.initial or ((), ())
        try:
            size, rate = float(hidden), float(learning_rate)
            density = _numbers(density, len(names))
            means = _numbers(init_mean, drawn) or _numbers(usual[0], drawn)
            stds = _numbers(init_std, drawn) or _numbers(usual[1], drawn)
        except (TypeError, ValueError) as problem:
            raise VsrnnError(
                f"the design {name} needs numbers: hidden units, densities, "
                f"means and deviations, a learning rate ({problem})"
            ) from problem
        each = f" each ({', '.join(names)})" if names else ", as its model has none"
        checks = {
            "a name": isinstance(name, str) and name,
            "a name of letters that can be printed": str(name).isprintable(),
            "0 hidden units or more": 0 <= size < math.inf,
            f"{MOST_HIDDEN:,} hidden units at most": size <= MOST_HIDDEN,
            "a whole number of hidden units": size % 1 == 0,
            f"{len(names)} densities{each}": len(density) == len(names),
            f"{drawn} initial means and deviations": len(means) == len(stds) == drawn,
            "each density in 0..1": all(0 <= share <= 1 for share in density),
            "a number as each initial mean": all(map(math.isfinite, means)),
            "deviations of 0 or more": all(0 <= std < math.inf for std in stds),
            "a learning rate above 0": 0 < rate < math.inf,
        }
        for wanted, good in checks.items():
            if not good:
                raise VsrnnError(f"the design {name} needs {wanted}")
        values = (name, int(size), density, model, means, stds, rate, used)
        for field, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)

    def option(self, name: str) -> Any:
        """An option of the model, as given or its default.

        Raises:
            VsrnnError: the model has no such option.
        """
        every = {**get_family(self.model).defaults, **dict(self.options)}
        if name not in every:
            raise VsrnnError(f"the model {self.model} has no option {name!r}")
        return every[name]

    @property
    def matrices(self) -> tuple[str, ...]:
        """Names of the matrices that the densities are of, in their order."""
        return get_family(self.model).matrices(dict(self.options))

    def geometry(self, inputs: int, outputs: int) -> Geometry:
        """Geometry of a block design at a task's input and output sizes.

        Raises:
            VsrnnError: the design has no blocks, or no hidden size fits it.
        """
        if self.matrices != BLOCKS:
            raise VsrnnError(
                f"{self.name} ({self.model}) has no blocks; choose another"
            )
        if self.hidden == 0:
            raise VsrnnError(
                f"no hidden size fits the budget of {self.name}; give another"
            )
        return Geometry(inputs, self.hidden, outputs, self.density)


def _numbers(given: Any, wanted: int) -> tuple[float, ...]:
    """Numbers for the matrices; one stands for all, 1 is 1.0, and -0 is 0."""
    values = (given,) * max(wanted, 1) if np.ndim(given) == 0 else given
    return tuple(float(value) + 0.0 for value in values)


def design_of(row: Mapping[str, Any]) -> Design:
    """The design in a row of a table like those of :func:`vsrnn.design_table`."""
    family, text = get_family(row["model"]), row.get("options")
    options = json.loads(text) if isinstance(text, str) and text else {}
    names = family.matrices(options)
    kinds = PER_MATRIX if family.initial else PER_MATRIX[:1]
    values: dict[str, Any] = {
        kind: tuple(row[f"{kind}_{name}"] for name in names) for kind in kinds
    }
    same = ("name", "hidden", "model", "learning_rate")
    return Design(**{name: row[name] for name in same}, **values, options=options)
