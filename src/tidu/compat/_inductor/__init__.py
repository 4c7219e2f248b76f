"""torch._inductor: PyTorch's code generator; tidu has its own, and keeps these switches."""

from ..compilation.options import list_mode_options, list_options
from . import config, utils
from .ahead_of_time import aot_compile, aoti_compile_and_package, aoti_load_package
