"""Forecast the score of a design before it is trained, and check the forecast."""

from vsrnn.forecast._check import LEAST as LEAST
from vsrnn.forecast._check import compare as compare
from vsrnn.forecast._check import corrected_interval as corrected_interval
from vsrnn.forecast._check import evaluate as evaluate
from vsrnn.forecast._check import gain as gain
from vsrnn.forecast._check import splits as splits
from vsrnn.forecast._features import FEATURES as FEATURES
from vsrnn.forecast._features import SCORE as SCORE
from vsrnn.forecast._features import examples as examples
from vsrnn.forecast._features import features as features
from vsrnn.forecast._features import scored as scored
from vsrnn.forecast._intervals import check_intervals as check_intervals
from vsrnn.forecast._intervals import predict_scores as predict_scores
from vsrnn.forecast._measures import CLASSES as CLASSES
from vsrnn.forecast._measures import MEASURES as MEASURES
from vsrnn.forecast._measures import measure as measure
from vsrnn.forecast._measures import spearman as spearman
from vsrnn.forecast._models import MODELS as MODELS
from vsrnn.forecast._models import forecaster as forecaster
