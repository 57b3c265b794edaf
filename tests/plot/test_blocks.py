"""Blocks drawn to scale cover what the table says, in its colors."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from vsrnn import Geometry
from vsrnn.plot.blocks import block_places, blocks, to_scale
from vsrnn.plot.labels import BLOCK_COLORS

GEOMETRY = Geometry(300, 200, 150, (0.1, 1, 0.5, 0.2, 0.3, 0.4))


def test_places_tile_the_matrix_without_overlap():
    covered = np.zeros((200 + 150, 300 + 200 + 150), int)
    table = block_places(GEOMETRY)
    for row in table.to_dict("records"):
        top, left = row["first row [units]"], row["first column [units]"]
        bottom, right = top + row["rows [units]"], left + row["columns [units]"]
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()
    place = table.set_index("block").loc["yh"]
    assert (place["first row [units]"], place["first column [units]"]) == (200, 300)
    assert place["weights"] == round(0.3 * 150 * 200)


def test_each_block_is_drawn_where_and_as_dense_as_the_table_says():
    ax, table = Figure().subplots(), block_places(GEOMETRY)
    blocks(ax, table, left=1000, top=50, scale=2)
    assert len(ax.patches) == 6
    for patch, row in zip(ax.patches, table.to_dict("records"), strict=True):
        assert patch.get_x() == 1000 + 2 * row["first column [units]"]
        assert patch.get_y() == 50 + 2 * row["first row [units]"]
        assert patch.get_width() == 2 * row["columns [units]"]
        assert patch.get_height() == 2 * row["rows [units]"]
        assert to_hex(patch.get_facecolor()).upper() == BLOCK_COLORS[row["block"]]
        assert patch.get_alpha() == pytest.approx(row["density [fraction]"] ** 0.6)


def test_names_stand_in_their_blocks_where_they_fit():
    ax = Figure().subplots()
    blocks(ax, block_places(Geometry(300, 200, 10, 0.5)), densities=True)
    assert [text.get_text() for text in ax.texts] == ["hx\n0.5", "hh\n0.5"]
    assert ax.texts[1].get_position() == (300 + 100, 100)


def test_down_is_down_and_both_directions_have_one_scale():
    ax = Figure().subplots()
    to_scale(ax, width=100, top=-10, bottom=90)
    assert ax.get_ylim() == (90, -10) and ax.get_aspect() == 1
