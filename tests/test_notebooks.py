"""Notebooks: parameters first, no logic, every figure captioned, and they run."""

import ast
import json
import re
import shutil
from pathlib import Path

import nbformat
import papermill
import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
LOGIC = (
    *(ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.If),
    *(ast.IfExp, ast.With, ast.Try, ast.ListComp, ast.DictComp, ast.GeneratorExp),
)


def read_all():
    return [nbformat.read(path, as_version=4) for path in PATHS]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def drawn(cell):
    """The figure that a cell shows, or None."""
    found = re.search(r'\.show\("(\w+)"', cell.source)
    return found and found[1]


def test_all_notebooks_are_there():
    assert [path.stem for path in PATHS] == [
        "adaptation",
        "before",
        "contrast",
        "denoise",
        "equal_weights",
        "forecast",
        "geometry",
        "growing",
        "hammer",
        "hammer_weights",
        "hidden_proportion",
        "moduli",
        "navigation",
        "parent",
        "pruning",
        "sequences",
        "speed",
        "survivors",
        "task",
        "verify",
    ]


def test_code_of_a_notebook_is_not_cut_by_the_width_of_its_page(subtests):
    for notebook in read_all():
        with subtests.test(notebook.cells[0].source):
            for cell in code_cells(notebook):
                assert max(map(len, cell.source.splitlines())) <= 83


def test_notebook_is_committed_bare(subtests):
    for notebook in read_all():
        with subtests.test(notebook.cells[0].source):
            nbformat.validate(notebook)
            kernel = notebook.metadata.kernelspec
            assert (kernel.name, kernel.language) == ("python3", "python")
            assert "papermill" not in notebook.metadata
            for cell in code_cells(notebook):
                assert not cell.outputs and cell.execution_count is None


def test_notebook_starts_with_a_question_and_ends_with_all_numbers(subtests):
    for notebook in read_all():
        with subtests.test(notebook.cells[0].source):
            first, *_, heading, last = notebook.cells
            title, answer, *_ = first.source.split("\n\n")
            answer = first.source.split("\n\n")[2] if answer.endswith("?") else answer
            assert title.startswith("# ") and title.endswith("?")
            assert (
                answer.startswith(":::{admonition} Short answer\n") and "{{" in answer
            )
            assert (heading.source, last.source) == ("## All numbers", "page.finish()")


def test_first_code_cell_holds_the_parameters(subtests):
    for notebook in read_all():
        with subtests.test(notebook.cells[0].source):
            first, *rest = code_cells(notebook)
            assert first.metadata.tags == ["parameters"]
            assert not any(
                "parameters" in cell.metadata.get("tags", []) for cell in rest
            )
            assert all(
                isinstance(node, ast.Assign) for node in ast.parse(first.source).body
            )


def test_cells_hold_calls_and_no_logic(subtests):
    for notebook in read_all():
        with subtests.test(notebook.cells[0].source):
            for cell in code_cells(notebook):
                assert len(cell.source.splitlines()) <= 8
                assert not any(
                    isinstance(node, LOGIC) for node in ast.walk(ast.parse(cell.source))
                )


def test_prose_holds_no_results(subtests):
    """Numbers that a run gives come from the last cell, not from the prose."""
    for notebook in read_all():
        with subtests.test(notebook.cells[0].source):
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    assert not re.search(r"\d\s?%|\d\.\d", cell.source), cell.source


def test_every_figure_has_name_caption_and_alt_text(subtests):
    for notebook in read_all():
        with subtests.test(notebook.cells[0].source):
            for cell in code_cells(notebook):
                if stem := drawn(cell):
                    shown = cell.metadata.mystnb
                    assert shown.figure.name == f"fig-{stem.replace('_', '-')}"
                    assert len(shown.figure.caption) > 40 and len(shown.image.alt) > 40


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    """A run by papermill ends, shows its figures, and gives the numbers of its text."""
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    wanted = {"scale": "smoke", "seeds": [0, 1], "store": "runs", "jobs": 2}
    wanted |= {"number": 1, "repeats": 1}
    wanted |= {"episodes": 2, "played": 2}
    wanted |= {"designs": 8} if path.stem == "contrast" else {}  # untrained ones
    known = papermill.inspect_notebook(copy)
    done = papermill.execute_notebook(
        copy,
        copy,
        {name: value for name, value in wanted.items() if name in known},
        kernel_name="python3",
        cwd=tmp_path,
        progress_bar=False,
    )
    for cell in code_cells(done):
        stem = drawn(cell)
        shown = [output for output in cell.outputs if "data" in output]
        if stem:
            assert "image/svg+xml" in shown[0].data
            assert (tmp_path / "figures" / f"{stem}.csv").exists()
    assert "<details>" in shown[0].data["text/html"]
    kept = tmp_path / "figures" / f"{path.stem}.numbers.json"
    numbers = json.loads(kept.read_text())
    text = [each.source for each in done.cells if each.cell_type == "markdown"]
    quoted = set(re.findall(r"\{\{(\w+)\}\}", "".join(text)))
    assert quoted <= set(numbers) and len(quoted) <= 8 and len(numbers) <= 20
    assert all(isinstance(value, str) and value for value in numbers.values())
