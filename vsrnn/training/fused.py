"""Training steps of block RNNs that are computed as a whole by compiled loops."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsrnn.methods import Work
from vsrnn.models import blank_end, fast, transformed
from vsrnn.models.batch import ModelBatch
from vsrnn.models.block import BlockRNN
from vsrnn.tasks.task import Task
from vsrnn.training.optimizer import Optimizer


def fused_step(
    network: Any, optimizer: Any, task: Task, works: Any = ()
) -> FusedStep | None:
    """A step that trains as one, if the network, loss and optimizer are those known."""
    known = type(network) is ModelBatch and type(optimizer) is Optimizer
    kind: Any = type(task)
    known = known and optimizer.training.optimizer == "adam"
    known = known and optimizer.training.clip is None
    known = known and all(
        getattr(kind, n) is getattr(Task, n) for n in ("loss", "accuracy")
    )
    known = known and all(type(work).penalty is Work.penalty for work in works)
    known = known and list(network.models) == list(optimizer.models)
    known = known and all(type(model) is BlockRNN for model in network.models)
    first = network.models[0].bias if known else None
    if first is None or first.device.type != "cpu" or first.dtype is not torch.float32:
        return None
    return FusedStep(network, optimizer, task) if fast.loops() else None


class FusedStep:
    """A training step of Adam on the loss of a task, of all models.

    Args:
        network: the models.
        optimizer: of the same models.
        task: says what the loss is a mean of.
    """

    def __init__(self, network: ModelBatch, optimizer: Optimizer, task: Task) -> None:
        self.network, self.optimizer, self.task = network, optimizer, task
        self.models: list[Any] = list(network.models)
        self.parameters = [
            (model.weight_input, model.weight_state, model.bias)
            for model in self.models
        ]
        self.flat = [one for own in self.parameters for one in own]
        self.tanh = self.models[0].activation == "tanh"
        self.key: Any = None

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor] | None:
        """Train on a batch; return losses and accuracies before, or None if unable."""
        batch, time, _ = x.shape if x.dim() == 3 else (0, 0, 0)
        width = fast.width_of(batch)
        if not self._able(x, y) or not self._prepare(width, time):
            return None
        seen = time - blank_end(x)
        read = fast.arranged(x, width, seen)
        run: Any = fast.steps()
        losses = torch.empty(len(self.models))
        scores = torch.empty(len(self.models), dtype=torch.float64)
        numbers = y.is_floating_point()
        each = y.dim() == (3 if numbers else 2)
        by = y.stride() if each else (y.stride(0), 0, *y.stride()[1:])
        by_output = by[2] if numbers else 0
        given = (
            self.rates.ctypes.data, self.optimizer.training.weight_decay,
            read.data_ptr(), batch, width, time, seen, self.tanh, y.data_ptr(),
            not numbers, self.task._gaps, by[0], by[1], by_output,
            time if each else 1, losses.data_ptr(), scores.data_ptr(),
        )  # fmt: skip

        def train(part: tuple[int, int]) -> bool:
            return bool(run.train(self.table.ctypes.data, *part, *given))

        trained = [*(self.pool.map if self.pool else map)(train, self.parts)]
        if not all(trained):
            return None
        torch._foreach_add_([group.step for group in self.optimizer.groups], 1)
        torch.autograd.graph.increment_version(self.flat)
        if numbers:
            scores = 1 - losses.double() / (self.task._variance or 1)
        return losses, scores

    def _able(self, x: Tensor, y: Tensor) -> bool:
        """Whether nothing asks for more than a training step gives."""
        network, first = self.network, self.models[0]
        hooks = network._forward_hooks or network._forward_pre_hooks
        hooks = hooks or network._backward_hooks or network._backward_pre_hooks
        if hooks or transformed() or not torch.is_grad_enabled():
            return False
        if not fast.able(x, first.bias) or x.requires_grad or x.dim() != 3:
            return False
        batch, time, inputs = x.shape
        ends = (first.geometry.outputs,) if y.is_floating_point() else ()
        fits = y.shape in ((batch, *ends), (batch, time, *ends)) and batch
        fits = fits and y.dtype in (torch.float32, torch.int64) and x.stride(2) == 1
        if not fits or inputs != first.inputs or y.device != x.device:
            return False
        for model, own in zip(self.models, self.parameters, strict=True):
            model.checked_places()
            held = model._parameters
            for name, one in zip(
                ("weight_input", "weight_state", "bias"), own, strict=True
            ):
                hooks = one._backward_hooks or one._post_accumulate_grad_hooks
                if held.get(name) is not one or hooks or one.grad is not None:
                    return False
                if not one.requires_grad:
                    return False
        return True

    def _prepare(self, width: int, time: int) -> bool:
        """Say where all is, if anything is elsewhere than at the last step.

        False if there are no averages for all weights: these were replaced.
        """
        groups = self.optimizer.groups
        key: list[Any] = [one.data_ptr() for one in self.flat]
        for group in groups:
            key += (
                one.data_ptr() for one in (*group.means, *group.squares, group.step)
            )
            key.append(group.rate)
        key += (width, time, torch.get_num_threads())
        if key == self.key:
            return True
        self.key = None
        run: Any = fast.loops()
        own: dict[int, Any] = {}
        for group in groups:
            every = zip(group.weights, group.means, group.squares, strict=True)
            for weight, mean, square in every:
                if not len(weight) == len(mean) == len(square):
                    return False
                own[id(weight)] = group, mean, square
        self.jobs = [fast.Jobs(model.layout) for model in self.models]
        self.table = np.concatenate([jobs.table for jobs in self.jobs])
        rates = [own[id(model.bias)][0].rate for model in self.models]
        self.rates = np.array(rates)
        rows = int(self.table[:, run.ROWS].max())
        share = self._share()
        self.states = torch.empty(len(self.parts), 2, (1 + time) * rows * width)
        parts = run.READS, run.MATRIX, run.BIAS
        self.grads = [
            torch.empty(len(self.parts), most + -most % 16)
            for most in (
                max(map(len, each)) for each in zip(*self.parameters, strict=True)
            )
        ]
        for n, (job, weights) in enumerate(
            zip(self.table, self.parameters, strict=True)
        ):
            states = self.states[n // share]
            job[run.STATES], job[run.GRADS] = (part.data_ptr() for part in states)
            grads = [buffer[n // share] for buffer in self.grads]
            for part, weight, grad in zip(parts, weights, grads, strict=True):
                group, mean, square = own[id(weight)]
                tensors = weight, grad, mean, square
                job[part : part + 4] = [one.data_ptr() for one in tensors]
            job[run.STEP] = group.step.data_ptr()
        self.key = key
        return True

    def _share(self) -> int:
        """Models of a thread, of which each has as many."""
        number = len(self.models)
        share = -(-number // min(torch.get_num_threads(), number))
        starts = range(0, number, share)
        self.parts = [(first, min(first + share, number)) for first in starts]
        several = len(self.parts) > 1
        self.pool = ThreadPoolExecutor(len(self.parts)) if several else None
        return share
