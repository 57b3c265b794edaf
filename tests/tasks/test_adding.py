"""The adding problem: two marked numbers and their sum."""

import numpy as np
import pytest
import torch

from vsrnn import Config, run
from vsrnn.errors import VsrnnError
from vsrnn.tasks import get_task


@pytest.fixture(scope="module")
def task():
    return get_task("adding", "smoke")


def test_targets_are_sums_of_the_two_marked_numbers():
    for length in (2, 30, 100):
        task = get_task("adding", "smoke", length=length)
        for split in task.sizes:
            inputs, targets = task.batch(split, slice(None))
            assert inputs.shape[1:] == (length, 2)
            for sequence, (target,) in zip(inputs.tolist(), targets, strict=True):
                marked = [number for number, mark in sequence if mark == 1]
                assert len(marked) == 2
                assert {mark for _, mark in sequence} <= {0, 1}
                assert float(target) == pytest.approx(sum(marked))


def test_numbers_and_marks_are_anywhere():
    task = get_task("adding", "quick")
    inputs, targets = task.batch("train", slice(None))
    numbers, marks = inputs.numpy().transpose(2, 0, 1)
    assert 0 <= numbers.min() < 0.001 and 0.999 < numbers.max() < 1
    assert numbers.mean(0) == pytest.approx(0.5, abs=0.02)
    assert marks.mean(0) == pytest.approx(2 / 30, rel=0.2)
    gaps = np.diff(np.nonzero(marks)[1].reshape(-1, 2))
    assert gaps.mean() == pytest.approx(31 / 3, rel=0.03)
    assert targets.var() == pytest.approx(1 / 6, rel=0.05)


def test_sequences_are_fresh_in_every_epoch_and_the_same_again():
    task, again = (get_task("adding", "smoke") for _ in range(2))

    def inputs(split, task=task):
        return task.batch(split, slice(100))[0]

    kept = {split: inputs(split) for split in task.sizes}
    task.renew(2)
    assert not torch.isclose(inputs("train"), kept["train"]).all((1, 2)).any()
    assert all(torch.equal(inputs(split), kept[split]) for split in ("val", "test"))
    again.renew(2)
    assert torch.equal(inputs("train", again), inputs("train"))
    task.renew(1)
    assert torch.equal(inputs("train"), kept["train"])
    for one, two in (("train", "val"), ("val", "test")):
        assert not torch.equal(kept[one], kept[two])
    assert get_task("adding", "smoke", data_seed=1).checksum != task.checksum


def test_the_published_protocol(task):
    paper = task.scales["paper"]
    assert (paper.train, paper.batch_size, task.steps) == (10_000, 32, 30)
    assert task.training.clip == 0.5


def test_options_of_no_use_are_refused():
    for options in ({"length": 1}, {"length": 2.5}, {"data_seed": -1}):
        with pytest.raises(VsrnnError, match=f"{min(options)} must be a whole number"):
            get_task("adding", "smoke", **options)


def test_a_network_learns_in_a_few_steps():
    first, *_, last = run(Config("adding", "adding_128", "smoke", epochs=12))["curve"]
    assert last["train_loss"] < 0.8 * first["train_loss"]
    assert last["val_loss"] < first["val_loss"]
