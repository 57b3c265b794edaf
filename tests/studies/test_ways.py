"""All ways to be sparse: as many weights each, on one table."""

import pytest

from vsrnn import VsrnnError
from vsrnn.cli import main
from vsrnn.cli._compare import _table
from vsrnn.runs.run import build_model, task_of
from vsrnn.studies import ways as study

PRUNING = ("magnitude", "covariance", "torus and magnitude", "denoising")


def test_every_way_ends_within_its_budget():
    weights = 900
    names = study.ways_of(weights, "parity")
    assert set(names) == set(study.WAYS)
    for name in names:
        config = study.run_of(name, weights, 1e-3, 0, task="parity", scale="smoke")
        assert config.method[-1].name == "robustness"
        model = build_model(config, task_of(config))
        drawn = sum(model.block_weights().values())
        if name in PRUNING:
            final = config.method[-2].density * sum(model.block_entries().values())
            assert final == pytest.approx(weights, rel=0.01)
        elif name != "dense, unpruned":
            assert 0.75 * weights < drawn < 1.12 * weights, name


def test_a_way_that_fits_no_budget_is_left_out():
    names = study.ways_of(9_000, "rad")
    assert "dense, fewer units" not in names and "uniform" in names


def test_the_rate_is_chosen_on_validation_and_the_best_score_comes_first():
    def run(rate, val, score):
        design = {"learning_rate": rate}
        last = {"val_accuracy": val, "intact": val, "noisy": 0.5, "deleted": 0.4}
        result = {"config": {"design": design}, "error": None, "curve": [last]}
        return result | {"score": score, "total_weights": 9, "seconds": {"train": 1}}

    results = [run(0.1, 0.9, 0.6), run(0.2, 0.8, 0.99), run(0.1, 0.7, 0.7)]
    lines = _table(["a", "a", "b"], results, "parity").splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["b", "0.1", "0.7"],
        ["a", "0.1", "0.6"],
    ]


def test_what_is_of_no_use_is_one_sentence(capsys):
    for options, said in (
        (["adding", "--budget", "9999"], "the budget lies below the 4355 weights"),
        (["text", "--budget", "900"], "compared on tasks of numbers; text has symbols"),
        (["adding", "--budget", "900", "--seeds", "0"], "--seeds must be 1 or more"),
    ):
        assert main(["compare", *options]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(VsrnnError, match="not 0; give more units"):
        study.compared("adding", 0, 64, 1)
