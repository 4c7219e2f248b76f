"""What happens to a gradient at a leaf: hooks, addition to `.grad`, hooks again.

A leaf with hooks gets its gradient as soon as nothing more can arrive there (`accumulate_early`),
as PyTorch orders hooks; all others when the pass is over, which needs no counting.
"""

import threading
from functools import partial

import numpy as np
from numpy import ndarray

from ..base.dtypes import OF_NUMPY, dtype, scalar_name
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..base.process.forks import across
from ..core.blocks import copy
from ..core.handle import TensorBase, element_type, extra_of, live_views, shape_of, wrap
from ..core.modes import LOCAL, set_grad
from ..core.node import Node, ends_here, nowhere
from ..core.versions import clock, owner, stamp
from ..ops.convert import type_of
from ..primitives.base import cast, dense
from ..primitives.structural import laid_out, layout_of
from ..transforms.reverse import check_result, gathered
from ..transforms.trace import Traced

__all__ = [
    "LOCK", "accumulate", "accumulate_early", "add_into", "as_its_base", "check_grad",
    "clear_gradients", "grad_dtype", "hooked", "is_lent", "laid_as", "set_grad_dtype",
    "tell_views",
]  # fmt: skip

order = lazy_module(f"{__package__}.order")

LOCK = across(threading.RLock())  # threads may bring gradients to one leaf


def accumulate_early(job, leaf):
    """A part of a gradient, None perhaps, arrived at a leaf that has `_extra`: if it was the last,
    the sum is added, as soon as those before it in PyTorch's order have theirs."""
    extra = leaf._extra
    if not (extra.hooks or extra.after_hooks or extra.accumulator):
        return
    if job.awaited is None:
        job.awaited = order.Queue(job.seeds)
    for ready in job.awaited.arrived(leaf):
        entry = job.leaves.pop(id(ready), None)
        if entry is None:
            _inside(job, partial(_tell_of_nothing, ready, ready._extra))
        else:
            accumulate(job, *entry)


def _tell_of_nothing(leaf, extra):
    """The hooks of a leaf for which functions gave None only."""
    for hook in list((extra.hooks or {}).values()):
        if hook(None) is not None:
            raise RuntimeError("can't replace a None gradient with a non-None value")
    ends = extra.accumulator
    for hook in list(ends.pre.values()) if ends is not None else ():
        hook((None,))
    _run_after(leaf, extra.after_hooks or {})
    for hook in list(ends.post.values()) if ends is not None else ():
        hook((), (None,))


def grad_dtype(tensor):
    """The type that the gradient of a leaf has: its own, one that was chosen, or None for any."""
    if tensor._node.__class__ is Node:
        raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
    chosen = ... if tensor._extra is None else tensor._extra.grad_type
    if chosen is None:
        return None
    return OF_NUMPY[element_type(tensor) if chosen is ... else chosen]


def set_grad_dtype(tensor, chosen):
    if tensor._node.__class__ is Node:
        raise RuntimeError("grad_dtype can only be set on leaf tensors.")
    if chosen is not None and not isinstance(chosen, dtype):
        raise RuntimeError(
            f"grad_dtype must be a torch.dtype or None, but got {type(chosen).__name__}"
        )
    have = tensor._grad
    if chosen is not None and have is not None and type_of(have) is not chosen:
        have = type_of(have)
        raise RuntimeError(
            f"Cannot set grad_dtype to '{scalar_name(chosen)}' because there is already a gradient "
            f"with dtype '{scalar_name(have).lower()}'. Please clear the gradient (.grad = None) "
            "before changing grad_dtype, or ensure the new grad_dtype matches the existing "
            "gradient's dtype."
        )
    extra_of(tensor).grad_type = None if chosen is None else chosen.numpy


def accumulate(job, leaf, g):
    """Run the leaf's hooks on `g`, add it to `.grad`, run the hooks that come after."""
    extra, lift = leaf._extra, job.lift
    if extra is None:
        _add(leaf, g, job.create_graph, lift)
        return
    kind = extra.grad_type
    if kind is not ... and kind is not None and element_type(g) is not kind:
        g = cast(g, to=kind, origin=element_type(g))
    g = hooked(job, extra.hooks, g)
    ends = extra.accumulator
    if ends is not None and ends.pre:
        g = _before(job, ends.pre, g)
    _add(leaf, g, job.create_graph, lift)
    if extra.after_hooks:
        _inside(job, lambda: _run_after(leaf, extra.after_hooks))
    if ends is not None and ends.post:
        _inside(job, lambda: [hook((), (_handle(g),)) for hook in list(ends.post.values())])


def _add(leaf, g, create_graph, lift):
    with LOCK:
        old = leaf._grad
        if isinstance(g, TensorBase) or old is not None and old._value.dtype is None:
            g = _handle(g)
            if LOCAL.tracer is not None:
                LOCAL.tracer.arrives(leaf)
            if old is None:
                kept = create_graph or g._value.dtype is not None or hasattr(g._value, "inner")
                leaf._grad = g if kept else lift(g, None)
            elif old._value.__class__ is Traced and not create_graph:
                _add_recorded(old, g)
            else:
                leaf._grad = gathered(old, g)
        elif old is None:
            leaf._grad = wrap(laid_as(leaf, g) if g.__class__ is ndarray else g)
        else:
            add_into(old, g)


def _add_recorded(old, g):
    """`add_into` where it is recorded: the same tensor has the sum."""
    was = set_grad(False)
    try:
        old += g
    finally:
        set_grad(was)


def laid_as(leaf, g):
    """A copy of a gradient with the strides of its leaf, if that has no gaps; else in order."""
    value = leaf._value
    if value.__class__ is not ndarray or value.flags.c_contiguous or not dense(value):
        return copy(g)
    return laid_out(g, layout_of(value))


def is_lent(leaf, g, seeds, lent):
    """Whether `g` may become the gradient of `leaf` without a copy though it lies in what the user
    gave to `backward`: as in PyTorch, where it is a view of that. No two leaves get the same part
    of it, and what is added later goes to memory of the leaf's own. Those lent are kept in `lent`.
    """
    memory = owner(g)
    if memory is owner(leaf._value) or not g.flags.writeable:
        return False
    if not any(s is not g and s.__class__ is ndarray and owner(s) is memory for _, s in seeds):
        return False
    if any(np.may_share_memory(g, other) for other in lent):
        return False
    lent.append(g)
    return True


def add_into(old, g):
    """Add an array to a gradient in its place, whether or not it requires one itself."""
    with LOCK:
        value, extra = old._value, old._extra
        if extra is not None and extra.lent:
            extra.lent, old._value = False, value + g
            return
        stamp(value)
        if value.__class__ is ndarray:
            if value.shape:
                value += g
            else:  # seven times faster on 0-dim arrays
                value[()] = value[()] + g
        else:
            old._value = value + g


# --- hooks --------------------------------------------------------------------------------------


def _handle(g):
    return g if isinstance(g, TensorBase) else wrap(g)


def _inside(job, run):
    """run() as hooks are run: recording only with create_graph, and the pass known."""
    was, outer = set_grad(job.create_graph), LOCAL.job
    LOCAL.job = job
    try:
        return run()
    finally:
        LOCAL.job = outer
        set_grad(was)


def hooked(job, hooks, g):
    """`g` as the hooks of a tensor leave it."""
    if not hooks:
        return g

    def run(g=g):
        for hook in list(hooks.values()):
            result = hook(_handle(g))
            if result is not None:
                check_result(hook, result, g)
                g = _value(job, result)
        return g

    return _inside(job, run)


def _run_after(leaf, hooks):
    for hook in list(hooks.values()):
        result = hook(leaf)
        if result is not None and result is not leaf:  # which `p.add_(...)` gives
            if not isinstance(result, TensorBase):
                kind = type(result).__name__
                raise TypeError(f"expected Variable, but hook returned '{kind}'")
            raise RuntimeError(
                hinted(
                    "Tensor post accumulate grad hooks should return None.",
                    "write to the tensor's .grad in place, or use register_hook to replace a "
                    "gradient.",
                )
            )


def _before(job, hooks, g):
    def run(g=g):
        for hook in list(hooks.values()):
            result = hook((_handle(g),))
            if result is not None:
                g = _value(job, result[0] if isinstance(result, tuple) else result)
        return g

    return _inside(job, run)


def _value(job, result):
    plain = not job.create_graph and result._value.dtype is not None
    return result._value if plain else result


def clear_gradients(leaves, set_to_none):
    """Forget the gradients of leaves, or set them to zero where they lie."""
    for leaf in leaves:
        grad = leaf.grad
        if grad is None:
            continue
        if set_to_none:
            leaf.grad = None
        else:
            if not grad.is_leaf:
                grad.detach_()
            else:
                grad.requires_grad_(False)
            grad.zero_()


def check_grad(tensor, value):
    """Refuse what cannot be the `.grad` of a tensor."""
    if not isinstance(value, TensorBase):
        raise TypeError(
            f"assigned grad expected to be a Tensor or None but got grad of type "
            f"{type(value).__name__}"
        )
    if value is tensor:
        raise RuntimeError("can't assign Variable as its own grad")
    wanted = grad_dtype(tensor) if tensor.is_leaf else type_of(tensor)
    if wanted is not None and type_of(value) is not wanted:
        have, want = scalar_name(type_of(value)), scalar_name(wanted)
        raise RuntimeError(
            hinted(
                f"attempting to assign a gradient with dtype '{have.lower()}' to a tensor with "
                f"grad_dtype '{want}'.",
                f"convert it first, as in x.grad = g.to({wanted}).",
            )
        )
    if tuple(shape_of(value)) != tuple(shape_of(tensor)):
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(shape_of(value))}' to a tensor of "
            f"size '{list(shape_of(tensor))}'. Please ensure that the gradient and the tensor are "
            "the same size"
        )


def as_its_base(tensor):
    """The node of a leaf that requires no gradient of its own: a view requires one as soon as its
    base does, though none arrives anywhere."""
    view = tensor._view
    if view is None or view.base._node is None or element_type(tensor).kind not in "fcVW":
        return None
    return nowhere(clock())


def tell_views(base):
    """What of its views follows where a leaf begins to require a gradient, or no longer does."""
    for view in live_views(base):
        if view._node is None or ends_here(view._node):
            view._node = as_its_base(view)
