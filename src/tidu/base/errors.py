"""How tidu words its errors: PyTorch's sentence first, then a hint of our own on a new line."""

import sys
from functools import wraps
from importlib import import_module

__all__ = ["DETACHED_VIEW", "NON_LEAF_GRAD", "TRANSFORMED", "GraphFreed", "LinAlgError",
           "UnknownName", "ValueAsked", "asked", "asks", "hinted", "refused",
           "suggest", "type_name", "worded"]  # fmt: skip


def hinted(message, hint):
    """The text of an error: PyTorch's first sentence, then what the user can do about it."""
    return f"{message}\nHint: {hint}"


def type_name(value):
    """The name of a value's type, as PyTorch's messages have it."""
    kind = type(value)
    shown = kind.__module__ == "numpy" or (kind.__name__ in _SHOWN and kind.__module__ == "torch")
    return f"{kind.__module__}.{kind.__name__}" if shown else kind.__name__


_SHOWN = ("dtype", "device", "layout", "memory_format")


def suggest(name, candidates):
    """The candidate most like `name`, or None; for "did you mean" hints."""
    best, best_score = None, 0.0
    for candidate in candidates:
        score = _likeness(name, candidate)
        if score > best_score:
            best, best_score = candidate, score
    return best if best_score >= 0.7 else None


def _likeness(a, b):
    """2·matches / total length, letters matched in order in a short window."""
    if not a or not b:
        return 0.0
    used = [False] * len(b)
    matches = 0
    for i, letter in enumerate(a):
        for j in range(max(0, i - 2), min(len(b), i + 3)):
            if not used[j] and b[j] == letter:
                used[j] = True
                matches += 1
                break
    prefix = sum(1 for x, y in zip(a, b, strict=False) if x == y)
    return (1.8 * matches + 0.2 * prefix) / (len(a) + len(b))


# --- arguments ----------------------------------------------------------------------------------

_PACKAGE = __name__.partition(".")[0]
_ARGUMENTS, _ASKING = f"{_PACKAGE}.ops.arguments", f"{_PACKAGE}.frontend.asking"
_OLDER, _DTYPES = f"{_PACKAGE}.ops.older", f"{_PACKAGE}.base.dtypes"


def worded(function):
    """Decorates a general function, behind its fast path: an error that its arguments explain
    becomes PyTorch's error about them."""
    if hasattr(function, "flags"):  # `ops/flags.py` has done it
        return function

    @wraps(function)
    def careful(*args, **words):
        try:
            return function(*args, **words)
        except Exception as error:
            better = settled(function.__name__, function, args, words, error)
            if better is None:
                raise
        if better.__class__ is Again:
            return careful(*better.args, **better.words)
        try:
            raise better
        finally:
            del better  # the error's traceback has this frame: a cycle would keep all arguments

    return careful


def asked(function):
    """Decorates a function that words its errors itself: if it fails with an object of a class that
    has `__torch_function__`, the class is asked. Where the decorator's 0.1 µs count, the function
    has the two lines itself."""

    @wraps(function)
    def asking(*args, **words):
        try:
            return function(*args, **words)
        except Exception:
            if not asks(*args, **words):
                raise
        return asking(*args, **words)

    return asking


def asks(*args, **words):
    """Whether a call that failed is to be made again: a class among its arguments is asked now."""
    return import_module(_ASKING).ask_at_last(args, words)


_PYTHON_TYPES = {bool, int, float, complex}  # as in x.sum(dtype=int)


def _is_type(value):
    return value.__class__ is type


class Again:
    """A call to be made again, with these arguments."""

    def __init__(self, args, words):
        self.args, self.words = args, words


def settled(name, function, args, words, error):
    """What becomes of a call that failed: PyTorch's error about its arguments; `Again` if a class
    among them is asked from now on, if a type of Python's stands for one of torch's, or numbers
    stand before tensors; or None: the error it is."""
    if import_module(_ASKING).ask_at_last(args, words):
        return Again(args, words)
    if _PYTHON_TYPES.intersection(filter(_is_type, (*args, *words.values()))):
        of_python = import_module(_DTYPES).of_python
        return Again([of_python(v) for v in args], {k: of_python(v) for k, v in words.items()})
    if (newer := import_module(_OLDER).in_newer_order(name, args, words)) is not None:
        tensors, numbers = newer
        return Again(tensors, {**words, **numbers})
    return refused(name, function, args, words, error)


def refused(name, function, args, words, error):
    """PyTorch's error for a call with these arguments, or None if it would take them. A call that
    failed is looked at again; nothing is before."""
    return import_module(_ARGUMENTS).refusal(name, function, args, words, error)


_MODULE = type(sys)


class LinAlgError(RuntimeError):
    """A matrix function that this matrix does not have; torch.linalg.LinAlgError."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"  # as PyTorch prints it
LinAlgError.__module__ = "torch._C"


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
    "github.com/pytorch/pytorch/pull/30531 for more informations."
)
DETACHED_VIEW = hinted(
    "Can't detach views in-place. Use detach() instead.",
    "y = y.detach() gives a tensor without history that shares the memory.",
)
