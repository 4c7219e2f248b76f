"""Reading and writing by index arrays. Every read checks its bounds; repeated writes add up.

`take` reads with one index array per listed axis and `put_add` is its transpose; `gather` and
`scatter_add` do the same along one axis, element by element.
"""

import itertools

import numpy as np

from ..base.frames import compile_source
from ..base.size import empty_as
from ..core.blocks import take as taken_rows
from ..core.handle import element_type, shape_of
from ..core.primitive import Derived, Primitive
from .base import (
    HALVES,
    at_front,
    batch_size,
    cast,
    fronted,
    in_order,
    inverse,
    move_batch,
    reshape,
    sum_to,
)
from .composed import composed
from .define import nondifferentiable, pad_rank
from .ranks import order_along
from .structural import embed, zeros_of
from .transposed import batch_by, ordered, pair, signature, way_of

__all__ = ["argsort", "flat_places", "gather", "put", "put_add", "scatter", "scatter_add",
           "scatter_extreme",
           "search", "take"]  # fmt: skip


def _check(index, size, axis):
    if index.size and size == 0:
        raise IndexError(f"index is out of bounds for dimension {axis} with size 0")
    if index.size:
        if index.min() < -size or index.max() >= size:
            bad = int(index[(index < -size) | (index >= size)].flat[0])
            raise IndexError(f"index {bad} is out of bounds for dimension {axis} with size {size}")


# --- writes: a part into the places that a primitive reads ----------------------------------------


class Write(Derived, Primitive):
    """A base with a part put, or added, where `of` reads; all rules follow from those of `of`."""

    __slots__ = ("of",)
    way = "writes: all rules follow from the primitive that reads what they write"


def write(name, kernel, of, batched, *, tex, adds=False, rank=None):
    """`kernel` writes a part, the input that `of` has not, into its first one, where `of` reads; it
    has the others and the params of `of`. `batched` is the way of `of` (see `pair`). `adds`: the
    part is added to what is there. ``rank(rank of x, ranks of others, **params)`` of what `of`
    gives, where the part may be broadcast into its place."""
    inputs, params, variadic = signature(kernel)
    part = next(i for i in inputs[1:] if i not in of.inputs)
    at, made = inputs.index(part), []
    blank = _one_zero if rank else _zeros_as_read(of)
    words = {"made": made, "of": of, "blank": blank, "fitted": _fitted}
    texts = _rules(inputs, part, params, variadic, adds)
    rules = {i: eval(compile_source(text, "eval"), words) for i, text in texts.items()}
    prim = Write(
        name, kernel, inputs, jvp=_tangent(made, at), tex=tex,
        batch=_batch_write(at, way_of(batched), rank),
        shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
        **({"pullback": rules["all"]} if variadic else {"vjp": rules}),
    )  # fmt: skip
    prim.of, prim.kind = of, "linear"  # in both together
    made.append(prim)
    return prim


def _rules(inputs, part, params, variadic, adds):
    """The texts of the rules of both inputs, or of one of all inputs if there are any number: the
    cotangent without what was overwritten, and what is read of it."""
    given = ", ".join([f"{p}={p}" for p in params])
    others = "*rest[1:]" if variadic else ", ".join([i for i in inputs[1:] if i != part])
    blank = {part: f"blank(g, {others}, {given})"}
    args = ", ".join([blank.get(i, i) for i in inputs[1:]] + ["*rest[1:]"] * variadic)
    kept = "g" if adds else f"made[0](g, {args}, {given})"
    read = f"fitted(of(g, {others}, {given}), tuple({part}_shape))"
    names = ", ".join(params)
    if not variadic:
        return {
            inputs[0]: "lambda g: g" if adds else f"lambda g, {others}, {names}: {kept}",
            part: f"lambda g, {others}, {part}_shape, {names}: {read}",
        }
    both = f"{kept} if needs[0] else None, {read} if needs[1] else None"
    return {"all": f"lambda g, rest, {part}_shape, needs, {names}: "
                   f"({both}, *[None] * (len(rest) - 1))"}  # fmt: skip


def _one_zero(g, *others, **params):
    return np.zeros((), element_type(g))


def _zeros_as_read(of):
    return lambda *args, **params: np.zeros(of.shape(of, args, params)[0], element_type(args[0]))


def _fitted(taken, shape):
    """The cotangent of a part of this shape: zero where it was not read, summed where it was
    broadcast."""
    have = tuple(shape_of(taken))
    if have == shape:
        return taken
    if len(have) == len(shape) and any(n < m for n, m in zip(have, shape, strict=True)):
        return embed(taken, index=tuple([slice(0, n) for n in have]), shape=shape)
    return sum_to(taken, shape)


def _tangent(made, at):
    def jvp(tangents, primals, out, params):
        args = list(primals)
        for k in (0, at):
            args[k] = zeros_of(primals[k]) if tangents[k] is None else tangents[k]
        return made[0](*args, **params)

    return jvp


def _with(at, x, part, others):
    """All inputs, of which the part is at this place."""
    args = [x, *others]
    args.insert(at, part)
    return args


def _batch_write(at, way, rank):
    def batch(prim, tensors, axes, params):
        size = batch_size(tensors, axes)
        x, part = [at_front(tensors[k], axes[k], size) for k in (0, at)]
        others, apart = [[v for k, v in enumerate(values) if k not in (0, at)]
                         for values in (tensors, axes)]  # fmt: skip
        if rank:
            ranks = [len(shape_of(t)) - (a is not None) for t, a in zip(others, apart, strict=True)]
            part = pad_rank(part, rank(len(shape_of(x)) - 1, ranks, **params))
        others, given, order = way(others, apart, size, params)
        if order is not None:
            part = ordered(part, inverse(order))
        return prim(*_with(at, x, part, others), **given), 0

    return batch


# --- take: x[..., i, j, ...] with index arrays at the axes `dims` -------------------------------


def _full_index(indices, dims, ndim):
    index = [slice(None)] * ndim
    for axis, i in zip(dims, indices, strict=True):
        index[axis] = i
    return tuple(index)


def _take(x, *indices, dims):
    for axis, i in zip(dims, indices, strict=True):
        _check(i, x.shape[axis], axis)
    if len(dims) == 1:
        return taken_rows(x, indices[0]) if dims == (0,) else np.take(x, indices[0], dims[0])
    return np.ascontiguousarray(x[_full_index(indices, dims, x.ndim)])


def _put_add(g, *indices, dims, shape):
    out = np.zeros(shape, g.dtype)
    if g.size == 0:
        return out
    if dims == (0,) and add_rows(out, indices[0].reshape(-1), g):
        return out
    np.add.at(out, _full_index(indices, dims, len(shape)), g)
    return out


def add_rows(out, index, g):
    """out[index[k]] += g[k], repeated indices summed; sorted runs make it one pass."""
    rows = g.reshape(index.size, *out.shape[1:])
    index = np.where(index < 0, index + out.shape[0], index)
    if out.ndim == 1 and out.dtype.kind == "f":
        out += np.bincount(index, rows, out.shape[0]).astype(out.dtype)
        return True
    order = np.argsort(index, kind="stable")
    ranked = index[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    if starts.size == index.size:
        out[ranked] = rows[order]
    else:
        out[ranked[starts]] = np.add.reduceat(rows[order], starts, 0)
    return True


def _batched_take(indices, axes, size, params):
    """Indices and axes for a batch of `x`; where indices differ, too, one more says which of it."""
    dims = params["dims"]
    if all(a is None for a in axes) and _adjacent(dims):
        return indices, {"dims": tuple([d + 1 for d in dims])}, None
    ids, rank = _aligned(indices, axes)
    lane = np.arange(size).reshape(size, *(1,) * rank)
    order = None
    if _adjacent(dims) and dims[0] != 0:  # NumPy has the axes of the indices in front
        first = dims[0]
        order = (0, *range(1 + rank, 1 + rank + first), *range(1, 1 + rank))
    return [lane, *ids], {"dims": (0, *[d + 1 for d in dims])}, order


def _aligned(indices, axes):
    """(indices of which those of a batch have it in front, and equal ranks; their rank)."""
    rank = max(len(shape_of(t)) - (a is not None) for t, a in zip(indices, axes, strict=True))
    return [
        i if a is None else pad_rank(move_batch(i, a), rank)
        for i, a in zip(indices, axes, strict=True)
    ], rank


def _take_from_one(tensors, axes, *, dims):
    """Of an `x` that is the same for all of the batch: their indices in one call."""
    if axes[0] is not None:
        return None
    ids, _ = _aligned(tensors[1:], axes[1:])
    return take(tensors[0], *ids, dims=dims), dims[0] if _adjacent(dims) else 0


def _adjacent(dims):
    return all(b == a + 1 for a, b in itertools.pairwise(dims))


take, put_add = pair(
    "index", _take, "index_put", _put_add, batched=_batched_take, cheaper=_take_from_one,
    tex=("x[*rest]", "put_add(g, *rest)"),
)  # fmt: skip


def _rank_taken(rank, indices, *, dims):
    return rank - len(dims) + max(indices)


def _put(x, part, *indices, dims):
    for axis, i in zip(dims, indices, strict=True):
        _check(i, x.shape[axis], axis)
    out = empty_as(x, x.dtype)
    out[...] = x
    out[_full_index(indices, dims, x.ndim)] = part
    return out


put = write("index_put", _put, take, _batched_take, rank=_rank_taken, tex="put(x, part, *rest)")


# --- gather and scatter along one axis ----------------------------------------------------------


_least, _greatest = np.minimum.reduce, np.maximum.reduce  # quicker than the methods


def _check_inside(index, size, axis):
    """As `_check`, for the operations in which places do not count from the end."""
    if index.size and (_least(index, None) < 0 or _greatest(index, None) >= size):
        bad = int(index[(index < 0) | (index >= size)].flat[0])
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {size}")


def _gather(x, index, *, axis):
    _check_inside(index, x.shape[axis], axis)
    if x.ndim == 1:
        return x.take(index)
    return in_order(np.take_along_axis(_clipped(x, index, axis), index, axis))


def _clipped(x, index, axis):
    """PyTorch's index may be shorter than `x` off the axis; NumPy's may not."""
    wanted = tuple(
        [
            slice(None) if a == axis or n == m else slice(0, n)
            for a, (n, m) in enumerate(zip(index.shape, x.shape, strict=True))
        ]
    )
    return x[wanted]


def flat_places(index, shape, axis):
    """Flat positions in an array of `shape` to which the elements of `index` point."""
    place = np.where(index < 0, index + shape[axis], index) * int(np.prod(shape[axis + 1 :]))
    step = 1
    for a in range(len(shape) - 1, -1, -1):
        if a != axis:
            lead = (None,) * a + (slice(None),) + (None,) * (len(shape) - a - 1)
            place = place + (np.arange(index.shape[a]) * step)[lead]
        step *= shape[a]
    return place


def _scatter_add(x, index, source, *, axis):
    _check_inside(index, x.shape[axis], axis)
    out = x.copy(order="C")
    if index.size:
        source = source[tuple([slice(0, n) for n in index.shape])]
        places = flat_places(index, x.shape, axis).reshape(-1)
        if out.dtype.kind == "f":
            _add_sums(out.reshape(-1), places, source.reshape(-1))
        else:
            np.add.at(out.reshape(-1), places, source.reshape(-1))
    return out


def _add_sums(out, places, source):
    """out[places[k]] += source[k]. NumPy's sums begin with 0, so what was -0 is looked at again: it
    stays where nothing else comes than -0."""
    negative = None if out.all() else (out == 0) & np.signbit(out)
    out += np.bincount(places, source, out.size).astype(out.dtype)
    if negative is not None and negative.any():
        others = np.bincount(places, ~np.signbit(source), out.size)
        out[negative & (out == 0) & (others == 0)] = -0.0


def _scatter(x, index, source, *, axis):
    _check_inside(index, x.shape[axis], axis)
    out = x.copy(order="C")
    if x.ndim == 1:
        out[index] = source[: index.size]
    elif index.size:
        source = source[tuple([slice(0, n) for n in index.shape])]
        out.reshape(-1)[flat_places(index, x.shape, axis).reshape(-1)] = source.reshape(-1)
    return out


def _next_axis(axis):
    return {"axis": axis + 1}


gather = Primitive(
    "gather", _gather, ("x", "index"), batch=batch_by(_next_axis),
    vjp={"x": lambda g, x_shape, index, axis: scatter_add(
        np.zeros(tuple(x_shape), element_type(g)), index, g, axis=axis)},
    jvp=lambda t, primals, out, params: gather(t[0], primals[1], **params),
    shape=lambda prim, args, params: (shape_of(args[1]), element_type(args[0])),
    tex="gather(x, index, axis)",
)  # fmt: skip
gather.kind = "linear"
scatter_add = write(
    "scatter_add", _scatter_add, gather, _next_axis, adds=True,
    tex="scatter_add(x, index, source, axis)",
)  # fmt: skip
scatter = write(
    "scatter", _scatter, gather, _next_axis, tex="scatter(x, index, source, axis)"
)  # fmt: skip


def _scatter_extreme(x, index, source, *, axis, largest):
    _check_inside(index, x.shape[axis], axis)
    wide = x.astype(np.float32) if x.dtype in HALVES else x.copy(order="C")
    if index.size:
        source = source[tuple([slice(0, n) for n in index.shape])].astype(wide.dtype)
        places = flat_places(index, x.shape, axis).reshape(-1)
        (np.maximum if largest else np.minimum).at(wide.reshape(-1), places, source.reshape(-1))
    return wide.astype(x.dtype, copy=False)


def _winners(x, index, source, out, axis, like):
    """(ones where x won, ones where the source won, how many won at each place)."""
    part = source[tuple([slice(0, n) for n in shape_of(index)])]
    to = element_type(like)
    kept = cast(x == out, to=to, origin=np.dtype(bool))
    won = cast(part == gather(out, index, axis=axis), to=to, origin=np.dtype(bool))
    return kept, won, scatter_add(kept, index, won, axis=axis)


def _shared(x, index, source, *, axis, largest, out):
    """Of several that are the extreme, each has an equal share of its derivative."""
    kept, won, count = _winners(x, index, source, out, axis, x)
    part = source[tuple([slice(0, n) for n in shape_of(index)])]
    total = scatter_add(x * kept, index, part * won, axis=axis)
    return total / (count + cast(count == 0, to=element_type(x), origin=np.dtype(bool)))


def _extreme_back(g, saved, params, needs):
    x, index, source, out, _ = saved
    kept, won, count = _winners(x, index, source, out, params["axis"], g)
    share = g / np.maximum(count, 1)
    part = gather(share, index, axis=params["axis"]) * won
    return share * kept, None, _fitted(part, source.shape)


scatter_extreme = composed(
    "scatter_reduce", _scatter_extreme, ("x", "index", "source"), _shared, back=_extreme_back,
    saves={"x": ("x", "index", "source", "out"), "source": ("x", "index", "source", "out")},
    batch=batch_by(lambda axis, largest: {"axis": axis + 1, "largest": largest}),
    shape=lambda prim, args, params: (shape_of(args[0]), element_type(args[0])),
    tex="scatter_reduce(x, index, source, axis)",
)  # fmt: skip


# --- order --------------------------------------------------------------------------------------


def _batch_argsort(prim, tensors, axes, params):
    return argsort(move_batch(tensors[0], axes[0]), **{**params, "axis": params["axis"] + 1}), 0


def _shape_argsort(prim, args, params):
    shape = list(shape_of(args[0]))
    if (part := params.get("part")) is not None:
        shape[params["axis"]] = part[1] - part[0]
    return tuple(shape), np.dtype(np.int64)


argsort = nondifferentiable(
    "argsort", order_along, ("x",), batch=_batch_argsort, shape=_shape_argsort,
    tex="argsort(x, axis)",
)  # fmt: skip


# --- places in sorted rows ----------------------------------------------------------------------


def _search(table, x, *, right):
    if table.ndim == 1:
        out = _places_in(table, x, right)
    else:
        out = np.empty(x.shape, np.int64)
        for row in np.ndindex(x.shape[:-1]):
            out[row] = _places_in(table[row], x[row], right)
    holes = np.isnan(x) if x.dtype.kind in "fV" else np.False_
    return np.where(holes, table.shape[-1], out) if holes.any() else out  # NaN behind all numbers


def _places_in(row, x, right):
    if row.dtype.kind in "fV" and row.size and row[-1] != row[-1]:
        return _halved(row, x, np.greater if right else np.greater_equal)
    return np.asarray(np.searchsorted(row, x, "right" if right else "left"), np.int64)


def _halved(row, x, stops):
    """A row that ends with NaN, by PyTorch's steps: NaN stops no search, so that a number is sought
    behind each NaN that is met."""
    low, high = np.zeros(x.shape, np.int64), np.full(x.shape, row.size, np.int64)
    for _ in range(row.size.bit_length()):
        middle = (low + high) >> 1
        down = stops(row.take(middle, mode="clip"), x)
        left = low < high
        high = np.where(left & down, middle, high)
        low = np.where(left & ~down, middle + 1, low)
    return low


def _batch_search(prim, tensors, axes, params):
    table, x = tensors
    if axes[0] is None and len(shape_of(table)) == 1:
        return search(table, x, **params), axes[1]
    table, x = fronted(tensors, axes)[1]
    lead, shape = tuple(shape_of(table)), tuple(shape_of(x))
    if len(lead) == 2:  # one row for each sample, any number of axes of values
        flat = reshape(x, shape=(shape[0], int(np.prod(shape[1:]))))
        return reshape(search(table, flat, **params), shape=shape), 0
    return search(table, x, **params), 0


search = nondifferentiable(
    "searchsorted", _search, ("table", "x"), batch=_batch_search,
    shape=lambda prim, args, params: (shape_of(args[1]), np.dtype(np.int64)),
    tex="searchsorted(table, x)",
)  # fmt: skip
