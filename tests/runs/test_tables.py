"""Tables of runs: committed ones are read, live ones come first."""

import pandas as pd
import pytest

import vsrnn
from vsrnn.runs.tables import (
    committed_runs,
    concat_runs,
    order_rows,
    study_curves,
    study_runs,
)


def test_the_tables_that_are_committed_are_read():
    runs = study_runs(["nothing", "rad_100k"])
    stored = vsrnn.get_results("rad_100k")
    assert set(runs["id"]) == set(stored.loc[stored["model"] == "block", "id"])
    assert set(runs["id"]) <= set(study_curves(["nothing", "rad_100k"])["id"])
    both = study_runs(["rad_100k"], ["block", "lstm"])
    assert set(both["design"]) - set(runs["design"]) == {"lstm_"}
    with pytest.raises(vsrnn.VsrnnError, match="none of the tables nothing"):
        study_runs(["nothing"])
    for name in ("nothing", "nothing_curves"):
        assert committed_runs(name).empty


def test_numbers_of_demonstrations_are_tables_of_their_own():
    runs = study_runs(["hammer_few"])
    few = vsrnn.get_results("hammer_few").query("model == 'block'")
    counts = few["demonstrations"].value_counts()
    assert runs["table"].value_counts().to_dict() == {
        f"hammer_few, {number} demonstrations": count
        for number, count in counts.items()
    }


def test_live_runs_come_before_stored_ones():
    live, stored = (
        pd.DataFrame({"id": [end], "seed": [0], "nothing": [None]}) for end in "ab"
    )
    both = concat_runs(live, stored)
    assert both["source"].tolist() == ["trained here", "stored"]
    assert "nothing" not in both
    assert order_rows(both.iloc[::-1], ["source"])["id"].tolist() == ["a", "b"]
    assert concat_runs(pd.DataFrame()).empty
