"""Sparse Jacobians and Hessians: pattern, colouring, and as many passes as there are colours.

The passes run together, batched by vmap. Read `sparse_jacobian`.
"""

import functools

import numpy as np

from .. import ops
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..core.handle import TensorBase, element_type, shape_of, wrap
from ..transforms.sparsity import PatternLevel
from .batching import vmap
from .colouring import columns_of, read_symmetric, star_of
from .derivatives import grad, jvp, vjp

__all__ = ["Sparsity", "hessian_sparsity", "jacobian_sparsity", "sparse_hessian",
           "sparse_jacobian"]  # fmt: skip

sparse = lazy_module("scipy.sparse")


class Sparsity:
    """Where a Jacobian or Hessian may be other than zero, and the passes that compute it.

    `pattern` is a SciPy sparse array of truth values; `colours` one number for each column (mode
    "forward"), row ("reverse") or both ("symmetric"); `passes` is how many there are.
    """

    def __init__(self, pattern, mode="auto", symmetric=False):
        self.pattern = sparse.csr_array(pattern, dtype=bool)
        if symmetric:
            self.mode, self.colours = "symmetric", star_of(self.pattern)
            return
        choices = {}
        if mode in ("auto", "forward"):
            choices["forward"] = columns_of(self.pattern)
        if mode in ("auto", "reverse"):
            choices["reverse"] = columns_of(sparse.csr_array(self.pattern.T))
        if not choices:
            raise ValueError(f"mode must be 'auto', 'forward' or 'reverse', got {mode!r}")
        self.mode = min(choices, key=lambda m: _count(choices[m]))
        self.colours = choices[self.mode]

    @property
    def shape(self):
        return self.pattern.shape

    @property
    def nnz(self):
        return self.pattern.nnz

    @property
    def passes(self):
        return _count(self.colours)

    def __repr__(self):
        rows, columns = self.shape
        return (f"Sparsity({rows}x{columns}, {self.nnz} elements, {self.passes} {self.mode} "
                f"pass{'es' if self.passes != 1 else ''})")  # fmt: skip

    def seeds(self):
        """The passes' directions: for each colour the sum of its unit vectors."""
        out = np.zeros((self.passes, self.colours.size))
        out[self.colours, np.arange(self.colours.size)] = 1
        return out


def _count(colours):
    return int(colours.max(initial=-1)) + 1


# --- patterns -----------------------------------------------------------------------------------


def _pattern(func, args, argnums):
    """(pattern with rows for output elements and columns for elements of the chosen inputs)."""
    for n in argnums:
        if not isinstance(n, int) or not -len(args) <= n < len(args):
            raise ValueError(
                hinted(
                    f"argnums says {n!r}, and the function was given {len(args)} arguments",
                    "jacobian_sparsity(f, x) takes the arguments themselves; "
                    "sparse_jacobian(f)(x) is a function of them.",
                )
            )
    chosen = [args[n] for n in argnums]
    sizes = [_numel(x) for x in chosen]
    total = sum(sizes)
    identity = sparse.csr_array(sparse.identity(total, bool, "csr"))
    with PatternLevel(total) as level:
        lifted, start = list(args), 0
        for n, size in zip(argnums, sizes, strict=True):
            lifted[n] = level.lift(args[n], identity[start : start + size])
            start += size
        out = func(*lifted)
        outs = out if isinstance(out, (tuple, list)) else (out,)
        rows = []
        for o in outs:
            value, pattern = level.split(_tensor(o))
            rows.append(sparse.csr_array((_numel(value), total), dtype=bool)
                        if pattern is None else pattern)  # fmt: skip
    return sparse.csr_array(sparse.vstack(rows, "csr"), dtype=bool)


def _tensor(value):
    if not isinstance(value, TensorBase):
        raise ValueError(
            f"sparse derivatives: Expected tensors, got unsupported type {type(value)}"
        )
    return value


def _numel(x):
    return int(np.prod(tuple(shape_of(x)), dtype=np.int64))


def _numbers(argnums):
    return argnums if isinstance(argnums, tuple) else (argnums,)


def jacobian_sparsity(func, *args, argnums=0, mode="auto"):
    """The Sparsity of the Jacobian of func at args, from index sets sent through the program.

    It holds wherever the program takes the same branches and reads the same indices. Rows are the
    elements of the output (outputs one after another), columns those of the inputs `argnums`.

    >>> import tidu as torch
    >>> x = torch.ones(6)
    >>> torch.func.jacobian_sparsity(lambda x: x[1:] * x[:-1], x)
    Sparsity(5x6, 10 elements, 2 forward passes)
    """
    return Sparsity(_pattern(func, args, _numbers(argnums)), mode)


def hessian_sparsity(func, *args, argnums=0):
    """The Sparsity of the Hessian of the scalar func: the pattern of its gradient's Jacobian.

    >>> import tidu as torch
    >>> x = torch.ones(6)
    >>> torch.func.hessian_sparsity(lambda x: (x[1:] * x[:-1] ** 2).sum(), x)
    Sparsity(6x6, 15 elements, 3 symmetric passes)
    """
    numbers = _numbers(argnums)
    pattern = _pattern(grad(func, argnums=numbers), args, numbers)
    both = sparse.csr_array(pattern + pattern.T)
    return Sparsity(both, symmetric=True)


# --- values -------------------------------------------------------------------------------------


def _cut(seeds, inputs):
    """Rows of `seeds` as one batched tensor for each input."""
    parts, start = [], 0
    for x in inputs:
        n = _numel(x)
        block = seeds[:, start : start + n].astype(element_type(x))
        parts.append(wrap(block.reshape(len(seeds), *shape_of(x))))
        start += n
    return parts


def _flat(outs, passes):
    """The batched results of all outputs (or inputs) side by side, as an array."""
    outs = outs if isinstance(outs, (tuple, list)) else (outs,)
    return np.concatenate([o.detach().numpy().reshape(passes, -1) for o in outs], 1)


def _check_inputs(args, numbers):
    for n in numbers:
        if n < len(args):
            x = args[n]
            if not isinstance(x, TensorBase):
                raise TypeError(f"argument {n} must be a tensor, got {type(x).__name__}")
            if x.is_complex():  # two matrices, where the function is not analytic
                raise RuntimeError(hinted(
                    "sparse derivatives: Expected all inputs to be real but received complex "
                    f"tensor at flattened input idx: {n}",
                    "write the function of torch.view_as_real(z), or use vjp and jvp.",
                ))  # fmt: skip
            if not x.is_floating_point():
                raise RuntimeError(
                    f"argument {n} is {x.dtype}, and only floating-point tensors have derivatives"
                )


def sparse_jacobian(func, argnums=0, *, sparsity=None, mode="auto", chunk_size=None):
    """x -> the Jacobian of func as a SciPy sparse array, in as many passes as there are colours.

    Args:
        func: a function of tensors that returns a tensor or a tuple of tensors.
        argnums: which inputs to differentiate by; the columns of several stand side by side.
        sparsity: what `jacobian_sparsity` found, for repeated calls; found on each call without.
        mode: "forward" (columns), "reverse" (rows), or "auto" for what takes fewer passes.
        chunk_size: how many passes run together; all where none is given.

    Returns:
        A function of the same arguments that returns scipy.sparse.csr_array of shape
        (elements of the outputs, elements of the inputs).

    Source: Curtis, Powell & Reid (1974); Gebremedhin, Manne & Pothen, What Color Is Your Jacobian?
    (2005).

    >>> import tidu as torch
    >>> print(torch.func.sparse_jacobian(lambda x: x**2)(torch.tensor([1.0, 2.0])).toarray())
    [[2. 0.]
     [0. 4.]]
    """
    numbers = _numbers(argnums)

    @functools.wraps(func)
    def wrapper(*args):
        _check_inputs(args, numbers)
        plan = sparsity or jacobian_sparsity(func, *args, argnums=numbers, mode=mode)
        chosen = [args[n] for n in numbers]

        def inner(*parts):
            whole = list(args)
            for n, part in zip(numbers, parts, strict=True):
                whole[n] = part
            return func(*whole)

        _check(plan, sum(map(_numel, chosen)))
        if plan.passes == 0:
            return sparse.csr_array(plan.shape)
        run = _forward if plan.mode == "forward" else _reverse
        products = run(inner, chosen, plan, chunk_size)
        return _decoded(plan, products)

    return wrapper


def _check(plan, columns):
    if plan.shape[1] != columns:
        raise ValueError(hinted(
            f"the sparsity given has {plan.shape[1]} columns, and the inputs {columns} elements",
            "find it again with jacobian_sparsity for inputs of this size.",
        ))  # fmt: skip


def _forward(func, inputs, plan, chunk_size):
    def push(*tangents):
        return jvp(func, tuple(inputs), tangents)[1]

    moved = vmap(push, chunk_size=chunk_size)(*_cut(plan.seeds(), inputs))
    return _flat(moved, plan.passes)


def _reverse(func, inputs, plan, chunk_size):
    out, pull = vjp(func, *inputs)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    several = isinstance(out, (tuple, list))

    def back(*cotangents):
        return pull(type(out)(cotangents) if several else cotangents[0])

    pulled = vmap(back, chunk_size=chunk_size)(*_cut(plan.seeds(), outs))
    return _flat(pulled, plan.passes)


def _decoded(plan, products):
    found = plan.pattern.tocoo()
    rows, columns = found.coords
    if plan.mode == "forward":
        values = products[plan.colours[columns], rows]
    else:
        values = products[plan.colours[rows], columns]
    return sparse.csr_array((values, (rows, columns)), shape=plan.shape)


def sparse_hessian(func, argnums=0, *, sparsity=None, chunk_size=None):
    """x -> the Hessian of the scalar func as a SciPy sparse array.

    Hessian-vector products (forward over reverse), one for each colour of a star colouring: its
    symmetry is used, so an arrow-shaped Hessian of any size takes two.

    Args and Returns: as for `sparse_jacobian`.

    >>> import tidu as torch
    >>> h = torch.func.sparse_hessian(lambda x: (x[1:] * x[:-1]).sum())(torch.ones(3))
    >>> print(h.toarray())
    [[0. 1. 0.]
     [1. 0. 1.]
     [0. 1. 0.]]
    """
    numbers = _numbers(argnums)

    @functools.wraps(func)
    def wrapper(*args):
        plan = sparsity or hessian_sparsity(func, *args, argnums=numbers)
        chosen = [args[n] for n in numbers]
        _check(plan, sum(map(_numel, chosen)))
        if plan.passes == 0 or plan.nnz == 0:
            return sparse.csr_array(plan.shape)
        gradient = grad(func, argnums=numbers)

        def inner(*parts):
            whole = list(args)
            for n, part in zip(numbers, parts, strict=True):
                whole[n] = part
            return tuple([ops.reshape(g, (-1,)) for g in gradient(*whole)])

        products = _forward(inner, chosen, plan, chunk_size)
        return read_symmetric(plan.pattern, plan.colours, products)

    return wrapper
