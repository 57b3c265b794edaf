"""The training loop: means, penalties, and what a method changes on the way."""

import pytest
import torch

from vsrnn import BlockRNN, Geometry, get_task, predict
from vsrnn.methods import Work
from vsrnn.models import ModelBatch
from vsrnn.training.loop import Trainee, _Means, fit, train_step


def test_means_are_over_sequences_whatever_the_batches():
    means = _Means()
    means.add(3, torch.tensor([1.0]), torch.tensor([0.0]))
    means.add(1, torch.tensor([5.0]), torch.tensor([1.0]))
    assert means.means() == [{"loss": 2.0, "accuracy": 0.25}]


class Penalty(Work):
    """The squares of the weights that read the state, times a factor."""

    def penalty(self):
        return 10 * self.model.weight("state").square().sum()


class Counting(Work):
    """Takes away the last weight of the state after each step, and keeps count."""

    def __init__(self, model):
        super().__init__(model)
        self.left = []

    def after_step(self):
        weight = self.model.weight("state")
        source = self.model.rewire("state", self.model.index("state")[:-1])
        self.left.append(len(weight))
        return {weight: source}


def small(seed=0):
    return BlockRNN(Geometry(6, 9, 4, 0.7), seed=seed)


def test_a_penalty_changes_the_step_but_not_the_loss_that_is_noted():
    task = get_task("own:Last")
    x, y = task.batch("train", slice(0, 8))
    plain, fined = small(), small()
    for model, works in ((plain, ()), (fined, [Penalty(fined)])):
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        loss, output = train_step(ModelBatch([model]), optimizer, task, x, y, works)
        assert loss.item() == pytest.approx(task.loss(output, y).item())
    before = small().weight("state")
    shrunk = 0.01 * 10 * 2 * before  # the gradient of the penalty
    expected = plain.weight("state") - shrunk
    torch.testing.assert_close(fined.weight("state"), expected.detach())
    assert torch.equal(plain.weight("input"), fined.weight("input"))


def test_weights_can_go_after_every_step():
    task, model = get_task("own:Last"), small()
    number = len(model.weight("state"))
    trainee = Trainee(model, 1e-3, Counting(model))
    fit([trainee], ModelBatch([model]), task, epochs=2)
    steps = 2 * -(-task.sizes["train"] // task.batch_size)
    assert trainee.work.left == [number - n - 1 for n in range(steps)]
    assert len(trainee.curve) == 2 and trainee.error is None


def test_predictions_are_where_targets_ask_for_them():
    model = small()
    for name in ("Last", "Ragged", "RaggedLast", "PaddedByHand", "Every", "Some"):
        task = get_task(f"own:{name}")
        inputs, targets = task.batch("test", slice(None))
        outputs = model(inputs)[0].detach()
        if name in ("Every", "Some"):
            expected = outputs
        elif name == "Last":
            expected = outputs[:, -1]
        else:
            asked = targets.isnan().all(2) if targets.ndim == 3 else targets == -100
            ends = asked.int().argmin(1)
            expected = torch.stack([o[n] for o, n in zip(outputs, ends, strict=True)])
            assert len(set(ends.tolist())) > 2
        assert torch.equal(predict(model, task, "test"), expected)
