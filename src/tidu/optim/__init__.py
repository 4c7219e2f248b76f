"""torch.optim: optimizers and learning-rate schedules."""

from ..base.lazy import late
from . import lr_scheduler, optimizer
from ._adafactor import Adafactor
from ._muon import Muon
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .asgd import ASGD
from .lbfgs import LBFGS
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD
from .sparse_adam import SparseAdam

__all__ = [
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam",
    "Optimizer", "RAdam", "RMSprop", "Rprop", "SGD", "SparseAdam", "lr_scheduler", "optimizer",
    "swa_utils", "swap_in_optimizer_params_and_state",
]  # fmt: skip

__getattr__ = late(__name__, {
    "swa_utils": ".swa_utils",
    "swap_in_optimizer_params_and_state": ".swapped:swap_in_optimizer_params_and_state",
})  # fmt: skip
