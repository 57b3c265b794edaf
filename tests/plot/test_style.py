"""Styles set sizes, leave others' settings alone, and move the only title away."""

import matplotlib
import pytest

from vsrnn import VsrnnError
from vsrnn.plot.axes import panels, proportion_axis
from vsrnn.plot.style import STYLES, chance_line, drawing, label_ends


@pytest.mark.parametrize("style", STYLES)
def test_a_style_sets_the_width_and_leaves_the_settings_of_others_alone(style):
    before = dict(matplotlib.rcParams)
    with drawing(style, 0.5) as figure:
        assert matplotlib.rcParams["font.size"] == STYLES[style][1]
    assert dict(matplotlib.rcParams) == before
    assert figure.get_size_inches().tolist() == [
        STYLES[style][0],
        STYLES[style][0] * 0.5,
    ]


@pytest.mark.parametrize("number, left", [(1, []), (2, ["panel 0", "panel 1"])])
def test_a_manuscript_has_no_title_but_those_that_tell_panels_apart(number, left):
    with drawing("manuscript", 0.5) as figure:
        for n, ax in enumerate(panels(figure, number)):
            ax.set_title(f"panel {n}")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title for title in titles if title] == left
    assert figure.get_label() == ("" if left else "panel 0")


def test_an_unknown_style_says_which_there_are():
    with pytest.raises(VsrnnError, match="web, manuscript"), drawing("poster", 1):
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
