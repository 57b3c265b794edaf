"""What all modules with masks share: blocks of a part, new places, safe loading."""

from functools import partial

import pytest
import torch
from torch.nn.utils import prune

from vsrnn import BLOCKS, BlockRNN, Geometry, MaskedCell, ModelBatch, VsrnnError
from vsrnn.models.batch import ModelLoop

G = Geometry(7, 5, 3, (0.3, 0.8, 0.5, 0.5, 1, 0))


def dense(model, part):
    """The matrix of a part, entry by entry."""
    rows, columns = model.shapes[part]
    matrix = torch.zeros(rows, columns)
    pairs = zip(model.index(part).tolist(), model.weight(part).tolist(), strict=True)
    for place, value in pairs:
        matrix[place // columns, place % columns] = value
    return matrix


def test_blocks_are_the_corners_of_their_matrices():
    model = BlockRNN(G, seed=1)
    state, inputs = dense(model, "state"), dense(model, "input")
    corners = {
        "hx": inputs[:5],
        "hh": state[:5, :5],
        "hy": state[:5, 5:],
        "yx": inputs[5:],
        "yh": state[5:, :5],
        "yy": state[5:, 5:],
    }
    assert list(model.matrices()) == list(model.block_places()) == list(BLOCKS)
    assert model.block_entries() == G.entries
    for block, matrix in model.matrices().items():
        assert torch.equal(matrix, corners[block])
        part, places = model.block_places()[block]
        assert torch.equal(model.weight(part)[places], matrix[matrix != 0])
        assert model.block_weights()[block] == len(places) == (matrix != 0).sum()
    assert sum(model.block_weights().values()) == 0.0 + sum(
        len(model.weight(part)) for part in ("input", "state")
    )


def test_blocks_are_copies_of_the_weights():
    model = BlockRNN(Geometry(7, 5, 3, 1))
    model.matrices()["hh"].fill_(7)
    assert not (model.weight_state == 7).any()


def test_new_places_keep_weights_that_stay_and_train_on():
    model = BlockRNN(G, seed=1)
    x, weight = torch.randn(4, 6, 7), model.weight_state
    model(x)[0].sum().backward()
    before = dense(model, "state")
    places = model.index_state
    inner = torch.arange(64)[~torch.isin(torch.arange(64), places)]
    new = torch.cat([places[1::2], inner[:3]]).sort().values
    source = model.rewire("state", new)
    assert model.weight_state is weight and weight.grad is None
    expected = torch.zeros(64)
    expected[places[1::2]] = before.flatten()[places[1::2]]
    assert torch.equal(dense(model, "state").flatten(), expected)
    for place, old in zip(new.tolist(), source.tolist(), strict=True):
        assert (old == -1) == (place in inner) and (old < 0 or places[old] == place)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(x)[0].sum().backward()
    optimizer.step()
    assert (weight != 0).all() and len(weight) == len(new)
    again = BlockRNN(G)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(x)[0], model(x)[0])


def test_a_part_can_lose_all_weights_and_get_some_again():
    model, x = BlockRNN(G, seed=1), torch.randn(2, 4, 7)
    model.rewire("state", torch.tensor([], dtype=torch.long))
    empty = model(x)[0]
    assert model.block_weights()["hh"] == 0 and empty.shape == (2, 4, 3)
    assert model.rewire("state", torch.tensor([2, 9])).tolist() == [-1, -1]
    assert torch.equal(model(x)[0], empty)


def test_bad_places_are_refused_and_change_nothing():
    model = BlockRNN(G, seed=1)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    for places in ([3, 3], [4, 2], [-1, 4], [0, 64], [[1, 2]], [0.5]):
        with pytest.raises(VsrnnError, match=r"rising positions in a matrix of \(8, 8"):
            model.rewire("state", torch.tensor(places))
        index = torch.tensor(places)
        saved = kept | {"index_state": index, "weight_state": torch.ones(index.shape)}
        with pytest.raises(RuntimeError, match="rising positions in a matrix of"):
            model.load_state_dict(saved)
    for part in ({"weight_state": torch.ones(2)}, {"index_state": torch.arange(2)}):
        with pytest.raises(RuntimeError, match="one for each of weight_state"):
            model.load_state_dict(part, strict=False)
    for name, value in model.state_dict().items():
        assert torch.equal(value, kept[name])


def test_another_network_is_refused_by_name():
    cells = {"cell": "lstm", "layers": 2}
    pairs = [
        (BlockRNN(Geometry(30, 5, 3, 0.1)), BlockRNN(Geometry(40, 5, 3, 0.1))),
        (BlockRNN(Geometry(9, 6, 2, 0.5)), BlockRNN(Geometry(9, 5, 3, 0.5))),
        (BlockRNN(G), BlockRNN(G, activation="tanh")),
        (MaskedCell(7, 5, 3, 0.5), MaskedCell(7, 5, 3, 0.5, cell="relu")),
        (MaskedCell(7, 5, 3, 0.5, **cells), MaskedCell(7, 5, 3, 0.5, cell="lstm")),
        (MaskedCell(7, 5, 3, 0.5, cell="lstm"), MaskedCell(7, 5, 3, 0.5, **cells)),
        (MaskedCell(7, 5, 3, 0.5), MaskedCell(7, 5, 3, 0.5, start=2)),
        (BlockRNN(G), MaskedCell(7, 5, 3, 0.5)),
    ]
    for saved, model in pairs:
        for strict in (True, False):
            with pytest.raises(RuntimeError, match="saved is a network of"):
                model.load_state_dict(saved.state_dict(), strict=strict)


def test_files_from_before_the_identity_load():
    saved = BlockRNN(G, seed=1)
    state = {n: value for n, value in saved.state_dict().items() if n != "identity"}
    model, x = BlockRNN(G, seed=2), torch.randn(2, 3, 7)
    model.load_state_dict(state)
    assert torch.equal(model(x)[0], saved(x)[0])
    small = {name: state[name] for name in ("weight_state", "bias")}
    model.load_state_dict(small, strict=False)
    assert torch.equal(model(x)[0], saved(x)[0])
    moved = {"index_state": model.index_state - 1}
    with pytest.raises(RuntimeError, match="one for each of weight_state"):
        model.load_state_dict(moved, strict=False)


def test_loading_drops_gradients():
    model, x = BlockRNN(G, seed=1), torch.randn(2, 3, 7)
    model(x)[0].sum().backward()
    model.load_state_dict(BlockRNN(G, seed=2).state_dict())
    assert all(parameter.grad is None for parameter in model.parameters())
    model(x)[0].sum().backward()
    assert all(p.grad.shape == p.shape for p in model.parameters())


def test_places_that_are_given_out_are_copies():
    model, x = BlockRNN(G, seed=1), torch.randn(2, 3, 7)
    before = model(x)[0]
    for places in (
        model.index_state,
        model.index("state"),
        model.state_dict()["index_state"],
    ):
        places.zero_()
    assert torch.equal(model(x)[0], before)


def sent(model, to):
    """Write over a network as distributed training does, or an average."""
    pairs = zip(
        (*to.parameters(), *to.buffers()),
        (*model.parameters(), *model.buffers()),
        strict=True,
    )
    for own, other in pairs:
        own.detach().copy_(other.detach())


def test_weights_from_other_places_are_noticed():
    x = torch.randn(2, 3, 7)
    makes = {
        ModelBatch: lambda **how: BlockRNN(Geometry(7, 5, 3, 0.5), **how),
        ModelLoop: lambda **how: MaskedCell(7, 5, 3, 0.5, **how),
    }
    for together, make in makes.items():
        one, same, other = (make(mask="exact", seed=seed) for seed in (1, 1, 2))
        sent(one, same)
        assert torch.equal(same(x)[0], one(x)[0])
        sent(one, other)
        part = next(iter(one.shapes))
        uses = [
            partial(other, x),
            partial(other.step, x[:, 0]),
            other.double,
            partial(other.rewire, part, torch.arange(2)),
            partial(together([other]), x),
        ]
        for use in uses:
            with pytest.raises(VsrnnError, match="of other masks"):
                use()
        other.load_state_dict(one.state_dict())
        assert torch.equal(other(x)[0], one(x)[0])
        setattr(one, f"weight_{part}", torch.nn.Parameter(torch.zeros(99)))
        with pytest.raises(VsrnnError, match="with rewire"):
            one(x)


def test_weights_that_others_compute_keep_their_places():
    model, x = BlockRNN(G, seed=1), torch.randn(2, 3, 7)
    prune.l1_unstructured(model, "weight_state", amount=0.5)
    before = model(x)[0].detach()
    model.load_state_dict(model.state_dict())
    with pytest.raises(VsrnnError, match="computed from other parameters"):
        model.rewire("state", model.index_state[1:])
    prune.remove(model, "weight_state")
    assert torch.equal(model(x)[0], before)
