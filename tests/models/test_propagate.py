"""Derivatives of block RNNs of every kind, against those of torch's own operations."""

import copy

import pytest
import torch
from torch.autograd import forward_ad
from torch.func import functional_call

from vsrnn import BlockRNN, Geometry, MaskedCell, ModelBatch, VsrnnError

SMALL = Geometry(5, 4, 3, 0.7)


def dense(model, x):
    """The recurrence as torch differentiates it."""
    rows = model.matrix("input"), model.matrix("state")
    hidden, state, outputs = model.geometry.hidden, None, []
    for read in x.unbind(1):
        after = read @ rows[0].T + model.bias
        after = after if state is None else after + state @ rows[1].T
        h = getattr(torch, model.activation)(after[..., :hidden])
        state = torch.cat([h, after[..., hidden:]], -1)
        outputs.append(after[..., hidden:])
    return torch.stack(outputs, 1)


def test_second_derivatives():
    how = {"dtype": torch.float64}
    for activation in ("relu", "tanh"):
        for given in (True, False):
            torch.manual_seed(0)
            model = BlockRNN(SMALL, activation=activation, **how)
            x = torch.randn(2, 3, 5, **how).requires_grad_(given)
            state = torch.rand(2, 4, **how), torch.randn(2, 3, **how)
            if not given:
                x[:, -1] = 0  # a blank end

            def run(w, v, b, h, y, x, model=model):
                own = {"weight_input": w, "weight_state": v, "bias": b}
                output, last = functional_call(model, own, (x, (h, y)))
                return output, *last

            ends = [part.requires_grad_() for part in state]
            assert torch.autograd.gradgradcheck(run, (*model.parameters(), *ends, x))
    batch = ModelBatch([BlockRNN(Geometry(5, k, 2, 0.7), **how) for k in (2, 3)])
    names = [name for name, _ in batch.named_parameters()]

    def together(x, *own):
        return functional_call(batch, dict(zip(names, own, strict=True)), (x,))

    x = torch.randn(2, 3, 5, **how).requires_grad_()
    assert torch.autograd.gradgradcheck(together, (x, *batch.parameters()))


def test_a_penalty_on_slopes_reaches_the_weights():
    model, x = BlockRNN(SMALL, activation="tanh"), torch.randn(4, 3, 5)
    found = []
    for run in (lambda z: model(z)[0], lambda z: dense(model, z)):
        z = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(run(z).sum(), z, create_graph=True)
        model.zero_grad()
        slope.square().sum().backward()
        found.append([p.grad.clone() for p in (model.weight_input, model.weight_state)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
        assert one.any()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, in torch
def test_transforms_of_torch():
    model, x = BlockRNN(SMALL, activation="tanh"), torch.randn(2, 3, 5)
    jacobian = torch.autograd.functional.jacobian

    def run(z):
        return model(z)[0]

    def expected(z):
        return dense(model, z)

    wanted = jacobian(expected, x)
    for found in (
        jacobian(run, x),
        jacobian(run, x, vectorize=True),
        torch.func.jacrev(run)(x),
        torch.func.jacfwd(run)(x),
    ):
        torch.testing.assert_close(found, wanted)
    ones = torch.ones_like(x)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, ones)
        tangent = forward_ad.unpack_dual(run(dual)).tangent
    torch.testing.assert_close(tangent, torch.func.jvp(expected, (x,), (ones,))[1])
    own = dict(model.named_parameters())

    def loss(own, x):
        return functional_call(model, own, (x[None],))[0].square().sum()

    each = torch.func.vmap(torch.func.grad(loss), (None, 0))(own, x)
    for number, one in enumerate(x):
        model.zero_grad()
        model(one[None])[0].square().sum().backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(each[name][number], parameter.grad)


def test_ensembles_are_stacked_only_on_the_same_masks():
    for make in (
        lambda seed: BlockRNN(SMALL, mask="exact", seed=seed),
        lambda seed: MaskedCell(5, 4, 3, 0.5, cell="gru", mask="exact", seed=seed),
    ):
        models, x = [make(seed) for seed in range(3)], torch.randn(2, 3, 5)
        base = copy.deepcopy(models[0]).to("meta")

        def run(own, buffers, base=base, x=x):
            return functional_call(base, (own, buffers), (x,))[0]

        with pytest.raises(VsrnnError, match="other masks"):
            torch.func.vmap(run)(*torch.func.stack_module_state(models))
        if isinstance(base, MaskedCell):
            continue  # torch has no vmap over the weights of its cells
        saved = models[0].state_dict()
        for number, model in enumerate(models):
            model.load_state_dict(saved)
            for parameter in model.parameters():
                parameter.data.mul_(1 + number)
        outputs = torch.func.vmap(run)(*torch.func.stack_module_state(models))
        for output, model in zip(outputs, models, strict=True):
            torch.testing.assert_close(output, model(x)[0])
