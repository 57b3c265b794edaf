"""Denoising: weights that are pruned or rounded at every step, and still learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work, with_masks
from vsrnn.models import SparseModule

ESTIMATORS = ("linear", "affine", "straight")


@dataclass(frozen=True)
class Denoise(Method):
    r"""Keep all weights, compute with few or rough ones, and mend what that spoils.

    At every step the weights of least magnitude of each matrix count as 0, and the rest
    may be rounded. With the weights :math:`x` of a row, divided by their root mean
    square, and what became of them :math:`q`, the network computes with the ridge
    regression of the former on the latter, times what it was divided by:

    .. math::

        g(q) = \frac{\overline{q x}}{\overline{q^2} + \lambda}\, q \qquad
        g(q) = \frac{\mathrm{Cov}(q, x)}{\mathrm{Var}(q) + \lambda}\,
            (q - \bar q) + \bar x

    (linear and affine). What was lost, :math:`q - x`, is noise to gradients, which pass
    through :math:`q` and through the means, so weights that count as 0 learn, too, and
    come back when they grow. After the last epoch the weights that count are the ones
    that exist; of the affine form that is all of them.

    Args:
        density: share of each matrix's entries that counts, 0..1.
        group: 0 compares all weights of a matrix; 4 for instance those of each four
            neighbors in a row, so that with a density of .5 two of four count (N:M).
        levels: 0 for no rounding, else to how many values: 3 are -1, 0 and 1, 16 those
            of 4 bits, times a factor a row.
        estimator: ``"linear"``, ``"affine"``, or ``"straight"``: the network computes
            with q itself, and gradients pass as if it were x (straight-through).
        ridge: the :math:`\lambda` above.
        protect: matrices left alone, by name.

    Raises:
        VsrnnError: an option is unknown or out of range.

    >>> Denoise(density=0.5, group=4, levels=3).as_dict()
    {'name': 'denoise', 'density': 0.5, 'group': 4, 'levels': 3}

    Source: Ye et al. (arXiv 2409.09245), whose ridge is .01 throughout; from a third
    party's account of the formulas. For sparsity alone they are applied to the pruned
    weights as they are; dividing by the root mean square is ours, since initial weights
    of .05 are small beside that ridge.
    """

    name = "denoise"
    density: float = 0.2
    group: int = 0
    levels: int = 0
    estimator: str = "linear"
    ridge: float = 0.01
    protect: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        given: Any = self.protect
        names = given if isinstance(given, (tuple, list)) else [given]
        protect = tuple(sorted({str(name) for name in names}))
        object.__setattr__(self, "protect", protect)
        for name in ("group", "levels"):
            object.__setattr__(self, name, check_int(name, getattr(self, name), 0))
        if not isinstance(self.density, (int, float)) or not 0 < self.density <= 1:
            raise VsrnnError(f"the density lies in 0..1, above 0, not {self.density!r}")
        if self.levels == 1:
            raise VsrnnError("levels is 0, for no rounding, or 2 or more, not 1")
        if self.estimator not in ESTIMATORS:
            known = " or ".join(ESTIMATORS)
            raise VsrnnError(f"estimator must be {known}, not {self.estimator!r}")
        if not isinstance(self.ridge, (int, float)) or not 0 <= self.ridge < torch.inf:
            raise VsrnnError(f"ridge is a number from 0, not {self.ridge!r}")
        if self.group and not round(self.density * self.group):
            raise VsrnnError(
                f"a density of {self.density:g} leaves no weight of {self.group}; give "
                "a higher one or larger groups"
            )

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Denoising:
        """Begin a run; raise where a matrix would be left empty."""
        own = with_masks(model, "denoising")
        if unknown := {*self.protect} - own.regions.keys():
            raise VsrnnError(
                f"there is no matrix {min(unknown)!r} to protect; the model has "
                f"{', '.join(own.regions)}"
            )
        return Denoising(self, own, epochs)


class Denoising(Work):
    """Denoising at work: see :class:`Denoise`."""

    model: SparseModule

    def __init__(self, options: Denoise, model: SparseModule, epochs: int) -> None:
        super().__init__(model)
        self.epochs, self.mended = epochs, {}
        ends: dict[str, list[Ends]] = {}
        entries, drawn = model.block_entries(), model.block_weights()
        left = {
            block: block in options.protect or round(options.density * entries[block])
            for block in model.readout
            if drawn[block]
        }
        if left and not any(left.values()):
            raise VsrnnError(
                f"this density leaves no weight to read the output from, in "
                f"{' or '.join(model.readout)}; give a higher one, or protect a matrix"
            )
        for block, (part, places, row, column) in model.block_ends().items():
            if block in options.protect or not len(places):
                continue
            number = min(len(places), round(options.density * entries[block]))
            ends.setdefault(part, []).append(Ends(places, row, column, number))
        for part, blocks in ends.items():
            self.mended[part] = Mended(options, blocks)
            name = f"weight_{part}"
            parametrize.register_parametrization(model, name, self.mended[part])

    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """After the last epoch, let only those weights exist that count."""
        if epoch < self.epochs:
            return {}
        rewired = {}
        for part in self.mended:
            name = f"weight_{part}"
            parametrize.remove_parametrizations(self.model, name)
            weight = self.model.weight(part)
            left = weight.detach().nonzero()[:, 0]
            rewired[weight] = self.model.rewire(part, self.model.index(part)[left])
        self.mended = {}
        return rewired

    @torch.no_grad()
    def record(self) -> dict[str, Any]:
        """Return the weights that count, in all and in each block."""
        full = {part: self.model.weight(part) != 0 for part in self.model.shapes}
        places = self.model.block_places().items()
        left = {block: int(full[part][own].sum()) for block, (part, own) in places}
        return {"weights": sum(left.values())} | {
            f"weights_{block}": number for block, number in left.items()
        }


class Ends(NamedTuple):
    """A block's weights in its part, their rows and columns, and how many count."""

    places: Tensor
    row: Tensor
    column: Tensor
    number: int


class Mended(nn.Module):
    """The weights of a part as the network computes with them.

    Args:
        options: how.
        blocks: those of the part that are not left alone.
    """

    def __init__(self, options: Denoise, blocks: Sequence[Ends]) -> None:
        super().__init__()
        self.options, self.blocks = options, list(blocks)

    def forward(self, weights: Tensor) -> Tensor:
        """Prune or round all weights, and mend them."""
        mended = weights.clone()
        for ends in self.blocks:
            own = self._mended(weights[ends.places], ends)
            mended = mended.index_put((ends.places,), own)
        return mended

    def _mended(self, weights: Tensor, ends: Ends) -> Tensor:
        row, options = ends.row, self.options
        size = _means(weights.detach().square(), row).sqrt()
        size = size.clamp(min=torch.finfo(weights.dtype).tiny)[row]
        x = weights / size
        noisy = self._rounded(
            self._pruned(x.detach(), weights.detach().abs(), ends), row
        )
        q = x + (noisy - x).detach()
        if options.estimator == "straight":
            return q * size
        x_mean, q_mean = (_means(each, row)[row] for each in (x, q))
        if options.estimator == "linear":
            x_mean, q_mean = torch.zeros_like(x), torch.zeros_like(q)
        x_off, q_off = x - x_mean, q - q_mean
        both, square = (_means(q_off * each, row) for each in (x_off, q_off))
        return ((both / (square + options.ridge))[row] * q_off + x_mean) * size

    def _pruned(self, x: Tensor, size: Tensor, ends: Ends) -> Tensor:
        """Without the weights that do not count, of the matrix or of each group."""
        density, group = self.options.density, self.options.group
        if density == 1:
            return x
        if not group:
            kept = torch.zeros_like(x)
            best = size.topk(ends.number).indices
            kept[best] = x[best]
            return kept
        width = -(-(int(ends.column.max()) + 1) // group)
        groups, place = ends.row * width + ends.column // group, ends.column % group
        full = size.new_full((int(groups.max()) + 1, group), -1.0)
        full[groups, place] = size
        ranks = full.argsort(1, descending=True).argsort(1)
        return x * (ranks[groups, place] < round(density * group))

    def _rounded(self, x: Tensor, row: Tensor) -> Tensor:
        """Rounded to so many values of equal distance, from the row's least to most."""
        levels = self.options.levels
        if not levels:
            return x
        most = x.new_zeros(int(row.max()) + 1).scatter_reduce(0, row, x.abs(), "amax")
        step = (2 * most / (levels - 1)).clamp(min=torch.finfo(x.dtype).tiny)[row]
        half = 0.5 * (levels % 2 == 0)
        steps = (x / step - half).round() + half
        inside = steps.clamp(-(levels - 1) / 2, (levels - 1) / 2)
        return torch.where(x == 0, 0, inside) * step


def _means(values: Tensor, row: Tensor) -> Tensor:
    """The mean of the values of each row."""
    counts = torch.bincount(row).clamp(min=1)
    return values.new_zeros(len(counts)).index_add(0, row, values) / counts
