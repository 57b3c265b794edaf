"""The Reber grammar: does a string of letters follow it?"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsrnn.errors import check_int
from vsrnn.tasks._sequences import pad
from vsrnn.tasks.task import Scale, Task, Training, register

GRAMMAR = (
    {"T": 1, "P": 2},
    {"S": 1, "X": 3},
    {"T": 2, "V": 4},
    {"S": 5, "X": 2},
    {"P": 3, "V": 5},
)
"""Of each state behind the B its letters, and where they lead; at 5 only E follows."""
LETTERS, INNER = "BEPSTVX", "PSTVX"
FOREIGN = "ACDFGHIJKLMNOQRUWYZ"
SHARE = 0.56  # of the published invalid strings that have foreign letters
SHORTEST, LONGEST = 11, 53
VALID, INVALID = (23.6, 2.4), (18.6, 2.5)
"""Mean and scale of logistic distributions, which published lengths follow closely."""

SCALES = {
    "smoke": Scale(256, 100, 100, epochs=2, batch_size=32),
    "quick": Scale(4_000, 500, 1_000, epochs=15, batch_size=32),
    "paper": Scale(16_250, 2_500, 6_250, epochs=50, batch_size=32),
}
"""The sizes to choose from; "paper" has as many strings as published."""


@register
class Reber(Task):
    """Is a string of letters one of the Reber grammar?

    A string begins with B, ends with E, and each letter between them is one of two that
    the grammar allows there. Half of the strings are valid; they have 11 to 32 letters,
    and all strings of a length are as likely. In the others one letter is changed. Both
    kinds have the same lengths and letters, and no string is there twice, so none is in
    two splits.

    Each step reads a letter as a vector that is 1 at one of seven places. The class, 1
    for a valid string, is given at the last letter, an E.

    Args:
        scale: "smoke", "quick" or "paper".
        embedded: whether such a string stands between two letters, T or P, within
            another B and E, and is valid if these two are the same: what is to be
            remembered lies behind the whole of a string.
        data_seed: of the strings, 0 or above.

    Raises:
        VsrnnError: an option has no such value.

    >>> inputs, targets = Reber("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape  # with gaps in the targets but at a string's end
    (torch.Size([9, 32, 7]), torch.Size([9, 32]))

    Source: the grammar of Reber 1967, lengths of valid strings as those of Darji 2021
    (arXiv 2407.20601) up to 32 letters; as published see :class:`ReberPublished`.
    """

    name, label = "reber", "Reber grammar"
    inputs, outputs, steps, longest = len(LETTERS), 2, 32, 32
    chance, training = 0.5, Training(clip=5)
    scales, generator, places = SCALES, 1, ()

    def __init__(
        self, scale: str = "quick", embedded: bool = False, data_seed: int = 0
    ) -> None:
        self.embedded = bool(embedded)
        self.steps = self.longest + 4 * self.embedded
        self._make(scale, data_seed, {"embedded": self.embedded})

    def _make(self, scale: str, data_seed: int, own: dict[str, Any]) -> None:
        self.take_scale(scale)
        self.seed = check_int("data_seed", data_seed, 0)
        super().__init__(scale)
        self.provenance |= {"generator": 1, "data_seed": self.seed} | own

    def strings(self) -> dict[str, list[tuple[str, int]]]:
        """Return the strings of each split, with 1 for the valid ones, else 0."""
        rng, number = np.random.default_rng(self.seed), sum(self.sizes.values())
        pairs = self._pairs(rng, number)
        order = iter(rng.permutation(number))
        return {
            split: [pairs[next(order)] for _ in range(size)]
            for split, size in self.sizes.items()
        }

    def data(self) -> dict[str, tuple[list[np.ndarray], list[int]]]:
        """Return letters as vectors, and classes."""
        units, data = np.eye(self.inputs, dtype=np.float32), {}
        for split, pairs in self.strings().items():
            read = [units[[LETTERS.index(c) for c in string]] for string, _ in pairs]
            data[split] = read, [kind for _, kind in pairs]
        return data

    def _pairs(self, rng: np.random.Generator, number: int) -> list[tuple[str, int]]:
        """Strings and their kinds, each string once, and as many of each length."""
        found: dict[str, int] = {}
        while len(found) < number // 2:
            for length in draw_lengths(
                rng, number // 2 - len(found), *VALID, self.longest
            ):
                found.setdefault(self._drawn(rng, length, 1), 1)
        inner = [len(string) - 4 * self.embedded for string in found]
        for length in [*inner, *inner[: number % 2]]:
            while (string := self._drawn(rng, length, 0)) in found:
                pass
            found[string] = 0
        return list(found.items())

    def _drawn(self, rng: np.random.Generator, length: int, kind: int) -> str:
        string = draw(rng, length)
        if self.embedded:
            first, other = rng.permutation(["T", "P"])
            return f"B{first}{string}{first if kind else other}E"
        return string if kind else _changed(rng, string)


@register
class ReberPublished(Reber):
    """The Reber grammar as published: invalid strings are mostly told by their letters.

    As many strings, of the lengths of each kind. An invalid one is a walk through the
    grammar whose letters were given other names: of 56 % names that the grammar lacks,
    so looking for these scores 78 %; of the others, names of its own. Invalid strings
    are shorter by five letters. A string can be there twice.

    Each step reads the code of a letter, a symbol below 128. Zeros fill up the strings
    of a batch to its longest one, and the class is given behind them. Of the published
    training strings 2,500 validate here.

    Args:
        scale: "smoke", "quick" or "paper".
        data_seed: of the strings, 0 or above.

    Raises:
        VsrnnError: an option has no such value.

    Source: Darji 2021 (arXiv 2407.20601), whose strings are drawn anew.
    """

    name, label = "reber-published", "Reber grammar, as published"
    inputs, steps, longest, symbols = 128, LONGEST, LONGEST, True

    def __init__(self, scale: str = "quick", data_seed: int = 0) -> None:
        self._make(scale, data_seed, {})

    def data(self) -> dict[str, tuple[Tensor, list[int]]]:  # type: ignore[override]
        """Return the codes of letters, and classes."""
        data = {}
        for split, pairs in self.strings().items():
            codes = [torch.tensor([*string.encode()]) for string, _ in pairs]
            data[split] = pad(codes, self.steps, 0), [kind for _, kind in pairs]
        return data

    def batch(self, split: str, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return strings, filled up to the longest of them, and their classes."""
        inputs, targets = super().batch(split, rows)
        return inputs[:, : int(inputs.any(0).sum())], targets

    def _pairs(self, rng: np.random.Generator, number: int) -> list[tuple[str, int]]:
        half = number // 2
        valid, walks = (
            [draw(rng, n) for n in draw_lengths(rng, count, *lengths, self.longest)]
            for count, lengths in ((half, VALID), (number - half, INVALID))
        )
        foreign = round(SHARE * len(walks))
        others = [_renamed(rng, s, FOREIGN) for s in walks[:foreign]]
        others += [_renamed(rng, s, INNER) for s in walks[foreign:]]
        return [(s, 1) for s in valid] + [(s, 0) for s in others]


def is_valid(string: str) -> bool:
    """Return whether the grammar allows a string.

    >>> is_valid("BTSSXXTVVE"), is_valid("BTSSXXTPVE")
    (True, False)
    """
    state = 0
    for letter in string[1:-1]:
        state = GRAMMAR[state].get(letter, -1) if 0 <= state < len(GRAMMAR) else -1
    return state == len(GRAMMAR) and string[:1] + string[-1:] == "BE"


def draw_lengths(
    rng: np.random.Generator, number: int, mean: float, scale: float, longest: int
) -> list[int]:
    """Draw lengths from a logistic distribution, cut at 11 and the longest."""
    lengths: list[int] = []
    while len(lengths) < number:
        drawn = rng.logistic(mean, scale, number).round().astype(int)
        lengths += drawn[(drawn >= SHORTEST) & (drawn <= longest)].tolist()
    return lengths[:number]


def draw(rng: np.random.Generator, length: int) -> str:
    """Draw a string of the grammar of so many letters, any as likely."""
    state, string, ways = 0, "B", _ways()
    chances = rng.random(length)
    for left in range(length - 2, 0, -1):
        (first, one), (second, two) = GRAMMAR[state].items()
        share = ways[left - 1, one] / ways[left, state]
        letter, state = (first, one) if chances[left] < share else (second, two)
        string += letter
    return string + "E"


@cache
def _ways() -> np.ndarray:
    """Strings to the E by the letters left before it and the state."""
    ways = np.zeros((LONGEST, len(GRAMMAR) + 1))
    ways[0, -1] = 1
    for left in range(1, LONGEST):
        for state, arcs in enumerate(GRAMMAR):
            ways[left, state] = sum(ways[left - 1, to] for to in arcs.values())
    return ways


def _changed(rng: np.random.Generator, string: str) -> str:
    """A string that is not valid any more, for one of its letters."""
    while True:
        place = rng.integers(1, len(string) - 1)
        changed = string[:place] + INNER[rng.integers(len(INNER))] + string[place + 1 :]
        if not is_valid(changed):
            return changed


def _renamed(rng: np.random.Generator, string: str, names: str) -> str:
    """A string whose inner letters have other names, and which is not valid."""
    while True:
        chosen = "".join(rng.permutation(list(names))[: len(INNER)])
        renamed = string.translate(str.maketrans(INNER, chosen))
        if not is_valid(renamed):
            return renamed
