"""Points in rows stand where their table says, each in its own look."""

import drawn
import numpy as np
import pandas as pd
import pytest

from vsrnn import VsrnnError
from vsrnn.plot.points import dots, share_colors, share_column, strip
from vsrnn.plot.style import STYLES, drawing

RUNS = pd.DataFrame(
    {
        "design": ["a", "a", "b", "c"],
        "score": [10.0, 20.0, 60.0, np.nan],
        "mean": [15.0, 15.0, 60.0, np.nan],
        "low": [5.0, 5.0, np.nan, np.nan],
        "high": [30.0, 30.0, np.nan, np.nan],
    }
)
LOOKS = {
    "x": {"color": "#0072B2", "marker": "o"},
    "y": {"color": "#D55E00", "marker": "s", "markerfacecolor": "white"},
}


@pytest.mark.parametrize("style", STYLES)
def test_dots_stand_at_means_intervals_and_runs(style):
    ends = ("mean", "design", "low", "high")
    with drawing(style, 0.5) as figure:
        ax = figure.subplots()
        dots(
            ax, RUNS, *ends, points="score", how=".1f", chance=10, missing="no run yet"
        )
    assert drawn.row_names(ax) == ["a", "b", "c"]
    assert drawn.markers(ax) == [(15, 0), (60, 1)]
    assert drawn.intervals(ax) == [(5, 30, 0)]  # one run alone has none
    assert drawn.runs(ax) == [(10, -0.25), (20, -0.25), (60, 0.75)]
    assert drawn.words(ax) == ["15.0", "60.0", "chance", "no run yet"]
    chance = ax.lines[-1]
    assert set(chance.get_xdata()) == {10}


def test_dots_of_one_row_differ_by_look_and_stay_in_their_order():
    table = pd.DataFrame(
        {
            "design": ["a", "a", "b", "b"],
            "kind": ["x", "y", "y", "x"],
            "value": [1.0, 2.0, -3.0, 4.0],
            "low": [0.0, 2.5, -5.0, 3.0],  # the mean lies outside of the second
            "high": [2.0, 3.0, 0.0, 5.0],
        }
    )
    order = ["b", "a"]
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        columns = ("value", "design", "low", "high")
        dots(ax, table, *columns, hue="kind", looks=LOOKS, order=order, step=0.5)
    first, second = LOOKS["x"]["color"], LOOKS["y"]["color"]
    assert sorted(drawn.markers(ax, first, "o")) == [(1, 0.75), (4, -0.25)]
    assert sorted(drawn.markers(ax, second, "s")) == [(-3, 0.25), (2, 1.25)]
    assert sorted(drawn.intervals(ax, first)) == [(0, 2, 0.75), (3, 5, -0.25)]
    assert sorted(drawn.intervals(ax, second)) == [(-5, 0, 0.25), (2.5, 3, 1.25)]
    assert drawn.row_names(ax) == order


def test_dots_beyond_the_axis_become_arrowheads_at_its_end():
    table = pd.DataFrame({"d": ["a", "b"], "v": [-2.0, 0.5], "l": [-3, 0], "h": [0, 2]})
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        dots(ax, table, "v", "d", "l", "h", within=(-0.3, 1))
    assert drawn.markers(ax, marker="<") == [(-0.3, 0)]
    assert drawn.markers(ax) == [(-0.3, 0), (0.5, 1)]
    assert sorted(drawn.intervals(ax)) == [(-0.3, 0, 0), (0, 1, 1)]


def test_two_means_of_one_row_are_refused():
    table = pd.DataFrame({"d": ["a", "a"], "v": [1.0, 2.0]})
    with drawing("web", 0.5) as figure, pytest.raises(VsrnnError, match="several"):
        dots(figure.subplots(), table, "v", "d")


def test_a_strip_spreads_the_values_of_a_row_in_their_order():
    table = pd.DataFrame({"d": list("aab"), "v": [1.0, 2.0, 3.0], "k": list("xyx")})
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        strip(ax, table, "v", "d", hue="k", looks=LOOKS)
    (low, a), (other, b) = drawn.runs(ax, LOOKS["x"]["color"])
    assert (low, other) == (1, 3) and a == pytest.approx(-0.1) and b == 1
    ((high, c),) = drawn.runs(ax, LOOKS["y"]["color"])
    assert high == 2 and c == pytest.approx(0.1)
    assert drawn.row_names(ax) == ["a", "b"]


def test_shares_are_bars_with_their_numbers():
    shares = [0.4, np.nan, 0.1]
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        share_column(ax, shares)
    np.testing.assert_allclose(drawn.bars(ax), [(1, 0), (0, 1), (0.25, 2)])
    assert drawn.words(ax) == ["0.400", "none", "0.100"]
    colors = share_colors(shares)
    assert [bar.get_facecolor() for group in ax.containers for bar in group] == [
        colors[0],
        (1, 1, 1, 1),
        colors[2],
    ]
