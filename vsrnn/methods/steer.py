"""Steering: weights move until blocks have the shares that one wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from vsrnn.errors import VsrnnError
from vsrnn.methods.method import with_masks
from vsrnn.methods.moving import Exchange, Mover, Moving, target
from vsrnn.models import SparseModule


@dataclass(frozen=True)
class Steer(Moving):
    """Move weights between blocks towards shares of the budget that are given.

    Blocks with too many give up their least weights, those with too few get new ones
    where gradients are largest, in equal steps; afterwards nothing moves.

    Args:
        moves: in how many steps.
        stop: share of the run in which that is done.
        hidden: hidden proportion to reach, 0..1. Blocks of the readout keep their
            weights, and those that read inputs or outputs share the rest as before.
        shares: instead of that, shares of the budget by block; blocks that are left
            out get none.

    Raises:
        VsrnnError: neither or both are given, or they are no shares.

    >>> Steer(hidden=0.5).as_dict()
    {'name': 'steer', 'hidden': 0.5}
    """

    name = "steer"
    stop: float = 0.3
    hidden: float | None = None
    shares: Mapping[str, float] | tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.shares
        pairs = tuple(sorted(dict(given).items()))  # which have a hash, unlike a dict
        object.__setattr__(self, "shares", pairs)
        if (self.hidden is None) == (not pairs):
            raise VsrnnError(
                "steering is to a hidden proportion or to shares; give one"
            )
        wanted = [value for _, value in pairs] if pairs else [self.hidden]
        for value in wanted:
            if not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise VsrnnError(f"a share to steer to lies in 0..1, not {value!r}")
        if pairs and not sum(value for _, value in pairs) > 0:
            raise VsrnnError("shares to steer to must not all be 0")

    def as_dict(self) -> dict[str, Any]:
        """As every method's; shares are a dict."""
        given = super().as_dict()
        return given | ({"shares": dict(self.shares)} if self.shares else {})

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Steering:
        """Begin a run; raise where the shares do not fit the model."""
        return Steering(self, with_masks(model, "steering"), seed)

    def exchanges(self, mover: Mover, progress: float) -> Iterable[Exchange]:
        """Say what moves: of what is missing to the goal, an equal part a move."""
        assert isinstance(mover, Steering)
        now = mover.model.block_weights()
        missing = {block: mover.goal[block] - now[block] for block in now}
        left = max(1, round((1 - progress) * self.moves))
        short = {block: each for block, each in missing.items() if each > 0}
        rest = sum(short.values())
        going = -(-rest // left)  # rounded up
        steps = target(going, short, dict.fromkeys(short, 0), short) if going else {}
        over = {block: -each for block, each in missing.items() if each < 0}
        for reached, wanted in steps.items():
            for block in over:
                taken = min(over[block], wanted)
                over[block], wanted = over[block] - taken, wanted - taken
                if taken:
                    yield Exchange((block,), taken, (reached,))


class Steering(Mover):
    """Steering at work: see :class:`Steer`."""

    def __init__(self, options: Steer, model: SparseModule, seed: int) -> None:
        super().__init__(options, model, seed)
        entries, drawn = model.block_entries(), self.budget
        least = dict.fromkeys(drawn, 0)
        least[model.readout[-1]] = len(self._floors(*self.weights()))
        shares = self._shares(options)
        total = sum(drawn.values()) / sum(shares.values())
        for block, share in shares.items():
            if share * total > entries[block] + 1:
                raise VsrnnError(
                    f"block {block} has {entries[block]} places and would need "
                    f"{share * total:.0f}; steer to less of it"
                )
        self.goal = target(sum(drawn.values()), shares, least, entries)

    def _shares(self, options: Steer) -> dict[str, float]:
        """Of each block, to its weights."""
        weights, given = self.budget, dict(options.shares)
        if unknown := given.keys() - weights.keys():
            raise VsrnnError(
                f"there is no block {min(unknown)!r} to steer; "
                f"the model has {', '.join(weights)}"
            )
        if given:
            return {block: given.get(block, 0.0) for block in weights}
        assert options.hidden is not None
        inner = {b for b in weights if b.startswith("hh")}
        outer = {b for b in weights if b.startswith(("hx", "hy", "ih"))}
        sums = [sum(weights[block] for block in each) for each in (inner, outer)]
        if not all(sums):
            raise VsrnnError(
                "steering to a hidden proportion needs weights in hidden blocks and in "
                "those that read inputs; give shares"
            )
        both = sum(sums)
        factors = {
            **dict.fromkeys(inner, options.hidden * both / sums[0]),
            **dict.fromkeys(outer, (1 - options.hidden) * both / sums[1]),
        }
        return {block: n * factors.get(block, 1.0) for block, n in weights.items()}
