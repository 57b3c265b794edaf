"""Families of models: what a design builds, by the name it gives as its model.

A family is one file in ``vsrnn/models``: a class derived from :class:`Family` under the
decorator :func:`register`. Nothing else in the package asks which model a design has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, TypeVar

from vsrnn.design.geometry import proportion
from vsrnn.errors import VsrnnError, check_int

if TYPE_CHECKING:
    from torch import nn

    from vsrnn.design.design import Design

Kind = TypeVar("Kind", bound="type[Family]")

FLOAT = 4  # bytes
TRAINED = 5  # numbers kept for a parameter: itself, its gradient, two averages, place


class Counts(TypedDict):
    """What a model consists of: expected before it is drawn, or counted as drawn."""

    weights: dict[str, float] | None  # by matrix, where the family has densities
    total_weights: float
    parameters: float  # weights and biases that can matter
    hidden_proportion: float | None


class Family(ABC):
    """What the package has to know of a kind of model."""

    name: ClassVar[str]  # what a design gives as its model
    # options with their defaults, text or whole numbers, and the values of text
    defaults: ClassVar[Mapping[str, Any]] = {}
    choices: ClassVar[Mapping[str, Sequence[str]]] = {}
    # usual mean and deviation of the initial weights, where a design can give others
    initial: ClassVar[tuple[float, float] | None] = None
    symbols: ClassVar[bool] = False  # whether its models can read symbols
    # models side by side: batch(models)(x) is (models, batch, time, outputs)
    batch: ClassVar[type[nn.Module]]

    @abstractmethod
    def expected(self, design: Design, inputs: int, outputs: int) -> Counts:
        """What a model of the design is expected to consist of, or a VsrnnError."""

    @abstractmethod
    def make(self, design: Design, inputs: int, outputs: int, **how: Any) -> nn.Module:
        """The untrained model, for :meth:`build`, which says how."""

    def matrices(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the matrices that have a density, in the order designs give them."""
        return ()

    def options(self, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
        """The options that differ from the defaults, checked and sorted by name."""
        checked = dict(given)
        for name, value in given.items():
            if name not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                raise VsrnnError(
                    f"the model {self.name} has no option {name!r}; it has: {known}"
                )
            if name not in self.choices:
                checked[name] = check_int(f"the option {name}", value, 0)
            elif value not in self.choices[name]:
                raise VsrnnError(
                    f"the option {name} of the model {self.name} is one of "
                    f"{', '.join(self.choices[name])}, not {value!r}"
                )
        return tuple(sorted(checked.items() - self.defaults.items()))

    def build(
        self,
        design: Design,
        inputs: int,
        outputs: int,
        *,
        seed: int = 0,
        mask: str = "bernoulli",
        symbols: bool = False,
    ) -> nn.Module:
        """The untrained model: ``model(x, state)`` and ``model.step(x, state)``.

        Masks, "bernoulli" or "exact", and initial values are those of the seed; global
        generators stay untouched. Symbols are whole numbers below ``inputs``.

        Raises:
            VsrnnError: there is no such model, or it cannot read symbols.
        """
        how: dict[str, Any] = {"seed": seed, "mask": mask}
        if self.symbols:
            how["symbols"] = symbols
        elif symbols:
            able = [name for name in families() if get_family(name).symbols]
            raise VsrnnError(
                f"the model {self.name} reads numbers, and this task gives symbols; "
                f"choose one of: {', '.join(able)}"
            )
        return self.make(design, inputs, outputs, **how)

    def counts(self, model: Any) -> Counts:
        """What a model consists of now."""
        biases = (p.numel() for name, p in model.named_parameters() if "bias" in name)
        return self.counted(self.weights(model), sum(biases))

    def weights(self, model: Any) -> dict[str, int]:
        """Weights of a model by matrix."""
        return model.block_weights()

    def counted(self, weights: Mapping[str, float], biases: int) -> Counts:
        """Counts of a model with these weights by matrix, and biases."""
        total = sum(weights.values())
        return {
            "weights": dict(weights),
            "total_weights": total,
            "parameters": total + biases,
            "hidden_proportion": self.proportion(weights),
        }

    def proportion(self, weights: Mapping[str, float]) -> float:
        """Hidden proportion of weights by matrix, which are the six blocks."""
        return proportion(weights)

    def batch_key(self, design: Design, device: str) -> Hashable:
        """What designs have in common, beside :meth:`rows`, that train side by side."""
        return self.name, design.hidden, design.options

    def rows(self, design: Design, outputs: int) -> int:
        """Numbers that one step of one sequence computes."""
        return design.hidden + outputs

    def memory(
        self, designs: list[Design], inputs: int, outputs: int, steps: int, batch: int
    ) -> float:
        """Bytes that training designs side by side is estimated to take, data aside.

        A batch is so many sequences of so many steps, read and trained at a time.
        """
        numbers = 3.0 * steps * batch * inputs
        for design in designs:
            numbers += TRAINED * self.expected(design, inputs, outputs)["parameters"]
            numbers += 3 * steps * batch * self.rows(design, outputs)
        return FLOAT * numbers


_families: dict[str, Family] = {}


def register(kind: Kind) -> Kind:
    """Decorate a class of families: designs can name it as their model from then on."""
    if kind.name in _families:
        raise VsrnnError(f"there is a model {kind.name!r} already; choose another name")
    _families[kind.name] = kind()
    return kind


def get_family(name: str) -> Family:
    """Look up a family by the name that designs give as their model."""
    if name not in _families:
        known = ", ".join(families())
        raise VsrnnError(f"unknown model {name!r}; choose one of: {known}")
    return _families[name]


def families() -> tuple[str, ...]:
    """Names of all families, sorted."""
    return tuple(sorted(_families))
