"""Normalisation over axes with scale and shift, as one primitive with one pass back.

`normalize` gives (y, x̂, mean, var): x̂ = (x - mean) / √(var + eps), y = x̂ · weight + bias. What it
keeps is x̂ and var, never y, so y may be overwritten. Layer, batch, group, instance and
root-mean-square normalisation differ in `axes`, and in whether the mean is taken off.
"""

import numpy as np
from numpy import ndarray

from ..core.handle import element_type, shape_of
from ..core.native import NATIVE, SUM_FROM
from ..core.primitive import Primitive
from .base import HALVES, are_images, cast, in_order, move_batch, reduce_sum, reshape, sum_to
from .functions import rsqrt, sqrt
from .reductions import count_of, mean
from .sums import runs, total

__all__ = ["normalize", "normalized"]

ROWS = 1 << 11  # elements from which a compiled loop gains


# --- sums over axes of raw arrays -----------------------------------------------------------------


def _sum(x, axes):
    """The sum over `axes`, kept as ones: few are products with ones, on the matrix unit."""
    found = runs(x.shape, axes)
    if found is None or x.size >= SUM_FROM or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return total(x, axes, True)
    outer, kept, inner = found
    rows = x.reshape(outer * kept, inner)
    sums = rows @ np.ones(inner, x.dtype) if inner != 1 else rows[:, 0] + x.dtype.type(0)  # -0 to 0
    if outer != 1:
        sums = np.ones(outer, x.dtype) @ sums.reshape(outer, kept)
    return sums.reshape(_kept_shape(x.shape, axes))


def _product_sum(x, y, axes):
    """The sum of x · y over `axes`, of large ones in a compiled loop without the product."""
    if x.size >= SUM_FROM and NATIVE and (sums := NATIVE.product_sum(x, y, axes, True)) is not None:
        return sums
    found = runs(x.shape, axes)
    if found is None or x.size >= SUM_FROM:
        return total(x * y, axes, True)
    if found[2] == 1:
        sums = np.einsum("ok,ok->k", x.reshape(found[:2]), y.reshape(found[:2]))
    else:
        sums = np.einsum("oki,oki->ok", x.reshape(found), y.reshape(found))
        sums = np.add.reduce(sums, axis=0) if found[0] != 1 else sums
    return sums.reshape(_kept_shape(x.shape, axes))


def _kept_shape(shape, axes):
    return [1 if i in axes else n for i, n in enumerate(shape)]


# --- forward --------------------------------------------------------------------------------------


def _normalize(x, *affine, axes, eps, centred, scaled, shifted):
    dtype = x.dtype
    if dtype in HALVES:
        wide = [a.astype(np.float32) for a in (x, *affine)]
        y, unit, centre, var = _normalize(
            *wide, axes=axes, eps=eps, centred=centred, scaled=scaled, shifted=shifted)  # fmt: skip
        return y.astype(dtype), unit.astype(dtype), centre, var
    if x.size >= ROWS and NATIVE:
        found = NATIVE.normalize(x, affine, axes, eps, centred, scaled, shifted)
        if found is not None:
            return found
    share = x.dtype.type(1 / max(count_of(x.shape, axes), 1))
    if centred:
        centre = _sum(x, axes) * share
        unit = x - centre
        var = _product_sum(unit, unit, axes) * share
        unit *= 1 / np.sqrt(var + dtype.type(eps))
    else:
        var = _product_sum(x, x, axes) * share
        centre = np.zeros_like(var)
        unit = x * (1 / np.sqrt(var + dtype.type(eps)))
    if not scaled:
        return unit + affine[0] if shifted else unit.copy(), unit, centre, var
    y = unit * affine[0]
    if shifted:
        y += affine[1]
    return y, unit, centre, var


def normalized(x, *affine, axes, eps, centred, scaled, shifted):
    """The same in primitives, which compiled programs fuse with what is around them."""
    centre = _mean(x, axes)
    off = x - centre if centred else x
    var = _mean(off * off, axes)
    unit = off * (1 / sqrt(var + eps))
    y = unit * affine[0] if scaled else unit
    return y + affine[-1] if shifted else y, unit, centre if centred else var * 0, var


def _mean(x, axes):
    return reduce_sum(x, axes=axes, keepdims=True) / (count_of(shape_of(x), axes) or np.nan)


# --- backward -------------------------------------------------------------------------------------


def _back(g, rest, out, shapes, needs, axes, eps, centred, scaled, shifted):
    gy, gunit, _, gvar = g
    unit, var = out[1], out[3]
    found = [None] * len(needs)
    if gy is not None and scaled and needs[1]:
        found[1] = _weight_back(gy, unit, tuple(shapes[1]), element_type(rest[0]))
    if gy is not None and shifted and needs[-1]:
        found[-1] = _bias_back(gy, tuple(shapes[-1]), element_type(rest[-1]))
    if needs[0]:
        if gy.__class__ is ndarray and gunit is None and gvar is None and gy.size >= ROWS:
            weight = rest[0] if scaled else None
            if NATIVE and out[1].__class__ is ndarray:
                found[0] = NATIVE.normalize_back(gy, unit, var, weight, axes, eps, centred)
                if found[0] is not None:
                    return found
        along = gy if gy is None or not scaled else gy * rest[0]
        along = gunit if along is None else along if gunit is None else along + gunit
        found[0] = _input_back(along, gvar, unit, var, axes, eps, centred)
    return found


def _spread_axes(have, shape):
    """The axes along which an array of `shape` was repeated to meet one of shape `have`."""
    extra = len(have) - len(shape)
    return tuple([i for i, n in enumerate(have) if i < extra or shape[i - extra] != n])


def _weight_back(g, unit, shape, dtype):
    if g.__class__ is ndarray and unit.__class__ is ndarray and g.dtype not in HALVES:
        return _product_sum(g, unit, _spread_axes(g.shape, shape)).reshape(shape)
    return _typed(sum_to(g * unit, shape), dtype)


def _bias_back(g, shape, dtype):
    if g.__class__ is ndarray and g.dtype not in HALVES:
        return _sum(g, _spread_axes(g.shape, shape)).reshape(shape)
    return _typed(sum_to(g, shape), dtype)


def _input_back(g, gvar, unit, var, axes, eps, centred):
    """g against x̂, gvar against var (None for no such path), as one cotangent of x."""
    if g.__class__ is ndarray and gvar is None and unit.__class__ is ndarray:
        return _input_back_plain(g, unit, var, axes, eps, centred)
    kind, total = element_type(unit), None
    if g is not None:
        total = _project(g, unit, axes, centred) * rsqrt(var + eps)
    if gvar is not None:
        n = count_of(shape_of(unit), axes)
        more = gvar * (2.0 / n) * unit * sqrt(var + eps)
        total = more if total is None else total + more
    return _typed(total, kind)


def _typed(tensor, kind):
    have = element_type(tensor)
    return tensor if have == kind else cast(tensor, to=kind, origin=have)


def _project(t, unit, axes, centred):
    """t without its parts along x̂ (and along the ones): what normalising lets through."""
    left = t - unit * mean(t * unit, axes=axes, keepdims=True)
    return left - mean(t, axes=axes, keepdims=True) if centred else left


def _input_back_plain(g, unit, var, axes, eps, centred):
    kind = unit.dtype
    if kind in HALVES:
        g, unit = g.astype(np.float32), unit.astype(np.float32)
    share = unit.dtype.type(1 / max(count_of(unit.shape, axes), 1))
    total = unit * (_product_sum(g, unit, axes) * -share)
    total += g
    if centred:
        total -= _sum(g, axes) * share
    total *= 1 / np.sqrt(var + unit.dtype.type(eps))
    total = total.astype(kind, copy=False)
    return total if are_images(total) else in_order(total)


# --- forward mode, batches ------------------------------------------------------------------------


def _tangents(tangents, primals, out, params):
    axes, eps = params["axes"], params["eps"]
    _, unit, _, var = out
    ty = tunit = tmean = tvar = None
    if tangents[0] is not None:
        t, kind = tangents[0], element_type(unit)
        tunit = _typed(_project(t, unit, axes, params["centred"]) * rsqrt(var + eps), kind)
        tvar = mean(t * unit, axes=axes, keepdims=True) * 2.0 * sqrt(var + eps)
        tmean = mean(t, axes=axes, keepdims=True)
        ty = tunit * primals[1] if params["scaled"] else tunit
    if params["scaled"] and tangents[1] is not None:
        more = tangents[1] * unit
        ty = more if ty is None else ty + more
    if params["shifted"] and tangents[-1] is not None:
        ty = tangents[-1] + unit * 0 if ty is None else ty + tangents[-1]
    return ty, tunit, tmean, tvar


def _batch(prim, tensors, axes, params):
    """Axes are counted after the batch axis; scale and shift of each example come on top."""
    rank = len(shape_of(tensors[0])) - (axes[0] is not None)
    if axes[0] is None:
        _, unit, centre, var = prim(tensors[0], **{**params, "scaled": False, "shifted": False})
        place = None
    else:
        place = 0
        inner = {**params, "axes": tuple([a + 1 for a in params["axes"]])}
        front = move_batch(tensors[0], axes[0])
        if all(a is None for a in axes[1:]):
            return prim(front, *tensors[1:], **inner), 0
        _, unit, centre, var = prim(front, **{**inner, "scaled": False, "shifted": False})
    y, more = unit, list(zip(tensors[1:], axes[1:], strict=True))
    if params["scaled"]:
        y = y * _aligned(*more.pop(0), rank)
    if params["shifted"]:
        y = y + _aligned(*more.pop(0), rank)
    return (y, unit, centre, var), (0, place, place, place)


def _aligned(tensor, axis, rank):
    """Scale or shift of each example, with ones so that it meets (batch, the input's axes)."""
    if axis is None:
        return tensor
    tensor = move_batch(tensor, axis)
    size, *shape = shape_of(tensor)
    return reshape(tensor, shape=(size, *(1,) * (rank - len(shape)), *shape))


def _shape(prim, args, params):
    shape, kind = tuple(shape_of(args[0])), element_type(args[0])
    few = tuple(_kept_shape(shape, params["axes"]))
    wide = np.dtype(np.float32) if kind in HALVES else kind
    return [(shape, kind), (shape, kind), (few, wide), (few, wide)]


normalize = Primitive(
    "normalize", _normalize, ("x",), pullback=_back, jvp=_tangents, batch=_batch, shape=_shape,
    nondiff_outputs=(2,), kept_outputs=(1, 3), torch_name="NativeLayerNorm",
    tex="normalize(x, *rest)",
)  # fmt: skip
