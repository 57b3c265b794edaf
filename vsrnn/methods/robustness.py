"""Robustness: what a trained network loses when its weights are disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods.method import Method, Rewired, Work

AT_ONCE = 250  # validation sequences


@dataclass(frozen=True)
class Robustness(Method):
    """Disturb the weights after the last epoch, and measure; training stays as it is.

    The last point of the curve gets the validation accuracy, or what the task measures
    in its place, as it is (``intact``), with normal noise on every weight relative to
    its size (``noisy``), and with a share of the weights set to 0 (``deleted``), the
    latter two as means over draws. Biases are left alone. It stands behind the methods
    that change the network.

    Args:
        noise: standard deviation of the noise, 0 or above.
        deleted: share of weights, 0..1.
        draws: of each.

    Raises:
        VsrnnError: an option is out of range.

    >>> Robustness().as_dict()
    {'name': 'robustness'}
    """

    name = "robustness"
    noise: float = 0.2
    deleted: float = 0.05
    draws: int = 5

    def __post_init__(self) -> None:
        for name, most in (("noise", torch.inf), ("deleted", 1.0)):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 <= value <= most:
                raise VsrnnError(f"{name} lies in 0..{most:g}, not {value!r}")
        object.__setattr__(self, "draws", check_int("draws", self.draws, 1))

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Disturbing:
        """Begin a run."""
        return Disturbing(self, model, epochs, seed)


class Disturbing(Work):
    """Measures robustness at the end: see :class:`Robustness`."""

    def __init__(
        self, options: Robustness, model: nn.Module, epochs: int, seed: int
    ) -> None:
        super().__init__(model)
        self.options, self.epochs, self.seed = options, epochs, seed
        self.found: dict[str, float] = {}

    def after_epoch(self, epoch: int, inputs: Callable[[], Tensor]) -> Rewired:
        """Measure after the last epoch."""
        if epoch == self.epochs:
            draws = range(self.options.draws)
            generator = torch.Generator("cpu").manual_seed(self.seed)
            copies = {
                "intact": [self.model],
                "noisy": [self._noisy(generator) for _ in draws],
                "deleted": [self._deleted(generator) for _ in draws],
            }
            for name, models in copies.items():
                means = [self._measured(model) for model in models]
                self.found[name] = sum(means) / len(means)
        return {}

    def record(self) -> dict[str, Any]:
        """Return what was measured, after the last epoch."""
        return dict(self.found)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: it looks at the end alone."""
        return {}

    @torch.no_grad()
    def _measured(self, model: nn.Module) -> float:
        """The task's measure on validation sequences."""
        total, number = 0.0, self.task.sizes["val"]
        device = next(model.parameters()).device
        for start in range(0, number, AT_ONCE):
            rows = slice(start, min(number, start + AT_ONCE))
            x, y = (each.to(device) for each in self.task.batch("val", rows))
            total += len(x) * float(self.task.accuracy(model(x)[0][None], y)[0])
        return total / number

    def _noisy(self, generator: torch.Generator) -> nn.Module:
        copy = deepcopy(self.model)
        for weight in weights_of(copy):
            noise = torch.randn(weight.shape, generator=generator).to(weight)
            weight.data *= 1 + self.options.noise * noise
        return copy

    def _deleted(self, generator: torch.Generator) -> nn.Module:
        copy = deepcopy(self.model)
        for weight in weights_of(copy):
            lost = torch.rand(weight.shape, generator=generator) < self.options.deleted
            weight.data[lost.to(weight.device)] = 0
        return copy


def weights_of(model: nn.Module) -> Iterator[nn.Parameter]:
    """All parameters of a model that are weights, not biases or time constants."""
    for name, parameter in model.named_parameters():
        if "weight" in name:
            yield parameter
