"""Figures of Hammer: its moments, its course, and what noise costs."""

from __future__ import annotations

import base64
import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import imread
from pandas import DataFrame

from vsrnn.analysis._hammer_task import BOARD, DEPTH, HEIGHT, NOISE, PICTURE
from vsrnn.plot.style import GRAY, drawing

BLUE = "#0072B2"


def hammer_frames(table: DataFrame, style: str = "web") -> Figure:
    """Show the moments of an episode as pictures, three in a row.

    Args:
        table: as `vsrnn.analysis.hammer_frames` gives it.
        style: "web" or "manuscript".
    """
    rows = -(-len(table) // 3)
    with drawing(style, 0.31 * rows) as figure:
        axes = figure.subplots(rows, 3, squeeze=False).ravel()
        for ax, row in zip(axes, table.to_dict("records"), strict=False):
            file = io.BytesIO(base64.b64decode(row[PICTURE]))
            ax.imshow(imread(file, format="jpeg"), interpolation="none")
            ax.set_title(
                f"{row['moment']}: step {row['step']}, {row['time [s]']:.2f} s"
            )
            ax.set_xlabel(
                f"hammer at {row[HEIGHT]:.0f} cm, nail {row[DEPTH]:.1f} cm deep",
                fontsize="small",
            )
        for ax in axes:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    return figure


def hammer_episode(table: DataFrame, style: str = "web") -> Figure:
    """Height of the hammer and depth of the nail over time, a column a noise.

    Args:
        table: as `vsrnn.analysis.hammer_episode` gives it.
        style: "web" or "manuscript".
    """
    noises = list(table[NOISE].unique())
    heights = Normalize(table[BOARD].min(), table[BOARD].max())
    deep = table.loc[table["driven"], DEPTH].min()
    with drawing(style, 0.62) as figure:
        color = ScalarMappable(heights)
        axes = figure.subplots(2, len(noises), sharex=True, sharey="row", squeeze=False)
        for column, noise in zip(axes.T, noises, strict=True):
            for _, rows in table[table[NOISE] == noise].groupby("episode"):
                look = {"color": color.to_rgba(rows[BOARD].iloc[0]), "linewidth": 1}
                for ax, what in zip(column, (HEIGHT, DEPTH), strict=True):
                    ax.plot(rows["time [s]"], rows[what], **look)
            column[0].set_title(_noise(noise))
            column[1].axhline(deep, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)))
            column[1].set_xlabel("time [s]")
        _note(
            axes[1, -1],
            "driven in above",
            (table["time [s]"].max(), deep),
            (-2, -12),
            ha="right",
        )
        axes[0, 0].set_ylabel("hammer above table [cm]")
        axes[1, 0].set_ylabel("nail in board [cm]")
        figure.colorbar(color, ax=axes, label="height of the board [cm]", aspect=40)
    return figure


def hammer_noise(table: DataFrame, style: str = "web") -> Figure:
    """Success rate and return of the expert against the noise on its actions.

    Args:
        table: as `vsrnn.analysis.hammer_noise` gives it.
        style: "web" or "manuscript".
    """
    with drawing(style, 0.4) as figure:
        for ax, name, label in zip(
            figure.subplots(1, 2),
            ("success [%]", "return"),
            ("nail driven in [% of episodes]", "mean return [points]"),
            strict=True,
        ):
            unit = name.partition(" ")[2] or "[return]"
            ends = table[f"low {unit}"], table[f"high {unit}"]
            ax.vlines(table[NOISE], *ends, color=BLUE, linewidth=1.2)
            ax.plot(table[NOISE], table[name], "o-", color=BLUE)
            ax.axvline(1, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
            ax.set(xlabel="noise [times the expert's own]", ylabel=label)
            ax.set_ylim(bottom=0)
        _note(figure.axes[0], "the data", (1, 0), (4, 4))
    return figure


def _noise(factor: float) -> str:
    words = {0.0: "without noise", 1.0: "with the noise of the data"}
    return words.get(factor, f"with {factor:g} times that noise")


def _note(
    ax: Axes, text: str, at: tuple[float, float], off: tuple[float, float], **look: Any
) -> None:
    """Write a small gray note so many points off a place of the data."""
    look |= {"color": GRAY, "fontsize": "small", "textcoords": "offset points"}
    ax.annotate(text, at, off, **look)
