"""Steps that are replayed on CUDA train as those that are not."""

from copy import deepcopy

import pytest
import torch

from vsrnn import Task
from vsrnn.design.geometry import Geometry
from vsrnn.errors import VsrnnError
from vsrnn.models import BlockRNN, ModelBatch
from vsrnn.training.cuda_graph import PLAIN, RecordedStep
from vsrnn.training.loop import make_step
from vsrnn.training.optimizer import Optimizer

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device"
)

INPUTS, OUTPUTS, BATCH = 30, 5, 8
SETS = {
    "one": lambda: [BlockRNN(Geometry(INPUTS, 20, OUTPUTS, 0.4))],
    "many": lambda: [
        BlockRNN(Geometry(INPUTS, hidden, OUTPUTS, 0.5), seed=hidden)
        for hidden in (12, 20, 17)
    ],
}


class Noise(Task):
    """Sequences of noise; the class is that of the largest first input."""

    inputs, outputs, steps = INPUTS, OUTPUTS, 7

    def data(self):
        x = torch.randn(200, 7, INPUTS, generator=torch.Generator().manual_seed(0))
        y = x[:, 0, :OUTPUTS].argmax(1)
        return dict.fromkeys(("train", "val", "test"), (x, y))


class Peeping(Noise):
    """A loss that looks at a value."""

    def loss(self, output, targets):
        return super().loss(output, targets) * float(output.sum() != 0)


def batches(task, number=12):
    """Batches of two shapes, on the device."""
    for first in range(0, number * BATCH, BATCH):
        size = BATCH if first % (3 * BATCH) else 5
        x, y = task.batch("train", slice(first, first + size))
        yield x.cuda(), y.cuda()


def steps_of(models, task):
    rates = [1e-3 * (1 + number) for number in range(len(models))]
    return make_step(ModelBatch(models), Optimizer(models, rates), task)


@pytest.mark.parametrize("name", SETS)
def test_replayed_steps_equal_plain_ones(name):
    task, models = Noise(), [model.cuda() for model in SETS[name]()]
    others = deepcopy(models)
    plain, replay = steps_of(models, task), RecordedStep(steps_of(others, task))
    every = list(batches(task))
    for number, (x, y) in enumerate(every[1:] + every):
        expected, found = plain(x, y), replay(x, y)
        assert (replay.graph is not None) == (number >= PLAIN)
        for one, other in zip(expected, found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    for model, other in zip(models, others, strict=True):
        for one, same in zip(model.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(one, same, rtol=1e-5, atol=1e-6)


def test_a_loss_that_looks_at_values_gets_a_sentence():
    task, models = Peeping(), [model.cuda() for model in SETS["one"]()]
    replay = RecordedStep(steps_of(models, task))
    with pytest.raises(VsrnnError, match="must not look at values"):
        for x, y in batches(Noise()):
            replay(x, y)
