"""torch.func: functions in, derivative functions out; they nest in any order.

Beyond torch's names: formulas, Taylor mode, sparse and implicit derivatives, single samples.
"""

from ..base.lazy import late
from .batching import vmap
from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp
from .modules import functional_call, stack_module_state
from .programs import debug_unwrap, functionalize, linearize

# Loaded when first used: `import tidu` does not pay for them.
__getattr__ = late(__name__, {
    "custom_linear_solve": ".implicit:custom_linear_solve",
    "custom_root": ".implicit:custom_root",
    "fixed_point": ".implicit:fixed_point",
    "hessian_sparsity": ".sparse:hessian_sparsity",
    "jacobian_sparsity": ".sparse:jacobian_sparsity",
    "jet": ".taylor_mode:jet",
    "odeint": ".ode:odeint",
    "rearrange": ".einops_pattern:rearrange",
    "replace_all_batch_norm_modules_": "..nn.modules.batchnorm:replace_all_batch_norm_modules_",
    "per_sample": ".sample_gradients:per_sample",
    "sparse_hessian": ".sparse:sparse_hessian",
    "sparse_jacobian": ".sparse:sparse_jacobian",
    "symbolic": ".symbolic_form:symbolic",
    "taylor": ".taylor_mode:taylor",
})  # fmt: skip

__all__ = [
    "custom_linear_solve", "custom_root", "debug_unwrap", "fixed_point", "functional_call",
    "functionalize", "grad", "grad_and_value", "hessian", "hessian_sparsity", "jacfwd",
    "jacobian_sparsity", "jacrev", "jet", "jvp", "linearize", "odeint", "per_sample",
    "rearrange",
    "replace_all_batch_norm_modules_", "sparse_hessian", "sparse_jacobian", "stack_module_state",
    "symbolic", "taylor", "vjp", "vmap",
]  # fmt: skip
