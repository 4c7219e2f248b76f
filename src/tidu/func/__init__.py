"""torch.func: functions in, derivative functions out; they nest in any order.

Beyond torch's names: formulas of derivatives (`symbolic`).
"""

from ..lazy import late
from .batching import vmap
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp
from .modules import functional_call, stack_module_state

# Loaded when first used: `import tidu` does not pay for them.
__getattr__ = late(__name__, {
    "symbolic": ".symbolic_form:symbolic",
})  # fmt: skip

__all__ = ["functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
           "stack_module_state", "symbolic", "vjp", "vmap"]  # fmt: skip
