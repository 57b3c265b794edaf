"""Made runs of many tasks, which learn by a known law."""

import numpy as np
import pandas as pd

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.forecast.meta import make_tables

STATISTICS = ("inputs", "outputs", "ratio", "steps", "sequences", "memory_demand")
CONTROLS = ("dense", "uniform", "hp_0.5", "hp_0.9")
SEEDS = {"fixed": 2, "drawn": 1, "control": 3}


def made(tasks=10, designs=16, epochs=8, seed=0):
    """Tables in which speed grows with hidden proportion and rate.

    Tasks differ in how hard they are, which their statistic memory_demand says.
    """
    rng = np.random.default_rng(seed)
    rows, described = [], {}
    for number in range(tasks):
        x, y = int(np.exp(rng.uniform(1, 6))), int(np.exp(rng.uniform(0, 3)))
        demand, task = rng.random(), f"t{number}"
        logs = np.log(x), np.log(y), np.log(x / y)
        values = (*logs, rng.uniform(1, 4), 7.0, demand)
        described[task] = dict(zip(STATISTICS, values, strict=True))
        about = {"task": task, "family": f"f{number // 2}", "budget": 1000}
        about |= {"inputs": x, "outputs": y, "guess": 1.0}
        for arm, seeds in SEEDS.items():
            for n in range(
                {"fixed": designs, "drawn": designs // 2, "control": 4}[arm]
            ):
                row = about | {"arm": arm} | _design(rng, arm, x, y)
                row["design"] = CONTROLS[n] if arm == "control" else str(n)
                g = Geometry(x, row["hidden"], y, [row[f"density_{b}"] for b in BLOCKS])
                speed = 1.5 * (g.hidden_proportion - 0.3)
                speed += 0.5 * np.log(row["learning_rate"] / 3e-3)
                for one in range(seeds):
                    own = np.exp(speed + 0.05 * rng.normal()) / (1 + 4 * demand)
                    curve = 0.1 + 0.9 * np.exp(-own * np.arange(1, epochs + 1))
                    curve += 0.005 * rng.normal(size=epochs)
                    if row["learning_rate"] > 1e-2:
                        curve = curve[:3]  # diverged
                    rows.append(row | {"seed": one, "curve": curve.tolist()})
    runs, statistics = pd.DataFrame(rows), pd.DataFrame(described).T
    keys = ["task", "budget", "arm", "design"]
    probes = runs.drop_duplicates(keys)[keys].reset_index(drop=True)
    return runs, statistics, probes.assign(noise=rng.normal(size=len(probes)))


def _design(rng, arm, x, y):
    density, hidden = rng.uniform(0.05, 1, 6), int(np.exp(rng.uniform(2, 4)))
    rate = 3e-3 * np.exp(rng.uniform(-1.5, 1.5)) if arm == "drawn" else 3e-3
    gains = zip([f"gain_{b}" for b in BLOCKS], rng.uniform(0.3, 1.5, 6), strict=True)
    named = zip([f"density_{b}" for b in BLOCKS], density, strict=True)
    return {"hidden": hidden, "learning_rate": rate, **dict(named), **dict(gains)}


def made_tables(**how):
    """The same as tables."""
    return make_tables(*made(**how))
