"""A page of the book: its data, tables, figures, numbers and claims."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure
from pandas import DataFrame, option_context

from vsrnn.errors import VsrnnError
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.save import Writers, save, write_files
from vsrnn.stats import Claim, claims_table
from vsrnn.studies.scorecard import scorecard
from vsrnn.tasks import task_class

_CARD = {
    "paper": "the paper",
    "published": "published",
    "tested": "here",
    "verdict": "verdict",
    "explained": "why, and what would refute it",
}
_MADE_ON = ("data_sha256", "version", "commit", "torch", "python", "machine")


@dataclass(frozen=True)
class Shown:
    """A figure and its files; a notebook shows the SVG file.

    Args:
        figure: the figure.
        paths: its files by ending: svg, pdf, png, csv, json.
    """

    figure: Figure
    paths: dict[str, Path]

    def _repr_svg_(self) -> str:
        return self.paths["svg"].read_text(encoding="utf-8")


@dataclass(frozen=True)
class Folded:
    """Tables that a notebook shows folded, under a summary.

    Args:
        summary: what is seen before it is unfolded.
        tables: what is seen afterwards.
        unfolded: whether they are seen at once.
    """

    summary: str
    tables: Sequence[DataFrame]
    unfolded: bool = False

    def _repr_html_(self) -> str:
        with option_context("display.max_colwidth", None):  # sentences in full
            parts = [table.to_html(index=False, border=0) for table in self.tables]
        start = "<details open>" if self.unfolded else "<details>"
        head = f"{start}<summary>{escape(self.summary)}</summary>"
        return "\n".join([head, *parts, "</details>"])


@dataclass(frozen=True)
class Page:
    """A study with its data loaded; `open_page` gives one.

    Args:
        study: name of the study, a module of `vsrnn.studies`.
        data: what the module's `load` gives.
        folder: where the files of figures and numbers go.
    """

    study: str
    data: Any
    folder: str | Path = "figures"
    _tables: dict[str, DataFrame] = field(default_factory=dict, repr=False)

    @property
    def module(self) -> ModuleType:
        """The module of the study."""
        return import_module(f"vsrnn.studies.{self.study}")

    def table(self, name: str) -> DataFrame:
        """A table of the study, made once and kept.

        Args:
            name: of a figure, or of a table without one, which the study's function
                called `name` and then `_table` makes.

        Raises:
            VsrnnError: the study has no such table.
        """
        if name not in self._tables:
            make = getattr(self.module, f"{name}_table", None)
            if name in figures_of(self.study):
                make = FIGURES[name].table
            if make is None:
                raise self._unknown("table", name)
            self._tables[name] = make(self.data)
        return self._tables[name]

    def _unknown(self, kind: str, name: str) -> VsrnnError:
        known = ", ".join(figures_of(self.study))
        return VsrnnError(
            f"the study {self.study} has no {kind} {name!r}; choose one of: {known}"
        )

    def show(
        self, name: str, style: str = "web", kinds: Sequence[str] | None = None
    ) -> Shown:
        """Draw a figure of the study and write its files.

        Where all are asked for, the book gets a narrow drawing, too: NAME.phone.svg.

        Args:
            name: of the figure.
            style: "web", "manuscript" or "phone".
            kinds: which of svg, pdf, png, csv and json to write; all if absent.

        Raises:
            VsrnnError: the figure, style or an ending is unknown, or the folder cannot
                be written.
        """
        if name not in figures_of(self.study):
            raise self._unknown("figure", name)
        spec, table = FIGURES[name], self.table(name)
        drawn = spec.draw(table, style=style)
        runs = getattr(self.data, "runs", None)
        made_by = provenance_of(runs) if runs is not None else {}
        if spec.made_by:
            made_by = spec.made_by(self.data)
        function = f"{spec.module}.{name}"
        paths = save(drawn, name, table, self.folder, made_by, kinds, function)
        if kinds is None and style == "web":
            narrow = spec.draw(table, style="phone")
            save(narrow, f"{name}.phone", table, self.folder, kinds=["svg"])
        return Shown(drawn, paths)

    def numbers(self) -> dict[str, str]:
        """The numbers that the page quotes, formatted, by name."""
        make = getattr(self.module, "numbers", None)
        return make(self) if make else {}

    def claims(self) -> DataFrame:
        """The claims of the page: claim, value, low, high, unit and verdict."""
        return claims_table(self._claims())

    def _claims(self) -> list[Claim]:
        make = getattr(self.module, "claims", None)
        return make(self) if make else []

    def scorecard(self) -> Folded:
        """What the paper claims beside what is found here, and how we explain it."""
        table = scorecard(self.study, self._claims())
        here = (table["tested"] + ": " + table["size"]).str.removesuffix(": ")
        table = table.assign(tested=here)[[*_CARD]].rename(columns=_CARD)
        return Folded("Claims of the paper, and what we find", [table], unfolded=True)

    def finish(self) -> Folded:
        """Write numbers and scorecard for the book; show numbers and claims, folded.

        Raises:
            VsrnnError: the folder cannot be written.
        """
        numbers = self.numbers()
        text = json.dumps(numbers, indent=2) + "\n"
        found = self._claims()
        card = scorecard(self.study, found)
        writers: Writers = {
            "numbers.json": lambda path: path.write_text(text, "utf-8"),
            "scorecard.csv": lambda path: card.to_csv(path, index=False),
        }
        write_files(self.folder, self.study, writers)
        ends = {"low": "95 % low", "high": "95 % high"}
        claims = claims_table(found).rename(columns=ends)
        listed = DataFrame(numbers.items(), columns=["number", "value"])
        tables = [table for table in (claims, listed) if len(table)]
        return Folded("All claims and numbers", [_shortened(each) for each in tables])


def open_page(study: str, folder: str | Path = "figures", **given: Any) -> Page:
    """Load the data of a study, for its tables, figures, numbers and claims.

    Args:
        study: its name, as of its notebook.
        folder: where the files of figures and numbers go.
        **given: what the study's `load` takes; without, it loads committed results.

    Raises:
        VsrnnError: there is no such study, or results that it needs are missing.

    >>> open_page("nothing")
    Traceback (most recent call last):
    ...
    vsrnn.errors.VsrnnError: no study is called 'nothing'...
    """
    studies = list_studies()
    if study not in studies:
        raise VsrnnError(
            f"no study is called {study!r}; choose one of: {', '.join(studies)}"
        )
    module = import_module(f"vsrnn.studies.{study}")
    return Page(study, module.load(**given), folder)


def list_studies() -> list[str]:
    """Names of the studies: of the modules of this folder that load something."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    modules = {each.name: f"vsrnn.studies.{each.name}" for each in found}
    return [n for n, name in modules.items() if hasattr(import_module(name), "load")]


def figures_of(study: str) -> list[str]:
    """Names of a study's figures, in the order of its file."""
    return [name for name, spec in FIGURES.items() if spec.study == study]


def provenance_of(runs: DataFrame) -> dict[str, Any]:
    """What made a table of runs: ids, data, code, packages and machines.

    >>> provenance_of(DataFrame({"id": ["a", "b"], "scale": "quick"}))
    {'scale': ['quick'], 'runs': ['a', 'b']}
    """
    names = ["scale", *_data_options(runs), *_MADE_ON]
    record: dict[str, Any] = {
        name: sorted(runs[name].dropna().astype(str).unique())
        for name in dict.fromkeys(names)
        if name in runs
    }
    return record | {"runs": sorted(runs["id"].astype(str))}


def _data_options(runs: DataFrame) -> list[str]:
    """Columns of a table of runs that say how their data were made."""
    tasks = runs["task"].dropna().unique() if "task" in runs else []
    names = [name for task in tasks for name in task_class(task).options()]
    return [*names, *(name for name in runs if name.endswith("_sha256"))]


def _shortened(table: DataFrame) -> DataFrame:
    """Numbers of a table as text, of three digits."""
    short = table.select_dtypes("number").map(lambda x: f"{x:.3g}" if x == x else "")
    return table.assign(**{str(name): short[name] for name in short})
