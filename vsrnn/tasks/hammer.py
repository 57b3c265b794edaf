"""Adroit Hammer: imitate an expert that drives a nail with a robot hand."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError
from vsrnn.tasks._adroit import HAMMER, STEPS, Act, Array, play, versions
from vsrnn.tasks._cache import cache_folder, cached
from vsrnn.tasks._episodes import download_episodes, make_episodes, read_episodes
from vsrnn.tasks._policy import FILES, Policy, load_policy
from vsrnn.tasks.experts import EXPERT

VERSION = 1
"""Version of how data is made; a change of the data changes this number."""

PLAYED = range(100)
"""Seeds of the episodes that score a model; no data has them."""


@dataclass(frozen=True)
class Scale:
    """Episodes of each split, epochs, sequences in a batch, and episodes played."""

    train: int
    val: int
    test: int
    epochs: int
    batch_size: int
    played: int


SCALES = {
    "smoke": Scale(16, 8, 9, epochs=2, batch_size=8, played=2),
    "quick": Scale(50, 10, 10, epochs=100, batch_size=10, played=10),
    "paper": Scale(4_500, 250, 250, epochs=25, batch_size=64, played=100),
}
"""The sizes to choose from; "paper" is as published."""


class Hammer:
    """Drive a nail into a board with a robot hand, by imitation of an expert.

    At each of 200 steps of 10 ms a model sees 46 numbers (joint angles, velocity of
    the hammer, positions of palm, hammer and nail, force on the nail) and gives 26
    joint angles to go to. It learns from episodes of an expert, by the mean squared
    error over all steps, and is then scored where its own actions lead: see
    :meth:`score`. Only the height of the board differs between episodes.

    Args:
        scale: "smoke", "quick" or "paper".
        source: what to imitate. "own", the expert that comes with this package and
            the one imitated if no other is named; the
            name of a policy's file (.npz or .safetensors, of a network with two tanh
            layers: arrays W0 b0 W1 b1 W2 b2, in_shift in_scale out_shift out_scale
            and log_std), played here; or the name of a Minari data set, downloaded on
            first use, such as "D4RL/hammer/expert-v2".
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

    name, robot = "hammer", HAMMER
    expert: Path | None = EXPERT
    usual_source = "own"
    inputs, outputs, steps = HAMMER.inputs, HAMMER.outputs, STEPS
    batch_size, shuffle, metric = 64, True, "success"

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
        size = SCALES[scale]
        given = size.train if demonstrations is None else demonstrations
        train = _whole("demonstrations", given, 1)
        self.scale = scale
        self.epochs, self.batch_size = size.epochs, size.batch_size
        self.played = PLAYED[: size.played]
        self.sizes = {"train": train, "val": size.val, "test": size.test}
        self.options: dict[str, Any] = {
            "source": str(source or self.usual_source),
            "demonstrations": train,
            "noise": _factor("noise", noise),
            "data_seed": _whole("data_seed", data_seed, 0),
        }
        self.provenance: dict[str, Any] = {
            "task": self.name,
            "generator": VERSION,
            "made_with": versions(),
            "sizes": self.sizes,
            **self.options,
        }
        own = os.environ.get("MINARI_DATASETS_PATH") or cache_folder(cache) / "minari"
        build = self._source(policy_dir, Path(own))
        identity = f"{self.name}-{scale}", self.provenance
        self._data, self.checksum = cached(*identity, build, cache)
        self._variance = float(self._data["train_actions"].var((0, 1)).mean())

    def batch(self, split: str, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return observations and the expert's actions.

        Args:
            split: "train", "val" or "test".
            rows: a slice, or a LongTensor of row numbers.

        Returns:
            Inputs, (batch, 200, 46), and targets, (batch, 200, 26), both float32.
        """
        inputs = self._data[f"{split}_observations"][rows]
        # time first in memory, which is how recurrent networks read it
        inputs = inputs.transpose(0, 1).clone(memory_format=torch.contiguous_format)
        return inputs.transpose(0, 1), self._data[f"{split}_actions"][rows].clone()

    def loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the mean squared error over all steps and actions.

        Args:
            output: (batch, time, 26) actions; axes before these are kept, so outputs
                of many models give the loss of each.
            targets: (batch, time, 26), the expert's.
        """
        return (output - targets).square().mean((-3, -2, -1))

    def accuracy(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the share of the variance of the expert's actions that is explained.

        It is 1 - loss / variance over the training episodes, so noise in the data
        keeps it below 1, and a model worse than the mean action is below 0.

        Args:
            output: (batch, time, 26) actions; axes before these are kept.
            targets: (batch, time, 26), the expert's.
        """
        return 1 - self.loss(output, targets).double() / self._variance

    @torch.no_grad()
    def score(self, model: nn.Module) -> dict[str, float]:
        """Let a model play, always the same episodes, and say how it did.

        All episodes advance together and the model keeps its state from step to
        step, which gives the same as reading the whole history again at every step,
        as was published. Where an action is not finite, the episode has failed.

        Args:
            model: with ``step(x, state)`` from (batch, 46) to (batch, 26).

        Returns:
            "success", share of episodes with the nail within 1 cm of its goal, 0..1;
            "return", the mean sum of rewards, its deviation "return_sd", and
            "return_v2" with the slip of the reward mended; and "failed", the share
            of episodes with actions that are not finite.
        """
        return play(self.robot, acting(model), self.played).scores()

    def _source(self, policy_dir: str | None, folder: Path) -> Callable[[], Any]:
        """What makes the tensors; the policy, if there is one, joins the provenance."""
        source = self.options["source"]
        if source == "own":
            path = self.expert
        elif source.endswith(FILES):
            path = Path(policy_dir or os.environ.get("VSRNN_POLICIES") or "") / source
        else:
            return lambda: self._downloaded(source, folder)
        if path is None:
            raise VsrnnError(f"the task {self.name} has no expert of its own")
        policy = load_policy(path.expanduser(), self.robot)
        self.provenance["policy_sha256"] = policy.checksum
        return lambda: self._played(policy, folder)

    def _played(self, policy: Policy, folder: Path) -> dict[str, Tensor]:
        """Let a policy play all episodes; each split has seeds of its own."""
        noise, seed = self.options["noise"], self.options["data_seed"]
        made_by = repr((policy.checksum, noise, sorted(versions().items())))
        key = hashlib.sha256(made_by.encode()).hexdigest()
        made = {}
        for number, (split, size) in enumerate(self.sizes.items()):
            first = (3 * seed + number + 1) * 100_000
            name = f"vsrnn/{self.name}/{key[:8]}-{first}-{size}-v{VERSION}"
            seeds = range(first, first + size)
            make_episodes(name, self.robot, policy, seeds, noise, folder)
            made[split] = read_episodes(name, self.robot, size, folder)
        return _tensors(made)

    def _downloaded(self, name: str, folder: Path) -> dict[str, Tensor]:
        """Split a data set: validation, test, then training, which may be shorter."""
        download_episodes(name, folder)
        parts = read_episodes(name, self.robot, sum(self.sizes.values()), folder)
        val, test = self.sizes["val"], self.sizes["val"] + self.sizes["test"]
        rows = {
            "train": slice(test, None),
            "val": slice(val),
            "test": slice(val, test),
        }
        return _tensors(
            {split: (parts[0][rows], parts[1][rows]) for split, rows in rows.items()}
        )


def acting(model: nn.Module) -> Act:
    """Return a model as a policy that remembers its state from step to step.

    Args:
        model: with ``step(x, state)`` as :class:`vsrnn.BlockRNN` has it.
    """
    state = None

    def act(observations: Array) -> Array:
        nonlocal state
        seen = torch.from_numpy(observations.astype(np.float32))
        actions, state = model.step(seen, state)  # type: ignore[operator]
        return np.asarray(actions)

    return act


def _tensors(splits: dict[str, tuple[Array, Array]]) -> dict[str, Tensor]:
    """Episodes by split as tensors by name."""
    return {
        f"{split}_{name}": torch.from_numpy(array)
        for split, pair in splits.items()
        for name, array in zip(("observations", "actions"), pair, strict=True)
    }


def _whole(name: str, value: Any, least: int) -> int:
    """Return an option's value if it is an integer, not below the least."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise VsrnnError(f"{name} must be an integer >= {least}, not {value!r}")
    return value


def _factor(name: str, value: Any) -> float:
    """Return an option's value if it is a finite number, 0 or above."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise VsrnnError(f"{name} must be a number >= 0, not {value!r}")
    return float(value)
