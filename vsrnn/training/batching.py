"""Which runs can be trained in one pass over the data, and what memory that takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

from vsrnn.models import SPARSE_BELOW
from vsrnn.runs.config import Config
from vsrnn.tasks import task_class

EVALUATION_BATCH = 250
PADDED = 1.5  # times its own rows, at most, that a pass pads a model to


def passes(
    configs: Iterable[Config],
    most: int | None = None,
    memory: float = math.inf,
    device: str = "cpu",
) -> list[list[Config]]:
    """Group runs so that those of a group can be trained in one pass.

    Args:
        configs: any runs; a baseline gets a group of its own.
        most: models in a group, no bound if absent.
        memory: bytes that a group may take, as :func:`pass_memory` estimates them;
            a model that takes more by itself is still a group.
        device: where they are to be trained, ``"cpu"`` or ``"cuda"``.

    Returns:
        The groups. Only models of similar size come together, so little is padded.
    """
    together: dict[str, list[Config]] = {}
    for config in configs:
        together.setdefault(shared(config), []).append(config)
    groups: list[list[Config]] = []
    for alike in together.values():
        group: list[Config] = []
        for config in sorted(alike, key=partial(_kinship, device)):
            many = most is not None and len(group) >= most
            full = many or pass_memory([*group, config]) > memory
            if group and (full or not _alike([*group, config])):
                groups.append(group)
                group = []
            group.append(config)
        groups.append(group)
    return groups


def pass_memory(configs: Sequence[Config]) -> float:
    """Estimate the bytes that training these designs in one pass takes, data aside.

    Counted are weights with gradients, Adam's two averages and positions, the dense
    matrices, the inputs of a batch, and states and gradients of all steps, for the
    larger of training and evaluation.
    """
    task = task_class(configs[0].task)
    inputs, outputs = task.inputs, task.outputs
    rows = max(config.design.hidden for config in configs) + outputs
    batch = max(task.batch_size, EVALUATION_BATCH)
    weights = sum(
        config.design.geometry(inputs, outputs).weights
        for config in configs
        if config.design.model == "block"
    )
    dense = len(configs) * rows * (inputs + rows)
    numbers = 3 * dense + 3 * task.steps * batch * (inputs + len(configs) * rows)
    return 4 * numbers + 40 * weights


def _kinship(device: str, config: Config) -> tuple[bool, int]:
    """Close for models whose state matrices are alike: sparse or dense, and of a size.

    A pass multiplies all of its state matrices in one way, on CUDA always densely, and
    pads them to one size.
    """
    design = config.design
    dense = device == "cuda" or design.density[1:2] > (SPARSE_BELOW,)
    return dense, design.hidden


def _alike(group: Sequence[Config]) -> bool:
    """Whether the largest of a group leaves little to pad in its smallest."""
    outputs = task_class(group[0].task).outputs
    rows = [config.design.hidden + outputs for config in group]
    return max(rows) <= PADDED * min(rows)


def shared(config: Config) -> str:
    """What runs of one pass have in common: their batches, and the kind of model."""
    design = config.design
    alone = config.id if design.model != "block" else None
    order = config.seed if task_class(config.task).shuffle else None
    data = sorted(config.task_options.items())
    return repr((config.task, config.scale, config.epochs, data, order, alone))
