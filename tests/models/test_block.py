"""The block RNN against independent implementations, and its masks through life."""

import copy
import pickle
from itertools import pairwise

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy

from vsrnn import BLOCKS, BlockRNN, Geometry, PlainRNN, ProjectedLSTM, VsrnnError
from vsrnn.models._kernels import products as _products

VARIED = (0.1, 1, 1, 0.3, 0.6, 0.2)
NAMES = ("weight_input", "weight_state", "bias")
SMALL = Geometry(30, 12, 4, VARIED)
ACTIVATIONS = {
    "relu": lambda a: torch.clamp(a, min=0),
    "tanh": lambda a: 2 / (1 + torch.exp(-2 * a)) - 1,
}


def by_hand(model, x, h=None, y=None):
    """The recurrence as the protocol states it, one sequence and one row at a time."""
    w, g = model.matrices(), model.geometry
    b_h, b_y = model.bias[: g.hidden], model.bias[g.hidden :]
    outputs = []
    for i, sequence in enumerate(x):
        hi = torch.zeros(g.hidden).to(x) if h is None else h[i]
        yi = torch.zeros(g.outputs).to(x) if y is None else y[i]
        steps = []
        for xt in sequence:
            a_h = w["hx"] @ xt + w["hh"] @ hi + w["hy"] @ yi + b_h
            a_y = w["yx"] @ xt + w["yh"] @ hi + w["yy"] @ yi + b_y
            hi, yi = ACTIVATIONS[model.activation](a_h), a_y
            steps.append(yi)
        outputs.append(torch.stack(steps))
    return torch.stack(outputs)


def dense_gradients(model, x, target):
    """Loss and gradients of a dense network with the model's weights, by autograd."""
    g = model.geometry
    w = {k: v.clone().requires_grad_() for k, v in model.matrices().items()}
    bias = model.bias.detach().clone().requires_grad_()
    h, y = x.new_zeros(len(x), g.hidden), x.new_zeros(len(x), g.outputs)
    for t in range(x.shape[1]):
        a_h = x[:, t] @ w["hx"].T + h @ w["hh"].T + y @ w["hy"].T + bias[: g.hidden]
        a_y = x[:, t] @ w["yx"].T + h @ w["yh"].T + y @ w["yy"].T + bias[g.hidden :]
        h, y = ACTIVATIONS[model.activation](a_h), a_y
    loss = cross_entropy(y, target)
    loss.backward()
    grad_input = torch.cat([w["hx"].grad, w["yx"].grad])
    grad_state = torch.cat(
        [
            torch.cat([w["hh"].grad, w["hy"].grad], 1),
            torch.cat([w["yh"].grad, w["yy"].grad], 1),
        ]
    )
    return loss, grad_input, grad_state, bias.grad


def test_loss_and_gradients_equal_a_dense_network():
    for density in [VARIED, 1.0, 0.2, (1, 0, 0, 1, 1, 0)]:
        for blank in [False, True]:
            for activation in ACTIVATIONS:
                torch.manual_seed(0)
                model = BlockRNN(
                    Geometry(40, 15, 5, density), seed=3, activation=activation
                )
                x, target = torch.randn(6, 9, 40), torch.randint(0, 5, (6,))
                if blank:
                    x[:, -1] = 0
                output, _ = model(x)
                loss = cross_entropy(output[:, -1], target)
                loss.backward()
                expected, grad_input, grad_state, grad_bias = dense_gradients(
                    model, x, target
                )
                close = {"rtol": 1e-5, "atol": 1e-6}
                torch.testing.assert_close(loss, expected, **close)
                torch.testing.assert_close(
                    model.weight_input.grad,
                    grad_input.flatten()[model.index_input],
                    **close,
                )
                torch.testing.assert_close(
                    model.weight_state.grad,
                    grad_state.flatten()[model.index_state],
                    **close,
                )
                torch.testing.assert_close(model.bias.grad, grad_bias, **close)


def test_outputs_equal_the_recurrence_row_by_row():
    for activation in ACTIVATIONS:
        torch.manual_seed(1)
        model = BlockRNN(SMALL, seed=1, activation=activation)
        x = torch.randn(3, 7, 30)
        torch.testing.assert_close(model(x)[0], by_hand(model, x), rtol=1e-5, atol=1e-6)
        h, y = torch.rand(3, 12), torch.randn(3, 4)
        given_state = by_hand(model, x, h, y)
        torch.testing.assert_close(
            model(x, (h, y))[0], given_state, rtol=1e-5, atol=1e-6
        )


def test_hidden_trajectory_equals_torch_rnn_without_output_feedback():
    torch.manual_seed(2)
    model = BlockRNN(Geometry(20, 9, 3, (0.5, 0.7, 0, 0, 1, 0)), seed=5)
    w = model.matrices()
    rnn = torch.nn.RNN(20, 9, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        rnn.weight_ih_l0.copy_(w["hx"])
        rnn.weight_hh_l0.copy_(w["hh"])
        rnn.bias_ih_l0.copy_(model.bias[:9])
        rnn.bias_hh_l0.zero_()
        x = torch.randn(4, 6, 20)
        hidden = rnn(x)[0]
        state, mine = None, []
        for t in range(6):
            _, state = model.step(x[:, t], state)
            mine.append(state[0])
    torch.testing.assert_close(torch.stack(mine, 1), hidden, rtol=1e-5, atol=1e-6)


def test_gradients_in_double_precision():
    for density in [VARIED, 1.0]:
        for activation in ACTIVATIONS:
            torch.manual_seed(3)
            how = {"dtype": torch.float64, "activation": activation}
            model = BlockRNN(Geometry(6, 4, 2, density), seed=0, **how)
            x = torch.randn(3, 5, 6, dtype=torch.float64)
            h = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)
            y = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)

            def outputs(w_in, w_state, bias, h, y, x=x, model=model):
                values = dict(zip(NAMES, (w_in, w_state, bias), strict=True))
                out, (h1, y1) = torch.func.functional_call(model, values, (x, (h, y)))
                return out, h1, y1

            parameters = [getattr(model, name) for name in NAMES]
            assert torch.autograd.gradcheck(outputs, (*parameters, h, y))
            x = x.requires_grad_()
            assert torch.autograd.gradcheck(outputs, (*parameters, h, y, x))


def test_weights_outside_the_masks_stay_zero_and_those_inside_move():
    torch.manual_seed(4)
    model = BlockRNN(SMALL, seed=2)
    before = model.matrices()
    counts = model.block_weights()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(100):
        x, target = torch.randn(8, 5, 30), torch.randint(0, 4, (8,))
        optimizer.zero_grad()
        cross_entropy(model(x)[0][:, -1], target).backward()
        optimizer.step()
    for block, after in model.matrices().items():
        outside = before[block] == 0
        assert (after[outside] == 0).all()
        assert (after[~outside] != before[block][~outside]).float().mean() > 0.99
        assert int((~outside).sum()) == counts[block]


@settings(max_examples=30)
@example((0, 0.06, 0, 0, 0, 0), 1, 15, 1)  # 13.5 of 225, but .06 * 15 * 15 is less
@given(
    st.tuples(*[st.floats(0, 1)] * 6),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 8),
)
def test_exact_masks_hold_the_rounded_count(density, inputs, hidden, outputs):
    geometry = Geometry(inputs, hidden, outputs, density)
    count = BlockRNN(geometry, mask="exact").block_weights()
    for block, d in zip(BLOCKS, geometry.density, strict=True):
        rows, columns = geometry.shapes[block]
        assert count[block] == round(d * (rows * columns))


def test_bernoulli_masks_are_binomial():
    geometry = Geometry(2500, 208, 10, (0.1, 1, 1, 0.1, 0.1, 0.1))
    for seed in range(5):
        model = BlockRNN(geometry, seed=seed)
        for block, count in model.block_weights().items():
            entries = geometry.shapes[block][0] * geometry.shapes[block][1]
            p = geometry.density[BLOCKS.index(block)]
            assert abs(count - p * entries) <= 4.5 * (entries * p * (1 - p)) ** 0.5


def test_initial_values_are_as_published():
    mean, std = (0.1, 0, -0.2, 0, 0, 0), (0.05, 0.1, 0.02, 0.05, 0.05, 0.3)
    geometry = Geometry(400, 100, 40, 0.5)
    model = BlockRNN(geometry, init_mean=mean, init_std=std, seed=7)
    for i, block in enumerate(BLOCKS):
        values = model.matrices()[block]
        values = values[values != 0]
        error = std[i] / len(values) ** 0.5
        assert abs(float(values.mean()) - mean[i]) < 5 * error
        assert abs(float(values.std()) / std[i] - 1) < 5 / len(values) ** 0.5
    bound = (400 + 100 + 40) ** -0.5
    assert float(model.bias.detach().abs().max()) <= bound
    assert float(model.bias.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.2)


def test_a_block_of_zeros_has_no_weights():
    model = BlockRNN(Geometry(9, 5, 2, 1.0), init_std=(0.1, 0, 0.1, 0.1, 0.1, 0.1))
    assert model.block_weights()["hh"] == 0


def test_seeds_decide_and_leave_global_generators_alone():
    before = torch.get_rng_state()
    same = [BlockRNN(SMALL, seed=1), BlockRNN(SMALL, seed=1)]
    other = BlockRNN(SMALL, seed=2)
    lstms = [ProjectedLSTM(7, 5, 3, seed=s) for s in (0, 0, 1)]
    rnns = [PlainRNN(7, 5, 3, seed=s) for s in (0, 0, 1)]
    assert torch.equal(before, torch.get_rng_state())
    for a, b, c in ((*same, other), lstms, rnns):
        pairs = zip(a.parameters(), b.parameters(), strict=True)
        assert all(torch.equal(p, q) for p, q in pairs)
        p, q = next(a.parameters()), next(c.parameters())
        assert p.shape != q.shape or not torch.equal(p, q)


def saved_as_safetensors(model, folder):
    save_file(model.state_dict(), folder / "model.safetensors")
    fresh = BlockRNN(model.geometry, seed=99)
    fresh.load_state_dict(load_file(folder / "model.safetensors"))
    return fresh


LIVES = {
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "double": lambda model, _: copy.deepcopy(model).double().float(),
    "to": lambda model, _: copy.deepcopy(model).to("cpu"),
    "safetensors": saved_as_safetensors,
}


def test_the_masks_survive(tmp_path):
    for life in LIVES:
        model = BlockRNN(SMALL, seed=1)
        x = torch.randn(2, 5, 30)
        other = LIVES[life](model, tmp_path)
        assert other.block_weights() == model.block_weights()
        torch.testing.assert_close(other(x)[0], model(x)[0], rtol=0, atol=0)
        for a, b in pairwise([model, other]):
            for block, values in a.matrices().items():
                assert torch.equal(values, b.matrices()[block])


def test_loading_keeps_an_optimizer_attached():
    model, saved = BlockRNN(SMALL, seed=1), BlockRNN(SMALL, seed=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model.load_state_dict(saved.state_dict())
    model(torch.randn(2, 5, 30))[0].sum().backward()
    optimizer.step()
    assert not torch.equal(model.weight_input, saved.weight_input)


def test_steps_equal_the_sequence():
    for grad in [torch.enable_grad, torch.no_grad]:
        for model in [
            BlockRNN(SMALL),
            BlockRNN(Geometry(120, 100, 4, 0.1)),  # products on the weights alone
            BlockRNN(SMALL, activation="tanh"),
            ProjectedLSTM(30, 12, 4),
            PlainRNN(30, 12, 4),
        ]:
            inputs = model.geometry.inputs if isinstance(model, BlockRNN) else 30
            x = torch.randn(3, 6, inputs)
            output, last = model(x)
            state, steps = None, []
            with grad():
                for t in range(6):
                    y, state = model.step(x[:, t], state)
                    steps.append(y)
            torch.testing.assert_close(torch.stack(steps, 1), output)
            for mine, theirs in zip(state, last, strict=True):
                torch.testing.assert_close(mine, theirs)


def test_unbatched_input_is_a_batch_of_one():
    model = BlockRNN(SMALL)
    x, state = torch.randn(6, 30), (torch.rand(12), torch.randn(4))
    output, (h, y) = model(x, state)
    batched, (h1, y1) = model(x[None], (state[0][None], state[1][None]))
    assert output.shape == (6, 4) and h.shape == (12,) and y.shape == (4,)
    assert torch.equal(output, batched[0])
    assert torch.equal(h, h1[0]) and torch.equal(y, y1[0])


def test_products_on_the_weights_alone_equal_dense_ones(monkeypatch):
    """Several slices of columns, and rows of which some are sparse and some dense."""
    for density in [0.1, (0.1, 1, 1, 1, 0.1, 1), 1.0]:
        for sparse_from, bags_from in [(20, 1), (20, 1000), (1000, 1)]:
            torch.manual_seed(5)
            monkeypatch.setattr(_products, "CACHED", 7 * 60)
            monkeypatch.setattr(_products, "LEAST", 1)
            monkeypatch.setattr(_products, "SPARSE_FROM", sparse_from)
            monkeypatch.setattr(_products, "BAGS_FROM", bags_from)
            x = torch.randn(8, 6, 60)
            state = (torch.rand(8, 40), torch.randn(8, 5))
            found, kinds = [], []
            for threshold in (0.25, 0.0):
                monkeypatch.setattr(_products, "SPARSE_BELOW", threshold)
                model = BlockRNN(Geometry(60, 40, 5, density), seed=1)
                h, y = (part.clone().requires_grad_() for part in state)
                output, _ = model(x, (h, y))
                output.square().mean().backward()
                kinds.append(
                    (len(model.layout.input.thin) > 0, model.layout.state.sparse)
                )
                found.append(
                    [output, h.grad, y.grad, *(p.grad for p in model.parameters())]
                )
            assert kinds[0][0] == (density != 1.0 and sparse_from == 20)
            assert (kinds[0][1] is not None) == (density == 0.1 and sparse_from == 20)
            assert kinds[1] == (False, None)
            for a, b in zip(*found, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_rows_are_multiplied_apart_only_where_many_are_thin():
    for density, apart in [((1, 0.1), False), ((0.1, 1), True)]:
        hx, yx = density
        product = BlockRNN(Geometry(400, 60, 10, (hx, 1, 1, yx, 1, 1))).layout.input
        assert (len(product.thin) > 0) == apart
        assert len(product.thick) == len(product.index) - len(product.thin) > 0


def test_rows_without_weights_are_left_out_of_the_product():
    for yx in [0.1, 0.5, 1]:
        torch.manual_seed(6)
        model = BlockRNN(Geometry(300, 30, 5, (0, 1, 1, yx, 1, 1)), seed=4)
        assert len(model.layout.input.dense_rows) < 35
        x, target = torch.randn(3, 4, 300), torch.randint(0, 5, (3,))
        loss = cross_entropy(model(x)[0][:, -1], target)
        loss.backward()
        expected, grad_input, *_ = dense_gradients(model, x, target)
        grad = grad_input.flatten()[model.index_input]
        torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(model.weight_input.grad, grad, rtol=1e-4, atol=1e-6)


def test_no_sequences_give_no_outputs():
    assert BlockRNN(SMALL)(torch.zeros(0, 7, 30))[0].shape == (0, 7, 4)


def test_bad_input_gets_a_sentence():
    for make, words in [
        (lambda: BlockRNN(SMALL, mask="some"), "bernoulli, exact"),
        (lambda: BlockRNN(SMALL, activation="gelu"), "relu or tanh, not 'gelu'"),
        (lambda: BlockRNN(SMALL, init_std=(1, 2)), "one number or six"),
        (lambda: BlockRNN(SMALL)(torch.zeros(2, 3, 29)), "30"),
        (lambda: BlockRNN(SMALL)(torch.zeros(30)), "batch, time"),
        (
            lambda: BlockRNN(SMALL)(
                torch.zeros(2, 3, 30), (torch.zeros(2, 4), torch.zeros(2, 4))
            ),
            "state of shape",
        ),
        (lambda: ProjectedLSTM(20, 10, 10), "at least 11"),
        (lambda: PlainRNN(20, 0, 10), "hidden unit"),
    ]:
        with pytest.raises(VsrnnError, match=words):
            make()


def test_only_a_last_step_of_zeros_is_blank():
    for steps in [1, 4]:
        model, x = BlockRNN(SMALL), torch.rand(3, steps, 30)
        below = -torch.rand(3, 30)
        below[0, 0] = 0
        for last in (torch.zeros(3, 30), below):
            x[:, -1] = last
            torch.testing.assert_close(model(x)[0], by_hand(model, x))
        x[:, -1] = 0
        model(x.requires_grad_())[0].sum().backward()
        assert x.grad.shape == x.shape and x.grad[:, -1].any()


def test_hidden_states_are_those_of_the_recurrence():
    for activation in ("relu", "tanh"):
        model = BlockRNN(Geometry(7, 5, 3, 0.6), seed=2, activation=activation)
        x = torch.randn(4, 6, 7, generator=torch.Generator().manual_seed(0))
        m, act = model.matrices(), getattr(torch, activation)
        h, y, bias = torch.zeros(4, 5), torch.zeros(4, 3), model.bias.detach()
        for t, own in enumerate(model.states(x)[0].unbind(1)):
            read = x[:, t]
            new = read @ m["hx"].T + h @ m["hh"].T + y @ m["hy"].T + bias[:5]
            y = read @ m["yx"].T + h @ m["yh"].T + y @ m["yy"].T + bias[5:]
            h = act(new)
            torch.testing.assert_close(own, h)


def test_values_drawn_are_those_of_a_dense_model_of_the_seed():
    for mask in ("bernoulli", "exact"):
        how = {"seed": 3, "mask": mask, "init_std": (0.1, 0.2, 0, 0.3, 0.4, 0.5)}
        sparse, dense = (BlockRNN(Geometry(7, 5, 3, d), **how) for d in (0.3, 1.0))
        for part, matrix in sparse.draw(3).items():
            assert torch.equal(matrix, dense.matrix(part))
            inside = sparse.matrix(part) != 0
            assert torch.equal(matrix[inside], sparse.matrix(part)[inside])
