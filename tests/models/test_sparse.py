"""What all modules with masks share: blocks of a part, new places, safe loading."""

import pytest
import torch

from vsrnn import BLOCKS, BlockRNN, Geometry, VsrnnError

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
