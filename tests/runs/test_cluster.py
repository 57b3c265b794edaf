"""Several processes and machines on one store: no run lost, none done twice."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from vsrnn import Config, Store, draw_designs, run
from vsrnn.cli import _parser, main
from vsrnn.runs.sweep import Workers, fill

SMOKE = ["--scale", "smoke", "--epochs", "1"]
ONE_BY_ONE = ["--per-pass", "1"]
DRAW = ["sweep", "rad", "normal_size", "--budget", "50000", *SMOKE, *ONE_BY_ONE]
PATIENCE = 300  # seconds; far more than anything here takes
# in every Python that starts with it: write down each result that is moved in place
WITNESS = """
import os, sys
def note(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith(".json"):
        with open(os.environ["WITNESS"], "a") as file:
            file.write(os.path.basename(arguments[1])[:-5] + "\\n")
sys.addaudithook(note)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def start(folder):
    """Start Python modules as processes of their own; all end with the test."""
    (folder / "witness").mkdir()
    (folder / "witness" / "sitecustomize.py").write_text(WITNESS)
    path = f"{folder / 'witness'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    places = {"PYTHONPATH": path.rstrip(os.pathsep), "WITNESS": str(folder / "log")}
    processes = []
    with ExitStack() as stack:

        def begin(*command):
            said = stack.enter_context((folder / f"said{len(processes)}").open("w+"))
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=os.environ | places,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            process.said = Path(said.name)
            processes.append(process)
            return process

        yield begin
        for process in processes:
            process.kill()
            process.wait()


def results(folder, store="runs"):
    return list((folder / store).glob("*.json"))


def wait_for(condition, *processes):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        for process in processes:
            assert process.poll() is None, process.said.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def configs(number, seed=0):
    designs = draw_designs("rad", "normal_size", number, seed, budget=50_000)
    return [Config("rad", design, scale="smoke", epochs=1) for design in designs]


def test_a_claim_keeps_others_away_and_leaves_no_file(folder):
    store, config = Store("runs"), configs(1)[0]
    with store.claim(config) as mine, Store("runs").claim(config) as other:
        assert mine and not other
    with store.claim(config) as mine:  # given back without a result
        assert mine
        store.put(run(config))
    with store.claim(config) as mine:
        assert not mine
    assert [path.name for path in store.folder.iterdir()] == [f"{config.id}.json"]


HOLDER = """
import os, pathlib, sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("has it", flush=True)
while not list(pathlib.Path(sys.argv[1]).parent.glob("*.json")):
    time.sleep(0.02)
os.kill(os.getpid(), 9)
"""


def test_a_sweep_waits_for_what_another_has_and_takes_it_when_that_dies(folder, start):
    store, (taken, free) = Store("runs"), configs(2)
    store.folder.mkdir()
    (folder / "witness" / "holder.py").write_text(HOLDER)
    holder = start("holder", str(store.folder / f"{taken.id}.lock"))
    wait_for(lambda: "has it" in holder.said.read_text(), holder)
    origin = fill([taken, free], store, Workers(jobs=1), progress=False)
    assert origin == {taken.id: "new", free.id: "new"}
    assert store.path(free).stat().st_mtime_ns < store.path(taken).stat().st_mtime_ns
    assert not list(store.folder.glob("*.lock"))


# --- several processes and machines


def once_each(folder, here, number):
    """Every result was written by one process only, once: those counted, or here."""
    log = folder / "log"
    written = Counter(log.read_text().split() if log.exists() else [])
    written.update(id for id, whence in here.items() if whence == "new")
    stored = {path.stem for path in results(folder)}
    return written == dict.fromkeys(stored, 1) and len(stored) == number


def test_three_shards_at_once_one_killed_then_the_whole_again(folder, start):
    command = ["vsrnn.cli", *DRAW, "--number", "12", "--jobs", "1"]
    shards = [start(*command, "--shard", f"{part}/3") for part in (1, 2, 3)]
    mine = {config.id for config in configs(12)[1::3]}
    wait_for(lambda: mine & {path.stem for path in results(folder)}, *shards)
    shards[1].kill()
    for shard in (shards[0], shards[2]):
        assert shard.wait(PATIENCE) == 0
        assert "4 runs: 4 trained now, 0 found" in shard.said.read_text()
    assert 8 < len(results(folder)) < 12
    here = fill(configs(12), Store("runs"), Workers(jobs=1), progress=False)
    assert Counter(here.values()).keys() == {"new", "found"}
    assert once_each(folder, here, 12)
    assert len(Store("runs").collect()) == 12


def test_dask_loses_a_worker_and_shares_the_store_with_a_local_sweep(folder, start):
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    ready = folder / "scheduler.json"
    hidden = ["--no-dashboard", "--scheduler-file", str(ready)]
    scheduler = start(
        "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", *hidden
    )
    wait_for(ready.exists, scheduler)
    address = json.loads(ready.read_text())["address"]
    alone = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
    place = ["--local-directory", str(folder / "scratch")]
    workers = [start("dask", "worker", address, *alone, *place) for _ in range(2)]
    command = [*DRAW, "--number", "14", "--scheduler", address]
    driver = start("vsrnn.cli", *command)
    wait_for(lambda: len(results(folder)) > 2, driver, *workers)
    workers[0].kill()
    here = fill(configs(14)[7:], Store("runs"), Workers(jobs=1), progress=False)
    assert driver.wait(PATIENCE) == 0
    said = driver.said.read_text()
    assert "14 runs:" in said and "0 failed" in said
    assert once_each(folder, here, 14)


def test_no_scheduler_gets_a_sentence(folder, monkeypatch, capsys):
    pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    monkeypatch.setattr("vsrnn.runs.cluster.PATIENCE", 0.5)
    for address in ("nowhere", "tcp://127.0.0.1:1"):
        assert main([*DRAW, "--scheduler", address]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith(f"vsrnn: no dask scheduler answers at {address};")


def test_a_missing_extra_gets_a_sentence(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main([*DRAW, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "pip install 'vsrnn[cluster]'" in capsys.readouterr().err


def test_the_scripts_of_the_book_are_understood():
    text = (Path(__file__).parents[2] / "book" / "cluster.md").read_text("utf-8")
    scripts = re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    commands = [
        line.replace("$SLURM_CPUS_PER_TASK", "4")
        for script in scripts
        for line in script.replace("\\\n", "").splitlines()
        if line.startswith("vsrnn ")
    ]
    assert len(commands) == 4
    for command in commands:
        _parser().parse_args(shlex.split(command)[1:])
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
