"""torch.nn.functional: the functions of layers without their parameters.

What is one operation is `ops`'s; the files here hold compositions, by subject.
"""

from ...ops import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
    fold,
    linear,
    one_hot,
    pad,
    unfold,
)
from . import activation, attention, classification, ctc, dropout, loss, normalization, pooling
from . import ranking, sparse, vision
from .activation import *
from .attention import *
from .classification import *
from .ctc import *
from .dropout import *
from .loss import *
from .normalization import *
from .pooling import *
from .ranking import *
from .sparse import *
from .vision import *
