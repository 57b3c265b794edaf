"""Designs for a task that nobody has trained on, in Python and on the command line."""

import json

import numpy as np
import pytest

import vsrnn
from vsrnn.cli import main
from vsrnn.forecast import choose as module

SIZES = (300, 5, 20_000)


@pytest.fixture(scope="module")
def table():
    return vsrnn.choose(*SIZES)


@pytest.fixture(scope="module")
def data():
    """Which of three patterns was seen first."""
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=400)
    x = rng.normal(size=(400, 6, 12))
    x[:, 0] += 2 * rng.normal(size=(3, 12))[y]
    return x, y


def test_what_is_shipped_is_small_and_of_plain_arrays():
    assert module.SHIPPED.stat().st_size < 2 * 2**20
    with np.load(module.SHIPPED, allow_pickle=False) as kept:
        assert all(kept[name].dtype != object for name in kept.files)


def test_a_damaged_file_is_said_to_be_one(tmp_path):
    (tmp_path / "parent.npz").write_bytes(module.SHIPPED.read_bytes()[:1000])
    for path in (tmp_path / "parent.npz", tmp_path / "none.npz"):
        with pytest.raises(vsrnn.VsrnnError, match="missing or damaged"):
            module.shipped(path)


def test_first_choices_stand_above_dense_and_uniform(table):
    assert len(table) == module.LISTED + 2
    assert table["name"].tolist()[-2:] == ["dense", "uniform"]
    assert table["weights"].to_numpy(float) == pytest.approx(20_000, rel=0.1)
    assert table["best"].sum() == pytest.approx(1, abs=0.01)
    for epoch in (1, 5, 15):
        low, middle, high = (table[f"{n}_{epoch}"] for n in ("low", "level", "high"))
        assert (low <= middle).all() and (middle <= high).all()
    assert table.equals(vsrnn.choose(*SIZES))
    assert not table.equals(vsrnn.choose(*SIZES, seed=1))


def test_words_say_how_far_to_trust_it(table):
    told = table.attrs
    assert len(told["nearest"]) == 3 and "the first pick lost" in told["confidence"]
    far = vsrnn.choose(40_000, 3, 200_000).attrs
    assert far["outside"] and far["percentile"] >= module.FAR
    assert "treat the order as a guess" in far["confidence"]


def test_far_away_the_order_is_that_of_the_portfolio():
    known = module.shipped(module.SHIPPED)
    table = vsrnn.choose(40_000, 3, 200_000)
    designs = module.candidates(40_000, 3, 200_000, 0)
    asked = module._asked(designs, None, known, (40_000, 3, 20), 0)
    order = known.portfolio(asked.features)[:-2]
    first = [designs[row].name for row in np.argsort(-order, kind="stable")]
    assert table["name"].tolist()[:-2] == first[: module.LISTED]


def test_with_data_designs_are_measured_and_trained(data, tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=data[0], y=data[1])
    asked = vsrnn.choose(budget=800, data=path)
    assert asked["loss"].isna().all()
    trained = vsrnn.choose(budget=800, data=data, epochs=1)
    assert trained["loss"].notna().all()
    assert set(trained["name"]) == set(asked["name"])
    names = trained["name"].tolist()
    assert names[-2:] == ["dense", "uniform"]
    own = trained["loss"].to_numpy()[:-2]
    assert np.corrcoef(own, np.arange(len(own)))[0, 1] > 0  # less loss, earlier


X, Y = np.random.default_rng(0).normal(size=(80, 5, 2)), np.arange(80) % 2
GAP = np.where(np.arange(800).reshape(80, 5, 2) == 7, np.nan, X)
WRONG = {
    "give the number of inputs": {"outputs": 3},
    "the number of inputs must be a whole": {"inputs": 0, "outputs": 3},
    "sizes go up to": {"inputs": 10**6, "outputs": 3},
    "too small for 300 inputs": {"inputs": 300, "outputs": 5, "budget": 9},
    "the budget is a number": {"inputs": 3, "outputs": 5, "budget": -1.0},
    "epochs are one of 0, 1, 3, 5": {"inputs": 3, "outputs": 5, "epochs": 2},
    "give data, too": {"inputs": 3, "outputs": 5, "epochs": 1},
    "the data have 2 inputs, not 3": {"inputs": 3, "data": (X, Y)},
    "cannot read nothing.npz": {"data": "nothing.npz"},
    "80 sequences and y has 79": {"data": (X, Y[1:])},
    "59 sequences are too few": {"data": (X[:59], Y[:59])},
    "x holds numbers that are not finite": {"data": (GAP, Y)},
    "x is the same everywhere": {"data": (X * 0, Y)},
    "y holds numbers that are not finite": {"data": (X, Y * np.nan)},
    "y is always 3": {"data": (X, Y * 0.0 + 3)},
    "y has one class, 1": {"data": (X, Y * 0 + 1)},
    "80 classes in 80 sequences": {"data": (X, np.arange(80))},
    "classes must be one a sequence": {"data": (X, np.tile(Y, (3, 1)).T)},
    "y must be one target a sequence": {
        "data": (X, np.ones((80, 3, 1)) * X[:, :3, :1])
    },
    r"x must be \(sequences": {"data": (X[0, 0], Y)},
}


def test_what_cannot_be_chosen_for_gets_a_sentence():
    for words, given in WRONG.items():
        with pytest.raises(vsrnn.VsrnnError, match=words):
            vsrnn.choose(**given)


def test_numbers_may_be_asked_for_at_every_step():
    table = vsrnn.choose(budget=600, data=(X, X.cumsum(1)))
    assert len(table) == module.LISTED + 2


def test_the_command_prints_writes_and_draws(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ["choose", "--inputs", "30", "--outputs", "5", "--budget", "3000"]
    assert main([*given, "--figure", "out.svg", "--out", "designs.csv"]) == 0
    said = capsys.readouterr().out
    for word in ("densities", "dense", "uniform", "Nearest known tasks", "lost"):
        assert word in said
    assert (tmp_path / "out.svg").read_text().startswith("<?xml")
    designs = vsrnn.read_designs("designs.csv")
    assert len(designs) == module.LISTED + 2
    assert main([*given, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told["designs"]] == [d.name for d in designs]
    assert main([*given, "--figure", "out.txt"]) == 2
    assert "a figure ends in" in capsys.readouterr().err
    assert main(["choose", "--inputs", "30"]) == 2
    assert "give the number of outputs" in capsys.readouterr().err


def test_estimators_take_the_first_choice(data):
    x, y = data
    model = vsrnn.SparseRNNClassifier(800, "choose", epochs=2, random_state=0)
    model.fit(x, y)
    assert len(set(model.model_.geometry.density)) > 1
    assert model.model_.geometry.weights == pytest.approx(800, rel=0.1)
    with pytest.raises(vsrnn.VsrnnError, match="or 'choose', not 'best'"):
        vsrnn.SparseRNNClassifier(800, "best").fit(x, y)
