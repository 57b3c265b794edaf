"""Scores that pruning goes by, against dense arithmetic of numpy."""

import numpy as np
import pytest
import torch
from each import each
from own import Last

from vsrnn import Config, Design, VsrnnError, run
from vsrnn.methods.magnitude import Magnitude
from vsrnn.methods.scores import SCORES, Matrix
from vsrnn.runs.run import build_model

OWN = [
    ("block", {}),
    ("cell", {"cell": "relu"}),
    ("cell", {"cell": "lstm", "layers": 2}),
    ("cell", {"cell": "relu", "start": 2, "bias": 0}),
]


def model_of(kind, options, task=Last, density=0.6, seed=3):
    config = Config(
        f"own:{task.__name__}",
        Design("small", 10, density, kind, options=options),
        seed=seed,
    )
    return build_model(config, task)


def made(seed=0, rows=7, columns=5, units=7):
    """A matrix of which two thirds are weights, and activities of different size."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < 0.67)
    before = rng.normal(size=(40, columns)) * rng.uniform(0.1, 3, columns) + 1
    after = rng.normal(size=(40, units)) @ rng.normal(size=(units, units))
    where = np.nonzero(dense)
    given = (torch.tensor(dense[where]), *map(torch.tensor, where), dense.shape)
    return Matrix(*given, torch.tensor(before), torch.tensor(after)), dense, where


def by_hand(name, dense, before, after):
    """Every entry's score, on the dense matrix."""
    size = np.abs(dense)
    if name == "magnitude":
        return size
    if name == "projected":
        _, s, axes = np.linalg.svd(before - before.mean(0), full_matrices=False)
        share = np.cumsum(s**2) / np.sum(s**2)
        axes = axes[: 1 + np.argmax(share >= 0.98)]
        return np.abs(dense @ axes.T @ axes)
    size = size * before.std(0, ddof=1)
    if name == "activation":
        return size
    std = after.std(0, ddof=1)
    gates = len(dense) // len(std)
    return size * np.tile(std / std.mean(), gates)[:, None]


@pytest.mark.parametrize("name", SCORES)
def test_scores_are_those_of_dense_arithmetic(name):
    for seed, (rows, units) in enumerate([(7, 7), (12, 3)]):
        matrix, dense, where = made(seed, rows, units=units)
        expected = by_hand(name, dense, matrix.before.numpy(), matrix.after.numpy())
        np.testing.assert_allclose(SCORES[name](matrix), expected[where], rtol=1e-9)


def test_projection_keeps_what_holds_the_variance_and_no_more():
    """Three directions hold 60, 39 and 1 % of the variance."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(6, 3)))[0].T
    samples = np.linalg.qr(rng.normal(size=(50, 4)))[0]
    samples = np.linalg.qr(np.c_[np.ones(50), samples])[0][:, 1:4]  # of mean zero
    before = samples * np.sqrt([60, 39, 1]) @ axes
    dense = rng.normal(size=(4, 6))
    where = torch.cartesian_prod(torch.arange(4), torch.arange(6)).T
    matrix = Matrix(
        torch.tensor(dense).flatten(), *where, dense.shape, torch.tensor(before)
    )
    expected = np.abs(dense @ axes[:2].T @ axes[:2]).ravel()
    np.testing.assert_allclose(SCORES["projected"](matrix), expected, rtol=1e-9)


@pytest.mark.parametrize("name", SCORES)
def test_units_that_never_vary_have_no_score_but_a_magnitude(name):
    matrix, *_ = made()
    still = matrix._replace(before=matrix.before * 0, after=matrix.after * 0)
    scores = SCORES[name](still)
    assert bool((scores == 0).all()) == (name != "magnitude")


@each("kind, options", OWN)
@each("name", SCORES)
def test_the_lowest_scores_go_whatever_the_matrix(kind, options, name):
    model = model_of(kind, options)
    x = Last().batch("train", slice(0, 24))[0]
    dense = {n: m.double().numpy() for n, m in model.matrices().items()}
    scores = {}
    for block, (before, after) in ends_of(model, kind, x).items():
        scores[block] = by_hand(name, dense[block], before, after)[dense[block] != 0]
    work = Magnitude(0.2, score=name, end=1).begin(model, 1)
    work.after_epoch(1, lambda: x)
    left = model.matrices()
    kept = [left[b].numpy()[dense[b] != 0] != 0 for b in scores]
    kept, every = np.concatenate(kept), np.concatenate(list(scores.values()))
    assert 0 < kept.sum() == sum(model.block_weights().values())
    assert every[kept].min() >= every[~kept].max() * (1 - 1e-4)


def ends_of(model, kind, x):
    """What each block reads and feeds over all sequences and steps, by hand."""
    with torch.no_grad():
        state, hidden, outputs = None, [], []
        for step in x.unbind(1):
            y, state = model.step(step, state)
            h = state[0] if isinstance(state, tuple) else state
            hidden.append(h.reshape(-1, *h.shape[-2:]))  # (layers, batch, hidden)
            outputs.append(y)
    flat = [torch.cat(part, -2).double().numpy() for part in (hidden, outputs)]
    x, (h, y) = torch.cat(x.unbind(1)).double().numpy(), flat
    if kind == "block":
        ends = {"x": x, "h": h[0], "y": y}
        return {block: (ends[block[1]], ends[block[0]]) for block in model.regions}
    start = len(model.matrices().get("start", [[]])[0])
    ends = {"start": (x[: len(x) // 5, :start], h[0])} if start else {}
    for k, own in enumerate(h):
        ends[f"ih_{k}"] = (h[k - 1] if k else x[:, start:]), own
        ends[f"hh_{k}"] = own, own
    return ends | {"head": (h[-1], y)}


def test_a_score_is_part_of_the_id_and_of_what_is_trained():
    design = Design("small", 10, 0.8)
    configs = [
        Config("own:Last", design, epochs=3, method=Magnitude(0.1, score=name))
        for name in SCORES
    ]
    assert "score" not in configs[0].as_dict()["method"]
    results = [run(config) for config in configs]
    assert len({result["id"] for result in results}) == len(SCORES)
    assert len({result["total_weights"] for result in results}) == 1
    assert len({str(result["test"]) for result in results}) == len(SCORES)


def test_symbols_are_scored_too():
    for options in ({}, {"embedding": 4}):
        design = Design("read", 6, 0.8, "cell", options=options)
        method = Magnitude(0.3, score="prepost")
        assert run(Config("own:Symbols", design, epochs=2, method=method))["score"]


def test_an_unknown_score_gets_a_sentence():
    with pytest.raises(VsrnnError, match="score must be magnitude or activation or"):
        Magnitude(score="luck")
