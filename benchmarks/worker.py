"""A process that holds one case, and trains it for a while when told to."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

import vsrnn
from benchmarks.baselines import MaskedDense
from benchmarks.peer import peer_work
from benchmarks.plan import SHAPES, Case
from benchmarks.rivals import compiled_work, jax_work
from vsrnn.models import BlockRNN, ModelBatch, PlainRNN, ProjectedLSTM
from vsrnn.models.batch import ModelLoop
from vsrnn.runs.provenance import provenance
from vsrnn.tasks import sizes
from vsrnn.tasks.task import SPLITS, Task, time_first
from vsrnn.training.loop import make_step, train_epoch
from vsrnn.training.optimizer import Optimizer
from vsrnn.training.resources import keep_memory

SIDE = 2048
"""Rows and columns of the matrices whose product tells the machine's rate."""

UPDATES, WORK = 8, 25_600
"""Most training steps between two looks at the clock, and time steps of sequences."""

LIBRARY = ("rnn", "rnn_same_size", "lstm")
"""Kinds that are recurrent networks of torch, at equal weights or at equal size."""

OURS = ("single", "many")
"""Kinds that train as `vsrnn.run` and `vsrnn.run_many` do."""

Work = Callable[[], int]
_held = threading.local()  # what this worker works on


class Recorded(Task):
    """Sequences of numbers in the sizes of a task, with a target at every step.

    Args:
        name: the task whose sizes they have.
        steps: time steps of a sequence.
        number: how many sequences there are.
    """

    name = "benchmarks:Recorded"

    def __init__(self, name: str, steps: int, number: int) -> None:
        self.inputs, self.outputs = sizes(name)
        self.steps, self.batch_size = steps, number
        super().__init__()
        self._data = {part: time_first(own) for part, own in self._data.items()}
        self.provenance = {"task": f"random numbers in the sizes of {name}"}

    def data(self) -> dict[str, Any]:
        """The same sequences for every split."""
        draw = torch.Generator().manual_seed(0)
        ends = self.inputs, self.outputs
        shape = self.batch_size, self.steps
        pair = tuple(torch.randn(*shape, n, generator=draw) for n in ends)
        return dict.fromkeys(SPLITS, pair)

    def batch(self, split: str, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and targets ``(batch, steps, ...)``, which lie time first."""
        inputs, targets = (self._data[f"train_{part}"][rows] for part in self.parts)
        return inputs, targets


class Tiny(Task):
    """Short sequences of a few numbers, and a class at the end of each."""

    name = "benchmarks:Tiny"
    inputs, outputs, steps, batch_size = 8, 10, SHAPES["tiny"], 32

    def data(self) -> dict[str, Any]:
        """The same sequences for every split."""
        draw = torch.Generator().manual_seed(0)
        x = torch.randn(1024, self.steps, self.inputs, generator=draw)
        y = torch.randint(0, self.outputs, (1024,), generator=draw)
        return dict.fromkeys(SPLITS, (x, y))


def prepare(case: Case, share: int, peer: Path | None) -> dict[str, Any]:
    """Make what a case trains, train it once, and say what it is.

    Args:
        case: what to measure.
        share: which of the case's processes this is, from 0.
        peer: the checkout of the authors' code, for cases that run it.

    Returns:
        Sizes and counts for the table, and `provenance`.
    """
    torch.set_num_threads(case.threads)
    keep_memory(case.kind in OURS)  # as `vsrnn.run` does
    task = _task(case)
    _held.before = _peak()
    first = share * (case.models // case.processes)
    seeds = range(first, first + case.models // case.processes)
    blocks = [_block(case, seed) for seed in seeds]
    facts = _facts(case, task, blocks)
    _held.work = KINDS[case.kind](case, task, blocks, peer)
    _held.work()
    return facts


def turn(seconds: float) -> float:
    """Work for some seconds; return the seconds for one sequence (step, product)."""
    began = time.perf_counter()
    done = _held.work()
    while (now := time.perf_counter() - began) < seconds:
        done += _held.work()
    return now / done


def memory() -> tuple[float, float]:
    """Most memory the process had [MiB], and how much of it before the models."""
    return _peak(), _held.before


def _task(case: Case) -> Any:
    """Data in the sizes of the case's task; real ones where none need be fetched."""
    each = case.batch * case.steps * case.models // case.processes
    sequences = case.batch * min(UPDATES, max(1, WORK // each))
    task: Any
    if case.task == "rad":
        task = vsrnn.get_task("rad", "smoke")
        sequences = min(sequences, task.sizes["train"])
    elif case.task == "tiny":
        task = Tiny()
        sequences = min(1024, case.batch * UPDATES * 4)
    else:
        task = Recorded(case.task, case.steps, sequences)
    task.sizes = task.sizes | {"train": sequences}
    task.batch_size = case.batch
    return task


def _ends(task: str) -> tuple[int, int]:
    """Inputs and outputs."""
    return (Tiny.inputs, Tiny.outputs) if task == "tiny" else sizes(task)


def _block(case: Case, seed: int) -> BlockRNN:
    """The block RNN of a case; of several designs, each seed is another one."""
    inputs, outputs = _ends(case.task)
    if case.density:
        sized = (inputs, outputs, case.density)
        if case.weights:
            return BlockRNN(vsrnn.Geometry.for_budget(case.weights, *sized), seed=seed)
        geometry = vsrnn.Geometry(inputs, case.hidden, outputs, case.density)
        return BlockRNN(geometry, seed=seed)
    names = [name for name in vsrnn.RAD_100K if name not in ("lstm_", "rnn_")]
    name = names[seed % len(names)] if case.design == "mixed" else case.design
    design = vsrnn.get_design(case.task, name)
    geometry = design.geometry(inputs, outputs)
    return BlockRNN(geometry, init_std=design.init_std, seed=seed)


def _sizes(case: Case, blocks: list[BlockRNN]) -> dict[str, float]:
    """Hidden units and weights of what is trained, as means over the models."""
    hidden, weights = 0, 0
    for block in blocks:
        own = _network(case.kind, block) if case.kind in LIBRARY else block
        part = getattr(own, "rnn", None) or getattr(own, "lstm", None)
        hidden += part.hidden_size if part else block.geometry.hidden
        named = own.named_parameters()
        weights += sum(p.numel() for name, p in named if "bias" not in name)
    return {"hidden": hidden / len(blocks), "weights": weights / len(blocks)}


def _facts(case: Case, task: Any, blocks: list[BlockRNN]) -> dict[str, Any]:
    """Sizes, and million operations of the products of one sequence in training.

    An input weight takes part in a product forward and one back (its gradient); a
    state weight in one more (the gradient of the state before). Each is a
    multiplication and an addition. Blank steps and the zero start need none.
    """
    live = case.steps - (case.task == "rad")
    operations = {"dense": 0.0, "weights": 0.0}
    for block in blocks:
        n = block.geometry.hidden + block.geometry.outputs
        entries = {"dense": (n * block.geometry.inputs, n * n)}
        entries["weights"] = (block.index_input.numel(), block.index_state.numel())
        for kind, (input_, state) in entries.items():
            count = 4 * live * input_ + 6 * (case.steps - 1) * state
            operations[kind] += count / 1e6 / len(blocks)
    made = provenance(task, case.threads, case.device, case.models)
    return {
        **_sizes(case, blocks),
        "dense_mflop": operations["dense"],
        "weights_mflop": operations["weights"],
        "product_flop": 2 * SIDE**3,
        "cores": os.cpu_count(),
        "machine": made["machine"],
        "commit": made["commit"],
        "version": made["versions"]["vsrnn"],
        "torch": made["versions"]["torch"],
        "python": made["versions"]["python"],
    }


def _network(kind: str, block: BlockRNN) -> nn.Module:
    """What a kind trains in place of a block RNN."""
    g = block.geometry
    if kind == "rnn":
        # the largest with no more parameters than the block RNN has weights
        half = (g.inputs + g.outputs + 2) / 2
        budget = sum(block.block_weights().values())
        hidden = int((half**2 + budget - g.outputs) ** 0.5 - half)
        return PlainRNN(g.inputs, hidden, g.outputs)
    if kind == "rnn_same_size":
        return PlainRNN(g.inputs, g.hidden, g.outputs)
    if kind == "lstm":
        gates = 4 * (g.inputs + g.outputs) + g.outputs
        cells = round(sum(block.block_weights().values()) / gates)
        return ProjectedLSTM(g.inputs, max(cells, g.outputs + 1), g.outputs)
    return MaskedDense(block) if kind.startswith("masked") else block


def side_by_side(networks: list[nn.Module]) -> nn.Module:
    """Networks as one, as `vsrnn.run_many` puts them together."""
    blocks = all(isinstance(network, BlockRNN) for network in networks)
    return ModelBatch(networks) if blocks else ModelLoop(networks)


def _train(case: Case, task: Any, blocks: list[BlockRNN], peer: Path | None) -> Work:
    """Train networks as `vsrnn.run_many` does: in one pass, or one after another."""
    if case.study == "stepping":
        return _step(_network(case.kind, blocks[0]).to(case.device), case)
    networks = [_network(case.kind, block).to(case.device) for block in blocks]
    passes = [networks] if case.kind == "many" else [[one] for one in networks]
    steps = [
        make_step(side_by_side(some), _adam(some, case.kind), task, case.device)
        for some in passes
    ]
    order = torch.Generator().manual_seed(0)
    bar = tqdm(disable=True)

    def work() -> int:
        for step in steps:
            train_epoch(step, task, order, case.device, bar)
        return len(blocks) * task.sizes["train"]

    return work


def _adam(networks: list[nn.Module], kind: str) -> Optimizer | torch.optim.Optimizer:
    """Adam as `vsrnn.run_many` steps it, or as torch does."""
    if kind in OURS:
        return Optimizer(networks, [1e-4] * len(networks))
    groups = [{"params": list(one.parameters()), "lr": 1e-4} for one in networks]
    return torch.optim.Adam(groups, fused=None if kind == "masked" else True)


def _step(network: Any, case: Case) -> Work:
    """Run episodes a step at a time, without training."""
    x = torch.randn(case.batch, _ends(case.task)[0], device=case.device)

    @torch.no_grad()
    def work() -> int:
        state = None
        for _ in range(case.steps):
            _, state = network.step(x, state)
        return case.steps

    return work


def _rival(case: Case, task: Any, blocks: list[BlockRNN], peer: Path | None) -> Work:
    """Train networks as another library does."""
    make = {"jax": jax_work, "compiled": compiled_work}[case.kind]
    return make(blocks, task, case.threads)


def _authors(case: Case, task: Any, blocks: list[BlockRNN], peer: Path | None) -> Work:
    """Train the authors' model of the same design."""
    assert peer is not None
    table = vsrnn.list_designs(case.task).set_index("name")
    file = table.loc[case.design, "published"].split(";")[0]
    return peer_work(peer, file, task)


def _product(case: Case, task: Any, blocks: list[BlockRNN], peer: Path | None) -> Work:
    """Multiply two matrices."""
    a, b, out = (torch.ones(SIDE, SIDE, device=case.device) for _ in range(3))

    def work() -> int:
        torch.mm(a, b, out=out)
        out[0, 0].item()  # on a GPU, wait until it is done
        return 1

    return work


def _peak() -> float:
    """The most memory this process has had [MiB], where the system tells it."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage begins with what the parent had
        (line,) = (n for n in status.read_text().splitlines() if n.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    try:
        import resource
    except ImportError:
        return math.nan
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


KINDS: dict[str, Callable[..., Work]] = {
    **dict.fromkeys(("single", "many", "masked", "masked_fused", *LIBRARY), _train),
    **dict.fromkeys(("jax", "compiled"), _rival),
    "peer": _authors,
    "product": _product,
}
"""What makes the work of each kind of case."""
