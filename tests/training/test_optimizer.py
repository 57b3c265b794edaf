"""The optimizer: torch's steps to the bit, and averages that follow rewired weights."""

import copy

import torch

from vsrnn import (
    BlockRNN,
    Geometry,
    MaskedCell,
    ModelBatch,
    PlainRNN,
    ProjectedLSTM,
    parameter_groups,
)
from vsrnn.tasks.task import Training
from vsrnn.training.optimizer import Optimizer


def test_adam_steps_as_that_of_torch_to_the_bit():
    models = [BlockRNN(Geometry(30, hidden, 4, 0.5)) for hidden in (6, 9)]
    others = copy.deepcopy(models)
    groups = [
        {"params": list(model.parameters()), "lr": rate}
        for model, rate in zip(others, (1e-2, 1e-3), strict=True)
    ]
    ours, theirs = Optimizer(models, (1e-2, 1e-3)), torch.optim.Adam(groups, fused=True)
    for step in range(5):
        x = torch.full((2, 3, 30), step - 1.5)
        for optimizer, some in ((ours, models), (theirs, others)):
            sum(model(x)[0].square().sum() for model in some).backward()
            optimizer.step()
            optimizer.zero_grad()
    for model, other in zip(models, others, strict=True):
        pairs = zip(model.parameters(), other.parameters(), strict=True)
        assert all(torch.equal(a, b) and a.grad is None for a, b in pairs)


def test_decay_and_plain_descent_step_as_those_of_torch():
    kinds = {"adam": torch.optim.AdamW, "sgd": torch.optim.SGD}
    for kind, theirs in kinds.items():
        ours, other = (BlockRNN(Geometry(30, 6, 4, 0.5)) for _ in range(2))
        how = Training(kind, weight_decay=0.1 if kind == "adam" else 0.0, clip=0.3)
        decay = {"weight_decay": 0.1, "fused": True} if kind == "adam" else {}
        peer = theirs(other.parameters(), lr=0.1, **decay)
        optimizer = Optimizer([ours], [0.1], how)
        for step in range(3):
            x = torch.full((2, 3, 30), step - 1.5)
            for model, each in ((ours, optimizer), (other, peer)):
                model(x)[0].square().sum().backward()
                if each is peer:
                    torch.nn.utils.clip_grad_norm_(other.parameters(), 0.3)
                each.step()
                each.zero_grad()
        for a, b in zip(ours.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b)


def test_a_rate_falls_when_its_own_model_gets_no_better():
    models = [BlockRNN(Geometry(3, 2, 1, 1)) for _ in range(2)]
    optimizer = Optimizer(models, [8.0, 8.0], Training("sgd", plateau=4))
    changed = [optimizer.slow_down(losses) for losses in ([2, 2], [1, 3], [2, 1])]
    assert changed == [False, True, True]
    assert [group.rate for group in optimizer.groups] == [2.0, 2.0]


def test_averages_follow_weights_that_stay_and_begin_at_nothing_for_new_ones():
    model = torch.nn.Linear(6, 1, bias=False)
    weight = model.weight
    optimizer = Optimizer([model], [0.1])
    (weight * torch.arange(1.0, 7)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    (group,) = optimizer.groups
    assert group.weights[0] is weight
    # as vectors of weights are: a place each
    mean, square = group.means[0], group.squares[0]
    group.means[0], group.squares[0] = mean[0], square[0]
    source = torch.tensor([1, -1, 5])
    assert optimizer.carry({weight: source})
    after = group.means[0], group.squares[0]
    for old, new in zip((mean[0], square[0]), after, strict=True):
        assert new.tolist() == [old[1].item(), 0.0, old[5].item()]
    assert not optimizer.carry({})


def test_weights_decay_and_biases_do_not():
    block = BlockRNN(Geometry(6, 9, 4, 0.7))
    cell = MaskedCell(6, 9, 4, 0.5, cell="lstm", symbols=True, embedding=3)
    made = torch.nn.utils.parametrizations
    normed = made.weight_norm(BlockRNN(Geometry(6, 9, 4, 0.7)), "weight_state")
    tied = torch.nn.ModuleList([block, block])
    around = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.LayerNorm(6), block)
    for model, spared in (
        (block, {"bias"}),
        (cell, {"bias_ih_0", "bias_hh_0", "bias_head"}),
        (MaskedCell(6, 9, 4, bias=False), set()),
        (normed, {"bias"}),
        (around, {"0.bias", "1.weight", "1.bias", "2.bias"}),
        (tied, {"0.bias"}),
        (torch.optim.swa_utils.AveragedModel(block), {"module.bias"}),
        (ModelBatch([block, copy.deepcopy(block)]), {f"models.{n}.bias" for n in "01"}),
        (PlainRNN(6, 9, 4), {"rnn.bias_ih_l0", "rnn.bias_hh_l0", "head.bias"}),
        (ProjectedLSTM(6, 9, 4), {"lstm.bias_ih_l0", "lstm.bias_hh_l0"}),
    ):
        names = {id(p): name for name, p in model.named_parameters()}
        groups = parameter_groups(model, 0.1)
        assert [group["weight_decay"] for group in groups] == [0.1, 0]
        decay, rest = ([names[id(p)] for p in group["params"]] for group in groups)
        assert set(rest) == spared
        assert sorted(decay + rest) == sorted(names.values())


def test_the_groups_shrink_weights_alone():
    model = BlockRNN(Geometry(6, 9, 4, 0.7))
    before = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.5), lr=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert torch.equal(model.bias, before.bias)
    for part in model.shapes:
        torch.testing.assert_close(model.weight(part), 0.95 * before.weight(part))
