"""One evaluation for every rung: tasks held out, intervals, ranks, regret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from vsrnn.errors import VsrnnError
from vsrnn.forecast.meta import LEAST, Distance, Tables
from vsrnn.forecast.parent import Blind, Parent
from vsrnn.forecast.rungs import LADDER, QUANTILES, Forecast, Rung
from vsrnn.stats import spearman

RUNGS: dict[str, type[Rung]] = LADDER | {each.name: each for each in (Parent, Blind)}
"""All rungs by name, simplest first."""
LEVELS = (0.5, 0.8, 0.95)
ARMS = ("fixed", "drawn")
"""Arms whose designs are ranked."""
LEAST_GAP = 0.02
"""Pools whose best end is less above their median are left out of regret."""
FLOOR = 1e-3

Fold = tuple[str, np.ndarray, np.ndarray]
"""What is held out, and row numbers to learn from and to ask about."""

HALF = len(QUANTILES) // 2
_EDGES = np.concatenate([[0], (QUANTILES[1:] + QUANTILES[:-1]) / 2, [1]])
WEIGHTS = np.diff(_EDGES)


def folds(tables: Tables, by: str, held_out: Sequence[str] = ()) -> list[Fold]:
    """Leave out one task or family at a time; families held out are asked about last.

    Args:
        tables: of all tasks.
        by: "task" or "family".
        held_out: families that nothing is learned from while others are asked about;
            all others are learned from when these are.
    """
    family = tables.designs["family"]
    test = family.isin(held_out).to_numpy()
    found: list[Fold] = []
    for name in tables.designs.loc[~test, by].unique():
        asked = (tables.designs[by] == name).to_numpy() & ~test
        rest = np.flatnonzero(~asked & ~test)
        found.append((str(name), rest, np.flatnonzero(asked)))
    if by == "family":
        found += [
            (name, np.flatnonzero(~test), np.flatnonzero(family == name))
            for name in held_out
            if (family == name).any()
        ]
    return found


def forecasts(
    kind: type[Rung], tables: Tables, parts: Sequence[Fold], folder: Path | None = None
) -> Iterator[tuple[int, Forecast]]:
    """Forecast every design by a rung that was fitted without its task or family.

    Args:
        kind: the rung.
        tables: of all tasks.
        parts: what is held out.
        folder: where forecasts are kept, a file a fold, so that an evaluation that was
            stopped goes on. Those of other tables are to be removed before.

    Returns:
        For each context a forecast of all rows.
    """
    made: dict[int, list[tuple[np.ndarray, Forecast]]] = {}
    for name, known, asked in parts:
        rung = None
        for context in kind.contexts:
            path = folder and folder / f"{kind.name}-{name}-{context}.npz"
            if path and path.exists():
                with np.load(path) as kept:
                    own = Forecast(
                        *(kept[n] for n in ("quantiles", "diverges", "order"))
                    )
            else:
                if rung is None or not kind.once:
                    rung = kind(context).fit(tables.of(known))
                rung.context = context
                own = _ask(rung, tables.of(asked).seen(context))
                if path:
                    np.savez(path, **vars(own))
            made.setdefault(context, []).append((asked, own))
    for context, each in made.items():
        yield context, _joined(each, len(tables))


def _ask(rung: Rung, asked: Tables) -> Forecast:
    """Ask task by task, as a reader has one."""
    each = []
    for task in asked.tasks.index:
        rows = np.flatnonzero(asked.designs["task"] == task)
        each.append((rows, rung.predict(asked.of(rows))))
    return _joined(each, len(asked))


def _joined(each: Sequence[tuple[np.ndarray, Forecast]], number: int) -> Forecast:
    found: dict[str, Any] = {}
    for name in ("quantiles", "diverges", "order"):
        shape = getattr(each[0][1], name).shape[1:]
        found[name] = np.full((number, *shape), np.nan)
        for rows, own in each:
            found[name][rows] = getattr(own, name)
    return Forecast(**found)


def families(tables: Tables) -> list[str]:
    """The family of each task."""
    each = tables.designs.drop_duplicates("task").set_index("task")["family"]
    return [str(family) for family in each.loc[tables.tasks.index]]


def apart(forecast: Forecast, tables: Tables) -> float:
    """Deviation of ends from their forecasts, less what their pool has in common."""
    rest = tables.levels[:, :, -1] - forecast.median[:, -1:]
    found = []
    for rows in tables.pools.values():
        own = rest[rows]
        found.append(np.ravel(own - np.nanmean(own)))
    every = np.concatenate(found)
    return float(np.sqrt(np.nanmean(every**2)))


def stretches(tables: Tables, parts: Sequence[Fold]) -> np.ndarray:
    """How much wider the intervals of each design's task are, by its distance."""
    found = np.full(len(tables), np.nan)
    for _, known, asked in parts:
        part = tables.of(known)
        distance = Distance(part.tasks, families(part))
        for task in tables.designs["task"].iloc[asked].unique():
            rows = asked[tables.designs["task"].iloc[asked] == task]
            found[rows] = distance.stretch(tables.tasks.loc[task])
    return found


def widening(
    forecast: Forecast, tables: Tables, stretch: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """By how much intervals have to be widened to hold what they say, on these rows.

    Of each interval about the median this is the quantile of how many times its own
    half a run is from the median, over the stretch of its task; each task weighs the
    same, and all epochs count (conformal prediction over tasks).

    Returns:
        A factor for each interval, widest first, (`HALF`,).
    """
    runs = tables.levels[rows]  # (designs, seeds, epochs)
    known = ~np.isnan(runs)
    quantiles = forecast.quantiles[rows][:, None]  # (designs, 1, epochs, quantiles)
    middle = quantiles[..., HALF]
    weight = _task_weights(tables, rows, known)
    factors = np.empty(HALF)
    for n in range(HALF):
        low = np.maximum(middle - quantiles[..., n], FLOOR)
        high = np.maximum(quantiles[..., -1 - n] - middle, FLOOR)
        away = np.where(runs < middle, (middle - runs) / low, (runs - middle) / high)
        score = (away / stretch[rows][:, None, None])[known]
        order = np.argsort(score)
        total = weight[known][order].cumsum()
        place = np.searchsorted(total, (1 - 2 * QUANTILES[n]) * total[-1])
        factors[n] = score[order][min(place, len(order) - 1)]
    return factors


def _task_weights(tables: Tables, rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    task = tables.designs["task"].iloc[rows].to_numpy()
    counts = pd.Series(known.sum((1, 2))).groupby(task).sum()
    own = 1 / np.maximum(counts.loc[task].to_numpy(float), 1)
    return np.broadcast_to(own[:, None, None], known.shape)


def widened(
    quantiles: np.ndarray, factors: np.ndarray, stretch: np.ndarray
) -> np.ndarray:
    """Quantiles as far from the median as that says, in order and in -1 to 1."""
    middle = quantiles[..., HALF : HALF + 1]
    away = quantiles - middle
    below = np.minimum(away[..., :HALF], -FLOOR) * factors
    above = np.maximum(away[..., HALF + 1 :], FLOOR) * factors[::-1]
    wide = stretch[:, None, None]
    found = np.concatenate([below * wide, away[..., HALF : HALF + 1], above * wide], -1)
    return np.sort(np.clip(middle + found, LEAST, 1), -1)


def calibrated(
    forecast: Forecast,
    tables: Tables,
    stretch: np.ndarray,
    held_out: Sequence[str] = (),
) -> Forecast:
    """Widen the intervals of each family by what was seen on the others.

    Families held out teach none of the others how wide to be.
    """
    quantiles = np.array(forecast.quantiles)
    families = tables.designs["family"].to_numpy()
    test = np.isin(families, list(held_out))
    asked = ~np.isnan(forecast.order)
    for family in np.unique(families[asked]):
        rows = np.flatnonzero((families == family) & asked)
        others = np.flatnonzero((families != family) & ~test & asked)
        if len(others):
            factors = widening(forecast, tables, stretch, others)
            quantiles[rows] = widened(quantiles[rows], factors, stretch[rows])
    return Forecast(quantiles, forecast.diverges, forecast.order)


def crps(quantiles: np.ndarray, runs: np.ndarray) -> np.ndarray:
    r"""Continuous ranked probability score from quantiles, mean over runs and epochs.

    .. math:: 2 \int_0^1 (1[y < q_\tau] - \tau)(q_\tau - y) \, d\tau

    Args:
        quantiles: (designs, epochs, quantiles).
        runs: levels, (designs, seeds, epochs), NaN where there is no run.

    Returns:
        (designs,).
    """
    gap = runs[..., None] - quantiles[:, None]
    pinball = np.maximum(QUANTILES * gap, (QUANTILES - 1) * gap)
    each = 2 * (pinball * WEIGHTS).sum(-1)  # (designs, seeds, epochs)
    return np.asarray(np.nanmean(each, axis=(1, 2)))


def measures(forecast: Forecast, tables: Tables, raw: Forecast) -> DataFrame:
    """Measures of a forecast, one row a pool of the arms that are ranked.

    Args:
        forecast: with intervals as they are meant to be.
        tables: of all tasks.
        raw: with intervals as the rung gave them.

    Returns:
        task, family, budget, arm, designs, crps, crps_raw, and of intervals at 50, 80
        and 95 %: held_ and width_; rank_end and rank_speed; gap (best end less median);
        regret_1 and regret_5 (top 1 and 5, over the gap), points_1 and points_5 (times
        100, not over it); and after ``speed_`` the same of the speed, with designs in
        the order of the speed that is forecast.
    """
    found = []
    for key, rows in tables.pools.items():
        if key[-1] not in ARMS or np.isnan(forecast.order[rows]).any():
            continue
        runs, quantiles = tables.levels[rows], forecast.quantiles[rows]
        own: dict[str, Any] = {
            **tables.designs.iloc[rows[0]][["task", "family", "budget", "arm"]],
            "designs": len(rows),
            "crps": crps(quantiles, runs).mean(),
            "crps_raw": crps(raw.quantiles[rows], runs).mean(),
        }
        for level in LEVELS:
            n = int(np.argmin(np.abs(QUANTILES - (1 - level) / 2)))
            low, high = quantiles[:, None, :, n], quantiles[:, None, :, -1 - n]
            inside = (runs >= low - 1e-9) & (runs <= high + 1e-9)
            own[f"held_{100 * level:.0f}"] = inside[~np.isnan(runs)].mean()
            own[f"width_{100 * level:.0f}"] = (high - low).mean()
        order = forecast.order[rows].round(9)
        own["rank_end"] = float(spearman(order, tables.end[rows]))
        middle = forecast.median[rows].mean(1)
        by_speed = middle if np.ptp(middle) > 1e-9 else order
        own["rank_speed"] = float(spearman(by_speed, tables.speed[rows]))
        own |= regrets(order, tables.end[rows])
        sooner = regrets(by_speed.round(9), tables.speed[rows])
        found.append(own | {f"speed_{name}": sooner[name] for name in _LOST})
    return DataFrame(found)


_LOST = ("regret_1", "regret_5", "points_1", "points_5")


def regrets(order: np.ndarray, ends: np.ndarray) -> dict[str, float]:
    """Regret of the first one and the best of the first five, see `measures`.

    Designs that tie stand for all orders they could have.
    """
    gap = float(ends.max() - np.median(ends))
    found = {"gap": gap}
    for number in (1, 5):
        lost = float(ends.max()) - expected_best(order, ends, number)
        found[f"points_{number}"] = 100 * lost
        found[f"regret_{number}"] = lost / gap if gap >= LEAST_GAP else np.nan
    return found


def expected_best(order: np.ndarray, ends: np.ndarray, number: int) -> float:
    """Mean of the best end of the first so many, over all orders of what ties."""
    number = min(number, len(order))
    limit = np.sort(order)[-number]
    sure, tied = ends[order > limit], np.sort(ends[order == limit])
    start = sure.max() if len(sure) else -np.inf
    left = number - len(sure)
    # chance that the best of `left` without replacement is the n-th of those tied
    n, chances = len(tied), []
    for place in range(n):
        below = 1.0
        for k in range(left):
            below *= max(place + 1 - k, 0) / (n - k)
        chances.append(below)
    each = np.diff([0.0, *chances])
    return float((each * np.maximum(tied, start)).sum())


def ceiling(tables: Tables) -> DataFrame:
    """Rank of the designs of a pool by one seed with those by another."""
    found = []
    for key, rows in tables.pools.items():
        runs = tables.levels[rows][:, :2]
        if key[-1] != "fixed" or runs.shape[1] < 2 or np.isnan(runs).any():
            continue
        one, other = runs[:, 0], runs[:, 1]
        found.append(
            {
                **tables.designs.iloc[rows[0]][["task", "family", "budget", "arm"]],
                "rank_end": float(spearman(one[:, -1], other[:, -1])),
                "rank_speed": float(spearman(one.mean(1), other.mean(1))),
            }
        )
    return DataFrame(found)


def halving(shares: np.ndarray, spent: float, first: int = 1, third: int = 3) -> int:
    """The design that successive halving picks from a pool, and is to be scored.

    Of as many designs as the epochs pay for, in the order given, a third goes on after
    each round, which is three times as long as all before.

    Args:
        shares: of the loss that is gone, by epoch, (designs, epochs).
        spent: epochs in all.
        first: epochs of the first round.
        third: one in how many goes on.
    """
    epochs = shares.shape[1]
    for number in range(len(shares), 0, -1):
        if _cost(number, first, third, epochs) <= spent:
            break
    else:
        raise VsrnnError("successive halving needs an epoch or more")
    left, upto = np.arange(number), first
    while len(left) > 1 and upto < epochs:
        keep = max(len(left) // third, 1)
        left = left[np.argsort(-shares[left, upto - 1], kind="stable")[:keep]]
        upto = min(upto * third, epochs)
    return int(left[np.argmax(shares[left, upto - 1])])


def _cost(number: int, first: int, third: int, epochs: int) -> float:
    """Epochs that halving takes; the last one left is trained no further."""
    total, upto, left = number * first, first, number
    while upto < epochs and (left := max(left // third, 1)) > 1:
        longer = min(upto * third, epochs)
        total += left * (longer - upto)
        upto = longer
    return total


BUDGETS = (0, 1, 2, 5, 10, 20, 32, 64, 96, 160)
"""Epochs that rivals may train, of all designs of a pool together."""


def rivals(
    tables: Tables,
    orders: dict[str, dict[int, np.ndarray]],
    draws: int = 100,
    seed: int = 0,
) -> DataFrame:
    """Regret of ways to pick a design of a pool, at equal numbers of trained epochs.

    Each picks one design; its end, mean over seeds, is compared with the best of the
    pool. Random ones train as many designs to the end as the epochs pay for, and take
    the best; "one epoch" trains designs for one, in random order; halving as `halving`.
    With an order, the first designs of it are trained for one epoch, or five if the
    epochs pay for more than one of each of the pool, and the best of these is taken;
    without epochs it is the first. An order after some epochs of all designs gives a
    rival of its own, "..., again", which takes the first of it. Dense and uniform are
    what they are at any number.

    Args:
        tables: of all tasks.
        orders: of designs, larger first, by name and by epochs that were seen; of pools
            where all are finite.
        draws: random orders.
        seed: of these.

    Returns:
        One row a pool of the fixed rate, rival and number of epochs: task, family,
        budget, arm, rival, epochs, regret (nan where ends hardly differ), points, and
        speed_points, of the speed of the same design.
    """
    rng = np.random.default_rng(seed)
    found = []
    for key, rows in tables.pools.items():
        if key[-1] != "fixed" or len(rows) < 5:
            continue
        ends, speeds = tables.end[rows], tables.speed[rows]
        gap = float(ends.max() - np.median(ends))
        about = tables.designs.iloc[rows[0]][["task", "family", "budget", "arm"]]
        shuffled = [rng.permutation(len(rows)) for _ in range(draws)]
        own = {
            name: {seen: each[rows] for seen, each in by_seen.items()}
            for name, by_seen in orders.items()
            if np.isfinite([each[rows] for each in by_seen.values()]).all()
        }
        for epochs in BUDGETS:
            picked = _picked(tables.shares[rows, 0], shuffled, epochs)
            picked |= _picked_in_order(tables.shares[rows, 0], own, epochs)
            means = {n: (ends[p].mean(), speeds[p].mean()) for n, p in picked.items()}
            for name, (end, speed) in (means | _controls(tables, key)).items():
                lost = float(ends.max() - end)
                found.append(
                    {
                        **about,
                        "rival": name,
                        "epochs": epochs,
                        "regret": lost / gap if gap >= LEAST_GAP else np.nan,
                        "points": 100 * lost,
                        "speed_points": 100 * float(speeds.max() - speed),
                    }
                )
    return DataFrame(found)


def _picked(
    seen: np.ndarray, shuffled: list[np.ndarray], epochs: int
) -> dict[str, np.ndarray]:
    """What rivals without an order pick, once for each random one."""
    whole = epochs // seen.shape[1]
    found: dict[str, list[int]] = {"random": []}
    if epochs:
        found |= {"one epoch": [], "halving": []}
    for order in shuffled:
        tried = order[: max(whole, 1)]
        best = np.argmax(seen[tried, -1]) if whole else 0
        found["random"].append(int(tried[best]))
        if epochs:
            first = order[:epochs]
            found["one epoch"].append(int(first[np.argmax(seen[first, 0])]))
            enough = (f for f in (2, 5) if 2 * len(order) * f <= epochs)
            own = halving(seen[order], epochs, max(enough, default=1))
            found["halving"].append(int(order[own]))
    return {name: np.array(each) for name, each in found.items()}


def _picked_in_order(
    seen: np.ndarray, orders: dict[str, dict[int, np.ndarray]], epochs: int
) -> dict[str, np.ndarray]:
    """What rivals with an order pick."""
    found = {}
    for name, by_seen in orders.items():
        ranked = np.argsort(-by_seen[0], kind="stable")
        picked = ranked[0]
        if epochs:
            longest = 5 if epochs > len(ranked) else 1
            first = ranked[: max(epochs // longest, 1)]
            picked = first[np.argmax(seen[first, longest - 1])]
        found[name] = np.array([picked])
        if paid := [n for n in by_seen if n and n * len(ranked) <= epochs]:
            found[f"{name}, again"] = np.array([by_seen[max(paid)].argmax()])
    return found


def _controls(tables: Tables, key: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Ends and speeds of dense and uniform of the same task and budget."""
    rows = tables.pools.get((*key[:2], "control"), np.array([], int))
    names = tables.designs["design"].iloc[rows].tolist()
    both = zip(tables.end[rows], tables.speed[rows], strict=True)
    own = dict(zip(names, both, strict=True))
    return {name: own[name] for name in ("dense", "uniform") if name in own}


def over_tasks(
    values: DataFrame, column: str, resamples: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean over tasks of their means, with a 95 % interval by bootstrap over tasks."""
    each = values.dropna(subset=[column]).groupby("task")[column].mean().to_numpy()
    if not len(each):
        return (np.nan,) * 3
    rng = np.random.default_rng(seed)
    draws = each[rng.integers(len(each), size=(resamples, len(each)))].mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(each.mean()), float(low), float(high)
