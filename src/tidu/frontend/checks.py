"""torch._check and its kin, and torch._assert: conditions that programs state."""

from ..base.errors import hinted

__all__ = ["_assert", "_assert_async", "_check", "_check_index", "_check_is_size",
           "_check_not_implemented", "_check_type", "_check_value"]  # fmt: skip


def _assert(condition, message):
    """An assert statement that programs traced by torch.fx can have.

    Raises:
        AssertionError: the condition does not hold.
    """
    if not condition:
        raise AssertionError(message)


def _assert_async(input, assert_msg="Expected Tensor with single nonzero value, but got zero"):
    """RuntimeError if the one element of a tensor is zero."""
    if not input:
        raise RuntimeError(assert_msg)


def _check(cond, message=None):
    """RuntimeError unless `cond` is True; `message()` is its text.

    Raises:
        TypeError: cond is no bool, or message no function.
    """
    _check_with(RuntimeError, cond, message)


def _check_with(error, cond, message):
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is None:
        text = "Expected cond to be True, but got False."
        raise error(hinted(text, "a second argument says what is wrong: lambda: 'sizes differ'."))
    if not callable(message):
        raise TypeError("message must be a callable")
    raise error(str(message()))


def _check_index(cond, message=None):
    """IndexError unless `cond` is True."""
    _check_with(IndexError, cond, message)


def _check_value(cond, message=None):
    """ValueError unless `cond` is True."""
    _check_with(ValueError, cond, message)


def _check_type(cond, message=None):
    """TypeError unless `cond` is True."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond, message=None):
    """NotImplementedError unless `cond` is True."""
    _check_with(NotImplementedError, cond, message)


def _check_is_size(i, message=None, *, max=None):
    """RuntimeError unless 0 <= i (<= max)."""
    _check_with(RuntimeError, i >= 0 and (max is None or i <= max), message)
