"""Sparse recurrent networks whose six blocks each have their own density."""

import typing

from vsrnn.design.design import Design as Design
from vsrnn.design.geometry import BLOCKS as BLOCKS
from vsrnn.design.geometry import Geometry as Geometry
from vsrnn.design.published import RAD_100K as RAD_100K
from vsrnn.design.published import get_design as get_design
from vsrnn.design.published import list_designs as list_designs
from vsrnn.design.random import DISTRIBUTIONS as DISTRIBUTIONS
from vsrnn.design.table import read_designs as read_designs
from vsrnn.errors import VsrnnError as VsrnnError
from vsrnn.methods import Method as Method
from vsrnn.methods import get_method as get_method
from vsrnn.models import BlockRNN as BlockRNN
from vsrnn.models import MaskedCell as MaskedCell
from vsrnn.models import ModelBatch as ModelBatch
from vsrnn.models import PlainRNN as PlainRNN
from vsrnn.models import ProjectedLSTM as ProjectedLSTM
from vsrnn.runs.batching import group_runs as group_runs
from vsrnn.runs.batching import memory_estimate as memory_estimate
from vsrnn.runs.config import Config as Config
from vsrnn.runs.results import get_results as get_results
from vsrnn.runs.results import list_results as list_results
from vsrnn.runs.run import run as run
from vsrnn.runs.run import run_many as run_many
from vsrnn.runs.run import train as train
from vsrnn.runs.store import Store as Store
from vsrnn.runs.sweep import sweep as sweep
from vsrnn.runs.verify import verify as verify
from vsrnn.tasks import get_task as get_task
from vsrnn.tasks.designs import design_table as design_table
from vsrnn.tasks.designs import draw_designs as draw_designs
from vsrnn.tasks.task import Task as Task
from vsrnn.tasks.task import Training as Training
from vsrnn.training.loop import evaluate as evaluate
from vsrnn.training.loop import predict as predict
from vsrnn.training.optimizer import parameter_groups as parameter_groups
from vsrnn.training.serving import adapt as adapt

if typing.TYPE_CHECKING:
    from vsrnn.estimators import SparseRNNClassifier as SparseRNNClassifier
    from vsrnn.estimators import SparseRNNRegressor as SparseRNNRegressor
    from vsrnn.forecast.choose import choose as choose
    from vsrnn.forecast.probe import probe as probe


_LATER = {
    "SparseRNNClassifier": ("estimators", "sklearn"),
    "SparseRNNRegressor": ("estimators", "sklearn"),
    "choose": ("forecast.choose", "experiments"),
    "probe": ("forecast.probe", "experiments"),
}


def __getattr__(name: str) -> typing.Any:
    """Import what needs scikit-learn only for those who ask for it."""
    if name not in _LATER:
        raise AttributeError(f"module 'vsrnn' has no attribute {name!r}")
    from importlib import import_module

    from vsrnn.errors import needs

    module, extra = _LATER[name]
    with needs(extra):
        return getattr(import_module(f"vsrnn.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
