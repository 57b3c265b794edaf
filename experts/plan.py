"""Search for a plan: actions that lift the hammer and drive the nail, by time alone.

The hand starts in one pose and only the height of the board varies, so an open-loop
plan that depends on that height is enough to find the motion. The cross-entropy
method finds it: draw plans, keep the best, draw around those again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vsrnn.tasks.adroit import make_environment

HEIGHTS = (0.10, 0.25)
"""Lowest and highest board [m]."""

KNOTS, SPACING, ACTIONS = 12, 6, 26
"""Knots of the plan, control steps between them, and numbers in an action."""

Array = np.ndarray
Log = Callable[[str], None]


@dataclass(frozen=True)
class Search:
    """Constants of one search by the cross-entropy method.

    Args:
        iterations, population, elite: rounds, plans drawn in each, and plans kept.
        spread, floor: standard deviation of the first draw, and its least value.
        smoothing: share of the old mean and spread that each round keeps.
        horizon: control steps that a plan is judged by.
        noise: standard deviation of the disturbance of the actions.
        heights: at how many heights each plan is judged; 1 is the middle one.
    """

    iterations: int
    population: int
    elite: int
    spread: float
    floor: float
    smoothing: float
    horizon: int
    noise: float
    heights: int


ONE_HEIGHT = Search(40, 96, 12, 0.5, 0.06, 0.2, 72, 0.04, 1)
ALL_HEIGHTS = Search(24, 64, 10, 0.12, 0.04, 0.5, 80, 0.08, 3)


class Simulation:
    """The hand, the hammer and the board, without the environment around them."""

    def __init__(self) -> None:
        import mujoco

        env = make_environment("AdroitHandHammer-v1").unwrapped
        self._env: Any = env  # owns model and data
        self.model, self.data = env.model, env.data
        self.board = env.target_body_id
        self._center, self._range = env.act_mean, env.act_rng
        self._reset = mujoco.mj_resetData
        self._step = mujoco.mj_step
        sites = (env.S_grasp_site_id, env.tool_site_id)
        self._palm, self._head = (self.data.site_xpos[site] for site in sites)
        self._nail = self.data.site_xpos[env.target_obj_site_id]
        self._goal = self.data.site_xpos[env.goal_site_id]
        self._hammer = self.data.xpos[env.obj_body_id]

    def judge(self, actions: Array, height: float) -> tuple[float, bool]:
        """Return minus the mean cost of actions, (time, 26), and whether they succeed.

        The cost of a step asks first for the palm at the hammer, then for a lifted
        hammer, then for its head at the nail and the nail in the board.
        """
        self.model.body_pos[self.board, 2] = height
        self._reset(self.model, self.data)
        total, success = 0.0, False
        for control in self._center + np.clip(actions, -1, 1) * self._range:
            self.data.ctrl[:] = control
            self._step(self.model, self.data, 5)
            cost, success = self._cost()
            total += cost
        return -total / len(actions), success

    def _cost(self) -> tuple[float, bool]:
        hammer, head, nail = self._hammer, self._head, self._nail
        depth = _distance(nail, self._goal)
        height = min(hammer[2], head[2])
        lifted = min(max((height - 0.02) / 0.04, 0.0), 1.0)
        reach = lifted * _distance(head, nail) + (1 - lifted) * 0.35
        speed = self.data.qvel
        cost = (
            3 * max(_distance(self._palm, hammer) - 0.03, 0.0)
            - 10 * min(max(height, 0.0), 0.1)
            + 2 * reach
            + 30 * depth
            + 0.01 * float(speed.dot(speed)) ** 0.5
            - 5 * (depth < 0.01)
        )
        return cost, depth < 0.01


def find_plan(seed: int, log: Log, first: Search, second: Search) -> Array:
    """Find a plan for every height: first for the middle one, then how it varies.

    Args:
        seed: of all draws.
        log: takes a line about each round.
        first: constants of the search at the middle height.
        second: constants of the search at all heights.

    Returns:
        The plan, (2, 12, 26): knots at the middle height, and their change with the
        height, see :func:`plan_actions`.
    """
    rng = np.random.default_rng(seed)
    simulation = Simulation()
    plan = np.zeros((2, KNOTS, ACTIONS))
    for name, search, free in (("A", first, 1), ("B", second, 2)):
        plan[:free] = _search(plan[:free], search, rng, simulation, log, name)
    return plan


def plan_actions(plan: Array, height: float, steps: int) -> Array:
    """Return the actions of a plan at a height, (steps, 26), its last knot held."""
    low, high = HEIGHTS
    place = (2 * height - low - high) / (high - low)  # -1 lowest, 1 highest
    knots = plan[0] + place * (plan[1] if len(plan) > 1 else 0)
    time = np.arange(steps) / SPACING
    below = np.minimum(time.astype(int), KNOTS - 1)
    above = np.minimum(below + 1, KNOTS - 1)
    share = (time - time.astype(int))[:, None]
    return np.clip((1 - share) * knots[below] + share * knots[above], -1, 1)


def disturbance(rng: np.random.Generator, steps: int, noise: float) -> Array:
    """Return autoregressive noise (coefficient .7) of a standard deviation."""
    drawn = noise * rng.standard_normal((steps, ACTIONS))
    for step in range(1, steps):
        drawn[step] = 0.7 * drawn[step - 1] + 0.51**0.5 * drawn[step]
    return drawn


def _search(
    mean: Array,
    search: Search,
    rng: np.random.Generator,
    simulation: Simulation,
    log: Log,
    name: str,
) -> Array:
    """One search by the cross-entropy method, from a mean of any shape."""
    spread = np.full_like(mean, search.spread)
    for iteration in range(search.iterations):
        drawn = mean + spread * rng.standard_normal((search.population, *mean.shape))
        judged = [_judge(plan, search, rng, simulation) for plan in drawn]
        scores = np.array([score for score, _ in judged])
        best = drawn[np.argsort(-scores)[: search.elite]]
        keep = search.smoothing
        mean = keep * mean + (1 - keep) * best.mean(0)
        spread = np.maximum(keep * spread + (1 - keep) * best.std(0), search.floor)
        log(
            f"{name} {iteration:2d}: objective of the best "
            f"{np.sort(scores)[-search.elite :].mean():6.3f}, "
            f"success of all {np.mean([success for _, success in judged]):4.0%}"
        )
    return mean


def _judge(
    plan: Array, search: Search, rng: np.random.Generator, simulation: Simulation
) -> tuple[float, float]:
    """Mean objective and success of a plan, disturbed, over its heights."""
    low, high = HEIGHTS
    parts = search.heights
    places = (np.arange(parts) + (rng.random(parts) if parts > 1 else 0.5)) / parts
    found = []
    for height in low + (high - low) * places:
        actions = plan_actions(plan, height, search.horizon)
        noise = disturbance(rng, search.horizon, search.noise)
        found.append(simulation.judge(actions + noise, height))
    score, success = np.mean(found, axis=0)
    return float(score), float(success)


def _distance(a: Array, b: Array) -> float:
    x, y, z = a - b
    return float((x * x + y * y + z * z) ** 0.5)
