"""Every family of models, by one interface."""

import pickle

import pytest
import torch

from vsrnn import Design, VsrnnError
from vsrnn.design.family import Family, families, get_family, register
from vsrnn.models import SparseModule

X, H, Y = 40, 30, 6
CHOICES = {
    "block": [{}, {"activation": "tanh"}],
    "cell": [
        {"cell": cell, "layers": layers}
        for cell in ("tanh", "relu", "lstm", "gru")
        for layers in (1, 2)
    ],
    "graph": [{}, {"graph": "ws", "cell": "lstm"}],
    "modular": [{}, {"modules": 3, "heads": 3}, {"modules": 1, "heads": 2}],
}
SHARES = (0.2, 0.7, 0.4)


def design_of(name, options):
    """A design of a family, its densities as different as those of neighbors."""
    many = len(get_family(name).matrices(options))
    density = [SHARES[n % 3] for n in range(many)]
    return Design("mine", H, density, model=name, options=options)


DESIGNS = [design_of(name, o) for name in families() for o in CHOICES.get(name, [{}])]


def built(design, seed=0, mask="bernoulli"):
    return get_family(design.model).build(design, X, Y, seed=seed, mask=mask)


def test_counts_agree_with_what_is_expected():
    for design in DESIGNS:
        family = get_family(design.model)
        expected = family.expected(design, X, Y)
        exact, drawn = (
            family.counts(built(design, mask=mask)) for mask in ("exact", "bernoulli")
        )
        for counts, far in ((exact, 0.5), (drawn, 60)):
            assert counts.keys() == expected.keys()
            if expected["weights"] is not None:
                assert counts["weights"].keys() == expected["weights"].keys()
                assert sum(counts["weights"].values()) == counts["total_weights"]
                for name, number in expected["weights"].items():
                    assert abs(counts["weights"][name] - number) <= far
                    assert counts["weights"][name] == int(counts["weights"][name])
            many = len(design.matrices) or 1
            for name in ("total_weights", "parameters"):
                assert abs(counts[name] - expected[name]) <= far * many
            share = expected["hidden_proportion"]
            assert counts["hidden_proportion"] == (
                share and pytest.approx(share, abs=0.05)
            )
        parameters = sum(p.numel() for p in built(design).parameters())
        assert drawn["parameters"] == parameters


def test_forward_steps_and_batches_agree():
    for design in DESIGNS:
        family, x = get_family(design.model), torch.randn(3, 5, X)
        models = [built(design, seed) for seed in (0, 1)]
        output, _ = models[0](x)
        assert output.shape == (3, 5, Y)
        state, outputs = None, []
        for t in range(5):
            y, state = models[0].step(x[:, t], state)
            outputs.append(y)
        torch.testing.assert_close(torch.stack(outputs, 1), output)
        for some in (models[:1], models):
            together = family.batch(some)(x)
            assert together.shape == (len(some), 3, 5, Y)
            for own, alone in zip(together, some, strict=True):
                torch.testing.assert_close(own, alone(x)[0], rtol=1e-4, atol=1e-6)
        assert not torch.allclose(together[0], together[1])
        together.square().mean().backward()
        assert all(p.grad is not None for model in models for p in model.parameters())
        again = pickle.loads(pickle.dumps(models[1]))
        assert torch.equal(again(x)[0], models[1](x)[0])


def test_masks_can_shrink_and_grow():
    for design in DESIGNS:
        model, x = built(design), torch.randn(3, 5, X)
        if not isinstance(model, SparseModule):
            assert not design.matrices  # what has densities can be rewired
            continue
        family, before = get_family(design.model), model.block_weights()
        assert list(before) == list(model.block_entries()) == list(design.matrices)
        fewer = family.batch([model])
        fewer(x)
        for name in before:
            part, places = model.block_places()[name]
            kept = torch.ones(len(model.index(part)), dtype=torch.bool)
            kept[places[::2]] = False
            values = model.weight(part).detach()[kept]
            source = model.rewire(part, model.index(part)[kept])
            assert torch.equal(source, kept.nonzero()[:, 0])
            assert torch.equal(model.weight(part), values)
            assert model.block_weights()[name] == before[name] // 2
        torch.testing.assert_close(fewer(x)[0], model(x)[0], rtol=1e-4, atol=1e-6)
        weights = family.counts(model)["weights"]
        assert weights == {name: number // 2 for name, number in before.items()}
        for part, (rows, columns) in model.shapes.items():
            model.rewire(part, torch.arange(rows * columns))
        assert model.block_weights() == model.block_entries()


def test_memory_and_keys():
    for design in DESIGNS:
        family = get_family(design.model)
        for many in (1, 4):
            bytes_ = family.memory([design] * many, X, Y, steps=20, batch=16)
            parameters = sum(p.numel() for p in built(design).parameters())
            least = many * (16 * parameters + 8 * 20 * 16 * family.rows(design, Y))
            assert 0.8 * least < bytes_ < 6 * least
        other = Design("other", H, 0.5 if design.matrices else (), design.model)
        keys = {family.batch_key(d, "cpu") for d in (design, other)}
        assert len(keys) == (1 if design.options == other.options else 2)
        assert family.rows(design, Y) >= H + Y


def test_symbols_are_refused_where_numbers_are_read():
    for name in families():
        design = Design("mine", H, 0.5 if get_family(name).matrices({}) else (), name)
        if get_family(name).symbols:
            model = get_family(name).build(design, X, Y, symbols=True)
            assert model(torch.randint(0, X, (2, 3)))[0].shape == (2, 3, Y)
        else:
            with pytest.raises(VsrnnError, match="choose one of: cell, graph"):
                get_family(name).build(design, X, Y, symbols=True)


def test_names_of_families_are_unique():
    with pytest.raises(VsrnnError, match="a model 'block' already"):

        @register
        class Other(Family):
            name = "block"

    with pytest.raises(VsrnnError, match="choose one of: block, cell, graph"):
        get_family("nothing")
