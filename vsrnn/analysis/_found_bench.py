"""What the measurements of speed say, as sentences (Markdown)."""

from __future__ import annotations

from collections.abc import Iterator

from pandas import DataFrame, Series

from vsrnn.analysis._bench import (
    BOUNDS,
    HIGH,
    LOW,
    MEMORY,
    RATE,
    TIME,
    WAYS,
    speed,
    speed_growth,
    speed_ratio,
)
from vsrnn.analysis._found import _bullets, _nested
from vsrnn.analysis._labels import DESIGN_LABELS, TASK_LABELS

RUNS, SEQUENCES = 625, 750_000
"""Runs of the whole study on Random Anomaly, and sequences that each trains on."""

FRONT = "task == 'rad' and batch == 16 and design == 'balanced_0'"
"""What the hours of the study are reckoned from: published batch, varied design."""

PUBLISHED = {"rad": 16, "hammer": 64}
"""The published batches."""

_PLAIN = (("masked", WAYS["masked"]), ("peer", WAYS["peer"]))
SPEED_LABELS = DESIGN_LABELS | {"mixed": "16 designs"}


def bench_machine(bench: DataFrame) -> str:
    """One sentence on the machine and the libraries that were measured."""
    first = bench.iloc[0]
    rate = bench["product_gflops"]
    device = "" if first["device"] == "cpu" else f", device {first['device']}"
    return (
        f"Measured on {first['machine']}, {first['cores']} cores{device}, with torch "
        f"{first['torch']} and Python {first['python']}, on {bench['finished'].max()}; "
        f"{first['turns']} turns of each case. Large products of float32 matrices run "
        f"at {rate.median():.0f} GFLOP/s there (groups of cases: {rate.min():.0f} to "
        f"{rate.max():.0f})."
    )


def found_speed(bench: DataFrame) -> str:
    """Sentences on speed, bounds, memory, growth, and the hours of a whole study.

    Args:
        bench: as `speed` takes it.
    """
    rates, ratios = speed(bench), speed_ratio(bench)
    return _bullets(
        *_designs(rates, ratios),
        *_batches(ratios),
        *_bounds(rates),
        *_stepping(bench),
        *_memory(rates),
        *_growth(speed_growth(bench)),
        *_hours(rates),
    )


def _designs(rates: DataFrame, ratios: DataFrame) -> Iterator[str]:
    """Each design at the published batch: rates, and times each baseline."""
    for (task, batch, design), rows in ratios.groupby(
        ["task", "batch", "design"], sort=False
    ):
        if batch != PUBLISHED[str(task)]:
            continue
        same = (rates["task"] == task) & (rates["batch"] == batch)
        own = rates[same & (rates["design"] == design)].set_index("way")
        parts = [f"{way} {_rate(own.loc[way])}" for way in dict.fromkeys(rows["way"])]
        parts += [
            f"{_times(versus['ratio'])} times {name}"
            for name, versus in rows.groupby("baseline", sort=False)
        ]
        label = SPEED_LABELS.get(str(design), str(design))
        yield _nested(f"{TASK_LABELS[str(task)]}, batches of {batch}, {label}", parts)


def _batches(ratios: DataFrame) -> Iterator[str]:
    """The other batches, only against masked dense matrices."""
    masked = ratios[ratios["baseline"] == WAYS["masked"]]
    for (task, batch), rows in masked.groupby(["task", "batch"], sort=False):
        if batch != PUBLISHED[str(task)]:
            parts = [
                f"{trained} {own.min():.3g} to {own.max():.3g} times"
                for trained, own in rows.groupby("trained", sort=False)["ratio"]
            ]
            label = f"{TASK_LABELS[str(task)]}, batches of {batch}"
            yield f"{label}: {', '.join(parts)} {WAYS['masked']}, by design."


def _rate(row: Series) -> str:
    return f"{row[RATE]:,.0f} sequences a second ({row[LOW]:,.0f} to {row[HIGH]:,.0f})"


def _times(ratios: Series) -> str:
    return " and ".join(format(r, ",.0f" if r >= 100 else ".3g") for r in ratios)


def _bounds(rates: DataFrame) -> Iterator[str]:
    """How much of what the products alone would allow is reached."""
    dense, weights = BOUNDS.values()
    for kind, label in (("single", "one model"), ("many", "many models")):
        rows = rates[(rates["kind"] == kind) & (rates["design"] != "mixed")]
        if kind == "single":
            rows = rows[rows["processes"] == 1]
        best = rows.sort_values(RATE).groupby(["task", "batch", "design"]).tail(1)
        shares = [best[RATE] / best[bound] for bound in (dense, weights)]
        low, high = ([share.min(), share.max()] for share in shares)
        if len(best):
            yield (
                f"Of what the products of a training step alone would allow, {label} "
                f"reach{'es' if kind == 'single' else ''} {_percent(low)} if the "
                f"products are dense, and {_percent(high)} if they are on the weights "
                "alone, from case to case."
            )


def _percent(ends: list[float]) -> str:
    return f"{100 * ends[0]:.0f} to {100 * ends[1]:.0f} %"


def _stepping(bench: DataFrame) -> Iterator[str]:
    rows = bench[bench["study"] == "stepping"]
    parts = [
        f"{SPEED_LABELS.get(design, design)} {ms:.3f} ms ({low:.3f} to {high:.3f}"
        + (f"; {WAYS[kind]})" if kind != "single" else ")")
        for design, kind, ms, low, high in rows[
            ["design", "kind", "ms", "ms_low", "ms_high"]
        ].itertuples(index=False)
    ]
    if parts:
        yield _nested(
            f"One step of {rows['batch'].iloc[0]} {TASK_LABELS['hammer']} episodes at "
            f"once, without the simulator, threads: {rows['threads'].iloc[0]}",
            parts,
        )


def _memory(rates: DataFrame) -> Iterator[str]:
    parts = []
    for kind, label in (("single", "one model"), ("many", "many models"), *_PLAIN):
        rows = rates[(rates["kind"] == kind) & (rates["processes"] == 1)]
        memory = rows[MEMORY].dropna()
        if len(memory):
            parts.append(f"{label} {memory.min():.0f} to {memory.max():.0f} MiB")
    if parts:
        yield _nested("Peak memory beyond data and libraries", parts)


def _growth(growth: DataFrame) -> Iterator[str]:
    """How the time for a sequence changes from one end of a study to the other."""
    for study, rows in growth.groupby("study", sort=False):
        parts = []
        for kind, line in rows.groupby("kind", sort=False):
            line = line.sort_values("value")
            factor = line[TIME].iloc[-1] / line[TIME].iloc[0]
            name = "many models" if kind == "many" else WAYS[str(kind)]
            ends = " to ".join(_number(line["value"].iloc[end]) for end in (0, -1))
            parts.append(f"{name}, {ends}: {factor:.3g} times")
        yield _nested(f"Time for a sequence and model, by {study}", parts)


def _number(value: float) -> str:
    return format(value, ",.0f" if value >= 1 else "g")


def _hours(rates: DataFrame) -> Iterator[str]:
    """What the whole study takes with each way to train."""
    rows = rates.query(FRONT).sort_values(RATE)
    hours = RUNS * SEQUENCES / rows[RATE] / 3600
    wanted = rows["kind"].isin(("peer", "masked", "single", "many"))
    parts = [
        f"{way} {time:,.0f} hours"
        for way, time in zip(rows["way"][wanted], hours[wanted], strict=True)
    ]
    if parts:
        yield _nested(
            f"A study of {RUNS} runs of {SEQUENCES:,} sequences each, at these rates "
            f"of {SPEED_LABELS['balanced_0']} in batches of 16",
            parts,
        )
    if "peer" not in set(rates["kind"]):
        yield (
            "The authors' code was not part of this run; `make bench PEER=path` "
            "measures a checkout of it, too."
        )
