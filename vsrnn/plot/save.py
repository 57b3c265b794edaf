"""Save a figure in every format a reader may want, with its data beside it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape, unescape
from importlib import metadata
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from pandas import DataFrame

from vsrnn.errors import VsrnnError, refusal
from vsrnn.files import replace_file
from vsrnn.plot.labels import DESIGN_LABELS
from vsrnn.plot.style import SHEET, is_narrow

LICENSE = "CC BY 4.0"
FORMATS: dict[str, dict[str, str | None]] = {
    "svg": {"Rights": LICENSE, "Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Copyright": LICENSE},
}
_FONT = "'DejaVu Sans'"  # where it lacks, Verdana is as wide
_TOLD = re.compile(
    r'^( *)<g id=["\'](\[.*?\])["\']>\n(.*?)^\1</g>', re.DOTALL | re.MULTILINE
)
IN_WORDS = "design in words"
_COLUMNS = {
    "low": "lower end of the 95 % interval",
    "high": "upper end of the 95 % interval",
    "design": "name of the design; six digits: hx hh hy yx yh yy, 1 dense, 0 a fifth",
    IN_WORDS: "what the design is called in the text",
    "table": "stored table of runs, a folder of results/",
    "scale": "data and training: smoke, quick or paper (the published protocol)",
    "seed": "of the run",
    "seeds": "runs of the design",
    "runs": "runs of the design",
    "block": "what is computed and what is read: x input, h hidden state, y output",
    "weights": "number of weights",
}
Writers = dict[str, Callable[[Path], object]]


def save(
    fig: Figure,
    stem: str,
    data: DataFrame,
    folder: str | Path = "figures",
    provenance: Mapping[str, object] | None = None,
    kinds: Sequence[str] | None = None,
    function: str = "",
) -> dict[str, Path]:
    """Write a figure as SVG, PDF and PNG, the plotted data as CSV, a record as JSON.

    The same figure and data give the same bytes: the files carry no dates.

    Args:
        fig: the figure.
        stem: name of the files, which is the name of the function that drew it.
        data: the plotted table, with units in the names of its columns; the CSV file
            says designs in words, too, where they have some.
        folder: where the files go; made when missing.
        provenance: what made the data, kept with the package versions in the record.
        kinds: which of svg, pdf, png, csv and json to write; all if absent.
        function: what drew it, by its full name, kept in the record.

    Raises:
        VsrnnError: an ending is unknown, or the folder cannot be written.
    """
    packages = ("vsrnn", "matplotlib", "pandas", "numpy")
    data = _in_words(data)
    record = {
        **{"figure": stem, "function": function or stem, "license": LICENSE},
        "rows": len(data),
        "columns": {str(name): describe_column(str(name)) for name in data.columns},
        "packages": {name: metadata.version(name) for name in packages},
        "provenance": dict(provenance or {}),
    } | ({"title": fig.get_label()} if fig.get_label() else {})
    text = json.dumps(record, indent=2, default=str) + "\n"
    writers: Writers = {kind: partial(_draw, fig, kind, stem) for kind in FORMATS}
    writers["csv"] = lambda path: data.to_csv(path, index=False, lineterminator="\n")
    writers["json"] = lambda path: path.write_text(text)
    for kind in kinds or ():
        if kind not in writers:
            raise VsrnnError(f"unknown format {kind!r}; choose {', '.join(writers)}")
    chosen = {kind: writers[kind] for kind in kinds or writers}
    for kind in chosen:
        _check_ours(Path(folder) / f"{stem}.{kind}", stem, data)
    return write_files(folder, stem, chosen)


def describe_column(name: str) -> str:
    """What a column of a table holds, or its unit.

    >>> describe_column("hidden proportion [fraction]"), describe_column("low")
    ('fraction', 'lower end of the 95 % interval')
    """
    unit = re.search(r"\[(.+)\]$", name)
    return unit[1] if unit else _COLUMNS.get(name, "")


def _in_words(data: DataFrame) -> DataFrame:
    """Put words beside the names of designs, where any has some."""
    if "design" not in data or not data["design"].isin(DESIGN_LABELS).any():
        return data
    words = data["design"].map(DESIGN_LABELS).fillna("")
    place = data.columns.get_loc("design") + 1
    return DataFrame({**data.iloc[:, :place], IN_WORDS: words, **data.iloc[:, place:]})


def _check_ours(path: Path, stem: str, data: DataFrame) -> None:
    """Refuse to overwrite what is no such figure or table: each holds its name."""
    if not path.is_file() or not path.stat().st_size:
        return
    head = data.head(0).to_csv(index=False).strip() if path.suffix == ".csv" else stem
    if head.encode() not in path.read_bytes():
        raise VsrnnError(
            f"{path} is there and no figure of this name; give another folder, or "
            "remove it"
        )


def write_files(folder: str | Path, stem: str, writers: Writers) -> dict[str, Path]:
    """Write a file for each ending, each whole or not at all; the paths by ending."""
    paths = {kind: Path(folder) / f"{stem}.{kind}" for kind in writers}
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for kind, path in paths.items():
            replace_file(path, writers[kind])
    except OSError as error:
        raise VsrnnError(
            f"cannot write figures to {folder} "
            f"{refusal(error, 'give a folder that can be written, with space left')}"
        ) from error
    return paths


def _draw(fig: Figure, kind: str, stem: str, path: Path) -> None:
    given: dict[str, Any] = {"metadata": {"Title": stem, **FORMATS[kind]}}
    if kind == "svg":
        given["facecolor"] = "none"  # it stands on pages of any color
    if is_narrow(fig):
        given |= {"bbox_inches": "tight", "pad_inches": 0.12}  # and nothing is cut off
    drawn = BytesIO()
    with matplotlib.style.context(SHEET, after_reset=True):
        fig.savefig(drawn, format=kind, **given)
    content = drawn.getvalue()
    if kind == "svg":
        text = content.decode().replace(_FONT, f"{_FONT}, Verdana, sans-serif")
        content = _TOLD.sub(_tell, text).encode()
    path.write_bytes(content)


def _tell(group: re.Match[str]) -> str:
    """Give the points of a group what they tell, which was its id: each a title."""
    told, body = json.loads(unescape(group[2])), group[3]
    mark = "use" if "<use" in body else "path"
    start, end = body.rpartition("</defs>")[::2] if mark == "path" else ("", body)
    if end.count(f"<{mark} ") == len(told):  # else some were left out, unknown which
        words = iter(told)
        end = re.sub(
            rf"(<{mark} [^>]*)/>",
            lambda found: f"{found[1]}><title>{escape(next(words))}</title></{mark}>",
            end,
        )
    return f"{group[1]}<g>\n{start}{end}{group[1]}</g>"
