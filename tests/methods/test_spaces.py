"""Spaces against distances by brute force, and the functions of the distance."""

from itertools import product

import numpy as np
import pytest
import torch
from each import each

from vsrnn import VsrnnError
from vsrnn.methods.spaces import INHIBITORS, SPACES, TRAINED


def shortest(points, images):
    """The least distance of each point to an image of each other, one at a time."""
    at = [
        [np.linalg.norm(images(b) - a, axis=-1).min() for b in points] for a in points
    ]
    return np.array(at)


def on_torus(points):
    ways = np.array(list(product((-10, 0, 10), repeat=points.shape[1])))
    return shortest(points, lambda b: b + ways)


def on_klein(points, glides=range(-3, 4), turns=range(-4, 5)):
    """A glide moves x by 10 and turns y over; a turn moves y by 10."""

    def images(b):
        return [
            (b[0] + 10 * g, (b[1] if g % 2 == 0 else 10 - b[1]) + 10 * t)
            for g, t in product(glides, turns)
        ]

    return shortest(points, lambda b: np.array(images(b)))


def on_sphere(points, radius=5):
    points = points / np.linalg.norm(points, axis=1)[:, None]
    return radius * np.arccos((points @ points.T).clip(-1, 1))


def flat(points):
    return shortest(points, lambda b: b[None])


ORACLES = {
    "torus": on_torus,
    "klein": on_klein,
    "circle": on_sphere,
    "sphere": on_sphere,
    "s3": lambda points: on_sphere(points, 10),
    "torus6": on_torus,
    "r3": flat,
    "r9": flat,
    "mixed": lambda p: np.hypot(on_sphere(p[:, :3]), on_torus(p[:, 3:])),
}
FARTHEST = {
    "torus": 50**0.5,
    "klein": 50**0.5,
    "circle": 5 * np.pi,
    "sphere": 5 * np.pi,
}
FARTHEST |= {"s3": 10 * np.pi, "torus6": 150**0.5}


def drawn(name, units=14, seed=0, spaces=SPACES):
    generator = torch.Generator().manual_seed(seed)
    return spaces[name].draw(units, generator).double()


def test_there_is_an_oracle_for_each_space():
    assert ORACLES.keys() == SPACES.keys()


@each("name", SPACES)
def test_distances_are_those_by_brute_force(name):
    points = drawn(name)
    distances = SPACES[name].distances(points).numpy()
    # arccos loses half the digits at 0
    np.testing.assert_allclose(distances, ORACLES[name](points.numpy()), atol=1e-6)
    single = SPACES[name].distances(points.float())
    np.testing.assert_allclose(single, distances, rtol=1e-5, atol=1e-5)


@each("name", SPACES)
def test_distances_are_a_metric_on_every_space(name):
    distances = SPACES[name].distances(drawn(name, 60)).numpy()
    assert np.array_equal(np.diag(distances), np.zeros(60))
    np.testing.assert_allclose(distances, distances.T, rtol=1e-12)
    assert (distances + np.eye(60) > 0).all()
    detour = (distances[:, :, None] + distances[None]).min(1)  # over one between
    assert (distances <= detour + 1e-12).all()


def test_no_two_points_are_farther_apart_than_the_space_allows():
    for name, most in FARTHEST.items():
        distances = SPACES[name].distances(drawn(name, 1000))
        dense = 0.55 if name in ("s3", "torus6") else 0.95
        assert dense * most < distances.max() <= most


def test_nine_images_are_enough_on_a_klein_bottle():
    points = drawn("klein", 40).numpy()
    nine = on_klein(points, (-1, 0, 1), (-1, 0, 1))
    np.testing.assert_allclose(nine, on_klein(points), rtol=1e-12)


def test_points_may_leave_where_they_were_drawn():
    """Trained ones do: the same places by other coordinates."""
    points = drawn("torus")
    moved = points + torch.tensor([10.0, -30.0])
    apart = SPACES["torus"].distances
    torch.testing.assert_close(apart(moved), apart(points))
    x, y = drawn("klein").t()
    turned = torch.stack([x + 10, 10 - y - 20], 1)
    apart = SPACES["klein"].distances
    mixed = torch.where(torch.arange(len(x))[:, None] % 2 == 0, turned, drawn("klein"))
    torch.testing.assert_close(apart(mixed), apart(drawn("klein")))
    apart = SPACES["sphere"].distances
    torch.testing.assert_close(apart(3 * drawn("sphere")), apart(drawn("sphere")))


def test_the_trained_s3_is_half_as_wide():
    points = drawn("s3")
    wide, narrow = (space.distances(points) for space in (SPACES["s3"], TRAINED["s3"]))
    torch.testing.assert_close(wide, 2 * narrow)


@each("name", SPACES)
def test_points_are_as_published(name):
    points = drawn(name, 4000)
    flat_part = points[:, 3:] if name == "mixed" else points
    if name in ("torus", "torus6", "klein", "mixed"):
        assert ((flat_part >= 0) & (flat_part < 10)).all()
        torch.testing.assert_close(
            flat_part.mean(), torch.tensor(5.0).double(), atol=0.2, rtol=0
        )
    if name in ("circle", "sphere", "s3", "mixed"):
        round_part = points[:, :3] if name == "mixed" else points
        assert torch.allclose(round_part.norm(dim=1), torch.ones(4000).double())
        assert round_part.mean(0).abs().max() < 0.05
    if name in ("r3", "r9"):
        assert points.std() == pytest.approx({"r3": 1, "r9": 10}[name], rel=0.05)
    assert torch.equal(points, drawn(name, 4000))
    assert not torch.equal(points, drawn(name, 4000, seed=1))


@each("name", SPACES)
def test_gradients_are_those_of_finite_differences(name):
    points = drawn(name, 5).requires_grad_()
    factors = torch.arange(25.0).view(5, 5).double()
    assert torch.autograd.gradcheck(
        lambda p: (factors * SPACES[name].distances(p)).sum(), points
    )


@each("name", SPACES)
def test_gradients_stay_finite_for_equal_and_opposite_points(name):
    for inhibitor in INHIBITORS.values():
        points = drawn(name, 4).float()
        points[1], points[2] = points[0], -points[0]
        points.requires_grad_()
        inhibitor.of(SPACES[name].distances(points)).sum().backward()
        assert points.grad.isfinite().all()


def test_points_of_another_space_get_a_sentence():
    for points in (torch.zeros(5, 3), torch.zeros(5), torch.zeros(1, 5, 2)):
        with pytest.raises(VsrnnError, match=r"shape \(units, 2\), not \("):
            SPACES["torus"].distances(points)


def by_hand(name, d):
    return {
        "dog": 100 * (np.exp(-(d**2) / 5) - np.exp(-4 * d**2)),
        "diffusion": d**2,
        "gauss": 100 * np.exp(-(d**2) / 3),
        "ripple": 50 + 50 * np.cos(2 * d),
    }[name]


def test_inhibitors_are_as_published_and_their_maximum_is_exact():
    d = np.linspace(0, 20, 2_000_001)
    for name, inhibitor in INHIBITORS.items():
        values = inhibitor.of(torch.tensor(d)).numpy()
        np.testing.assert_allclose(values, by_hand(name, d), atol=1e-9)
        assert inhibitor.inverted == (name in ("dog", "gauss"))
        if inhibitor.most is not None:
            assert inhibitor.most == pytest.approx(values.max(), abs=1e-8)
    top = by_hand("dog", d).max()
    assert (top, d[by_hand("dog", d).argmax()]) == pytest.approx(
        (81.14, 0.888), abs=0.005
    )
    near = d[by_hand("dog", d) > top / 2]
    assert (near[0], near[-1]) == pytest.approx((0.38, 2.12), abs=0.01)
