"""Robustness: disturbed copies are measured, and training stays as it is."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from vsrnn import Config, Design, VsrnnError, get_method, get_task, run, train
from vsrnn.methods.robustness import weights_of

DESIGN = Design("small", 12, 1, "cell", learning_rate=0.01, options={"cell": "gru"})
CONFIG = Config("parity", DESIGN, "smoke", epochs=3)


def measured(**options):
    method = {"name": "robustness", **options}
    return run(replace(CONFIG, method=method))["curve"]


def test_training_is_what_it_would_have_been_and_the_last_point_tells():
    plain, with_it = run(CONFIG)["curve"], measured()
    names = {"intact", "noisy", "deleted"}
    for one, other in zip(plain, with_it, strict=True):
        assert one == {k: v for k, v in other.items() if k not in names}
    assert [names <= point.keys() for point in with_it] == [False, False, True]
    assert with_it[-1]["intact"] == pytest.approx(with_it[-1]["val_accuracy"])


def test_nothing_disturbed_is_intact_and_all_deleted_leaves_the_biases():
    last = measured(noise=0, deleted=0)[-1]
    assert last["noisy"] == last["deleted"] == last["intact"]
    model, _ = train(CONFIG)
    for weight in weights_of(model):
        weight.data.zero_()
    task = get_task("parity", "smoke")
    x, y = task.batch("val", slice(None))
    gone = float(task.accuracy(model(x)[0], y))
    assert measured(deleted=1)[-1]["deleted"] == pytest.approx(gone)


def test_so_much_is_noise_and_so_much_is_deleted():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = (nn.Parameter(torch.ones(20_000)) for _ in "wb")

    work = get_method("robustness", noise=0.3, deleted=0.1).begin(Flat(), 1)
    rng = torch.Generator().manual_seed(0)
    noisy, deleted = work._noisy(rng), work._deleted(rng)
    assert noisy.weight.detach().std() == pytest.approx(0.3, rel=0.03)
    assert (deleted.weight == 0).float().mean() == pytest.approx(0.1, rel=0.05)
    assert (noisy.bias == 1).all() and (work.model.weight == 1).all()


def test_what_is_of_no_use_is_refused():
    for options in ({"noise": -1}, {"deleted": 2}, {"draws": 0}):
        with pytest.raises(VsrnnError, match=min(options)):
            get_method("robustness", **options)
