"""Grids of small pictures without axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FRAME = "#D55E00"
"""Color of the frame around a picture that matters."""


def images(figure: Figure, pictures: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Draw rows of pictures, none longer than the first; the axes, (rows, columns).

    Each picture is (height, width) in gray levels 0..255 or (height, width, 3) uint8.

    >>> images(Figure(), [[np.zeros((4, 4)), np.ones((4, 4))]]).shape
    (1, 2)
    """
    axes = figure.subplots(len(pictures), len(pictures[0]), squeeze=False)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for line, row in zip(axes, pictures, strict=True):
        for ax, picture in zip(line, row, strict=False):
            smooth = "nearest" if picture.ndim == 2 else "none"
            ax.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation=smooth)
    return axes


def frame(ax: Axes) -> None:
    """Frame a picture."""
    ax.spines[:].set(visible=True, color=FRAME, linewidth=2.5)
