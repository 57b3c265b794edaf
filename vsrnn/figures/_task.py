"""Figures of the task: its sequences, its transforms, its hard pairs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.plot.style import drawing

ANOMALY = "#D55E00"


def sequences(table: DataFrame, style: str = "web") -> Figure:
    """Show sequences as rows of images, the anomaly framed.

    Args:
        table: as `vsrnn.analysis.sequences` gives it.
        style: "web" or "manuscript".
    """
    groups = [rows for _, rows in table.groupby("sequence")]
    with drawing(style, 0.035 + 0.13 * len(groups)) as figure:
        shape = (len(groups), len(groups[0]))
        figure.set_layout_engine("constrained", hspace=0.25, h_pad=0.12)
        axes = figure.subplots(*shape, squeeze=False)
        for row, images in zip(axes, groups, strict=True):
            for ax, (_, image) in zip(row, images.iterrows(), strict=True):
                _image(ax, image)
                if image["anomaly"]:
                    _frame(ax)
            first = images.iloc[0]
            words = f"{first['base']}; anomaly: {first['alternative']}"
            row[0].annotate(
                words.replace("_", " "),
                (0, 1),
                xycoords="axes fraction",
                xytext=(0, 4),
                textcoords="offset points",
                fontsize="small",
                in_layout=False,
            )
        for ax, step in zip(axes[-1], groups[-1]["step"], strict=True):
            ax.set_xlabel(str(step), fontsize="small")
        axes[-1][5].set_xlabel("6\nstep", fontsize="small")
    return figure


def transforms(table: DataFrame, style: str = "web") -> Figure:
    """Show one digit under each transform, a column each, a row a draw.

    Args:
        table: as `vsrnn.analysis.transforms` gives it.
        style: "web" or "manuscript".

    >>> from vsrnn import analysis
    >>> len(transforms(analysis.transforms(draws=1)).axes)
    8
    """
    names = list(table["transform"].unique())
    draws = table["draw"].max()
    with drawing(style, 0.05 + 0.125 * draws) as figure:
        axes = figure.subplots(draws, len(names), squeeze=False)
        for name, column in zip(names, axes.T, strict=True):
            images = table[table["transform"] == name]
            for ax, (_, image) in zip(column, images.iterrows(), strict=True):
                _image(ax, image)
            column[0].set_title(name.replace("_", "\n"), fontsize="small", loc="center")
        for row, draw in zip(axes, range(1, draws + 1), strict=True):
            row[0].set_ylabel(f"draw {draw}", fontsize="small")
    return figure


def transform_pairs(table: DataFrame, style: str = "web") -> Figure:
    """Accuracy for each base and alternative, beside how far their pixels differ.

    Args:
        table: as `vsrnn.analysis.transform_pairs` gives it.
        style: "web" or "manuscript".
    """
    with drawing(style, 0.62) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        found, n = table["accuracy [%]"], table["sequences"]
        _heat(left, table, "accuracy [%]", 100, ".0f")
        left.set_title(
            f"anomaly found [%], {np.nanmin(n[n > 0])} to {n.max()}\n"
            f"sequences a pair; a guess: 10"
            if found.notna().any()
            else "no sequences"
        )
        high = float(table["difference [gray levels]"].max())
        _heat(right, table, "difference [gray levels]", high, ".0f")
        right.set_title("mean difference of pixels\n[gray levels of 255]")
        left.set_ylabel("base transform (nine images)")
        for ax in (left, right):
            ax.set_xlabel("alternative transform (one image)")
    return figure


def _image(ax: Axes, row: DataFrame) -> None:
    """Draw a row's pixels, which are the columns named p0, p1, ..."""
    pixels = row[[name for name in row.index if name.endswith("[0..255]")]]
    side = round(len(pixels) ** 0.5)
    values = pixels.to_numpy(float).reshape(side, side)
    ax.imshow(values, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


def _frame(ax: Axes) -> None:
    ax.spines[:].set(visible=True, color=ANOMALY, linewidth=2.5)


def _heat(ax: Axes, table: DataFrame, value: str, high: float, form: str) -> None:
    names = list(table["base"].unique())
    grid = table.pivot(index="base", columns="alternative", values=value)
    grid = grid.loc[names, names].to_numpy(float)
    ax.imshow(np.ma.masked_invalid(grid), vmin=0, vmax=high, aspect="equal")
    for (row, column), number in np.ndenumerate(grid):
        if np.isfinite(number):
            ink = "white" if number < high / 2 else "black"
            ax.text(
                *(column, row, format(number, form)),
                color=ink,
                ha="center",
                va="center",
                fontsize="x-small",
            )
    words = [name.replace("_", " ") for name in names]
    ax.set_xticks(range(len(names)), words, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), words)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
