"""Demonstrations as Minari data sets: made here, or downloaded, and read."""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vsrnn.errors import VsrnnError
from vsrnn.tasks._cache import keeping
from vsrnn.tasks.adroit import STEPS, Array, Played, Robot, make_environment, play
from vsrnn.tasks.policy import Policy

TOGETHER = 50
"""Episodes played at a time while a data set is made."""

NAME = re.compile(r"[-\w]+(/[-\w]+)*-v\d+")
"""What the name of a Minari data set looks like."""


def make_episodes(
    name: str, robot: Robot, policy: Policy, seeds: range, noise: float, folder: Path
) -> None:
    """Make a Minari data set of episodes of these seeds, unless the folder has it.

    It is made under another name, read back and then moved to its place, so one that
    is there is whole.

    Args:
        name: of the data set, with namespace and version.
        robot: what is played.
        policy: what plays.
        seeds: of the episodes.
        noise: factor of the policy's own noise.
        folder: of the local Minari data sets.
    """
    with keeping("episodes", folder / name.replace("/", "-")):
        if not (folder / name).exists():
            _make(name, robot, policy, seeds, noise, folder)


def download_episodes(name: str, folder: Path) -> None:
    """Download a Minari data set unless it is whole, and say first how large it is.

    An interrupted download goes on where it stopped. What cannot be had is refused.
    """
    files = ("metadata.json", "main_data.hdf5")  # each is put there when it is whole
    if all((folder / name / "data" / file).exists() for file in files):
        return
    print(f"vsrnn: asking Minari for {name}", file=sys.stderr)
    with _minari(folder) as minari, _reached(name, folder):
        known = minari.list_remote_datasets(prefix=name)
        if name in known:
            size = known[name].get("dataset_size", "an unknown number of")
            print(f"vsrnn: downloading {name}, {size} MB", file=sys.stderr)
            minari.download_dataset(name, force_download=True)
    if name not in known:
        raise VsrnnError(
            f"Minari has no data set {name!r}; look for a slip in the name"
        )


def read_episodes(
    name: str, robot: Robot, count: int, folder: Path
) -> tuple[Array, Array]:
    """Return the first episodes of a local Minari data set, all of 200 steps.

    Returns:
        Observations before each action, (count, time, inputs) float32, and actions,
        (count, time, outputs) float32.

    Raises:
        VsrnnError: as `load_episodes`, or it is of another robot.
    """
    episodes = load_episodes(name, count, folder)
    shapes = {(np.shape(e.observations), np.shape(e.actions)) for e in episodes}
    wanted = ((STEPS + 1, robot.inputs), (STEPS, robot.outputs))
    for shape in shapes - {wanted}:
        raise VsrnnError(
            f"{name} has episodes of observations {shape[0]} and actions {shape[1]}; "
            f"{robot.environment} needs {wanted[0]} and {wanted[1]}"
        )
    observations = np.stack([e.observations[:-1] for e in episodes], dtype=np.float32)
    actions = np.stack([e.actions for e in episodes], dtype=np.float32)
    check_finite(name, observations, actions)
    return observations, actions


def load_episodes(
    name: str, count: int, folder: Path, order: Callable[[int], Any] = range
) -> list[Any]:
    """Return episodes of a local Minari data set, as Minari gives them.

    The first so many of the numbers that ``order`` gives for how many there are.

    Raises:
        VsrnnError: it is damaged or too small.
    """
    with _minari(folder) as minari:
        try:
            found = minari.load_dataset(name)
            total = int(found.total_episodes)
            episodes = list(found.iterate_episodes(order(total)[:count]))
        except (OSError, KeyError, ValueError, AssertionError) as problem:
            raise VsrnnError(
                f"the data set {folder / name} is damaged or not whole; delete "
                "that folder and run again"
            ) from problem
    if total < count:
        raise VsrnnError(
            f"{name} has {total} episodes and this scale takes {count}; ask for fewer "
            "with the option demonstrations, or for a smaller scale"
        )
    return episodes


def check_finite(name: str, *arrays: Array) -> None:
    """Refuse a data set with numbers that are none, as diverged policies leave them."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise VsrnnError(
            f"{name} has observations or actions that are not finite; no model can "
            "learn from them: name another data set"
        )


def _make(
    name: str, robot: Robot, policy: Policy, seeds: range, noise: float, folder: Path
) -> None:
    """Make a data set in a folder of its own, check it and move it to its place."""
    part = folder / f"{name.replace('/', '-')}.part"
    shutil.rmtree(part, ignore_errors=True)  # of a process that was stopped
    try:
        with _minari(part) as minari:
            made, firsts = None, range(0, len(seeds), TOGETHER)
            for first in tqdm(firsts, desc="playing episodes", leave=False, delay=1):
                some = seeds[first : first + TOGETHER]
                played = _buffers(play(robot, policy.noisy(some, noise), some), first)
                if made is not None:
                    made.update_dataset_from_buffer(played)
                    continue
                made = minari.create_dataset_from_buffers(
                    *(name, played),
                    env=make_environment(robot.environment),
                    algorithm_name="policy in closed loop, with its own noise",
                    description=f"noise {noise}, policy {policy.checksum}",
                )
        read_episodes(name, robot, len(seeds), part)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).replace(folder / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _buffers(played: Played, first: int) -> list[Any]:
    """Episodes as Minari takes them, numbered from the first."""
    from minari.data_collector import EpisodeBuffer

    ends = np.zeros(STEPS, bool)
    last = np.arange(STEPS) == STEPS - 1
    return [
        EpisodeBuffer(
            id=first + n,
            seed=int(seed),
            observations=played.observations[n],
            actions=played.actions[n],
            rewards=played.rewards[n],
            terminations=ends,
            truncations=last,
            infos={"success": np.append(False, played.success[n])},
        )
        for n, seed in enumerate(played.seeds)
    ]


@contextmanager
def _reached(name: str, folder: Path) -> Iterator[None]:
    """Say in one sentence, and not before, that a data set cannot be downloaded."""
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # no warning of each attempt
    try:
        yield
    except Exception as problem:  # of the HTTP library, and which that is varies
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        raise VsrnnError(
            f"cannot download {name} ({reason}); look after the network, or put a copy "
            f"of the data set into {folder}"
        ) from problem


@contextmanager
def _minari(folder: Path) -> Iterator[Any]:
    """Minari, with its data sets in a folder, and without its advice."""
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import minari

            yield minari
    finally:
        if before is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = before
