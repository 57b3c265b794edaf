"""Across blocks: all weights compete, so a network finds densities of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from vsrnn.errors import VsrnnError
from vsrnn.methods.moving import Exchange, Mover, Trading

NORMS = ("mean", "raw", "deviation", "fan_in")


@dataclass(frozen=True)
class Across(Trading):
    """Move weights from wherever they do little to wherever the loss asks for some.

    All blocks, or matrices of a cell, share one pool, so their densities change. What
    goes is decided by magnitudes, which blocks have on scales of their own, and what
    comes by gradients.

    Args:
        moves, stop, share, schedule, averages: see
            :class:`vsrnn.methods.moving.Trading`.
        norm: how magnitudes of different blocks are compared: ``"mean"``, divided by
            the block's mean; ``"raw"``, as they are; ``"deviation"``, divided by the
            mean that the block was drawn with; ``"fan_in"``, as ``"mean"``, and
            gradients divided by the number of weights that the unit has in the block.
        random: share of the new weights that is drawn at random from all empty places.

    Raises:
        VsrnnError: an option is unknown or out of range.

    Source: Yuan et al. 2022 (arXiv 2210.14012), who take as many from each layer and
    distribute them by gradients of all.
    """

    name = "across"
    norm: str = "mean"
    random: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in NORMS:
            known = " or ".join(map(repr, NORMS))
            raise VsrnnError(f"norm must be {known}, not {self.norm!r}")
        if not isinstance(self.random, (int, float)) or not 0 <= self.random <= 1:
            raise VsrnnError(f"random must lie in 0..1, not {self.random!r}")
        object.__setattr__(self, "random", float(self.random))

    def exchanges(self, mover: Mover, progress: float) -> Iterable[Exchange]:
        """Say what moves: a share of all weights."""
        taken = round(self.fading(progress) * sum(mover.budget.values()))
        blocks = tuple(mover.budget)
        yield Exchange(blocks, taken, blocks, self.random)

    def scales(self, mover: Mover, sizes: Tensor, block: Tensor) -> Tensor:
        """The mean magnitude of each weight's block, now or as it was drawn."""
        if self.norm == "raw":
            return super().scales(mover, sizes, block)
        means = mover.drawn if self.norm == "deviation" else mover.means()
        return torch.where(means > 0, means, 1)[block]

    def worth(self, mover: Mover, places: Tensor, index: Tensor) -> Tensor:
        """Gradients, by the weights that the unit has in the block if asked for."""
        worth = super().worth(mover, places, index)
        if self.norm == "fan_in":
            worth = worth / mover.fan_in(places, index).clamp(min=1)
        return worth
