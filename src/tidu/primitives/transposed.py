"""Transposed pairs: a linear primitive and what takes its cotangent back, declared once.

`pair("slice", _slice, "slice_backward", _embed, ...)` has both kernels, and everything else follows
from the first: the transpose's derivative is the primitive, its tangent is itself, its shape is the
input's, and it is batched as the primitive is. So it has a node of its own and no rule of its own.
"""

from functools import lru_cache

from ..base.frames import compile_source
from ..core.handle import element_type, shape_of
from ..core.primitive import Derived, Primitive, names_of
from .base import at_front, batch_size, inverse, transpose

__all__ = ["Transposed", "batch_by", "ordered", "pair", "signature", "way_of"]

_VARIADIC = 4  # CO_VARARGS of code objects


class Transposed(Derived, Primitive):
    """The transpose of `of`, from which all its rules follow."""

    __slots__ = ("of",)
    way = "transposes: all rules follow from the primitive whose cotangent they take back"


def pair(name, kernel, back_name, back_kernel, *, tex, batched=None, cheaper=None, shape=None,
         back_shape=None, is_view=False, back_is_view=False, torch_name=None,
         back_torch_name=None):  # fmt: skip
    """(a primitive linear in its first input, its transpose).

    `kernel(x, *others, **params)` computes the primitive; `others` are arrays that carry no
    gradient, such as indices. `back_kernel(g, *others, **params, shape=)` takes a cotangent back to
    an input of this shape; if it has no `shape`, the cotangent tells it. `tex` has both formulas.

    `batched` says how one call computes a batch, whose first input has the batch axis in front: a
    function of the params gives those of that call (`dict`: the same). One of (others, axes, size,
    params) gives (others, params, order): the others as that call has them, and in which order the
    leading axes of what the primitive gives come to lie with the batch in front (None: they do).
    Without `batched` each example is computed by itself. ``cheaper(tensors, axes, **params)``: what
    the primitive gives, and its batch axis, where that costs less; else None.
    """
    if torch_name and not back_torch_name:
        back_torch_name = f"{torch_name}Backward"
    inputs, params, variadic = signature(kernel)
    shaped = "shape" in signature(back_kernel)[1]
    made = []
    forth = Primitive(
        name, kernel, inputs, jvp=_first_tangent(made, 0), tex=tex[0], is_view=is_view,
        batch=batched and batch_by(batched, cheaper), shape=shape, torch_name=torch_name,
        **_rule(made, 1, inputs, params, variadic, "shape" if shaped else None),
    )  # fmt: skip
    back_inputs = (signature(back_kernel)[0][0], *inputs[1:])
    back = Transposed(
        back_name, back_kernel, back_inputs, jvp=_first_tangent(made, 1), tex=tex[1],
        is_view=back_is_view, torch_name=back_torch_name,
        batch=batched and batch_by(batched),
        shape=_given_shape if shaped else back_shape,
        **_rule(made, 0, back_inputs, params, variadic, None),
    )  # fmt: skip
    made += [forth, back]
    back.of = forth
    forth.kind = back.kind = "linear"
    return forth, back


def signature(kernel):
    """(the inputs, the params, whether there are any number of other inputs) of a kernel."""
    code = kernel.__code__
    names = names_of(kernel)
    return names[: code.co_argcount], names[code.co_argcount :], bool(code.co_flags & _VARIADIC)


def _rule(made, to, inputs, params, variadic, shape):
    """The rule of the first input, which calls the other of the two, as words of `Primitive`."""
    x, *others = inputs
    asked = [*params, *([f"{x}_shape"] if shape else [])]
    given = [f"{p}={p}" for p in params] + ([f"shape=tuple({x}_shape)"] if shape else [])
    if variadic:
        call = f"made[{to}](cotangent, *rest, {', '.join(given)})"
        text = f"lambda cotangent, rest, {', '.join(asked)}: ({call}, *[None] * len(rest))"
        return {"pullback": _text(text)(made)}
    call = f"made[{to}]({', '.join(['cotangent', *others, *given])})"
    return {"vjp": {x: _text(f"lambda {', '.join(['cotangent', *others, *asked])}: {call}")(made)}}


@lru_cache(None)
def _text(text):
    return eval(compile_source(f"lambda made: {text}", "eval"))


def _first_tangent(made, own):
    def jvp(tangents, primals, out, params):
        return None if tangents[0] is None else made[own](tangents[0], *primals[1:], **params)

    return jvp


def _given_shape(prim, args, params):
    return params["shape"], element_type(args[0])


# --- batches --------------------------------------------------------------------------------------


def batch_by(batched, cheaper=None):
    """The batching rule of either of a pair."""
    way = way_of(batched)

    def batch(prim, tensors, axes, params):
        found = cheaper and cheaper(tensors, axes, **params)
        if found:
            return found
        given, size = dict(params), batch_size(tensors, axes)
        shape = given.pop("shape", None) if isinstance(prim, Transposed) else None
        x = at_front(tensors[0], axes[0], size)
        others, given, order = way(tensors[1:], axes[1:], size, given)
        if shape is not None:
            given["shape"] = (size, *shape)
        if order is None:
            return prim(x, *others, **given), 0
        if isinstance(prim, Transposed):
            return prim(ordered(x, inverse(order)), *others, **given), 0
        return ordered(prim(x, *others, **given), order), 0

    return batch


def way_of(batched):
    """`batched` of a pair as a function of others, axes, size and params."""
    if batched is not dict and "params" in names_of(batched):
        return batched
    return lambda others, axes, size, params: (
        [at_front(t, a, size) for t, a in zip(others, axes, strict=True)], batched(**params), None
    )  # fmt: skip


def ordered(x, order):
    """`x` with its leading axes in this order."""
    return transpose(x, axes=(*order, *range(len(order), len(shape_of(x)))))
