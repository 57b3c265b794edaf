"""Every figure of the book: from the committed tables, in the gallery, in the zip."""

import os
import re
import zipfile
from functools import cache
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml

from vsrnn import studies
from vsrnn.cli import main
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.save import IN_WORDS
from vsrnn.plot.style import STYLES

ROOT = Path(__file__).parent.parent
BUILT = Path(os.environ.get("VSRNN_BOOK", ROOT / "_build" / "html"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PUBLISHED = {
    stem: chapter["file"]
    for part in TOC["parts"]
    for chapter in part["chapters"]
    if chapter["file"].startswith("notebooks/")
    for cell in nbformat.read(ROOT / f"{chapter['file']}.ipynb", as_version=4).cells
    for stem in re.findall(r'\.show\(\s*"(\w+)"', cell.source)
}
pytestmark = pytest.mark.usefixtures("few_trees")

SLOW = (
    "variance_explained",
    "forecast_transfer",
    "forecast_observed",
    "forecast_runs",
    "contrast_proportion",
    "contrast_growth",
    "contrast_forecast",
)
"""Figures whose tables take long to make; their own tests draw them from small ones."""
FAST = [name for name in FIGURES if name not in SLOW]
PICTURES = (
    *("six_blocks", "design_layout", "sequences", "transforms", "hammer_frames"),
    "survivors_layout",
)
"""Figures without axes, or whose rows are named beside them."""


@cache
def page(study):
    return studies.open_page(study)


def test_every_figure_of_the_book_is_registered_and_shown_once():
    assert FIGURES.keys() == PUBLISHED.keys()
    shown = [
        (found[2], path.stem)
        for path in (ROOT / "notebooks").glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if (found := re.search(r'(\w+)\.show\(\s*"(\w+)"', cell.source))
    ]
    assert len(shown) == len({stem for stem, _ in shown})
    for stem, notebook in shown:
        if stem in FIGURES:
            assert FIGURES[stem].study == notebook


@pytest.mark.parametrize("study", sorted({FIGURES[name].study for name in FAST}))
def test_figures_are_drawn_from_committed_results_labeled_and_whole(study, subtests):
    for name in FAST:
        if FIGURES[name].study == study:
            with subtests.test(name):
                check(FIGURES[name])


def check(spec):
    table = page(spec.study).table(spec.name)
    assert len(table) and spec.summary.endswith(".")
    for style, (wanted, _) in STYLES.items():
        figure = spec.draw(table, style=style)
        if spec.name not in PICTURES:
            assert any(ax.get_xlabel() for ax in figure.axes)
            assert any(ax.get_ylabel() or ax.get_yticklabels() for ax in figure.axes)
        used, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert width == wanted
        out = 0.01 if style != "phone" else 0.2  # [inch] that its file takes in
        assert used.x0 >= -out and used.x1 <= width + out
        assert used.y0 >= -out and used.y1 <= height + out
    # a manuscript says in the caption what the only title of a figure says
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert len([title for title in titles if title]) != 1


def test_the_studies_and_the_built_book_plot_the_same_columns():
    folder = BUILT.parent / "src" / "notebooks" / "figures"
    paths = [path for name in FAST if (path := folder / f"{name}.csv").exists()]
    if not paths:
        pytest.skip("there is no built book: run `make book` first")
    for path in paths:
        table = page(FIGURES[path.stem].study).table(path.stem)
        assert [n for n in pd.read_csv(path, nrows=1) if n != IN_WORDS] == list(table)


def test_the_command_lists_the_figures_with_a_line_each(capsys):
    assert main(["figure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == FIGURES.keys()
    assert all(len(line.split()) > 4 and line.endswith(".") for line in lines)


def test_the_command_writes_what_is_asked_for(tmp_path, capsys):
    out = ["--out", str(tmp_path / "mine"), "--style", "manuscript"]
    wanted = ["--format", "pdf", "csv", "json"]
    assert main(["figure", "final_accuracy", *out, *wanted]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in paths] == [
        f"final_accuracy.{kind}" for kind in wanted[1:]
    ]
    assert set(paths) == set((tmp_path / "mine").iterdir())
    assert b"/FontFile2" in paths[0].read_bytes()  # TrueType, embedded


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nothing"], "unknown figure 'nothing'"),
        (["design_layout", "--style", "poster"], "unknown style 'poster'"),
        (["design_layout", "--format", "gif"], "unknown format 'gif'"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, arguments, words):
    assert main(["figure", *arguments, "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_figure_whose_table_is_missing_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    assert main(["figure", "final_accuracy", "--out", str(tmp_path)]) == 2
    assert "no committed results" in capsys.readouterr().err


@pytest.fixture
def source(tmp_path):
    """What the book is built from, with one notebook and one figure."""
    title = nbformat.v4.new_markdown_cell("# Which one?\n\nThis.")
    cell = nbformat.v4.new_code_cell('page.show(\n    "one")')
    film = nbformat.v4.new_code_cell('one.film("moving", page, alt)')
    for each, name in ((cell, "one"), (film, "moving")):
        caption = f"**The {name} figure.** A line, rising."
        figure = {"name": f"fig-{name}", "caption": caption}
        each.metadata["mystnb"] = {"figure": figure, "image": {"alt": "A line."}}
    notebook = nbformat.v4.new_notebook(cells=[title, cell, film])
    (tmp_path / "notebooks" / "figures").mkdir(parents=True)
    nbformat.write(notebook, tmp_path / "notebooks" / "first.ipynb")
    for kind in ("svg", "pdf", "png", "csv", "json"):
        (tmp_path / "notebooks" / "figures" / f"one.{kind}").write_text(kind)
    (tmp_path / "results" / "one").mkdir(parents=True)
    for name in ("README.md", "table.csv", "one/runs.jsonl.gz", "one/runs.lock"):
        (tmp_path / "results" / name).write_text(name)
    (tmp_path / "book").mkdir()
    return tmp_path


def test_the_gallery_shows_what_the_notebooks_publish(texts, source, monkeypatch):
    monkeypatch.setattr(texts, "pages", lambda: ["notebooks/first"])
    text = texts.gallery(texts.published(source))
    assert (
        text.startswith("## [](../notebooks/first.ipynb)\n") and text.count("##") == 1
    )
    assert "The one figure.\n" in text and "figures/moving.mp4>" in text
    assert "```{image} ../notebooks/figures/moving.png" in text
    for kind in ("svg", "pdf", "png", "csv"):
        assert f"<../notebooks/figures/one.{kind}>" in text
    assert "../notebooks/first.html#fig-one" in text
    assert ":alt: A line." in text


def test_the_archive_holds_everything_and_is_the_same_twice(texts, source, monkeypatch):
    monkeypatch.setattr(texts, "pages", lambda: ["notebooks/first"])
    shown = texts.published(source)
    texts.bundle(source, shown)
    path = source / "book" / "vsrnn-figures.zip"
    first = path.read_bytes()
    texts.bundle(source, shown)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = {name.removeprefix("vsrnn-figures/") for name in archive.namelist()}
        readme = archive.read("vsrnn-figures/README.md").decode()
    files = {f"figures/one.{kind}" for kind in ("svg", "pdf", "png", "csv", "json")}
    files |= {"results/table.csv", "results/README.md", "README.md"}
    files |= {"results/one/runs.jsonl.gz"}
    assert names == files | {"LICENSE.md", "CITATION.cff"}
    assert "CC BY 4.0" in readme and "CITATION.cff" in readme
    assert "- `one`: **The one figure.**" in readme


def test_the_built_gallery_has_every_figure_and_the_archive():
    page = BUILT / "book" / "gallery.html"
    if not page.exists():
        pytest.skip("there is no built book: run `make book` first")
    text = page.read_text("utf-8")
    for stem, place in PUBLISHED.items():
        assert f"../{place}.html#fig-{stem.replace('_', '-')}" in text
        for kind in ("svg", "pdf", "png", "csv"):
            assert re.search(rf'href="[^"]*/{stem}\.{kind}"', text), (stem, kind)
    assert re.search(r'href="[^"]*/vsrnn-figures\.zip"', text)
