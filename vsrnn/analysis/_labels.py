"""Words for the tasks and designs in figures and sentences."""

from vsrnn.plot.labels import DESIGN_LABELS as DESIGN_LABELS
from vsrnn.plot.labels import PROPORTION as PROPORTION
from vsrnn.plot.labels import arrangement_label as arrangement_label
from vsrnn.plot.labels import design_label as design_label
from vsrnn.plot.labels import designs_label as designs_label
from vsrnn.plot.labels import seeds_label as seeds_label
from vsrnn.studies.labels import EXPERT_LABELS as EXPERT_LABELS
from vsrnn.studies.labels import chance, score_label, task_label
from vsrnn.tasks import SIZES

CHANCE = chance("rad")
TASK_LABELS = {name: task_label(name) for name in SIZES}
SCORE_LABELS = {name: score_label(name) for name in ("rad", "hammer")}
