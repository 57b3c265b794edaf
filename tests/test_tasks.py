"""What every task promises, whatever it is about."""

import json
import math

import pytest
import torch

from vsrnn.errors import VsrnnError
from vsrnn.tasks import SIZES, TASKS, get_task

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module", params=[name for name in TASKS if name != "door"])
def task(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "rad":
            pytest.importorskip("gymnasium_robotics")
        if request.param.startswith("kitchen"):
            folder = request.getfixturevalue("kitchen_data")
            patch.setenv("MINARI_DATASETS_PATH", str(folder))
        yield get_task(request.param, "smoke")


def same(first, second):
    """Whether tensors are equal, also where neither has a number."""
    return torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)


def test_sizes_agree_with_the_table_of_sizes(task):
    assert (task.inputs, task.outputs) == SIZES[task.name]
    assert set(task.sizes) == set(SPLITS)
    for split, size in task.sizes.items():
        assert len(task.batch(split, slice(None))[0]) == size


def test_batches_are_float_and_finite(task):
    for split in SPLITS:
        inputs, targets = task.batch(split, slice(0, 4))
        assert inputs.dtype == torch.float32
        assert inputs.shape[0] == len(targets) == 4
        assert inputs.shape[2] == task.inputs
        assert inputs.isfinite().all()


def test_rows_by_slice_and_by_number_are_the_same(task):
    by_slice = task.batch("train", slice(3, 7))
    by_number = task.batch("train", torch.arange(3, 7))
    for first, second in zip(by_slice, by_number, strict=True):
        assert same(first, second)


def test_batches_do_not_share_memory(task):
    first, _ = task.batch("train", slice(0, 2))
    kept = first.clone()
    task.batch("train", slice(2, 4))[0].zero_()
    assert torch.equal(first, kept)
    first.zero_()
    assert torch.equal(task.batch("train", slice(0, 2))[0], kept)


def test_the_same_task_again_is_equal(task):
    again = get_task(task.name, task.scale)
    assert again.checksum == task.checksum
    assert again.provenance == task.provenance
    first, second = (t.batch("test", slice(0, 9)) for t in (task, again))
    assert all(map(same, first, second))


def test_description_is_json(task):
    for value in (task.options, task.provenance):
        assert json.loads(json.dumps(value)) == value
    assert len(task.checksum) == 64
    assert task.epochs >= 1
    assert task.batch_size >= 1
    assert isinstance(task.shuffle, bool)


def test_a_perfect_answer_is_right_and_costs_nothing(task):
    if task.metric != "accuracy":
        pytest.skip("not a classification")
    inputs, targets = task.batch("val", slice(0, 32))
    output = torch.zeros(len(inputs), inputs.shape[1], task.outputs)
    output[:, -1] = 100 * torch.nn.functional.one_hot(targets, task.outputs)
    assert task.accuracy(output, targets) == 1
    assert task.loss(output, targets) < 1e-6
    wrong = (targets + 1) % task.outputs
    assert task.accuracy(output, wrong) == 0


def test_ignorance_costs_the_logarithm_of_the_classes(task):
    if task.metric != "accuracy":
        pytest.skip("not a classification")
    inputs, targets = task.batch("val", slice(0, 32))
    output = torch.zeros(len(inputs), inputs.shape[1], task.outputs)
    assert float(task.loss(output, targets)) == pytest.approx(math.log(task.outputs))


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(VsrnnError, match=r"unknown task 'rat'.*rad"):
        get_task("rat")
    with pytest.raises(VsrnnError, match=r"unknown scale 'huge'.*smoke, quick, paper"):
        get_task("rad", "huge")
    with pytest.raises(VsrnnError, match=r"unknown option 'colour'.*split, digits"):
        get_task("rad", "smoke", colour="red")
