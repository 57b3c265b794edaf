"""Modular networks: a chain of small recurrent modules with time constants."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from vsrnn.design.design import Design
from vsrnn.design.family import Counts, Family, register
from vsrnn.design.geometry import densities
from vsrnn.errors import VsrnnError, check_int
from vsrnn.models.batch import ModelLoop
from vsrnn.models.ragged import Inputs, Lengths
from vsrnn.models.sparse import Region, SparseModule, check_mask, scattered

PARTS = ("ih", "within", "between", "head")


class ModularRNN(SparseModule):
    r"""A chain of modules, each of which reads the input, itself and the one before it.

    .. math::

        h_d(t) = \left(1 - \tfrac{1}{\tau_d}\right) h_d(t-1) + \tfrac{1}{\tau_d}
            \mathrm{lrelu}(W_d h_d(t-1) + F_d h_{d-1}(t-1) + U_d x(t) + b_d)

    with a time constant :math:`\tau \ge 1` for each unit, which is trained, and no unit
    that reads itself. A single module is a recurrent network of that kind of units.

    Args:
        inputs: size of the input.
        units: of each module.
        outputs: size of the output.
        density: share of entries that are weights, 0..1, for ih (U), within (W, without
            its diagonal), between (F), head; one number stands for all.
        modules: how many.
        heads: 0 if the outputs read all modules; else how many heads of as many outputs
            there are, of which the n-th reads the n-th module, or all the only one.
        mask: ``"bernoulli"`` or ``"exact"``.
        seed: of initial values and masks. Global generators stay untouched.

    Raises:
        VsrnnError: a size is below 1, or heads fit neither modules nor outputs.

    Source: Hamidi et al. 2024 (arXiv 2406.06262), from the authors' development code.
    There a state begins between 0 and .1, here at 0; time constants begin between 1
    and 2, and the other values are uniform within 1/sqrt(units read), as there.

    >>> model = ModularRNN(1, 5, 8, modules=4, heads=4)
    >>> model(torch.zeros(3, 11, 1))[0].shape
    torch.Size([3, 11, 8])
    """

    weight_head: nn.Parameter
    readout = ("head",)

    def __init__(
        self,
        inputs: int,
        units: int,
        outputs: int,
        density: Any = 1.0,
        *,
        modules: int = 4,
        heads: int = 0,
        mask: str = "bernoulli",
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_mask(mask)
        _check(units, outputs, modules, heads)
        self.inputs, self.units, self.outputs = inputs, units, outputs
        self.chain, self.heads = modules, heads
        allowed = allowed_places(inputs, units, outputs, modules, heads)
        shares = densities(density, PARTS)
        generator = torch.Generator("cpu").manual_seed(seed)
        with torch.device("cpu"):  # where the same numbers are drawn everywhere
            values = _draw(allowed, generator)
            bound = 1 / sqrt(units)
            bias = torch.empty(modules * units).uniform_(
                -bound, bound, generator=generator
            )
            tau = 1 + torch.rand(modules * units, generator=generator)
            inside = {
                part: scattered(own, share, mask, generator)
                for (part, own), share in zip(allowed.items(), shares, strict=True)
            }
        self.add_parts({p: (values[p], inside[p]) for p in PARTS}, None, None)
        self.regions = {p: Region(p, *map(range, self.shapes[p])) for p in PARTS}
        self.bias = nn.Parameter(bias.to(self.like))
        self.tau = nn.Parameter(tau.to(self.like))
        self.bias_head = nn.Parameter(torch.zeros(outputs).to(self.like))

    def forward(
        self, x: Inputs, state: Tensor | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, Tensor]:
        """Run a whole sequence, as :meth:`vsrnn.MaskedCell.forward` does.

        The state is that of all modules, ``(1, batch, modules * units)``.
        """
        if lengths is not None or isinstance(x, PackedSequence):
            return self.ragged(x, state, lengths)
        x, given = self.checked(x, state)
        batched = x.dim() == 3
        x = x if batched else x[None]
        shape = (len(x), self.chain, self.units)
        h = x.new_zeros(shape) if given is None else given[0].reshape(shape)
        hidden = self._run(x, h)  # (batch, time, modules, units)
        output = self._answer(hidden) + self.bias_head
        last = hidden[:, -1].flatten(1)[None]
        return (output, last) if batched else (output[0], last[:, 0])

    def _run(self, x: Tensor, h: Tensor) -> Tensor:
        within = self.matrix("within").unflatten(0, (self.chain, self.units))
        between = self.matrix("between").unflatten(0, (-1, self.units))
        read = functional.linear(x, self.matrix("ih"), self.bias)
        rate = 1 / self.tau.clamp(min=1).unflatten(0, (self.chain, self.units))
        hidden = []
        for each in read.unflatten(-1, (self.chain, self.units)).unbind(1):
            own = torch.einsum("bdj,dij->bdi", h, within)
            below = torch.einsum("bdj,dij->bdi", h[:, :-1], between)
            new = each + own + functional.pad(below, (0, 0, 1, 0))
            h = h + rate * (functional.leaky_relu(new) - h)
            hidden.append(h)
        return torch.stack(hidden, 1)

    def _answer(self, hidden: Tensor) -> Tensor:
        """The outputs without their biases."""
        head = self.matrix("head")
        if not self.heads:
            return functional.linear(hidden.flatten(-2), head)
        each = head.unflatten(0, (self.heads, -1))  # (heads, outputs, units)
        hidden = hidden.expand(*hidden.shape[:2], self.heads, -1)
        return torch.einsum("btdj,dij->btdi", hidden, each).flatten(-2)

    def draw(self, seed: int) -> dict[str, Tensor]:
        """The initial values of this model made with a seed and density 1, by part."""
        sizes = self.inputs, self.units, self.outputs, self.chain, self.heads
        with torch.device("cpu"):
            generator = torch.Generator("cpu").manual_seed(seed)
            return _draw(allowed_places(*sizes), generator)

    @property
    def like(self) -> Tensor:
        """The weights of the head."""
        return self.weight_head

    def state_shapes(self, *batch: int) -> tuple[tuple[int, ...], ...]:
        """The states of all modules."""
        return ((1, *batch, self.chain * self.units),)

    @property
    def identity(self) -> dict[str, Any]:
        """The sizes."""
        names = ("inputs", "units", "outputs", "chain", "heads")
        return {name: getattr(self, name) for name in names}


@register
class ModularFamily(Family):
    """Chains of modules; a design's hidden size is that of a module.

    Options: ``modules``, ``heads``.
    """

    name = "modular"
    defaults = MappingProxyType({"modules": 4, "heads": 0})
    batch = ModelLoop

    def options(self, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
        """As every family's; there is a module at least."""
        check_int("the option modules", given.get("modules", 1), 1)
        return super().options(given)

    def matrices(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Ih, within, between, head."""
        return PARTS

    def expected(self, design: Design, inputs: int, outputs: int) -> Counts:
        """From the densities."""
        modules, heads = map(design.option, self.defaults)
        allowed = allowed_places(inputs, design.hidden, outputs, modules, heads)
        pairs = zip(allowed.items(), design.density, strict=True)
        weights = {part: share * int(own.sum()) for (part, own), share in pairs}
        return self.counted(weights, 2 * modules * design.hidden + outputs)

    def counts(self, model: Any) -> Counts:
        """What a model consists of now; its time constants count as biases do."""
        biases = len(model.bias) + len(model.tau) + len(model.bias_head)
        return self.counted(self.weights(model), biases)

    def make(self, design: Design, inputs: int, outputs: int, **how: Any) -> nn.Module:
        """The untrained model."""
        how |= {name: design.option(name) for name in self.defaults}
        return ModularRNN(inputs, design.hidden, outputs, design.density, **how)

    def proportion(self, weights: Mapping[str, float]) -> float:
        """Within and between modules, of all that these read."""
        hidden = weights["within"] + weights["between"]
        reads = hidden + weights["ih"]
        return hidden / reads if reads else 0.0

    def rows(self, design: Design, outputs: int) -> int:
        """States and their changes of all modules, and the outputs."""
        return int(4 * design.option("modules") * design.hidden + outputs)


def allowed_places(
    inputs: int, units: int, outputs: int, modules: int, heads: int
) -> dict[str, Tensor]:
    """For each matrix where there can be weights, true or false."""
    every = modules * units
    return {
        "ih": torch.ones(every, inputs, dtype=torch.bool),
        "within": ~torch.eye(units, dtype=torch.bool).repeat(modules, 1),
        "between": torch.ones(every - units, units, dtype=torch.bool),
        "head": torch.ones(outputs, units if heads else every, dtype=torch.bool),
    }


def _draw(
    allowed: Mapping[str, Tensor], generator: torch.Generator
) -> dict[str, Tensor]:
    """Initial values, uniform within the root of how many are read."""
    values = {}
    for part, own in allowed.items():
        bound = 1 / sqrt(own.shape[1])
        values[part] = torch.empty(own.shape).uniform_(
            -bound, bound, generator=generator
        )
    return values


def _check(units: int, outputs: int, modules: int, heads: int) -> None:
    for name, size in {"units": units, "modules": modules}.items():
        check_int(name, size, 1)
    if heads and (outputs % heads or modules not in (1, heads)):
        raise VsrnnError(
            f"{heads} heads fit neither {outputs} outputs nor {modules} modules; give "
            "as many heads as modules, or a single module, and outputs for each"
        )
