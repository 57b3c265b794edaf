"""Adroit Door: imitate an expert that opens a door with a robot hand."""

from __future__ import annotations

from vsrnn.tasks.adroit import DOOR
from vsrnn.tasks.hammer import Hammer
from vsrnn.tasks.task import register


@register
class Door(Hammer):
    """Open a door with a robot hand, by imitation of an expert.

    As :class:`vsrnn.tasks.hammer.Hammer`, with the same options, 39 numbers to see and
    28 joint angles to give; an episode succeeds when the door is open by 1.35 rad. No
    expert comes with the package: the published data set of Minari is downloaded, or
    the option ``source`` names another or a policy's file.

    >>> Door.inputs, Door.outputs
    (39, 28)

    Source: protocol of arXiv 2509.15057 (Adroit Door).
    """

    name, label, robot, expert = "door", "Door", DOOR, None
    usual_source = "D4RL/door/expert-v2"
    sources = (
        "a policy's file (.npz or .safetensors), or the name of a Minari data set such "
        "as D4RL/door/expert-v2"
    )
    inputs, outputs = DOOR.inputs, DOOR.outputs
