"""Tests and docstring examples neither read nor leave anything in the user's home."""

import os
import shutil
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.mkdtemp(prefix="vsrnn-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["VSRNN_CACHE"] = folder
    os.environ["MPLBACKEND"] = "agg"
    os.environ.pop("VSRNN_MNIST", None)
