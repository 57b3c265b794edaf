"""Masked cells: the recurrent networks of torch with a density for each matrix."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import sqrt
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional, init
from torch.nn.utils.rnn import PackedSequence

from vsrnn.design.design import Design
from vsrnn.design.family import Counts, Family, register
from vsrnn.design.geometry import densities
from vsrnn.errors import VsrnnError, check_int
from vsrnn.models._kernels.propagate import precisely
from vsrnn.models.batch import ModelLoop
from vsrnn.models.dense import DenseCell
from vsrnn.models.ragged import Inputs, Lengths
from vsrnn.models.sparse import Region, SparseModule, check_mask, draw_mask

State = Tensor | tuple[Tensor, Tensor]

GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}
"""The cells, and how many matrices of hidden rows stand under each other in each."""
FIRST = ("embedding", "start")
"""Matrices in front of the first layer, which have no biases."""
KERNELS: dict[str, Any] = {
    "tanh": torch.rnn_tanh,
    "relu": torch.rnn_relu,
    "lstm": torch.lstm,
    "gru": torch.gru,
}


class MaskedCell(SparseModule):
    r"""``torch.nn.RNN``, ``LSTM`` or ``GRU`` with masks, and a linear head.

    It computes what these modules compute, by the same kernels, on matrices that have
    weights only inside their masks: for layer k ``ih_k``, which reads the layer below,
    and ``hh_k``, which reads the layer itself, the gates under each other as torch has
    them; ``head``, which reads the last layer's hidden state of the same step; and
    before them ``start``, if inputs are to make the state before the first step, or
    ``embedding``, which turns symbols into what the first layer reads.
    Biases are as torch has them, two vectors a layer and one of the head. Initial
    values are torch's own: at density 1 the very ones of these modules made after
    ``torch.manual_seed(seed)``. Only an embedding begins smaller, between -0.1 and 0.1,
    where ``torch.nn.Embedding`` draws from a standard normal distribution: its weights
    are then of the size of the others, with which pruning compares them.

    Args:
        inputs: size of the input; of symbols, how many there are.
        hidden: hidden units of each layer.
        outputs: size of the output.
        density: share of entries that are weights, 0..1, for (start or embedding,)
            ih_0, hh_0, ih_1, hh_1, ..., head; one number stands for all.
        cell: ``"tanh"``, ``"relu"``, ``"lstm"`` or ``"gru"``.
        layers: how many.
        symbols: the inputs are whole numbers below ``inputs``, read as vectors that
            are 1 at that place and 0 elsewhere, or through an embedding.
        embedding: width of the embedding of symbols, 0 for none.
        start: so many leading inputs of the first step make, by the matrix ``start``
            alone, the hidden state of the first layer before that step, if no state is
            given. The cell itself reads the other inputs.
        bias: False for no biases at all.
        mask: ``"bernoulli"`` draws each entry by itself with the matrix's density,
            ``"exact"`` draws exactly ``round(density * entries)`` of them.
        seed: of initial values and masks. Global generators stay untouched.
        device, dtype: as for every ``torch.nn.Module``.

    Raises:
        VsrnnError: for an unknown cell or mask, a size below 1, a wrong number of
            densities or one outside 0..1, or an embedding where there are no symbols.

    Compared with torch's modules: batch first, one direction, no dropout.

    Example:
        >>> import torch, vsrnn
        >>> density = (0.5, 0.1, 1)  # ih_0, hh_0, head
        >>> model = vsrnn.MaskedCell(46, 80, 26, density, cell="lstm")
        >>> output, (h, c) = model(torch.zeros(5, 200, 46))
        >>> output.shape, h.shape, c.shape
        (torch.Size([5, 200, 26]), torch.Size([1, 5, 80]), torch.Size([1, 5, 80]))
    """

    weight_head: nn.Parameter
    bias_head: nn.Parameter
    readout = ("head",)

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        density: float | Sequence[float] = 1.0,
        *,
        cell: str = "tanh",
        layers: int = 1,
        symbols: bool = False,
        embedding: int = 0,
        start: int = 0,
        bias: bool = True,
        mask: str = "bernoulli",
        seed: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_mask(mask)
        _check(cell, inputs, hidden, outputs, layers)
        if embedding and not symbols:
            raise VsrnnError("an embedding is of symbols; give symbols=True, too")
        if start and (symbols or start >= inputs):
            raise VsrnnError(f"start must leave inputs, numbers, to read, not {start}")
        self.inputs, self.hidden, self.outputs = inputs, hidden, outputs
        self.cell, self.layers, self.symbols = cell, layers, symbols
        self.embedding, self.start, self.bias = embedding, start, bool(bias)
        shapes = _shapes(inputs, hidden, outputs, cell, layers, embedding, start)
        shares = densities(density, tuple(shapes))
        generator = torch.Generator("cpu").manual_seed(seed)
        with torch.device("cpu"):  # where the same numbers are drawn everywhere
            values, biases = _draw(shapes, hidden, generator)
            inside = [
                draw_mask(shapes[part], share, mask, generator)
                for part, share in zip(values, shares, strict=True)
            ]
        self.regions = {p: Region(p, *map(range, shapes[p])) for p in shapes}
        pairs = zip(values.values(), inside, strict=True)
        self.add_parts(dict(zip(values, pairs, strict=True)), device, dtype)
        for part, values_of in biases.items() if bias else ():
            own = nn.Parameter(values_of.to(self.like))
            self.register_parameter(f"bias_{part}", own)

    def forward(
        self, x: Inputs, state: State | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, State]:
        """Run a whole sequence.

        Args:
            x: inputs, ``(batch, time, inputs)`` or unbatched ``(time, inputs)``;
                symbols ``(batch, time)`` or ``(time,)``; or packed sequences.
            state: before the first step, ``(layers, batch, hidden)``, without the axis
                of the batch where there is none, a pair ``(h, c)`` of the LSTM; zeros
                if absent.
            lengths: of padded sequences, as for :meth:`vsrnn.BlockRNN.forward`.

        Returns:
            The outputs, ``(batch, time, outputs)``, and the state after the last step.

        Raises:
            VsrnnError: the inputs, state or lengths do not fit.
        """
        if lengths is not None or isinstance(x, PackedSequence):
            return self.ragged(x, state, lengths)
        x, given = self.checked(x, state)
        batched = x.dim() == (2 if self.symbols else 3)
        if given is not None and not batched:
            given = tuple(part.unsqueeze(1) for part in given)
        x = self._read(x if batched else x[None])  # (batch, time, width)
        start = self._start(x) if given is None else given
        flat: list[Tensor] = []  # of each layer its matrices, then its biases
        for k in range(self.layers):
            pair = f"ih_{k}", f"hh_{k}"
            flat += [self.matrix(part) for part in pair]
            flat += [getattr(self, f"bias_{p}") for p in pair if self.bias]
        lstm, x = self.cell == "lstm", x[..., self.start :]
        how = (self.bias, self.layers, 0.0, self.training, False, True)  # batch first
        with quiet(x):
            hidden, *last = KERNELS[self.cell](
                x, start if lstm else start[0], flat, *how
            )
        bias = self.bias_head if self.bias else None
        output = functional.linear(hidden, self.matrix("head"), bias)
        if not batched:
            output, last = output[0], [part[:, 0] for part in last]
        return output, (last[0], last[1]) if lstm else last[0]

    def draw(self, seed: int) -> dict[str, Tensor]:
        """The initial values of this model made with a seed and density 1, by part."""
        generator = torch.Generator("cpu").manual_seed(seed)
        with torch.device("cpu"):
            return _draw(self.shapes, self.hidden, generator)[0]

    @torch.no_grad()
    def activity(self, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Inputs, hidden states and outputs, as each matrix reads and feeds them."""
        read, states = self._read(x), list(self.states(x))
        below = [read[..., self.start :], *states]
        ends = {"start": (read[:, :1, : self.start], states[0])} if self.start else {}
        if self.embedding:
            ends["embedding"] = self._units(x), read
        for k, own in enumerate(states):
            ends |= {f"ih_{k}": (below[k], own), f"hh_{k}": (own, own)}
        return ends | {"head": (states[-1], self(x)[0])}

    @torch.no_grad()
    def to_dense(self) -> DenseCell:
        """A network of ``torch.nn`` alone that computes the same, for export.

        Its weights are copies, and training makes them dense.
        """
        matrices = {part: self.matrix(part).clone() for part in self.shapes}
        biases = {p: getattr(self, f"bias_{p}", None) for p in self.shapes}
        copies = {p: b.detach().clone() for p, b in biases.items() if b is not None}
        units = (
            self._read(torch.arange(self.inputs, device=self.like.device)[None])[0]
            if self.symbols
            else None
        )
        return DenseCell(matrices, copies, self.cell, self.layers, units)

    def extra_repr(self) -> str:
        """Say the cell and sizes, as torch prints them."""
        sizes = f"{self.inputs}, {self.hidden}, {self.outputs}"
        return f"{self.cell}, {sizes}, layers={self.layers}"

    def _read(self, x: Tensor) -> Tensor:
        """Inputs as vectors, ``(batch, time, width)``."""
        if not self.symbols:
            return x
        try:
            if self.embedding:
                return functional.embedding(x.long(), self.matrix("embedding").t())
            return self._units(x)
        except (IndexError, RuntimeError) as problem:
            if not x.numel() or (x.min() >= 0 and x.max() < self.inputs):
                raise
            raise VsrnnError(
                f"symbols are whole numbers from 0 to {self.inputs - 1}, not "
                f"{int(x.min())} to {int(x.max())}"
            ) from problem

    def _units(self, x: Tensor) -> Tensor:
        """Symbols as vectors that are 1 at one place."""
        return functional.one_hot(x.long(), self.inputs).to(self.like)

    def _start(self, x: Tensor) -> tuple[Tensor, ...]:
        """The parts of the state before the first step, if none is given."""
        zeros = [x.new_zeros(shape) for shape in self.state_shapes(x.shape[0])]
        if self.start:
            first = functional.linear(x[:, 0, : self.start], self.matrix("start"))
            zeros[0] = torch.cat([first[None], zeros[0][1:]])
        return tuple(zeros)

    @property
    def like(self) -> Tensor:
        """The weights of the head."""
        return self.weight_head

    def state_shapes(self, *batch: int) -> tuple[tuple[int, ...], ...]:
        """The hidden states of all layers, and the cells of an LSTM."""
        return ((self.layers, *batch, self.hidden),) * (1 + (self.cell == "lstm"))

    @property
    def identity(self) -> dict[str, Any]:
        """The sizes, the cell, and what comes before it."""
        sizes = ("inputs", "hidden", "outputs", "cell", "layers", "symbols")
        return {n: getattr(self, n) for n in (*sizes, "embedding", "start", "bias")}


@register
class CellFamily(Family):
    """Masked cells, a density for each of their matrices."""

    name = "cell"
    defaults = MappingProxyType(
        {"cell": "tanh", "layers": 1, "embedding": 0, "start": 0, "bias": 1}
    )
    choices = MappingProxyType({"cell": tuple(GATES)})
    symbols = True
    batch = ModelLoop

    def matrices(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """ih_0, hh_0, ih_1, ..., head, and before them those of `FIRST` there are."""
        layers = range(options.get("layers", self.defaults["layers"]))
        first = [part for part in FIRST if options.get(part)]
        return (*first, *(f"{m}_{k}" for k in layers for m in ("ih", "hh")), "head")

    def options(self, given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
        """As every family's; there is a layer at least."""
        check_int("the option layers", given.get("layers", 1), 1)
        return super().options(given)

    def expected(self, design: Design, inputs: int, outputs: int) -> Counts:
        """From the densities."""
        cell, layers, embedding, start, bias = map(design.option, self.defaults)
        sizes = (inputs, design.hidden, outputs)
        _check(cell, *sizes, layers)
        shapes = _shapes(*sizes, cell, layers, embedding, start)
        shares = dict(zip(shapes, design.density, strict=True))
        weights = {part: shares[part] * rows * n for part, (rows, n) in shapes.items()}
        biases = sum(rows for part, (rows, _) in shapes.items() if part not in FIRST)
        return self.counted(weights, biases if bias else 0)

    def make(self, design: Design, inputs: int, outputs: int, **how: Any) -> nn.Module:
        """The untrained model."""
        how |= {name: design.option(name) for name in self.defaults}
        return MaskedCell(inputs, design.hidden, outputs, design.density, **how)

    def proportion(self, weights: Mapping[str, float]) -> float:
        """Of all layers, hh to ih and hh: for one that of six blocks without hy."""
        hidden = sum(n for name, n in weights.items() if name.startswith("hh_"))
        reads = hidden + sum(n for name, n in weights.items() if name.startswith("ih_"))
        return hidden / reads if reads else 0.0

    def rows(self, design: Design, outputs: int) -> int:
        """Gates, hidden state and cells of all layers, and the outputs."""
        layers, gates = design.option("layers"), GATES[design.option("cell")]
        return int(layers * (gates + 2) * design.hidden + outputs)


def _shapes(
    inputs: int,
    hidden: int,
    outputs: int,
    cell: str,
    layers: int,
    embedding: int,
    start: int,
) -> dict[str, tuple[int, int]]:
    """Rows and columns of each matrix."""
    rows = GATES[cell] * hidden
    shapes = {"embedding": (embedding, inputs)} if embedding else {}
    shapes |= {"start": (hidden, start)} if start else {}
    for k in range(layers):
        shapes[f"ih_{k}"] = rows, hidden if k else (embedding or inputs) - start
        shapes[f"hh_{k}"] = rows, hidden
    return shapes | {"head": (outputs, hidden)}


def _draw(
    shapes: Mapping[str, tuple[int, int]], hidden: int, generator: torch.Generator
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Initial values of matrices and biases, drawn in the order of torch's modules."""
    bound, parts = 1 / sqrt(hidden), [part for part in shapes if part not in FIRST]
    values = {part: torch.empty(shape) for part, shape in shapes.items()}
    biases = {part: torch.empty(shapes[part][0]) for part in parts}
    for pair in zip(parts[:-1:2], parts[1::2], strict=True):
        for drawn in (values, biases):
            for part in pair:
                drawn[part].uniform_(-bound, bound, generator=generator)
    init.kaiming_uniform_(values["head"], a=sqrt(5), generator=generator)
    biases["head"].uniform_(-bound, bound, generator=generator)
    if "start" in values:
        init.kaiming_uniform_(values["start"], a=sqrt(5), generator=generator)
    if "embedding" in values:
        values["embedding"].uniform_(-0.1, 0.1, generator=generator)
    return values, biases


def _check(cell: str, inputs: int, hidden: int, outputs: int, layers: int) -> None:
    if cell not in GATES:
        raise VsrnnError(f"the cell is one of {', '.join(GATES)}, not {cell!r}")
    sizes = {"inputs": inputs, "hidden": hidden, "outputs": outputs, "layers": layers}
    for name, size in sizes.items():
        check_int(name, size, 1)


@contextmanager
def quiet(x: Tensor) -> Iterator[None]:
    """Without torch's warning that cuDNN copies matrices that lie apart."""
    if x.device.type == "cpu":
        with precisely(x):  # where not every cell has a kernel of half precision
            yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "RNN module weights are not part of single")
        yield
