"""Kill sweeps with signal 9 at random moments: nothing may be lost, doubled or halved.

``make torture`` from the root of a checkout, or ``python tests/torture.py KILLS``. A
sweep of small runs is killed as a whole, or only the process that began it, or one of
its workers, and started again until all is stored; then the next store. At the end each
store has to hold every run once, to the bit as a sweep that nobody killed has it, and
nothing else.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from vsrnn import Config, Design, Store, Task, sweep
from vsrnn.training import checkpoint

ROOT = Path(__file__).parents[1]
EPOCHS, SECONDS = 8, 0.1


class Slow(Task):
    """Classes of sequences of noise; an epoch takes its time, not the processor's."""

    inputs, outputs, steps, epochs = 5, 3, 4, EPOCHS

    def data(self):
        checkpoint.EVERY = 0  # in workers, too: kills fall into writes and between them
        chance = torch.Generator().manual_seed(0)
        sizes = {"train": 40, "val": 10, "test": 10}
        return {
            split: (
                torch.randn(n, 4, 5, generator=chance),
                torch.randint(3, (n,), generator=chance),
            )
            for split, n in sizes.items()
        }

    def renew(self, epoch):
        time.sleep(SECONDS)


def configs():
    """Eight runs, in passes of two."""
    designs = [Design(f"d{n}", 6 + n, (0.5,) * 6) for n in range(8)]
    return [Config("torture:Slow", design) for design in designs]


def start(folder):
    """Begin a sweep in a process, and a group of processes, of its own."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    env = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--sweep", str(folder)]
    how = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=env, start_new_session=True, **how)


def workers(process):
    """The processes that a sweep began, where the system tells."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


def kill(process, whom):
    """Kill all, the one that began, or a worker, and say whom."""
    if whom == "all":
        os.killpg(process.pid, signal.SIGKILL)
    elif whom == "parent" or not (pids := workers(process)):
        process.kill()
    else:
        os.kill(random.choice(pids), signal.SIGKILL)
    return process.wait()


def wrong(folder, whole):
    """What is not as it has to be in a store that is done."""
    results = {result["id"]: result for result in Store(folder).results()}
    found = [f"{id} is missing" for id in whole.keys() - results.keys()]
    found += [f"{id} is unknown" for id in results.keys() - whole.keys()]
    names = {f"{id}.json" for id in whole}
    found += [f"{p.name} is left" for p in folder.iterdir() if p.name not in names]
    for id in whole.keys() & results.keys():
        one, other = (
            {k: v for k, v in kept[id].items() if k not in ("seconds", "provenance")}
            for kept in (results, whole)
        )
        if json.dumps(one) != json.dumps(other):
            found.append(f"{id} differs")
    return found


def torture(kills, folder, seed=0):
    """Kill sweeps so often, and return what is wrong then."""
    random.seed(seed)
    began = time.monotonic()
    if start(folder / "whole").wait():
        return ["the sweep that nobody killed failed"]
    lasts = time.monotonic() - began
    whole = {r["id"]: r for r in Store(folder / "whole").results()}
    found, done, rounds = wrong(folder / "whole", whole), 0, 0
    while done < kills:
        rounds, store = rounds + 1, folder / f"killed{rounds}"
        while True:
            process = start(store)
            try:
                process.wait(random.uniform(0.3, 1) * lasts if done < kills else None)
            except subprocess.TimeoutExpired:
                whom = random.choice(["all", "parent", "worker"])
                kill(process, whom)
                done += 1
                print(f"kill {done} of {kills}: {whom}", flush=True)
                continue
            if process.returncode == 0:
                break
        found += [f"round {rounds}: {each}" for each in wrong(store, whole)]
    print(f"{done} kills over {rounds} sweeps of {len(whole)} runs: {found or 'well'}")
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--sweep":
        sweep(configs(), Store(sys.argv[2]), jobs=2, per_pass=2, progress=False)
    else:
        with tempfile.TemporaryDirectory() as name:
            sys.exit(bool(torture(int(sys.argv[1]), Path(name))))
