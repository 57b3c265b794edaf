"""Hammer's pictures, film and tables: made where they can be, else the stored ones."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec

import numpy as np
import pytest

from vsrnn import VsrnnError, analysis, figures, get_results
from vsrnn.runs.results import FOLDERS
from vsrnn.tasks import adroit, pictures
from vsrnn.tasks.adroit import HAMMER, make_environment, play
from vsrnn.tasks.experts import EXPERT
from vsrnn.tasks.policy import load_policy

STORED = FOLDERS[1]
TABLES = (analysis.hammer_frames, analysis.hammer_episode, analysis.hammer_noise)


def fail(*arguments, **options):
    raise RuntimeError("no display")


def unknown(name):
    raise PackageNotFoundError(name)


@pytest.fixture
def bare(monkeypatch):
    """As on a machine without the extra."""
    monkeypatch.setattr(adroit, "version", unknown)
    make_environment.cache_clear()


@pytest.fixture
def blind(monkeypatch):
    """As on a machine with the extra, but without OpenGL."""
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    monkeypatch.setattr(pictures, "_context", fail)


def shoot(number=8):
    """Pictures of a square that moves."""
    pictures = np.zeros((number, 48, 64, 3), np.uint8)
    for n, picture in enumerate(pictures):
        picture[8:24, 4 * n : 4 * n + 16] = 255
    return pictures


@pytest.fixture(scope="module")
def watched():
    """An episode that was played, and pictures of its start and end."""
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    played = play(HAMMER, load_policy(EXPERT, HAMMER).noisy([5]), [5], steps=25)
    try:
        return played, pictures.draw(played, [0, 25], width=160)
    except VsrnnError as problem:
        pytest.skip(str(problem))


def test_pictures_are_those_of_the_episode_played(watched):
    played, pictures = watched
    assert pictures.shape == (2, 120, 160, 3) and pictures.dtype == np.uint8
    assert pictures[0].std() > 20 and (pictures[0] != pictures[1]).mean() > 0.05
    env = make_environment(HAMMER.environment).unwrapped
    np.testing.assert_array_equal(env._get_obs(), played.observations[0, -1])


@pytest.mark.skipif(find_spec("triton") is None, reason="this torch has no triton")
def test_torch_optimizes_after_a_picture_too():
    """The graphics driver and triton each hold an LLVM."""
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    code = """
import torch
from vsrnn.tasks import pictures
try:
    pictures._context(64, 48).make_current()
except Exception as problem:
    print("no picture:", problem)
torch.optim.Adam([torch.zeros(1, requires_grad=True)])
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_table_of_moments_is_in_their_order(watched):
    table = analysis.hammer_frames()
    assert "because" not in table.attrs
    assert table["step"].is_monotonic_increasing and table["step"].iloc[0] == 0
    deep = table.set_index("moment")["nail depth [cm]"]
    assert deep["lift"] < 0.1 < 0.5 < deep["strike"] < 8 < deep["driven"]
    stored = get_results("hammer_frames").drop(columns=table.columns[-1])
    assert list(table.columns[:-1]) == list(stored.columns)


def test_tables_are_made_from_episodes_here():
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    episode = analysis.hammer_episode(2, [0])
    noise = analysis.hammer_noise([0, 9], 3)
    assert (
        len(episode) == 2 * 101 and episode["driven"].groupby(episode["step"]).any()[25]
    )
    assert noise["success [%]"].tolist() == [100, 0]
    assert noise["return"].between(noise["low [return]"], noise["high [return]"]).all()
    slip = noise["return"] - noise["return of version 2"]
    assert slip.between(0.1, 50).all()
    said = analysis.hammer_origin(episode, noise)
    assert "mujoco" in said and "tored" not in said
    boards = (
        get_results("hammer_episode").groupby("episode")["board height [cm]"].first()
    )
    found = episode.groupby("episode")["board height [cm]"].first()
    assert found.tolist() == boards[:2].tolist()


def test_without_the_extra_one_sentence_and_what_is_stored(bare, tmp_path, capsys):
    tables = [make() for make in TABLES]
    for make, table in zip(TABLES, tables, strict=True):
        assert table.equals(get_results(make.__name__))
    said = analysis.hammer_origin(*tables)
    assert said.count("pip install 'vsrnn[adroit]'") == 1 and said.count("tored") == 1
    film = figures.film("hammer_film", analysis.hammer_film, tmp_path)
    assert film.origin.startswith("The film is stored")
    for ending, path in film.paths.items():
        assert path.read_bytes() == (STORED / f"hammer_film.{ending}").read_bytes()
    rad = analysis.configs(["balanced_0"], [0], "smoke")
    hammer = analysis.configs(["10AH12"], [0], "smoke", task="hammer")
    assert analysis.playable(rad + hammer) == rad
    assert capsys.readouterr().out.count("pip install 'vsrnn[adroit]'") == 1


def test_without_opengl_only_pictures_are_stored(blind, tmp_path):
    frames, episode = analysis.hammer_frames(), analysis.hammer_episode(1, [0])
    assert frames.equals(get_results("hammer_frames"))
    assert "because" not in episode.attrs
    assert "apt install libegl1" in analysis.hammer_origin(frames, episode)
    pytest.importorskip("av")
    film = figures.film("hammer_film", analysis.hammer_film, tmp_path)
    assert "no display" in film.origin and "apt install libegl1" in film.origin


def test_a_simulator_that_cannot_be_loaded_is_one_sentence(monkeypatch):
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    make_environment.cache_clear()
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", None)
    with pytest.raises(VsrnnError, match=r"cannot be loaded .* MUJOCO_GL"):
        play(HAMMER, lambda observations: observations, [0])


def test_a_film_is_written_with_its_first_picture_and_record(tmp_path):
    av = pytest.importorskip("av")
    alt = 'A "square" moves.'
    film = figures.film("square", shoot, tmp_path, alt, {"seed": 3})
    with av.open(str(film.paths["mp4"])) as file:
        (stream,) = file.streams.video
        assert stream.codec_context.name == "h264" and stream.pix_fmt == "yuv420p"
        assert file.metadata["copyright"] == "CC BY 4.0"
        found = np.stack([f.to_ndarray(format="rgb24") for f in file.decode(stream)])
    assert found.shape == shoot().shape
    assert np.abs(found.astype(int) - shoot()).mean() < 10
    content = film.paths["mp4"].read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "it plays while it loads"
    record = json.loads(film.paths["json"].read_text())
    assert record["pictures"] == 8 and record["provenance"] == {"seed": 3}
    shown = film._repr_html_()
    for word in ("controls", "loop", "muted", "playsinline", "poster=", "&quot;square"):
        assert word in shown


def test_without_the_encoder_the_film_is_stored(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    film = figures.film("hammer_film", fail, tmp_path)  # nothing is drawn in vain
    assert "needs the package av" in film.origin
    with pytest.raises(VsrnnError, match="needs the package av"):
        figures.film("nothing", shoot, tmp_path)


def test_a_film_that_cannot_be_written_is_one_sentence(tmp_path):
    pytest.importorskip("av")
    (tmp_path / "taken").write_text("")
    with pytest.raises(VsrnnError, match="cannot write"):
        figures.film("square", shoot, tmp_path / "taken")


def test_what_is_stored_is_small_and_of_this_expert():
    names = ("mp4", "png", "json")
    sizes = [(STORED / f"hammer_film.{ending}").stat().st_size for ending in names]
    assert sum(sizes) < 1e6
    record = json.loads((STORED / "hammer_film.json").read_text())
    expert = load_policy(EXPERT, HAMMER).checksum
    assert record["provenance"]["policy_sha256"] == expert


def test_films_lie_beside_their_pages(build, tmp_path):
    figures.film("hammer_film", shoot, tmp_path / "src" / "notebooks" / "figures")
    build.films(tmp_path / "src", tmp_path / "html")
    found = (tmp_path / "html" / "notebooks" / "figures").iterdir()
    assert sorted(path.suffix for path in found) == [".mp4", ".png"]


def test_found_sentences_hold_the_numbers_of_the_tables():
    episode, noise = get_results("hammer_episode"), get_results("hammer_noise")
    said = analysis.found_hammer(episode, noise)
    assert len(said.splitlines()) == 2 + len(noise)
    for share in noise["success [%]"]:
        assert f"succeeds in {share:.0f} %" in said


def test_intervals_of_returns_are_students():
    from scipy import stats

    noise = analysis.hammer_noise([1], 3)
    assert "because" not in noise.attrs
    t = stats.t.ppf(0.975, 2)
    half = t * noise["deviation [return]"] / 2**0.5
    np.testing.assert_allclose(
        noise["high [return]"] - noise["return"], half, rtol=1e-3
    )
