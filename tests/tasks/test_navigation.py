"""Path integration: walks by hand, the code of places, and the error of decoding."""

import math

import numpy as np
import pytest
import torch

from vsrnn import Config, run
from vsrnn.errors import VsrnnError
from vsrnn.tasks import get_task
from vsrnn.tasks.navigation import (
    BORDER,
    HALF,
    SECONDS,
    SLOWER,
    SPEED,
    TURN,
    place_cells,
    walk,
)

CPU = torch.device("cpu")
WALLS = [(1, 0), (0, 1), (-1, 0), (0, -1)]
"""Directions out of the box."""


@pytest.fixture(scope="module")
def task():
    return get_task("navigation", "quick")


@pytest.fixture(scope="module")
def small():
    return get_task("navigation", "smoke")


def one_by_one(seed, number, steps):
    """The same walks, each by itself, by vectors instead of angles to walls."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-HALF, HALF, (number, 2)).tolist()
    headings = rng.uniform(0, 2 * math.pi, number).tolist()
    walks = [[tuple(place)] for place in places]
    near = 0
    for _ in range(steps):
        speeds, turns = rng.rayleigh(SPEED, number), rng.normal(0, TURN, number)
        for n, (x, y) in enumerate(places):
            ahead = math.cos(headings[n]), math.sin(headings[n])
            distances = [HALF - x * nx - y * ny for nx, ny in WALLS]
            out = WALLS[distances.index(min(distances))]
            towards = ahead[0] * out[0] + ahead[1] * out[1]
            along = -out[1], out[0]
            length = speeds[n] * SECONDS
            if min(distances) < BORDER and towards > 0:
                near += 1
                length *= SLOWER
                side = math.copysign(1, ahead[0] * along[0] + ahead[1] * along[1])
                headings[n] = math.atan2(side * along[1], side * along[0])
            headings[n] += SECONDS * turns[n]
            places[n] = [x + length * ahead[0], y + length * ahead[1]]
            walks[n].append(tuple(places[n]))
    return np.array(walks), near


def test_walks_are_those_made_one_by_one():
    path = walk(np.random.default_rng(5), 300, 40)
    slow, near = one_by_one(5, 300, 40)
    assert near > 300
    assert path.shape == (300, 41, 2)
    assert np.allclose(path, slow, atol=1e-5)


def test_walks_have_the_published_speeds_and_turns():
    path = walk(np.random.default_rng(0), 4_000, 50).astype(float)
    assert np.abs(path).max() < HALF + 0.1
    assert (np.abs(path) < HALF).mean() > 0.99
    assert np.abs(path[:, 0].mean(0)).max() < 0.05
    assert path[:, 0].std() == pytest.approx(2 * HALF / math.sqrt(12), rel=0.02)
    moves = np.diff(path, axis=1)
    free = (np.abs(path[:, :-1]) < HALF - BORDER).all(2)
    speeds = np.hypot(*moves[free].T) / SECONDS
    assert speeds.mean() == pytest.approx(SPEED * math.sqrt(math.pi / 2), rel=0.01)
    assert speeds.std() == pytest.approx(SPEED * math.sqrt(2 - math.pi / 2), rel=0.01)
    heading = np.arctan2(moves[..., 1], moves[..., 0])
    turns = (np.diff(heading, axis=1) + math.pi) % (2 * math.pi) - math.pi
    turns = turns[free[:, :-1]]
    assert turns.mean() == pytest.approx(0, abs=0.002)
    assert turns.std() == pytest.approx(SECONDS * TURN, rel=0.02)


def by_hand(place, centers, width):
    """The code of one place, as it is written."""
    squares = [math.dist(place, center) ** 2 for center in centers]
    softmaxes = []
    for variance in (width**2, 2 * width**2):
        each = [math.exp(-square / (2 * variance)) for square in squares]
        softmaxes.append([one / sum(each) for one in each])
    active = [center - around for center, around in zip(*softmaxes, strict=True)]
    shifted = [one + abs(min(active)) for one in active]
    return [one / sum(shifted) for one in shifted]


def test_the_code_is_a_difference_of_softmaxes():
    for name in ("navigation", "navigation-512"):
        task = get_task(name, "smoke")
        centers = place_cells(task.outputs, CPU).tolist()
        assert len(centers) == task.outputs == task.inputs - 2
        places = task.batch("val", slice(4))[1][:, ::9]
        code = task.code(places)
        for place, found in zip(places.flatten(0, 1), code.flatten(0, 1), strict=True):
            wanted = by_hand(place.tolist(), centers, task.width)
            assert found.tolist() == pytest.approx(wanted, rel=1e-3, abs=1e-7)
        assert code.sum(-1).numpy() == pytest.approx(1, abs=1e-5)


def test_centers_are_the_published_ones():
    """Numpy's old generator of seed 0: first all x, then all y."""
    drawn = np.random.RandomState(0).random_sample(2 * 512)
    assert drawn[:2] == pytest.approx([0.5488135, 0.7151894])
    x, y = 2.2 * drawn.reshape(2, 512) - 1.1
    found = place_cells(512, CPU).numpy()
    assert np.allclose(found, np.stack([x, y], 1))


def test_errors_are_distances_from_the_three_most_active(task):
    rng = torch.Generator().manual_seed(0)
    output = torch.randn(2, 5, task.steps, task.outputs, generator=rng)
    places = task.batch("val", slice(5))[1]
    centers = place_cells(task.outputs, CPU)
    for model, error in zip(output, task.accuracy(output, places), strict=True):
        distances = [
            100 * math.dist(centers[step.argsort()[-3:]].mean(0), place)
            for step, place in zip(
                model.flatten(0, 1), places.flatten(0, 1), strict=True
            )
        ]
        assert float(error) == pytest.approx(np.mean(distances), rel=1e-5)
    assert task.accuracy(output[0], places) == task.accuracy(output, places)[0]


def test_the_loss_is_the_cross_entropy_of_the_code(small):
    places = small.batch("val", slice(6))[1]
    rng = torch.Generator().manual_seed(0)
    output = torch.randn(3, 6, small.steps, small.outputs, generator=rng)
    code = small.code(places).flatten(0, 1)
    for model, loss in zip(output, small.loss(output, places), strict=True):
        wanted = torch.nn.functional.cross_entropy(model.flatten(0, 1), code)
        assert float(loss) == pytest.approx(float(wanted), rel=1e-5)
    best = small.code(places).clamp_min(1e-12).log().requires_grad_()
    small.loss(best, places).backward()
    assert best.grad.abs().max() < 1e-7


def test_references_are_near_known_ones(task):
    """Of a trial with other walks: readout of the codes, the start, the middle."""
    found = task.score(None)
    known = {"floor": 9.1, "stay": 27.7, "centre": 84.9}
    assert found.keys() == known.keys()
    for name, error in known.items():
        assert found[name] == pytest.approx(error, rel=0.05), name
    assert task.chance == pytest.approx(found["centre"], rel=0.03)


def test_inputs_are_the_code_of_the_start_and_moves(small):
    plain = get_task("navigation", "smoke", scaled=False, steps=50)
    for task, cells, moves, steps in ((small, 128, 10, 30), (plain, 1, 1, 50)):
        inputs, places = task.batch("test", slice(20))
        assert inputs.shape == (20, steps, 130) and places.shape == (20, steps, 2)
        assert not inputs[:, 1:, :128].any()
        moved = inputs[..., 128:].double().cumsum(1) / moves
        start = (places - moved)[:, :1]
        assert torch.allclose(start + moved, places.double(), atol=1e-5)
        code = task.code(start[:, 0].float())
        assert torch.allclose(code * cells, inputs[:, 0, :128], atol=1e-5 * cells)
    assert plain.provenance["steps"] == 50 and not plain.provenance["scaled"]


def everything(task):
    return {split: task.batch(split, slice(None))[1] for split in task.sizes}


def test_walks_are_fresh_in_every_epoch_and_the_same_again():
    task, again = (get_task("navigation", "smoke") for _ in range(2))
    first = everything(task)
    task.renew(2)
    second = everything(task)
    assert not torch.isclose(first["train"], second["train"]).all(2).any()
    assert all(torch.equal(first[split], second[split]) for split in ("val", "test"))
    again.renew(3)
    again.renew(2)
    assert torch.equal(everything(again)["train"], second["train"])
    task.renew(1)
    assert torch.equal(everything(task)["train"], first["train"])
    assert not torch.isclose(first["val"], first["test"]).all(2).any()
    assert not torch.isclose(first["val"], first["train"][:100]).all(2).any()
    other = get_task("navigation", "smoke", data_seed=1)
    assert other.checksum != task.checksum
    assert not torch.isclose(everything(other)["test"], first["test"]).all(2).any()


def test_the_published_protocol():
    task = get_task("navigation-512", "smoke")
    assert (task.outputs, task.steps, task.width) == (512, 50, 0.12)
    assert not task.provenance["scaled"]
    paper = task.scales["paper"]
    assert (paper.train, paper.batch_size, paper.epochs) == (1000 * 200, 200, 30)
    assert task.training.weight_decay == 0.01
    assert task.score(None)["floor"] == pytest.approx(4.6, rel=0.1)


def test_options_of_no_use_are_refused():
    for options, said in [
        ({"scaled": "False"}, "scaled is true or false, not 'False'"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"data_seed": -1}, "data_seed must be a whole number"),
    ]:
        with pytest.raises(VsrnnError, match=said):
            get_task("navigation", "smoke", **options)


def test_a_network_learns_in_a_few_steps_and_says_its_error():
    result = run(Config("navigation", "navigation_256", "smoke", epochs=12))
    first, *_, last = result["curve"]
    assert last["val_loss"] < first["val_loss"]
    assert last["train_loss"] < first["train_loss"]
    assert first.keys() >= {"train_error", "val_error"}
    assert result["test"].keys() == {"loss", "error", "floor", "stay", "centre"}
    assert result["score"] == result["test"]["error"]
    assert result["weights"].keys() == {"start", "ih_0", "hh_0", "head"}
    assert result["weights"]["start"] == 128 * 256 and result["weights"]["ih_0"] == 512
    assert result["parameters"] == result["total_weights"]
