"""The committed results: whole, in order, and read as tables of seven digits."""

import gzip
import json
from hashlib import sha256

import pytest

from vsrnn import Config, VsrnnError, get_results, list_results
from vsrnn.files import SUMS, write_sums
from vsrnn.runs.results import FOLDERS

PACKS = sorted(FOLDERS[1].glob("*/runs.jsonl.gz"))


def test_a_study_is_in_order_and_every_run_gives_its_config():
    for path in PACKS:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        ids = [json.loads(line)["id"] for line in lines]
        assert ids == sorted(set(ids))
        runs, curves = (
            get_results(path.parent.name),
            get_results(f"{path.parent.name}_curves"),
        )
        assert set(runs["id"]) == set(ids) >= set(curves["id"])
        for row in runs.iloc[:: 1 + len(runs) // 500].to_dict("records"):
            config = Config.from_dict(json.loads(row["config"]))
            assert config.id == row["id"] and config.design.name == row["design"]
            assert (config.scale, config.seed) == (row["scale"], row["seed"])
        last = curves.sort_values("epoch").groupby("id").last()
        ended = runs[runs["error"].isna()].set_index("id")
        assert (last.loc[ended.index, "epoch"] == ended["epochs"]).all()
        for name in ("train_loss", "val_loss"):
            assert (last.loc[ended.index, name] == ended[name]).all()
        assert (curves.groupby("id")["epoch"].first() == 1).all()
        assert not list(path.parent.glob("*.json"))


def test_all_studies_are_there_and_small():
    assert sum(len(get_results(path.parent.name)) for path in PACKS) >= 1123 + 96
    everything = [path for path in FOLDERS[1].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in everything) < 12 * 2**20
    assert get_results("hammer_few_curves").groupby("id").size().max() == 50


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
    one = runs.set_index("id").loc["02ee9585fca5bb8a"]
    assert (one["design"], one["seed"], one["hidden"]) == ("000110_", 0, 139)
    assert (one["score"], one["test_loss"], one["density_hy"]) == (0.547, 1.438403, 0.2)


def test_a_table_is_read_once_and_not_shared(monkeypatch):
    first = get_results("rad_1m")
    first["score"] = 0.0
    monkeypatch.setattr("vsrnn.runs.results.read_pack", None)
    assert get_results("rad_1m")["score"].max() > 0.5


def test_what_is_missing_or_damaged_gets_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(VsrnnError, match=r"there are: .*rad_100k, rad_100k_curves"):
        get_results("nothing")
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    with pytest.raises(VsrnnError, match="there are: none"):
        get_results("rad_100k")
    (tmp_path / "rad_1m").mkdir()
    path = tmp_path / "rad_1m" / "runs.jsonl.gz"
    path.write_bytes((FOLDERS[1] / "rad_1m" / "runs.jsonl.gz").read_bytes()[:9000])
    (tmp_path / "cut.csv").write_bytes(b'id,score\nx,1\ny,"2')
    (tmp_path / "empty.csv").write_text("")
    assert list_results() == ["cut", "empty", "rad_1m", "rad_1m_curves"]
    for name, file in {
        "rad_1m": "runs.jsonl.gz",
        "rad_1m_curves": "runs.jsonl.gz",
        "cut": "cut.csv",
        "empty": "empty.csv",
    }.items():
        with pytest.raises(VsrnnError, match=f"{file} is damaged.*get it again"):
            get_results(name)


def test_every_committed_file_is_listed_as_it_is(tmp_path):
    committed = [p for end in ("*.*", "*/*.gz") for p in FOLDERS[1].glob(end)]
    listed = (FOLDERS[1] / SUMS).read_text().splitlines()
    names = {line[66:]: line[:64] for line in listed}
    assert names == {
        path.relative_to(FOLDERS[1]).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in committed
        if path.suffix != ".md"
    }, "call `make sums`"
    (tmp_path / "rad_1m").mkdir()
    for name in ("bench.csv", "rad_1m/runs.jsonl.gz"):
        (tmp_path / name).write_bytes((FOLDERS[1] / name).read_bytes())
    write_sums(tmp_path)
    assert set((tmp_path / SUMS).read_text().splitlines()) < set(listed)


def test_a_committed_file_that_changed_is_named_and_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    (tmp_path / "rad_1m").mkdir()
    pack, table = tmp_path / "rad_1m" / "runs.jsonl.gz", tmp_path / "bench.csv"
    for path in (pack, table):
        path.write_bytes((FOLDERS[1] / path.relative_to(tmp_path)).read_bytes())
    write_sums(tmp_path)
    runs, bench = len(get_results("rad_1m")), len(get_results("bench"))
    lines = gzip.decompress(pack.read_bytes()).splitlines(keepends=True)
    assert runs == len(lines) and bench > 10
    pack.write_bytes(gzip.compress(b"".join(lines[: runs // 2])))
    rows = table.read_bytes().splitlines(keepends=True)
    table.write_bytes(b"".join(rows[: len(rows) // 2]))
    for name, path in (("rad_1m", pack), ("rad_1m_curves", pack), ("bench", table)):
        with pytest.raises(VsrnnError, match=f"{path.name} is damaged: it is not"):
            get_results(name)
