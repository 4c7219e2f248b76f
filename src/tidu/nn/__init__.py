"""torch.nn: parameters, modules, losses, initialisers."""

from . import functional, init, modules, parallel, utils
from .modules import *
from .modules.module import Module
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
