"""What a forecast costs: more designs make a better one."""

import pytest

from vsrnn import forecast
from vsrnn.forecast import inspection


@pytest.fixture(scope="module")
def known(made_runs):
    return forecast.training_table(made_runs(90))


def test_more_designs_make_a_better_forecast(known, made_runs):
    table = inspection.cost_curve(known, sizes=3, repeats=4)
    curve = table[table["measure"] == "R2"]
    assert curve["trained [designs]"].tolist() == [10, 26, 67]
    assert curve["mean"].is_monotonic_increasing
    assert (curve["low"] < curve["mean"]).all()
    assert (curve["high"] > curve["mean"]).all()
    one = forecast.training_table(made_runs(30).assign(score=[0.5] + [0.0] * 29))
    assert len(inspection.cost_curve(one, sizes=2, repeats=2)) == 4
