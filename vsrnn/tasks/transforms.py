"""The eight image transforms of random anomaly detection, batched with kornia.

The published generator applies torchvision transforms to one PIL image after
another. Here kornia applies them to many images at once, while every random
parameter is drawn in this module, from a generator that is passed in. That keeps
torchvision's conventions where kornia's own draws differ from them, and leaves the
global generators alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsrnn.errors import needs

SIZE = 50
"""Side of the images that a sequence shows, in pixels."""

Generator = np.random.Generator


@needs("experiments")
def _kornia() -> Any:
    """Augmentations of kornia, which take half a second to import."""
    from kornia import augmentation

    return augmentation


def resize(images: np.ndarray) -> Tensor:
    """Enlarge 28 x 28 digits to (n, 50, 50) uint8, 0..255, by bilinear interpolation.

    Pixel centers are placed as PIL and torchvision place them (half-pixel convention),
    and results rounded as PIL rounds.
    """
    grow = _kornia().Resize((SIZE, SIZE), align_corners=False)
    large = torch.empty(len(images), SIZE, SIZE, dtype=torch.uint8)
    for start in range(0, len(images), 4096):
        part = torch.from_numpy(images[start : start + 4096]).float()
        large[start : start + 4096] = grow(part[:, None])[:, 0].round()
    return large


def baseline(images: Tensor, rng: Generator) -> Tensor:
    """Return the images as they are."""
    return images


def perspective_small(images: Tensor, rng: Generator) -> Tensor:
    """Move each corner inward by up to .5 of half the side."""
    return _perspective(images, 0.5, rng)


def perspective(images: Tensor, rng: Generator) -> Tensor:
    """Move each corner inward by up to .9 of half the side."""
    return _perspective(images, 0.9, rng)


def erase(images: Tensor, rng: Generator) -> Tensor:
    """Blacken one rectangle of .1 to .2 of the area.

    torchvision draws the aspect ratio (height over width) log-uniformly from .3 to
    3.3, where kornia tosses a coin between [.3, 1] and [1, 3.3]; so the rectangle is
    drawn here. None is ever too large for the image: sqrt(.2 * 3.3) * 50 < 50.
    """
    n = len(images)
    area = rng.uniform(0.1, 0.2, n) * SIZE * SIZE
    ratio = np.exp(rng.uniform(np.log(0.3), np.log(3.3), n))
    height = np.round(np.sqrt(area * ratio)).astype(int)
    width = np.round(np.sqrt(area / ratio)).astype(int)
    top = rng.integers(0, SIZE - height + 1)
    left = rng.integers(0, SIZE - width + 1)
    box = {"ys": top, "xs": left, "heights": height, "widths": width}
    return _apply(_kornia().RandomErasing(p=1.0), images, values=np.zeros(n), **box)


def noise(images: Tensor, rng: Generator) -> Tensor:
    """Add Gaussian noise of standard deviation .01 to every pixel."""
    grains = 0.01 * rng.standard_normal(tuple(images.shape), np.float32)
    return _apply(_kornia().RandomGaussianNoise(p=1.0), images, gaussian_noise=grains)


def both(images: Tensor, rng: Generator) -> Tensor:
    """Erase a rectangle, then apply the small perspective."""
    return perspective_small(erase(images, rng), rng)


def blur(images: Tensor, rng: Generator) -> Tensor:
    """Blur with a 15 x 15 Gaussian kernel, sigma uniform in .1 to 2 pixels."""
    sigma = rng.uniform(0.1, 2.0, len(images))
    augmentation = _kornia().RandomGaussianBlur(15, (0.1, 2.0), p=1.0)
    return _apply(augmentation, images, sigma=sigma)


def sharpness(images: Tensor, rng: Generator) -> Tensor:
    """Sharpen by factor 4 (0 is the 3 x 3 smoothed image, 1 the image itself)."""
    factor = np.full(len(images), 4.0)
    augmentation = _kornia().RandomSharpness((4.0, 4.0), p=1.0)
    return _apply(augmentation, images, sharpness=factor)


_ORDER: tuple[Callable[[Tensor, Generator], Tensor], ...]
_ORDER = baseline, perspective_small, perspective, erase, noise, both, blur, sharpness
TRANSFORMS = {function.__name__: function for function in _ORDER}
"""The transforms by name, in the order of their indices."""


def transform(images: Tensor, index: int, rng: Generator) -> Tensor:
    """Apply one of the eight transforms, by its place in `TRANSFORMS`.

    Images are (n, 50, 50) uint8, 0..255, and so are the results, each clamped to the
    darkest and brightest value of its own image before the transform, as published.
    """
    source = images[:, None].float() / 255
    changed = _ORDER[index](source, rng)
    low, high = source.amin((2, 3), True), source.amax((2, 3), True)
    changed = torch.minimum(torch.maximum(changed, low), high)
    return (changed[:, 0] * 255).round().to(torch.uint8)


def _perspective(images: Tensor, distortion: float, rng: Generator) -> Tensor:
    """Warp so that the four corners move inward by whole pixels.

    torchvision draws whole pixels from 0 to int(distortion * 25), both included;
    kornia would draw real numbers. PIL measures the corner coordinates from the
    image's edge, kornia from the first pixel's center: hence the shift by one half.
    """
    far = SIZE - 1
    start = np.array([[0, 0], [far, 0], [far, far], [0, far]], np.float32)
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    most = int(distortion * (SIZE // 2))
    moved = start + inward * rng.integers(0, most + 1, (len(images), 4, 2))
    return _apply(
        _kornia().RandomPerspective(distortion, align_corners=True, p=1.0),
        images,
        start_points=np.broadcast_to(start, moved.shape) - 0.5,
        end_points=moved - 0.5,
    )


def _apply(
    augmentation: torch.nn.Module, images: Tensor, **parameters: np.ndarray
) -> Tensor:
    """Run a kornia augmentation with parameters that were drawn elsewhere."""
    values = {
        name: torch.from_numpy(np.asarray(value, np.float32))
        for name, value in parameters.items()
    }
    values["batch_prob"] = torch.ones(len(images))
    values["forward_input_shape"] = torch.tensor(images.shape)
    return augmentation(images, params=values)
