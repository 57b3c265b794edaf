"""Tables of how fast networks train, from what `make bench` measured."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas import DataFrame

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

_SAME = ["task", "batch", "design"]


def measured_on(bench: DataFrame) -> dict[str, Any]:
    """What made the measurements: machine, packages, code and time."""
    names = ("machine", "cores", "device", "torch", "python", "version", "commit")
    made_by = {name: str(bench[name].iloc[0]) for name in names}
    return made_by | {"finished": str(bench["finished"].max())}


def speed(bench: DataFrame) -> DataFrame:
    """Sequences a second of each way to train a design, with its bounds and memory.

    A rate is that of all models together; low and high are its quartiles over turns.
    The bounds are what the products of a training step alone would allow at the rate
    of a large dense product, measured in the same turns: of dense matrices, or of the
    weights only. Memory is what training added to a process with data and libraries.

    Args:
        bench: the measurements, as ``vsrnn.get_results("bench")`` gives them.
    """
    rows = bench[bench["study"] == "designs"].reset_index(drop=True)
    table = rows[[*_SAME, "kind", "models", "processes"]].copy()
    table["way"] = [_way(row) for row in rows.to_dict("records")]
    for name, time in ((RATE, "ms"), (LOW, "ms_high"), (HIGH, "ms_low")):
        table[name] = 1e3 / rows[time]
    for mflop, name in BOUNDS.items():
        table[name] = 1e3 * rows["product_gflops"] / rows[mflop]
    table[MEMORY] = rows["memory_mib"] - rows["memory_before_mib"]
    return table.round(4)


def speed_ratio(bench: DataFrame) -> DataFrame:
    """How many times as fast as each baseline one model trains, and many at a time.

    Many models are in one pass or shared out over processes, whichever is faster.
    Low and high compare the quartiles that are furthest apart.

    Args:
        bench: as `speed` takes it.
    """
    table = speed(bench)
    many = (table["kind"] == "many") | (table["processes"] > 1)
    table["trained"] = many.map({True: "many models", False: "one model"})
    own = table["kind"].isin(["single", "many"])
    best = table[own].sort_values(RATE, ascending=False, kind="stable")
    best = best.drop_duplicates([*_SAME, "trained"]).sort_index()
    both = best.merge(table[~own], on=_SAME, suffixes=("", " of baseline"))
    found = both[[*_SAME, "trained", "way", "way of baseline"]].copy()
    found.columns = [*_SAME, "trained", "way", "baseline"]
    found["ratio"] = both[RATE] / both[f"{RATE} of baseline"]
    found["low"] = both[LOW] / both[f"{HIGH} of baseline"]
    found["high"] = both[HIGH] / both[f"{LOW} of baseline"]
    return found.round(4)


def speed_memory(bench: DataFrame) -> DataFrame:
    """Peak memory that training adds to a process with data and libraries.

    Args:
        bench: as `speed` takes it.
    """
    return speed(bench)[[*_SAME, "way", MEMORY]]


def speed_growth(bench: DataFrame) -> DataFrame:
    """Time for one sequence and model, against what varies in each study of growth.

    Args:
        bench: as `speed` takes it.
    """
    columns = ["study", "value", "kind", "models", TIME, "low [ms]", "high [ms]"]
    parts = []
    for study, label in GROWTH.items():
        rows = bench[bench["study"] == study]
        rows = rows.assign(study=label, value=rows[study].astype(float))
        names = ["study", "value", "kind", "models", "ms", "ms_low", "ms_high"]
        parts.append(rows[names].set_axis(columns, axis="columns"))
    return pd.concat(parts, ignore_index=True)


def run_times(runs: DataFrame) -> DataFrame:
    """What runs took to train, by the machine that trained them.

    Of a pass of many models each run has its share. Processors trained a run on one
    thread, and may have had other work.

    Args:
        runs: as ``vsrnn.get_results("rad_normal")`` gives them.

    Returns:
        One row a machine: how many runs, and medians of weights and of seconds.
    """
    table = runs.assign(seconds=runs["train_seconds"].astype(float))
    return (
        table.groupby("machine")
        .agg(
            runs=("id", "size"),
            weights=("total_weights", "median"),
            seconds=("seconds", "median"),
        )
        .round()
        .astype(int)
        .rename(columns={"weights": "median weights", "seconds": "median seconds"})
    )


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
