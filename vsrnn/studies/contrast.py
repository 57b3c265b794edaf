"""Does what is learned of densities on one task carry over to another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, Series
from scipy import stats

from vsrnn.design.geometry import Geometry
from vsrnn.design.published import get_design, list_designs
from vsrnn.errors import VsrnnError
from vsrnn.forecast import effects
from vsrnn.forecast.effects import designs_by_table, score_course
from vsrnn.forecast.growth import STATE, state_growth
from vsrnn.forecast.inspection import KIND_LABELS
from vsrnn.forecast.measures import AUC, RANK
from vsrnn.forecast.table import DENSITIES, SCORE, scored, training_table
from vsrnn.forecast.transfer import (
    BOTH,
    OTHER,
    SAME,
    rank_scores,
    transfer_between_tasks,
)
from vsrnn.forecast.validation import MIN_DESIGNS
from vsrnn.plot.axes import (
    SQRT,
    each_panel,
    legend,
    log_ticks,
    note,
    panels,
    proportion_axis,
)
from vsrnn.plot.blocks import block_legend, block_places, blocks, scale_bar, to_scale
from vsrnn.plot.labels import BLUE, GRAY, GREEN, ORANGE, PROPORTION, arrangement_label
from vsrnn.plot.lines import lines, scatter, slopes
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.tables import study_runs
from vsrnn.stats import Claim, minus_signs, rank_interval, welch
from vsrnn.studies.hidden_proportion import STUDY, rank_correlation
from vsrnn.studies.labels import chance, score_label, table_label, task_label
from vsrnn.studies.page import Page
from vsrnn.tasks import sizes, task_class
from vsrnn.tasks.designs import draw_designs

HAMMER = ("hammer_even_10k", "hammer_normal", "hammer_named")
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

RETURN, BEST_ON = "return", "best on"
SPREAD, BY_CHANCE = "spread [points]", "spread by chance [points]"
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
    designs: int = 100
    repeats: int = 1
    seed: int = 0
    resamples: int = 1000

    @cached_property
    def usual(self) -> DataFrame:
        """The runs of block designs in the tables of the usual protocols."""
        runs = self.runs
        return runs[runs["table"].isin(list(DRAWN)) & (runs["model"] == "block")]

    @cached_property
    def correlations(self) -> DataFrame:
        """Rank correlation of what a design sets with its score, table by table."""
        return effects.rank_correlation(self.usual, None, self.resamples, self.seed)


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


def contrast_ranks_table(data: Data) -> DataFrame:
    """Score and rank of each density pattern that both tasks have, table by table.

    A pattern is the six densities of a named design of 100,000 weights on Random
    Anomaly Detection, matched with the Hammer designs of 10,000 weights that have the
    same ones, and the LSTM with the LSTM. Runs are averaged, diverged runs score as
    chance, and patterns that tie share the mean of their ranks.

    Returns:
        One row a table and pattern: arrangement (its name on Random Anomaly Detection),
        task, table, scale, design, dense (which of hx and hh are, or "LSTM"), hidden
        proportion [fraction], runs, diverged (of these), score [%], return (of played
        episodes), rank (1 is best), and above, low, high [points] of the mean of the
        others (Welch, 95 %); the same in all rows of a table, the rank correlation of
        its scores with those on Random Anomaly Detection, low, high (95 %), and of its
        returns.

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
        other = on_rad[table["arrangement"]].to_numpy()
        elsewhere = table["task"].iloc[0] != "rad"
        for name, start in ((SCORE, ""), (RETURN, "return ")):
            own = table[name].to_numpy()
            known = np.isfinite(own) & elsewhere
            rho = rank_interval(own[known], other[known], 2 * data.resamples, data.seed)
            table[[f"{start}{column}" for column in CORRELATION]] = rho
    return pd.concat(tables, ignore_index=True).round(4)


def contrast_layout_table(data: Data) -> DataFrame:
    """Place of each block in the best density patterns of both tasks, and two more.

    The best pattern of a task is that of the block designs, matched or not, that are
    the furthest above the mean of the others, averaged over the task's tables. Uniform
    density and dense go with them. On a task where a pattern has no design, its hidden
    size is solved for the budget.

    Returns:
        One row a task, pattern and block: task, arrangement, best on (a task, "both"
        or "neither"), design (empty where none was trained), hidden [units], hidden
        proportion [fraction], place and density of the block, weights and weight share
        [%].
    """
    named = _named(data.runs[data.runs["model"] == "block"])
    best = {task: _best(part) for task, part in named.groupby("task", sort=False)}
    tables = []
    for name in dict.fromkeys([*best.values(), "000000_", "111111_"]):
        won = [task for task, winner in best.items() if winner == name]
        on = "both" if len(won) > 1 else "".join(won) or "neither"
        for task in BUDGETS:
            geometry, design = _geometry(named, task, name)
            first: dict[str, Any] = {
                **{"task": task, "arrangement": name, BEST_ON: on, "design": design},
                **{"hidden [units]": geometry.hidden},
                **{PROPORTION: geometry.hidden_proportion},
            }
            places = block_places(geometry)
            tables.append(DataFrame(first, places.index).join(places))
    table = pd.concat(tables, ignore_index=True)
    total = table.groupby(["task", "arrangement"])["weights"].transform("sum")
    share = (100 * table["weights"] / total).round(4)
    return table.assign(**{"weight share [%]": share})


def contrast_proportion_table(data: Data) -> DataFrame:
    """Score against hidden proportion on both tasks, table by table.

    Returns:
        One row a design of the usual tables: task, table, scale, drawn (how it was
        chosen), design, hidden proportion [fraction], score [%], runs, diverged; the
        table's spread of scores, and that of equal designs by the test alone [points];
        for 15 designs or more the smooth fit [%] and where it is best [fraction], see
        `score_course`, and the rank correlation of proportion and score, all with 95 %
        intervals.
    """
    course = score_course(data.usual, 2.0, data.resamples // 10, data.seed)
    fits = dict(iter(course.groupby("table")))
    rho = data.correlations.query("feature == 'hidden_proportion'").set_index("table")
    tables = []
    for name, known in designs_by_table(data.usual):
        known = known.sort_values("hidden_proportion", ignore_index=True)
        table = known[["task", "table", "scale", "design"]]
        table.insert(3, "drawn", DRAWN[name])
        table = table.assign(
            **{PROPORTION: known["hidden_proportion"], SCORE: known[SCORE]},
            **{"runs": known["seeds"], "diverged": known["diverged"]},
            **{SPREAD: known[SCORE].std(), BY_CHANCE: _by_chance(known)},
            **_fitted_at(known["hidden_proportion"].to_numpy(), fits.get(name)),
        )
        table[CORRELATION] = np.nan
        if name in rho.index:
            table[CORRELATION] = rho.loc[name, CORRELATION].to_list()
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


def contrast_correlation_table(data: Data) -> DataFrame:
    """Rank correlation of what a design sets with its score."""
    return data.correlations


def contrast_forecast_table(data: Data) -> DataFrame:
    """How well a forest ranks the designs of a task from runs of it, or of the other.

    The paper's own designs are neither forecast nor learned from for their own task:
    near-duplicates would leak into the training folds.

    Returns:
        One row a task that is forecast and row of `transfer_between_tasks`: task,
        scale, designs, source, features, measure, value, low, high (95 %, over
        designs). Tasks of fewer than 15 designs are not forecast.

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
    columns = ["task", "scale", "designs", "source", "features", "measure"]
    table = pd.concat(tables, ignore_index=True).round(4)
    return table[[*columns, "value", "low", "high"]]


def best_on(task: str) -> str:
    """On which task a pattern is best, in words.

    >>> best_on("rad"), best_on("both")
    ('best on Random Anomaly', 'best on both tasks')
    """
    return f"best on {task_label(task) if task in BUDGETS else 'both tasks'}"


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
    played = named.get("test_return", np.nan)
    return named.assign(arrangement=pattern, dense=words, **{RETURN: played})


def _ranked(part: DataFrame) -> DataFrame:
    """One row a pattern of a table, best first."""
    groups = part.groupby("arrangement", sort=False)
    first = ["task", "table", "scale", "design", "dense", "hidden_proportion"]
    each = groups[first].first()
    each["runs"], each["diverged"] = groups.size(), groups["diverged"].sum()
    each[SCORE], each[RETURN] = groups[SCORE].mean(), groups[RETURN].mean()
    each["rank"] = stats.rankdata(-each[SCORE].round(9))
    each[ABOVE] = np.nan
    if len(each) > 1:
        others = (each[SCORE].drop(name) for name in each.index)
        each[ABOVE] = [*map(welch, groups[SCORE].apply(np.asarray), others)]
    table = each.reset_index().rename(columns={"hidden_proportion": PROPORTION})
    return table.sort_values("rank", kind="stable", ignore_index=True)


def _best(named: DataFrame) -> str:
    """The pattern that is the furthest above the others, over a task's tables."""
    tables = [_ranked(part) for _, part in named.groupby("table", sort=False)]
    above = pd.concat(tables).groupby("arrangement", sort=False)[ABOVE[0]].mean()
    return str(above.idxmax())


def _geometry(named: DataFrame, task: str, pattern: str) -> tuple[Geometry, str]:
    """A pattern on a task, as trained there or solved for the budget."""
    here = (named["task"] == task) & (named["arrangement"] == pattern)
    if here.any():
        design = str(named.loc[here, "design"].iloc[0])
        return get_design(task, design).geometry(*sizes(task)), design
    density = list_designs().set_index("name").loc[pattern, [*DENSITIES]].tolist()
    return Geometry.for_budget(BUDGETS[task], *sizes(task), density), ""


def _by_chance(known: DataFrame) -> float:
    """Standard deviation [points] that the test alone gives the scores of a table."""
    task, scale = known[["task", "scale"]].iloc[0]
    answers = task_class(task).scales[scale].scored * known["seeds"]
    return float((known[SCORE] * (100 - known[SCORE]) / answers).mean() ** 0.5)


def _fitted_at(x: np.ndarray, fit: DataFrame | None) -> dict[str, Any]:
    """The smooth fit of a table at some proportions, and where it is best."""
    if fit is None:
        return dict.fromkeys((*FIT, *BEST), np.nan)
    grid = fit[PROPORTION].to_numpy()
    columns: dict[str, Any] = {name: np.interp(x, grid, fit[name]) for name in FIT}
    return columns | {name: fit[name].iloc[0] for name in BEST}


@figure(table=contrast_ranks_table)
def contrast_ranks(table: DataFrame, style: str = "web") -> Figure:
    """Rank and score of each density pattern on both tasks, a column a table."""
    parts = [rows for _, rows in table.groupby("table", sort=False)]
    shown = set(table["dense"])
    looks = {word: look for word, look in _DENSE.items() if word in shown}
    with drawing(style, 0.22 + 0.045 * table["arrangement"].nunique()) as fig:
        ax = fig.subplots()
        how: dict[str, Any] = {"hue": "dense", "looks": looks, "text": SCORE}
        columns = ("table", "rank", "arrangement")
        slopes(ax, table, *columns, named=arrangement_label, **how)
        ax.xaxis.tick_top()
        ax.set_xticks(range(len(parts)), map(_table_title, parts), fontsize="x-small")
        ax.xaxis.set_label_position("bottom")
        ax.set_xlabel("rank, best above; in the circles the score [%]")
        words = [word if word == "LSTM" else f"dense: {word}" for word in looks]
        legend(fig, dict(zip(words, looks.values(), strict=True)), 5)
    return fig


@figure(table=contrast_layout_table)
def contrast_layout(table: DataFrame, style: str = "web") -> Figure:
    """Blocks of the best density patterns, on both tasks, each task to one scale."""
    ends = table["first column [units]"] + table["columns [units]"]
    widths = ends.groupby(table["task"], sort=False).max() * Series(_MAGNIFIED)
    left = dict(zip(widths.index, [0, widths.iloc[0] + _GAP], strict=True))
    with drawing(style, 1.0) as fig:
        ax, top = fig.subplots(), 0.0
        for _, pair in table.groupby("arrangement", sort=False):
            top += 420
            heights = []
            for task, rows in pair.groupby("task", sort=False):
                blocks(ax, rows, left[task], top, _MAGNIFIED[task])
                title = ax.text(left[task], top - 25, _layout_title(rows))
                title.set(va="bottom", fontsize="x-small")
                height = rows["rows [units]"].iloc[[0, 3]].sum()
                heights.append(height * _MAGNIFIED[task])
            top += max(heights)
        for task, start in left.items():
            words = f"{500 // _MAGNIFIED[task]} units"
            scale_bar(ax, start, top + 110, 500, words)
        to_scale(ax, sum(widths) + _GAP, 0, top + 180)
        ax.set_anchor("W")
        block_legend(fig, "; the paler, the sparser")
    return fig


@figure(table=contrast_proportion_table)
def contrast_proportion(table: DataFrame, style: str = "web") -> Figure:
    """Score against hidden proportion, a column a task, a row a choice of designs."""
    tasks, kinds = table["task"].unique(), table["drawn"].unique()
    shared = {"sharex": True, "sharey": True}
    with drawing(style, 0.12 + 0.34 * len(kinds)) as fig:
        axes = panels(fig, len(kinds) * len(tasks), len(tasks), **shared)
        for ax, (kind, task) in zip(axes, product(kinds, tasks), strict=True):
            chosen = (table["task"] == task) & (table["drawn"] == kind)
            _proportion(ax, task, kind, table[chosen])
        for ax in axes[-len(tasks) :]:
            ax.set_xlabel(SQRT, fontsize="small")
        looks: dict[str, dict[str, Any]] = {"a design": {**_RUN, "linestyle": ""}}
        looks |= {"smooth fit, 95 % band": {"color": BLUE}}
        looks |= {"best, 95 %": {"color": "black", "marker": "D"}}
        if table["diverged"].any():
            looks["a run diverged"] = {**_LOST, "linestyle": ""}
        legend(fig, looks, 4)
    return fig


@figure(table=contrast_growth_table)
def contrast_growth(table: DataFrame, style: str = "web") -> Figure:
    """Hidden state of untrained random designs by step, a line a design."""
    low, top = table.loc[table[STATE] > 0, STATE].min(), 1e6
    with drawing(style, 0.5) as fig:
        for ax, rows in each_panel(fig, table, "task", sharey=True):
            each = rows.drop_duplicates("design").set_index("design")["grown"]
            looks = {name: _GROWING[bool(grown)] for name, grown in each.items()}
            seen = rows.assign(**{STATE: rows[STATE].clip(upper=1e30)})
            lines(ax, seen, "step", STATE, hue="design", looks=looks)
            last = rows[rows[STATE] < top].drop_duplicates("design", keep="last")
            scatter(ax, last, "step", STATE, hue="outcome", looks=_OUTCOMES, zorder=3)
            ax.set_title(
                f"{task_label(rows['task'].iloc[0])}, {rows['step'].max()} steps:\n"
                f"{each.sum()} of {len(each)} designs grow"
            )
            log_ticks(ax, [n for n in (1, 3, 10, 30, 100) if n <= rows["step"].max()])
            ax.set(yscale="log", xlabel="step", ylabel=STATE, ylim=(low / 2, top))
            ax.label_outer()
        words = {"stays": _GROWING[False], "grows 1,000 times or more": _GROWING[True]}
        ends = {"trained": "trained to the end", "diverged": "diverged in training"}
        for name in [name for name in ends if name in set(table["outcome"])]:
            words[ends[name]] = {**_OUTCOMES[name], "linestyle": ""}
        legend(fig, words, 4)
    return fig


@figure(table=contrast_correlation_table)
def contrast_correlation(table: DataFrame, style: str = "web") -> Figure:
    """Rank correlation of what designs set with their score, a column a table."""
    return rank_correlation(table, style, _correlation_title)


@figure(table=contrast_forecast_table)
def contrast_forecast(table: DataFrame, style: str = "web") -> Figure:
    """How well forests order a task's designs, by the task they are fitted to."""
    pairs = zip(table["task"], table["features"], strict=True)
    table = table.assign(row=[f"{task_label(t)}: {KIND_LABELS[k]}" for t, k in pairs])
    ranges = {RANK: (-1, 1, 0), AUC: (0, 1, 0.5)}
    with drawing(style, 0.2 + 0.05 * table["row"].nunique()) as fig:
        for ax, (name, (low, high, even)) in zip(
            panels(fig, 2, sharey=True), ranges.items(), strict=True
        ):
            rows, columns = table[table["measure"] == name], ("row", "low", "high")
            how: dict[str, Any] = {"hue": "source", "looks": _SOURCES, "step": 0.25}
            dots(ax, rows, "value", *columns, within=(low, high), **how)
            ax.axvline(even, color=GRAY, linewidth=0.8)
            ax.set_xlim(low, high)
            word = name if name == RANK else f"{name} of the top third"
            ax.set_xlabel(word, fontsize="small")
        words = [f"forest fitted to {source}" for source in _SOURCES]
        legend(fig, dict(zip(words, _SOURCES.values(), strict=True)))
        parts = [
            f"{row['designs']} designs of {task_label(row['task'])}"
            for row in table.drop_duplicates("task").iloc
        ]
        title = f"{' and '.join(parts)}, {table['scale'].iloc[0]} scale"
        fig.suptitle(title, x=0.01, ha="left", fontsize="medium")
    return fig


_DENSE: dict[str, dict[str, Any]] = {
    "hh": {"color": BLUE, "linestyle": "-"},
    "hx": {"color": ORANGE, "linestyle": "--"},
    "neither": {"color": GREEN, "linestyle": "-."},
    "hx and hh": {"color": "#000000", "linestyle": "-"},
    "LSTM": {"color": "#CC79A7", "linestyle": ":"},
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
_MAGNIFIED, _GAP = {"rad": 1, "hammer": 5}, 250
_SOURCES: dict[str, dict[str, Any]] = {
    SAME: {"color": BLUE, "marker": "o"},
    OTHER: {"color": ORANGE, "marker": "s", "mfc": "white"},
    BOTH: {"color": GREEN, "marker": "^"},
}


def _task(table: Any) -> str:
    return table.partition("_")[0]


def _table_title(rows: DataFrame) -> str:
    """Task, table, scale and rank correlation with the first column."""
    first = rows.iloc[0]
    name, _, few = first["table"].partition(", ")
    lines = [task_label(first["task"]), name.removeprefix(f"{first['task']}_")]
    lines += [f"{first['scale']} scale", few.replace("demonstrations", "episodes")]
    rho = first["rank correlation"]
    if np.isfinite(rho):
        lines += ["correlation", f"{rho:.2f} (95 %:"]
        lines += [f"{first['low']:.2f} to {first['high']:.2f})"]
    return "\n".join(lines)


def _correlation_title(rows: DataFrame) -> str:
    first = rows.iloc[0]
    words = f"{task_label(_task(first['table']))}\n{table_label(first['table'])}"
    words += f"\n{first['designs']} designs, {first['scale']} scale"
    return words.replace(", ", ",\n", 1)


def _layout_title(rows: DataFrame) -> str:
    first, share = rows.iloc[0], rows.set_index("block")["weight share [%]"]
    trained = "" if first["design"] else " (not trained)"
    text = (
        f"{task_label(first['task'])}{trained}: H = {first['hidden [units]']}, "
        f"weights hx {share['hx']:.0f} %, hh {share['hh']:.0f} %\n"
        f"hidden proportion {first[PROPORTION]:.3f}"
    )
    if first["task"] != "rad":
        return text
    best = "" if first[BEST_ON] == "neither" else f", {best_on(first[BEST_ON])}"
    density = " ".join(f"{each:g}" for each in rows["density [fraction]"])
    return f"{arrangement_label(first['arrangement'])} ({density}){best}\n{text}"


def _proportion(ax: Axes, task: str, kind: str, rows: DataFrame) -> None:
    """A panel of scores with their smooth course and where it is best."""
    proportion_axis(ax)
    if task == "rad":
        chance_line(ax, chance(task))
    head = f"{task_label(task)}, {kind}"
    if rows.empty:
        note(ax, "no such runs")
        ax.set_title(head, fontsize="small")
    else:
        first = rows.iloc[0]
        looks: dict = {task: {"color": BLUE}}
        lines(ax, rows, PROPORTION, *FIT, hue="task", looks=looks)
        lost = rows.assign(lost=rows["diverged"] > 0)
        looks = {False: {**_RUN, "alpha": 0.7}, True: _LOST}
        scatter(ax, lost, PROPORTION, SCORE, hue="lost", looks=looks, zorder=3)
        ax.plot(first[BEST[1:]], [3, 3], color="black", linewidth=2.5, alpha=0.6)
        ax.plot(first[BEST[0]], 3, "D", color="black", markersize=5)
        words = "too few for a fit"
        if np.isfinite(first["rank correlation"]):
            rho, low, high = first[CORRELATION]
            words = f"rank correlation {rho:.2f} ({low:.2f} to {high:.2f})"
        ax.set_title(f"{head}\nn = {len(rows)}, {words}", fontsize="small")
    ax.set(xlabel="", ylim=(-4, 104))  # so that no marker is cut
    ax.set_ylabel(f"{score_label(task)} [%]", fontsize="small")


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: orders of the tasks, and the forecasts."""
    ranks = page.table("contrast_ranks")
    order = ranks[ranks["task"] != "rad"].iloc[0][CORRELATION].to_list()
    even = _firsts(page.table("contrast_proportion"), EVEN)[RANK]
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
    tables = dict(iter(page.table("contrast_ranks").groupby("table", sort=False)))
    proportion = page.table("contrast_proportion")
    rad = next(rows for name, rows in tables.items() if _task(name) == "rad")
    found: list[Claim] = []
    for name, rows in tables.items():
        if _task(name) != "rad":
            found += _on_hammer(rad, rows, table_label(name))
    for name, rows in proportion.dropna(subset=CORRELATION).groupby("table"):
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
    even = _firsts(proportion.dropna(subset=BEST), EVEN)
    if not set(BUDGETS) <= set(even.index):
        return []
    (best, low, high), (other, least, most) = even.loc[list(BUDGETS), BEST].to_numpy()
    words = "Random Anomaly is best at a larger hidden proportion than Hammer"
    ends = (low - most, high - least)
    return [Claim(f"{words}, evenly drawn", best - other, *ends, "fraction")]


def _firsts(proportion: DataFrame, drawn: str) -> DataFrame:
    """The first row of each task's table of designs chosen in a way, by task."""
    rows = proportion[proportion["drawn"] == drawn]
    return rows.drop_duplicates("task").set_index("task")


def _across(forecast: DataFrame) -> DataFrame:
    """Rank correlation of forecasts from the other task, by the task forecast."""
    chosen = (forecast["source"] == OTHER) & (forecast["features"] == "across tasks")
    return forecast[chosen & (forecast["measure"] == RANK)].set_index("task")
