"""Tests and docstring examples neither read nor leave anything in the user's home."""

import functools
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, settings

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.tasks import sizes


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.mkdtemp(prefix="vsrnn-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    untimed = [HealthCheck.too_slow]
    settings.register_profile("untimed", deadline=None, suppress_health_check=untimed)
    settings.load_profile("untimed")
    os.environ["VSRNN_CACHE"] = folder
    os.environ["MPLBACKEND"] = "agg"
    for name in ("VSRNN_MNIST", "VSRNN_POLICIES", "VSRNN_TEXT", "MINARI_DATASETS_PATH"):
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


def made_contrast(alike: bool = True, number: int = 20) -> pd.DataFrame:
    """Made-up runs of designs on two tasks, named ones and random ones.

    The score [%] is 20 + 60 times the root of the hidden proportion, and on Hammer 80
    less that where the tasks are not alike; the LSTM has 15 %.
    """
    from vsrnn.design.published import get_design, list_designs
    from vsrnn.tasks.designs import draw_designs

    rng, rows = np.random.default_rng(0), []
    for task, budget in (("rad", 100_000), ("hammer", 10_000)):
        known = list_designs(task).query("budget == @budget and model != 'rnn'")
        named = [get_design(task, name) for name in known["name"]]
        even = draw_designs(task, "even", number, budget=budget)
        short = f"{budget // 1000}k"
        tables = {f"{task}_even_{short}": even}
        tables["rad_100k" if task == "rad" else "hammer_named"] = named
        for table, designs in tables.items():
            for design in designs:
                score = _score(task, design, alike)
                first = {"task": task, "table": table, "scale": "paper", "epochs": 25}
                first |= {"design": design.name, "model": design.model}
                first |= {"hidden": design.hidden, "error": None}
                first["learning_rate"] = design.learning_rate
                for kind in ("density", "init_mean", "init_std"):
                    six = getattr(design, kind) or [np.nan] * 6
                    first |= {
                        f"{kind}_{b}": v for b, v in zip(BLOCKS, six, strict=True)
                    }
                for seed in range(2):
                    made = (score + rng.normal(0, 0.5)) / 100
                    more = {"id": f"{table}{design.name}{seed}", "seed": seed}
                    rows.append(first | more | {"score": made})
    return pd.DataFrame(rows)


def _score(task: str, design: Any, alike: bool) -> float:
    if design.model != "block":
        return 15.0
    root = design.geometry(*sizes(task)).hidden_proportion ** 0.5
    return 20 + 60 * root if alike or task == "rad" else 80 - 60 * root


@pytest.fixture(name="made_contrast", scope="session")
def made_contrast_fixture() -> Callable[..., pd.DataFrame]:
    return made_contrast


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks are slowed down by more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forests that forecast badly, where it does not matter how well."""
    monkeypatch.setattr("vsrnn.forecast.validation.TREES", 6)


@pytest.fixture
def build() -> ModuleType:
    """The module book/build.py, which only the book's extra can run."""
    return of_book("build")


@pytest.fixture
def texts() -> ModuleType:
    """The module book/texts.py, as above."""
    return of_book("texts")


@pytest.fixture
def pages() -> ModuleType:
    """The module book/pages.py, as above."""
    return of_book("pages")


def of_book(name: str) -> ModuleType:
    for needed in ("papermill", "jupyter_book"):
        pytest.importorskip(needed)
    return importlib.import_module(name)


@pytest.fixture(scope="session")
def kitchen_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Minari data sets of the kitchen: random moves, a few steps each."""
    from vsrnn.tasks import task_class

    folder = tmp_path_factory.mktemp("kitchens")
    for name, number in (("kitchen-mixed", 18), ("kitchen-complete", 12)):
        task = task_class(name)
        lengths = np.random.default_rng(0).integers(3, 13, number)
        keep_kitchen(task.usual_source, task, lengths, folder)
    return folder


def keep_kitchen(name: str, task: Any, lengths: Any, folder: Path) -> None:
    """Make a data set of the kitchen by moving at random for so many steps."""
    from minari.data_collector import EpisodeBuffer

    from vsrnn.tasks.kitchen import make_kitchen

    env, rng = make_kitchen(task.goals, task.steps), np.random.default_rng(1)
    episodes = []
    for n, length in enumerate(lengths):
        actions = rng.uniform(-1, 1, (length, 9))
        seen = [env.reset(seed=n)[0]]
        rewards = []
        for action in actions:
            now, reward, *_ = env.unwrapped.step(action)
            seen.append(now)
            rewards.append(reward)
        ends = np.arange(length) == length - 1
        episodes.append(
            EpisodeBuffer(
                id=n,
                seed=n,
                observations=stacked(seen),
                actions=actions,
                rewards=np.array(rewards),
                terminations=0 * ends,
                truncations=ends,
            )
        )
    keep_episodes(name, episodes, env, folder)


def keep_episodes(name: str, episodes: list[Any], env: Any, folder: Path) -> None:
    """Make a Minari data set in a folder."""
    import minari

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder))
        patch.setattr("warnings.warn", lambda *arguments, **options: None)
        minari.create_dataset_from_buffers(name, episodes, env=env)


@pytest.fixture(name="keep_episodes", scope="session")
def keep_episodes_fixture() -> Callable[..., None]:
    return keep_episodes


def stacked(seen: list[Any]) -> Any:
    """Observations of all steps: arrays, in a dict where a step's are in one."""
    if isinstance(seen[0], dict):
        return {key: stacked([one[key] for one in seen]) for key in seen[0]}
    return np.stack(seen)


@pytest.fixture
def around_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable], None]:
    """Have ``do(step, x, y)`` called for each step of training, compiled or not."""
    from vsrnn.training import loop

    def wrap(do: Callable) -> None:
        make = loop.make_step

        def made(*given: Any, **how: Any) -> Callable:
            return functools.partial(do, make(*given, **how))

        monkeypatch.setattr(loop, "make_step", made)

    return wrap
