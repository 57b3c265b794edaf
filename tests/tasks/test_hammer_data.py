"""Demonstrations of Adroit: policies, made and downloaded data, what can go wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vsrnn import Config, Geometry, Store
from vsrnn.errors import VsrnnError
from vsrnn.files import SUMS
from vsrnn.models import BlockRNN
from vsrnn.runs.provenance import provenance
from vsrnn.runs.run import empty_result, task_of
from vsrnn.runs.sweep import Workers, fill

pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
pytest.importorskip("minari", reason="needs the extra adroit")

from vsrnn.tasks import _imitation, hammer, sizes
from vsrnn.tasks._imitation import load_episodes
from vsrnn.tasks.adroit import DOOR, HAMMER, make_environment, play
from vsrnn.tasks.hammer import EXPERT, Door, Hammer
from vsrnn.tasks.policy import FILES, Policy, load_policy

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("hammer")


def arrays(robot=HAMMER, hidden=5):
    """A policy's arrays with random weights and little noise."""
    rng = np.random.default_rng(0)
    sizes = (robot.inputs, hidden, hidden, robot.outputs)
    found = {}
    for n in range(3):
        found[f"W{n}"] = rng.normal(0, 0.1, (sizes[n + 1], sizes[n]))
        found[f"b{n}"] = rng.normal(0, 0.1, sizes[n + 1])
    found |= {"in_shift": np.zeros(robot.inputs), "in_scale": np.ones(robot.inputs)}
    found |= {"out_shift": np.zeros(robot.outputs)}
    found |= {"out_scale": np.ones(robot.outputs)}
    return found | {"log_std": np.full(robot.outputs, -3.0)}


def test_noise_is_the_policys_own_times_a_factor():
    policy = Policy(arrays())
    seen = np.zeros((2, HAMMER.inputs))
    seeds = (3, 4)
    one, two, none = (policy.noisy(seeds, k)(seen) - policy(seen) for k in (1, 2, 0))
    assert two == pytest.approx(2 * one)
    assert not none.any()
    drawn = policy.noisy(range(500))(np.zeros((500, 46)))
    assert drawn.std(0).mean() == pytest.approx(np.exp(-3), rel=0.05)


def test_episodes_are_the_same_however_many_processes_play_them(tmp_path, monkeypatch):
    kept = Hammer("smoke", cache=tmp_path / "alone").checksum
    monkeypatch.setattr(hammer, "ALONE", 0)
    monkeypatch.setattr(hammer, "TOGETHER", 9)
    assert Hammer("smoke", cache=tmp_path / "shared").checksum == kept


def test_the_noise_of_an_episode_is_drawn_from_its_seed():
    policy = Policy(arrays())
    act, seen = policy.noisy([7]), np.zeros((1, HAMMER.inputs))
    drawn = np.random.default_rng([7, 1]).standard_normal((200, HAMMER.outputs))
    for noise in drawn[:3]:
        assert act(seen) - policy(seen) == pytest.approx(np.exp(-3) * noise[None])


def test_noise_and_data_seed_make_other_data(cache, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays())
    options = {"policy_dir": str(tmp_path), "demonstrations": 1, "cache": cache}
    policy = load_policy(tmp_path / "mine.npz", HAMMER)
    quiet = Hammer("smoke", "mine.npz", noise=0, **options)
    direct = play(HAMMER, policy, [100_000])
    assert np.array_equal(quiet.batch("train", slice(0, 1))[1], direct.actions)
    for split, first in (("train", 400_000), ("val", 500_000), ("test", 600_000)):
        other = Hammer("smoke", "mine.npz", data_seed=1, **options)
        direct = play(HAMMER, policy.noisy([first]), [first])
        assert np.array_equal(other.batch(split, slice(0, 1))[1], direct.actions)


def test_a_policy_file_is_a_source(cache, tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays())
    options = {"policy_dir": str(tmp_path), "demonstrations": 1, "cache": cache}
    task = Hammer("smoke", "mine.npz", **options)
    policy = load_policy(tmp_path / "mine.npz", HAMMER)
    direct = play(HAMMER, policy.noisy([100_000]), [100_000])
    assert np.array_equal(task.batch("train", slice(0, 1))[1], direct.actions)
    assert task.provenance["policy_sha256"] == policy.checksum
    assert str(tmp_path) not in json.dumps(task.provenance)


def test_a_result_of_another_policy_is_not_taken_for_this_one(tmp_path, monkeypatch):
    monkeypatch.setenv("VSRNN_POLICIES", str(tmp_path))
    np.savez(tmp_path / "mine.npz", **arrays())
    config = Config("hammer", "10AH12", "smoke", task_options={"source": "mine.npz"})
    known = Hammer.file_checksums("mine.npz")["policy_sha256"]
    store = Store(tmp_path / "runs")
    task = task_of(config)
    assert task.provenance["policy_sha256"] == known
    result = empty_result(config, task, provenance(task, threads=1))
    store.put(result | {"error": "diverged: training loss not finite in epoch 1"})
    assert fill([config], store, Workers()) == {config.id: "found"}
    np.savez(tmp_path / "mine.npz", **(arrays() | {"b0": np.ones_like(arrays()["b0"])}))
    with pytest.raises(
        VsrnnError, match="differs in its policy and data from what hammer has now"
    ):
        fill([config], store, Workers())
    (tmp_path / "mine.npz").unlink()
    assert fill([config], store, Workers()) == {config.id: "found"}


def test_both_kinds_of_file_hold_the_same_policy(tmp_path):
    single = {name: np.float32(array) for name, array in arrays().items()}
    np.savez(tmp_path / "mine.npz", **single)
    Policy(single).save(tmp_path / "mine.safetensors")
    one, other = (load_policy(tmp_path / f"mine{kind}", HAMMER) for kind in FILES)
    assert one.checksum == other.checksum


def test_a_policy_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "door.npz", **arrays(DOOR))
    with pytest.raises(VsrnnError, match="no policy for AdroitHandHammer-v1"):
        load_policy(tmp_path / "door.npz", HAMMER)
    objects = {name: np.array([None]) for name in arrays()}
    np.savez(tmp_path / "pickled.npz", **objects)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 but not to the end")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    np.savez(tmp_path / "nan.npz", **{k: a * np.nan for k, a in arrays().items()})
    flipped = bytearray(EXPERT.read_bytes())
    flipped[-1000] ^= 1
    (tmp_path / EXPERT.name).write_bytes(flipped)
    shutil.copy(EXPERT.with_name(SUMS), tmp_path)
    broken = "pickled.npz", "broken.npz", "broken.safetensors", "nan.npz", EXPERT.name
    for name in broken:
        with pytest.raises(VsrnnError, match="cannot read the policy"):
            load_policy(tmp_path / name, HAMMER)
    with pytest.raises(VsrnnError, match=r"cannot read .*none\.npz: there is no such"):
        Hammer("smoke", source="none.npz", policy_dir=str(tmp_path))


@pytest.fixture
def make(keep_episodes):
    """Make a Minari data set of episodes of a robot in a folder."""
    from minari.data_collector import EpisodeBuffer

    def make(folder: Path, robot=HAMMER, number=2, name="vsrnn/made-v1") -> Path:
        played = play(robot, Policy(arrays(robot)).noisy(range(number)), range(number))
        last = np.arange(200) == 199
        episodes = [
            EpisodeBuffer(
                id=n,
                seed=n,
                observations=played.observations[n],
                actions=played.actions[n],
                rewards=played.rewards[n],
                terminations=0 * last,
                truncations=last,
            )
            for n in range(number)
        ]
        keep_episodes(name, episodes, make_environment(robot.environment), folder)
        return folder / name

    return make


def test_a_build_that_stops_half_way_leaves_nothing(tmp_path, monkeypatch):
    def stops(robot, act, seeds):
        if 500_000 in seeds:
            raise KeyboardInterrupt
        return play(robot, act, seeds)

    np.savez(tmp_path / "mine.npz", **arrays())
    options = {"policy_dir": str(tmp_path), "demonstrations": 1, "data_seed": 1}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(hammer, "play", stops)
        Hammer("smoke", "mine.npz", cache=tmp_path, **options)
    assert not list(tmp_path.glob("*.safetensors")) + list(tmp_path.glob("*.part"))


def test_many_episodes_are_played_as_few_are(cache, monkeypatch):
    few, many = cache / "few", cache / "many"
    monkeypatch.setattr(hammer, "TOGETHER", 2)
    one = Hammer("smoke", demonstrations=3, cache=few)
    monkeypatch.setattr(hammer, "TOGETHER", 50)
    assert one.checksum == Hammer("smoke", demonstrations=3, cache=many).checksum


def test_a_damaged_data_set_is_refused(tmp_path, make):
    made = make(tmp_path)
    assert len(load_episodes("vsrnn/made-v1", 2, tmp_path)) == 2
    (made / "data" / "main_data.hdf5").write_bytes(b"cut off")
    with pytest.raises(VsrnnError, match="made-v1 is damaged"):
        load_episodes("vsrnn/made-v1", 2, tmp_path)
    shutil.rmtree(made)
    with pytest.raises(VsrnnError, match="damaged"):
        load_episodes("vsrnn/made-v1", 2, tmp_path)


def test_data_sets_of_other_sizes_are_refused(tmp_path, monkeypatch, make):
    make(tmp_path, DOOR, 18, name="D4RL/door/made-v1")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    for number, said in (
        (2, "has 18 episodes and this scale takes 19"),
        (1, "no episodes with the 46 observations and 26 actions of a step"),
    ):
        options = {"demonstrations": number, "cache": tmp_path}
        with pytest.raises(VsrnnError, match=said):
            Hammer("smoke", "D4RL/door/made-v1", **options)


def test_episodes_of_another_length_are_refused(tmp_path, monkeypatch, make):
    make(tmp_path, number=18, name="D4RL/hammer/made-v2")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.setattr(Hammer, "steps", 250)
    with pytest.raises(VsrnnError, match=r"episode of 200 steps.* have 250; name"):
        Hammer("smoke", "D4RL/hammer/made-v2", demonstrations=1, cache=tmp_path)


def test_a_minari_data_set_is_a_source(tmp_path, monkeypatch, make):
    make(tmp_path, number=18, name="D4RL/hammer/made-v2")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    task = Hammer("smoke", "D4RL/hammer/made-v2", demonstrations=1, cache=tmp_path)
    episodes = load_episodes("D4RL/hammer/made-v2", 18, tmp_path)
    splits = {"val": episodes[:8], "test": episodes[8:17], "train": episodes[17:]}
    for split, some in splits.items():
        seen, done = task.batch(split, slice(None))
        for n, episode in enumerate(some):
            assert np.array_equal(seen[n], np.float32(episode.observations[:-1]))
            assert np.array_equal(done[n], episode.actions)


def test_no_network_is_said_in_one_sentence(tmp_path, monkeypatch):
    import minari

    def unreachable(**options):
        raise ConnectionError("[Errno -2] Name or service not known\nand so on")

    monkeypatch.setattr(minari, "list_remote_datasets", unreachable)
    with pytest.raises(
        VsrnnError, match=r"^cannot download D4RL.*not known\).*put a copy"
    ) as e:
        Hammer("smoke", source="D4RL/hammer/expert-v2", cache=tmp_path)
    assert "\n" not in str(e.value)
    monkeypatch.setattr(minari, "list_remote_datasets", lambda **options: {})
    with pytest.raises(VsrnnError, match="Minari has no data set 'D4RL/hamer/x-v2'"):
        Hammer("smoke", source="D4RL/hamer/x-v2", cache=tmp_path)


def test_the_size_of_a_download_is_said_first(tmp_path, monkeypatch, capsys, make):
    import minari

    name, said = "D4RL/hammer/small-v2", []
    known = {name: {"dataset_size": 12.5}}
    monkeypatch.setattr(minari, "list_remote_datasets", lambda **options: known)

    def download(dataset, force_download):
        said.append(capsys.readouterr().err)
        make(tmp_path, number=1, name=dataset)

    monkeypatch.setattr(minari, "download_dataset", download)
    _imitation.download_episodes(name, tmp_path)
    assert said[0].endswith(f"vsrnn: downloading {name}, 12.5 MB\n")
    _imitation.download_episodes(name, tmp_path)  # it is here now
    assert len(said) == 1
    (tmp_path / name / "data" / "main_data.hdf5").unlink()
    shutil.move(tmp_path / name, tmp_path / "aside")
    _imitation.download_episodes(name, tmp_path)
    assert len(said) == 2


def test_an_interrupted_download_is_taken_up_again(tmp_path, monkeypatch, make):
    import minari

    name, attempts = "D4RL/hammer/small-v2", []
    known = {name: {"dataset_size": 12.5}}
    monkeypatch.setattr(minari, "list_remote_datasets", lambda **options: known)
    whole = make(tmp_path / "remote", number=1, name=name)

    def download(dataset, force_download):
        assert force_download  # else Minari takes what is there for the whole
        attempts.append(dataset)
        there = tmp_path / name / "data"
        there.mkdir(parents=True, exist_ok=True)
        shutil.copy(whole / "data" / "metadata.json", there)
        if len(attempts) == 1:
            raise ConnectionError("the connection broke off")
        shutil.copy(whole / "data" / "main_data.hdf5", there)

    monkeypatch.setattr(minari, "download_dataset", download)
    with pytest.raises(VsrnnError, match=r"cannot download .*broke off"):
        _imitation.download_episodes(name, tmp_path)
    for _ in range(2):
        _imitation.download_episodes(name, tmp_path)
    assert attempts == [name, name]
    assert len(load_episodes(name, 1, tmp_path)) == 1


def test_data_that_are_not_finite_are_refused(tmp_path, monkeypatch, make):
    import h5py

    made = make(tmp_path, number=18, name="D4RL/hammer/made-v2")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    for what in ["observations", "actions"]:
        with h5py.File(made / "data" / "main_data.hdf5", "r+") as file:
            numbers = file[f"episode_1/{what}"]
            kept = numbers[3, 4]
            numbers[3, 4] = np.nan
        with pytest.raises(VsrnnError, match=r"made-v2 has .*that are not finite"):
            Hammer("smoke", "D4RL/hammer/made-v2", demonstrations=1, cache=tmp_path)
        with h5py.File(made / "data" / "main_data.hdf5", "r+") as file:
            file[f"episode_1/{what}"][3, 4] = kept
    Hammer("smoke", "D4RL/hammer/made-v2", demonstrations=1, cache=tmp_path)


def test_the_door_is_the_same_task_of_other_sizes(tmp_path):
    np.savez(tmp_path / "door.npz", **arrays(DOOR))
    options = {"scale": "smoke", "demonstrations": 1, "cache": tmp_path}
    task = Door(source="door.npz", policy_dir=str(tmp_path), **options)
    x, y = task.batch("train", slice(None))
    assert x.shape == (1, 200, 39) == (1, 200, sizes("door")[0])
    assert y.shape == (1, 200, 28) == (1, 200, sizes("door")[1])
    scores = task.score(BlockRNN(Geometry(39, 8, 28, density=(0.5,) * 6)))
    assert scores["success"] == 0
    assert -100 < scores["return"] < 0
    with pytest.raises(VsrnnError, match="the task door has no expert of its own"):
        Door(source="own", **options)
