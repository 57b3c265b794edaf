"""The store and the sweep: nothing half-written, nothing run twice."""

import gzip
import json
import math
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
from each import each

import vsrnn
from vsrnn import Config, Design, Store, VsrnnError, run, sweep
from vsrnn.cli import main
from vsrnn.runs.pack import PACK, read_pack
from vsrnn.runs.results import FOLDERS
from vsrnn.runs.sweep import Workers, forget_failed
from vsrnn.runs.sweep import fill as sweep_fill

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
    before = times(store)
    table = sweep([*CONFIGS[:3], CONFIGS[0]], store, jobs=2, progress=False)
    assert len(table) == 3 and len(list(store.folder.iterdir())) == 3
    assert before.items() <= times(store).items()


def test_parallel_and_serial_runs_are_equal(store, tmp_path):
    parallel = sweep(CONFIGS, store, jobs=2, progress=False)
    serial = sweep(CONFIGS, Store(tmp_path / "serial"), jobs=1, progress=False)
    times = ["train_seconds", "finished"]
    pd.testing.assert_frame_equal(
        parallel.drop(columns=times), serial.drop(columns=times)
    )


def test_a_killed_sweep_goes_on_to_the_same_table(store):
    """Stopped once, killed once, then left alone; no run is done twice."""
    command = [sys.executable, "-m", "vsrnn.cli", "run", "rad", "111111_", "rnn_"]
    command += ["--scale", "smoke", "--seed", *map(str, range(12)), "--jobs", "2"]
    command += ["--store", str(store.folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    done = times(store)
    for how in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(command, start_new_session=True, **quiet)
        deadline = time.monotonic() + 120
        while len(times(store)) < len(done) + 2:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        if how == signal.SIGTERM:
            process.terminate()
            assert process.wait() == 130
            _wait_for_the_end_of_its_workers(process)
        else:
            os.killpg(process.pid, how)
            process.wait()
        before, done = done, times(store)
        assert before.items() < done.items() and len(done) < 24
    subprocess.run(command, check=True, capture_output=True)
    assert done.items() <= times(store).items() and len(times(store)) == 24
    assert len(store.collect()) == 24


def times(store):
    return {p: p.stat().st_mtime_ns for p in store.folder.glob("*.json")}


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


@pytest.fixture(scope="module")
def results():
    """Four runs that differ in their seeds, of one epoch each."""
    return [run(config) for config in CONFIGS]


def fill(store, results):
    for result in results:
        store.put(result)
    return store


def test_a_result_under_another_name_is_damaged(store, results):
    store.put(results[0]).rename(store.folder / "other.json")
    with pytest.raises(VsrnnError, match=r"other\.json is damaged"):
        store.collect()


def test_a_packed_store_is_one_file_and_gives_the_same(store, results):
    before = fill(store, results).collect(), store.curves(), store.results()
    path = store.pack()
    assert path.name == "runs.jsonl.gz" and not list(store.folder.glob("*.json"))
    pd.testing.assert_frame_equal(store.collect(), before[0])
    pd.testing.assert_frame_equal(store.curves(), before[1])
    assert store.results() == before[2]
    for config, result in zip(CONFIGS, results, strict=True):
        assert store.has(config) and store.get(config) == result
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == sorted(
        r["id"] for r in results
    )
    store.get(CONFIGS[0])["score"] = "changed"  # a copy: what is stored stays
    assert store.get(CONFIGS[0]) == results[0]


def test_equal_results_give_equal_bytes_however_they_came(store, tmp_path, results):
    first = fill(store, results).pack().read_bytes()
    assert first[:4] == b"\x1f\x8b\x08\x00" and first[4:8] == bytes(4)  # no name, time
    assert store.pack().read_bytes() == first
    steps = Store(tmp_path / "steps")
    for result in reversed(results):
        steps.put(result)
        steps.pack()
    assert (steps.folder / "runs.jsonl.gz").read_bytes() == first


def test_a_sweep_trains_only_what_the_pack_lacks(store, results):
    fill(store, results[:2]).pack()
    origin = sweep_fill(CONFIGS[:3], store, Workers(jobs=1), progress=False)
    assert list(origin.values()) == ["found", "found", "new"]
    assert [path.stem for path in store.folder.glob("*.json")] == [CONFIGS[2].id]
    assert len(sweep(CONFIGS[:3], store, jobs=1, progress=False)) == 3
    with store.claim(CONFIGS[0]) as mine:
        assert not mine


def test_a_file_of_its_own_wins_over_the_pack_and_replaces_it(store, results):
    fill(store, results).pack()
    store.put(results[0] | {"score": 0.5})
    for _ in range(2):
        assert store.get(CONFIGS[0])["score"] == 0.5
        assert [r["score"] for r in store.results() if r["id"] == CONFIGS[0].id] == [
            0.5
        ]
        store.pack()


def test_what_is_removed_is_gone_from_file_and_pack(store, results):
    fill(store, results[:3]).pack()
    store.put(results[3])
    for config in CONFIGS[2:]:
        store.remove(config)
        store.remove(config)
        assert not store.has(config) and store.get(config) is None
    assert store.collect()["seed"].tolist() == [0, 1]
    failed = {"score": None, "test": None, "error": "failed: no reason"}
    store.put(results[3] | failed)
    store.pack()
    forget_failed(CONFIGS, store)
    assert [store.has(config) for config in CONFIGS] == [True, True, False, False]


def test_thinned_curves_keep_both_ends_and_every_run(store, results):
    points = [results[0]["curve"][0] | {"epoch": n} for n in range(1, 101)]
    store.put(results[0] | {"curve": points})
    fill(store, results[1:])
    for _ in range(2):  # thinning again changes nothing
        store.pack(points=12)
        epochs = [point["epoch"] for point in store.get(CONFIGS[0])["curve"]]
        assert epochs == [1, 10, 19, 28, 37, 46, 55, 64, 73, 82, 91, 100]
    assert [store.get(config) for config in CONFIGS[1:]] == results[1:]
    store.pack(digits=3)
    (packed,) = [r for r in store.results() if r["id"] == results[0]["id"]]
    loss = results[0]["curve"][0]["val_loss"]
    assert packed["curve"][0]["val_loss"] == float(f"{loss:.3g}") != loss
    assert packed["config"] == results[0]["config"]
    with pytest.raises(VsrnnError, match="points must be a whole number from 2"):
        store.pack(points=1)


def test_a_damaged_pack_gets_a_sentence(store, results):
    path = fill(store, results).pack()
    whole = path.read_bytes()
    text = gzip.decompress(whole)
    lines = text.splitlines(keepends=True)
    no_weights = json.dumps({k: v for k, v in results[0].items() if k != "weights"})
    wrong = {
        "0 results": [b"", b"text", whole[:30]],
        "[0-4] results": [whole[:-4], whole[: len(whole) // 2]],
        "1 results": [gzip.compress(lines[0] + b"no JSON\n" + lines[1])],
        "2 results": [gzip.compress(b"".join(lines[:2]) + no_weights.encode())],
    }
    assert gzip.decompress(whole) == text and len(store.results()) == 4
    for said, contents in wrong.items():
        for content in contents:
            path.write_bytes(content)
            for look in (store.collect, lambda: store.get(CONFIGS[0]), store.pack):
                words = rf"runs\.jsonl\.gz is damaged after {said}; get it again"
                with pytest.raises(VsrnnError, match=words):
                    look()


def test_the_command_packs_and_says_where(store, results, capsys):
    fill(store, results)
    command = ["table", "--store", str(store.folder)]
    assert main([*command, "--pack", "--points", "2"]) == 0
    assert f"4 runs in {store.folder / 'runs.jsonl.gz'}" in capsys.readouterr().out
    assert main(command) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main([*command, "--points", "2"]) == 2
    assert "--points thins what is packed" in capsys.readouterr().err
    assert main([*command, "--digits", "2"]) == 2
    assert "--digits rounds what is packed" in capsys.readouterr().err


@pytest.fixture
def kept(tmp_path):
    """A store of two committed results, a file each."""
    rows = sorted(read_pack(FOLDERS[1] / "rad_smoke" / PACK).items())
    return fill(Store(tmp_path / "kept"), [row for _, row in rows[:2]])


EDITS = {
    "score": lambda r: r | {"score": 0.999},
    "curve": lambda r: r | {"curve": [p | {"val_loss": 0.1} for p in r["curve"]]},
    "half a curve": lambda r: r | {"curve": []},
    "weights": lambda r: r | {"weights": dict.fromkeys(r["weights"], 7)},
    "share": lambda r: r | {"hidden_proportion": 0.5},
    "seconds": lambda r: r | {"seconds": dict.fromkeys(r["seconds"], 1.0)},
    "seed": lambda r: r | {"config": r["config"] | {"seed": 99}},
    "id": lambda r: r | {"id": "0" * 16},
    "no number": lambda r: r | {"score": math.nan},
    "text": lambda r: r | {"score": "0.5"},
    "truth": lambda r: r | {"score": True},
    "format": lambda r: r | {"schema": 2},
    "more": lambda r: r | {"Check": 1},
    "none": lambda r: [r],
    "seven": lambda r: 7,
}


@each("what", EDITS)
@each("hashed", [True, False])
def test_an_edited_result_is_named_and_not_used(kept, what, hashed):
    """Without its hash, as results once were stored, what does not fit is noticed."""
    path = min(kept.folder.glob("*.json"))
    stored = path.read_text()
    result = json.loads(stored)
    if not hashed:
        del result["check"]
        path.write_text(json.dumps(result))
        assert len(kept.results()) == 2
    path.write_text(json.dumps(EDITS[what](result)))
    if hashed or what not in ("curve", "share", "seconds"):
        with pytest.raises(VsrnnError, match=f"{path.name} is damaged"):
            kept.collect()
    path.write_text(stored)


def test_an_edited_line_of_a_pack_is_named_and_not_used(kept):
    path = kept.pack()
    first, second = gzip.decompress(path.read_bytes()).decode().splitlines()
    for edit in EDITS.values():
        path.write_bytes(
            gzip.compress(f"{first}\n{json.dumps(edit(json.loads(second)))}".encode())
        )
        with pytest.raises(VsrnnError, match="damaged after 1 results"):
            kept.results()
    path.write_bytes(gzip.compress(f"{first}\n{first}".encode()))
    with pytest.raises(VsrnnError, match="damaged after 1 results"):
        kept.results()


def test_no_flipped_bit_is_read_as_another_number(kept):
    path = min(kept.folder.glob("*.json"))
    whole, good = path.read_bytes(), kept.results()
    rng = np.random.default_rng(0)
    for place, bit in zip(
        rng.integers(len(whole), size=600), rng.integers(8, size=600), strict=True
    ):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        try:
            read = kept.results()
        except VsrnnError as problem:
            assert path.name in str(problem)
        else:  # between the numbers
            assert read == good


def test_stored_files_are_strict_json(kept):
    result = kept.results()[0]
    result["curve"][0]["val_loss"] = math.inf
    path = kept.put(result)
    json.loads(path.read_text(), parse_constant=pytest.fail)
    assert kept.results()[0]["curve"][0]["val_loss"] is None


def test_strange_files_are_named_and_passed_over(kept, capsys):
    path = min(kept.folder.glob("*.json"))
    strange = [f"._{path.name}", f"{path.stem} (conflicted copy).json", ".#x.json"]
    (kept.folder / strange[0]).write_bytes(b"Mac OS X")
    (kept.folder / strange[1]).write_text(path.read_text())
    (kept.folder / strange[2]).mkdir()
    for _ in range(2):
        assert len(kept.collect()) == 2
    said = capsys.readouterr().err.splitlines()
    assert sorted(line.split(" has no id")[0] for line in said) == sorted(
        f"vsrnn: {kept.folder / name}" for name in strange
    )
    assert len(kept.results()) == 2
    kept.pack()
    left = {path.name for path in kept.folder.glob("*.json")}
    assert left == {*strange} and len(kept.results()) == 2


def test_what_cannot_be_read_or_written_says_what_helps(kept, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied", "x.lock")

    monkeypatch.setattr("vsrnn.runs.store.FileLock.acquire", refused)
    words = r"denied: x\.lock\); ask its owner for the right to write"
    with pytest.raises(VsrnnError, match=words), kept.claim(CONFIGS[0]):
        pass
    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(VsrnnError, match=r"cannot read the store .*Permission denied"):
        kept.collect()
    with pytest.raises(VsrnnError, match="needs the name of a folder"):
        Store("")
