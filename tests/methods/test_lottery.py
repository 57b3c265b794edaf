"""Lottery tickets: the masks of a run, with other weights or with its first ones."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from own import Last
from safetensors.torch import load_file

from vsrnn import Config, Design, Store, VsrnnError, run, run_many, sweep, train
from vsrnn.cli import main
from vsrnn.design.table import keep_designs, tabulate
from vsrnn.methods.lottery import Lottery, keep_masks
from vsrnn.runs.run import build_model

DESIGNS = [
    Design("dense", 12, 1.0),
    Design("block", 12, (0.5, 0.6, 0.7, 0.8, 0.9, 1)),
    Design("cell", 8, 0.6, "cell", options={"cell": "gru", "layers": 2}),
]
PRUNE = {"name": "magnitude", "density": 0.2, "end": 1}


def places(model):
    return {part: model.index(part).tolist() for part in model.shapes}


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_a_ticket_has_the_masks_of_its_run_and_values_of_its_own_seed(tmp_path, design):
    source = Config("own:Last", design, epochs=2, seed=1, method=PRUNE)
    (result,) = run_many([source], masks=tmp_path)
    (file,) = tmp_path.iterdir()
    assert file.name == f"{source.id}.safetensors"
    masks = {
        k.removeprefix("index_"): i.tolist()
        for k, i in load_file(file).items()
        if k.startswith("index_")
    }
    for seed in (1, 101):
        config = replace(source, seed=seed, method=Lottery(source.id, tmp_path))
        model, first = build_model(config, Last), build_model(config, Last)
        dense = build_model(replace(config, design=replace(design, density=1.0)), Last)
        Lottery(source.id, tmp_path).begin(model, 2, seed)
        assert places(model) == masks
        for part in masks:
            inside = model.matrix(part) != 0
            assert torch.equal(model.matrix(part)[inside], dense.matrix(part)[inside])
            both = inside & (first.matrix(part) != 0)
            assert torch.equal(model.matrix(part)[both], first.matrix(part)[both])
        (ticket,) = run_many([config])
        assert ticket["weights"] == result["weights"]
        assert ticket["curve"] != result["curve"]
    assert ticket["error"] is None


def test_values_of_another_seed_are_others(tmp_path):
    config = Config("own:Last", DESIGNS[0], epochs=2, method=PRUNE)
    run_many([config], masks=tmp_path)
    one, other = (build_model(replace(config, seed=s), Last) for s in (0, 100))
    for seed, model in ((0, one), (100, other)):
        Lottery(config.id, tmp_path).begin(model, 1, seed)
    for part in one.shapes:
        assert torch.equal(one.index(part), other.index(part))
        assert not (one.weight(part) == other.weight(part)).any()


def test_the_mask_stays_while_the_weights_train(tmp_path):
    source = Config("own:Last", DESIGNS[0], epochs=2, method=PRUNE)
    ticket = replace(source, seed=100, method={"name": "lottery", "run": source.id})
    run_many([source], masks=tmp_path)
    ticket = replace(ticket, method=Lottery(source.id, tmp_path))
    run_many([ticket], masks=tmp_path)
    files = [
        load_file(tmp_path / f"{each.id}.safetensors") for each in (source, ticket)
    ]
    masks = [key for key in files[0] if key.startswith("index_")]
    assert masks and all(torch.equal(files[0][key], files[1][key]) for key in masks)


def test_a_trained_ticket_goes_on_where_the_other_run_ended(tmp_path):
    for design in DESIGNS:
        source = Config("own:Last", design, epochs=2, seed=1, method=PRUNE)
        run_many([source], masks=tmp_path)
        ended, _ = train(source)
        again = Lottery(source.id, tmp_path, trained=True)
        model = build_model(source, Last)
        again.begin(model, 2, seed=7)
        assert places(model) == places(ended)
        both = zip(model.parameters(), ended.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in both)
        assert again.as_dict() == {"name": "lottery", "run": source.id, "trained": True}


def test_the_folder_is_no_part_of_a_run_but_reaches_the_workers(tmp_path):
    one = Config("own:Last", DESIGNS[0], method=Lottery("abc", tmp_path))
    other = Config("own:Last", DESIGNS[0], method={"name": "lottery", "run": "abc"})
    assert one.id == other.id
    assert one.as_dict()["method"] == {"name": "lottery", "run": "abc"}
    assert one == other == Config.from_dict(json.loads(json.dumps(one.as_dict())))
    (method,) = pickle.loads(pickle.dumps(one)).method
    assert method.masks == str(tmp_path)


def test_a_sweep_keeps_masks_and_trains_tickets_with_them(tmp_path):
    store = Store(tmp_path / "store")
    seeds = [Config("own:Last", DESIGNS[0], epochs=2, seed=s) for s in range(2)]
    sources = [replace(config, method=PRUNE) for config in seeds]
    sweep(sources, store, jobs=2, masks=True, progress=False)
    assert len(list((store.folder / "masks").iterdir())) == 2
    tickets = [
        replace(c, seed=100 + c.seed, method=Lottery(c.id, store.folder / "masks"))
        for c in sources
    ]
    table = sweep([*sources, *tickets], store, jobs=2, progress=False)
    assert list(table["total_weights"][:2]) == list(table["total_weights"][2:])
    assert table["error"].isna().all()
    assert len(list((store.folder / "masks").iterdir())) == 2


def test_tickets_and_their_runs_in_one_sweep(tmp_path):
    """A ticket of the seed of its run would be in one pass with it."""
    store = Store(tmp_path)
    source = Config("own:Last", DESIGNS[0], epochs=2, method=PRUNE)
    ticket = replace(source, method=Lottery(source.id, tmp_path / "masks"))
    table = sweep([source, ticket], store, jobs=1, masks=True, progress=False)
    assert table["error"].isna().all()
    assert table["total_weights"].nunique() == 1


def test_masks_and_tickets_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keep_designs(tabulate([DESIGNS[0]], 6, 4), Path("mine.csv"))
    sweep_own = ["sweep", "own:Last", "--design-table", "mine.csv", "--epochs", "2"]
    prune = ["--method", "magnitude", "density=0.2", "end=1"]
    assert main([*sweep_own, *prune, "--jobs", "1", "--masks"]) == 0
    (file,) = Path("runs/masks").iterdir()
    number = file.rename(file.with_stem("1234567890123456")).stem  # text all the same
    ticket = ["--run-seed", "100", "--method", "lottery", f"run={number}"]
    assert main([*sweep_own, *ticket, "--jobs", "1"]) == 0
    assert Store("runs").collect()["total_weights"].nunique() == 1
    assert main([*sweep_own, *ticket[:-1], "run=abc", "--jobs", "1"]) == 2


def test_what_has_no_masks_leaves_none(tmp_path):
    plain = Design("plain", 6, (), "rnn", (), ())
    run_many([Config("own:Last", plain)], masks=tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(VsrnnError, match="needs a model with masks"):
        run(Config("own:Last", plain, method=Lottery("abc", tmp_path)))


def test_what_is_no_ticket_gets_a_sentence(tmp_path):
    config = Config("own:Last", DESIGNS[0], epochs=1)
    ticket = replace(config, method=Lottery("abc", tmp_path))
    with pytest.raises(VsrnnError, match=r"not there; .* --masks"):
        run(ticket)
    keep_masks(build_model(config, Last), tmp_path, "abc")
    file = tmp_path / "abc.safetensors"
    whole = file.read_bytes()
    half, other = whole[: len(whole) // 2], whole.replace(b"shapes", b"shopes")
    for damaged in (half, whole[:5], b"", other):
        file.write_bytes(damaged)
        with pytest.raises(VsrnnError, match=r"abc\.safetensors is damaged"):
            run(ticket)
    file.write_bytes(whole)
    run(ticket)
    with pytest.raises(VsrnnError, match=r"16x6, state 16x16.* 13x6.* same sizes"):
        run(replace(ticket, design=replace(DESIGNS[0], hidden=9)))
    for name in ("", 3):
        with pytest.raises(VsrnnError, match="id of another run"):
            Lottery(name)
