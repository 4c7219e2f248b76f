"""torch._inductor: PyTorch's code generator; tidu has its own, and keeps these switches."""

from . import config, utils
from .ahead_of_time import aot_compile, aoti_compile_and_package, aoti_load_package
