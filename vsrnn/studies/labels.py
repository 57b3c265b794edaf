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


_TABLES = {
    "rad_even_100k": "drawn evenly, 100,000 weights",
    "rad_normal_size_50k": "drawn as published, 50,000 weights",
    "rad_normal": "drawn as published, any size",
    "rad_100k": "the paper's own, 100,000 weights",
    "hammer_even_10k": "drawn evenly, 10,000 weights",
    "hammer_normal": "drawn as published, any size",
    "hammer_named": "the paper's own, our expert",
    "hammer_named_dapg": "the paper's own, DAPG policy",
    "hammer_few": "the paper's own",
}


def table_label(name: str) -> str:
    """What the designs of a table of runs are, in words.

    >>> table_label("rad_normal"), table_label("hammer_few, 10 demonstrations")
    ('drawn as published, any size', "the paper's own, 10 demonstrations")
    """
    first, _, rest = name.partition(", ")
    return ", ".join(filter(None, (_TABLES.get(first, first), rest)))
