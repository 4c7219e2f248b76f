"""Forward mode by hand: levels, duals, in-place writes and views, duals that require gradients."""

import importlib

from .observe import fails


def _forward(torch):
    return importlib.import_module(f"{torch.__name__}.autograd.forward_ad")


def _pair(fw, tensor):
    primal, tangent = fw.unpack_dual(tensor)
    return [primal.detach(), None if tangent is None else tangent.detach()]


def _point(torch):
    return torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, -1.0])


def levels(torch):
    fw, (x, t) = _forward(torch), _point(torch)
    seen = [fails(lambda: fw.make_dual(x, t)), fails(fw.exit_dual_level), _pair(fw, x)]
    with fw.dual_level() as level:
        nested = fails(fw.enter_dual_level).split(" Hint")[0]
        dual = fw.make_dual(x, t)
        seen += [level, nested, str(dual), _pair(fw, dual * dual), _pair(fw, dual.sum())]
    return [*seen, _pair(fw, dual), dual * 2]


def refusals(torch):
    fw, (x, t) = _forward(torch), _point(torch)
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        return [
            fails(lambda: fw.make_dual(torch.ones(3).long(), t)),
            fails(lambda: fw.make_dual(x, torch.ones(2))),
            fails(lambda: fw.make_dual(dual, t)),
            fails(lambda: fw.unpack_dual(3)),
        ]


def writes_and_views(torch):
    fw, (x, t) = _forward(torch), _point(torch)
    seen = []
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        seen.append(_pair(fw, dual[1:]))
        a = x.clone()
        a.mul_(dual)
        b = dual * 1
        b[1:] = b[:2] * 2
        c = dual * 1
        part = c[1:]
        part.mul_(3)
        d = torch.zeros(3)
        d.copy_(dual)
        e = torch.zeros(3)
        e[0] = dual[2]
        seen += [_pair(fw, v) for v in (a, b, c, part, d, e, dual.detach(), dual.clone())]
        with torch.no_grad():
            seen.append(_pair(fw, dual * 2))
    return seen


def duals_that_require_gradients(torch):
    fw, (x, t) = _forward(torch), _point(torch)
    y = x.clone().requires_grad_()
    with fw.dual_level():
        dual = fw.make_dual(y, t)
        out = dual**3
        primal, tangent = fw.unpack_dual(out)
        (first,) = torch.autograd.grad(tangent.sum(), y, retain_graph=True)
        (second,) = torch.autograd.grad(out.sum(), y, create_graph=True)
        return [
            primal.requires_grad, tangent.requires_grad, dual.requires_grad, dual.is_leaf,
            first, _pair(fw, second),
        ]  # fmt: skip


def functions_and_layers(torch):
    fw, (x, t) = _forward(torch), _point(torch)

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_forward(x)
            return x * x

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return 2 * x * t

    layer = torch.nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.fill_(0.1)
        layer.bias.fill_(0)
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        return [_pair(fw, Square.apply(dual)), _pair(fw, layer(dual))]
