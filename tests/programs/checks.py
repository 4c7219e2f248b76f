"""gradcheck and gradgradcheck: what passes, what is found, in which words."""

import warnings

from .observe import fails


def _points(torch):
    x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    return x, y


def _wrong(torch):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x * g

        @staticmethod
        def jvp(ctx, t):
            return t * 5

    return Wrong.apply


def _changing(torch):
    class Changing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2 + torch.rand(1, dtype=g.dtype)

    return Changing.apply


def _whole(action):
    """All of a message but its random numbers in fast mode."""
    try:
        return action()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def passes(torch):
    warnings.simplefilter("ignore")
    check, check2 = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    x, y = _points(torch)
    z = torch.tensor([1 + 2j, 0.5j], dtype=torch.complex128, requires_grad=True)
    holomorphic = lambda z: z * z.conj() + z.exp()
    return [
        check(torch.sin, x),
        check(lambda a, b: (a * b, a @ b), (x, y)),
        check(lambda a: a.exp() * a, x, check_forward_ad=True),
        check(lambda a: a.exp() * a, x, check_forward_ad=True, fast_mode=True,
              check_batched_grad=True, check_batched_forward_grad=True),
        check(torch.sin, x, check_batched_grad=True, check_undefined_grad=False),
        check(holomorphic, z), check(holomorphic, z, fast_mode=True, check_forward_ad=True),
        check(lambda a: torch.complex(a, a * a), x, check_forward_ad=True),
        check(lambda a: a.abs(), z, check_forward_ad=True),
        check(lambda a, b: a * 2, (x, y)), check(lambda a: [a * 2], x),
        check(torch.sin, torch.ones(0, dtype=torch.float64, requires_grad=True)),
        check(_wrong(torch), x, raise_exception=False), check(_wrong(torch), x, atol=10),
        check2(torch.sin, x), check2(lambda a, b: a * b.exp(), (x, y), fast_mode=True),
        check2(lambda a, b: a * b.exp(), (x, y), check_fwd_over_rev=True),
        check2(lambda a: a**3, x, torch.ones(2, dtype=torch.float64, requires_grad=True)),
        check2(lambda a: a**3, x, gen_non_contig_grad_outputs=True),
    ]  # fmt: skip


def finds(torch):
    warnings.simplefilter("ignore")
    check = torch.autograd.gradcheck
    (x, y), wrong = _points(torch), _wrong(torch)
    forward = {"check_forward_ad": True, "check_backward_ad": False}
    expanded = torch.ones(1, dtype=torch.float64).expand(2).requires_grad_()
    return [
        _whole(lambda: check(wrong, x)),
        _whole(lambda: check(lambda a, b: (a * b, wrong(b)), (x, y))),
        _whole(lambda: check(wrong, x, **forward)),
        fails(lambda: check(wrong, x, fast_mode=True)),
        fails(lambda: check(wrong, x, fast_mode=True, **forward)),
        fails(lambda: check(lambda a: a.detach(), x)),
        fails(lambda: check(torch.sin, x.detach())),
        fails(lambda: check(torch.sin, x, check_backward_ad=False)),
        fails(lambda: check(torch.sin, expanded)),
        fails(lambda: check(wrong, x, check_forward_ad=True)),
        fails(lambda: check(_changing(torch), x)),
    ]
