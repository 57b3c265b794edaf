"""Films: made where they can be, else the stored ones."""

import json
import sys

import numpy as np
import pytest

from vsrnn import VsrnnError
from vsrnn.plot.film import film
from vsrnn.runs.results import FOLDERS


def fail():
    raise RuntimeError("no display")


def shoot(number=8):
    """Pictures of a square that moves."""
    pictures = np.zeros((number, 48, 64, 3), np.uint8)
    for n, picture in enumerate(pictures):
        picture[8:24, 4 * n : 4 * n + 16] = 255
    return pictures


def test_a_film_is_written_with_its_first_picture_and_record(tmp_path):
    av = pytest.importorskip("av")
    shown = film("square", shoot, tmp_path, 'A "square" moves.', {"seed": 3})
    with av.open(str(shown.paths["mp4"])) as file:
        (stream,) = file.streams.video
        assert stream.codec_context.name == "h264" and stream.pix_fmt == "yuv420p"
        assert file.metadata["copyright"] == "CC BY 4.0"
        found = np.stack([f.to_ndarray(format="rgb24") for f in file.decode(stream)])
    assert found.shape == shoot().shape
    assert np.abs(found.astype(int) - shoot()).mean() < 10
    content = shown.paths["mp4"].read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "it plays while it loads"
    record = json.loads(shown.paths["json"].read_text())
    assert record["pictures"] == 8 and record["provenance"] == {"seed": 3}
    text = shown._repr_html_()
    for word in ("controls", "loop", "muted", "playsinline", "poster=", "&quot;square"):
        assert word in text


def test_without_the_encoder_the_film_is_stored(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    shown = film("hammer_film", fail, tmp_path, kept=FOLDERS)  # nothing is drawn
    assert "needs av, which is not installed" in shown.origin
    with pytest.raises(VsrnnError, match="needs av, which is not installed"):
        film("nothing", shoot, tmp_path, kept=FOLDERS)


def test_a_film_that_cannot_be_written_is_one_sentence(tmp_path):
    pytest.importorskip("av")
    (tmp_path / "taken").write_text("")
    with pytest.raises(VsrnnError, match="cannot write"):
        film("square", shoot, tmp_path / "taken")


def test_films_lie_beside_their_pages(build, tmp_path):
    film("hammer_film", shoot, tmp_path / "src" / "notebooks" / "figures")
    build.films(tmp_path / "src", tmp_path / "html")
    found = (tmp_path / "html" / "notebooks" / "figures").iterdir()
    assert sorted(path.suffix for path in found) == [".mp4", ".png"]
