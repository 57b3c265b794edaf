"""The measurements as text, for the terminal."""

from pathlib import Path

import pandas as pd

from vsrnn.studies.page import Page
from vsrnn.studies.speed import Data


def report(path: Path) -> str:
    """Tables, claims and numbers of a file of measurements.

    Args:
        path: what `benchmarks` wrote.
    """
    page = Page("speed", Data(pd.read_csv(path, dtype={"design": str})))
    rates = page.table("speed").drop(columns=["kind", "models", "processes"])
    parts = [
        rates.to_string(index=False),
        page.table("speed_ratio").to_string(index=False),
        page.claims().to_string(index=False),
        "\n".join(f"{name}: {value}" for name, value in page.numbers().items()),
    ]
    return "\n\n".join(parts)
