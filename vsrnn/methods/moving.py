"""Moving weights while a network trains: some go, as many come, none is added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import ceil, cos, pi, prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work, with_masks
from vsrnn.models import SparseModule

LOOKS = 5
"""Batches before a move whose gradients are summed."""
WATCHED, CANDIDATES = 2**18, 4
"""Where a network has more entries than these, gradients are taken at so many random
empty ones for each weight to come, instead of at all."""


@dataclass(frozen=True)
class Moving(Method):
    """What the methods share that move weights at a constant budget.

    A run has so many moves, evenly spread over its first part. Each takes the weights
    of least magnitude away and adds as many elsewhere, which begin at 0, so the
    function changes only by what goes. All other weights keep their values and Adam's
    averages; those of new ones begin at 0, where Adam's next steps are up to three
    times its rate. A place that is given up in a move is not taken again in the same
    one, and the largest weight that each output reads from the hidden state stays.

    Args:
        moves: how many.
        stop: share of the run after which nothing moves.

    Raises:
        VsrnnError: an option is out of range.
    """

    moves: int = 20
    stop: float = 0.75

    def __post_init__(self) -> None:
        object.__setattr__(self, "moves", check_int("moves", self.moves, 1))
        object.__setattr__(self, "stop", part_of("stop", self.stop))

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Mover:
        """Begin a run; raise where the model has no masks."""
        own = with_masks(model, f"the method {self.name}")
        return Mover(self, own, seed)

    def exchanges(self, mover: Mover, progress: float) -> Iterable[Exchange]:
        """Say what moves.

        Args:
            mover: the method at work.
            progress: share of the moves that are made, 0..1.
        """
        raise NotImplementedError

    def followed(self, rewired: Rewired) -> Rewired:
        """What the optimizer is told of a move."""
        return rewired

    def scales(self, mover: Mover, sizes: Tensor, block: Tensor) -> Tensor:
        """What magnitudes are divided by before they are compared, ``(weights,)``."""
        return torch.ones_like(sizes)

    def worth(self, mover: Mover, places: Tensor, index: Tensor) -> Tensor:
        """How much new weights at these places promise: their gradients' size."""
        return mover.gradient[places].abs()


@dataclass(frozen=True)
class Trading(Moving):
    """Moves of a share of the weights.

    Args:
        moves, stop: see :class:`vsrnn.methods.moving.Moving`.
        share: of the weights, that the first move takes.
        schedule: ``"cosine"``, the share falls along a half cosine to 0; or
            ``"constant"``, for tasks that change.
        averages: False lets Adam's averages of all weights begin anew at each move.

    Raises:
        VsrnnError: an option is unknown or out of range.
    """

    share: float = 0.15
    schedule: str = "cosine"
    averages: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "share", part_of("share", self.share))
        if self.schedule not in ("cosine", "constant"):
            raise VsrnnError(
                f"schedule must be 'cosine' or 'constant', not {self.schedule!r}"
            )
        object.__setattr__(self, "averages", bool(self.averages))

    def within(
        self, mover: Mover, progress: float, drawn: float = 0.0
    ) -> Iterable[Exchange]:
        """Moves of as large a share in each block, which keeps its density."""
        for block, weights in mover.budget.items():
            taken = round(self.fading(progress) * weights)
            yield Exchange((block,), taken, (block,), drawn)

    def fading(self, progress: float) -> float:
        """The share that moves now."""
        if self.schedule == "constant":
            return self.share
        return self.share * (1 + cos(pi * progress)) / 2

    def followed(self, rewired: Rewired) -> Rewired:
        """As given, or with all places new, so that no averages go along."""
        if self.averages:
            return rewired
        return {weight: torch.full_like(s, -1) for weight, s in rewired.items()}


class Exchange(NamedTuple):
    """Weights that go from some blocks, and come to some blocks."""

    left: tuple[str, ...]
    taken: int
    reached: tuple[str, ...]
    drawn: float = 0.0
    """Share of the new ones that is drawn at random, not chosen by gradient."""


class Mover(Work):
    """A moving method at work: see :class:`Moving`.

    Places are positions in the matrices of all parts, one behind the other.

    Args:
        options: which.
        model: what is trained.
        seed: of what is drawn.
    """

    model: SparseModule

    def __init__(self, options: Moving, model: SparseModule, seed: int) -> None:
        super().__init__(model)
        self.options = options
        self.first, entries = {}, 0
        for part, shape in model.shapes.items():
            self.first[part], entries = entries, entries + prod(shape)
        device = model.fingerprint.device
        self.block = torch.zeros(entries, dtype=torch.long, device=device)
        self.unit = torch.zeros_like(self.block)
        self.places: dict[str, Tensor] = {}
        own, units = torch.arange(entries, device=device), 0
        for number, (name, region) in enumerate(model.regions.items()):
            shape, start = model.shapes[region.part], self.first[region.part]
            places = region.of(own[start : start + prod(shape)].view(shape))
            self.places[name] = places.flatten()
            self.block[self.places[name]] = number
            rows = torch.arange(units, units + len(places), device=device)
            self.unit[places] = rows[:, None]
            units += len(places)
        self.names = list(self.places)
        self.budget = dict(model.block_weights())
        self.drawn = self._means(*self.weights())
        self.random = torch.Generator("cpu").manual_seed(seed)
        self.made, self.number, self.total = 0, 0, 1
        self.gradient = torch.zeros(0, device=device)
        self.seen: Tensor | None = None
        self.twin: SparseModule | None = None

    def before_step(
        self, number: int, total: int, loss: Callable[[nn.Module], Tensor]
    ) -> None:
        """Sum gradients on the last batches before a move."""
        self.number, self.total = number, total
        if not self.over and number > self._due - LOOKS:
            self.look(loss)

    def after_step(self) -> Rewired:
        """Move, where it is time to."""
        if self.over or self.number < self._due:
            return {}
        rewired = self.move(self.made / self.options.moves)
        self.made += 1
        return rewired

    @property
    def over(self) -> bool:
        """Whether all moves are made."""
        return self.made >= self.options.moves

    @property
    def _due(self) -> int:
        """After which step the next move is, counted from 0."""
        when = (self.made + 1) / self.options.moves * self.options.stop
        return ceil(when * self.total) - 1

    def look(self, loss: Callable[[nn.Module], Tensor]) -> None:
        """Add the gradients on a batch, also at places that have no weight.

        Args:
            loss: gives that of a network on the batch.
        """
        if not any(own.drawn < 1 for own in self._exchanges()):
            return
        if self.seen is None:
            self.seen = self._candidates()
            self.gradient = self.block.new_zeros(len(self.block), dtype=self.dtype)
        twin = self._refreshed(self.seen)
        with torch.enable_grad():
            loss(twin).backward()
        for part, own in self._split(self.seen).items():
            grad = twin.weight(part).grad
            assert grad is not None
            self.gradient[self.first[part] + own] += grad
        twin.zero_grad()

    def _refreshed(self, seen: Tensor) -> SparseModule:
        """A network of the same function that also has weights, of 0, at these places.

        It serves all looks before a move, since its layout takes as long as a pass.
        """
        if self.twin is None:
            self.twin = deepcopy(self.model)
            for part, own in self._split(seen).items():
                self.twin.rewire(part, own)
        ours, parts = dict(self.model.named_parameters()), self._split(seen)
        with torch.no_grad():
            for name, other in self.twin.named_parameters():
                part = name.removeprefix("weight_")
                if part in parts:
                    where = torch.searchsorted(parts[part], self.model.index(part))
                    other.zero_()[where] = ours[name]
                else:
                    other.copy_(ours[name])
        return self.twin

    def move(self, progress: float) -> Rewired:
        """Move weights now.

        Args:
            progress: share of the moves that are made, 0..1.
        """
        index, weights = self.weights()
        kept = torch.ones_like(index, dtype=torch.bool)
        empty = torch.ones_like(self.block, dtype=torch.bool)
        empty[index] = False
        block = self.block[index]
        sizes = weights.abs() / self.options.scales(self, weights.abs(), block)
        sizes[self._floors(index, weights)] = torch.inf
        new = []
        for own in self._exchanges(progress):
            room = torch.cat([self.places[name] for name in own.reached])
            room = room[empty[room]]
            there = self._inside(block, own.left) & kept & sizes.isfinite()
            candidates = there.nonzero()[:, 0]
            number = min(own.taken, len(candidates), len(room))
            least = sizes[candidates].topk(number, largest=False).indices
            kept[candidates[least]] = False
            chosen = self._grown(own, room, index, number)
            empty[chosen] = False
            new.append(chosen)
        self.seen, self.twin, self.gradient = None, None, self.gradient[:0]
        after = torch.cat([index[kept], *new]).sort().values
        rewired = {
            self.model.weight(part): self.model.rewire(part, own)
            for part, own in self._split(after).items()
            if not torch.equal(own, self.model.index(part))
        }
        return self.options.followed(rewired)

    def record(self) -> dict[str, Any]:
        """Return the weights in all, and in each block."""
        now = self.model.block_weights()
        each = {f"weights_{block}": number for block, number in now.items()}
        return {"weights": sum(now.values())} | each

    def state_dict(self) -> dict[str, Any]:
        """Return how many moves are made, what is drawn next and gradients so far."""
        drawn = {"random": self.random.get_state(), "made": self.made}
        return drawn | {"seen": self.seen, "gradient": self.gradient}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.made, device = state["made"], self.block.device
        self.random.set_state(state["random"].cpu())
        self.gradient, seen = state["gradient"].to(device), state["seen"]
        self.seen = None if seen is None else seen.to(device)

    def weights(self) -> tuple[Tensor, Tensor]:
        """Places and values of all weights, ``(weights,)`` each; copies."""
        index = {part: self.model.index(part) for part in self.first}
        places = [self.first[part] + own for part, own in index.items()]
        values = [self.model.weight(part).detach() for part in index]
        return torch.cat(places), torch.cat(values)

    def means(self) -> Tensor:
        """Mean magnitude in each block now, in the order of blocks."""
        return self._means(*self.weights())

    def fan_in(self, places: Tensor, index: Tensor) -> Tensor:
        """How many of the weights at an index each place's unit has in its block."""
        count = torch.bincount(self.unit[index], minlength=int(self.unit.max()) + 1)
        return count[self.unit[places]]

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.model.weight(next(iter(self.first))).dtype

    def _means(self, index: Tensor, weights: Tensor) -> Tensor:
        block, size = self.block[index], len(self.names)
        total: Tensor = weights.new_zeros(size).index_add_(0, block, weights.abs())
        return total / torch.bincount(block, minlength=size).clamp(min=1)

    def _exchanges(self, progress: float | None = None) -> list[Exchange]:
        done = self.made / self.options.moves if progress is None else progress
        return list(self.options.exchanges(self, done))

    def _inside(self, block: Tensor, names: Iterable[str]) -> Tensor:
        """Which of these places are in blocks of these names."""
        chosen = torch.zeros(len(self.names), dtype=torch.bool, device=block.device)
        chosen[[self.names.index(name) for name in names]] = True
        return chosen[block]

    def _floors(self, index: Tensor, weights: Tensor) -> Tensor:
        """The largest weight that each output reads from the hidden state."""
        part, rows, _ = self.model.regions[self.model.readout[-1]]
        inside = self._inside(self.block[index], self.model.readout[-1:])
        own = inside.nonzero()[:, 0]
        row = (index[own] - self.first[part]) // self.model.shapes[part][1] - rows.start
        most = weights.new_zeros(len(rows))
        most.scatter_reduce_(0, row, weights[own].abs(), "amax")
        return own[weights[own].abs() >= most[row]]

    def _grown(self, own: Exchange, room: Tensor, index: Tensor, number: int) -> Tensor:
        """Places for so many new weights, of those that have room."""
        if own.drawn < 1:
            assert self.seen is not None, "look before a move"
            seen = torch.zeros_like(self.block, dtype=torch.bool)
            seen[self.seen] = True
            watched = room[seen[room]]
            best = min(number - round(own.drawn * number), len(watched))
            worth = self.options.worth(self, watched, index)
            chosen = watched[worth.topk(best).indices]
        else:
            chosen = room[:0]
        left = torch.ones_like(self.block, dtype=torch.bool)
        left[chosen] = False
        room = room[left[room]]
        return torch.cat([chosen, self._some(room, number - len(chosen))])

    def _some(self, places: Tensor, number: int) -> Tensor:
        """So many of the places, at random."""
        order = torch.randperm(len(places), generator=self.random)
        return places[order[:number].to(places.device)]

    def _candidates(self) -> Tensor:
        """Places of all weights, and the empty ones whose gradients are of interest."""
        if len(self.block) <= WATCHED:
            return torch.arange(len(self.block), device=self.block.device)
        index, _ = self.weights()
        empty = torch.ones_like(self.block, dtype=torch.bool)
        empty[index] = False
        found = [index]
        for own in self._exchanges():
            room = torch.cat([self.places[name] for name in own.reached])
            found.append(self._some(room[empty[room]], CANDIDATES * own.taken))
        return torch.cat(found).unique()

    def _split(self, places: Tensor) -> dict[str, Tensor]:
        """Rising places of each part, in its own matrix."""
        shapes = self.model.shapes
        ends = {part: start + prod(shapes[part]) for part, start in self.first.items()}
        return {
            part: places[(places >= start) & (places < ends[part])] - start
            for part, start in self.first.items()
        }


def part_of(option: str, value: Any) -> float:
    """A share above 0, at most 1.

    Raises:
        VsrnnError: the value is none.
    """
    if not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise VsrnnError(f"{option} must lie above 0 and at most at 1, not {value!r}")
    return float(value)


def target(
    budget: int,
    shares: Mapping[str, float],
    least: Mapping[str, int],
    most: Mapping[str, int],
) -> dict[str, int]:
    """Whole numbers of weights near shares of a budget, between limits.

    Raises:
        VsrnnError: the limits leave no such numbers.
    """
    total = sum(shares.values())
    wanted = {name: budget * share / total for name, share in shares.items()}
    bounded = {n: min(max(round(w), least[n]), most[n]) for n, w in wanted.items()}
    while rest := budget - sum(bounded.values()):
        step = 1 if rest > 0 else -1
        able = [
            name
            for name, number in bounded.items()
            if least[name] <= number + step <= most[name]
        ]
        if not able:
            raise VsrnnError(
                f"{budget} weights do not fit blocks of {sum(most.values())} places "
                f"that need {sum(least.values())} at least"
            )
        open_ = sum(shares[name] for name in able) or 1
        for name in able:
            part = max(1, int(abs(rest) * shares[name] / open_))
            part = min(part, abs(budget - sum(bounded.values())))
            limit = most[name] if step > 0 else least[name]
            bounded[name] += step * min(part, abs(limit - bounded[name]))
    return bounded
