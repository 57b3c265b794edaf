"""Adroit Hammer and Door: imitate an expert that uses a robot hand."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from vsrnn.errors import VsrnnError, check_int, needs
from vsrnn.tasks._imitation import Imitation
from vsrnn.tasks._imitation import acting as acting
from vsrnn.tasks.adroit import DOOR, HAMMER, STEPS, Robot, play
from vsrnn.tasks.policy import FILES, Policy, load_policy
from vsrnn.tasks.task import Scale, register

EXPERT = Path(__file__).with_name("hammer.safetensors")
"""The policy that ``python -m experts`` in the repository found."""

TOGETHER = 50
"""Episodes that a policy plays at a time while data are made."""
ALONE = 4 * TOGETHER
"""Most episodes that are played in one process; more are shared out over the cores."""


SCALES = {
    "smoke": Scale(16, 8, 9, epochs=2, batch_size=8, played=2),
    "quick": Scale(50, 10, 10, epochs=100, batch_size=10, played=10),
    "paper": Scale(4_500, 250, 250, epochs=25, batch_size=64, played=100),
}


@register
class Hammer(Imitation):
    """Drive a nail into a board with a robot hand, by imitation of an expert.

    At each of 200 steps of 10 ms a model sees 46 numbers (joint angles, velocity of
    the hammer, positions of palm, hammer and nail, force on the nail) and gives 26
    joint angles to go to. It learns from episodes of an expert, by the mean squared
    error over all steps, and is then scored where its own actions lead: see
    :meth:`score`. Only the height of the board differs between episodes.

    Args:
        scale: "smoke", "quick" or "paper" (as published).
        source: what to imitate: "own", the expert of this package, also if absent; the
            name of a policy's file (.npz or .safetensors, see
            :class:`vsrnn.tasks.policy.Policy`), played here; or the name of a Minari
            data set, downloaded on first use, such as "D4RL/hammer/expert-v2".
        demonstrations: training episodes, if not those of the scale; fewer are the
            first of more.
        noise: factor of the noise that a policy played here adds to its actions, 0
            for none. The data have the noisy actions, as the published data do.
        data_seed: seed of boards and noise of what is played here, 0 or above.
        policy_dir: folder of the policy's file; default the environment variable
            VSRNN_POLICIES, else the working folder.
        cache: folder that keeps the data; default VSRNN_CACHE, else the platform's.
            Data sets of Minari are in MINARI_DATASETS_PATH where that is set.

    Raises:
        VsrnnError: an option has no such value, the data cannot be had or kept, or
            the packages that simulate the hand are not installed.

    >>> Hammer.inputs, Hammer.outputs, Hammer.steps
    (46, 26, 200)

    Source: protocol of arXiv 2509.15057 (Adroit Hammer).
    """

    name, label, robot = "hammer", "Hammer", HAMMER
    inputs, outputs, steps = HAMMER.inputs, HAMMER.outputs, STEPS
    generator = 1  # a change of the data that are made here changes this number
    scales = SCALES
    places, files = ("policy_dir", "cache"), ("policy_sha256",)
    expert: Path | None = EXPERT
    usual_source = "own"
    sources = (
        "'own', a policy's file (.npz or .safetensors), or the name of a Minari data "
        "set such as D4RL/hammer/expert-v2"
    )

    def __init__(
        self,
        scale: str = "quick",
        source: str | None = None,
        demonstrations: int | None = None,
        noise: float = 1.0,
        data_seed: int = 0,
        policy_dir: str | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        self._policy_dir = policy_dir
        if not (isinstance(noise, int | float) and 0 <= noise < math.inf):
            raise VsrnnError(f"noise must be a number >= 0, not {noise!r}")
        seed = check_int("data_seed", data_seed, 0)
        options = {"noise": float(noise), "data_seed": seed}
        super().__init__(scale, source, demonstrations, cache, **options)

    @classmethod
    def file_checksums(
        cls, source: str | None = None, policy_dir: str | None = None, **_: Any
    ) -> dict[str, str]:
        """Return the checksum of the policy that a source names, if it is one."""
        with suppress(VsrnnError):  # the file is not here
            if policy := cls._policy(str(source or cls.usual_source), policy_dir):
                return {"policy_sha256": policy.checksum}
        return {}

    @classmethod
    def _policy(cls, source: str, policy_dir: str | None) -> Policy | None:
        """The policy that a source names, or None for a data set."""
        if source == "own":
            path = cls.expert
        elif source.endswith(FILES):
            path = Path(policy_dir or os.environ.get("VSRNN_POLICIES") or "") / source
        else:
            return None
        if path is None:
            raise VsrnnError(f"the task {cls.name} has no expert of its own")
        return load_policy(path.expanduser(), cls.robot)

    @torch.no_grad()
    def score(self, model: nn.Module) -> dict[str, float]:
        """Let a model play, always the same episodes, and say how it did.

        All episodes advance together and the model keeps its state from step to
        step, which gives the same as reading the whole history again at every step,
        as was published. Where an action is not finite, the episode has failed.

        Args:
            model: with ``step(x, state)`` from (batch, inputs) to (batch, outputs).

        Returns:
            As :meth:`vsrnn.tasks.adroit.Played.scores`; "success" is the share of
            episodes with the nail within 1 cm of its goal, 0..1.
        """
        return play(self.robot, acting(model), self.played).scores()

    def _source(self, folder: Path) -> Callable[[], dict[str, Tensor]]:
        """What makes the tensors; the policy, if there is one, joins the provenance."""
        policy = self._policy(self.settings["source"], self._policy_dir)
        if policy is None:
            return super()._source(folder)
        self.provenance["policy_sha256"] = policy.checksum
        return lambda: self._played(policy)

    def _steps(self, name: str, episode: Any) -> tuple[Tensor, Tensor]:
        """As of every task that imitates; all episodes last as long."""
        seen, done = super()._steps(name, episode)
        if len(done) != self.steps:
            raise VsrnnError(
                f"{name} has an episode of {len(done)} steps, and those of {self.name} "
                f"have {self.steps}; name another data set"
            )
        return seen, done

    def _played(self, policy: Policy) -> dict[str, Tensor]:
        """Let a policy play all episodes; each split has seeds of its own."""
        noise, seed = self.settings["noise"], self.settings["data_seed"]
        with needs("experiments"):
            from joblib import Parallel, delayed
        parts = []
        for number, (split, size) in enumerate(self.sizes.items()):
            first = (3 * seed + number + 1) * 100_000
            some = range(first, first + size)
            parts += [(split, some[n : n + TOGETHER]) for n in range(0, size, TOGETHER)]
        jobs = -1 if sum(self.sizes.values()) > ALONE else 1
        how: Any = {"backend": "loky", "return_as": "generator"}
        calls = (delayed(_demonstrated)(self.robot, policy, s, noise) for _, s in parts)
        played = Parallel(jobs, **how)(calls)
        pairs: dict[str, list[Any]] = {split: [] for split in self.sizes}
        shown = tqdm(played, "playing", len(parts), leave=False, delay=1)
        for (split, _), pair in zip(parts, shown, strict=True):
            pairs[split].append(pair)
        return {
            f"{split}_{name}": torch.from_numpy(np.concatenate(own))
            for split, each in pairs.items()
            for name, own in zip(self.parts, zip(*each, strict=True), strict=True)
        }


def _demonstrated(
    robot: Robot, policy: Policy, seeds: range, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """What a policy sees and does in episodes of these seeds."""
    played = play(robot, policy.noisy(seeds, noise), seeds)
    return played.observations[:, :-1].astype(np.float32), played.actions


@register
class Door(Hammer):
    """Open a door with a robot hand, by imitation of an expert.

    As :class:`vsrnn.tasks.hammer.Hammer`, with the same options, 39 numbers to see and
    28 joint angles to give; an episode succeeds when the door is open by 1.35 rad. No
    expert comes with the package: the published data set of Minari is downloaded, or
    the option ``source`` names another or a policy's file.

    Source: protocol of arXiv 2509.15057 (Adroit Door).
    """

    name, label, robot, expert = "door", "Door", DOOR, None
    inputs, outputs = DOOR.inputs, DOOR.outputs
    usual_source = "D4RL/door/expert-v2"
    sources = f"a policy's file or the name of a Minari data set such as {usual_source}"
