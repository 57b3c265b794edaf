"""Masked cells against torch's own modules with the dense matrices copied in."""

import copy
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from vsrnn import Design, MaskedCell, PlainRNN, VsrnnError
from vsrnn.design.family import get_family
from vsrnn.models.cells import GATES

X, H, Y = 7, 6, 3
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def cell_of(cell, layers=1, density=0.5, **more):
    return MaskedCell(X, H, Y, density, cell=cell, layers=layers, **more)


def peer(model, width=X):
    """Torch's module with the model's matrices and biases, and its linear head."""
    kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    own = {} if model.cell in kinds else {"nonlinearity": model.cell}
    rnn = kinds.get(model.cell, torch.nn.RNN)(
        width, H, model.layers, batch_first=True, **own
    )
    head = torch.nn.Linear(H, Y)
    matrices = model.matrices()
    with torch.no_grad():
        for k in range(model.layers):
            for name in ("ih", "hh"):
                weight = getattr(rnn, f"weight_{name}_l{k}")
                weight.copy_(matrices[f"{name}_{k}"])
                bias = getattr(rnn, f"bias_{name}_l{k}")
                bias.copy_(model.get_parameter(f"bias_{name}_{k}"))
        head.weight.copy_(matrices["head"])
        head.bias.copy_(model.bias_head)
    return rnn, head


def parts(state):
    return list(state) if isinstance(state, tuple) else [state]


def pairs(model, rnn, head):
    """Our parameters, beside the gradients that the peer has for them."""
    for part in model.shapes:
        theirs, name = head, ""
        if part != "head":
            theirs, name = rnn, "_" + part.replace("_", "_l")
        grad = getattr(theirs, f"weight{name}").grad.flatten()[model.index(part)]
        yield model.weight(part), grad
        yield model.get_parameter(f"bias_{part}"), getattr(theirs, f"bias{name}").grad


def test_outputs_states_and_gradients_equal_those_of_torch():
    for layers in [1, 2, 3]:
        for cell in GATES:
            torch.manual_seed(0)
            names = get_family("cell").matrices({"layers": layers})
            some = [(0.3, 0.8, 0.5)[n % 3] for n in range(len(names))]
            for density in (some, 1.0, 0.0):
                model = cell_of(cell, layers, density, seed=2)
                rnn, head = peer(model)
                x, state = torch.randn(4, 5, X), None
                for _ in range(2):  # from zeros, and on from there
                    output, ours = model(x, state)
                    hidden, theirs = rnn(x, state)
                    torch.testing.assert_close(output, head(hidden), **CLOSE)
                    for a, b in zip(parts(ours), parts(theirs), strict=True):
                        torch.testing.assert_close(a, b, **CLOSE)
                    state = [part.detach() for part in parts(theirs)]
                    state = tuple(state) if cell == "lstm" else state[0]
                loss = output.square().mean() + sum(part.sum() for part in parts(ours))
                other = head(hidden).square().mean() + sum(
                    part.sum() for part in parts(theirs)
                )
                for value in (loss, other):
                    value.backward()
                for own, grad in pairs(model, rnn, head):
                    torch.testing.assert_close(own.grad, grad, **CLOSE)
                if density == 1.0:
                    count = sum(p.numel() for m in (rnn, head) for p in m.parameters())
                    assert count == sum(p.numel() for p in model.parameters())
                    assert count == get_family("cell").counts(model)["parameters"]
                if density == 0.0:
                    assert set(model.block_weights().values()) == {0}


def test_input_without_a_batch_and_steps():
    for cell in GATES:
        model, x = cell_of(cell, 2), torch.randn(3, 6, X)
        output, last = model(x)
        state, outputs = None, []
        for t in range(6):
            y, state = model.step(x[:, t], state)
            outputs.append(y)
        torch.testing.assert_close(torch.stack(outputs, 1), output)
        first = [part[:, :1] for part in parts(last)]
        single, end = model(x[0])
        torch.testing.assert_close(single, output[0])
        for a, b in zip(parts(end), first, strict=True):
            torch.testing.assert_close(a, b[:, 0])
        given = end if cell == "lstm" else parts(end)[0]
        again = model(x[0], given)[0]
        batched = tuple(first) if cell == "lstm" else first[0]
        torch.testing.assert_close(again, model(x[:1], batched)[0][0])
        assert not torch.allclose(again, single)


def test_symbols_are_unit_vectors_or_embedded():
    symbols = torch.randint(0, X, (4, 5))
    plain = cell_of("gru", symbols=True, seed=3)
    dense = cell_of("gru", seed=3)
    units = torch.eye(X)[symbols]
    assert torch.equal(plain(symbols)[0], dense(units)[0])
    model = cell_of("lstm", symbols=True, embedding=4, seed=3)
    rnn, head = peer(model, 4)
    expected = head(rnn(units @ model.matrix("embedding").T)[0])
    torch.testing.assert_close(model(symbols)[0], expected, **CLOSE)
    torch.testing.assert_close(model(symbols[0])[0], expected[0], **CLOSE)
    torch.testing.assert_close(model.step(symbols[:, 0])[0], expected[:, 0], **CLOSE)
    counts = get_family("cell").counts(model)
    table = model.matrix("embedding")
    assert 0 < counts["weights"]["embedding"] == table.count_nonzero() < 4 * X
    assert 0.05 < table.abs().max() <= 0.1
    read, fed = model.activity(symbols)["embedding"]
    assert torch.equal(read, units)
    torch.testing.assert_close(fed, units @ table.T)
    assert counts["parameters"] == sum(p.numel() for p in model.parameters())


def test_initial_values_are_those_of_torch():
    ours, torchs = cell_of("relu", 1, 1.0, seed=5), PlainRNN(X, H, Y, seed=5)
    theirs = torchs.state_dict()
    for part, name in (("ih_0", "ih_l0"), ("hh_0", "hh_l0")):
        assert torch.equal(ours.matrix(part), theirs[f"rnn.weight_{name}"])
        assert torch.equal(
            ours.get_parameter(f"bias_{part}"), theirs[f"rnn.bias_{name}"]
        )
    assert torch.equal(ours.matrix("head"), theirs["head.weight"])
    assert torch.equal(ours.bias_head, theirs["head.bias"])
    sparse = cell_of("relu", 1, 0.4, seed=5)
    for part in sparse.shapes:
        mask = sparse.matrix(part) != 0
        assert torch.equal(sparse.matrix(part), ours.matrix(part) * mask)


def test_seeds_decide_and_leave_global_generators_alone():
    before = torch.get_rng_state()
    how = {"symbols": True, "embedding": 4}
    one, same, other = (cell_of("lstm", 2, seed=s, **how) for s in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    for name, value in one.state_dict().items():
        assert torch.equal(value, same.state_dict()[name])
    assert any(
        a.shape != b.shape or not torch.equal(a, b)
        for a, b in zip(one.parameters(), other.parameters(), strict=True)
    )


def test_weights_outside_the_masks_stay_zero_through_training():
    model, x = cell_of("lstm", 2, 0.4, mask="exact"), torch.randn(8, 5, X)
    before = model.matrices()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        (model(x)[0] - 1).square().mean().backward()
        optimizer.step()
    for part, after in model.matrices().items():
        assert torch.equal(after != 0, before[part] != 0)
        assert (after != before[part]).sum() == round(0.4 * after.numel())


def test_new_places_are_computed_with():
    torch.manual_seed(0)
    model, x = cell_of("gru", 2, 0.5), torch.randn(4, 5, X)
    model.rewire("hh_0", model.index("hh_0")[::2])
    model.rewire("ih_1", torch.arange(3 * H * H))
    rnn, head = peer(model)
    torch.testing.assert_close(model(x)[0], head(rnn(x)[0]), **CLOSE)
    assert model.block_weights()["ih_1"] == model.block_entries()["ih_1"] == 3 * H * H
    model(x)[0].sum().backward()
    assert (model.weight_ih_1.grad != 0).all()


def saved(model, folder):
    save_file(model.state_dict(), folder / "model.safetensors")
    fresh = MaskedCell(X, H, Y, 0.1, cell="lstm", layers=2, seed=9)
    fresh.load_state_dict(load_file(folder / "model.safetensors"))
    return fresh


def test_the_masks_survive(tmp_path):
    model, x = cell_of("lstm", 2, 0.3, seed=1), torch.randn(2, 5, X)
    lives = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model).double().float(),
        saved(model, tmp_path),
    ]
    for other in lives:
        assert torch.equal(other(x)[0], model(x)[0])
        assert other.block_weights() == model.block_weights()
    double = copy.deepcopy(model).double()
    torch.testing.assert_close(double(x.double())[0].float(), model(x)[0], **CLOSE)


def test_designs_of_cells():
    options = {"cell": "gru", "layers": 2}
    design = Design("mine", H, (0.1, 0.2, 0.3, 0.4, 1), model="cell", options=options)
    assert design.matrices == ("ih_0", "hh_0", "ih_1", "hh_1", "head")
    expected = get_family("cell").expected(design, X, Y)
    sizes = {"ih_0": 0.1 * 18 * X, "hh_0": 0.2 * 18 * 6, "ih_1": 0.3 * 18 * 6}
    sizes |= {"hh_1": 0.4 * 18 * 6, "head": 18}
    assert expected["weights"] == pytest.approx(sizes)
    assert expected["parameters"] == pytest.approx(sum(sizes.values()) + 4 * 18 + Y)
    hh = sizes["hh_0"] + sizes["hh_1"]
    share = hh / (hh + sizes["ih_0"] + sizes["ih_1"])
    assert expected["hidden_proportion"] == pytest.approx(share)
    single = Design("mine", H, (0.1, 0.5, 1), model="cell")
    block = Design("mine", H, (0.1, 0.5, 0, 0, 1, 0))
    shares = [get_family(d.model).expected(d, X, Y) for d in (single, block)]
    one, six = (share["hidden_proportion"] for share in shares)
    assert one == pytest.approx(six) == pytest.approx(18 / (18 + 4.2))


def test_bad_input_gets_a_sentence():
    for make, words in [
        (lambda: cell_of("gru2"), "tanh, relu, lstm, gru, not 'gru2'"),
        (lambda: cell_of("gru", 0), "layers must be a whole number from 1"),
        (
            lambda: cell_of("gru", density=1.5),
            "density of ih_0 must lie in 0..1, not 1.5",
        ),
        (
            lambda: cell_of("gru", density=(1, 1)),
            "one each for ih_0, hh_0, head, not 2",
        ),
        (lambda: cell_of("gru", mask="some"), "bernoulli, exact"),
        (lambda: cell_of("gru", embedding=3), "symbols=True"),
        (lambda: cell_of("gru")(torch.zeros(2, 3, 6)), "batch, time, 7"),
        (lambda: cell_of("gru")(torch.zeros(7)), "batch, time, 7"),
        (lambda: cell_of("gru", symbols=True)(torch.zeros(2, 3)), "whole numbers"),
        (
            lambda: cell_of("lstm")(torch.zeros(2, 3, 7), torch.zeros(1, 2, 6)),
            r"shape \(1, 2, 6\) and \(1, 2, 6\), got \(1, 2, 6\)",
        ),
        (
            lambda: cell_of("gru")(torch.zeros(2, 3, 7), torch.zeros(1, 3, 6)),
            r"got \(1, 3, 6\)",
        ),
        (
            lambda: Design("mine", 5, 1, model="cell", options={"layers": 0}),
            "the option layers must be a whole number from 1",
        ),
        (lambda: Design("mine", 5, (1, 1), model="cell"), "3 densities"),
    ]:
        with pytest.raises(VsrnnError, match=words):
            make()


def test_the_first_inputs_make_the_state_before_the_first_step():
    for cell in GATES:
        model = cell_of(cell, 2, start=3, bias=False)
        assert not [name for name, _ in model.named_parameters() if "bias" in name]
        x, full = torch.randn(4, 5, X), model.matrices()
        rest, hidden = x[..., 3:], torch.zeros(2, 4, H)
        hidden[0] = x[:, 0, :3] @ full["start"].T
        kinds = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
        own = {} if cell in kinds else {"nonlinearity": cell}
        how = {"batch_first": True, "bias": False, **own}
        rnn = kinds.get(cell, torch.nn.RNN)(X - 3, H, 2, **how)
        with torch.no_grad():
            for k in range(2):
                for name in ("ih", "hh"):
                    weight = getattr(rnn, f"weight_{name}_l{k}")
                    weight.copy_(full[f"{name}_{k}"])
        start = (hidden, torch.zeros(2, 4, H)) if cell == "lstm" else hidden
        expected, last = rnn(rest, start)
        output, ours = model(x)
        torch.testing.assert_close(output, expected @ full["head"].T, **CLOSE)
        for a, b in zip(parts(ours), parts(last), strict=True):
            torch.testing.assert_close(a, b, **CLOSE)
        torch.testing.assert_close(model(x[0])[0], output[0], **CLOSE)
        torch.testing.assert_close(model(rest_only(x), last)[0], model(x, last)[0])
    with pytest.raises(VsrnnError, match="start must leave inputs"):
        cell_of("tanh", start=X)


def rest_only(x):
    """Inputs without those of the start, which a given state makes needless."""
    return torch.cat([torch.zeros_like(x[..., :3]), x[..., 3:]], -1)


def test_start_and_bias_are_options_of_a_design():
    options = {"cell": "relu", "start": 3, "bias": 0}
    design = Design("small", H, (0.5, 1, 1, 1), "cell", (), (), options=options)
    family = get_family("cell")
    model = family.build(design, X, Y, mask="exact")
    assert design.matrices == ("start", "ih_0", "hh_0", "head")
    counted = family.counts(model)
    assert counted == family.expected(design, X, Y)
    assert counted["parameters"] == 9 + 4 * H + H * H + Y * H


def test_hidden_states_are_those_of_torch_layer_by_layer():
    x = torch.randn(5, 9, X, generator=torch.Generator().manual_seed(1))
    for cell in GATES:
        model = cell_of(cell, 3)
        rnn, _ = peer(model)
        states, below = model.states(x), x
        assert states.shape == (3, 5, 9, H)
        for k, states_of_layer in enumerate(states):
            one = type(rnn)(below.shape[-1], H, batch_first=True)
            if cell == "relu":
                one.nonlinearity, one.mode = "relu", "RNN_RELU"
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(one, f"{name}_l0").data = getattr(rnn, f"{name}_l{k}").data
            below = one(below)[0].detach()
            torch.testing.assert_close(states_of_layer, below, **CLOSE)


def test_hidden_states_from_a_start_and_of_symbols():
    model = MaskedCell(X, H, Y, 0.8, cell="relu", start=2, bias=False)
    x = torch.randn(5, 4, X, generator=torch.Generator().manual_seed(1))
    m = model.matrices()
    h = x[:, 0, :2] @ m["start"].T
    for t, own in enumerate(model.states(x)[0].unbind(1)):
        h = torch.relu(x[:, t, 2:] @ m["ih_0"].T + h @ m["hh_0"].T)
        torch.testing.assert_close(own, h, **CLOSE)
    symbols = torch.randint(X, (5, 9), generator=torch.Generator().manual_seed(1))
    vectors = torch.nn.functional.one_hot(symbols, X).float()
    both = [cell_of("gru", symbols=s) for s in (True, False)]
    read = [model.states(x) for model, x in zip(both, (symbols, vectors), strict=True)]
    assert torch.equal(*read)


def test_values_drawn_are_those_of_a_dense_model_of_the_seed():
    how = [{}, {"symbols": True, "embedding": 3}, {"start": 2, "bias": False}]
    for more in how:
        for mask in ("bernoulli", "exact"):
            more |= {"cell": "gru", "layers": 2, "mask": mask}
            sparse, dense = (MaskedCell(X, H, Y, d, seed=4, **more) for d in (0.3, 1.0))
            drawn = sparse.draw(4)
            assert list(drawn) == list(dense.shapes)
            for part, matrix in drawn.items():
                assert torch.equal(matrix, dense.matrix(part))
                inside = sparse.matrix(part) != 0
                assert torch.equal(matrix[inside], sparse.matrix(part)[inside])
