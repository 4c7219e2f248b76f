"""backward and grad: seeds in, one reverse pass, gradients out. Read `backward`."""

import math
import operator
import warnings
from sys import getrefcount

import numpy as np
from numpy import ndarray

from ..base.errors import hinted
from ..base.frames import warn_once
from ..base.size import Size, empty_as
from ..core.blocks import copy, put
from ..core.handle import (
    HELD_ONCE,
    LEAF,
    TensorBase,
    Unresolved,
    element_type,
    extra_of,
    settle,
    shape_of,
    wrap,
)
from ..core.levels import Level
from ..core.modes import LOCAL
from ..core.node import Node, Slots
from ..transforms.batch import BatchLevel
from ..transforms.reverse import run_pass
from ..transforms.reverse_level import Lifted
from .faces import AccumulateGrad, GradientEdge
from .leaves import LOCK, accumulate, accumulate_early, add_into, hooked, is_lent, laid_as

__all__ = ["backward", "grad", "tensor_backward"]


def _given(value):
    single = value is None or isinstance(value, (TensorBase, GradientEdge))
    return (value,) if single else tuple(value)


def _tuple(value):
    """Tensors as a tuple; of sparse, masked and nested ones the tensor of their elements."""
    return tuple([getattr(getattr(t, "_value", None), "inner", t) for t in _given(value)])


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None,
             inputs=None):  # fmt: skip
    """Add to the `.grad` of each leaf the derivative of `tensors` by it.

    `grad_tensors` are the cotangents to start from, needed for every tensor that is not a scalar.

    >>> import tidu as torch
    >>> x = torch.tensor(3., requires_grad=True)
    >>> torch.autograd.backward(x * x)
    >>> x.grad
    tensor(6.)
    """
    if grad_variables is not None and grad_tensors is None:
        grad_tensors = grad_variables  # its name in the past
    tensors = _tuple(tensors)
    if not tensors:
        return
    if inputs is not None and not isinstance(inputs, TensorBase) and not len(inputs):
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for tensor in tensors:
        refuse_inside(tensor, _BACKWARD_INSIDE)
    if create_graph:
        warn_once(_CYCLE)
    seeds = _seeds(tensors, _seed_list(tensors, grad_tensors), create_graph)
    _run(seeds, _tape_of(tensors[0])[1], retain_graph, create_graph, inputs)


def refuse_inside(tensor, message):
    """Raise for a tensor of a running transform: it has a tape of its own."""
    value = tensor._value if isinstance(tensor, TensorBase) else None
    if value is not None and value.dtype is None:
        level = value.level
        if isinstance(level, Level) and level.alive and not level.by_hand:
            raise RuntimeError(message)


_CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter "
    "and its gradient which can cause a memory leak. We recommend using autograd.grad when "
    "creating the graph to avoid this. If you have to use this function, make sure to reset the "
    ".grad fields of your parameters to None after use to break the cycle and avoid the leak."
)
_BACKWARD_INSIDE = (
    "backward() called inside a functorch transform. This is not supported, please use "
    "functorch.grad or functorch.vjp instead or call backward() outside of functorch transforms."
)


def tensor_backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Add to the `.grad` of each leaf the derivative of this tensor by it.

    `gradient` is the vector to multiply with; a scalar needs none. Raises RuntimeError on a
    graph that was freed (see `retain_graph`) or values changed in place since the forward.

    >>> import tidu as torch
    >>> x = torch.tensor(2., requires_grad=True)
    >>> (x ** 3).backward()
    >>> x.grad
    tensor(12.)
    """
    one = None if gradient is not None or create_graph else _plain_scalar(self)
    if one is None:
        backward(self, gradient, retain_graph, create_graph, inputs=inputs)
    else:
        _run([(self._node, one)], wrap, retain_graph, False, inputs)


def _run(seeds, lift, retain, create_graph, inputs):
    """One pass from the seeds, and what arrives added to the leaves."""
    retain = create_graph if retain is None else retain
    if inputs is not None:
        return _into(_inputs(inputs, _NO_PLACE), seeds, retain, create_graph, lift)
    job = run_pass(
        seeds, retain=retain, create_graph=create_graph, lift=lift, arrived=accumulate_early
    )
    leaves, lent = job.leaves, []
    while leaves:
        leaf, g = leaves.popitem()[1]
        settle(leaf)
        old, extra = leaf._grad, leaf._extra
        watched = extra is not None and (
            extra.hooks or extra.after_hooks or extra.accumulator or extra.grad_type is not ...
        )
        if watched or isinstance(g, TensorBase):
            accumulate(job, leaf, g)
        elif old is None:
            # Nobody else holds the array (and what it is a view of) if only our locals do: then it
            # becomes the gradient.
            if g.__class__ is ndarray:
                base = g.base
                if (
                    getrefcount(g) > HELD_ONCE
                    or g.strides != leaf._value.strides
                    or base is not None
                    and (
                        getrefcount(base) > HELD_ONCE + 1
                        or base.__class__ is not ndarray
                        or base.size != g.size
                        or base.base is not None
                    )
                    and not is_lent(leaf, g, seeds, lent)
                ):
                    g = laid_as(leaf, g)
            with LOCK:
                old = leaf._grad
                if old is None:
                    leaf._grad = wrap(g)
                    if lent and lent[-1] is g:
                        extra_of(leaf._grad).lent = True
            if old is not None:  # another thread was here first
                accumulate(job, leaf, g)
        elif old._value.dtype is not None:
            add_into(old, g)
        else:
            accumulate(job, leaf, g)


_ONES = {t: t.type(1) for t in (np.dtype(np.float32), np.dtype(np.float64))}


def _plain_scalar(loss):
    """The seed 1 of the usual case, a computed 0-dim loss in memory; None for all others."""
    if not isinstance(loss, TensorBase) or loss._node.__class__ is not Node:
        return None
    value = loss._value
    return _ONES.get(value.dtype) if value.dtype is not None and value.shape == () else None


def _into(inputs, seeds, retain, create_graph, lift):
    """backward(inputs=...): only these collect, leaves or not."""
    if not inputs:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    wanted = {id(edge_to(t)) for t in inputs}
    job = run_pass(seeds, retain=retain, create_graph=create_graph, wanted=wanted, lift=lift)
    for t in inputs:
        g = _arrived_at(job, t)
        if isinstance(t, GradientEdge):
            t = t.node.variable
        if g is not None and (edge_to(t) is t or not t.retains_grad):
            accumulate(job, t, g)


def _arrived_at(job, place):
    """The cotangent that a pass brought to an input: a tensor or a GradientEdge."""
    edge = edge_to(place)
    if isinstance(edge, TensorBase):
        return job.leaves.get(id(edge), (None, None))[1]
    g = job.captured.get(id(edge))
    return g.parts.get(place.output_nr) if g.__class__ is Slots else g


_UNTRACKED = "One of the differentiated Tensors does not require grad"
_NO_PLACE = "can't retain_grad on Tensor that has requires_grad=False"


def _inputs(inputs, refusal=_UNTRACKED):
    inputs = _tuple(inputs)
    for t in inputs:
        if edge_to(t) is None:
            raise RuntimeError(refusal)
    return inputs


def edge_to(place):
    """Where the gradient of a tensor, or along a GradientEdge, goes: a Node, a leaf or None."""
    if isinstance(place, TensorBase):
        return place if place._node is LEAF else place._node
    face = place.node
    return face.variable if isinstance(face, AccumulateGrad) else face._node


def _seed_list(tensors, seeds):
    seeds = (None,) * len(tensors) if seeds is None else _tuple(seeds)
    if len(seeds) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(seeds)} gradients")
    return seeds


def _tape_of(tensor):
    """(value below the handle, lift back to the handle's tape)."""
    if isinstance(tensor, GradientEdge):
        return None, wrap
    value = _elements(tensor)
    if value.dtype is not None:
        return value, wrap
    if value.__class__ is Lifted and value.level.alive:
        return value.tensor, value.level.lift
    return wrap(value), _rewrap


def _rewrap(value, node):
    return wrap(value._value if isinstance(value, TensorBase) else value, node)


def _require_tracked(tensors):
    for i, tensor in enumerate(tensors):
        if edge_to(tensor) is None:
            raise RuntimeError(
                hinted(
                    f"element {i} of tensors does not require grad and does not have a grad_fn",
                    "nothing it was computed from requires a gradient, or the link was cut by "
                    "detach(), .data, no_grad() or a conversion to integers or NumPy.",
                )
            )


def _seeds(tensors, gradients, create_graph):
    _require_tracked(tensors)
    seeds = []
    for i, (tensor, g) in enumerate(zip(tensors, gradients, strict=True)):
        if isinstance(tensor, GradientEdge):
            seeds.append(_seed_along(tensor, g, create_graph))
            continue
        shape = tuple(shape_of(tensor))
        value, _ = _tape_of(tensor)
        if g is None:
            g = _implicit_seed(tensor, value, shape)
            g = wrap(g) if create_graph and not isinstance(g, TensorBase) else g
        else:
            g = _given_seed(i, tensor, g, shape, create_graph)
        seeds.append((edge_to(tensor), g))
    return seeds


def _seed_along(edge, g, create_graph):
    """The seed of a GradientEdge, whose tensor may be gone."""
    target, number = edge_to(edge), edge.output_nr
    if g is None:
        known = edge.node._input_metadata[number]
        if known is None or math.prod(known.shape) != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        g = wrap(np.ones(known.shape, known.dtype.numpy))
    if not create_graph and (value := _elements(g)).dtype is not None:
        g = value
    several = target.__class__ is Node and getattr(target, "outputs", None) is not None
    return target, Slots({number: g}) if several else g


def _implicit_seed(tensor, value, shape):
    if np.prod(shape) != 1:
        raise RuntimeError(
            hinted(
                "grad can be implicitly created only for scalar outputs",
                f"this tensor has shape {list(shape)}: reduce it, as in loss.sum().backward(), or "
                "pass the vector to multiply with, as in y.backward(torch.ones_like(y)).",
            )
        )
    dtype = element_type(tensor)
    if dtype.kind == "c":
        raise RuntimeError(
            "grad can be implicitly created only for real scalar outputs but got "
            f"torch.{dtype.name}"
        )
    one = dtype.type(1) if shape == () else np.ones(shape, dtype)
    return one if not isinstance(value, TensorBase) else wrap(one)


def _given_seed(position, tensor, g, shape, create_graph):
    if not isinstance(g, TensorBase):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if tuple(shape_of(g)) != shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of "
            f"torch.Size({list(shape_of(g))}) and output[{position}] has a shape of "
            f"torch.Size({list(shape)})."
        )
    have, want = element_type(g), element_type(tensor)
    if (have.kind == "c") != (want.kind == "c"):
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same "
            f"dtype. Mismatch in dtype: grad_output[{position}] has a dtype of torch.{have.name} "
            f"and output[{position}] has a dtype of torch.{want.name}."
        )
    if create_graph:
        return g
    value, lift = _tape_of(tensor)
    if isinstance(value, TensorBase):
        lowered = g._value
        if (
            lowered.__class__ is Lifted and lift.__self__ is lowered.level
            if hasattr(lift, "__self__")
            else False
        ):
            return lowered.tensor
        return wrap(g._value)
    given = _elements(g)
    if given.dtype is None:
        return wrap(given)
    return given if have == want else given.astype(want)


def _elements(tensor):
    """The value of a tensor, those of one with the conjugate or negative bit computed."""
    value = tensor._value
    return value.resolved() if value.__class__ is Unresolved else value


# --- grad ---------------------------------------------------------------------------------------


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The derivatives of `outputs` by `inputs`, as a tuple; no `.grad` is touched.

    With `create_graph` the result can be differentiated again.

    >>> import tidu as torch
    >>> x = torch.tensor(2., requires_grad=True)
    >>> (g,) = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> g, torch.autograd.grad(g, x)
    (tensor(12., grad_fn=<MulBackward0>), (tensor(12.),))
    """
    if isinstance(inputs, dict):
        found = grad(outputs, tuple(inputs.values()), grad_outputs, retain_graph, create_graph,
                     only_inputs, allow_unused, is_grads_batched, materialize_grads)  # fmt: skip
        return dict(zip(inputs, found, strict=True))
    outputs = _tuple(outputs)
    _require_tracked(outputs)
    wholes, inputs = _given(inputs), _inputs(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning, stacklevel=2,
        )  # fmt: skip
    retain = create_graph if retain_graph is None else retain_graph
    options = (retain, create_graph, bool(allow_unused) or materialize_grads, materialize_grads)
    if is_grads_batched:
        return _batched_grad(outputs, inputs, _tuple(grad_outputs), options)
    found = _grad(outputs, inputs, _seed_list(outputs, grad_outputs), *options)
    if all(map(operator.is_, wholes, inputs)):
        return found
    pairs = zip(wholes, inputs, found, strict=True)
    return tuple([g if g is None or t is inner else t._like(g) for t, inner, g in pairs])


def _grad(outputs, inputs, grad_outputs, retain, create_graph, allow_unused, materialize):
    seeds = _seeds(outputs, grad_outputs, create_graph)
    lift = _tape_of(outputs[0])[1] if outputs else wrap
    wanted = {id(edge_to(t)) for t in inputs}
    job = run_pass(seeds, retain=retain, create_graph=create_graph, wanted=wanted, lift=lift)
    results = []
    for i, t in enumerate(inputs):
        g, edge = _arrived_at(job, t), edge_to(t)
        if g is not None and isinstance(edge, TensorBase) and edge._extra is not None:
            g = hooked(job, edge._extra.hooks, g)
        if g is None and not allow_unused:
            raise RuntimeError(
                hinted(
                    f"The differentiated Tensor at index {i} appears to not have been used in the "
                    "graph. Set allow_unused=True if this is the desired behavior.",
                    "the output does not depend on it, or the link was cut by detach() or "
                    "no_grad().",
                )
            )
        if g is None:
            results.append(_zeros(t) if materialize else None)
        else:
            results.append(_as_result(g, create_graph, lift))
    return tuple(results)


def _zeros(place):
    if isinstance(place, GradientEdge):
        known = place.node._input_metadata[place.output_nr]
        return wrap(np.zeros(known.shape, known.dtype.numpy))
    return wrap(np.zeros(tuple(shape_of(place)), element_type(place)))


def _as_result(g, create_graph, lift):
    if create_graph:
        return g
    if isinstance(g, TensorBase):
        return lift(g, None) if lift is not wrap else g
    if g.__class__ is ndarray and g.base is not None:
        if g.flags.c_contiguous:
            return wrap(copy(g))
        own = empty_as(g, g.dtype)
        put(own, g)
        return wrap(own)
    return wrap(g)


def _check_batches(outputs, grad_outputs):
    for i, (out, g) in enumerate(zip(outputs, grad_outputs, strict=True)):
        if g is None or shape_of(g) and tuple(shape_of(g))[1:] == tuple(shape_of(out)):
            continue
        raise RuntimeError(
            "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as "
            "the batch dimension. The sizes of the remaining dimensions are expected to match the "
            f"shape of corresponding output, but a mismatch was detected: grad_output[{i}] has a "
            f"shape of {Size(shape_of(g)[1:])} and output[{i}] has a shape of "
            f"{Size(shape_of(out))}. If you only want some tensors in `grad_output` to be "
            "considered batched, consider using vmap."
        )


def _batched_grad(outputs, inputs, grad_outputs, options):
    """Many cotangents at once: the leading axis of each `grad_outputs` is a batch."""
    _check_batches(outputs, grad_outputs)
    size = next(shape_of(g)[0] for g in grad_outputs if g is not None)
    with BatchLevel(size) as level:
        lifted = [None if g is None else level.lift(g, 0) for g in grad_outputs]
        results = _grad(outputs, inputs, lifted, *options)
        return tuple([None if r is None else level.fronted(r) for r in results])


def _is_checkpoint_valid():
    """Whether the pass that runs fills all leaves, as a backward pass within it does."""
    return not LOCAL.wanted
