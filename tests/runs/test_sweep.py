"""Sweeps as typed: designs written first, failures kept with their reason."""

import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import pytest

from vsrnn import Config, Design, Store, VsrnnError, get_design, run, sweep
from vsrnn.cli import main
from vsrnn.cli._sweep import _summary
from vsrnn.design.table import read_designs
from vsrnn.runs import worker as engine
from vsrnn.tasks import get_task
from vsrnn.tasks.designs import design_table, draw_designs
from vsrnn.training import checkpoint

SMOKE = ["--scale", "smoke", "--epochs", "1"]
DRAW = ["sweep", "rad", "normal_size", "--budget", "50000", *SMOKE]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def results(folder, store="runs"):
    return list((folder / store).glob("*.json"))


def configs(number, seed=0):
    designs = draw_designs("rad", "normal_size", number, seed, budget=50_000)
    return [Config("rad", design, scale="smoke", epochs=1) for design in designs]


def bad_designs():
    """One that diverges, and one that no model can be built with."""
    wild = Design("wild", 20, (0.5,) * 6, learning_rate=1e30)
    return [wild, Design("unfit", 0, (0.5,) * 6)]


# --- the command


def test_designs_are_drawn_written_down_and_trained(folder, capsys):
    assert main([*DRAW, "--number", "3", "--seed", "5", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "3 runs: 3 trained now, 0 found" in said and "0 failed" in said
    table = Store("runs").collect()
    best = table.loc[table["score"].idxmax()]
    assert f"best: {best['design']}" in said
    assert table["seed"].tolist() == [0, 0, 0]
    designs = read_designs("runs/designs/rad_normal_size_50k_5.csv")
    assert designs == draw_designs("rad", "normal_size", 3, seed=5, budget=50_000)
    assert table["design"].tolist() == [design.name for design in designs]
    assert table["hidden"].tolist() == [design.hidden for design in designs]
    assert sorted(path.suffix for path in (folder / "runs").iterdir()) == [
        *("", ".json", ".json", ".json")
    ]


def test_more_designs_of_a_draw_are_added_to_it(folder, capsys):
    assert main([*DRAW, "--number", "2", "--jobs", "1"]) == 0
    before = {path: path.stat().st_mtime_ns for path in results(folder)}
    capsys.readouterr()
    assert main([*DRAW, "--number", "3", "--jobs", "1"]) == 0
    assert "3 runs: 1 trained now, 2 found" in capsys.readouterr().out
    after = {path: path.stat().st_mtime_ns for path in results(folder)}
    assert before.items() < after.items()
    assert len(read_designs("runs/designs/rad_normal_size_50k_0.csv")) == 3


def test_the_table_is_there_before_anything_is_trained(folder, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run_many", stop)
    assert main([*DRAW, "--number", "2", "--jobs", "1"]) == 130
    assert "goes on" in capsys.readouterr().err
    assert len(read_designs("runs/designs/rad_normal_size_50k_0.csv")) == 2
    assert not results(folder)


def test_names_and_tables_are_swept_with_several_seeds(folder, capsys):
    names = ["111111_", "rnn_", "ra_test_dense"]
    assert main(["sweep", "rad", *names, *SMOKE, "--jobs", "1"]) == 0
    designs = [get_design("rad", name) for name in names[:2]]
    (written,) = (folder / "runs" / "designs").glob("*.csv")
    assert read_designs(written) == designs
    design_table("rad", designs).to_csv("mine.csv", index=False)
    again = ["sweep", "rad", "--design-table", "mine.csv", "--run-seed", "0", "1"]
    capsys.readouterr()
    assert main([*again, *SMOKE, "--jobs", "1", "--per-pass", "4"]) == 0
    assert "4 runs: 2 trained now, 2 found" in capsys.readouterr().out
    assert (folder / "runs" / "designs" / "rad_mine.csv").exists()


def test_long_lists_of_names_have_tables_of_their_own(folder, monkeypatch):
    monkeypatch.setattr("vsrnn.cli._shared.fill", lambda *_: {})
    names = [f"balanced_{number}" for number in range(9)]
    for last in ("111111_", "000000_"):
        assert main(["sweep", "rad", *names, last, *SMOKE]) == 0
    tables = [read_designs(path) for path in (folder / "runs/designs").iterdir()]
    assert sorted(table[-1].name for table in tables) == ["000000_", "111111_"]


def test_another_rate_is_written_down_as_it_is_trained(folder):
    command = ["sweep", "rad", "111111_", *SMOKE, "--learning-rate", "0.01"]
    assert main([*command, "--jobs", "1"]) == 0
    (design,) = read_designs("runs/designs/rad_111111_.csv")
    assert design.learning_rate == 0.01
    (result,) = Store("runs").results()
    assert result["config"]["design"]["learning_rate"] == 0.01


def test_shards_part_the_runs(folder, monkeypatch, capsys):
    seen = []

    def look(configs, *_):
        seen.append([config.design.name for config in configs])
        return {}

    monkeypatch.setattr("vsrnn.cli._shared.fill", look)
    for part in "1/3", "2/3", "3/3", "1/1":
        assert main([*DRAW, "--number", "8", "--shard", part]) == 0
    *parts, whole = seen
    assert sorted(chain(*parts)) == whole and len(whole) == 8
    assert [len(part) for part in parts] == [3, 3, 2]
    seen.clear()
    for part in "1/2", "2/2":
        assert main(["study", "meta", "--first", "35", "--shard", part]) == 0
    assert [len(part) for part in seen] == [18, 17]


WRONG = [
    (["sweep", "rad"], "one of them"),
    (["sweep", "rad", "111111_", "--design-table", "x.csv"], "one of them"),
    (["sweep", "rad", "--design-table", "x.csv"], "x.csv"),
    (["sweep", "rad", "normal_size"], "budget"),
    (["sweep", "rad", "normal", "--budget", "9"], "no budget"),
    (["sweep", "rad", "111111_", "--number", "9"], "--run-seed"),
    (["sweep", "rad", "normal", "--number", "0"], "number of designs must be"),
    (["sweep", "chess", "normal"], "chess"),
    (["sweep", "chess", "--design-table", "mine.csv"], "chess"),
    (
        ["sweep", "rad", "--design-table", "blank.csv"],
        "blank needs a learning rate above 0",
    ),
    ([*DRAW, "--shard", "0/3"], "--shard"),
    ([*DRAW, "--shard", "4/3"], "--shard"),
    ([*DRAW, "--shard", "half"], "--shard"),
    ([*DRAW, "--jobs", "0"], "--jobs"),
    ([*DRAW, "--per-pass", "0"], "--per-pass"),
    ([*DRAW, "--memory", "0"], "--memory"),
    ([*DRAW, "--store", "file/runs"], "another store"),
]


def test_bad_input_gets_one_sentence_and_status_2(folder, capsys):
    (folder / "file").write_text("")
    table = design_table("rad", [get_design("rad", "111111_")])
    table.to_csv("mine.csv", index=False)
    table.assign(name="blank", learning_rate=None).to_csv("blank.csv", index=False)
    for arguments, words in WRONG:
        assert main(arguments) == 2
        (error,) = capsys.readouterr().err.strip().splitlines()
        assert error.startswith("vsrnn: ") and words in error
    assert not list(folder.rglob("*.json"))


# --- a task of one's own

MINE = """\
import numpy as np
from own import Classes

class Mine(Classes):
    def data(self):
        return {k: (x + SHIFT, y) for k, (x, y) in super().data().items()}

SHIFT = 0
"""


def test_a_task_of_ones_own_is_swept_from_its_folder(folder, monkeypatch, capsys):
    (folder / "mine.py").write_text(MINE)
    draw = ["sweep", "mine:Mine", "normal_size", "--budget", "300", "--number", "4"]
    # -P: python itself does not look in the folder, nor does it for the script vsrnn
    command = [sys.executable, "-P", "-m", "vsrnn.cli", *draw, "--jobs", "2"]
    path = f"{Path(__file__).parents[1]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    own = os.environ | {"PYTHONPATH": path.rstrip(os.pathsep), "OMP_NUM_THREADS": "1"}
    first = subprocess.run(command, env=own, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    assert "4 runs: 4 trained now" in first.stdout and "0 failed" in first.stdout
    table = Store(folder / "runs").collect()
    assert set(table["task"]) == {"mine:Mine"} and set(table["epochs"]) == {2}
    assert table["data_sha256"].nunique() == 1
    designs = draw_designs("own:Classes", "normal_size", 4, budget=300)
    assert table["hidden"].tolist() == [design.hidden for design in designs]
    expected = design_table("own:Classes", designs)["weights"]
    assert abs(expected - 300).max() < 30
    assert main(draw) == 0
    assert "0 trained now, 4 found" in capsys.readouterr().out

    other = "(Classes):\n    epochs, batch_size = 3, 8\n"
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # stale within a second
    for old, new, said in (
        ("SHIFT = 0", "SHIFT = 1", "data"),
        ("(Classes):", other, "epochs and batches"),
    ):
        (folder / "mine.py").write_text(MINE.replace(old, new))
        del sys.modules["mine"]
        assert main(draw) == 2
        assert (
            f"differs in its {said} from what mine:Mine has now"
            in capsys.readouterr().err
        )
    del sys.modules["mine"]
    assert Store(folder / "runs").collect().equals(table)


def test_two_tasks_share_a_store(folder):
    for task in ("own:Classes", "own:Every"):
        draw = ["sweep", task, "normal_size", "--budget", "300", "--number", "2"]
        assert main([*draw, "--jobs", "1"]) == 0
    assert len(Store("runs").collect()) == 4
    for task in ("Classes", "Every"):
        written = Path("runs/designs", f"own_{task}_normal_size_0.3k_0.csv")
        assert len(read_designs(written)) == 2


def test_nothing_is_written_for_what_cannot_be_trained(folder):
    for wrong in (["--scale", "huge"], ["--option", "size=3"]):
        assert main(["sweep", "rad", "normal", *wrong]) == 2
        assert not (folder / "runs").exists()


def test_data_that_are_not_those_of_the_store_are_refused(folder, capsys):
    command = ["sweep", "rad", "111111_", "000000_", *SMOKE, "--jobs", "1"]
    assert main(command) == 0
    one, other = results(folder)
    store = Store("runs")
    (result,) = [found for found in store.results() if found["id"] == one.stem]
    data = result["provenance"]["data"]
    data["sha256"] = f"0{data['sha256']}"
    store.put(result)  # as on another processor
    other.unlink()
    assert main(command) == 0
    data["made_with"]["kornia"] = "0"
    store.put(result)
    changed = one.read_text()
    for left in (True, False):  # whether there is something to train or not
        if not left:
            other.unlink()
        capsys.readouterr()
        assert main(command) == 2
        assert "differs in its data from what rad has now" in capsys.readouterr().err
    assert one.read_text() == changed and not other.exists()


def test_the_best_error_is_the_lowest():
    made = {"error": None, "hidden_proportion": None}
    for task, best in (("navigation", "low"), ("rad", "high")):
        some = [
            made
            | {"score": s, "config": {"task": task, "design": {"name": n}, "seed": 0}}
            for n, s in (("low", 0.1), ("high", 0.9))
        ]
        assert f"best: {best} " in _summary(some)


def test_what_is_removed_during_a_sweep_is_missed(folder, monkeypatch, capsys):
    def forgetful(self, result):
        return self.folder if result["config"]["design"]["name"] == "111111_" else None

    monkeypatch.setattr(Store, "put", forgetful)
    monkeypatch.setattr(
        "vsrnn.runs.worker.run_many",
        lambda some, **_: [
            {"id": config.id, "config": config.as_dict()} for config in some
        ],
    )
    assert main(["run", "rad", "111111_", "000000_", *SMOKE, "--jobs", "1"]) == 2
    assert "2 of 2 runs are no longer in runs" in capsys.readouterr().err


LEAVING = """
import sys
from own import Classes

class AtOnce(Classes):
    def __init__(self, scale="quick"):
        sys.exit(0)

class InTraining(Classes):
    def renew(self, epoch):
        sys.exit(0)
"""


def test_code_that_calls_exit_is_said(folder, monkeypatch, capsys):
    (folder / "leaving.py").write_text(LEAVING)
    (folder / "gone_at_once.py").write_text("raise SystemExit(0)")
    draw = ["normal_size", "--budget", "300", "--number", "1", "--jobs", "1"]
    for task in ("gone_at_once:Mine", "leaving:AtOnce", "leaving:InTraining"):
        assert main(["sweep", task, *draw]) != 0
        both = capsys.readouterr()
        assert "SystemExit: 0" in both.out + both.err
    monkeypatch.setattr("vsrnn.cli._designs._designs", lambda _: sys.exit(0))
    assert main(["designs"]) == 2
    assert "ended the program" in capsys.readouterr().err


SCRIPT = """
import sys
sys.path.append({tests!r})
import vsrnn
from own import Classes

class Mine(Classes):
    pass

if __name__ == "__main__":
    designs = vsrnn.draw_designs("__main__:Mine", "normal_size", 4, 0, 300)
    configs = [vsrnn.Config("__main__:Mine", design) for design in designs]
    for jobs in (1, 2):
        table = vsrnn.sweep(configs, vsrnn.Store(str(jobs)), jobs=jobs, progress=False)
        print(table["error"].isna().sum(), *table["score"])
"""


def test_a_task_of_a_script_is_swept_in_parallel(folder):
    script = SCRIPT.format(tests=str(Path(__file__).parents[1]))
    (folder / "script.py").write_text(script)
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(folder)])
    own = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "script.py"]
    ended = subprocess.run(command, env=own, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    one, two = ended.stdout.splitlines()
    assert one == two and one.startswith("4 ")


def test_what_is_no_task_or_has_no_named_designs_is_refused(folder, capsys):
    assert main(["run", "own:Classes", "balanced_0"]) == 2
    said = capsys.readouterr().err
    assert "the paper has no designs for task 'own:Classes', only for rad" in said
    assert main(["sweep", "gone:Mine", "normal"]) == 2
    assert "cannot import Mine from gone" in capsys.readouterr().err
    assert not (folder / "runs").exists()


# --- runs that diverge or fail


def test_diverged_and_failed_runs_are_stored_with_their_reason(folder, capsys):
    designs = [*bad_designs(), get_design("rad", "111111_")]
    design_table("rad", designs).to_csv("mine.csv", index=False)
    command = ["sweep", "rad", "--design-table", "mine.csv", *SMOKE, "--jobs", "1"]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "1 diverged:\n  wild (run seed 0), training loss not finite" in said
    assert "1 failed:\n  unfit (run seed 0), no hidden size fits" in said
    table = Store("runs").collect().set_index("design")
    assert table["error"].notna().to_dict() == {
        "111111_": False,
        "unfit": True,
        "wild": True,
    }
    assert table.loc[["wild", "unfit"], "score"].isna().all()
    assert main(command) == 1
    assert "0 trained now, 3 found" in capsys.readouterr().out
    assert main([*command, "--retry-failed"]) == 1
    assert "1 trained now, 2 found" in capsys.readouterr().out


def test_a_sweep_without_a_failure_ends_with_0_even_if_runs_diverged(folder, capsys):
    design_table("rad", bad_designs()[:1]).to_csv("mine.csv", index=False)
    command = ["sweep", "rad", "--design-table", "mine.csv", *SMOKE, "--jobs", "1"]
    assert main(command) == 0
    assert "1 diverged" in capsys.readouterr().out


def test_a_failed_result_has_the_form_of_a_good_one(folder):
    config = Config("rad", bad_designs()[1], scale="smoke", epochs=1)
    failed = engine.failed_result(config, RuntimeError("no\n luck"))
    assert failed["error"] == "failed: RuntimeError: no luck"
    assert failed.keys() == run(configs(1)[0]).keys()


def test_one_that_fails_does_not_take_its_group_along(folder, monkeypatch):
    some, train = configs(4), engine.run_many

    def break_at_third(group, **how):
        if some[2] in group:
            raise RuntimeError("too large")
        return train(group, **how)

    monkeypatch.setattr(engine, "run_many", break_at_third)
    table = sweep(some, Store("runs"), jobs=1, per_pass=4, progress=False)
    errors = table.set_index("design")["error"]
    assert errors[some[2].design.name] == "failed: RuntimeError: too large"
    assert errors.isna().sum() == 3


@pytest.fixture
def killed(folder, monkeypatch, around_steps):
    """A sweep of four designs in one pass, ended in the fourth of its five epochs."""
    monkeypatch.setattr(checkpoint, "EVERY", 0)
    designs = [Design(f"d{n}", 5 + n, (0.6,) * 6) for n in range(4)]
    some = [Config("own:Classes", design, epochs=5) for design in designs]
    steps = count()

    def stop(step, *batch):
        if next(steps) == stop.at:
            raise KeyboardInterrupt
        return step(*batch)

    stop.at, stop.steps = 3 * 2 + 1, steps
    around_steps(stop)
    with pytest.raises(KeyboardInterrupt):
        sweep(some, Store("runs"), jobs=1, per_pass=4, progress=False)
    return some, stop


def test_a_pass_that_is_killed_goes_on_from_its_last_epoch(killed, folder):
    some, stop = killed
    (path,) = (folder / "runs" / "checkpoints").iterdir()
    assert Store("runs").begun() == [[config.id for config in some]]
    first = next(stop.steps)
    more = [replace(one, design=replace(one.design, learning_rate=0.1)) for one in some]
    found = sweep([*some, *more], Store("runs"), jobs=1, per_pass=4, progress=False)
    # two epochs of two steps, and five; by size alone other groups would be made
    assert next(stop.steps) - first - 1 == 2 * 2 + 5 * 2
    found = found[found["id"].isin([c.id for c in some])].reset_index(drop=True)
    assert not path.parent.exists()
    whole = sweep(some, Store("whole"), jobs=1, per_pass=4, progress=False)
    other = {c for c in whole if not found[c].equals(whole[c])}
    assert other <= {"finished", *(c for c in whole if "seconds" in c)}
    for one in some:
        assert Store("runs").get(one)["curve"] == Store("whole").get(one)["curve"]


@pytest.mark.parametrize("change", ["fewer", "memory", "damaged", "others", "gone"])
def test_a_checkpoint_of_no_use_is_left_alone(killed, folder, change, capsys):
    some, _ = killed
    (path,), how = (folder / "runs" / "checkpoints").iterdir(), {"per_pass": 4}
    if change == "fewer":
        how = {"per_pass": 2}
    if change == "memory":
        how["memory"] = 1e-9
    if change == "damaged":
        path.write_bytes(path.read_bytes()[:-5])
    if change == "others":
        path.write_bytes(b'{"run": {"configs": 7}, "sha256": ""}\n')
    if change == "gone":
        some = some[:3]
    found = sweep(some, Store("runs"), jobs=1, progress=False, **how)
    assert found["error"].isna().all() and len(found) == len(some)
    assert ("beginning anew" in capsys.readouterr().err) == (
        change in ("damaged", "others")
    )


def test_a_file_that_is_cut_under_a_worker_is_named_and_made_again(
    folder, monkeypatch, capsys
):
    """The system ends a process that reads on behind the end of a mapped file."""
    monkeypatch.setenv("VSRNN_CACHE", str(folder / "cache"))
    some = configs(2)
    task = get_task("rad", "smoke")
    (path,) = (folder / "cache").glob("*.safetensors")
    ends = [["SIGBUS(-7)", "a file was cut", True], ["SIGKILL(-9)", "memory", False]]
    for signal, words, made in ends:

        def broken(*_, name=signal, **__):
            path.write_bytes(path.read_bytes()[:-9])
            raise BrokenProcessPool(f"The exit codes of the workers are {{{name}}}")

        monkeypatch.setattr("joblib.Parallel.__call__", broken)
        with pytest.raises(VsrnnError, match=f"{words}.*run the same again"):
            sweep(some, Store("runs"), jobs=2, progress=False)
        said = f"{path} is damaged; making it again" in capsys.readouterr().err
        assert said == made
        assert get_task("rad", "smoke").checksum == task.checksum


def test_want_of_memory_is_no_result_of_a_design(folder, monkeypatch):
    some, train = configs(4), engine.run_many
    memory = RuntimeError("DefaultCPUAllocator: no room")
    problems = [MemoryError("no room"), OSError(28, "no room"), memory]

    def break_at_third(group, **how):
        if some[2] in group:
            raise problems[-1]
        return train(group, **how)

    monkeypatch.setattr(engine, "run_many", break_at_third)
    while problems:
        with pytest.raises(VsrnnError, match=r"no room.*same again"):
            sweep(some, Store("runs"), jobs=1, per_pass=4, progress=False)
        problems.pop()
    stored = {path.stem for path in results(folder)}
    assert stored and some[2].id not in stored
    monkeypatch.setattr(engine, "run_many", train)
    table = sweep(some, Store("runs"), jobs=1, per_pass=4, progress=False)
    assert table["error"].isna().all() and len(table) == 4


def test_what_is_not_the_designs_fault_ends_the_sweep(folder, monkeypatch):
    def no_data(*_, **__):
        raise VsrnnError("no data here")

    monkeypatch.setattr(engine, "run_many", no_data)
    with pytest.raises(VsrnnError, match="no data here"):
        sweep(configs(2), Store("runs"), jobs=1, progress=False)
    assert not results(folder)
