"""Files of machine code, which tidu keeps only in its own cache."""

from ..base.refusals import refused_functions

aot_compile, aoti_compile_and_package, aoti_load_package = refused_functions(
    "_inductor", "aot_compile aoti_compile_and_package aoti_load_package",
    "torch.compile keeps what it makes in a cache of its own; there is no file to ship.",
)  # fmt: skip
