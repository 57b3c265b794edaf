"""The geometric penalty against dense sums by hand, its controls and trained points."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from vsrnn import (
    BlockRNN,
    Config,
    Design,
    Geometry,
    MaskedCell,
    PlainRNN,
    VsrnnError,
    get_method,
    run,
    run_many,
)
from vsrnn.methods.geometric import Geometric
from vsrnn.models.cells import GATES

TOP = 95 * 20 ** (-1 / 19)
CELL = Design("lstm", 6, (0.5, 0.8, 1.0), "cell", (), (), options={"cell": "lstm"})
BLOCK = Design("small", 20, (0.5,) * 6)


def dog(d):
    return TOP - 100 * (np.exp(-(d**2) / 5) - np.exp(-4 * d**2))


def torus_costs(points):
    """One pair at a time."""
    costs = np.zeros((len(points),) * 2)
    for i, a in enumerate(points):
        for j, b in enumerate(points):
            apart = [min((x - y) % 10, (y - x) % 10) for x, y in zip(a, b, strict=True)]
            costs[i, j] = dog(np.hypot(*apart))
    return costs


def by_hand(model, work, power=1, others=0.0):
    """The penalty from dense matrices, each gate of a cell by itself."""
    matrices = {name: m.double().numpy() for name, m in model.matrices().items()}
    total = 0.0
    for name, matrix in matrices.items():
        if not name.startswith("hh"):
            total += others * np.abs(matrix).mean()
            continue
        costs = torus_costs(work.embeddings[name].points.tolist())
        gates = np.split(matrix, len(matrix) // len(costs))
        paid = [(costs * np.abs(gate) ** power).mean() for gate in gates]
        total += 0.1 * np.mean(paid)
    return total


def models():
    yield BlockRNN(Geometry(7, 9, 4, (0.6, 0.7, 0.5, 0.9, 0.3, 1)), seed=3)
    for cell in GATES:
        yield MaskedCell(5, 8, 3, 0.7, cell=cell, layers=2, seed=1)
    yield MaskedCell(5, 8, 3, 0.7, start=2, bias=False)
    yield MaskedCell(5, 8, 3, 0.7, symbols=True, embedding=4)


def thin(model, every):
    """Prune: a part of the weights of each matrix stays."""
    for part in model.shapes:
        model.rewire(part, model.index(part)[::every])


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("others", [0, 0.3])
def test_the_penalty_is_that_of_dense_matrices_before_and_after_pruning(
    trained, power, others
):
    def assert_equal():
        paid = work.penalty().item()
        assert paid == pytest.approx(by_hand(model, work, power, others), rel=1e-5)
        return paid

    for model in models():
        method = Geometric(trained=trained, power=power, others=others)
        work = method.begin(model, 5, seed=2)
        before = assert_equal()
        thin(model, 3)
        thinner = assert_equal()
        assert thinner < 0.8 * before
        elsewhere = model.state_dict()  # loading writes to the same tensors
        for part, (rows, columns) in model.shapes.items():
            turned = rows * columns - 1 - model.index(part)
            elsewhere[f"index_{part}"] = turned.flip(0)
        model.load_state_dict(elsewhere)
        assert assert_equal() != pytest.approx(thinner, rel=1e-3)


def slopes(parameter, function, step=1e-5):
    """Central differences."""
    found = torch.zeros_like(parameter)
    with torch.no_grad():
        for place in range(parameter.numel()):
            ends = []
            for sign in (1, -1):
                parameter.view(-1)[place] += sign * step
                ends.append(function().item())
                parameter.view(-1)[place] -= sign * step
            found.view(-1)[place] = (ends[0] - ends[1]) / (2 * step)
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"power": 2, "others": 0.2},
        {"trained": True},
        {"trained": True, "published": True, "space": "klein"},
        {"trained": True, "control": "permuted", "space": "s3", "inhibitor": "gauss"},
        {"trained": True, "space": "r3", "inhibitor": "ripple"},
    ],
)
def test_gradients_are_those_of_finite_differences(options):
    model = MaskedCell(3, 5, 2, 0.8, cell="gru", dtype=torch.float64, seed=4)
    work = Geometric(weight=10, **options).begin(model, 5)
    work.penalty().backward()
    checked = [model.weight(part) for part in model.shapes]
    if work.options.trained:
        checked += [embedding.points for embedding in work.embeddings.values()]
    for parameter in checked:
        if parameter.grad is None:  # it pays nothing
            parameter.grad = torch.zeros_like(parameter)
        expected = slopes(parameter.detach(), work.penalty)
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-7)
    assert checked[1].grad.abs().max() > 0
    assert not work.options.trained or checked[-1].grad.abs().max() > 0


TABLE = {  # of 1,024 units: mean cost, share of cheap pairs [%], mean squared distance
    "torus": (66.3, 13.7, 16.7),
    "klein": (66.3, 13.6, 16.4),
    "circle": (71.4, 11.1, 82),
    "sphere": (76.5, 4.4, 73),
    "torus6": (80.8, 0.1, 50),
    "s3": (80.8, 0.2, 279),
}


@pytest.mark.parametrize("space", TABLE)
def test_costs_and_cheap_pairs_are_those_computed_before(space):
    costs, cheap = Geometric(space=space).embed(1024).pairs()
    squares, _ = Geometric(space=space, inhibitor="diffusion").embed(1024).pairs()
    mean, share, square = TABLE[space]
    assert costs.mean().item() == pytest.approx(mean, rel=0.01)
    assert 100 * cheap.double().mean().item() == pytest.approx(share, abs=0.4)
    assert squares.mean().item() == pytest.approx(square, rel=0.04)
    assert torch.equal(cheap, costs < TOP / 2)
    assert costs.min() >= 0 and costs.max() <= TOP + 1e-4


def test_as_many_pairs_are_cheap_in_a_rescaled_space_as_on_a_torus():
    near, far = (
        brentq(lambda d: dog(d) - TOP / 2, *ends) for ends in [(0, 0.8), (1, 4)]
    )
    rings = {
        "dog": np.pi * (far**2 - near**2) / 100,
        "gauss": 3 * np.pi * np.log(2) / 100,
    }
    assert rings["dog"] == pytest.approx(0.137, abs=0.001)
    for inhibitor, share in rings.items():
        for space in (*TABLE, "mixed"):
            options = {"space": space, "inhibitor": inhibitor, "rescaled": True}
            embedding = Geometric(**options).embed(128)
            _, cheap = embedding.pairs()
            others = cheap[~torch.eye(128, dtype=torch.bool)].double().mean().item()
            assert others == pytest.approx(share, rel=0.01)
            if space in ("torus6", "s3"):
                assert embedding.factor < 0.5
            if space == "torus":
                assert embedding.factor == pytest.approx(1, abs=0.15)


def test_permuted_costs_are_the_same_ones_elsewhere():
    plain, mixed = (Geometric(control=c).embed(64, 5) for c in ("", "permuted"))
    assert torch.equal(plain.points, mixed.points)
    (costs, _), (shuffled, shuffled_cheap) = plain.pairs(), mixed.pairs()
    assert torch.equal(costs.flatten().sort()[0], shuffled.flatten().sort()[0])
    assert (costs == shuffled).double().mean() < 0.1
    assert not torch.equal(shuffled, shuffled.t())
    assert torch.equal(shuffled_cheap, shuffled < TOP / 2)
    assert shuffled.diagonal().mean() < costs.diagonal().mean()  # it is dear no more


def test_uniform_costs_are_the_mean_everywhere():
    plain, even = (Geometric(control=c).embed(64, 5) for c in ("", "uniform"))
    costs, cheap = plain.pairs()
    mean, of_before = even.pairs()
    assert mean.shape == costs.shape
    torch.testing.assert_close(mean, costs.mean().expand(64, 64))
    assert torch.equal(cheap, of_before)  # what a mask would be by chance


def test_published_quirks():
    """The largest drawn value, an inverted ripple, and an L1 control of nothing."""
    ours, theirs = (
        Geometric(space="torus6", published=p).embed(64).pairs()[0]
        for p in (False, True)
    )
    below = TOP - theirs.max().item()  # what is between the two maxima
    assert below > 1 and theirs.min() == 0
    torch.testing.assert_close(ours - below, theirs, rtol=1e-4, atol=1e-4)
    ours, theirs = (
        Geometric(inhibitor="ripple", published=p).embed(64).pairs()[0]
        for p in (False, True)
    )
    torch.testing.assert_close(ours + theirs, ours.max().expand(64, 64))
    zero = Geometric(control="uniform", published=True)
    assert not zero.embed(64).pairs()[0].any()
    assert zero.begin(next(models()), 5).penalty() == 0


def test_layers_and_seeds_have_points_of_their_own():
    model = MaskedCell(2, 64, 1, cell="relu", layers=2, seed=7)
    work = Geometric().begin(model, 5, seed=7)
    first, second = (embedding.points for embedding in work.embeddings.values())
    assert torch.equal(first, Geometric().embed(64, 7).points)
    assert torch.equal(first, Geometric(seed=7).embed(64, 8).points)
    assert torch.equal(second, Geometric(seed=7).embed(64, 8, layer=1).points)
    assert not torch.equal(first, second)
    assert not torch.equal(first, Geometric().embed(64, 8).points)
    # models draw from the same seed: 64 x 2 numbers for ih_0
    together = torch.stack([first.flatten(), model.matrix("ih_0").detach().flatten()])
    assert together.corrcoef()[0, 1].abs() < 0.3


def test_what_is_recorded_follows_the_masks():
    for model in models():
        work = Geometric(weight=0.5, control="permuted").begin(model, 5)
        for _ in range(2):
            cheap = hidden = rate = 0
            for name, embedding in work.embeddings.items():
                costs, low = (each.numpy() for each in embedding.pairs())
                matrix = model.matrices()[name].numpy()
                stacked = np.tile(low, (len(matrix) // len(low), 1))
                cheap += (stacked & (matrix != 0)).sum()
                hidden += (matrix != 0).sum()
                rate += 0.5 * costs.mean() / matrix.size / len(work.embeddings)
            expected = {"cheap": cheap / hidden, "penalty_per_weight": rate}
            assert work.record() == pytest.approx(expected, rel=1e-5)
            thin(model, 2)
    for part in model.shapes:
        model.rewire(part, model.index(part)[:0])
    assert work.penalty() == 0
    assert work.record()["cheap"] is None


def test_trained_points_move_to_where_the_penalty_is_less():
    for space in ("torus", "klein", "circle", "s3", "r3", "mixed"):
        model = MaskedCell(2, 24, 1, 0.5, cell="relu", seed=1)
        method = Geometric(space=space, trained=True, control="permuted")
        work = method.begin(model, 5)
        first = work.penalty().item()
        for _ in range(100):
            work.penalty().backward()
            assert work.after_step() == {}
        assert work.penalty().item() < 0.999 * first
        still = Geometric(space=space, trained=True).embed(24).points
        moved = work.embeddings["hh_0"].points - still
        assert 0.05 < moved.abs().max() < 0.2  # a hundred steps of about 1e-3
        assert model.weight("hh_0").requires_grad


def test_published_points_move_ever_less_and_rest_in_the_last_ten_epochs():
    model = MaskedCell(2, 24, 1, 0.5, cell="relu", seed=1)
    work = Geometric(trained=True, published=True).begin(model, 13)
    points, sizes = work.embeddings["hh_0"].points, []
    for epoch in range(13):
        before = points.detach().clone()
        work.penalty().backward()
        sizes.append(points.grad.norm().item())
        work.after_step()
        assert points.grad is None
        moved = (points - before).abs().max().item()
        assert moved == (0 if epoch >= 3 else pytest.approx(1e-4, rel=0.2))
        work.after_epoch(epoch + 1, None)
    ratios = np.divide(sizes[3:], sizes[3])
    np.testing.assert_allclose(ratios, 0.99 ** np.arange(10), rtol=1e-5)


@pytest.mark.usefixtures("one_thread")
def test_what_survives_pruning_lies_on_cheap_pairs():
    """Of a space, or of its costs permuted; where all cost the same, by chance."""
    prune = {"name": "magnitude", "density": 0.1, "scope": "matrix", "end": 35}
    block = Design("dense", 40, 1, learning_rate=0.01)
    cell = Design("dense", 40, 1, "cell", learning_rate=0.01)
    for design, control in product((block, cell), ("", "permuted", "uniform")):
        how = [Geometric(weight=0.3, control=control), prune]
        result = run(Config("own:Last", design, epochs=40, method=how))
        cheap = [point["cheap"] for point in result["curve"]]
        assert 0.08 < cheap[0] < 0.2
        assert cheap[-1] < 0.22 if control == "uniform" else cheap[-1] > 0.3


def test_penalties_work_side_by_side():
    methods = [Geometric(), Geometric(trained=True, space="klein"), "static"]
    configs = [Config("own:Last", BLOCK, epochs=2, method=method) for method in methods]
    for together, config in zip(run_many(configs), configs, strict=True):
        for one, other in zip(together["curve"], run(config)["curve"], strict=True):
            assert one == pytest.approx(other, rel=1e-4)


def test_options_at_their_defaults_are_no_part_of_an_id():
    given = {"name": "geometric", "space": "torus", "weight": 0.1, "power": 1}
    plain = Config("own:Last", BLOCK, method="geometric")
    assert Config("own:Last", BLOCK, method=given).id == plain.id
    method = Geometric(space="klein", trained=1, weight=1, power=2.0, seed=3)
    other = Config("own:Last", BLOCK, method=method)
    assert Config.from_dict(other.as_dict()) == other
    assert other.as_dict()["method"] == {
        "name": "geometric",
        "space": "klein",
        "weight": 1.0,
        "power": 2,
        "trained": True,
        "seed": 3,
    }


WRONG = [
    ({"space": "cube"}, "space must be one of 'torus', .*not 'cube'"),
    ({"inhibitor": "wave"}, "inhibitor must be one of 'dog'"),
    ({"control": "none"}, "control must be one of '', 'permuted', 'uniform'"),
    ({"power": 3}, "power must be one of 1, 2, not 3"),
    ({"weight": -1}, "weight must be a number from 0, not -1"),
    ({"weight": float("nan")}, "weight must be a number from 0, not nan"),
    ({"others": float("inf")}, "others must be a number from 0, not inf"),
    ({"others": "much"}, "others must be a number, not 'much'"),
    ({"published": "False"}, "published must be true or false, not 'False'"),
    ({"space": "r9"}, "points in r9 must be trained"),
    ({"rescaled": True, "inhibitor": "ripple"}, "dog and gauss, not ripple"),
    ({"points": [1.0, 2.0]}, "points are finite numbers of shape"),
    ({"points": "torus"}, "points are finite numbers of shape"),
    ({"points": [[1.0], [float("nan")]]}, "points are finite numbers of shape"),
    ({"seed": -1}, "seed must be a whole number"),
    ({"lambda": 1}, "unknown option 'lambda'"),
]


def test_bad_input_gets_a_sentence():
    for options, words in WRONG:
        with pytest.raises(VsrnnError, match=words):
            get_method("geometric", **options)
    with pytest.raises(VsrnnError, match=r"needs a model with masks.*not PlainRNN"):
        Geometric().begin(PlainRNN(3, 4, 2), 5)
    model = MaskedCell(3, 4, 2)
    with torch.no_grad():
        model.weight("hh_0")[2] = float("nan")
    with pytest.raises(VsrnnError, match="NaN or infinite before the first step"):
        Geometric().begin(model, 5)


def test_places_of_ones_own_are_those_that_are_used():
    points = [[float(n), 0.0] for n in range(6)]
    own = Geometric(inhibitor="diffusion", points=torch.tensor(points))
    assert own == get_method(**own.as_dict())
    costs, _ = own.embed(6).pairs()
    around = [min(n, 10 - n) ** 2 for n in range(6)]
    torch.testing.assert_close(costs[0], torch.tensor(around, dtype=costs.dtype))
    with pytest.raises(VsrnnError, match="5 units need as many points, not 6"):
        own.embed(5)
    with pytest.raises(VsrnnError, match=r"have shape \(units, 2\), not \(6, 1\)"):
        Geometric(points=[[0.0]] * 6).embed(6).pairs()
