"""torch.nn: parameters, modules, losses, initialisers."""

from . import functional, init, modules, parallel, utils
from .modules import (
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveLogSoftmaxWithLoss,
    AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d, AlphaDropout, AvgPool1d, AvgPool2d,
    AvgPool3d, BCELoss, BCEWithLogitsLoss, BatchNorm1d, BatchNorm2d, BatchNorm3d, Bilinear,
    CELU, CTCLoss, ChannelShuffle, CircularPad1d, CircularPad2d, CircularPad3d, ConstantPad1d,
    ConstantPad2d, ConstantPad3d, Container, Conv1d, Conv2d, Conv3d, ConvTranspose1d,
    ConvTranspose2d, ConvTranspose3d, CosineEmbeddingLoss, CosineSimilarity, CrossEntropyLoss,
    CrossMapLRN2d, Dropout, Dropout1d, Dropout2d, Dropout3d, ELU, Embedding, EmbeddingBag,
    FeatureAlphaDropout, Flatten, Fold, GELU, GLU, GRU, GRUCell, GaussianNLLLoss, GroupNorm,
    Hardshrink, Hardsigmoid, Hardswish, Hardtanh, HingeEmbeddingLoss, HuberLoss, Identity,
    InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, KLDivLoss, L1Loss, LPPool1d, LPPool2d,
    LPPool3d, LSTM, LSTMCell, LayerNorm, LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d,
    LazyConv1d, LazyConv2d, LazyConv3d, LazyConvTranspose1d, LazyConvTranspose2d,
    LazyConvTranspose3d, LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d, LazyLinear,
    LeakyReLU, Linear, LocalResponseNorm, LogSigmoid, LogSoftmax, MSELoss, MarginRankingLoss,
    MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d, Mish, ModuleDict,
    ModuleList, MultiLabelMarginLoss, MultiLabelSoftMarginLoss, MultiMarginLoss,
    MultiheadAttention, NLLLoss, NLLLoss2d, PReLU, PairwiseDistance, ParameterDict,
    ParameterList, PixelShuffle, PixelUnshuffle, PoissonNLLLoss, RMSNorm, RNN, RNNBase, RNNCell,
    RNNCellBase, RReLU, ReLU, ReLU6, ReflectionPad1d, ReflectionPad2d, ReflectionPad3d,
    ReplicationPad1d, ReplicationPad2d, ReplicationPad3d, SELU, Sequential, SiLU, Sigmoid,
    SmoothL1Loss, SoftMarginLoss, Softmax, Softmax2d, Softmin, Softplus, Softshrink, Softsign,
    SyncBatchNorm, Tanh, Tanhshrink, Threshold, Transformer, TransformerDecoder,
    TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer, TripletMarginLoss,
    TripletMarginWithDistanceLoss, Unflatten, Unfold, Upsample, UpsamplingBilinear2d,
    UpsamplingNearest2d, ZeroPad1d, ZeroPad2d, ZeroPad3d,
)  # fmt: skip
from .modules.module import Module
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
