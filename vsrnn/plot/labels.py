"""Words, colors and markers of designs and blocks."""

from typing import Any

from pandas import DataFrame

from vsrnn.design.geometry import BLOCKS
from vsrnn.stats import extent

PROPORTION = "hidden proportion [fraction]"
BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "0.45"

_HUES = (BLUE, ORANGE, "#F0E442", "#56B4E9", GREEN, "#CC79A7")
BLOCK_COLORS = dict(zip(BLOCKS, _HUES, strict=True))

_DASHES = (0, (5, 1, 1, 1, 1, 1))
_NAMED: dict[str, tuple[tuple[str, str, Any], tuple[str, ...]]] = {
    "dense": ((ORANGE, "s", "--"), ("111111_", "10AH12")),
    "uniform .2": ((GREEN, "^", "-."), ("000000_", "10AH00")),
    "varied": ((BLUE, "o", "-"), ("balanced_0",)),
    "dense hidden": ((BLUE, "o", "-"), ("10AH01", "011000_")),
    "LSTM": (("#CC79A7", "D", ":"), ("lstm_", "10AH13")),
    "plain RNN": (("#000000", "v", _DASHES), ("rnn_",)),
    "dense input": (("#000000", "v", _DASHES), ("10AH10", "100110_")),
}
DESIGN_LABELS = {name: word for word, (_, names) in _NAMED.items() for name in names}
"""Words for the designs that have one."""

_LOOKS = {name: look for look, names in _NAMED.values() for name in names}


def look(name: str, rank: int = 0) -> dict[str, Any]:
    """Color, marker and line style of a design, by rank where it has no own ones."""
    cycle = list(dict.fromkeys(_LOOKS.values()))
    color, marker, line = _LOOKS.get(name, cycle[rank % len(cycle)])
    return {"color": color, "marker": marker, "linestyle": line}


def design_label(name: str) -> str:
    """A design's own name, with what it is in front where that has a word.

    >>> design_label("balanced_0")
    'varied (balanced_0)'
    """
    return f"{DESIGN_LABELS[name]} ({name})" if name in DESIGN_LABELS else name


def arrangement_label(name: str) -> str:
    """An arrangement in words, such as "dense", or its digits."""
    return DESIGN_LABELS.get(name, name.rstrip("_"))


def seeds_label(table: DataFrame) -> str:
    """How many seeds the designs of a table have, over those that have any.

    >>> seeds_label(DataFrame({"seeds": [0, 3, 5]}))
    '3 to 5 seeds'
    """
    counts = table.loc[table["seeds"] > 0, "seeds"]
    if counts.empty:
        return "no runs yet"
    number = extent(counts)
    return f"{number} seed{'s' if number != '1' else ''}"
