"""What is drawn in a panel, as numbers: to be compared with the table it shows."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import same_color, to_hex, to_rgb
from matplotlib.lines import Line2D


def _pairs(points) -> list[tuple[float, float]]:
    xy = np.ma.filled(np.ma.asarray(points, float), np.nan).reshape(-1, 2)
    return [(float(x), float(y)) for x, y in xy]


def _has(color, wanted) -> bool:
    """Whether a color is the one wanted, however transparent."""
    return wanted is None or same_color(to_rgb(color), to_rgb(wanted))


def _marked(line: Line2D) -> bool:
    return line.get_marker() not in (None, "None", "", " ")


def _joined(line: Line2D) -> bool:
    return line.get_linestyle() not in ("None", "", " ")


def _data(ax: Axes) -> list[Line2D]:
    """Lines that stand at numbers of both axes, so no line across the panel."""
    return [line for line in ax.lines if line.get_transform() == ax.transData]


def markers(ax: Axes, color=None, marker=None) -> list[tuple[float, float]]:
    """Points with a marker that no line joins, in the order in which they were drawn.

    Args:
        ax: the panel.
        color: of the markers; any if absent.
        marker: as matplotlib names it; any if absent.
    """
    found = [
        line
        for line in _data(ax)
        if _marked(line) and not _joined(line) and _has(line.get_color(), color)
    ]
    chosen = [line for line in found if marker in (None, line.get_marker())]
    return [point for line in chosen for point in _pairs(line.get_xydata())]


def runs(ax: Axes, color=None) -> list[tuple[float, float]]:
    """Points of scatter plots and strips, by the color inside or around them."""
    points = []
    for group in ax.collections:
        if isinstance(group, PathCollection):
            offsets = group.get_offsets()
            shape = (len(offsets), 4)
            rims, faces = group.get_edgecolors(), group.get_facecolors()
            looks = [np.resize(each, shape) for each in (faces, rims) if len(each)]
            chosen = [
                any(_has(c, color) for c in each) for each in zip(*looks, strict=True)
            ]
            points += _pairs(offsets[np.array(chosen, bool)])
    return points


def intervals(ax: Axes, color=None) -> list[tuple[float, float, float]]:
    """Horizontal bars of intervals: low, high and the height they stand at."""
    bars = []
    for line in _data(ax):
        x, y = np.asarray(line.get_xydata(), float).T
        level = len(x) == 2 and y[0] == y[1] and np.isfinite(x).all()
        if level and not _marked(line) and _has(line.get_color(), color):
            bars.append((float(x[0]), float(x[1]), float(y[0])))
    return bars


def uprights(ax: Axes, color=None) -> list[tuple[float, float, float]]:
    """Vertical bars of intervals: the place they stand at, low and high."""
    return [
        (float(x), float(low), float(high))
        for group in ax.collections
        if isinstance(group, LineCollection) and _has(group.get_color()[0], color)
        for (x, low), (_, high) in group.get_segments()
    ]


def curves(ax: Axes) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Lines by color and line style; only the last of those that look the same."""
    return {
        (to_hex(line.get_color()), line.get_linestyle()): _pairs(line.get_xydata())
        for line in _data(ax)
        if _joined(line) and len(line.get_xdata()) > 1
    }


def bands(ax: Axes) -> dict[str, list[tuple[float, float, float]]]:
    """Bands by color: place, low and high, from left to right."""
    found = {}
    for group in ax.collections:
        if isinstance(group, PolyCollection):
            points = np.concatenate([path.vertices for path in group.get_paths()])
            places = np.unique(points[:, 0])
            heights = [points[points[:, 0] == x, 1] for x in places]
            found[to_hex(group.get_facecolor()[0])] = [
                (float(x), float(each.min()), float(each.max()))
                for x, each in zip(places, heights, strict=True)
            ]
    return found


def cells(ax: Axes) -> np.ndarray:
    """Numbers of a heat map, rows from the top, nan where a cell is empty."""
    (mesh,) = ax.collections
    return np.ma.filled(mesh.get_array().astype(float), np.nan)


def bars(ax: Axes) -> list[tuple[float, float]]:
    """Lengths of horizontal bars and the heights of their middles, from the top."""
    found = [
        (bar.get_width(), bar.get_y() + bar.get_height() / 2)
        for group in ax.containers
        for bar in group
    ]
    return sorted(found, key=lambda bar: bar[1])


def words(ax: Axes) -> list[str]:
    """Texts written into a panel."""
    return [text.get_text() for text in ax.texts]


def row_names(ax: Axes) -> list[str]:
    """Names of the rows from the top down."""
    ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
    low, high = sorted(ax.get_ylim())
    return [label.get_text() for place, label in ticks if low <= place <= high]
