"""The training loop: means, penalties, and what a method changes on the way."""

import pytest
import torch

from vsrnn import BlockRNN, Geometry, Task, VsrnnError, get_task, predict
from vsrnn.methods import Work
from vsrnn.models import MaskedCell, ModelBatch
from vsrnn.models.batch import ModelLoop
from vsrnn.tasks.task import Training
from vsrnn.training.loop import Trainee, _Means, evaluate, fit, train_step


def test_means_are_over_sequences_whatever_the_batches():
    means = _Means("accuracy")
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
    trainee = Trainee(model, 1e-3, [Counting(model)])
    fit([trainee], ModelBatch([model]), task, epochs=2)
    steps = 2 * -(-task.sizes["train"] // task.batch_size)
    assert trainee.works[0].left == [number - n - 1 for n in range(steps)]
    assert len(trainee.curve) == 2 and trainee.error is None


class Reading(Task):
    """The next symbol of six lines that are read side by side, four at a time."""

    inputs = outputs = 5
    steps, epochs, batch_size, carries = 4, 3, 6, True
    symbols, shuffle, training = True, False, Training("sgd", clip=0.5, plateau=4)
    lines = 3

    def data(self):
        rng = torch.Generator().manual_seed(0)
        return {split: self.cut(rng) for split in ("train", "val", "test")}

    def cut(self, rng):
        text = torch.randint(self.inputs, (self.batch_size, 4 * self.lines + 1))
        text = text.random_(self.inputs, generator=rng)
        parts = [text[:, first : first + 5] for first in range(0, 4 * self.lines, 4)]
        rows = torch.cat(parts)
        return rows[:, :-1], rows[:, 1:]


@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_states_are_carried_from_batch_to_batch_and_rates_fall_on_a_plateau(cell):
    task, rates = Reading(), []
    ours, other = (MaskedCell(5, 6, 5, cell=cell, symbols=True) for _ in range(2))
    trainee = Trainee(ours, 20.0, [])
    fit([trainee], ModelLoop([ours]), task, epochs=3)
    rate, best = 20.0, float("inf")
    for _ in range(3):
        state = None
        for line in range(task.lines):
            x, y = task.batch("train", slice(6 * line, 6 * line + 6))
            output, state = other(x, state)
            state = state.detach() if cell == "tanh" else [s.detach() for s in state]
            loss = torch.nn.functional.cross_entropy(output.flatten(0, 1), y.flatten())
            other.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(other.parameters(), 0.5)
            torch.optim.SGD(other.parameters(), rate).step()
        val = evaluate(other, task, "val")["loss"]
        rate, best = (rate, val) if val < best else (rate / 4, best)
        rates.append(rate)
    assert 20.0 in rates and rates[-1] < 20.0
    for a, b in zip(ours.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    whole = torch.cat([*task._data["test_inputs"].split(6)], 1)
    targets = torch.cat([*task._data["test_targets"].split(6)], 1)
    answers = ours(whole)[0].flatten(0, 1)
    loss = torch.nn.functional.cross_entropy(answers, targets.flatten())
    assert evaluate(ours, task, "test")["loss"] == pytest.approx(loss.item())


class Fresh(Task):
    """Other training data each epoch, under a measure of its own."""

    inputs, outputs, steps, measure, metric = 2, 1, 3, "error", "error"

    def data(self):
        x = torch.randn(6, 3, 2, generator=torch.Generator().manual_seed(0))
        return dict.fromkeys(("train", "val", "test"), (x, x[:, -1, :1]))

    def renew(self, epoch):
        self.epochs_seen = [*getattr(self, "epochs_seen", []), epoch]
        self._data["train_inputs"] = torch.full((6, 3, 2), float(epoch))


def test_a_task_renews_its_data_before_each_epoch_and_names_its_measure():
    task, model = Fresh(), MaskedCell(2, 4, 1)
    seen = []

    class Look(Work):
        def after_epoch(self, epoch, inputs):
            seen.append(inputs()[0, 0, 0].item())
            return {}

    trainee = Trainee(model, 1e-3, [Look(model)])
    fit([trainee], ModelLoop([model]), task, epochs=3)
    assert task.epochs_seen == [1, 2, 3] and seen == [1.0, 2.0, 3.0]
    assert list(trainee.curve[0]) == [
        *("epoch", "train_loss", "train_error", "val_loss", "val_error")
    ]


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


def test_models_of_another_kind_get_a_sentence():
    task, models = Fresh(), [MaskedCell(2, 4, 1, seed=seed) for seed in (0, 1)]
    blocks = [BlockRNN(Geometry(2, 4, 1, 1), seed=seed) for seed in (0, 1)]
    for model, words in [
        (ModelBatch(blocks), "of a batch of models take each by itself"),
        (ModelLoop(models), "of a batch of models take each by itself"),
        (torch.nn.Linear(2, 1), "a model gives a pair"),
        (MaskedCell(2, 4, 3), "expected outputs"),
        (MaskedCell(3, 4, 1), "expected input"),
        (
            MaskedCell(2, 4, 1).double(),
            "torch.float32 and the weights are torch.float64",
        ),
    ]:
        for use in (evaluate, predict):
            with pytest.raises(VsrnnError, match=words):
                use(model, task, "test")
    for use in (evaluate, predict):
        with pytest.raises(VsrnnError, match="expected a task"):
            use(models[1], "rad", "test")
        with pytest.raises(VsrnnError, match="the split is one of"):
            use(models[1], task, "tests")
    task.carries = True
    stateless = ModelLoop([torch.nn.GRU(2, 1, batch_first=True)])
    stateless.models[0].forward = lambda x, state=None: (x[..., :1], None)
    with pytest.raises(VsrnnError, match="carries states on"):
        evaluate(stateless.models[0], task, "test")
