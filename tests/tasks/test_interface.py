"""What every task promises, whatever it is about."""

import importlib
import json
import math
import sys

import numpy as np
import own
import pytest
import torch

from vsrnn import Config, Design, run
from vsrnn.errors import VsrnnError
from vsrnn.tasks import get_task, list_tasks, sizes

SPLITS = ("train", "val", "test")
PUBLISHED = [name for name in list_tasks() if name != "door"]
OWN = ["own:Classes", "own:Last", "own:Every"]


@pytest.fixture(scope="module", params=[*PUBLISHED, *OWN])
def task(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param in list_tasks() and request.param != "rad":
            pytest.importorskip("gymnasium_robotics")
        if request.param.startswith("kitchen"):
            folder = request.getfixturevalue("kitchen_data")
            patch.setenv("MINARI_DATASETS_PATH", str(folder))
        yield get_task(request.param, "smoke")


def same(first, second):
    """Whether tensors are equal, also where neither has a number."""
    return torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)


def test_sizes_agree_with_the_table_of_sizes(task):
    assert (task.inputs, task.outputs) == sizes(task.provenance["task"])
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
    again = get_task(task.provenance["task"], task.scale)
    assert again.checksum == task.checksum
    assert again.provenance == task.provenance
    first, second = (t.batch("test", slice(0, 9)) for t in (task, again))
    assert all(map(same, first, second))


def test_description_is_json(task):
    for value in (getattr(task, "settings", {}), task.provenance):
        assert json.loads(json.dumps(value)) == value
    assert len(task.checksum) == 64
    assert task.epochs >= 1
    assert task.batch_size >= 1
    assert isinstance(task.shuffle, bool)


def test_a_perfect_answer_is_right_and_costs_nothing(task):
    inputs, targets = task.batch("val", slice(0, 32))
    if targets.is_floating_point():
        pytest.skip("not a classification")
    output = torch.zeros(len(inputs), inputs.shape[1], task.outputs)
    output[:, -1] = 100 * torch.nn.functional.one_hot(targets, task.outputs)
    assert task.accuracy(output, targets) == 1
    assert task.loss(output, targets) < 1e-6
    wrong = (targets + 1) % task.outputs
    assert task.accuracy(output, wrong) == 0


def test_ignorance_costs_the_logarithm_of_the_classes(task):
    inputs, targets = task.batch("val", slice(0, 32))
    if targets.is_floating_point():
        pytest.skip("not a classification")
    output = torch.zeros(len(inputs), inputs.shape[1], task.outputs)
    assert float(task.loss(output, targets)) == pytest.approx(math.log(task.outputs))


def test_numbers_are_measured_against_always_giving_their_mean():
    for name in ("own:Last", "own:Every"):
        task = get_task(name)
        x, y = task.batch("train", slice(None))
        steps = y if name == "own:Every" else y[:, None].expand(-1, 5, -1)
        assert task.loss(steps, y) == 0 and task.accuracy(steps, y) == 1
        mean = y.flatten(0, -2).mean(0).expand(len(x), 5, -1)
        error = (mean[:, -1] - y if y.ndim == 2 else mean - y).square().mean()
        assert float(task.loss(mean, y)) == pytest.approx(float(error))
        rows = y.numel() / 4  # the variance is that of a sample
        assert float(task.accuracy(mean, y)) == pytest.approx(1 / rows, abs=1e-6)
        both = torch.stack([steps, mean])
        assert torch.equal(task.loss(both, y), torch.stack([error * 0, error]))


def test_numbers_at_the_last_step_are_all_that_counts():
    task = get_task("own:Last")
    _, y = task.batch("train", slice(None))
    output = torch.randn(24, 5, 4)
    output[:, -1] = y
    assert task.loss(output, y) == 0


class Bad(own.Classes):
    """Data that one test after the other spoils."""

    def __init__(self, spoil):
        self.spoil = spoil
        super().__init__()

    def data(self):
        pairs = {split: [*pair] for split, pair in super().data().items()}
        self.spoil(pairs)
        return pairs


def at(split, part, change):
    """Change inputs (0) or targets (1) of a split."""

    def spoil(pairs):
        pairs[split][part] = change(pairs[split][part].astype(float if part else int))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pairs: pairs.pop("val"), r"'train', 'val' and 'test', not 'train', 't"),
        (lambda pairs: pairs.clear(), "not nothing"),
        (at("test", 0, lambda x: x[:0]), r"inputs in 'test'.*5, 6\), not \(0, 5, 6\)"),
        (at("train", 0, lambda x: x[:, :4]), r"\(sequences, 5, 6\), not \(24, 4, 6\)"),
        (at("val", 1, lambda y: y), r"\(10, 4\) or \(10, 5, 4\), not \(10,\)"),
        (at("val", 1, lambda y: y[:3].astype(int)), r"'val'.*be \(10,\), not \(3,\)"),
        (at("train", 1, lambda y: y.astype(int) + 1), "'train'.*from 0 to 3"),
        (at("train", 1, lambda y: y.astype(int) - 1), "'train'.*from 0 to 3"),
        (at("test", 0, lambda x: x * np.nan), "in 'test'.*not finite"),
        (at("train", 1, lambda y: np.zeros((24, 4))), "all the same"),
        (at("val", 1, lambda y: np.full((10, 4), np.inf)), "in 'val'.*not finite"),
        (at("val", 0, lambda x: np.full(x.shape, 1e300)), "in 'val'.*not finite"),
        (at("val", 0, lambda x: x * 1j), "in 'val'.*complex"),
    ],
)
def test_data_of_ones_own_that_do_not_fit_are_refused(spoil, said):
    with pytest.raises(VsrnnError, match=said):
        Bad(spoil)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own:Nothing", "cannot import Nothing from own.*working folder"),
        ("own.py:Classes", "from own.py .*module without .py"),
        ("./own.py:Classes", "from ./own.py .*module without .py"),
        (".own:Classes", "cannot import Classes from .own"),
        ("not_there:Mine", "cannot import Mine from not_there"),
        (":Mine", "cannot import Mine from"),
        ("own:", "cannot import"),
        ("own:Task", "own:Task does not say its inputs and outputs and steps"),
        ("own:SIZES", "own:SIZES is no class derived from vsrnn.Task"),
        ("json:JSONDecoder", "json:JSONDecoder is no class derived"),
        ("own.py", r"unknown task.*module:Class"),
    ],
)
def test_names_of_no_task_of_ones_own_are_refused(name, said):
    for ask in (get_task, sizes):
        with pytest.raises(VsrnnError, match=said):
            ask(name)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "epochs = 0",
            r"epochs of Mine must be a whole number from 1 to 2\*\*63 - 1, not 0",
        ),
        ("batch_size = 2.5", "batch_size of Mine must be a whole number"),
        ("data = None", "cannot be made.*TypeError"),
        ("def data(self): return None", "cannot be made.*NoneType.*--debug"),
        ("def data(self): return dict.fromkeys(SIZES)", "cannot be made"),
        ("def data(self): return dict.fromkeys(SIZES, 'ab')", "cannot be made"),
        ("def data(self): return dict.fromkeys(SIZES, [[1]])", "cannot be made"),
        ("def data(self): raise RuntimeError('no\\n luck')", "RuntimeError: no luck"),
        ("def __init__(self, scale): pass", r"must call super\(\).__init__\(scale\)"),
        ("def __init__(self): pass", "cannot be made.*positional"),
        ("1 / 0", "cannot import Mine from .*ZeroDivisionError"),
        ("data = (", "cannot import Mine from .*SyntaxError"),
    ],
)
def test_classes_that_do_not_work_get_a_sentence(body, said, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    text = f"from own import *\nclass Mine(Classes):\n    {body}\n"
    (tmp_path / "broken.py").write_text(text)
    importlib.invalidate_caches()
    with pytest.raises(VsrnnError, match=said):
        get_task("broken:Mine")


def test_a_task_without_data_says_what_it_needs():
    with pytest.raises(VsrnnError, match="a subclass needs a method `data`"):
        get_task("own:Nought")


def test_an_own_task_has_options_of_its_own():
    twice = get_task("own:Last", factor=2.0).batch("val", slice(3))
    once = get_task("own:Last").batch("val", slice(3))
    assert all(torch.equal(a, 2 * b) for a, b in zip(twice, once, strict=True))
    design = Design("small", 5, (1,) * 6)
    options = {"factor": 2.0}
    results = [run(Config("own:Last", design, task_options=o)) for o in ({}, options)]
    plain, doubled = (result["provenance"]["data"]["sha256"] for result in results)
    assert plain != doubled
    assert results[0]["id"] != results[1]["id"]
    for name, known in {"own:Last": "factor", "own:Every": "none"}.items():
        with pytest.raises(VsrnnError, match=f"unknown option 'window'.*from: {known}"):
            get_task(name, window=3)


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(VsrnnError, match=r"unknown task 'rat'.*rad"):
        get_task("rat")
    with pytest.raises(VsrnnError, match=r"unknown scale 'huge'.*smoke, quick, paper"):
        get_task("rad", "huge")
    with pytest.raises(VsrnnError, match=r"unknown option 'colour'.*split, digits"):
        get_task("rad", "smoke", colour="red")
