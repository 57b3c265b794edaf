"""Tables behind the figures: each function gives what the figure of its name plots."""

from vsrnn.analysis._found import found_equal_weights as found_equal_weights
from vsrnn.analysis._found import found_geometry as found_geometry
from vsrnn.analysis._found import found_task as found_task
from vsrnn.analysis._geometry import dense_layout as dense_layout
from vsrnn.analysis._geometry import design_layout as design_layout
from vsrnn.analysis._geometry import proportion_surface as proportion_surface
from vsrnn.analysis._geometry import weight_share as weight_share
from vsrnn.analysis._labels import DESIGN_LABELS as DESIGN_LABELS
from vsrnn.analysis._labels import TASK_LABELS as TASK_LABELS
from vsrnn.analysis._runs import completeness as completeness
from vsrnn.analysis._runs import configs as configs
from vsrnn.analysis._runs import made_by as made_by
from vsrnn.analysis._scores import FIVE as FIVE
from vsrnn.analysis._scores import design_ranking as design_ranking
from vsrnn.analysis._scores import final_accuracy as final_accuracy
from vsrnn.analysis._scores import intervals as intervals
from vsrnn.analysis._scores import learning_curve as learning_curve
from vsrnn.analysis._scores import proportion_score as proportion_score
from vsrnn.analysis._scores import shared_images as shared_images
from vsrnn.analysis._scores import stored as stored
from vsrnn.analysis._scores import together as together
from vsrnn.analysis._task import sequences as sequences
from vsrnn.analysis._task import transform_pairs as transform_pairs
from vsrnn.analysis._task import transforms as transforms
