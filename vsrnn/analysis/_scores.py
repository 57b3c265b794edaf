"""Tables of scores: intervals over seeds, rankings, learning curves."""

from __future__ import annotations

from collections.abc import Sequence

from pandas import DataFrame

from vsrnn.design.published import RAD_100K, list_designs
from vsrnn.errors import VsrnnError
from vsrnn.forecast import SCORE, scored
from vsrnn.runs.tables import HERE as HERE
from vsrnn.runs.tables import STORED as STORED
from vsrnn.runs.tables import committed_runs as stored
from vsrnn.runs.tables import concat_runs as together
from vsrnn.runs.tables import order_rows as ordered
from vsrnn.stats import intervals as intervals
from vsrnn.stats import welch as welch
from vsrnn.stats import welch_of_means as welch_of_means

FIVE = ("111111_", "000000_", "balanced_0", "lstm_", "rnn_")
"""Dense, uniform, varied, LSTM and plain RNN at 100,000 weights."""

_ACCURACIES = ("train_accuracy", "val_accuracy")


_ENDS = [
    "training accuracy [%]",
    "validation accuracy [%]",
    "best validation accuracy [%]",
    "best epoch",
]


def final_accuracy(
    runs: DataFrame, designs: Sequence[str] = FIVE, by: Sequence[str] = ()
) -> DataFrame:
    """As `final_scores`, of five designs unless others are named."""
    from vsrnn.studies.scores import final_scores

    return final_scores(runs, designs, by)


def learning_curve(
    runs: DataFrame,
    curves: DataFrame,
    designs: Sequence[str] = FIVE,
    by: Sequence[str] = (),
) -> DataFrame:
    """As `mean_curves`, of five designs unless others are named."""
    from vsrnn.studies.scores import mean_curves

    return mean_curves(runs, curves, designs, by)


def design_ranking(runs: DataFrame, designs: Sequence[str] = RAD_100K) -> DataFrame:
    """Designs by mean test accuracy, best first, then those without a run yet.

    The hidden proportion is the expected one; the LSTM has none. Where runs have
    more than one scale, give those of one.

    Raises:
        VsrnnError: the runs are of more than one scale.
    """
    if runs["scale"].nunique() > 1:
        raise VsrnnError("a ranking compares runs of one scale; select one first")
    groups = intervals(scored(runs), ["design"], SCORE)
    known = list_designs("rad").set_index("name").loc[list(designs)]
    table = DataFrame(
        {
            "scale": runs["scale"].iloc[0] if len(runs) else "paper",
            "design": list(designs),
            "hidden proportion [fraction]": known["hidden_proportion"].to_numpy(),
            "weights": known["weights"].round().astype(int).to_numpy(),
        }
    )
    table = table.merge(groups, on="design", how="left")
    table["seeds"] = table["seeds"].fillna(0).astype(int)
    table = table.sort_values("mean", ascending=False, ignore_index=True, kind="stable")
    return _percent(table)


def proportion_score(ranking: DataFrame) -> DataFrame:
    """The designs of a ranking that have both a hidden proportion and a score."""
    both = ["hidden proportion [fraction]", "mean [%]"]
    return ranking.dropna(subset=both).reset_index(drop=True)


def budget_scores(runs: DataFrame, curves: DataFrame) -> DataFrame:
    """Arrangements with runs at several budgets, best at the largest first.

    An arrangement is a kind of model with its six densities; it bears the name of its
    design at the largest budget. The hidden proportion is the expected one.

    Args:
        runs: of named designs on Random Anomaly, of one scale.
        curves: their epochs.

    Returns:
        One row an arrangement and budget: scale, arrangement, design, budget
        [weights], hidden [units], hidden proportion, mean, low and high [%], seeds,
        and means over seeds of training and validation accuracy after the last epoch,
        of the best validation accuracy [%] and of its epoch.
    """
    known = list_designs("rad").rename(columns={"name": "design"})
    kind = ["model", *(name for name in known if name.startswith("density_"))]
    groups = intervals(scored(runs), ["scale", "design"], SCORE)
    groups = groups.merge(_ends_of(curves[curves["id"].isin(runs["id"])]), on="design")
    table = groups.merge(known, on="design").astype({"budget": int})
    table = table.sort_values("budget")
    table["arrangement"] = table.groupby(kind, dropna=False)["design"].transform("last")
    several = table.groupby("arrangement")["budget"].transform("nunique") > 1
    names = {"budget": "budget [weights]", "hidden": "hidden [units]"}
    names |= {"hidden_proportion": "hidden proportion [fraction]"}
    table = table[several].rename(columns=names)
    largest = table.groupby("arrangement")["mean"].transform("last")
    table = table.assign(largest=largest).sort_values(
        ["largest", "arrangement", "budget [weights]"], ascending=[False, True, True]
    )
    first = ["scale", "arrangement", "design", *names.values()]
    ends = ["mean", "low", "high", "seeds", *_ENDS]
    return _percent(table[first + ends].reset_index(drop=True))


def _ends_of(curves: DataFrame) -> DataFrame:
    """How designs end training and where they were best, means over seeds."""
    curves = curves.sort_values("epoch", ignore_index=True)
    curves = curves.astype(dict.fromkeys(_ACCURACIES, float))
    each = curves.groupby(["design", "id"])
    last = each[list(_ACCURACIES)].last() * 100
    best = curves.loc[each["val_accuracy"].idxmax()].set_index(["design", "id"])
    last = last.assign(best=100 * best["val_accuracy"], epoch=best["epoch"])
    return last.set_axis(_ENDS, axis=1).groupby("design").mean().round(4).reset_index()


def _percent(table: DataFrame) -> DataFrame:
    from vsrnn.studies.scores import in_percent

    return in_percent(table)


__all__ = ["ordered", "stored", "together"]
