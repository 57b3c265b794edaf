"""Tables behind the figures: each function gives what the figure of its name plots."""

from vsrnn.analysis._explained import proportion_optimum as proportion_optimum
from vsrnn.analysis._explained import rank_correlation as rank_correlation
from vsrnn.analysis._explained import variance_explained as variance_explained
from vsrnn.analysis._found import found_budgets as found_budgets
from vsrnn.analysis._found import found_equal_weights as found_equal_weights
from vsrnn.analysis._found_study import (
    found_hidden_proportion as found_hidden_proportion,
)
from vsrnn.analysis._labels import DESIGN_LABELS as DESIGN_LABELS
from vsrnn.analysis._labels import TASK_LABELS as TASK_LABELS
from vsrnn.analysis._runs import completeness as completeness
from vsrnn.analysis._runs import configs as configs
from vsrnn.analysis._runs import made_by as made_by
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
