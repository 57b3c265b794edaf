"""Tables of Adroit Hammer: success and more by design, expert, data and size."""

from __future__ import annotations

from collections.abc import Sequence

from pandas import DataFrame

from vsrnn.analysis._labels import EXPERT_LABELS, PROPORTION
from vsrnn.analysis._scores import (
    intervals,
    learning_curve,
    ordered,
    stored,
    together,
)
from vsrnn.design.design import get_design, list_designs
from vsrnn.errors import VsrnnError
from vsrnn.forecast import SCORE, scored

HAMMER_10K = tuple(f"10AH{number:02}" for number in range(18))
"""The published designs of about 10,000 weights that the paper compares on Hammer."""

HAMMER_FIVE = ("10AH12", "10AH00", "10AH01", "10AH10", "10AH13")
"""Dense, uniform, dense hidden block, dense input block and LSTM at 10,000 weights."""

SUCCESS, RETURN, EXPLAINED = "success [%]", "return", "explained variance [%]"
MEASURES = (SUCCESS, RETURN, EXPLAINED)
"""How well a model plays (two), and how well it says what the expert would do."""

BUDGET, DEMONSTRATIONS = "budget [weights]", "demonstrations [episodes]"


def hammer_runs(names: Sequence[str], live: DataFrame | None = None) -> DataFrame:
    """Runs trained now above those of committed tables, one row a run.

    What they imitate, ``source`` in a table, is in ``expert``.

    Args:
        names: of tables; those that do not exist are left out.
        live: runs trained now, none if absent.

    >>> hammer_runs(["nothing"]).empty
    True
    """
    tables = [DataFrame() if live is None else live, *map(stored, names)]
    return together(*(table.rename(columns={"source": "expert"}) for table in tables))


def hammer_curves(names: Sequence[str], live: DataFrame | None = None) -> DataFrame:
    """Learning curves of the same runs, one row a run and epoch."""
    return hammer_runs([f"{name}_curves" for name in names], live)


def hammer_success(runs: DataFrame, designs: Sequence[str] = HAMMER_FIVE) -> DataFrame:
    """How the runs of some designs do by each measure, with means and intervals.

    Args:
        runs: one row a run, as `hammer_runs` gives them.
        designs: names, in the order wanted.

    Returns:
        One row a run and measure: source, scale, expert, design, measure ("success
        [%]", "return", or "explained variance [%]" of the expert's actions in the
        validation episodes), seed and value; of its design mean, low, high and seeds.
    """
    keys = ["source", "scale", "expert", "design", "measure"]
    each = _measured(runs[runs["design"].isin(designs)])
    groups = intervals(each, keys, "value")
    table = each.dropna(subset=["value"])[[*keys, "seed", "value"]]
    return _sorted(table.merge(groups, on=keys), [*keys, "seed"], designs)


def hammer_curve(
    runs: DataFrame, curves: DataFrame, designs: Sequence[str] = HAMMER_FIVE
) -> DataFrame:
    """Share of the variance of the expert's actions explained, by epoch.

    It is that of the validation episodes, as mean and interval over each design's
    seeds; arguments as `learning_curve` takes them.
    """
    table = learning_curve(runs, curves, designs, by=["expert"])
    keys = ["source", "scale", "expert", "design", "epoch"]
    return _sorted(table, keys, designs)


def hammer_ranking(runs: DataFrame, designs: Sequence[str] = HAMMER_10K) -> DataFrame:
    """Designs by mean success, then return, then explained variance, best first.

    The order is that of the first expert that has runs.

    Args:
        runs: runs of one scale, one row each, as `hammer_runs` gives them.
        designs: names; those without a run yet come last.

    Raises:
        VsrnnError: the runs are of more than one scale.
    """
    if runs["scale"].nunique() > 1:
        raise VsrnnError("a ranking compares runs of one scale; select one first")
    keys = ["expert", "design", "measure"]
    each = _measured(runs[runs["design"].isin(designs)])
    known = list_designs("hammer").set_index("name").loc[list(designs)]
    frame = DataFrame(
        {
            "design": list(designs),
            PROPORTION: known["hidden_proportion"].to_numpy(),
            "weights": known["weights"].round().astype(int).to_numpy(),
        }
    )
    experts = DataFrame({"expert": list(EXPERT_LABELS)})
    measures = DataFrame({"measure": MEASURES})
    table = experts.merge(frame, how="cross").merge(measures, how="cross")
    table = table.merge(intervals(each, keys, "value"), on=keys, how="left")
    table["seeds"] = table["seeds"].fillna(0).astype(int)
    table.insert(1, "scale", runs["scale"].iloc[0] if len(runs) else "paper")
    return _sorted(table.round(4), keys, _best_first(table))


def hammer_demonstrations(
    runs: DataFrame, designs: Sequence[str] = HAMMER_10K
) -> DataFrame:
    """The measures against the number of episodes imitated, by design.

    Args:
        runs: with few demonstrations and with the published number, one row each, as
            `together` gives them; an expert with one number only is left out.
        designs: names, in the order wanted.
    """
    chosen = runs[runs["design"].isin(designs)]
    chosen = chosen.rename(columns={"demonstrations": DEMONSTRATIONS})
    keys = ["expert", "scale", "design", "measure", DEMONSTRATIONS, "epochs"]
    table = intervals(_measured(_varied(chosen, DEMONSTRATIONS)), keys, "value")
    return _sorted(table, keys, designs)


def hammer_size(runs: DataFrame) -> DataFrame:
    """The measures against the number of weights, by arrangement.

    Named designs of one arrangement, that is of the same six densities or LSTMs, are
    those of different budgets. Arrangements with one budget only are left out.

    Args:
        runs: one row a run, as `hammer_runs` gives them.
    """
    budget = list_designs("hammer").set_index("name")["budget"]
    known = runs[runs["design"].isin(budget.index)]
    known = known.assign(arrangement=[arrangement(name) for name in known["design"]])
    known[BUDGET] = known["design"].map(budget).astype(int)
    keys = ["expert", "scale", "arrangement", "measure", BUDGET]
    each = _measured(_varied(known, BUDGET, "arrangement"))
    return _sorted(intervals(each, keys, "value"), keys)


def _varied(runs: DataFrame, column: str, *by: str) -> DataFrame:
    """Runs of the experts, and other groups, that have a column at several values."""
    return runs[runs.groupby(["expert", *by])[column].transform("nunique") > 1]


def arrangement(name: str) -> str:
    """What designs of different budgets share: six densities, or the model.

    >>> arrangement("10AH10"), arrangement("25AHV04"), arrangement("10AH13")
    ('1 .2 .2 / 1 1 .2', 'dense', 'LSTM')
    """
    design = get_design("hammer", name)
    if design.model == "lstm":
        return "LSTM"
    shares = [f"{density:g}".removeprefix("0") for density in design.density]
    if len(set(shares)) == 1:
        return "dense" if shares[0] == "1" else f"uniform {shares[0]}"
    return f"{' '.join(shares[:3])} / {' '.join(shares[3:])}"


def _measured(runs: DataFrame) -> DataFrame:
    """One row a run and measure; a run that diverged has no success."""
    runs = scored(runs).rename(columns={SCORE: SUCCESS, "test_return": RETURN})
    runs[EXPLAINED] = 100.0 * runs["val_accuracy"].astype(float)
    names = [name for name in runs if name not in MEASURES]
    return runs.melt(names, list(MEASURES), "measure", "value")


def _sorted(
    table: DataFrame, by: Sequence[str], designs: Sequence[str] = ()
) -> DataFrame:
    orders = {"expert": list(EXPERT_LABELS), "measure": MEASURES, "design": designs}
    return ordered(table, by, **orders).round(4)


def _best_first(table: DataFrame) -> list[str]:
    """Designs by all measures with the first expert, and then with the others."""
    scores = table.pivot_table(
        index="design", columns=["expert", "measure"], values="mean", dropna=False
    )
    order = [(expert, name) for expert in EXPERT_LABELS for name in MEASURES]
    return list(scores.reindex(columns=order).sort_values(order, ascending=False).index)
