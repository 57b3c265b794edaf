"""Statistics of tasks whose values are known."""

import math

import pytest
import torch

import vsrnn
from vsrnn.forecast.statistics import statistics


class Echo(vsrnn.Task):
    """Give back the input of two steps before the end."""

    inputs, outputs, steps = 4, 4, 6
    back = 2

    def data(self):
        rng = torch.Generator().manual_seed(0)
        x = torch.randn(400, 6, 4, generator=rng) + 1
        y = x[:, -1 - self.back]
        return dict.fromkeys(("train", "val", "test"), (x, y))


class Now(Echo):
    """The output reads the state before, which knows the input before the last."""

    back = 1


class Labels(Echo):
    """Two classes, three times as many of one; inputs go on from step to step."""

    outputs = 2

    def data(self):
        rng = torch.Generator().manual_seed(0)
        x = torch.randn(400, 6, 4, generator=rng).cumsum(1)
        y = (torch.arange(400) % 4 == 0).long()
        return dict.fromkeys(("train", "val", "test"), (x, y))


def test_memory_demand_tells_what_the_last_input_does_not():
    echo, now = statistics(Echo()), statistics(Now())
    assert echo["memory_demand"] > 0.9 and echo["from_last"] < 0.05
    assert now["from_last"] > 0.9 and now["memory_demand"] < 0.05


def test_inputs_and_targets_are_described():
    found = statistics(Labels())
    assert found["inputs"] == math.log(4) and found["ratio"] == math.log(2)
    assert found["steps"] == math.log(6) and found["sequences"] == math.log(400)
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert found["entropy"] == pytest.approx(quarter, abs=1e-6)
    assert found["classes"] == 1 and found["every_step"] == 0
    assert found["lag_1"] > 0.7 > found["lag_half"] > 0.3
    echo = statistics(Echo())
    assert echo["mean"] == pytest.approx(1, abs=0.05)
    assert echo["deviation"] == pytest.approx(1, abs=0.05)
    assert abs(echo["lag_1"]) < 0.1 and echo["rank"] > 0.9 and echo["entropy"] == 0


def test_targets_at_every_step():
    found = statistics(vsrnn.get_task("navigation", "smoke"))
    assert found["every_step"] == 1 and found["target_memory"] > 0.9
    assert found["zeros"] > 0.9
