"""Static masks: what exists is drawn before training and stays."""

from __future__ import annotations

from dataclasses import dataclass

from vsrnn.methods.method import Method


@dataclass(frozen=True)
class Static(Method):
    """The masks that were drawn, from the first step to the last, as in paper I."""

    name = "static"
