"""Parity of the last bits, and the match of two of them."""

import numpy as np
import pytest
import torch

from vsrnn import Config, Design, run
from vsrnn.errors import VsrnnError
from vsrnn.tasks import get_task

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def heads():
    return get_task("parity-heads", "smoke", bits=5)


def counted(stream):
    """The bits of a stream as 0 and 1, without what stands before and behind them."""
    values = [int(value) for value in stream[:, 0] if value != 0]
    return [(value + 1) // 2 for value in values]


def test_classes_are_those_of_the_last_bits():
    for bits, rule in ((2, "parity"), (5, "parity"), (2, "match"), (5, "match")):
        task = get_task("parity", "smoke", bits=bits, rule=rule)
        for split in SPLITS:
            for stream, kind in zip(*task.batch(split, slice(None)), strict=True):
                assert stream[-1] == 0
                last = counted(stream)[-bits:]
                odd, same = sum(last) % 2, last[0] == last[-1]
                assert kind == (odd if rule == "parity" else same)


def test_streams_are_of_all_lengths_and_end_together():
    task = get_task("parity", "quick", bits=4)
    assert task.steps == 12
    inputs, targets = task.batch("train", slice(None))
    lengths = (inputs != 0).sum(1)[:, 0]
    assert lengths.unique().tolist() == [6, 7, 8, 9, 10, 11]
    assert lengths.float().mean() == pytest.approx(8.5, abs=0.1)
    first = (inputs != 0).int().argmax(1)[:, 0]
    assert torch.equal(first + lengths, torch.full_like(first, 11))
    assert targets.float().mean() == pytest.approx(0.5, abs=0.02)
    assert inputs.mean() == pytest.approx(0, abs=0.01)


def test_streams_are_fresh_in_every_epoch_and_the_same_again():
    task, again = (get_task("parity", "smoke", bits=6) for _ in range(2))
    first = task.batch("train", slice(None))[0]
    val = task.batch("val", slice(None))[0]
    task.renew(2)
    assert not torch.equal(task.batch("train", slice(None))[0], first)
    assert torch.equal(task.batch("val", slice(None))[0], val)
    again.renew(2)
    assert torch.equal(*(t.batch("train", slice(None))[0] for t in (task, again)))


def test_heads_have_the_classes_of_each_number_of_bits(heads):
    assert heads.outputs == 8
    inputs, targets = heads.batch("test", slice(None))
    for stream, kinds in zip(inputs, targets, strict=True):
        bits = counted(stream)
        assert kinds.tolist() == [sum(bits[-n:]) % 2 for n in (2, 3, 4, 5)]
    ones = [np.mean(counted(stream)) for stream in inputs]
    assert np.std(ones) > 0.25  # evenly drawn chances have 0.29


def test_loss_and_accuracy_of_heads_by_hand(heads):
    _, targets = heads.batch("val", slice(0, 7))
    rng = torch.Generator().manual_seed(0)
    outputs = torch.randn(2, 7, heads.steps, 8, generator=rng)
    for output, loss, accuracy in zip(
        outputs,
        heads.loss(outputs, targets),
        heads.accuracy(outputs, targets),
        strict=True,
    ):
        losses, right = [], []
        for own, kinds in zip(output[:, -1].double().numpy(), targets, strict=True):
            for k, kind in enumerate(kinds):
                pair = own[2 * k : 2 * k + 2]
                losses.append(np.log(np.exp(pair).sum()) - pair[kind])
                right.append(pair.argmax() == kind)
        assert float(loss) == pytest.approx(4 * np.mean(losses), rel=1e-5)
        assert float(accuracy) == pytest.approx(np.mean(right))
    assert heads.head_accuracy(outputs, targets).mean(-1).tolist() == pytest.approx(
        heads.accuracy(outputs, targets).tolist()
    )


def test_options_of_no_use_are_refused():
    for options, said in (
        ({"bits": 1}, "bits must be a whole number"),
        ({"rule": "sum"}, "rule must be parity or match, not 'sum'"),
        ({"data_seed": -1}, "data_seed must be a whole number"),
    ):
        with pytest.raises(VsrnnError, match=said):
            get_task("parity", "smoke", **options)


def test_a_network_learns_a_match_in_a_few_epochs():
    design = Design("s", 16, 1, "cell", learning_rate=0.01, options={"cell": "gru"})
    options = {"bits": 2, "rule": "match"}
    result = run(Config("parity", design, "smoke", epochs=30, task_options=options))
    assert result["score"] > 0.9


def test_longer_streams_are_answered_by_heads_that_pass(heads):
    """One that counts the last bits passes everywhere, one that guesses nowhere."""

    class Counting(torch.nn.Module):
        def __init__(self, known):
            super().__init__()
            self.known = known

        def forward(self, x):
            sums = [(x[:, -1 - n : -1, 0] > 0).sum(1) % 2 for n in range(2, 6)]
            output = torch.zeros(*x.shape[:2], 8)
            for head, odd in enumerate(sums[: self.known]):
                output[:, -1, 2 * head + 1] = 2.0 * odd - 1
            return output, None

    assert heads.score(Counting(4)) == {"passed": 4, "longer": 1}
    assert heads.score(Counting(2)) == {"passed": 2, "longer": 1}
    assert heads.score(Counting(0)) == {"passed": 0, "longer": 0}
