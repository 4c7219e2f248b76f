"""torch.utils._python_dispatch: operations below functions, which nothing here sends out."""

from ..base.refusals import refused_classes

__all__ = ["TorchDispatchMode", "is_traceable_wrapper_subclass"]

(TorchDispatchMode,) = refused_classes(
    "utils._python_dispatch", "TorchDispatchMode",
    "torch.overrides.TorchFunctionMode sees each function of torch that is called.",
)  # fmt: skip


def is_traceable_wrapper_subclass(t):
    """Whether a tensor is a class around other tensors: `__tensor_flatten__` and its opposite."""
    kind = t if isinstance(t, type) else type(t)
    return hasattr(kind, "__tensor_flatten__") and hasattr(kind, "__tensor_unflatten__")
