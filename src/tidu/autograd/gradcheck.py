"""gradcheck and gradgradcheck: analytic derivatives against central differences.

`fast_mode` compares one product with random directions instead of whole Jacobians.
"""

import warnings

from .. import ops
from ..base.dtypes import complex128, float64
from ..base.errors import hinted
from ..base.lazy import lazy_module
from ..core.handle import TensorBase
from .engine import grad
from .function import Function
from .modes import enable_grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

_ROOT = __name__.partition(".")[0]
j = lazy_module(f"{_ROOT}.autograd.jacobians")
streams = lazy_module(f"{_ROOT}.base.streams")


class GradcheckError(RuntimeError):
    """Analytic and numerical derivatives differ."""


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True,
              nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
              check_batched_grad=False, check_batched_forward_grad=False, check_forward_ad=False,
              check_backward_ad=True, fast_mode=False, masked=None):  # fmt: skip
    """Whether the derivatives of func agree with differences at the inputs that want gradients.

    The inputs should be float64 or complex128. Raises GradcheckError, with both Jacobians, if they
    do not agree (or returns False without `raise_exception`). `masked` is about sparse tensors
    and changes nothing here.

    >>> import tidu as torch
    >>> x = torch.tensor([1., 2.], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.sin, x)
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    try:
        check = _Check(func, j.as_tuple(inputs), eps, atol, rtol, fast_mode)
        outputs = j.outputs_of(func, check.inputs)
        tracked = [(i, o) for i, o in enumerate(outputs) if o.requires_grad]
        if not tracked and not check_forward_ad:
            check.expect_zero()
            return True
        if check_backward_ad:
            check.backward(tracked, nondet_tol, check_grad_dtypes)
        if check_forward_ad:
            check.forward(check_batched_forward_grad)
        if check_backward_ad:
            if check_batched_grad:
                check.batched(tracked)
            _check_linear([o for _, o in tracked], check.wanted)
            if check_undefined_grad:
                _check_undefined(func, check.inputs, check.wanted)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


class _Check:
    """One comparison of a function's derivatives with differences."""

    def __init__(self, func, inputs, eps, atol, rtol, fast):
        self.func, self.inputs, self.eps, self.fast = func, inputs, eps, fast
        self.atol, self.rtol = atol, rtol
        self.places = [
            i for i, x in enumerate(inputs) if isinstance(x, TensorBase) and x.requires_grad
        ]
        self.wanted = [inputs[i] for i in self.places]
        _check_inputs(inputs, self.places)
        self.numeric = None if fast else [
            j.by_differences(func, inputs, place, eps) for place in self.places
        ]  # fmt: skip

    def expect_zero(self):
        for place in self.places:
            for jacobian in j.by_differences(self.func, self.inputs, place, self.eps):
                if not ops.allclose(jacobian, ops.zeros_like(jacobian), self.rtol, self.atol):
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    # --- reverse mode ---

    def backward(self, tracked, nondet_tol, check_dtypes):
        if self.fast:
            return self._fast_backward(tracked)
        for i, output in tracked:
            analytic = j.by_gradients(output, self.wanted)
            again = j.by_gradients(output, self.wanted)
            if any(
                a.numel() and float((a - b).abs().max()) > nondet_tol
                for a, b in zip(analytic, again, strict=True)
            ):
                raise GradcheckError(f"{_NOT_REENTRANT}{nondet_tol}.")
            for k, jacobian in enumerate(analytic):
                self.compare(self.numeric[k][i], jacobian, i, k, "Jacobian mismatch")
            if check_dtypes:
                _check_types(output, self.wanted)
        return None

    def _fast_backward(self, tracked):
        generator = streams.Generator().manual_seed(0)
        for i, output in tracked:
            v = j.direction(output, generator)
            cotangents = j.pulled(output, self.wanted, v)
            for k, (place, g) in enumerate(zip(self.places, cotangents, strict=True)):
                u = j.direction(self.inputs[place], generator)
                moved = j.difference(self.func, self.inputs, place, u, self.eps)[i]
                numeric = (j.real_numbers(v) * j.real_numbers(moved)).sum()
                analytic = (j.real_numbers(g) * j.real_numbers(u)).sum()
                slack = float(j.real_numbers(u).sum()) * float(j.real_numbers(v).sum())
                if not ops.allclose(analytic, numeric, self.rtol, self.atol * max(slack, 1e-12)):
                    slow = (
                        j.by_differences(self.func, self.inputs, place, self.eps)[i],
                        j.by_gradients(output, self.wanted)[k],
                    )
                    raise _mismatch("Jacobian mismatch", i, k, float(numeric), float(analytic),
                                    slow)  # fmt: skip

    def batched(self, tracked):
        for i, output in tracked:
            if not output.numel():
                continue
            one_by_one = j.by_gradients(output, self.wanted)
            try:
                at_once = j.batched_gradients(output, self.wanted)
            except RuntimeError as error:
                raise GradcheckError(_BATCHED) from error
            for k, (a, b) in enumerate(zip(one_by_one, at_once, strict=True)):
                if not ops.allclose(a, b, self.rtol, self.atol):
                    place = f"For output {i} and input {k}:"
                    raise GradcheckError(f"{place}\n\n{_BATCHED}\n\nGot:\n{b}\n\nExpected:\n{a}")

    # --- forward mode ---

    def forward(self, batched):
        kind = "Jacobian computed with forward mode mismatch"
        generator = streams.Generator().manual_seed(0)
        for k, place in enumerate(self.places):
            if self.fast:
                u = j.direction(self.inputs[place], generator)
                found = [j.real_numbers(t) for t in j.pushed(self.func, self.inputs, place, u)]
                numeric = [
                    j.real_numbers(d)
                    for d in j.difference(self.func, self.inputs, place, u, self.eps)
                ]
            else:
                found, numeric = j.by_duals(self.func, self.inputs, place), self.numeric[k]
            for i, (analytic, expected) in enumerate(zip(found, numeric, strict=True)):
                self.compare(expected, analytic, i, k, kind, place)
            if batched and self.inputs[place].numel():
                for a, b in zip(
                    j.by_duals(self.func, self.inputs, place),
                    j.batched_duals(self.func, self.inputs, place),
                    strict=True,
                ):
                    if not ops.allclose(a, b, self.rtol, self.atol):
                        raise GradcheckError(_BATCHED)

    def compare(self, numeric, analytic, output, k, kind, place=None):
        if ops.allclose(analytic, numeric.to(analytic.dtype), self.rtol, self.atol):
            return
        slow = None
        if self.fast:
            slow = (j.by_differences(self.func, self.inputs, place, self.eps)[output],
                    j.by_duals(self.func, self.inputs, place)[output])  # fmt: skip
        raise _mismatch(kind, output, k, numeric, analytic, slow)


def _mismatch(kind, output, place, numeric, analytic, slow):
    text = (
        f"{kind} for output {output} with respect to input {place},\n"
        f"numerical:{numeric}\nanalytical:{analytic}\n"
    )
    if slow is not None:
        numeric, analytic = slow
        text += (
            "\nThe above quantities relating the numerical and analytical jacobians are computed \n"
            "in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more "
            "background \nabout fast mode. Below, we recompute numerical and analytical jacobians "
            f"in slow mode:\n\nNumerical:\n {numeric}\nAnalytical:\n{analytic}\n\n"
            "The max per-element difference (slow mode) is: "
            f"{float((numeric - analytic).abs().max())}.\n"
        )
    return GradcheckError(text)


# --- single checks ------------------------------------------------------------------------------


def _check_inputs(inputs, places):
    if not places:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for i in places:
        x = inputs[i]
        if x.dtype not in (float64, complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ", stacklevel=4,
            )  # fmt: skip
        if any(step == 0 and n > 1 for step, n in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients correctly. "
                "You should call .contiguous on the input before passing it to gradcheck."
            )


def _check_types(output, inputs):
    found = grad(output, inputs, ops.ones_like(output), retain_graph=True, allow_unused=True)
    for g, x in zip(found, inputs, strict=True):
        if g is not None and g.dtype is not x.dtype:
            raise GradcheckError("Gradient has dtype mismatch")


def _check_linear(outputs, inputs):
    """Cotangents of zero must give gradients of zero."""
    seeds = [ops.zeros_like(o) for o in outputs]
    found = grad(outputs, inputs, seeds, retain_graph=True, allow_unused=True)
    if any(g is not None and bool((g != 0).any()) for g in found):
        raise GradcheckError("backward not multiplied by grad_output")


class _Undefined(Function):
    """The identity, whose backward sends no gradient."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return None


def _check_undefined(func, inputs, wanted):
    """A backward that gets no cotangent, for all outputs or for one of several, must bear it."""
    _bears(list(map(_Undefined.apply, _tracked(func, inputs))), wanted)
    outputs = _tracked(func, inputs)
    for left_out in range(len(outputs) if len(outputs) > 1 else 0):
        some = [_Undefined.apply(o) if i == left_out else o for i, o in enumerate(outputs)]
        _bears(some, wanted)
        outputs = _tracked(func, inputs)


def _tracked(func, inputs):
    return [o for o in j.outputs_of(func, inputs) if o.requires_grad]


def _bears(outputs, wanted):
    seeds = [ops.zeros_like(o) for o in outputs]
    try:
        found = grad(outputs, wanted, seeds, allow_unused=True)
    except RuntimeError as error:
        raise GradcheckError(_UNDEFINED_FAILS) from error
    if any(g is not None and bool((g != 0).any()) for g in found):
        raise GradcheckError(_UNDEFINED)


_NOT_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
    "times gives different values, although analytical gradient matches numerical gradient."
    "The tolerance for nondeterminism was "
)
_UNDEFINED = hinted(
    "Expected all input grads to be undefined or zero when all output grads are undefined or zero. "
    'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"',
    "a backward may get None (or zeros) for an output that had no influence.",
)
_UNDEFINED_FAILS = hinted(
    "Expected backward function to handle undefined output grads. "
    'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"',
    "a backward may get None for an output that had no influence: check for it before computing.",
)
_BATCHED = hinted(
    "gradcheck or gradgradcheck failed while testing batched gradient computation.",
    "the function's backward does not mean the same under vmap; pass check_batched_grad=False if "
    "that is not needed.",
)


# --- second derivatives -------------------------------------------------------------------------


def gradgradcheck(func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3,
                  gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0,
                  check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
                  check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False,
                  masked=False):  # fmt: skip
    """Whether second derivatives agree with differences of the first; see `gradcheck`."""
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError(
            "Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True"
        )
    inputs = j.as_tuple(inputs)
    if grad_outputs is None:
        seeds = [
            _random_seed(o, gen_non_contig_grad_outputs)
            for o in j.outputs_of(func, inputs)
            if o.requires_grad
        ]
    else:
        seeds = list(j.as_tuple(grad_outputs))
    count, places = len(inputs), [_wants(x) for x in inputs]

    def gradient(*args):
        ins = [
            a.detach().requires_grad_() if wants and not a.requires_grad else a
            for a, wants in zip(args[:count], places, strict=True)
        ]
        outs = [o for o in j.outputs_of(func, ins) if o.requires_grad]
        wanted = [a for a, wants in zip(ins, places, strict=True) if wants]
        found = grad(outs, wanted, args[count:], create_graph=True, allow_unused=True)
        return tuple([g for g in found if g is not None])

    return gradcheck(
        enable_grad()(gradient), (*inputs, *seeds), eps=eps, atol=atol, rtol=rtol,
        raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, fast_mode=fast_mode,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, masked=masked,
    )  # fmt: skip


def _wants(x):
    return isinstance(x, TensorBase) and x.requires_grad


def _random_seed(output, strided):
    """A random cotangent; `strided`: one whose elements do not lie one after the other."""
    seed = ops.randn_like(output.detach())
    if strided and seed.numel() > 1:
        seed = ops.stack([seed, ops.randn_like(seed)], -1)[..., 0]
    return seed.requires_grad_()
