"""The models. Each file of this folder is imported here, and so its family known."""

from importlib import import_module
from pkgutil import iter_modules

from vsrnn.models._kernels import fast as fast
from vsrnn.models._kernels.plain import blank_end as blank_end
from vsrnn.models._kernels.products import SPARSE_BELOW as SPARSE_BELOW
from vsrnn.models._kernels.propagate import transformed as transformed
from vsrnn.models.batch import ModelBatch as ModelBatch
from vsrnn.models.block import BlockRNN as BlockRNN
from vsrnn.models.cells import MaskedCell as MaskedCell
from vsrnn.models.lstm import ProjectedLSTM as ProjectedLSTM
from vsrnn.models.rnn import PlainRNN as PlainRNN
from vsrnn.models.sparse import SparseModule as SparseModule
from vsrnn.models.sparse import check_mask as check_mask

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
