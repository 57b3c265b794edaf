"""The project's own expert at the hammer, and the search that found it.

``python -m vsrnn.tasks.experts`` finds it again from nothing and says what it does.
Its weights are in ``hammer.safetensors``, what the search printed in ``hammer.log``.
"""

from pathlib import Path

EXPERT = Path(__file__).parent / "hammer.safetensors"
"""The policy found, in the plain format of `vsrnn.tasks.policy.Policy`."""
