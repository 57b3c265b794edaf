"""Denoising: the ridge regression of each row, by hand, and its gradients."""

import numpy as np
import pytest
import torch

import vsrnn
from vsrnn import Config, Design, VsrnnError, get_method, run
from vsrnn.methods.denoise import ESTIMATORS

GEOMETRY = vsrnn.Geometry(7, 6, 3, 1)


def model_with(**options):
    model = vsrnn.BlockRNN(GEOMETRY, seed=1)
    kept = {block: matrix.double() for block, matrix in model.matrices().items()}
    work = get_method("denoise", **options).begin(model, epochs=3)
    return model, work, kept


def best(matrix, density):
    """The entries of a matrix of greatest magnitude, the others 0."""
    order = np.argsort(-np.abs(matrix), axis=None)[: round(density * matrix.size)]
    kept = np.zeros(matrix.size)
    kept[order] = matrix.ravel()[order]
    return kept.reshape(matrix.shape)


def mended(matrix, noise, estimator, ridge):
    """Row by row by the normal equations, noise in units of each row's size."""
    rows = []
    for w, own in zip(matrix, noise, strict=True):
        size = np.sqrt(np.mean(w**2))
        x, q = w / size, (w + own) / size
        columns = np.stack([q, np.ones_like(q)] if estimator == "affine" else [q], 1)
        square = columns.T @ columns / len(q)
        square[0, 0] += ridge
        fit = np.linalg.solve(square, columns.T @ x / len(q))
        rows.append((q if estimator == "straight" else columns @ fit) * size)
    return np.array(rows)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_rows_are_regressed_on_what_is_left_of_them(estimator):
    model, _, kept = model_with(density=0.3, estimator=estimator, ridge=0.05)
    for block, found in model.matrices().items():
        matrix = kept[block].numpy()
        noise = best(matrix, 0.3) - matrix
        wanted = mended(matrix, noise, estimator, 0.05)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS[:2])
def test_gradients_pass_through_the_means_with_the_noise_held(estimator):
    """By differences of the slow computation; a row's size is held, too."""
    model, _, kept = model_with(density=0.3, estimator=estimator, ridge=0.05)
    weights = torch.randn(9, 7, generator=torch.Generator().manual_seed(0))
    (model.matrix("input") * weights).sum().backward()
    grad = model.parametrizations.weight_input.original.grad.view(9, 7)[:6].double()
    matrix, up = kept["hx"].numpy(), weights[:6].double().numpy()
    noise = best(matrix, 0.3) - matrix
    assert (grad[torch.from_numpy(noise != 0)] != 0).all()
    size = np.sqrt(np.mean(matrix**2, 1, keepdims=True))

    def loss(changed):
        rows = []
        for w, own, scale in zip(changed, noise, size[:, 0], strict=True):
            x, q = w / scale, (w + own) / scale
            x_off, q_off = x, q
            if estimator == "affine":
                x_off, q_off = x - x.mean(), q - q.mean()
            slope = np.mean(q_off * x_off) / (np.mean(q_off**2) + 0.05)
            rows.append((slope * q_off + (x - x_off)) * scale)
        return float((np.array(rows) * up).sum())

    for place in ((0, 0), (2, 5), (5, 3)):
        step = np.zeros_like(matrix)
        step[place] = 1e-6
        slope = (loss(matrix + step) - loss(matrix - step)) / 2e-6
        assert float(grad[place]) == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_straight_gradients_pass_as_if_nothing_were_pruned():
    model, _, _ = model_with(density=0.3, estimator="straight")
    weights = torch.randn(9, 7, generator=torch.Generator().manual_seed(0))
    (model.matrix("input") * weights).sum().backward()
    grad = model.parametrizations.weight_input.original.grad.view(9, 7)
    torch.testing.assert_close(grad, weights)


def test_a_strong_ridge_leaves_the_mean_of_a_row():
    model, _, kept = model_with(density=0.3, estimator="affine", ridge=1e9)
    rows = model.matrices()["hh"].double()
    means = kept["hh"].mean(1, keepdim=True).expand_as(rows)
    torch.testing.assert_close(rows, means, rtol=1e-4, atol=1e-6)


def test_of_each_group_of_neighbors_as_many_stay():
    model, _, kept = model_with(density=0.5, group=4, ridge=0)
    for block in ("hx", "hh"):
        matrix = kept[block].abs()
        for row, found in zip(matrix, model.matrices()[block] != 0, strict=True):
            for start in range(0, len(row), 4):
                own = row[start : start + 4]
                assert found[start : start + 4].sum() == min(2, len(own))
                least = own[found[start : start + 4]].min()
                assert (own[~found[start : start + 4]] < least).all()


@pytest.mark.parametrize("levels", [2, 3, 16])
def test_rounded_weights_are_on_a_grid_near_their_own(levels):
    model, _, kept = model_with(density=1, levels=levels, estimator="straight")
    for row, own in zip(model.matrices()["hh"].double(), kept["hh"], strict=True):
        step = 2 * own.abs().max() / (levels - 1)
        places = row / step + (levels - 1) / 2
        torch.testing.assert_close(places, places.round(), rtol=0, atol=1e-4)
        assert -1e-4 < places.min() <= places.max() < levels - 1 + 1e-4
        assert ((row - own).abs() < step / 2 + 1e-6).all()


def test_only_weights_that_count_are_left_and_the_network_stays_the_same():
    model, work, kept = model_with(density=0.4)
    x = torch.randn(2, 5, 7)
    before, counted = model(x)[0], work.record()
    assert work.after_epoch(2, lambda: x) == {}
    rewired = work.after_epoch(3, lambda: x)
    torch.testing.assert_close(model(x)[0], before)
    left = model.block_weights()
    for block, matrix in kept.items():
        assert left[block] == counted[f"weights_{block}"]
        assert left[block] == round(0.4 * matrix.numel())
    assert {len(weight) for weight in rewired} == {
        len(model.weight(part)) for part in ("input", "state")
    }


def test_pruned_weights_come_back_where_they_grow():
    design = Design("small", 16, 1, learning_rate=0.01)
    methods = {"name": "denoise", "density": 0.2}
    result = run(Config("parity", design, "smoke", epochs=6, method=methods))
    assert {point["weights"] for point in result["curve"]} == {result["total_weights"]}
    model = vsrnn.BlockRNN(design.geometry(1, 2), seed=0)
    first = best(model.matrices()["hh"].numpy(), 0.2) != 0
    trained, _ = vsrnn.train(
        Config("parity", design, "smoke", epochs=6, method=methods)
    )
    last = trained.matrices()["hh"].numpy() != 0
    assert last.sum() == first.sum() and 0 < (last & first).sum() < first.sum()


def test_a_protected_matrix_is_left_alone():
    model, _, kept = model_with(density=0.3, protect=["yh"])
    found = model.matrices()["yh"]
    assert torch.equal(found.double(), kept["yh"])


@pytest.mark.parametrize(
    "options, said",
    [
        ({"density": 0}, "density lies in 0..1"),
        ({"levels": 1}, "levels is 0, for no rounding, or 2 or more"),
        ({"levels": -1}, "levels must be a whole number"),
        ({"estimator": "ste"}, "estimator must be linear or affine or straight"),
        ({"ridge": -1}, "ridge is a number from 0"),
        ({"density": 0.1, "group": 4}, "leaves no weight of 4"),
        ({"protect": "ho"}, "no matrix 'ho' to protect"),
        ({"density": 0.01}, "no weight to read the output from, in yx or yh"),
    ],
)
def test_what_is_of_no_use_is_refused(options, said):
    with pytest.raises(VsrnnError, match=said):
        model_with(**options)
