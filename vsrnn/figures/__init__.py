"""One function a figure, from a table to a `matplotlib` figure, and one `save`."""

from vsrnn.figures._agreement import agreement as agreement
from vsrnn.figures._bench import speed as speed
from vsrnn.figures._bench import speed_growth as speed_growth
from vsrnn.figures._bench import speed_memory as speed_memory
from vsrnn.figures._bench import speed_ratio as speed_ratio
from vsrnn.figures._catalog import CATALOG as CATALOG
from vsrnn.figures._contrast import contrast_correlation as contrast_correlation
from vsrnn.figures._contrast import contrast_forecast as contrast_forecast
from vsrnn.figures._contrast import contrast_growth as contrast_growth
from vsrnn.figures._contrast import contrast_layout as contrast_layout
from vsrnn.figures._contrast import contrast_proportion as contrast_proportion
from vsrnn.figures._contrast import contrast_ranks as contrast_ranks
from vsrnn.figures._forecast import forecast_dependence as forecast_dependence
from vsrnn.figures._forecast import forecast_importance as forecast_importance
from vsrnn.figures._forecast import forecast_observed as forecast_observed
from vsrnn.figures._forecast import forecast_runs as forecast_runs
from vsrnn.figures._forecast import forecast_scores as forecast_scores
from vsrnn.figures._forecast import forecast_transfer as forecast_transfer
from vsrnn.figures._hammer_results import hammer_curve as hammer_curve
from vsrnn.figures._hammer_results import (
    hammer_demonstrations as hammer_demonstrations,
)
from vsrnn.figures._hammer_results import hammer_ranking as hammer_ranking
from vsrnn.figures._hammer_results import hammer_size as hammer_size
from vsrnn.figures._hammer_results import hammer_success as hammer_success
from vsrnn.figures._publish import FIGURES as FIGURES
from vsrnn.figures._publish import Published as Published
from vsrnn.figures._publish import film as film
from vsrnn.figures._publish import list_figures as list_figures
from vsrnn.figures._publish import publish as publish
from vsrnn.figures._publish import redraw as redraw
from vsrnn.figures._scores import budget_scores as budget_scores
from vsrnn.figures._scores import design_ranking as design_ranking
from vsrnn.figures._scores import final_accuracy as final_accuracy
from vsrnn.figures._scores import learning_curve as learning_curve
from vsrnn.figures._scores import proportion_score as proportion_score
from vsrnn.figures._study import learning_speed as learning_speed
from vsrnn.figures._study import proportion_draws as proportion_draws
from vsrnn.figures._study import proportion_optimum as proportion_optimum
from vsrnn.figures._study import proportion_study as proportion_study
from vsrnn.figures._study import rank_correlation as rank_correlation
from vsrnn.figures._study import variance_explained as variance_explained
from vsrnn.plot.film import Film as Film
from vsrnn.plot.save import save as save
