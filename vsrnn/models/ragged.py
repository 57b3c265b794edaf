"""Sequences of different lengths: packed, or padded with their lengths beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pad_packed_sequence,
)

from vsrnn.errors import VsrnnError, check_int

Inputs = Tensor | PackedSequence
Lengths = Tensor | Sequence[int]
Run = Callable[[Tensor, Any], tuple[Tensor, Any]]


def run_ragged(
    run: Run,
    check: Callable[[Any, Any], tuple[Tensor, Any]],
    x: Inputs,
    state: Any,
    lengths: Lengths | None,
    axis: int = -2,
) -> tuple[Any, Any]:
    """Run each sequence to its own end, as torch's networks do.

    All run as far as the shortest goes, the others from there as far as the next, and
    so on: nothing behind an end is read, or computed.

    Args:
        run: outputs and state of sequences of one length, from a state or None.
        check: gives inputs and state back, or raises what is wrong with them.
        x: packed sequences, or ones padded behind their ends.
        state: before the first step, one tensor or several.
        lengths: of padded sequences.
        axis: of the sequences in a state.

    Returns:
        The outputs, padded with zeros, or packed where the inputs are (of several
        models a tuple, one of each); and the states after each sequence's own end.

    Raises:
        VsrnnError: the lengths are not one for each sequence, or of steps there are.
    """
    if torch._C._get_tracing_state() is not None or torch.compiler.is_exporting():
        raise VsrnnError(
            "lengths are values, which a traced or exported network cannot follow; "
            "trace or export one without them"
        )
    if isinstance(x, PackedSequence):
        if lengths is not None:
            raise VsrnnError("a PackedSequence knows its lengths; give no others")
        data, sizes, order, back = x
        padded, known = pad_packed_sequence(
            PackedSequence(data, sizes), batch_first=True
        )  # the longest first
        padded, state = check(padded, state)
        state = _ordered(state, order, axis)
        output, last = _in_turn(run, padded, state, known, axis)
        packed = [
            x._replace(data=pack_padded_sequence(one, known, batch_first=True).data)
            for one in output.view(-1, *output.shape[-3:])
        ]
        whole = packed[0] if output.dim() == 3 else tuple(packed)
        return whole, _ordered(last, back, axis)
    x, state = check(x, state)
    known, order = _checked(lengths, x).sort(descending=True, stable=True)
    order = order.to(x.device)
    back = order.argsort()
    state = _ordered(state, order, axis)
    output, last = _in_turn(run, x.index_select(0, order), state, known, axis)
    return output.index_select(-3, back), _ordered(last, back, axis)


def _checked(lengths: Any, x: Tensor) -> Tensor:
    """The lengths of padded sequences, ``(batch,)``."""
    each = lengths.tolist() if hasattr(lengths, "tolist") else lengths
    if not isinstance(each, list | tuple) or len(each) != len(x) or not each:
        raise VsrnnError(f"give one length for each of {len(x)} sequences, (batch,)")
    whole = [check_int("a length", n, 1, x.shape[1]) for n in each]
    return torch.tensor(whole, device="cpu")


def _in_turn(
    run: Run, x: Tensor, state: Any, lengths: Tensor, axis: int
) -> tuple[Tensor, Any]:
    """Run sequences of falling lengths, which are fewer and fewer."""
    outputs, ends, done, count = [], [], 0, len(x)
    for until in lengths.unique().tolist():
        left = int((lengths >= until).sum())
        if done:
            ends.append(_each(state, Tensor.narrow, axis, left, count - left))
        state = _each(state, Tensor.narrow, axis, 0, left)
        output, state = run(x[:left, done:until], state)
        outputs.append(pad(output, (0, 0, 0, 0, 0, len(x) - left)))
        done, count = until, left
    ends.append(state)
    output = pad(torch.cat(outputs, -2), (0, 0, 0, x.shape[1] - done))
    if isinstance(state, Tensor):
        return output, torch.cat(ends[::-1], axis)
    parts = zip(*ends[::-1], strict=True)
    return output, tuple(torch.cat(part, axis) for part in parts)


def _ordered(state: Any, order: Tensor | None, axis: int) -> Any:
    """A state of sequences in another order, if one is given."""
    if order is None:
        return state
    return _each(state, Tensor.index_select, axis, order)


def _each(state: Any, change: Callable[..., Tensor], *how: Any) -> Any:
    """A state of changed parts, if there is one."""
    if state is None or isinstance(state, Tensor):
        return None if state is None else change(state, *how)
    return tuple(change(part, *how) for part in state)
