"""Every figure of the book: from the committed tables, in the gallery, in the zip."""

import ast
import os
import re
import zipfile
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml

from vsrnn import VsrnnError, analysis, figures
from vsrnn.cli import main
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
    for stem in re.findall(r'publish\(\s*"(\w+)"', cell.source)
}
pytestmark = pytest.mark.usefixtures("few_trees")

SLOW = (
    "proportion_optimum",
    "variance_explained",
    "forecast_scores",
    "forecast_transfer",
    "forecast_observed",
    "forecast_importance",
    "forecast_runs",
    "contrast_proportion",
    "contrast_growth",
    "contrast_correlation",
    "contrast_forecast",
)
"""Figures whose tables take long to make; how they are made is tested elsewhere."""
FAST = [name for name in figures.CATALOG if name not in SLOW]


def test_the_registry_holds_every_figure_of_the_book():
    assert set(figures.CATALOG) == set(figures.FIGURES) == set(PUBLISHED)


@pytest.mark.parametrize("name", FAST)
def test_every_figure_is_drawn_from_committed_tables(name):
    table, made_by = figures.CATALOG[name]()
    assert len(table) and isinstance(made_by, dict)
    drawn = figures.FIGURES[name](table, style="manuscript")
    assert drawn.get_figwidth() == STYLES["manuscript"][0]


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_figure_is_made_from_the_runs_of_the_study(name, monkeypatch):
    monkeypatch.setattr(analysis, name, lambda runs, *_: runs)
    table, made_by = figures.CATALOG[name]()
    known = {*analysis.STUDY, *sum(analysis.CONTRAST.values(), ())}
    assert {name.split(",")[0] for name in table["table"]} <= known
    assert made_by["runs"]


def test_the_notebooks_study_the_tables_of_the_registry():
    for stem, known in (
        ("proportion_study", analysis.STUDY),
        ("forecast_scores", analysis.RANDOM),
    ):
        notebook = nbformat.read(ROOT / f"{PUBLISHED[stem]}.ipynb", as_version=4)
        (line,) = re.findall(
            r"^tables = (\[.*\])", notebook.cells[1].source, re.MULTILINE
        )
        assert ast.literal_eval(line) == list(known)


@pytest.mark.parametrize("name", FAST)
def test_the_registry_and_the_built_book_plot_the_same_columns(name):
    path = BUILT.parent / "src" / "notebooks" / "figures" / f"{name}.csv"
    if not path.exists():
        pytest.skip("there is no built book: run `make book` first")
    table = figures.CATALOG[name]()[0]
    in_book = pd.read_csv(path, dtype={"design": str}, nrows=len(table) + 1)
    assert list(in_book.columns) == list(table.columns)


def test_the_command_lists_the_figures_with_a_line_each(capsys):
    assert main(["figure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(figures.CATALOG)
    assert all(len(line.split()) > 4 and line.endswith(".") for line in lines)


def test_the_command_writes_what_is_asked_for(tmp_path, capsys):
    out = ["--out", str(tmp_path / "mine"), "--style", "manuscript"]
    wanted = ["--format", "pdf", "csv", "json"]
    assert main(["figure", "proportion_score", *out, *wanted]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.name for path in paths] == [
        f"proportion_score.{kind}" for kind in wanted[1:]
    ]
    assert set(paths) == set((tmp_path / "mine").iterdir())
    assert b"/FontFile2" in paths[0].read_bytes()  # TrueType, embedded


@pytest.mark.parametrize("name", ["proportion_score", "final_accuracy"])
def test_a_manuscript_has_no_title_but_for_panels(name):
    table, _ = figures.CATALOG[name]()
    web, manuscript = (
        figures.FIGURES[name](table, style=style) for style in ("web", "manuscript")
    )
    titles = [
        [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
        for figure in (web, manuscript)
    ]
    if len(titles[0]) == 1:
        assert titles[1] == [] and manuscript.get_label() == titles[0][0]
    else:
        assert titles[1] == titles[0]


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


def test_a_figure_whose_table_is_missing_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    with pytest.raises(VsrnnError, match="no committed results"):
        figures.redraw("design_ranking", tmp_path)


@pytest.fixture
def source(tmp_path):
    """What the book is built from, with one notebook and one figure."""
    cell = nbformat.v4.new_code_cell('figures.publish(\n    "one", table)')
    cell.metadata["mystnb"] = {
        "figure": {"name": "fig-one", "caption": "The one figure."},
        "image": {"alt": "A line."},
    }
    notebook = nbformat.v4.new_notebook(cells=[cell])
    (tmp_path / "notebooks" / "figures").mkdir(parents=True)
    nbformat.write(notebook, tmp_path / "notebooks" / "first.ipynb")
    for kind in ("svg", "pdf", "png", "csv", "json"):
        (tmp_path / "notebooks" / "figures" / f"one.{kind}").write_text(kind)
    for folder, name in (("results", "README.md"), ("results", "runs.csv")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(name)
    (tmp_path / "book").mkdir()
    return tmp_path


def test_the_gallery_shows_what_the_notebooks_publish(build, source, monkeypatch):
    monkeypatch.setattr(build, "pages", lambda: ["notebooks/first"])
    (shown,) = build.published(source)
    text = build.gallery([shown])
    for kind in ("svg", "pdf", "png", "csv"):
        assert f"<../notebooks/figures/one.{kind}>" in text
    assert "../notebooks/first.html#fig-one" in text
    assert ":alt: A line." in text and "<how-to-cite>" in text


def test_the_archive_holds_everything_and_is_the_same_twice(build, source, monkeypatch):
    monkeypatch.setattr(build, "pages", lambda: ["notebooks/first"])
    shown = build.published(source)
    build.bundle(source, shown)
    path = source / "book" / "vsrnn-figures.zip"
    first = path.read_bytes()
    build.bundle(source, shown)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = {name.removeprefix("vsrnn-figures/") for name in archive.namelist()}
        readme = archive.read("vsrnn-figures/README.md").decode()
    files = {f"figures/one.{kind}" for kind in ("svg", "pdf", "png", "csv", "json")}
    files |= {"results/runs.csv", "results/README.md", "README.md"}
    assert names == files | {"LICENSE.md", "CITATION.cff"}
    assert "CC BY 4.0" in readme and "CITATION.cff" in readme
    assert "- `one`: The one figure." in readme


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
