"""The optimizer: torch's steps to the bit, and averages that follow rewired weights."""

import copy

import torch

from vsrnn import BlockRNN, Geometry
from vsrnn.training.adam import Adam


def test_adam_steps_as_that_of_torch_to_the_bit():
    models = [BlockRNN(Geometry(30, hidden, 4, 0.5)) for hidden in (6, 9)]
    others = copy.deepcopy(models)
    groups = [
        {"params": list(model.parameters()), "lr": rate}
        for model, rate in zip(others, (1e-2, 1e-3), strict=True)
    ]
    ours, theirs = Adam(models, (1e-2, 1e-3)), torch.optim.Adam(groups, fused=True)
    for step in range(5):
        x = torch.full((2, 3, 30), step - 1.5)
        for optimizer, some in ((ours, models), (theirs, others)):
            sum(model(x)[0].square().sum() for model in some).backward()
            optimizer.step()
            optimizer.zero_grad()
    for model, other in zip(models, others, strict=True):
        pairs = zip(model.parameters(), other.parameters(), strict=True)
        assert all(torch.equal(a, b) and a.grad is None for a, b in pairs)


def test_averages_follow_weights_that_stay_and_begin_at_nothing_for_new_ones():
    model = torch.nn.Linear(6, 1, bias=False)
    weight = model.weight
    optimizer = Adam([model], [0.1])
    (weight * torch.arange(1.0, 7)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    _, (own,), (mean,), (square,), _ = optimizer.groups[0]
    assert own is weight
    # as vectors of weights are: a place each
    optimizer.groups[0][2][0], optimizer.groups[0][3][0] = mean[0], square[0]
    source = torch.tensor([1, -1, 5])
    assert optimizer.carry({weight: source})
    after = optimizer.groups[0][2][0], optimizer.groups[0][3][0]
    for old, new in zip((mean[0], square[0]), after, strict=True):
        assert new.tolist() == [old[1].item(), 0.0, old[5].item()]
    assert not optimizer.carry({})
