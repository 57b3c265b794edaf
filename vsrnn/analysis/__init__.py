"""Tables behind the figures: each function gives what the figure of its name plots."""

from vsrnn.analysis._contrast import CONTRAST as CONTRAST
from vsrnn.analysis._contrast import contrast_layout as contrast_layout
from vsrnn.analysis._contrast import contrast_ranks as contrast_ranks
from vsrnn.analysis._contrast import contrast_runs as contrast_runs
from vsrnn.analysis._contrast_study import (
    contrast_correlation as contrast_correlation,
)
from vsrnn.analysis._contrast_study import contrast_forecast as contrast_forecast
from vsrnn.analysis._contrast_study import contrast_proportion as contrast_proportion
from vsrnn.analysis._explained import proportion_optimum as proportion_optimum
from vsrnn.analysis._explained import rank_correlation as rank_correlation
from vsrnn.analysis._explained import variance_explained as variance_explained
from vsrnn.analysis._forecast import enough_runs as enough_runs
from vsrnn.analysis._forecast import forecast_dependence as forecast_dependence
from vsrnn.analysis._forecast import forecast_importance as forecast_importance
from vsrnn.analysis._forecast import forecast_observed as forecast_observed
from vsrnn.analysis._forecast import forecast_runs as forecast_runs
from vsrnn.analysis._forecast import forecast_scores as forecast_scores
from vsrnn.analysis._forecast import forecast_transfer as forecast_transfer
from vsrnn.analysis._found import found_budgets as found_budgets
from vsrnn.analysis._found import found_equal_weights as found_equal_weights
from vsrnn.analysis._found_contrast import found_contrast as found_contrast
from vsrnn.analysis._found_forecast import found_forecast as found_forecast
from vsrnn.analysis._found_study import (
    found_hidden_proportion as found_hidden_proportion,
)
from vsrnn.analysis._growth import contrast_growth as contrast_growth
from vsrnn.analysis._labels import DESIGN_LABELS as DESIGN_LABELS
from vsrnn.analysis._labels import TASK_LABELS as TASK_LABELS
from vsrnn.analysis._runs import completeness as completeness
from vsrnn.analysis._runs import configs as configs
from vsrnn.analysis._runs import made_by as made_by
from vsrnn.analysis._runs import playable as playable
from vsrnn.analysis._scores import FIVE as FIVE
from vsrnn.analysis._scores import STORED as STORED
from vsrnn.analysis._scores import budget_scores as budget_scores
from vsrnn.analysis._scores import design_ranking as design_ranking
from vsrnn.analysis._scores import final_accuracy as final_accuracy
from vsrnn.analysis._scores import intervals as intervals
from vsrnn.analysis._scores import learning_curve as learning_curve
from vsrnn.analysis._scores import proportion_score as proportion_score
from vsrnn.analysis._scores import stored as stored
from vsrnn.analysis._scores import together as together
from vsrnn.analysis._study import NAMED as NAMED
from vsrnn.analysis._study import RANDOM as RANDOM
from vsrnn.analysis._study import STUDY as STUDY
from vsrnn.analysis._study import learning_speed as learning_speed
from vsrnn.analysis._study import proportion_draws as proportion_draws
from vsrnn.analysis._study import proportion_study as proportion_study
from vsrnn.analysis._study import study_curves as study_curves
from vsrnn.analysis._study import study_runs as study_runs
