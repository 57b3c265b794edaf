"""A network that serves a stream, learns from it, and moves its weights meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vsrnn.errors import VsrnnError, check_int
from vsrnn.methods import get_method
from vsrnn.methods.method import with_masks
from vsrnn.methods.moving import LOOKS, Mover, Trading
from vsrnn.tasks.task import Training
from vsrnn.training.optimizer import Optimizer

Loss = Callable[[Tensor, Tensor], Tensor]


class Serving:
    """A network at work on a stream: :func:`vsrnn.adapt` gives one.

    Attributes:
        model: the network, with the weights of now.
        state: its state after the last step.
    """

    def __init__(
        self, mover: Mover, every: int, loss: Loss, rate: float, window: int
    ) -> None:
        model = self.model = mover.model
        self.mover, self.every, self.loss = mover, every, loss
        self.optimizer = Optimizer([model], [rate], Training(clip=1.0))
        self.state: Any = None
        self.kept: deque[list[Any]] = deque(maxlen=window)
        self.steps = self.updates = self.moved = 0
        self.error = float("nan")

    @torch.no_grad()
    def step(self, x: Tensor) -> Tensor:
        """Advance one step: ``(inputs,)`` or ``(batch, inputs)`` in, outputs out.

        Raises:
            VsrnnError: the inputs are of another shape.
        """
        window = self.kept.maxlen or 1
        if self.steps and self.steps % (window // 2) == 0:
            self._update()
        before = self.state
        output, self.state = self.model.step(x, before)
        self.kept.append([x.clone(), before, None])
        self.steps += 1
        return output

    def tell(self, target: Tensor, ago: int = 0) -> None:
        """Say what an output should have been.

        Args:
            target: of that output, ``(outputs,)`` or ``(batch, outputs)``, or what the
                loss takes.
            ago: how many steps ago that was, 0 for the last one.

        Raises:
            VsrnnError: the window does not reach so far back.
        """
        if check_int("ago", ago, 0) >= len(self.kept):
            raise VsrnnError(
                f"the last {len(self.kept)} steps are kept; a target of {ago} steps "
                "ago comes too late, so give a longer window"
            )
        self.kept[-1 - ago][2] = torch.as_tensor(target).clone()

    def report(self) -> dict[str, Any]:
        """What it has done so far: steps, updates, moves, weights moved, and where.

        ``error`` is a running mean of the loss, and ``weights`` are those in each block
        now.
        """
        return {
            **{"steps": self.steps, "updates": self.updates},
            **{"moves": self.mover.made, "moved": self.moved, "error": self.error},
            "weights": self.model.block_weights(),
        }

    def _update(self) -> None:
        """Learn from the window, and move when it is time to."""
        if not any(target is not None for _, _, target in self.kept):
            return
        with torch.enable_grad():
            loss = self._window(self.model)
        loss.backward()
        value = loss.item()
        known = self.error == self.error  # which nan is not
        self.error = 0.9 * self.error + 0.1 * value if known else value
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.updates += 1
        since = self.updates % self.every
        if since == 0 or since > self.every - LOOKS:
            self.mover.look(self._window)
        if since == 0:
            before = {p: self.model.index(p) for p in self.model.shapes}
            self.optimizer.carry(self.mover.move(0))
            self.mover.made += 1
            for part, places in before.items():
                self.moved += int((~torch.isin(self.model.index(part), places)).sum())

    def _window(self, model: nn.Module) -> Tensor:
        """The loss of a network on the steps that are kept and have targets."""
        inputs = torch.stack([x for x, _, _ in self.kept], -2)  # (..., time, inputs)
        output, _ = model(inputs, self.kept[0][1])
        told = [n for n, (_, _, target) in enumerate(self.kept) if target is not None]
        targets = torch.stack([self.kept[n][2] for n in told])
        return self.loss(output.movedim(-2, 0)[told].flatten(0, -2), _rows(targets))


def adapt(
    model: nn.Module,
    *,
    loss: Loss = functional.mse_loss,
    rate: float = 1e-3,
    window: int = 20,
    every: int = 50,
    share: float = 0.05,
    method: str = "across",
    seed: int = 0,
) -> Serving:
    """Let a network learn from the stream that it serves, within its budget of weights.

    It answers step by step. Every half window it learns from the steps of the last one
    that have a target by then, by back-propagation through these and a step of Adam,
    with the gradient clipped to norm 1. After so many such updates a share of its
    weights moves; how many it has stays the same, and so do the memory and the time of
    a window.

    Args:
        model: with masks: a block RNN or masked cell. It is changed.
        loss: of outputs and targets, ``(rows, outputs)`` and as given.
        rate: the learning rate.
        window: steps that are kept, 2 or more.
        every: updates between two moves.
        share: of the weights, that a move takes.
        method: ``"across"`` blocks, or within them, ``"rigl"`` or ``"set"``.
        seed: of what is drawn.

    Raises:
        VsrnnError: the model has no masks, or an argument is of no use.

    Example:
        >>> import torch, vsrnn
        >>> model = vsrnn.BlockRNN(vsrnn.Geometry(3, 20, 1, 0.4))
        >>> served = vsrnn.adapt(model, window=10, every=10)
        >>> for x in torch.rand(300, 3):
        ...     y = served.step(x)
        ...     served.tell(x.sum()[None])
        >>> report = served.report()
        >>> report["updates"], report["moves"]
        (59, 5)
    """
    own = with_masks(model, "adapting")
    check_int("window", window, 2)
    if not isinstance(rate, int | float) or not 0 < rate < inf:
        raise VsrnnError(f"rate must be a number above 0, not {rate!r}")
    check_int("every", every, 1)
    if method not in ("across", "rigl", "set"):
        raise VsrnnError(f"method must be 'across', 'rigl' or 'set', not {method!r}")
    options = get_method(method, share=share, schedule="constant")
    assert isinstance(options, Trading)
    return Serving(Mover(options, own, seed), every, loss, float(rate), window)


def _rows(targets: Tensor) -> Tensor:
    """Targets of all steps and sequences under each other, as outputs are."""
    return targets.flatten(0, -2) if targets.is_floating_point() else targets.flatten()
