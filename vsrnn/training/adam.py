"""Adam for many models, each at its own learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn


class Adam:
    """The steps of ``torch.optim.Adam(fused=True)``, to the bit, by its own kernel.

    The class of torch looks after much that never changes here; with 100,000 weights
    that takes twice as long as the step itself. Models of one rate are one step.

    Args:
        models: whose parameters are trained.
        rates: the learning rate of each.
    """

    def __init__(self, models: Sequence[nn.Module], rates: Sequence[float]) -> None:
        by_rate: dict[float, list[Tensor]] = {rate: [] for rate in rates}
        for model, rate in zip(models, rates, strict=True):
            by_rate[rate] += model.parameters()
        self.groups = []
        for rate, weights in by_rate.items():
            means, squares = ([torch.zeros_like(w) for w in weights] for _ in range(2))
            step = torch.zeros((), device=weights[0].device)  # one for all
            self.groups.append((rate, weights, means, squares, step))

    @torch.no_grad()
    def step(self) -> None:
        """Step against the gradients, which every parameter must have."""
        for rate, weights, means, squares, step in self.groups:
            step += 1
            torch._fused_adam_(
                weights,
                [cast(Tensor, w.grad) for w in weights],
                means,
                squares,
                [],
                [step] * len(weights),
                lr=rate,
                beta1=0.9,
                beta2=0.999,
                weight_decay=0.0,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )

    def carry(self, rewired: Mapping[nn.Parameter, Tensor]) -> bool:
        """Let the averages follow weights that were rewired.

        Args:
            rewired: vectors of weights, each with the former place of every weight it
                has now, or -1 for a new one, whose averages begin at 0.

        Returns:
            Whether there were any.
        """
        for _, weights, means, squares, _ in self.groups:
            for number, weight in enumerate(weights):
                if (source := rewired.get(cast(nn.Parameter, weight))) is not None:
                    weight.grad = None
                    for averages in (means, squares):
                        # place -1 is the zero behind the last
                        padded = torch.cat([averages[number], weight.new_zeros(1)])
                        averages[number] = padded[source]
        return bool(rewired)

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for _, weights, *_ in self.groups:
            for weight in weights:
                weight.grad = None
