"""Figures are saved whole, the same twice, with their data and what made them."""

import json
import re
from xml.etree import ElementTree

import matplotlib
import pandas as pd
import pytest
from matplotlib.colors import Normalize

from vsrnn import VsrnnError
from vsrnn.plot.lines import heat, scatter
from vsrnn.plot.points import dots
from vsrnn.plot.save import save
from vsrnn.plot.style import drawing

TABLE = pd.DataFrame(
    {"design": ["000000_", "balanced_0"], "value": [1.25, None], "kind": ["x", "y"]}
)


def example(style="web"):
    with drawing(style, 0.5) as figure:
        left, right = figure.subplots(1, 2)
        dots(left, TABLE, "value", "design")
        heat(right, TABLE, "design", "kind", "value")
    return figure


def test_saved_files_are_complete_and_the_same_twice(tmp_path):
    made = {"runs": ["a"]}
    first = save(example(), "example", TABLE, tmp_path / "one", made, function="a.b")
    again = save(example(), "example", TABLE, tmp_path / "two", made, function="a.b")
    assert list(first) == ["svg", "pdf", "png", "csv", "json"]
    for kind, path in first.items():
        assert path.name == f"example.{kind}"
        assert path.read_bytes() == again[kind].read_bytes(), kind
    assert set((tmp_path / "one").iterdir()) == set(first.values())
    read = pd.read_csv(first["csv"], dtype={"design": str})
    assert read.pop("design in words").tolist() == ["uniform .2", "varied"]
    pd.testing.assert_frame_equal(read, TABLE, check_dtype=False)
    record = json.loads(first["json"].read_text())
    assert (record["function"], record["provenance"]) == ("a.b", made)
    assert list(record)[-1] == "provenance"
    assert (
        record["columns"]["design in words"] == "what the design is called in the text"
    )
    assert b"/FontFile2" in first["pdf"].read_bytes()  # TrueType, embedded
    drawn = first["svg"].read_text()
    words = re.findall(r"<text[^>]*>([^<]+)</text>", drawn)
    assert "balanced_0" in words and drawn.count("Verdana, sans-serif") >= len(words)
    assert not re.search(r"fill: #fff", drawn)  # any page may lie behind it


def test_points_tell_their_rows(tmp_path):
    table = pd.DataFrame(
        {"name": list("abc"), "x [%]": [1.0, 2.0, 3.0], "y": [5, 4, 9]}
    )
    table["kind"] = ["<p>", "q", "<p>"]
    with drawing("web", 0.5) as figure:
        left, middle, right = figure.subplots(1, 3)
        looks = {"<p>": {"color": "0.45"}, "q": {"color": "0.45", "marker": "x"}}
        scatter(left, table, "x [%]", "y", hue="kind", looks=looks)
        scatter(middle, table, "x [%]", "y", hue="y", norm=Normalize(0, 9))
        dots(right, table.iloc[::-1], "x [%]", "name")
    text = save(figure, "told", table, tmp_path, kinds=["svg"])["svg"].read_text()
    root = ElementTree.fromstring(text)
    svg = "{http://www.w3.org/2000/svg}"
    points = [node for node in root.iter() if node.find(f"{svg}title") is not None][1:]
    told = [point.find(f"{svg}title").text.splitlines() for point in points]
    assert len(told) == 9 and {point.tag for point in points} <= {
        f"{svg}use",
        f"{svg}path",
    }
    assert ["name: a", "x: 1 %", "y: 5", "kind: <p>"] in told
    middle = [
        (float(p.get("x")), lines) for p, lines in zip(points, told, strict=True)
    ][3:6]
    assert [lines[0] for _, lines in sorted(middle)] == [
        "name: a",
        "name: b",
        "name: c",
    ]
    right = [(float(p.get("y")), lines) for p, lines in zip(points, told, strict=True)][
        6:
    ]
    assert [lines[0] for _, lines in sorted(right)] == ["name: c", "name: b", "name: a"]


@pytest.mark.parametrize("style", ["dark_background", "ggplot", "classic"])
def test_settings_of_the_user_do_not_reach_a_figure(tmp_path, style):
    plain = save(example(), "example", TABLE, tmp_path / "plain", kinds=["svg", "png"])
    with matplotlib.style.context(style):
        paths = save(
            example(), "example", TABLE, tmp_path / style, kinds=["svg", "png"]
        )
    for kind, path in paths.items():
        assert path.read_bytes() == plain[kind].read_bytes()


@pytest.mark.parametrize("kind", ["svg", "pdf", "png", "csv", "json"])
def test_what_is_no_figure_of_ours_is_not_overwritten(tmp_path, kind):
    for _ in range(2):
        (path,) = save(example(), "example", TABLE, tmp_path, kinds=[kind]).values()
    path.write_text("my notes")
    with pytest.raises(VsrnnError, match=f"example.{kind} is there and no figure"):
        save(example(), "example", TABLE, tmp_path)
    assert path.read_text() == "my notes"


def test_png_is_fit_for_print(tmp_path):
    paths = save(example(), "example", TABLE, tmp_path, kinds=["png"])
    width = int.from_bytes(paths["png"].read_bytes()[16:20])
    assert width == round(300 * example().get_figwidth())


def test_bad_input_is_one_sentence(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(VsrnnError, match="give a folder that can be written"):
        save(example(), "example", TABLE, blocked)
    with pytest.raises(VsrnnError, match="unknown format 'gif'"):
        save(example(), "example", TABLE, tmp_path, kinds=["gif"])
