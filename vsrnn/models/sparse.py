"""Modules that keep of their matrices only what lies inside masks."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple, Self
from zlib import crc32

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError
from vsrnn.models._kernels.products import fill
from vsrnn.models.recurrent import IDENTITY, Recurrent, below

MASKS = ("bernoulli", "exact")


class Places:
    """Where the weights of all parts are. They never change: a module gets other ones.

    Args:
        index: the flat positions of each part's weights in its matrix, rising.
    """

    def __init__(self, index: Mapping[str, Tensor]) -> None:
        self.index = dict(index)
        self.layouts: dict[Any, Any] = {}
        sums = 0
        for part, own in self.index.items():
            sums ^= crc32(own.cpu().numpy().data, crc32(part.encode()))
        self.fingerprint = [float(sums >> bit & 1) for bit in range(32)]

    def on(self, device: torch.device) -> dict[str, Tensor]:
        """The positions on a device, but on none without values."""
        if device.type == "meta":
            return self.index
        return {part: own.to(device) for part, own in self.index.items()}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"layouts": {}}  # which can be made again


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

    The matrix of a part is its parameter ``weight_<part>``, a vector, at the flat
    positions ``index(part)``, in row-major order, rising. What is outside the mask
    takes no part in counts, optimizers and files, and nothing there can become nonzero.
    Each matrix consists of one or more blocks, those that have densities. Rules that go
    by axes do not fit vectors: for weight decay use :func:`vsrnn.parameter_groups`.

    A state dict holds the positions, too, and says of what network it is. Loading takes
    over the masks, and refuses what was saved of another network. The buffer
    ``fingerprint`` tells whether weights and places belong together: it follows the
    weights wherever averages, ensembles and distributed training take these.
    """

    readout: tuple[str, ...]
    """The blocks through which the output reads anything but itself."""
    fingerprint: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.shapes: dict[str, tuple[int, int]] = {}
        self.regions: dict[str, Region] = {}
        self.seen: tuple[Tensor | None, int] = None, 0

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What a network must have in common with one whose weights it loads."""

    def add_parts(
        self,
        parts: Mapping[str, tuple[Tensor, Tensor]],
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        """Keep the values of matrices that are inside masks of their shapes."""
        device = torch.get_default_device() if device is None else torch.device(device)
        index = {}
        for part, (matrix, inside) in parts.items():
            self.shapes[part] = matrix.shape[0], matrix.shape[1]
            index[part] = inside.flatten().nonzero()[:, 0]
            values = matrix.flatten()[index[part]].to(device, dtype)
            self.register_parameter(f"weight_{part}", nn.Parameter(values))
        self.register_buffer("fingerprint", torch.zeros(32, device=device), False)
        self._place(Places(index).on(device))

    def weight(self, part: str) -> nn.Parameter:
        """The weights of a part, a vector."""
        weight: nn.Parameter = getattr(self, f"weight_{part}")
        return weight

    def index(self, part: str) -> Tensor:
        """Their flat positions in the part's matrix, rising; a copy."""
        return self.places.index[part].clone()

    def matrix(self, part: str) -> Tensor:
        """The dense matrix of a part, zero outside the mask; gradients pass."""
        index, weight = self.checked_places().index[part], self.weight(part)
        self._check_length(part, weight)
        return fill(weight, index.to(weight.device), self.shapes[part])

    @torch.no_grad()
    def matrices(self) -> dict[str, Tensor]:
        """The blocks as dense matrices, by name, zeros outside the masks; copies."""
        full = {part: self.matrix(part) for part in self.shapes}
        return {
            block: region.of(full[region.part]).clone()
            for block, region in self.regions.items()
        }

    def block_places(self) -> dict[str, tuple[str, Tensor]]:
        """For each block its part, and which of the part's weights are the block's."""
        return {block: ends[:2] for block, ends in self.block_ends().items()}

    def block_ends(self) -> dict[str, tuple[str, Tensor, Tensor, Tensor]]:
        """The same, and the row and column of each of these weights in the block."""
        ends = {}
        for block, (part, rows, columns) in self.regions.items():
            index, width = self.places.index[part], self.shapes[part][1]
            row, column = index // width - rows.start, index % width - columns.start
            inside = (row >= 0) & (row < len(rows))
            inside &= (column >= 0) & (column < len(columns))
            own = inside.nonzero()[:, 0]
            ends[block] = part, own, row[own], column[own]
        return ends

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
        weight = self._own(part)
        before = self.checked_places().index[part]
        index = index.to(before).contiguous()
        source = _found(index, before)
        stays = source >= 0
        values = weight.data.new_zeros(len(index))
        values[stays] = weight.data[source[stays]]
        _replace(weight, values)
        self._place(self.places.index | {part: index})
        return source

    def checked_places(self) -> Places:
        """The places of the weights, after a look whether these belong there.

        Raises:
            VsrnnError: they were averaged or stacked with, or sent from, other places.
        """
        now = self._buffers["fingerprint"]
        assert now is not None
        seen, version = self.seen
        if now is not seen or version != _version(now):
            self._look(now)
        return self.places

    def _look(self, now: Tensor) -> None:
        """Compare fingerprints, where these have values."""
        if torch._C._get_tracing_state() or torch.compiler.is_compiling():
            return
        plain = now
        while torch._C._functorch.is_functorch_wrapped_tensor(plain):
            plain = torch._C._functorch.get_unwrapped(plain)
        if not plain.is_meta:
            found = plain.detach().double().cpu().reshape(-1, 32)
            if (found - found.new_tensor(self.places.fingerprint)).abs().max() > 0.02:
                raise VsrnnError(
                    "these weights were averaged or stacked with, or sent over from, "
                    "those of other masks; give all models the same masks first, as "
                    "load_state_dict does"
                )
        self.seen = now, _version(now)

    def own_places(self) -> dict[str, Tensor]:
        """The positions by part, on the weights' device, each of one weight.

        Raises:
            VsrnnError: there are more or fewer weights in a part.
        """
        places = self.checked_places()
        for part in self.shapes:
            self._check_length(part, self.weight(part))
        return places.on(self.like.device)

    def _check_length(self, part: str, weight: Tensor) -> None:
        if weight.shape != self.places.index[part].shape:
            raise VsrnnError(
                f"weight_{part} has the shape {tuple(weight.shape)}, and "
                f"{len(self.places.index[part])} places; change these with rewire"
            )

    def _own(self, part: str) -> nn.Parameter:
        """The parameter of a part."""
        weight = self.weight(part)
        if not isinstance(weight, nn.Parameter):
            raise VsrnnError(
                f"weight_{part} is computed from other parameters; remove what was put "
                "on it, by torch.nn.utils for example, and then change its places"
            )
        return weight

    def _place(self, index: Mapping[str, Tensor]) -> None:
        """Take other places, which are those of the weights."""
        self.places = Places(index)
        with torch.no_grad():
            fingerprint = torch.tensor(self.places.fingerprint, device="cpu")
            self.fingerprint.copy_(fingerprint)

    def _fits(self, part: str, index: Any) -> bool:
        """Whether these are rising positions in the part's matrix."""
        if not isinstance(index, Tensor) or index.dim() != 1 or index.is_meta:
            return False
        if index.is_floating_point() or index.is_complex() or index.dtype == torch.bool:
            return False
        if not len(index):
            return True
        inside = index[0] >= 0 and index[-1] < prod(self.shapes[part])
        return bool(inside and (index[1:] > index[:-1]).all())

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        places = self.checked_places()
        super()._apply(fn, recurse)
        self._place(places.on(self.fingerprint.device))
        return self

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for part in self.shapes:
            destination[f"{prefix}index_{part}"] = self.index(part)
        destination[prefix + IDENTITY] = _packed(self.identity)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any
    ) -> None:
        """Take weights and masks, if all is as it must be; else nothing."""
        _, strict, missing, unexpected, errors = args
        saved, own = below(state_dict, prefix), self.state_dict().keys() - {IDENTITY}
        errors += (f"{prefix}{problem}" for problem in self.problems(saved))
        lacks, more = own - saved.keys(), saved.keys() - own - {IDENTITY}
        if errors or (strict and (lacks or more)):
            missing += (prefix + name for name in sorted(lacks) if strict)
            unexpected += (prefix + name for name in sorted(more) if strict)
            return
        index = dict(self.places.index)
        for part, before in index.items():
            index[part] = saved.get(f"index_{part}", before).to(before)
            if not torch.equal(index[part], before):
                weight = self._own(part)
                _replace(weight, weight.data.new_empty(len(index[part])))
        self._place(index)
        for parameter in self.parameters():
            parameter.grad = None
        ours = {IDENTITY, *(f"index_{part}" for part in index)}
        rest = {prefix + name: saved[name] for name in saved.keys() - ours}
        super()._load_from_state_dict(rest, prefix, *args)

    def problems(self, saved: Mapping[str, Any]) -> list[str]:
        """Why these values cannot be loaded: places or sizes do not fit."""
        if IDENTITY in saved:
            other = _unpacked(saved[IDENTITY])
            if other != self.identity:
                return [f"saved is a network of {other}, and this is {self.identity}"]
        known = {f"index_{part}" for part in self.shapes}
        weights = {f"weight_{part}" for part in self.shapes}
        found = [
            f"{name} is of a matrix that this network has not"
            for name in saved
            if name.startswith("index_") and name not in known
        ]
        for part, before in self.places.index.items():
            weight, places = (
                saved.get(f"weight_{part}"),
                saved.get(f"index_{part}", before),
            )
            fits = self._fits(part, places)
            if weight is None:
                fits = fits and torch.equal(places.to(before), before)
            elif fits:
                fits = getattr(weight, "shape", None) == places.shape
            if not fits:
                found.append(
                    f"index_{part} must be rising positions in a matrix of "
                    f"{self.shapes[part]}, one for each of weight_{part}"
                )
        others = {name: saved[name] for name in saved.keys() - known - weights}
        return found + super().problems(others)


def _packed(identity: Mapping[str, Any]) -> Tensor:
    """A tensor that says so, which every format of files can keep."""
    text = list(json.dumps(identity).encode())
    return torch.tensor(text, dtype=torch.uint8, device="cpu")


def _unpacked(packed: Any) -> Any:
    """What such a tensor says, or that it says nothing."""
    try:
        return json.loads(bytes(packed.tolist()))
    except (AttributeError, TypeError, ValueError):
        return "an unknown kind"


def draw_mask(
    shape: tuple[int, int], density: float, mask: str, generator: torch.Generator
) -> Tensor:
    """A mask of a density, each entry by itself or an exact number of them."""
    if mask == "bernoulli":
        return torch.rand(shape, generator=generator) < density
    entries = prod(shape)
    order = torch.randperm(entries, generator=generator)
    return (order < round(density * entries)).view(shape)


def scattered(
    allowed: Tensor, share: float, mask: str, generator: torch.Generator
) -> Tensor:
    """A mask of a share of the entries that are allowed."""
    places = allowed.nonzero()
    drawn = draw_mask((len(places), 1), share, mask, generator)[:, 0]
    inside = torch.zeros_like(allowed)
    inside[tuple(places[drawn].T)] = True
    return inside


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


def _version(own: Tensor) -> int:
    """How often a tensor was written to, where torch counts that."""
    return 0 if own.is_inference() else own._version


def _replace(own: Tensor, values: Tensor) -> None:
    """Give a tensor values of another shape, without the gradient of the old ones."""
    own.grad = None
    if own.requires_grad and not torch.is_inference_mode_enabled():
        # ways back that began before end in an error
        torch.autograd.graph.increment_version(own)
        torch.autograd.graph.get_gradient_edge(own).node.register_prehook(_refuse)
    # Autograd keeps a note of the old shape as long as a graph of it lives, but drops
    # it when the type changes.
    other = torch.half if values.dtype != torch.half else torch.float
    own.data = values.new_empty(0, dtype=other)
    own.data = values


def _refuse(grads: Any) -> None:
    """Stop a way back to weights that are no more."""
    raise VsrnnError(
        "a gradient was asked for of weights that were replaced since; run the network "
        "again after rewire or load_state_dict, then call backward"
    )
