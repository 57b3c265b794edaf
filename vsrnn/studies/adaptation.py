"""Does a network that moves its weights while it learns repair a poor arrangement?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, Series, concat

from vsrnn.design.geometry import BLOCKS, Geometry
from vsrnn.models import BlockRNN
from vsrnn.plot.axes import each_panel, legend, note, panels
from vsrnn.plot.blocks import block_legend
from vsrnn.plot.labels import BLOCK_COLORS, BLUE, GREEN, ORANGE
from vsrnn.plot.lines import lines
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.config import Config
from vsrnn.runs.store import Store
from vsrnn.runs.sweep import sweep
from vsrnn.runs.tables import HERE, committed_runs
from vsrnn.stats import Claim, intervals, tried
from vsrnn.studies.arms import told
from vsrnn.studies.moved import (
    ABLATIONS,
    AFTER,
    ARMS,
    BUDGETS,
    CHANGES,
    COSTS,
    GAIN,
    LIVE,
    NEEDED,
    SCORE,
    SHIFTED,
    SPEED,
    STARTS,
    WAYS,
    Data,
    config_of,
    designs,
    labelled,
    measured,
    ranked,
    recovered,
    regained,
    regret,
)
from vsrnn.studies.page import Page
from vsrnn.studies.scorecard import NOTHING, judged
from vsrnn.tasks import task_class
from vsrnn.training.serving import adapt


def protocol() -> list[Config]:
    """All runs: the pools, and then, of pools that are stored, those of the starts."""
    return [config for _, config in labelled(committed_runs("adaptation_curves"))]


STEPS = 3_000
"""Of the stream that is served with the page."""
SERVED = ("moves", "step", "squared error")


def load(
    scale: str | None = None,
    store: str | Path = "../runs",
    jobs: int | None = None,
    results: str = "adaptation",
) -> Data:
    """Load the stored runs, and train one more if a scale is given.

    Args:
        scale: of that run, across blocks from a poor start.
        store: folder where it is kept.
        jobs: processes that train.
        results: name of the stored runs.
    """
    runs, curves = committed_runs(results), committed_runs(f"{results}_curves")
    live = DataFrame(columns=["epoch"])
    if scale is not None:
        poor = (ranked(LIVE, curves) or designs(LIVE))[-1]
        config = replace(config_of(LIVE, poor, 0, ARMS["across"]), scale=scale)
        sweep([config], Store(store), jobs=jobs)
        live = Store(store).curves().query("id == @config.id")
    plan = measured(labelled(curves), runs, curves)
    return Data(plan, runs, curves, live)


@cache
def served(steps: int = STEPS, every: int = 100) -> DataFrame:
    """Errors of two networks that name one of eight sensors, another one half way.

    Args:
        steps: of the stream.
        every: steps that an error is a mean of.

    Returns:
        moves, step and squared error, see `SERVED`.
    """
    sensors = torch.randn(steps, 8, generator=torch.Generator().manual_seed(0))
    half = torch.arange(steps) < steps // 2
    wanted, rows = torch.where(half, sensors[:, 0], sensors[:, 5]), []
    for moves, updates in (("across", 20), ("static", 10**9)):
        model = BlockRNN(Geometry(8, 40, 1, 0.08), init_std=0.3, seed=0)
        network = adapt(model, every=updates, share=0.1, rate=3e-3)
        errors = []
        for seen, target in zip(sensors[1:], wanted, strict=False):
            guess = network.step(seen)
            network.tell(target[None])
            errors.append(float((guess - target).square()))
        means = np.reshape(errors[: len(errors) // every * every], (-1, every)).mean(1)
        rows += [(moves, every * (n + 1), mean) for n, mean in enumerate(means)]
    return DataFrame(rows, columns=[*SERVED])


LOOKS: dict[str, dict[str, Any]] = {
    "static": {"color": "#000000", "marker": "v", "linestyle": "--"},
    "set": {"color": "#E69F00", "marker": "P", "linestyle": ":"},
    "rigl": {"color": GREEN, "marker": "D", "linestyle": "-."},
    "across": {"color": BLUE, "marker": "o", "linestyle": "-"},
    "across, random": {"color": "#56B4E9", "marker": "X", "linestyle": ":"},
    "steer": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "restart": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "recycle": {"color": "#CC79A7", "marker": "^", "linestyle": ":"},
    "across, less": {"color": "#56B4E9", "marker": "X", "linestyle": ":"},
}
STARTS_LOOKS: dict[str, dict[str, Any]] = {
    "uniform": {"color": GREEN, "marker": "^", "linestyle": "-."},
    "worst": {"color": ORANGE, "marker": "s", "linestyle": "--"},
    "best": {"color": BLUE, "marker": "o", "linestyle": "-"},
}
REGRET, LOST = "regret in speed [points]", "regret in test score [points]"


def adaptation_recovered_table(data: Data) -> DataFrame:
    """Share of the gap in speed that arms recover, by task, from the worst start.

    Returns:
        task, arm, gap [points], mean, low and high [%] over seeds, and seeds.
    """
    rows = [_recovered(data, task, arm) for task, arm in product(BUDGETS, WAYS)]
    return DataFrame(rows)


def _recovered(data: Data, task: str, arm: str) -> dict[str, Any]:
    label = task_class(task).label
    gains, gap = recovered(data.plan, task, arm)
    found = intervals(DataFrame({"arm": arm, "gain": gains}), ["arm"], "gain")
    ends = found[["mean", "low", "high", "seeds"]].to_dict("records")
    nothing = dict.fromkeys(("mean", "low", "high"), np.nan) | {"seeds": 0}
    own = {"task": label, "arm": arm, "gap [points]": gap}
    return own | (ends[0] if ends else nothing)


@figure(table=adaptation_recovered_table)
def adaptation_recovered(table: DataFrame, style: str = "web") -> Figure:
    """Share of the gap that each way recovers, a row a task, with intervals."""
    looks = {arm: LOOKS[arm] for arm in WAYS}
    with drawing(style, 0.95) as drawn:
        [ax] = panels(drawn, 1)
        how: dict[str, Any] = {"hue": "arm", "looks": looks, "step": 0.16}
        shown = table.rename(columns={"mean": GAIN})
        dots(ax, shown, GAIN, "task", "low", "high", **how, missing=NOTHING)
        for level in (0, 100):
            chance_line(ax, level, along="y")
        if table["mean"].notna().any():
            ax.set_xlim(-60, 320)
        legend(
            drawn, {arm: {**look, "linestyle": ""} for arm, look in looks.items()}, 5
        )
    return drawn


def adaptation_regret_table(data: Data) -> DataFrame:
    """How far arms stay below the best start, in speed and score, a row a task.

    Returns:
        panel, arm ("static" and those that move from the worst start, and the dense
        network), task, regret (mean over seeds) [points], and its mean over tasks with
        the 95 % interval.
    """
    parts = []
    for value, panel in ((SPEED, REGRET), (SCORE, LOST)):
        for (start, arm), words in _shown_regrets().items():
            for task in BUDGETS:
                own = regret(data.plan, task, start, arm, value)
                parts.append((panel, words, task_class(task).label, own.mean()))
    table = DataFrame(parts, columns=["panel", "arm", "task", "regret [points]"])
    found = intervals(table, ["panel", "arm"], "regret [points]")
    found = found.rename(columns={"seeds": "tasks"})
    return table.merge(found, on=["panel", "arm"], how="left")


def _shown_regrets() -> dict[tuple[str, str], str]:
    arms = {("worst", arm): arm for arm in ("static", *WAYS)}
    return arms | {("dense", "static"): "dense, static"}


@figure(table=adaptation_regret_table)
def adaptation_regret(table: DataFrame, style: str = "web") -> Figure:
    """Regret in speed and in score by arm: tasks as points, means with intervals."""
    with drawing(style, 0.5) as drawn:
        for ax, rows in each_panel(drawn, table, "panel", 2, sharey=True):
            name = rows["panel"].iloc[0]
            shown = rows.rename(columns={"mean": name})
            looks = {
                a: {"color": BLUE, "marker": "o"} for a in dict.fromkeys(rows["arm"])
            }
            how: dict[str, Any] = {"looks": looks, "points": "regret [points]"}
            dots(ax, shown, name, "arm", "low", "high", **how, missing=NOTHING)
            chance_line(ax, 0, along="y")
    return drawn


def adaptation_shares_table(data: Data) -> DataFrame:
    """Hidden proportion by epoch, of runs that move across blocks, by task and start.

    Returns:
        task, start, epoch, mean, low, high over seeds, seeds, and the hidden proportion
        of the best start.
    """
    plan = data.plan[data.plan["arm"] == "across"]
    plan = plan[plan["task"].isin(BUDGETS) & plan["start"].isin(STARTS)]
    names = [f"weights_{block}" for block in BLOCKS]
    curves = data.curves.reindex(columns=["id", "epoch", *names]).dropna()
    rows = plan[["id", "task", "start", "seed"]].merge(curves, on="id", how="inner")
    reads = rows[names[:3]].sum(axis=1)
    rows = rows.assign(proportion=rows["weights_hh"] / reads)
    table = intervals(rows, ["task", "start", "epoch"], "proportion")
    best = data.plan.query("start == 'best' and arm == 'static'")
    best = best.groupby("task")["hidden_proportion"].mean().rename("best")
    table = table.merge(best, on="task", how="left")
    labels = {task: task_class(task).label for task in BUDGETS}
    return table.assign(panel=table["task"].map(labels))


@figure(table=adaptation_shares_table)
def adaptation_shares(table: DataFrame, style: str = "web") -> Figure:
    """Hidden proportion by epoch from three starts, a panel a task."""
    with drawing(style, 1.0) as drawn:
        for ax, rows in _each_panel(drawn, table, "panel", 3, sharex=True, sharey=True):
            ends = ("mean", "low", "high")
            lines(ax, rows, "epoch", *ends, hue="start", looks=STARTS_LOOKS)
            ax.set(title=rows["panel"].iloc[0], ylim=(0, 1), ylabel="")
            ax.label_outer()
            chance_line(ax, rows["best"].iloc[0])
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(table):
            drawn.supylabel("hidden proportion", size="medium")
        legend(drawn, {f"from the {name} start": o for name, o in STARTS_LOOKS.items()})
    return drawn


def _each_panel(
    drawn: Figure, table: DataFrame, by: str, *columns: int, **shared: Any
) -> Iterator[tuple[Axes, DataFrame]]:
    """As `each_panel`; without rows one panel that says so."""
    if table.empty:
        note(panels(drawn, 1)[0], NOTHING)
    else:
        yield from each_panel(drawn, table, by, *columns, **shared)


def adaptation_blocks_table(data: Data) -> DataFrame:
    """Weights in each block by epoch, of one task: seed 0 from each start, and live.

    Returns:
        panel, epoch, block, share [%].
    """
    plan = data.plan.query("task == @LIVE and arm == 'across' and seed == 0")
    panels_of = {row.id: f"from the {row.start} start" for row in plan.itertuples()}
    parts = [data.curves[data.curves["id"].isin(panels_of)]]
    parts[0] = parts[0].assign(panel=parts[0]["id"].map(panels_of))
    parts += [data.live.assign(panel=HERE)] if len(data.live) else []
    names = [f"weights_{block}" for block in BLOCKS]
    rows = concat(parts).reindex(columns=["panel", "epoch", "weights", *names])
    rows = rows.dropna(subset=["weights"])
    long = rows.melt(["panel", "epoch", "weights"], names, "block", "count")
    share = 100 * long["count"].astype(float) / long["weights"].astype(float)
    long = long.assign(block=long["block"].str[-2:], **{"share [%]": share})
    return long[["panel", "epoch", "block", "share [%]"]]


@figure(table=adaptation_blocks_table)
def adaptation_blocks(table: DataFrame, style: str = "web") -> Figure:
    """Shares of the six blocks by epoch, stacked, a panel a run."""
    with drawing(style, 0.4) as drawn:
        for ax, rows in _each_panel(drawn, table, "panel", sharey=True):
            wide = rows.pivot(index="epoch", columns="block", values="share [%]")
            heights = [wide[block] for block in BLOCKS]
            colors = [BLOCK_COLORS[block] for block in BLOCKS]
            ax.stackplot(wide.index, heights, colors=colors, linewidth=0)
            ax.set(title=rows["panel"].iloc[0], xlabel="epoch", ylabel="share [%]")
            ax.set(ylim=(0, 100), xlim=(wide.index.min(), wide.index.max()))
            ax.label_outer()
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        block_legend(drawn)
    return drawn


def adaptation_recovery_table(data: Data) -> DataFrame:
    """Epochs to regain 95 % of what the best of the pool reaches, by change and arm.

    Returns:
        panel ("at once" or gradually), change, arm, mean, low and high over seeds.
    """
    needed = regained(data)
    table = intervals(needed, ["panel", "change", "arm"], NEEDED)
    return table


@figure(table=adaptation_recovery_table)
def adaptation_recovery(table: DataFrame, style: str = "web") -> Figure:
    """Epochs to regain the level after four changes, a panel for each pace."""
    looks = {arm: LOOKS[arm] for arm in SHIFTED}
    with drawing(style, 0.6) as drawn:
        for ax, rows in _each_panel(drawn, table, "panel", 2, sharey=True):
            shown = rows.rename(columns={"mean": NEEDED})
            how: dict[str, Any] = {"hue": "arm", "looks": looks, "step": 0.14}
            dots(ax, shown, NEEDED, "change", "low", "high", **how, order=CHANGES)
            ax.set(title=rows["panel"].iloc[0], xlim=(0, AFTER + 1.5))
        legend(
            drawn, {arm: {**look, "linestyle": ""} for arm, look in looks.items()}, 6
        )
    return drawn


def adaptation_stream_table(data: Data) -> DataFrame:
    """Errors of networks that serve a stream while this page is made."""
    return served().copy()


@figure(table=adaptation_stream_table)
def adaptation_stream(table: DataFrame, style: str = "web") -> Figure:
    """Error by step of a network that serves a stream, with moves and without."""
    looks = {arm: LOOKS[arm] for arm in ("across", "static")}
    with drawing(style, 0.4) as drawn:
        [ax] = panels(drawn, 1)
        lines(ax, table, "step", "squared error", hue="moves", looks=looks)
        chance_line(ax, 1)
        ax.axvline(STEPS / 2, color="0.8", zorder=0)
        words = {"with moves": looks["across"], "without": looks["static"]}
        legend(drawn, words)
    return drawn


def adaptation_scales_table(data: Data) -> DataFrame:
    """What other ways across blocks gain in speed over the usual one, by task.

    Returns:
        arm, task, gain (mean over seeds) [points], its mean over tasks, low and high.
    """
    rows = []
    for arm, task in product(("across, random", *ABLATIONS), BUDGETS):
        usual = regret(data.plan, task, "worst", "across", SPEED)
        other = regret(data.plan, task, "worst", arm, SPEED)
        rows.append((arm, task_class(task).label, (usual - other).mean()))
    table = DataFrame(rows, columns=["arm", "task", "gain [points]"])
    found = intervals(table, ["arm"], "gain [points]")
    return table.merge(found.rename(columns={"seeds": "tasks"}), on="arm", how="left")


@figure(table=adaptation_scales_table)
def adaptation_scales(table: DataFrame, style: str = "web") -> Figure:
    """Gain in speed over the usual way across blocks: tasks as points, and means."""
    name = "gain in speed over across [points]"
    with drawing(style, 0.35) as drawn:
        [ax] = panels(drawn, 1)
        looks = {a: {"color": BLUE, "marker": "o"} for a in dict.fromkeys(table["arm"])}
        how: dict[str, Any] = {"looks": looks, "points": "gain [points]"}
        shown = table.rename(columns={"mean": name})
        dots(ax, shown, name, "arm", "low", "high", **how, missing=NOTHING)
        chance_line(ax, 0, along="y")
    return drawn


HALF = "{} recovers half or more of the gap, {}"
SOONER = "{} learns sooner than no moves, from the {} start"
HIGHER = "{} ends with a higher score than no moves, from the {} start"
STEERED = "steering learns sooner than moves across blocks by gradient"
REGAINS = "{} regains sooner than keeping still, {}, {}"
BETTER = "{} learns sooner than the usual moves across blocks"


def claims(page: Page) -> list[Claim]:
    """What moving weights changes, where there are runs."""
    return tried([*_repaired(page), *_compared(page), *_following(page)])


def _repaired(page: Page) -> Iterator[Claim]:
    """Recovered shares less half."""
    for row in page.table("adaptation_recovered").to_dict("records"):
        ends = [row[name] - 50 for name in ("mean", "low", "high")]
        yield Claim.of(HALF.format(row["arm"], row["task"]), ends, "% of the gap")


def _compared(page: Page) -> Iterator[Claim]:
    """Means over tasks of paired differences."""
    plan = page.data.plan
    for arm, start in product(WAYS, STARTS):
        for value, words in ((SPEED, SOONER), (SCORE, HIGHER)):
            own, none = (_by_task(plan, start, each, value) for each in (arm, "static"))
            if (arm, start) != ("steer", "best"):
                yield _mean(words.format(arm, start), none - own)
    across, steer = (_by_task(plan, "worst", a, SPEED) for a in ("across", "steer"))
    yield _mean(STEERED, across - steer)
    for arm, own in page.table("adaptation_scales").groupby("arm", sort=False):
        yield _mean(BETTER.format(arm), own["gain [points]"])


def _by_task(plan: DataFrame, start: str, arm: str, value: str) -> Series:
    """Mean regret on each task."""
    return Series({t: regret(plan, t, start, arm, value).mean() for t in BUDGETS})


def _mean(words: str, values: Series) -> Claim:
    found = intervals(DataFrame({"claim": words, "gap": values}), ["claim"], "gap")
    ends = found[["mean", "low", "high"]].to_numpy(float)
    return Claim.of(words, ends[0] if len(ends) else [np.nan] * 3, "points")


def _following(page: Page) -> Iterator[Claim]:
    """Paired differences of epochs to regain."""
    needed = regained(page.data)
    for (panel, change), own in needed.groupby(["panel", "change"], sort=False):
        by_arm: Any = dict(iter(own.set_index("seed").groupby("arm")[NEEDED]))
        for arm in SHIFTED[1:]:
            if arm in by_arm and "static" in by_arm:
                gap = (by_arm["static"] - by_arm[arm]).dropna()
                words = REGAINS.format(arm, change, panel)
                yield replace(_mean(words, gap), unit="epochs")


SAID = {"holds": "learn sooner", "undecided": "do not measurably learn sooner"}
SAID["reversed"] = "learn later"
END = {"holds": "end higher", "undecided": "end no higher measurably"}
END["reversed"] = "end lower"
BOTH = {"holds": "better than", "undecided": "not measurably better than"}
BOTH["reversed"] = "worse than"


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes, by name."""
    plan, found = page.data.plan, claims(page)
    table = page.table("adaptation_recovered")
    known = table.dropna(subset=["mean"])
    halves = known[known["mean"] >= 50].groupby("arm")["task"].count()
    middle, tasks = known.groupby("arm")["mean"].median(), known["task"].nunique()
    few = "have not been tried often enough to say whether they help"
    sooner = judged(found, SOONER.format("across", "worst"))
    higher = judged(found, HIGHER.format("across", "worst"))
    steer = judged(found, STEERED)
    stored = plan["id"].isin(page.data.runs["id"])
    return {
        "cost": _cost(),
        "sooner": SAID.get(sooner, few),
        "higher": END.get(higher, few),
        "steer": BOTH.get(steer, "not comparable yet with"),
        **{f"half_{_word(a)}": f"{halves.get(a, 0):.0f} of {tasks}" for a in WAYS},
        **{f"share_{_word(arm)}": told(middle.get(arm, np.nan), ".0f") for arm in WAYS},
        "stored_runs": f"{stored.sum()} of {len(stored)}",
    }


def _cost() -> str:
    """How much longer a moving run of 100,000 weights takes, by task."""
    table = committed_runs("adaptation_cost")
    if table.empty:
        return NOTHING
    time = table.groupby(["task", "arm"])["seconds"].sum()
    more = [100 * (time[t, "across"] / time[t, "static"] - 1) for t in COSTS]
    return f"{more[0]:.0f} % on Random Anomaly and {more[1]:.0f} % on Hammer"


def _word(arm: str) -> str:
    return arm.replace(", ", "_")
