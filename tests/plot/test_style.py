"""Styles set sizes, leave others' settings alone, and move the only title away."""

import matplotlib
import pytest

from vsrnn import VsrnnError
from vsrnn.plot.axes import grid, legend, panels, proportion_axis
from vsrnn.plot.style import STYLES, chance_line, drawing, label_ends


@pytest.mark.parametrize("style", STYLES)
def test_a_style_sets_the_width_and_leaves_the_settings_of_others_alone(style):
    before = dict(matplotlib.rcParams)
    with drawing(style, 0.5) as figure:
        assert matplotlib.rcParams["font.size"] == STYLES[style][1]
    assert dict(matplotlib.rcParams) == before
    width, wide = STYLES[style][0], STYLES["web" if style == "phone" else style][0]
    assert figure.get_size_inches().tolist() == [width, wide * 0.5]


@pytest.mark.parametrize("number, left", [(1, []), (2, ["panel 0", "panel 1"])])
def test_a_manuscript_has_no_title_but_those_that_tell_panels_apart(number, left):
    with drawing("manuscript", 0.5) as figure:
        for n, ax in enumerate(panels(figure, number)):
            ax.set_title(f"panel {n}")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title for title in titles if title] == left
    assert figure.get_label() == ("" if left else "panel 0")


def test_an_unknown_style_says_which_there_are():
    with (
        pytest.raises(VsrnnError, match="web, phone, manuscript"),
        drawing("poster", 1),
    ):
        pass


def test_panels_fill_rows_and_those_above_a_gap_have_tick_labels():
    with drawing("web", 0.5) as figure:
        axes = panels(figure, 3, 2, sharex=True)
        axes[0].plot([0, 1], [0, 1])
    places = [ax.get_subplotspec() for ax in axes]
    assert [(p.rowspan.start, p.colspan.start) for p in places] == [
        (0, 0),
        (0, 1),
        (1, 0),
    ]
    labeled = [any(t.label1.get_visible() for t in ax.xaxis.majorTicks) for ax in axes]
    assert labeled == [False, True, True]


def test_on_a_phone_panels_stand_below_each_other_as_high_as_before():
    found = {}
    for style in ("web", "phone"):
        with drawing(style, 0.5) as figure:
            axes = panels(figure, 2, sharex=True)
            axes[0].set_title("words that no phone has room for in one line")
            legend(figure, {f"a name of many letters, {n}": {} for n in range(3)})
        high = axes[0].get_position().height * figure.get_figheight()
        found[style] = (axes, high, figure.legends[0]._ncols)
    left, right = found["web"][0]
    above, below = found["phone"][0]
    assert left.get_position().y0 == pytest.approx(right.get_position().y0)
    assert above.get_position().y0 > below.get_position().y1
    assert above.get_position().x0 == pytest.approx(below.get_position().x0)
    assert found["phone"][1] == pytest.approx(found["web"][1], rel=0.2)
    assert (found["web"][2], found["phone"][2]) == (3, 1)
    assert "\n" in above.get_title("left") and "\n" not in left.get_title("left")


def test_a_grid_keeps_its_rows_together_and_on_a_phone_its_columns_in_bands():
    for style, order in (("web", "abcdefgh"), ("phone", "abefcdgh")):
        with drawing(style, 0.5) as figure:
            axes = grid(figure, 2, 4, {"x": "col", "y": "row"}, (2, 1))
            for ax, name in zip(axes.flat, "abcdefgh", strict=True):
                ax.set_title(name)
        places = {
            ax.get_title("left"): ax.get_position().bounds[:2] for ax in axes.flat
        }
        read = sorted(places, key=lambda n: (-round(places[n][1], 1), places[n][0]))
        assert "".join(read) == order
        axes[1, 2].set_xlim(3, 4)
        axes[0, 3].set_ylim(5, 6)
        assert axes[0, 2].get_xlim() == (3, 4) != axes[0, 0].get_xlim()
        assert axes[0, 0].get_ylim() == (5, 6) != axes[1, 0].get_ylim()


def test_on_a_phone_pictures_leave_no_empty_rows():
    with drawing("phone", 1) as figure:
        for ax in panels(figure, 4):
            ax.imshow([[0, 1], [1, 0]])
    axes = figure.axes
    gap = axes[0].get_position().y0 - axes[2].get_position().y1
    assert 0 < gap < 0.2 and figure.get_figheight() < 5


def test_proportions_are_on_a_square_root_scale():
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        proportion_axis(ax)
    x = ax.transData.transform([(0, 0), (0.25, 0), (1, 0)])[:, 0]
    assert x[1] - x[0] == pytest.approx((x[2] - x[0]) / 2)


def test_chance_is_a_line_along_the_axis_asked_for():
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        chance_line(ax, 10)
        chance_line(ax, 20, along="y")
    across, up = ax.lines
    assert set(across.get_ydata()) == {10} and set(up.get_xdata()) == {20}


def test_names_of_lines_keep_their_order_and_do_not_touch():
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        ax.set_ylim(0, 100)
        label_ends(ax, ["a", "b", "c"], [50, 51, 90], ["#000000"] * 3)
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert heights["a"] < heights["b"] - 2 and heights["c"] == 90
    assert heights["a"] + heights["b"] == pytest.approx(101)
