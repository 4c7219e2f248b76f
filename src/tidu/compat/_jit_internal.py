"""torch._jit_internal: marks for PyTorch's script compiler, which leave what they mark as it is."""

from .jit import export, ignore, is_scripting, unused

__all__ = ["boolean_dispatch", "export", "ignore", "is_scripting", "unused"]


def boolean_dispatch(arg_name, arg_index, default, if_true, if_false, module_name, func_name):
    """One function of two, chosen by a flag among the arguments at each call."""

    def chosen(*args, **kwargs):
        flag = args[arg_index] if arg_index < len(args) else kwargs.get(arg_name, default)
        return (if_true if flag else if_false)(*args, **kwargs)

    chosen.__name__, chosen.__module__ = func_name, module_name
    return chosen


def _overload(func):
    """The function: a form of it for the script compiler."""
    return func


_overload_method = _copy_to_script_wrapper = _overload
