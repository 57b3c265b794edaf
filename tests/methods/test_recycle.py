"""Units that begin anew: the least useful ones, and the others do not notice."""

import numpy as np
import pytest
import torch

from vsrnn import BlockRNN, Config, Design, Geometry, VsrnnError, get_method, run
from vsrnn.training.optimizer import Optimizer

X = torch.rand(5, 6, 12, generator=torch.Generator().manual_seed(5))


def test_the_least_useful_units_begin_anew_and_outputs_lose_only_these():
    model = BlockRNN(Geometry(12, 20, 4, 0.5), seed=3)
    optimizer = Optimizer([model], [1e-2])
    (model(X)[0] - 1).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    before, state = model.matrices(), model.state_dict()
    sizes = model.states(X)[0].abs().mean((0, 1)).numpy()
    readers = sum(before[b].abs().sum(0).numpy() for b in ("hh", "yh"))
    least = set(np.argsort(sizes * readers)[:5].tolist())
    work = get_method("recycle", share=0.25, rest=1).begin(model, 3, seed=1)
    optimizer.carry(work.after_epoch(1, lambda: X))
    after, chosen = model.matrices(), sorted(least)
    assert set(work.young.nonzero()[:, 0].tolist()) == least
    others = [n for n in range(20) if n not in least]
    for block in ("hh", "yh"):
        assert not after[block][:, chosen].any()
        rows = others if block == "hh" else range(4)
        for row in rows:
            assert torch.equal(after[block][row, others], before[block][row, others])
    for block in ("hx", "hy"):
        assert torch.equal(after[block][others], before[block][others])
        assert not torch.equal(after[block][chosen], before[block][chosen])
        there = before[block] != 0
        assert torch.equal(after[block] != 0, there)  # masks stay
    spread = after["hx"][chosen]
    assert spread[spread != 0].std() == pytest.approx(0.05, rel=0.3)
    assert not model.bias[chosen].any() and model.bias[others].any()
    means = optimizer.groups[0].means
    assert not means[2][chosen].any() and means[2][others].any()
    pruned = BlockRNN(Geometry(12, 20, 4, 0.5))
    pruned.load_state_dict(state)
    for block, (part, own, _, column) in pruned.block_ends().items():
        if block[1] == "h":  # as if nobody had read them
            gone = torch.isin(column, torch.tensor(chosen))
            pruned.weight(part).data[own[gone]] = 0
    torch.testing.assert_close(model(X)[0], pruned(X)[0])
    work.after_epoch(2, lambda: X)  # the young are left alone once
    assert not set(work.young.nonzero()[:, 0].tolist()) & least


def test_a_run_recycles_and_what_makes_no_sense_is_refused():
    design = Design("small", 12, (0.5,) * 6, learning_rate=1e-2)
    method = {"name": "recycle", "share": 0.3}
    given = run(Config("own:Classes", design, epochs=3, method=method))
    plain = run(Config("own:Classes", design, epochs=3))
    assert given["weights"] == plain["weights"] and given["curve"] != plain["curve"]
    with pytest.raises(VsrnnError, match="share must lie above 0"):
        get_method("recycle", share=0)
    with pytest.raises(VsrnnError, match="recycling units needs a block RNN, not RNN"):
        get_method("recycle").begin(torch.nn.RNN(2, 2), 1)
