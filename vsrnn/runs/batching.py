"""Which runs can be trained side by side, and what memory that takes."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

from vsrnn.design.family import get_family
from vsrnn.runs.config import Config
from vsrnn.tasks import task_class
from vsrnn.training.loop import EVALUATION_BATCH

PADDED = 1.5  # a model is padded to at most so many times its own rows


def group_runs(
    configs: Iterable[Config],
    most: int | None = None,
    memory: float = math.inf,
    device: str = "cpu",
) -> list[list[Config]]:
    """Group runs so that those of a group can be trained side by side.

    Args:
        configs: any runs.
        most: models in a group, no bound if absent.
        memory: bytes that a group may take, as :func:`memory_estimate` gives them;
            a model that takes more by itself is still a group.
        device: where they are to be trained, ``"cpu"`` or ``"cuda"``.

    Returns:
        The groups. Models of a group are of similar size, so little is padded.
    """
    by_key: dict[str, list[Config]] = {}
    for config in configs:
        key = get_family(config.design.model).batch_key(config.design, device)
        by_key.setdefault(f"{batch_key(config)} {key}", []).append(config)
    most = sys.maxsize if most is None else most
    groups: list[list[Config]] = []
    for one_kind in by_key.values():
        group: list[Config] = []
        for config in sorted(one_kind, key=lambda one: one.design.hidden):
            more = [*group, config]
            full = len(group) >= most or memory_estimate(more) > memory
            if not group or full or not _similar_size(more):
                group = []
                groups.append(group)
            group.append(config)
    return groups


def memory_estimate(configs: Sequence[Config]) -> float:
    """Estimate the bytes that training these runs side by side takes, data aside."""
    task = task_class(configs[0].task)
    designs = [config.design for config in configs]
    batch = max(task.batch_size, EVALUATION_BATCH)
    family = get_family(designs[0].model)
    return family.memory(designs, task.inputs, task.outputs, task.steps, batch)


def batch_key(config: Config) -> str:
    """Return what runs trained side by side share: batches, and a kind of model."""
    order = config.seed if task_class(config.task).shuffle else None
    data = sorted(config.task_options.items())
    kind = config.design.model, config.design.options
    return repr((config.task, config.scale, config.epochs, data, order, kind))


def _similar_size(group: Sequence[Config]) -> bool:
    """Whether little of the smallest of a group is padded to the largest."""
    first, outputs = group[0].design, task_class(group[0].task).outputs
    rows = [get_family(first.model).rows(one.design, outputs) for one in group]
    return max(rows) <= PADDED * min(rows)
