"""Which of several patterns comes twice? Small kin of Random Anomaly Detection."""

from numpy.random import Generator

from vsrnn.tasks._generated import Generated, Pair, zeros
from vsrnn.tasks.task import register


@register
class Repeat64(Generated):
    """See patterns in any order, each once and one of them twice: which one is it?

    A pattern lights a fifth of the inputs, the same ones always; whenever it is shown,
    half of these stay dark, and a twentieth of the others is lit. There are as many
    patterns as outputs, and a dark step at the end. Each view has to be recognized, and
    kept until the second one.

    Args:
        scale: "smoke", "quick" or "paper".

    >>> inputs, targets = Repeat64("smoke").batch("val", slice(0, 9))
    >>> inputs.shape, targets.shape
    (torch.Size([9, 5, 64]), torch.Size([9]))

    Source: the inputs, steps and answer of Random Anomaly Detection, arXiv 2509.15057,
    with patterns in place of digits.
    """

    name, label = "repeat-64", "Repeated pattern, 64 inputs"
    inputs, outputs, steps, chance = 64, 3, 5, 1 / 3

    def draw(self, rng: Generator, number: int) -> Pair:
        """Return the views of patterns, and which one was shown twice."""
        patterns = self.fixed().random((self.outputs, self.inputs)) < 0.2
        twice = rng.integers(self.outputs, size=number)
        shown = rng.random((number, self.outputs + 1)).argsort(1)
        last = self.outputs
        shown[shown == last] = twice
        inputs = zeros(number, self.steps, self.inputs)
        for step in range(self.outputs + 1):
            chances = rng.random((number, self.inputs), dtype="float32")
            lit = patterns[shown[:, step]]
            inputs[:, step] = (lit & (chances < 0.5)) | (~lit & (chances < 0.05))
        return inputs, twice


@register
class Repeat400(Repeat64):
    """As :class:`Repeat64`, with 5 patterns of 400 inputs."""

    name, label = "repeat-400", "Repeated pattern, 400 inputs"
    inputs, outputs, steps, chance = 400, 5, 7, 1 / 5


@register
class Repeat1000(Repeat64):
    """As :class:`Repeat64`, with 5 patterns of 1,000 inputs."""

    name, label = "repeat-1000", "Repeated pattern, 1,000 inputs"
    inputs, outputs, steps, chance = 1000, 5, 7, 1 / 5
