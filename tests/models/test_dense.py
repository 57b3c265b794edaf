"""Twins without masks, and what torch exports of them and of the networks."""

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from vsrnn import BlockRNN, Geometry, MaskedCell, ModelBatch
from vsrnn.models.cells import GATES

X, H, Y = 12, 9, 4


def networks():
    wide = Geometry(120, 110, Y, 0.1)
    more = {"cell": "lstm", "layers": 2, "seed": 3}
    return [
        BlockRNN(Geometry(X, H, Y, 0.6)),
        BlockRNN(wide, activation="tanh"),
        *(MaskedCell(X, H, Y, 0.5, cell=cell, layers=2) for cell in GATES),
        MaskedCell(X, H, Y, 0.5, start=3, bias=False, **more),
        MaskedCell(X, H, Y, 0.5, symbols=True, embedding=5, **more),
        MaskedCell(X, H, Y, 0.5, symbols=True, cell="gru"),
    ]


def inputs(model, batch=3, steps=5):
    if model.symbols:
        return torch.randint(0, X, (batch, steps))
    return torch.randn(batch, steps, model.inputs)


def parts(state):
    return [state] if isinstance(state, torch.Tensor) else list(state)


def agree(one, other):
    for a, b in zip(
        (one[0], *parts(one[1])), (other[0], *parts(other[1])), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_twins_compute_the_same():
    before = torch.get_rng_state()
    twins = [model.to_dense() for model in networks()]
    assert torch.equal(before, torch.get_rng_state())
    for model, twin in zip(networks(), twins, strict=True):
        kinds = {type(module).__module__ for module in twin.modules()} - {
            type(twin).__module__
        }
        assert all(kind.startswith("torch.nn.") for kind in kinds)
        x = inputs(model)
        agree(twin(x), model(x))
        _, state = model(x)
        agree(twin(x, state), model(x, state))
        lengths = torch.tensor([2, 5, 3])
        agree(twin(x, lengths=lengths), model(x, lengths=lengths))
        agree(twin(x, state, lengths), model(x, state, lengths))
        packed = pack_padded_sequence(x, lengths, True, False)
        assert torch.allclose(twin(packed)[0].data, model(packed)[0].data, atol=1e-5)
        for parameter in twin.parameters():
            parameter.data.zero_()
        assert model(x)[0].any()


@pytest.mark.filterwarnings("ignore")  # of torch, of its older ways
def test_exported_networks_compute_the_same():
    """Traced from zeros, a blank end included, and run on others; one step as well."""
    for model in networks():
        state = model(inputs(model))[1]
        other = inputs(model)
        for network in (model, model.to_dense()):
            for given in ((torch.zeros_like(other),), (torch.zeros_like(other), state)):
                for ways in (torch.jit.trace, torch.export.export):
                    made = ways(network, given)
                    run = made if ways is torch.jit.trace else made.module()
                    agree(run(other, *given[1:]), model(other, *given[1:]))
    batch = ModelBatch([BlockRNN(Geometry(X, k, Y, 0.6), seed=k) for k in (5, 9)])
    zeros, x = torch.zeros(3, 5, X), torch.randn(3, 5, X)
    for run in (
        torch.jit.trace(batch, zeros),
        torch.export.export(batch, (zeros,)).module(),
    ):
        torch.testing.assert_close(run(x), batch(x), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_a_traced_network_takes_batches_of_other_sizes():
    for model in networks():
        for network in (model, model.to_dense()):
            traced = torch.jit.trace(network, (inputs(model),))
            x = inputs(model, batch=7)
            agree(traced(x), model(x))


def flat(given):
    """All tensors of nested tuples, in order."""
    if isinstance(given, torch.Tensor):
        return [given.detach()]
    return [each for part in given for each in flat(part)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dynamo", [True, False])
def test_onnx_files_compute_the_same(dynamo, tmp_path):
    """By both exporters of torch: a sequence from zeros, and a step with a state."""
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    file = tmp_path / "model.onnx"
    for model in networks():
        x, state = inputs(model, steps=2), model(inputs(model))[1]
        for network in (model, model.to_dense()):
            for given in ((x,), (x[:, :1], state)):
                blank = (torch.zeros_like(given[0]), *given[1:])
                torch.onnx.export(network, blank, file, dynamo=dynamo, verbose=False)
                session = runtime.InferenceSession(file)
                names = [each.name for each in session.get_inputs()]
                read = [each.numpy() for each in flat(given)]
                found = session.run(None, dict(zip(names, read, strict=True)))
                for a, b in zip(found, flat(model(*given)), strict=True):
                    torch.testing.assert_close(
                        torch.as_tensor(a), b, rtol=1e-4, atol=1e-5
                    )
