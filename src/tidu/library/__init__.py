"""torch.library: operations of the user's own, registered under torch.ops.

`custom_op` makes one of a function on tensors; `Library` and `define` one of a schema.
"""

from .checking import get_ctx, opcheck
from .custom import CustomOpDef, custom_op, triton_op, wrap_triton
from .inference import infer_schema
from .registry import (
    Library,
    define,
    fallthrough_kernel,
    get_kernel,
    impl,
    impl_abstract,
    register_autocast,
    register_autograd,
    register_fake,
    register_kernel,
    register_torch_dispatch,
    register_vmap,
)

__all__ = ["CustomOpDef", "Library", "custom_op", "define", "fallthrough_kernel", "get_ctx",
           "get_kernel", "impl", "impl_abstract", "infer_schema", "opcheck", "register_autocast",
           "register_autograd", "register_fake", "register_kernel", "register_torch_dispatch",
           "register_vmap", "triton_op", "wrap_triton"]  # fmt: skip
