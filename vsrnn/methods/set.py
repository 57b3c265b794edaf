"""SET: small weights go, and come back at random places of the same block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vsrnn.methods.moving import Exchange, Mover, Trading


@dataclass(frozen=True)
class Set(Trading):
    """Move weights within their blocks to places drawn at random.

    Each block keeps its density. See :class:`vsrnn.methods.moving.Trading` for the
    options.

    >>> import torch, vsrnn
    >>> model = vsrnn.BlockRNN(vsrnn.Geometry(46, 80, 26, 0.2))
    >>> before = model.index("state")
    >>> rewired = vsrnn.get_method("set").begin(model, epochs=1).move(progress=0)
    >>> len(model.index("state")) == len(before), torch.isin(
    ...     model.index("state"), before).float().mean().item() < 0.9
    (True, True)

    Source: Mocanu et al. 2018 (arXiv 1707.04780), with another schedule.
    """

    name = "set"

    def exchanges(self, mover: Mover, progress: float) -> Iterable[Exchange]:
        """Say what moves: in each block as large a share."""
        return self.within(mover, progress, drawn=1)
