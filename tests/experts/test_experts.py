"""The search for an expert at the hammer: its plans, its gate and its record."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")

from safetensors import safe_open

from experts import __main__, distil
from experts.plan import (
    ALL_HEIGHTS,
    ONE_HEIGHT,
    Simulation,
    disturbance,
    find_plan,
    plan_actions,
)
from vsrnn.errors import VsrnnError
from vsrnn.tasks.adroit import HAMMER, make_environment
from vsrnn.tasks.hammer import EXPERT
from vsrnn.tasks.policy import load_policy

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = {"iterations": 2, "population": 5, "elite": 2, "horizon": 8}


def test_the_same_seed_finds_the_same_plan():
    searches = replace(ONE_HEIGHT, **SHORT), replace(ALL_HEIGHTS, **SHORT)
    lines: list[str] = []
    plans = [find_plan(seed, lines.append, *searches) for seed in (1, 1, 2)]
    assert plans[0].shape == (2, 12, 26)
    assert np.array_equal(plans[0], plans[1])
    assert not np.array_equal(plans[0], plans[2])
    assert lines[:4] == lines[4:8]
    assert [line[:4] for line in lines[:4]] == ["A  0", "A  1", "B  0", "B  1"]


def test_a_plan_goes_through_its_knots_and_varies_evenly_with_height():
    plan = np.random.default_rng(0).uniform(-0.4, 0.4, (2, 12, 26))
    low, middle, high = (plan_actions(plan, z, 80) for z in (0.10, 0.175, 0.25))
    assert np.allclose(middle[:72:6], plan[0])
    assert np.allclose(high[:72:6], plan.sum(0))
    assert np.allclose((low + high) / 2, middle)
    assert np.allclose(middle[3], (plan[0, 0] + plan[0, 1]) / 2)
    assert np.allclose(middle[66:], plan[0, -1])  # held
    assert np.abs(plan_actions(5 * plan, 0.175, 80)).max() == 1


def test_disturbances_keep_their_size_and_follow_themselves():
    drawn = disturbance(np.random.default_rng(0), 4_000, 0.2)
    assert drawn[20:].std() == pytest.approx(0.2, rel=0.03)
    follows = np.mean(drawn[21:] * drawn[20:-1]) / np.mean(drawn[20:] ** 2)
    assert follows == pytest.approx(0.7, abs=0.02)


def test_the_search_sees_the_physics_of_the_environment():
    """The simulation alone ends where the environment does, for the same actions."""
    env = make_environment(HAMMER.environment)
    env.reset(seed=5)
    board = env.unwrapped.model.body_pos[env.unwrapped.target_body_id, 2]
    actions = np.random.default_rng(5).uniform(-1, 1, (30, 26))
    for action in actions:
        env.unwrapped.step(action)
    ended = env.unwrapped.data.qpos.copy()
    simulation = Simulation()
    score, success = simulation.judge(actions, float(board))
    assert np.array_equal(simulation.data.qpos, ended)
    assert not success
    assert score < 0


def test_only_an_expert_is_accepted(monkeypatch):
    tried: list[int] = []

    def useless(plan, seed, log):
        tried.append(seed)
        policy = load_policy(EXPERT, HAMMER)
        still = {name: 0 * policy.arrays[name] for name in ("W2", "b2")}
        good = seed == 9
        return policy if good else type(policy)(policy.arrays | still)

    monkeypatch.setattr(__main__, "HELD_OUT", range(1_000, 1_003))
    monkeypatch.setattr(__main__, "find_plan", lambda *arguments: None)
    monkeypatch.setattr(__main__, "distil", useless)
    policy, seed = __main__.find_expert([4, 9, 5], lambda line: None)
    assert (seed, tried) == (9, [4, 9])
    assert policy.checksum == load_policy(EXPERT, HAMMER).checksum
    with pytest.raises(VsrnnError, match="no seed led to an expert"):
        __main__.find_expert([4], lambda line: None)


def test_what_is_distilled_acts_as_it_was_shown(monkeypatch):
    """A network fitted to a linear rule gives that rule, in the plain format."""
    rng = np.random.default_rng(0)
    causes = rng.normal(0, 1, (4, 200, 3))
    seen = causes @ rng.normal(0, 1, (3, 46)) + 5
    wanted = causes @ rng.normal(0, 0.2, (3, 26))
    monkeypatch.setattr(distil, "_shown", lambda *arguments: (seen, wanted))
    policy = distil.distil(np.zeros(0), 0, lambda line: None, noise=0.25)
    assert np.abs(policy(seen[0]) - wanted[0]).mean() < 0.1 * np.abs(wanted).mean()
    assert np.allclose(np.exp(policy.arrays["log_std"]), 0.25)


def test_the_record_of_the_search_is_that_of_the_expert():
    record = Path(__main__.__file__).with_name("hammer.log").read_text(encoding="utf-8")
    with safe_open(EXPERT, framework="np") as file:
        notes = file.metadata()
    assert record.rsplit("seed ", 1)[1].startswith(notes["seed"])
    assert f"mujoco {notes['mujoco']}" in record
    assert "held-out episodes without noise: success 100%" in record
