"""What tasks share that are learned from episodes of an expert, and then played."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.tasks._cache import cache_folder, cached
from vsrnn.tasks._episodes import NAME, download_episodes
from vsrnn.tasks.adroit import Act, Array, versions
from vsrnn.tasks.task import Scale, Task

PLAYED = range(100)
"""Seeds of the episodes that score a model; no data has them."""


class Imitation(Task):
    """A task: give the actions that an expert gave for what it saw.

    A task of its own says its sizes, its scales, how it reads a Minari data set
    (``_read``) and how it is played (``score``).

    Args:
        scale: "smoke", "quick" or "paper".
        source: what to imitate, the task's usual source if absent.
        demonstrations: training episodes, if not those of the scale.
        cache: folder that keeps the data.
        **options: others of the task, which decide its data.
    """

    scales: dict[str, Scale]
    parts = ("observations", "actions")
    usual_source: str
    sources: str
    batch_size, metric, score_label = 64, "success", "success rate"

    def __init__(
        self,
        scale: str,
        source: str | None,
        demonstrations: int | None,
        cache: str | os.PathLike[str] | None,
        **options: Any,
    ) -> None:
        size = self.scales[scale]
        given = size.train if demonstrations is None else demonstrations
        train = check_int("demonstrations", given, 1)
        self.scale = scale
        self.epochs, self.batch_size = size.epochs, size.batch_size
        self.played = PLAYED[: size.played]
        self.sizes = {"train": train, "val": size.val, "test": size.test or size.val}
        self.settings: dict[str, Any] = {
            "source": str(source or self.usual_source),
            "demonstrations": train,
            **options,
        }
        self.provenance: dict[str, Any] = {
            "task": self.name,
            "generator": self.generator,
            "made_with": versions(),
            "sizes": self.sizes,
            **self.settings,
        }
        own = os.environ.get("MINARI_DATASETS_PATH") or cache_folder(cache) / "minari"
        build = self._source(Path(own))
        identity = f"{self.name}-{scale}", self.provenance
        self.keep(*cached(*identity, build, cache))

    def _read(self, name: str, count: int, folder: Path) -> tuple[Array, Array]:
        """So many observations and actions of a local Minari data set, float32."""
        raise NotImplementedError

    def _source(self, folder: Path) -> Callable[[], dict[str, Tensor]]:
        """What makes the tensors, from a folder of Minari data sets."""
        return lambda: self._downloaded(self.settings["source"], folder)

    def _downloaded(self, name: str, folder: Path) -> dict[str, Tensor]:
        """Split a data set: validation, test, then training, which may be shorter."""
        if not NAME.fullmatch(name):
            raise VsrnnError(f"source must be {self.sources}, not {name!r}")
        download_episodes(name, folder)
        val, test = self.sizes["val"], self.scales[self.scale].test
        seen, done = self._read(name, val + test + self.sizes["train"], folder)
        rows = {
            "train": slice(val + test, None),
            "val": slice(val),
            "test": slice(val, val + test) if test else np.arange(val),  # a copy
        }
        return tensors({split: (seen[row], done[row]) for split, row in rows.items()})


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


def tensors(splits: dict[str, tuple[Array, Array]]) -> dict[str, Tensor]:
    """Episodes by split as tensors by name."""
    return {
        f"{split}_{name}": torch.from_numpy(array)
        for split, pair in splits.items()
        for name, array in zip(("observations", "actions"), pair, strict=True)
    }


def factor(name: str, value: Any) -> float:
    """Return an option's value if it is a finite number, 0 or above."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise VsrnnError(f"{name} must be a number >= 0, not {value!r}")
    return float(value)
