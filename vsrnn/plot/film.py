"""A film with its files, shown in a notebook: made here, or the stored one."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from vsrnn.errors import VsrnnError, needs
from vsrnn.files import read_committed
from vsrnn.plot.save import LICENSE, Writers, write_files

RATE = 15
"""Pictures a second."""


@dataclass(frozen=True)
class Film:
    """A film, which a notebook shows, and whether it was made here, and if not, why."""

    paths: dict[str, Path]
    alt: str
    origin: str

    def _repr_html_(self) -> str:
        source, poster = (self.paths[ending].as_posix() for ending in ("mp4", "png"))
        return (
            f'<video src="{source}" poster="{poster}" '
            f'aria-label="{html.escape(self.alt)}" '
            'controls loop muted playsinline preload="metadata" '
            'style="width: 480px; max-width: 100%; height: auto"></video>'
            f"<p>{html.escape(self.origin)}</p>"
        )


def film(
    stem: str,
    shoot: Callable[[], np.ndarray],
    folder: str | Path = "figures",
    alt: str = "",
    provenance: Mapping[str, object] | None = None,
    kept: Sequence[Path] = (),
) -> Film:
    """Make a film (MP4, H.264) with its first picture, or take the stored one.

    Args:
        stem: name of its files, and of the stored film.
        shoot: gives its pictures, (pictures, height, width, 3) uint8, or raises
            `vsrnn.VsrnnError` where it cannot.
        folder: where the files go.
        alt: what it shows, for those who cannot see it.
        provenance: what made the pictures, kept in the JSON file.
        kept: folders where a stored film may be.

    Raises:
        VsrnnError: it can neither be made nor is one stored, or the folder cannot be
            written.
    """
    try:
        pictures = _take(shoot)
    except VsrnnError as problem:
        names = [f"{stem}.{end}" for end in ("mp4", "png", "json")]
        places = [at / name for at in kept for name in names]
        found = [path for path in places if path.exists()]
        if not found:
            raise
        held = {path.suffix[1:]: read_committed(path) for path in found}
        copies: Writers = {end: partial(_hold, one) for end, one in held.items()}
        origin = f"The film is stored, not made here: {problem}."
        return Film(write_files(folder, stem, copies), alt, origin)
    record = {
        **{"film": stem, "license": LICENSE, "pictures": len(pictures)},
        "pictures a second": RATE,
        "packages": {name: metadata.version(name) for name in ("vsrnn", "av")},
        "provenance": dict(provenance or {}),
    }
    credit = {"Title": stem, "Copyright": LICENSE}
    writers: Writers = {
        "mp4": partial(_encode, pictures, stem),
        "png": partial(imsave, arr=pictures[0], format="png", metadata=credit),
        "json": lambda path: path.write_text(json.dumps(record, indent=2) + "\n"),
    }
    origin = "Filmed when this page was made."
    return Film(write_files(folder, stem, writers), alt, origin)


def _hold(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _take(shoot: Callable[[], np.ndarray]) -> np.ndarray:
    """Take the pictures, which takes long, once it is known that a film can be made."""
    with needs("adroit"):
        import av  # noqa: F401
    return shoot()


def _encode(pictures: np.ndarray, stem: str, path: Path) -> None:
    import av

    # the index first, so that a browser can play before it has everything
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as file:
        file.metadata.update(title=stem, copyright=LICENSE)
        stream = file.add_stream("libx264", rate=RATE, options={"crf": "24"})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
