"""RigL: small weights go, and come back where gradients in their block are large."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vsrnn.methods.moving import Exchange, Mover, Trading


@dataclass(frozen=True)
class RigL(Trading):
    """Move weights within their blocks to where the loss asks for some.

    New ones go to the empty places of the block where the gradient of the loss, summed
    over the last batches before the move, is largest. Each block keeps its density. See
    :class:`vsrnn.methods.moving.Trading` for the options.

    Source: Evci et al. 2020 (arXiv 1911.11134); theirs is the gradient of one batch.
    """

    name = "rigl"

    def exchanges(self, mover: Mover, progress: float) -> Iterable[Exchange]:
        """Say what moves: in each block as large a share."""
        return self.within(mover, progress)
