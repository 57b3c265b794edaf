"""Runs the authors' own code from a checkout of it; nothing of it is kept here."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch


def peer_work(checkout: Path, name: str, task: Any) -> Callable[[], int]:
    """Give a function that trains the authors' model for one batch.

    It calls their `training_step` on a batch as their loader gives it, then Adam as
    they set it up. Lightning's loop around that is left out, and so is the list in
    which they keep the losses of an epoch with all that led to them.

    Args:
        checkout: folder with a checkout of qbhershey/iterativenn.
        name: published file of a design, in their folder of models, without ending.
        task: where the sequences come from.
    """
    model = _model(checkout, name)
    optimizer = model.configure_optimizers()
    model.on_train_epoch_start()
    starts = range(0, task.sizes["train"], task.batch_size)
    batches = itertools.cycle(
        [_items(*task.batch("train", slice(s, s + task.batch_size))) for s in starts]
    )

    def work() -> int:
        batch = next(batches)
        loss = model.training_step(batch, 0, do_logging=False)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        model.losses.clear()
        model.train_step_outputs.clear()
        return len(batch)

    return work


def _model(checkout: Path, name: str) -> Any:
    """Their model, built by their factory from their description of it."""
    source = checkout / "iterativenn" / "src"
    sys.path.insert(0, str(source))
    # imported by their modules for logging, which nothing here does
    sys.modules.setdefault("wandb", ModuleType("wandb"))
    import omegaconf
    from iterativenn.utils.model_factory import ModelFactory

    path = checkout / "conf" / "model" / f"{name}.yaml"
    return ModelFactory(omegaconf.OmegaConf.load(path))


def _items(x: torch.Tensor, y: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """A batch as a list of sequences, a label at each step and NaN where none is."""
    if y.dim() == 1:
        label, y = y, torch.full(x.shape[:2], torch.nan)
        y[:, -1] = label
    return [{"x": one, "y": target} for one, target in zip(x, y, strict=True)]
