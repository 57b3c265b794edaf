"""Texts that runs make: numbers, lines below figures, gallery, scorecard."""

from __future__ import annotations

import json
import re
import zipfile
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pandas
import yaml

import vsrnn.studies  # noqa: F401  fills FIGURES
from vsrnn import Store
from vsrnn.plot.registry import FIGURES

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
ENDINGS = {"svg": "SVG", "pdf": "PDF", "png": "PNG", "csv": "CSV"}
RECORD = {"json": "what made it (JSON)"}
FILES = ENDINGS | {"csv": "data (CSV)"} | RECORD
FILM = {"mp4": "film (MP4)", "png": "first picture (PNG)"} | RECORD
GRID = (":::::{grid} 1 2 2 3", ":gutter: 2", "")
SHOWN = re.compile(r'(\w+)\.(?P<how>show|film)\(\s*"(?P<stem>\w+)"')
OPENED = re.compile(r'(\w+) = (?:\w+\.)*open_page\(\s*"(\w+)"')
NUMBER = re.compile(r"\{\{(\w+)\}\}")
QUOTED = re.compile(r"\{\{(\w+\.\w+)\}\}")
SCORECARD = ("| Claim | Verdict | How large, and as measured here |", "|---|---|---|")


def pages() -> list[str]:
    """Name the notebooks of the book, in its order, without their endings."""
    toc = contents()
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [file for file in files if file.startswith("notebooks/")]


def contents() -> dict[str, Any]:
    """Read the contents of the book."""
    return yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))


def opened(notebook: Any) -> dict[str, str]:
    """Name the studies that a notebook opens, by the variables that hold them."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return dict(found for text in code for found in OPENED.findall(text))


class Shown(NamedTuple):
    """A figure or film that a notebook of the book shows."""

    stem: str
    film: bool
    page: str
    question: str
    label: str
    caption: str
    alt: str

    @property
    def message(self) -> str:
        """The first sentence of the caption: what the figure says."""
        return re.split(r"(?<=[.?!])\s", self.caption.replace("*", ""), maxsplit=1)[0]

    @property
    def url(self) -> str:
        """Where the figure is in the published book."""
        return f"{CITATION['url']}/{self.page}.html#{self.label}"


def shown_by(notebook: Any, page: str) -> dict[str, Shown]:
    """Figures and films of a page, by the ids of their cells."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and (call := SHOWN.search(cell.source)):
            given = cell.metadata.mystnb  # a film has its own words
            figure, alt = given.figure, given.get("image", {}).get("alt", "")
            question = notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
            place = (page, question, figure.name, figure.caption, alt)
            found[cell.id] = Shown(call["stem"], call["how"] == "film", *place)
    return found


def describe(copy: Path, page: str) -> None:
    """Fold the code of a page, and say in the files of figures what they show."""
    notebook = nbformat.read(copy, as_version=4)
    shown = shown_by(notebook, page)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.setdefault("tags", []).append("hide-input")
        if (figure := shown.get(cell.id)) is None:
            continue
        path = copy.parent / "figures" / f"{figure.stem}.json"
        record = json.loads(path.read_text("utf-8"))
        told = {"caption": figure.caption, "page": figure.url, "alt": figure.alt}
        text = json.dumps({"figure": figure.stem} | told | record, indent=2) + "\n"
        path.write_text(text, "utf-8")
        if not figure.film:
            title, words = escape(figure.message), escape(figure.alt)
            new = f"<title>{title}</title>\n <desc>{words}</desc>"
            path = path.with_suffix(".svg")
            old = path.read_text("utf-8")
            text = old.replace(f"<title>{figure.stem}</title>", new)
            path.write_text(text, "utf-8")
            for output in cell.outputs:
                output.get("data", {})["image/svg+xml"] = text
    nbformat.write(notebook, copy)


def link(copy: Path, page: str) -> None:
    """Put files and a line to cite below each figure."""
    notebook = nbformat.read(copy, as_version=4)
    cells, shown = [], shown_by(notebook, page)
    for cell in notebook.cells:
        cells.append(cell)
        if figure := shown.get(cell.id):
            text = f"{links(figure)}\n\n{cite(figure)}"
            cells.append(nbformat.v4.new_markdown_cell(text, id=f"links-{figure.stem}"))
    notebook.cells = cells
    nbformat.write(notebook, copy)


def fill(copy: Path) -> str:
    """Put a study's numbers where the text says {{name}}; name those it lacks."""
    notebook = nbformat.read(copy, as_version=4)
    known: dict[str, str] = {}
    for study in opened(notebook).values():
        path = copy.parent / "figures" / f"{study}.numbers.json"
        known |= json.loads(path.read_text("utf-8")) if path.exists() else {}
    text = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    asked = {name for cell in text for name in NUMBER.findall(cell.source)}
    if unknown := sorted(asked - set(known)):
        return ", ".join(unknown)
    for cell in text:
        cell.source = NUMBER.sub(lambda found: known[found[1]], cell.source)
    nbformat.write(notebook, copy)
    return ""


def quote(source: Path) -> str:
    """Put the numbers of studies where pages say {{study.name}}; name those missing."""
    known = {
        f"{path.name.removesuffix('.numbers.json')}.{name}": number
        for path in source.glob("notebooks/figures/*.numbers.json")
        for name, number in json.loads(path.read_text("utf-8")).items()
    }
    missing = set()
    for path in source.glob("book/*.md"):
        text = path.read_text("utf-8")
        missing |= set(QUOTED.findall(text)) - set(known)
        path.write_text(QUOTED.sub(lambda it: known.get(it[1], ""), text), "utf-8")
    return ", ".join(sorted(missing))


def scorecard(source: Path) -> str:
    """Every claim of the works with its verdict, part by part: for the front page."""
    lines = []
    for part in contents()["parts"]:
        names = [Path(chapter["file"]).name for chapter in part["chapters"]]
        files = [source / f"notebooks/figures/{name}.scorecard.csv" for name in names]
        cards = [pandas.read_csv(path, dtype=str) for path in files if path.exists()]
        rows = pandas.concat(cards or [pandas.DataFrame()]).fillna("")
        if len(rows):
            lines += [f"### {part['caption']}", "", *SCORECARD]
        for row in rows.to_dict("records"):
            place = f"fig-{row['figure'].replace('_', '-')}"
            claim = (
                f"{{ref}}`{row['paper']} <{place}>`" if row["figure"] else row["paper"]
            )
            found = filter(None, (row["size"], row["tested"] and f"*{row['tested']}*"))
            each = (claim, f"**{row['verdict']}**", "<br>".join(found))
            lines.append(f"| {' | '.join(each)} |")
        lines.append("")
    return "\n".join(lines)


def links(figure: Shown) -> str:
    """Files of a figure or film, and the lines that made its table and drew it."""
    files = downloads(f"figures/{figure.stem}", FILM if figure.film else FILES)
    if figure.film:
        return f"{files} · {code('vsrnn.plot.film', 'film', 'code')}"
    spec = FIGURES[figure.stem]
    made = (spec.table.__module__, getattr(spec.table, "__name__", ""))
    if not made[0].startswith("vsrnn"):  # a part of what the study loads
        made = (spec.module, "load")
    drawn = code(spec.module, figure.stem, "code of the drawing")
    return f"{files} · {drawn} · {code(*made, 'code of the data')}"


def code(module: str, name: str, words: str) -> str:
    """A link from a notebook to the lines of a function."""
    return f'<a href="../_modules/{module.replace(".", "/")}.html#{name}">{words}</a>'


def cite(figure: Shown) -> str:
    """A line to cite a figure or film, which unfolds to an entry of BibTeX."""
    version, year = CITATION["version"], str(CITATION["date-released"])[:4]
    kind = "film" if figure.film else "figure"
    name = figure.stem.replace("_", r"\_")
    line = f"vsrnn contributors ({year}), vsrnn {version}, {kind} {figure.stem}"
    return f"""\
<details class="vsrnn-cite"><summary>Cite: {line}, CC BY 4.0</summary>

```bibtex
@misc{{vsrnn_{figure.stem},
  author = {{{{vsrnn contributors}}}},
  title  = {{{figure.message.rstrip(".")}}},
  year   = {{{year}}},
  note   = {{vsrnn {version}, {kind} {name}, CC BY 4.0}},
  url    = {{{figure.url}}},
}}
```

</details>"""


def downloads(file: str, names: dict[str, str]) -> str:
    """Links to a file with several endings, by what each is called."""
    each = (f"{{download}}`{name} <{file}.{end}>`" for end, name in names.items())
    return " · ".join(each)


def stored(results: Path) -> str:
    """Count what the stored studies and tables hold: part of the page on results."""
    lines = [
        "| Study or table | Scale | Designs | Seeds | Rows |",
        "|---|---|---|---|---|",
    ]
    for path in sorted([*results.glob("*/runs.jsonl.gz"), *results.glob("*.csv")]):
        study = path.suffix == ".gz"
        if study:
            table = Store(path.parent).collect()
        else:
            table = pandas.read_csv(path, dtype=str)
        count = [table[name].nunique() for name in ("design", "seed") if name in table]
        scale = ", ".join(table["scale"].unique()) if "scale" in table else ""
        name = path.parent.name if study else path.name
        file = f"{{download}}`{name} <../results/{path.relative_to(results)}>`"
        cells = [file, scale, *count, *[""] * (2 - len(count)), len(table)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n" if lines[2:] else "No table is stored.\n"


def published(source: Path) -> list[Shown]:
    """All figures and films that the notebooks show, in the order of the book."""
    read = ((page, source / f"{page}.ipynb") for page in pages())
    parts = [shown_by(nbformat.read(path, as_version=4), page) for page, path in read]
    return [figure for part in parts for figure in part.values()]


def gallery(shown: list[Shown]) -> str:
    """Every figure small, with its files, under the question it helps to answer."""
    lines = []
    for page, figures in groupby(shown, key=lambda figure: figure.page):
        cards = [card(figure) for figure in figures]
        lines += [f"## [](../{page}.ipynb)", "", *GRID, *cards, ":::::", ""]
    return "\n".join(lines)


def card(figure: Shown) -> str:
    """One figure of the gallery; the picture leads to its explanation."""
    file = f"../notebooks/figures/{figure.stem}"
    return f"""\
::::{{grid-item-card}}
:class-card: vsrnn-thumbnail

```{{image}} {file}.{"png" if figure.film else "svg"}
:alt: {figure.alt or figure.message}
:target: ../{figure.page}.html#{figure.label}
```

{{numref}}`Fig. %s <{figure.label}>` {figure.message}

{downloads(file, FILM if figure.film else ENDINGS)}
::::
"""


def studies() -> str:
    """Name every module of the studies, as part of the page of reference."""
    names = sorted(path.stem for path in (ROOT / "vsrnn" / "studies").glob("[a-z]*.py"))
    lines = [".. automodule:: vsrnn.studies", ""]
    for name in names:
        lines += [f".. automodule:: vsrnn.studies.{name}", "   :members:", ""]
    return "\n".join(["```{eval-rst}", *lines, "```", ""])


def bundle(source: Path, shown: list[Shown]) -> None:
    """Put the figures and the stored tables into one archive, with who may use it."""
    files = {"LICENSE.md": ROOT / "LICENSE-CC-BY-4.0.md"}
    files["CITATION.cff"] = ROOT / "CITATION.cff"
    for figure in shown:
        found = (source / "notebooks" / "figures").glob(f"{figure.stem}.*")
        files |= {f"figures/{path.name}": path for path in found}
    results = source / "results"
    for path in results.rglob("*.*"):
        if path.suffix != ".lock":
            files[f"results/{path.relative_to(results)}"] = path
    with zipfile.ZipFile(source / "book" / "vsrnn-figures.zip", "w") as archive:
        add(archive, "README.md", readme(shown).encode())
        for name, path in sorted(files.items()):
            add(archive, name, path.read_bytes())


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file without its date, so that the same files give the same archive."""
    entry = zipfile.ZipInfo(f"vsrnn-figures/{name}")
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def readme(shown: list[Shown]) -> str:
    """Say what the archive holds, who may use it and how to cite it."""
    lines = [f"- `{figure.stem}`: {figure.caption}" for figure in shown]
    return f"""\
# Figures and data of vsrnn

`figures` holds each figure as SVG, PDF and PNG, the plotted data as CSV, and what made
it as JSON. `results` holds the stored tables, and its README says what serves what.

License: CC BY 4.0, in LICENSE.md. Cite as CITATION.cff says, and a figure as
"vsrnn, figure NAME, CC BY 4.0".

{chr(10).join(lines)}
"""
