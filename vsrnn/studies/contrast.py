"""Does what is learned of densities on one task carry over to another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.design.published import list_designs
from vsrnn.errors import VsrnnError
from vsrnn.forecast.effects import designs_by_table, score_course
from vsrnn.forecast.growth import STATE, state_growth
from vsrnn.forecast.measures import RANK
from vsrnn.forecast.table import DENSITIES, SCORE, scored, training_table
from vsrnn.forecast.transfer import (
    BOTH,
    OTHER,
    SAME,
    rank_scores,
    transfer_between_tasks,
)
from vsrnn.forecast.validation import MIN_DESIGNS
from vsrnn.plot.axes import SQRT, each_panel, legend, log_ticks, proportion_axis
from vsrnn.plot.labels import BLUE, DESIGN_LABELS, GRAY, GREEN, ORANGE, PROPORTION
from vsrnn.plot.lines import lines, scatter
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.tables import study_runs
from vsrnn.stats import Claim, minus_signs, rank_interval, welch
from vsrnn.studies.hidden_proportion import STUDY
from vsrnn.studies.labels import chance, score_label, table_label, task_label
from vsrnn.studies.page import Page
from vsrnn.tasks import task_class
from vsrnn.tasks.designs import draw_designs

HAMMER = ("hammer_even_10k", "hammer_normal", "hammer_named")
SHOWN = {"hammer_named": "our expert", "hammer_named_dapg": "the DAPG policy"}
PROTOCOLS = ("hammer_named_dapg", "hammer_few")
"""Tables of Hammer runs with another expert and with fewer demonstrations."""

BUDGETS = {"rad": 100_000, "hammer": 10_000}
"""Weights of the named designs that have the same densities on both tasks."""

EVEN, PUBLISHED = "drawn evenly", "named in the paper"
DRAWN = {
    **dict.fromkeys(("rad_even_100k", "hammer_even_10k"), EVEN),
    "rad_normal_size_50k": "drawn as published, of one size",
    **dict.fromkeys(("rad_normal", "hammer_normal"), "drawn as published, of any size"),
    **dict.fromkeys(("rad_100k", "hammer_named"), PUBLISHED),
}
"""How designs were chosen in the tables of the usual protocol of each task."""

SPREAD, BY_CHANCE = "spread [points]", "spread by chance [points]"
ON_RAD = "score on Random Anomaly [%]"
CORRELATION = ["rank correlation", "low", "high"]
ABOVE = ["above [points]", "low [points]", "high [points]"]
FIT = ["fit [%]", "low [%]", "high [%]"]
BEST = ["best [fraction]", "best low [fraction]", "best high [fraction]"]


@dataclass(frozen=True, eq=False)
class Data:
    """Runs of block designs and LSTMs on both tasks.

    Args:
        runs: one row a run, as `study_runs` gives them.
        designs: number of untrained designs drawn for each task.
        repeats: number of times the designs are split anew into five folds.
        seed: of folds, forests, draws and resampled designs.
        resamples: of designs, for rank correlations; twice as many of matched designs
            and a tenth for smooth fits.
    """

    runs: DataFrame
    designs: int = 30
    repeats: int = 1
    seed: int = 0
    resamples: int = 1000

    @property
    def usual(self) -> DataFrame:
        """The runs of block designs in the tables of the usual protocols."""
        runs = self.runs
        return runs[runs["table"].isin(list(DRAWN)) & (runs["model"] == "block")]


def load(
    rad: Sequence[str] = STUDY,
    hammer: Sequence[str] = (*HAMMER, *PROTOCOLS),
    **given: int,
) -> Data:
    """Runs on both tasks from committed tables.

    Args:
        rad: tables of Random Anomaly Detection; those that do not exist are left out.
        hammer: tables of Adroit Hammer, likewise.
        **given: the other fields of `Data`.

    Raises:
        VsrnnError: none of the tables of a task exists.

    >>> load(hammer=["nothing"])
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: none of the tables nothing is committed...
    """
    parts = [study_runs(names, ("block", "lstm")) for names in (rad, hammer)]
    full = [part.dropna(axis="columns", how="all") for part in parts]
    return Data(pd.concat(full, ignore_index=True), **given)


def contrast_patterns_table(data: Data) -> DataFrame:
    """Score and rank of each density pattern that both tasks have, table by table.

    A pattern is the six densities of a named design of 100,000 weights on Random
    Anomaly Detection, matched with the Hammer designs of 10,000 weights that have the
    same ones, and the LSTM with the LSTM. Runs are averaged, diverged runs score as
    chance, and patterns that tie share the mean of their ranks.

    Returns:
        One row a table and pattern: arrangement (its name on Random Anomaly Detection),
        task, table, scale, design, dense (which of hx and hh are, or "LSTM"), hidden
        proportion [fraction], runs, diverged (of these), score [%], that on Random
        Anomaly Detection, rank (1 is best), and above, low, high [points] of the mean
        of the others (Welch, 95 %); the same in all rows of a table, the rank
        correlation of its scores with those on Random Anomaly Detection, low, high
        (95 %).

    Raises:
        VsrnnError: no pattern has a run on both tasks.
    """
    named = _named(data.runs)
    tasks = named.groupby("arrangement")["task"].nunique()
    shared = named[named["arrangement"].map(tasks) > 1]
    if shared.empty:
        raise VsrnnError(
            "no arrangement has a run on both tasks; train the named designs of "
            "10,000 weights on Hammer"
        )
    tables = [_ranked(part) for _, part in shared.groupby("table", sort=False)]
    on_rad = shared[shared["task"] == "rad"].groupby("arrangement")[SCORE].mean()
    for table in tables:
        table[ON_RAD] = on_rad[table["arrangement"]].to_numpy()
        table[CORRELATION] = np.nan
        if table["task"].iloc[0] != "rad":
            one, other = table[[SCORE, ON_RAD]].to_numpy().T
            rho = rank_interval(one, other, 2 * data.resamples, data.seed)
            table[CORRELATION] = rho
    return pd.concat(tables, ignore_index=True).round(4)


def contrast_proportion_table(data: Data) -> DataFrame:
    """Score against hidden proportion of evenly drawn designs, on both tasks.

    Returns:
        One row a design: task, table, scale, design, hidden proportion [fraction],
        score [%], runs, diverged; the table's spread of scores, and that of equal
        designs by the test alone [points]; the smooth fit [%] and where it is best
        [fraction], see `score_course`, and the rank correlation of proportion and
        score, all with 95 % intervals.

    Raises:
        VsrnnError: no such table has 15 designs.
    """
    even = data.usual[data.usual["table"].map(DRAWN) == EVEN]
    course = score_course(even, data.resamples // 10, data.seed)
    fits = dict(iter(course.groupby("table")))
    tables = []
    for name, known in designs_by_table(even, MIN_DESIGNS):
        known = known.sort_values("hidden_proportion", ignore_index=True)
        proportion, score = known["hidden_proportion"], known[SCORE]
        table = known[["task", "table", "scale", "design"]]
        table = table.assign(
            **{PROPORTION: proportion, SCORE: score},
            **{"runs": known["seeds"], "diverged": known["diverged"]},
            **{SPREAD: score.std(), BY_CHANCE: _by_chance(known)},
            **_fitted_at(proportion.to_numpy(), fits[name]),
        )
        pair = (proportion.to_numpy(), score.to_numpy())
        table[CORRELATION] = rank_interval(*pair, data.resamples, data.seed)
        tables.append(table)
    return pd.concat(tables, ignore_index=True).round(4)


def contrast_growth_table(data: Data) -> DataFrame:
    """Size of the hidden state of untrained random designs, step by step.

    The designs are the first of the published distribution of any size.

    Returns:
        As `state_growth`, with outcome ("diverged", "trained" or "not trained").
    """
    lost = scored(data.runs).groupby(["task", "design"])["diverged"].any().to_dict()
    words = {True: "diverged", False: "trained", None: "not trained"}
    tables = []
    for task in BUDGETS:
        designs = draw_designs(task, "normal", data.designs, data.seed)
        table = state_growth(task, designs, data.seed)
        outcome = [words[lost.get((task, name))] for name in table["design"]]
        tables.append(table.assign(outcome=outcome))
    return pd.concat(tables, ignore_index=True)


def contrast_forecast_table(data: Data) -> DataFrame:
    """How well a forest ranks the designs of a task from runs of it, or of the other.

    The paper's own designs are neither forecast nor learned from for their own task:
    near-duplicates would leak into the training folds.

    Returns:
        One row a task that is forecast and row of `transfer_between_tasks`: task,
        scale, designs, source, measure, value, low, high (95 %, over designs). Tasks of
        fewer than 15 designs are not forecast.

    Raises:
        VsrnnError: no task can be forecast.
    """
    known = {
        task: rank_scores(training_table(part))
        for task, part in data.usual.groupby("task", sort=False)
    }
    tables = []
    for task, part in known.items():
        own = part[part["table"].map(DRAWN) != PUBLISHED].reset_index(drop=True)
        others = [part for name, part in known.items() if name != task]
        if len(own) >= MIN_DESIGNS and others:
            rest = (pd.concat(others), data.repeats, data.seed)
            first = {"task": task, "scale": own["scale"].iloc[0], "designs": len(own)}
            tables.append(transfer_between_tasks(own, *rest).assign(**first))
    if not tables:
        raise VsrnnError(
            f"a forecast across tasks needs {MIN_DESIGNS} designs drawn at random on "
            "one task, and runs of the other"
        )
    columns = ["task", "scale", "designs", "source", "measure"]
    table = pd.concat(tables, ignore_index=True).round(4)
    return table[[*columns, "value", "low", "high"]]


def _named(runs: DataFrame) -> DataFrame:
    """Scored runs of the named designs that are compared, with their pattern."""
    designs = list_designs()
    chosen = designs[designs["budget"] == designs["task"].map(BUDGETS)]
    names = chosen[["task", "name", "hidden_proportion"]]
    named = scored(runs.drop(columns="hidden_proportion", errors="ignore")).merge(
        names.rename(columns={"name": "design"}), on=["task", "design"]
    )
    keys = ["model", *DENSITIES]
    on_rad = named[named["task"] == "rad"].drop_duplicates(keys)
    reference = on_rad[[*keys, "design"]].rename(columns={"design": "arrangement"})
    named = named.merge(reference, on=keys, how="left")
    pattern = named["arrangement"].fillna(named["design"])
    dense = (named[[*DENSITIES[:2]]] == 1).to_numpy() @ np.array([1, 2])
    words = np.array(["neither", "hx", "hh", "hx and hh"])[dense]
    words[named["model"] == "lstm"] = "LSTM"
    return named.assign(arrangement=pattern, dense=words)


def _ranked(part: DataFrame) -> DataFrame:
    """One row a pattern of a table, best first."""
    groups = part.groupby("arrangement", sort=False)
    first = ["task", "table", "scale", "design", "dense", "hidden_proportion"]
    each = groups[first].first()
    each["runs"], each["diverged"] = groups.size(), groups["diverged"].sum()
    each[SCORE] = groups[SCORE].mean()
    each["rank"] = stats.rankdata(-each[SCORE].round(9))
    each[ABOVE] = np.nan
    if len(each) > 1:
        others = (each[SCORE].drop(name) for name in each.index)
        each[ABOVE] = [*map(welch, groups[SCORE].apply(np.asarray), others)]
    table = each.reset_index().rename(columns={"hidden_proportion": PROPORTION})
    return table.sort_values("rank", kind="stable", ignore_index=True)


def _by_chance(known: DataFrame) -> float:
    """Standard deviation [points] that the test alone gives the scores of a table."""
    task, scale = known[["task", "scale"]].iloc[0]
    answers = task_class(task).scales[scale].scored * known["seeds"]
    return float((known[SCORE] * (100 - known[SCORE]) / answers).mean() ** 0.5)


def _fitted_at(x: np.ndarray, fit: DataFrame) -> dict[str, Any]:
    """The smooth fit of a table at some proportions, and where it is best."""
    grid = fit[PROPORTION].to_numpy()
    columns: dict[str, Any] = {name: np.interp(x, grid, fit[name]) for name in FIT}
    return columns | {name: fit[name].iloc[0] for name in BEST}


@figure(table=contrast_patterns_table)
def contrast_patterns(table: DataFrame, style: str = "web") -> Figure:
    """Score of each density pattern on Hammer against that on Random Anomaly."""
    looks = {word: look for word, look in _DENSE.items() if word in set(table["dense"])}
    shown = table[table["table"].isin(SHOWN)]
    with drawing(style, 0.5 * shown["table"].nunique() + 0.1) as fig:
        for ax, rows in each_panel(fig, shown, "table", 1, sharex=True):
            scatter(ax, rows, ON_RAD, SCORE, hue="dense", looks=looks)
            for row in rows[rows[SCORE] > 1].to_dict("records"):
                left = row[ON_RAD] > 45
                words: dict[str, Any] = {"textcoords": "offset points", "va": "center"}
                words |= {"xytext": (-7 if left else 7, 0), "fontsize": "small"}
                name = DESIGN_LABELS.get(row["arrangement"], "")
                place = (row[ON_RAD], row[SCORE])
                ax.annotate(name, place, ha="right" if left else "left", **words)
            rho, low, high = rows[CORRELATION].iloc[0]
            expert = SHOWN[rows["table"].iloc[0]]
            order = f"rank correlation {rho:.2f} ({low:.2f} to {high:.2f})"
            ax.set_title(f"imitating {expert}: {minus_signs(order)}")
            ax.set(xlabel=f"Random Anomaly: {score_label('rad')} [%]", ylim=(-4, 74))
            ax.set_ylabel(f"Hammer: {score_label('hammer')} [%]")
            ax.label_outer()
        names = [word if word == "LSTM" else f"dense: {word}" for word in looks]
        legend(fig, dict(zip(names, looks.values(), strict=True)), 3)
    return fig


@figure(table=contrast_proportion_table)
def contrast_proportion(table: DataFrame, style: str = "web") -> Figure:
    """Score against hidden proportion of evenly drawn designs, a panel a task."""
    with drawing(style, 0.5 * table["task"].nunique() + 0.1) as fig:
        for ax, rows in each_panel(fig, table, "task", 1, sharex=True, sharey=True):
            _proportion(ax, rows)
            ax.label_outer()
        looks: dict[str, dict[str, Any]] = {"a design": {**_RUN, "linestyle": ""}}
        looks |= {"smooth fit, 95 % band": {"color": BLUE}}
        if table["diverged"].any():
            looks["a run diverged"] = {**_LOST, "linestyle": ""}
        legend(fig, looks, 4)
    return fig


@figure(table=contrast_growth_table)
def contrast_growth(table: DataFrame, style: str = "web") -> Figure:
    """Hidden state of untrained random designs by step, a line a design."""
    low, top = table.loc[table[STATE] > 0, STATE].min(), 1e6
    with drawing(style, 0.9) as fig:
        for ax, rows in each_panel(fig, table, "task", 1, sharey=True):
            each = rows.drop_duplicates("design").set_index("design")["grown"]
            looks = {name: _GROWING[bool(grown)] for name, grown in each.items()}
            seen = rows.assign(**{STATE: rows[STATE].clip(upper=1e30)})
            lines(ax, seen, "step", STATE, hue="design", looks=looks)
            last = rows[rows[STATE] < top].drop_duplicates("design", keep="last")
            scatter(ax, last, "step", STATE, hue="outcome", looks=_OUTCOMES, zorder=3)
            ax.set_title(
                f"{task_label(rows['task'].iloc[0])}, {rows['step'].max()} steps: "
                f"{each.sum()} of {len(each)} designs grow"
            )
            log_ticks(ax, [n for n in (1, 3, 10, 30, 100) if n <= rows["step"].max()])
            ax.set(yscale="log", xlabel="step", ylabel=STATE, ylim=(low / 2, top))
        words = {"stays": _GROWING[False], "grows 1,000 times or more": _GROWING[True]}
        ends = {"trained": "trained to the end", "diverged": "diverged in training"}
        for name in [name for name in ends if name in set(table["outcome"])]:
            words[ends[name]] = {**_OUTCOMES[name], "linestyle": ""}
        legend(fig, words, 2)
    return fig


@figure(table=contrast_forecast_table)
def contrast_forecast(table: DataFrame, style: str = "web") -> Figure:
    """How well forests order a task's designs, by the task they are fitted to."""
    known = table.drop_duplicates("task").set_index("task")["designs"]
    row = [f"{number} designs of\n{task_label(task)}" for task, number in known.items()]
    table = table.assign(
        row=table["task"].map(dict(zip(known.index, row, strict=True)))
    )
    with drawing(style, 0.2 + 0.12 * len(known)) as fig:
        ax = fig.subplots()
        how: dict[str, Any] = {"hue": "source", "looks": _SOURCES, "step": 0.25}
        dots(ax, table, "value", "row", "low", "high", within=(-1, 1), **how)
        ax.axvline(0, color=GRAY, linewidth=0.8)
        ax.set(xlim=(-1, 1), xlabel=f"{RANK} of forecast and score")
        words = [f"forest fitted to {source}" for source in _SOURCES]
        legend(fig, dict(zip(words, _SOURCES.values(), strict=True)))
    return fig


_DENSE: dict[str, dict[str, Any]] = {
    "hh": {"color": BLUE, "marker": "o", "linestyle": ""},
    "hx": {"color": ORANGE, "marker": "s", "linestyle": ""},
    "neither": {"color": GREEN, "marker": "^", "linestyle": ""},
    "hx and hh": {"color": "#000000", "marker": "D", "linestyle": ""},
    "LSTM": {"color": "#CC79A7", "marker": "v", "linestyle": ""},
}
"""Look of a pattern by which of the two large blocks are dense."""

_RUN: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 4}
_LOST: dict[str, Any] = {"color": ORANGE, "marker": "x", "markersize": 5}
_GROWING: dict[bool, dict[str, Any]] = {
    False: {"color": BLUE, "linewidth": 0.8, "alpha": 0.5},
    True: {"color": ORANGE, "linewidth": 0.8, "linestyle": "--", "alpha": 0.5},
}
_OUTCOMES: dict[str, dict[str, Any]] = {
    "trained": {"color": "black", "marker": "o", "markersize": 5},
    "diverged": {"color": "black", "marker": "x", "markersize": 6},
}
_SOURCES: dict[str, dict[str, Any]] = {
    SAME: {"color": BLUE, "marker": "o"},
    OTHER: {"color": ORANGE, "marker": "s", "mfc": "white"},
    BOTH: {"color": GREEN, "marker": "^"},
}


def _task(table: Any) -> str:
    return table.partition("_")[0]


def _proportion(ax: Axes, rows: DataFrame) -> None:
    """A panel of scores with their smooth course."""
    first, task = rows.iloc[0], rows["task"].iloc[0]
    proportion_axis(ax)
    if task == "rad":
        chance_line(ax, chance(task))
    looks: dict = {task: {"color": BLUE}}
    lines(ax, rows, PROPORTION, *FIT, hue="task", looks=looks)
    lost = rows.assign(lost=rows["diverged"] > 0)
    looks = {False: {**_RUN, "alpha": 0.7}, True: _LOST}
    scatter(ax, lost, PROPORTION, SCORE, hue="lost", looks=looks, zorder=3)
    rho, low, high = first[CORRELATION]
    words = minus_signs(f"rank correlation {rho:.2f} ({low:.2f} to {high:.2f})")
    ax.set_title(f"{task_label(task)}: {words}")
    ax.set(xlabel=SQRT, ylim=(-4, 104), ylabel=f"{score_label(task)} [%]")


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: orders of the tasks, and the forecasts."""
    ranks = page.table("contrast_patterns")
    order = ranks[ranks["task"] != "rad"].iloc[0][CORRELATION].to_list()
    even = _firsts(page.table("contrast_proportion"))[RANK]
    across = _across(page.table("contrast_forecast"))["value"]
    found = {
        **dict(zip(("order", "order_low", "order_high"), order, strict=True)),
        **{f"even_{task}": value for task, value in even.items()},
        **{f"across_{task}": value for task, value in across.items()},
    }
    quoted = {name: minus_signs(f"{value:z.2f}") for name, value in found.items()}
    return {"patterns": str(ranks["arrangement"].nunique())} | quoted


def claims(page: Page) -> list[Claim]:
    """What the paper says of the two tasks, table by table.

    Intervals of ranks and forecasts are over resampled designs, those of differences
    Welch's. The difference of two best proportions has the ends of their intervals.
    """
    tables = dict(iter(page.table("contrast_patterns").groupby("table", sort=False)))
    proportion = page.table("contrast_proportion")
    rad = next(rows for name, rows in tables.items() if _task(name) == "rad")
    found: list[Claim] = []
    for name, rows in tables.items():
        if _task(name) != "rad":
            found += _on_hammer(rad, rows, table_label(name))
    for name, rows in proportion.groupby("table"):
        place = f"{task_label(_task(name))}, {table_label(name)}"
        claim = f"designs of larger hidden proportion score higher: {place}"
        found.append(Claim.of(claim, rows.iloc[0][CORRELATION], RANK))
    found += _apart(proportion)
    for task, row in _across(page.table("contrast_forecast")).iterrows():
        claim = f"a forest of the other task orders designs of {task_label(task)}"
        found.append(Claim.of(claim, row[["value", "low", "high"]], RANK))
    return found


def _on_hammer(rad: DataFrame, hammer: DataFrame, name: str) -> list[Claim]:
    """Whether a table of Hammer turns the order of the patterns round."""
    order = f"patterns good on Random Anomaly are poor on Hammer: {name}"
    dense = hammer.set_index("arrangement")[ABOVE].reindex(["111111_"]).iloc[0]
    best = "the best on {} is below the others on {}: " + name
    one, other = "Random Anomaly", "Hammer"
    return [
        Claim.of(order, hammer.iloc[0][CORRELATION], RANK, -1),
        Claim.of(f"dense is above the others on Hammer: {name}", dense, "points"),
        Claim.of(best.format(one, other), _best_of(rad, hammer), "points", -1),
        Claim.of(best.format(other, one), _best_of(hammer, rad), "points", -1),
    ]


def _best_of(here: DataFrame, there: DataFrame) -> Series:
    """How far the best of one table is above the others in another; nan if several."""
    both = here[here["arrangement"].isin(there["arrangement"])]
    best = both.loc[both[SCORE] == both[SCORE].max(), "arrangement"].tolist()
    above = there.set_index("arrangement")[ABOVE]
    return above.reindex(best if len(best) == 1 else [""]).iloc[0]


def _apart(proportion: DataFrame) -> list[Claim]:
    """Whether Random Anomaly is best at a larger proportion, of even designs."""
    even = _firsts(proportion)
    if not set(BUDGETS) <= set(even.index):
        return []
    (best, low, high), (other, least, most) = even.loc[list(BUDGETS), BEST].to_numpy()
    words = "Random Anomaly is best at a larger hidden proportion than Hammer"
    ends = (low - most, high - least)
    return [Claim(f"{words}, evenly drawn", best - other, *ends, "fraction")]


def _firsts(proportion: DataFrame) -> DataFrame:
    """The first row of each task."""
    return proportion.drop_duplicates("task").set_index("task")


def _across(forecast: DataFrame) -> DataFrame:
    """Rank correlation of forecasts from the other task, by the task forecast."""
    return forecast[forecast["source"] == OTHER].set_index("task")
