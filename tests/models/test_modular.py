"""Chains of modules, unit by unit."""

import numpy as np
import pytest
import torch

from vsrnn import VsrnnError
from vsrnn.models.modular import ModularRNN

SIZES = [(3, 4, 6, {"modules": 3, "heads": 3}), (3, 4, 6, {"modules": 3})]
SIZES += [(2, 5, 6, {"modules": 1, "heads": 3})]


def by_units(model, x):
    """The equation with loops over time, modules and units, in double precision."""
    matrix = {
        part: model.matrix(part).detach().double().numpy() for part in model.shapes
    }
    own = {n: p.detach().double().numpy() for n, p in model.named_parameters()}
    n, outputs = model.units, []
    h = np.zeros(model.chain * n)
    for now in x.double().numpy():
        new = np.empty_like(h)
        for d in range(model.chain):
            for i in range(n):
                unit = d * n + i
                total = own["bias"][unit] + matrix["ih"][unit] @ now
                total += sum(
                    matrix["within"][unit, j] * h[d * n + j] for j in range(n) if j != i
                )
                if d:
                    before = h[(d - 1) * n : d * n]
                    total += matrix["between"][unit - n] @ before
                active = total if total > 0 else 0.01 * total
                rate = 1 / max(1, own["tau"][unit])
                new[unit] = (1 - rate) * h[unit] + rate * active
        h, y = new, own["bias_head"].copy()
        for k in range(model.outputs):
            if not model.heads:
                y[k] += matrix["head"][k] @ h
                continue
            module = k // (model.outputs // model.heads) if model.chain > 1 else 0
            y[k] += matrix["head"][k] @ h[module * n : (module + 1) * n]
        outputs.append(y)
    return np.array(outputs)


@pytest.mark.parametrize("inputs, units, outputs, options", SIZES)
def test_a_chain_is_its_equation(inputs, units, outputs, options):
    model = ModularRNN(inputs, units, outputs, seed=2, **options)
    with torch.no_grad():
        model.tau[0], model.bias_head[:] = 0.5, torch.arange(outputs) / 10
    x = torch.randn(7, inputs)
    found = model(x)[0].detach().numpy()
    np.testing.assert_allclose(found, by_units(model, x), rtol=1e-4, atol=1e-6)


def test_no_unit_reads_itself_and_time_constants_begin_between_1_and_2():
    model = ModularRNN(3, 6, 4, modules=5)
    for matrix in model.matrix("within").unflatten(0, (5, 6)):
        assert not matrix.diag().any() and (matrix != 0).sum() == 30
    assert 1 <= model.tau.min() < 1.2 and 1.8 < model.tau.max() < 2


def test_heads_that_fit_nothing_are_refused():
    for modules, heads in ((3, 2), (2, 4), (1, 5)):
        with pytest.raises(VsrnnError, match=f"{heads} heads fit neither 6 outputs"):
            ModularRNN(3, 4, 6, modules=modules, heads=heads)
    with pytest.raises(VsrnnError, match="units must be a whole number"):
        ModularRNN(3, 0, 6)
