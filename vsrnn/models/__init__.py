"""The models: the block RNN, two baselines with the same interface, and the stack."""

from vsrnn.models._baselines import PlainRNN as PlainRNN
from vsrnn.models._baselines import ProjectedLSTM as ProjectedLSTM
from vsrnn.models._block import BlockRNN as BlockRNN
from vsrnn.models._block import check_mask as check_mask
from vsrnn.models._products import SPARSE_BELOW as SPARSE_BELOW
from vsrnn.models._stack import Stack as Stack
