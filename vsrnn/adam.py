"""Adam for many models, each at its own learning rate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """The steps of ``torch.optim.Adam(fused=True)``, to the bit, by its own function.

    The class of torch looks after much that never changes here; with 100,000 weights
    that takes as long as the step itself.

    Args:
        models: whose parameters are trained.
        rates: the learning rate of each.
    """

    def __init__(self, models: Sequence[nn.Module], rates: Sequence[float]) -> None:
        self.groups = []
        for model, rate in zip(models, rates, strict=True):
            weights: list[Tensor] = list(model.parameters())
            means, squares = ([torch.zeros_like(w) for w in weights] for _ in range(2))
            steps = [torch.zeros((), device=w.device) for w in weights]
            self.groups.append((rate, weights, means, squares, steps))

    @torch.no_grad()
    def step(self) -> None:
        """Step against the gradients that the parameters have."""
        for rate, weights, means, squares, steps in self.groups:
            grads = [w.grad for w in weights if w.grad is not None]
            adam(
                weights,
                grads,
                means,
                squares,
                [],
                steps,
                fused=True,
                amsgrad=False,
                maximize=False,
                lr=rate,
                beta1=0.9,
                beta2=0.999,
                weight_decay=0.0,
                eps=1e-8,
            )

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for _, weights, *_ in self.groups:
            for weight in weights:
                weight.grad = None
