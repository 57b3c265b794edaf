"""Inputs and targets as a task of one's own gives them: checked, and of one length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vsrnn.errors import VsrnnError

if TYPE_CHECKING:
    from vsrnn.tasks.task import Task

GAP = -100
"""The class of a step where none is asked for; in numbers it is NaN."""


def sequences(given: Sequence[Any], task: Task, where: str) -> tuple[Tensor, Tensor]:
    """Inputs and targets of a split, made of one length, if they fit the task.

    Lists of arrays may be of different lengths, and steps at the end of a sequence that
    are NaN are none of it. ``where`` says which split it is.
    """
    inputs, targets = given
    if not isinstance(inputs, list | tuple):
        inputs = torch.as_tensor(inputs).detach()
        if inputs.is_floating_point() and inputs.isnan().any():
            inputs, targets = list(inputs), list(targets)
    if isinstance(inputs, list | tuple):
        inputs, targets = _padded(inputs, targets, task.steps, where)
    seen, wanted = torch.as_tensor(inputs).detach(), _single(targets)
    return _inputs(seen, task, where), _targets(wanted, len(seen), task, where)


def there(targets: Tensor) -> Tensor:
    """Which targets there are, true or false, of the shape of the targets."""
    return ~targets.isnan() if targets.is_floating_point() else targets != GAP


def _single(targets: Any) -> Tensor:
    """Numbers in single precision, or classes as integers."""
    kept = torch.as_tensor(targets).detach()
    return kept.float() if kept.is_floating_point() else kept.long()


def _padded(
    inputs: Sequence[Any], targets: Sequence[Any], steps: int, where: str
) -> tuple[Tensor, Tensor]:
    """Sequences of different lengths, with zeros and gaps behind their ends.

    One target a sequence becomes that of its last step, unless all are of full length.
    """
    seen = [torch.as_tensor(part).detach() for part in inputs]
    wanted = [_single(part) for part in targets]
    lengths = [_steps(part) for part in seen]
    if len(wanted) != len(seen) or not seen:
        raise VsrnnError(
            f"there are {len(seen)} inputs and {len(wanted)} targets {where}; "
            "give one of each for every sequence"
        )
    for length in lengths:
        if not 1 <= length <= steps:
            raise VsrnnError(
                f"the sequences {where} must have 1 to {steps} steps, not {length}"
            )
    numbers = wanted[0].is_floating_point()
    gap = torch.nan if numbers else GAP
    if wanted[0].ndim == int(numbers):  # one target a sequence
        if min(lengths) == steps:
            return torch.stack(seen), torch.stack(wanted)
        ends = zip(wanted, lengths, strict=True)
        wanted = [torch.stack([*[one * 0 + gap] * (n - 1), one]) for one, n in ends]
    elif [len(part) for part in wanted] != [len(part) for part in seen]:
        raise VsrnnError(f"the targets {where} must be one a sequence, or one a step")
    elif any(there(w[n:]).any() for w, n in zip(wanted, lengths, strict=True)):
        raise VsrnnError(
            f"a target {where} is at a step that is no longer of its inputs"
        )
    seen, wanted = (
        [part[:n] for part, n in zip(parts, lengths, strict=True)]
        for parts in (seen, wanted)
    )
    return pad(seen, steps, 0), pad(wanted, steps, gap)


def _steps(part: Tensor) -> int:
    """How many a sequence has, without those at its end that are NaN."""
    if not part.is_floating_point() or not part.ndim or not part.numel():
        return len(part)
    known = (~part.isnan()).view(len(part), -1).any(1).nonzero()
    return int(known[-1]) + 1 if len(known) else 0


def pad(parts: Sequence[Tensor], steps: int, value: float) -> Tensor:
    """Sequences as one tensor, (sequences, steps, ...), a value behind their ends."""
    kept = parts[0].new_full((len(parts), steps, *parts[0].shape[1:]), value)
    for row, part in zip(kept, parts, strict=True):
        row[: len(part)] = part
    return kept


def _inputs(inputs: Tensor, task: Task, where: str) -> Tensor:
    size = task.inputs
    wanted = (len(inputs), task.steps, size)[: 2 if task.symbols else 3]
    if not len(inputs) or inputs.shape != wanted:
        words = ", ".join(map(str, wanted[1:]))
        raise VsrnnError(
            f"the inputs {where} must be (sequences, {words}), "
            f"not {tuple(inputs.shape)}"
        )
    if inputs.is_complex():
        raise VsrnnError(f"the inputs {where} are complex; give real numbers")
    if not task.symbols:
        return _finite(inputs, where)
    if inputs.is_floating_point() or not 0 <= inputs.min() <= inputs.max() < size:
        raise VsrnnError(f"the symbols {where} must be integers from 0 to {size - 1}")
    return inputs.long()


def _targets(targets: Tensor, n: int, task: Task, where: str) -> Tensor:
    classes = not targets.is_floating_point()
    each = () if classes else (task.outputs,)
    wanted = [(n, *each), (n, task.steps, *each)]
    if targets.shape not in wanted:
        raise VsrnnError(
            f"the {'classes' if classes else 'numbers'} to be given {where} must "
            f"be {' or '.join(map(str, wanted))}, not {tuple(targets.shape)}"
        )
    known = there(targets)
    if not known.view(n, -1).any(1).all():
        raise VsrnnError(f"a sequence {where} has no target at any step")
    found = targets[known]
    if classes and not 0 <= found.min() <= found.max() < task.outputs:
        raise VsrnnError(f"the classes {where} must be from 0 to {task.outputs - 1}")
    _finite(found, where)
    return targets


def _finite(numbers: Tensor, where: str) -> Tensor:
    """Numbers in single precision where they are no integers, if all are finite."""
    kept = numbers.float() if numbers.is_floating_point() else numbers
    if not kept.isfinite().all():
        raise VsrnnError(
            f"some numbers {where} are not finite; NaN fills only steps behind the end "
            "of a sequence, and targets that are not asked for"
        )
    return kept
