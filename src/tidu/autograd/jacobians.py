"""Jacobians for gradcheck, three ways: by differences, by reverse mode, by forward mode.

A complex number counts as two real ones, so each Jacobian is a real matrix: one row for each
number of the input, one column for each of the output.
"""

from .. import ops
from ..base.errors import hinted
from ..core.handle import TensorBase
from ..func.batching import vmap
from ..primitives.arithmetic import make_complex
from .engine import grad
from .forward_ad import dual_level, make_dual, unpack_dual
from .modes import no_grad

__all__ = ["as_tuple", "by_differences", "by_duals", "by_gradients", "direction", "outputs_of",
           "real_numbers", "units"]  # fmt: skip


def as_tuple(value):
    return (value,) if isinstance(value, TensorBase) else tuple(value)


def outputs_of(func, inputs):
    """The outputs that can have a derivative."""
    result = func(*inputs)
    outputs = result if isinstance(result, (tuple, list)) else (result,)
    for o in outputs:
        if not isinstance(o, TensorBase):
            kind = type(o).__name__
            raise AttributeError(
                hinted(
                    f"'{kind}' object has no attribute 'requires_grad'",
                    f"the function returned a {kind}: it must return a tensor, or a tuple of them.",
                )
            )
    return [o for o in outputs if _continuous(o)]


def _continuous(x):
    return x.is_floating_point() or x.is_complex()


def real_numbers(x):
    """The numbers of a tensor in a row, real and imaginary parts one after the other."""
    flat = x.detach().resolve_conj().reshape(-1)
    return ops.stack([flat.real, flat.imag], 1).reshape(-1) if x.is_complex() else flat


def units(x):
    """Tensors like x with a single 1 (or 1j), in the order of `real_numbers`."""
    for k in range(x.numel()):
        for one in (1.0, 1j) if x.is_complex() else (1.0,):
            unit = ops.zeros_like(x.detach()).reshape(-1)
            unit[k] = one
            yield unit.reshape(x.shape)


def direction(x, generator):
    """A tensor like x of length 1, with positive parts, so that no error cancels another."""
    count = x.numel() * (2 if x.is_complex() else 1)
    numbers = ops.rand(count, generator=generator, dtype=real_numbers(x).dtype)
    numbers = numbers / numbers.norm() if count else numbers
    if x.is_complex():
        pairs = numbers.reshape(-1, 2)
        numbers = make_complex(pairs[:, 0], pairs[:, 1])
    return numbers.to(x.dtype).reshape(x.shape)


# --- differences --------------------------------------------------------------------------------


def difference(func, inputs, place, step, eps):
    """For each output, the change along `step` of input number `place`, divided by its length."""
    with no_grad():
        ends = []
        for sign in (eps, -eps):
            moved = list(inputs)
            moved[place] = inputs[place].detach() + sign * step
            ends.append([o.clone() for o in outputs_of(func, moved)])
    return [(ahead - behind) / (2 * eps) for ahead, behind in zip(*ends, strict=True)]


def by_differences(func, inputs, place, eps):
    """For each output, the Jacobian with respect to input number `place`."""
    x = inputs[place]
    rows = [difference(func, inputs, place, unit, eps) for unit in units(x)]
    if not rows:
        return [ops.zeros(0, real_numbers(o).numel()) for o in outputs_of(func, inputs)]
    return [ops.stack([real_numbers(o) for o in column]) for column in zip(*rows, strict=True)]


# --- reverse mode -------------------------------------------------------------------------------


def pulled(output, inputs, seed):
    """The cotangents of the inputs, zeros where there are none."""
    found = grad(output, inputs, seed, retain_graph=True, allow_unused=True)
    return [ops.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def by_gradients(output, inputs):
    """For each input, the Jacobian of `output`."""
    columns = [[real_numbers(g) for g in pulled(output, inputs, seed)] for seed in units(output)]
    if not columns:
        return [ops.zeros(real_numbers(x).numel(), 0) for x in inputs]
    return [ops.stack(list(column), 1) for column in zip(*columns, strict=True)]


def batched_gradients(output, inputs):
    """The same by one pass for all rows."""
    seeds = ops.stack(list(units(output)))
    found = vmap(lambda seed: tuple(pulled(output, inputs, seed)))(seeds)
    return [
        ops.stack([real_numbers(row) for row in g.unbind(0)], 1) if g.shape[0] else g for g in found
    ]


# --- forward mode -------------------------------------------------------------------------------


def pushed(func, inputs, place, tangent):
    """For each output, its tangent along `tangent` of input number `place`."""
    with dual_level():
        duals = list(inputs)
        duals[place] = make_dual(duals[place], tangent)
        pairs = [unpack_dual(o) for o in outputs_of(func, duals)]
        return [ops.zeros_like(p) if t is None else t.detach().clone() for p, t in pairs]


def by_duals(func, inputs, place):
    """For each output, the Jacobian with respect to input number `place`."""
    x = inputs[place]
    rows = [pushed(func, inputs, place, unit) for unit in units(x)]
    if not rows:
        return [ops.zeros(0, real_numbers(o).numel()) for o in outputs_of(func, inputs)]
    return [ops.stack([real_numbers(o) for o in column]) for column in zip(*rows, strict=True)]


def batched_duals(func, inputs, place):
    """The same by one pass for all rows."""
    tangents = ops.stack(list(units(inputs[place])))
    found = vmap(lambda tangent: tuple(pushed(func, inputs, place, tangent)))(tangents)
    return [ops.stack([real_numbers(row) for row in t.unbind(0)]) for t in found]
