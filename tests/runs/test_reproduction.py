"""When a run trained again agrees with the committed one, and what says it does not."""

import io

import pandas as pd
import pytest

from vsrnn import Config, Design, run
from vsrnn.runs.reproduction import (
    DIFFERENT,
    IDENTICAL,
    WITHIN,
    compare,
    loss_tolerance,
)
from vsrnn.runs.rows import csv_text, curve_table, table

CONFIG = Config("rad", "111111_", scale="smoke")
DIVERGED = "diverged: training loss not finite in epoch 2"


def committed(result):
    """The row and curve of a result as a committed table gives them."""
    read = [
        pd.read_csv(io.StringIO(csv_text(make([result]))), dtype={"error": str})
        for make in (table, curve_table)
    ]
    return read[0].iloc[0].to_dict(), read[1]


@pytest.fixture(scope="module")
def result():
    return run(CONFIG)


@pytest.fixture
def row(result):
    return committed(result)[0]


@pytest.fixture
def curve(result):
    return committed(result)[1]


def test_the_same_run_is_identical(row, curve, result):
    report = compare(row, curve, result)
    assert report["verdict"] == IDENTICAL and report["reason"] == ""
    assert report["loss_shift"] == report["score_shift"] == 0
    assert report["loss"] == report["loss_here"] == curve["train_loss"][0]
    assert report["score"] == row["score"] and report["score_here"] == result["score"]


def test_digits_beyond_the_seventh_do_not_count(row, curve, result):
    for factor, verdict in ((1 + 1e-9, IDENTICAL), (1 + 3e-6, WITHIN)):
        for name in ("train_loss", "val_accuracy"):
            moved = curve.assign(**{name: curve[name] * factor})
            assert compare(row, moved, result)["verdict"] == verdict
        moved = row | {"test_loss": row["test_loss"] * factor}
        assert compare(moved, curve, result)["verdict"] == verdict


def test_shifts_are_what_is_here_less_what_is_committed_in_tolerances(
    row, curve, result
):
    first = curve.iloc[0]
    room = 0.0003 * first["train_loss"] + 0.3 * abs(
        first["train_loss"] - first["val_loss"]
    )
    assert loss_tolerance(first["train_loss"], first["val_loss"]) == pytest.approx(room)
    here = result["curve"][0] | {"train_loss": first["train_loss"] + 0.25 * room}
    moved = result | {"curve": [here, *result["curve"][1:]], "score": 0.2}
    report = compare(row | {"score": 0.1}, curve, moved)
    assert report["loss_shift"] == pytest.approx(0.25, rel=1e-3)
    n = 128  # test sequences of the scale
    deviation = (2 * 0.15 * 0.85 / n) ** 0.5
    assert report["score_shift"] == pytest.approx(0.1 / (4 * deviation))
    assert report["verdict"] == WITHIN


def test_a_wrong_row_is_different_and_says_why(row, curve, result):
    wrong = {
        "data_sha256": ("0", "other data"),
        "weights_hh": (1, "other numbers of weights"),
        "total_weights": (1, "other numbers of weights"),
        "error": (DIVERGED, "ends otherwise here (without error)"),
        "score": (0.9, "the score is off by"),
    }
    for column, (value, reason) in wrong.items():
        report = compare(row | {column: value}, curve, result)
        assert report["verdict"] == DIFFERENT and reason in report["reason"]
    moved = curve.assign(train_loss=curve["train_loss"] * 1.1)
    report = compare(row, moved, result)
    assert report["verdict"] == DIFFERENT and "first epoch" in report["reason"]


def test_another_seed_is_different():
    for design in ("111111_", "balanced_0", "lstm_"):
        first, other = (
            run(Config("rad", design, "smoke", seed, epochs=1)) for seed in (0, 1)
        )
        assert compare(*committed(first), other)["verdict"] == DIFFERENT


def test_another_number_of_threads_is_within_tolerance(row, curve):
    assert compare(row, curve, run(CONFIG, threads=2))["verdict"] in (IDENTICAL, WITHIN)


def test_runs_that_diverge_in_the_same_way_agree(row, curve, result):
    end = {"error": DIVERGED, "score": None, "test": None}
    lost = row | {
        "error": DIVERGED,
        "score": float("nan"),
        "test_loss": float("nan"),
    }
    assert compare(lost, curve, result | end)["verdict"] == IDENTICAL


def test_epochs_are_compared_by_their_number(row, curve, result):
    """Curves of many epochs are kept thinned; without any the loss is not compared."""
    last = curve.tail(1)
    assert compare(row, last, result)["verdict"] == IDENTICAL
    moved = last.assign(val_loss=last["val_loss"] * 1.01)
    assert compare(row, moved, result)["verdict"] == WITHIN
    weights = curve.assign(weights=[7, 5])
    for left, verdict in ((5, IDENTICAL), (4, WITHIN)):
        first, last = result["curve"]
        points = [first | {"weights": 7}, last | {"weights": left}]
        assert compare(row, weights, result | {"curve": points})["verdict"] == verdict
    report = compare(row, curve.head(0), result)
    assert report["verdict"] == IDENTICAL and pd.isna(report["loss_shift"])
    begun = result | {"epochs": 1, "curve": result["curve"][:1]}
    report = compare(row | {"score": 0.9}, curve, begun)
    assert report["verdict"] == IDENTICAL and pd.isna(report["score_here"])


def test_a_return_may_differ_by_its_deviation_between_episodes(row, curve, result):
    """The kitchen plays 2 episodes at this scale: 4 sqrt(2 / 2) deviations."""
    cases = [(24.0, 2.5, WITHIN), (60.0, 2.5, DIFFERENT), (28.0, 2.5, WITHIN)]
    cases += [(28.0, 0.0, DIFFERENT)]
    for score, deviation, verdict in cases:
        played = {"loss": row["test_loss"], "return": 20.0, "return_sd": deviation}
        here = result | {"score": 20.0, "test": played}
        kept = row | {"task": "kitchen-mixed", "score": score}
        kept |= {"test_return": score, "test_return_sd": 2.5}
        assert compare(kept, curve, here)["verdict"] == verdict


def test_an_error_may_differ_by_a_share_of_itself(row, curve, result):
    """Of 100 cases: 4 sqrt(2 / 100) = 57 % of the mean of both."""
    for score, verdict in ((11.0, WITHIN), (17.0, WITHIN), (19.0, DIFFERENT)):
        kept = row | {"task": "navigation", "score": score}
        here = result | {"score": 10.0, "test": {"loss": row["test_loss"]}}
        assert compare(kept, curve, here)["verdict"] == verdict


def test_a_score_of_ones_own_task_is_of_its_test_sequences():
    own = run(Config("own:Classes", Design("few", 8, (1.0,) * 6)))
    row, curve = committed(own)
    (n,) = [own["provenance"]["data"]["sizes"]["test"]]
    row["score"], mean = own["score"] + 0.25, own["score"] + 0.125
    shift = -0.25 / (4 * (2 * mean * (1 - mean) / n) ** 0.5)
    assert compare(row, curve, own)["score_shift"] == pytest.approx(shift)


@pytest.fixture(scope="module")
def hammered(one_thread):
    """A design that played the hammer, a little."""
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    return run(Config("hammer", "10AH12", "smoke", task_options={"demonstrations": 4}))


def test_a_doctored_run_at_the_hammer_is_noticed(hammered):
    row, curve = committed(hammered)
    assert compare(row, curve, hammered)["verdict"] == IDENTICAL
    doctored = {
        "score": (1.0, WITHIN),  # of two episodes, which say little
        "test_return": (5_000.0, WITHIN),
        "test_accuracy": (0.5, WITHIN),
        "data_sha256": ("0", DIFFERENT),
    }
    for column, (value, verdict) in doctored.items():
        assert compare(row | {column: value}, curve, hammered)["verdict"] == verdict


def test_a_score_of_more_episodes_has_to_be_nearer(hammered):
    row, curve = committed(hammered)
    for scale, near, far in (("quick", 0.5, 1.0), ("paper", 0.1, 0.25)):
        verdicts = [
            compare(row | {"scale": scale, "score": score}, curve, hammered)["verdict"]
            for score in (near, far)
        ]
        assert verdicts == [WITHIN, DIFFERENT]
