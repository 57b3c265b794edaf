"""Franka Kitchen: imitate people who move a robot arm through a kitchen."""

from __future__ import annotations

import os
from copy import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from vsrnn.errors import check_int
from vsrnn.tasks._imitation import Imitation, acting
from vsrnn.tasks.adroit import Array, make_environment, quietly
from vsrnn.tasks.task import Scale, register

MIXED = {
    "smoke": Scale(8, 5, 5, epochs=2, batch_size=4, played=2),
    "quick": Scale(50, 10, 10, epochs=50, batch_size=10, played=10),
    "paper": Scale(501, 60, 60, epochs=50, batch_size=64, played=100),
}
COMPLETE = {
    "smoke": Scale(8, 4, 0, epochs=2, batch_size=4, played=2),
    "quick": Scale(15, 4, 0, epochs=50, batch_size=64, played=10),
    "paper": Scale(15, 4, 0, epochs=50, batch_size=64, played=100),
}


@register
class KitchenMixed(Imitation):
    """Do four things in a kitchen with a robot arm, by imitation of people.

    At each step (80 ms) a model sees 59 positions and velocities of the arm and of
    the things, then where the bottom burner, the kettle, the light switch and the
    microwave are (12 numbers) and where they should be (12 more), 83 in all. It gives
    nine joint velocities. Episodes have different lengths: behind its end an episode
    reads zeros and has no targets (NaN); in a batch longer ones weigh more, as
    published. All splits are drawn at random from the data set, as published.

    Args:
        source: name of a Minari data set, downloaded on first use; if absent the
            published one, version 2, of 621 episodes.
        data_seed: seed of the draw, 0 or above.
        scale, demonstrations, cache: as for :class:`vsrnn.tasks.hammer.Hammer`.

    Raises:
        VsrnnError: as for the hammer, or the data are not of this task.

    >>> KitchenMixed.inputs, KitchenMixed.outputs
    (83, 9)

    Source: protocol of arXiv 2509.15057 (Franka Kitchen).
    """

    name, label = "kitchen-mixed", "Kitchen, mixed"
    metric, score_label = "return", "mean return"
    goals = ("bottom burner", "kettle", "light switch", "microwave")
    kinds: tuple[str, ...] = ("achieved_goal", "desired_goal")
    inputs, outputs, steps = 83, 9, 450
    scales, generator = MIXED, 1
    usual_source = "D4RL/kitchen/mixed-v2"
    sources = f"the name of a Minari data set such as {usual_source}"

    def __init__(
        self,
        scale: str = "quick",
        source: str | None = None,
        demonstrations: int | None = None,
        data_seed: int = 0,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        options = {"data_seed": check_int("data_seed", data_seed, 0)}
        super().__init__(scale, source, demonstrations, cache, **options)

    @torch.no_grad()
    def score(self, model: nn.Module) -> dict[str, float]:
        """Let a model play, as :meth:`vsrnn.tasks.hammer.Hammer.score` does.

        A step's reward is the number of things that are where they should be. As where
        the data are from, an episode has 450 steps (complete: 280), whatever is
        reached.

        Returns:
            "return", the mean over episodes of the summed reward, which is the score,
            and its deviation "return_sd"; "goals", mean number of things (0..4) that
            were right at some step; "failed", the share of episodes with an action
            that is not finite (it and all later ones are zeros then).
        """
        act = acting(model)
        episodes, first = zip(*map(self._start, self.played), strict=True)
        seen = np.stack(first)  # (episodes, inputs)
        rewards = np.zeros((len(episodes), self.steps))
        failed = np.zeros(len(episodes), bool)
        for step in range(self.steps):
            actions = act(seen)
            failed |= ~np.isfinite(actions).all(1)
            actions = np.where(failed[:, None], 0, actions)
            for n, episode in enumerate(episodes):
                now, rewards[n, step], *_ = episode.step(actions[n])
                seen[n] = self._flat(now)
        returns = rewards.sum(1)
        reached = [len(episode.episode_task_completions) for episode in episodes]
        return {
            "return": float(returns.mean()),
            "return_sd": float(returns.std()),
            "goals": float(np.mean(reached)),
            "failed": float(failed.mean()),
        }

    def _order(self, total: int) -> Array:
        """Episodes are drawn at random."""
        rng = np.random.default_rng(self.settings["data_seed"])
        return rng.permutation(total)

    def _flat(self, observations: dict[str, Any]) -> Array:
        """What the environment gives, as a model sees it, (..., inputs)."""
        goals = [observations[kind][goal] for kind in self.kinds for goal in self.goals]
        return np.concatenate([observations["observation"], *goals], axis=-1)

    def _start(self, seed: int) -> tuple[Any, Array]:
        """An episode, which is an environment that shares its model, and its start."""
        env = make_kitchen(self.goals, self.steps).unwrapped
        seen, _ = env.reset(seed=seed)
        episode, episode.robot_env = copy(env), copy(env.robot_env)
        episode.data = episode.robot_env.data = copy(env.data)
        episode.episode_task_completions = []
        return episode, self._flat(seen)


@register
class KitchenBlind(KitchenMixed):
    """As :class:`vsrnn.tasks.kitchen.KitchenMixed`, with 71 numbers to see.

    Those are without the twelve for where the four things are, which the 59 positions
    and velocities hold, too.
    """

    name, label = "kitchen-blind", "Kitchen, blind"
    kinds, inputs = ("desired_goal",), 71


@register
class KitchenComplete(KitchenMixed):
    """Do four things, with the slide cabinet in the place of the burner.

    As :class:`vsrnn.tasks.kitchen.KitchenMixed`, with 81 numbers to see (the cabinet
    has one where the burner has two) and 280 steps in an episode that is played. The
    data set has 19 episodes, and in all of them people do the four things: 15 train,
    and the four of validation are those of the test, too, as published.
    """

    name, label = "kitchen-complete", "Kitchen, complete"
    inputs, steps = 81, 280
    goals = ("kettle", "light switch", "microwave", "slide cabinet")
    scales = COMPLETE
    usual_source = "D4RL/kitchen/complete-v2"


def make_kitchen(goals: tuple[str, ...], steps: int) -> Any:
    """Return the kitchen of the data sets: rewards at every step, and no early end."""
    with quietly():
        from gymnasium_robotics.envs.franka_kitchen import franka_env
    # its own, of gymnasium-robotics 1.4.2, recognizes no type of joint with MuJoCo 4
    franka_env.robot_get_obs = robot_joints
    keep = {"remove_task_when_completed": False, "terminate_on_tasks_completed": False}
    options = {"tasks_to_complete": goals} | keep
    return make_environment("FrankaKitchen-v1", steps, **options)


def robot_joints(model: Any, data: Any, names: list[str]) -> tuple[Array, Array]:
    """Return positions and velocities of the joints of the robot among those named."""
    joints = [model.joint(name) for name in names if name.startswith("robot")]
    positions = data.qpos[[joint.qposadr[0] for joint in joints]]
    return positions, data.qvel[[joint.dofadr[0] for joint in joints]]
