"""The state of untrained designs."""

import pytest
import torch

from vsrnn import Config, get_design
from vsrnn.forecast.growth import STATE, state_growth
from vsrnn.runs.run import build_model
from vsrnn.tasks import task_class
from vsrnn.tasks.designs import draw_designs


def test_a_state_is_as_large_as_the_model_says_step_by_step():
    design = get_design("rad", "111111_")
    table = state_growth("rad", [design], seed=3)
    x = torch.randn(4, 11, 2500, generator=torch.Generator().manual_seed(3))
    model = build_model(Config("rad", design, seed=3), task_class("rad"))
    steps, sizes, state = table["step"].tolist(), table[STATE].tolist(), None
    assert steps[:4] == [1, 2, 3, 4] and steps[-1] == 11
    for step in range(11):
        with torch.no_grad():
            _, state = model(x[:, step : step + 1], state)
        if step + 1 in steps:
            expected = float(state[0].square().mean().sqrt())
            assert sizes[steps.index(step + 1)] == pytest.approx(expected, rel=1e-5)


def test_designs_that_grow_are_separated_from_those_that_stay():
    drawn = draw_designs("hammer", "normal", 3)
    table = state_growth("hammer", drawn)
    each = table.drop_duplicates("design").set_index("design")["grown"]
    assert each.tolist() == [True, True, False]
    for name, rows in table.groupby("design"):
        sizes = rows[STATE].to_numpy()
        assert rows["step"].is_monotonic_increasing and rows["step"].max() == 200
        assert (sizes[-1] >= 1000 * sizes[0]) == each[name]
