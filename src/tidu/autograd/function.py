"""autograd.Function: an operation whose forward and backward the user writes.

An application is one recorded node; its "primitive" is a `_Written` made for it, whose backward
runs the user's code on tensors. Under a transform the function is applied one level below and the
node goes onto the transform's own tape. Read `apply_function`, then `_Written.backward`.
"""

import functools
import warnings
import weakref

import numpy as np

from ..base.errors import hinted
from ..core.dispatch import parcel
from ..core.handle import LEAF, TensorBase, edge_of, element_type, shape_of, wrap
from ..core.modes import LOCAL, STATE, grad_enabled, set_grad, tell_recorded
from ..core.node import Node, output_node
from ..core.versions import clock, stale, stamp
from ..primitives.base import cast, move_batch, sum_to
from ..primitives.structural import slice_
from ..transforms.batch import BatchLevel, join
from ..transforms.forward import ForwardLevel
from ..transforms.mutation import rewrite_history
from ..transforms.reverse import beside, changed
from ..transforms.reverse_level import Lifted, ReverseLevel
from .function_context import BackwardCFunction, FunctionCtx
from .function_refusals import TWO_RETURNS, TWO_RULES, check_transformable

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]


class _FunctionMeta(type):
    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        cls._context_class = type(name + "Backward", (BackwardCFunction,), {"_function": cls})


class Function(FunctionCtx, metaclass=_FunctionMeta):
    """Base of operations with a backward of their own: subclass it, call `.apply`.

    `forward(ctx, *args)` and `backward(ctx, *grad_outputs)` are static methods; backward returns
    one gradient (or None) per argument of forward. In place of ctx in forward there may be a
    `setup_context(ctx, inputs, output)`.

    >>> import tidu as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning, stacklevel=2,
        )  # fmt: skip

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward
    generate_vmap_rule = False

    @staticmethod
    def vmap(info, in_dims, *args):
        """The function on batches: (outputs, their batch axes). Without it, vmap runs forward for
        each example."""
        raise NotImplementedError("vmap is not implemented.")

    @staticmethod
    def jvp(ctx, *grad_inputs):
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @classmethod
    def _own_backward(cls):
        return cls.backward if cls.backward is not Function.backward else cls.vjp

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and record the operation."""
        if kwargs:
            args = _by_position(cls, args, kwargs)
        if LOCAL.levels:
            check_transformable(cls, LOCAL.levels, _has_setup(cls), cls.vmap is not Function.vmap)
        return apply_function(cls, args)[0]


class InplaceFunction(Function):
    """A Function which can change its input; kept for old programs."""


def _by_position(cls, args, kwargs):
    code = cls.forward.__code__
    names = code.co_varnames[: code.co_argcount]
    names = names[0 if _has_setup(cls) else 1 :][len(args) :]
    if set(kwargs) - set(names):
        raise TypeError(f"{cls.__name__}.apply() got an unexpected keyword argument")
    return (*args, *[kwargs[n] for n in names if n in kwargs])


def _has_setup(cls):
    return cls.setup_context is not Function.setup_context


# --- applying -----------------------------------------------------------------------------------


def apply_function(cls, args):
    """(outputs, context, what it saved) of one application, under whatever transforms run.

    The context is None where each part of a batch had its own.
    """
    level = None
    for a in args:
        if isinstance(a, TensorBase):
            value = a._value
            if value.dtype is None and (level is None or value.level.depth > level.depth):
                level = value.level
    if isinstance(level, ReverseLevel) and level.alive:
        return _on_tape(cls, args, level)
    if isinstance(level, BatchLevel) and level.alive:
        return _batched(cls, args, level), None, ()
    if isinstance(level, ForwardLevel) and level.alive:
        return _pushed(cls, args, level), None, ()
    ctx = cls._context_class()
    outputs = _forward(cls, ctx, args)
    saved = ctx.to_save
    results = _recorded(cls, ctx, args, args, outputs, None)
    return results, ctx, _in_terms_of(saved, _parts(outputs), _parts(results))


def _forward(cls, ctx, args):
    """The user's forward, unrecorded."""
    ctx.needs_input_grad = tuple([isinstance(a, TensorBase) and a.requires_grad for a in args])
    was = set_grad(False)
    try:
        if _has_setup(cls):
            outputs = cls.forward(*args)
            cls.setup_context(ctx, args, outputs)
        else:
            outputs = cls.forward(ctx, *args)
    finally:
        set_grad(was)
    if ctx.dirty and not all(any(t is o for o in _parts(outputs)) for t in ctx.dirty):
        raise RuntimeError(
            hinted(
                "Some elements marked as dirty during the forward method were not returned as "
                "output. The inputs that are modified inplace must all be outputs of the Function.",
                "forward must return the very tensor that it changed in place.",
            )
        )
    for t in ctx.dirty:  # it may have been written by other means than tidu's
        if isinstance(t._value, np.ndarray):
            stamp(t._value)
    return outputs


def _context_after(cls, args, outputs):
    """The context of a whole batch, each part of which had its own."""
    ctx = cls._context_class()
    if not _has_setup(cls):
        _forward(cls, ctx, args)
        return ctx
    ctx.needs_input_grad = tuple([isinstance(a, TensorBase) and a.requires_grad for a in args])
    was = set_grad(False)
    try:
        cls.setup_context(ctx, tuple(args), outputs)
    finally:
        set_grad(was)
    return ctx


def _on_tape(cls, args, level):
    """Applied one level below; the node is on the tape of `level`."""
    lowered = [level.lower(a) for a in args]
    with level.outside():
        outputs, ctx, saved = apply_function(cls, lowered)
        if ctx is None:
            ctx = _context_after(cls, lowered, outputs)
            saved = ctx.to_save
        else:
            ctx = _copied(ctx)
            ctx.to_save = saved
    ours = [a if low is not a else None for a, low in zip(args, lowered, strict=True)]
    ctx.needs_input_grad = tuple([a is not None and a._node is not None for a in ours])
    results = _recorded(cls, ctx, ours, lowered, outputs, level)
    saved = _in_terms_of(saved, [*lowered, *_parts(outputs)], [*args, *_parts(results)])
    return results, ctx, saved


def _parts(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _in_terms_of(saved, below, above):
    """The saved tensors, each that is among `below` exchanged for its partner in `above`."""
    pairs = list(zip(below, above, strict=True))
    return tuple([next((a for b, a in pairs if b is t and t is not None), t) for t in saved])


def _copied(ctx):
    other = object.__new__(type(ctx))
    other.__dict__.update(ctx.__dict__)
    other.__dict__.pop("_node", None)
    return other


def _batched(cls, args, level):
    """By the function's own vmap rule, or each example by itself, then joined."""
    pairs = [level.split(a) for a in args]
    if cls.vmap is not Function.vmap:
        if cls.generate_vmap_rule:
            raise RuntimeError(TWO_RULES.format(cls.__name__))
        info = _VmapInfo(level.size, level.randomness)
        found = cls.vmap(info, tuple([a for _, a in pairs]), *[t for t, _ in pairs])
        if not isinstance(found, tuple) or len(found) != 2:
            raise RuntimeError(TWO_RETURNS.format(type(found)))
        outputs, axes = found
        if not isinstance(outputs, tuple):
            return outputs if axes is None else level.lift(outputs, axes)
        axes = axes if isinstance(axes, tuple) else (axes,) * len(outputs)
        return tuple(
            [o if a is None else level.lift(o, a) for o, a in zip(outputs, axes, strict=True)]
        )
    fronted = [t if a is None else move_batch(t, a) for t, a in pairs]
    rows = []
    for i in range(level.size):
        row = [
            t if a is None else slice_(t, index=(i, ...))
            for t, (_, a) in zip(fronted, pairs, strict=True)
        ]
        rows.append(apply_function(cls, row)[0])
    if isinstance(rows[0], tuple):
        return tuple([level.lift(join(list(c)), 0) for c in zip(*rows, strict=True)])
    return level.lift(join(rows), 0)


class _VmapInfo:
    def __init__(self, batch_size, randomness):
        self.batch_size, self.randomness = batch_size, randomness


def _pushed(cls, args, level):
    """Forward mode, by the function's jvp."""
    pairs = [level.split(a) for a in args]
    outputs, ctx, saved = apply_function(cls, [p for p, _ in pairs])
    if ctx is None:
        ctx = _context_after(cls, [p for p, _ in pairs], outputs)
    ctx._unpacked = tuple(saved or ctx.to_save)
    tangents = cls.jvp(ctx, *[t for _, t in pairs])
    if not isinstance(outputs, tuple):
        return outputs if tangents is None else level.lift(outputs, tangents)
    return tuple(
        [o if t is None else level.lift(o, t) for o, t in zip(outputs, tangents, strict=True)]
    )


# --- recording ----------------------------------------------------------------------------------


def _recorded(cls, ctx, handles, lowered, outputs, level):
    """The outputs with a node for the application, if anything among `handles` is tracked.

    `lowered` is what forward saw; `handles` the same arguments on the tape of `level`.
    """
    several = isinstance(outputs, tuple)
    parts = list(outputs) if several else [outputs]
    edges = tuple([edge_of(a) if isinstance(a, TensorBase) else None for a in handles])
    enabled = LOCAL.grad if level is not None else grad_enabled()
    node = None
    if enabled and any(edge is not None for edge in edges):
        written = _Written(cls, ctx, several, lowered, parts, level)
        saved = tuple([_Kept(t, lowered, parts) for t in ctx.to_save])
        node = Node(0, written, edges, (*[None] * len(edges), _KeptAll(saved), None), {})
        node.outputs = written.outputs
        ctx._node = weakref.ref(node)
    results = [_output(ctx, part, i, lowered, node, several, level) for i, part in enumerate(parts)]
    if node is not None:
        node.seq = clock()
        for listener in STATE.listeners:
            if hasattr(listener, "made"):
                listener.made(node)
        for part, result in zip(parts, results, strict=True):
            _attach(ctx, part, result, node, several, results)
        if STATE.listeners:
            tell_recorded(written, tuple(handles), {}, tuple(results) if several else results[0])
    ctx.to_save = ()
    return tuple(results) if several else results[0]


def _output(ctx, part, index, lowered, node, several, level):
    """The handle to give back for one output."""
    if not isinstance(part, TensorBase):
        return part
    if level is not None:
        return level.lift(part)
    if any(part is t for t in ctx.dirty):
        if node is not None and part._node is LEAF:
            raise RuntimeError(
                "a leaf Variable that requires grad has been used in an in-place operation."
            )
        return part
    if any(part is a for a in lowered) or part._node is not None:
        return wrap(part._value)
    part._view = None
    return part


def _attach(ctx, part, result, node, several, results):
    if not isinstance(part, TensorBase) or any(part is t for t in ctx.non_differentiable):
        return
    if element_type(part).kind not in "fcV":
        return
    place = next(i for i, r in enumerate(results) if r is result)
    made = output_node(clock(), node, place) if several else node
    if any(part is t for t in ctx.dirty) and result is part:
        rewrite_history(result, made)
    else:
        result._node = made


class _Kept:
    """A tensor for backward: an input's, an output's (by place: no cycle), or other."""

    __slots__ = ("input", "output", "parcel", "tensor", "value")

    def __init__(self, tensor, inputs, outputs):
        self.input = next((i for i, a in enumerate(inputs) if a is tensor), None)
        self.output = next((i for i, o in enumerate(outputs) if o is tensor), None)
        self.value = None if tensor is None else tensor._value
        self.tensor = None if self.output is not None else tensor
        self.parcel = None
        if LOCAL.packing is not None and tensor is not None:
            self.parcel = parcel(self.value, self.tensor)
            self.value = self.tensor = None

    def taken_out(self, edges, place):
        """A packed tensor, unpacked and on the tape where it was."""
        value = self.parcel.open()
        if self.output is not None:
            return wrap(value, place)
        edge = None if self.input is None else edges[self.input]
        if isinstance(edge, TensorBase):
            return edge if edge._value is value else wrap(value, beside(edge))
        return wrap(value, edge)


class _KeptAll:
    """All that was saved; one object, so that a pass hands it on as it is."""

    __slots__ = ("items",)
    dtype = None

    def __init__(self, items):
        self.items = items

    def kept_values(self, node):
        """Each value, with the node that made it, but those that hooks have packed."""
        for kept in self.items:
            if kept.value is not None:
                yield kept.value, node if kept.output is not None else kept.tensor._node


class _Written:
    """Stands where a node has its primitive: the user's function, applied once."""

    name = "function"
    inputs = ()
    rules = pullback = conjugated = tex = lower = batch = shape = None
    is_view, differentiable, nondiff_outputs = False, True, ()

    def __init__(self, cls, ctx, several, lowered, parts, level):
        self.function, self.ctx, self.several, self.level = cls, ctx, several, level
        self.torch_name = cls.__name__ + "Backward"
        self.shown = [i for i, a in enumerate(lowered) if isinstance(a, TensorBase)]
        self.keeps = bool(ctx.to_save)
        tensors = [a if isinstance(a, TensorBase) else None for a in lowered]
        self.shapes = [a if a is None else shape_of(a) for a in tensors]
        self.types = [a if a is None else element_type(a) for a in tensors]
        self.outputs = tuple(
            [
                (tuple(shape_of(p)), element_type(p)) if isinstance(p, TensorBase) else None
                for p in parts
            ]
        )

    def unpack(self, saved, edges, lift):
        node = self.ctx._node()
        return tuple([self._restored(k, edges, node, lift) for k in saved[len(edges)].items])

    def _restored(self, kept, edges, node, lift):
        if kept.parcel is not None:
            several = self.several and kept.output is not None
            return kept.taken_out(
                edges, output_node(clock(), node, kept.output) if several else node
            )
        if kept.value is None:
            return None
        value = kept.value
        if value.dtype is not None and stale(value, node.seq):
            from_node = node if kept.output is not None else kept.tensor._node
            raise RuntimeError(changed.message(node, from_node, value))
        if kept.output is not None:
            place = output_node(clock(), node, kept.output) if self.several else node
            return wrap(value, place) if lift is None else lift(wrap(value), place)
        if lift is not None and kept.input is not None and edges[kept.input] is not None:
            edge = edges[kept.input]
            return edge if isinstance(edge, TensorBase) else lift(kept.tensor, edge)
        return kept.tensor

    def backward(self, g, saved, params, edges):
        given = g if g.__class__ is tuple else (g,)
        raw = not any(isinstance(part, TensorBase) for part in given)
        handles = [
            self._as_handle(part, spec) for part, spec in zip(given, self.outputs, strict=True)
        ]
        ctx = self.ctx
        ctx._unpacked = self.unpack(saved, edges, self._lift(given))
        was = set_grad(False) if raw else None
        try:
            results = self._user_backward(ctx, handles)
        finally:
            ctx._unpacked = None
            if raw:
                set_grad(was)
        return self._checked(results, edges, raw)

    def _user_backward(self, ctx, handles):
        cls = self.function
        own = cls._own_backward()
        return own(ctx, *handles)

    def _lift(self, given):
        """How saved tensors get onto the tape of a level when its own gradients are recorded."""
        for part in given:
            if isinstance(part, TensorBase) and part._value.__class__ is Lifted:
                if part._value.level is self.level:
                    return self.level.lift
        return None

    def _as_handle(self, part, spec):
        if part is None:
            if not self.ctx.materialize_grads or spec is None:
                return None
            return wrap(np.zeros(*spec))
        if isinstance(part, TensorBase):
            return part
        # A gradient spread over the axes of a mean may be changed in place by the user's code.
        spread = part.size > 1 and 0 in part.strides
        return wrap(part.copy() if spread else part)

    def _checked(self, results, edges, raw):
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        while len(results) > len(edges) and results[-1] is None:
            results.pop()
        if len(results) != len(edges):
            raise RuntimeError(
                hinted(
                    f"function {self.torch_name} returned an incorrect number of gradients "
                    "(expected "
                    f"{len(edges)}, got {len(results)})",
                    "backward returns one gradient, or None, for each argument of forward.",
                )
            )
        return [
            None if edge is None or r is None else self._fitted(i, r, raw)
            for i, (r, edge) in enumerate(zip(results, edges, strict=True))
        ]

    def _fitted(self, index, result, raw):
        if not isinstance(result, TensorBase):
            raise RuntimeError(f"expected Variable or None (got {type(result).__name__})")
        want, have = tuple(self.shapes[index]), tuple(shape_of(result))
        if have != want:
            if len(have) < len(want) or any(
                w not in (1, h) for w, h in zip(want[::-1], have[::-1], strict=False)
            ):
                raise RuntimeError(
                    f"Function {self.torch_name} returned an invalid gradient at index {index} - "
                    f"got {list(have)} but expected shape compatible with {list(want)}"
                )
            result = sum_to(result, want)
        kind = self.types[index]
        if element_type(result) != kind:
            result = self._typed(result, kind)
        return result._value if raw and result._value.dtype is not None else result

    def _typed(self, result, kind):
        """A gradient in the type of its input, as PyTorch has it."""
        given = element_type(result)
        if given.kind not in "fV" and (given.kind == "c") != (kind.kind == "c"):
            raise RuntimeError(
                hinted(
                    "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == "
                    "grad_is_complex) to be true, but got false.  (Could this error message be "
                    "improved?  If so, please report an enhancement request to PyTorch.)",
                    f"{self.torch_name} gave a gradient of type {given.name} for an input of type "
                    f"{kind.name}; return it as g.to(x.dtype), or the real part of it.",
                )
            )
        return cast(result, to=kind, origin=given)


# --- once ---------------------------------------------------------------------------------------


class _Refusal:
    """The primitive of gradients that may not be differentiated again."""

    name, torch_name, keeps, inputs = "refusal", "DelayedErrorBackward", False, ()
    rules = conjugated = None

    @staticmethod
    def backward(g, saved, params, edges):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(fn):
    """A backward that computes outside autograd: differentiating its result is an error."""

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        was = set_grad(False)
        try:
            outputs = fn(ctx, *args)
        finally:
            set_grad(was)
        edges = tuple(
            [edge_of(a) for a in args if isinstance(a, TensorBase) and a._node is not None]
        )
        if not was or not edges:
            return outputs
        several = isinstance(outputs, tuple)
        marked = [
            wrap(o._value, Node(clock(), _Refusal, edges, (None,) * (len(edges) + 2), {}))
            if isinstance(o, TensorBase) else o
            for o in (outputs if several else (outputs,))
        ]  # fmt: skip
        return tuple(marked) if several else marked[0]

    return wrapper
