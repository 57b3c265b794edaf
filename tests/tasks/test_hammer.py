"""Adroit Hammer: the task, the closed loop that scores, and what can go wrong."""

import json

import numpy as np
import pytest
import torch

from vsrnn import Geometry
from vsrnn.errors import VsrnnError
from vsrnn.models import BlockRNN, PlainRNN, ProjectedLSTM

pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
pytest.importorskip("minari", reason="needs the extra adroit")

from vsrnn.tasks._imitation import PLAYED, Scale, acting
from vsrnn.tasks.adroit import DOOR, HAMMER, STEPS, Played, make_environment, play
from vsrnn.tasks.hammer import EXPERT, Hammer
from vsrnn.tasks.policy import load_policy

pytestmark = pytest.mark.usefixtures("one_thread")

SEEDS = range(20_000, 20_004)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("hammer")


@pytest.fixture(scope="module")
def task(cache):
    return Hammer("smoke", cache=cache)


@pytest.fixture(scope="module")
def expert():
    return load_policy(EXPERT, HAMMER)


@pytest.fixture(scope="module")
def played(expert):
    return play(HAMMER, expert.noisy(SEEDS), SEEDS)


class Imitator(torch.nn.Module):
    """A policy in the place of a model: nothing to remember but how often it acted."""

    def __init__(self, act, spoiled=None):
        super().__init__()
        self.act, self.spoiled = act, spoiled

    def step(self, x, state=None):
        y = torch.from_numpy(self.act(x.double().numpy())).float()
        number = 0 if state is None else state
        if self.spoiled is not None and number == self.spoiled[0]:
            y[0] = self.spoiled[1]
        return y, number + 1


def test_the_environment_is_the_published_one():
    env = make_environment(HAMMER.environment)
    assert env.spec.id == "AdroitHandHammer-v1"
    assert env.spec.max_episode_steps == STEPS == 200
    for robot in (HAMMER, DOOR):
        spaces = make_environment(robot.environment)
        assert spaces.observation_space.shape == (robot.inputs,)
        assert spaces.action_space.shape == (robot.outputs,)


def test_the_published_sizes_are_the_scale_paper():
    assert Hammer.scales["paper"] == Scale(4_500, 250, 250, 25, 64, 100)


def test_palm_and_thing_are_where_a_robot_says():
    for robot, kind, thing in [(HAMMER, "body", "Object"), (DOOR, "site", "S_handle")]:
        env = make_environment(robot.environment).unwrapped
        seen, _ = env.reset(seed=0)
        palm = env.data.site("S_grasp").xpos
        there = getattr(env.data, kind)(thing).xpos
        assert np.array_equal(seen[robot.palm : robot.palm + 3], palm)
        assert np.array_equal(seen[robot.thing : robot.thing + 3], there)


def test_scores_are_those_of_the_definition():
    steps = 40
    success = np.arange(steps) < np.array([[25], [26], [40]])
    episodes = Played(
        seeds=range(3),
        observations=np.zeros((3, steps + 1, HAMMER.inputs)),
        actions=np.zeros((3, steps, HAMMER.outputs), np.float32),
        rewards=np.repeat([[1.0], [2.0], [6.0]], steps, axis=1),
        success=success,
        failed=np.array([False, False, True]),
        robot=HAMMER,
    )
    assert episodes.succeeded().tolist() == [False, True, False]
    returns = steps * np.array([1, 2, 6])
    assert episodes.scores() == {
        "success": pytest.approx(1 / 3),
        "failed": pytest.approx(1 / 3),
        "return": returns.mean(),
        "return_sd": pytest.approx(np.sqrt(np.mean((returns - 120) ** 2))),
        "return_v2": returns.mean(),
    }


def test_episodes_together_are_episodes_one_by_one(expert, played):
    env = make_environment(HAMMER.environment)
    for n, seed in enumerate(SEEDS[:2]):
        act = expert.noisy([seed])
        seen, _ = env.reset(seed=seed)
        for step in range(STEPS):
            action = np.clip(act(seen[None])[0], -1, 1).astype(np.float32)
            assert np.array_equal(action, played.actions[n, step])
            seen, reward, _, ended, info = env.step(action)
            assert np.array_equal(seen, played.observations[n, step + 1])
            assert reward == played.rewards[n, step]
            assert info["success"] == played.success[n, step]
        assert ended


def test_seeds_decide_everything(expert, played):
    again = play(HAMMER, expert.noisy(SEEDS[1:3]), SEEDS[1:3])
    for name in ("observations", "actions", "rewards", "success"):
        assert np.array_equal(getattr(again, name), getattr(played, name)[1:3])
    assert not np.array_equal(played.actions[0], played.actions[1])


def test_the_expert_drives_the_nail_in(expert):
    found = play(HAMMER, expert, SEEDS).scores()
    assert found["success"] == 1
    assert found["failed"] == 0
    assert found["return"] > 10_000


def test_doing_nothing_does_not():
    nothing = play(HAMMER, lambda x: np.zeros((len(x), 26)), SEEDS[:2]).scores()
    assert nothing["success"] == 0
    assert -300 < nothing["return"] < -150


def test_the_mended_reward_turns_the_sign_of_the_distance(played):
    """Version 2 takes .1 |palm - hammer| away where version 1 adds it."""
    palm = played.observations[:, 1:, 33:36]
    hammer = played.observations[:, 1:, 36:39]
    gap = np.linalg.norm(palm - hammer, axis=-1)
    scores = played.scores()
    without = (played.rewards - 0.1 * gap).sum(1).mean()
    assert scores["return"] - without == pytest.approx(without - scores["return_v2"])
    assert scores["return_v2"] < scores["return"]


def test_data_are_episodes_of_the_expert(task, expert, cache):
    x, y = task.batch("train", slice(0, 4))
    assert x.shape == (4, 200, 46)
    assert y.shape == (4, 200, 26)
    assert y.abs().max() <= 1
    first = 100_000  # the first seed of training
    direct = play(HAMMER, expert.noisy([first]), [first])
    assert np.allclose(x[0], direct.observations[0, :-1], atol=1e-6)
    assert np.array_equal(y[0], direct.actions[0])
    noise = (y[0].numpy() - expert(x[0].double().numpy())).std()
    assert noise > 0.03  # not trivially perfect
    assert not set(PLAYED) & set(range(first, first + 300_000))


def test_splits_do_not_share_boards(task):
    boards = [
        task.batch(split, slice(None))[0][:, 0, 44]
        for split in ("train", "val", "test")
    ]
    every = torch.cat(boards)
    assert len(every.unique()) == len(every) == 16 + 8 + 9


def test_fewer_demonstrations_are_the_first_of_more(task, cache):
    few = Hammer("smoke", demonstrations=3, cache=cache)
    assert few.sizes == {"train": 3, "val": 8, "test": 9}
    for split, rows in (("train", slice(0, 3)), ("test", slice(None))):
        pairs = zip(few.batch(split, rows), task.batch(split, rows), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def test_loss_is_over_all_steps_and_keeps_models_apart(task):
    _, y = task.batch("val", slice(0, 5))
    assert task.loss(y, y) == 0
    assert task.accuracy(y, y) == 1
    outputs = torch.stack([y, y + 0.5, torch.zeros_like(y)])
    losses = task.loss(outputs, y)
    assert losses[:2].tolist() == pytest.approx([0, 0.25])
    for output, loss in zip(outputs, losses, strict=True):
        by_hand = np.mean((output.numpy() - y.numpy()) ** 2)
        assert float(loss) == pytest.approx(by_hand, rel=1e-5)
    train = task.batch("train", slice(None))[1]
    mean = train.mean((0, 1)).expand_as(train)
    assert float(task.accuracy(mean, train)) == pytest.approx(0, abs=1e-3)


@torch.no_grad()
def test_playing_with_carried_state_is_reading_the_history_again():
    for model in [
        BlockRNN(Geometry(46, 8, 26, density=(0.5,) * 6), seed=1),
        ProjectedLSTM(46, 31, 26, seed=1),
        PlainRNN(46, 8, 26, seed=1),
    ]:
        history: list[torch.Tensor] = []

        def published(seen, model=model, history=history):
            history.append(torch.from_numpy(seen.astype(np.float32)))
            return model(torch.stack(history, dim=1))[0][:, -1].numpy()

        carried = play(HAMMER, acting(model), SEEDS[:2], steps=20)
        again = play(HAMMER, published, SEEDS[:2], steps=20)
        assert np.allclose(carried.actions, again.actions, atol=1e-4)
        assert np.allclose(carried.observations, again.observations, atol=1e-3)
        assert carried.actions.std() > 0.01


def test_a_model_that_learned_nothing_fails(task):
    scores = task.score(BlockRNN(Geometry(46, 8, 26, density=(0.5,) * 6)))
    assert scores["success"] == scores["failed"] == 0
    assert scores == task.score(BlockRNN(Geometry(46, 8, 26, density=(0.5,) * 6)))


def test_the_expert_in_the_place_of_a_model_scores_as_the_expert(task, expert):
    scores = task.score(Imitator(expert))
    assert scores["success"] == 1
    assert scores == json.loads(json.dumps(scores))


def test_an_action_that_is_not_finite_fails_its_episode_alone(task, expert):
    for bad in [float("nan"), float("inf")]:
        scores = task.score(
            Imitator(expert, spoiled=(150, bad))
        )  # the nail is in by then
        assert scores["failed"] == 0.5
        assert scores["success"] == 0.5
        assert np.isfinite(scores["return"])


def test_options_that_make_no_sense_are_refused(cache):
    for options, message in [
        ({"demonstrations": 0}, "demonstrations must be a whole number from 1 to"),
        ({"demonstrations": 2.5}, "demonstrations must be a whole number from 1 to"),
        ({"noise": -1}, "noise must be a number >= 0"),
        ({"noise": float("nan")}, "noise must be a number >= 0"),
        ({"data_seed": True}, "data_seed must be a whole number from 0 to"),
        ({"source": "hammer"}, "source must be 'own', a policy's file .*not 'hammer'"),
        ({"source": "../x-v0"}, "source must be 'own'"),
    ]:
        with pytest.raises(VsrnnError, match=message):
            Hammer("smoke", cache=cache, **options)


def test_without_the_packages_it_says_what_to_install(monkeypatch, cache):
    from vsrnn.tasks import adroit

    def absent(name):
        raise adroit.PackageNotFoundError(name)

    monkeypatch.setattr(adroit, "version", absent)
    with pytest.raises(VsrnnError, match=r"gymnasium-robotics.*pip install 'vsrnn\["):
        Hammer("smoke", cache=cache)
