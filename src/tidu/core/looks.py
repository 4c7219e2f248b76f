"""The eager fast path of views: one template, as in `fast.py`, for every way to look at memory.

What it does not know (a transform, a listener, a mistake) is for the general function.
"""

from weakref import ref

from numpy import ndarray

from .direct import FOR_SLOW, array
from .fast import F32, F64, _named, strange
from .handle import LEAF, TensorBase, View, is_inference, note_view
from .modes import LOCAL, STATE
from .node import Node
from .primitive import SHAPES
from .retries import worded
from .versions import clock

__all__ = ["look", "looks"]

_new = object.__new__


def look(prim, arrange):
    """Decorates f(x, ...), which gives a view by one primitive: its plain cases come first.

    `arrange(array, ...)` gives (the view, the primitive's parameters, the node's name or None), or
    None for what it leaves to the general function, which also says what is wrong.
    """

    def dress(slow):
        fast = _look(prim, arrange, slow)
        fast.dress = dress  # for other spellings
        return fast

    return dress


def _look(prim, arrange, slow):
    shapes, plain, slow = SHAPES in prim.uses[0], slow, worded(slow)

    def fast(input, *args, **words):
        x = input
        try:
            value = x._value
        except AttributeError:
            value = None
        if value.__class__ is not ndarray or STATE.listeners:
            if value is None:
                return strange(fast, slow, (x, *args), words)
            return slow(x, *args, **words)
        if STATE.inference and is_inference(x):
            return slow(x, *args, **words)
        try:
            found = arrange(value, *args, **words) if words else arrange(value, *args)
        except FOR_SLOW:
            found = None
        if found is None or found[0].base is None:
            return slow(x, *args, **words)
        out, params, name = found
        recording = not STATE.special or LOCAL.grad
        handle = _new(TensorBase.handle_class)
        handle._value = out
        handle._node = handle._grad = handle._extra = None
        node = x._node
        if node is not None and recording:
            if (kind := value.dtype) is not F32 and kind is not F64:
                return slow(x, *args, **words)
            saved = (None, None, (value.shape,) if shapes else None)
            edge = x if node is LEAF else node
            handle._node = made = Node(clock(), prim, (edge,), saved, params)
            made.given = plain, (None, *args), words, ()
            if name is not None:
                made.name = name
        view = x._view
        handle._view = made = _new(View)  # without a frame for __init__
        if view is None:
            made.base, made.steps, made.grad_mode = x, ((prim, params),), recording
            made.part = None
        else:
            made.base = x = view.base
            made.steps = (*view.steps, (prim, params))
            made.grad_mode = recording and view.grad_mode
            made.part = None if view.part is None else 0
        extra = x._extra
        if extra is None or (refs := extra.views) is None or len(refs) > 14:
            note_view(x, handle)
        else:
            refs.append(ref(handle))  # as `note_view`, without its frame
        return handle

    fast.__wrapped__ = plain  # for those who ask for the signature
    return _named(fast, slow)


def looks(step, cut):
    """Decorates f(x, ...), which gives several views: the plain cases of which no gradient is
    wanted. `cut(array, ...)` gives the index of each, a parameter of the primitive `step`; else
    None."""

    def dress(slow):
        plain, slow = slow, worded(slow)

        def fast(*args, **words):
            found = None
            if not STATE.listeners and args and not (STATE.inference and is_inference(args[0])):
                try:
                    if (value := array(args[0])) is not None:
                        found = cut(value, *args[1:], **words)
                except FOR_SLOW:
                    found = None
            if found is None:
                return strange(fast, slow, args, words)
            return _views(args[0], value, step, found)

        fast.__wrapped__, fast.dress = plain, dress
        return _named(fast, slow)

    return dress


def _views(x, value, step, indices):
    recording = not STATE.special or LOCAL.grad
    view, made = x._view, []
    base = x if view is None else view.base
    for part, index in enumerate(indices):
        taken = (step, {"index": index})
        handle = _new(TensorBase.handle_class)
        handle._value = value[index]
        handle._node = handle._grad = handle._extra = None
        if view is None:
            handle._view = View(x, (taken,), recording, part)
        else:
            mode = recording and view.grad_mode
            handle._view = View(base, (*view.steps, taken), mode, part)
        note_view(base, handle)
        made.append(handle)
    return tuple(made)
