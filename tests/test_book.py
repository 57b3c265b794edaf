"""The sources of the book are whole, and what was built holds together."""

import inspect
import json
import os
import re
import shlex
import shutil
import sys
import tomllib
from ast import literal_eval
from html.parser import HTMLParser
from importlib import import_module, metadata
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit
from xml.etree import ElementTree

import nbformat
import pandas as pd
import pytest
import yaml

import vsrnn
from vsrnn import cli, studies
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.save import save
from vsrnn.plot.style import drawing

ROOT = Path(__file__).parent.parent
HTML = Path(os.environ.get("VSRNN_BOOK", ROOT / "_build" / "html"))
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PAGES = [TOC["root"]] + [c["file"] for part in TOC["parts"] for c in part["chapters"]]
USE = [page for page in PAGES if page.startswith("book/")]
NOTEBOOKS = [page for page in PAGES if page.startswith("notebooks/")]
ENDINGS = ("svg", "pdf", "png", "csv", "json")
BUILT = ("stored.md", "figures.md", "studies.md", "scorecard.md", "vsrnn-figures.zip")
MADE = re.compile(rf"figures/(\w+)\.({'|'.join(ENDINGS)}|mp4)$")
LOCAL = re.compile(
    r"(?<![\w.:/])(?:/(?:home|root|tmp|work|mnt|Users)/|file://|[A-Z]:\\)"
)


def cells(page: str, kind: str = "") -> list:
    """Cells of a notebook, or a page as one cell of Markdown."""
    path = ROOT / f"{page}.ipynb"
    if not path.exists():
        text = (ROOT / f"{page}.md").read_text("utf-8")
        return [nbformat.v4.new_markdown_cell(text)] if kind != "code" else []
    found = nbformat.read(path, as_version=4).cells
    return [cell for cell in found if kind in ("", cell.cell_type)]


def prose(page: str) -> str:
    return "\n\n".join(cell.source for cell in cells(page, "markdown"))


def films() -> set[str]:
    """Names of the films that notebooks show."""
    code = [cell.source for page in NOTEBOOKS for cell in cells(page, "code")]
    return {stem for text in code for stem in re.findall(r'film\(\s*"(\w+)"', text)}


def without_code(text: str) -> str:
    return re.sub(r"^(`{3,})(?!\{).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)


def code_blocks(page: str, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, prose(page), re.DOTALL | re.MULTILINE)


def test_config_has_only_keys_that_jupyter_book_knows():
    config = pytest.importorskip("jupyter_book.config")
    config.validate_yaml(CONFIG, raise_on_errors=True)
    assert CONFIG["execute"]["execute_notebooks"] == "off"


def test_extensions_of_the_book_are_installed_with_it():
    for name in CONFIG["sphinx"]["config"]["extensions"]:
        if name.startswith("sphinx-"):
            pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
            extra = pyproject["project"]["optional-dependencies"]["book"]
            assert any(line.startswith(name) for line in extra), name


def test_every_page_is_in_the_contents():
    files = [*ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.ipynb")]
    assert sorted(f"{p.parent.name}/{p.stem}" for p in files) == sorted(PAGES)


def test_page_starts_with_its_only_title_and_a_question_or_claim(subtests):
    for page in PAGES:
        with subtests.test(page):
            lines = without_code(prose(page)).splitlines()
            assert lines[0].startswith("# ")
            assert [line for line in lines if line.startswith("# ")] == lines[:1]
            assert lines[1] == ""
            assert lines[2][0].isalpha() or lines[2] == ":::{admonition} Short answer"


def test_page_says_which_question_it_answers(subtests):
    for page in set(PAGES) - {TOC["root"]}:
        with subtests.test(page):
            assert "?" in without_code(prose(page)).split("\n##")[0]


def test_page_names_nothing_of_one_machine(subtests):
    for page in PAGES:
        with subtests.test(page):
            for cell in cells(page):
                assert not LOCAL.search(cell.source)
                assert not cell.get("outputs")


def test_links_lead_to_files_or_to_figures_that_will_be_drawn(subtests):
    for page in PAGES:
        with subtests.test(page):
            text = without_code(prose(page))
            links = re.findall(r"\]\(([^)\s]+)\)", text)
            links += re.findall(r"\{download\}`[^`<]*<([^>]+)>`", text)
            links += re.findall(r"^```\{(?:figure|include)\} (\S+)", text, re.MULTILINE)
            folder = (ROOT / page).parent
            for link in links:
                target = urldefrag(link).url
                if not target or urlsplit(link).scheme or target in BUILT:
                    continue
                if drawn := MADE.search(target):
                    assert drawn[1] in {*FIGURES, *films()}, link
                else:
                    assert (folder / target).exists(), link


def test_works_that_are_cited_are_in_the_bibliography(subtests):
    for page in PAGES:
        with subtests.test(page):
            entries = (ROOT / "book" / "references.bib").read_text("utf-8")
            known = set(re.findall(r"^@\w+\{([^,]+),", entries, re.MULTILINE))
            for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", prose(page)):
                assert set(keys.split(",")) <= known


def test_every_work_in_the_bibliography_is_cited():
    entries = (ROOT / "book" / "references.bib").read_text("utf-8")
    text = "".join(map(prose, PAGES))
    for key in re.findall(r"^@\w+\{([^,]+),", entries, re.MULTILINE):
        assert key in text


def test_links_are_put_below_each_figure(texts, tmp_path, subtests):
    for page in NOTEBOOKS:
        with subtests.test(page):
            copy = Path(shutil.copy(ROOT / f"{page}.ipynb", tmp_path))
            texts.link(copy, page)
            found = nbformat.read(copy, as_version=4)
            nbformat.validate(found)
            below = {
                named["stem"]: after.source
                for cell, after in pairwise(found.cells)
                if (named := texts.SHOWN.search(cell.source))
                and cell.cell_type == "code"
            }
            assert below and len(found.cells) == len(cells(page)) + len(below)
            for stem, text in below.items():
                film = stem in films()
                for ending in ("mp4", "png", "json") if film else ENDINGS:
                    assert f"<figures/{stem}.{ending}>`" in text
                code = re.findall(r'href="\.\./_modules/([\w/]+)\.html#(\w+)"', text)
                assert len(code) == (1 if film else 2)
                for module, name in code:  # what Sphinx numbers the lines of
                    assert inspect.isfunction(
                        getattr(import_module(module.replace("/", ".")), name)
                    )
                assert film or code[0] == (FIGURES[stem].module.replace(".", "/"), stem)
                line, entry = text.split("<summary>Cite: ")[1].split("</summary>")
                assert (
                    stem in line
                    and f"vsrnn {metadata.version('vsrnn')}" in line
                    and "CC BY 4.0" in line
                )
                assert f"@misc{{vsrnn_{stem}," in entry and f"{page}.html#fig-" in entry
                assert entry.count("{") == entry.count("}")


def test_every_public_name_is_in_the_reference():
    text = prose("book/api")
    for name, value in vars(vsrnn).items():
        if not name.startswith("_") and not inspect.ismodule(value):
            # what is no function or class has no text of its own for Sphinx to find
            kind = r"auto\w+" if callable(value) else "py:data"
            found = rf"^\.\. {kind}:: vsrnn\.{name}$(\n   :value: (.*)$)?"
            entry = re.search(found, text, re.MULTILINE)
            assert entry, name
            assert callable(value) or literal_eval(entry[2] or repr(value)) == value


def test_commands_of_the_book_are_understood(build):
    makefile = (ROOT / "Makefile").read_text()
    text = "".join(
        block
        for page in USE
        if page != "book/cluster"
        for block in code_blocks(page, "bash")
    )
    lines = text.replace("\\\n", "").splitlines()
    assert any(line.startswith("make book") for line in lines)
    for line in lines:
        program, *arguments = shlex.split(line)
        if program == "make":
            assert re.search(rf"^{arguments[0]}:", makefile, re.MULTILINE)
        elif program == "vsrnn":
            cli._parser().parse_args(arguments)
        elif arguments[:1] == ["book/build.py"]:
            build.parse(arguments[1:])


def test_code_on_a_page_is_not_cut_by_its_width(subtests):
    for page in USE:
        with subtests.test(page):
            for block in code_blocks(page, "(?:bash|python)"):
                assert max(map(len, block.splitlines())) <= 70


def short(code: str) -> str:
    """Code of a page with what takes long made small."""
    for long, less in {
        '"quick"': '"smoke"',
        "500": "50",
        "range(3)": "range(1)",
    }.items():
        code = code.replace(long, less)
    return code


@pytest.mark.parametrize("page", ["book/adapt", "book/choose"])
def test_code_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    for block in code_blocks(page, "(?:bash|python)"):
        if block.startswith("# mine.py"):
            Path("mine.py").write_text(block)
        elif block.startswith("vsrnn sweep mine:Mine"):
            few = shlex.split(block.replace(" 40 ", " 12 "))[1:]
            assert cli.main([*few, "--jobs", "1", "--epochs", "1"]) == 0
        elif "import vsrnn\n" in block:
            exec(compile(short(block), f"{page}.md", "exec"), {})
    if page == "book/choose":
        said(capsys.readouterr().out.splitlines())


def said(lines: list[str]) -> None:
    """What the page on choosing says of what its code prints."""
    shares = {float(a): float(c) for a, _, c in map(str.split, lines[:5])}
    assert [hx for hx, share in shares.items() if 0.1 <= share <= 0.4] == [0.3, 0.2]
    sizes = literal_eval(lines[5])
    assert max(sizes) < 2 * min(sizes)  # it settles
    dense, uniform, thin = (float(line.split()[-1]) for line in lines[6:9])
    assert thin > 0.7 > 0.35 > max(dense, uniform)
    best = pd.read_csv("best.csv")
    assert set(best["name"]) < set(vsrnn.Store("runs").collect()["design"])


def test_entries_for_citing_are_those_of_the_bibliography():
    entries = code_blocks("book/cite", "bibtex")
    known = " ".join((ROOT / "book" / "references.bib").read_text("utf-8").split())
    fields = re.findall(r"= (\{.*?\}),\n", "".join(entries), re.DOTALL)
    assert len(entries) == 2 and len(fields) == 10
    for field in fields:
        assert " ".join(field.split()) in known


def notebook(path: Path, code: str) -> Path:
    """Write a notebook with a cell of parameters and one of code."""
    new = nbformat.v4.new_notebook()
    new.cells = [nbformat.v4.new_code_cell('scale = "quick"\nstore = "runs"')]
    new.cells[0].metadata["tags"] = ["parameters"]
    new.cells.append(nbformat.v4.new_code_cell(code))
    names = {"name": "python3", "display_name": "Python 3", "language": "python"}
    new.metadata["kernelspec"] = names
    nbformat.write(new, path)
    return path


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("works", [True, False])
def test_build_runs_a_notebook_or_says_which_cell_failed(
    works, build, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "src"
    (source / "notebooks").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    code = "print(scale, store)" if works else "raise ValueError('no such thing')"
    notebook(tmp_path / "notebooks" / "one.ipynb", code)
    options = build.parse(["--scale", "smoke", "--store", "kept"])
    logs = Path("logs")
    assert build.execute("notebooks/one", Path("src"), logs, options) is works
    ran = nbformat.read(source / "notebooks" / "one.ipynb", as_version=4)
    if works:
        assert ran.cells[-1].outputs[0].text.split() == ["smoke", "../../kept"]
        assert str(tmp_path) not in nbformat.writes(ran)
    else:
        said = capsys.readouterr().err
        assert "notebooks/one.ipynb, cell 2 failed (ValueError: no such thing)" in said
        assert "no such thing" in (logs / "one.log").read_text()


def drawn(tmp_path: Path) -> Path:
    """A figure with a black line, a gray one, a white area and words."""
    with drawing("web", 0.5) as figure:
        ax = figure.subplots()
        ax.plot([0, 1], [0, 1], color="black", marker="o", markerfacecolor="white")
        ax.plot([0, 1], [1, 0], color="0.5")
        ax.text(0, 0, "on a color", color="0.15")
        ax.set_title("spelled out")
    return save(figure, "one", pd.DataFrame({"x": [1]}), tmp_path)["svg"]


def test_what_a_figure_shows_is_in_its_file_and_code_is_folded(texts, tmp_path):
    file = drawn(tmp_path / "figures")
    path = notebook(tmp_path / "one.ipynb", 'page.show("one")')
    ran = nbformat.read(path, as_version=4)
    figure = {"name": "fig-one", "caption": "**It & rises.** A line."}
    ran.cells[1].metadata["mystnb"] = {"figure": figure, "image": {"alt": "A < B."}}
    data = {"image/svg+xml": file.read_text()}
    ran.cells[1].outputs = [nbformat.v4.new_output("display_data", data)]
    nbformat.write(ran, path)
    texts.describe(path, "notebooks/one")
    told = nbformat.read(path, as_version=4)
    root = ElementTree.fromstring(file.read_text())
    assert [root[n].text for n in (0, 1)] == ["It & rises.", "A < B."]
    assert told.cells[1].outputs[0].data["image/svg+xml"] == file.read_text()
    tags = [cell.metadata["tags"] for cell in told.cells]
    assert tags == [["parameters", "hide-input"], ["hide-input"]]


def test_a_page_that_is_linked_shows_its_answer_and_a_picture(pages):
    from docutils import nodes, utils
    from sphinx import addnodes

    tree = utils.new_document("one")
    tree += nodes.paragraph("", "Which?")
    tree += nodes.admonition("", nodes.paragraph("", "The <first>."))
    tree += addnodes.download_reference("", "", filename="a1/one.svg")
    tree += addnodes.download_reference("", "", filename="a1/one.png")
    config = SimpleNamespace(html_baseurl="https://vsrnn.example/")
    target = SimpleNamespace(get_target_uri=lambda page: f"{page}.html")
    context = {"title": "Which one?", "metatags": "<meta>"}
    app = SimpleNamespace(config=config, builder=target)
    pages.preview(app, "notebooks/one", "", context, tree)
    assert context["metatags"].startswith("<meta>")
    told = dict(
        re.findall(r'(?:name|property)="(.+?)" content="(.+?)"', context["metatags"])
    )
    assert told["description"] == told["og:description"] == "The &lt;first&gt;."
    assert told["og:image"] == "https://vsrnn.example/_downloads/a1/one.png"
    assert told["og:url"] == "https://vsrnn.example/notebooks/one.html"


def test_a_figure_in_a_page_has_its_colors_and_its_words(pages, tmp_path):
    text = pages.inline(drawn(tmp_path).read_text(), 'A "line".')
    root = ElementTree.fromstring(text)
    assert root.get("aria-label") == 'A "line".' and root.get("role") == "img"
    assert "<title" not in text and "spelled out" in text  # it would pop up everywhere
    assert not re.search("#(000000|ffffff|7f7f7f|808080)", text)
    assert "fill: var(--pst-color-background, #fff)" in text
    assert "currentColor 50%" in text and "fill: #262626" in text
    # two figures of a page share no id but those that are drawn again
    ids = {element.get("id") for element in root.iter()} - {None}
    assert ids and all(f"#{name}" in text for name in ids)


def test_a_page_has_a_figure_as_drawn_for_a_phone(pages, tmp_path):
    from docutils import nodes

    folder = tmp_path / "notebooks" / "figures"
    drawn(folder)
    text = (folder / "one.svg").read_text()
    (folder / "a_one.phone.svg").write_text(text)
    found = []
    for file, name in (
        ("notebooks/figures/a_one.svg", "front"),
        ("x.svg", "fig-a-one"),
    ):
        node = nodes.image(uri=file)
        nodes.figure("", node, ids=[name])
        found.append(pages.narrow(tmp_path, node))
    asked = set(re.findall(r'(?:href="|url\()#([\w-]+)', text))
    given = set(re.findall(r'(?:href="|url\()#([\w-]+)', found[0]))
    assert (
        found[0] == found[1] and given == {f"phone-{name}" for name in asked} != set()
    )
    assert all(f'id="{name}"' in found[0] for name in given)
    other = nodes.image(uri="y.svg")
    nodes.figure("", other, ids=["fig-other"])
    assert pages.narrow(tmp_path, other) == ""


def test_the_book_is_printed_where_there_is_a_browser(build, tmp_path, monkeypatch):
    (tmp_path / "book").mkdir()
    page = tmp_path / "singlehtml" / "book" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<h1>All of it</h1>")
    monkeypatch.setattr(build, "build", lambda *_: 1)
    assert not build.printed(tmp_path, tmp_path)
    monkeypatch.setattr(build, "build", lambda *_: 0)
    if not (shutil.which("chromium") or shutil.which("chromium-browser")):
        assert not build.printed(tmp_path, tmp_path)
        pytest.skip("there is no Chromium")
    assert build.printed(tmp_path, tmp_path)
    assert (tmp_path / "book" / "vsrnn.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("known, left", [({"best": "57.2 %"}, ""), ({}, "best")])
def test_the_numbers_of_a_study_are_put_into_the_text(known, left, texts, tmp_path):
    path = notebook(tmp_path / "one.ipynb", 'page = studies.open_page("one", folder)')
    ran = nbformat.read(path, as_version=4)
    ran.cells.append(nbformat.v4.new_markdown_cell("At best {{best}} of ${x}_{{y}$."))
    nbformat.write(ran, path)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "one.numbers.json").write_text(json.dumps(known))
    assert texts.fill(path) == left
    wanted = "{{best}}" if left else "57.2 %"
    last = nbformat.read(path, as_version=4).cells[-1].source
    assert last == f"At best {wanted} of ${{x}}_{{{{y}}$."


def test_the_numbers_of_studies_are_put_into_pages(texts, tmp_path):
    figures, page = tmp_path / "notebooks" / "figures", tmp_path / "book" / "one.md"
    figures.mkdir(parents=True)
    page.parent.mkdir()
    (figures / "toy.numbers.json").write_text('{"best": "57 %"}')
    page.write_text("At best {{toy.best}} of ${{y}}$.")
    assert texts.quote(tmp_path) == ""
    assert page.read_text() == "At best 57 % of ${{y}}$."
    page.write_text("{{toy.best}} {{toy.worst}} {{other.best}}")
    assert texts.quote(tmp_path) == "other.best, toy.worst"


def test_numbers_that_a_page_quotes_have_a_name_in_their_study(texts, subtests):
    for page in USE:
        with subtests.test(page):
            for quoted in texts.QUOTED.findall(prose(page)):
                study, name = quoted.split(".")
                code = inspect.getsource(import_module(f"vsrnn.studies.{study}"))
                made = f'"{name.rpartition("_")[0]}_{{'  # from a name and, say, a task
                assert f'"{name}"' in code or made in code, quoted


def test_the_front_page_has_the_claims_of_all_studies(texts, tmp_path):
    folder = tmp_path / "notebooks" / "figures"
    folder.mkdir(parents=True)
    names = ("paper", "verdict", "tested", "size", "figure")
    for study, row in {
        "forecast": ("It can be told", "holds", "told", "2.0 (1.0 to 3.0)", "one_two"),
        "contrast": ("It is so on a door", "not tested", "", "", ""),
        "moduli": ("A torus", "too few runs yet", "torus", "", "three"),
    }.items():
        table = pd.DataFrame([row], columns=names)
        table.to_csv(folder / f"{study}.scorecard.csv", index=False)
    text = texts.scorecard(tmp_path)
    one, other, torus = (line for line in text.splitlines() if "**" in line)
    claim = "{ref}`It can be told <fig-one-two>`"
    assert one == f"| {claim} | **holds** | 2.0 (1.0 to 3.0)<br>*told* |"
    assert other == "| It is so on a door | **not tested** |  |"
    assert torus == "| {ref}`A torus <fig-three>` | **too few runs yet** | *torus* |"
    assert text.index(other) < text.index("### Part II") < text.index(torus)


def test_every_study_is_in_the_reference(texts):
    assert "```{include} studies.md" in prose("book/api")
    for name in ("page", *studies.list_studies()):
        assert f"automodule:: vsrnn.studies.{name}\n" in texts.studies()


def test_notebooks_that_train_run_beside_the_others(
    build, texts, tmp_path, monkeypatch
):
    training, others = build.lanes()
    assert sorted(training + others) == sorted(texts.pages())
    assert "notebooks/equal_weights" in training and "notebooks/task" in others
    ran = []
    monkeypatch.setattr(
        build, "execute", lambda page, *_: ran.append(page) or page != "b"
    )
    assert build.execute_each(["a", "b", "c"], tmp_path, tmp_path, None) is None
    assert ran == ["a", "b"]
    times = build.execute_each(["a", "c"], tmp_path, tmp_path, None)
    assert list(times) == ["a.ipynb", "c.ipynb"] and min(times.values()) >= 0


def test_stored_tables_are_counted(texts, tmp_path):
    assert "No table" in texts.stored(tmp_path)
    (tmp_path / "a.csv").write_text("design,seed,scale\nx,0,paper\nx,1,paper\n")
    assert "| paper | 1 | 2 | 2 |" in texts.stored(tmp_path)
    shutil.copytree(ROOT / "results" / "rad_1m", tmp_path / "rad_1m")
    (line,) = [line for line in texts.stored(tmp_path).splitlines() if "rad_1m" in line]
    runs = vsrnn.get_results("rad_1m")
    counts = (runs["design"].nunique(), runs["seed"].nunique(), len(runs))
    assert line.endswith(f"| paper | {' | '.join(map(str, counts))} |")
    assert "<../results/rad_1m/runs.jsonl.gz>" in line


class Links(HTMLParser):
    """Collects what a page points to and the places it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = dict(attrs)
        wanted = "href" if tag in ("a", "link") else "src"
        if given.get(wanted) and given.get("rel") != "canonical":
            self.targets.append(given[wanted])


@pytest.fixture(scope="module")
def built() -> list[Path]:
    if not (HTML / "index.html").exists():
        pytest.skip("there is no built book: run `make book` first")
    return sorted(p for p in HTML.rglob("*.html") if "_static" not in p.parts)


def test_built_pages_point_to_files_that_exist(built):
    missing = set()
    for page in built:
        for target in Links(page.read_text("utf-8")).targets:
            parts = urlsplit(target)
            if not parts.scheme and parts.path:
                path = page.parent / unquote(parts.path)
                if not path.exists():
                    missing.add((page.name, target))
    assert not missing


def test_built_pages_load_nothing_from_outside(built):
    pattern = re.compile(
        r"<(?:script|img|iframe|link)\b(?![^>]*rel=\"canonical)"
        r"[^>]*?(?:src|href)=\"(https?:)?//"
    )
    for page in built:
        assert not pattern.search(page.read_text("utf-8")), page


def test_built_pages_name_nothing_of_one_machine(built):
    folders = {str(ROOT), str(Path.home())} - {"/"}
    local = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, folders))})[/\\]")
    for page in built:
        assert not local.search(page.read_text("utf-8")), page
