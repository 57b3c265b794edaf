"""Lines, points and cells stand where their table says."""

import drawn
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import Normalize

from vsrnn.plot.lines import heat, lines, scatter
from vsrnn.plot.style import STYLES, drawing

CURVES = pd.DataFrame(
    {
        "design": ["a"] * 3 + ["b"] * 3,
        "epoch": [1, 2, 3] * 2,
        "mean": [10.0, 20.0, 40.0, 5.0, 4.0, 3.0],
        "low": [9.0, 15.0, 39.0, 4.0, 3.0, 2.0],
        "high": [11.0, 30.0, 41.0, 6.0, 5.0, 4.0],
    }
)
LOOKS = {
    "a": {"color": "#0072b2", "marker": "o", "linestyle": "-"},
    "b": {"color": "#d55e00", "marker": "s", "linestyle": "--"},
}
COLUMNS = ("epoch", "mean", "low", "high")


def points(name, columns=("epoch", "mean")):
    rows = CURVES.loc[CURVES["design"] == name, list(columns)]
    return [tuple(map(float, row)) for row in rows.to_numpy()]


@pytest.mark.parametrize("style", STYLES)
def test_lines_and_bands_follow_the_table_and_are_named_at_their_ends(style):
    with drawing(style, 0.5) as figure:
        ax = figure.subplots()
        lines(ax, CURVES, *COLUMNS, hue="design", looks=LOOKS, named=str.upper)
    for name, look in LOOKS.items():
        color = look["color"]
        assert drawn.curves(ax)[color, look["linestyle"]] == points(name)
        assert drawn.bands(ax)[color] == points(name, ("epoch", "low", "high"))
    names = {text.get_text(): text for text in ax.texts}
    assert names["A"].get_position()[1] == 40 and names["A"].get_color() == "#0072b2"
    assert names["B"].get_position()[1] == 3 and names["B"].get_color() == "#d55e00"


def test_lines_have_bars_beside_each_other_and_a_level_of_chance():
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        lines(ax, CURVES, *COLUMNS, hue="design", looks=LOOKS, bars=True, chance=7)
    ends = ("epoch", "low", "high")
    left = [(x / 1.03, low, high) for x, low, high in points("a", ends)]
    np.testing.assert_allclose(drawn.uprights(ax, "#0072b2"), left)
    assert drawn.uprights(ax, "#d55e00") == points("b", ends)
    assert not drawn.bands(ax)
    assert set(ax.lines[-1].get_ydata()) == {7}


def test_scatter_has_a_look_a_group_and_intervals():
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        scatter(ax, CURVES, *COLUMNS, hue="design", looks=LOOKS)
    for name, look in LOOKS.items():
        assert drawn.runs(ax, look["color"]) == points(name)
        ends = points(name, ("epoch", "low", "high"))
        assert drawn.uprights(ax, look["color"]) == ends


def test_scatter_colors_by_a_number():
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        scatter(ax, CURVES, "epoch", "mean", hue="high", norm=Normalize(0, 41))
    assert drawn.runs(ax) == points("a") + points("b")
    light = ax.collections[0].get_facecolors()[:, :3].sum(axis=1)
    assert np.argsort(light).tolist() == np.argsort(CURVES["high"]).tolist()


def test_heat_maps_have_rows_and_columns_in_the_order_of_the_table():
    table = pd.DataFrame(
        {"r": list("bbaa"), "c": ["y_z", "x", "y_z", "x"], "v": [1.0, 2.0, np.nan, 4.0]}
    )
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        heat(ax, table, "r", "c", "v")
    np.testing.assert_equal(drawn.cells(ax), [[1, 2], [np.nan, 4]])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["b", "a"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["y z", "x"]
    assert drawn.words(ax) == ["1", "2", "4"]
    assert ax.yaxis_inverted()  # so that the first row is on top
