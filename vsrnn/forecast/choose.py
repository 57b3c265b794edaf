"""Choose designs for a task nobody has trained on: `vsrnn.choose`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import torch
from pandas import DataFrame, Series
from scipy.spatial.distance import cdist

from vsrnn.design.design import Design
from vsrnn.design.family import get_family
from vsrnn.design.geometry import BLOCKS
from vsrnn.design.random import draw
from vsrnn.design.shares import GAINS, control
from vsrnn.design.table import tabulate
from vsrnn.errors import VsrnnError, check_int
from vsrnn.files import replace_file
from vsrnn.forecast import ladder
from vsrnn.forecast.meta import LEAST, Distance, Tables, design_features
from vsrnn.forecast.parent import SIZES, Blind, Parent
from vsrnn.forecast.probe import probe
from vsrnn.forecast.rungs import RELATIVE, Forecast, Portfolio
from vsrnn.forecast.statistics import guess, statistics
from vsrnn.models import ModelBatch
from vsrnn.tasks.task import Task
from vsrnn.training.loop import Trainee, fit
from vsrnn.training.resources import resources

SHIPPED = Path(__file__).with_name("parent.npz")
"""The trained parent, with what was measured of it; made by `ship`."""
CANDIDATES, LISTED, SEEDS = 200, 8, 4000
FEWEST, SEQUENCES = 60, 2000
MOST_INPUTS, MOST_BUDGET = 100_000, 10_000_000
FAR = 95  # percentile of distances between tasks beyond which nothing is known
EPOCHS = (0, 1, 3, 5)
RATE = 3e-3
"""Learning rate of the dense and the uniform network: in the middle of those tried."""
CONTROLS = ("dense", "uniform")


@dataclass(frozen=True, eq=False)
class Shipped:
    """What is shipped: the parent, the portfolio, known tasks, and measurements."""

    arrays: Mapping[str, np.ndarray]
    tasks: DataFrame
    measured: dict[str, Any]

    def parent(self, blind: bool) -> Parent:
        """The parent, or the one that knows sizes only."""
        kind = Blind if blind else Parent
        return kind.of_arrays(self.arrays, int(self.arrays["epochs"]))

    def portfolio(self, features: DataFrame) -> np.ndarray:
        """In which order the portfolio tries designs."""
        mean, scale = self.arrays["portfolio_scale"]
        places = (features[[*RELATIVE]].to_numpy() - mean) / scale
        return Portfolio.tried(cdist(places, self.arrays["portfolio"]))


def ship(
    tables: Tables,
    measures: DataFrame,
    rivals: DataFrame,
    factors: DataFrame,
    path: Path = SHIPPED,
) -> None:
    """Train the parent on all tasks and write what `choose` reads.

    Args:
        tables: of all tasks.
        measures: of the ladder on tasks held out, as the studies write them.
        rivals: their regret at equal trained epochs.
        factors: by how much intervals are to be widened, by rung and context.
        path: of the file, arrays without pickled objects.
    """
    parent, portfolio = Parent().fit(tables), Portfolio().fit(tables)
    found = parent.arrays() | {"epochs": np.array(tables.epochs)}
    found["portfolio"] = np.array(portfolio.listed, np.float32)
    scaler = portfolio.scaler
    found["portfolio_scale"] = np.stack([scaler.mean_, scaler.scale_])
    found["tasks"] = tables.tasks.to_numpy(float)
    found["task_names"] = np.array(list(tables.tasks.index), "U")
    found["families"] = np.array(ladder.families(tables), "U")
    found["statistics"] = np.array(list(tables.tasks.columns), "U")
    measured = _measured(tables, measures, rivals, factors)
    found["measured"] = np.array(json.dumps(measured, sort_keys=True))

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **found)

    replace_file(path, write)


def _measured(
    tables: Tables, measures: DataFrame, rivals: DataFrame, factors: DataFrame
) -> dict[str, Any]:
    """Regret in points on tasks held out, and how intervals are to be widened."""
    by = rivals.groupby(["rival", "epochs"])["points"].mean()
    names = {"sizes": Blind.name, "data": Parent.name, "portfolio": "portfolio"}
    found: dict[str, Any] = {
        name: {str(n): float(by[rival, n]) for n in (0, 10, 64)}
        for name, rival in names.items()
    }
    found |= {name: float(by[name, 0]) for name in (*CONTROLS, "random")}
    found["probes"] = list(tables.probes.columns)
    found["tasks"] = int(rivals["task"].nunique())
    pools = [rows for key, rows in tables.pools.items() if key[-1] == "fixed"]
    found["designs"] = int(np.median([len(rows) for rows in pools]))
    for (name, context), own in factors.groupby(["rung", "context"]):
        found[f"{name}, {context}"] = own["factor"].tolist()
        found[f"{name}, {context}, apart"] = float(own["apart"].iloc[0])
    held = measures.query("rung == @Parent.name and by == 'family' and context == 0")
    found["held_80"] = float(held["held_80"].mean())
    return found


@cache
def shipped(path: Path) -> Shipped:
    """What was shipped.

    Raises:
        VsrnnError: the file is missing or damaged.
    """
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        index = pd.Index(arrays["task_names"].tolist())
        columns = arrays["statistics"].tolist()
        tasks = DataFrame(arrays["tasks"], index, columns)
        return Shipped(arrays, tasks, json.loads(str(arrays["measured"])))
    except (OSError, ValueError, KeyError, BadZipFile) as problem:
        raise VsrnnError(
            f"{path.name}, the trained parent, is missing or damaged; install the "
            "package anew, or make it with: python -m vsrnn.studies.ladder ship"
        ) from problem


def choose(
    inputs: int | None = None,
    outputs: int | None = None,
    budget: float = 10_000,
    *,
    steps: int | None = None,
    data: str | os.PathLike[str] | tuple[Any, Any] | Task | None = None,
    epochs: int = 0,
    seed: int = 0,
) -> DataFrame:
    """Choose designs for a task before training, by what other tasks taught.

    Random designs of the budget are drawn, and a parent network, trained on the runs of
    many small tasks, forecasts the learning curve of each. With sizes alone that takes
    seconds; with data the parent also reads their statistics and measures of untrained
    networks (:func:`vsrnn.probe`), and with epochs the shortlist is trained so long,
    side by side, and forecast again. Far from all tasks that it knows the order is that
    of a portfolio: a list of designs that did well over all of them.

    Args:
        inputs: size X of the input; as the data have if absent.
        outputs: size Y of the output, likewise.
        budget: of weights, biases not counted.
        steps: of a sequence; 20 if absent and there are no data.
        data: an ``.npz`` file with the arrays ``x``, (sequences, steps, inputs), and
            ``y``, see :class:`vsrnn.Task` for targets; such a pair; or a task.
        epochs: 0, 1, 3 or 5, for which the shortlist is trained; that needs data.
        seed: of designs, masks and weights; the same gives the same.

    Returns:
        One row a design, the first choices first, then dense and uniform: the columns
        of :func:`vsrnn.design_table`, so that ``vsrnn sweep --design-table`` trains
        them; ``level_1``, ``level_5`` and ``level_15``, the forecast after so many
        epochs, from 0 (a guess) to 1 (the best that any design reached), with ``low_``
        and ``high_`` (80 % of runs); ``best``, the probability that no other of the
        table ends better; ``diverges``; and ``loss``, if it was trained. Its ``attrs``
        are ``nearest`` (known tasks and how far they are), ``outside`` and
        ``confidence``, in words.

    Raises:
        VsrnnError: sizes or budget are out of range or do not fit, or the data are of
            no use: too few sequences, numbers that are not finite, targets that do not
            vary.

    >>> table = choose(300, 5, 20_000)
    >>> table["name"].tolist()[-2:]
    ['dense', 'uniform']
    """
    task = None if data is None else task_of(data, seed)
    inputs = _size("inputs", inputs, task.inputs if task else None)
    outputs = _size("outputs", outputs, task.outputs if task else None)
    steps = _size("steps", None if task else steps or 20, task.steps if task else None)
    _check(inputs, outputs, steps, budget, epochs, task)
    check_int("seed", seed, 0)
    known = shipped(SHIPPED)
    designs = candidates(inputs, outputs, budget, seed)
    asked = _asked(designs, task, known, (inputs, outputs, steps), seed)
    place = _place(asked.tasks.iloc[0], known, task is None)
    forecast = _forecast(known, asked, place, task is None, 0)
    own, last = np.arange(len(designs)), len(designs) - len(CONTROLS)
    order = np.argsort(-forecast.order[:last], kind="stable")[:LISTED]
    rows = np.concatenate([own[:last][order], own[last:]])
    chosen = [designs[row] for row in rows]
    forecast = _some(forecast, rows)
    losses = np.full(len(rows), np.nan)
    if task is not None and epochs:
        shares, losses = _trained(chosen, task, epochs, seed)
        seen = _with_shares(asked.of(rows), shares)
        forecast = _forecast(known, seen, place, False, epochs)
        first = np.argsort(-forecast.order[:LISTED], kind="stable")
        again = np.concatenate([first, np.arange(len(first), len(rows))])
        chosen, losses = [chosen[row] for row in again], losses[again]
        forecast = _some(forecast, again)
    table = tabulate(chosen, inputs, outputs).drop(columns="notes")
    kind = Blind if task is None else Parent
    apart = known.measured[f"{kind.name}, {epochs}, apart"]
    table = pd.concat([table, _curves(forecast, apart, seed)], axis=1)
    table = table.assign(loss=losses)
    table.attrs = _words(known, place, task is None, epochs)
    table.attrs["quantiles"] = forecast.quantiles[..., [2, ladder.HALF, -3]].tolist()
    return table


def _size(name: str, given: int | None, of_data: int | None) -> int:
    """A size as given, or as the data have it; where both are there they agree."""
    if given is None and of_data is None:
        raise VsrnnError(f"give the number of {name}, or data that tell it")
    if given is None:
        assert of_data is not None
        return of_data
    check_int(f"the number of {name}", given, 1)
    if of_data is not None and given != of_data:
        raise VsrnnError(f"the data have {of_data} {name}, not {given}; leave it out")
    return int(given)


def _check(
    inputs: int, outputs: int, steps: int, budget: float, epochs: int, task: Any
) -> None:
    """Refuse what no design or parent is for."""
    largest = max(inputs, outputs, steps)
    if largest > MOST_INPUTS:
        raise VsrnnError(f"sizes go up to {MOST_INPUTS:,}, not {largest:,}")
    if not isinstance(budget, int | float | np.number) or not 0 < budget <= MOST_BUDGET:
        raise VsrnnError(
            f"the budget is a number of weights up to {MOST_BUDGET:,}, not {budget!r}"
        )
    if epochs not in EPOCHS:
        raise VsrnnError(f"epochs are one of {', '.join(map(str, EPOCHS))}: {epochs!r}")
    if epochs and task is None:
        raise VsrnnError(f"to train for {epochs} epochs give data, too")


def candidates(inputs: int, outputs: int, budget: float, seed: int) -> list[Design]:
    """Random designs of a budget, then dense and uniform.

    Raises:
        VsrnnError: the budget is too small for these sizes.
    """
    drawn = draw(inputs, outputs, "shares", CANDIDATES, seed, budget)
    how: dict[str, Any] = {"options": {"initial": "fan-in"}, "init_std": GAINS}
    how["learning_rate"] = RATE
    own = [Design(n, *control(n, inputs, outputs, budget), **how) for n in CONTROLS]
    return [*drawn, *own]


class Given(Task):
    """Sequences that a user gives, each channel standardized.

    One target a sequence is asked for one step after its end, since outputs read the
    state of the step before. A fifth is kept for validation.
    """

    name, epochs, batch_size = "given", 15, 50

    def __init__(self, x: np.ndarray, y: np.ndarray, seed: int) -> None:
        self.given, self.order = (x, y), np.random.default_rng(seed).permutation(len(x))
        self.inputs = x.shape[2]
        once = y.ndim == 1 or (y.ndim == 2 and y.dtype.kind == "f")
        self.steps = x.shape[1] + once
        whole = y.dtype.kind in "iub"
        self.outputs = int(y.max()) + 1 if whole else y.shape[-1]
        super().__init__()

    def data(self) -> Mapping[str, Sequence[Any]]:
        """Return them in two parts."""
        x, y = self.given
        rows = x.reshape(-1, x.shape[2])
        scale = np.where(rows.std(0) > 0, rows.std(0), 1)
        x = ((x - rows.mean(0)) / scale).astype(np.float32)
        x = np.pad(x, ((0, 0), (0, self.steps - x.shape[1]), (0, 0)))
        if y.dtype.kind == "f":
            level, spread = y.reshape(-1, y.shape[-1]).mean(0), y.std() or 1
            y = ((y - level) / spread).astype(np.float32)
        cut = max(len(x) // 5, 1)
        val, train = self.order[:cut], self.order[cut:]
        part = (x[val], y[val])
        return {"train": (x[train], y[train]), "val": part, "test": part}


def task_of(data: Any, seed: int = 0) -> Task:
    """Data as a task.

    Raises:
        VsrnnError: they are of no use.
    """
    if isinstance(data, Task):
        if data.symbols:
            raise VsrnnError(f"{data.name} gives symbols; block RNNs read numbers")
        return data
    x, y = _arrays(data) if not isinstance(data, tuple) else data
    try:
        x, y = np.asarray(x, float), np.asarray(y)
    except (TypeError, ValueError):
        raise VsrnnError("x must be one array of numbers, all of one length") from None
    if x.ndim == 2:
        x = x[..., None]
    if x.ndim != 3 or not x.size:
        raise VsrnnError(f"x must be (sequences, steps, inputs), not {x.shape}")
    if len(y) != len(x):
        raise VsrnnError(f"x has {len(x)} sequences and y has {len(y)}")
    if len(x) < FEWEST:
        raise VsrnnError(
            f"{len(x)} sequences are too few to tell designs apart; give {FEWEST} or "
            "more, or no data and the sizes alone"
        )
    if not np.isfinite(x).all():
        raise VsrnnError("x holds numbers that are not finite; fill or drop them first")
    if x.std() == 0:
        raise VsrnnError("x is the same everywhere; there is nothing to learn from it")
    return Given(x, _targets(y, x), seed)


def _targets(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Classes from 0 on, or numbers with an axis of outputs."""
    if y.dtype.kind in "fc" and not np.isfinite(y).all():
        raise VsrnnError("y holds numbers that are not finite; fill or drop them first")
    if y.dtype.kind == "f":
        if y.std() == 0:
            raise VsrnnError(f"y is always {y.flat[0]:g}; give targets that vary")
        if y.ndim == 1 or y.shape == x.shape[:2]:
            y = y[..., None]
        if y.ndim not in (2, 3) or (y.ndim == 3 and y.shape[1] != x.shape[1]):
            raise VsrnnError(
                "y must be one target a sequence or one a step, not "
                f"{y.shape} for x of {x.shape}"
            )
        return y
    classes, found = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise VsrnnError(f"y has one class, {classes[0]}; give two or more")
    if len(classes) > len(x) / 2:
        raise VsrnnError(
            f"y has {len(classes)} classes in {len(x)} sequences; give numbers as "
            "floats, or fewer classes"
        )
    if y.shape not in (x.shape[:1], x.shape[:2]):
        raise VsrnnError(
            f"classes must be one a sequence or one a step, not {y.shape} for x of "
            f"{x.shape}"
        )
    return found.reshape(y.shape)


def _arrays(path: Any) -> tuple[np.ndarray, np.ndarray]:
    """The arrays x and y of a file."""
    try:
        file = BytesIO(Path(path).expanduser().read_bytes())
        with np.load(file, allow_pickle=False) as kept:
            if lacking := {"x", "y"} - set(kept.files):
                raise VsrnnError(
                    f"{path} has no {' and '.join(sorted(lacking))}; save with "
                    "numpy.savez(path, x=x, y=y)"
                )
            return kept["x"], kept["y"]
    except (OSError, TypeError, ValueError, AttributeError, BadZipFile) as problem:
        if isinstance(problem, VsrnnError):
            raise
        raise VsrnnError(f"cannot read {path} as .npz ({problem})") from problem


def _asked(
    designs: Sequence[Design],
    task: Task | None,
    known: Shipped,
    sizes: tuple[int, int, int],
    seed: int,
) -> Tables:
    """Designs as the parent reads them."""
    inputs, outputs, steps = sizes
    rows = [
        {
            **{f"density_{b}": s for b, s in zip(BLOCKS, d.density, strict=True)},
            **{f"gain_{b}": s for b, s in zip(BLOCKS, d.init_std, strict=True)},
            **{"hidden": d.hidden, "learning_rate": d.learning_rate, "design": d.name},
        }
        for d in designs
    ]
    about = {"task": "yours", "family": "yours", "budget": 0, "arm": "fixed"}
    frame = DataFrame(rows).assign(**about, inputs=inputs, outputs=outputs)
    if task is None:
        logs = np.log([inputs, outputs, inputs / outputs, steps])
        own = Series({**known.tasks.mean(), **dict(zip(SIZES, logs, strict=True))})
        probes = DataFrame(0.0, frame.index, ["none"])
    else:
        own = Series(statistics(task))
        probes = DataFrame([probe(design, task, seed=seed) for design in designs])
    names = known.measured["probes"]
    probes = probes.reindex(columns=names, fill_value=0.0)
    epochs = int(known.arrays["epochs"])
    empty = np.full((len(frame), 1, epochs), np.nan)
    tasks = DataFrame([own[known.tasks.columns]], ["yours"])
    return Tables(frame, design_features(frame), tasks, probes, empty, empty)


@dataclass(frozen=True)
class Place:
    """Where a task is among the known ones."""

    nearest: Series
    percentile: float
    stretch: float

    @property
    def outside(self) -> bool:
        """Whether it is further from all of them than they are from each other."""
        return self.percentile >= FAR


def _place(own: Series, known: Shipped, sizes_only: bool) -> Place:
    names = list(SIZES) if sizes_only else list(known.tasks.columns)
    distance = Distance(known.tasks[names], known.arrays["families"].tolist())
    near = distance.nearest(own[names])
    return Place(near, distance.percentile(near.iloc[0]), distance.stretch(own[names]))


def _forecast(
    known: Shipped, asked: Tables, place: Place, blind: bool, context: int
) -> Forecast:
    """The parent's forecast, with intervals as wide as tasks held out taught."""
    parent = known.parent(blind)
    parent.context = context
    raw = parent.predict(asked)
    factors = np.array(known.measured[f"{parent.name}, {context}"])
    wide = ladder.widened(raw.quantiles, factors, np.full(len(asked), place.stretch))
    order = raw.order
    if place.outside and not context:
        order = known.portfolio(asked.features)
    return Forecast(wide, raw.diverges, order)


def _some(forecast: Forecast, rows: np.ndarray) -> Forecast:
    return Forecast(*(own[rows] for own in vars(forecast).values()))


def _trained(
    designs: Sequence[Design], task: Task, epochs: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Train side by side: share of a guess's loss gone by epoch, and the last loss."""
    build = get_family("block").build
    sizes = task.inputs, task.outputs
    models: list[Any] = [build(d, *sizes, seed=seed, mask="exact") for d in designs]
    trainees = [
        Trainee(m, d.learning_rate, []) for m, d in zip(models, designs, strict=True)
    ]
    with resources(torch.get_num_threads()):
        fit(trainees, ModelBatch(models), task, epochs=epochs, seed=seed)
    level, shares = guess(task), np.full((len(designs), epochs), LEAST)
    losses = np.full(len(designs), np.nan)
    for row, trainee in enumerate(trainees):
        own = np.array([point["val_loss"] for point in trainee.curve])
        shares[row, : len(own)] = np.maximum((level - own) / level, LEAST)
        losses[row] = own[-1] if len(own) == epochs else np.nan
    return np.nan_to_num(shares, nan=LEAST), losses


def _with_shares(asked: Tables, shares: np.ndarray) -> Tables:
    full = np.full((len(asked), 1, asked.epochs), np.nan)
    full[:, 0, : shares.shape[1]] = shares
    return replace(asked, shares=full)


def _curves(forecast: Forecast, apart: float, seed: int) -> DataFrame:
    """Levels at some epochs, and the probability of being best at the end.

    Designs of a task err together, so the probability is of how far they were from
    their forecasts apart from that.
    """
    found: dict[str, np.ndarray] = {}
    last = forecast.quantiles.shape[1]
    low, high = (int(np.abs(ladder.QUANTILES - q).argmin()) for q in (0.1, 0.9))
    for epoch in (1, 5, last):
        own = forecast.quantiles[:, epoch - 1]
        found[f"level_{epoch}"] = own[:, ladder.HALF].round(3)
        found[f"low_{epoch}"], found[f"high_{epoch}"] = (
            own[:, n].round(3) for n in (low, high)
        )
    middle = forecast.median[:, -1]
    draws = np.random.default_rng(seed).normal(size=(SEEDS, len(middle)))
    most = np.argmax(middle + apart * draws, axis=1)
    share = np.bincount(most, minlength=len(middle)) / SEEDS
    return DataFrame(
        {**found, "best": share.round(3), "diverges": forecast.diverges.round(3)}
    )


def _words(known: Shipped, place: Place, sizes_only: bool, epochs: int) -> dict:
    """What is to be said beside a table."""
    told = known.measured
    own = told["sizes" if sizes_only else "data"]
    said = (
        f"On {told['tasks']} tasks not seen, the first pick lost {own['0']:.1f} points "
        f"to the best of {told['designs']} designs; dense lost {told['dense']:.1f}, "
        f"uniform {told['uniform']:.1f}, a random design {told['random']:.1f}, the "
        f"portfolio's first {told['portfolio']['0']:.1f}. "
    )
    if epochs:
        said += f"Trained for an epoch, the first ten lost {own['10']:.1f}."
    else:
        said += f"One epoch of the first ten would cut it to {own['10']:.1f}."
    if place.outside:
        said += (
            " Your task is outside what was tried: treat the order as a guess; it is "
            "that of the portfolio."
        )
    near = {name: round(float(d), 2) for name, d in place.nearest.iloc[:3].items()}
    return {
        "nearest": near,
        "percentile": round(place.percentile),
        "outside": place.outside,
        "confidence": said,
    }
