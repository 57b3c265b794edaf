"""The block RNN: six blocks of weights, each with its own density."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import sqrt
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from vsrnn.design.design import Design
from vsrnn.design.family import Counts, Family, register
from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.errors import VsrnnError
from vsrnn.models._kernels.layout import Layout
from vsrnn.models._kernels.plain import ACTIVATIONS
from vsrnn.models._kernels.products import SPARSE_BELOW
from vsrnn.models._kernels.propagate import advance, propagate, transformed
from vsrnn.models.batch import ModelBatch
from vsrnn.models.dense import DenseBlock
from vsrnn.models.ragged import Inputs, Lengths
from vsrnn.models.sparse import Region, SparseModule, check_mask, draw_mask

State = tuple[Tensor, Tensor]


class BlockRNN(SparseModule):
    r"""A recurrent network whose six blocks each have their own density.

    From a zero start, with every right-hand side read before it is overwritten,

    .. math::

        h_t &= \mathrm{relu}(W_{hx} x_t + W_{hh} h_{t-1} + W_{hy} y_{t-1} + b_h)

        y_t &= W_{yx} x_t + W_{yh} h_{t-1} + W_{yy} y_{t-1} + b_y

    so the output reads the *previous* hidden state. Only the weights inside the
    masks exist: ``weight_input`` and ``weight_state`` are vectors of them, in row-major
    order of the two matrices they fill, and ``index_input`` and ``index_state`` are
    their flat positions. Nothing outside a mask can become nonzero. Rules that go by
    the axes of parameters do not fit vectors: :func:`vsrnn.parameter_groups` names what
    weight decay is for, and ``init_mean`` and ``init_std`` say how they begin.

    Args:
        geometry: sizes and densities of the blocks.
        init_mean: mean of the initial weights, one number or one per block.
        init_std: their standard deviation, likewise. It is absolute: it depends on
            neither fan-in nor density. A block whose drawn values are all zero (mean
            0, deviation 0) has no weights, as published.
        mask: ``"bernoulli"`` draws each entry by itself with the block's density, as
            published; ``"exact"`` draws exactly ``round(density * entries)`` of them.
        activation: ``"relu"`` as published, or ``"tanh"``.
        seed: of the masks, weights and biases. Global generators stay untouched.
        device, dtype: as for every ``torch.nn.Module``.

    Raises:
        VsrnnError: the mask or activation is unknown, or means or deviations are not
            one or six.

    Compared with ``torch.nn.RNN``: batch first, one layer, the state is the pair
    ``(h, y)`` without a layer axis, and there is one bias vector.

    Example:
        >>> import torch, vsrnn
        >>> geometry = vsrnn.Geometry(46, 80, 26, density=(1, 0.4, 0.2, 1, 1, 0.2))
        >>> model = vsrnn.BlockRNN(geometry, seed=0)
        >>> output, (h, y) = model(torch.zeros(5, 200, 46))
        >>> output.shape, h.shape, y.shape
        (torch.Size([5, 200, 26]), torch.Size([5, 80]), torch.Size([5, 26]))

    Sequences of different lengths end where torch's end:

        >>> output, (h, y) = model(torch.zeros(3, 200, 46), lengths=[200, 7, 90])
        >>> torch.equal(y[1], output[1, 6]), output[1, 7:].any()
        (True, tensor(False))

    Source: protocol of arXiv 2509.15057 (recurrence, masks, initial values).
    """

    weight_input: nn.Parameter
    weight_state: nn.Parameter
    readout = ("yx", "yh")

    def __init__(
        self,
        geometry: Geometry,
        *,
        init_mean: float | Sequence[float] = 0.0,
        init_std: float | Sequence[float] = 0.05,
        mask: str = "bernoulli",
        activation: str = "relu",
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_mask(mask)
        if activation not in ACTIVATIONS:
            known = " or ".join(ACTIVATIONS)
            raise VsrnnError(f"the activation is {known}, not {activation!r}")
        self.geometry, self.activation, self.mask = geometry, activation, mask
        self.inputs = geometry.inputs
        generator = torch.Generator("cpu").manual_seed(seed)
        means, stds = _six("init_mean", init_mean), _six("init_std", init_std)
        self.initial = list(zip(means, stds, strict=True))
        self.regions = _regions(geometry)
        rows = geometry.hidden + geometry.outputs
        with torch.device("cpu"):  # where the same numbers are drawn everywhere
            drawn = self._draw(geometry.density, generator)
            bias = torch.empty(rows)
            bound = 1 / sqrt(geometry.inputs + rows)
            bias.uniform_(-bound, bound, generator=generator)
        self.add_parts({p: (m, m != 0) for p, m in drawn.items()}, device, dtype)
        self.bias = nn.Parameter(bias.to(self.weight_input))

    def forward(
        self, x: Inputs, state: State | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, State]:
        """Run a whole sequence.

        Args:
            x: inputs, ``(batch, time, inputs)`` or unbatched ``(time, inputs)``, or a
                ``torch.nn.utils.rnn.PackedSequence``.
            state: ``(h, y)`` before the first step, ``(batch, hidden)`` and
                ``(batch, outputs)``; zeros if absent.
            lengths: steps of each sequence, ``(batch,)`` in any order, where they
                differ; what lies behind an end is not read.

        Returns:
            The outputs, ``(batch, time, outputs)``, and the state after the last step.
            Where lengths differ the outputs are 0 behind an end, or packed as the
            inputs are, and the state is that of each sequence's own end.

        Raises:
            VsrnnError: the inputs or the state are of another shape, precision or
                device, or the lengths do not fit them.
        """
        if lengths is not None or isinstance(x, PackedSequence):
            return self.ragged(x, state, lengths)
        x, given = self.checked(x, state)
        if x.dim() == 2:
            given = given and tuple(part[None] for part in given)
            output, last = self._run(x[None], given)
            return output[0], (last[0][0], last[1][0])
        return self._run(x, given)

    def step(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Advance one step: ``(batch, inputs)`` in, ``(batch, outputs)`` out."""
        if self._single(x) or torch.is_grad_enabled() or transformed() or x.is_meta:
            return super().step(x, state)
        x, given = self.checked(x[:, None], state)
        last = advance(x[:, 0], _start(given), self._weights, self.layout)
        state = self._end(last)
        return state[1].clone(), state

    def draw(self, seed: int) -> dict[str, Tensor]:
        """The initial values of this model made with a seed and density 1, by part."""
        with torch.device("cpu"):
            return self._draw((1,) * 6, torch.Generator("cpu").manual_seed(seed))

    @torch.no_grad()
    def activity(self, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Inputs, hidden states and outputs, as each block reads and feeds them."""
        ends = {"x": x, "h": self.states(x)[0], "y": self(x)[0]}
        return {block: (ends[block[1]], ends[block[0]]) for block in BLOCKS}

    @torch.no_grad()
    def to_dense(self) -> DenseBlock:
        """A network of ``torch.nn`` alone that computes the same, for export.

        What is exported runs as many steps as its example; for a stream export one of
        a single step, with a state. Its weights are copies, and training makes them
        dense.

        Example:
            >>> import torch, vsrnn
            >>> model = vsrnn.BlockRNN(vsrnn.Geometry(46, 80, 26, 0.2))
            >>> x = torch.randn(5, 20, 46)
            >>> program = torch.export.export(model.to_dense(), (x,))
            >>> torch.allclose(program.module()(x)[0], model(x)[0], atol=1e-5)
            True
        """
        reads, matrix = self.matrix("input").clone(), self.matrix("state").clone()
        own = self.geometry.hidden, self.activation
        return DenseBlock(reads, matrix, self.bias.detach().clone(), *own)

    def extra_repr(self) -> str:
        """Say the sizes and densities, as torch prints them."""
        g = self.geometry
        shown = f"{g.inputs}, {g.hidden}, {g.outputs}, density={g.density}"
        return shown if self.activation == "relu" else f"{shown}, {self.activation}"

    def _draw(
        self, density: Sequence[float], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Initial values of both matrices, 0 outside masks of these densities."""
        rows = self.geometry.hidden + self.geometry.outputs
        widths = {"input": self.geometry.inputs, "state": rows}
        full = {part: torch.zeros(rows, width) for part, width in widths.items()}
        drawn = zip(self.regions.items(), density, self.initial, strict=True)
        for (block, region), share, (mean, std) in drawn:
            shape = self.geometry.shapes[block]
            values = torch.empty(shape).normal_(generator=generator) * std + mean
            inside = draw_mask(shape, share, self.mask, generator)
            region.of(full[region.part]).copy_(torch.where(inside, values, 0.0))
        return full

    def _run(self, x: Tensor, given: tuple[Tensor, ...] | None) -> tuple[Tensor, State]:
        output, last = propagate(x, _start(given), self._weights, self.layout)
        return output[0].permute(2, 1, 0), self._end(last)

    def _end(self, last: Tensor) -> State:
        """Hidden state and outputs of ``(1, hidden + outputs, batch)``, copies."""
        h, y = last[0].t().split([self.geometry.hidden, self.geometry.outputs], 1)
        plain = torch.contiguous_format
        return h.clone(memory_format=plain), y.clone(memory_format=plain)

    @property
    def _weights(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.weight_input, self.weight_state, self.bias

    @property
    def like(self) -> Tensor:
        """The biases."""
        return self.bias

    def state_shapes(self, *batch: int) -> tuple[tuple[int, ...], ...]:
        """Hidden units and outputs."""
        return (*batch, self.geometry.hidden), (*batch, self.geometry.outputs)

    @property
    def identity(self) -> dict[str, Any]:
        """The sizes, and the activation."""
        g = self.geometry
        sizes = {"inputs": g.inputs, "hidden": g.hidden, "outputs": g.outputs}
        return sizes | {"activation": self.activation}

    @property
    def layout(self) -> Layout:
        """How the weights fill their matrices."""
        places, like = self.checked_places(), self.bias
        key = like.device, like.dtype
        if key not in places.layouts:
            g, index = self.geometry, self.own_places()
            own, sizes = (
                (index["input"], index["state"]),
                (g.inputs, g.hidden, g.outputs),
            )
            made = Layout(*own, 1, sizes, self.activation, like.detach())
            places.layouts[key] = made
        layout: Layout = places.layouts[key]
        return layout

    @property
    def index_input(self) -> Tensor:
        """Flat positions of ``weight_input``; a copy."""
        return self.index("input")

    @property
    def index_state(self) -> Tensor:
        """Flat positions of ``weight_state``; a copy."""
        return self.index("state")


@register
class BlockFamily(Family):
    """Block RNNs, a density for each of their six blocks."""

    name = "block"
    initial = (0.0, 0.05)
    defaults = MappingProxyType({"activation": "relu", "initial": "absolute"})
    choices = MappingProxyType(
        {"activation": tuple(ACTIVATIONS), "initial": ("absolute", "fan-in")}
    )
    batch = ModelBatch

    def matrices(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The six blocks."""
        return BLOCKS

    def expected(self, design: Design, inputs: int, outputs: int) -> Counts:
        """From the densities, without blocks that mean and deviation 0 leave empty."""
        weights = design.geometry(inputs, outputs).block_weights
        drawn = zip(BLOCKS, design.init_mean, design.init_std, strict=True)
        weights |= {block: 0.0 for block, *initial in drawn if not any(initial)}
        return self.counted(weights, design.hidden + outputs)

    def make(self, design: Design, inputs: int, outputs: int, **how: Any) -> nn.Module:
        """The untrained model."""
        geometry = design.geometry(inputs, outputs)
        how |= {"init_mean": design.init_mean, "init_std": design.init_std}
        if design.option("initial") == "fan-in":
            how["init_std"] = by_fan_in(geometry, design.init_std)
        how["activation"] = design.option("activation")
        return BlockRNN(geometry, **how)

    def batch_key(self, design: Design, device: str) -> Hashable:
        """Whether state matrices are sparse or dense: a pass has one way for all.

        On CUDA that way is always dense.
        """
        dense = device == "cuda" or design.density[1] > SPARSE_BELOW
        return self.name, dense, design.options

    def memory(
        self, designs: list[Design], inputs: int, outputs: int, steps: int, batch: int
    ) -> float:
        """As every family's; counted are dense matrices and all states, too."""
        rows = max(design.hidden for design in designs) + outputs
        weights = sum(design.geometry(inputs, outputs).weights for design in designs)
        dense = len(designs) * rows * (inputs + rows)
        numbers = 3 * dense + 3 * steps * batch * (inputs + len(designs) * rows)
        return 4 * numbers + 40 * weights


def by_fan_in(geometry: Geometry, gains: Sequence[float]) -> tuple[float, ...]:
    r"""Deviations of initial weights, so that a block's gain does not depend on sizes.

    .. math::
        \sigma = \frac{g}{\sqrt{f n}}

    for a block of density f that reads n numbers: f n weights then add up to a variance
    of g², whatever the density. Block RNNs take it with the option ``initial`` at
    ``"fan-in"``, where a design's ``init_std`` are gains.

    Source: arXiv 2405.15743, whose learning rates by block are not taken over.
    """
    reads = [columns for _, columns in geometry.shapes.values()]
    parts = zip(gains, geometry.density, reads, strict=True)
    return tuple(gain / sqrt(max(share * n, 1.0)) for gain, share, n in parts)


def _six(name: str, value: float | Sequence[float]) -> tuple[float, ...]:
    six = (float(value),) * 6 if isinstance(value, (int, float)) else tuple(value)
    if len(six) != 6:
        raise VsrnnError(f"{name} must be one number or six, not {len(six)}")
    return six


def _start(given: tuple[Tensor, ...] | None) -> Tensor | None:
    """The state before the first step, ``(1, hidden + outputs, batch)``."""
    return None if given is None else torch.cat([part.t() for part in given])[None]


def _regions(geometry: Geometry) -> dict[str, Region]:
    """Where the blocks lie in the two matrices."""
    x, h, rows = geometry.inputs, geometry.hidden, geometry.hidden + geometry.outputs
    hidden, outputs = range(h), range(h, rows)
    return {
        "hx": Region("input", hidden, range(x)),
        "hh": Region("state", hidden, hidden),
        "hy": Region("state", hidden, outputs),
        "yx": Region("input", outputs, range(x)),
        "yh": Region("state", outputs, hidden),
        "yy": Region("state", outputs, outputs),
    }
