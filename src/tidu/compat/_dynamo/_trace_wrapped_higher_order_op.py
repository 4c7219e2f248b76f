"""torch._dynamo._trace_wrapped_higher_order_op: a block in which tensors can be indices."""

from contextlib import nullcontext

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex(nullcontext):
    """Nothing to do: `x[i]` with a tensor `i` is followed by `vmap` and compiled everywhere."""
