"""The optimizer: many models, each at its own learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from vsrnn.errors import VsrnnError
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

    recordable = True
    """A step has the same shapes each time, so CUDA can record it."""

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

    def state_dict(self) -> dict[str, Any]:
        """Rates, averages and counts."""
        kept = ("rate", "best", "step", "means", "squares")
        return {name: [getattr(group, name) for group in self.groups] for name in kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there, with the weights of then."""
        for number, group in enumerate(self.groups):
            group.rate, group.best = state["rate"][number], state["best"][number]
            group.step = state["step"][number].to(group.step.device)
            for name in ("means", "squares"):
                saved = zip(state[name][number], group.weights, strict=False)
                setattr(group, name, [mean.to(weight) for mean, weight in saved])


class TorchOptimizer:
    """An optimizer of torch for each model, with a schedule if there is one.

    Args:
        models: whose parameters are trained.
        rates: the learning rate of each.
        training: makes the optimizers and schedules.

    Raises:
        VsrnnError: what it makes is no optimizer.
    """

    recordable = False

    def __init__(
        self, models: Sequence[nn.Module], rates: Sequence[float], training: Training
    ) -> None:
        self.models, self.training = models, training
        make, decay = training.optimizer, training.weight_decay
        if isinstance(make, str):
            kind: Any = torch.optim.AdamW if decay else torch.optim.Adam
            how: Any = {"fused": True}  # as the kernel above, to the bit
            if make == "sgd":
                kind, how = torch.optim.SGD, {}
            make, decay = partial(kind, weight_decay=decay, **how), 0.0
        self.own = [
            make(parameter_groups(m, decay) if decay else m.parameters(), lr=rate)
            for m, rate in zip(models, rates, strict=True)
        ]
        for each in self.own:
            if not isinstance(each, torch.optim.Optimizer):
                raise VsrnnError(f"expected an optimizer of torch, not {each!r}")
            if isinstance(each, torch.optim.LBFGS):
                raise VsrnnError("LBFGS evaluates each batch many times; use another")
        schedule = training.schedule
        self.schedules = [schedule(each) for each in self.own] if schedule else []
        self.best = [inf] * len(models)

    def step(self) -> None:
        """Step against the gradients."""
        for model, own in zip(self.models, self.own, strict=True):
            if self.training.clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), self.training.clip)
            own.step()

    def slow_down(self, losses: Sequence[float]) -> bool:
        """Change the rates after an epoch of these validation losses."""
        for number, (own, loss) in enumerate(zip(self.own, losses, strict=True)):
            if loss < self.best[number]:
                self.best[number] = loss
            else:
                for group in own.param_groups:
                    group["lr"] = group["lr"] / self.training.plateau
        for schedule, loss in zip(self.schedules, losses, strict=False):
            plateau = isinstance(schedule, lr_scheduler.ReduceLROnPlateau)
            schedule.step(*[loss] * plateau)
        return False

    def carry(self, rewired: Mapping[nn.Parameter, Tensor]) -> bool:
        """Let what the optimizers know of each weight follow those that were rewired.

        Args:
            rewired: as of :meth:`Optimizer.carry`.
        """
        for weight, source in rewired.items():
            for own in self.own:
                for name, known in own.state.get(weight, {}).items():
                    if isinstance(known, Tensor) and known.dim():
                        padded = torch.cat([known, known.new_zeros(1)])
                        own.state[weight][name] = padded[source]
        return bool(rewired)

    def zero_grad(self) -> None:
        """Drop the gradients."""
        for own in self.own:
            own.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """That of every optimizer and schedule."""
        kept = {"own": self.own, "schedules": self.schedules}
        states = {name: [e.state_dict() for e in each] for name, each in kept.items()}
        return states | {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there, with the weights of then."""
        for name in ("own", "schedules"):
            for each, saved in zip(getattr(self, name), state[name], strict=True):
                each.load_state_dict(saved)
        self.best = list(state["best"])


def make_optimizer(
    models: Sequence[nn.Module], rates: Sequence[float], training: Training
) -> Optimizer | TorchOptimizer:
    """The optimizer of a training: torch's where it asks for what only that has."""
    plain = isinstance(training.optimizer, str) and training.schedule is None
    return (Optimizer if plain else TorchOptimizer)(models, rates, training)


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
