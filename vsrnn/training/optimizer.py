"""The optimizer: many models, each at its own learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

import torch
from torch import Tensor, nn

from vsrnn.models import SparseModule
from vsrnn.tasks.task import Training


@dataclass
class Group:
    """Weights that are one step: of models of one rate, or of one model."""

    rate: float
    weights: list[Tensor] = field(default_factory=list)
    means: list[Tensor] = field(default_factory=list)
    squares: list[Tensor] = field(default_factory=list)
    step: Tensor = field(default_factory=lambda: torch.zeros(()))
    best: float = inf


class Optimizer:
    """The steps of ``torch.optim.Adam(fused=True)``, to the bit, by its own kernel.

    The class of torch looks after much that never changes here; with 100,000 weights
    that takes twice as long as the step itself. A task can ask for weight decay as in
    ``AdamW``, for ``SGD``, and for clipped gradients.

    Args:
        models: whose parameters are trained.
        rates: the learning rate of each.
        training: what else the task says of it.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        rates: Sequence[float],
        training: Training | None = None,
    ) -> None:
        self.models, self.training = models, training or Training()
        alone = self.training.plateau != 1  # each rate then has a course of its own
        groups: dict[tuple[float, int], Group] = {}
        for number, (model, rate) in enumerate(zip(models, rates, strict=True)):
            group = groups.setdefault((rate, number * alone), Group(rate))
            group.weights += model.parameters()
        self.groups = list(groups.values())
        for group in self.groups if self.training.optimizer == "adam" else ():
            group.means, group.squares = (
                [torch.zeros_like(w) for w in group.weights] for _ in range(2)
            )
            group.step = torch.zeros((), device=group.weights[0].device)

    @torch.no_grad()
    def step(self) -> None:
        """Step against the gradients, which every parameter must have."""
        if self.training.clip is not None:
            for model in self.models:
                nn.utils.clip_grad_norm_(model.parameters(), self.training.clip)
        for group in self.groups:
            grads = [cast(Tensor, weight.grad) for weight in group.weights]
            if self.training.optimizer == "sgd":
                decay = group.rate * self.training.weight_decay
                if decay:
                    torch._foreach_mul_(group.weights, 1 - decay)
                torch._foreach_add_(group.weights, grads, alpha=-group.rate)
            else:
                self._adam(group, grads)

    def _adam(self, group: Group, grads: list[Tensor]) -> None:
        group.step += 1
        decay = self.training.weight_decay
        (torch._fused_adamw_ if decay else torch._fused_adam_)(
            group.weights,
            grads,
            group.means,
            group.squares,
            [],
            [group.step] * len(grads),
            lr=group.rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )

    def slow_down(self, losses: Sequence[float]) -> bool:
        """Divide the rates of models whose validation loss is no new best.

        Returns:
            Whether any rate changed.
        """
        if self.training.plateau == 1:
            return False
        before = [group.rate for group in self.groups]
        for group, loss in zip(self.groups, losses, strict=True):
            if loss < group.best:
                group.best = loss
            else:
                group.rate /= self.training.plateau
        return before != [group.rate for group in self.groups]

    def carry(self, rewired: Mapping[nn.Parameter, Tensor]) -> bool:
        """Let the averages follow weights that were rewired.

        Args:
            rewired: vectors of weights, each with the former place of every weight it
                has now, or -1 for a new one, whose averages begin at 0.

        Returns:
            Whether there were any.
        """
        for group in self.groups:
            for number, weight in enumerate(group.weights):
                if (source := rewired.get(cast(nn.Parameter, weight))) is not None:
                    weight.grad = None
                    for averages in (group.means, group.squares):
                        if averages:  # place -1 is the zero behind the last
                            padded = torch.cat([averages[number], weight.new_zeros(1)])
                            averages[number] = padded[source]
        return bool(rewired)

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for group in self.groups:
            for weight in group.weights:
                weight.grad = None


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The parameters of a model in two groups: those that decay, and the others.

    The usual rule lets parameters of two axes or more decay, which spares biases and
    norms. It finds nothing in networks of this package, whose weights are vectors of
    what lies inside the masks. Here these decay, and in every other module, such as
    what stands around such a network, the usual rule holds.

    Args:
        model: a network, or any module that has some.
        weight_decay: of the first group; that of the second is 0.

    Returns:
        What every optimizer of torch takes. Each parameter is in one group, once.

    Example:
        >>> import torch, vsrnn
        >>> model = vsrnn.BlockRNN(vsrnn.Geometry(46, 80, 26, 0.2))
        >>> groups = vsrnn.parameter_groups(model, weight_decay=0.01)
        >>> optimizer = torch.optim.AdamW(groups, lr=1e-3)
        >>> [[tuple(p.shape) for p in group["params"]] for group in groups]
        [[(954,), (2226,)], [(106,)]]
    """
    weights = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, SparseModule)
        for name, parameter in module.named_parameters()
        if any(f"weight_{part}" in name.split(".") for part in module.shapes)
    }
    groups: tuple[list[Tensor], list[Tensor]] = [], []
    for parameter in model.parameters():
        decays = parameter.dim() > 1 or id(parameter) in weights
        groups[not decays].append(parameter)
    pairs = zip(groups, (weight_decay, 0.0), strict=True)
    return [{"params": own, "weight_decay": decay} for own, decay in pairs]
