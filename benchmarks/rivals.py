"""The network of a `BlockRNN` as a user of JAX would write it: masks, a scan, a jit."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.baselines import MaskedDense
from vsrnn import BlockRNN

PARTS = ("input", "state")


def jax_work(blocks: list[BlockRNN], task: Any, threads: int) -> Callable[[], int]:
    """Give a function that trains networks for all batches of a task once.

    One is trained by itself, several by ``vmap``; all of a step is in one compiled
    function, Adam of optax included, which writes over what it read.

    Args:
        blocks: the networks, all of one size.
        task: where the sequences come from.
        threads: 1 to stay on one processor.
    """
    if threads == 1 and hasattr(os, "sched_setaffinity"):  # before JAX counts them
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import jax

    step = jax_step(blocks)

    def work() -> int:
        size, losses = task.batch_size, None
        for start in range(0, task.sizes["train"], size):
            losses = step(*task.batch("train", slice(start, start + size)))
        jax.block_until_ready(losses)
        return len(blocks) * task.sizes["train"]

    return work


def jax_step(blocks: list[BlockRNN]) -> Callable[[torch.Tensor, torch.Tensor], Any]:
    """Give a function that trains networks on a batch; it returns their losses."""
    import jax
    import optax

    several, adam = len(blocks) > 1, optax.adam(1e-4)
    hidden = blocks[0].geometry.hidden
    parameters, masks = _arrays(blocks)

    def loss(own: Any, inside: Any, x: Any, y: Any) -> Any:
        matrix = (own["state"] * inside["state"]).T
        drive = x @ (own["input"] * inside["input"]).T + own["bias"]

        def advance(state: Any, read: Any) -> Any:
            new = read + state @ matrix
            h, out = jax.nn.relu(new[:, :hidden]), new[:, hidden:]
            return jax.numpy.concatenate([h, out], 1), out

        first = jax.numpy.zeros(drive.shape[1:], drive.dtype)
        _, outputs = jax.lax.scan(advance, first, drive)  # (time, batch, outputs)
        if y.ndim == 1:
            losses = optax.softmax_cross_entropy_with_integer_labels(outputs[-1], y)
            return losses.mean()
        return ((outputs - y) ** 2).mean()

    def step(own: Any, inside: Any, adam_state: Any, x: Any, y: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(own, inside, x, y)
        updates, adam_state = adam.update(grads, adam_state, own)
        return optax.apply_updates(own, updates), adam_state, value

    if several:
        step = jax.vmap(step, in_axes=(0, 0, 0, None, None))
    run = jax.jit(step, donate_argnums=(0, 2))
    state = jax.vmap(adam.init)(parameters) if several else adam.init(parameters)
    held = [parameters, state]

    def train(x: torch.Tensor, y: torch.Tensor) -> Any:
        own = x.transpose(0, 1).numpy(), _targets(y)
        held[0], held[1], losses = run(held[0], masks, held[1], *own)
        return losses

    return train


def compiled_work(blocks: list[BlockRNN], task: Any, threads: int) -> Callable[[], int]:
    """The same by ``torch.compile``, of one network of masked dense matrices."""
    network = MaskedDense(blocks[0])
    with warnings.catch_warnings():  # of what torch imports for it
        warnings.simplefilter("ignore")
        run = torch.compile(lambda x, y: task.loss(network(x)[0][None], y).sum())
        run(*task.batch("train", slice(0, task.batch_size)))
    adam = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True)
    size = task.batch_size
    starts = itertools.cycle(range(0, task.sizes["train"], size))

    def work() -> int:
        start = next(starts)
        run(*task.batch("train", slice(start, start + size))).backward()
        adam.step()
        adam.zero_grad()
        return size

    return work


def _arrays(blocks: list[BlockRNN]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and masks; of several networks under each other."""
    dense = [MaskedDense(block) for block in blocks]
    names = {part: f"weight_{part}" for part in PARTS} | {"bias": "bias"}
    parameters = {
        part: [getattr(one, name).detach().numpy() for one in dense]
        for part, name in names.items()
    }
    masks = {p: [getattr(one, f"mask_{p}").numpy() for one in dense] for p in PARTS}
    several = len(dense) > 1
    return tuple(  # type: ignore[return-value]
        {part: np.stack(own) if several else own[0] for part, own in arrays.items()}
        for arrays in (parameters, masks)
    )


def _targets(y: torch.Tensor) -> Any:
    return y.numpy() if y.dim() == 1 else y.transpose(0, 1).numpy()
