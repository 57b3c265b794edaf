"""The task that changes: what is asked for before, meanwhile and afterwards."""

import numpy as np
import pytest
import torch

from vsrnn import BlockRNN, Geometry, VsrnnError, get_task
from vsrnn.tasks.shifting import BEFORE, CHANGES


def shown(x, patterns, inputs):
    """Which pattern each step shows, by the fewest inputs that differ."""
    apart = (x[:, :-1, None, inputs] != patterns[None, None, :, inputs]).sum(-1)
    return apart.argmin(-1)


@pytest.mark.parametrize("change", CHANGES)
def test_a_reader_who_knows_the_patterns_is_right_before_and_after(change):
    task = get_task("shifting", "quick", change=change, at=3)
    patterns = task._patterns(np.random.default_rng([0, 3]))
    for epoch, how in ((3, BEFORE), (4, BEFORE | CHANGES[change])):
        task.renew(epoch)
        x, y = (part.numpy() for part in task.batch("val", slice(0, 400)))
        assert not x[:, -1].any() and set(np.unique(x)) == {0, 1}
        inputs = slice(how["first"], how["last"])
        seen = shown(x, patterns[: how["used"]], inputs)
        answer = (seen[:, 5 - how["lag"]] + how["turn"]) % how["used"]
        assert (answer == y).mean() > 0.8
        assert y.max() == how["used"] - 1
        others = np.delete(np.arange(96), np.r_[inputs])
        assert x[:, :-1, others].mean() == pytest.approx(0.5, abs=0.01)


def test_a_gradual_change_takes_more_of_the_new_sequences_each_epoch():
    task = get_task("shifting", "quick", change="targets", at=2, over=4)
    now, new = (get_task("shifting", "quick", change="targets", at=n) for n in (9, 0))
    for epoch in range(1, 8):
        task.renew(epoch)
        x, y = task.batch("train", slice(None))
        kinds = [
            (x == t.batch("train", slice(None))[0]).all(1).all(1) for t in (now, new)
        ]
        assert kinds[1].float().mean() == pytest.approx(task.share(epoch), abs=0.04)
        assert (kinds[0] | kinds[1]).all()
        assert torch.equal(y[kinds[1]], new.batch("train", slice(None))[1][kinds[1]])
    assert task.share(7) == 1 and task.share(2) == 0
    assert torch.equal(task.batch("test", slice(9))[0], new.batch("test", slice(9))[0])


def test_the_old_task_is_scored_and_what_makes_no_sense_refused():
    task = get_task("shifting", "smoke")
    model = BlockRNN(Geometry(96, 5, 12, 1))
    x, y = (torch.from_numpy(part) for part in task._drawn("test", 0))
    right = (model(x)[0][:, -1].argmax(1) == y).float().mean().item()
    assert task.score(model) == {"old_accuracy": pytest.approx(right)}
    with pytest.raises(VsrnnError, match="the change is one of inputs, outputs"):
        get_task("shifting", change="all")
    with pytest.raises(VsrnnError, match="at must be"):
        get_task("shifting", at=-1)
