"""Lottery tickets: fresh weights on the masks that another run ended with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from vsrnn.errors import VsrnnError
from vsrnn.files import replace_bytes
from vsrnn.methods.method import Method, Work, with_masks
from vsrnn.models import SparseModule


@dataclass(frozen=True)
class Lottery(Method):
    """Train untrained weights on the final masks of another run, from the first step.

    The weights are those that the model has there at density 1 with the seed of the
    run. A run with the seed of the other begins with the same values, as in Frankle and
    Carbin 2019 (arXiv 1803.03635); one with another seed tests the masks alone, as in
    Mackey et al. 2024 (arXiv 2406.06290).

    Args:
        run: id of the other run.
        masks: folder where its masks were kept, by ``vsrnn sweep --masks``, for
            instance; no part of what decides a run.

    Raises:
        VsrnnError: no run is named.
    """

    name = "lottery"
    places = ("masks",)
    run: str = ""
    masks: str = field(default="runs/masks", compare=False)

    def __post_init__(self) -> None:
        if not (self.run and isinstance(self.run, str)):
            raise VsrnnError(f"run must be the id of another run, not {self.run!r}")
        object.__setattr__(self, "masks", str(self.masks))

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Work:
        """Give a model the masks; raise where there are none, or none that fit."""
        sparse = with_masks(model, "a lottery ticket")
        masks = _load(Path(self.masks) / f"{self.run}.safetensors", sparse.shapes)
        values = sparse.draw(seed)
        for part, index in masks.items():
            sparse.rewire(part, index)
            own = values[part].flatten()[index]
            sparse.weight(part).data.copy_(own)
        return Work(model)


def keep_masks(model: SparseModule, folder: Path, id: str) -> None:
    """Write the masks of a model where :class:`Lottery` looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {f"index_{p}": model.index(p).int().cpu() for p in model.shapes}
    content = save(index, {"shapes": json.dumps(model.shapes)})
    replace_bytes(folder / f"{id}.safetensors", content)


def _load(path: Path, shapes: dict[str, tuple[int, int]]) -> dict[str, Tensor]:
    """Where the weights of each matrix were, as flat positions.

    Raises:
        VsrnnError: there is no such file, it is damaged or of other matrices.
    """
    if not path.exists():
        raise VsrnnError(
            f"{path} is not there; train that run with `vsrnn sweep --masks`, after "
            "removing its result where that is stored already, or name another folder "
            "of masks"
        )
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads(file.metadata()["shapes"])
            masks = {p: file.get_tensor(f"index_{p}").long() for p in found}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as problem:
        raise VsrnnError(
            f"{path} is damaged; delete it and the run's result, and train that again "
            "with `vsrnn sweep --masks`"
        ) from problem
    if {part: tuple(shape) for part, shape in found.items()} != shapes:
        raise VsrnnError(
            f"the masks of {path} are of matrices {_told(found)}, and those of this "
            f"design are {_told(shapes)}; take a run of the same sizes"
        )
    return masks


def _told(shapes: dict[str, tuple[int, int]]) -> str:
    return ", ".join(f"{part} {rows}x{n}" for part, (rows, n) in shapes.items())
