"""gradcheck and gradgradcheck: analytic derivatives against central differences."""

from .. import ops
from ..core.handle import TensorBase
from .engine import grad
from .modes import enable_grad, no_grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """Analytic and numerical derivatives differ."""


def _tuple(value):
    return (value,) if isinstance(value, TensorBase) else tuple(value)


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True,
              nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
              check_batched_grad=False, check_batched_forward_grad=False, check_forward_ad=False,
              check_backward_ad=True, fast_mode=False, masked=None):  # fmt: skip
    """Whether the gradients of func agree with differences at the float64 inputs that want one.

    Raises GradcheckError if they do not (or returns False without `raise_exception`).

    >>> import tidu as torch
    >>> x = torch.tensor([1., 2.], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.sin, x)
    True
    """
    try:
        _check(func, _tuple(inputs), eps, atol, rtol, nondet_tol, check_batched_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(func, inputs, eps, atol, rtol, nondet_tol, batched):
    wanted = [x for x in inputs if isinstance(x, TensorBase) and x.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    outputs = [o for o in _tuple(func(*inputs)) if isinstance(o, TensorBase) and o.requires_grad]
    for i, output in enumerate(outputs):
        analytic = _analytic(output, wanted)
        again = _analytic(output, wanted)
        for j, x in enumerate(wanted):
            if (
                float((analytic[j] - again[j]).abs().max() if analytic[j].numel() else 0)
                > nondet_tol
            ):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient."
                )
            numeric = _numeric(func, inputs, x, i, eps)
            if not ops.allclose(analytic[j], numeric, rtol, atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {i} with respect to input {j},\n"
                    f"numerical:{numeric}\nanalytical:{analytic[j]}\n"
                )


def _analytic(output, inputs):
    """For each input the matrix (input elements, output elements); complex ones as two columns."""
    columns = [[] for _ in inputs]
    for k in range(output.numel()):
        for unit in (1.0, 1j) if output.is_complex() else (1.0,):
            seed = ops.zeros_like(output).reshape(-1)
            seed[k] = unit
            found = grad(
                output, inputs, seed.reshape(output.shape), retain_graph=True, allow_unused=True
            )
            for column, g, x in zip(columns, found, inputs, strict=True):
                column.append(_real(ops.zeros_like(x) if g is None else g))
    return [
        ops.stack(c, 1) if c else ops.zeros(x.numel(), 0)
        for c, x in zip(columns, inputs, strict=True)
    ]


def _real(g):
    """The elements in a row; real and imaginary parts one after the other."""
    flat = g.detach().reshape(-1)
    return ops.stack([flat.real, flat.imag], 1).reshape(-1) if g.is_complex() else flat


def _numeric(func, inputs, x, which, eps):
    value = x.detach()
    flat = value.reshape(-1)
    rows = []
    with no_grad():
        for k in range(x.numel()):
            for unit in (1.0, 1j) if x.is_complex() else (1.0,):
                ahead, behind = [
                    _moved(func, inputs, x, flat, k, s * eps * unit, which) for s in (1, -1)
                ]
                rows.append(_real((ahead - behind) / (2 * eps)))
    return ops.stack(rows) if rows else ops.zeros(0, 0)


def _moved(func, inputs, x, flat, k, step, which):
    """Output number `which` of func where element k of x is moved by `step`."""
    shifted = flat.clone()
    shifted[k] = shifted[k] + step
    shifted = shifted.reshape(x.shape)
    outputs = _tuple(func(*[shifted if a is x else a for a in inputs]))
    outputs = [
        o
        for o in outputs
        if isinstance(o, TensorBase) and (o.is_floating_point() or o.is_complex())
    ]
    return outputs[which].clone()


def gradgradcheck(func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3,
                  gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0,
                  check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
                  check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False,
                  masked=False):  # fmt: skip
    """Whether second derivatives agree with differences of the first."""
    inputs = _tuple(inputs)
    if grad_outputs is None:
        outputs = [
            o for o in _tuple(func(*inputs)) if isinstance(o, TensorBase) and o.requires_grad
        ]
        seeds = [ops.randn_like(o.detach()).requires_grad_() for o in outputs]
    else:
        seeds = list(_tuple(grad_outputs))
    count = len(inputs)

    def gradient(*args):
        ins = [
            a.detach().requires_grad_()
            if isinstance(a, TensorBase)
            and not a.requires_grad
            and (a.is_floating_point() or a.is_complex())
            else a
            for a in args[:count]
        ]
        outs = [o for o in _tuple(func(*ins)) if isinstance(o, TensorBase) and o.requires_grad]
        wanted = [a for a, given in zip(ins, inputs, strict=True)
                  if isinstance(given, TensorBase) and given.requires_grad]  # fmt: skip
        found = grad(outs, wanted, args[count:], create_graph=True, allow_unused=True)
        return tuple([g for g in found if g is not None])

    return gradcheck(enable_grad()(gradient), (*inputs, *seeds), eps=eps, atol=atol, rtol=rtol,
                     raise_exception=raise_exception, nondet_tol=nondet_tol)  # fmt: skip
