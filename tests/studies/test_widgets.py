"""What a reader can move: whole without scripts, and right with them."""

import base64
import json
import re

import numpy as np
import pytest
from test_browser import browser  # noqa: F401

import vsrnn
from vsrnn import Geometry, VsrnnError
from vsrnn.studies import widgets

PLACES = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
CHEAP = np.array([[0, 1, 1], [0, 0, 1], [1, 0, 0]], bool)
TRUE = np.array([[[0, 0], [10, 20]], [[-5, 5], [-110, 110]]])


def neighbors():
    return widgets.neighbors({"a": (PLACES, CHEAP), "b": (PLACES, ~CHEAP)}, 0)


def frames():
    told = [TRUE + 1, TRUE - 1]
    return widgets.paths(
        ("one", "two"),
        TRUE,
        [
            {"said": "first", "errors": ["9 cm", "8 cm"], "paths": told},
            {"said": "last", "errors": ["2 cm", "1 cm"], "paths": told[::-1]},
        ],
    )


def test_units_are_where_they_are_and_pairs_are_kept():
    html = neighbors().html
    dots = re.findall(r'<circle cx="(\S+)" cy="(\S+)" r="\d"(?: class="(\w+)")?', html)
    assert dots[:3] == [
        ("0.0", "100.0", "chosen"),
        ("100.0", "100.0", "cheap"),
        ("50.0", "0.0", "cheap"),
    ]
    bits = [base64.b64decode(text) for text in re.findall(r'data-cheap="(\S+?)"', html)]
    for kept, cheap in zip(bits, (CHEAP, ~CHEAP), strict=True):
        flat = np.unpackbits(np.frombuffer(kept, np.uint8))[:9]
        np.testing.assert_array_equal(flat.reshape(3, 3), cheap)
    assert "a: <b>2</b>" in html and "b: <b>1</b>" in html


def test_paths_begin_with_the_last_picture_and_keep_all():
    html = frames().html
    assert html.count('<path d="M0 0L10 -20"/>') == 2  # y points down
    assert re.findall(r'class="told" d="(\S+ \S+ \S+)"', html)[0] == "M-1 1L9 -19"
    kept = json.loads(re.search(r"const frames = (.*);\n", html)[1])
    assert [frame["said"] for frame in kept] == ["first", "last"]
    assert kept[0]["paths"][0] == ["M1 -1L11 -21", "M-4 -6L-109 -111"]
    assert "one: <b>2 cm</b>" in html and ">last</output>" in html


def courses():
    small, large = Geometry(100, 5, 5, 1), Geometry(100, 95, 5, 0.5)
    return widgets.courses({"a": (small, [10, 50, 60]), "b": (large, [20, 40, 55])})


FIRST = Geometry(2500, 208, 10, (0.1, 1, 1, 0.1, 0.1, 0.1))
TRAINED = [[0.4, 90_000, True], [0.5, 110_000, False], [0.45, 400_000, True]]
SETTINGS = [
    (100_000, 2500, 10, (0.1, 1, 1, 0.1, 0.1, 0.1)),
    (100_000, 2500, 10, (1, 1, 1, 1, 1, 1)),
    (12_345, 46, 26, (0.3, 0.05, 1, 0, 0.7, 0.2)),
    (10_000_000, 59, 9, (0.5, 0, 0.5, 1, 1, 1)),
    (70, 3, 2, (0, 1, 0, 0, 0, 0)),
    (18, 1, 1, (0, 0, 0, 0, 0.5, 0)),
]


def explorer():
    presets = {"dense": [1.0] * 6, "varied": FIRST.density}
    return widgets.explorer(FIRST, 100_000, presets, TRAINED)


@pytest.mark.parametrize("make", [neighbors, frames, explorer, courses])
def test_nothing_is_loaded_and_no_title_is_taken_for_html(make):
    assert not re.search(r"(?:src|href)=\"?[^\"#]|@import|url\(", make().html)
    risky = widgets.neighbors({"a<b": (PLACES, CHEAP)}, 0).html
    assert "a&lt;b" in risky and "a<b" not in risky


def opened(browser, widget, tmp_path):  # noqa: F811
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><body style='width: 600px'>{widget.html}")
    browser.get(path.as_uri())
    slide = "const s = document.querySelector('input'); s.value = arguments[0];"
    return lambda to: browser.execute_script(
        slide + "s.dispatchEvent(new Event('input'));"
        "return document.querySelector('.vsrnn-live').innerHTML",
        to,
    )


def test_the_slider_shows_the_neighbors_of_another_unit(browser, tmp_path):  # noqa: F811
    html = opened(browser, neighbors(), tmp_path)(2)
    assert "Unit 2 reads" in html and "a: <b>1</b>" in html and "b: <b>2</b>" in html
    classes = re.findall(r'<circle [^>]*?class="(\w*)"', html)
    assert classes[:3] == ["cheap", "", "chosen"] and classes[3:5] == ["", "cheap"]


def test_pointing_at_a_unit_chooses_it(browser, tmp_path):  # noqa: F811
    opened(browser, neighbors(), tmp_path)
    said = browser.execute_script("""
      const dot = document.querySelectorAll("circle")[1];
      const box = dot.getBoundingClientRect();
      dot.ownerSVGElement.dispatchEvent(new PointerEvent("pointermove",
        {clientX: box.x + 1, clientY: box.y + 1}));
      return [document.querySelector("output").textContent, dot.className.baseVal,
        document.querySelector("input").value];""")
    assert said == ["Unit 1 reads at little cost:", "chosen", "1"]


def test_the_slider_shows_another_picture(browser, tmp_path):  # noqa: F811
    html = opened(browser, frames(), tmp_path)(0)
    assert ">first</output>" in html and "two: <b>8 cm</b>" in html
    assert re.findall(r'd="(\S+ \S+ \S+)" ?/?>', html)[2] == "M1 -1L11 -21"


def test_curves_grow_and_cover_blocks(browser, tmp_path):  # noqa: F811
    still = courses().html
    assert "a: <b>60 %</b>" in still and 'd="M0 90L110 50L220 40"' in still
    assert still.count('class="block"') == 12
    assert 'height="104.5" style' in still  # hx of b: 95 rows, 220 for 200 units
    moved = opened(browser, courses(), tmp_path)(1)
    assert "after epoch 2:</output>" in moved and "b: <b>40 %</b>" in moved
    assert 'd="M0 90L110 50"' in moved
    assert 'd="M0 112H61V123.0H0Z"' in moved  # half of the 110 units of a
    browser.find_element("css selector", "input").send_keys("\ue012")  # to the left
    assert "after epoch 1:" in browser.find_element("css selector", "output").text


def asked(browser, tmp_path, hash=""):  # noqa: F811
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><body style='width: 600px'>{explorer().html}")
    browser.get(path.as_uri() + "?" + hash)  # so that the page is loaded anew
    browser.get(path.as_uri() + hash)
    return browser.execute_script("""return {
      said: document.querySelector("output").textContent,
      near: document.querySelector(".near").textContent,
      code: document.querySelector("pre").textContent,
      blocks: [...document.querySelectorAll("rect.block")].map((one) =>
        ["width", "height"].map((side) => +one.getAttribute(side)))}""")


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_explorer_counts_as_the_package_does(browser, tmp_path, setting):  # noqa: F811
    budget, inputs, outputs, density = setting
    geometry = Geometry.for_budget(*setting)
    values = ",".join(map(str, [inputs, outputs, budget, *density]))
    found = asked(browser, tmp_path, f"#explorer:{values}")
    assert found["said"] == (
        f"H = {geometry.hidden:,} hidden units, {geometry.weights:,.0f} weights, "
        f"hidden proportion {geometry.hidden_proportion:.3f}"
    )
    assert found["blocks"] == [list(shape[::-1]) for shape in geometry.shapes.values()]
    assert eval(found["code"], {"vsrnn": vsrnn}) == geometry


def test_the_explorer_says_what_a_budget_lacks(browser, tmp_path):  # noqa: F811
    found = asked(browser, tmp_path, "#explorer:2500,10,20000,1,1,1,1,1,1")
    with pytest.raises(VsrnnError) as problem:
        Geometry.for_budget(20_000, 2500, 10, 1)
    least = re.search("at least ([0-9,]+)", str(problem.value))[1]
    assert f"at least {least} weights" in found["said"] and not found["blocks"]


def test_the_explorer_begins_whole_and_counts_what_is_near(browser, tmp_path):  # noqa: F811
    found = asked(browser, tmp_path)
    assert f">{found['said']}</output>" in explorer().html
    assert f"<pre>{found['code']}</pre>" in explorer().html
    assert "Of the 2 random designs" in found["near"] and "1 learned" in found["near"]
    assert (
        "No random designs"
        in asked(browser, tmp_path, "#explorer:9,9,1e6,1,1,1,1,1,1")["near"]
    )


def test_the_explorer_obeys_keys_and_keeps_the_setting(browser, tmp_path):  # noqa: F811
    asked(browser, tmp_path)
    hx = browser.find_element("name", "hx")
    hx.send_keys("\ue014")  # arrow to the right
    assert hx.get_attribute("value") == "0.105"
    wanted = "#explorer:2500,10,100000,0.105,1,1,0.1,0.1,0.1"
    assert browser.current_url.endswith(wanted)
    budget = browser.find_element("css selector", "input[type=number][name=budget]")
    budget.clear()
    budget.send_keys("50000")
    browser.find_element("css selector", "button").click()
    assert browser.current_url.endswith("#explorer:2500,10,50000,1,1,1,1,1,1")
    dense = Geometry.for_budget(50_000, 2500, 10, 1)
    said = browser.find_element("css selector", "output").text
    assert said.startswith(f"H = {dense.hidden} hidden units")
