"""torch.optim: optimizers and learning-rate schedules."""

from ..lazy import late
from . import lr_scheduler, optimizer
from .adam import Adam, AdamW
from .adam_kin import Adamax, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .factored import Adafactor, Muon, SparseAdam
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .rare import ASGD, Rprop
from .sgd import SGD

__all__ = [
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam",
    "Optimizer", "RAdam", "RMSprop", "Rprop", "SGD", "SparseAdam", "lr_scheduler", "optimizer",
    "swa_utils", "swap_in_optimizer_params_and_state",
]  # fmt: skip

__getattr__ = late(__name__, {
    "swa_utils": ".swa_utils",
    "swap_in_optimizer_params_and_state": ".swapped:swap_in_optimizer_params_and_state",
})  # fmt: skip
