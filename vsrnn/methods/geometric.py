"""Moduli regularization: a weight costs what the distance of its two units says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.random import SeedSequence
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work, with_masks
from vsrnn.methods.spaces import INHIBITORS, SIDE, SPACES, TRAINED, Space
from vsrnn.models import SparseModule
from vsrnn.models.sparse import Places

KNOWN = {
    "space": tuple(SPACES),
    "inhibitor": tuple(INHIBITORS),
    "control": ("", "permuted", "uniform"),
    "power": (1, 2),
    **dict.fromkeys(("rescaled", "trained", "published"), (False, True)),
}
RATE, PUBLISHED_RATE = 1e-3, 1e-4
"""Of the Adam that trains points."""


@dataclass(frozen=True)
class Geometric(Method):
    r"""Give hidden units places in a space, and make weights between some of them dear.

    Each unit :math:`i` of a hidden layer gets a random point :math:`z_i`, and the loss
    gains for each hidden-to-hidden matrix of :math:`E` entries

    .. math::

        \frac{\lambda}{E} \sum_{ij} C_{ij} |w_{ij}|^p, \qquad C_{ij} = f(d(z_i, z_j))

    which is a mean: what a single weight pays falls with the size of the network. The
    gates of a GRU or LSTM share :math:`C`; each layer has its own. Masks stay as they
    are; another method, such as magnitude pruning, takes the weights away.

    Args:
        space: ``"torus"``, ``"klein"``, ``"circle"``, ``"sphere"``, ``"s3"``,
            ``"torus6"``, ``"mixed"`` (sphere and torus), or, if trained, ``"r3"`` and
            ``"r9"``.
        inhibitor: the cost. ``"dog"``, a difference of Gaussians upside down, is 0 at
            a distance of 0.89 and high at 0 and far away; ``"gauss"`` is low near by,
            ``"diffusion"`` the squared distance, ``"ripple"`` a wave.
        weight: lambda.
        power: p, 1 or 2.
        control: ``"permuted"`` shuffles all entries of C, so costs stay and the space
            goes; ``"uniform"`` puts their mean everywhere.
        rescaled: multiply distances so that as many pairs are cheap, below half the
            maximum, as on a torus of ever more units (13.7 % with ``"dog"``).
        trained: the points are trained as well, by an Adam of their own.
        others: weight of the mean size of the weights of every other matrix.
        published: as the published code does: the maximum is the largest of the drawn
            pairs, ``"ripple"`` is inverted, ``"uniform"`` costs nothing, trained points
            move at a tenth of our rate with gradients times 0.99 to the power of the
            epoch, and rest in the last ten epochs.
        seed: of points and permutation; if absent, the run's.
        points: places of your own instead of drawn ones, ``(units, coordinates)``.

    Raises:
        VsrnnError: an option is unknown or out of range.

    On a network of one's own, with ``work.after_step()`` behind each step if trained:

    >>> import vsrnn
    >>> model = vsrnn.MaskedCell(2, 64, 1, cell="relu")
    >>> work = vsrnn.get_method("geometric", space="torus").begin(model, epochs=5)
    >>> loss = model(torch.ones(3, 7, 2))[0].square().mean() + work.penalty()

    Source: Mackey et al. 2024 (arXiv 2406.06290) and its code.
    """

    name = "geometric"
    space: str = "torus"
    inhibitor: str = "dog"
    weight: float = 0.1
    power: int = 1
    control: str = ""
    rescaled: bool = False
    trained: bool = False
    others: float = 0.0
    published: bool = False
    seed: int | None = None
    points: Sequence[Sequence[float]] | None = None

    def __post_init__(self) -> None:
        for option, known in KNOWN.items():
            if (value := getattr(self, option)) not in known:
                choice = ", ".join(map(repr, known))
                raise VsrnnError(f"{option} must be one of {choice}, not {value!r}")
            object.__setattr__(self, option, type(known[0])(value))
        for option in ("weight", "others"):
            value = getattr(self, option)
            if not isinstance(value, (int, float)) or not 0 <= value < inf:
                raise VsrnnError(f"{option} must be a number from 0, not {value!r}")
            object.__setattr__(self, option, float(value))
        if self.seed is not None:
            object.__setattr__(self, "seed", check_int("seed", self.seed, 0))
        if self.points is not None:
            object.__setattr__(self, "points", _rows(self.points))
        if not (self.trained or SPACES[self.space].bounded):
            raise VsrnnError(f"points in {self.space} must be trained; set trained")
        if self.rescaled and self.inhibitor not in ("dog", "gauss"):
            raise VsrnnError(
                f"rescaled is for the inhibitors dog and gauss, not {self.inhibitor}"
            )

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Penalty:
        """Begin a run; raise where the model has no masks or its weights are NaN."""
        own = with_masks(model, "geometric regularization")
        work = (TrainedPenalty if self.trained else Penalty)(self, own, epochs, seed)
        if not work.penalty().isfinite():
            raise VsrnnError(
                "the geometric penalty is NaN or infinite before the first step; "
                "begin with finite weights, or lower the option weight"
            )
        return work

    def embed(self, units: int, seed: int = 0, layer: int = 0) -> Embedding:
        """Draw the places of a layer's units, as a run of this seed does.

        >>> embedding = Geometric(space="klein").embed(256)
        >>> costs, cheap = embedding.pairs()
        >>> embedding.points.shape, costs.shape
        (torch.Size([256, 2]), torch.Size([256, 256]))
        """
        # a stream apart from the numbers that models draw from the same seed
        stream = SeedSequence([seed if self.seed is None else self.seed, layer])
        generator = torch.Generator().manual_seed(int(stream.generate_state(1)[0]))
        space = (SPACES | TRAINED if self.trained else SPACES)[self.space]
        points = space.draw(units, generator)
        if self.points is not None:
            points = torch.tensor(self.points, dtype=points.dtype)
            if len(points) != units:
                raise VsrnnError(
                    f"{units} units need as many points, not {len(points)}"
                )
        entries = units**2 if self.control == "permuted" else 0
        order = torch.randperm(entries, generator=generator)
        factor = self._factor(space.distances(points)) if self.rescaled else 1.0
        return Embedding(self, space, points, order, factor)

    def cost(self, distances: Tensor) -> tuple[Tensor, Tensor]:
        """What pairs at these distances cost, and which are cheap."""
        inhibitor = INHIBITORS[self.inhibitor]
        value, most = inhibitor.of(distances), inhibitor.most
        top = value.max() if self.published or most is None else most
        if inhibitor.inverted or (self.published and self.inhibitor == "ripple"):
            value = (top - value).clamp(min=0)
        return value, value < top / 2

    def _factor(self, distances: Tensor) -> float:
        """What makes as many pairs of different units cheap as on a torus."""

        def share(apart: Tensor) -> float:
            return self.cost(apart)[1].double().mean().item()

        line = (torch.arange(1000) + 0.5) * SIDE / 2000
        wanted = share(torch.hypot(line[:, None], line))
        apart = distances[~torch.eye(len(distances), dtype=torch.bool)]
        factor = 100.0  # where hardly any pair is near enough
        for finer in (1.2, 1.02, 1.001):
            while share(factor * apart) < wanted:
                factor /= finer
            factor *= finer
        return factor / finer


def _rows(points: Any) -> tuple[tuple[float, ...], ...]:
    """Points as tuples, which have a hash."""
    try:
        array = np.asarray(points, float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise VsrnnError("points are finite numbers of shape (units, coordinates)")
    return tuple(map(tuple, array.tolist()))


@dataclass
class Embedding:
    """Places of a layer's units, ``(units, coordinates)``: its ``points``."""

    options: Geometric
    space: Space
    points: Tensor
    order: Tensor
    factor: float

    def pairs(self) -> tuple[Tensor, Tensor]:
        """What a weight costs, and whether it is cheap, both ``(units, units)``.

        Cheap is less than half the maximum; of a uniform control, before the mean.
        """
        distances = self.factor * self.space.distances(self.points)
        costs, cheap = self.options.cost(distances)
        if self.options.control == "permuted":
            costs, cheap = (m.flatten()[self.order].view_as(m) for m in (costs, cheap))
        if self.options.control == "uniform":
            mean = 0 * costs.mean() if self.options.published else costs.mean()
            costs = mean.expand_as(costs)
        return costs, cheap

    def to(self, like: Tensor) -> Embedding:
        """The same on the device and of the type of a tensor."""
        points = self.points.to(like)
        return replace(self, points=points, order=self.order.to(like.device))


class Penalty(Work):
    """Moduli regularization at work: see :class:`Geometric`.

    Attributes:
        embeddings: of each hidden-to-hidden matrix, by its name.
    """

    model: SparseModule

    def __init__(
        self, options: Geometric, model: SparseModule, epochs: int, seed: int
    ) -> None:
        super().__init__(model)
        self.options, self.epochs = options, epochs
        self.embeddings: dict[str, Embedding] = {}
        for block, (part, _, columns) in model.regions.items():
            if block.startswith("hh"):
                own = options.embed(len(columns), seed, len(self.embeddings))
                self.embeddings[block] = own.to(model.weight(part).detach())
        self.seen: Places | None = None

    def penalty(self) -> Tensor:
        """Return what the weights pay that there are."""
        self._follow()
        paid = []
        for block, rates in self.rates.items():
            size = self.model.weight(self.model.regions[block].part).abs()
            square = self.options.power == 2 and block in self.embeddings
            paid.append(torch.dot(rates, size.square() if square else size))
        return torch.stack(paid).sum()

    @torch.no_grad()
    def record(self) -> dict[str, Any]:
        """Return the share of hidden weights on cheap pairs, and the rate of a weight.

        That is what the penalty gains with the size of a weight of mean cost (p = 1).
        """
        self._follow()
        left, rates = [], []
        for block, embedding in self.embeddings.items():
            costs, cheap = embedding.pairs()
            *_, pair, entries = self.places[block]
            left.append(cheap.flatten()[pair])
            rates.append(self.options.weight * costs.mean().item() / entries)
        every = torch.cat(left).double()
        share = every.mean().item() if len(every) else None
        return {"cheap": share, "penalty_per_weight": sum(rates) / len(rates)}

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: fixed points stay."""
        return {}

    def _rates(self) -> dict[str, Tensor]:
        """What each weight of a part pays for its size, 0 outside the block."""
        rates = {}
        for block, (part, own, pair, entries) in self.places.items():
            empty = torch.zeros_like(self.model.weight(part).detach())
            if block in self.embeddings:
                costs, _ = self.embeddings[block].pairs()
                values = self.options.weight / entries * costs.flatten()[pair]
                rates[block] = empty.scatter(0, own, values.to(empty))
            elif self.options.others:
                rates[block] = empty.scatter(0, own, self.options.others / entries)
        return rates

    def _follow(self) -> None:
        """Look up what each weight pays, anew whenever weights came or went."""
        if self.seen is self.model.places:
            return
        self.seen = self.model.places
        self.places: dict[str, tuple[str, Tensor, Tensor, int]] = {}
        entries = self.model.block_entries()
        for block, (part, own, row, column) in self.model.block_ends().items():
            units = len(self.model.regions[block].columns)
            pair = row % units * units + column  # of every gate
            self.places[block] = part, own, pair, entries[block]
        self.rates = self._rates()


class TrainedPenalty(Penalty):
    """The same with points that move after each step to where the penalty is less."""

    def __init__(
        self, options: Geometric, model: SparseModule, epochs: int, seed: int
    ) -> None:
        super().__init__(options, model, epochs, seed)
        points = [each.points.requires_grad_() for each in self.embeddings.values()]
        rate = PUBLISHED_RATE if options.published else RATE
        self.optimizer, self.epoch = torch.optim.Adam(points, rate), 0
        if options.published:
            for own in points:
                own.register_hook(lambda gradient: gradient * 0.99**self.epoch)

    def penalty(self) -> Tensor:
        """Return what the weights pay where the points are now."""
        self._follow()
        self.rates = self._rates()
        return super().penalty()

    def after_step(self) -> Rewired:
        """Move the points by the gradients that the penalty left in them."""
        if not (self.options.published and self.epoch >= self.epochs - 10):
            self.optimizer.step()
        self.optimizer.zero_grad()
        return {}

    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """Count epochs."""
        self.epoch = epoch
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return where the points are now, and their optimizer's state."""
        points = [own.points.detach() for own in self.embeddings.values()]
        state = {"points": points, "optimizer": self.optimizer.state_dict()}
        return state | {"epoch": self.epoch}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Move the points there."""
        for own, points in zip(self.embeddings.values(), state["points"], strict=True):
            own.points.copy_(points)
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
