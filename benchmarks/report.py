"""The measurements as text, for the terminal."""

from pathlib import Path

import pandas as pd

from vsrnn.analysis import (
    bench_machine,
    found_speed,
    speed,
    speed_growth,
    speed_ratio,
)
from vsrnn.analysis._bench import BOUNDS, RATE


def report(path: Path) -> str:
    """Tables and sentences of a file of measurements.

    Args:
        path: what `benchmarks` wrote.
    """
    bench = pd.read_csv(path, dtype={"design": str})
    rates, ratios, growth = speed(bench), speed_ratio(bench), speed_growth(bench)
    for name in BOUNDS.values():
        share = 100 * rates[RATE] / rates.pop(name)
        rates[f"of {name.replace('[1/s]', '[%]')}"] = share.round(1)
    parts = [
        rates.drop(columns=["kind", "models", "processes"]).to_string(index=False),
        ratios.to_string(index=False),
        growth.drop(columns="models").to_string(index=False),
        bench_machine(bench),
        found_speed(bench),
    ]
    return "\n\n".join(parts)
