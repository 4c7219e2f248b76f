"""How tidu words its errors: PyTorch's sentence first, then a hint of our own on a new line."""

import sys
from math import prod

import numpy as np

from .suggestions import suggest

__all__ = ["DETACHED_VIEW", "NON_LEAF_GRAD", "TRANSFORMED", "AllRecomputed", "GraphFreed",
           "LinAlgError", "OutOfMemory", "UnknownName", "ValueAsked", "hinted", "out_of_memory",
           "require_memory", "type_name"]  # fmt: skip


def hinted(message, hint):
    """The text of an error: PyTorch's first sentence, then what the user can do about it."""
    return f"{message}\nHint: {hint}"


def type_name(value):
    """The name of a value's type, as PyTorch's messages have it."""
    kind = type(value)
    shown = kind.__module__ == "numpy" or (kind.__name__ in _SHOWN and kind.__module__ == "torch")
    return f"{kind.__module__}.{kind.__name__}" if shown else kind.__name__


_SHOWN = ("dtype", "device", "layout", "memory_format")


_MODULE = type(sys)


class LinAlgError(RuntimeError):
    """A matrix function that this matrix does not have; torch.linalg.LinAlgError."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"  # as PyTorch prints it
LinAlgError.__module__ = "torch._C"


class OutOfMemory(MemoryError, RuntimeError):
    """Memory for a result could not be had: a MemoryError, as Python has it, and a RuntimeError, as
    PyTorch raises."""


OutOfMemory.__name__ = OutOfMemory.__qualname__ = "MemoryError"
OutOfMemory.__module__ = "builtins"  # a traceback names it as what it is


def out_of_memory(error):
    """PyTorch's error for a MemoryError, NumPy's for instance, which knows the array's size."""
    if isinstance(error, OutOfMemory):
        return error
    told = ""
    if hasattr(error, "shape") and hasattr(error, "dtype"):
        size = prod(error.shape) * error.dtype.itemsize
        told = f": you tried to allocate {size} bytes. Error code 12 (Cannot allocate memory)"
    return OutOfMemory(
        hinted(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate "
            f"memory{told}",
            f"{error or 'no memory is left'}; smaller batches or tensors need less.",
        )
    )


def require_memory(shape, dtype):
    """Refuse a result that memory cannot hold, before anything is computed for it.

    Args:
        shape: its sizes.
        dtype: its elements' NumPy type.
    """
    try:
        np.empty(shape, dtype)  # address space only: no page of it is touched
    except MemoryError as error:
        raise out_of_memory(error) from None
    except ValueError:  # more than addresses reach
        sizes = list(shape)
        raise RuntimeError(f"Storage size calculation overflowed with sizes={sizes}") from None


class AllRecomputed(Exception):
    """The second run of a checkpointed function has what it is for, and need not go on."""


class GraphFreed(RuntimeError):
    """What a node saved was given up in an earlier pass."""


class UnknownName(AttributeError):
    """A module has no such name. What it has is looked through only when the text is read: programs
    often ask whether a name is there."""

    def __init__(self, module, package, name):
        super().__init__(f"module '{package}' has no attribute '{name}'", name=name)
        self._module, self._package = module, package

    def __str__(self):
        message, name = self.args[0], self.name
        there = vars(self._module)
        known = [n for n in dir(self._module) if n[0] != "_" and type(there.get(n)) is not _MODULE]
        near = None if name.startswith("_") else suggest(name, known)
        return message if near is None else hinted(message, f"did you mean {self._package}.{near}?")


class ValueAsked(RuntimeError):
    """A value was asked for while there are only stand-ins."""


for _kind in (GraphFreed, UnknownName, ValueAsked):  # the user meets them as they are in PyTorch
    _kind.__name__ = _kind.__qualname__ = _kind.__mro__[1].__name__
    _kind.__module__ = "builtins"


# --- messages of Tensor -------------------------------------------------------------------------

TRANSFORMED = (
    "You are attempting to call Tensor.requires_grad_() (or perhaps using "
    "torch.autograd.functional.* APIs) inside of a function being transformed by a functorch "
    "transform. This is unsupported, please attempt to use the functorch transforms (e.g. grad, "
    "vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being "
    "transformed instead."
)
NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you "
    "access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
    "github.com/pytorch/pytorch/pull/30531 for more information."
)
DETACHED_VIEW = hinted(
    "Can't detach views in-place. Use detach() instead.",
    "y = y.detach() gives a tensor without history that shares the memory.",
)
