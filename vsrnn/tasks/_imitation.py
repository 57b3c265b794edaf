"""What tasks share that are learned from episodes of an expert, and then played."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.tasks._cache import cache_folder, cached
from vsrnn.tasks._sequences import pad
from vsrnn.tasks.adroit import Act, Array, versions
from vsrnn.tasks.task import Scale, Task

PLAYED = range(100)
"""Seeds of the episodes that score a model; no data has them."""


class Imitation(Task):
    """A task: give the actions that an expert gave for what it saw.

    A subclass says its sizes and scales, how it is played (``score``), and what else
    decides its data (``options``).
    """

    scales: dict[str, Scale]
    settings: dict[str, Any]
    usual_source: str
    sources: str  # what can be named, in words
    parts = ("observations", "actions")
    batch_size, metric, score_label = 64, "success", "success rate"

    def __init__(
        self,
        scale: str,
        source: str | None,
        demonstrations: int | None,
        cache: str | os.PathLike[str] | None,
        **options: Any,
    ) -> None:
        size = self.take_scale(scale)
        given = size.train if demonstrations is None else demonstrations
        train = check_int("demonstrations", given, 1)
        self.played = PLAYED[: size.played]
        self.sizes |= {"train": train, "test": size.test or size.val}
        named = str(source or self.usual_source)
        self.settings = {"source": named, "demonstrations": train} | options
        made_by = {"task": self.name, "generator": self.generator}
        data = {"made_with": versions(), "sizes": self.sizes}
        self.provenance = made_by | data | self.settings
        own = os.environ.get("MINARI_DATASETS_PATH") or cache_folder(cache) / "minari"
        build = self._source(Path(own))  # may add to the provenance
        self.keep(*cached(f"{self.name}-{scale}", self.provenance, build, cache))

    def _source(self, folder: Path) -> Callable[[], dict[str, Tensor]]:
        """What makes the tensors, from a folder of Minari data sets."""
        return lambda: self._downloaded(self.settings["source"], folder)

    def _downloaded(self, name: str, folder: Path) -> dict[str, Tensor]:
        """Split a data set: validation, test, then training, which may be shorter."""
        if not re.fullmatch(r"[-\w]+(/[-\w]+)*-v\d+", name):
            raise VsrnnError(f"source must be {self.sources}, not {name!r}")
        download_episodes(name, folder)
        val, test = self.sizes["val"], self.scales[self.scale].test
        count = val + test + self.sizes["train"]
        episodes = load_episodes(name, count, folder, self._order)
        pairs = [self._steps(name, episode) for episode in episodes]
        longest = max(len(done) for _, done in pairs)
        rows = {"train": slice(val + test, None), "val": slice(val)}
        rows["test"] = slice(val, val + test) if test else rows["val"]
        parts = zip(self.parts, zip(*pairs, strict=True), (0, torch.nan), strict=True)
        return {
            f"{split}_{part}": pad(each[own], longest, gap)
            for part, each, gap in parts
            for split, own in rows.items()
        }

    def _order(self, total: int) -> Array:
        """In what order the episodes of a data set are taken."""
        return np.arange(total)

    def _steps(self, name: str, episode: Any) -> tuple[Tensor, Tensor]:
        """Observations before each action of an episode, and the actions, checked."""
        actions, fits = episode.actions, False
        with suppress(KeyError, IndexError, ValueError):  # no such goals, or none
            seen = self._flat(episode.observations)[:-1]
            shapes = (len(actions), self.inputs), (len(actions), self.outputs)
            fits = (seen.shape, actions.shape) == shapes
        if not fits:
            raise VsrnnError(
                f"{name} has no episodes with the {self.inputs} observations and "
                f"{self.outputs} actions of a step that {self.name} needs"
            )
        if not (np.isfinite(seen).all() and np.isfinite(actions).all()):
            raise VsrnnError(
                f"{name} has observations or actions that are not finite; no model can "
                "learn from them: name another data set"
            )
        return torch.from_numpy(seen).float(), torch.from_numpy(actions).float()

    def _flat(self, observations: Any) -> Array:
        """What the environment gives, as a model sees it, (..., inputs)."""
        return np.asarray(observations)


def acting(model: nn.Module) -> Act:
    """Return a model, with ``step(x, state)``, as a policy that keeps its state."""
    state = None

    def act(observations: Array) -> Array:
        nonlocal state
        seen = torch.from_numpy(observations.astype(np.float32))
        actions, state = model.step(seen, state)  # type: ignore[operator]
        return np.asarray(actions)

    return act


def download_episodes(name: str, folder: Path) -> None:
    """Download a data set of Minari unless it is whole; say first how large it is.

    An interrupted download goes on where it stopped. What cannot be had is refused.
    """
    files = ("metadata.json", "main_data.hdf5")  # each is put there when it is whole
    if all((folder / name / "data" / file).exists() for file in files):
        return
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # no warning of each attempt
    print(f"vsrnn: asking Minari for {name}", file=sys.stderr)
    try:
        with _minari(folder) as minari:
            known = minari.list_remote_datasets(prefix=name)
            if name in known:
                size = known[name].get("dataset_size", "an unknown number of")
                print(f"vsrnn: downloading {name}, {size} MB", file=sys.stderr)
                minari.download_dataset(name, force_download=True)
    except Exception as problem:  # of the HTTP library, and which that is varies
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        raise VsrnnError(
            f"cannot download {name} ({reason}); look after the network, or put a copy "
            f"of the data set into {folder}"
        ) from problem
    if name not in known:
        raise VsrnnError(
            f"Minari has no data set {name!r}; look for a slip in the name"
        )


def load_episodes(
    name: str, count: int, folder: Path, order: Callable[[int], Any] = range
) -> list[Any]:
    """Return the first episodes of a local data set, as ``order`` numbers them."""
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


@contextmanager
def _minari(folder: Path) -> Iterator[Any]:
    """Minari, with its data sets in a folder, and without its advice."""
    own = {"MINARI_DATASETS_PATH": str(folder)}
    with patch.dict(os.environ, own), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import minari

        yield minari
