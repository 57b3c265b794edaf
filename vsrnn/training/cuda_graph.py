"""Training steps on CUDA that are recorded once and replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vsrnn.errors import VsrnnError, describe_error

Step = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""Trains on a batch, inputs and targets; returns each model's loss and accuracy."""

PLAIN = 3
"""Steps before the recording, in which the libraries of CUDA set themselves up."""


class RecordedStep:
    """A training step that is recorded as a graph of CUDA, and then replayed.

    A step is more than a hundred kernels, each of which takes longer to launch than to
    run; as a graph they are launched at once. Numbers stay the same. The first steps,
    and batches of another shape than the first, are not recorded. The next step writes
    over what this one returned.

    Args:
        step: takes tensors on the device, and never looks at their values.
    """

    def __init__(self, step: Step) -> None:
        self.step, self.plain = step, PLAIN
        self.stream = torch.cuda.Stream()
        self.graph: torch.cuda.CUDAGraph | None = None
        self.shapes: list[torch.Size] = []
        self.batch: list[Tensor] = []
        self.results: tuple[Tensor, ...] = ()

    def __call__(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """Train on a batch.

        Raises:
            VsrnnError: the step looks at values, so it cannot be recorded.
        """
        shapes = [part.shape for part in batch]
        self.shapes = self.shapes or shapes
        with self._own_stream():
            if self.plain or shapes != self.shapes:
                self.plain = max(0, self.plain - 1)
                return self.step(*batch)
            if self.graph is None:
                self.batch = [part.clone() for part in batch]
                self.graph = self._record()
            for kept, part in zip(self.batch, batch, strict=True):
                kept.copy_(part)
            self.graph.replay()
            return self.results

    def _record(self) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.results = self.step(*self.batch)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as problem:
            raise VsrnnError(
                "this training step cannot be recorded on CUDA "
                f"({describe_error(problem)}); loss and accuracy of a task must not "
                "look at values, as item() does: use the device cpu"
            ) from problem
        return graph

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        """Work on the stream that can be recorded, after and before all else."""
        rest = torch.cuda.current_stream()
        self.stream.wait_stream(rest)
        with torch.cuda.stream(self.stream):
            yield
        rest.wait_stream(self.stream)
