"""When a run that was trained again agrees with the committed one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vsrnn.runs.rows import MEASURED, table
from vsrnn.tasks import task_class

if TYPE_CHECKING:
    import pandas as pd

    from vsrnn.runs.run import Result

IDENTICAL, WITHIN, DIFFERENT = "identical", "within tolerance", "different"
ROUNDING, CHAOS = 3e-4, 0.3
"""Tolerance of the first epoch's loss: share of it, and of its fall meanwhile."""
DEVIATIONS = 4.0
"""Tolerance of the score [standard deviations of the difference of two counts]."""


def compare(
    row: Mapping[str, Any], curve: pd.DataFrame, result: Result
) -> dict[str, Any]:
    r"""Compare a committed run with the same run trained here.

    A run is *identical* when every number of its row and curve is, to the seven digits
    of a table. It is *within tolerance* when it has the same data, as many weights in
    each matrix, the same end (none diverges), and

    .. math::

        |\ell' - \ell| \le 0.0003\, \ell + 0.3\, |\ell - v|, \qquad
        |a' - a| \le 4 \sqrt{2 \max(\bar a (1 - \bar a), 1 / n) / n}

    with the mean training loss :math:`\ell` of the first epoch, the validation loss
    :math:`v` at its end, and the score :math:`a`: the test accuracy over :math:`n`
    sequences, or the share of :math:`n` played episodes that succeed; where the score
    is a mean return, the variance between episodes takes the place of
    :math:`\bar a (1 - \bar a)`, and where it is an error, :math:`\bar a^2`. A
    prime marks what was trained here, a bar the mean of both. Anything
    else is *different*. The page on verification says why.

    Args:
        row: the run in its table.
        curve: its epochs in the table of curves; without any the loss is not compared.
        result: the same config as trained here, or its first epochs.

    Returns:
        What :func:`vsrnn.verify` gives for a run.
    """
    here = table([result]).iloc[0].to_dict()
    kept = {point["epoch"]: point for point in curve.to_dict("records")}
    points = {point["epoch"]: point for point in result["curve"]}
    full = bool(here["epochs"] == row["epochs"])
    loss, loss_here = (_first(some, "train_loss") for some in (kept, points))
    tolerance = loss_tolerance(loss, _first(kept, "val_loss"))
    shifts = {
        "loss_shift": (loss_here - loss) / tolerance,
        "score_shift": _score_shift(row, result) if full else math.nan,
    }
    reason = _reason(row, here, shifts, full)
    both = [(kept[n], points[n]) for n in kept.keys() & points.keys()]
    same = all(_same(one, two, one.keys() & two.keys()) for one, two in both)
    if full:
        tested = [key for key in here if key.startswith("test_") and key in row]
        same = same and _same(row, here, ["score", *MEASURED, *tested])
    return {
        **{key: row[key] for key in ("id", "design", "scale", "seed")},
        "verdict": DIFFERENT if reason else IDENTICAL if same else WITHIN,
        "reason": reason,
        "score": row["score"],
        "score_here": here["score"] if full else math.nan,
        "loss": loss,
        "loss_here": loss_here,
        **shifts,
        **{key: here[key] for key in ("machine", "torch", "finished")},
    }


def loss_tolerance(loss: float, after: float) -> float:
    """Tolerance of the first epoch's loss; `after` is the validation loss then."""
    return ROUNDING * loss + CHAOS * abs(loss - after)


def _reason(
    row: Mapping[str, Any],
    here: Mapping[str, Any],
    shifts: Mapping[str, float],
    full: bool,
) -> str:
    """Why a run is different, or nothing."""
    weights = [key for key in here if key.startswith("weights_")]
    if not _same(row, here, ["data_sha256"]):
        return "other data"
    if not _same(row, here, ["total_weights", "parameters", *weights]):
        return "other numbers of weights"
    if (full or here["error"]) and not _same(row, here, ["error"]):
        return f"ends otherwise here ({here['error'] or 'without error'})"
    what = {"loss_shift": "the loss of the first epoch", "score_shift": "the score"}
    for name, shift in shifts.items():
        if abs(shift) > 1:
            return f"{what[name]} is off by {abs(shift):.1f} tolerances"
    return ""


def _score_shift(row: Mapping[str, Any], result: Result) -> float:
    """Score here minus the committed one, in tolerances."""
    if result["score"] is None or math.isnan(row["score"]):
        return math.nan
    task, test = task_class(row["task"]), result["test"]
    scale, deviation = task.scales.get(row["scale"]), f"{task.metric}_sd"
    n = scale.scored if scale else result["provenance"]["data"]["sizes"]["test"]
    mean = (row["score"] + result["score"]) / 2
    variance = mean**2 if task.lower_is_better else mean * (1 - mean)
    if deviation in test:  # between episodes
        variance = (row[f"test_{deviation}"] ** 2 + test[deviation] ** 2) / 2
    tolerance = DEVIATIONS * math.sqrt(2 * max(variance, 1 / n) / n)
    return float((result["score"] - row["score"]) / tolerance)


def _first(curve: Mapping[int, Mapping[str, float]], name: str) -> float:
    """A value of the first epoch as a table holds it; nan where no curve is kept."""
    return float(f"{curve[1][name]:.7g}") if 1 in curve else math.nan


def _same(
    committed: Mapping[str, Any], here: Mapping[str, Any], keys: Iterable[str]
) -> bool:
    """Whether values are equal to the digits of a table; missing equals missing."""
    return all(_digits(committed.get(key)) == _digits(here[key]) for key in keys)


def _digits(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return None if math.isnan(value) else float(f"{value:.7g}")
