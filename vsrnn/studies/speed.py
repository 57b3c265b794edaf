"""How fast networks train, from what `make bench` measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame, Series

from vsrnn.plot.axes import each_panel, legend, plain_numbers
from vsrnn.plot.labels import DESIGN_LABELS, GRAY, look
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.results import get_results
from vsrnn.stats import Claim, extent
from vsrnn.studies.labels import task_label
from vsrnn.studies.page import Page

RATE, LOW, HIGH = "sequences a second [1/s]", "low [1/s]", "high [1/s]"
MEMORY = "memory [MiB]"

WAYS = {
    "single": "one model",
    "masked": "masked dense matrices",
    "masked_fused": "masked dense, fused Adam",
    "rnn": "nn.RNN of equal weights",
    "rnn_same_size": "dense nn.RNN of equal size",
    "lstm": "nn.LSTM of equal weights",
    "peer": "the authors' code",
    "jax": "JAX",
    "compiled": "torch.compile",
}
"""What trains, by kind of measurement; many models have words of their own."""

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
    """Sequences a second of each way to train a design, and its memory.

    A rate is that of all models together; low and high are its quartiles over turns.
    Memory is what training added to a process with data and libraries.
    """
    bench = data.bench
    rows = bench[bench["study"] == "designs"].reset_index(drop=True)
    table = rows[[*_SAME, "kind", "models", "processes"]].copy()
    table["way"] = [_way(row) for row in rows.to_dict("records")]
    for name, time in ((RATE, "ms"), (LOW, "ms_high"), (HIGH, "ms_low")):
        table[name] = 1e3 / rows[time]
    table[MEMORY] = rows["memory_mib"] - rows["memory_before_mib"]
    return table.round(4)


def speed_ratio_table(data: Data) -> DataFrame:
    """How many times as fast as each baseline one model trains, and many at a time.

    Batches are the published ones. Many models are in one pass or shared out over
    processes, whichever is faster. Low and high compare the quartiles that are furthest
    apart.
    """
    table = speed_table(data)
    table = table[table["batch"] == table["task"].map(PUBLISHED)]
    table = table[table["design"] != "mixed"]
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


def ahead_table(data: Data) -> DataFrame:
    """Times of a training step beside those of the same network compiled by others.

    That is dense matrices with masks by JAX, with many by ``vmap``, and by
    ``torch.compile``. The least favorable case comes first.

    Returns:
        One row a case and rival: milliseconds for a step of one model, the rival's, and
        how many times as fast the package is.
    """
    bench = data.bench[data.bench["study"] == "ahead"]
    keys = ["task", "batch", "design", "threads", "models"]
    table = bench[[*keys, "kind"]].assign(**{"ours [ms]": bench["ms"] * bench["batch"]})
    own = table["kind"].isin(["single", "many"])
    theirs = table[~own].rename(columns={"ours [ms]": "theirs [ms]"})
    both = table[own].drop(columns="kind").merge(theirs, on=keys)
    both["rival"] = [WAYS[kind] for kind in both.pop("kind")]
    both["times as fast"] = both["theirs [ms]"] / both["ours [ms]"]
    return both.sort_values("times as fast", ignore_index=True).round(4)


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


@figure(table=speed_ratio_table, made_by=measured_on)
def speed_ratio(table: DataFrame, style: str = "web") -> Figure:
    """Show times as fast as each baseline, one model and many, by task."""
    white = {"markerfacecolor": "white"}
    designs = list(dict.fromkeys(table["design"]))
    words = {DESIGN_LABELS[name]: {**look(name), "ls": ""} for name in designs}
    words["many models (open)"] = {"color": GRAY, "marker": "o", "ls": "", **white}
    with drawing(style, 1.0) as figure:
        for ax, rows in each_panel(figure, table, "task", 1, sharex=True):
            own = [name for name in designs if name in set(rows["design"])]
            order = list(dict.fromkeys(rows["baseline"]))
            for trained, inside in (("one model", {}), ("many models", white)):
                looks = {name: look(name) | inside for name in own}
                how: dict[str, Any] = {"looks": looks, "order": order, "step": 0.2}
                shown = rows[rows["trained"] == trained]
                dots(ax, shown, "ratio", "baseline", "low", "high", hue="design", **how)
            ax.axvline(1, color=GRAY, linewidth=0.8, zorder=0)
            ax.set(title=task_label(rows["task"].iloc[0]), xlabel="times as fast")
            ax.set_xscale("log")
            plain_numbers(ax)
            ax.label_outer()
        legend(figure, words)
    return figure


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name; what was not measured is said to be so.

    Factors are those on Random Anomaly, from design to design; hours are those of the
    whole study at the rates of the varied design.
    """
    first, rates = page.data.bench.iloc[0], page.table("speed")
    machine = f"{first['machine']}, {first['cores']} cores"
    found = {"machine": f"{machine}, torch {first['torch']}, Python {first['python']}"}
    alone = rates[rates["processes"] == 1].groupby("kind")[MEMORY]
    found |= {f"memory_{kind}": _extent(each, ".0f") for kind, each in alone}
    ratios = page.table("speed_ratio").query("task == 'rad'")
    for name, trained in (("one", "one model"), ("many", "many models")):
        for kind, how in (("masked", ".1f"), ("peer", ".0f")):
            same = (ratios["trained"] == trained) & (ratios["baseline"] == WAYS[kind])
            found[f"{name}_{kind}"] = _extent(ratios.loc[same, "ratio"], how)
    ahead = page.table("ahead")
    for rival in (WAYS["jax"], WAYS["compiled"]):
        least = ahead.loc[ahead["rival"] == rival, "times as fast"].nsmallest(1)
        found[f"least_{rival.removeprefix('torch.').lower()}"] = _extent(least, ".1f")
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
    groups = page.table("speed_ratio").groupby(["trained", "baseline"], sort=False)
    found = []
    for (trained, baseline), rows in groups:
        worst = rows.loc[rows["ratio"].idxmin(), ["ratio", "low", "high"]]
        text = f"{trained}: faster than {baseline}, for every design"
        found.append(Claim.of(text, 100 * (worst - 1), "% faster"))
    return found


def _extent(values: Series, how: str) -> str:
    return extent(values, how) if len(values) else "not measured"
