"""What tasks share that are learned from episodes of an expert, and then played."""

from __future__ import annotations

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

    A subclass says its sizes and scales, how it reads a Minari data set (``_read``),
    how it is played (``score``), and what else decides its data (``options``).
    """

    scales: dict[str, Scale]
    settings: dict[str, Any]
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
        named = str(source or self.usual_source)
        self.settings = {"source": named, "demonstrations": train} | options
        made_by = {"task": self.name, "generator": self.generator}
        data = {"made_with": versions(), "sizes": self.sizes}
        self.provenance = made_by | data | self.settings
        own = os.environ.get("MINARI_DATASETS_PATH") or cache_folder(cache) / "minari"
        build = self._source(Path(own))  # may add to the provenance
        self.keep(*cached(f"{self.name}-{scale}", self.provenance, build, cache))

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
    """Return a model, with ``step(x, state)``, as a policy that keeps its state."""
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
