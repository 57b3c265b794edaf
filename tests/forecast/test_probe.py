"""Zero-cost measures against slow, plain computations and known cases."""

import time

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

import vsrnn
from vsrnn.forecast import probe as probes
from vsrnn.tasks import get_task

TASK = get_task("adding", "smoke")
DESIGN = vsrnn.Design("mine", 30, 0.6, init_std=(0.2, 0.3, 0.1, 0.4, 0.2, 0.3))


@pytest.fixture(scope="module")
def model():
    return vsrnn.BlockRNN(DESIGN.geometry(2, 1), init_std=DESIGN.init_std, seed=1)


@pytest.fixture(scope="module")
def seen(model):
    return probes.look(model, TASK)


def line(steps=12, hidden=6):
    """A delay line: unit n holds the input of n steps before."""
    x = torch.rand(200, steps, 1, generator=torch.Generator().manual_seed(0))
    state = torch.zeros(hidden + 1, hidden + 1)
    state[range(1, hidden), range(hidden - 1)] = 1
    reads = torch.zeros(hidden + 1, 1)
    reads[0] = 1
    given = x, reads, state, torch.zeros(hidden + 1), hidden, "relu"
    states = torch.stack(probes.steps_of(*given))
    own = *given[1:], x, x[:, -1], states
    return probes.Seen(TASK, *own)


def test_states_are_those_of_the_network(model, seen):
    x, _ = TASK.batch("train", slice(0, 256))
    with torch.no_grad():
        output, _ = model(x)
    assert torch.allclose(seen.h.transpose(0, 1), model.states(x)[0], atol=1e-5)
    assert torch.allclose(seen.states[..., 30:].transpose(0, 1), output, atol=1e-5)


def test_gains_are_deviation_times_root_of_density_and_fan_in():
    design = vsrnn.Design("wide", 400, 0.3, init_std=0.1)
    found = probes.gains(probes.look(probes._model(design, TASK, 0), TASK))
    assert found["gain_hh"] == pytest.approx(0.1 * np.sqrt(0.3 * 400), rel=0.02)
    assert found["gain_yh"] == pytest.approx(0.1 * np.sqrt(0.3 * 400), rel=0.2)
    assert found["gain_hx"] == pytest.approx(0.1 * np.sqrt(0.3 * 2), rel=0.1)


def test_radius_is_the_largest_eigenvalue():
    rng = torch.Generator().manual_seed(0)
    for size in (5, 60):
        matrix = torch.randn(size, size, generator=rng) / size**0.5
        largest = np.abs(np.linalg.eigvals(matrix.numpy())).max()
        assert probes.radius(matrix) == pytest.approx(largest, rel=0.01)
    turn = torch.tensor([[0.0, -2.0], [2.0, 0.0]])
    assert probes.radius(turn) == pytest.approx(2, rel=1e-3)
    assert probes.radius(torch.tensor([[0.0, 5.0], [0.0, 0.0]])) == 0


def test_exponents_are_logarithms_where_the_map_is_linear(seen):
    square = torch.randn(7, 7, generator=torch.Generator().manual_seed(0))
    turned = 0.8 * torch.linalg.qr(square)[0]
    on = line()
    on.state, on.states = turned, on.states + 1
    assert probes.exponents(on)["lyapunov"] == pytest.approx(np.log(0.8), abs=1e-5)
    assert probes.exponents(on)["lyapunov_mean"] == pytest.approx(np.log(0.8), abs=1e-5)
    slow = []
    for states in seen.states[:, :8].double().unbind(1):
        product = torch.eye(31, dtype=torch.float64)
        for each in states[1:]:
            slope = torch.cat([(each[:30] > 0).double(), torch.ones(1)])
            product = slope[:, None] * seen.state.double() @ product
        slow.append(np.log(float(torch.linalg.svdvals(product)[0])) / 29)
    found = probes.exponents(seen)["lyapunov"]
    assert found == pytest.approx(np.mean(slow), abs=0.1)


def test_activity(seen):
    found = probes.activity(seen)
    h = seen.h.numpy()
    dead = np.mean([(h[..., n] == 0).all() for n in range(30)])
    assert 0 < dead == pytest.approx(found["dead"])
    first, last = (np.log(np.linalg.norm(h[n], axis=1).mean()) for n in (0, -1))
    assert found["growth"] == pytest.approx(last - first, abs=0.1)
    spread = np.log(seen.states[..., 30:].numpy().std(1).mean())
    assert found["spread"] == pytest.approx(spread, abs=1e-4)


def test_rank_and_covariance(seen):
    last = seen.h[-1].double().numpy()
    values = np.linalg.svd(last - last.mean(0), compute_uv=False)
    share = values[values > 1e-9] / values.sum()
    found = probes.spectra(seen)
    expected = np.exp(-(share * np.log(share)).sum()) / 30
    assert found["rank"] == pytest.approx(expected, rel=1e-3)
    eigen = np.linalg.eigvalsh(np.corrcoef(last[:64])).clip(0) + 1e-5
    assert found["covariance"] == pytest.approx(
        -np.mean(np.log(eigen) + 1 / eigen), rel=1e-3
    )


def test_memory_is_that_of_a_delay_line():
    found = probes.memory(line(hidden=3))
    assert found["memory_1"] > 0.95 and found["memory_2"] > 0.95
    assert found["memory_4"] < 0.1 and found["memory_8"] < 0.1


def test_readout_is_a_ridge_regression():
    rng = torch.Generator().manual_seed(0)
    rows = torch.randn(200, 9, generator=rng)
    wanted = rows @ torch.randn(9, 2, generator=rng) + torch.randn(
        200, 2, generator=rng
    )
    ridge = (
        probes.SHARE * float((rows[:150] - rows[:150].mean(0)).square().mean()) * 150
    )
    known = Ridge(ridge).fit(rows[:150], wanted[:150])
    left, level = wanted[150:].numpy(), wanted[:150].mean(0).numpy()
    error = np.square(left - known.predict(rows[150:])).sum()
    expected = 1 - error / np.square(left - level).sum()
    assert probes.explained(rows, wanted) == pytest.approx(expected, abs=1e-3)
    many = torch.randn(200, 190, generator=rng)  # solved the other way
    ridge = (
        probes.SHARE * float((many[:150] - many[:150].mean(0)).square().mean()) * 150
    )
    known, aim = Ridge(ridge).fit(many[:150], many[:150, :1]), many[150:, :1].numpy()
    error = np.square(aim - known.predict(many[150:]).reshape(-1, 1)).sum()
    expected = 1 - error / np.square(aim - many[:150, :1].mean().item()).sum()
    assert probes.explained(many, many[:, :1]) == pytest.approx(expected, abs=1e-3)


def test_gradients_and_snip_are_those_of_the_network(model, seen):
    x, targets = TASK.batch("train", slice(0, probes.GRADED))
    model.zero_grad()
    TASK.loss(model(x)[0][None], targets).sum().backward()
    parts = model.block_places()
    found = probes.gradients(seen) | probes.snip(seen)
    total = sum(
        float((model.weight(p).detach() * model.weight(p).grad).abs().sum())
        for p in model.shapes
    )
    for block, (part, own) in parts.items():
        weight, grad = model.weight(part).detach()[own], model.weight(part).grad[own]
        share = float((weight * grad).abs().sum()) / total
        assert found[f"snip_{block}"] == pytest.approx(share, abs=1e-4)
        if float(grad.norm()):
            ratio = np.log10(float(grad.norm() / weight.norm()))
            assert found[f"gradient_{block}"] == pytest.approx(ratio, abs=1e-3)


def test_gradients_shrink_as_the_state_does():
    halves = line(hidden=1)
    halves.state, halves.reads = (
        torch.tensor([[0.5, 0], [1, 0]]),
        torch.tensor([[1.0], [0]]),
    )
    found = probes.gradients(halves)["backward"]
    assert found == pytest.approx(10 * np.log(0.5), abs=0.01)


def test_synflow_counts_paths():
    on = line(steps=3)
    reads = torch.rand(7, 1, generator=torch.Generator().manual_seed(1)) - 0.5
    state = torch.rand(7, 7, generator=torch.Generator().manual_seed(2)) - 0.5
    on.reads, on.state = reads, state
    r, s = reads.abs().numpy().astype(float), state.abs().numpy().astype(float)
    flow = np.zeros(6)

    def passed(row, read):
        return list(vsrnn.BLOCKS).index(f"{'h' if row < 6 else 'y'}{read}")

    # every path: enters at step t into row i, moves on, ends in an output at step u
    for start in range(3):
        paths = [([passed(i, "x")], r[i, 0], i) for i in range(7)]
        for _ in range(start, 3):
            for blocks, weight, i in paths:
                if i == 6:
                    for block in blocks:
                        flow[block] += weight
            paths = [
                ([*blocks, passed(j, "h" if i < 6 else "y")], weight * s[j, i], j)
                for blocks, weight, i in paths
                for j in range(7)
            ]
    found = probes.synflow(on)
    for block, share in zip(vsrnn.BLOCKS, flow / flow.sum(), strict=True):
        assert found[f"synflow_{block}"] == pytest.approx(share, rel=1e-6)


def test_each_takes_less_than_20_ms_at_200_units():
    """Of a processor's time, so that other programs do not matter."""
    design = vsrnn.Design("two hundred", 200, 0.3, init_std=0.1)
    seen = probes.look(probes._model(design, TASK, 0), TASK)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for measure in probes.MEASURES:
            times = []
            for _ in range(3):
                seen.__dict__.pop("graded", None)
                begun = time.process_time()
                measure(seen)
                times.append(time.process_time() - begun)
            assert min(times) < 0.02, measure.__name__
    finally:
        torch.set_num_threads(before)


def test_what_cannot_be_probed_is_refused():
    with pytest.raises(vsrnn.VsrnnError, match="no blocks"):
        vsrnn.probe(vsrnn.Design("plain", 9, (), model="rnn"), TASK)
    model = vsrnn.BlockRNN(vsrnn.Geometry(3, 9, 1, 1))
    with pytest.raises(vsrnn.VsrnnError, match="reads 3 numbers and gives 1; adding"):
        vsrnn.probe(model, TASK)
    with pytest.raises(vsrnn.VsrnnError, match="probes are of block RNNs"):
        vsrnn.probe(vsrnn.PlainRNN(2, 3, 1), TASK)
