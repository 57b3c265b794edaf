"""The Adroit hand: environments of a robot hand, played in closed loop.

All episodes of a batch share one environment, into which each puts its own state before
a step: so they take little memory, and a policy sees them all at once.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from copy import copy
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from vsrnn.errors import VsrnnError

STEPS = 200
"""Control steps of an episode, 10 ms each."""

Array = np.ndarray
Act = Callable[[Array], Array]
"""Actions, (episodes, outputs), for observations, (episodes, inputs), of a step."""


@dataclass(frozen=True)
class Robot:
    """An environment of the hand, by its name in gymnasium.

    In an observation the positions of the palm and of the thing it has to grasp begin
    at ``palm`` and ``thing``, three numbers each.
    """

    environment: str
    inputs: int
    outputs: int
    palm: int
    thing: int


HAMMER = Robot("AdroitHandHammer-v1", 46, 26, palm=33, thing=36)
DOOR = Robot("AdroitHandDoor-v1", 39, 28, palm=29, thing=32)


@dataclass(frozen=True)
class Played:
    """Episodes that were played, one for each seed.

    An episode has failed where an action was not finite; that one and all later ones
    are zeros then. Rewards are as the environment gives them.
    """

    seeds: Sequence[int]
    observations: Array  # (episodes, time + 1, inputs) float64
    actions: Array  # (episodes, time, outputs) float32, within -1..1
    rewards: Array  # (episodes, time)
    success: Array  # (episodes, time) bool, whether the goal is reached at a step
    failed: Array  # (episodes,) bool
    robot: Robot

    def succeeded(self) -> Array:
        """Which succeed: at the goal for more than 25 steps, as in DAPG, not failed."""
        found: Array = (self.success.sum(1) > 25) & ~self.failed
        return found

    def scores(self) -> dict[str, float]:
        """Success rate and mean return over the episodes.

        The environment (version 1) rewards the distance of the palm from what
        it should grasp by a slip of sign, which its version 2 mends: "return" is as
        version 1 gives it, the published convention, "return_v2" as version 2 does.

        Returns:
            "success" and "failed" (shares, 0..1), "return", "return_sd" (standard
            deviation between episodes) and "return_v2".
        """
        ends = (self.robot.palm, self.robot.thing)
        palm, thing = (self.observations[:, 1:, at : at + 3] for at in ends)
        returns = self.rewards.sum(1)
        slip = 0.2 * np.linalg.norm(palm - thing, axis=-1).sum(1)
        return {
            "success": float(self.succeeded().mean()),
            "failed": float(self.failed.mean()),
            "return": float(returns.mean()),
            "return_sd": float(returns.std()),
            "return_v2": float((returns - slip).mean()),
        }


def play(robot: Robot, act: Act, seeds: Iterable[int], steps: int = STEPS) -> Played:
    """Play episodes together, one for each seed, which decides where things stand.

    Args:
        robot: what to play.
        act: the policy. It is called once a step and may remember.
        seeds: of the environment.
        steps: how long to play.

    Raises:
        VsrnnError: the environment is not installed.
    """
    env, seeds = make_environment(robot.environment).unwrapped, list(seeds)
    seen = np.empty((len(seeds), steps + 1, robot.inputs))
    done = np.empty((len(seeds), steps, robot.outputs), np.float32)
    rewards, success = (np.empty(done.shape[:2], kind) for kind in (float, bool))
    failed = np.zeros(len(seeds), bool)
    episodes = []  # where the simulation is, and where things stand
    for n, seed in enumerate(seeds):
        seen[n, 0], _ = env.reset(seed=seed)
        episodes.append((copy(env.data), env.model.body_pos.copy()))
    for step in range(steps):
        actions = act(seen[:, step].copy())
        failed |= ~np.isfinite(actions).all(1)
        done[:, step] = np.clip(np.where(failed[:, None], 0, actions), -1, 1)
        for n, (data, places) in enumerate(episodes):
            env.data, env.model.body_pos[:] = data, places
            seen[n, step + 1], rewards[n, step], *_, info = env.step(done[n, step])
            success[n, step] = info["success"]
    return Played(seeds, seen, done, rewards, success, failed, robot)


@cache
def make_environment(name: str, steps: int = STEPS, **options: Any) -> Any:
    """Return an environment of gymnasium, always the same one in a process.

    Raises:
        VsrnnError: it is not installed, or cannot be loaded.
    """
    versions()
    try:
        with quietly():
            import gymnasium
            import gymnasium_robotics

            gymnasium.register_envs(gymnasium_robotics)
            return gymnasium.make(name, max_episode_steps=steps, **options)
    except Exception as problem:  # MuJoCo loads the OpenGL that MUJOCO_GL names
        raise VsrnnError(
            f"the robot simulator cannot be loaded ({problem}); try it without the "
            f"variable MUJOCO_GL, or {_INSTALL}"
        ) from problem


@contextmanager
def quietly() -> Iterator[None]:
    """Without the package's notice about environments that are not used here."""
    with redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def versions() -> dict[str, str]:
    """Return the versions of the packages of the environments, if all are installed."""
    packages = ("gymnasium-robotics", "mujoco", "minari")
    try:
        return {name: version(name) for name in packages}
    except PackageNotFoundError as problem:
        raise VsrnnError(
            f"the robot tasks need the package {problem.name}; {_INSTALL}"
        ) from problem


_INSTALL = "install what they need with: pip install 'vsrnn[adroit]'"
