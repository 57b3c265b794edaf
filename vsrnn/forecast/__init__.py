"""Forecast the score of a design before it is trained, and check the forecast."""

from vsrnn.errors import needs

with needs("experiments"):
    from vsrnn.forecast.intervals import check_intervals as check_intervals
    from vsrnn.forecast.intervals import predict_scores as predict_scores
    from vsrnn.forecast.measures import measure_forecasts as measure_forecasts
    from vsrnn.forecast.table import features as features
    from vsrnn.forecast.table import training_table as training_table
    from vsrnn.forecast.validation import cross_predict as cross_predict
    from vsrnn.forecast.validation import make_regressor as make_regressor
