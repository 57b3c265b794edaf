"""Methods that move weights: what goes, what comes, and what stays as it is."""

from math import cos, pi

import numpy as np
import pytest
import torch

from vsrnn import (
    BlockRNN,
    Config,
    Design,
    Geometry,
    MaskedCell,
    VsrnnError,
    get_method,
    run,
    run_many,
)
from vsrnn.methods.across import NORMS
from vsrnn.methods.moving import LOOKS, target
from vsrnn.training.optimizer import Optimizer

X = torch.randn(6, 7, 12, generator=torch.Generator().manual_seed(5))
SMALL = Design("small", 12, (0.3, 0.5, 0.4, 0.5, 0.6, 0.5), learning_rate=1e-2)


def block():
    return BlockRNN(Geometry(12, 9, 4, (0.3, 0.5, 0.6, 0.4, 0.5, 0.5)), seed=3)


def cell():
    return MaskedCell(12, 9, 4, (0.4, 0.4, 0.6), cell="gru", seed=3)


def loss(model):
    return (model(X)[0] - 1).square().mean()


def dense_gradients(model):
    """Of every block, by autograd through a network of torch alone."""
    twin = model.to_dense()
    loss(twin).backward()
    grads = {tuple(p.shape): p.grad for p in twin.parameters() if p.dim() == 2}
    return {
        name: region.of(grads[model.shapes[region.part]]).numpy()
        for name, region in model.regions.items()
    }


def full(model):
    """Values and masks of all blocks."""
    values = {name: each.numpy() for name, each in model.matrices().items()}
    inside = {name: np.zeros(each.shape, bool) for name, each in values.items()}
    for name, (_, _, row, column) in model.block_ends().items():
        inside[name][row, column] = True
    return values, inside


def moved(model, name="across", progress=0.0, looks=1, **options):
    """The masks and values before and after a move."""
    work = get_method(name, **options).begin(model, 1, seed=1)
    before = full(model)
    for _ in range(looks):
        work.look(loss)
    rewired = work.move(progress)
    return *before, *full(model), rewired


def floors(values, inside, name):
    """The largest weight of each output in its block of the readout."""
    sizes = np.where(inside[name], np.abs(values[name]), -1)
    own = np.zeros_like(inside[name])
    own[np.arange(len(own)), sizes.argmax(1)] = sizes.max(1) >= 0
    return own


@pytest.mark.parametrize("make", [block, cell])
def test_the_least_go_and_come_where_gradients_are_largest(make):
    model = make()
    grads = dense_gradients(model)
    values, inside, after, now, _ = moved(model, "rigl", share=0.25)
    for name, mask in inside.items():
        number = round(0.25 * mask.sum())
        free = mask & ~floors(values, inside, name) if name in ("yh", "head") else mask
        order = np.sort(np.abs(values[name][free]))
        gone, came = mask & ~now[name], now[name] & ~mask
        assert gone.sum() == came.sum() == min(number, free.sum(), (~mask).sum())
        expected = set(order[: gone.sum()])
        assert set(np.abs(values[name][gone])) == expected
        best = np.sort(np.abs(grads[name][~mask]))[::-1][: came.sum()]
        found = np.sort(np.abs(grads[name][came]))[::-1]
        np.testing.assert_allclose(found, best, rtol=1e-4)
        assert not after[name][came].any()  # new weights are 0
        stays = mask & now[name]
        np.testing.assert_array_equal(after[name][stays], values[name][stays])


@pytest.mark.parametrize("norm", NORMS)
def test_across_blocks_all_compete_on_the_scale_that_is_asked_for(norm):
    model = block()
    with torch.no_grad():  # blocks of different scales, other than those drawn
        for number, (name, (part, own)) in enumerate(model.block_places().items()):
            drawn = {name: model.weight(part)[own].abs().mean().item()}
            model.drawn = getattr(model, "drawn", {}) | drawn
            model.weight(part)[own] *= 1 + number
    work = get_method("across", share=0.3, norm=norm).begin(block(), 1)
    work.model = model  # which was drawn as that one
    grads, (values, inside) = dense_gradients(model), full(model)
    work.look(loss)
    work.move(0)
    _, now = full(model)
    total = sum(mask.sum() for mask in inside.values())
    sizes, worth = [], []
    for name, mask in inside.items():
        scale = {
            "raw": 1,
            "deviation": model.drawn[name],
            "mean": np.abs(values[name][mask]).mean(),
        }
        size = np.abs(values[name]) / scale.get(norm, scale["mean"])
        if name == "yh":
            size[floors(values, inside, name)] = np.inf
        gain = np.abs(grads[name])
        if norm == "fan_in":
            gain = gain / np.maximum(mask.sum(1, keepdims=True), 1)
        sizes += zip(size[mask], now[name][mask], strict=True)
        worth += zip(gain[~mask], now[name][~mask], strict=True)
    number = round(0.3 * total)
    gone = sorted(size for size, stays in sizes if not stays)
    came = sorted((gain for gain, is_new in worth if is_new), reverse=True)
    assert len(gone) == len(came) == number
    np.testing.assert_allclose(gone, sorted(s for s, _ in sizes)[:number], rtol=1e-5)
    best = sorted((g for g, _ in worth), reverse=True)[:number]
    np.testing.assert_allclose(came, best, rtol=1e-4)


def test_random_growth_is_even_over_empty_places_and_repeats():
    counts = {}
    for seed in range(40):
        model = block()
        work = get_method("across", share=0.3, random=1).begin(model, 1, seed=seed)
        _, inside = full(model)
        assert work.gradient.numel() == 0
        work.look(loss)  # which nothing needs
        assert work.seen is None
        work.move(0)
        _, now = full(model)
        for name, mask in inside.items():
            came = (now[name] & ~mask).sum() / max(1, (~mask).sum())
            counts.setdefault(name, []).append(came)
    shares = {name: np.mean(each) for name, each in counts.items()}
    empty = sum((~mask).sum() for mask in inside.values())
    number = round(0.3 * sum(mask.sum() for mask in inside.values()))
    for name in ("hx", "hh", "yx"):
        assert shares[name] == pytest.approx(number / empty, abs=0.04)
    one, two, other = (full(_set(seed))[1] for seed in (1, 1, 2))
    assert all((one[name] == two[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)
    for name, mask in full(block())[1].items():  # each block keeps its number
        assert one[name].sum() == mask.sum()
    assert any((one[name] != mask).any() for name, mask in full(block())[1].items())


def _set(seed):
    model = block()
    get_method("set").begin(model, 1, seed=seed).move(0)
    return model


def test_a_constant_share_does_not_fade_and_averages_may_begin_anew():
    for averages in (True, False):
        model = block()
        how = {"share": 0.2, "schedule": "constant", "averages": averages}
        _, inside, _, now, rewired = moved(model, progress=0.9, **how)
        gone = sum((mask & ~now[name]).sum() for name, mask in inside.items())
        assert gone == round(0.2 * sum(mask.sum() for mask in inside.values()))
        assert all((source >= 0).any() == averages for source in rewired.values())


def test_every_output_keeps_what_it_reads_from_the_hidden_state():
    for make, name in ((block, "yh"), (cell, "head")):
        values, inside, _, now, _ = moved(make(), share=1)
        kept = floors(values, inside, name)
        assert kept.sum() == 4 and (now[name] | ~kept).all()


def test_averages_of_what_stays_go_along_and_new_ones_begin_at_0():
    model = block()
    optimizer = Optimizer([model], [1e-2])
    for _ in range(3):
        loss(model).backward()
        optimizer.step()
        optimizer.zero_grad()
    group = optimizer.groups[0]
    before = {
        part: (model.index(part), *(each[n].clone() for each in _averages(group)))
        for n, part in enumerate(model.shapes)
    }
    *_, rewired = moved(model, share=0.4)
    optimizer.carry(rewired)
    for n, part in enumerate(model.shapes):
        index, *old = before[part]
        for averages, then in zip(_averages(group), old, strict=True):
            known = dict(zip(index.tolist(), then.tolist(), strict=True))
            expected = [known.get(place, 0.0) for place in model.index(part).tolist()]
            assert averages[n].tolist() == expected
            assert 0 in expected and any(expected)


def _averages(group):
    return group.means, group.squares


def test_moves_are_even_and_fade_along_a_cosine_until_the_stop():
    model, total = block(), 120
    work = get_method("across", moves=6, share=0.3, stop=0.5).begin(model, 1)
    weights, looks, when = sum(model.block_weights().values()), [], {}
    for number in range(total):

        def watched(net, number=number):
            looks.append(number)
            return loss(net)

        work.before_step(number, total, watched)
        _, inside = full(model)
        work.after_step()
        _, now = full(model)
        assert sum(mask.sum() for mask in now.values()) == weights
        gone = sum((mask & ~now[name]).sum() for name, mask in inside.items())
        if gone:
            when[number] = gone
    assert list(when) == [9, 19, 29, 39, 49, 59]
    fading = [round(0.3 * weights * (1 + cos(pi * m / 6)) / 2) for m in range(6)]
    assert list(when.values()) == fading
    assert looks == [n for last in when for n in range(last + 1 - LOOKS, last + 1)]


def test_few_candidates_are_watched_where_inputs_are_wide(monkeypatch):
    monkeypatch.setattr("vsrnn.methods.moving.WATCHED", 100)
    model = block()
    weights = sum(model.block_weights().values())
    work = get_method("across", share=0.05).begin(model, 1)
    work.look(loss)
    assert len(work.seen) == weights + 4 * round(0.05 * weights)
    work.look(loss)
    grads = dense_gradients(model)
    watched = torch.zeros(len(work.block), dtype=torch.bool)
    watched[work.seen] = True
    for name, places in work.places.items():
        seen = watched[places].numpy()
        twice = 2 * grads[name].ravel()[seen]
        found = work.gradient[places].numpy()
        np.testing.assert_allclose(found[seen], twice, rtol=1e-3, atol=1e-6)
        assert not found[~seen].any()
    work.move(0)
    assert sum(model.block_weights().values()) == weights


@pytest.mark.parametrize("make", [block, cell])
def test_steering_ends_at_the_shares_that_were_asked_for(make):
    hidden = [name for name in make().regions if name.startswith("hh")]
    reads = [name for name in make().regions if name[:2] in ("hx", "hy", "ih")]
    for wanted in (0.2, 0.7):
        model = make()
        before, steps = model.block_weights(), []
        work = get_method("steer", hidden=wanted, moves=4).begin(model, 1)
        for number in range(40):
            work.before_step(number, 40, loss)
            if work.after_step():
                steps.append((number, sum(model.block_weights()[n] for n in hidden)))
        now = model.block_weights()
        own = sum(now[name] for name in hidden)
        both = own + sum(now[name] for name in reads)
        assert own == pytest.approx(wanted * both, abs=2)
        assert sum(now.values()) == sum(before.values())
        for name in now.keys() - {*hidden, *reads}:
            assert now[name] == pytest.approx(before[name], abs=2)
        assert [number for number, _ in steps] == [2, 5, 8, 11]
        gaps = np.diff([sum(before[n] for n in hidden), *(h for _, h in steps)])
        assert np.ptp(gaps) <= 2 and abs(gaps).min() > 0
    shares = {"hx": 0.5, "yh": 0.2, "hh": 0.3}
    if make is block:
        model = block()
        work = get_method("steer", shares=shares, moves=2).begin(model, 1)
        for progress in (0, 0.5):
            work.look(loss)
            work.made = round(2 * progress)
            work.move(progress)
        now = model.block_weights()
        total = sum(now.values())
        wanted = {name: shares.get(name, 0) * total for name in now}
        assert now == pytest.approx(wanted, abs=1)


def test_whole_numbers_meet_a_budget_between_limits():
    low, high = {"a": 0, "b": 2, "c": 0}, {"a": 9, "b": 20, "c": 4}
    assert target(20, {"a": 1, "b": 1, "c": 2}, low, high) == {"a": 8, "b": 8, "c": 4}
    assert target(10, {"a": 1, "b": 0, "c": 0}, low, high)["a"] == 8
    with pytest.raises(VsrnnError, match="40 weights do not fit blocks of 33 places"):
        target(40, {"a": 1, "b": 1, "c": 2}, low, high)


def test_runs_beside_others_move_as_those_alone():
    configs = [
        Config("own:Classes", SMALL, epochs=4, method={"name": name, "moves": 3})
        for name in ("set", "rigl", "across")
    ]
    configs.append(Config("own:Classes", SMALL, epochs=4))
    for config, beside in zip(configs, run_many(configs), strict=True):
        alone = run(config)
        assert alone["weights"] == beside["weights"]
        assert alone["total_weights"] == beside["total_weights"]
        losses = [
            [point["val_loss"] for point in one["curve"]] for one in (alone, beside)
        ]
        np.testing.assert_allclose(*losses, rtol=1e-4)
    own, static = alone["weights"], run(configs[2])["weights"]
    assert sum(own.values()) == sum(static.values()) and own != static


def test_what_makes_no_sense_is_refused_in_a_sentence():
    for name, options, words in (
        ("set", {"moves": 0}, "moves must be"),
        ("rigl", {"share": 0}, "share must lie above 0 and at most at 1, not 0"),
        ("across", {"stop": 2}, "stop must lie above 0 and at most at 1, not 2"),
        ("across", {"norm": "max"}, "norm must be 'mean' or 'raw'"),
        ("across", {"schedule": "line"}, "schedule must be 'cosine' or 'constant'"),
        ("across", {"random": -1}, "random must lie in 0..1, not -1"),
        ("steer", {}, "to a hidden proportion or to shares; give one"),
        ("steer", {"hidden": 2}, "a share to steer to lies in 0..1, not 2"),
        ("steer", {"shares": {"hh": 0}}, "must not all be 0"),
    ):
        with pytest.raises(VsrnnError, match=words):
            get_method(name, **options)
    for options, words in (
        ({"shares": {"zz": 1}}, "no block 'zz' to steer; the model has hx, hh"),
        ({"hidden": 0.99}, r"block hh has 81 places and would need \d+; steer to less"),
    ):
        with pytest.raises(VsrnnError, match=words):
            get_method("steer", **options).begin(block(), 1)
    with pytest.raises(VsrnnError, match="the method rigl needs a model with masks"):
        get_method("rigl").begin(torch.nn.Linear(2, 2), 1)
