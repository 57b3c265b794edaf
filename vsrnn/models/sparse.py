"""Modules that keep of their matrices only what lies inside masks."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError
from vsrnn.models._kernels.products import fill
from vsrnn.models.recurrent import Recurrent

MASKS = ("bernoulli", "exact")


class Region(NamedTuple):
    """Where a block lies: rows and columns of the matrix of a part."""

    part: str
    rows: range
    columns: range

    def of(self, matrix: Tensor) -> Tensor:
        """The block of a matrix of the part, a view."""
        rows, columns = self.rows, self.columns
        return matrix[rows.start : rows.stop, columns.start : columns.stop]


class SparseModule(Recurrent):
    """A module whose matrices are vectors of weights and the places of these.

    The matrix of a part is its parameter ``weight_<part>``, a vector, and its buffer
    ``index_<part>``, the flat positions of the weights in row-major order, rising. What
    is outside the mask takes no part in counts, optimizers and files, and nothing
    there can become nonzero. Each matrix consists of one or more blocks, those that
    have densities.
    """

    readout: tuple[str, ...]
    """The blocks through which the output reads anything but itself."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: dict[str, tuple[int, int]] = {}
        self.regions: dict[str, Region] = {}

    def add_part(self, part: str, matrix: Tensor, inside: Tensor) -> None:
        """Keep the values of a matrix that are inside a mask of its shape."""
        rows, columns = matrix.shape
        self.shapes[part] = rows, columns
        index = inside.flatten().nonzero()[:, 0]
        values = matrix.flatten()[index.to(matrix.device)]
        self.register_parameter(f"weight_{part}", nn.Parameter(values))
        self.register_buffer(f"index_{part}", index.to(matrix.device))

    def weight(self, part: str) -> nn.Parameter:
        """The weights of a part, a vector."""
        return self.get_parameter(f"weight_{part}")

    def index(self, part: str) -> Tensor:
        """Their flat positions in the part's matrix, rising."""
        return self.get_buffer(f"index_{part}")

    def matrix(self, part: str) -> Tensor:
        """The dense matrix of a part, zero outside the mask; gradients pass."""
        return fill(self.weight(part), self.index(part), self.shapes[part])

    def matrices(self) -> dict[str, Tensor]:
        """The blocks as dense matrices, by name, zeros outside the masks."""
        with torch.no_grad():
            full = {part: self.matrix(part).clone() for part in self.shapes}
        return {
            block: region.of(full[region.part])
            for block, region in self.regions.items()
        }

    def block_places(self) -> dict[str, tuple[str, Tensor]]:
        """For each block its part, and which of the part's weights are the block's."""
        places = {}
        for block, (part, rows, columns) in self.regions.items():
            index, width = self.index(part), self.shapes[part][1]
            row, column = index // width, index % width
            inside = (row >= rows.start) & (row < rows.stop)
            inside &= (column >= columns.start) & (column < columns.stop)
            places[block] = part, inside.nonzero()[:, 0]
        return places

    def block_entries(self) -> dict[str, int]:
        """The number of places that weights could take in each block."""
        return {
            block: len(rows) * len(columns)
            for block, (_, rows, columns) in self.regions.items()
        }

    def block_weights(self) -> dict[str, int]:
        """The number of weights in each block now."""
        return {block: len(own) for block, (_, own) in self.block_places().items()}

    def draw(self, seed: int) -> dict[str, Tensor]:
        """The initial values of this model made with a seed and density 1, by part."""
        raise NotImplementedError

    def activity(self, x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """For each block what it reads and what it feeds, ``(batch, time, units)``.

        Args:
            x: inputs, ``(batch, time, inputs)``, or symbols, ``(batch, time)``.
        """
        raise NotImplementedError

    @torch.no_grad()
    def states(self, x: Tensor) -> Tensor:
        """The hidden states after each step, ``(layers, batch, time, hidden)``.

        Args:
            x: inputs, ``(batch, time, inputs)``, or symbols, ``(batch, time)``.
        """
        state, hidden = None, []
        for each in x.unbind(1):
            _, state = self.step(each, state)
            h = state if isinstance(state, Tensor) else state[0]
            hidden.append(h if h.dim() == 3 else h[None])
        return torch.stack(hidden, 2)

    def rewire(self, part: str, index: Tensor) -> Tensor:
        """Give a part other places; weights that stay keep their values.

        The parameter stays the same object. New weights are 0, and gradients are
        dropped.

        Args:
            part: which.
            index: flat positions in the part's matrix, rising, ``(weights,)``.

        Returns:
            Where each weight was in the vector, -1 for new ones, ``(weights,)``.

        Raises:
            VsrnnError: these are no such positions.

        Example:
            >>> import torch, vsrnn
            >>> model = vsrnn.BlockRNN(vsrnn.Geometry(2, 1, 1, 1))
            >>> model.rewire("state", torch.tensor([0, 3]))  # hh and yy
            tensor([0, 3])
            >>> model.rewire("state", torch.tensor([0, 1, 3]))
            tensor([ 0, -1,  1])
        """
        if not self._fits(part, index):
            raise VsrnnError(
                f"the places of {part} are rising positions in a matrix of "
                f"{self.shapes[part]}"
            )
        index = index.to(self.index(part)).contiguous()
        source = _found(index, self.index(part))
        weight, stays = self.weight(part), source >= 0
        values = weight.data.new_zeros(len(index))
        values[stays] = weight.data[source[stays]]
        _replace(weight, values)
        setattr(self, f"index_{part}", index)
        self._lay_out()
        return source

    def _fits(self, part: str, index: Tensor) -> bool:
        """Whether these are rising positions in the part's matrix."""
        if index.dim() != 1 or index.is_floating_point():
            return False
        if not len(index):
            return True
        inside = index[0] >= 0 and index[-1] < prod(self.shapes[part])
        return bool(inside and (index[1:] > index[:-1]).all())

    def _lay_out(self) -> None:
        """Prepare what depends on the places, anew whenever these change."""

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self._lay_out()
        return self

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *args: Any
    ) -> None:
        """Take the masks of the saved model too: their number of weights may differ."""
        for part in self.shapes:
            weight = state_dict.get(f"{prefix}weight_{part}", self.weight(part))
            index = state_dict.get(f"{prefix}index_{part}", self.index(part))
            if weight.shape != index.shape or not self._fits(part, index):
                errors: list[str] = args[-1]
                errors.append(
                    f"{prefix}index_{part} must be rising positions in a matrix of "
                    f"{self.shapes[part]}, one for each of {prefix}weight_{part}"
                )
                return
        for part in self.shapes:
            for kind in ("weight", "index"):
                saved = state_dict.get(f"{prefix}{kind}_{part}")
                own = getattr(self, f"{kind}_{part}")
                if saved is not None and saved.shape != own.shape:
                    _replace(own, own.data.new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._lay_out()


def draw_mask(
    shape: tuple[int, int], density: float, mask: str, generator: torch.Generator
) -> Tensor:
    """A mask of a density, each entry by itself or an exact number of them."""
    if mask == "bernoulli":
        return torch.rand(shape, generator=generator) < density
    entries = prod(shape)
    order = torch.randperm(entries, generator=generator)
    return (order < round(density * entries)).view(shape)


def check_mask(mask: str) -> None:
    """Refuse a way to draw masks that there is not.

    Raises:
        VsrnnError: the mask is unknown.
    """
    if mask not in MASKS:
        raise VsrnnError(f"mask must be one of {', '.join(MASKS)}, not {mask!r}")


def _found(wanted: Tensor, places: Tensor) -> Tensor:
    """Where each wanted position is among the rising places, -1 where it is not."""
    if not len(places):
        return torch.full_like(wanted, -1)
    found = torch.searchsorted(places, wanted).clamp(max=len(places) - 1)
    return torch.where(places[found] == wanted, found, -1)


def _replace(own: Tensor, values: Tensor) -> None:
    """Give a tensor values of another shape, without the gradient of the old ones."""
    own.grad = None
    # Autograd keeps a note of the old shape as long as a graph of it lives, but drops
    # it when the type changes.
    other = torch.half if values.dtype != torch.half else torch.float
    own.data = values.new_empty(0, dtype=other)
    own.data = values
