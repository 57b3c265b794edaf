"""Networks wired as random graphs, cell by cell."""

import networkx
import numpy as np
import pytest
import torch
from torch import nn

from vsrnn import Design, VsrnnError
from vsrnn.design.family import get_family
from vsrnn.models.cells import GATES
from vsrnn.models.graph import Layers, draw_graph, layers_of

MODULES = {
    "tanh": nn.RNN,
    "relu": lambda *sizes: nn.RNN(*sizes, nonlinearity="relu"),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}


def built(nodes=12, density=1, **options):
    design = Design("mine", nodes, density, "graph", options=options)
    return get_family("graph").build(design, 5, 3, seed=1)


def test_nodes_lie_above_those_that_lead_to_them():
    """0 and 1 lead to 2, 0 and 2 to 3, 1 and 3 to 4: a diagram drawn by hand."""
    edges = [(0, 2), (1, 2), (2, 3), (3, 0), (4, 3), (1, 4)]
    layers = Layers.of(networkx.Graph(edges))
    assert layers.sizes == (2, 1, 1, 1)
    assert layers.sources == ((), (0,), (1, 0), (2, 0))
    assert layers.units == (2, 1, 2, 2)
    assert [tuple(e) for e in np.argwhere(layers.edges)] == [
        *((2, 0), (2, 1), (3, 0), (3, 2), (4, 1), (4, 3)),
    ]


def test_graphs_are_connected_and_have_the_published_sizes():
    for nodes in (10, 23, 50):
        for kind in ("ba", "ws"):
            graph = draw_graph(kind, nodes, seed=3)
            assert networkx.is_connected(graph) and len(graph) == nodes
            m, k = nodes // 10, nodes // 5
            edges = m * (nodes - m) if kind == "ba" else nodes * (k // 2)
            assert graph.number_of_edges() == edges
            layers = layers_of(kind, nodes, 3)
            assert kind == "ws" or layers.sizes[0] >= m
            assert sum(layers.sizes) == nodes and layers.edges.sum() == edges


def by_bundles(model, x):
    """Each bundle by a module of torch with masked matrices, summed by layer."""
    layers, gates = model.layers, GATES[model.cell]
    ih, links, hh = (model.matrix(part).detach() for part in ("ih", "links", "hh"))
    starts = [0, *np.cumsum(layers.sizes)]
    outs, unit = [], 0
    for n, size in enumerate(layers.sizes):
        bundles = layers.sources[n] or (None,)
        own = size * len(bundles)
        total = 0
        for b, source in enumerate(bundles):
            rows = [
                gates * unit + g * own + b * size + i
                for g in range(gates)
                for i in range(size)
            ]
            reads, given = ih[rows] if n == 0 else None, x
            if n:
                above = [row - gates * layers.units[0] for row in rows]
                columns = slice(starts[source], starts[source + 1])
                reads, given = links[above][:, columns], outs[source]
                edges = layers.edges[starts[n] : starts[n + 1], columns]
                allowed = torch.from_numpy(np.tile(edges, (gates, 1)))
                assert torch.equal(reads != 0, allowed)
            cell = MODULES[model.cell](given.shape[-1], size)
            first = unit + b * size
            cell.weight_ih_l0.data.copy_(reads)
            cell.weight_hh_l0.data.copy_(hh[rows, first : first + size])
            cell.bias_ih_l0.data.copy_(model.bias_ih[rows])
            cell.bias_hh_l0.data.copy_(model.bias_hh[rows])
            total = total + cell(given.transpose(0, 1))[0].transpose(0, 1)
        outs.append(total)
        unit += own
    return outs[-1] @ model.matrix("head").T + model.bias_head


@pytest.mark.parametrize("cell", MODULES)
def test_a_network_is_the_sum_of_its_cells(cell):
    for kind in ("ba", "ws"):
        model = built(22, cell=cell, graph=kind)
        x = torch.randn(4, 6, 5)
        torch.testing.assert_close(model(x)[0], by_bundles(model, x))


def test_initial_values_fit_the_number_of_units():
    model = built(30, graph="ws", cell="gru")
    first = 1 / np.sqrt(model.layers.sizes[0])
    assert 0.8 * first < model.matrix("ih").abs().max() <= first
    assert 0 < model.bias_ih.abs().max() <= 1
    assert torch.equal(model.draw(1)["ih"], model.matrix("ih"))


def test_a_share_of_what_the_graph_allows_exists():
    full, half = built(40), built(40, (1, 1, 0.5, 1))
    assert half.block_weights()["links"] == full.block_weights()["links"]
    share = half.block_weights()["hh"] / full.block_weights()["hh"]
    assert 0.35 < share < 0.65
    assert not (half.matrix("hh") != 0)[full.matrix("hh") == 0].any()


def test_symbols_may_be_embedded():
    design = Design("mine", 12, 1, "graph", options={"embedding": 4})
    model = get_family("graph").build(design, 9, 3, symbols=True)
    assert model.shapes["embedding"] == (4, 9) and model.shapes["ih"][1] == 4
    x = torch.randint(0, 9, (2, 7))
    design = Design("mine", 12, 1, "graph")
    plain = get_family("graph").build(design, 9, 3, symbols=True)
    hot = nn.functional.one_hot(x, 9).float()
    numbers = get_family("graph").build(design, 9, 3)
    torch.testing.assert_close(plain(x)[0], numbers(hot)[0])
    assert model(x)[0].shape == (2, 7, 3)


@pytest.mark.parametrize(
    "nodes, options, said",
    [
        (9, {}, "a graph of 9 nodes would not be connected; give 10 or more"),
        (12, {"graph": "er"}, "the option graph of the model graph is one of ba, ws"),
        (12, {"embedding": 3}, "an embedding is of symbols"),
    ],
)
def test_what_makes_no_network_is_refused(nodes, options, said):
    with pytest.raises(VsrnnError, match=said):
        built(nodes, **options)
