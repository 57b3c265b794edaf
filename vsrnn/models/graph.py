"""Random graphs as recurrent networks: layers of nodes, a cell a bundle of edges."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import sqrt
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional, init
from torch.nn.utils.rnn import PackedSequence

from vsrnn.design.design import Design
from vsrnn.design.family import Counts, Family, register
from vsrnn.design.geometry import densities
from vsrnn.errors import VsrnnError, check_int
from vsrnn.models.batch import ModelLoop
from vsrnn.models.cells import GATES, KERNELS, State, quiet
from vsrnn.models.ragged import Inputs, Lengths
from vsrnn.models.sparse import Region, SparseModule, check_mask, scattered

KINDS = ("ba", "ws")
LEAST = 10
"""Nodes from which on both kinds of graphs are connected."""


def draw_graph(kind: str, nodes: int, seed: int = 0) -> Any:
    """Draw a connected random graph, one of networkx.

    Args:
        kind: ``"ba"``, Barabasi-Albert, each new node with ``nodes // 10`` edges, or
            ``"ws"``, Watts-Strogatz, ``nodes // 5`` neighbors and every edge rewired.
        nodes: how many, 10 or more.
        seed: of the draw.

    Raises:
        VsrnnError: there is no such kind, or so few nodes make no connected graph.

    >>> draw_graph("ba", 30).number_of_edges()
    81

    Source: Darji 2021 (arXiv 2407.20601).
    """
    if kind not in KINDS:
        raise VsrnnError(f"the graph is one of {', '.join(KINDS)}, not {kind!r}")
    if check_int("nodes of a graph", nodes, 1) < LEAST:
        raise VsrnnError(
            f"a graph of {nodes} nodes would not be connected; give {LEAST} or more"
        )
    import networkx as nx  # which torch brings

    if kind == "ba":
        m = nodes // 10
        begun = nx.star_graph([m, *range(m)])  # as in networkx before 2.6, m sources
        return nx.barabasi_albert_graph(nodes, m, seed=seed, initial_graph=begun)
    try:
        return nx.connected_watts_strogatz_graph(nodes, nodes // 5, 1, 100, seed=seed)
    except nx.NetworkXError as problem:
        raise VsrnnError(
            f"no draw of a ws graph of {nodes} nodes is connected with seed {seed}; "
            "give another seed"
        ) from problem


class Layers(NamedTuple):
    """A graph in layers: nodes by layer, and the bundles of edges that enter each.

    Each edge leads from the node of lower number to the other. A node's layer is one
    above the highest of those that lead to it, or 0.
    """

    sizes: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]
    """Layers that lead to each one, the nearest first; none of the first."""
    edges: np.ndarray
    """Whether there is an edge, ``(to, from)``, nodes ordered by layer."""

    @classmethod
    def of(cls, graph: Any) -> Layers:
        """The layers of a connected graph of networkx."""
        order = sorted(graph.nodes)
        layer: dict[Any, int] = {}
        for node in order:
            before = [layer[other] for other in graph[node] if other < node]
            layer[node] = 1 + max(before, default=-1)
        placed = sorted(order, key=lambda node: (layer[node], node))
        own = np.array([layer[node] for node in placed])
        places = {node: n for n, node in enumerate(placed)}
        edges = np.zeros((len(own), len(own)), bool)
        for one, other in graph.edges:
            edges[places[one], places[other]] = edges[places[other], places[one]] = True
        edges &= own[:, None] > own
        sources = tuple(
            tuple(k for k in range(n - 1, -1, -1) if edges[own == n][:, own == k].any())
            for n in range(own.max() + 1)
        )
        return cls(tuple(np.bincount(own).tolist()), sources, edges)

    @property
    def units(self) -> tuple[int, ...]:
        """Units of each layer's cells: its nodes, once for each bundle."""
        pairs = zip(self.sizes, self.sources, strict=True)
        return tuple(size * max(1, len(bundles)) for size, bundles in pairs)


@cache
def layers_of(kind: str, nodes: int, seed: int) -> Layers:
    """The layers of the graph that `draw_graph` gives."""
    return Layers.of(draw_graph(kind, nodes, seed))


class GraphRNN(SparseModule):
    """A recurrent network wired as a random graph.

    A layer's first cell reads the layer below along the graph's edges; each bundle of
    longer edges into the layer is a cell of its own, whose output is added. Inside a
    cell all units read each other. Only the first layer reads inputs, only the last is
    read by the head. Matrices: ``embedding`` if there is one, ``ih`` (inputs to the
    first layer), ``links`` (edges), ``hh`` (within cells), ``head``.

    Args:
        inputs: size of the input; of symbols, how many there are.
        layers: those of a graph.
        outputs: size of the output.
        density: share of what the graph allows, 0..1, for (embedding,) ih, links, hh,
            head; one number stands for all.
        cell: ``"tanh"``, ``"relu"``, ``"lstm"`` or ``"gru"``.
        symbols: the inputs are whole numbers below ``inputs``.
        embedding: width of the embedding of symbols, 0 for none.
        mask: ``"bernoulli"`` or ``"exact"``, of entries that the graph allows.
        seed: of initial values and masks. Global generators stay untouched.

    Raises:
        VsrnnError: for an unknown cell or mask, or an embedding without symbols.

    Source: Darji 2021 (arXiv 2407.20601), where the embedding is as wide as the first
    layer. Initial values of a cell are uniform within 1/sqrt(units), as there.

    >>> model = GraphRNN(7, layers_of("ws", 20, 0), 2, cell="gru")
    >>> model(torch.zeros(3, 11, 7))[0].shape
    torch.Size([3, 11, 2])
    """

    weight_head: nn.Parameter
    bias_ih: nn.Parameter
    bias_hh: nn.Parameter
    bias_head: nn.Parameter
    readout = ("head",)

    def __init__(
        self,
        inputs: int,
        layers: Layers,
        outputs: int,
        density: Any = 1.0,
        *,
        cell: str = "tanh",
        symbols: bool = False,
        embedding: int = 0,
        mask: str = "bernoulli",
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_mask(mask)
        if cell not in GATES:
            raise VsrnnError(f"the cell is one of {', '.join(GATES)}, not {cell!r}")
        if embedding and not symbols:
            raise VsrnnError("an embedding is of symbols; this task gives numbers")
        self.inputs, self.layers, self.outputs = inputs, layers, outputs
        self.cell, self.symbols, self.embedding = cell, symbols, embedding
        allowed = allowed_places(layers, inputs, outputs, cell, embedding)
        shares = densities(density, tuple(allowed))
        generator = torch.Generator("cpu").manual_seed(seed)
        with torch.device("cpu"):  # where the same numbers are drawn everywhere
            values, biases = self._draw(allowed, generator)
            inside = {
                part: scattered(places, share, mask, generator)
                for (part, places), share in zip(allowed.items(), shares, strict=True)
            }
        self.add_parts({p: (values[p], inside[p]) for p in allowed}, None, None)
        self.regions = {p: Region(p, *map(range, self.shapes[p])) for p in allowed}
        for name, own in biases.items():
            self.register_parameter(name, nn.Parameter(own.to(self.like)))

    def forward(
        self, x: Inputs, state: State | None = None, lengths: Lengths | None = None
    ) -> tuple[Any, State]:
        """Run a whole sequence, as :meth:`vsrnn.MaskedCell.forward` does.

        The state is that of all cells, ``(1, batch, units)``, of the LSTM a pair.
        """
        if lengths is not None or isinstance(x, PackedSequence):
            return self.ragged(x, state, lengths)
        x, given = self.checked(x, state)
        batched = x.dim() == (2 if self.symbols else 3)
        x = self._read(x if batched else x[None])
        if given is None:
            shapes = self.state_shapes(len(x))
            given = tuple(x.new_zeros(shape) for shape in shapes)
        elif not batched:
            given = tuple(part.unsqueeze(1) for part in given)
        nodes, last = self._run(x, given)
        output = functional.linear(nodes, self.matrix("head"), self.bias_head)
        if not batched:
            output, last = output[0], [part[:, 0] for part in last]
        return output, (last[0], last[1]) if self.cell == "lstm" else last[0]

    def _run(self, x: Tensor, given: Any) -> tuple[Tensor, list[Tensor]]:
        """Outputs of the last layer's nodes, and the states of all cells."""
        ih, links, hh = (self.matrix(part) for part in ("ih", "links", "hh"))
        gates, sizes, units = GATES[self.cell], self.layers.sizes, self.layers.units
        lstm, below, ends = self.cell == "lstm", x, []
        outs: list[Tensor] = []
        first = 0  # unit of the layer
        with quiet(x):
            for n, own in enumerate(units):
                rows = slice(gates * first, gates * (first + own))
                reads = ih
                if n:
                    start = rows.start - gates * units[0]
                    reads = links[start : start + gates * own, : sum(sizes[:n])]
                within = hh[rows, first : first + own]
                flat = [reads, within, self.bias_ih[rows], self.bias_hh[rows]]
                begin = tuple(
                    part[..., first : first + own].contiguous() for part in given
                )
                how = (True, 1, 0.0, self.training, False, True)
                out, *end = KERNELS[self.cell](
                    below, begin if lstm else begin[0], flat, *how
                )
                ends.append(end)
                outs.append(out.unflatten(-1, (-1, sizes[n])).sum(-2))
                below, first = torch.cat(outs, -1), first + own
        return outs[-1], [torch.cat(each, -1) for each in zip(*ends, strict=True)]

    def draw(self, seed: int) -> dict[str, Tensor]:
        """The initial values of this model made with a seed and density 1, by part."""
        args = self.layers, self.inputs, self.outputs, self.cell, self.embedding
        with torch.device("cpu"):
            generator = torch.Generator("cpu").manual_seed(seed)
            return self._draw(allowed_places(*args), generator)[0]

    def _draw(
        self, allowed: Mapping[str, Tensor], generator: torch.Generator
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Initial values of matrices and biases; a cell's by its number of units."""
        gates = GATES[self.cell]
        pairs = zip(self.layers.sizes, self.layers.units, strict=True)
        bounds = [torch.full((gates * own,), 1 / sqrt(size)) for size, own in pairs]
        bound = torch.cat(bounds)  # of each row of a cell
        scale = {"ih": bound[: len(bounds[0])], "links": bound[len(bounds[0]) :]}
        scale["hh"] = bound
        values = {}
        for part, places in allowed.items():
            drawn = torch.empty(places.shape)
            if part == "embedding":
                drawn.uniform_(-0.1, 0.1, generator=generator)
            elif part == "head":
                init.kaiming_uniform_(drawn, a=sqrt(5), generator=generator)
            else:
                drawn.uniform_(-1, 1, generator=generator)
                drawn *= scale[part][:, None]
            values[part] = drawn
        last = 1 / sqrt(self.layers.sizes[-1])
        biases = {"bias_ih": bound, "bias_hh": bound}
        biases["bias_head"] = torch.full((self.outputs,), last)
        return values, {
            name: own * (2 * torch.rand(len(own), generator=generator) - 1)
            for name, own in biases.items()
        }

    def _read(self, x: Tensor) -> Tensor:
        """Inputs as vectors, ``(batch, time, width)``."""
        if not self.symbols:
            return x
        if self.embedding:
            return functional.embedding(x.long(), self.matrix("embedding").t())
        return functional.one_hot(x.long(), self.inputs).to(self.like)

    @property
    def like(self) -> Tensor:
        """The weights of the head."""
        return self.weight_head

    def state_shapes(self, *batch: int) -> tuple[tuple[int, ...], ...]:
        """The states of all cells side by side, and those of an LSTM within."""
        shape = (1, *batch, sum(self.layers.units))
        return (shape,) * (1 + (self.cell == "lstm"))

    @property
    def identity(self) -> dict[str, Any]:
        """The sizes, the cell, and the graph's layers and edges."""
        sizes = ("inputs", "outputs", "cell", "symbols", "embedding")
        graph = {"layers": [*self.layers.sizes]}
        graph["edges"] = np.flatnonzero(self.layers.edges).tolist()
        return {n: getattr(self, n) for n in sizes} | graph


@register
class GraphFamily(Family):
    """Networks wired as random graphs; a design's hidden size is the number of nodes.

    Options: ``graph`` ("ba" or "ws") and ``graph_seed`` of the draw, ``cell``,
    ``embedding``.
    """

    name = "graph"
    defaults = MappingProxyType(
        {"graph": "ba", "graph_seed": 0, "cell": "tanh", "embedding": 0}
    )
    choices = MappingProxyType({"graph": KINDS, "cell": tuple(GATES)})
    symbols = True
    batch = ModelLoop

    def matrices(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Ih, links, hh, head, and before them the embedding, if there is one."""
        first = ("embedding",) if options.get("embedding") else ()
        return (*first, "ih", "links", "hh", "head")

    def expected(self, design: Design, inputs: int, outputs: int) -> Counts:
        """From the graph and the densities."""
        layers, cell, embedding = self._of(design)
        allowed = allowed_places(layers, inputs, outputs, cell, embedding)
        pairs = zip(allowed.items(), design.density, strict=True)
        weights = {part: share * int(own.sum()) for (part, own), share in pairs}
        biases = 2 * GATES[cell] * sum(layers.units) + outputs
        return self.counted(weights, biases)

    def make(self, design: Design, inputs: int, outputs: int, **how: Any) -> nn.Module:
        """The untrained model."""
        layers, cell, embedding = self._of(design)
        how |= {"cell": cell, "embedding": embedding}
        return GraphRNN(inputs, layers, outputs, design.density, **how)

    def proportion(self, weights: Mapping[str, float]) -> float:
        """Within cells, of all that cells read."""
        reads = weights["ih"] + weights["links"] + weights["hh"]
        return weights["hh"] / reads if reads else 0.0

    def rows(self, design: Design, outputs: int) -> int:
        """Gates and states of all cells, and the outputs."""
        layers, cell, _ = self._of(design)
        return int((GATES[cell] + 2) * sum(layers.units) + outputs)

    def _of(self, design: Design) -> tuple[Layers, str, int]:
        graph, seed, cell, embedding = map(design.option, self.defaults)
        return layers_of(graph, design.hidden, seed), cell, embedding


def allowed_places(
    layers: Layers, inputs: int, outputs: int, cell: str, embedding: int
) -> dict[str, Tensor]:
    """For each matrix where the graph allows weights, true or false."""
    gates, sizes, units = GATES[cell], layers.sizes, layers.units
    width = embedding or inputs
    allowed = {"embedding": torch.ones(embedding, inputs)} if embedding else {}
    allowed["ih"] = torch.ones(gates * sizes[0], width)
    total, nodes = sum(units), sum(sizes)
    links = torch.zeros(gates * (total - units[0]), nodes)
    hh = torch.zeros(gates * total, total)
    edges = torch.from_numpy(layers.edges).float()
    starts = [0, *np.cumsum(sizes).tolist()]
    unit = 0
    for n, (size, own) in enumerate(zip(sizes, units, strict=True)):
        for bundle in range(own // size):
            for gate in range(gates):
                row = gates * unit + gate * own + bundle * size
                columns = slice(unit + bundle * size, unit + (bundle + 1) * size)
                hh[row : row + size, columns] = 1
                if n:
                    source = layers.sources[n][bundle]
                    ends = slice(starts[source], starts[source + 1])
                    first = row - gates * units[0]
                    part = edges[starts[n] : starts[n + 1], ends]
                    links[first : first + size, ends] = part
        unit += own
    allowed |= {"links": links, "hh": hh, "head": torch.ones(outputs, sizes[-1])}
    return {part: own.bool() for part, own in allowed.items()}
