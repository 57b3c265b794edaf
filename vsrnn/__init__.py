"""Sparse recurrent networks whose six blocks each have their own density."""

from vsrnn.designs import RAD_100K as RAD_100K
from vsrnn.designs import Design as Design
from vsrnn.designs import get_design as get_design
from vsrnn.designs import list_designs as list_designs
from vsrnn.errors import VsrnnError as VsrnnError
from vsrnn.geometry import BLOCKS as BLOCKS
from vsrnn.geometry import Geometry as Geometry
from vsrnn.models import BlockRNN as BlockRNN
from vsrnn.models import PlainRNN as PlainRNN
from vsrnn.models import ProjectedLSTM as ProjectedLSTM
from vsrnn.results import get_results as get_results
from vsrnn.results import list_results as list_results
from vsrnn.store import Store as Store
from vsrnn.sweep import sweep as sweep
from vsrnn.tasks import get_task as get_task
from vsrnn.training import Config as Config
from vsrnn.training import evaluate as evaluate
from vsrnn.training import predict as predict
from vsrnn.training import run as run
from vsrnn.training import train as train
