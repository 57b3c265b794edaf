"""Tables of what an episode of Hammer looks like, and of how noise matters.

They are made where the hand can be simulated, else taken from the committed results.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas import DataFrame
from scipy import stats

from vsrnn.errors import VsrnnError
from vsrnn.runs.results import get_results

if TYPE_CHECKING:
    from vsrnn.runs.config import Config
    from vsrnn.tasks.adroit import Played

HEIGHT, DEPTH = "hammer height [cm]", "nail depth [cm]"
BOARD, NOISE = "board height [cm]", "noise [factor]"
PICTURE = "picture [JPEG, base64]"
SHOWN = 100
"""Steps of an episode that are shown, half of them: the nail is in long before."""

# where an observation has them [m]
_HAMMER_Z, _NAIL, _NAIL_Z = 38, 26, 44
_LIFTED, _STRUCK = 0.06, 0.01


def _or_stored(make: Callable[..., DataFrame]) -> Callable[..., DataFrame]:
    """Make a table, or take the committed one of its name and keep why in ``attrs``."""

    @wraps(make)
    def made(*arguments: Any, **options: Any) -> DataFrame:
        from vsrnn.tasks.adroit import versions

        try:
            table = make(*arguments, **options)
            table.attrs = {"policy_sha256": _expert().checksum, **versions()}
        except VsrnnError as problem:
            table = get_results(make.__name__)
            table.attrs = {"results": make.__name__, "because": str(problem)}
        return table

    return made


@_or_stored
def hammer_frames() -> DataFrame:
    """Pictures of the expert at the moments that matter in one episode.

    Returns:
        One row a moment: moment, step, time [s], height of the hammer above the table
        and depth of the nail [cm], and picture (a JPEG file, in base64).
    """
    from vsrnn.tasks.pictures import draw

    played = _play(range(1))
    table = DataFrame(_moments(played).items(), columns=["moment", "step"])
    seen = played.observations[0, table["step"]]
    return table.assign(
        **{
            "time [s]": table["step"] / 100,
            HEIGHT: (100 * seen[:, _HAMMER_Z]).round(2),
            DEPTH: (100 * seen[:, _NAIL]).round(2),
            PICTURE: [_jpeg(p) for p in draw(played, list(table["step"]), 320)],
        }
    )


@_or_stored
def hammer_episode(episodes: int = 16, noises: Sequence[float] = (0, 1)) -> DataFrame:
    """Height of the hammer and depth of the nail while the expert plays.

    Args:
        episodes: how many, each with a board of another height.
        noises: factors of the expert's noise; each plays the same episodes.

    Returns:
        One row an episode and step: noise, episode, board height, step, time [s],
        height of the hammer above the table and depth of the nail [cm], and driven
        (whether the nail is within 1 cm of its goal).
    """
    return pd.concat(
        [_course(_play(range(episodes), noise), noise) for noise in noises],
        ignore_index=True,
    )


@_or_stored
def hammer_noise(
    noises: Sequence[float] = (0, 1, 2, 3), episodes: int = 40
) -> DataFrame:
    """How the expert scores with more and less noise on its actions.

    Args:
        noises: factors of the expert's own noise.
        episodes: how many are played with each.

    Returns:
        One row a factor: noise as a factor and as standard deviation of an action
        (which is -1 to 1), episodes, success [%] with Wilson's 95 %
        interval, and mean return with its 95 % interval of Student, standard deviation
        between episodes, and mean return of version 2 of the environment.
    """
    from vsrnn.tasks.adroit import STEPS

    deviation = float(np.exp(_expert().arrays["log_std"]).mean())
    rows = []
    for noise in noises:
        scores = _play(range(episodes), noise, STEPS).scores()
        driven = stats.binomtest(round(scores["success"] * episodes), episodes)
        share = driven.proportion_ci(method="wilson")
        half = _half_width(scores["return_sd"], episodes)
        rows.append(
            {
                NOISE: noise,
                "noise [standard deviation of an action]": noise * deviation,
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


def hammer_film(every: int = 2) -> np.ndarray:
    """Pictures of the episode of `hammer_frames`: (pictures, height, width, 3) uint8.

    Args:
        every: steps from one picture to the next.

    Raises:
        VsrnnError: the hand cannot be simulated or drawn here.
    """
    from vsrnn.tasks.pictures import draw

    return draw(_play(range(1)), range(0, SHOWN + 1, every))


def playable(configs: Iterable[Config]) -> list[Config]:
    """Those configs whose task can be had here; why others cannot is printed once.

    So a page that trains the robot tasks is made without the extra, too, and shows
    what is stored.

    >>> playable([])
    []
    """
    from vsrnn.tasks.adroit import versions

    configs = list(configs)
    try:
        versions()
    except VsrnnError as problem:
        print(f"No robot task is trained here, and what is shown is stored: {problem}.")
        return [config for config in configs if config.task == "rad"]
    return configs


def _expert() -> Any:
    from vsrnn.tasks.adroit import HAMMER
    from vsrnn.tasks.experts import EXPERT
    from vsrnn.tasks.policy import load_policy

    return load_policy(EXPERT, HAMMER)


def _play(seeds: range, noise: float = 0, steps: int = SHOWN) -> Played:
    """Let the expert play; no other episodes have these seeds."""
    from vsrnn.tasks.adroit import HAMMER, play

    own = range(2_000 + seeds.start, 2_000 + seeds.stop)
    return play(HAMMER, _expert().noisy(own, noise), own, steps)


def _moments(played: Played) -> dict[str, int]:
    """Steps done at the moments of the first episode."""
    seen = played.observations[0]
    lifted = int((seen[:, _HAMMER_Z] > _LIFTED).argmax())
    struck = int((seen[:, _NAIL] > _STRUCK).argmax())
    driven = 1 + int(played.success[0].argmax())
    let_go = struck + int((seen[struck:, _HAMMER_Z] < _LIFTED).argmax())
    return {
        "start": 0,
        "grasp": max(lifted - 4, 0),
        "lift": (lifted + struck) // 2,
        "strike": struck,
        "driven": driven,
        "let go": let_go,
    }


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
            "time [s]": step / 100,
            HEIGHT: cm[:, _HAMMER_Z],
            DEPTH: cm[:, _NAIL],
            "driven": driven.ravel(),
        }
    )


def _half_width(deviation: float, count: int) -> float:
    """Half of the 95 % interval of a mean."""
    return float(stats.t.ppf(0.975, count - 1) * deviation / np.sqrt(count - 1))


def _jpeg(picture: np.ndarray) -> str:
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, picture, format="jpeg", pil_kwargs={"quality": 90})
    return base64.b64encode(file.getvalue()).decode()
