"""assert_close: whether two results agree, with a message that says where they do not."""

import numbers

from .. import ops
from ..base.lazy import lazy_module
from ..core.handle import TensorBase
from ..sparse.layouts import LABELS, SparseBase

__all__ = ["assert_allclose", "assert_close"]

_numpy = lazy_module("numpy")
_TOLERANCES = {
    "float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7),
}  # fmt: skip


def assert_close(actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False,
                 check_device=True, check_dtype=True, check_layout=True, check_stride=False,
                 msg=None):  # fmt: skip
    """AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Tensors, numbers, and containers of them; tolerances follow the type unless given.

    >>> import tidu as torch
    >>> torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    """
    if (rtol is None) != (atol is None):
        lacking = "rtol" if rtol is None else "atol"
        raise ValueError(
            "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
            + lacking
            + "."
        )
    options = (rtol, atol, equal_nan, check_dtype, check_stride, allow_subclasses)
    found = _difference(actual, expected, options, "")
    if found:
        raise AssertionError(msg(found) if callable(msg) else msg or found)


def _difference(actual, expected, options, place):
    if isinstance(expected, dict) and isinstance(actual, dict):
        if actual.keys() != expected.keys():
            return f"The keys of the mappings do not match:{place}\n{set(actual) ^ set(expected)}"
        keys = list(expected)
    elif isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{place}"
        keys = range(len(expected))
    else:
        return _of_leaves(actual, expected, options, place)
    found = (_difference(actual[k], expected[k], options, f"{place}[{k!r}]") for k in keys)
    return next((text for text in found if text), None)


def _of_leaves(actual, expected, options, place):
    if actual is None and expected is None:
        return None
    number = isinstance(expected, numbers.Number) and isinstance(actual, numbers.Number)
    *options, subclasses = options
    if not number and not _comparable(actual, expected, subclasses):
        raise TypeError(
            "No comparison pair was able to handle inputs of type "
            f"{type(actual)} and {type(expected)}."
        )
    rtol, atol, equal_nan, check_dtype, check_stride = options
    if number and check_dtype and type(actual) is not type(expected):
        return f"The (d)types do not match: {type(actual)} != {type(expected)}."
    a, e = ops.as_tensor(actual), ops.as_tensor(expected)
    where = f"\n\nThe failure occurred for item {place}" if place else ""
    if tuple(a.shape) != tuple(e.shape):
        return f"The values for attribute 'shape' do not match: {a.shape} != {e.shape}.{where}"
    if check_dtype and not number and a.dtype is not e.dtype:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {e.dtype}.{where}"
    if check_stride and a.stride() != e.stride():
        differ = f"{a.stride()} != {e.stride()}"
        return f"The values for attribute 'stride()' do not match: {differ}.{where}"
    if a.layout is not e.layout:
        return f"The values for attribute 'layout' do not match: {a.layout} != {e.layout}.{where}"
    a, e = a.detach(), e.detach()
    if isinstance(a, SparseBase):
        return _of_sparse(a, e, (rtol, atol, equal_nan), where)
    found = _of_elements(a, e, (rtol, atol, equal_nan), number)
    return found and found + where


def _of_sparse(a, e, limits, where):
    """Of sparse tensors of one layout: how many elements, where, and which."""
    label = f"parse {LABELS[a.layout] or 'COO'}"
    a, e = a._settled(), e._settled()
    if a._nnz() != e._nnz():
        return (
            f"The number of specified values in s{label} tensors does not match: {a._nnz()} != "
            f"{e._nnz()}{where}"
        )
    for (name, ours), (_, theirs) in zip(a._parts(), e._parts(), strict=True):
        found = _of_elements(ours, theirs, limits if name == "values" else (0, 0, False), False)
        if found:
            return found.replace("Tensor-likes", f"S{label} {name}", 1) + where
    return None


def _of_elements(a, e, limits, number):
    rtol, atol, equal_nan = limits
    if rtol is None:
        pairs = [_TOLERANCES.get(_name(t.dtype), (0.0, 0.0)) for t in (a, e)]
        rtol, atol = max(p[0] for p in pairs), max(p[1] for p in pairs)
    common = ops.result_type(a, e)
    a, e = a.to(common), e.to(common)
    close = ops.isclose(a, e, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if bool(close.all()):
        return None
    return (_number_text if number else _tensor_text)(a, e, close, rtol, atol)


def _comparable(actual, expected, subclasses):
    if not subclasses and type(actual) is not type(expected):
        return False
    kinds = (TensorBase, _numpy.ndarray, _numpy.generic)
    return isinstance(actual, kinds) and isinstance(expected, kinds)


def _name(dtype):
    return str(dtype).removeprefix("torch.")


def _number_text(a, e, close, rtol, atol):
    a, e = a.item(), e.item()
    kind = "Scalars are not equal!" if rtol == atol == 0 else "Scalars are not close!"
    difference = abs(a - e)
    lines = [kind, "", f"Expected {e} but got {a}.", f"Absolute difference: {difference}"]
    lines.append(f"Relative difference: {difference / abs(e) if e else float('inf')}")
    if not rtol == atol == 0:
        lines[-2] += f" (up to {atol} allowed)"
        lines[-1] += f" (up to {rtol} allowed)"
    return "\n".join(lines)


def _tensor_text(a, e, close, rtol, atol):
    wrong, total = int((~close).sum()), close.numel()
    exact = rtol == atol == 0
    if a.dtype == ops.result_type(ops.ones(1).bool(), ops.ones(1).bool()):
        a, e = a.int(), e.int()
    gap = (a - e).abs()
    gap = ops.where(close, ops.zeros_like(gap), gap)
    relative = gap / e.abs()
    relative = ops.where(close, ops.zeros_like(relative), relative)
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!", ""]
    lines.append(f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})")
    for title, values, limit in (("absolute", gap, atol), ("relative", relative, rtol)):
        index = tuple(_numpy.unravel_index(int(values.reshape(-1).argmax()), tuple(values.shape)))
        index = tuple([int(i) for i in index])
        worst = values.max().item()
        allowed = "" if exact else f" (up to {limit} allowed)"
        at = f" at index {index}" if index else ""
        lines.append(f"Greatest {title} difference: {worst}{at}{allowed}")
    return "\n".join(lines)


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The older assert_close, which does not look at types."""
    if not isinstance(actual, TensorBase):
        actual = ops.tensor(actual)
    if not isinstance(expected, TensorBase):
        expected = ops.tensor(expected, dtype=actual.dtype)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=True, check_dtype=False,
                 msg=msg or None)  # fmt: skip
