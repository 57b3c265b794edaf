"""Moving weights: made-up runs of a known truth, claims, and what is drawn of them."""

import json
from pathlib import Path

import drawn
import numpy as np
import pandas as pd
import pytest

from vsrnn import get_method
from vsrnn.plot.registry import FIGURES
from vsrnn.plot.style import STYLES
from vsrnn.studies import adaptation as study
from vsrnn.studies import moved, open_page
from vsrnn.studies.page import figures_of
from vsrnn.tasks import sizes, task_class

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "adaptation.ipynb"
TRUTH = {
    **{"static": 0.0, "set": 0.1, "rigl": 0.25, "across": 0.6, "across, random": -0.1},
    **{"steer": 0.8, "across, fan-in": 0.7, "across, raw": 0.5},
}
"""Share of the gap that arms recover."""


def known_order(task):
    """Different designs of a pool: uniform, then the one made worst, then the best."""
    return list({each.density: each for each in moved.designs(task)}.values())[:3]


def level(labels, config):
    """The value that a run has from its first epoch to its last."""
    if labels["arm"] == "pool":
        order = [each.density for each in known_order(config.task)]
        pool = dict(zip(order, (0.7, 0.62, 0.92), strict=True))
        return pool.get(config.design.density, 0.8)
    start = {"worst": 0.62, "best": 0.92, "uniform": 0.7, "dense": 0.75}[
        labels["start"]
    ]
    return start + (0.92 - start) * TRUTH.get(labels["arm"], 0.3) + 0.001 * config.seed


def curve(labels, config):
    """One row an epoch."""
    kind, last = task_class(config.task), 15 if config.epochs is None else config.epochs
    value = np.full(last, level(labels, config))
    if config.task == moved.SHIFTING and labels["arm"] not in ("pool", "restart"):
        back = {"static": 9, "across": 4, "recycle": 99}.get(labels["arm"], 7)
        over = config.task_options.get("over", 0)
        value[15 : 15 + back + over - 1] = 0.1
        value[15 + back + over - 1 :] = 0.95
    epochs = np.arange(1, last + 1)
    hidden = np.linspace(100, 200, last) * (2 if labels["start"] == "best" else 1)
    counts = {f"weights_{b}": 50.0 for b in ("hx", "hy", "yx", "yh", "yy")}
    return pd.DataFrame(
        {"id": config.id, "task": config.task, "epoch": epochs, "weights_hh": hidden}
        | {f"val_{kind.measure}": value, "weights": hidden + 250, **counts}
    )


@pytest.fixture(scope="module")
def page():
    """All runs of the protocol, with a pool whose best and worst are known."""
    pools = [
        ({"arm": "pool", "start": c.design.name}, c)
        for task in (*moved.BUDGETS, moved.SHIFTING)
        for c in moved.pool(task)
    ]
    first = pd.concat([curve(*each) for each in pools]).drop_duplicates()
    plan = moved.labelled(first)
    curves = pd.concat([curve(*each) for each in plan]).drop_duplicates(["id", "epoch"])
    runs = pd.DataFrame(
        {"id": c.id, "task": c.task, "scale": "quick", "score": level(labels, c) - 0.01}
        | {"hidden_proportion": 0.4}
        for labels, c in plan
    ).drop_duplicates("id")
    known = {"made": runs, "made_curves": curves}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "committed_runs", known.get)
        return open_page("adaptation", results="made")


@pytest.fixture(scope="module")
def nothing():
    return open_page("adaptation", results="nothing")


def test_pools_spend_one_budget_at_one_size_and_every_arm_fits():
    for task, budget in moved.BUDGETS.items():
        pool = moved.designs(task)
        inputs, outputs = sizes(task)
        counts = [each.geometry(inputs, outputs).weights for each in pool]
        np.testing.assert_allclose(counts, budget, atol=2)
        assert len({each.hidden for each in pool}) == 1 and len(pool) == 8
        dense = moved.dense(task).geometry(inputs, outputs)
        assert set(dense.density) <= {0, 1} and dense.hidden < pool[0].hidden
        assert dense.weights == pytest.approx(budget, rel=0.1)
    labels = [labels for labels, _ in moved.moving("match", 0, pool[1], pool[2])]
    assert len(labels) == 18 and labels[5] == {"start": "uniform", "arm": "steer"}


def test_the_best_and_the_worst_of_a_pool_are_those_of_its_curves(page):
    curves = page.data.curves
    for task in moved.BUDGETS:
        order, (_, worst, best) = moved.ranked(task, curves), known_order(task)
        speed = moved.speeds(task, curves)
        assert order[0].density == best.density
        assert order[-1].density == worst.density
        assert speed[next(iter(moved.pool(task))).id] == pytest.approx(0.7)
        assert moved.ranked(task, curves[curves["task"] != task]) == []
    steer = [c for _, c in moved.labelled(curves) if c.method[0].name == "steer"]
    best = known_order("match")[2].geometry(*sizes("match")).block_weights
    shares = next(dict(c.method[0].shares) for c in steer if c.task == "match")
    total = sum(best.values())
    assert shares == pytest.approx({b: n / total for b, n in best.items()}, abs=1e-3)


def test_recovered_shares_are_of_the_gap_to_the_best(page):
    table = page.table("adaptation_recovered").set_index(["task", "arm"])
    for task in moved.BUDGETS:
        for arm in moved.WAYS:
            row = table.loc[(task_class(task).label, arm)]
            assert row["mean"] == pytest.approx(100 * TRUTH[arm]) and row["seeds"] == 5
            assert row["gap [points]"] == pytest.approx(30)
    claims = page.claims().set_index("claim")["verdict"]
    label = task_class("match").label
    assert claims[study.HALF.format("across", label)] == "holds"
    assert claims[study.HALF.format("rigl", label)] == "reversed"
    gains, gap = moved.recovered(page.data.plan, "match", "across", "uniform")
    assert gap == pytest.approx(22) and gains.mean() == pytest.approx(60)
    gains, gap = moved.recovered(page.data.plan, "match", "across", "best")
    assert gains.empty and gap == pytest.approx(0)  # no gap, nothing to recover


def test_regret_is_what_the_best_has_more(page):
    table = page.table("adaptation_regret").set_index(["panel", "arm"]).sort_index()
    for panel in (study.REGRET, study.LOST):
        for arm, rest in (("static", 30), ("across", 12), ("dense, static", 17)):
            rows = table.loc[(panel, arm)]
            np.testing.assert_allclose(rows["regret [points]"].astype(float), rest)
            assert rows["tasks"].iloc[0] == 8
    scales = page.table("adaptation_scales").groupby("arm")["mean"].first()
    assert scales["across, fan-in"] == pytest.approx(3)  # .1 of a gap of 30
    assert scales["across, raw"] == pytest.approx(-3)
    claims = page.claims().set_index("claim")
    assert claims.loc[study.STEERED, "value"] == pytest.approx(6)
    assert claims.loc[study.SOONER.format("across", "worst"), "verdict"] == "holds"
    words = study.SOONER.format("across, random", "worst")
    assert claims.loc[words, "verdict"] == "reversed"


def test_epochs_to_regain_are_counted_from_the_change(page):
    table = (
        page.table("adaptation_recovery")
        .set_index(["panel", "change", "arm"])
        .sort_index()
    )
    for panel in ("at once", "over 5 epochs"):
        for change in moved.CHANGES:
            found = table.loc[(panel, change)]["mean"]
            assert found["static"] == 9 and found["across"] == 4
            assert found["restart"] == 16 - 5 * (panel != "at once")  # never there
            assert found["recycle"] == found["restart"]
    claims = page.claims().set_index("claim")
    row = claims.loc[study.REGAINS.format("across", "lag", "at once")]
    assert row["value"] == 5 and row["unit"] == "epochs"


def test_shares_are_those_of_the_weights_by_epoch(page):
    table = page.table("adaptation_shares")
    own = table[(table["task"] == "glyphs") & (table["start"] == "worst")]
    assert own["mean"].iloc[0] == pytest.approx(0.5)  # 100 of 200
    assert own["mean"].iloc[-1] == pytest.approx(2 / 3)
    assert set(own["best"]) == {0.4}
    blocks = page.table("adaptation_blocks")
    total = blocks.groupby(["panel", "epoch"])["share [%]"].sum()
    np.testing.assert_allclose(total, 100)
    row = blocks.query("panel == 'from the worst start' and epoch == 1")
    assert row.set_index("block")["share [%]"]["hh"] == pytest.approx(100 * 100 / 350)


def test_two_networks_serve_a_stream_here():
    table = study.served(400)
    assert set(table["moves"]) == {"across", "static"}
    assert table["step"].tolist() == [100, 200, 300] * 2
    [ax] = FIGURES["adaptation_stream"].draw(table).axes
    shown = {tuple(points) for points in drawn.curves(ax).values()}
    for _, own in table.groupby("moves"):
        pairs = zip(own["step"], own["squared error"], strict=True)
        assert tuple((float(x), float(y)) for x, y in pairs) in shown


@pytest.mark.parametrize("style", STYLES)
def test_figures_show_their_tables(page, nothing, style):
    for name in set(figures_of("adaptation")) - {"adaptation_stream"}:  # made here
        empty = FIGURES[name].draw(nothing.table(name), style=style)
        words = [w for ax in empty.axes for w in drawn.words(ax)]
        assert "no runs yet" in words, name
    table = page.table("adaptation_recovered")
    [ax] = FIGURES["adaptation_recovered"].draw(table, style=style).axes
    points = sorted(x for x, _ in drawn.markers(ax, study.LOOKS["across"]["color"]))
    np.testing.assert_allclose(points, sorted(table.query("arm == 'across'")["mean"]))
    table = page.table("adaptation_shares")
    figure = FIGURES["adaptation_shares"].draw(table, style=style)
    for ax, (_, rows) in zip(
        figure.axes, table.groupby("panel", sort=False), strict=True
    ):
        shown = sorted(y for line in drawn.curves(ax).values() for _, y in line)
        np.testing.assert_allclose(shown, sorted(rows["mean"]))
    assert nothing.claims().empty
    assert nothing.numbers()["stored_runs"].startswith("0 of ")


def test_a_live_run_starts_from_the_worst(page):
    poor = moved.ranked(moved.LIVE, page.data.curves)[-1]
    assert poor.density == known_order(moved.LIVE)[1].density
    method = get_method(**moved.ARMS["across"])
    assert method.as_dict() == {"name": "across"}


def test_the_short_answer_says_what_the_claims_say(page, nothing):
    text = "".join(json.loads(NOTEBOOK.read_text())["cells"][0]["source"])
    numbers = page.numbers()
    assert numbers["sooner"] == "learn sooner" and numbers["steer"] == "better than"
    assert numbers["half_across"] == "8 of 8" and numbers["share_across"] == "60"
    assert numbers["half_rigl"] == "0 of 8"
    for name in ("sooner", "higher", "half_across", "half_rigl", "share_across"):
        assert "{{" + name + "}}" in text
    assert "not been tried often enough" in nothing.numbers()["sooner"]


def test_headings_say_what_stored_runs_show():
    page, text = open_page("adaptation"), NOTEBOOK.read_text()
    table = page.table("adaptation_recovered").dropna(subset=["mean"])
    middle = table.groupby("arm")["mean"].median()
    assert "Gradients across blocks find what is missing" in text
    assert middle["across"] > 1.2 * middle[["set", "rigl", "across, random"]].max()
    half = page.numbers()["half_across"]
    assert int(half.split()[0]) >= 6  # as was looked for
    assert "What is left to the best arrangement is about nothing" in text
    regret = page.table("adaptation_regret").groupby(["panel", "arm"])["mean"].first()
    for panel in (study.REGRET, study.LOST):
        assert abs(regret[panel, "across"]) < 3 and regret[panel, "static"] > 8
    assert "The hidden proportion hardly moves; other blocks do" in text
    shares = page.table("adaptation_shares").query("start == 'worst'")
    ends = shares.groupby("task")["mean"].agg(lambda own: own.iloc[-1] - own.iloc[0])
    assert ends.abs().median() < 0.05
    blocks = page.table("adaptation_blocks").query("panel == 'from the worst start'")
    outputs = blocks[blocks["block"].str.startswith("y")]
    total = outputs.groupby("epoch")["share [%]"].sum()
    assert total.iloc[-1] > total.iloc[0] + 15
