"""The study of the Hammer task: what is played here or stored, drawn and said."""

import json
import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from vsrnn import VsrnnError, get_results
from vsrnn.runs.results import FOLDERS
from vsrnn.studies import hammer, open_page
from vsrnn.tasks import adroit, pictures
from vsrnn.tasks.adroit import HAMMER, make_environment
from vsrnn.tasks.hammer import EXPERT
from vsrnn.tasks.policy import load_policy

STORED = FOLDERS[1]
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "hammer.ipynb"
TABLES = ("frames", "episode", "noise")


@pytest.fixture
def bare(monkeypatch):
    """As on a machine without the extra."""

    def unknown(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(adroit, "version", unknown)
    make_environment.cache_clear()


@pytest.fixture
def blind(monkeypatch):
    """As on a machine with the extra, but without OpenGL."""

    def fail(*arguments, **options):
        raise RuntimeError("no display")

    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    monkeypatch.setattr(pictures, "_context", fail)


@pytest.fixture(scope="module")
def page():
    return open_page("hammer")


@pytest.fixture(scope="module")
def played():
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    return hammer.load(episodes=2, noises=[0, 1, 9], played=3)


def test_tables_are_made_from_episodes_here(played):
    episode, noise = played.episode, played.noise
    assert len(episode) == 2 * 2 * 101
    quiet = episode[episode["noise [factor]"] == 0]
    assert quiet.groupby("step")["driven"].any()[25]
    boards = [
        table.groupby("episode")["board height [cm]"].first()[:2].tolist()
        for table in (episode, get_results("hammer_episode"))
    ]
    assert boards[0] == boards[1]
    assert noise["success [%]"].tolist() == [100, 100, 0]
    half = stats.t.ppf(0.975, 2) * noise["deviation [return]"] / 2**0.5
    for end, sign in (("high", 1), ("low", -1)):
        gap = sign * (noise[f"{end} [return]"] - noise["return"])
        np.testing.assert_allclose(gap, half, rtol=1e-3)
    slip = noise["return"] - noise["return of version 2"]
    assert slip.between(0.1, 50).all()
    assert "mujoco" in hammer.origin(played) and "made_by" not in episode.attrs


def test_a_table_of_moments_is_in_their_order(played):
    if "because" in played.frames.attrs:
        pytest.skip(played.frames.attrs["because"])
    table, stored = played.frames, get_results("hammer_frames")
    assert table["step"].is_monotonic_increasing and table["step"].iloc[0] == 0
    deep = table.set_index("moment")["nail depth [cm]"]
    assert deep["lift"] < 0.1 < 0.5 < deep["strike"] < 8 < deep["driven"]
    assert list(table.columns) == list(stored.columns)


def test_without_the_extra_one_sentence_and_what_is_stored(bare, tmp_path):
    page = open_page("hammer", tmp_path, episodes=2, noises=[0], played=2)
    for name in TABLES:
        table = getattr(page.data, name)
        assert table.equals(get_results(f"hammer_{name}"))
    said = hammer.origin(page.data)
    assert said.count("pip install 'vsrnn[adroit]'") == 1 and said.count("tored") == 1
    film = hammer.film("hammer_film", page, "A hand.")
    assert film.origin.startswith("The film is stored")
    for ending, path in film.paths.items():
        assert path.read_bytes() == (STORED / f"hammer_film.{ending}").read_bytes()


def test_without_opengl_only_pictures_are_stored(blind, tmp_path):
    page = open_page("hammer", tmp_path, episodes=1, noises=[0], played=2)
    assert page.data.frames.equals(get_results("hammer_frames"))
    assert "because" not in page.data.episode.attrs
    said = hammer.origin(page.data)
    assert "Played when" in said and "apt install libegl1" in said
    pytest.importorskip("av")
    origin = hammer.film("hammer_film", page, "A hand.").origin
    assert "no display" in origin and "apt install libegl1" in origin


def test_what_is_stored_is_small_and_of_this_expert():
    names = ("mp4", "png", "json")
    sizes = [(STORED / f"hammer_film.{ending}").stat().st_size for ending in names]
    assert sum(sizes) < 1e6
    record = json.loads((STORED / "hammer_film.json").read_text())
    expert = load_policy(EXPERT, HAMMER).checksum
    assert record["provenance"]["policy_sha256"] == expert


def test_curves_are_those_of_the_episodes(page):
    table = page.table("hammer_episode")
    figure = hammer.hammer_episode(table)
    columns = [table[table["noise [factor]"] == noise] for noise in (0, 1)]
    whats = ("hammer height [cm]", "nail depth [cm]")
    panels = [(rows, what) for what in whats for rows in columns]
    for ax, (rows, what) in zip(figure.axes, panels, strict=False):
        for line, (_, own) in zip(ax.lines, rows.groupby("episode"), strict=False):
            np.testing.assert_array_equal(line.get_xdata(), own["time [s]"])
            np.testing.assert_array_equal(line.get_ydata(), own[what])
    deep = figure.axes[2].lines[-1].get_ydata()[0]
    assert deep == table.loc[table["driven"], "nail depth [cm]"].min()
    boards = table.groupby("episode")["board height [cm]"].first()
    ends = [
        figure.axes[0].lines[n].get_color() for n in (boards.argmin(), boards.argmax())
    ]
    bar = figure.axes[-1].collections[-1].cmap
    assert [tuple(color) for color in ends] == [bar(0.0), bar(1.0)]


def test_scores_are_drawn_with_their_intervals(page):
    table = page.table("hammer_noise")
    panels = hammer.hammer_noise(table).axes
    for ax, name, unit in zip(
        panels, ("success [%]", "return"), ("[%]", "[return]"), strict=True
    ):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), table[name])
        np.testing.assert_allclose(ax.lines[0].get_xdata(), table["noise [factor]"])
        ends = [bar[:, 1] for bar in ax.collections[0].get_segments()]
        np.testing.assert_allclose(ends, table[[f"low {unit}", f"high {unit}"]])


def test_pictures_stand_in_the_order_of_moments(page):
    table = page.table("hammer_frames")
    axes = hammer.hammer_frames(table).axes
    titles = [ax.get_title(loc="left") for ax in axes]
    assert [title.split(":")[0] for title in titles] == table["moment"].tolist()
    first = hammer._picture(table["picture [JPEG, base64]"].iloc[3])
    np.testing.assert_array_equal(axes[3].images[0].get_array(), first)


def test_the_short_answer_is_what_the_tables_say(page):
    numbers, noise = page.numbers(), page.data.noise.set_index("noise [factor]")
    for key in re.findall(r"{{(\w+)}}", NOTEBOOK.read_text("utf-8")):
        assert key in numbers
    assert numbers["success_1"] == f"{noise.loc[1, 'success [%]']:.0f} %"
    assert numbers["success_2"] == f"{noise.loc[2, 'success [%]']:.0f} %"
    assert (numbers["driven"], numbers["driven_after"]) == (
        "16 of 16",
        "0.22 to 0.23 s",
    )
    verdicts = page.claims().set_index("claim")["verdict"]
    assert verdicts["1 instead of 0 times the noise costs successes"] == "undecided"
    assert verdicts["2 instead of 1 times the noise costs successes"] == "holds"
    assert noise.loc[1, "return"] > 0.99 * noise.loc[0, "return"]  # hardly anything


def test_headings_say_what_the_episodes_show(page):
    said = NOTEBOOK.read_text("utf-8")
    times = page.table("hammer_frames").set_index("moment")["time [s]"]
    assert 0.35 < times["grasp"] / times["driven"] < 0.65
    assert "Half of the time until the nail is in goes into the grasp" in said
    assert times["let go"] > 2 * times["driven"] and "only later" in said
    episode = page.table("hammer_episode")
    for _, one in episode[episode["noise [factor]"] == 0].groupby("episode"):
        moves = one["nail depth [cm]"].diff().to_numpy() > 0.1
        assert moves.any() and np.diff(np.flatnonzero(moves)).max() == 1
    assert "One blow is enough for the expert" in said
    struck = episode[episode["driven"]].groupby(["noise [factor]", "episode"])
    assert np.ptp(struck["time [s]"].min()) <= 0.03
    assert "Higher boards are struck as soon as low ones" in said
    high = page.data.noise.set_index("noise [factor]")["success [%]"]
    assert high[1] > 95 and high[2] < 90
    assert "At the noise of the data the expert still succeeds" in said


def test_a_claim_turns_with_the_scores(page):
    noise = page.data.noise.assign(**{"noise [factor]": [3, 2, 1, 0]})
    data = hammer.Data(page.data.frames, page.data.episode, noise)
    verdicts = [claim.verdict for claim in hammer.claims(hammer.Page("hammer", data))]
    assert "holds" not in verdicts and verdicts.count("reversed") >= 4


def test_numbers_of_what_never_succeeds_can_be_told(page):
    quiet = page.data.episode.assign(driven=False)
    data = hammer.Data(page.data.frames, quiet, page.data.noise)
    assert hammer.numbers(hammer.Page("hammer", data))["driven"] == "0 of 16"


def test_a_study_without_its_tables_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("vsrnn.runs.results.FOLDERS", (tmp_path,))
    with pytest.raises(VsrnnError, match="no committed results"):
        hammer.load()
