"""torch.utils.swap_tensors and set_module."""

import copyreg
import weakref

from ..core.handle import LEAF

__all__ = ["set_module", "swap_tensors"]


def set_module(obj, mod):
    """Let a class or function say that it is from module `mod`."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def swap_tensors(t1, t2):
    """Exchange two tensors: each name now means the other's class, memory, gradient and attributes.

    RuntimeError for tensors with weak references or a history.

    >>> import tidu as torch
    >>> a, b = torch.ones(2), torch.zeros(3)
    >>> torch.utils.swap_tensors(a, b)
    >>> a, b
    (tensor([0., 0., 0.]), tensor([1., 1.]))
    """
    for name, tensor in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(tensor):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
        if tensor._view is not None or tensor._node not in (None, LEAF):
            raise RuntimeError(f"Cannot swap {name}: it is a view or has a history")
    slots = set(copyreg._slotnames(t1.__class__))
    if slots != set(copyreg._slotnames(t2.__class__)):
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    absent = object()
    for name in ("__class__", "__dict__", *slots):
        first, second = getattr(t1, name, absent), getattr(t2, name, absent)
        for tensor, value in ((t1, second), (t2, first)):
            if value is not absent:
                setattr(tensor, name, value)
            elif hasattr(tensor, name):
                delattr(tensor, name)
