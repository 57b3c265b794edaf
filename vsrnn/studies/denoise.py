"""Can weights that count as nothing still learn?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame, Series

from vsrnn.design.design import Design
from vsrnn.plot.axes import each_panel, legend, log_ticks, note
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.config import Config
from vsrnn.stats import Claim, tried
from vsrnn.studies.arms import DENSITY, means, told
from vsrnn.studies.page import Page
from vsrnn.studies.planned import Data, Labeled, gap, loaded, rows_of_means
from vsrnn.studies.scorecard import NOTHING, judged

# Fixed before any run:
#
# - Networks of 64 units, a masked ReLU cell and a block RNN, add two of ten numbers for
#   four epochs of 250 steps, all at the rate 3e-3: nothing is tuned. The measure is the
#   share of the variance of the sums explained on the 2,000 test sequences (1 is
#   perfect, 0 a guess, less is cut off at 0), a mean over paired seeds with the 95 %
#   interval of Student's t on differences.
# - Densities are of each matrix. Arms: "static" draws exact masks before training;
#   "gradual" prunes a dense network by magnitude on a cubic ramp over the first three
#   epochs; "straight" and "denoise" keep all weights and compute with the largest.
# - An arm trains at a density if it explains half of the variance.
# - Precision is tried at density 1: 2 and 16 values with the affine form, 3 with the
#   linear one, as published, against straight-through; and two of four neighbors.

MODELS: dict[str, dict[str, Any]] = {
    "block": {"model": "block"},
    "cell": {"model": "cell", "options": {"cell": "relu"}},
}
UNITS, RATE, EPOCHS, LENGTH = 64, 3e-3, 4, 10
DENSITIES = (0.5, 0.2, 0.1, 0.05, 0.02)
ARMS = ("static", "gradual", "straight", "denoise")
LEVELS = {2: "affine", 3: "linear", 16: "affine"}
"""How many values, and the form of the regression for them."""
SEEDS = range(5)


def plan() -> Iterator[Labeled]:
    """What the page shows, the most wanted first, with labels."""
    for seeds in (SEEDS[:3], SEEDS[3:]):
        for model, seed in product(MODELS, seeds):
            yield _labeled(model, "static", seed, 1.0)
            for density, arm in product(DENSITIES[::-1], ARMS):
                yield _labeled(model, arm, seed, density)
        for model, seed, arm in product(MODELS, seeds, ARMS[2:]):
            for levels in LEVELS:
                yield _labeled(model, arm, seed, 1.0, levels=levels)
            yield _labeled(model, arm, seed, 0.5, group=4)


def protocol() -> list[Config]:
    """What the page shows, the most wanted first."""
    return [config for _, config in plan()]


def _labeled(model: str, arm: str, seed: int, density: float, **more: int) -> Labeled:
    precision = f"{more['levels']} values" if "levels" in more else ""
    if "group" in more:
        precision = "2 of 4 neighbors"
    labels = {"model": model, "arm": arm, "seed": seed, DENSITY: density}
    return labels | {"precision": precision}, run_of(model, arm, seed, density, **more)


def run_of(model: str, arm: str, seed: int, density: float, **more: int) -> Config:
    """The run of an arm at a density, with other options of its method."""
    drawn = density if arm == "static" else 1.0
    design = Design(
        f"{model}_{UNITS}", UNITS, drawn, learning_rate=RATE, **MODELS[model]
    )
    method: dict[str, Any] = {"name": "static"}
    if arm == "gradual":
        method = {"name": "magnitude", "density": density, "scope": "matrix", "end": 3}
    if arm in ("straight", "denoise"):
        form = LEVELS.get(more.get("levels", 0), "linear")
        method = {"name": "denoise", "density": density, **more}
        method["estimator"] = form if arm == "denoise" else "straight"
    how: Any = {"epochs": EPOCHS, "task_options": {"length": LENGTH}}
    return Config("adding", design, "quick", seed, "exact", method=method, **how)


EXPLAINED = "variance explained [fraction]"
LOOKS: dict[str, dict[str, Any]] = {
    "static": {"color": GRAY, "marker": "v", "linestyle": ":"},
    "gradual": {"color": GREEN, "marker": "^", "linestyle": "-."},
    "straight": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "denoise": {"color": BLUE, "marker": "o", "linestyle": "-"},
}
WORDS = {"block": "block RNN", "cell": "masked ReLU cell"}


def load(results: str = "denoise") -> Data:
    """Load the stored runs.

    Args:
        results: their name.
    """
    data = loaded(plan(), results, ("score", "error"))
    score = data.plan["score"].astype(float).mask(data.plan["error"].notna(), 0)
    table = data.plan.assign(panel=data.plan["model"].map(WORDS))
    return Data(table.assign(**{EXPLAINED: score.clip(lower=0)}), data.runs)


def denoise_density_table(data: Data) -> DataFrame:
    """Variance explained by model, arm and density, and by the dense network."""
    plain = data.plan[data.plan["precision"] == ""]
    dense = plain[plain[DENSITY] == 1].groupby("panel")[EXPLAINED].mean()
    table = means(plain[plain[DENSITY] < 1], ["panel", "arm", DENSITY], EXPLAINED)
    table = table.sort_values(["panel", "arm", DENSITY], kind="stable")
    return table.assign(dense=table["panel"].map(dense)).reset_index(drop=True)


@figure(table=denoise_density_table)
def denoise_density(table: DataFrame, style: str = "web") -> Figure:
    """Variance explained against density, a line an arm, a panel a model."""
    with drawing(style, 0.5) as drawn:
        for ax, rows in each_panel(drawn, table, "panel", 2, sharey=True):
            known = rows.dropna(subset=["mean"])
            ends = ("mean", "low", "high")
            lines(ax, known, DENSITY, *ends, hue="arm", looks=LOOKS, bars=True)
            chance_line(ax, rows["dense"].mean())
            log_ticks(ax, DENSITIES)
            ax.set(title=rows["panel"].iloc[0], ylabel=EXPLAINED, ylim=(-0.05, 1.05))
            if not ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
                ax.set_ylabel("")
            if known.empty:
                ax.set_xlim(min(DENSITIES) / 1.2, max(DENSITIES) * 1.2)
                note(ax, NOTHING)
        legend(drawn, LOOKS | {"dense network": {"color": GRAY, "ls": ":"}}, 5)
    return drawn


def denoise_precision_table(data: Data) -> DataFrame:
    """Variance explained where weights are rounded, or two of four neighbors count."""
    rough = data.plan[data.plan["precision"] != ""]
    return means(rough, ["panel", "precision", "arm"], EXPLAINED)


@figure(table=denoise_precision_table)
def denoise_precision(table: DataFrame, style: str = "web") -> Figure:
    """Variance explained by precision, denoising beside straight-through."""
    looks = {
        arm: {k: v for k, v in LOOKS[arm].items() if k != "linestyle"}
        for arm in ARMS[2:]
    }
    with drawing(style, 0.45) as drawn:
        rows_of_means(drawn, table, "precision", "arm", looks, EXPLAINED)
    return drawn


MORE = "denoising explains more than {}, {}, density {:g}"
HALF = "denoising explains half of the variance, {}, {}"
ROUGH = "denoising explains more than straight-through, {}, {}"


def claims(page: Page) -> list[Claim]:
    """Differences to the other arms, and what is above half, where there are runs."""
    plain = page.data.plan.set_index("seed")
    keys = ["model", "precision", DENSITY, "arm"]
    values: dict[Any, Series] = dict(iter(plain.groupby(keys)[EXPLAINED]))
    found = []
    for model, density in product(MODELS, DENSITIES):
        own = values[model, "", density, "denoise"]
        for arm, word in (
            ("straight", "straight-through"),
            *_same("gradual", "static"),
        ):
            other = values[model, "", density, arm]
            found.append(gap(MORE.format(word, model, density), own, other))
        words = HALF.format(model, f"density {density:g}")
        found.append(gap(words, own, 0.5 + 0 * own))
    for model, (levels, density) in product(MODELS, _precisions()):
        both = [values[model, levels, density, arm] for arm in ("denoise", "straight")]
        found.append(gap(ROUGH.format(model, levels), *both))
        found.append(gap(HALF.format(model, levels), both[0], 0.5 + 0 * both[0]))
    return tried(found)


def _same(*names: str) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _precisions() -> list[tuple[str, float]]:
    return [*((f"{n} values", 1.0) for n in LEVELS), ("2 of 4 neighbors", 0.5)]


SAYS = {
    "holds": "explains more",
    "undecided": "cannot be told apart",
    "reversed": "explains less",
}


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name; of the block RNN at a density of .05."""
    table = page.table("denoise_density").query("panel == 'block RNN'")
    at = table[table[DENSITY] == 0.05].set_index("arm")["mean"]
    found = claims(page)
    straight, gradual = (
        judged(found, MORE.format(word, "block", 0.05))
        for word in ("straight-through", "gradual")
    )
    few = "has not been tried often enough"
    return {
        "straight": SAYS.get(straight, few),
        "gradual": SAYS.get(gradual, few),
        **{f"at_{arm}": told(at[arm], ".2f") for arm in ARMS},
        "dense": told(table["dense"].iloc[0], ".2f"),
        "stored_runs": page.data.stored,
    }
