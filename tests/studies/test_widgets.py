"""What a reader can move: whole without scripts, and right with them."""

import base64
import json
import re

import numpy as np
import pytest
from test_browser import browser  # noqa: F401

from vsrnn.studies import widgets

PLACES = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
CHEAP = np.array([[0, 1, 1], [0, 0, 1], [1, 0, 0]], bool)
TRUE = np.array([[[0, 0], [10, 20]], [[-5, 5], [-110, 110]]])


def neighbours():
    return widgets.neighbours({"a": (PLACES, CHEAP), "b": (PLACES, ~CHEAP)}, 0)


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
    html = neighbours().html
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


@pytest.mark.parametrize("make", [neighbours, frames])
def test_nothing_is_loaded_and_no_title_is_taken_for_html(make):
    assert not re.search(r"(?:src|href)=|@import|url\(", make().html)
    risky = widgets.neighbours({"a<b": (PLACES, CHEAP)}, 0).html
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


def test_the_slider_shows_the_neighbours_of_another_unit(browser, tmp_path):  # noqa: F811
    html = opened(browser, neighbours(), tmp_path)(2)
    assert "Unit 2 reads" in html and "a: <b>1</b>" in html and "b: <b>2</b>" in html
    classes = re.findall(r'<circle [^>]*?class="(\w*)"', html)
    assert classes[:3] == ["cheap", "", "chosen"] and classes[3:5] == ["", "cheap"]


def test_pointing_at_a_unit_chooses_it(browser, tmp_path):  # noqa: F811
    opened(browser, neighbours(), tmp_path)
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
