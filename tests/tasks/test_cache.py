"""Tensors on disk: built once, checked, never half-written."""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors import SafetensorError

from vsrnn.errors import VsrnnError
from vsrnn.tasks import _cache, get_task


def numbers():
    return {"numbers": torch.arange(1000), "more": torch.ones(3, 4)}


def test_the_cache_builds_once(tmp_path):
    tensors, checksum = _cache.cached("few", {"a": 1}, numbers, tmp_path)
    again, same = _cache.cached("few", {"a": 1}, pytest.fail, tmp_path)
    assert checksum == same == _cache.checksum(numbers())
    assert all(torch.equal(tensors[name], again[name]) for name in numbers())
    _cache.cached("few", {"a": 2}, numbers, tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert not list(tmp_path.glob("*.part"))


def test_a_damaged_file_is_made_again_and_said_so(tmp_path, capsys):
    for damage in ["cut", "flipped", "emptied", "foreign"]:
        folder = tmp_path / damage
        _, checksum = _cache.cached("few", {}, numbers, folder)
        (file,) = folder.glob("*.safetensors")
        content = bytearray(file.read_bytes())
        content[-5] ^= 1
        broken = {
            "cut": content[:-9],
            "flipped": content,
            "emptied": b"",
            "foreign": b"x",
        }
        file.write_bytes(broken[damage])
        _, again = _cache.cached("few", {}, numbers, folder)
        assert again == checksum
        assert "is damaged; making it again" in capsys.readouterr().err
        _cache.cached("few", {}, pytest.fail, folder)


def test_a_file_that_is_cut_under_a_program_does_not_end_it(tmp_path):
    """Tensors mapped from it would: the system sends SIGBUS."""
    tensors, checksum = _cache.cached("few", {}, numbers, tmp_path)
    (file,) = tmp_path.glob("*.safetensors")
    os.truncate(file, 0)
    assert _cache.checksum(tensors) == checksum
    assert _cache.cached("few", {}, numbers, tmp_path)[1] == checksum


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(VsrnnError, match=r"cannot keep data in .*set VSRNN_CACHE"):
        get_task("rad", "smoke", cache=blocked / "cache")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def fill(tensors, filename, metadata):
        filename.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(_cache, "save_file", fill)
    with pytest.raises(VsrnnError, match=r"\(No space left on device\); set VSRNN_CAC"):
        _cache.cached("few", {}, numbers, tmp_path)
    assert not [file for file in tmp_path.iterdir() if file.suffix != ".lock"]


def test_an_interrupted_build_leaves_nothing(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _cache.cached("few", {}, interrupt, tmp_path)
    assert not [file for file in tmp_path.iterdir() if file.suffix != ".lock"]
    _cache.cached("few", {}, numbers, tmp_path)


def test_an_existing_file_needs_no_writing(tmp_path, monkeypatch):
    _cache.cached("few", {}, numbers, tmp_path)
    monkeypatch.setattr(_cache, "FileLock", pytest.fail)
    _cache.cached("few", {}, pytest.fail, tmp_path)


def surroundings():
    print("not in the way")
    found = [int(os.environ["SOMETHING"]), os.getpid()]
    return {"numbers": torch.tensor(found)}


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def refused():
    raise VsrnnError("no such data")


def test_an_environment_is_that_of_a_process_of_its_own(tmp_path, monkeypatch):
    own = multiprocessing.current_process()._config
    monkeypatch.setitem(own, "daemon", True)  # as workers of dask are
    own = {"SOMETHING": "3"}
    tensors, _ = _cache.cached("few", {}, surroundings, tmp_path, own)
    assert tensors["numbers"][0] == 3 and tensors["numbers"][1] != os.getpid()
    assert "SOMETHING" not in os.environ


def test_a_process_that_ends_early_is_said(tmp_path):
    for build, said in (
        (killed, r"ended early \(exit status -9\); is there"),
        (refused, "no such data"),
    ):
        with pytest.raises(VsrnnError, match=said):
            _cache.cached("few", {}, build, tmp_path, {"SOMETHING": "3"})
    assert not list(tmp_path.glob("*.safetensors"))


RACE = """
import sys, time, torch
from pathlib import Path
from vsrnn.tasks._cache import cached

folder = Path(sys.argv[1])

def build():
    with (folder / "log").open("a") as log:
        log.write("built\\n")
    time.sleep(0.5)
    return {"numbers": torch.arange(100_000)}

(folder / f"ready{sys.argv[2]}").touch()
while len(list(folder.glob("ready*"))) < 2:
    time.sleep(0.01)
print(cached("race", {}, build, folder)[1])
"""


def test_two_processes_at_once_build_one_file(tmp_path):
    command = [sys.executable, "-W", "error", "-c", RACE, str(tmp_path)]
    started = [
        subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, env=os.environ)
        for n in range(2)
    ]
    answers = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert answers[0] == answers[1]
    assert (tmp_path / "log").read_text() == "built\n"
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_other_users_may_read_a_file(tmp_path):
    _cache.cached("few", {}, lambda: {"numbers": torch.zeros(3)}, tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_of_another_user_is_no_damaged_one(tmp_path, monkeypatch):
    _cache.cached("few", {}, numbers, tmp_path)

    def refuse(path, framework):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_cache, "safe_open", refuse)
    with pytest.raises(VsrnnError, match=r"cannot read .*few.*\(Permission denied\)"):
        _cache.cached("few", {}, pytest.fail, tmp_path)


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path):
    _, checksum = _cache.cached("few", {}, numbers, tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    path.unlink()
    path.with_suffix(".part").write_bytes(b"half")
    assert _cache.cached("few", {}, numbers, tmp_path)[1] == checksum
    assert not list(tmp_path.glob("*.part"))


def test_files_and_locks_are_as_open_as_the_system_wants(tmp_path):
    before = os.umask(0o002)
    try:
        _cache.cached("few", {}, numbers, tmp_path)
    finally:
        os.umask(before)
    (lock,) = tmp_path.glob("*.lock")
    assert lock.stat().st_mode & 0o777 == 0o664
