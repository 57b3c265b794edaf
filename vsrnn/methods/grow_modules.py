"""Modular growth: a network begins with one module, and gets one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work
from vsrnn.models.modular import ModularRNN


@dataclass(frozen=True)
class GrowModules(Method):
    """Begin with the first module and its head; add the next when all heads pass.

    After each epoch the heads that are open answer the validation sequences. If their
    mean accuracy and that of the newest one are above a threshold, the next module and
    its head get their weights; of a single module, the next head. What never passes is
    bounded by the epochs of the run, and the curve says how many modules there were.

    Args:
        threshold: accuracy to pass, 0..1.
        every: a number of epochs after which a module comes whether or not heads pass;
            0 waits for them. Tasks without heads need it.
        copied: whether a new module begins with the weights of the one before it, each
            times 1 plus noise; else with untrained ones.
        noise: standard deviation of that.
        older: factor of the gradients of all modules but the newest; 0 freezes them.
            With an optimizer such as Adam, which divides by the size of gradients, only
            0 matters.
        frozen: whether weights within modules stay as they begin.

    Raises:
        VsrnnError: an option is out of range.

    >>> GrowModules(every=3).as_dict()
    {'name': 'grow_modules', 'every': 3}

    Source: Hamidi et al. 2024 (arXiv 2406.06262), from the authors' development code,
    whose copy writes into the module behind the new one; here it is the new one.
    """

    name = "grow_modules"
    threshold: float = 0.98
    every: int = 0
    copied: bool = False
    noise: float = 0.0
    older: float = 1.0
    frozen: bool = False

    def __post_init__(self) -> None:
        for name, most in (("threshold", 1.0), ("noise", torch.inf), ("older", 1.0)):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value <= most:
                raise VsrnnError(f"{name} lies in 0..{most:g}, not {value!r}")
        object.__setattr__(self, "every", check_int("every", self.every, 0))

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Growing:
        """Begin a run; raise where the model has no modules."""
        if not isinstance(model, ModularRNN):
            raise VsrnnError(
                "growing modules needs a modular design, not "
                f"{type(model).__name__}; choose model='modular'"
            )
        return Growing(self, model, seed)


class Growing(Work):
    """Modular growth at work: see :class:`GrowModules`."""

    model: ModularRNN

    def __init__(self, options: GrowModules, model: ModularRNN, seed: int) -> None:
        super().__init__(model)
        self.options, self.open, self.since = options, 1, 0
        self.most = max(model.chain, model.heads)
        self.generator = torch.Generator("cpu").manual_seed(seed)
        self.whole = {part: model.index(part) for part in model.shapes}
        self.values = {p: model.weight(p).detach().clone() for p in model.shapes}
        for part in model.shapes:
            model.rewire(part, self._index(part))
            weight = model.weight(part)
            weight.register_hook(partial(self._slowed, part))

    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """Add a module if it is time for it."""
        self.since += 1
        if self.open == self.most or not self._passed():
            return {}
        self.open, self.since = self.open + 1, 0
        return {self.model.weight(p): self._grown(p) for p in self.model.shapes}

    def record(self) -> dict[str, Any]:
        """Return how many modules, or heads of a single one, there are, and weights."""
        weights = sum(self.model.block_weights().values())
        return {"modules": self.open, "weights": weights}

    def state_dict(self) -> dict[str, Any]:
        """Return how far it has grown, and where the drawing of noise is."""
        state = {"open": self.open, "since": self.since}
        return state | {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.open, self.since = state["open"], state["since"]
        self.generator.set_state(state["generator"])

    @torch.no_grad()
    def _passed(self) -> bool:
        if self.options.every:
            return self.since >= self.options.every
        if not hasattr(self.task, "head_accuracy"):
            raise VsrnnError(
                "this task has no heads to pass; say with every after how many epochs "
                "a module comes"
            )
        x, targets = self.task.batch("val", slice(None))
        output, _ = self.model(x.to(self.model.like.device))
        shares = self.task.head_accuracy(output.cpu(), targets)[: self.open]
        return bool(min(shares.mean(), shares[-1]) > self.options.threshold)

    def _index(self, part: str) -> Tensor:
        """Places of the weights of modules and heads that are open."""
        index, own = self.whole[part], self._module(part, self.whole[part])
        return index[own < self.open]

    def _module(self, part: str, index: Tensor) -> Tensor:
        """The module, or head, of each place."""
        model = self.model
        row, column = index // model.shapes[part][1], index % model.shapes[part][1]
        if part == "head":
            if not model.heads:
                return column // model.units
            return row // (model.outputs // model.heads)
        return row // model.units + (part == "between")

    def _grown(self, part: str) -> Tensor:
        """Give a part the places of the new module, and values; say what was where."""
        index = self._index(part)
        source = self.model.rewire(part, index)
        weight, new = self.model.weight(part), source < 0
        places = torch.searchsorted(self.whole[part], index[new])
        own = self.values[part][places]
        if self.options.copied and part in ("ih", "within") and len(own):
            own = self._copied(part, index[new], own)
        weight.data[new] = own.to(weight)
        return source

    def _copied(self, part: str, index: Tensor, own: Tensor) -> Tensor:
        """Weights of the module before, with noise, where it has them."""
        before = index - self.model.units * self.model.shapes[part][1]
        matrix = self.model.matrix(part).detach().flatten()[before].cpu()
        noise = torch.randn(len(own), generator=self.generator) * self.options.noise
        return torch.where(matrix != 0, matrix * (1 + noise), own.cpu())

    def _slowed(self, part: str, grad: Tensor) -> Tensor:
        """Gradients of older modules times their factor, of frozen weights 0."""
        if self.options.frozen and part == "within":
            return torch.zeros_like(grad)
        if self.options.older == 1:
            return grad
        own = self._module(part, self.model.index(part)).to(grad.device)
        return torch.where(own < self.open - 1, grad * self.options.older, grad)
