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
    """Train on the final masks of another run, from the first step.

    Its weights are untrained if not said otherwise, and are then those that the model
    has there at density 1 with the seed of the run. A run with the seed of the other
    begins with the same values, as in Frankle and Carbin 2019 (arXiv 1803.03635); one
    with another seed tests the masks alone, as in Mackey et al. 2024 (arXiv
    2406.06290).

    Args:
        run: id of the other run.
        masks: folder where its masks were kept, by ``vsrnn sweep --masks``, for
            instance; no part of what decides a run.
        trained: whether to go on from the final weights and biases of the other run,
            with a new optimizer, instead of untrained ones.

    Raises:
        VsrnnError: no run is named.
    """

    name = "lottery"
    places = ("masks",)
    run: str = ""
    masks: str = field(default="runs/masks", compare=False)
    trained: bool = False

    def __post_init__(self) -> None:
        if not (self.run and isinstance(self.run, str)):
            raise VsrnnError(f"run must be the id of another run, not {self.run!r}")
        object.__setattr__(self, "masks", str(self.masks))

    def begin(self, model: nn.Module, epochs: int, seed: int = 0) -> Work:
        """Give a model the masks; raise where there are none, or none that fit."""
        sparse = with_masks(model, "a lottery ticket")
        path = Path(self.masks) / f"{self.run}.safetensors"
        masks, trained = _load(path, sparse.shapes)
        values = sparse.draw(seed)
        for part, index in masks.items():
            sparse.rewire(part, index)
            own = values[part].flatten()[index]
            sparse.weight(part).data.copy_(own)
        for name, parameter in sparse.named_parameters() if self.trained else ():
            if name not in trained:
                raise VsrnnError(
                    f"{path} holds masks alone; train that run again with --masks"
                )
            parameter.data.copy_(trained[name])
        return Work(model)


def keep_masks(model: SparseModule, folder: Path, id: str) -> None:
    """Write masks and weights of a model where :class:`Lottery` looks for them."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {f"index_{p}": model.index(p).int().cpu() for p in model.shapes}
    kept |= {name: p.detach().cpu() for name, p in model.named_parameters()}
    content = save(kept, {"shapes": json.dumps(model.shapes)})
    replace_bytes(folder / f"{id}.safetensors", content)


def _load(
    path: Path, shapes: dict[str, tuple[int, int]]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Where the weights of each matrix were, as flat positions, and all parameters.

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
            kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            trained = {n: own for n, own in kept.items() if not n.startswith("index_")}
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
    return masks, trained


def _told(shapes: dict[str, tuple[int, int]]) -> str:
    return ", ".join(f"{part} {rows}x{n}" for part, (rows, n) in shapes.items())
