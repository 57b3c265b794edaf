"""Does what is learned of densities on one task carry over to another?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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
from vsrnn.forecast import (
    AUC,
    BOTH,
    DENSITIES,
    KIND_LABELS,
    MIN_DESIGNS,
    OTHER,
    RANK,
    SAME,
    SCORE,
    STATE,
    designs_by_table,
    feature_label,
    rank_scores,
    scored,
    state_growth,
    training_table,
    transfer_between_tasks,
)
from vsrnn.forecast.effects import rank_correlation, score_course
from vsrnn.plot.axes import SQRT, legend, log_ticks, note, panels, proportion_axis
from vsrnn.plot.blocks import block_legend, block_places, blocks, scale_bar, to_scale
from vsrnn.plot.labels import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    PROPORTION,
    arrangement_label,
    designs_label,
)
from vsrnn.plot.lines import lines, scatter, slopes
from vsrnn.plot.points import dots
from vsrnn.plot.registry import figure
from vsrnn.plot.style import chance_line, drawing
from vsrnn.runs.tables import study_runs
from vsrnn.stats import Claim, minus_signs, rank_interval, welch
from vsrnn.studies.hidden_proportion import STUDY
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
        return rank_correlation(self.usual, None, self.resamples, self.seed)


def load(
    rad: Sequence[str] = STUDY,
    hammer: Sequence[str] = (*HAMMER, *PROTOCOLS),
    designs: int = 100,
    repeats: int = 1,
    seed: int = 0,
) -> Data:
    """Runs on both tasks from committed tables.

    Args:
        rad: tables of Random Anomaly Detection; those that do not exist are left out.
        hammer: tables of Adroit Hammer, likewise.
        designs: number of untrained designs drawn for each task.
        repeats: number of times the designs are split anew into folds.
        seed: of folds, forests, draws and resampled designs.

    Raises:
        VsrnnError: none of the tables of a task exists.

    >>> load(hammer=["nothing"])
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: none of the tables nothing is committed...
    """
    parts = [study_runs(names, ("block", "lstm")) for names in (rad, hammer)]
    full = [part.dropna(axis="columns", how="all") for part in parts]
    return Data(pd.concat(full, ignore_index=True), designs, repeats, seed)


def contrast_ranks_table(data: Data) -> DataFrame:
    """Score and rank of each density pattern that both tasks have, table by table.

    A pattern is the six densities of a named design of 100,000 weights on Random
    Anomaly Detection; on Hammer the designs of 10,000 weights with the same densities
    are matched with it, and the LSTM with the LSTM. Runs are averaged, diverged runs
    score as chance, and patterns that tie share the mean of their ranks.

    Returns:
        One row a table and pattern: arrangement (the pattern, by its name on Random
        Anomaly Detection), task, table, scale, design, dense (which of hx and hh are,
        or "LSTM"), hidden proportion [fraction] (none for the LSTM), runs, diverged
        (of these), score [%], return (of played episodes), rank (by score, 1 is best);
        distance from the mean of the others with Welch's 95 % interval (above, low,
        high [points]); and, the same in all rows of a table, the rank correlation of
        its scores with those on Random Anomaly Detection, low, high (95 %), and of its
        returns (return rank correlation, ...).

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
    first: dict[str, Any]
    for name in dict.fromkeys([*best.values(), "000000_", "111111_"]):
        won = [task for task, winner in best.items() if winner == name]
        on = "both" if len(won) > 1 else "".join(won) or "neither"
        for task in BUDGETS:
            geometry, design = _geometry(named, task, name)
            first = {"task": task, "arrangement": name, BEST_ON: on, "design": design}
            first |= {"hidden [units]": geometry.hidden}
            first |= {PROPORTION: geometry.hidden_proportion}
            places = block_places(geometry)
            tables.append(DataFrame(first, places.index).join(places))
    table = pd.concat(tables, ignore_index=True)
    total = table.groupby(["task", "arrangement"])["weights"].transform("sum")
    share = (100 * table["weights"] / total).round(4)
    return table.assign(**{"weight share [%]": share})


def contrast_proportion_table(data: Data) -> DataFrame:
    """Score against hidden proportion on both tasks, table by table.

    Returns:
        One row a design of the usual tables: task, table, scale, drawn (how the
        table's designs were chosen), design, hidden proportion [fraction], score [%],
        runs, diverged; standard deviation of the scores, and the one that a test of so
        many answers alone gives equal designs (spread, spread by chance [points]), the
        same in all rows of a table; for tables of 15 designs or more the smooth fit
        (fit, low, high [%]) and best, best low, best high [fraction], see
        `score_course`, and rank correlation, low, high of proportion and score (95 %,
        over designs).
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
        As `state_growth` gives it, with outcome ("diverged", "trained" or "not
        trained").
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
    """Rank correlation of what a design sets with its score, see `rank_correlation`."""
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
        slopes(
            *(ax, table, "table", "rank", "arrangement"),
            hue="dense",
            looks=looks,
            text=SCORE,
            named=arrangement_label,
        )
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
    tasks, kinds = list(table["task"].unique()), list(table["drawn"].unique())
    with drawing(style, 0.12 + 0.34 * len(kinds)) as fig:
        number = len(kinds) * len(tasks)
        axes = panels(fig, number, len(tasks), sharex=True, sharey=True)
        keys = [(kind, task) for kind in kinds for task in tasks]
        for ax, (kind, task) in zip(axes, keys, strict=True):
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
    tasks, top = list(table["task"].unique()), 1e6
    with drawing(style, 0.5) as fig:
        axes = panels(fig, len(tasks), sharey=True)
        for ax, task in zip(axes, tasks, strict=True):
            rows = table[table["task"] == task]
            each = rows.drop_duplicates("design").set_index("design")["grown"]
            looks = {name: _GROWING[bool(grown)] for name, grown in each.items()}
            seen = rows.assign(**{STATE: rows[STATE].clip(upper=1e30)})
            lines(ax, seen, "step", STATE, hue="design", looks=looks)
            last = rows[rows[STATE] < top].drop_duplicates("design", keep="last")
            scatter(ax, last, "step", STATE, hue="outcome", looks=_OUTCOMES, zorder=3)
            ax.set_title(
                f"{task_label(task)}, {rows['step'].max()} steps:\n"
                f"{each.sum()} of {designs_label(len(each))} grow"
            )
            log_ticks(ax, [n for n in (1, 3, 10, 30, 100) if n <= rows["step"].max()])
            ax.set(yscale="log", xlabel="step")
        low = table.loc[table[STATE] > 0, STATE].min()
        axes[0].set(ylabel=STATE, ylim=(low / 2, top))
        words = {"stays": _GROWING[False], "grows 1,000 times or more": _GROWING[True]}
        known = {
            name: look
            for name, look in _OUTCOMES.items()
            if name in set(table["outcome"])
        }
        ends = {"trained": "trained to the end", "diverged": "diverged in training"}
        words |= {ends[name]: {**look, "linestyle": ""} for name, look in known.items()}
        legend(fig, words, 4)
    return fig


@figure(table=contrast_correlation_table)
def contrast_correlation(table: DataFrame, style: str = "web") -> Figure:
    """Rank correlation of what designs set with their score, a column a table."""
    groups = [rows for _, rows in table.groupby("table", sort=False)]
    features = list(table["feature"].unique())
    levels = -(-len(groups) // 4)
    with drawing(style, levels * (0.2 + 0.04 * len(features))) as fig:
        axes = panels(fig, len(groups), -(-len(groups) // levels), sharey=True)
        for ax, rows in zip(axes, groups, strict=True):
            first = rows.iloc[0]
            dots(
                *(ax, rows, RANK, "feature", "low", "high"),
                hue="measure",
                order=features,
                looks={SCORE: _RUN},
            )
            ax.axvline(0, color=GRAY, linewidth=0.8)
            ax.set_yticks(range(len(features)), map(feature_label, features))
            ax.set(xlim=(-1, 1), xticks=[-1, 0, 1])
            ax.set_xlabel("rank correlation", fontsize="small")
            words = [task_label(_task(first["table"])), table_label(first["table"])]
            words.append(f"{first['designs']} designs, {first['scale']} scale")
            title = "\n".join(words).replace(", ", ",\n", 1)
            ax.set_title(title, fontsize="x-small")
    return fig


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
            dots(
                *(ax, table[table["measure"] == name], "value", "row", "low", "high"),
                hue="source",
                looks=_SOURCES,
                within=(low, high),
                step=0.25,
            )
            ax.axvline(even, color=GRAY, linewidth=0.8)
            ax.set_xlim(low, high)
            word = name if name == RANK else f"{name} of the top third"
            ax.set_xlabel(word, fontsize="small")
        words = [f"forest fitted to {source}" for source in _SOURCES]
        legend(fig, dict(zip(words, _SOURCES.values(), strict=True)))
        fig.suptitle(_designs(table), x=0.01, ha="left", fontsize="medium")
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


def _task(table: str) -> str:
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


def _designs(table: DataFrame) -> str:
    each = table.drop_duplicates("task")
    parts = [
        f"{row['designs']} designs of {task_label(row['task'])}" for row in each.iloc
    ]
    return f"{' and '.join(parts)}, {table['scale'].iloc[0]} scale"


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: orders of the tasks, the forecasts, and the geometry."""
    ranks, growth = page.table("contrast_ranks"), page.table("contrast_growth")
    named = ranks[ranks["table"] == ranks.loc[ranks["task"] != "rad", "table"].iloc[0]]
    layout = page.table("contrast_layout").query("arrangement == '000000_'")
    share = layout.set_index(["task", "block"])["weight share [%]"]
    part = layout.drop_duplicates("task").set_index("task")[PROPORTION]
    even = _correlations(page.table("contrast_proportion"), EVEN)
    across = _across(page.table("contrast_forecast"))
    each = growth.drop_duplicates(["task", "design"])
    found = {
        "patterns": str(ranks["arrangement"].nunique()),
        "order": f"{named['rank correlation'].iloc[0]:z.2f}",
        "order_low": f"{named['low'].iloc[0]:z.2f}",
        "order_high": f"{named['high'].iloc[0]:z.2f}",
        **{f"even_{task}": f"{row[RANK]:z.2f}" for task, row in even.items()},
        **{f"across_{task}": f"{row['value']:z.2f}" for task, row in across.items()},
        **{f"hx_{task}": f"{share[task, 'hx']:.0f}" for task in BUDGETS},
        **{f"proportion_{task}": f"{part[task]:.2f}" for task in BUDGETS},
        **{
            f"grown_{task}": str(rows["grown"].sum())
            for task, rows in each.groupby("task")
        },
        "untrained": str(each.groupby("task").size().iloc[0]),
    }
    return {name: minus_signs(value) for name, value in found.items()}


def claims(page: Page) -> list[Claim]:
    """What the paper says of the two tasks, table by table.

    Intervals of ranks and forecasts are over resampled designs, those of differences
    Welch's. The difference of two best proportions has the ends of their intervals.
    """
    ranks, words = page.table("contrast_ranks"), RANK
    tables = [rows for _, rows in ranks.groupby("table", sort=False)]
    rad = next(rows for rows in tables if rows["task"].iloc[0] == "rad")
    proportion = page.table("contrast_proportion")
    across = _across(page.table("contrast_forecast"))
    found: list[Claim] = []
    for rows in [rows for rows in tables if rows["task"].iloc[0] != "rad"]:
        name = table_label(rows["table"].iloc[0])
        order = f"patterns good on Random Anomaly are poor on Hammer: {name}"
        found.append(_claim(order, rows.iloc[0][CORRELATION], words, -1))
        dense = rows.set_index("arrangement")[ABOVE].reindex(["111111_"]).iloc[0]
        found.append(_claim(f"dense is above the others on Hammer: {name}", dense))
        for first, here, second, there in (
            ("Random Anomaly", rad, "Hammer", rows),
            ("Hammer", rows, "Random Anomaly", rad),
        ):
            claim = f"the best on {first} is below the others on {second}: {name}"
            found.append(_claim(claim, _best_of(here, there), sign=-1))
    for table, rows in proportion.dropna(subset=CORRELATION).groupby("table"):
        place = f"{task_label(_task(str(table)))}, {table_label(str(table))}"
        claim = f"designs of larger hidden proportion score higher: {place}"
        found.append(_claim(claim, rows.iloc[0][CORRELATION], words))
    found += _apart(proportion)
    for task, row in across.items():
        claim = f"a forest of the other task orders designs of {task_label(task)}"
        found.append(_claim(claim, row[["value", "low", "high"]], words))
    return found


def _claim(words: str, row: Series, unit: str = "points", sign: int = 1) -> Claim:
    """A claim of a value and the ends of its interval, or of the opposite."""
    value, *ends = sign * row.to_numpy(float)
    return Claim(words, value, min(ends), max(ends), unit)


def _best_of(here: DataFrame, there: DataFrame) -> Series:
    """How far the best of one table is above the others in another; nan if several."""
    both = here[here["arrangement"].isin(there["arrangement"])]
    best = both.loc[both[SCORE] == both[SCORE].max(), "arrangement"].tolist()
    above = there.set_index("arrangement")[ABOVE]
    return above.reindex(best if len(best) == 1 else [""]).iloc[0]


def _apart(proportion: DataFrame) -> list[Claim]:
    """Whether Random Anomaly is best at a larger proportion, of even designs."""
    even = _correlations(proportion.dropna(subset=BEST), EVEN)
    if not set(BUDGETS) <= set(even):
        return []
    (best, low, high), other = (even[task][BEST] for task in BUDGETS)
    claim = (
        "Random Anomaly is best at a larger hidden proportion than Hammer, evenly drawn"
    )
    ends = (best - other.iloc[0], low - other.iloc[2], high - other.iloc[1])
    return [Claim(claim, *ends, "fraction")]


def _correlations(proportion: DataFrame, drawn: str) -> dict[str, Series]:
    """The first row of each task's table of designs chosen in a way."""
    rows = proportion[proportion["drawn"] == drawn].drop_duplicates("task")
    return {row["task"]: row for _, row in rows.iterrows()}


def _across(forecast: DataFrame) -> dict[str, Series]:
    """Rank correlation of forecasts from the other task, by the task forecast."""
    chosen = (forecast["source"] == OTHER) & (forecast["features"] == "across tasks")
    rows = forecast[chosen & (forecast["measure"] == RANK)]
    return {row["task"]: row for _, row in rows.iterrows()}
