"""torch.func: functions in, derivative functions out; they nest in any order."""

from .batching import vmap
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp
from .modules import functional_call, stack_module_state
from .programs import debug_unwrap, functionalize, linearize

__all__ = ["debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian",
           "jacfwd", "jacrev", "jvp", "linearize", "stack_module_state", "vjp",
           "vmap"]  # fmt: skip
