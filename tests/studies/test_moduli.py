"""A geometry for hidden units: counted independently, drawn, and what is said of it."""

import json
from pathlib import Path

import drawn
import numpy as np
import pytest

from vsrnn.plot.labels import BLUE, ORANGE
from vsrnn.plot.registry import FIGURES
from vsrnn.studies import moduli, open_page
from vsrnn.studies.arms import ARM_LOOKS

COST, CHEAP = "cost [% of the highest]", "cheap pairs [%]"
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "moduli.ipynb"
FREE = np.sqrt(np.log(20) / 3.8)
NEAR, FAR = 0.3815, 2.1207
"""Where the difference of Gaussians is half of its maximum."""


@pytest.fixture(scope="module")
def page():
    return open_page("moduli")


def said():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    figures = [cell["metadata"].get("mystnb", {}) for cell in cells]
    words = ["".join(cell["source"]) for cell in cells]
    return "\n".join(words + [f["figure"]["caption"] for f in figures if f])


def gaussians(distance):
    """Cost by the published formula, in percent of its maximum."""
    value = np.exp(-(distance**2) / 5) - np.exp(-4 * distance**2)
    return 100 * (1 - value / (np.exp(-(FREE**2) / 5) - np.exp(-4 * FREE**2)))


def test_the_inhibitors_are_those_of_the_paper(page):
    table = page.table("moduli_inhibitors")
    for name, wanted in (
        ("dog", gaussians),
        ("diffusion", lambda d: 2 * d**2),  # the farthest is half a diagonal away
        ("gauss", lambda d: 100 - 100 * np.exp(-(d**2) / 3)),
        ("ripple", lambda d: 50 + 50 * np.cos(2 * d)),
    ):
        rows = table[table["inhibitor"] == name]
        np.testing.assert_allclose(rows[COST], wanted(rows["distance"]), atol=0.03)
        assert (rows["cheap"] == (wanted(rows["distance"]) < 50)).mean() > 0.99
    numbers = page.numbers()
    assert numbers["free"] == f"{FREE:.2f}"
    near, far = map(float, numbers["near"].split(" to "))
    assert (near, far) == pytest.approx((NEAR, FAR), abs=0.011)


def test_the_inhibitors_are_drawn_with_the_free_distance(page):
    table = page.table("moduli_inhibitors")
    axes = FIGURES["moduli_inhibitors"].draw(table).axes
    for ax, (_, rows) in zip(axes, table.groupby("inhibitor", sort=False), strict=True):
        (points,) = drawn.curves(ax).values()
        np.testing.assert_allclose(points, rows[["distance", COST]])
    ((place, height),) = drawn.runs(axes[0])
    assert (place, height) == pytest.approx((FREE, 0), abs=0.01)
    assert drawn.words(axes[0]) == ["free at 0.89"]


def apart(places, space):
    """Distances by brute force: the least to an image, or along the arc."""
    a, b = places[:, None], places[None]
    if space == "circle":
        return 10 * np.arcsin(np.linalg.norm(a - b, axis=-1).clip(0, 2) / 2)
    images = []
    for right in (-1, 0, 1):
        turned = space == "Klein bottle" and right
        up = np.where([False, turned], 10 - b, b) if turned else b
        images += [up + np.array([10 * right, 10 * y]) for y in (-1, 0, 1)]
    return np.min([np.linalg.norm(a - image, axis=-1) for image in images], 0)


@pytest.mark.parametrize("space", ["torus", "Klein bottle", "circle"])
def test_neighbors_are_cheap_by_their_distance(page, space):
    rows = page.table("moduli_neighbors").query("space == @space")
    places, reads = rows[["x", "y"]].to_numpy(), int(rows["reads"].argmax())
    distances = apart(places, space)[reads]
    cheap = (distances > NEAR) & (distances < FAR)
    assert rows["cheap"].tolist() == cheap.tolist() and cheap.any()
    np.testing.assert_allclose(rows[COST], gaussians(distances), atol=0.1)


def test_permuting_moves_costs_and_keeps_them(page):
    unit, spaces = moduli._units(page.data)
    (places, costs, cheap), (_, *own) = spaces["torus"], spaces[moduli.PERMUTED]
    np.testing.assert_array_equal(np.sort(own[0], None), np.sort(costs, None))
    assert own[1].sum() == cheap.sum() and (own[1] != own[1].T).any()
    far = apart(places, "torus")[unit][own[1][unit]]
    assert (far > FAR).any()


def test_units_are_drawn_where_they_are(page):
    table = page.table("moduli_neighbors")
    axes = FIGURES["moduli_neighbors"].draw(table).axes
    for ax, (_, rows) in zip(axes, table.groupby("space", sort=False), strict=True):
        for color, own in (
            (BLUE, rows[rows["reads"]]),
            (ORANGE, rows[rows["cheap"]]),
            ("0.7", rows[~rows["cheap"]]),
        ):
            assert drawn.runs(ax, color) == list(zip(own["x"], own["y"], strict=True))


def test_costs_are_drawn_in_the_order_of_places(page):
    table = page.table("moduli_costs")
    groups = dict(iter(table.groupby("space", sort=False)))
    grids = {
        name: rows.pivot(index="row", columns="column", values=COST).to_numpy()
        for name, rows in groups.items()
    }
    axes = FIGURES["moduli_costs"].draw(table).axes[:3]
    for ax, grid in zip(axes, grids.values(), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), grid)
    away = np.abs(np.subtract.outer(np.arange(64), np.arange(64)))
    away = np.minimum(away, 64 - away)
    for name, wide, at_most in (("circle", 9, 0.02), ("torus", 22, 0.02)):
        cheap = grids[name] < 50
        assert cheap[away > wide].mean() < at_most < cheap[away <= wide].mean()
    permuted = grids[moduli.PERMUTED]
    assert (permuted < 50)[away > 22].mean() == pytest.approx(0.137, abs=0.04)
    torus = np.sort(grids["torus"], None)
    np.testing.assert_array_equal(np.sort(permuted, None), torus)


def test_cheap_pairs_fill_the_ring_that_geometry_says(page):
    """Areas of rings and caps between the two distances, over those of the spaces."""
    table = page.table("moduli_spaces")
    near, far = NEAR / 5, FAR / 5
    ball = [x - np.sin(2 * x) / 2 for x in (NEAR / 10, FAR / 10)]
    wanted = {
        **dict.fromkeys(["torus", "Klein bottle"], np.pi * (FAR**2 - NEAR**2)),
        "circle": 100 * (far - near) / np.pi,
        "sphere": 50 * (np.cos(near) - np.cos(far)),
        "3-sphere": 100 * (ball[1] - ball[0]) / np.pi,
        # the volume of a ball of six dimensions is pi^3/6 r^6
        "6-torus": np.pi**3 / 6 * (FAR**6 - NEAR**6) / 1e4,
    }
    wanted |= dict.fromkeys(["sphere, rescaled", "6-torus, rescaled"], wanted["torus"])
    means = table.groupby("space")[CHEAP].mean()
    for space, share in wanted.items():
        assert means[space] == pytest.approx(share, abs=0.3), space
    assert page.numbers()["cheap_sphere"] == f"{means['sphere']:.1f} %"
    left, right = FIGURES["moduli_spaces"].draw(table).axes
    for ax, name in ((left, CHEAP), (right, moduli.MEAN)):
        rows = table.drop_duplicates("space")
        points = list(zip(rows[f"mean of {name}"], range(8), strict=True))
        assert sorted(drawn.markers(ax), key=lambda point: point[1]) == points
        assert len(drawn.runs(ax)) == len(table)
        low, high = ax.get_xlim()
        assert low < table[name].min() and table[name].max() < high


def test_weights_and_survivors_are_drawn_from_their_tables(page):
    table = page.table("moduli_weights")
    axes = iter(FIGURES["moduli_weights"].draw(table).axes)
    for view in ("by place", "by displacement"):
        for arm in ("before", "none", "torus", "permuted"):
            rows = table[(table["view"] == view) & (table["arm"] == arm)]
            grid = rows.pivot(index="row", columns="column", values="mean size")
            picture = np.ma.filled(next(axes).images[0].get_array(), np.nan)
            np.testing.assert_array_equal(picture, grid)
    table = page.table("moduli_survivors")
    left, right = FIGURES["moduli_survivors"].draw(table).axes
    for ax, name in ((left, moduli.REACHED), (right, moduli.KEPT)):
        shown = [points for points in drawn.curves(ax).values() if len(points) > 2]
        for arm, points in zip(moduli.ARMS, shown, strict=True):
            rows = table[table["arm"] == arm]
            assert points == list(zip(rows["epoch"], rows[name], strict=True))
    assert drawn.words(left) == ["chance"]
    assert set(ARM_LOOKS) >= set(moduli.ARMS)


def test_what_is_trained_here_has_the_columns_that_are_stored(page):
    live = moduli.load("smoke", units=20)
    assert len(live.made_by["runs"]) == 3 and live.made_by["scale"] == "smoke"
    for name in ("weights", "epochs"):
        stored = getattr(page.data, name)
        assert set(getattr(live, name)) == set(stored)
        assert len(getattr(live, name)) == len(stored)
    last = live.epochs.groupby("arm").last()
    assert (last["hidden weights"] < 0.2 * 128**2).all()
    chance = last.loc["torus", CHEAP]
    assert last.loc["none", moduli.REACHED] == pytest.approx(chance, abs=5)
    assert last.loc["torus", moduli.REACHED] > 3 * chance


def test_the_page_says_what_the_stored_cells_show(page):
    verdicts, text = page.claims().set_index("claim")["verdict"], said()
    for arm, wanted in (
        ("none", "undecided"),
        ("torus", "holds"),
        ("permuted", "holds"),
    ):
        assert verdicts[moduli.REACHES.format(arm)] == wanted
    assert "The penalty reaches the mask, with a space and without" in text
    means = page.table("moduli_spaces").groupby("space")[CHEAP].mean()
    many = set(means.index[means > 10]) - {n for n in means.index if "," in n}
    assert many == {"torus", "Klein bottle", "circle"}
    assert "Only torus, Klein bottle and circle make as many" in text
    assert verdicts["a torus has more cheap pairs than a sphere"] == "holds"
    epochs = page.table("moduli_survivors").set_index(["arm", "epoch"])[moduli.KEPT]
    for arm in ("torus", "permuted"):
        assert epochs[arm][4] < epochs["none"][12]
    assert "keep fewer hidden-to-hidden weights" in text
    assert "clear the hidden block within a few epochs" in text


def test_the_explorer_has_the_units_of_the_figure(page):
    html = moduli.explorer(page).html
    rows = page.table("moduli_neighbors")
    assert html.count("<circle") == len(rows)
    for title, own in rows.groupby("space", sort=False):
        assert f"{title}: <b>{own['cheap'].sum()}</b>" in html
