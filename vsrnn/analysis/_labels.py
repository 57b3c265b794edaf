"""Words for the tasks and designs in figures and sentences."""

from pandas import DataFrame

from vsrnn.tasks import SIZES

PROPORTION = "hidden proportion [fraction]"
CHANCE = 100 / SIZES["rad"][1]  # accuracy [%] of a guess among ten positions

TASK_LABELS = {
    "rad": "Random Anomaly",
    "hammer": "Hammer",
    "door": "Door",
    "kitchen-mixed": "Kitchen, mixed",
    "kitchen-blind": "Kitchen, blind",
    "kitchen-complete": "Kitchen, complete",
}
SCORE_LABELS = {"rad": "test accuracy", "hammer": "success rate"}
EXPERT_LABELS = {"own": "own expert", "dapg_hammer_policy.npz": "DAPG policy"}
DESIGN_LABELS = {
    "111111_": "dense",
    "000000_": "uniform .2",
    "balanced_0": "varied",
    "lstm_": "LSTM",
    "rnn_": "plain RNN",
    "10AH12": "dense",
    "10AH00": "uniform .2",
    "10AH01": "dense hidden",
    "10AH10": "dense input",
    "10AH13": "LSTM",
}


def seeds_label(table: DataFrame) -> str:
    """How many seeds the designs have, over those that have any."""
    counts = table.loc[table["seeds"] > 0, "seeds"]
    if counts.empty:
        return "no runs yet"
    low, high = counts.min(), counts.max()
    number = f"{low}" if low == high else f"{low} to {high}"
    return f"{number} seed{'s' if number != '1' else ''}"


def designs_label(number: int) -> str:
    """So many designs, in words.

    >>> designs_label(1), designs_label(2)
    ('1 design', '2 designs')
    """
    return f"{number} design{'s' if number != 1 else ''}"


def design_label(name: str) -> str:
    """A design's own name, with what it is in front where that has a word.

    >>> design_label("balanced_0"), design_label("010000_")
    ('varied (balanced_0)', '010000_')
    """
    return f"{DESIGN_LABELS[name]} ({name})" if name in DESIGN_LABELS else name


def arrangement_label(name: str) -> str:
    """An arrangement in words, or its digits.

    >>> arrangement_label("111111_"), arrangement_label("011001_")
    ('dense', '011001')
    """
    return DESIGN_LABELS.get(name, name.rstrip("_"))
