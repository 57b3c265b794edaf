"""Which runs can be trained side by side, and what memory that takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vsrnn.design.family import get_family
from vsrnn.runs.config import Config
from vsrnn.tasks import task_class
from vsrnn.training.loop import EVALUATION_BATCH

PADDED = 1.5  # times its own rows, at most, that a batch of runs pads a model to


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
        The groups. Only models of similar size come together, so little is padded.
    """
    together: dict[str, list[Config]] = {}
    for config in configs:
        design = config.design
        key = get_family(design.model).batch_key(design, device)
        together.setdefault(f"{batch_key(config)} {key}", []).append(config)
    groups: list[list[Config]] = []
    for similar in together.values():
        group: list[Config] = []
        for config in sorted(similar, key=lambda one: one.design.hidden):
            many = most is not None and len(group) >= most
            full = many or memory_estimate([*group, config]) > memory
            if group and (full or not _similar_size([*group, config])):
                groups.append(group)
                group = []
            group.append(config)
        groups.append(group)
    return groups


def memory_estimate(configs: Sequence[Config]) -> float:
    """Estimate the bytes that training these runs side by side takes, data aside."""
    task = task_class(configs[0].task)
    designs = [config.design for config in configs]
    batch = max(task.batch_size, EVALUATION_BATCH)
    family = get_family(designs[0].model)
    return family.memory(designs, task.inputs, task.outputs, task.steps, batch)


def batch_key(config: Config) -> str:
    """What runs trained side by side have in common: batches, and a kind of model."""
    order = config.seed if task_class(config.task).shuffle else None
    data = sorted(config.task_options.items())
    kind = config.design.model, config.design.options
    return repr((config.task, config.scale, config.epochs, data, order, kind))


def _similar_size(group: Sequence[Config]) -> bool:
    """Whether the largest of a group leaves little to pad in its smallest."""
    family, outputs = (
        get_family(group[0].design.model),
        task_class(group[0].task).outputs,
    )
    rows = [family.rows(config.design, outputs) for config in group]
    return max(rows) <= PADDED * min(rows)
