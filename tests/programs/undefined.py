"""Gradients that are missing: backward functions that give or get None, and what refuses."""

from .observe import fails


def _functions(torch):
    class Cut(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return None

    class Zeros(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2 + 1

    class Bare(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return torch.full((2,), 7.0) if g is None else g

    return Cut.apply, Zeros.apply, Bare.apply


def nodes_without_gradients_are_visited(torch):
    cut, zeros, bare = _functions(torch)
    seen = []
    chains = [
        lambda x: cut(zeros(x)), lambda x: cut(bare(x)), lambda x: cut(bare(x).sin()),
        lambda x: cut(x.sin()), lambda x: cut(zeros(x)) * x, lambda x: cut(zeros(x)[:1]) + x,
        lambda x: cut(x * 3) + x * 3, lambda x: zeros(cut(zeros(x)).exp()),
    ]  # fmt: skip
    for chain in chains:
        x = torch.ones(2, requires_grad=True)
        chain(x).sum().backward()
        (second,) = torch.autograd.grad(chain(x).sum(), x, create_graph=True, allow_unused=True)
        seen += [x.grad, second]
    return seen


def hooks_are_told(torch):
    cut, _, _ = _functions(torch)
    seen = []
    x = torch.ones(2, requires_grad=True)
    y = x.sin()
    y.register_hook(lambda g: seen.append(["hook", g]))
    y.grad_fn.register_prehook(lambda g: seen.append(["pre", g]))
    y.grad_fn.register_hook(lambda ins, outs: seen.append(["post", ins, outs]))
    y.retain_grad()
    cut(y).sum().backward()
    z = x.sin()
    z.register_hook(lambda g: torch.full((2,), 5.0))
    seen.append(fails(cut(z).sum().backward))
    return [seen, y.grad, x.grad]


def asked_for(torch):
    cut, zeros, _ = _functions(torch)
    x = torch.ones(2, requires_grad=True)
    grad = torch.autograd.grad
    return [
        fails(lambda: grad(cut(x.sin()).sum(), x)),
        grad(cut(x.sin()).sum(), x, allow_unused=True),
        grad(cut(x.sin()).sum(), x, materialize_grads=True),
        grad(cut(zeros(x)).sum(), x, create_graph=True),
    ]


def gradcheck_asks(torch):
    class Fixed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(3, dtype=torch.float64) if g is None else g * 2

    class Several(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            if g is None or h is None:
                return g if h is None else h
            return 2 * g + 3 * h

    class Good(Several):
        @staticmethod
        def backward(ctx, g, h):
            parts = [k * part for k, part in ((2, g), (3, h)) if part is not None]
            return sum(parts) if parts else None

    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    check = torch.autograd.gradcheck
    return [
        fails(lambda: check(Fixed.apply, x)), check(Fixed.apply, x, raise_exception=False),
        check(Fixed.apply, x, check_undefined_grad=False), check(Good.apply, x),
        fails(lambda: check(lambda a: Several.apply(a), x)),
        fails(lambda: check(lambda a: Good.apply(a)[0] + 0, x)),
    ]  # fmt: skip


def decompositions_without_a_derivative(torch):
    tall = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], requires_grad=True)
    square = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    qr = torch.linalg.qr
    q, r = qr(tall, "complete")
    only = qr(tall, "r")[1]
    qr(square, "complete")[1].sum().backward()
    return [
        q.requires_grad, r.requires_grad, tuple(q.shape), fails(q.sum().backward),
        fails(r.sum().backward), fails(only.sum().backward), square.grad, q.grad_fn.name(),
    ]  # fmt: skip


def writes_where_elements_share_a_place(torch):
    seen = []
    for write in (
        lambda v: v.add_(1), lambda v: v.mul_(2), lambda v: v.fill_(3), lambda v: v.zero_(),
        lambda v: v.copy_(torch.ones(3, 2)), lambda v: v.neg_(), lambda v: v.sub_(v.clone()),
        lambda v: v.masked_fill_(torch.tensor([[True, False]]), 9), lambda v: v.pow_(2),
        lambda v: v.add_(torch.tensor([[1.0], [2.0], [3.0]]), alpha=2),
    ):  # fmt: skip
        x = torch.arange(4.0)
        write(x.as_strided((3, 2), (1, 1)))
        y = torch.arange(4.0)
        write(y.unfold(0, 2, 1))
        seen += [x, y]
    x = torch.arange(4.0)
    seen.append(fails(lambda: x.expand(3, 4).add_(1)))
    return seen
