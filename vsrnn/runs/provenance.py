"""What made a number: code, packages, data, machine and time."""

from __future__ import annotations

import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch


def provenance(
    task: Any, threads: int, device: str = "cpu", models: int = 1
) -> dict[str, Any]:
    """Return versions of code and packages, data, machine and time, as JSON values.

    They are of so many models, trained side by side on a device, "cpu" or "cuda".
    """
    packages = {name: _version(name) for name in ("vsrnn", "numpy", "kornia")}
    build = {"torch": str(torch.__version__), "python": platform.python_version()}
    return {
        "versions": packages | build,
        "commit": _commit(),
        "data": task.provenance | {"sha256": task.checksum},
        "machine": _processor() if device == "cpu" else _gpu(),
        "device": device,
        "threads": threads,
        "models": models,
        "finished": now(),
    }


def now() -> str:
    """Return the time in UTC, as text."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


@cache
def _commit() -> str | None:
    """The commit of the code, marked where the package's files differ from it.

    Asked once: the files may change while a process works on with what it has read.
    """

    def git(*command: str) -> str:
        folder = Path(__file__).parents[1]
        return subprocess.check_output(
            ["git", *command], cwd=folder, stderr=subprocess.DEVNULL, text=True
        )

    try:
        git("ls-files", "--error-unmatch", "errors.py")  # not a repository around it
        changed = "+changes" if git("status", "--porcelain", "-uno", ".") else ""
        return git("rev-parse", "HEAD").strip() + changed
    except (OSError, subprocess.CalledProcessError):
        return None


def _gpu() -> str:
    return f"{torch.cuda.get_device_name()} CUDA {torch.version.cuda}"


def _processor() -> str:
    """The processor's name where the system gives it, and the architecture."""
    name = platform.processor() or ""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        models = [line for line in lines if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return f"{name} {platform.system()} {platform.machine()}".strip()
