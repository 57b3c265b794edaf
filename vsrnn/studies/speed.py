"""How fast networks train, from what `make bench` measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, Series

from vsrnn.plot.axes import legend, panels, plain_numbers
from vsrnn.plot.labels import BLUE, DESIGN_LABELS, GRAY, GREEN, ORANGE, look
from vsrnn.plot.lines import lines
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.results import get_results
from vsrnn.stats import Claim, extent
from vsrnn.studies.labels import task_label
from vsrnn.studies.page import Page

RATE, LOW, HIGH = "sequences a second [1/s]", "low [1/s]", "high [1/s]"
TIME, MEMORY = "time of a sequence [ms]", "memory [MiB]"
BOUNDS = {"dense_mflop": "dense products [1/s]", "weights_mflop": "on weights [1/s]"}
"""What the products of a training step alone would allow, dense or on weights only."""

WAYS = {
    "single": "one model",
    "masked": "masked dense matrices",
    "masked_fused": "masked dense, fused Adam",
    "rnn": "nn.RNN of equal weights",
    "rnn_same_size": "dense nn.RNN of equal size",
    "lstm": "nn.LSTM of equal weights",
    "peer": "the authors' code",
}
"""What trains, by kind of measurement; many models have words of their own."""

GROWTH = {
    "weights": "weights",
    "density": "density [fraction]",
    "steps": "time steps",
    "models": "models in one pass",
}
"""What varies in each study of growth: its column in the measurements, and label."""

RUNS, SEQUENCES = 625, 750_000
"""Runs of the whole study on Random Anomaly, and sequences that each trains on."""

PUBLISHED = {"rad": 16, "hammer": 64}
"""The published batches."""

_SAME = ["task", "batch", "design"]
_TIMES = {"ms": "median [ms]", "ms_low": "low [ms]", "ms_high": "high [ms]"}


@dataclass(frozen=True)
class Data:
    """What the page shows.

    Args:
        bench: the measurements, one row a case.
        runs: stored runs of which some were trained on a GPU.
    """

    bench: DataFrame
    runs: DataFrame = field(default_factory=DataFrame)


def load(results: str = "bench", stored: str = "rad_normal") -> Data:
    """Load the measurements, and runs that were trained on several machines.

    Args:
        results: the table of measurements.
        stored: the table of runs.
    """
    return Data(get_results(results), get_results(stored))


def measured_on(data: Data) -> dict[str, Any]:
    """What made the measurements: machine, packages, code and time."""
    names = ("machine", "cores", "device", "torch", "python", "version", "commit")
    made_by = {name: str(data.bench[name].iloc[0]) for name in names}
    return made_by | {"finished": str(data.bench["finished"].max())}


def speed_table(data: Data) -> DataFrame:
    """Sequences a second of each way to train a design, with its bounds and memory.

    A rate is that of all models together; low and high are its quartiles over turns.
    The bounds are what the products of a training step alone would allow at the rate
    of a large dense product, measured in the same turns: of dense matrices, or of the
    weights only. Memory is what training added to a process with data and libraries.
    """
    bench = data.bench
    rows = bench[bench["study"] == "designs"].reset_index(drop=True)
    table = rows[[*_SAME, "kind", "models", "processes"]].copy()
    table["way"] = [_way(row) for row in rows.to_dict("records")]
    for name, time in ((RATE, "ms"), (LOW, "ms_high"), (HIGH, "ms_low")):
        table[name] = 1e3 / rows[time]
    for mflop, name in BOUNDS.items():
        table[name] = 1e3 * rows["product_gflops"] / rows[mflop]
    table[MEMORY] = rows["memory_mib"] - rows["memory_before_mib"]
    return table.round(4)


def speed_ratio_table(data: Data) -> DataFrame:
    """How many times as fast as each baseline one model trains, and many at a time.

    Many models are in one pass or shared out over processes, whichever is faster.
    Low and high compare the quartiles that are furthest apart.
    """
    table = speed_table(data)
    many = (table["kind"] == "many") | (table["processes"] > 1)
    table["trained"] = many.map({True: "many models", False: "one model"})
    own = table["kind"].isin(["single", "many"])
    best = table[own].sort_values(RATE, ascending=False, kind="stable")
    best = best.drop_duplicates([*_SAME, "trained"]).sort_index()
    both = best.merge(table[~own], on=_SAME, suffixes=("", " of baseline"))
    ratios = both[[*_SAME, "trained", "way", "way of baseline"]].copy()
    ratios.columns = [*_SAME, "trained", "way", "baseline"]
    ratios["ratio"] = both[RATE] / both[f"{RATE} of baseline"]
    ratios["low"] = both[LOW] / both[f"{HIGH} of baseline"]
    ratios["high"] = both[HIGH] / both[f"{LOW} of baseline"]
    return ratios.round(4)


def speed_memory_table(data: Data) -> DataFrame:
    """Peak memory that training adds to a process with data and libraries."""
    return speed_table(data)[[*_SAME, "way", MEMORY]]


def speed_growth_table(data: Data) -> DataFrame:
    """Time for one sequence and model, against what varies in each study of growth."""
    parts = []
    for study, label in GROWTH.items():
        rows = data.bench[data.bench["study"] == study]
        parts.append(rows.assign(study=label, value=rows[study].astype(float)))
    columns = ["study", "value", "kind", "models", *_TIMES]
    table = pd.concat(parts, ignore_index=True)[columns]
    return table.rename(columns=_TIMES | {"ms": TIME})


def stepping_table(data: Data) -> DataFrame:
    """Time for one step of many episodes at once on Hammer, without the simulator.

    Returns:
        One row a design and network: design, way, batch (episodes), threads, and
        median, low and high [ms].
    """
    rows = data.bench[data.bench["study"] == "stepping"]
    table = rows[["design", "batch", "threads", *_TIMES]].rename(columns=_TIMES)
    table.insert(1, "way", [WAYS[kind] for kind in rows["kind"]])
    return table.reset_index(drop=True)


def run_times_table(data: Data) -> DataFrame:
    """What runs took to train, by the machine that trained them.

    The time of a pass is divided equally among its runs. Processors trained a run on
    one thread, and may have had other work.

    Returns:
        One row a machine: how many runs, and medians of weights and of seconds.
    """
    runs = data.runs.assign(seconds=data.runs["train_seconds"].astype(float))
    table = runs.groupby("machine").agg(
        runs=("id", "size"),
        weights=("total_weights", "median"),
        seconds=("seconds", "median"),
    )
    names = {"weights": "median weights", "seconds": "median seconds"}
    return table.round().astype(int).rename(columns=names)


def _way(row: dict[str, Any]) -> str:
    """Words for what trains in a measurement."""
    models, processes = row["models"], row["processes"]
    if row["kind"] == "many":
        places = f"{processes} processes" if processes > 1 else "one pass"
        return f"{models} models in {places}"
    if models > processes:
        return f"{WAYS[row['kind']]}, {models} in turn"
    if processes > 1:
        return f"one model in each of {processes} processes"
    return WAYS[row["kind"]]


@figure(table=speed_table, made_by=measured_on)
def speed(table: DataFrame, style: str = "web") -> Figure:
    """Show sequences a second of each way to train, a panel for each task and batch."""
    bounds = dict(zip(BOUNDS.values(), ("--", ":"), strict=True))

    def draw(ax: Axes, rows: DataFrame, order: list[str]) -> None:
        _dots(ax, rows, order, [RATE, "way", LOW, HIGH])
        for name, line in bounds.items():
            _mark(ax, rows.groupby("design")[name].median(), line)

    words = {f"bound: {name}": {"color": GRAY, "ls": ls} for name, ls in bounds.items()}
    return _by_task(table, style, "way", draw, words)


@figure(table=speed_ratio_table, made_by=measured_on)
def speed_ratio(table: DataFrame, style: str = "web") -> Figure:
    """Show times as fast as each baseline, one model and many, by task and batch."""
    white = {"markerfacecolor": "white"}

    def draw(ax: Axes, rows: DataFrame, order: list[str]) -> None:
        for trained, inside in (("one model", ()), ("many models", white)):
            own = rows[rows["trained"] == trained]
            _dots(ax, own, order, ["ratio", "baseline", "low", "high"], inside)
        ax.set_xlabel("times as fast")
        ax.axvline(1, color=GRAY, linewidth=0.8, zorder=0)

    words = {"many models (open)": {"color": GRAY, "marker": "o", "ls": "", **white}}
    return _by_task(table, style, "baseline", draw, words)


@figure(table=speed_memory_table, made_by=measured_on)
def speed_memory(table: DataFrame, style: str = "web") -> Figure:
    """Show peak memory of training beyond data and libraries, by task and batch."""

    def draw(ax: Axes, rows: DataFrame, order: list[str]) -> None:
        _dots(ax, rows, order, [MEMORY, "way"])

    return _by_task(table, style, "way", draw)


@figure(table=speed_growth_table, made_by=measured_on)
def speed_growth(table: DataFrame, style: str = "web") -> Figure:
    """Show time for a sequence against weights, density, time steps and models."""
    words: dict[str, dict[str, Any]] = {}
    with drawing(style, 0.75) as figure:
        for ax, study in zip(panels(figure, 4, 2), GROWTH.values(), strict=True):
            rows = table[table["study"] == study].sort_values("value")
            ends = ("low [ms]", "high [ms]")
            lines(ax, rows, "value", TIME, *ends, hue="kind", looks=_LINES)
            ax.set(xlabel=study, xscale="log", yscale="log")
            plain_numbers(ax, "xy")
            for kind, own in rows.groupby("kind"):
                words[_trained(str(kind), own["models"])] = _LINES[str(kind)]
        legend(figure, words)
    return figure


_BLACK = {"color": "#000000", "marker": "v", "linestyle": ":"}
_LINES: dict[str, dict[str, Any]] = {
    "single": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "many": {"color": GREEN, "marker": "s", "linestyle": "-"},
    "masked": {"color": ORANGE, "marker": "^", "linestyle": "--"},
    **dict.fromkeys(("rnn", "rnn_same_size"), _BLACK),
}
_DESIGNS = ("balanced_0", "000000_", "10AH00", "111111_", "10AH12")
_LOOKS = {name: look(name) for name in _DESIGNS}
_LOOKS["mixed"] = {"color": "#000000", "marker": "*", "linestyle": ""}


def _trained(kind: str, models: Series) -> str:
    """Words for a line: what trains, and how many."""
    if kind != "many":
        return WAYS[kind]
    return "many models" if models.nunique() > 1 else f"{models.max()} models"


def _by_task(
    table: DataFrame,
    style: str,
    names: str,
    draw: Callable[[Axes, DataFrame, list[str]], None],
    words: dict[str, dict[str, Any]] | None = None,
) -> Figure:
    """A panel for each task and batch: a row for each name, a point for each design."""
    groups = list(table.groupby(["task", "batch"], sort=False))
    most = max(own[names].nunique() for _, own in groups)
    pairs = math.ceil(len(groups) / 2)
    known = {
        DESIGN_LABELS.get(name, "16 designs"): {**_LOOKS[name], "linestyle": ""}
        for name in table["design"].unique()
    }
    with drawing(style, 0.06 + pairs * (0.14 + 0.045 * most)) as figure:
        axes = panels(figure, len(groups), 2, sharey="row")
        for number, (ax, (key, own)) in enumerate(zip(axes, groups, strict=True)):
            pair = groups[number // 2 * 2 :][:2]  # both have the same rows
            draw(ax, own, list(pd.concat([rows for _, rows in pair])[names].unique()))
            ax.set_title(f"{task_label(key[0])}\nbatches of {key[1]}")
            ax.set_xscale("log")
            plain_numbers(ax)
        legend(figure, known | (words or {}))
    return figure


def _dots(
    ax: Axes, rows: DataFrame, order: list[str], columns: list[str], inside: Any = ()
) -> None:
    """A row for each name, with the designs of the panel below each other."""
    designs = [name for name in _LOOKS if name in set(rows["design"])]
    looks = {name: _LOOKS[name] | dict(inside) for name in designs}
    how: dict[str, Any] = {"looks": looks, "order": order, "step": 0.2}
    dots(ax, rows, *columns, hue="design", **how)


def _mark(ax: Axes, bounds: Series, line: str) -> None:
    """A line at each design's bound, with the design's marker above the panel."""
    above: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    for name, bound in bounds.items():
        color, marker = _LOOKS[str(name)]["color"], _LOOKS[str(name)]["marker"]
        ax.axvline(bound, color=color, ls=line, lw=0.8)
        ax.plot(bound, 1, marker, color=color, markersize=4, **above)


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name; what was not measured is said to be so.

    Factors are those on Random Anomaly, from design to design; hours are those of the
    whole study at the rates of the varied design.
    """
    first, rates = page.data.bench.iloc[0], page.table("speed")
    machine = f"{first['machine']}, {first['cores']} cores"
    found = {"machine": f"{machine}, torch {first['torch']}, Python {first['python']}"}
    found["gflops"] = _extent(page.data.bench["product_gflops"], ".0f")
    alone = rates[rates["processes"] == 1].groupby("kind")[MEMORY]
    found |= {f"memory_{kind}": _extent(each, ".0f") for kind, each in alone}
    ratios = _published(page.table("speed_ratio")).query("task == 'rad'")
    for name, trained in (("one", "one model"), ("many", "many models")):
        for kind, how in (("masked", ".1f"), ("peer", ".0f")):
            same = (ratios["trained"] == trained) & (ratios["baseline"] == WAYS[kind])
            found[f"{name}_{kind}"] = _extent(ratios.loc[same, "ratio"], how)
    varied = rates[(rates["design"] == "balanced_0") & (rates["batch"] == 16)]
    varied = varied[(varied["processes"] == 1) | (varied["kind"] == "many")]
    for kind in ("peer", "masked", "single", "many"):
        hours = RUNS * SEQUENCES / varied.loc[varied["kind"] == kind, RATE] / 3600
        found[f"hours_{kind}"] = _extent(hours.nsmallest(1), ",.0f")
    return found


def claims(page: Page) -> list[Claim]:
    """Whether one model and many train faster than each baseline, in the worst case.

    The worst of the designs at the published batches; ends compare quartiles.
    """
    groups = _published(page.table("speed_ratio")).groupby(
        ["trained", "baseline"], sort=False
    )
    found = []
    for (trained, baseline), rows in groups:
        worst = rows.loc[rows["ratio"].idxmin(), ["ratio", "low", "high"]]
        text = f"{trained}: faster than {baseline}, for every design"
        found.append(Claim.of(text, 100 * (worst - 1), "% faster"))
    return found


def _published(table: DataFrame) -> DataFrame:
    """Rows of single designs in the published batches."""
    same = table["batch"] == table["task"].map(PUBLISHED)
    return table[same & (table["design"] != "mixed")]


def _extent(values: Series, how: str) -> str:
    return extent(values, how) if len(values) else "not measured"
