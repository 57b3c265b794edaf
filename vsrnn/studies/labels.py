"""Words and chance levels of tasks, as the tasks give them."""

from __future__ import annotations

from vsrnn.tasks import task_class

EXPERT_LABELS = {"own": "our expert", "dapg_hammer_policy.npz": "DAPG policy"}
"""Words for the experts that Hammer is imitated from."""


def task_label(name: str) -> str:
    """A task in words.

    >>> task_label("rad")
    'Random Anomaly'
    """
    return str(task_class(name).label)


def score_label(name: str) -> str:
    """What a task's score is, in words.

    >>> score_label("hammer")
    'success rate'
    """
    return str(task_class(name).score_label)


def chance(name: str = "rad") -> float:
    """Score of a guess on a task [%].

    >>> chance("rad")
    10.0
    """
    return 100.0 * float(task_class(name).chance)
