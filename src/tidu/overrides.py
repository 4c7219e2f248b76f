"""torch.overrides: what subclasses with __torch_function__ would intercept."""

__all__ = ["get_ignored_functions", "get_overridable_functions", "handle_torch_function",
           "has_torch_function", "is_tensor_like", "is_tensor_method_or_property",
           "resolve_name"]  # fmt: skip


def has_torch_function(relevant_args):
    """Whether an argument's class defines __torch_function__."""
    return any(hasattr(type(arg), "__torch_function__") for arg in relevant_args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """The result of the first argument's __torch_function__ that takes the call."""
    kinds = tuple(
        dict.fromkeys(type(a) for a in relevant_args if hasattr(type(a), "__torch_function__"))
    )
    for kind in kinds:
        result = kind.__torch_function__(public_api, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    raise TypeError(
        f"no implementation found for '{resolve_name(public_api)}' on types that implement "
        f"__torch_function__: {list(kinds)}"
    )


def is_tensor_like(inp):
    """Whether `inp` is a tensor or says it behaves as one."""
    return hasattr(inp, "requires_grad") or hasattr(type(inp), "__torch_function__")


def is_tensor_method_or_property(func):
    return "." in getattr(func, "__qualname__", "")


def resolve_name(f):
    """The name of a function for messages."""
    return f"torch.{getattr(f, '__name__', f)}"


def get_ignored_functions():
    return set()


def get_overridable_functions():
    return {}
