"""The Reber grammar: what follows it, and what does not."""

import re
from itertools import product

import numpy as np
import pytest

from vsrnn.errors import VsrnnError
from vsrnn.tasks import get_task
from vsrnn.tasks.reber import FOREIGN, LETTERS, draw, is_valid

# the grammar once more, as a regular expression of its diagram
LOWER = r"T*(?:VPXT*)*(?:VV|VPS)"  # behind P, or TX...X
PATTERN = rf"B(?:P{LOWER}|TS*X(?:S|X{LOWER}))E"


def strings(task):
    return [pair for pairs in task.strings().values() for pair in pairs]


def test_validity_is_that_of_the_diagram():
    for length in range(5):
        for letters in product("PSTVX", repeat=length):
            string = "B" + "".join(letters) + "E"
            assert is_valid(string) == bool(re.fullmatch(PATTERN, string)), string
    assert not any(map(is_valid, ("", "B", "BE", "TXSE", "BTXS", "BTXSEE", "BTXSET")))


def test_every_string_of_a_length_is_drawn_as_often():
    known = [
        string
        for letters in product("PSTVX", repeat=6)
        if is_valid(string := "B" + "".join(letters) + "E")
    ]
    rng = np.random.default_rng(0)
    drawn = [draw(rng, 8) for _ in range(400 * len(known))]
    counts = [drawn.count(string) for string in known]
    assert sum(counts) == len(drawn)
    assert 320 < min(counts) <= max(counts) < 480


def test_kinds_differ_by_one_letter_alone_and_no_string_is_there_twice():
    task = get_task("reber", "quick")
    every = strings(task)
    assert len({string for string, _ in every}) == len(every) == 5_500
    lengths = {k: sorted(len(s) for s, kind in every if kind == k) for k in (0, 1)}
    assert lengths[0] == lengths[1]
    assert lengths[1][0] == 11 and lengths[1][-1] == 32
    for string, kind in every:
        assert is_valid(string) == kind
        assert set(string) <= set(LETTERS)
        if not kind:
            near = [
                string[:n] + letter + string[n + 1 :]
                for n in range(1, len(string) - 1)
                for letter in "PSTVX"
            ]
            assert any(map(is_valid, near))


def test_an_embedded_string_is_valid_where_its_outer_letters_are_the_same():
    task = get_task("reber", "smoke", embedded=True)
    every = strings(task)
    assert len({string for string, _ in every}) == len(every)
    for string, kind in every:
        assert is_valid(string[2:-2])
        assert (string[1] == string[-2]) == kind
    firsts = np.array([[string[1] == "T", kind] for string, kind in every])
    assert abs(np.corrcoef(firsts.T)[0, 1]) < 0.1
    assert task.steps == 36


def test_letters_are_read_as_units_and_asked_for_at_the_end():
    task = get_task("reber", "smoke")
    x, y = task.batch("val", slice(None))
    for n, (string, kind) in enumerate(task.strings()["val"]):
        read = "".join(LETTERS[int(i)] for i in x[n, : len(string)].argmax(1))
        assert read == string
        assert x[n].sum() == len(string)
        assert y[n, len(string) - 1] == kind and (y[n] == -100).sum() == 31


def test_published_statistics():
    """56 % of invalid strings have foreign letters; lengths by kind."""
    task = get_task("reber-published", "paper")
    every = strings(task)
    assert len(every) == 25_000
    assert all(is_valid(string) == kind for string, kind in every)
    wrong = [string for string, kind in every if not kind]
    assert len(wrong) == 12_500
    foreign = [bool(set(string) & set(FOREIGN)) for string in wrong]
    assert np.mean(foreign) == pytest.approx(0.56)
    for kind, mean, deviation in ((1, 23.64, 4.24), (0, 18.74, 4.03)):
        lengths = np.array([len(string) for string, own in every if own == kind])
        assert lengths.mean() == pytest.approx(mean, abs=0.3)
        assert lengths.std() == pytest.approx(deviation, abs=0.3)
        assert lengths.min() == 11 and lengths.max() <= 53
    x, y = task.batch("test", slice(0, 9))
    assert x.shape[1] == max(len(s) for s, _ in task.strings()["test"][:9])
    for codes, kind, pair in zip(x, y, task.strings()["test"], strict=False):
        assert (bytes(codes.tolist()).rstrip(b"\0").decode(), int(kind)) == pair


def test_options_of_no_use_are_refused():
    with pytest.raises(VsrnnError, match="data_seed must be a whole number"):
        get_task("reber-published", "smoke", data_seed=-1)
