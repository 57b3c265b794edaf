"""Gradual magnitude pruning: the smallest weights go, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work
from vsrnn.models import SparseModule

SCOPES = ("global", "matrix")
SCHEDULES = {"linear": 1, "cubic": 3}
"""Each schedule with the power of what is left to go."""


@dataclass(frozen=True)
class Magnitude(Method):
    r"""Remove the weights of least magnitude at the end of each epoch of a ramp.

    After epoch :math:`t` of the ramp from ``start`` to ``end`` the density is

    .. math::

        d_t = d + (d_0 - d) \left(1 - \frac{t - \mathrm{start} + 1}
        {\mathrm{end} - \mathrm{start} + 1}\right)^p

    with the density :math:`d_0` as drawn, the final one :math:`d`, and
    :math:`p = 1` (linear) or 3 (cubic). What is removed stays removed: it is in no
    count, product, optimizer state or saved file.

    Args:
        density: final share of entries that are weights, 0..1.
        scope: ``"global"`` compares all weights of the network; ``"matrix"`` prunes
            each matrix (of a block RNN: each block) to the density by itself, and
            leaves alone what is sparser already.
        schedule: ``"cubic"`` or ``"linear"``.
        start: first epoch at whose end weights are removed, from 1.
        end: last such epoch; if absent, three quarters of the run, rounded up.

    Raises:
        VsrnnError: an option is unknown or out of range.

    >>> Magnitude(density=0.1, schedule="linear").as_dict()
    {'name': 'magnitude', 'density': 0.1, 'schedule': 'linear'}

    Source: Zhu and Gupta 2017 (arXiv 1710.01878, equation 1), counted in epochs; the
    linear ramp as in Mackey et al. 2024 (arXiv 2406.06290).
    """

    name = "magnitude"
    density: float = 0.2
    scope: str = "global"
    schedule: str = "cubic"
    start: int = 1
    end: int | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.density, (int, float))
        if not number or not 0 <= self.density <= 1:
            raise VsrnnError(f"final density must lie in 0..1, not {self.density!r}")
        object.__setattr__(self, "density", float(self.density))
        for option, known in {"scope": SCOPES, "schedule": SCHEDULES}.items():
            if (value := getattr(self, option)) not in known:
                choice = " or ".join(known)
                raise VsrnnError(f"{option} must be {choice}, not {value!r}")
        object.__setattr__(self, "start", check_int("start", self.start, 1))
        if self.end is not None:
            object.__setattr__(self, "end", check_int("end", self.end, 1))
            if self.end < self.start:
                epochs = f"(epoch {self.end}) before it starts (epoch {self.start})"
                raise VsrnnError(f"pruning must not end {epochs}")

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Pruning:
        """Begin a run; raise where it has no masks or is shorter than the ramp."""
        if not isinstance(model, SparseModule):
            raise VsrnnError(
                "magnitude pruning needs a model with masks; choose a block or cell "
                f"design, not {type(model).__name__}"
            )
        end = -(-3 * epochs // 4) if self.end is None else self.end
        if not self.start <= end <= epochs:
            raise VsrnnError(
                f"pruning in epochs {self.start} to {end} does not fit a run of "
                f"{epochs} epochs; give another start, end or number of epochs"
            )
        return Pruning(self, model, end)


class Pruning(Work):
    """Magnitude pruning at work: see :class:`Magnitude`."""

    model: SparseModule

    def __init__(self, options: Magnitude, model: SparseModule, end: int) -> None:
        super().__init__(model)
        self.options, self.end = options, end
        entries, drawn = model.block_entries(), model.block_weights()
        if options.scope == "global":
            entries, drawn = ({"": sum(each.values())} for each in (entries, drawn))
        self.entries, self.drawn = entries, drawn

    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """Remove what the ramp takes after this epoch, if it is one of the ramp's."""
        if not self.options.start <= epoch <= self.end:
            return {}
        parts = {part: self.model.weight(part) for part in self.model.shapes}
        sizes = torch.cat([weight.detach().abs() for weight in parts.values()])
        keep = torch.zeros_like(sizes, dtype=torch.bool)
        for group, places in self._groups(sizes).items():
            number = min(len(places), self._number(group, epoch))
            keep[places[sizes[places].topk(number).indices]] = True
        kept = keep.split([len(weight) for weight in parts.values()])
        return {
            weight: self.model.rewire(part, self.model.index(part)[own])
            for (part, weight), own in zip(parts.items(), kept, strict=True)
        }

    def record(self) -> dict[str, Any]:
        """Return the weights left, in all and in each block."""
        left = self.model.block_weights()
        return {"weights": sum(left.values())} | {
            f"weights_{block}": number for block, number in left.items()
        }

    def _number(self, group: str, epoch: int) -> int:
        """How many weights of a group stay after an epoch."""
        entries, drawn = self.entries[group], self.drawn[group]
        ramp = self.end - self.options.start + 1
        share = 1 - (epoch - self.options.start + 1) / ramp
        final = min(drawn, self.options.density * entries)
        power = SCHEDULES[self.options.schedule]
        return round(final + (drawn - final) * share**power)

    def _groups(self, sizes: Tensor) -> dict[str, Tensor]:
        """Which weights, in the order of all parts, are compared with each other."""
        if self.options.scope == "global":
            return {"": torch.arange(len(sizes), device=sizes.device)}
        first, start = {}, 0
        for part in self.model.shapes:
            first[part], start = start, start + len(self.model.weight(part))
        blocks = self.model.block_places().items()
        return {block: first[part] + places for block, (part, places) in blocks}
