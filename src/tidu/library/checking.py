"""`opcheck`: whether an operation does what its schema, its fake and its formula say."""

from contextlib import contextmanager

import numpy as np

from ..autograd import grad
from ..base import tree
from ..base.errors import hinted
from ..core.handle import TensorBase
from ..core.versions import version
from ..ops import empty_strided
from ..testing import assert_close
from .custom import _share
from .operators import Overload, Packet
from .registry import _resolved

__all__ = ["OpCheckError", "get_ctx", "opcheck"]


class OpCheckError(Exception):
    """What `opcheck` raises."""


class FakeContext:
    """What a fake asks for lengths that only the numbers tell."""

    def new_dynamic_size(self, *, min=0, max=None):
        """A length; here 2, or as near to it as is allowed."""
        return builtin_max(min, 2 if max is None else builtin_min(2, max))

    create_unbacked_symint = new_dynamic_size


builtin_max, builtin_min = max, min
_CURRENT: list = [None]


def get_ctx():
    """The context of the fake that is being asked; None outside."""
    return _CURRENT[-1]


@contextmanager
def _asking():
    _CURRENT.append(FakeContext())
    try:
        yield _CURRENT[-1]
    finally:
        _CURRENT.pop()


def opcheck(op, args, kwargs=None, *, test_utils=None, raise_exception=True, atol=None, rtol=None):
    """Whether an operation keeps to its schema, its fake and its formula on these arguments.

    Gives {name of the test: "SUCCESS" or the error}.

    Raises:
        OpCheckError: for the first test that fails, unless raise_exception is False.

    >>> import tidu as torch
    >>> @torch.library.custom_op("demo::thrice", mutates_args=())
    ... def thrice(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 3
    >>> torch.library.opcheck(thrice, (torch.ones(2),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    if (rtol is None) != (atol is None):
        raise ValueError("opcheck(op, ...): if you specify one of rtol/atol, you must specify both")
    if not isinstance(getattr(op, "_opoverload", op), (Overload, Packet)):
        raise ValueError(
            "opcheck(op, ...): op must be instance of torch._ops.OpOverload, e.g. "
            f"torch.ops.mylib.f.default, got {type(op)}"
        )
    operation = _resolved(op, "opcheck")
    chosen = tuple(_TESTS) if test_utils in (None, "ALL") else test_utils
    chosen = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    if not set(chosen) <= set(_TESTS):
        raise ValueError(
            f"opcheck(op, ..., test_utils={chosen}), expected test_utils to be subset of "
            f"{tuple(_TESTS)} but it was not"
        )
    found = {}
    for name in chosen:
        try:
            _TESTS[name](operation, args, kwargs or {}, {"rtol": rtol, "atol": atol})
            found[name] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise OpCheckError(
                    f"opcheck(op, ...): {name} failed with {error} (scroll up for stack trace)"
                ) from error
            found[name] = error
    return found


def _tensors(value):
    return [t for t in tree.leaves(value) if isinstance(t, TensorBase)]


def _fresh(value):
    """Copies of all tensors, as leaves."""

    def copied(t):
        if not isinstance(t, TensorBase):
            return t
        return t.detach().clone().requires_grad_(t.requires_grad)

    return tree.map(copied, value)


def _schema(operation, args, kwargs, tolerance):
    """What the schema says is written to is, and nothing else; results share no memory."""
    args, kwargs = _fresh((tuple(args), kwargs))
    bound = operation._schema.bind(args, kwargs)
    pairs = [(a, t, t.detach().clone(), version(t._value))
             for a, value in operation.with_values(*bound) for t in _tensors(value)]  # fmt: skip
    result = operation(*args, **kwargs)
    for argument, tensor, before, _ in pairs:
        changed = not np.array_equal(
            tensor.detach().numpy(), before.numpy(), equal_nan=tensor.is_floating_point()
        )
        if changed and not argument.is_write:
            raise RuntimeError(
                f"Argument {argument.name} is not defined as mutable but was mutated"
            )
        returned = [r for r in _tensors(result) if _share(r, tensor)]
        if returned and not argument.alias:
            raise RuntimeError(
                f"Argument {argument.name} is not defined to alias output but was aliasing"
            )


def _registration(operation, args, kwargs, tolerance):
    """Where gradients are asked for, they come from a formula and not from a kernel's insides."""
    if not any(t.requires_grad for t in _tensors((args, kwargs))):
        return
    implicit = set(operation.kernels) <= {"CompositeImplicitAutograd"}
    if operation.formula or implicit or {"Autograd", "AutogradCPU"} & set(operation.kernels):
        return
    raise AssertionError(hinted(
        f"The operator {operation} is registered for the CPU and was given tensors that require "
        "grad, but it has no autograd formula.", "give one with torch.library.register_autograd.",
    ))  # fmt: skip


def _alike(one, other, what):
    for name in ("shape", "dtype"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if tuple(mine) != tuple(theirs) if name == "shape" else mine != theirs:
            raise AssertionError(f"{what}: found mismatch in {name} {theirs} != {mine}")
    if one.stride() != other.stride() and one.numel() > 1:
        raise AssertionError(
            f"{what}: found mismatch in strides {other.stride()} != {one.stride()}"
        )


def _fake(operation, args, kwargs, tolerance):
    """What the fake says of shapes, types and strides is so."""
    real = _tensors(operation(*_fresh(tuple(args)), **_fresh(kwargs)))
    if operation.fake is None:
        if operation._schema.is_mutable or operation._is_composition() or not real:
            return
        raise RuntimeError(hinted(
            f"{operation}: there is no fake impl, so its results are unknown without their "
            "numbers.", f'give one: torch.library.register_fake("{operation.name()}").',
        ))  # fmt: skip

    def emptied(t):
        return empty_strided(t.shape, t.stride(), dtype=t.dtype) if isinstance(t, TensorBase) else t

    with _asking():
        told = _tensors(
            operation.fake(*tree.map(emptied, tuple(args)), **tree.map(emptied, kwargs))
        )
    what = f"When comparing the output of {operation} on FakeTensor and concrete Tensors"
    if len(told) != len(real):
        raise AssertionError(f"{what}: found mismatch in number of outputs {len(told)}")
    for one, other in zip(real, told, strict=True):
        _alike(one, other, what)


def _repeated(operation, args, kwargs, tolerance):
    """Values and gradients are the same, called again on copies."""
    outcomes = []
    for _ in range(2):
        a, k = _fresh((tuple(args), kwargs))
        results = _tensors(operation(*a, **k))
        leaves = [t for t in _tensors((a, k)) if t.requires_grad]
        sums = [r.sum() for r in results if r.requires_grad]
        grads = grad(sum(sums[1:], sums[0]), leaves, allow_unused=True) if leaves and sums else ()
        outcomes.append([*results, *[g for g in grads if g is not None]])
    assert_close(outcomes[0], outcomes[1], **tolerance)


_TESTS = {
    "test_schema": _schema, "test_autograd_registration": _registration, "test_faketensor": _fake,
    "test_aot_dispatch_dynamic": _repeated,
}  # fmt: skip
