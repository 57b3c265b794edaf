"""Designs by how a budget is shared out among the six blocks, and their controls."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from vsrnn.design.geometry import Geometry
from vsrnn.errors import VsrnnError

CONTROLS = ("dense", "uniform", "hp_0.5", "hp_0.9")
"""Designs that every task has beside its random ones, see :func:`control`."""

CONCENTRATION = 0.8  # of the Dirichlet distribution of shares; 1 is flat
LEAST_HIDDEN = 4
RATES, SPREAD = (7e-4, 1.4e-2), (0.1, 2.0)
GAINS = (1.0, 1.0, 0.5, 1.0, 1.0, 0.5)
"""Usual gains of the six blocks, for ``initial`` at "fan-in": outputs are read again by
hy and yy, and half the gain keeps that loop from growing."""
TRIES = 1_000
UNIFORM, WIDE = 0.2, 24

Six = tuple[float, ...]


def draw_shares(
    rng: Generator, inputs: int, outputs: int, budget: float
) -> tuple[int, Six, Six, float]:
    """Draw hidden size, densities, gains and learning rate that spend a budget.

    The hidden size is log-uniform, see :func:`hidden_range`. Shares of the budget are
    of a Dirichlet distribution, see :func:`shared_out`, drawn again if hx, hh or yh has
    less than one weight for two of its rows. The gain of each block is the usual one
    times a number that is log-uniform in .1..2; the rate is so in 7e-4..1.4e-2.

    Raises:
        VsrnnError: the budget is too small for these sizes.
    """
    span = hidden_range(inputs, outputs, budget)
    for _ in range(TRIES):
        hidden = round(_log_uniform(rng, *span))
        shares = rng.dirichlet([CONCENTRATION] * 6).tolist()
        density = shared_out(budget, inputs, hidden, outputs, shares)
        weights = Geometry(inputs, hidden, outputs, density).block_weights
        rows = {"hx": hidden, "hh": hidden, "yh": outputs}
        if all(2 * weights[block] >= n for block, n in rows.items()):
            break
    else:
        raise _too_small(budget, inputs, outputs)
    gains = tuple(float(f"{g * _log_uniform(rng, *SPREAD):.3g}") for g in GAINS)
    return hidden, density, gains, float(f"{_log_uniform(rng, *RATES):.3g}")


def hidden_range(inputs: int, outputs: int, budget: float) -> tuple[int, int]:
    """The least and most hidden units that a budget is spent on.

    The least is 4, or as many as the dense network has. The most is 1.5 times the root
    of the budget; where inputs and outputs are few, half as many as would spend all of
    it without hh, but 4 times the root.

    Raises:
        VsrnnError: there are none.
    """
    read = inputs + 2 * outputs
    left = budget - outputs * (inputs + outputs)
    dense = (math.sqrt(read**2 + 4 * max(left, 0)) - read) / 2
    least = max(math.ceil(dense), LEAST_HIDDEN)
    root = math.sqrt(budget)
    most = int(max(1.5 * root, min(budget / (2 * read), 4 * root)))
    if most < least or budget < 2 * outputs:
        raise _too_small(budget, inputs, outputs)
    return least, most


def shared_out(
    budget: float, inputs: int, hidden: int, outputs: int, shares: Sequence[float]
) -> Six:
    """Densities by which each block has its share of a budget, as far as it has room.

    What is too much for a block goes to those with room left, in proportion.

    Raises:
        VsrnnError: the blocks that have a share have not enough room.

    >>> shared_out(100, 2, 10, 1, [0.5, 0.3, 0, 0, 0.2, 0])
    (1.0, 0.7, 0.0, 0.0, 1.0, 0.0)
    """
    entries = np.array(list(Geometry(inputs, hidden, outputs, 1).entries.values()))
    given = np.asarray(shares, float)
    room = int(entries[given > 0].sum())
    if budget > room:
        raise VsrnnError(
            f"{budget:,.0f} weights have no room in the {room:,} entries of "
            f"{hidden:,} hidden units; take more units or fewer weights"
        )
    full = np.zeros(6, bool)
    while True:
        rest = given * ~full
        left = budget - entries[full].sum()
        weights = np.where(full, entries, left * rest / (rest.sum() or 1.0))
        more = full | (weights > entries)
        if (more == full).all():
            break
        full = more
    return tuple(round(share, 6) for share in (weights / entries).tolist())


def control(name: str, inputs: int, outputs: int, budget: float) -> tuple[int, Six]:
    """Hidden size and densities of a control: dense, uniform, or a hidden proportion.

    - ``dense`` has all entries of the six blocks, or of hx, hh and yh alone where
      outputs are too many for 4 hidden units otherwise;
    - ``uniform`` has a density of .2, or the one at which 24 units fit;
    - ``hp_0.5`` and ``hp_0.9`` have this share of the weights that compute the hidden
      state in hh, a fifth of the budget, or what has room, in outputs, and a quarter
      more hidden units than have room for the rest.

    Raises:
        VsrnnError: the budget is too small, or there is no such control.
    """
    if name == "dense":
        return _solved(budget, inputs, outputs, (1.0,) * 6, (1.0, 1.0, 0, 0, 1.0, 0))
    if name == "uniform":
        wide = Geometry(inputs, WIDE, outputs, 1).weights
        other = round(min(UNIFORM, budget / wide), 6)
        return _solved(budget, inputs, outputs, (UNIFORM,) * 6, (other,) * 6)
    if name in CONTROLS:
        return _at_proportion(float(name.partition("_")[2]), inputs, outputs, budget)
    raise VsrnnError(f"unknown control {name!r}; choose {', '.join(CONTROLS)}")


def _solved(
    budget: float, inputs: int, outputs: int, *densities: Six
) -> tuple[int, Six]:
    """The first of some densities at which 4 hidden units or more spend the budget."""
    for density in densities:
        try:
            hidden = Geometry.for_budget(budget, inputs, outputs, density).hidden
        except VsrnnError:
            continue
        if hidden >= LEAST_HIDDEN:
            return hidden, density
    raise _too_small(budget, inputs, outputs)


def _at_proportion(
    proportion: float, inputs: int, outputs: int, budget: float
) -> tuple[int, Six]:
    hidden, row = LEAST_HIDDEN, inputs + outputs
    for _ in range(50):  # heads and hidden size soon agree
        heads = min(budget / 5, outputs * (row + hidden))
        rest = budget - heads
        least = max(math.sqrt(proportion * rest), (1 - proportion) * rest / row)
        hidden = max(math.ceil(1.25 * least), LEAST_HIDDEN)
    parts = {"hx": inputs, "hy": outputs, "yx": inputs, "yh": hidden, "yy": outputs}
    share = {b: n * (1 - proportion) * rest / row for b, n in parts.items() if b < "y"}
    share |= {b: n * heads / (row + hidden) for b, n in parts.items() if b > "y"}
    share["hh"] = proportion * rest
    given = [share[block] for block in ("hx", "hh", "hy", "yx", "yh", "yy")]
    return hidden, shared_out(sum(given), inputs, hidden, outputs, given)


def _too_small(budget: float, inputs: int, outputs: int) -> VsrnnError:
    return VsrnnError(
        f"a budget of {budget:,.0f} weights is too small for {inputs:,} inputs and "
        f"{outputs:,} outputs; give more"
    )


def _log_uniform(rng: Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
