"""vmap's manners: random numbers, writes that reach the caller, axes, refusals; linearize."""

from .observe import fails


def _x(torch):
    return torch.arange(6.0).reshape(2, 3)


def random_numbers(torch):
    torch.manual_seed(0)
    vmap, x, seen = torch.func.vmap, _x(torch), []
    draws = [
        lambda a: a * 0 + torch.rand(3), lambda a: torch.rand(3), lambda a: torch.rand_like(a),
        lambda a: a * 0 + torch.randn(3), lambda a: a * 0 + torch.randint(0, 10, (3,)),
        lambda a: torch.bernoulli(a * 0 + 0.5), lambda a: (a * 1).uniform_(),
        lambda a: torch.nn.functional.dropout(a * 0 + 1.0),
    ]  # fmt: skip
    for draw in draws:
        for kind in ("error", "same", "different"):
            seen.append(_answer(lambda draw=draw, kind=kind: vmap(draw, randomness=kind)(x)))
    inner = vmap(lambda a: a * 0 + torch.rand(()), randomness="same")
    loss = torch.func.grad(lambda a: (a * torch.rand(3)).sum())
    return [*seen, vmap(inner, randomness="different")(x), vmap(loss, randomness="different")(x)]


def _answer(action):
    try:
        return action()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def writes_reach_the_caller(torch):
    vmap, seen = torch.func.vmap, []

    def whole(a):
        a.add_(1)
        return a * 2

    def parts(a):
        a[0] = 7
        a[1:].mul_(2)
        return a.sum()

    for function, axis in ((whole, 0), (whole, 1), (parts, 0), (parts, 1)):
        x = _x(torch)
        seen += [vmap(function, in_dims=axis)(x), x]
    x = _x(torch)
    tracked = x.clone().requires_grad_()
    seen.append(fails(lambda: torch.func.grad(lambda a: (a.mul_(2) * 3).sum())(x)))
    y = tracked * 1
    out = vmap(whole)(y)
    (out * y).sum().backward()
    nested = _x(torch)
    vmap(vmap(lambda a: a.mul_(10)))(nested)
    return [*seen, x, y, tracked.grad, nested, fails(lambda: vmap(whole)(tracked))]


def axes_and_refusals(torch):
    vmap, x = torch.func.vmap, _x(torch)
    tree = {"a": x, "b": x[0]}
    return [
        vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(x), vmap(lambda a: a, out_dims=-1)(x),
        vmap(lambda d: d["a"] + d["b"], in_dims=({"a": 0, "b": None},))(tree),
        vmap(lambda a: (a, torch.ones(2)), out_dims=(0, None))(x),
        vmap(lambda a: a * 2, chunk_size=1)(x),
        fails(lambda: vmap(lambda a: a, out_dims=None)(x)),
        fails(lambda: vmap(lambda a: a, out_dims=5)(x)),
        fails(lambda: vmap(lambda a: 3)(x)),
        fails(lambda: vmap(lambda a: (a, a), out_dims=(0, 0, 0))(x)),
        fails(lambda: vmap(lambda a: a, out_dims="x")(x)),
        fails(lambda: vmap(lambda a, b: a, in_dims=(0,))(x, x)),
        fails(lambda: vmap(lambda a: a, in_dims=None)(x)),
        fails(lambda: vmap(lambda a: a, in_dims=3)(x)),
        fails(lambda: vmap(lambda a, b: a * b)(x, 3)),
        fails(lambda: vmap(lambda: 1)()),
        fails(lambda: vmap(lambda a: a.sum().item())(x)),
        fails(lambda: vmap(lambda a: a if a.sum() > 0 else -a)(x)),
        fails(lambda: vmap(lambda a: a.nonzero())(x)),
        fails(lambda: vmap(lambda a: a[a > 1])(x)),
        fails(lambda: vmap(lambda a: a, randomness="some")(x)),
    ]  # fmt: skip


def inside_transforms(torch):
    f, x = torch.func, _x(torch)
    shown = []
    f.vmap(lambda a: (shown.append(str(a)), a)[1])(x)
    f.grad(lambda a: (shown.append(str(a * 2)), a.sum())[1])(x)
    return [
        shown,
        fails(lambda: f.grad(lambda a: a.requires_grad_().sum())(x)),
        fails(lambda: f.grad(lambda a: (a.sum().backward(), a.sum())[1])(x)),
        fails(lambda: f.grad(lambda a: a.sum())(torch.arange(3))),
        fails(lambda: f.grad(lambda a: a * 2)(3.0)),
        fails(lambda: f.hessian(lambda a: a.long().sum())(x[0])),
        f.hessian(lambda a: (a * a.long()).sum())(x[0]),
        fails(lambda: f.vjp(torch.sin, x)[1](torch.ones(3))),
        fails(lambda: f.vjp(torch.sin, x)[1]((torch.ones(3),))),
        fails(lambda: f.jvp(torch.sin, x, x)),
        fails(lambda: f.jvp(torch.sin, (x,), (x[0],))),
        fails(lambda: f.jvp(lambda a: torch.ones(2), (x,), (x,), strict=True)),
        fails(lambda: f.jacrev(torch.sin, chunk_size=0)(x)),
        f.jacrev(lambda a: (a * a).sum(0), chunk_size=1)(x),
        f.debug_unwrap(x),
    ]


def linearized(torch):
    x = _x(torch)
    out, derivative = torch.func.linearize(lambda d, l: {"o": d["a"] * l[0]}, {"a": x}, [x])
    single = torch.func.linearize(lambda a: a.sin() * 2, x)[1]
    return [out, derivative({"a": x}, [x]), single(x), fails(lambda: single(torch.ones(2)))]


def functionalized(torch):
    def program(a):
        b = a.clone()
        b.view(-1).mul_(2)
        return b

    f = torch.func.functionalize
    return [f(program)(_x(torch)), f(program, remove="mutations_and_views")(_x(torch)),
            fails(lambda: f(program, remove="x")(_x(torch)))]  # fmt: skip
