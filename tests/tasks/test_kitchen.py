"""Franka Kitchen: episodes of any length, the closed loop, and what can go wrong."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vsrnn import Config, Design, Geometry
from vsrnn.cli import main
from vsrnn.errors import VsrnnError
from vsrnn.models import BlockRNN
from vsrnn.runs.run import run
from vsrnn.tasks import task_class

pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
pytest.importorskip("minari", reason="needs the extra adroit")

from vsrnn.tasks._imitation import load_episodes
from vsrnn.tasks.kitchen import make_kitchen, robot_joints

pytestmark = pytest.mark.usefixtures("one_thread")

KITCHENS = ("kitchen-mixed", "kitchen-blind", "kitchen-complete")


@pytest.fixture(autouse=True)
def local(kitchen_data, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(kitchen_data))


@pytest.fixture
def tasks(tmp_path):
    return [task_class(name)("smoke", cache=tmp_path) for name in KITCHENS]


@pytest.fixture
def mixed(tmp_path):
    return task_class("kitchen-mixed")("smoke", cache=tmp_path)


def model_of(task, seed=0):
    geometry = Geometry(task.inputs, 8, task.outputs, density=(0.5,) * 6)
    return BlockRNN(geometry, seed=seed)


def lengths(targets):
    """Steps of each episode, after which there are no targets."""
    there = ~targets.isnan().any(2)
    assert torch.equal(there, there.cummin(1).values)
    assert torch.equal(there, ~targets.isnan().all(2))
    return there.sum(1)


def test_the_environment_is_that_of_the_data_sets():
    """The specification of D4RL/kitchen/mixed-v2 and complete-v2."""
    for name, steps in (("kitchen-mixed", 450), ("kitchen-complete", 280)):
        task = task_class(name)
        env = make_kitchen(task.goals, task.steps)
        assert env.spec.max_episode_steps == task.steps == steps
        assert not env.unwrapped.terminate_on_tasks_completed
        assert not env.unwrapped.remove_task_when_completed
        assert env.action_space.shape == (9,)


def test_joints_are_read_as_the_package_means_it(monkeypatch):
    """With types of joints that compare with numbers its own function works."""
    from gymnasium_robotics.utils import mujoco_utils

    env = make_kitchen(task_class("kitchen-mixed").goals, 450).unwrapped
    env.reset(seed=3)
    env.step(np.full(9, 0.5))
    kinds = SimpleNamespace(mjJNT_FREE=0, mjJNT_BALL=1, mjJNT_SLIDE=2, mjJNT_HINGE=3)
    objects = mujoco_utils.mujoco.mjtObj
    plain = SimpleNamespace(
        mjtJoint=kinds, mjtObj=objects, mj_name2id=mujoco_utils.mujoco.mj_name2id
    )
    monkeypatch.setattr(mujoco_utils, "mujoco", plain)
    given = env.model, env.data, env.robot_env.model_names.joint_names
    for ours, theirs in zip(
        robot_joints(*given), mujoco_utils.robot_get_obs(*given), strict=True
    ):
        assert ours.shape == (9,)
        assert np.array_equal(ours, theirs)


def test_data_are_the_numbers_of_the_environment_in_published_order(
    mixed, kitchen_data
):
    order = np.random.default_rng(0).permutation(18)
    episodes = load_episodes(mixed.usual_source, 18, kitchen_data, lambda n: order)
    splits = {"val": episodes[:5], "test": episodes[5:10], "train": episodes[10:]}
    for split, drawn in splits.items():
        x, y = mixed.batch(split, slice(None))
        for episode, seen, done in zip(drawn, x.numpy(), y.numpy(), strict=True):
            n, first = len(episode.actions), episode.observations
            assert np.allclose(seen[:n, :59], first["observation"][:-1])
            assert np.allclose(seen[:n, 61:68], first["achieved_goal"]["kettle"][:-1])
            assert np.allclose(seen[:n, 73:80], first["desired_goal"]["kettle"][:-1])
            assert np.allclose(seen[:n, 82:], first["desired_goal"]["microwave"][:-1])
            assert np.allclose(done[:n], episode.actions)
            assert not seen[n:].any() and np.isnan(done[n:]).all()


def test_a_blind_model_sees_all_but_where_the_things_are(mixed, tmp_path):
    blind = task_class("kitchen-blind")("smoke", cache=tmp_path)
    seen, other = (task.batch("train", slice(None))[0] for task in (mixed, blind))
    assert torch.equal(seen[..., :59], other[..., :59])
    assert torch.equal(seen[..., 71:], other[..., 59:])


def test_the_complete_kitchen_is_tested_on_validation(tmp_path):
    task = task_class("kitchen-complete")("smoke", cache=tmp_path)
    val, test, train = (
        task.batch(split, slice(None))[0] for split in ("val", "test", "train")
    )
    assert torch.equal(val, test)
    assert task.sizes == {"train": 8, "val": 4, "test": 4}
    assert not any(torch.equal(one, other) for one in val for other in train)
    sizes = {name: task.scales[name] for name in ("quick", "paper")}
    assert all(size.train + size.val == 19 for size in sizes.values())


def test_fewer_demonstrations_are_the_first_of_more_and_a_seed_draws_others(
    mixed, tmp_path
):
    few = type(mixed)("smoke", demonstrations=3, cache=tmp_path)
    other = type(mixed)("smoke", data_seed=1, cache=tmp_path)
    every = mixed.batch("train", slice(None))[1]
    shorter = few.batch("train", slice(None))[1]
    assert torch.equal(lengths(shorter), lengths(every)[:3])
    most = int(lengths(shorter).max())
    assert torch.equal(shorter[:, :most].nan_to_num(9), every[:3, :most].nan_to_num(9))
    assert other.checksum != mixed.checksum


def test_loss_is_over_the_steps_that_there_are(tasks):
    for task in tasks:
        _, y = task.batch("val", slice(None))
        ends = lengths(y)
        assert len(ends.unique()) > 1
        outputs = torch.randn(2, *y.shape)
        losses = task.loss(outputs, y)
        for output, loss in zip(outputs, losses, strict=True):
            error = [
                (o[:n] - t[:n]).flatten()
                for o, t, n in zip(output, y, ends, strict=True)
            ]
            assert float(loss) == pytest.approx(float(torch.cat(error).square().mean()))
        anything = torch.where(y.isnan(), torch.nan, outputs)
        assert torch.equal(task.loss(anything, y), losses)
        anything[0, 0, 0, 0] = torch.nan  # that a model diverges is not to be hidden
        assert task.loss(anything, y).isnan().tolist() == [True, False]


def test_what_is_behind_the_end_teaches_nothing(tasks):
    for task in tasks:
        x, y = task.batch("train", slice(None))
        model = model_of(task)
        output, _ = model(x)
        output.retain_grad()
        task.loss(output, y).backward()
        assert not output.grad[y.isnan()].any()
        assert all(p.grad.isfinite().all() for p in model.parameters())


def test_the_mean_action_explains_nothing(tasks):
    for task in tasks:
        _, y = task.batch("train", slice(None))
        mean = y.nanmean((0, 1)).expand_as(y)
        assert float(task.accuracy(mean, y)) == pytest.approx(0, abs=0.02)
        assert task.accuracy(y.nan_to_num(), y) == 1


@torch.no_grad()
def test_playing_is_stepping_each_environment_with_the_history_read_again(
    tasks, monkeypatch
):
    for task in tasks:
        monkeypatch.setattr(task, "steps", 12)
        model = model_of(task)
        returns, reached = [], []
        for seed in task.played:
            env = make_kitchen(task.goals, 12).unwrapped
            now, _ = env.reset(seed=seed)
            history, rewards = [], []
            for _ in range(12):
                history.append(torch.from_numpy(task._flat(now)).float())
                action = model(torch.stack(history)[None])[0][0, -1].numpy()
                now, reward, terminated, _, info = env.step(action)
                assert not terminated
                rewards.append(reward)
            returns.append(sum(rewards))
            reached.append(len(info["episode_task_completions"]))
        scores = task.score(model)
        assert scores["return"] == np.mean(returns)
        assert scores["goals"] == np.mean(reached)
        assert scores["failed"] == 0


def test_every_step_pays_for_all_that_is_right(mixed, monkeypatch):
    """Things put to their goals stay there, and are counted at every step."""
    monkeypatch.setattr(mixed, "steps", 3)
    start = type(mixed)._start

    def with_two_done(task, seed):
        episode, seen = start(task, seed)
        episode.data.qpos[11:13] = -0.88, -0.01
        episode.data.qpos[22] = -0.75
        return episode, seen

    monkeypatch.setattr(type(mixed), "_start", with_two_done)
    still = SimpleNamespace(step=lambda x, state: (torch.zeros(len(x), 9), None))
    scores = mixed.score(still)
    assert scores["return"] == 6
    assert scores["goals"] == 2
    assert scores["return_sd"] == 0


def test_an_action_that_is_not_finite_fails_its_episode_alone(mixed, monkeypatch):
    for bad in [float("nan"), float("inf")]:
        monkeypatch.setattr(mixed, "steps", 3)

        def step(x, state, bad=bad):
            actions = torch.zeros(len(x), 9)
            actions[0, 0] = bad
            return actions, None

        scores = mixed.score(SimpleNamespace(step=step))
        assert scores["failed"] == 0.5
        assert np.isfinite(list(scores.values())).all()


def test_a_kitchen_is_trained_and_its_score_is_the_return(monkeypatch):
    monkeypatch.setattr(task_class("kitchen-blind"), "steps", 5)
    design = Design("small", 8, (0.5,) * 6)
    result = run(Config("kitchen-blind", design, "smoke"))
    assert result["score"] == result["test"]["return"]
    assert result["error"] is None
    first, last = result["curve"][0], result["curve"][-1]
    assert last["val_loss"] < first["val_loss"]


def test_data_of_another_kitchen_or_robot_are_refused(tmp_path, kitchen_data):
    mixed, complete = map(task_class, ("kitchen-mixed", "kitchen-complete"))
    with pytest.raises(VsrnnError, match="no episodes with the 83 observations"):
        options = {"demonstrations": 1, "cache": tmp_path}
        mixed("smoke", source=complete.usual_source, **options)
    hands = SimpleNamespace(observations=np.zeros((3, 46)), actions=np.zeros((2, 26)))
    with pytest.raises(VsrnnError, match="that kitchen-mixed needs"):
        mixed._steps(mixed("smoke", cache=tmp_path), "hands", hands)


def test_data_that_are_not_finite_are_not_taken_for_an_end(mixed, kitchen_data):
    (episode,) = load_episodes(mixed.usual_source, 1, kitchen_data)
    mixed._steps("good", episode)
    episode.actions[1] = np.nan
    with pytest.raises(VsrnnError, match=r"bad has .*not finite"):
        mixed._steps("bad", episode)


def test_options_that_make_no_sense_are_refused(tmp_path):
    for options, message in [
        ({"demonstrations": 0}, "demonstrations must be a whole number from 1 to"),
        ({"demonstrations": 9}, "has 18 episodes and this scale takes 19"),
        ({"data_seed": -1}, "data_seed must be a whole number from 0 to"),
        (
            {"source": "own"},
            "source must be the name of a Minari .*mixed-v2, not 'own'",
        ),
    ]:
        with pytest.raises(VsrnnError, match=message):
            task_class("kitchen-mixed")("smoke", cache=tmp_path, **options)


def test_without_network_the_command_ends_in_one_sentence(
    tmp_path, monkeypatch, capsys
):
    import minari

    def unreachable(**options):
        raise ConnectionError("[Errno -2] Name or service not known")

    monkeypatch.setattr(minari, "list_remote_datasets", unreachable)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.setenv("VSRNN_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "kitchen-mixed", "25FK100", "--scale", "smoke"]
    assert main(arguments) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("vsrnn: cannot download D4RL/kitchen/mixed-v2 ([Errno -2]")


def test_an_episode_that_failed_once_has_failed(kitchen_data, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(kitchen_data))
    mixed = task_class("kitchen-mixed")("smoke", cache=tmp_path)
    monkeypatch.setattr(mixed, "steps", 3)

    def step(x, state):
        actions = torch.zeros(len(x), 9)
        actions[0, 0] = torch.nan if state is None else 0  # at the first step alone
        return actions, 1

    assert mixed.score(SimpleNamespace(step=step))["failed"] == 0.5
