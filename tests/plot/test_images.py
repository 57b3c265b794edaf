"""Pictures stand where they belong."""

import numpy as np
from matplotlib.figure import Figure

from vsrnn.plot.axes import images


def test_pictures_are_drawn_row_by_row():
    pictures = [
        [np.full((3, 3), 10 * row + column) for column in range(3)] for row in range(2)
    ]
    pictures[1].pop()
    axes = images(Figure(), pictures)
    assert axes.shape == (2, 3) and not axes[1, 2].images
    for row, line in enumerate(pictures):
        for column, picture in enumerate(line):
            (shown,) = axes[row, column].images
            assert (shown.get_array() == picture).all()
            assert shown.get_clim() == (0, 255)  # gray levels, not stretched
