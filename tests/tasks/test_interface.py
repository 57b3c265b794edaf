"""What every task promises, whatever it is about."""

import importlib
import json
import math
import sys
from functools import partial
from importlib.util import find_spec
from inspect import signature

import numpy as np
import own
import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss

import vsrnn
from vsrnn import BlockRNN, Config, Design, Geometry, draw_designs, run
from vsrnn.design.family import get_family
from vsrnn.errors import VsrnnError
from vsrnn.runs.rows import table
from vsrnn.tasks import get_task, list_tasks, sizes, task_class

SPLITS = ("train", "val", "test")
PUBLISHED = [name for name in list_tasks() if name != "door"]
OWN = [
    *("own:Classes", "own:Last", "own:Every", "own:Some", "own:Partly"),
    *("own:Ragged", "own:RaggedLast", "own:RaggedEvery", "own:Symbols"),
    *("own:Filled", "own:FilledEvery"),
]


@pytest.fixture(scope="module")
def tasks(request):
    """Every task whose packages are here."""
    names = ["adding", "navigation", "navigation-512", "rad", *OWN]
    with pytest.MonkeyPatch.context() as patch:
        if find_spec("gymnasium_robotics"):
            names = [*PUBLISHED, *OWN]
            folder = request.getfixturevalue("kitchen_data")
            patch.setenv("MINARI_DATASETS_PATH", str(folder))
        yield [get_task(name, "smoke") for name in names]


@pytest.fixture
def plain(tasks):
    """Those that learn their targets themselves, by a loss that all have."""
    return [task for task in tasks if type(task).loss is vsrnn.Task.loss]


def same(first, second):
    """Whether tensors are equal, also where neither has a number."""
    return torch.allclose(first, second, rtol=0, atol=0, equal_nan=True)


def wanted(targets, steps):
    """Every target that there is: its sequence, its step, and what is wanted there."""
    numbers = targets.is_floating_point()
    for n, target in enumerate(targets):
        last = target.ndim == int(numbers)
        for step, one in enumerate([target] if last else target):
            if not one.isnan().all() if numbers else one != -100:
                yield n, steps - 1 if last else step, one


def test_a_task_says_what_it_is_before_its_data_are_made(tasks):
    for task in tasks:
        kind = task_class(task.name)
        assert kind is type(task)
        assert sizes(task.name) == (task.inputs, task.outputs)
        assert task.label and task.score_label
        assert 0 <= task.chance < (1 if task.measure == "accuracy" else math.inf)
        mean, deviation = task.hidden_draw
        assert mean > deviation > 0
        known = {"scale", *task.options(), *task.places}
        assert set(signature(kind).parameters) <= known
        assert not set(task.options()) & set(task.places)
        assert set(task.options()) <= set(task.data_columns())


def test_a_description_is_json(tasks):
    for task in tasks:
        for value in (task.options(), task.provenance):
            assert json.loads(json.dumps(value)) == value
        assert task.provenance["task"] == task.name
        assert len(task.checksum) == 64
        assert task.epochs >= 1
        assert task.batch_size >= 1
        assert isinstance(task.shuffle, bool)


def test_batches_are_of_the_sizes_and_finite(tasks):
    for task in tasks:
        assert set(task.sizes) == set(SPLITS)
        for split, size in task.sizes.items():
            inputs, targets = task.batch(split, slice(None))
            assert len(inputs) == len(targets) == size
            assert inputs.shape[1] <= task.steps
            if task.symbols:
                assert inputs.dtype == torch.int64 and inputs.ndim == 2
                assert 0 <= inputs.min() <= inputs.max() < task.inputs
            else:
                assert inputs.dtype == torch.float32 and inputs.shape[2] == task.inputs
                assert inputs.isfinite().all()
            there = [n for n, _, _ in wanted(targets, inputs.shape[1])]
            assert sorted(set(there)) == list(range(size))


def test_rows_by_slice_and_by_number_are_the_same(tasks):
    for task in tasks:
        by_slice = task.batch("train", slice(3, 7))
        by_number = task.batch("train", torch.arange(3, 7))
        assert all(map(same, by_slice, by_number))


def test_batches_do_not_share_memory(tasks):
    for task in tasks:
        for part in (0, 1):
            first = task.batch("train", slice(0, 2))[part]
            kept = first.clone()
            task.batch("train", slice(0, 2))[part].zero_()
            assert same(first, kept)


def test_the_same_task_again_is_equal(tasks):
    for task in tasks:
        again = get_task(task.name, task.scale)
        assert again.checksum == task.checksum
        assert again.provenance == task.provenance
        assert task.same_data(again.provenance | {"sha256": again.checksum})
        other = again.provenance | {"sizes": {}, "sha256": ""}
        assert not task.same_data(other)
        pairs = [t.batch("test", slice(0, 9)) for t in (task, again)]
        assert all(map(same, *pairs))


def test_loss_and_accuracy_are_over_every_target_there_is(plain):
    """Each of two models' by hand, target by target."""
    for task in plain:
        inputs, targets = task.batch("val", slice(0, 4))
        rng = torch.Generator().manual_seed(0)
        steps = inputs.shape[1]
        outputs = torch.randn(2, len(inputs), steps, task.outputs, generator=rng)
        losses, right = [], []
        for output in outputs.double().numpy():
            errors, hits = [], []
            for n, step, one in wanted(targets, steps):
                given, one = output[n, step], one.numpy()
                if targets.is_floating_point():
                    there = ~np.isnan(one)
                    errors += list((given - one)[there] ** 2)
                else:
                    errors.append(np.log(np.exp(given).sum()) - given[one])
                    hits.append(given.argmax() == one)
            losses.append(np.mean(errors))
            right.append(np.mean(hits) if hits else 1 - losses[-1] / spread(task))
        assert task.loss(outputs, targets).tolist() == pytest.approx(losses, rel=1e-5)
        assert task.accuracy(outputs, targets).tolist() == pytest.approx(
            right, rel=1e-5
        )
        assert float(task.loss(outputs[1], targets)) == pytest.approx(
            losses[1], rel=1e-5
        )


def spread(task):
    """Variance of the training targets of a sample, mean over outputs."""
    targets = task.batch("train", slice(None))[1].double().numpy()
    rows = targets.reshape(-1, task.outputs)
    return np.mean([column[~np.isnan(column)].var(ddof=1) for column in rows.T])


def test_a_perfect_answer_is_right_and_costs_nothing(plain):
    """Whatever is given where nothing is asked for, and no gradient goes there."""
    for task in plain:
        inputs, targets = task.batch("val", slice(0, 32))
        steps = inputs.shape[1]
        output = torch.full((len(inputs), steps, task.outputs), 7.0)
        asked = torch.zeros_like(output, dtype=torch.bool)
        for n, step, one in wanted(targets, steps):
            numbers = targets.is_floating_point()
            hot = torch.nn.functional.one_hot(one.long() * (not numbers), task.outputs)
            output[n, step] = one.nan_to_num(7.0) if numbers else 100.0 * hot
            asked[n, step] = ~one.isnan()
        output.requires_grad_()
        assert task.accuracy(output, targets) == 1
        loss = task.loss(output, targets)
        assert loss < 1e-6
        task.loss(0.05 * output, targets).backward()  # less sure
        assert not output.grad[~asked].any()
        assert output.grad[asked].abs().sum() > 0


def test_chance_is_what_knowing_nothing_scores(plain):
    for task in plain:
        inputs, targets = task.batch("train", slice(None))
        output = torch.zeros(len(inputs), inputs.shape[1], task.outputs)
        if targets.is_floating_point():
            rows = task.batch("train", slice(None))[1].flatten(0, -2)
            assert float(
                task.accuracy(output + rows.nanmean(0), targets)
            ) == pytest.approx(0, abs=0.05)
            continue
        assert float(task.loss(output, targets)) == pytest.approx(
            math.log(task.outputs)
        )
        if task.name != "text":  # some words are more frequent than others
            assert task.chance == pytest.approx(1 / task.outputs)


def test_models_learn_in_a_step_or_say_that_they_read_numbers(tasks):
    for task in tasks:
        options = {"cell": "gru", "embedding": 3 if task.symbols else 0}
        cell = Design("cell", 5, 0.5, model="cell", options=options)
        for design in (Design("small", 5, (0.5,) * 6), cell):
            family = get_family(design.model)
            sized = (design, task.inputs, task.outputs)
            build = partial(family.build, *sized, symbols=task.symbols)
            if task.symbols and not family.symbols:
                with pytest.raises(VsrnnError, match="block reads numbers"):
                    build()
                continue
            model, (x, y) = build(), task.batch("train", slice(0, 8))
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            before = task.loss(model(x)[0], y)
            before.backward()
            assert all(p.grad.isfinite().all() for p in model.parameters())
            optimizer.step()
            assert 0 < task.loss(model(x)[0], y) < before


def test_a_run_of_ragged_sequences_scores_their_ends():
    """The same sequences padded by hand, with what is asked for marked, train alike."""
    design = Design("small", 5, (1,) * 6)
    for kinds in (
        ("own:Ragged", "own:PaddedByHand", "own:Filled"),
        ("own:RaggedEvery", "own:FilledEvery"),
    ):
        first, *others = (run(Config(name, design)) for name in kinds)
        for other in others:
            assert first["curve"] == other["curve"]
            assert first["score"] == other["score"]


def test_padding_changes_no_loss_and_no_gradient():
    """Sequences one at a time, each cut where it ends, give the same."""
    for name, by in (("own:Ragged", cross_entropy), ("own:RaggedEvery", mse_loss)):
        task = get_task(name)
        x, y = task.batch("train", slice(0, 6))
        ends = [int(row.any(-1).nonzero().max()) + 1 for row in x]
        assert len(set(ends)) > 1
        model = BlockRNN(Geometry(task.inputs, 5, task.outputs, 1), seed=1)
        task.loss(model(x)[0], y).backward()
        padded = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()
        asked = (y != -100).sum() if by is cross_entropy else (~y.isnan()).sum()
        for row, wanted, end in zip(x, y, ends, strict=True):
            output, _ = model(row[None, :end])
            loss = by(output[0], wanted[:end], reduction="sum")
            (loss / asked).backward()
        for p, before in zip(model.parameters(), padded, strict=True):
            torch.testing.assert_close(p.grad, before)


def test_an_option_named_as_another_column_does_not_change_it(monkeypatch):
    def init(self, scale="quick", seed=7):
        own.Task.__init__(self, scale)

    monkeypatch.setattr(own.Every, "__init__", init)
    result = run(Config("own:Every", Design("small", 5, (1,) * 6), seed=3))
    assert result["provenance"]["data"]["seed"] == 7
    assert table([result])["seed"].tolist() == [3]


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


def with_nan(x, steps, units=slice(None)):
    """Inputs that are NaN at some steps."""
    changed = x.astype(float)
    changed[3, steps, units] = np.nan
    return changed


def behind_an_end(pairs):
    """A target where inputs are over."""
    at("val", 0, lambda x: with_nan(x, slice(2, None)))(pairs)
    pairs["val"][1] = np.full((10, 5), 2)


def ragged(pairs, length, targets=None, number=1):
    """One training sequence of a length, and so many targets of a length."""
    classes = np.zeros(length if targets is None else targets, int)
    pairs["train"] = [np.zeros((length, 6))], [classes] * number


class Wrong(own.Symbols):
    """Symbols that are none."""

    def __init__(self, change):
        self.change = change
        super().__init__()

    def pair(self, rng, n):
        inputs, targets = super().pair(rng, n)
        return [self.change(part) for part in inputs], targets


def test_symbols_that_are_none_are_refused():
    for change in (lambda s: s + 1, lambda s: s - 1, lambda s: s.astype(float)):
        with pytest.raises(VsrnnError, match=r"symbols in 'train'.*from 0 to 5"):
            Wrong(change)


UNFIT = [
    (lambda pairs: pairs.pop("val"), r"'train', 'val' and 'test', not 'train', 't"),
    (lambda pairs: pairs.clear(), "not nothing"),
    (at("test", 0, lambda x: x[:0]), r"inputs in 'test'.*5, 6\), not \(0, 5, 6\)"),
    (at("train", 0, lambda x: x[:, :4]), r"\(sequences, 5, 6\), not \(24, 4, 6\)"),
    (at("val", 1, lambda y: y), r"\(10, 4\) or \(10, 5, 4\), not \(10,\)"),
    (
        at("val", 1, lambda y: y[:3].astype(int)),
        r"be \(10,\) or \(10, 5\), not \(3,\)",
    ),
    (at("train", 1, lambda y: y.astype(int) + 1), "'train'.*from 0 to 3"),
    (at("train", 1, lambda y: y.astype(int) - 1), "'train'.*from 0 to 3"),
    (at("test", 0, lambda x: x * np.nan), "in 'test'.*have 1 to 5 steps, not 0"),
    (at("test", 0, lambda x: with_nan(x, 1)), "in 'test'.*not finite"),
    (at("test", 0, lambda x: with_nan(x, slice(2, None), 3)), "in 'test'.*not finite"),
    (behind_an_end, "in 'val'.*at a step that is no longer of its inputs"),
    (at("train", 1, lambda y: np.zeros((24, 4))), "all the same"),
    (at("val", 1, lambda y: np.full((10, 4), np.inf)), "in 'val'.*not finite"),
    (at("val", 0, lambda x: np.full(x.shape, 1e300)), "in 'val'.*not finite"),
    (at("val", 0, lambda x: x * 1j), "in 'val'.*complex"),
    (at("val", 1, lambda y: np.full((10, 5), -100)), "in 'val'.*has no target"),
    (at("val", 1, lambda y: np.full((10, 4), np.nan)), "in 'val'.*has no target"),
    (lambda pairs: ragged(pairs, 6), "in 'train'.*have 1 to 5 steps, not 6"),
    (lambda pairs: ragged(pairs, 0), "in 'train'.*have 1 to 5 steps, not 0"),
    (
        lambda pairs: ragged(pairs, 3, 2),
        "in 'train'.*one a sequence, or one a step",
    ),
    (lambda pairs: ragged(pairs, 3, 3, 2), "are 1 inputs and 2 targets in 'train'"),
]


def test_data_of_ones_own_that_do_not_fit_are_refused():
    for spoil, said in UNFIT:
        with pytest.raises(VsrnnError, match=said):
            Bad(spoil)


NO_TASKS = [
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
]


def test_names_of_no_task_of_ones_own_are_refused():
    for name, said in NO_TASKS:
        for ask in (get_task, sizes):
            with pytest.raises(VsrnnError, match=said):
                ask(name)


BROKEN = [
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
]


def test_classes_that_do_not_work_get_a_sentence(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for body, said in BROKEN:
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
    assert sorted(table(results)["factor"]) == [1.0, 2.0]
    assert results[0]["id"] != results[1]["id"]
    for name, known in {"own:Last": "factor", "own:Every": "none"}.items():
        with pytest.raises(VsrnnError, match=f"unknown option 'window'.*from: {known}"):
            get_task(name, window=3)


def test_a_task_of_the_package_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(
        "from own import Every\nfrom vsrnn.tasks.task import register\n\n"
        "@register\nclass Toy(Every):\n    name, label, generator = 'toy', 'Toy', 1\n"
    )
    monkeypatch.setattr(vsrnn.tasks, "__path__", [*vsrnn.tasks.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr("vsrnn.tasks.registered", dict(vsrnn.tasks.registered))
    monkeypatch.setattr("vsrnn.tasks.task.registered", vsrnn.tasks.registered)
    list_tasks.cache_clear()
    try:
        assert "toy" in list_tasks()
        designs = draw_designs("toy", "normal_size", 1, budget=200)
        result = run(Config("toy", designs[0], "smoke"))
        assert result["provenance"]["data"]["task"] == "toy"
        assert result["error"] is None
    finally:
        list_tasks.cache_clear()
        sys.modules.pop("vsrnn.tasks.toy", None)


def test_unknown_names_are_refused_with_what_there_is():
    with pytest.raises(VsrnnError, match=r"unknown task 'rat'.*rad"):
        get_task("rat")
    with pytest.raises(VsrnnError, match=r"unknown scale 'huge'.*smoke, quick, paper"):
        get_task("rad", "huge")
    with pytest.raises(VsrnnError, match=r"unknown option 'color'.*split, digits"):
        get_task("rad", "smoke", color="red")


class OneNumber(own.Classes):
    """A loss that mixes models, as one written for a single network does."""

    def loss(self, output, targets):
        last = output[..., -1, :].flatten(0, -2)
        wanted = targets.repeat(len(last) // len(targets))
        return torch.nn.functional.cross_entropy(last, wanted)


class OneEach(own.Classes):
    """An accuracy of each sequence."""

    def accuracy(self, output, targets):
        return (output[..., -1, :].argmax(-1) == targets).double()


class ForOne(OneNumber):
    """As `OneNumber`, for one network only."""

    def loss(self, output, targets):
        return torch.nn.functional.cross_entropy(
            output[..., -1, :].flatten(0, -2), targets
        )


@pytest.mark.parametrize(
    "kind, name", [(OneNumber, "loss"), (ForOne, "loss"), (OneEach, "accuracy")]
)
def test_a_loss_of_ones_own_is_one_number_a_model(kind, name):
    with pytest.raises(VsrnnError, match=f"{name} of {kind.__name__} must keep the"):
        kind()
