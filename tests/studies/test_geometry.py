"""The study of how a budget is split: tables, drawings, numbers and claims."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import vsrnn
from vsrnn.plot.labels import BLOCK_COLORS
from vsrnn.studies import geometry, open_page
from vsrnn.tasks import sizes

PROPORTION = "hidden proportion [fraction]"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def page():
    return open_page("geometry")


def text_of(stem):
    cells = json.loads((NOTEBOOKS / f"{stem}.ipynb").read_text("utf-8"))["cells"]
    return "".join("".join(cell["source"]) for cell in cells)


def test_dense_shares_sum_to_one_and_follow_the_geometry(page):
    table = geometry.weight_share_table(page.data, [29, 500])
    sums = table.groupby(["task", "hidden [units]"])["weight share [%]"].sum()
    np.testing.assert_allclose(sums, 100)
    expected = vsrnn.Geometry(46, 500, 26, 1).block_weights
    rows = table[(table["task"] == "hammer") & (table["hidden [units]"] == 500)]
    weights = dict(zip(rows["block"], rows["weights"], strict=True))
    assert weights == {block: round(number) for block, number in expected.items()}


def test_marked_designs_lie_on_the_surface(page):
    table = geometry.proportion_surface_table(page.data, steps=3)
    known = vsrnn.list_designs("rad").set_index("name")
    for name in page.data.designs:
        marks = table[table["design"] == name]
        shares = known.loc[name, "hidden_proportion"]
        np.testing.assert_allclose(marks[PROPORTION], shares, atol=1e-4)
        assert set(marks["hidden [units]"]) == {known.loc[name, "hidden"]}
    dense = table[(table["density [fraction]"] == 1) & (table["task"] == "rad")]
    assert dense[dense["budget [weights]"] == 10_000][PROPORTION].isna().all()
    assert table[table["budget [weights]"] > 1e6][PROPORTION].notna().all()


def test_areas_are_the_shares_of_the_table(page):
    table = page.table("weight_share")
    figure = geometry.weight_share(table)
    for ax, (_, rows) in zip(
        figure.axes, table.groupby("task", sort=False), strict=True
    ):
        shares = rows.pivot(index="hidden [units]", columns="block")["weight share [%]"]
        tops = shares[list(vsrnn.BLOCKS)].cumsum(axis=1)
        for area, (block, top) in zip(ax.collections, tops.items(), strict=True):
            points = area.get_paths()[0].vertices
            edges = [points[points[:, 0] == size, 1].max() for size in top.index]
            np.testing.assert_allclose(edges, top, atol=1e-6)
            assert to_hex(area.get_facecolor()[0]).upper() == BLOCK_COLORS[block]


@pytest.mark.parametrize("name", ["six_blocks", "design_layout"])
def test_layouts_draw_every_block_in_its_place(page, name):
    table = page.table(name)
    (ax,) = getattr(geometry, name)(table).axes
    assert len(ax.patches) == len(table)
    networks = table.get("design", pd.Series("one", table.index))
    corners = []
    for _, rows in table.groupby(networks, sort=False):
        patches = [ax.patches[index] for index in rows.index]
        corner = patches[0].get_xy()
        corners.append(corner)
        for patch, row in zip(patches, rows.to_dict("records"), strict=True):
            place = np.subtract(patch.get_xy(), corner)
            expected = (row["first column [units]"], row["first row [units]"])
            np.testing.assert_allclose(place, expected)
            size = (patch.get_width(), patch.get_height())
            assert size == (row["columns [units]"], row["rows [units]"])
            assert to_hex(patch.get_facecolor()).upper() == BLOCK_COLORS[row["block"]]
            shade = row["density [fraction]"] ** 0.6
            assert patch.get_alpha() == pytest.approx(shade)
    assert len(set(corners)) == len(corners)


def test_lines_of_the_map_run_where_the_table_says(page):
    table = geometry.proportion_surface_table(page.data)
    panels = table.groupby(["task", "arrangement"], sort=False)
    figure = geometry.proportion_surface(table)
    for ax, (_, rows) in zip(figure.axes, panels, strict=False):
        grid = rows[rows["design"] == ""].pivot(
            index="density [fraction]", columns="budget [weights]", values=PROPORTION
        )
        lines = ax.collections[1]
        for level, path in zip(lines.levels, lines.get_paths(), strict=True):
            for budget, density in path.vertices[::7]:
                near = grid.columns.get_indexer([budget], method="nearest")[0]
                column = grid.iloc[:, near].dropna()
                value = np.interp(density, column.index, column)
                assert value == pytest.approx(level, abs=0.06)
        marks = rows[rows["design"] != ""]
        drawn = [line.get_xydata()[0].tolist() for line in ax.lines]
        assert (
            drawn == marks[["budget [weights]", "density [fraction]"]].values.tolist()
        )


def test_the_short_answer_is_what_the_tables_say(page):
    numbers, shares = page.numbers(), page.table("weight_share")
    for key in re.findall(r"{{(\w+)}}", text_of("geometry")):
        assert key in numbers
    table = shares.pivot(
        index=["task", "hidden [units]"], columns="block", values="weight share [%]"
    )
    for task in ("rad", "hammer"):
        rows, inputs = table.loc[task], sizes(task)[0]
        assert ((rows["hh"] > rows["hx"]) == (rows.index > inputs)).all()
        assert numbers[f"crossing_{task}"] == f"{inputs + 1:,}"
        assert numbers[f"peak_hx_{task}"] == f"{rows['hx'].max():.0f} %"
    assert (table.loc["rad", "hx"].max() > 50) and (
        table.loc["hammer", "hx"].max() < 50
    )
    assert (numbers["hidden_dense"], numbers["hidden_varied"]) == ("29", "208")
    assert (numbers["proportion_dense"], numbers["proportion_varied"]) == (
        "0.011",
        "0.444",
    )
    assert "A dense network with many inputs spends its weights" in text_of("geometry")
    grid = page.table("proportion_surface")
    grid = grid[(grid["design"] == "") & (grid["task"] == "rad")].dropna()
    for _, rows in grid.groupby("arrangement"):
        wide = rows.pivot(
            index="density [fraction]", columns="budget [weights]", values=PROPORTION
        )
        assert (wide.diff().fillna(0) <= 1e-3).all(axis=None)
        assert (wide.diff(axis=1).fillna(0) >= -1e-3).all(axis=None)
    assert "A larger budget and a lower density raise the hidden" in text_of("geometry")
    assert page.claims()["verdict"].tolist() == ["holds", "holds"]
    back = open_page("geometry", designs=["balanced_0", "000000_"]).claims()
    assert back["verdict"].tolist() == ["reversed"]
