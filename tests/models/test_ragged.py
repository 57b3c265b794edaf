"""Sequences of different lengths end where torch's end, whatever stands behind them."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
)

from vsrnn import (
    BlockRNN,
    Geometry,
    MaskedCell,
    ModelBatch,
    PlainRNN,
    ProjectedLSTM,
    VsrnnError,
)
from vsrnn.models.cells import GATES

X, H, Y, STEPS = 12, 9, 4, 7
LENGTHS = [3, 5, 1, 7, 5]
ORDERS = {
    "any": LENGTHS,
    "falling": sorted(LENGTHS, reverse=True),
    "one": [6],
    "equal": [4, 4, 4],
}
KINDS = {"lstm": nn.LSTM, "gru": nn.GRU}


def networks():
    sparse = {"density": 0.5, "layers": 2}
    return [
        BlockRNN(Geometry(X, H, Y, 0.6)),
        BlockRNN(Geometry(120, 110, Y, 0.1), activation="tanh"),
        *(MaskedCell(X, H, Y, cell=cell, **sparse) for cell in GATES),
        MaskedCell(X, H, Y, 0.5, start=3, cell="lstm"),
        MaskedCell(X, H, Y, 0.5, symbols=True, embedding=5),
        MaskedCell(X, H, Y, 0.5, symbols=True, cell="gru"),
        PlainRNN(X, H, Y),
        ProjectedLSTM(X, H, Y),
    ]


def parts(state):
    return [state] if isinstance(state, torch.Tensor) else list(state)


def random(model, batch, steps=STEPS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    if getattr(model, "symbols", False):
        return torch.randint(0, X, (batch, steps), generator=generator)
    return torch.randn(batch, steps, model.inputs, generator=generator)


def some_state(model, batch):
    generator = torch.Generator().manual_seed(1)
    made = tuple(
        torch.randn(shape, generator=generator) for shape in model.state_shapes(batch)
    )
    return made if len(made) > 1 else made[0]


def of(state, axis, number):
    """The state of one sequence, with its axis."""
    kept = tuple(part.narrow(axis, number, 1) for part in parts(state))
    return kept if len(kept) > 1 else kept[0]


def grads(network, told):
    """Of a sum in which every number told weighs something else."""
    network.zero_grad()
    weighed = (part * torch.linspace(1, 2, part.numel()).view_as(part) for part in told)
    sum(part.sum() for part in weighed).backward()
    found = [p.grad for p in network.parameters()]  # none of `start` with a state
    return [torch.zeros(()) if grad is None else grad.clone() for grad in found]


def near(one, other):
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_each_sequence_runs_as_if_it_were_alone(order):
    lengths = ORDERS[order]
    for model in networks():
        x, axis = random(model, len(lengths)), -2
        for given in (None, some_state(model, len(lengths))):
            output, last = model(x, given, lengths)
            assert output.shape == (len(lengths), STEPS, Y)
            alone = [
                model(x[b : b + 1, :n], None if given is None else of(given, axis, b))
                for b, n in enumerate(lengths)
            ]
            ends = [
                torch.cat(each, axis)
                for each in zip(*(parts(one[1]) for one in alone), strict=True)
            ]
            for b, n in enumerate(lengths):
                near(output[b, :n], alone[b][0][0])
                assert not output[b, n:].any()
            for one, other in zip(parts(last), ends, strict=True):
                near(one, other)
            padded = [
                nn.functional.pad(one, (0, 0, 0, STEPS - one.shape[1]))
                for one, _ in alone
            ]
            for one, other in zip(
                grads(model, [output, *parts(last)]),
                grads(model, [torch.cat(padded), *ends]),
                strict=True,
            ):
                near(one, other)


@pytest.mark.parametrize("order", ORDERS)
def test_packed_sequences_are_padded_ones(order):
    lengths = ORDERS[order]
    for sort in {False, order != "any"}:
        for model in networks():
            x, given = random(model, len(lengths)), some_state(model, len(lengths))
            how = {"batch_first": True, "enforce_sorted": sort}
            packed = pack_padded_sequence(x, torch.tensor(lengths), **how)
            output, last = model(packed, given)
            assert isinstance(output, PackedSequence)
            for name in ("batch_sizes", "sorted_indices", "unsorted_indices"):
                assert getattr(output, name) is getattr(packed, name)
            whole, ends = model(x, given, torch.tensor(lengths))
            unpacked, known = pad_packed_sequence(
                output, batch_first=True, total_length=STEPS
            )
            assert known.tolist() == lengths
            assert torch.equal(unpacked, whole)
            for one, other in zip(parts(last), parts(ends), strict=True):
                assert torch.equal(one, other)


def dense(cell):
    """A masked cell of density 1 and the modules of torch that it stands for."""
    model = MaskedCell(X, H, Y, 1, cell=cell, layers=2, seed=3)
    torch.manual_seed(3)
    how = {} if cell in KINDS else {"nonlinearity": cell}
    cells = KINDS.get(cell, nn.RNN)(X, H, 2, batch_first=True, **how)
    return model, cells, nn.Linear(H, Y)


@pytest.mark.parametrize("sort", [False, True])
def test_torchs_networks_give_the_same(sort):
    lengths = ORDERS["falling" if sort else "any"]
    plain, projected = PlainRNN(X, H, Y), ProjectedLSTM(X, H, Y)
    for model, cells, head in (
        *map(dense, GATES),
        (plain, plain.rnn, plain.head),
        (projected, projected.lstm, nn.Identity()),
    ):
        x, given = random(model, len(lengths)), some_state(model, len(lengths))
        packed = pack_padded_sequence(
            x, torch.tensor(lengths), batch_first=True, enforce_sorted=sort
        )
        told, state = cells(packed, given)
        theirs, _ = pad_packed_sequence(
            told._replace(data=head(told.data)), batch_first=True
        )
        ours, last = model(packed, given)
        near(ours.data, head(told.data))
        near(model(x, given, lengths)[0], theirs)
        for one, other in zip(parts(last), parts(state), strict=True):
            near(one, other)


def test_nothing_behind_an_end_is_read():
    """Neither NaN, nor a state that would grow beyond all numbers."""
    steps, lengths = 300, [4, 300]
    for model in (BlockRNN(Geometry(3, 5, 2, 1)), PlainRNN(3, 5, 2)):
        with torch.no_grad():
            for weight in model.parameters():
                weight.fill_(0.9)
        x = torch.zeros(2, steps, 3)
        x[0, :4], x[0, 4:], x[1] = 1, torch.nan, -1e4
        output, last = model(x[:1], None, lengths[:1])
        near(output[:, :4], model(x[:1, :4])[0])
        assert not output[:, 4:].any()
        assert all(g.isfinite().all() for g in grads(model, [output, *parts(last)]))
        assert model(x[:1, :1].expand(1, 300, 3))[0].isinf().any()  # it does grow


def test_a_batch_of_models_runs_each_sequence_to_its_end():
    models = [BlockRNN(Geometry(X, n, Y, 0.6), seed=n) for n in (5, 9)]
    batch, x, lengths = ModelBatch(models), random(models[0], 5), LENGTHS
    output = batch(x, lengths)
    assert output.shape == (2, 5, STEPS, Y)
    for one, model in zip(output, models, strict=True):
        near(one, model(x, None, lengths)[0])
    alone = [model(x, None, lengths)[0] for model in models]
    for one, other in zip(
        grads(batch, [output]), grads(batch, [torch.stack(alone)]), strict=True
    ):
        near(one, other)
    packed = pack_sequence(
        [row[:n] for row, n in zip(x, lengths, strict=True)], enforce_sorted=False
    )
    for one, model in zip(batch(packed), models, strict=True):
        near(one.data, model(packed)[0].data)
    _, state = batch.run(x[:, :2])
    whole, end = batch.run(x[:, 2:], state, [max(1, n - 2) for n in lengths])
    for k, model in enumerate(models):
        h, y = model(x, None, [max(3, n) for n in lengths])[1]
        near(end[k, : h.shape[1]].t(), h)
        near(end[k, -Y:].t(), y)
        near(whole[k, 0, 0], model(x[:, :3])[0][0, 2])


def test_lengths_that_do_not_fit_get_a_sentence():
    for network in [*networks(), ModelBatch([BlockRNN(Geometry(X, H, Y, 0.6))])]:
        x = random(getattr(network, "models", [network])[0], 3)
        wrong = {
            "one length for each of 3": ([2, 2], [], torch.tensor(3), 3, "abc", {1, 2}),
            "whole number from 1 to 7": (
                [2, 0, 3],
                [2, 8, 3],
                [2.0, 1, 1],
                torch.ones(3),
                torch.ones(3, 1).long(),
                [True, 1, 1],
            ),
        }
        for words, every in wrong.items():
            for lengths in every:
                with pytest.raises(VsrnnError, match=words):
                    network(x, lengths=lengths)
        packed = pack_sequence([*x])
        with pytest.raises(VsrnnError, match="PackedSequence knows its lengths"):
            network(packed, lengths=[7, 7, 7])
        with pytest.raises(VsrnnError):
            network(packed._replace(data=packed.data.double()))
        with pytest.raises(VsrnnError):
            network(x[0], lengths=[7])
        with pytest.raises(VsrnnError):
            network(x.tolist(), lengths=[7, 7, 7])


def test_states_of_packed_sequences_are_checked():
    for model in networks():
        packed = pack_sequence([*random(model, 3)])
        with pytest.raises(VsrnnError, match="state"):
            model(packed, some_state(model, 2))


def test_outputs_are_the_callers_own():
    for model in networks():
        x = random(model, 5)
        told, last = model(x, None, LENGTHS)
        for each in (told, *parts(last)):
            storage = each.detach().untyped_storage()
            assert storage.nbytes() == each.numel() * each.element_size()
        told, last = model(x, None, LENGTHS)
        told[:, 0] = 0
        told.square().sum().backward()


@pytest.mark.filterwarnings("ignore")  # of torch, of its older ways
def test_a_trace_or_export_with_lengths_is_refused():
    model, x = BlockRNN(Geometry(X, H, Y, 0.6)), torch.randn(3, STEPS, X)
    state = model(x)[1]
    for lengths in (torch.tensor([7, 3, 2]), [7, 3, 2]):
        with pytest.raises(VsrnnError, match="export one without"):
            torch.export.export(model, (x, state, lengths))
    with pytest.raises(VsrnnError, match="trace"):
        torch.jit.trace(model, (x, state, torch.tensor([7, 3, 2])))


def test_transforms_and_second_derivatives_go_through_lengths():
    model, x = BlockRNN(Geometry(X, H, Y, 0.6)), torch.randn(2, 3, STEPS, X)
    lengths = [7, 3, 2]

    def run(x):
        return model(x, lengths=lengths)[0]

    near(torch.func.vmap(run)(x), torch.stack([run(one) for one in x]))
    x = x[0].requires_grad_()
    (first,) = torch.autograd.grad(run(x).square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), model.weight_input)
    assert second.any()
    rows = [torch.zeros(2, X), torch.zeros(3, X)]
    nested = torch.nested.nested_tensor(rows, layout=torch.jagged)
    with pytest.raises(VsrnnError, match=r"not a nested one.*padded"):
        model(nested)
