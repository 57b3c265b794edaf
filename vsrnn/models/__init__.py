"""The models: the block RNN and two baselines with the same interface."""

from vsrnn.models._baselines import PlainRNN as PlainRNN
from vsrnn.models._baselines import ProjectedLSTM as ProjectedLSTM
from vsrnn.models._block import BlockRNN as BlockRNN
