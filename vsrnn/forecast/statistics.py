"""What the data of a task say about it, in about twenty numbers."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from vsrnn.forecast.probe import asked, explained
from vsrnn.tasks.task import Task

ROWS, WIDE = 512, 256  # sequences looked at; inputs are projected to so many numbers


def statistics(task: Task) -> dict[str, float]:
    """Describe the training data of a task; less than a second.

    Logarithms of sizes: ``inputs``, ``outputs``, ``ratio`` (of the two), ``steps``,
    ``sequences``. ``classes`` and ``every_step`` are 1 where targets are classes, or
    stand at more than one step. ``entropy`` is that of the classes [nats], or 0.
    ``target_rank`` is the participation ratio of the targets' covariance over their
    number, ``target_memory`` their correlation from step to step. Of the inputs:
    ``zeros`` (share), ``mean``, ``deviation``, ``rank`` (participation ratio over how
    many there could be), ``lag_1`` and ``lag_half`` (correlation with the input one
    step, and half of the steps, before). Variance of the targets that a ridge
    regression explains on sequences left out, from the input that was read last
    (``from_last``), the mean of all that were (``from_mean``), and all of them
    (``from_all``); ``memory_demand`` is the last less the first.

    >>> from vsrnn import get_task
    >>> found = statistics(get_task("adding", "smoke"))
    >>> len(found), found["classes"], round(found["from_mean"])
    (20, 0.0, 0)
    """
    x, targets = task.batch("train", slice(0, ROWS))
    x = x.float()
    if task.symbols:
        x = torch.nn.functional.one_hot(x.long(), task.inputs).float()
    numbers, steps = targets.is_floating_point(), x.shape[1]
    at_once = targets.ndim == 1 + numbers
    if not at_once:
        x, targets = x[:128], targets[:128]
    _, wanted = asked(x[..., :1], targets, task.outputs)
    share = wanted.mean(0).clamp(min=1e-9).double()
    entropy = 0.0 if numbers else -float((share * share.log()).sum())
    step = min(1, steps - 1)
    half = steps // 2
    seen = _narrow(x)
    # an output reads the state of the step before, which has read all before that
    before = torch.cat([torch.zeros_like(seen[:, :1]), seen[:, :-1]], 1)
    count = torch.arange(1, steps + 1).view(1, -1, 1)
    held = _window(before)
    parts = {"from_last": before, "from_mean": before.cumsum(1) / count}
    parts["from_all"] = held
    read = {
        name: explained(*asked(part, targets, task.outputs))
        for name, part in parts.items()
    }
    found = {
        "inputs": math.log(task.inputs),
        "outputs": math.log(task.outputs),
        "ratio": math.log(task.inputs / task.outputs),
        "steps": math.log(steps),
        "sequences": math.log(task.sizes["train"]),
        "classes": float(not numbers),
        "every_step": float(not at_once),
        "entropy": entropy,
        "target_rank": _participation(wanted),
        "target_memory": _target_memory(targets, numbers, at_once),
        "zeros": float((x == 0).float().mean()),
        "mean": float(x.mean()),
        "deviation": float(x.std()),
        "rank": _participation(seen.flatten(0, 1)[:2048]),
        "lag_1": _correlation(x[:, step:], x[:, : steps - step]),
        "lag_half": _correlation(x[:, half:], x[:, : steps - half]),
        **read,
        "memory_demand": read["from_all"] - read["from_last"],
    }
    return {name: float(np.nan_to_num(value)) for name, value in found.items()}


@torch.no_grad()
def guess(task: Task) -> float:
    """Loss on the validation sequences of the best answer that is always the same.

    That is the mean of the training targets, or their classes' shares.

    >>> from vsrnn import get_task
    >>> round(guess(get_task("adding", "smoke")), 2)  # 1/6, of few sequences
    0.17
    """
    _, targets = task.batch("train", slice(0, None))
    if targets.is_floating_point():
        answer = targets.flatten(0, -2).nanmean(0)
    else:
        known = targets[targets >= 0]
        share = torch.bincount(known, minlength=task.outputs) / len(known)
        answer = share.clamp(min=1e-6).log()
    losses, number = 0.0, task.sizes["val"]
    for first in range(0, number, ROWS):
        x, wanted = task.batch("val", slice(first, first + ROWS))
        output = answer.expand(1, len(x), x.shape[1], -1)
        losses += float(task.loss(output, wanted)) * len(x)
    return losses / number


def _narrow(x: Tensor) -> Tensor:
    """Wide inputs along random directions."""
    if x.shape[2] <= WIDE:
        return x
    generator = torch.Generator().manual_seed(0)
    turn = torch.randn(x.shape[2], WIDE, generator=generator)
    return x @ (turn / x.shape[2] ** 0.5)


def _window(before: Tensor, most: int = 1024) -> Tensor:
    """At each step the inputs of all steps before it, as many as fit, latest first."""
    steps = min(before.shape[1], max(1, most // before.shape[2]))
    shifted = [
        torch.cat(
            [torch.zeros_like(before[:, :n]), before[:, : before.shape[1] - n]], 1
        )
        for n in range(steps)
    ]
    return torch.cat(shifted, 2)


def _participation(rows: Tensor) -> float:
    """Squared trace of the covariance over the trace of its square, as a share."""
    centered = (rows - rows.mean(0)).double()
    small = centered if len(centered) >= centered.shape[1] else centered.T
    gram = small.T @ small
    squares = float(gram.square().sum())
    number = min(rows.shape[1], len(rows))
    return float(gram.trace()) ** 2 / squares / number if squares > 0 else 0.0


def _correlation(first: Tensor, second: Tensor) -> float:
    """Correlation of two arrays, each channel about its own mean."""
    one, other = (part - part.mean((0, 1)) for part in (first, second))
    size = float((one.square().sum() * other.square().sum()).sqrt())
    return float((one * other).sum()) / size if size > 0 else 0.0


def _target_memory(targets: Tensor, numbers: bool, at_once: bool) -> float:
    """How much targets at one step are like those at the step before."""
    if at_once or targets.shape[1] < 2:
        return 0.0
    if numbers:
        known = targets.nan_to_num()
        return _correlation(known[:, 1:], known[:, :-1])
    both = (targets[:, 1:] >= 0) & (targets[:, :-1] >= 0)
    same = (targets[:, 1:] == targets[:, :-1])[both].float()
    return float(same.mean()) if len(same) else 0.0
