"""Gradual pruning: the weights of least magnitude, or score, go epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work, with_masks
from vsrnn.methods.scores import SCORES, score_weights
from vsrnn.models import SparseModule

SCOPES = ("global", "matrix")
SCHEDULES = {"linear": 1, "cubic": 3}
"""Each schedule with the power of what is left to go."""


@dataclass(frozen=True)
class Magnitude(Method):
    r"""Remove the weights of least magnitude at the end of each epoch of a ramp.

    After pruning :math:`k` of :math:`n` the density is

    .. math::

        d_k = d + (d_0 - d) \left(1 - \frac{k}{n}\right)^p

    with the density :math:`d_0` as drawn, the final one :math:`d`, and
    :math:`p = 1` (linear) or 3 (cubic). What is removed stays removed: it is in no
    count, product, optimizer state or saved file. (``torch.nn.utils.prune`` compares
    weights likewise, in one shot, and keeps the dense matrix beside its mask.)

    Args:
        density: final share of entries that are weights, 0..1, or such a share for
            each matrix by name, which leaves all other matrices alone.
        scope: ``"global"`` compares all weights of the network; ``"matrix"`` prunes
            each matrix (of a block RNN: each block) to the density by itself, and
            leaves alone what is sparser already.
        schedule: ``"cubic"`` or ``"linear"``.
        start: first epoch of the ramp, from 1; weights are removed at its end.
        end: last such epoch; if absent, three quarters of the run, rounded up. One
            equal to ``start`` prunes in one shot.
        prunings: how often, after equal numbers of epochs if the ramp has such, the
            last time after ``end``; if absent, after every epoch.
        score: what the weights are compared by: ``"magnitude"``, or another of
            :data:`vsrnn.methods.scores.SCORES`, which look at hidden states, too.
        protect: matrices left alone, by name; the density is that of the others.

    Raises:
        VsrnnError: an option is unknown or out of range.

    >>> Magnitude(density=0.1, schedule="linear").as_dict()
    {'name': 'magnitude', 'density': 0.1, 'schedule': 'linear'}

    Source: Zhu and Gupta 2017 (arXiv 1710.01878, equation 1), counted in epochs.
    Mackey et al. 2024 (arXiv 2406.06290) prune dense networks for navigation with
    ``schedule="linear", start=1, end=epochs - 1``: the last epoch trains at the final
    density.
    """

    name = "magnitude"
    density: float | Mapping[str, float] | tuple[tuple[str, float], ...] = 0.2
    scope: str = "global"
    schedule: str = "cubic"
    start: int = 1
    end: int | None = None
    prunings: int | None = None
    score: str = "magnitude"
    protect: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        density: Any = self.density
        given: Any = self.protect
        names = given if isinstance(given, (tuple, list)) else [given]
        if isinstance(density, (Mapping, tuple)):
            pairs = sorted(dict(density).items())  # which have a hash, unlike a dict
            density = tuple((matrix, _share(value)) for matrix, value in pairs)
            object.__setattr__(self, "scope", "matrix")
        else:
            density = _share(density)
        object.__setattr__(self, "density", density)
        object.__setattr__(
            self, "protect", tuple(sorted({str(name) for name in names}))
        )
        if self.protect and isinstance(density, tuple):
            raise VsrnnError(
                "densities by matrix leave all other matrices alone; "
                "give them without protect"
            )
        choices: dict[str, Any] = {"scope": SCOPES, "schedule": SCHEDULES}
        for option, known in (choices | {"score": SCORES}).items():
            if (value := getattr(self, option)) not in known:
                choice = " or ".join(known)
                raise VsrnnError(f"{option} must be {choice}, not {value!r}")
        object.__setattr__(self, "start", check_int("start", self.start, 1))
        for option in ("end", "prunings"):
            if (value := getattr(self, option)) is not None:
                object.__setattr__(self, option, check_int(option, value, 1))
        if self.end is not None and self.end < self.start:
            epochs = f"(epoch {self.end}) before it starts (epoch {self.start})"
            raise VsrnnError(f"pruning must not end {epochs}")

    def as_dict(self) -> dict[str, Any]:
        """As every method's; densities by matrix are a dict."""
        given = super().as_dict()
        if isinstance(self.density, tuple):
            given["density"] = dict(self.density)
        return given

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Pruning:
        """Begin a run; raise where the ramp or a matrix does not fit it."""
        own = with_masks(model, "magnitude pruning")
        end = -(-3 * epochs // 4) if self.end is None else self.end
        if not self.start <= end <= epochs:
            raise VsrnnError(
                f"pruning in epochs {self.start} to {end} does not fit a run of "
                f"{epochs} epochs; give another start, end or number of epochs"
            )
        ramp = end - self.start + 1
        if self.prunings is not None and self.prunings > ramp:
            raise VsrnnError(
                f"{self.prunings} prunings do not fit a ramp of {ramp} epochs, one "
                "after each at most; give fewer, or another start or end"
            )
        return Pruning(self, own, end)

    def densities(self, model: SparseModule) -> dict[str, float]:
        """Return the final density of each matrix of a model that is pruned.

        Raises:
            VsrnnError: the model has no matrix of a name.
        """
        if isinstance(self.density, (int, float)):
            final = dict.fromkeys(model.regions, self.density)
        else:
            final = dict(self.density)
        if unknown := {*final, *self.protect} - model.regions.keys():
            raise VsrnnError(
                f"there is no matrix {min(unknown)!r} to prune or protect; "
                f"the model has {', '.join(model.regions)}"
            )
        return {part: d for part, d in final.items() if part not in self.protect}


class Group(NamedTuple):
    """Matrices whose weights are compared with each other."""

    matrices: list[str]
    drawn: int
    final: float

    def weights(self, left: float) -> int:
        """How many stay while a share of what is to go is left."""
        return round(self.final + (self.drawn - self.final) * left)


class Pruning(Work):
    """Magnitude pruning at work: see :class:`Magnitude`."""

    model: SparseModule

    def __init__(self, options: Magnitude, model: SparseModule, end: int) -> None:
        super().__init__(model)
        entries, drawn = model.block_entries(), model.block_weights()
        densities = options.densities(model)
        whole = options.scope == "global"
        self.score, self.groups = options.score, []
        compared = [list(densities)] if whole else [[each] for each in densities]
        for matrices in filter(None, compared):
            number = sum(drawn[each] for each in matrices)
            final = densities[matrices[0]] * sum(entries[each] for each in matrices)
            self.groups.append(Group(matrices, number, min(number, final)))
        before, power = options.start - 1, SCHEDULES[options.schedule]
        ramp = end - before
        number = options.prunings or ramp
        self.left = {
            before + k * ramp // number: (1 - k / number) ** power
            for k in range(1, number + 1)
        }
        """Share of what is to go that is left after each epoch that prunes."""
        emptied = {m for g in self.groups if not g.weights(0) for m in g.matrices}
        readout = {each for each in model.readout if drawn[each]}
        if readout and readout <= emptied:
            raise VsrnnError(
                f"this density leaves no weight to read the output from, in "
                f"{' or '.join(model.readout)}; give a higher one, or protect a matrix"
            )

    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """Remove what the ramp takes after this epoch, if it is one of the ramp's."""
        if epoch not in self.left:
            return {}
        parts = {part: self.model.weight(part) for part in self.model.shapes}
        own, scores = self._places(), torch.cat(list(parts.values())).detach()
        for matrix, score in score_weights(self.model, self.score, inputs).items():
            scores[own[matrix]] = score
        keep = torch.ones_like(scores, dtype=torch.bool)
        for group in self.groups:
            places = torch.cat([own[each] for each in group.matrices]).sort().values
            number = min(len(places), group.weights(self.left[epoch]))
            keep[places] = False
            keep[places[scores[places].topk(number).indices]] = True
        kept = keep.split([len(weight) for weight in parts.values()])
        return {
            weight: self.model.rewire(part, self.model.index(part)[left])
            for (part, weight), left in zip(parts.items(), kept, strict=True)
        }

    def record(self) -> dict[str, Any]:
        """Return the weights left, in all and in each block."""
        left = self.model.block_weights()
        return {"weights": sum(left.values())} | {
            f"weights_{block}": number for block, number in left.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the ramp is that of the beginning."""
        return {}

    def _places(self) -> dict[str, Tensor]:
        """The weights of each matrix, by their places in the order of all parts."""
        first, start = {}, 0
        for part in self.model.shapes:
            first[part], start = start, start + len(self.model.weight(part))
        return {
            matrix: first[part] + places
            for matrix, (part, places) in self.model.block_places().items()
        }


def _share(density: Any) -> float:
    if not isinstance(density, (int, float)) or not 0 <= density <= 1:
        raise VsrnnError(f"final density must lie in 0..1, not {density!r}")
    return float(density)
