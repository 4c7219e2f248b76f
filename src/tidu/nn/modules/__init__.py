"""torch.nn.modules: all layers, one file for each family."""

from . import activation, adaptive, batchnorm, channelshuffle, container, conv, distance, dropout
from . import flatten, fold, instancenorm, linear, loss, module, normalization, padding
from . import parameter_container, pixelshuffle, pooling, rnn, sparse, transformer, upsampling
from . import utils
from .activation import *
from .adaptive import *
from .batchnorm import *
from .channelshuffle import *
from .container import *
from .conv import *
from .distance import *
from .dropout import *
from .flatten import *
from .fold import *
from .instancenorm import *
from .linear import *
from .loss import *
from .module import Module
from .normalization import *
from .padding import *
from .parameter_container import *
from .pixelshuffle import *
from .pooling import *
from .rnn import *
from .sparse import *
from .transformer import *
from .upsampling import *
