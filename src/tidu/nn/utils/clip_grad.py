"""Limiting gradients: by their common norm, or each number by itself."""

import math
import warnings
from functools import partial
from types import GeneratorType

from ... import ops
from ...autograd import no_grad
from ...base.errors import hinted
from ...frontend.tensor import Tensor
from ...transforms.trace import Traced

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_",
    "get_total_norm",
]  # fmt: skip


def _list(parameters):
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _gradients(parameters):
    return [p.grad for p in parameters if p.grad is not None]


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all numbers of all tensors together.

    >>> import tidu as torch
    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    tensors = _list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return ops.tensor(0.0)
    with no_grad():
        norms = [ops.vector_norm(tensor, norm_type) for tensor in tensors]
        total = norms[0] if len(norms) == 1 else ops.vector_norm(ops.stack(norms), norm_type)
    if error_if_nonfinite:
        _require_finite(total, norm_type)
    return total


def _require_finite(total, norm_type):
    value, error = total._value, partial(_non_finite, norm_type)
    if value.__class__ is Traced:
        value.level.demand(value.variable, _is_finite, error)
    elif not math.isfinite(total.item()):
        raise error()


def _is_finite(array):
    return math.isfinite(array.item())


def _non_finite(norm_type):
    return RuntimeError(
        hinted(
            f"The total norm of order {norm_type} for gradients from `parameters` is "
            "non-finite, so it cannot be clipped. To disable this error and scale the "
            "gradients by the non-finite norm anyway, set `error_if_nonfinite=False`",
            "look for the first loss that is inf or nan.",
        )
    )


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients by ``max_norm / total_norm`` where that is below 1, in place."""
    factor = ops.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    with no_grad():
        for grad in _gradients(_list(parameters)):
            grad.detach().mul_(factor)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients together so that their norm is at most ``max_norm``.

    Returns the norm before. The gradients are changed in place.

    >>> import tidu as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> (3 * w).sum().backward()
    >>> norm = torch.nn.utils.clip_grad_norm_([w], 1.0)
    >>> round(w.grad.norm().item(), 4)
    1.0
    """
    generated = isinstance(parameters, GeneratorType)
    parameters = _list(parameters)
    if generated and not parameters:
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(*args, **kwargs):
    """The older name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Limit every number of every gradient to ±``clip_value``, in place."""
    clip_value = float(clip_value)
    with no_grad():
        for grad in _gradients(_list(parameters)):
            grad.detach().clamp_(min=-clip_value, max=clip_value)
