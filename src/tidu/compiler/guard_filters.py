"""torch.compiler's functions for `options={"guard_filter_fn": ...}`: which guards are kept.

Here everything that a compiled function was made from is watched, whatever they answer.
"""

from ..base.lazy import lazy_module

__all__ = ["keep_portable_guards_unsafe", "keep_tensor_guards_unsafe", "skip_all_guards_unsafe",
           "skip_guard_on_all_nn_modules_unsafe", "skip_guard_on_globals_unsafe",
           "skip_guard_on_inbuilt_nn_modules_unsafe"]  # fmt: skip

nn = lazy_module(f"{__name__.partition('.')[0]}.nn")


def keep_tensor_guards_unsafe(guard_entries, keep_parameters=False):
    """Those of tensors; of parameters only if asked."""
    return [
        entry.guard_type == "TENSOR_MATCH"
        and (keep_parameters or not isinstance(entry.value, nn.Parameter))
        for entry in guard_entries
    ]


def skip_guard_on_globals_unsafe(guard_entries):
    """All but those of global variables."""
    return [not entry.is_global for entry in guard_entries]


def skip_all_guards_unsafe(guard_entries):
    """None."""
    return [False for _ in guard_entries]


def skip_guard_on_all_nn_modules_unsafe(guard_entries):
    """All but those of what modules hold."""
    return [not _of_module(entry, ("unspecialized_nn_module", "unspecialized_builtin_nn_module"))
            for entry in guard_entries]  # fmt: skip


def skip_guard_on_inbuilt_nn_modules_unsafe(guard_entries):
    """All but those of what modules of torch.nn hold."""
    return [not _of_module(entry, ("unspecialized_builtin_nn_module",)) for entry in guard_entries]


def keep_portable_guards_unsafe(guard_entries):
    """Those that hold in another process, too: none of objects known by their identity."""
    return [entry.guard_type not in _BY_IDENTITY for entry in guard_entries]


_BY_IDENTITY = frozenset("ID_MATCH CLOSURE_MATCH FUNCTION_MATCH MODULE_MATCH CLASS_MATCH "
                         "BUILTIN_MATCH WEAKREF_ALIVE".split())  # fmt: skip


def _of_module(entry, kinds):
    source = entry.orig_guard.source
    return any(getattr(source, f"is_{kind}")() for kind in kinds)
