"""Passes of block RNNs by operations of torch, on any device and in any precision.

What makes them fast, most important first:

- Only the weights are stored and trained. Where density is low the products are on the
  weights alone, elsewhere they are dense: by rows for the inputs, all or none for the
  state. Many columns are multiplied as bags of weighted rows.
- Back-propagation is written out: after the time loop one product for each matrix is
  left, where autograd would make one a step.
- States and gradients lie as (rows, time, batch): no product copies them. Inputs lie as
  (time, batch, inputs), which dense products read as they are; those on the weights
  alone read a copy, turned, of as many columns at a time as stay in the cache.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vsrnn.models._kernels.layout import Layout, Weights


def _relu_backward(grad: Tensor, after: Tensor) -> None:
    torch.ops.aten.threshold_backward.grad_input(grad, after, 0, grad_input=grad)


def _tanh_backward(grad: Tensor, after: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(grad, after, grad_input=grad)


ACTIVATIONS = {
    "relu": (torch.relu_, _relu_backward),
    "tanh": (torch.tanh_, _tanh_backward),
}
"""What hidden rows go through, in place; and gradients, from what it gave."""


def forward(
    x: Tensor, start: Tensor | None, weights: Weights, layout: Layout
) -> tuple[list[Tensor], Any, Tensor, Tensor]:
    """What the way back reads; outputs, and states after the last step, as copies."""
    batch, time, inputs = x.shape
    # elsewhere a look at the values would wait
    blank = x.device.type == "cpu" and blank_end(x)
    seen = (x[:, :-1] if blank else x).transpose(0, 1).reshape(-1, inputs)
    weight_input, weight_state, bias = weights
    models, rows = layout.models, layout.rows
    states = bias.new_empty(models, rows, 1 + time, batch)
    states[:, :, 0] = 0 if start is None else start
    states[:, :, 1:] = bias.view(models, rows, 1, 1)
    parts = layout.input.parts(seen)
    drive = states.view(models * rows, -1)[:, batch : batch + len(seen)]
    layout.input.add(drive, seen, parts, weight_input)
    matrix = layout.state.matrix(weight_state)
    activate, _ = ACTIVATIONS[layout.activation]
    steps, hidden = layout.state.steps(states), states[:, : layout.hidden].unbind(2)
    for t in range(time):
        if t > 0 or start is not None:
            layout.state.add(steps[t + 1], matrix, steps[t])
        activate(hidden[t + 1])
    output, last = states[:, layout.hidden :, 1:], states[:, :, -1]
    plain = torch.contiguous_format
    told = output.clone(memory_format=plain), last.clone(memory_format=plain)
    return [states, seen], (parts, matrix), *told


def backward(
    kept: list[Tensor],
    rest: Any,
    given: tuple[Any, ...],
    layout: Layout,
    needed: tuple[bool, bool],
    grads: tuple[Tensor | None, Tensor | None],
) -> tuple[Tensor | None, ...]:
    """Gradients of inputs, start and weights, by back-propagation through time."""
    (states, seen), (parts, matrix), (output, last) = kept, rest, grads
    transposed = layout.state.transposed(matrix)
    models, rows, time, batch = states.shape
    time -= 1
    grad = states.new_zeros(models, rows, time, batch)
    if output is not None:
        grad[:, layout.hidden :] = output
    if last is not None:
        grad[:, :, -1] += last
    steps, hidden = layout.state.steps(grad), grad[:, : layout.hidden].unbind(2)
    after = states[:, : layout.hidden].unbind(2)
    _, activate_backward = ACTIVATIONS[layout.activation]
    for t in reversed(range(time)):
        activate_backward(hidden[t], after[t + 1])
        if t > 0:
            layout.state.add(steps[t - 1], transposed, steps[t])
    first = None
    if needed[1]:
        first = grad.new_zeros(models, rows, 1, batch)
        layout.state.add(layout.state.steps(first)[0], transposed, steps[0])
        first = first[:, :, 0]
    flat = grad.view(models, rows, time * batch)
    before = states.view(models, rows, -1)[:, :, : time * batch]
    drive = grad.view(models * rows, -1)[:, : len(seen)]
    x = None
    if needed[0]:
        x = layout.input_grad(drive, given[2])
        x = x.view(time, batch, -1).transpose(0, 1)
    grad_input = layout.input.weight_grad(drive, seen, parts)
    grad_state = layout.state.weight_grad(flat, before)
    return x, first, grad_input, grad_state, flat.sum(2).view(-1)


def advance(
    x: Tensor, start: Tensor | None, weights: Weights, layout: Layout
) -> Tensor:
    """The state of one model, ``(1, rows, batch)``, after one step, without gradients.

    In three quarters of the time of a pass, for 100 episodes of 10,000 weights: there
    are no other steps to keep places for.
    """
    weight_input, weight_state, bias = weights
    after = bias[:, None].repeat(1, len(x))
    layout.input.add(after, x, layout.input.parts(x), weight_input)
    if start is not None:
        layout.state.add(after, layout.state.matrix(weight_state), start[0])
    activate, _ = ACTIVATIONS[layout.activation]
    activate(after[: layout.hidden])
    return after[None]


def blank_end(x: Tensor) -> bool:
    """Whether the last step reads zeros alone, whose product needs no computing."""
    return x.shape[1] > 1 and not x.requires_grad and _zero(x[:, -1])


def _zero(values: Tensor) -> bool:
    """Whether all are; several times as fast as ``values.any()``."""
    if not values.numel():
        return True
    low, high = values.aminmax()
    return not (low or high)
