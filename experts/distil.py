"""Distillation of a plan into a policy, which corrects what goes differently."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from experts.plan import Log, disturbance, plan_actions
from vsrnn.tasks.adroit import HAMMER, STEPS, Array, play
from vsrnn.tasks.policy import Policy

NOISES = (0.0, 0.05, 0.1, 0.2, 0.3)
"""Standard deviations of the disturbance under which the plan is shown."""

HIDDEN, EPOCHS, BATCH = 64, 60, 256
NAIL = 44
"""Which observation is the height of the nail, and so of the board [m]."""


def distil(
    plan: Array, seed: int, log: Log, noise: float = 0.1, episodes: int = 160
) -> Policy:
    """Train a policy to act as the plan does, wherever disturbances have led.

    The plan is played with disturbed actions; what is learned is the undisturbed
    action at what is then observed. Only episodes that succeed are shown.

    Args:
        plan: as :func:`experts.plan.find_plan` gives it.
        seed: of heights, disturbances, initial weights and batches.
        log: takes lines about it.
        noise: standard deviation of the noise that the policy is given as its own.
        episodes: how many are played.
    """
    observations, actions = _shown(plan, seed, episodes)
    log(f"distilling {len(observations)} of {episodes} episodes, those that succeed")
    shift = observations.mean((0, 1))
    scale = np.maximum(observations.std((0, 1)), 0.02)
    x = torch.from_numpy((observations - shift) / scale).float().flatten(0, 1)
    y = torch.from_numpy(actions).float().flatten(0, 1)
    weight = torch.where(torch.arange(STEPS) < 60, 1.0, 0.3).repeat(len(actions))
    network, loss = _fit(x, y, weight, seed)
    log(f"distilled with a mean squared error of {loss:.5f}")
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    arrays = {
        f"{kind}{n}": value.detach().numpy()
        for n, layer in enumerate(layers)
        for kind, value in (("W", layer.weight), ("b", layer.bias))
    }
    ends = {
        "in_shift": shift,
        "in_scale": scale,
        "out_shift": np.zeros(HAMMER.outputs),
        "out_scale": np.ones(HAMMER.outputs),
        "log_std": np.full(HAMMER.outputs, np.log(noise)),
    }
    return Policy(arrays | {k: end.astype(np.float32) for k, end in ends.items()})


def _shown(plan: Array, seed: int, episodes: int) -> tuple[Array, Array]:
    """Observations of successful disturbed episodes, and the plan's own actions."""
    rng = np.random.default_rng([seed, 2])
    noises = np.resize(NOISES, episodes)
    drawn = np.stack([disturbance(rng, STEPS, noise) for noise in noises])
    wanted = np.empty((episodes, STEPS, HAMMER.outputs))
    step = 0

    def act(observations: Array) -> Array:
        nonlocal step
        if step == 0:  # the heights are not known before
            for n, height in enumerate(observations[:, NAIL]):
                wanted[n] = plan_actions(plan, height, STEPS)
        step += 1
        return wanted[:, step - 1] + drawn[:, step - 1]

    first = 10_000 + seed * episodes
    played = play(HAMMER, act, range(first, first + episodes))
    good = played.succeeded()
    return played.observations[good, :-1], wanted[good]


def _fit(
    x: Tensor, y: Tensor, weight: Tensor, seed: int
) -> tuple[nn.Sequential, float]:
    """Fit the network by Adam, its rate falling linearly; and its final loss."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(x.shape[1], HIDDEN),
            nn.Tanh(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.Tanh(),
            nn.Linear(HIDDEN, y.shape[1]),
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.005, EPOCHS)
        for _ in range(EPOCHS):
            total = 0.0
            for rows in torch.randperm(len(x)).split(BATCH):
                error = (network(x[rows]) - y[rows]).square().mean(1)
                loss = (weight[rows] * error).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(rows)
            schedule.step()
    return network, total / len(x)
