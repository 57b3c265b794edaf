"""The look of the figures: sizes by medium, colors, labels on lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from vsrnn.errors import VsrnnError
from vsrnn.plot.labels import GRAY

STYLES = {"web": (7.2, 10.0), "phone": (3.6, 9.0), "manuscript": (5.5, 8.0)}
"""Width [inch] and font size [point] of each medium; the data never change."""

SHEET = Path(__file__).with_name("vsrnn.mplstyle")


@contextmanager
def drawing(style: str, height: float) -> Iterator[Figure]:
    """Give an empty figure in a style, and draw it once before the style ends.

    The height is over the width. In a manuscript the caption says what a title would:
    the only title becomes the figure's label, which is kept in its JSON file. Titles
    that tell panels apart stay, and so does one above these. On a phone a figure is as
    high as on the web and half as wide, long words go over several lines, and
    `vsrnn.plot.axes` has panels one below the other.

    Raises:
        VsrnnError: the style is unknown.
    """
    if style not in STYLES:
        raise VsrnnError(f"unknown style {style!r}; choose one of: {', '.join(STYLES)}")
    width, size = STYLES[style]
    sized = {"font.size": size}  # all else at matplotlib's defaults, not the user's
    with matplotlib.style.context([SHEET, sized], after_reset=True):
        high = height * STYLES["web" if style == "phone" else style][0]
        figure = Figure(figsize=(width, high), layout="constrained")
        yield figure
        if style == "manuscript":
            _title_to_label(figure)
        if is_narrow(figure):
            _wrap(figure)
        figure.draw_without_rendering()
        if is_narrow(figure):
            _trim(figure)


def is_narrow(figure: Figure | None) -> bool:
    """Whether a figure is drawn for a phone."""
    return figure is not None and bool(figure.get_figwidth() < 4)


def _wrap(figure: Figure) -> None:
    """Break titles and names of axes that are longer than a narrow figure is wide."""
    for ax in figure.axes:
        place = ax.get_subplotspec()
        room = 36 // (place.get_gridspec().ncols if place else 1)
        how = {"width": room, "break_long_words": False}
        for loc in ("left", "center"):
            ax.set_title(_filled(ax.get_title(loc), **how), loc=loc)
        ax.set_xlabel(_filled(ax.get_xlabel(), **how))


def _filled(words: str, **how: Any) -> str:
    return "\n".join(fill(line, **how) for line in words.split("\n"))


def _trim(figure: Figure) -> None:
    """Lower a figure by what its rows are higher than panels of a fixed aspect."""
    rows: dict[int, list[float]] = {}
    for ax in figure.axes:
        if place := ax.get_subplotspec():
            room = ax.get_position(True).height * figure.bbox.height
            empty = room - ax.get_tightbbox().height  # type: ignore[union-attr]
            rows.setdefault(place.rowspan.start, []).append(empty)
    empty = sum(max(0, min(row)) for row in rows.values()) / figure.bbox.height
    if empty > 0.05:
        figure.set_figheight((1 - empty + 0.03) * figure.get_figheight())
        figure.draw_without_rendering()


def _title_to_label(figure: Figure) -> None:
    titled = [ax for ax in figure.axes if ax.get_title(loc="left")]
    if len(titled) == 1:
        figure.set_label(titled[0].get_title(loc="left"))
        titled[0].set_title("")
    elif not titled and figure.get_suptitle():
        figure.set_label(figure.get_suptitle())
        figure.suptitle("")


def spread(heights: Sequence[float], gap: float, floor: float = -np.inf) -> np.ndarray:
    """Move label heights apart until neighbors are a gap from each other.

    >>> spread([1.0, 1.1, 5.0], 1.0, floor=0.75).tolist()
    [0.75, 1.75, 5.0]
    """
    order, steps = np.argsort(heights, kind="stable"), gap * np.arange(len(heights))
    nearest = isotonic_regression(np.asarray(heights, float)[order] - steps).x
    out = np.empty(len(heights))
    out[order] = np.maximum(nearest, floor) + steps
    return out


def label_ends(
    ax: Axes, labels: Sequence[str], heights: Sequence[float], colors: Sequence[str]
) -> None:
    """Write each line's name right of the axes at the height where the line ends."""
    low, high = ax.get_ylim()
    place = ax.get_subplotspec()
    rows = place.get_gridspec().nrows if place else 1
    inches = ax.figure.get_size_inches()[1] * 0.6 / rows  # type: ignore[union-attr]
    gap = (high - low) * matplotlib.rcParams["font.size"] / 72 / inches
    beside = blended_transform_factory(ax.transAxes, ax.transData)
    places = spread(heights, gap, floor=low)
    words: dict[str, Any] = {"transform": beside, "va": "center", "fontsize": "small"}
    for text, height, color in zip(labels, places, colors, strict=True):
        ax.text(1.02, height, text, color=color, **words)


def accuracy_top(values: ArrayLike, chance: float) -> float:
    """Upper end of an accuracy axis [%]: the next ten above all there is to show."""
    most = np.nanmax([2 * chance, *np.ravel(values)])
    return float(min(100, 10 * np.ceil((most + 4) / 10)))


def chance_line(ax: Axes, value: float, along: str = "x") -> None:
    """Mark the score of a guess, as a line across the axes."""
    draw = ax.axhline if along == "x" else ax.axvline
    draw(value, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
