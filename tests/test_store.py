"""The store and the sweep: nothing half-written, nothing run twice."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import vsrnn
from vsrnn import Config, Design, Store, VsrnnError, run, sweep
from vsrnn.cli._shared import csv_text
from vsrnn.runs.store import table

RESULTS = Path(vsrnn.__file__).parent.parent / "results"
CONFIGS = [Config("rad", "111111_", scale="smoke", seed=s, epochs=1) for s in range(4)]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_a_result_comes_back_as_it_went_in(store):
    assert store.get(CONFIGS[0]) is None
    result = run(CONFIGS[0])
    store.put(result)
    assert store.get(CONFIGS[0]) == result
    assert [path.name for path in store.folder.iterdir()] == [f"{CONFIGS[0].id}.json"]


def test_the_tables_hold_every_run_and_epoch(store):
    table = sweep(CONFIGS[:2], store, jobs=1, progress=False)
    pd.testing.assert_frame_equal(table, store.collect())
    assert table["seed"].tolist() == [0, 1]
    result = store.get(CONFIGS[0])
    assert table.loc[0, "score"] == result["score"]
    blocks = [f"weights_{block}" for block in vsrnn.BLOCKS]
    assert (table[blocks].sum(axis=1) == table["total_weights"]).all()
    assert len(store.curves()) == 2


def test_a_sweep_runs_each_config_once(store):
    sweep(CONFIGS[:2], store, jobs=1, progress=False)
    before = {path: path.stat().st_mtime_ns for path in store.folder.iterdir()}
    table = sweep([*CONFIGS[:3], CONFIGS[0]], store, jobs=2, progress=False)
    assert len(table) == 3
    after = {path: path.stat().st_mtime_ns for path in store.folder.iterdir()}
    assert before.items() <= after.items() and len(after) == 3


def test_parallel_and_serial_runs_are_equal(store, tmp_path):
    parallel = sweep(CONFIGS, store, jobs=2, progress=False)
    serial = sweep(CONFIGS, Store(tmp_path / "serial"), jobs=1, progress=False)
    times = ["train_seconds", "finished"]
    pd.testing.assert_frame_equal(
        parallel.drop(columns=times), serial.drop(columns=times)
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_sweep_goes_on_to_the_same_table(store, how):
    command = [sys.executable, "-m", "vsrnn.cli", "run", "rad", "111111_", "rnn_"]
    command += ["--scale", "smoke", "--seed", *map(str, range(12)), "--jobs", "2"]
    command += ["--store", str(store.folder)]
    process = subprocess.Popen(
        command,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while len(list(store.folder.glob("*.json"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    if how == signal.SIGTERM:
        process.terminate()
        assert process.wait() == 130
        _wait_for_the_end_of_its_workers(process)
    else:
        os.killpg(process.pid, how)
        process.wait()
    done = {p: p.stat().st_mtime_ns for p in store.folder.glob("*.json")}
    assert 2 <= len(done) < 24
    subprocess.run(command, check=True, capture_output=True)
    after = {p: p.stat().st_mtime_ns for p in store.folder.glob("*.json")}
    assert done.items() <= after.items() and len(after) == 24
    assert len(store.collect()) == 24


def _wait_for_the_end_of_its_workers(process):
    deadline = time.monotonic() + 20
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)


def test_two_sweeps_at_once_share_a_store(store):
    context = multiprocessing.get_context("spawn")
    both = [
        context.Process(target=sweep, args=(CONFIGS[:2], store), kwargs={"jobs": 1})
        for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(store.collect()) == 2


def test_what_is_no_result_gets_a_sentence(store):
    store.folder.mkdir()
    (store.folder / "abc.json").write_text('{"id": "abc"}')
    with pytest.raises(VsrnnError, match=r"abc\.json is damaged"):
        store.collect()
    (store.folder / "abc.json").unlink()
    (store.folder / "abc.json").mkdir()
    with pytest.raises(VsrnnError, match=r"cannot read .*abc\.json"):
        store.collect()


def test_numbers_of_numpy_are_numbers(tmp_path):
    design = Design("mine", np.int64(20), (np.float32(0.5),) * 6)
    same = Design("mine", 20, (0.5,) * 6)
    options = {"data_seed": np.int64(1), "cache": tmp_path}
    config = Config("rad", design, "smoke", np.int64(2), task_options=options)
    assert config == Config("rad", same, "smoke", 2, task_options=options)
    plain = Config("rad", same, "smoke", 2, task_options={"data_seed": 1})
    assert config.id == plain.id
    with pytest.raises(VsrnnError, match="holds numbers and text"):
        Config("rad", same, task_options={"split": object()})


def test_a_damaged_result_gets_a_sentence(store):
    store.put(run(CONFIGS[0]))
    path = store.path(CONFIGS[0])
    path.write_text(path.read_text()[:100])
    for look in (lambda: store.get(CONFIGS[0]), store.collect, store.curves):
        with pytest.raises(VsrnnError, match=f"{path.name} is damaged, .*; delete it"):
            look()


def test_a_result_that_lacks_a_part_gets_a_sentence(store):
    result = run(CONFIGS[0])
    for part in ("config", "weights", "provenance"):
        store.put(result | {part: "text"})
        with pytest.raises(VsrnnError, match=r"is damaged, or no result"):
            store.collect()


def test_no_store_gets_a_sentence(store):
    with pytest.raises(VsrnnError, match="no store at"):
        store.collect()


def test_an_unwritable_store_gets_a_sentence_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VsrnnError, match="another store"):
        Store(tmp_path / "file").put({"id": "x"})


def test_a_write_that_fails_half_way_leaves_nothing(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(VsrnnError, match="No space left"):
        store.put({"id": "x"})
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize(
    "folder",
    sorted(path for path in RESULTS.iterdir() if path.is_dir()),
    ids=lambda path: path.name,
)
def test_a_committed_table_is_what_its_store_gives(folder):
    table = folder.with_suffix(".csv").read_text(encoding="utf-8")
    assert csv_text(Store(folder).collect()) == table


@pytest.fixture(scope="module")
def result():
    return run(Config("rad", "111111_", scale="smoke"))


def test_a_row_is_of_the_last_epoch(result):
    (row,) = table([result]).to_dict("records")
    last = result["curve"][-1]
    assert {key: row[key] for key in last if key != "epoch"} == {
        key: value for key, value in last.items() if key != "epoch"
    }
    assert row["train_seconds"] == result["seconds"]["train"]


def test_rows_are_in_order_of_seed(result):
    results = [
        result | {"id": str(9 - seed), "config": result["config"] | {"seed": seed}}
        for seed in (2, 0, 1)
    ]
    assert table(results)["seed"].tolist() == [0, 1, 2]


def test_a_result_under_another_name_is_damaged(result, tmp_path):
    store = Store(tmp_path)
    store.put(result).rename(tmp_path / "other.json")
    with pytest.raises(VsrnnError, match=r"other\.json is damaged"):
        store.collect()
