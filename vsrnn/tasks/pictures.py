"""Pictures of an episode, drawn without a screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import numpy as np

from vsrnn.errors import VsrnnError
from vsrnn.tasks.adroit import Array, Played, make_environment

CAMERA = {"distance": 0.75, "azimuth": 50, "elevation": -25}
LOOK_AT = (0.05, -0.14, 0.14)
"""Where the camera stands, and where it looks [m]: hand, hammer, nail and board."""


def draw(played: Played, steps: Collection[int], width: int = 480) -> Array:
    """Draw the first of the episodes played, after so many of its steps each.

    It is played again, with its own actions. Pictures, (steps, height, width, 3) uint8,
    are three quarters as high as wide. Where nothing can be drawn, that is said.
    """
    env = make_environment(played.robot.environment).unwrapped
    env.reset(seed=int(played.seeds[0]))
    pictures = []
    with _camera(env, width, 3 * width // 4) as look:
        for step in range(max(steps) + 1):
            if step in steps:
                pictures.append(look())
            if step < max(steps):
                env.step(played.actions[0, step])
    return np.stack(pictures)


@contextmanager
def _camera(env: Any, width: int, height: int) -> Iterator[Callable[[], Array]]:
    """A function that takes a picture, (height, width, 3) uint8."""
    import mujoco

    whole = env.model.vis.global_
    whole.offwidth, whole.offheight = width, height  # as large as needed is faster
    try:
        context = _context(width, height)
        context.make_current()
        canvas = mujoco.MjrContext(env.model, mujoco.mjtFontScale.mjFONTSCALE_100)
    except Exception as problem:  # of the graphics driver, and which that is varies
        raise VsrnnError(
            f"nothing can be drawn here without a screen ({problem}); on Debian and "
            "Ubuntu, apt install libegl1 libopengl0 libgl1-mesa-dri"
        ) from problem
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, canvas)
    scene, frame = (
        mujoco.MjvScene(env.model, 1_000),
        mujoco.MjrRect(0, 0, width, height),
    )
    camera, options = mujoco.MjvCamera(), mujoco.MjvOption()
    camera.lookat[:] = LOOK_AT
    for name, value in CAMERA.items():
        setattr(camera, name, value)
    seen = (env.model, env.data, options, None, camera, mujoco.mjtCatBit.mjCAT_ALL)

    def look() -> Array:
        mujoco.mjv_updateScene(*seen, scene)
        mujoco.mjr_render(frame, scene, canvas)
        picture = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(picture, None, frame, canvas)
        return picture[::-1]

    try:
        yield look
    finally:
        canvas.free()
        context.free()


def _context(width: int, height: int) -> Any:
    """An OpenGL context: of EGL, unless the user's MUJOCO_GL asks for another.

    Were MUJOCO_GL set here, a machine without EGL could not load mujoco at all. Builds
    of torch for CUDA bring triton, which holds another LLVM than the graphics driver:
    loaded after that, as ``torch.optim`` does, it ends the process.
    """
    with suppress(ImportError):
        import_module("triton")
    if sys.platform == "linux" and not os.environ.get("MUJOCO_GL"):
        from mujoco.egl import GLContext
    else:
        from mujoco import GLContext
    return GLContext(width, height)
