"""Compiled loops compute what operations of torch do, forward, back and in training."""

import copy
import functools

import pytest
import torch

from vsrnn import BlockRNN, Geometry, ModelBatch
from vsrnn.models._kernels import fast
from vsrnn.tasks.task import Task
from vsrnn.training import loop
from vsrnn.training.optimizer import Optimizer

pytest.importorskip("numba")


def either(monkeypatch, work):
    """What work gives by compiled loops, twice, and by torch."""
    found = [work(), work()]
    with monkeypatch.context() as patch:
        patch.setattr(fast, "able", lambda *given: False)
        patch.setattr(loop, "fused_step", lambda *given: None)
        return *found, work()


def close(one, other, relative):
    """Within so much of the largest number of each."""
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        most = b.abs().max() if b.numel() else b.new_ones(())
        torch.testing.assert_close(a, b, rtol=0, atol=relative * float(most) + 1e-12)


def drawn(case):
    """Models of random sizes and densities, and inputs of a random layout."""
    draw = torch.Generator().manual_seed(case)

    def number(low, high):
        return int(torch.randint(low, high, (), generator=draw))

    inputs, hidden, outputs = number(1, 40), number(1, 50), number(1, 20)
    inputs = 1 if case % 5 == 0 else 900 if case % 11 == 3 else inputs
    hidden = 1 if case % 7 == 0 else hidden
    batch = 64 if case % 6 == 1 else 16 if case % 6 == 2 else number(1, 150)
    share = torch.rand(6, generator=draw) * 1.4 - 0.2  # some of 0 and of 1
    density = share.clamp(0, 1).tolist()
    how = {"init_std": 0.3, "activation": "tanh" if case % 3 == 0 else "relu"}
    models = [
        BlockRNN(Geometry(inputs, hidden + m, outputs, density), seed=m, **how)
        for m in range(1 if case % 2 else number(1, 4))
    ]
    x = torch.randn(batch, number(1, 12), inputs, generator=draw)
    if case % 4 == 0:
        x[:, -1] = 0
    if case % 4 == 1:  # time first in memory
        x = x.transpose(0, 1).contiguous().transpose(0, 1)
    if case % 4 == 2:
        x = x.transpose(0, 2).contiguous().transpose(0, 2).requires_grad_()
    state = None
    if len(models) == 1 and case % 3 == 1:
        sizes = hidden, outputs
        state = [torch.randn(batch, n, generator=draw).requires_grad_() for n in sizes]
    return models, x, state, draw


def passed(models, x, state, ragged, weight, leaves):
    """Loss, outputs without gradients, and gradients."""
    if len(models) > 1:
        output, ends = ModelBatch(models)(x, **ragged), ()
    else:
        output, ends = models[0](x, state, **ragged)
    loss = (output * weight).square().mean()
    loss = loss + sum(each.square().mean() for each in ends)
    with torch.no_grad():  # another way forward
        again = ModelBatch(models)(x)
    return [loss.detach(), again, *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize("first", [0, 20])
def test_passes_and_gradients_are_those_of_torch(monkeypatch, first):
    for case in range(first, first + 20):
        models, x, state, draw = drawn(case)
        outputs, leaves = models[0].geometry.outputs, [*models[0].parameters()]
        leaves = [p for model in models for p in model.parameters()]
        leaves += [each for each in (x, *(state or ())) if each.requires_grad]
        weight = torch.randn(*x.shape[:2], outputs, generator=draw)
        lengths = torch.randint(1, x.shape[1] + 1, (len(x),), generator=draw)

        ragged = {"lengths": lengths} if case % 5 == 3 else {}
        given = models, x, state, ragged, weight, leaves
        work = functools.partial(passed, *given)
        one, two, plain = either(monkeypatch, work)
        assert all(map(torch.equal, one, two))
        close(one[:1], plain[:1], 2e-6)
        close(one, plain, 2e-5)


class Made(Task):
    """Random sequences, with targets of a kind, at the last step or at every one."""

    outputs = 5

    def __init__(self, classes, every, gaps, batch):
        self.inputs, self.steps, self.batch_size = 9, 6, batch
        self.kind = classes, every, gaps
        super().__init__()

    def data(self):
        return {split: self.split() for split in ("train", "val", "test")}

    def split(self):
        draw = torch.Generator().manual_seed(3)
        classes, every, gaps = self.kind
        x = torch.randn(3 * self.batch_size, self.steps, self.inputs, generator=draw)
        x[:, -1] = 0
        shape = (len(x), self.steps) if every else (len(x),)
        if classes:
            y = torch.randint(0, 5, shape, generator=draw)
        else:
            y = torch.randn(*shape, 5, generator=draw)
        if gaps:
            y[torch.rand(y.shape, generator=draw) < 0.4] = (
                -100 if classes else torch.nan
            )
            y[:, 0] = 1
        return x, y


KINDS = [
    (True, False, False, 7),
    (True, True, True, 16),
    (True, True, False, 100),
    (False, False, False, 33),
    (False, True, True, 64),
]


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_that_of_torch(monkeypatch, kind):
    task = Made(*kind)
    sizes = [Geometry(9, 10 + m, 5, 0.4 + 0.2 * m) for m in range(3)]
    how = {"activation": "tanh" if kind[0] else "relu"}
    begin = [BlockRNN(size, seed=3, **how) for size in sizes]

    def work():
        models = copy.deepcopy(begin)
        optimizer = Optimizer(models, [1e-2, 1e-2, 3e-3])
        step = loop.make_step(ModelBatch(models), optimizer, task)
        order = torch.Generator().manual_seed(0)
        epochs = [loop.train_epoch(step, task, order) for _ in range(5)]
        means = [list(mean.values()) for epoch in epochs for mean in epoch]
        own = [p.detach() for model in models for p in model.parameters()]
        return [torch.tensor(means), *own]

    one, two, plain = either(monkeypatch, work)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "get_num_threads", lambda: 2)
        assert all(map(torch.equal, one, work()))
    assert all(map(torch.equal, one, two))
    torch.testing.assert_close(one[0], plain[0], rtol=1e-6, atol=1e-6)
    close(one[1:], plain[1:], 1e-5)


def test_what_a_step_cannot_do_alone_is_left_to_torch(monkeypatch):
    task = Made(*KINDS[0])
    x, y = task.batch("train", slice(0, 7))
    models = [BlockRNN(Geometry(9, 10, 5, 0.5), seed=seed) for seed in range(2)]
    optimizer = Optimizer(models, [1e-2] * 2)
    step = loop.fused_step(network := ModelBatch(models), optimizer, task)
    before = models[0](x)[0].sum()
    assert step(x, y) is not None
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        before.backward()  # of weights that are no more
    seen = []
    hook = network.register_forward_hook(lambda *given: seen.append(given))
    assert step(x, y) is None
    hook.remove()
    hook = models[1].bias.register_hook(seen.append)
    assert step(x, y) is None and step(x, y + 5) is None
    hook.remove()
    assert step(x, y + 5) is None  # no classes: torch says so
    assert optimizer.groups[0].step == 1
    models[0].rewire("state", models[0].index_state[1:])
    assert step(x, y) is None  # the averages did not follow
