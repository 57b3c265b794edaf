"""One pass of block RNNs that read the same inputs, forward and back.

One network is a pass of one model. Several are one network whose state matrix is block
diagonal: their input rows stand under each other in one product, and their time loops
are one loop of batched products. Models of different hidden sizes are padded with rows
that have no weights, so their states and gradients stay zero.

What makes it fast, most important first:

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

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

from vsrnn.errors import VsrnnError
from vsrnn.models._kernels.products import InputProduct, StateProduct, fill

Weights = tuple[Tensor, Tensor, Tensor]


def _relu_backward(grad: Tensor, after: Tensor) -> None:
    torch.ops.aten.threshold_backward.grad_input(grad, after, 0, grad_input=grad)


def _tanh_backward(grad: Tensor, after: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(grad, after, grad_input=grad)


ACTIVATIONS = {
    "relu": (torch.relu_, _relu_backward),
    "tanh": (torch.tanh_, _tanh_backward),
}
"""What hidden rows go through, in place; and gradients, from what it gave."""


class Layout:
    """How the weights of a pass fill its matrices.

    Args:
        index_input: flat positions in ``(models, rows, inputs)``, rising.
        index_state: flat positions in ``(models, rows, rows)``, rising.
        models: how many there are.
        sizes: inputs, hidden and outputs, of the largest. Each model's hidden rows
            come first, padding included.
        activation: of the hidden rows, a key of `ACTIVATIONS`.
        like: of the device and precision of the weights.
    """

    def __init__(
        self,
        index_input: Tensor,
        index_state: Tensor,
        models: int,
        sizes: tuple[int, int, int],
        activation: str,
        like: Tensor,
    ) -> None:
        inputs, self.hidden, outputs = sizes
        self.rows = self.hidden + outputs
        self.models, self.activation = models, activation
        self.input = InputProduct(index_input, models * self.rows, inputs, like)
        self.state = StateProduct(index_state, models, self.rows, like)

    def check(self, weights: Weights) -> None:
        """Refuse weights that are not one for each place.

        Raises:
            VsrnnError: there are more or fewer.
        """
        wanted = len(self.input.index), len(self.state.index), self.models * self.rows
        found = len(weights[0]), len(weights[1]), len(weights[2])
        if found != wanted:
            raise VsrnnError(
                f"there are {wanted} places for weights of input, state and bias, and "
                f"{found} weights; change both with rewire"
            )


def propagate(
    x: Tensor, start: Tensor | None, weights: Weights, layout: Layout
) -> tuple[Tensor, Tensor]:
    """The outputs of each step and the states after the last one.

    ``s_t = act(W_input x_t + W_state s_{t-1} + bias)``, on hidden rows only.

    Args:
        x: inputs, ``(batch, time, inputs)``. When the last step is blank (all zero),
            as in tasks that ask for the answer after the last informative input, its
            product is not computed.
        start: the states before the first step, ``(models, rows, batch)``; zeros if
            absent.
        weights: vector of those that read the inputs, of those that read the state, and
            biases, ``(models * rows,)``.
        layout: the places of the weights.

    Returns:
        ``(models, outputs, time, batch)`` and ``(models, rows, batch)``, both of memory
        of their own. Under autocast, too, they are computed as precisely as the weights
        are.
    """
    layout.check(weights)
    with precisely(x):
        if transformed() or x.is_meta:
            return composed(x, start, weights, layout)
        return _propagate(x, start, weights, layout)


def _propagate(
    x: Tensor, start: Tensor | None, weights: Weights, layout: Layout
) -> tuple[Tensor, Tensor]:
    on_cpu = x.device.type == "cpu"  # elsewhere a look at the values would wait
    blank = on_cpu and x.shape[1] > 1 and not x.requires_grad and _zero(x[:, -1])
    seen = (x[:, :-1] if blank else x).transpose(0, 1).reshape(-1, x.shape[2])
    size = (x.shape[0], x.shape[1])
    given = (seen, start, *weights, layout, size)
    if torch.is_grad_enabled():
        output, last = _Pass.apply(*given)
        return output, last
    states, *_ = _forward(*given)  # without wrapping: a tenth of a single step
    return _told(states, layout)


def composed(
    x: Tensor, start: Tensor | None, weights: Weights, layout: Layout
) -> tuple[Tensor, Tensor]:
    """The same as :func:`propagate` by dense operations of torch alone.

    Torch can trace, transform and differentiate these as often as one likes.
    """
    weight_input, weight_state, bias = weights
    models, rows, hidden = layout.models, layout.rows, layout.hidden
    places = layout.input.index.to(bias.device), layout.state.index.to(bias.device)
    reads = fill(weight_input, places[0], (models * rows, layout.input.inputs))
    matrix = fill(weight_state, places[1], (models, rows, rows)).transpose(1, 2)
    drive = functional.linear(x, reads, bias).unflatten(2, (models, rows))
    state, outputs = None if start is None else start.transpose(1, 2), []
    activate = getattr(torch, layout.activation)
    for step in drive.permute(1, 2, 0, 3).unbind():  # (models, batch, rows)
        step = step if state is None else step + state @ matrix
        state = torch.cat([activate(step[..., :hidden]), step[..., hidden:]], -1)
        outputs.append(state[..., hidden:])
    assert state is not None  # there are steps
    return torch.stack(outputs).permute(1, 3, 0, 2), state.transpose(1, 2)


def transformed() -> bool:
    """Whether torch traces what is computed, or transforms it by ``torch.func``."""
    return (
        torch._C._are_functorch_transforms_active()
        or torch._C._get_tracing_state() is not None
        or torch.compiler.is_compiling()
        or forward_ad._current_level >= 0
    )


def _vmapped() -> bool:
    """Whether gradients come in batches, as of ``jacobian(vectorize=True)``."""
    levels = torch._C._vmapmode_increment_nesting()
    return torch._C._vmapmode_decrement_nesting() > 0 and levels > 1


def precisely(x: Tensor) -> AbstractContextManager[Any]:
    """Without autocast, where it is on."""
    device = x.device.type
    if device == "meta" or not torch.is_autocast_enabled(device):
        return nullcontext()
    return torch.autocast(device, enabled=False)


def advance(
    x: Tensor, start: Tensor | None, weights: Weights, layout: Layout
) -> Tensor:
    """The state of one model, ``(1, rows, batch)``, after one step, without gradients.

    In three quarters of the time of :func:`propagate`, for 100 episodes of 10,000
    weights: there are no other steps to keep places for.
    """
    layout.check(weights)
    weight_input, weight_state, bias = weights
    with precisely(x):
        after = bias[:, None].repeat(1, len(x))
        layout.input.add(after, x, layout.input.parts(x), weight_input)
        if start is not None:
            layout.state.add(after, layout.state.matrix(weight_state), start[0])
        activate, _ = ACTIVATIONS[layout.activation]
        activate(after[: layout.hidden])
    return after[None]


def _forward(
    x: Tensor,
    start: Tensor | None,
    weight_input: Tensor,
    weight_state: Tensor,
    bias: Tensor,
    layout: Layout,
    size: tuple[int, int],
) -> tuple[Tensor, list[Tensor], Tensor]:
    """States from before the first step on, parts of the inputs, and state matrix."""
    (batch, time), models, rows = size, layout.models, layout.rows
    states = bias.new_empty(models, rows, 1 + time, batch)
    states[:, :, 0] = 0 if start is None else start
    states[:, :, 1:] = bias.view(models, rows, 1, 1)
    parts = layout.input.parts(x)
    drive = states.view(models * rows, -1)[:, batch : batch + len(x)]
    layout.input.add(drive, x, parts, weight_input)
    matrix = layout.state.matrix(weight_state)
    activate, _ = ACTIVATIONS[layout.activation]
    steps, hidden = layout.state.steps(states), states[:, : layout.hidden].unbind(2)
    for t in range(time):
        if t > 0 or start is not None:
            layout.state.add(steps[t + 1], matrix, steps[t])
        activate(hidden[t + 1])
    return states, parts, matrix


def _told(states: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """What others see of the states: outputs, and all after the last step; copies."""
    output, last = states[:, layout.hidden :, 1:], states[:, :, -1]
    plain = torch.contiguous_format
    return output.clone(memory_format=plain), last.clone(memory_format=plain)


class _Pass(torch.autograd.Function):
    """The same, with back-propagation through time written out."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, start: Tensor | None, *given: Any
    ) -> tuple[Tensor, Tensor]:
        states, ctx.parts, ctx.matrix = _forward(x, start, *given)
        *weights, ctx.layout, ctx.size = given
        # all of them, so that torch notices if one is written to before the way back
        ctx.save_for_backward(states, x, start, *weights)
        ctx.set_materialize_grads(False)
        return _told(states, ctx.layout)

    @staticmethod
    def backward(
        ctx: Any, output: Tensor | None, last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        states, *given = ctx.saved_tensors
        with precisely(states):
            if torch.is_grad_enabled() or transformed() or _vmapped():
                return _differentiable(ctx, given, (output, last))
            return _backward(ctx, states, given[0], given[2], output, last)


def _differentiable(
    ctx: Any, given: list[Any], grads: tuple[Tensor | None, ...]
) -> tuple[Tensor | None, ...]:
    """Gradients that can be differentiated in turn, of the composed pass."""
    x, start, *weights = given
    batch, time = ctx.size
    with torch.enable_grad():
        blank = x.new_zeros(time * batch - len(x), x.shape[1])  # the last step, if any
        inputs = torch.cat([x, blank]).view(time, batch, -1).transpose(0, 1)
        told = composed(inputs, start, (*weights,), ctx.layout)
        asked = [pair for pair in zip(told, grads, strict=True) if pair[1] is not None]
        ends, outer = zip(*asked, strict=True)
        needed = zip(given, ctx.needs_input_grad, strict=False)
        wanted = [part for part, need in needed if need]
        found = iter(
            torch.autograd.grad(
                ends, wanted, outer, create_graph=True, materialize_grads=True
            )
        )
    return (
        *(next(found) if need else None for need in ctx.needs_input_grad[:5]),
        None,
        None,
    )


def _backward(
    ctx: Any,
    states: Tensor,
    x: Tensor,
    weight_input: Tensor,
    output: Tensor | None,
    last: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """Gradients by back-propagation through time."""
    layout, transposed = ctx.layout, ctx.layout.state.transposed(ctx.matrix)
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
    if ctx.needs_input_grad[1]:
        first = grad.new_zeros(models, rows, 1, batch)
        layout.state.add(*layout.state.steps(first), transposed, steps[0])
        first = first[:, :, 0]
    flat = grad.view(models, rows, time * batch)
    before = states.view(models, rows, -1)[:, :, : time * batch]
    drive = grad.view(models * rows, -1)[:, : len(x)]
    seen = None
    if ctx.needs_input_grad[0]:
        seen = layout.input.input_grad(drive, weight_input)
    grad_input = layout.input.weight_grad(drive, x, ctx.parts)
    grad_state = layout.state.weight_grad(flat, before)
    return seen, first, grad_input, grad_state, flat.sum(2).view(-1), None, None


def _zero(values: Tensor) -> bool:
    """Whether all are; several times as fast as ``values.any()``."""
    if not values.numel():
        return True
    low, high = values.aminmax()
    return not (low or high)
