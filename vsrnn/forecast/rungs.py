"""The ladder: ways to forecast learning curves on a task not seen, simplest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vsrnn.forecast.meta import LEAST, Distance, Tables, early

_LOWER = (0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
QUANTILES = np.array([*_LOWER, 0.5, *(1 - np.array(_LOWER[::-1]))])
"""Nineteen of every forecast; each has its counterpart above or below the median."""
SCORES, NEAR, TASKS_NEAR, LISTED = 4, 5, 3, 12

RELATIVE = (
    *("proportion", "share_hx", "share_hh", "share_hy", "share_yx", "share_yh"),
    *("share_yy", "gain_hh", "gain_hx", "gain_yh"),
)
"""Features in which designs of different tasks are alike."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is forecast of designs of a task.

    Args:
        quantiles: of the level at each epoch, (designs, epochs, `QUANTILES`).
        diverges: probability that a run diverges, (designs,).
        order: designs with larger numbers are tried first, (designs,).
    """

    quantiles: np.ndarray
    diverges: np.ndarray
    order: np.ndarray

    @property
    def median(self) -> np.ndarray:
        """Medians, (designs, epochs)."""
        return self.quantiles[..., len(QUANTILES) // 2]


class Rung:
    """A way to forecast: fitted to tables, asked about designs of other tasks.

    Args:
        context: epochs of the first seed that are seen.
    """

    name = "mean curve"
    contexts: tuple[int, ...] = (0, 1, 3, 5)
    once = False  # whether one fit serves all contexts

    def __init__(self, context: int = 0) -> None:
        self.context = context

    def fit(self, known: Tables) -> Self:
        """Learn from tables of many tasks, each pool of which weighs the same."""
        self.base = _pool_means(known).mean(0)
        self.spread = np.sqrt(np.square(known.level - self.base).mean(0)) + 0.02
        diverged = known.level[:, -1] <= LEAST
        self.share, self.risk = float(diverged.mean()), None
        if 5 <= diverged.sum() < len(known):
            scaled = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
            self.risk = scaled.fit(known.features.to_numpy(), diverged)
        self.learn(known)
        return self

    def learn(self, known: Tables) -> None:
        """Learn what more than the mean curve is forecast."""

    def curves(self, asked: Tables) -> np.ndarray:
        """Levels of each design in the middle of what is likely, (designs, epochs)."""
        return np.tile(self.base, (len(asked), 1))

    def order(self, asked: Tables, curves: np.ndarray) -> np.ndarray:
        """What designs are tried by: the level at the end, and a little of the rest."""
        return curves[:, -1] + 0.1 * curves.mean(1)

    def predict(self, asked: Tables) -> Forecast:
        """Forecast designs of one task, of which `Tables.seen` shows the context."""
        curves = self.curves(asked)
        wide = norm.ppf(QUANTILES) * self.spread[:, None]  # (epochs, quantiles)
        quantiles = np.clip(curves[..., None] + wide, LEAST, 1)
        diverges = np.full(len(asked), self.share)
        if self.risk is not None:
            diverges = self.risk.predict_proba(asked.features.to_numpy())[:, 1]
        return Forecast(quantiles, diverges, self.order(asked, curves))


def _pool_means(known: Tables) -> np.ndarray:
    """Mean curve of each pool, (pools, epochs)."""
    return np.array([known.level[rows].mean(0) for rows in known.pools.values()])


class Regression(Rung):
    """A regression of four principal scores, apart for pools and for designs in them.

    The mean curve of a pool is a ridge regression on the statistics of its task; what a
    design differs by from its pool is another regression, on what `inputs` reads.
    """

    model: Callable[[np.ndarray], Any]

    def inputs(self, tables: Tables) -> np.ndarray:
        """What the regression reads of designs, (designs, columns)."""
        parts = [tables.features.to_numpy(), tables.of_tasks()]
        return np.hstack([*parts, early(tables, self.context)])

    def learn(self, known: Tables) -> None:
        """Fit both regressions, and keep what they leave unexplained."""
        seen = known.seen(self.context)
        first = [rows[0] for rows in known.pools.values()]
        means = known.pool_mean(known.level)
        apart = known.level - means
        self.basis = np.linalg.svd(apart, full_matrices=False)[2][:SCORES]
        scores = apart @ self.basis.T
        family = known.designs["family"].to_numpy()
        self.level_model = _ridge(family[first])
        self.level_model.fit(self._of_pool(seen)[first], means[first])
        self.design_model = type(self).model(family)
        self._fit(self.inputs(seen), scores)
        rest = known.level - self.curves(seen)
        self.spread = np.sqrt(np.square(rest).mean(0)) + 0.02

    def _fit(self, values: np.ndarray, scores: np.ndarray) -> None:
        self.design_model.fit(values, scores)

    def _of_pool(self, tables: Tables) -> np.ndarray:
        context = early(tables, self.context)
        return np.hstack([tables.of_tasks(), tables.pool_mean(context)])

    def curves(self, asked: Tables) -> np.ndarray:
        """Level of the pool, and what each design differs by."""
        level = self.level_model.predict(self._of_pool(asked))
        scores = self.design_model.predict(self.inputs(asked))
        apart = np.asarray(scores).reshape(len(asked), -1) @ self.basis
        return np.asarray(np.clip(level + apart - asked.pool_mean(apart), LEAST, 1))


def _ridge(family: np.ndarray) -> Any:
    """A ridge whose penalty is the best where families are left out in turn."""
    number = len(np.unique(family))
    parts = (
        GroupKFold(min(number, 5)).split(family, groups=family) if number > 1 else []
    )
    penalties = RidgeCV(np.geomspace(1, 1e6, 7), cv=list(parts) or None)
    return make_pipeline(StandardScaler(), penalties)


def _forest(family: np.ndarray) -> Any:
    how: dict[str, Any] = {"max_features": 1 / 3, "min_samples_leaf": 4}
    return RandomForestRegressor(60, **how, random_state=0)


def _boosting(family: np.ndarray) -> Any:
    how: dict[str, Any] = {"max_iter": 50, "learning_rate": 0.08, "max_leaf_nodes": 12}
    how |= {"min_samples_leaf": 15, "l2_regularization": 1.0, "random_state": 0}
    return MultiOutputRegressor(HistGradientBoostingRegressor(**how))


class RateOnly(Regression):
    """The learning rate, and nothing else of a design."""

    name, model = "rate only", staticmethod(_forest)

    def inputs(self, tables: Tables) -> np.ndarray:
        """The rate, alone and times the weights that a hidden unit reads."""
        return tables.features[["rate", "rate_by_reads"]].to_numpy()


class ProportionOnly(Regression):
    """Hidden proportion, and nothing else of a design."""

    name, model = "hidden proportion", staticmethod(_forest)

    def inputs(self, tables: Tables) -> np.ndarray:
        """The proportion alone."""
        return tables.features[["proportion"]].to_numpy()


class Ridge(Regression):
    """A linear regression on designs, their task, and products with its sizes."""

    name, model = "ridge", staticmethod(_ridge)

    def inputs(self, tables: Tables) -> np.ndarray:
        """Features in their pool, and times three numbers of the task."""
        own = tables.features.to_numpy()
        own = own - tables.pool_mean(own)
        columns = ["ratio", "steps", "memory_demand"]
        of_task = tables.tasks.loc[tables.designs["task"], columns].to_numpy()
        products = [own * of_task[:, n : n + 1] for n in range(len(columns))]
        return np.hstack([own, *products, early(tables, self.context)])


class Forest(Regression):
    """A random forest on designs and their task."""

    name, model = "forest", staticmethod(_forest)


class ForestWithProbes(Forest):
    """The same, which also reads zero-cost measures, as ranks within the pool."""

    name = "forest with probes"

    def inputs(self, tables: Tables) -> np.ndarray:
        """Designs, tasks, and ranks of the measures."""
        probes = tables.in_pool(tables.probes.to_numpy())
        return np.hstack([super().inputs(tables), probes])


class ProbesOnly(Forest):
    """A forest on the ranks of zero-cost measures alone."""

    name = "probes only"

    def inputs(self, tables: Tables) -> np.ndarray:
        """Ranks of the measures."""
        ranks = tables.in_pool(tables.probes.to_numpy())
        return np.hstack([ranks, early(tables, self.context)])


class Boosting(Regression):
    """Gradient boosting on designs and their task."""

    name, model = "boosting", staticmethod(_boosting)


class Process(Regression):
    """A Gaussian process: alike are designs that are alike, of tasks that are."""

    name = "Gaussian process"
    most = 1500

    def learn(self, known: Tables) -> None:
        """As every regression; of many designs some are taken, evenly."""
        self.of_design = StandardScaler().fit(self._designs(known.seen(self.context)))
        self.of_task = StandardScaler().fit(known.tasks.to_numpy())
        super().learn(known)

    def _designs(self, tables: Tables) -> np.ndarray:
        context = 3 * early(tables, self.context)
        return np.hstack([tables.features.to_numpy(), context])

    def inputs(self, tables: Tables) -> np.ndarray:
        """Standardized designs and tasks, so that one length fits each."""
        own = self.of_design.transform(self._designs(tables))
        task = self.of_task.transform(tables.of_tasks())
        return np.hstack([own / own.shape[1] ** 0.5, task / task.shape[1] ** 0.5])

    @staticmethod
    def model(family: np.ndarray) -> Any:
        """A smooth function and noise."""
        kernel = ConstantKernel(1.0) * RBF(1.0) + WhiteKernel(0.5)
        return GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)

    def _fit(self, values: np.ndarray, scores: np.ndarray) -> None:
        few = np.linspace(0, len(values) - 1, min(len(values), 300)).astype(int)
        tuned = self.design_model.fit(values[few], scores[few]).kernel_
        self.design_model = GaussianProcessRegressor(
            tuned, optimizer=None, normalize_y=True
        )
        rows = np.linspace(0, len(values) - 1, min(len(values), self.most)).astype(int)
        self.design_model.fit(values[rows], scores[rows])


class NearestDesign(Regression):
    """The designs of all tasks that are most alike."""

    name = "nearest design"

    def learn(self, known: Tables) -> None:
        """Keep all designs, and what each differs by from its pool."""
        self.scaler = StandardScaler().fit(known.features.to_numpy())
        self.rows = self.scaler.transform(known.features.to_numpy())
        self.apart = known.level - known.pool_mean(known.level)
        self.spread = np.sqrt(np.square(known.level - self.base).mean(0)) + 0.02

    def curves(self, asked: Tables) -> np.ndarray:
        """The mean curve, and the mean of what the nearest differ by."""
        gaps = cdist(self.scaler.transform(asked.features.to_numpy()), self.rows)
        near = np.argpartition(gaps, NEAR, axis=1)[:, :NEAR]
        return np.asarray(np.clip(self.base + self.apart[near].mean(1), LEAST, 1))


class NearestTask(Rung):
    """Designs like the good ones of the three nearest tasks (as flaml.default does)."""

    name = "nearest task"

    def learn(self, known: Tables) -> None:
        """Keep all tasks."""
        self.known, self.distance = known, Distance(known.tasks)
        self.scaler = StandardScaler().fit(known.features[[*RELATIVE]].to_numpy())

    def curves(self, asked: Tables) -> np.ndarray:
        """Mean over the tasks of the curves of their most similar designs."""
        near = self.distance.nearest(asked.tasks.iloc[0]).index[:TASKS_NEAR]
        own = self.scaler.transform(asked.features[[*RELATIVE]].to_numpy())
        parts = []
        for task in near:
            rows = np.flatnonzero(self.known.designs["task"] == task)
            known = self.known.features[[*RELATIVE]].to_numpy()[rows]
            gaps = cdist(own, self.scaler.transform(known))
            few = np.argsort(gaps, axis=1)[:, :NEAR]
            parts.append(self.known.level[rows][few].mean(1))
        return np.asarray(np.mean(parts, axis=0))


class Portfolio(Rung):
    """A list of designs that are good over all tasks, made greedily, without features.

    A design of another task that is most alike stands for each of the list (Feurer et
    al., arXiv 2007.04074).
    """

    name = "portfolio"

    def learn(self, known: Tables) -> None:
        """Add to the list what raises most the best end of a pool, mean over pools."""
        self.scaler = StandardScaler().fit(known.features[[*RELATIVE]].to_numpy())
        places = self.scaler.transform(known.features[[*RELATIVE]].to_numpy())
        arms = known.designs["arm"].to_numpy()
        rows = [r for r in known.pools.values() if arms[r[0]] != "control"]
        candidates = np.concatenate(rows)
        reached = np.empty((len(candidates), len(rows)))
        for column, own in enumerate(rows):
            ends = known.end[own]
            gap = max(float(ends.max() - np.median(ends)), 0.05)
            near = cdist(places[candidates], places[own]).argsort(1)[:, :2]
            reached[:, column] = ((ends - ends.max()) / gap)[near].mean(1)
        best, self.listed = np.full(len(rows), -np.inf), []
        for _ in range(LISTED):
            gains = np.maximum(reached, best).mean(1)
            chosen = int(gains.argmax())
            self.listed.append(places[candidates[chosen]])
            best = np.maximum(best, reached[chosen])

    def order(self, asked: Tables, curves: np.ndarray) -> np.ndarray:
        """The nearest to each of the list in turn, then all by the first of it."""
        places = self.scaler.transform(asked.features[[*RELATIVE]].to_numpy())
        return self.tried(cdist(places, np.array(self.listed)))

    @staticmethod
    def tried(gaps: np.ndarray) -> np.ndarray:
        """An order from distances of designs from the list, (designs, listed)."""
        order, free = -gaps[:, 0] - 1, np.ones(len(gaps), bool)
        for turn, gap in enumerate(gaps.T[: len(gaps)]):
            chosen = int(np.where(free, gap, np.inf).argmin())
            order[chosen], free[chosen] = gaps.shape[1] - turn, False
        return order


class EarlyOnly(Regression):
    """What the epochs seen say, and nothing of the design.

    Designs are tried in the order of their last loss (after one epoch, that is the
    rival of arXiv 2307.15422).
    """

    name, model = "early only", staticmethod(_ridge)
    contexts: tuple[int, ...] = (1, 3, 5)

    def inputs(self, tables: Tables) -> np.ndarray:
        """The epochs seen."""
        return early(tables, self.context)

    def order(self, asked: Tables, curves: np.ndarray) -> np.ndarray:
        """The last loss that was seen."""
        return np.asarray(asked.shares[:, 0, self.context - 1])


class PowerLaw(EarlyOnly):
    """The same, tried by the end of a power law with a plateau fitted to the losses."""

    name, contexts = "power law", (3, 5)

    def order(self, asked: Tables, curves: np.ndarray) -> np.ndarray:
        """What a + b t^-c is after the last epoch, c of a few, by least squares."""
        losses = 1 - asked.shares[:, 0, : self.context]  # (designs, context)
        times, last = np.arange(1, self.context + 1), asked.epochs
        best, ends = np.full(len(asked), np.inf), losses[:, -1].copy()
        for power in (0.1, 0.3, 0.5, 1.0, 2.0):
            base = np.stack([np.ones(self.context), times**-power], 1)
            found = np.linalg.lstsq(base, np.nan_to_num(losses, nan=2).T, rcond=None)[0]
            error = np.square(base @ found - losses.T).sum(0)
            end = found[0] + found[1] * last**-power
            better = error < best - 1e-12
            best[better], ends[better] = error[better], end[better]
        return -np.nan_to_num(ends, nan=2)


LADDER: dict[str, type[Rung]] = {
    kind.name: kind
    for kind in (
        *(Rung, RateOnly, ProportionOnly, Portfolio, NearestTask, NearestDesign),
        *(Ridge, Forest, ForestWithProbes, ProbesOnly, Process, Boosting),
        *(EarlyOnly, PowerLaw),
    )
}
"""The rungs by name, simplest first."""
