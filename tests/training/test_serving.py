"""A network that serves a stream: what it answers, learns and moves meanwhile."""

import pytest
import torch
from torch.nn import functional

import vsrnn
from vsrnn import BlockRNN, Geometry, MaskedCell, VsrnnError


def block(seed=0):
    return BlockRNN(Geometry(4, 20, 2, 0.3), init_std=0.2, mask="exact", seed=seed)


def stream(number, batch=()):
    draw = torch.Generator().manual_seed(1)
    return torch.rand(number, *batch, 4, generator=draw)


def test_without_targets_it_answers_as_the_network_does():
    served, model, state = vsrnn.adapt(block(), window=4), block(), None
    for x in stream(30):
        expected, state = model.step(x, state)
        torch.testing.assert_close(served.step(x), expected.detach())
    assert served.report()["updates"] == 0


@pytest.mark.parametrize("batch", [(), (3,)])
def test_it_learns_from_the_targets_of_the_window_and_only_these(batch):
    """The same by the network's own steps, and Adam of torch."""
    served, model = vsrnn.adapt(block(), window=6, rate=1e-2, every=99), block()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)
    state, kept = None, []
    for n, x in enumerate(stream(20, batch)):
        outputs = []
        if n and n % 3 == 0:
            h = kept[-6:][0][1]
            for seen, _, target in kept[-6:]:
                output, h = model(seen.unsqueeze(-2), h)
                if target is not None:
                    outputs.append((output.squeeze(-2) - target).square())
        if n % 3 == 0 and outputs:
            torch.stack(outputs).mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        expected, after = model.step(x, state)
        given = served.step(x)
        torch.testing.assert_close(given, expected.detach(), rtol=1e-4, atol=1e-5)
        kept.append([x, state, None])
        state = tuple(part.detach() for part in after)
        if n % 2 and n > 1:  # the target of the step before the last one
            kept[-2][2] = torch.full((*batch, 2), float(n))
            served.tell(kept[-2][2], ago=1)
    assert served.report()["updates"] == 5


def test_it_moves_within_its_budget_and_says_so():
    for model in (block(), MaskedCell(4, 9, 2, 0.4, cell="gru")):
        before = {p: set(model.index(p).tolist()) for p in model.shapes}
        weights = sum(model.block_weights().values())
        served = vsrnn.adapt(model, window=4, every=8, share=0.1)
        for x in stream(100):
            served.step(x)
            served.tell(x[:2])
        report = served.report()
        assert report["steps"] == 100 and report["updates"] == 49
        assert report["moves"] == 6 and sum(report["weights"].values()) == weights
        assert 0 < report["moved"] <= 6 * round(0.1 * weights)
        after = {p: set(model.index(p).tolist()) for p in model.shapes}
        assert after != before and report["error"] > 0
        assert len(served.kept) == 4  # however long it serves


def test_classes_can_be_learned_and_what_makes_no_sense_is_refused():
    served = vsrnn.adapt(block(), loss=functional.cross_entropy, window=4, rate=0.01)
    for x in stream(200):
        served.step(x)
        served.tell(torch.tensor(1))
    assert served.report()["error"] < 0.1
    with pytest.raises(VsrnnError, match="the last 4 steps are kept; a target of 4"):
        served.tell(torch.tensor(1), ago=4)
    for how, words in (
        ({"window": 1}, "window must be"),
        ({"every": 0}, "every must be"),
        ({"rate": 0}, "rate must be a number above 0, not 0"),
        ({"method": "steer"}, "method must be 'across', 'rigl' or 'set', not 'steer'"),
        ({"share": 2}, "share must lie above 0"),
    ):
        with pytest.raises(VsrnnError, match=words):
            vsrnn.adapt(block(), **how)
    with pytest.raises(VsrnnError, match="adapting needs a model with masks"):
        vsrnn.adapt(torch.nn.Linear(2, 2))
