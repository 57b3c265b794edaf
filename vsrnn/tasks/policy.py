"""Policies in a plain format: the weights of a small network, and its noise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from vsrnn.errors import VsrnnError
from vsrnn.files import read_committed
from vsrnn.tasks._cache import checksum
from vsrnn.tasks.adroit import STEPS, Act, Array, Robot

FILES = (".npz", ".safetensors")
"""How the name of a policy's file ends."""

_UNREADABLE = (OSError, ValueError, TypeError, EOFError, BadZipFile, SafetensorError)


@dataclass(frozen=True)
class Policy:
    r"""A policy with two tanh layers, and Gaussian noise of its own.

    .. math:: a = s_{out} f((o - m_{in}) / (s_{in} + 10^{-8})) + m_{out}

    Args:
        arrays: ``W0 b0 W1 b1 W2 b2`` of the network f, ``in_shift in_scale out_shift
            out_scale``, and ``log_std``, the logarithm of the noise.
    """

    arrays: dict[str, Array]

    def __call__(self, observations: Array) -> Array:
        """Return the actions without noise, (n, outputs), for (n, inputs)."""
        w = self.arrays
        x = (observations - w["in_shift"]) / (w["in_scale"] + 1e-8)
        for layer in ("0", "1"):
            x = np.tanh(x @ w[f"W{layer}"].T + w[f"b{layer}"])
        out: Array = (x @ w["W2"].T + w["b2"]) * w["out_scale"] + w["out_shift"]
        return out

    def noisy(self, seeds: Iterable[int], noise: float = 1.0) -> Act:
        """Return the policy with its noise times a factor, for episodes of these seeds.

        The noise of an episode depends on its seed alone, not on its neighbors.
        """
        deviation = noise * np.exp(self.arrays["log_std"])
        size = (STEPS, len(deviation))
        drawn = [np.random.default_rng([s, 1]).standard_normal(size) for s in seeds]
        steps = iter(np.stack(drawn, axis=1) * deviation)  # (time, episodes, outputs)
        return lambda observations: self(observations) + next(steps)

    @property
    def checksum(self) -> str:
        """sha256 of the names and contents of the arrays, in double precision."""
        return checksum({k: np.asarray(a, float) for k, a in self.arrays.items()})

    def save(self, path: Path, notes: dict[str, str] | None = None) -> None:
        """Write the policy to a safetensors file, with notes in its header."""
        save_file(self.arrays, path, metadata=notes)


def load_policy(path: Path, robot: Robot) -> Policy:
    """Read the policy of a robot from an npz or safetensors file, or refuse it."""
    try:
        content, npz = read_committed(path), path.suffix == ".npz"
        found = np.load(BytesIO(content), allow_pickle=False) if npz else load(content)
        arrays = {name: np.asarray(found[name], float) for name in found}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("some of its numbers are not finite")
    except _UNREADABLE as bad:
        absent = "there is no such file; name its folder in VSRNN_POLICIES"
        reason = absent if not path.exists() else str(bad)
        raise VsrnnError(f"cannot read the policy {path}: {reason}") from bad
    x, y = (robot.inputs,), (robot.outputs,)
    first, second = (np.shape(arrays.get(bias, 0))[:1] for bias in ("b0", "b1"))
    shapes = {"W0": first + x, "W1": second + first, "W2": y + second}
    shapes |= {"b0": first, "b1": second, "b2": y, "log_std": y}
    shapes |= {"in_shift": x, "in_scale": x, "out_shift": y, "out_scale": y}
    if {name: array.shape for name, array in arrays.items()} != shapes:
        raise VsrnnError(
            f"{path} holds no policy for {robot.environment}: it needs arrays "
            f"{', '.join(shapes)}, from {robot.inputs} observations to "
            f"{robot.outputs} actions"
        )
    return Policy(arrays)
