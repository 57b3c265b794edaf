"""The parent network: forecasts the curves of all designs of a task together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vsrnn.forecast.meta import LEAST, Tables
from vsrnn.forecast.rungs import QUANTILES, Forecast, Rung

MEMBERS, STEPS, POOLS, DESIGNS = 5, 120, 6, 16
MOST_SEEN, RATE, DECAY, DROPPED = 5, 3e-3, 0.03, 0.15
UNKNOWN = 0.25  # of the pools of training, so many have no statistics, or no probes
ORDERED = 0.2  # weight of the loss of order
WIDTH = 96
SIZES = ("inputs", "outputs", "ratio", "steps")
"""Statistics of a task that are known without its data."""


class Child(nn.Module):
    """Reads a set of designs, and gives quantiles of each one's curve.

    Each design becomes a token; their mean and maximum and the task's statistics become
    one vector of the task, with which each token is read again. So what is forecast of
    a design depends on the others, and on what was seen of them, but not on their
    order.
    """

    def __init__(self, own: int, task: int, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        drop = nn.Dropout(DROPPED)
        self.token = nn.Sequential(
            *(nn.Linear(own + 4 * MOST_SEEN, WIDTH), nn.GELU(), drop),
            *(nn.Linear(WIDTH, WIDTH), nn.GELU()),
        )
        self.task = nn.Sequential(
            *(nn.Linear(task + 2 * WIDTH, 64), nn.GELU(), drop, nn.Linear(64, 64)),
        )
        self.curve = nn.Sequential(
            *(nn.Linear(WIDTH + 64, 128), nn.GELU(), drop),
            *(nn.Linear(128, 128), nn.GELU()),
            nn.Linear(128, epochs * len(QUANTILES) + 1),
        )

    def forward(self, own: Tensor, task: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Forecast.

        Args:
            own: what is known of designs, (pools, designs, numbers).
            task: statistics of the pools' tasks, (pools, numbers).
            seen: epochs seen, see `_context`, (pools, designs, 4 * MOST_SEEN).

        Returns:
            Quantiles, (pools, designs, epochs, quantiles), and logits of diverging.
        """
        token = self.token(torch.cat([own, seen], -1))
        pooled = [task, token.mean(1), token.amax(1)]
        about = self.task(torch.cat(pooled, -1))[:, None].expand(-1, own.shape[1], -1)
        found = self.curve(torch.cat([token, about], -1))
        curve = found[..., :-1].unflatten(-1, (self.epochs, len(QUANTILES)))
        return curve, found[..., -1]


class Parent(Rung):
    """Five networks, each trained on random pools, designs and epochs seen.

    Args:
        context: epochs of the first seed that are seen.
        members: how many networks.
        steps: of training, each.
    """

    name, once = "parent network", True
    blind = False  # whether only what sizes tell is read when it is asked

    def __init__(
        self, context: int = 0, members: int = MEMBERS, steps: int = STEPS
    ) -> None:
        super().__init__(context)
        self.number, self.steps = members, steps

    def learn(self, known: Tables) -> None:
        """Train the networks; a fifth of the tasks is left out of each."""
        own, task = self._own(known), known.tasks.to_numpy(float)
        self.moments = {
            "own": np.stack([own.mean(0), np.maximum(own.std(0), 1e-3)]),
            "task": np.stack([task.mean(0), np.maximum(task.std(0), 0.05)]),
        }
        pools = self._pools(known)
        self.members = [self._train(known, pools, n) for n in range(self.number)]

    def predict(self, asked: Tables) -> Forecast:
        """Forecast designs of one task, pool by pool."""
        shape = (len(asked), asked.epochs, len(QUANTILES))
        quantiles, diverges = np.empty(shape), np.empty(len(asked))
        for rows in asked.pools.values():
            given = self._given(asked.of(rows), self.blind)
            with torch.no_grad():
                found = [member.eval()(*given) for member in self.members]
            each = torch.stack([curve[0] for curve, _ in found]).sort(-1)[0]
            quantiles[rows] = each.mean(0).clamp(LEAST, 1).numpy()
            risks = torch.stack([logit[0] for _, logit in found]).sigmoid()
            diverges[rows] = risks.mean(0).numpy()
        middle = quantiles[..., len(QUANTILES) // 2]
        return Forecast(quantiles, diverges, self.order(asked, middle))

    def arrays(self) -> dict[str, np.ndarray]:
        """All that was learned, as arrays of half precision."""
        found = {f"moments_{name}": own for name, own in self.moments.items()}
        for number, member in enumerate(self.members):
            for name, own in member.state_dict().items():
                found[f"member{number}_{name}"] = own.numpy().astype(np.float16)
        return found

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], epochs: int) -> Self:
        """The parent that `arrays` was called of."""
        made = cls()
        made.moments = {n: arrays[f"moments_{n}"] for n in ("own", "task")}
        sizes = made.moments["own"].shape[1], made.moments["task"].shape[1], epochs
        made.members = []
        while any(name.startswith(f"member{len(made.members)}_") for name in arrays):
            start, member = f"member{len(made.members)}_", Child(*sizes)
            own = {
                name.removeprefix(start): torch.from_numpy(np.float32(values))
                for name, values in arrays.items()
                if name.startswith(start)
            }
            member.load_state_dict(own)
            made.members.append(member)
        return made

    def _own(self, tables: Tables, blind: bool = False) -> np.ndarray:
        """Features, the same as ranks in their pool, and ranks of the measures."""
        own, probes = tables.features.to_numpy(), tables.probes.to_numpy()
        if blind:
            probes = np.zeros_like(probes)  # all rank alike, in the middle
        return np.hstack([own, tables.in_pool(np.hstack([own, probes]).round(9))])

    def _given(
        self, tables: Tables, blind: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One pool as a network reads it."""
        own = self._standard("own", self._own(tables, blind))
        task = self._standard("task", tables.tasks.to_numpy(float)).nan_to_num()
        if blind:
            task = torch.where(torch.tensor(tables.tasks.columns.isin(SIZES)), task, 0)
        return own[None], task, _context(tables, self.context)[None]

    def _standard(self, name: str, values: np.ndarray) -> Tensor:
        mean, deviation = self.moments[name]
        scaled = np.clip((values - mean) / deviation, -4, 4)
        return torch.from_numpy(scaled.astype(np.float32))

    def _train(self, known: Tables, every: Pools, seed: int) -> Child:
        """One network."""
        rng = np.random.default_rng(seed)
        sizes = self.moments["own"].shape[1], self.moments["task"].shape[1]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            member = Child(*sizes, known.epochs)
            names = list(known.tasks.index)
            kept = rng.permutation(names)[: max(1, round(0.8 * len(names)))]
            pools = [pool for task in kept for pool in every[task]]
            how: dict[str, Any] = {"lr": RATE, "weight_decay": DECAY}
            optimizer = torch.optim.AdamW(member.parameters(), **how)
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, RATE, self.steps, cycle_momentum=False
            )
            for _ in range(self.steps):
                loss = _loss(member, _drawn(pools, known.probes.shape[1], rng))
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(member.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        return member.eval()

    def _pools(self, known: Tables) -> Pools:
        """The pools of each task."""
        found: Pools = {task: [] for task in known.tasks.index}
        for (task, *_), rows in known.pools.items():
            if len(rows) > 2:
                found[task].append(_pool(self, known.of(rows)))
        return found


class Blind(Parent):
    """The same, which knows of a task only its sizes, and measures nothing."""

    name, blind = "parent network, sizes only", True
    contexts = (0,)


Pool = tuple[Tensor, Tensor, list[Tensor], Tensor]
"""What is known of designs, of their task, contexts by epochs seen, levels by seed."""
Pools = dict[str, list[Pool]]


def _pool(parent: Parent, part: Tables) -> Pool:
    own, task, _ = parent._given(part)
    contexts = [_context(part, seen) for seen in range(MOST_SEEN + 1)]
    return own[0], task[0], contexts, torch.from_numpy(part.levels).float()


def _context(tables: Tables, context: int) -> Tensor:
    """What was seen of each epoch, (designs, 4 * MOST_SEEN).

    Whether it was, the share of the guess's loss that is gone, this over the best of
    the pool, and its rank there.
    """
    found = np.zeros((len(tables), MOST_SEEN, 4), np.float32)
    for epoch in range(context):
        shares = np.nan_to_num(tables.shares[:, 0, epoch], nan=LEAST)
        for rows in tables.pools.values():
            found[rows, epoch, 2] = shares[rows] / max(shares[rows].max(), 1e-2)
        found[:, epoch, 0], found[:, epoch, 1] = 1, shares
        found[:, epoch, 3] = tables.in_pool(shares[:, None])[:, 0]
    return torch.from_numpy(found.clip(-2, 2)).flatten(1)


def _drawn(
    pools: list[Pool], probes: int, rng: np.random.Generator
) -> tuple[Tensor, ...]:
    """Some designs of some pools: what is known, seen, and how one seed learned."""
    parts = []
    for number in rng.integers(len(pools), size=POOLS):
        own, task, contexts, levels = pools[number]
        some = torch.from_numpy(rng.integers(len(own), size=DESIGNS))
        context = int(rng.choice([0, 0, 0, 1, 1, 3, 5]))
        known = ~levels[some].isnan()[..., 0]  # (designs, seeds)
        own_seed = rng.integers(known.sum(1).numpy())
        level = levels[some, torch.from_numpy(own_seed)]
        noisy = task + 0.3 * torch.from_numpy(rng.normal(size=len(task))).float()
        noisy = noisy * float(rng.random() > UNKNOWN)
        given = own[some]
        if probes and rng.random() < UNKNOWN:
            given = torch.cat([given[:, :-probes], torch.zeros(DESIGNS, probes)], 1)
        parts.append((given, noisy, contexts[context][some], level))
    return tuple(torch.stack(each) for each in zip(*parts, strict=True))


def _loss(member: Child, drawn: tuple[Tensor, ...]) -> Tensor:
    """Pinball loss of the curves, order within pools, and whether runs diverge."""
    own, task, seen, level = drawn
    curve, logit = member(own, task, seen)
    taus = torch.from_numpy(QUANTILES).float()
    gap = level[..., None] - curve
    pinball = torch.maximum(taus * gap, (taus - 1) * gap).mean()
    middle = curve[..., len(QUANTILES) // 2]
    order = curve.new_zeros(())
    for forecast, truth in (
        (middle[..., -1], level[..., -1]),
        (middle.mean(-1), level.mean(-1)),
    ):
        ahead = truth[:, :, None] - truth[:, None]  # (pools, designs, designs)
        told = (forecast[:, :, None] - forecast[:, None]) / 0.1
        weight = ahead.abs().clamp(max=0.3)
        order = order + (weight * functional.softplus(-told * ahead.sign())).mean()
    diverged = (level[..., -1] <= LEAST).float()
    risk = functional.binary_cross_entropy_with_logits(logit, diverged)
    return pinball + ORDERED * order + 0.05 * risk
