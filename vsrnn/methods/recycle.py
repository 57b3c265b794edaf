"""Hidden units of little use begin anew, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work
from vsrnn.methods.moving import part_of
from vsrnn.models import BlockRNN


@dataclass(frozen=True)
class Recycle(Method):
    """Let the hidden units that matter least begin anew after each epoch.

    A unit's use is its mean size over a batch times the sum of the sizes of the weights
    that read it. One that begins anew draws its incoming weights as the network first
    did; those that read it become 0, so the others do not notice, and Adam's averages
    of all of these, too. Masks stay as they are.

    Args:
        share: of the units.
        rest: so many epochs long a unit that began anew is left alone.

    Raises:
        VsrnnError: an option is out of range.

    Source: continual backpropagation, Dohare et al. 2024 (arXiv 2306.13812), which
    replaces units step by step.
    """

    name = "recycle"
    share: float = 0.05
    rest: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", part_of("share", self.share))
        object.__setattr__(self, "rest", check_int("rest", self.rest, 0))

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Recycling:
        """Begin a run; raise where the model is no block RNN."""
        if not isinstance(model, BlockRNN):
            raise VsrnnError(
                f"recycling units needs a block RNN, not {type(model).__name__}"
            )
        return Recycling(self, model, seed)


class Recycling(Work):
    """Recycling at work: see :class:`Recycle`."""

    model: BlockRNN

    def __init__(self, options: Recycle, model: BlockRNN, seed: int) -> None:
        super().__init__(model)
        self.options = options
        self.random = torch.Generator("cpu").manual_seed(seed)
        self.young = torch.zeros(model.geometry.hidden)

    @torch.no_grad()
    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """Let units begin anew."""
        model, hidden = self.model, self.model.geometry.hidden
        use = self.use(inputs()).cpu()
        use[self.young > 0] = torch.inf
        number = min(round(self.options.share * hidden), int(use.isfinite().sum()))
        self.young = (self.young - 1).clamp(min=0)
        if not number:
            return {}
        chosen = torch.zeros(hidden, dtype=torch.bool)
        chosen[use.topk(number, largest=False).indices] = True
        self.young[chosen] = self.options.rest
        fresh = model.draw(int(torch.randint(2**31, (1,), generator=self.random)))
        kept = {p: torch.arange(len(model.index(p))) for p in model.shapes}
        for block, (part, own, row, column) in model.block_ends().items():
            weight, own = model.weight(part), own.to(model.bias.device)
            reads = chosen[column.cpu()] if block[1] == "h" else None
            if block[0] == "h":
                begun, drawn = chosen[row.cpu()], model.regions[block].of(fresh[part])
                values = drawn[row.cpu(), column.cpu()].to(weight)
                self._set(weight, kept[part], own, begun, values)
            if reads is not None:
                self._set(weight, kept[part], own, reads, torch.zeros_like(weight[own]))
        model.bias[:hidden][chosen.to(model.bias.device)] = 0
        biases = torch.arange(len(model.bias))
        biases[:hidden][chosen] = -1
        told = {model.weight(p): s.to(model.bias.device) for p, s in kept.items()}
        return told | {model.bias: biases.to(model.bias.device)}

    def use(self, x: Tensor) -> Tensor:
        """How much each hidden unit matters, ``(hidden,)``."""
        hidden = self.model.states(x)[0].flatten(0, 1).abs().mean(0)
        read = torch.zeros_like(hidden)
        for block, (part, own, _, column) in self.model.block_ends().items():
            if block[1] == "h":
                sizes = self.model.weight(part).detach().abs()[own.to(read.device)]
                read.index_add_(0, column.to(read.device), sizes)
        return hidden * read

    def state_dict(self) -> dict[str, Any]:
        """Return which units are young, and what is drawn next."""
        return {"young": self.young, "random": self.random.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.young = state["young"].cpu()
        self.random.set_state(state["random"].cpu())

    @staticmethod
    def _set(
        weight: Tensor, kept: Tensor, own: Tensor, which: Tensor, values: Tensor
    ) -> None:
        """Give some of a block's weights values, and note that they are new."""
        places = own[which.to(own.device)]
        weight[places] = values[which.to(values.device)]
        kept[places.cpu()] = -1
