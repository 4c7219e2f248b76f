"""The tensors that a function is given or reaches, as they were before its trial run."""

from itertools import pairwise

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ...core.handle import LEAF, TensorBase, Unresolved, history_of
from ...primitives.base import address
from ...transforms.write_checks import overlaps_itself, shown_twice
from .breaks import Break
from .reach import same_entries
from .turned import order_of

__all__ = ["Given", "check_given"]


class Given:
    """A tensor as it was before the run. `history`: see `history_of`. `order`: its axes, outermost first, where its memory is
    dense in another order than C's."""

    __slots__ = ("dtype", "extra", "grad", "handle", "history", "in_order", "kind", "names", "node", "order",
                 "shape", "value", "variable", "view")  # fmt: skip

    def __init__(self, handle):
        self.handle = handle
        self.value, self.node, self.grad = handle._value, handle._node, handle._grad
        self.view, self.extra, self.variable = handle._view, handle._extra, None
        self.names, self.order = dict(handle.__dict__), _turned(self.value)
        self.kind, self.shape, self.dtype = handle.__class__, self.value.shape, self.value.dtype
        self.history = history_of(self.node)
        self.in_order = self.value.__class__ is not np.ndarray or self.value.flags.c_contiguous

    def restore(self):
        handle = self.handle
        handle._value, handle._node, handle._grad = self.value, self.node, self.grad
        handle._view, handle._extra = self.view, self.extra
        if self.renamed():
            handle.__dict__.clear()
            handle.__dict__.update(self.names)

    def forget(self, replaced):
        """Keep no memory that the caller may drop: the gradient (it is known that there was one),
        and the tensor itself where each call has another (`replaced`)."""
        self.grad = self.grad is not None or None
        if replaced:
            self.handle = self.value = self.node = self.names = self.view = self.extra = None

    def renamed(self):
        """Whether attributes were set on the tensor."""
        return not same_entries(self.handle.__dict__, self.names)


def _turned(value):
    if not isinstance(value, np.ndarray) or value.flags.c_contiguous or not value.flags.aligned:
        return None
    order = order_of(value)
    return order if order and value.transpose(order).flags.c_contiguous else None


_BITS = (
    "a tensor has the conjugate or the negative bit set (resolve_conj() and resolve_neg() compute "
    "its elements)"
)


def check_given(olds):
    """Refuse what a stand-in cannot stand for; returns those that share memory, or repeat it."""
    spans, shared = [], set()
    for old in olds:
        value = old.value
        if value.__class__ is Unresolved:
            raise Break(_BITS)
        if value.dtype is None:
            raise Break("a tensor belongs to a transform that is running outside")
        extra = old.extra
        if extra and (extra.inference or extra.hooks or extra.after_hooks):
            raise Break("a tensor has hooks, or was made in inference mode")
        if _asks_class(old.kind):
            raise Break(f"a tensor is of class {old.kind.__name__}, which says what functions do")
        if isinstance(value, np.ndarray) and value.size:
            if value.flags.c_contiguous:
                start = address(value)
                spans.append((start, start + value.nbytes, old))
            elif old.node is LEAF and old.order is None:
                raise Break("a parameter lies in memory with gaps, or shares elements")
            else:
                spans.append((*byte_bounds(value), old))
                if shown_twice(value) or overlaps_itself(value):
                    shared.add(old)
    spans.sort(key=lambda span: span[:2])
    for (_, end, a), (start, _, b) in pairwise(spans):
        if start < end:
            shared |= {a, b}
    return shared


def _asks_class(kind):
    """Whether a subclass of Tensor says itself what functions do with its tensors."""
    asked = getattr(kind, "__torch_function__", None)
    plain = kind is TensorBase.handle_class or asked is None
    return not (plain or getattr(getattr(asked, "__func__", asked), "plain_results", False))
