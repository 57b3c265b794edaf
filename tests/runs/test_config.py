"""Configs: every design with every seed."""

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
