"""The models: the block RNN, two baselines with the same interface, and the stack."""

from vsrnn.models._kernels.products import SPARSE_BELOW as SPARSE_BELOW
from vsrnn.models.baselines import PlainRNN as PlainRNN
from vsrnn.models.baselines import ProjectedLSTM as ProjectedLSTM
from vsrnn.models.batch import Stack as Stack
from vsrnn.models.block import BlockRNN as BlockRNN
from vsrnn.models.block import check_mask as check_mask
