"""Which cases are measured: networks, sizes of batches, and what varies."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

SHAPES = {"rad": 11, "hammer": 200, "tiny": 9}
"""Time steps of a sequence of each task, as published, and of tiny networks."""

DESIGNS = {"rad": ("balanced_0", "111111_", "000000_"), "hammer": ("10AH00", "10AH12")}
BATCHES = {"rad": (16, 256), "hammer": (16, 64, 256)}
MANY = 16
"""Models that the many-run trains at once."""

AHEAD = {
    ("rad", 16): DESIGNS["rad"],
    ("rad", 256): ("balanced_0",),
    ("hammer", 64): DESIGNS["hammer"],
    ("tiny", 32): ("",),
}
"""Designs that are compared with JAX, by task and batch."""

TINY = (0.5, 24)
"""Density and hidden units of tiny networks, such as a parent network learns from."""

VARIED = (0.1, 1, 1, 0.1, 0.1, 0.1)
"""Densities of balanced_0, the arrangement that grows in weights."""


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Args:
        study: the question it belongs to: "ahead", "designs", "weights", "density",
            "steps", "models" or "stepping".
        kind: what is measured, a key of `benchmarks.worker.KINDS`.
        task: "rad", "hammer" or "tiny", whose sizes it has.
        design: a published name, "mixed" for several, or "" where density and either
            weights or hidden say what it is.
        batch: sequences in a batch.
        steps: time steps of a sequence.
        models: networks trained at the same time, over all processes.
        processes: how many share the models; they have one thread each.
        threads: of each process.
        device: "cpu" or "cuda".
        density: of the six blocks.
        weights: budget that the hidden size is solved for.
        hidden: hidden size, where it is not solved for.
    """

    study: str
    kind: str
    task: str
    design: str
    batch: int
    steps: int
    models: int = 1
    processes: int = 1
    threads: int = 2
    device: str = "cpu"
    density: tuple[float, ...] = ()
    weights: int = 0
    hidden: int = 0


def groups(
    threads: int,
    device: str,
    peer: bool = False,
    rivals: Collection[str] = (),
    studies: Collection[str] = (),
) -> list[list[Case]]:
    """The cases, together where they are compared, each group with a product.

    Args:
        threads: of a process that works alone.
        device: "cpu" or "cuda".
        peer: whether the authors' code is there to be measured.
        rivals: "jax" and "compiled", where they are there to be measured.
        studies: which; all if none is named.
    """
    found = [*_designs(peer), *_weights(), *_density(), *_steps()]
    found += [_models(), list(_stepping()), *_ahead(threads, rivals)]
    return [
        [_run_on(case, threads, device) for case in (*cases, _product(cases[0]))]
        for cases in found
        if not studies or cases[0].study in studies
    ]


def small(*given: Any, **how: Any) -> list[list[Case]]:
    """The least of every study, to see that all of it works."""
    studies: dict[str, list[Case]] = {}
    for cases in groups(*given, **how):
        studies.setdefault(cases[0].study, cases)
    return [[_shrunk(case) for case in cases] for cases in studies.values()]


def _shrunk(case: Case) -> Case:
    return replace(case, batch=4, steps=min(case.steps, 11), models=min(case.models, 2))


def _ahead(threads: int, rivals: Collection[str]) -> Iterator[list[Case]]:
    """One network and many, against the same by JAX and by a compiler of torch."""
    for (task, batch), names in AHEAD.items():
        for name in names:
            one = Case("ahead", "single", task, name, batch, SHAPES[task], threads=0)
            if task == "tiny":
                one = replace(one, density=(TINY[0],) * 6, hidden=TINY[1])
            numbers = (MANY, 64) if task == "tiny" else (MANY,)
            every = [one, *(replace(one, kind="many", models=n) for n in numbers)]
            if "jax" in rivals:
                every += [replace(case, kind="jax") for case in list(every)]
            if "compiled" in rivals and task != "hammer":  # 200 steps take it minutes
                every.append(replace(one, kind="compiled"))
            for n in sorted({1, threads}):
                yield [replace(case, threads=n) for case in every]


def _designs(peer: bool) -> Iterator[list[Case]]:
    for task, names in DESIGNS.items():
        for batch in BATCHES[task]:
            for name in names:
                yield list(_rivals(task, name, batch, peer))
    mixed = Case("designs", "single", "rad", "mixed", 16, SHAPES["rad"])
    turns = [replace(mixed, kind=kind, models=MANY) for kind in ("single", "masked")]
    yield [*turns, *_sweep(mixed)]


def _rivals(task: str, name: str, batch: int, peer: bool) -> Iterator[Case]:
    one = Case("designs", "single", task, name, batch, SHAPES[task])
    yield one
    yield from _sweep(one)
    for kind in ("masked", "masked_fused", "rnn", "lstm"):
        yield replace(one, kind=kind)
    if task == "hammer":
        yield replace(one, kind="rnn_same_size")
    if peer:
        yield replace(one, kind="peer")


def _sweep(one: Case) -> Iterator[Case]:
    """Many models: in one pass, in one of each of two processes, or one in each."""
    many = replace(one, kind="many", models=MANY)
    yield many
    yield replace(many, processes=2)
    yield replace(one, models=2, processes=2)


def _weights() -> Iterator[list[Case]]:
    for weights in (10_000, 30_000, 100_000, 300_000, 1_000_000):
        one = Case("weights", "single", "rad", "", 16, SHAPES["rad"])
        one = replace(one, density=VARIED, weights=weights)
        many = replace(one, kind="many", models=4)
        yield [one, many, replace(one, kind="masked"), replace(one, kind="rnn")]


def _density() -> Iterator[list[Case]]:
    for density in (0.01, 0.03, 0.1, 0.3, 1.0):
        one = Case("density", "single", "rad", "", 16, SHAPES["rad"])
        one = replace(one, density=(density,) * 6, hidden=208)
        yield [one, replace(one, kind="masked")]


def _steps() -> Iterator[list[Case]]:
    for steps in (10, 30, 100, 300, 1000):
        one = Case("steps", "single", "hammer", "10AH00", 64, steps)
        yield [one, *(replace(one, kind=kind) for kind in ("masked", "rnn_same_size"))]


def _models() -> list[Case]:
    one = Case("models", "many", "rad", "balanced_0", 16, SHAPES["rad"])
    return [replace(one, models=models) for models in (1, 2, 4, 8, 16, 32)]


def _stepping() -> Iterator[Case]:
    """100 episodes at once, a step at a time, as a simulator asks for actions."""
    for name in DESIGNS["hammer"]:
        one = Case("stepping", "single", "hammer", name, 100, SHAPES["hammer"])
        yield from (one, replace(one, kind="rnn_same_size"))


def _product(case: Case) -> Case:
    return replace(case, kind="product", models=1, processes=1)


def _run_on(case: Case, threads: int, device: str) -> Case:
    """Give all threads to a process that trains alone, and one to any other.

    One is what `vsrnn.run` steps episodes with: the products of a step are small.
    """
    alone = case.processes == 1 and case.study != "stepping"
    threads = case.threads if case.study == "ahead" else threads if alone else 1
    return replace(case, threads=threads, device=device)
