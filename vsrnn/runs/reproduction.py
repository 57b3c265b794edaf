"""When a run that was trained again agrees with the committed one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vsrnn.design.geometry import BLOCKS
from vsrnn.runs.run import Result
from vsrnn.runs.store import curve_table, table
from vsrnn.tasks import task_class

if TYPE_CHECKING:
    import pandas as pd

IDENTICAL, WITHIN, DIFFERENT = "identical", "within tolerance", "different"
VERDICTS = (IDENTICAL, WITHIN, DIFFERENT)
ROUNDING, CHAOS = 3e-4, 0.3
"""Tolerance of the first epoch's loss: share of it, and of what it fell meanwhile."""
DEVIATIONS = 4.0
"""Tolerance of the score [standard deviations of the difference of two counts]."""

CURVE = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
_ENDS = ("score", *CURVE)
_MASKS = ("total_weights", "parameters", *(f"weights_{block}" for block in BLOCKS))


def compare(
    row: Mapping[str, Any], curve: pd.DataFrame, result: Result
) -> dict[str, Any]:
    r"""Compare a run as committed with the same run as trained here.

    A run is *identical* when every number of its row and curve is, to the seven digits
    that a table holds. Another processor or library adds numbers in another order,
    and training lets the last digits grow, the faster the more a network learns. So
    a run is *within tolerance* when it has the same data, as many weights in each
    block, the same end (none diverges), and

    .. math::

        |\ell' - \ell| \le 0.0003\, \ell + 0.3\, |\ell - v|, \qquad
        |a' - a| \le 4 \sqrt{2 \max(\bar a (1 - \bar a), 1 / n) / n}

    with the mean training loss :math:`\ell` of the first epoch, the validation loss
    :math:`v` at its end, and the score :math:`a`: the test accuracy over :math:`n`
    sequences, or the share of :math:`n` played episodes that succeed; where the score
    is a mean return, the variance between episodes is in the place of
    :math:`\bar a (1 - \bar a)`. A prime marks what was trained here, a bar the mean
    of both. Anything else is *different*.

    Rounding has grown least in the first epoch, so its loss tells a wrong run from a
    rounded one, as the weights of each block do; later, only scores compare, as those
    of two networks trained alike. Runs of the scale `quick`, fast random designs among
    them, trained once with the newest and once with the oldest processor instructions,
    needed a small part of the room for the loss (one thread or two gave the same bits).
    Random designs of the scale `paper` that a GPU had trained needed up to seven tenths
    of it on a processor, since the rate at which they learn lets the last digits of
    initial weights decide when learning begins. The figure `agreement` shows such
    pairs, and what another seed does: not every wrong run is found.

    Where a task is played, the last digits of an action decide now and then whether
    an episode succeeds. Of runs at the hammer of the scale `paper`, trained and played
    again with the oldest instructions, most changed no episode or one, and one changed
    by more than half of the tolerance. A score of the two episodes of the scale
    `smoke` is never *different*.

    The sequences are made on each machine, alike on an AMD EPYC and an Intel Xeon. A
    processor without AVX2 instructions (35,000 of 800 million pixels of the scale
    `paper`, by one gray level), or another release of kornia, rounds some pixels
    otherwise: then the verdict is *different*, and the reason "other data". The same
    is said where a policy's file is not the one that a run imitated, or another
    release of MuJoCo moves the hand otherwise.

    Args:
        row: the run in its table.
        curve: its epochs in the table of curves; none, and the loss is not compared.
        result: the same config as trained here, or its first epochs.

    Returns:
        What :func:`vsrnn.verify` gives for a run.
    """
    here = table([result]).iloc[0].to_dict()
    points = curve_table([result])
    whole = bool(here["epochs"] == row["epochs"])
    loss, loss_here = _first(curve, "train_loss"), _first(points, "train_loss")
    room = loss_room(loss, _first(curve, "val_loss"))
    shift = {
        "loss_shift": (loss_here - loss) / room,
        "score_shift": _score_shift(row, result) if whole else math.nan,
    }
    ends = [*_ENDS, *(key for key in here if key.startswith("test_") and key in row)]
    same = _same_curve(curve, points) and (not whole or _same(row, here, ends))
    reason = _reason(row, here, shift, whole)
    return (
        {key: row[key] for key in ("id", "design", "scale", "seed")}
        | {"verdict": DIFFERENT if reason else IDENTICAL if same else WITHIN}
        | {"reason": reason}
        | {"score": row["score"], "score_here": here["score"] if whole else math.nan}
        | {"loss": loss, "loss_here": loss_here}
        | shift
        | {key: here[key] for key in ("machine", "torch", "finished")}
    )


def _reason(
    row: Mapping[str, Any],
    here: Mapping[str, Any],
    shift: Mapping[str, float],
    whole: bool,
) -> str:
    """Why a run is different, or nothing."""
    if not _same(row, here, ["data_sha256"]):
        return "other data"
    if not _same(row, here, _MASKS):
        return "other numbers of weights"
    if (whole or here["error"]) and not _same(row, here, ["error"]):
        return f"ends otherwise here ({here['error'] or 'without error'})"
    for name, what in (("loss", "the loss of the first epoch"), ("score", "the score")):
        if abs(shift[f"{name}_shift"]) > 1:
            return f"{what} is off by {abs(shift[f'{name}_shift']):.1f} tolerances"
    return ""


def summary(report: pd.DataFrame) -> str:
    """How many runs of a report have which verdict, in words.

    >>> import pandas as pd
    >>> summary(pd.DataFrame({"verdict": ["identical", "different", "identical"]}))
    'of 3 runs 2 are identical, 0 within tolerance, 1 different'
    """
    counts = [f"{(report['verdict'] == v).sum()} {v}" for v in VERDICTS]
    counts[0] = counts[0].replace(" ", " are ", 1)
    return f"of {len(report)} runs {', '.join(counts)}"


def loss_room(loss: float, after: float) -> float:
    """Tolerance of the first epoch's training loss, see `compare`.

    Args:
        loss: mean training loss of the first epoch.
        after: validation loss at its end.
    """
    return ROUNDING * loss + CHAOS * abs(loss - after)


def _first(curve: pd.DataFrame, name: str) -> float:
    """A value of the first epoch as a table holds it; nan where no curve is kept."""
    values = [point[name] for point in curve.to_dict("records") if point["epoch"] == 1]
    return float(f"{values[0]:.7g}") if values else math.nan


def _score_shift(row: Mapping[str, Any], result: Result) -> float:
    """Score here minus as committed, in tolerances."""
    if result["score"] is None or math.isnan(row["score"]):
        return math.nan
    task, test = task_class(row["task"]), result["test"]
    mean = (row["score"] + result["score"]) / 2
    variance = mean * (1 - mean)
    n = task.scales[row["scale"]].scored
    if task.metric == "return":
        variance = (row["test_return_sd"] ** 2 + test["return_sd"] ** 2) / 2
    deviation = math.sqrt(2 * max(variance, 1 / n) / n)
    return float((result["score"] - row["score"]) / (DEVIATIONS * deviation))


def _same_curve(curve: pd.DataFrame, points: pd.DataFrame) -> bool:
    """Whether the epochs trained here are as in the table, where it has them."""
    pairs = zip(curve.to_dict("records"), points.to_dict("records"), strict=False)
    return all(_same(committed, here, CURVE) for committed, here in pairs)


def _same(
    committed: Mapping[str, Any], here: Mapping[str, Any], keys: Sequence[str]
) -> bool:
    """Whether numbers are equal to the digits of a table; nothing equals nothing."""
    return all(_digits(committed[key]) == _digits(here[key]) for key in keys)


def _digits(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return None if math.isnan(value) else float(f"{value:.7g}")
