"""One function a figure, from a table to a `matplotlib` figure, and one `save`."""

from vsrnn.figures._catalog import CATALOG as CATALOG
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
