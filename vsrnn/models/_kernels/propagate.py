"""One pass of block RNNs that read the same inputs, forward and back.

One network is a pass of one model. Several are one network whose state matrix is block
diagonal: their input rows stand under each other in one product, and their time loops
are one loop of batched products. Models of different hidden sizes are padded with rows
that have no weights, so their states and gradients stay zero.

Compiled loops compute it where there are any, else operations of torch: both have a
``forward`` and a ``backward`` of the same arguments.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

from vsrnn.models._kernels import fast, plain
from vsrnn.models._kernels.layout import Layout, Weights
from vsrnn.models._kernels.products import fill


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
    engine = fast if fast.able(x, weights[0]) else plain
    if torch.is_grad_enabled():
        output, last = _Pass.apply(x, start, *weights, layout, engine)
        return output, last
    # without wrapping: a tenth of a single step
    output, last = engine.forward(x, start, weights, layout)[2:]
    return output, last


def composed(
    x: Tensor, start: Tensor | None, weights: Weights, layout: Layout
) -> tuple[Tensor, Tensor]:
    """The same as :func:`propagate` by dense operations of torch alone.

    Torch can trace, transform and differentiate these as often as one likes.
    """
    weight_input, weight_state, bias = weights
    models, rows, hidden = layout.models, layout.rows, layout.hidden
    places = layout.index_input.to(bias.device), layout.index_state.to(bias.device)
    reads = fill(weight_input, places[0], (models * rows, layout.inputs))
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
    """The state of a model, ``(1, rows, batch)``, after a step, without gradients."""
    layout.check(weights)
    with precisely(x):
        return plain.advance(x, start, weights, layout)


class _Pass(torch.autograd.Function):
    """The same, with back-propagation through time written out."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, start: Tensor | None, *given: Any
    ) -> tuple[Tensor, Tensor]:
        *weights, ctx.layout, ctx.engine = given
        kept, ctx.rest, output, last = ctx.engine.forward(
            x, start, (*weights,), ctx.layout
        )
        # all of them, so that torch notices if one is written to before the way back
        ctx.save_for_backward(x, start, *weights, *kept)
        ctx.set_materialize_grads(False)
        return output, last

    @staticmethod
    def backward(
        ctx: Any, output: Tensor | None, last: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        x, start, *saved = ctx.saved_tensors
        given = x, start, *saved[:3]
        with precisely(x):
            if torch.is_grad_enabled() or transformed() or _vmapped():
                return _differentiable(ctx, given, (output, last))
            needed = ctx.needs_input_grad[:2]
            found = ctx.engine.backward(
                saved[3:], ctx.rest, given, ctx.layout, needed, (output, last)
            )
            return *found, None, None


def _differentiable(
    ctx: Any, given: tuple[Any, ...], grads: tuple[Tensor | None, ...]
) -> tuple[Tensor | None, ...]:
    """Gradients that can be differentiated in turn, of the composed pass."""
    x, start, *weights = given
    with torch.enable_grad():
        told = composed(x, start, (*weights,), ctx.layout)
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
