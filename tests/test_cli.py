"""The command line, as a person types it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from each import each

from vsrnn import VsrnnError, get_method
from vsrnn.cli import main
from vsrnn.cli._shared import task_options
from vsrnn.runs.sweep import fill
from vsrnn.tasks import check_task

RUN = ["run", "rad", "111111_", "--scale", "smoke", "--epochs", "1", "--jobs", "1"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_run_then_again_then_table(folder, capsys):
    assert main(RUN) == 0
    first = capsys.readouterr().out
    assert "111111_" in first and "new" in first
    assert main(RUN) == 0
    assert "from store" in capsys.readouterr().out
    assert main(["table", "--out", "t.csv", "--curves", "c.csv"]) == 0
    table = pd.read_csv("t.csv", dtype={"design": str})
    assert table["design"].tolist() == ["111111_"] and len(pd.read_csv("c.csv")) == 1
    capsys.readouterr()
    assert main(["table"]) == 0
    assert capsys.readouterr().out == (folder / "t.csv").read_text()


def test_run_tells_what_another_process_trained(folder, capsys, monkeypatch):
    def beaten(*given):
        return dict.fromkeys(fill(*given), "elsewhere")

    monkeypatch.setattr("vsrnn.cli._shared.fill", beaten)
    assert main(RUN) == 0
    table, said = capsys.readouterr().out.split("\n\n")
    assert table.endswith("of another process")
    assert said.startswith("0 trained now, 0 found in the store")
    assert "1 trained by another process meanwhile" in said


def test_a_table_goes_through_links_and_pipes(folder):
    assert main(RUN) == 0
    (folder / "link.csv").symlink_to("target.csv")
    assert main(["table", "--out", "link.csv"]) == 0
    assert (folder / "link.csv").is_symlink()
    whole = (folder / "target.csv").read_text()
    assert whole.count(",111111_,") == 1
    os.mkfifo("pipe")
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, text=True)
    assert main(["table", "--out", "pipe"]) == 0
    assert reader.communicate()[0] == whole


def test_places_are_text_even_where_they_look_like_numbers(folder):
    assert task_options("rad", ["cache=2024", "data_seed=3"]) == {
        "cache": "2024",
        "data_seed": 3,
    }


SAID = {
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("true", "True"), True),
    **dict.fromkeys(("none", "None", "null"), None),
    **{"3": 3, "-3": -3, ".5": 0.5, "1.": 1.0, "1e-3": 1e-3, "1_000": 1000},
    **{"007": "007", "a,b": "a,b", "2024-1-1": "2024-1-1", "...": "..."},
    **{"nan": "nan", "NaN": "NaN", '"3"': "3", "'x'": "x", "": "", "b'x'": "b'x'"},
    **{"[1,2]": [1, 2], "['a', True]": ["a", True], "(1, 2)": (1, 2)},
    **{'{"hh": 0.1}': {"hh": 0.1}, "{'hh': .1}": {"hh": 0.1}},
}


@each("text", SAID)
def test_options_are_what_they_say(text):
    read = task_options("own:Last", [f"factor={text}"])["factor"]
    assert read == SAID[text] and type(read) is type(SAID[text])
    assert task_options("rad", [f"split={text}"]) == {"split": text}


@each("wrong", ["factor=true", "factor=False", "factor=much", "factor=1", "factor=.5"])
def test_a_truth_is_no_number(wrong):
    options = task_options("own:Last", [wrong])
    if options["factor"] in (1, 0.5) and options["factor"] is not True:
        check_task("own:Last", "quick", options)
    else:
        with pytest.raises(VsrnnError, match="factor must be a number, not"):
            check_task("own:Last", "quick", options)
    for name, value in (("trained", 1), ("trained", "no"), ("weight", True)):
        with pytest.raises(VsrnnError, match=f"{name} must be"):
            get_method("geometric", **{name: value})


def test_nothing_of_the_working_folder_is_imported(folder):
    """Nor by the workers; only a task's module is, and last."""
    bad = "raise SystemExit('imported from the working folder')"
    for name in ("pyarrow", "psutil", "lz4", "bottleneck", "numexpr", "pandas"):
        (folder / f"{name}.py").write_text(bad)
    (folder / "mine.py").write_text("from own import Classes\nclass Mine(Classes): 0")
    path = os.pathsep.join(map(str, (Path(__file__).parents[1], Path(__file__).parent)))
    own = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    own.pop("PYTHONSAFEPATH", None)
    command = [sys.executable, "-m", "vsrnn.cli", "sweep", "mine:Mine", "normal_size"]
    command += ["--budget", "300", "--number", "4", "--jobs", "2"]
    ended = subprocess.run(command, env=own, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "4 trained now" in ended.stdout and "0 failed" in ended.stdout


def test_what_the_system_refuses_is_one_sentence(folder, capsys, monkeypatch):
    def full(arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vsrnn.cli._designs._designs", full)
    assert main(["designs"]) == 2
    assert "No space left" in capsys.readouterr().err


def test_only_commands_with_a_store_promise_to_go_on(folder, capsys, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vsrnn.cli._verify.verify", stop)
    monkeypatch.setattr("vsrnn.cli._shared.fill", stop)
    for command, kept in ((RUN, True), (["verify"], False)):
        assert main(command) == 130
        assert ("goes on from there" in capsys.readouterr().err) == kept


def test_json_is_all_that_is_printed(folder, capsys):
    assert main([*RUN, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["config"]["design"]["hidden"] == 29
    assert [path.stem for path in (folder / "runs").iterdir()] == [result["id"]]


def test_options_reach_the_run(folder, capsys):
    option = ["--option", "split=separate", "--option", "data_seed=3", "--json"]
    assert main([*RUN, *option, "--learning-rate", "1e-3"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["config"]["task_options"] == {"split": "separate", "data_seed": 3}
    assert result["provenance"]["data"]["data_seed"] == 3
    assert result["config"]["design"]["learning_rate"] == 1e-3


def test_designs_are_listed(capsys):
    assert main(["designs", "--task", "rad"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if " balanced_0 " in line]
    densities = ["0.1", "1", "1", "0.1", "0.1", "0.1"]
    assert line.split()[2:] == ["block", "208", *densities, "100,062", "0.444"]
    assert main(["designs", "--csv"]) == 0
    assert "hammer" in capsys.readouterr().out


CHOOSE = ["choose", "--inputs", "3", "--outputs", "2"]
WRONG = [
    (["run", "chess", "balanced_0"], "chess"),
    (["run", "rad", "nothing"], "vsrnn designs"),
    ([*RUN, "--scale", "huge"], "smoke, quick, paper"),
    ([*RUN, "--option", "split"], "NAME=VALUE"),
    ([*RUN, "--option", "split=half"], "pooled"),
    ([*RUN, "--option", "data_seed=true"], "data_seed must be a number"),
    ([*RUN, "--option", "data_seed=1", "--option", "data_seed=2"], "twice"),
    ([*RUN, "--option", "noise=Infinity"], "finite numbers"),
    ([*RUN, "--option", "size=3"], "size"),
    ([*RUN, "--jobs", "0"], "--jobs"),
    ([*RUN, "--epochs", "-1"], "epochs"),
    ([*RUN, "--memory", "0"], "--memory"),
    ([*RUN, "--learning-rate", "nan"], "--learning-rate"),
    ([*RUN, "--store", "file/runs"], "another store"),
    ([*RUN, "--option", "scale=paper"], "no option"),
    ([*RUN, "--seed", str(2**64)], "seed must be"),
    ([*RUN, "--seed", "-1"], "seed must be"),
    (["table", "--out", "."], "it is a folder"),
    (["table", "--out", "nowhere/t.csv"], "there is no nowhere"),
    (["table", "--curves", "runs/abc.json"], "cannot write"),
    (["verify", "--out", "."], "it is a folder"),
    (["verify", "--out", "one.json"], "ends in .csv"),
    (["table", "--out", "table.xlsx"], "ends in .csv"),
    (["table", "--curves", "notes.csv"], "no table of runs"),
    (["verify", "--out", "notes.csv"], "no table of runs"),
    ([*CHOOSE, "--out", "notes.csv"], "no table of designs"),
    ([*CHOOSE, "--out", "."], "it is a folder"),
    (["run", "rad", "\x1b[2J"], "\\x1b[2J"),
    (["designs", "--task", "chess"], "chess"),
    (["table", "--store", "nowhere"], "no store"),
    (["table", "--store", "."], "holds no results"),
    (["table", "--out", "t.csv", "--curves", "t.csv"], "name one file"),
]


def test_bad_input_gets_one_sentence_and_status_2(folder, capsys):
    (folder / "file").write_text("")
    (folder / "notes.csv").write_text("identity,score\nmine,1\n")
    for arguments, words in WRONG:
        assert main(arguments) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("vsrnn: ") and words in error
    assert not list(folder.rglob("*.json"))


def test_a_terminal_that_is_not_utf_8_ends_nothing(folder, monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr("vsrnn.cli._designs._designs", lambda _: print("caf\xe9"))
    assert main(["designs"]) == 0
    assert shown.buffer.getvalue() == b"caf\\xe9\n"


def test_debug_shows_where(folder):
    with pytest.raises(ValueError, match="chess"):
        main(["run", "chess", "balanced_0", "--debug"])


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    commands = ("run", "sweep", "designs", "table", "examples")
    assert all(command in text for command in commands)
