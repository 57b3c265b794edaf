"""Zero-cost measures: what an untrained network does with the inputs of a task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from torch import Tensor

from vsrnn.design.design import Design
from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS
from vsrnn.errors import VsrnnError
from vsrnn.models import BlockRNN
from vsrnn.tasks import get_task
from vsrnn.tasks.task import Task

SEQUENCES, FIT = 256, 0.75  # looked at; the share that read-outs are fitted to
GRADED, STEPS = 32, 60  # sequences that are graded, and steps that exponents are of
EXPONENTS, FOLLOWED = 4, 8
LAGS, DIRECTIONS = (1, 2, 4, 8), 16
TINY = 1e-12
SHARE = 0.03  # ridge, as a share of the mean variance of what is read


def probe(
    given: Design | BlockRNN, task: str | Task, *, seed: int = 0
) -> dict[str, float]:
    r"""Measure an untrained block RNN on the training data of a task, in milliseconds.

    Nothing is trained. Shares add up to 1 over the blocks hx, hh, hy, yx, yh, yy; a
    block without weights has 0. What a task has no data for (a lag longer than its
    sequences) is 0.

    ======================  ===========================================================
    ``gain_hx`` ...         root mean square of the norms of a block's rows, so
                            deviation times the root of density times fan-in
    ``radius``,             spectral radius of hh, and of all that maps (h, y) to the
    ``radius_joint``        next, by Gelfand's formula
    ``lyapunov``,           largest Lyapunov exponent a step along the task's own
    ``lyapunov_mean``       sequences, and mean of the largest four (arXiv 2006.14123)
    ``growth``              logarithm of the norm of the last hidden state over the
                            first
    ``dead``                share of hidden units that are 0 throughout
    ``rank``                effective rank of the last hidden states over how many
                            could be: exponential of the entropy of singular values
                            (Roy and Vetterli 2007)
    ``covariance``          hidden covariance: minus the mean of
                            :math:`\log(\lambda + k) + 1 / (\lambda + k)` over
                            eigenvalues of the correlations of sequences, k = 1e-5
                            (arXiv 2306.00288)
    ``memory_1`` ...        variance of the inputs 1, 2, 4, 8 steps before the last
                            that a ridge regression on the last hidden state explains
                            on sequences left out (memory capacity, Jaeger 2001)
    ``readout``             variance of the targets that one on the hidden states that
                            the outputs read explains, frozen as they are
    ``spread``              logarithm of the standard deviation of outputs
    ``gradient_hx`` ...     norm of the gradient over the norm of the weights, log10
    ``backward``            logarithm of the norm of the gradient in the first hidden
                            state over the one that the last outputs read
    ``snip_hx`` ...         share of the sum of weight times gradient (arXiv 1810.02340)
    ``synflow_hx`` ...      share of the same where weights are made positive, inputs
                            are 1 and the sum of outputs is the loss (arXiv 2006.05467)
    ======================  ===========================================================

    Args:
        given: a design, whose model of the seed is measured, or a block RNN.
        task: its name, at quick scale, or the task itself.
        seed: of the masks and weights of a design.

    Raises:
        VsrnnError: the design has no six blocks, the task gives symbols, or sizes
            differ.

    >>> design = Design("mine", 20, 0.5, init_std=0.3)
    >>> found = probe(design, get_task("adding", "smoke"))
    >>> len(found), found["memory_1"] > found["memory_8"]
    (39, True)
    """
    task = get_task(task) if isinstance(task, str) else task
    seen = look(_model(given, task, seed), task)
    found: dict[str, float] = {}
    for measure in MEASURES:
        found |= measure(seen)
    return {name: float(value) for name, value in found.items()}


def _model(given: Design | BlockRNN, task: Task, seed: int) -> BlockRNN:
    if isinstance(given, Design):
        given.geometry(task.inputs, task.outputs)  # or says why there is none
        sizes, build = (task.inputs, task.outputs), get_family(given.model).build
        return cast(BlockRNN, build(given, *sizes, seed=seed, symbols=task.symbols))
    if not isinstance(given, BlockRNN):
        raise VsrnnError("probes are of block RNNs and of their designs")
    sizes = given.geometry.inputs, given.geometry.outputs
    if sizes != (task.inputs, task.outputs) or task.symbols:
        raise VsrnnError(
            f"the network reads {sizes[0]} numbers and gives {sizes[1]}; {task.name} "
            f"has {task.inputs} {'symbols' if task.symbols else 'numbers'} and "
            f"{task.outputs} outputs"
        )
    return given


@dataclass
class Seen:
    """A network with what it does with some sequences.

    Args:
        task: theirs.
        reads: weights of the input, (rows, inputs); hidden rows come first.
        state: weights of the state, (rows, rows).
        bias: of the rows.
        hidden: how many rows are hidden.
        activation: of these.
        x: inputs, (sequences, steps, inputs).
        targets: theirs.
        states: of all rows after each step, (steps, sequences, rows).
    """

    task: Task
    reads: Tensor
    state: Tensor
    bias: Tensor
    hidden: int
    activation: str
    x: Tensor
    targets: Tensor
    states: Tensor

    def blocks(self, part: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """The six blocks of what has the shapes of both matrices."""
        (reads, state), h = part, self.hidden
        cut = (reads[:h], state[:h, :h], state[:h, h:])
        return dict(
            zip(BLOCKS, (*cut, reads[h:], state[h:, :h], state[h:, h:]), strict=True)
        )

    @property
    def h(self) -> Tensor:
        """The hidden states, (steps, sequences, hidden)."""
        return self.states[..., : self.hidden]

    @cached_property
    def graded(self) -> tuple[list[Tensor], Tensor, Tensor]:
        """Gradients of the loss: of hidden states by step, of both matrices."""
        reads, state = (
            part.clone().requires_grad_() for part in (self.reads, self.state)
        )
        x, targets = self.x[:GRADED], self.targets[:GRADED]
        each = steps_of(x, reads, state, self.bias, self.hidden, self.activation)
        for one in each:
            one.retain_grad()
        outputs = torch.stack(each, 1)[..., self.hidden :]
        self.task.loss(outputs[None], targets).sum().backward()
        empty = torch.zeros_like
        grads = [empty(one) if one.grad is None else one.grad for one in each]
        own = [empty(one) if one.grad is None else one.grad for one in (reads, state)]
        return [one[:, : self.hidden] for one in grads], own[0], own[1]


@torch.no_grad()
def look(model: BlockRNN, task: Task) -> Seen:
    """Run a network over the first training sequences of a task."""
    x, targets = task.batch("train", slice(0, SEQUENCES))
    reads, state = model.matrix("input").detach(), model.matrix("state").detach()
    bias, hidden = model.bias.detach(), model.geometry.hidden
    each = steps_of(x, reads, state, bias, hidden, model.activation)
    given = x, targets, torch.stack(each).clamp(-1e18, 1e18)
    return Seen(task, reads, state, bias, hidden, model.activation, *given)


def steps_of(
    x: Tensor, reads: Tensor, state: Tensor, bias: Tensor, hidden: int, activation: str
) -> list[Tensor]:
    """Hidden states and outputs after each step, (sequences, rows), from zeros."""
    own = {"relu": torch.relu, "tanh": torch.tanh}[activation]
    fed = x @ reads.T + bias  # (sequences, steps, rows)
    now, every = torch.zeros_like(fed[:, 0]), []
    for step in fed.unbind(1):
        both = torch.addmm(step, now, state.T)
        now = torch.cat([own(both[:, :hidden]), both[:, hidden:]], 1)
        every.append(now)
    return every


def gains(seen: Seen) -> dict[str, float]:
    """Root mean square of the norms of the rows of each block."""
    blocks = seen.blocks((seen.reads, seen.state)).items()
    return {
        f"gain_{block}": float(own.square().sum() / len(own)) ** 0.5
        for block, own in blocks
    }


def radii(seen: Seen) -> dict[str, float]:
    """Spectral radius of the hidden block, and of the whole state matrix."""
    h = seen.hidden
    own = {"radius": seen.state[:h, :h], "radius_joint": seen.state}
    return {name: radius(matrix) for name, matrix in own.items()}


def radius(matrix: Tensor, doublings: int = 10) -> float:
    """The largest modulus of an eigenvalue, as the root of the norm of a power.

    The power is the 1,024th, so the constant in front hardly matters.
    """
    own, scale = matrix.double(), 0.0
    for n in range(doublings + 1):
        norm = float(own.norm())
        if norm < 1e-150:
            return 0.0
        scale += math.log(norm) / 2**n
        own = own / norm
        if n < doublings:
            own = own @ own
    return math.exp(scale)


def exponents(seen: Seen) -> dict[str, float]:
    """Lyapunov exponents of the driven network: growth of small changes a step.

    Changes follow the Jacobian along sequences, and are made orthogonal after each
    step (Benettin et al. 1980). A direction that dies counts as 1e-12.
    """
    after = seen.states[:STEPS, :FOLLOWED]
    h, rows = seen.hidden, after.shape[2]
    slope = torch.ones_like(after)
    on = (after > 0).float() if seen.activation == "relu" else 1 - after.square()
    slope[..., :h] = on[..., :h]
    number = min(EXPONENTS, rows)
    start = torch.randn(rows, number, generator=torch.Generator().manual_seed(0))
    basis = torch.linalg.qr(start)[0].expand(after.shape[1], -1, -1)
    total = torch.zeros(after.shape[1], number)
    for each in slope[1:]:  # the first state is the same for all changes of none
        basis = each[..., None] * (seen.state @ basis)
        basis, upper = torch.linalg.qr(basis)
        total += upper.diagonal(dim1=1, dim2=2).abs().clamp(min=TINY).log()
    rates = total.mean(0) / max(len(slope) - 1, 1)
    return {"lyapunov": float(rates[0]), "lyapunov_mean": float(rates.mean())}


def activity(seen: Seen) -> dict[str, float]:
    """Growth of the state, dead units, and how far outputs spread."""
    norms = seen.h.norm(dim=2).mean(1).clamp(min=TINY).log()
    outputs = seen.states[..., seen.hidden :].std(1, correction=0).mean()
    return {
        "growth": float(norms[-1] - norms[0]),
        "dead": float((seen.h == 0).all(0).all(0).float().mean()),
        "spread": float(outputs.clamp(min=TINY).log()),
    }


def spectra(seen: Seen) -> dict[str, float]:
    """Effective rank and hidden covariance of the last hidden states."""
    last = seen.h[-1].double()
    centered = last - last.mean(0)
    squares = torch.linalg.eigvalsh(centered @ centered.T).clamp(min=0)
    values = squares.sqrt()
    share = values / values.sum().clamp(min=TINY)
    entropy = -(share * share.clamp(min=TINY).log()).sum()
    most = min(last.shape[1], len(last) - 1)
    rank = float(entropy.exp()) / most if values.sum() > TINY else 0.0
    some = last[:64] - last[:64].mean(1, keepdim=True)
    some = some / some.norm(dim=1, keepdim=True).clamp(min=TINY)
    eigen = torch.linalg.eigvalsh(some @ some.T).clamp(min=0) + 1e-5
    return {"rank": rank, "covariance": -float((eigen.log() + 1 / eigen).mean())}


def memory(seen: Seen) -> dict[str, float]:
    """How much of earlier inputs the last hidden state still holds.

    Wide inputs are seen along 16 random directions.
    """
    last, x, (_, steps, width) = seen.h[-1], seen.x, seen.x.shape
    lags = [lag for lag in LAGS if lag < steps]
    then = torch.stack([x[:, -1 - lag] for lag in lags], 1) if lags else x[:, :0]
    if width > DIRECTIONS:
        generator = torch.Generator().manual_seed(0)
        then = then @ torch.randn(width, DIRECTIONS, generator=generator)
    held = {
        lag: explained(last, one) for lag, one in zip(lags, then.unbind(1), strict=True)
    }
    return {f"memory_{lag}": held.get(lag, 0.0) for lag in LAGS}


def readout(seen: Seen) -> dict[str, float]:
    """How much of the targets frozen hidden states hold, where outputs read them."""
    before = torch.cat([torch.zeros_like(seen.h[:1]), seen.h[:-1]]).transpose(0, 1)
    states, wanted = asked(before, seen.targets, seen.task.outputs)
    return {"readout": explained(states, wanted)}


def asked(states: Tensor, targets: Tensor, outputs: int) -> tuple[Tensor, Tensor]:
    """States, (sequences, steps, n), where targets are, and these as numbers.

    Of one target a sequence the last step is taken; of several, up to 512, evenly.
    """
    numbers = targets.is_floating_point()
    if targets.ndim == 1 + numbers:
        rows, wanted = states[:, -1], targets
    else:
        known = ~targets.isnan().any(-1) if numbers else targets >= 0
        rows, wanted = states[known], targets[known]
        few = torch.linspace(0, len(rows) - 1, min(len(rows), 512)).long()
        rows, wanted = rows[few], wanted[few]
    if not numbers:
        wanted = torch.nn.functional.one_hot(wanted, outputs)
    return rows, wanted.float()


def explained(rows: Tensor, wanted: Tensor) -> float:
    """Variance that a ridge regression explains on the last quarter, 0 or more.

    The penalty is a share of the mean variance of what is read times how many rows
    there are.
    """
    fit = math.ceil(FIT * len(rows))
    if fit == len(rows):
        return 0.0
    rows, wanted = rows.double(), wanted.double()
    mean, level = rows[:fit].mean(0), wanted[:fit].mean(0)
    known, left = rows[:fit] - mean, rows[fit:] - mean
    aim, truth = wanted[:fit] - level, wanted[fit:] - level
    ridge = SHARE * float(known.square().mean()) * fit + TINY
    gram = known @ known.T if fit < known.shape[1] else known.T @ known
    gram.diagonal().add_(ridge)
    if fit < known.shape[1]:
        given = left @ (known.T @ torch.linalg.solve(gram, aim))
    else:
        given = left @ torch.linalg.solve(gram, known.T @ aim)
    total = float(truth.square().sum())
    error = float((truth - given).square().sum())
    return min(max(1 - error / total, 0.0), 1.0) if total > TINY else 0.0


def gradients(seen: Seen) -> dict[str, float]:
    """Gradients of the loss: by block over weights, and first step over last."""
    steps, *grads = seen.graded
    own = seen.blocks((seen.reads, seen.state))
    found = {}
    for block, grad in seen.blocks((grads[0], grads[1])).items():
        inside = own[block] != 0
        size = float(own[block].norm())
        ratio = float(grad[inside].norm()) / size if size else 0.0
        found[f"gradient_{block}"] = math.log10(min(max(ratio, TINY), 1 / TINY))
    read = steps[-2] if len(steps) > 1 else steps[-1]
    ends = [max(float(one.norm()), TINY) for one in (steps[0], read)]
    return found | {"backward": math.log(ends[0] / ends[1])}


def snip(seen: Seen) -> dict[str, float]:
    """Share of each block in how much the loss would change without a weight."""
    _, *grads = seen.graded
    own = seen.blocks((seen.reads, seen.state))
    graded = seen.blocks((grads[0], grads[1])).items()
    return _shares("snip", {b: (own[b] * grad).abs().sum() for b, grad in graded})


def synflow(seen: Seen) -> dict[str, float]:
    """Share of each block in the flow of positive weights from inputs to outputs."""
    reads, state = (
        part.abs().double().requires_grad_() for part in (seen.reads, seen.state)
    )
    steps = min(seen.x.shape[1], STEPS)
    ones = reads.new_ones(1, steps, reads.shape[1])
    none = reads.new_zeros(len(reads))
    each = steps_of(ones, reads, state, none, seen.hidden, "relu")
    outputs = torch.stack(each)[..., seen.hidden :]
    grads = torch.autograd.grad(outputs.sum(), (reads, state))
    own = seen.blocks((reads.detach(), state.detach()))
    flows = seen.blocks((grads[0], grads[1])).items()
    return _shares("synflow", {b: (own[b] * grad).sum() for b, grad in flows})


def _shares(name: str, values: dict[str, Tensor]) -> dict[str, float]:
    numbers = np.nan_to_num([float(value) for value in values.values()], posinf=1e300)
    numbers = numbers / max(numbers.max(), 1e-300)
    shares = numbers / max(numbers.sum(), 1e-300)
    return {f"{name}_{b}": s for b, s in zip(values, shares, strict=True)}


MEASURES = (
    *(gains, radii, exponents, activity, spectra, memory),
    *(readout, gradients, snip, synflow),
)
