"""What the page on programs of one's own shows works as it says."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parent.parent / "book" / "program.md"
NOT_INSTALLED = ("lightning", "skorch")


def blocks():
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)


@pytest.mark.filterwarnings("ignore")
def test_examples_run_one_after_another(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    known, ran = {}, 0
    for block in blocks():
        code = compile(block, PAGE.name, "exec")
        needed = {
            line.split()[1].split(".")[0]
            for line in block.splitlines()
            if line.startswith(("import ", "from "))
        }
        if needed & set(NOT_INSTALLED) or ("onnx" in block and not find_spec("onnx")):
            continue
        exec(code, known)
        ran += 1
    assert ran >= 9 - (not find_spec("onnx"))
    said = capsys.readouterr().out.split()
    assert said.count("True") == 2 and "False" not in said
    model, x = known["model"], known["x"]
    error = (model(x)[0][:, -1] - known["target"]).square().mean()
    assert error < 0.9 * known["target"].square().mean()
    late = {moves: sum(found[-500:]) for moves, found in known["errors"].items()}
    assert late["with moves"] < 0.1 * late["without"] and Path("drift.svg").exists()
    assert known["report"]["moves"] == 0 and known["report"]["updates"] == 299
    torch.testing.assert_close(known["answer"], model(x[:1])[0][0, -1])
    torch.testing.assert_close(known["twin"](x)[0], model(x)[0], atol=1e-4, rtol=1e-4)


def test_what_is_not_installed_is_said_to_be_so():
    text = PAGE.read_text("utf-8")
    parts = {part.partition("\n")[0]: part for part in text.split("\n## ")}
    for name in NOT_INSTALLED:
        (part,) = (parts[title] for title in parts if title.lower() == name)
        assert "Not run by the tests" in part
        assert f"import {name}\n" in part
