"""Demonstrations of Adroit: policies, made and downloaded data, what can go wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vsrnn import Config, Geometry, Store, run
from vsrnn.errors import VsrnnError
from vsrnn.models import BlockRNN
from vsrnn.runs.sweep import Workers, fill

pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
pytest.importorskip("minari", reason="needs the extra adroit")

from vsrnn.tasks import _episodes, sizes
from vsrnn.tasks._episodes import make_episodes, read_episodes
from vsrnn.tasks.adroit import DOOR, HAMMER, play
from vsrnn.tasks.door import Door
from vsrnn.tasks.hammer import Hammer
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
    result = run(Config("rad", "rnn_", "smoke", epochs=1))
    result["provenance"]["data"]["policy_sha256"] = known
    store.put(result | {"id": config.id})
    assert fill([config], store, Workers()) == {config.id: "found"}
    np.savez(tmp_path / "mine.npz", **(arrays() | {"b0": np.ones_like(arrays()["b0"])}))
    with pytest.raises(VsrnnError, match="another policy than the file is now"):
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
    for name in ("pickled.npz", "broken.npz", "broken.safetensors"):
        with pytest.raises(VsrnnError, match="cannot read the policy"):
            load_policy(tmp_path / name, HAMMER)
    with pytest.raises(VsrnnError, match=r"cannot read .*none\.npz: there is no such"):
        Hammer("smoke", source="none.npz", policy_dir=str(tmp_path))


def make(folder: Path, robot=HAMMER, number=2, name="vsrnn/made-v1") -> Path:
    policy = Policy(arrays(robot))
    make_episodes(name, robot, policy, range(number), 1.0, folder)
    return folder / name


def test_a_build_that_stops_half_way_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(_episodes, "TOGETHER", 1)

    def stops(*arguments):
        if stops.calls:
            raise KeyboardInterrupt
        stops.calls += 1
        return play(*arguments)

    stops.calls = 0
    monkeypatch.setattr(_episodes, "play", stops)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path)
    assert not (tmp_path / "vsrnn/made-v1").exists()
    assert not list(tmp_path.glob("*.part"))
    monkeypatch.setattr(_episodes, "play", play)
    (tmp_path / "vsrnn-made-v1.part").mkdir()  # as a killed process leaves it
    make(tmp_path)
    x, y = read_episodes("vsrnn/made-v1", HAMMER, 2, tmp_path)
    assert x.shape == (2, 200, 46)
    assert y.shape == (2, 200, 26)


def test_minari_reads_what_was_made(tmp_path, monkeypatch):
    made = make(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    import minari

    found = minari.load_dataset("vsrnn/made-v1")
    assert found.total_episodes == 2
    episode = found[1]
    assert episode.observations.shape == (201, 46)
    assert episode.truncations[-1]
    assert len(episode.infos["success"]) == 201
    (made / "data" / "main_data.hdf5").write_bytes(b"cut off")
    with pytest.raises(VsrnnError, match="made-v1 is damaged"):
        read_episodes("vsrnn/made-v1", HAMMER, 2, tmp_path)
    shutil.rmtree(made)
    with pytest.raises(VsrnnError, match="damaged"):
        read_episodes("vsrnn/made-v1", HAMMER, 2, tmp_path)


def test_data_sets_of_other_sizes_are_refused(tmp_path, monkeypatch):
    make(tmp_path, DOOR, name="D4RL/door/made-v1")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(VsrnnError, match=r"has 2 episodes and this scale takes 20"):
        Hammer("smoke", source="D4RL/door/made-v1", demonstrations=3, cache=tmp_path)
    with pytest.raises(
        VsrnnError, match=r"observations \(201, 39\).*needs \(201, 46\)"
    ):
        read_episodes("D4RL/door/made-v1", HAMMER, 2, tmp_path)


def test_a_minari_data_set_is_a_source(tmp_path, monkeypatch):
    make(tmp_path, number=18, name="D4RL/hammer/made-v2")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    task = Hammer("smoke", "D4RL/hammer/made-v2", demonstrations=1, cache=tmp_path)
    x, _ = read_episodes("D4RL/hammer/made-v2", HAMMER, 18, tmp_path)
    for split, rows in (("val", x[:8]), ("test", x[8:17]), ("train", x[17:])):
        assert np.array_equal(task.batch(split, slice(None))[0], rows)


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


def test_the_size_of_a_download_is_said_first(tmp_path, monkeypatch, capsys):
    import minari

    name, said = "D4RL/hammer/small-v2", []
    known = {name: {"dataset_size": 12.5}}
    monkeypatch.setattr(minari, "list_remote_datasets", lambda **options: known)

    def download(dataset, force_download):
        said.append(capsys.readouterr().err)
        make(tmp_path, number=1, name=dataset)

    monkeypatch.setattr(minari, "download_dataset", download)
    _episodes.download_episodes(name, tmp_path)
    assert said[0].endswith(f"vsrnn: downloading {name}, 12.5 MB\n")
    _episodes.download_episodes(name, tmp_path)  # it is here now
    assert len(said) == 1
    (tmp_path / name / "data" / "main_data.hdf5").unlink()
    shutil.move(tmp_path / name, tmp_path / "aside")
    _episodes.download_episodes(name, tmp_path)
    assert len(said) == 2


def test_an_interrupted_download_is_taken_up_again(tmp_path, monkeypatch):
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
        _episodes.download_episodes(name, tmp_path)
    for _ in range(2):
        _episodes.download_episodes(name, tmp_path)
    assert attempts == [name, name]
    assert len(read_episodes(name, HAMMER, 1, tmp_path)[0]) == 1


def test_data_that_are_not_finite_are_refused(tmp_path):
    for what in ["observations", "actions"]:
        import h5py

        folder = tmp_path / what
        made = make(folder)
        with h5py.File(made / "data" / "main_data.hdf5", "r+") as file:
            file[f"episode_1/{what}"][3, 4] = np.nan
        with pytest.raises(VsrnnError, match=r"made-v1 has .*that are not finite"):
            read_episodes("vsrnn/made-v1", HAMMER, 2, folder)
        assert np.isfinite(read_episodes("vsrnn/made-v1", HAMMER, 1, folder)[0]).all()


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
