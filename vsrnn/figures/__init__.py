"""One function a figure, from a table to a `matplotlib` figure, and one `save`."""

from vsrnn.figures._geometry import dense_layout as dense_layout
from vsrnn.figures._geometry import design_layout as design_layout
from vsrnn.figures._geometry import proportion_surface as proportion_surface
from vsrnn.figures._geometry import weight_share as weight_share
from vsrnn.figures._publish import FIGURES as FIGURES
from vsrnn.figures._publish import Published as Published
from vsrnn.figures._publish import publish as publish
from vsrnn.figures._save import save as save
from vsrnn.figures._scores import design_ranking as design_ranking
from vsrnn.figures._scores import final_accuracy as final_accuracy
from vsrnn.figures._scores import learning_curve as learning_curve
from vsrnn.figures._scores import proportion_score as proportion_score
from vsrnn.figures._scores import shared_images as shared_images
from vsrnn.figures._task import sequences as sequences
from vsrnn.figures._task import transform_pairs as transform_pairs
from vsrnn.figures._task import transforms as transforms
