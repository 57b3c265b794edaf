"""Configs: every design with every seed."""

import numpy as np
import pytest

from vsrnn import VsrnnError
from vsrnn.runs.config import Config, configs_for


def test_configs_cross_designs_and_seeds():
    configs = configs_for(["lstm_", "rnn_"], [0, 1], "smoke", split="separate")
    assert len({config.id for config in configs}) == 4
    assert [config.seed for config in configs] == [0, 1, 0, 1]
    assert configs[0].task_options == {"split": "separate"}
    assert configs[-1].design.name == "rnn_"
    (slow,) = configs_for(["lstm_"], [0], learning_rate=1e-5)
    assert slow.design.learning_rate == 1e-5


def test_several_methods_are_part_of_the_identity_in_their_order():
    one, two = {"name": "magnitude", "density": 0.1}, {"name": "magnitude"}
    ids = set()
    for method in ([one], one, [one, two], [two, one], [], "static"):
        config = Config("rad", "balanced_0", method=method)
        assert Config.from_dict(config.as_dict()) == config
        ids.add(config.id)
    assert len(ids) == 4


def test_a_config_keeps_nothing_that_its_caller_goes_on_changing():
    options, density, kept = {"split": "pooled"}, {"hh": 0.5}, []
    given = {"name": "magnitude", "density": density, "protect": []}
    for seed in range(3):
        options["data_seed"], density["hh"] = seed, 0.1 + 0.1 * seed
        kept.append(Config("rad", "balanced_0", task_options=options, method=given))
    assert [config.task_options["data_seed"] for config in kept] == [0, 1, 2]
    assert len({config.id for config in kept}) == 3
    again = [Config.from_dict(config.as_dict()).id for config in kept]
    assert again == [config.id for config in kept]


def test_equal_configs_have_equal_ids():
    one, other = (
        Config(
            "rad",
            "balanced_0",
            task_options={"noise": [zero, {"at": zero}]},
            method={"name": "geometric", "others": zero},
        )
        for zero in (0.0, -0.0)
    )
    assert one == other and one.id == other.id


def test_a_config_holds_finite_plain_values():
    many = Config("rad", "balanced_0", task_options={"sizes": np.arange(3)})
    assert many.as_dict()["task_options"] == {"sizes": [0, 1, 2]}
    for wrong in (np.nan, np.inf, [-np.inf], {1, 2}, b"x", 1j):
        with pytest.raises(VsrnnError, match="a config holds"):
            Config("rad", "balanced_0", task_options={"noise": wrong})
