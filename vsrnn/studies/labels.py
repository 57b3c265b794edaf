"""Words and chance levels of tasks, as the tasks give them."""

from __future__ import annotations

from vsrnn.tasks import task_class

EXPERT_LABELS = {"own": "own expert", "dapg_hammer_policy.npz": "DAPG policy"}
"""Words for the experts that Hammer is imitated from."""

_LABELS = {
    "rad": "Random Anomaly",
    "hammer": "Hammer",
    "door": "Door",
    "kitchen-mixed": "Kitchen, mixed",
    "kitchen-blind": "Kitchen, blind",
    "kitchen-complete": "Kitchen, complete",
}
_SCORES = {"rad": "test accuracy", "hammer": "success rate"}


def task_label(name: str) -> str:
    """A task in words.

    >>> task_label("rad")
    'Random Anomaly'
    """
    return str(getattr(task_class(name), "label", None) or _LABELS.get(name, name))


def score_label(name: str) -> str:
    """What a task's score is, in words.

    >>> score_label("hammer")
    'success rate'
    """
    given = getattr(task_class(name), "score_label", None)
    return str(given or _SCORES.get(name, "score"))


def chance(name: str = "rad") -> float:
    """Score of a guess on a task [%].

    >>> chance("rad")
    10.0
    """
    task = task_class(name)
    return 100.0 * float(task.chance)
