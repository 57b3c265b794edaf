"""Adroit Hammer: what an episode looks like, and what noise costs the expert.

Tables are made where the hand can be simulated, else taken from the committed results.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave
from pandas import DataFrame
from scipy import stats

from vsrnn.errors import VsrnnError
from vsrnn.plot.axes import images, panels
from vsrnn.plot.film import Film
from vsrnn.plot.film import film as make_film
from vsrnn.plot.labels import BLUE, GRAY
from vsrnn.plot.lines import lines
from vsrnn.plot.registry import figure
from vsrnn.plot.style import drawing
from vsrnn.runs.results import FOLDERS, get_results
from vsrnn.stats import Claim, difference_of_shares, welch_of_means
from vsrnn.studies.page import Page
from vsrnn.tasks.adroit import HAMMER, STEPS, Played, play, versions
from vsrnn.tasks.hammer import EXPERT
from vsrnn.tasks.pictures import draw
from vsrnn.tasks.policy import Policy, load_policy

HEIGHT, DEPTH = "hammer height [cm]", "nail depth [cm]"
BOARD, NOISE = "board height [cm]", "noise [factor]"
TIME, DEVIATION = "time [s]", "noise [standard deviation of an action]"
PICTURE = "picture [JPEG, base64]"
SHOWN = 100
"""Steps of an episode that are shown, half of them: the nail is in long before."""

# where an observation has them [m]
_HAMMER_Z, _NAIL, _NAIL_Z = 38, 26, 44
_LIFTED, _STRUCK = 0.06, 0.01


@dataclass(frozen=True)
class Data:
    """Episodes of the expert, as tables whose `attrs` say what made them.

    Args:
        frames: one row a moment of one episode, with a picture.
        episode: one row an episode and step.
        noise: one row a factor of noise, with scores.
    """

    frames: DataFrame
    episode: DataFrame
    noise: DataFrame


def load(
    episodes: int | None = None,
    noises: Sequence[float] = (0, 1, 2, 3),
    played: int = 40,
) -> Data:
    """Play the expert's episodes, or take the committed tables.

    Args:
        episodes: how many are drawn, each with a board of another height; without it,
            nothing is played.
        noises: factors of the expert's own noise that are scored.
        played: episodes played with each of them.
    """
    makers: dict[str, Callable[[], DataFrame]] = {
        "hammer_frames": _frames,
        "hammer_episode": lambda: _courses(episodes or 0),
        "hammer_noise": lambda: _scores(noises, played),
    }
    return Data(*(_table(name, make, bool(episodes)) for name, make in makers.items()))


def _table(name: str, make: Callable[[], DataFrame], live: bool) -> DataFrame:
    """Make a table, or take the committed one and keep why in ``attrs``."""
    because = ""
    try:
        if live:
            table = make()
            table.attrs = {"policy_sha256": _expert().checksum, **versions()}
            return table
    except VsrnnError as problem:
        because = str(problem)
    table = get_results(name)
    table.attrs = {"results": name, "because": because}
    return table


def _frames() -> DataFrame:
    """Moments of one episode: step, time, height, depth, and a JPEG file in base64."""
    episode = _play(range(1))
    table = DataFrame(_moments(episode).items(), columns=["moment", "step"])
    seen = episode.observations[0, table["step"]]
    return table.assign(
        **{
            TIME: table["step"] / 100,
            HEIGHT: (100 * seen[:, _HAMMER_Z]).round(2),
            DEPTH: (100 * seen[:, _NAIL]).round(2),
            PICTURE: [_jpeg(p) for p in draw(episode, list(table["step"]), 320)],
        }
    )


@figure(table=attrgetter("frames"), made_by=attrgetter("frames.attrs"))
def hammer_frames(table: DataFrame, style: str = "web") -> Figure:
    """Show the moments of an episode as pictures, three in a row."""
    rows = [table.iloc[start : start + 3] for start in range(0, len(table), 3)]
    with drawing(style, 0.31 * len(rows)) as drawn:
        axes = images(
            drawn, [[_picture(text) for text in row[PICTURE]] for row in rows]
        )
        for ax, row in zip(axes.flat, table.to_dict("records"), strict=False):
            ax.set_title(f"{row['moment']}: step {row['step']}, {row[TIME]:.2f} s")
            words = f"hammer at {row[HEIGHT]:.0f} cm, nail {row[DEPTH]:.1f} cm deep"
            ax.set_xlabel(words, fontsize="small")
    return drawn


def _courses(episodes: int, noises: Sequence[float] = (0, 1)) -> DataFrame:
    """Height and depth after each step of the same episodes with each noise."""
    parts = [_course(_play(range(episodes), noise), noise) for noise in noises]
    return pd.concat(parts, ignore_index=True)


@figure(table=attrgetter("episode"), made_by=attrgetter("episode.attrs"))
def hammer_episode(table: DataFrame, style: str = "web") -> Figure:
    """Height of the hammer and depth of the nail over time, a column a noise."""
    noises = list(table[NOISE].unique())
    deep = table.loc[table["driven"], DEPTH].min()
    with drawing(style, 0.62) as drawn:
        color = ScalarMappable(Normalize(table[BOARD].min(), table[BOARD].max()))
        boards = table.groupby("episode")[BOARD].first()
        looks = {
            episode: {"color": color.to_rgba(height), "linewidth": 1}
            for episode, height in boards.items()
        }
        axes = drawn.subplots(2, len(noises), sharex=True, sharey="row", squeeze=False)
        for column, noise in zip(axes.T, noises, strict=True):
            rows = table[table[NOISE] == noise]
            for ax, what in zip(column, (HEIGHT, DEPTH), strict=True):
                lines(ax, rows, TIME, what, hue="episode", looks=looks)
                ax.set(xlabel="", ylabel="")
            column[0].set_title(_noise_label(noise))
            column[1].axhline(deep, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)))
            column[1].set_xlabel("time [s]")
        words = {"s": "driven in above", "color": GRAY, "fontsize": "small"}
        axes[1, -1].text(table[TIME].max(), deep - 1, ha="right", **words)
        axes[0, 0].set_ylabel("hammer above table [cm]")
        axes[1, 0].set_ylabel("nail in board [cm]")
        drawn.colorbar(color, ax=axes, label="height of the board [cm]", aspect=40)
    return drawn


def _scores(noises: Sequence[float], episodes: int) -> DataFrame:
    """Success with Wilson's and return with Student's 95 % interval, by noise."""
    deviation = float(np.exp(_expert().arrays["log_std"]).mean())
    rows = []
    for noise in noises:
        scores = _play(range(episodes), noise, STEPS).scores()
        driven = stats.binomtest(round(scores["success"] * episodes), episodes)
        share = driven.proportion_ci(method="wilson")
        error = scores["return_sd"] / np.sqrt(episodes - 1)
        half = stats.t.ppf(0.975, episodes - 1) * error
        rows.append(
            {
                NOISE: noise,
                DEVIATION: noise * deviation,
                "episodes": episodes,
                "success [%]": 100 * scores["success"],
                "low [%]": 100 * share.low,
                "high [%]": 100 * share.high,
                "return": scores["return"],
                "low [return]": scores["return"] - half,
                "high [return]": scores["return"] + half,
                "deviation [return]": scores["return_sd"],
                "return of version 2": scores["return_v2"],
            }
        )
    return DataFrame(rows).round(4)


@figure(table=attrgetter("noise"), made_by=attrgetter("noise.attrs"))
def hammer_noise(table: DataFrame, style: str = "web") -> Figure:
    """Success rate and return of the expert against the noise on its actions."""
    measures = {
        "success [%]": ("[%]", "nail driven in [% of episodes]"),
        "return": ("[return]", "mean return [points]"),
    }
    with drawing(style, 0.4) as drawn:
        axes = panels(drawn, 2)
        for ax, (name, (unit, label)) in zip(axes, measures.items(), strict=True):
            one = table.assign(player="expert")
            places = (NOISE, name, f"low {unit}", f"high {unit}")
            looks = {"expert": {"color": BLUE, "marker": "o"}}
            lines(ax, one, *places, hue="player", looks=looks, bars=True)
            ax.axvline(1, color=GRAY, linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
            ax.set(xlabel="noise [times the expert's own]", ylabel=label)
            ax.set_ylim(bottom=0)
        axes[0].text(1.05, 2, "the data", color=GRAY, fontsize="small")
    return drawn


def shoot(every: int = 2) -> np.ndarray:
    """Pictures of one episode, every few steps: (pictures, height, width, 3) uint8."""
    return draw(_play(range(1)), range(0, SHOWN + 1, every))


def film(name: str, page: Page, alt: str) -> Film:
    """Show the film of the expert's episode: made here, or the stored one.

    Args:
        name: of its files.
        page: gives their folder, and what made the pictures.
        alt: what it shows, for those who cannot see it.
    """
    made_by = page.data.frames.attrs
    return make_film(name, shoot, page.folder, alt, made_by, kept=FOLDERS)


def origin(data: Data) -> str:
    """Say whether the tables were made here, and if not, why."""
    tables = [data.frames.attrs, data.episode.attrs, data.noise.attrs]
    made = [attrs for attrs in tables if "because" not in attrs]
    said = []
    if made:
        parts = [f"{k} {v}" for k, v in made[0].items() if k != "policy_sha256"]
        said.append(f"Played when this page was made, with {', '.join(parts)}.")
    kept = [attrs for attrs in tables if "because" in attrs]
    for why in dict.fromkeys(attrs["because"] for attrs in kept):
        names = [f"`{a['results']}`" for a in kept if a["because"] == why]
        reason = f", as {why}" if why else ""
        said.append(f"Stored, not made here: {', '.join(names)}{reason}.")
    return " ".join(said)


def numbers(page: Page) -> dict[str, str]:
    """What the page quotes: when the expert strikes, what noise costs, and the slip."""
    episode, noise = page.data.episode, page.data.noise
    rows = episode[episode[NOISE] == 0]
    steps = rows[rows["driven"]].groupby("episode")["step"].min() / 100
    slip = (noise["return"] - noise["return of version 2"]).abs()
    found = {
        "origin": origin(page.data),
        "driven": f"{len(steps)} of {rows['episode'].nunique()}",
        "driven_after": f"{steps.min():.2f} to {steps.max():.2f} s",
        "slip": f"{slip.min():.1f} to {slip.max():.1f}",
    }
    for row in noise.to_dict("records"):
        found[f"success_{row[NOISE]:g}"] = f"{row['success [%]']:.0f} %"
    return found


def claims(page: Page) -> list[Claim]:
    """What each step of noise costs: successes, by Newcombe's interval, and return."""
    found = []
    rows = page.data.noise.sort_values(NOISE).to_dict("records")
    for less, more in pairwise(rows):
        words = f"{more[NOISE]:g} instead of {less[NOISE]:g} times the noise costs {{}}"
        shares = [_share(row) for row in (less, more)]
        gap = difference_of_shares(*shares)
        found.append(Claim(words.format("successes"), *gap, "points"))
        counts = [row["episodes"] for row in (less, more)]
        errors = [row["deviation [return]"] ** 2 for row in (less, more)]
        means = [row["return"] for row in (less, more)]
        gap = welch_of_means(means, np.divide(errors, np.subtract(counts, 1)), counts)
        found.append(Claim(words.format("return"), *gap, "points of return"))
    return found


def _share(row: dict[str, Any]) -> tuple[float, float, float]:
    return row["success [%]"], row["low [%]"], row["high [%]"]


def _expert() -> Policy:
    return load_policy(EXPERT, HAMMER)


def _play(seeds: range, noise: float = 0, steps: int = SHOWN) -> Played:
    """Let the expert play; no other episodes have these seeds."""
    own = range(2_000 + seeds.start, 2_000 + seeds.stop)
    return play(HAMMER, _expert().noisy(own, noise), own, steps)


def _moments(played: Played) -> dict[str, int]:
    """Steps done at the moments of the first episode."""
    seen = played.observations[0]
    lifted = int((seen[:, _HAMMER_Z] > _LIFTED).argmax())
    struck = int((seen[:, _NAIL] > _STRUCK).argmax())
    driven = 1 + int(played.success[0].argmax())
    let_go = struck + int((seen[struck:, _HAMMER_Z] < _LIFTED).argmax())
    lift = {"start": 0, "grasp": max(lifted - 4, 0), "lift": (lifted + struck) // 2}
    return lift | {"strike": struck, "driven": driven, "let go": let_go}


def _course(played: Played, noise: float) -> DataFrame:
    """Height and depth after each step of episodes that were played."""
    count, steps = played.observations.shape[:2]
    episode, step = np.indices((count, steps)).reshape(2, -1)
    cm = (100 * played.observations).round(2).reshape(count * steps, -1)
    driven = np.pad(played.success, ((0, 0), (1, 0)))  # none before the first step
    return DataFrame(
        {
            NOISE: noise,
            "episode": episode,
            BOARD: cm[episode * steps, _NAIL_Z],
            "step": step,
            TIME: step / 100,
            HEIGHT: cm[:, _HAMMER_Z],
            DEPTH: cm[:, _NAIL],
            "driven": driven.ravel(),
        }
    )


def _jpeg(picture: np.ndarray) -> str:
    file = io.BytesIO()
    imsave(file, picture, format="jpeg", pil_kwargs={"quality": 90})
    return base64.b64encode(file.getvalue()).decode()


def _picture(text: str) -> np.ndarray:
    """The picture of a JPEG file in base64, (height, width, 3) uint8."""
    return imread(io.BytesIO(base64.b64decode(text)), format="jpeg")


def _noise_label(factor: float) -> str:
    words = {0.0: "without noise", 1.0: "with the noise of the data"}
    return words.get(factor, f"with {factor:g} times that noise")
