"""Tables of the study: hidden proportion against score and learning speed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas import DataFrame

from vsrnn.analysis._labels import CHANCE, PROPORTION
from vsrnn.errors import VsrnnError
from vsrnn.forecast import SCORE
from vsrnn.forecast.effects import AREA, EPOCHS
from vsrnn.forecast.effects import designs_by_table as by_table
from vsrnn.runs.tables import study_curves as study_curves
from vsrnn.runs.tables import study_runs as study_runs
from vsrnn.studies.hidden_proportion import NAMED as NAMED
from vsrnn.studies.hidden_proportion import RANDOM as RANDOM
from vsrnn.studies.hidden_proportion import STUDY as STUDY
from vsrnn.tasks import SIZES

HIDDEN = "hidden [units]"
_NAMES = {
    "hidden_proportion": PROPORTION,
    "hidden": HIDDEN,
    "weights": "weights [expected]",
    "seeds": "runs",
}


def proportion_study(runs: DataFrame) -> DataFrame:
    """Designs with their hidden proportion and score, table by table.

    The hidden proportion is the expected one. A design is one row with the mean over
    its runs; a diverged run counts as a guess.

    Args:
        runs: as `study_runs` gives them.

    >>> table = proportion_study(study_runs(["rad_100k"]))
    >>> list(table.columns)[3:5]
    ['hidden proportion [fraction]', 'score [%]']
    """
    known = pd.concat([each for _, each in by_table(runs)], ignore_index=True)
    columns = ("table", "scale", "design", "hidden_proportion", SCORE)
    more = ("hidden", "weights", "seeds", "diverged")
    return known[[*columns, *more]].rename(columns=_NAMES)


def learning_speed(
    runs: DataFrame, curves: DataFrame, passed: float = 40.0
) -> DataFrame:
    """How soon the runs of each design learn, beside its hidden proportion.

    Two measures: validation accuracy averaged over all epochs (the area under the
    curve over its length), and the first epoch that passes a threshold. An epoch that
    a diverged run did not reach counts as a guess. A run that never passes counts as
    passing in the epoch after the last, and a design that way in most of its runs has
    `never` set.

    Args:
        runs: as `study_runs` gives them.
        curves: as `study_curves` gives them.
        passed: the threshold, validation accuracy [%].
    """
    epochs = int(runs["epochs"].max())
    lines = curves.drop_duplicates(["id", "epoch"]).pivot(
        index="id", columns="epoch", values="val_accuracy"
    )
    failed = runs.loc[runs["score"].isna(), "id"]
    known = runs[runs["id"].isin([*lines.index, *failed])]
    if known.empty:
        raise VsrnnError("the curves are of other runs; give those of the same tables")
    grid = 100.0 * lines.reindex(index=known["id"], columns=range(1, epochs + 1))
    grid = grid.astype(float).fillna(CHANCE).to_numpy()  # (runs, epochs)
    over = np.hstack([grid > passed, np.ones((len(grid), 1), bool)])
    columns = {AREA: grid.mean(1), EPOCHS: 1 + over.argmax(1)}
    speed = known.assign(**columns, never=~over[:, :-1].any(1))
    means = speed.groupby(["table", "design"], sort=False)[[*columns, "never"]].mean()
    keys = ["table", "design"]
    table = proportion_study(known).merge(means.round(4).reset_index(), on=keys)
    table["never"] = table["never"] > 0.5
    return table.assign(**{"threshold [%]": passed, "trained [epochs]": epochs})


def proportion_draws(
    number: int = 1000, budget: int = 100_000, seed: int = 0
) -> DataFrame:
    """Which hidden proportions the published random searches draw, and the even one.

    Args:
        number: designs drawn from each distribution.
        budget: weights, for the distributions that take a budget.
        seed: of the draws.

    Returns:
        The distribution function of each at 201 points: distribution, drawn (designs;
        those that no hidden size fits are left out), budget [weights] (0 for none),
        share of draws [%], hidden proportion [fraction], and below .3 [%].
    """
    from vsrnn.design.random import BUDGETED, DISTRIBUTIONS
    from vsrnn.tasks.designs import draw_designs

    shares = np.linspace(0, 100, 201)
    tables = []
    for name in DISTRIBUTIONS:
        spent = budget if name in BUDGETED else 0
        designs = draw_designs("rad", name, number, seed=seed, budget=spent or None)
        built = [d.geometry(*SIZES["rad"]) for d in designs if d.hidden]
        found = np.array([geometry.hidden_proportion for geometry in built])
        columns = {
            "distribution": name,
            "drawn": len(found),
            "budget [weights]": spent,
            "share of draws [%]": shares,
            PROPORTION: np.percentile(found, shares),
            "below .3 [%]": 100 * np.mean(found < 0.3),
        }
        tables.append(DataFrame(columns))
    return pd.concat(tables, ignore_index=True)
