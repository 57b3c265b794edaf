"""Adroit Door: imitate an expert that opens a door with a robot hand."""

from __future__ import annotations

from vsrnn.tasks.adroit import DOOR
from vsrnn.tasks.hammer import Hammer
from vsrnn.tasks.task import register


@register
class Door(Hammer):
    """Open a door with a robot hand, by imitation of an expert.

    As :class:`vsrnn.tasks.hammer.Hammer`, with 39 numbers to see and 28 joint angles
    to give; an episode succeeds when the door is open by 1.35 rad. There is no expert
    that comes with the package: the data are downloaded, or a policy's file is named.

    Args:
        scale: "smoke", "quick" or "paper".
        source: name of a Minari data set, the published one if absent, or of a
            policy's file.
        demonstrations: training episodes, if not those of the scale.
        noise: factor of the noise that a policy adds to its actions in the data.
        data_seed: seed of where the door is and of the noise, 0 or above.
        policy_dir: folder of the policy's file, else VSRNN_POLICIES.
        cache: folder that keeps the data.

    Raises:
        VsrnnError: as for the hammer.

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
