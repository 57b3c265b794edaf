"""Tests and docstring examples neither read nor leave anything in the user's home."""

import os
import shutil
import tempfile
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from vsrnn.geometry import BLOCKS, Geometry


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.mkdtemp(prefix="vsrnn-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["VSRNN_CACHE"] = folder
    os.environ["MPLBACKEND"] = "agg"
    for name in ("VSRNN_MNIST", "VSRNN_POLICIES", "MINARI_DATASETS_PATH"):
        os.environ.pop(name, None)


def made_runs(
    number: int = 120,
    truth: str = "proportion",
    *,
    table: str = "made",
    budget: int = 100_000,
    noise: float = 2.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Made-up runs of random designs whose score [%] is known but for the noise.

    With the truth "proportion" it is 30 + 25 sin(pi sqrt(hidden proportion)), best at
    a hidden proportion of .25; with "nothing" 40; with "rate" it falls with the rate.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(number):
        density = rng.uniform(0.05, 1, 6) * [rng.uniform(0.01, 1), 1, 1, 1, 1, 1]
        geometry = Geometry.for_budget(budget, 2500, 10, tuple(density))
        rate = rng.uniform(1e-4, 2e-3)
        score = {
            "proportion": 30 + 25 * np.sin(np.pi * geometry.hidden_proportion**0.5),
            "nothing": 40.0,
            "rate": 60 - 2e4 * rate,
        }[truth]
        first = {"id": f"{table}{n}", "table": table, "design": f"{table}_{n}"}
        rows.append(
            first
            | {"task": "rad", "scale": "paper", "seed": 0, "model": "block"}
            | {"hidden": geometry.hidden, "learning_rate": rate, "epochs": 4}
            | {f"density_{b}": d for b, d in zip(BLOCKS, density, strict=True)}
            | {f"init_mean_{b}": rng.normal(0, 0.0025) for b in BLOCKS}
            | {f"init_std_{b}": rng.uniform(0.02, 0.08) for b in BLOCKS}
            | {"score": (score + rng.normal(0, noise)) / 100, "error": None}
        )
    return pd.DataFrame(rows)


@pytest.fixture(name="made_runs", scope="session")
def made_runs_fixture() -> Callable[..., pd.DataFrame]:
    return made_runs
