"""What of the machine a run uses: device, threads and memory."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vsrnn.errors import VsrnnError

_GNU = platform.libc_ver()[0] == "glibc"


def check_device(device: str) -> None:
    """Refuse devices that there are not.

    Raises:
        VsrnnError: the device is unknown, or none is found.
    """
    if device not in ("cpu", "cuda"):
        raise VsrnnError(f"device must be cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise VsrnnError("torch finds no CUDA device here; use the device cpu")


@contextmanager
def resources(threads: int) -> Iterator[None]:
    """Let torch use so many threads, and keep the memory of a batch for the next."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    keep_memory(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        keep_memory(False)


def keep_memory(keep: bool) -> None:
    """Let the C library hold on to freed memory, where it is GNU's, or no longer.

    Otherwise it hands the large blocks of every batch back to the system and gets
    them anew, page by page: up to a third of a training step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if _GNU else None
    if mallopt is not None:
        trim_threshold, mmap_max = -1, -4  # names of malloc.h
        mallopt(trim_threshold, 2**31 - 1 if keep else 2**17)
        mallopt(mmap_max, 0 if keep else 2**16)
