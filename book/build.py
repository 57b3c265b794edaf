"""Run the notebooks, then build the book: `make book`.

Notebooks run in copies, so the working tree stays clean. Runs are kept in the store,
so a build that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
import texts
from joblib import Parallel, delayed
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

ROOT = Path(__file__).parents[1]
# files of the book beside its pages: settings, static files, what the pages link to
SOURCES = ("_config.yml", "_toc.yml", "book", "results")
PDF = "{download}`The whole book in one file (PDF) <vsrnn.pdf>`"
PRINT = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
PRINT += ("--virtual-time-budget=120000",)  # [ms] for its mathematics


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
    (source / "book" / "stored.md").write_text(
        texts.stored(source / "results"), "utf-8"
    )
    shown = texts.published(source)
    (source / "book" / "figures.md").write_text(texts.gallery(shown), "utf-8")
    (source / "book" / "studies.md").write_text(texts.studies(), "utf-8")
    (source / "book" / "scorecard.md").write_text(texts.scorecard(source), "utf-8")
    if unknown := texts.quote(source):
        print(f"The book was not built: no study gives {unknown}.", file=sys.stderr)
        return 1
    texts.bundle(source, shown)
    if options.pdf:
        with timed("PDF", times):
            if printed(source, out):
                figures = source / "book" / "figures.md"
                figures.write_text(f"{PDF}\n\n{texts.gallery(shown)}", "utf-8")
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


def lanes() -> list[list[str]]:
    """Sort the notebooks into those that train, with progress bars, and the others."""
    training, others = [], []
    for page in texts.pages():
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
    texts.describe(copy, page)
    texts.link(copy, page)
    if unknown := texts.fill(copy):
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
    # a page that is not built again warns of nothing
    for old in (builder, ".doctrees"):
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
