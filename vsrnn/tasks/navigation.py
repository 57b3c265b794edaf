"""Path integration: where does a walk through a square box lead?"""

from __future__ import annotations

from functools import cache
from math import asinh, pi, sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from vsrnn.errors import VsrnnError, check_int
from vsrnn.tasks._cache import checksum, take
from vsrnn.tasks.task import SPLITS, Scale, Task, Training, register

HALF, SECONDS = 1.1, 0.02  # of the box's sides [m], of a step
SPEED, TURN = 0.26 * pi, 11.52  # scale [m/s], standard deviation [rad/s]
BORDER, SLOWER = 0.03, 0.25  # how near a wall a walk turns [m], and how it slows down

SCALES = {
    "smoke": Scale(128, 100, 100, epochs=2, batch_size=64),
    "quick": Scale(6_400, 1_000, 1_000, epochs=18, batch_size=64),
    "paper": Scale(200_000, 1_000, 1_000, epochs=30, batch_size=200),
}
"""The sizes to choose from; "paper" is as published."""


@register
class Navigation(Task):
    """Path integration in a box: tell from its moves where a walk is.

    A walk starts anywhere in a box of 2.2 m x 2.2 m, in any direction. Each of its
    steps (20 ms) has a speed from a Rayleigh distribution; then it turns by a normal
    one. Within 3 cm of a wall that it faces, a walk moves at a quarter of its speed,
    and turns until it is parallel to the wall.

    Place cells, whose centers lie anywhere in the box, tell a place: a softmax over
    cells of -r²/2σ², r the distance to a cell's center, minus one of twice the
    variance, shifted to 0 or more and scaled to a sum of 1. A network reads that code
    of the start at the first step and, after it, the two coordinates [m] of each step's
    move; a masked cell with as many inputs of its option ``start`` as there are cells
    begins with it. It learns by cross-entropy the code of where each step leads. Its
    score is an error, the lower the better: the distance [cm] of that place from the
    mean center of the three most active cells.

    Training walks are fresh in every epoch, and the same whatever a run's seed.

    Args:
        scale: "smoke", "quick" or "paper".
        steps: of a walk, 30 if absent.
        scaled: whether the code is multiplied by the number of cells, to a mean of 1,
            and moves by 10, as they are if absent: learning from small inputs starts
            late.
        data_seed: of the walks, 0 or above.

    Raises:
        VsrnnError: an option has no such value.

    >>> inputs, targets = Navigation("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape  # 128 cells and a move; places [m]
    (torch.Size([9, 30, 130]), torch.Size([9, 30, 2]))

    Source: scaled down from arXiv 2406.06290, see :class:`Navigation512`; σ is 24 cm,
    which fits a quarter of its cells.
    """

    name, label, score_label = "navigation", "Navigation", "position error [cm]"
    inputs, outputs, steps, width, scaled = 130, 128, 30, 0.24, True
    measure = metric = "error"
    lower_is_better = True
    chance = 100 * HALF * (sqrt(2) + asinh(1)) / 3  # of answering the middle
    shuffle, training = False, Training(weight_decay=0.01)
    scales, generator, places = SCALES, 1, ()
    parts = ("path", "path")

    def __init__(
        self,
        scale: str = "quick",
        steps: int | None = None,
        scaled: bool | None = None,
        data_seed: int = 0,
    ) -> None:
        self.take_scale(scale)
        self.steps = check_int("steps", self.steps if steps is None else steps, 1)
        self.scaled = self.scaled if scaled is None else scaled
        if self.scaled not in (True, False):
            raise VsrnnError(f"the option scaled is true or false, not {scaled!r}")
        self.seed = check_int("data_seed", data_seed, 0)
        data = {f"{split}_path": self._paths(split) for split in SPLITS}
        self.keep(data, checksum(data))
        own = {"steps": self.steps, "scaled": self.scaled, "data_seed": self.seed}
        self.provenance = {"task": self.name, "generator": 1, "sizes": self.sizes} | own

    def renew(self, epoch: int) -> None:
        """Take the training walks of an epoch."""
        self._data["train_path"] = self._paths("train", epoch)

    def batch(self, split: str, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return what is read on walks, and where steps lead, (batch, steps, 2) [m]."""
        path = take(self._data[f"{split}_path"], rows)
        cells, moves = self.outputs, path.diff(dim=1).transpose(0, 1)
        # time first in memory, which is how recurrent networks read it
        inputs = torch.zeros(self.steps, len(path), self.inputs)
        inputs[0, :, :cells] = self.code(path[:, 0]) * (cells if self.scaled else 1)
        inputs[..., cells:] = moves * (10 if self.scaled else 1)
        return inputs.transpose(0, 1), path[:, 1:].clone()

    def code(self, places: Tensor) -> Tensor:
        """Return how active the place cells are, (..., cells), at places, (..., 2)."""
        centers = place_cells(self.outputs, places.device) / self.width
        # -r²/2σ², but for what is the same for all cells
        near = linear(places / self.width, centers, -centers.square().sum(1) / 2)
        active = near.softmax(-1) - (near / 2).softmax(-1)  # of sum 0
        return (1 - active / active.amin(-1, keepdim=True)) / self.outputs

    def decode(self, active: Tensor) -> Tensor:
        """Return the mean center of the three most active cells."""
        left, most = active.clone(), []
        for _ in range(3):  # takes half the time of `topk`
            most.append(left.argmax(-1, keepdim=True))
            left.scatter_(-1, most[-1], -torch.inf)
        return place_cells(self.outputs, active.device)[torch.cat(most, -1)].mean(-2)

    def loss(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of outputs and the code of places."""
        each = (self.code(targets) * output.log_softmax(-1)).sum(-1)
        return -each.mean((-2, -1))

    def accuracy(self, output: Tensor, targets: Tensor) -> Tensor:
        """Return the mean distance of places from those that outputs tell [cm]."""
        return _error(self.decode(output), targets)

    def score(self, model: nn.Module) -> dict[str, float]:
        """Return the test's errors of true codes, of the start, and of the middle."""
        path = self._data["test_path"]
        start, places, middle = path[:, :1], path[:, 1:], torch.zeros(2)
        floor = self.decode(self.code(places))
        answers = {"floor": floor, "stay": start, "centre": middle}
        return {name: float(_error(a, places)) for name, a in answers.items()}

    def _paths(self, split: str, epoch: int = 1) -> Tensor:
        rng = np.random.default_rng([self.seed, SPLITS.index(split), epoch])
        return torch.from_numpy(walk(rng, self.sizes[split], self.steps))


@register
class Navigation512(Navigation):
    """Path integration as published: 512 place cells, σ 12 cm, inputs as they are.

    Otherwise as :class:`Navigation`, with its options; walks have 50 steps.

    Source: protocol of arXiv 2406.06290.
    """

    name, label = "navigation-512", "Navigation, 512 cells"
    inputs, outputs, steps, width, scaled = 514, 512, 50, 0.12, False


def walk(rng: np.random.Generator, number: int, steps: int) -> np.ndarray:
    """Walk through the box: places (number, 1 + steps, 2) float32, its middle is 0."""
    path = np.empty((number, 1 + steps, 2), np.float32)
    at = rng.uniform(-HALF, HALF, (number, 2))
    heading = rng.uniform(0, 2 * pi, number)
    path[:, 0] = at
    for step in range(1, steps + 1):
        gaps = HALF - np.abs(at)
        axis = gaps.argmin(1)  # of the nearest wall
        wall = axis * pi / 2 + pi * (at[np.arange(number), axis] < 0)  # direction to it
        off = (heading - wall + pi) % (2 * pi) - pi
        facing = (gaps.min(1) < BORDER) & (np.abs(off) < pi / 2)
        move = SECONDS * rng.rayleigh(SPEED, number) * np.where(facing, SLOWER, 1)
        at += move[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
        heading += np.where(facing, np.copysign(pi / 2, off) - off, 0)
        heading += SECONDS * rng.normal(0, TURN, number)
        path[:, step] = at
    return path


@cache
def place_cells(number: int, device: torch.device) -> Tensor:
    """Centers of place cells, (number, 2); the 512 are the published ones."""
    centers = np.random.RandomState(0).uniform(-HALF, HALF, (2, number))
    return torch.from_numpy(centers.T).to(device, torch.float32)


def _error(answers: Tensor, places: Tensor) -> Tensor:
    """Mean distance [cm]."""
    return 100 * (answers - places).norm(dim=-1).double().mean((-2, -1))
