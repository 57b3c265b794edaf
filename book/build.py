"""Run the notebooks, then build the book: `make book`.

Notebooks run in copies, so the working tree stays clean. Runs are kept in the store,
so a build that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pandas
import papermill
import yaml
from joblib import Parallel, delayed
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

import vsrnn.studies  # noqa: F401  fills FIGURES
from vsrnn import Store
from vsrnn.plot.registry import FIGURES

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
# files of the book beside its pages: settings, static files, what the pages link to
SOURCES = ("_config.yml", "_toc.yml", "book", "results")
ENDINGS = {"svg": "SVG", "pdf": "PDF", "png": "PNG", "csv": "CSV"}
GRID = (":::::{grid} 1 2 2 3", ":gutter: 2", "")
RECORD = {"json": "what made it (JSON)"}
FILES = ENDINGS | {"csv": "data (CSV)"} | RECORD
SHOWN = re.compile(r'(\w+)\.(?P<how>show|film)\(\s*"(?P<stem>\w+)"')
OPENED = re.compile(r'(\w+) = (?:\w+\.)*open_page\(\s*"(\w+)"')
NUMBER = re.compile(r"\{\{(\w+)\}\}")
QUOTED = re.compile(r"\{\{(\w+\.\w+)\}\}")
SCORECARD = ("| Claim | Verdict | How large, and as measured here |", "|---|---|---|")
PDF = "{download}`The whole book in one file (PDF) <vsrnn.pdf>`"
PRINT = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
PRINT += ("--virtual-time-budget=120000",)  # [ms] for its mathematics
FILM = {"mp4": "film (MP4)", "png": "first picture (PNG)"} | RECORD


def main() -> int:
    """Run the notebooks, build the pages, say where they are."""
    options = parse(sys.argv[1:])
    # the kernel is the one of this Python, whatever kernels the user has installed
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    if not sys.stderr.isatty():  # bars of a log would fill it
        os.environ.setdefault("TQDM_MININTERVAL", "30")
    os.chdir(ROOT)  # so that paths, and what is kept of them, are relative
    out = Path(os.path.relpath(options.out)) / "_build"
    source = stage(out / "src")
    # what does not train uses one processor, and leaves the others to what does
    times: dict[str, float] = {}
    for part in Parallel(2)(
        delayed(execute_each)(some, source, out / "logs", options) for some in lanes()
    ):
        if part is None:
            return 1
        times |= part
    (source / "book" / "stored.md").write_text(stored(source / "results"), "utf-8")
    shown = published(source)
    (source / "book" / "figures.md").write_text(gallery(shown), "utf-8")
    (source / "book" / "studies.md").write_text(studies(), "utf-8")
    (source / "book" / "scorecard.md").write_text(scorecard(source), "utf-8")
    if unknown := quote(source):
        print(f"The book was not built: no study gives {unknown}.", file=sys.stderr)
        return 1
    bundle(source, shown)
    if options.pdf:
        with timed("PDF", times):
            if printed(source, out):
                figures = source / "book" / "figures.md"
                figures.write_text(f"{PDF}\n\n{gallery(shown)}", "utf-8")
    with timed("pages", times):
        status = build(source, out)
        films(source, out / "html")
    if status:
        print("The book was not built: the warnings above say why.", file=sys.stderr)
        return 1
    print("\n".join(["", *(f"{took:6.0f} s  {what}" for what, took in times.items())]))
    index = (out / "html" / "index.html").resolve()
    print(f"The book is ready, open\n  {index.as_uri()}")
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="book/build.py", description=__doc__)
    add = parser.add_argument
    add(
        "--scale", default="quick", help="what the notebooks train: smoke, quick, paper"
    )
    add("--jobs", type=int, help="runs trained at the same time (default: all cores)")
    add("--store", default=ROOT / "runs", type=absolute, help="folder of the runs")
    add("--out", default=ROOT, type=absolute, help="the book is OUT/_build/html")
    add("--pdf", action="store_true", help="print the book, too, with Chromium")
    return parser.parse_args(arguments)


def absolute(path: str) -> Path:
    """Read a path as seen from where the command was given."""
    return Path(path).absolute()


def pages() -> list[str]:
    """Name the notebooks of the book, in its order, without their endings."""
    toc = contents()
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [file for file in files if file.startswith("notebooks/")]


def contents() -> dict[str, Any]:
    """Read the contents of the book."""
    return yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))


def lanes() -> list[list[str]]:
    """Sort the notebooks into those that train, with progress bars, and the others."""
    training, others = [], []
    for page in pages():
        known = papermill.inspect_notebook(ROOT / f"{page}.ipynb")
        (training if "jobs" in known else others).append(page)
    return [training, others]


def stage(source: Path) -> Path:
    """Copy what the book is made of, except the notebooks, to a clean folder."""
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for name in SOURCES:
        path = ROOT / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, source / name)
    (source / "notebooks").mkdir()
    return source


def execute_each(
    some: list[str], source: Path, logs: Path, options: argparse.Namespace
) -> dict[str, float] | None:
    """Run notebooks one after another; the seconds of each, or None if one fails."""
    times: dict[str, float] = {}
    for page in some:
        with timed(f"{page}.ipynb", times):
            if not execute(page, source, logs, options):
                return None
    return times


def execute(page: str, source: Path, logs: Path, options: argparse.Namespace) -> bool:
    """Run one notebook in a kernel of its own; say where it failed if it did."""
    notebook, copy = Path(f"{page}.ipynb"), source / f"{page}.ipynb"
    given = parameters(notebook, copy.parent, options)
    try:
        papermill.execute_notebook(
            notebook,
            copy,
            given,
            kernel_name="python3",
            cwd=copy.parent,
            start_timeout=120,
            progress_bar=False,
            stderr_file=sys.stderr,  # progress of the training
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except PapermillExecutionError as error:
        # the copy has one cell more, with the parameters
        cell = error.cell_index + 1 - bool(given)
        what = f"cell {cell} failed ({error.ename}: {error.evalue})"
        fail(notebook, what, "\n".join(error.traceback), logs)
        return False
    except (CellTimeoutError, DeadKernelError, RuntimeError):
        fail(notebook, "its kernel stopped", traceback.format_exc(), logs)
        return False
    scrub(copy)
    describe(copy, page)
    link(copy, page)
    if unknown := fill(copy):
        what = f"its text asks for numbers that its study does not give: {unknown}"
        fail(notebook, what, what, logs)
        return False
    return True


def parameters(
    notebook: Path, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Give the notebook those of the options that it has as parameters."""
    given = {
        "scale": options.scale,
        "store": os.path.relpath(options.store, folder),
        "jobs": options.jobs,
    }
    known = papermill.inspect_notebook(notebook)
    return {k: v for k, v in given.items() if k in known and v is not None}


def fail(notebook: Path, what: str, log: str, logs: Path) -> None:
    """Say in one sentence what failed, and keep the whole story in a file."""
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / f"{notebook.stem}.log"
    path.write_text(log, "utf-8")
    message = f"The book was not built: {notebook}, {what}; the full log is in {path}."
    print(f"\n{message}", file=sys.stderr)


def scrub(copy: Path) -> None:
    """Drop what papermill notes about the run: it changes with each one."""
    notebook = nbformat.read(copy, as_version=4)
    for part in (notebook, *notebook.cells):
        part.metadata.pop("papermill", None)
    nbformat.write(notebook, copy)


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


def printed(source: Path, out: Path) -> bool:
    """Print all pages into one PDF beside the pages' sources, if there is Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program or build(source, out, "singlehtml"):
        print("No PDF: it takes Chromium, and pages without warnings.", file=sys.stderr)
        return False
    # its links are those of a page one folder higher
    page = out / "singlehtml" / "book.html"
    shutil.copy(page.with_name("book") / "index.html", page)
    file = source / "book" / "vsrnn.pdf"
    call = [program, *PRINT, f"--print-to-pdf={file}", page.resolve().as_uri()]
    with tempfile.TemporaryDirectory() as profile:
        subprocess.call(
            [*call, f"--user-data-dir={profile}"], stderr=subprocess.DEVNULL
        )
    return file.exists()


def build(source: Path, out: Path, builder: str = "html") -> int:
    """Build the pages; a warning is an error, and all of them are shown."""
    for old in (
        builder,
        ".doctrees",
    ):  # a page that is not built again warns of nothing
        shutil.rmtree(out / old, ignore_errors=True)
    program = Path(sys.executable).with_name("jupyter-book")
    strict = ("-W", "-n", "--keep-going", "-q")
    given = ("--builder", builder, "--path-output", out.parent)
    return subprocess.call([program, "build", source, *given, *strict])


def films(source: Path, html: Path) -> None:
    """Put films where their pages look for them: Sphinx takes only pictures along."""
    for film in source.glob("notebooks/figures/*.mp4"):
        for path in (film, film.with_suffix(".png")):
            target = html / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


@contextmanager
def timed(what: str, times: dict[str, float]) -> Iterator[None]:
    """Say what begins and how long it took, and note it."""
    print(f"== {what}", flush=True)
    began = time.perf_counter()
    yield
    times[what] = time.perf_counter() - began
    print(f"== {what}: {times[what]:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Stopped; what was trained is kept, and the next build goes on there.")
    except OSError as error:
        sys.exit(f"The book was not built: {error}.")
