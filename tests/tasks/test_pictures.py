"""Pictures of an episode of the robot hand."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from vsrnn import VsrnnError
from vsrnn.tasks import pictures
from vsrnn.tasks.adroit import HAMMER, make_environment, play
from vsrnn.tasks.hammer import EXPERT
from vsrnn.tasks.policy import load_policy


def test_pictures_are_those_of_the_episode_played():
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    played = play(HAMMER, load_policy(EXPERT, HAMMER).noisy([5]), [5], steps=25)
    try:
        drawn = pictures.draw(played, [0, 25], width=160)
    except VsrnnError as problem:
        pytest.skip(str(problem))
    assert drawn.shape == (2, 120, 160, 3) and drawn.dtype == np.uint8
    assert drawn[0].std() > 20 and (drawn[0] != drawn[1]).mean() > 0.05
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


def test_a_simulator_that_cannot_be_loaded_is_one_sentence(monkeypatch):
    pytest.importorskip("gymnasium_robotics", reason="needs the extra adroit")
    make_environment.cache_clear()
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", None)
    with pytest.raises(VsrnnError, match=r"cannot be loaded .* MUJOCO_GL"):
        play(HAMMER, lambda observations: observations, [0])
