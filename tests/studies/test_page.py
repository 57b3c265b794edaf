"""A page makes each table once, draws it, writes its files, and folds its numbers."""

import json
import sys
from dataclasses import dataclass
from types import ModuleType
from xml.etree import ElementTree

import pandas as pd
import pytest

from vsrnn import VsrnnError, studies
from vsrnn.plot.registry import FIGURES, figure
from vsrnn.plot.style import drawing
from vsrnn.stats import Claim
from vsrnn.studies.page import provenance_of

MADE = []


@dataclass(frozen=True)
class Data:
    runs: pd.DataFrame


def load(number=3):
    ids = [f"run{n}" for n in range(number)]
    return Data(pd.DataFrame({"id": ids, "task": "rad", "score": range(number)}))


def toy_figure_table(data):
    MADE.append(data)
    return data.runs[["score"]]


def toy_figure(table, style="web"):
    """Show a toy."""
    with drawing(style, 0.5) as drawn:
        drawn.subplots().plot(table["score"])
    return drawn


def numbers(page):
    return {"most": f"{page.table('toy_figure')['score'].max()}"}


def claims(page):
    return [Claim("it rises", 1.0, 0.5, 1.25, "points"), Claim("<b>", 0.0, -1.0, 1.0)]


@pytest.fixture
def toy(monkeypatch):
    """A study of one figure, as if it were a file of the studies."""
    module = ModuleType("vsrnn.studies.toy")
    for each in (load, numbers, claims):
        setattr(module, each.__name__, each)
    module.extra_table = lambda data: data.runs[["id"]]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("vsrnn.studies.page.list_studies", lambda: ["toy"])
    monkeypatch.setattr(toy_figure, "__module__", module.__name__)
    figure(table=toy_figure_table)(toy_figure)
    MADE.clear()
    yield module
    del FIGURES["toy_figure"]


def test_a_figure_is_drawn_from_a_table_that_is_made_once(toy, tmp_path):
    page = studies.open_page("toy", tmp_path, number=4)
    shown = page.show("toy_figure")
    assert page.show("toy_figure", "manuscript", ["csv"]).paths.keys() == {"csv"}
    assert len(MADE) == 1 and len(page.table("toy_figure")) == 4
    assert page.table("extra")["id"].tolist() == ["run0", "run1", "run2", "run3"]
    (line,) = shown.figure.axes[0].lines
    assert line.get_ydata().tolist() == [0, 1, 2, 3]
    assert list(shown.paths) == ["svg", "pdf", "png", "csv", "json"]
    assert (tmp_path / "toy_figure.phone.svg").exists()
    assert ElementTree.fromstring(shown._repr_svg_()).tag.endswith("svg")
    record = json.loads(shown.paths["json"].read_text())
    assert record["function"] == "vsrnn.studies.toy.toy_figure"
    assert record["provenance"]["runs"] == ["run0", "run1", "run2", "run3"]


def test_what_made_a_table_may_be_said_by_the_study(toy, tmp_path):
    figure(table=toy_figure_table, made_by=lambda data: {"by": "hand"})(toy_figure)
    shown = studies.open_page("toy", tmp_path).show("toy_figure", kinds=["json"])
    record = json.loads(shown.paths["json"].read_text())
    assert record["provenance"] == {"by": "hand"}


def test_numbers_and_claims_are_written_and_folded(toy, tmp_path):
    page = studies.open_page("toy", tmp_path)
    text = page.finish()._repr_html_()
    assert json.loads((tmp_path / "toy.numbers.json").read_text()) == {"most": "2"}
    assert text.startswith("<details>") and text.endswith("</details>")
    for cell in ("it rises", "holds", "undecided", "1.25", "points", "&lt;b&gt;"):
        assert f"<td>{cell}</td>" in text
    assert page.claims()["verdict"].tolist() == ["holds", "undecided"]


def test_claims_of_the_paper_stand_beside_ours_unfolded(toy, tmp_path, monkeypatch):
    long = "a sentence of more than fifty characters, which a table could cut short"
    row = {"study": "toy", "paper": "p", "published": "9 cm", "tested": "it rises"}
    row |= {"verdict": "holds", "explained": long, "figure": "toy_figure"}
    pd.DataFrame([row]).to_csv(tmp_path / "words.csv", index=False)
    monkeypatch.setattr("vsrnn.studies.scorecard.JUDGED", tmp_path / "words.csv")
    text = studies.open_page("toy", tmp_path).scorecard()._repr_html_()
    assert text.startswith("<details open>") and "toy_figure" not in text
    for cell in ("p", "9 cm", "it rises: 1.0 (0.5 to 1.2) points", "holds", long):
        assert f"<td>{cell}</td>" in text


def test_unknown_names_say_what_there_is(toy, tmp_path):
    with pytest.raises(VsrnnError, match="choose one of: toy"):
        studies.open_page("nothing")
    page = studies.open_page("toy", tmp_path)
    for ask in (page.table, page.show):
        with pytest.raises(VsrnnError, match="choose one of: toy_figure"):
            ask("nothing")


def test_what_made_runs_names_the_options_of_their_data():
    runs = pd.DataFrame({"id": ["b", "a"], "task": "rad", "split": ["pooled", None]})
    runs = runs.assign(data_sha256="12", seed=3, score=0.5)
    assert provenance_of(runs) == {
        "split": ["pooled"],
        "data_sha256": ["12"],
        "runs": ["a", "b"],
    }
