"""torch.nn.functional: the functions of layers without their parameters.

What is one operation is `ops`'s; the files here hold compositions, by subject.
"""

from ...ops import linear, one_hot
from . import activation, attention, classification, ctc, dropout, loss, normalization
from . import padding, pooling, ranking, reduction, sparse, vision, windows
from .activation import *
from .attention import *
from .classification import *
from .ctc import *
from .dropout import *
from .loss import *
from .normalization import *
from .padding import *
from .pooling import *
from .ranking import *
from .sparse import *
from .vision import *
from .windows import *
