"""Programs for torch.func: every transform, nested, with in-place writes and views inside."""

from .observe import fails

REFUSED = "refused"


def _functions(torch):
    """Functions of a vector to a scalar; smooth where they are asked."""

    def assigned(x):
        y = x * 1
        y[0] = x[1] * x[2]
        y[1:].mul_(x[:-1])
        return (y * y).sum()

    def viewed(x):
        y = x.sin()
        z = y.view(-1, 1)
        z.add_(1)
        return (y * z.t()[0]).sum()

    return {
        "cubes": lambda x: (x**3).sum(),
        "waves": lambda x: (x.sin() * x.flip(0).cos()).sum(),
        "product": lambda x: x.prod(),
        "softmax": lambda x: x.softmax(0).log()[0],
        "quotient": lambda x: (x[0] / (1 + x[1] ** 2)) * x[2].exp(),
        "norm": lambda x: x.norm(),
        "matrix": lambda x: (torch.outer(x, x) @ x).tanh().sum(),
        "where": lambda x: torch.where(x > 0, x * x, x.exp()).sum(),
        "assigned": assigned,
        "viewed": viewed,
        "scanned": lambda x: x.cumsum(0).pow(2).mean(),
        "joined": lambda x: torch.cat([x, x * x]).reshape(2, 3).std(),
    }


def _point(torch):
    return torch.tensor([0.5, -0.7, 1.2], dtype=torch.float64)


def _word(torch, word, f):
    """The transform named by a word of letters applied to f, as a function of a vector.

    g: gradient, f: forward Jacobian, r: reverse Jacobian, j: jvp along ones, p: vjp with ones,
    v: vmap over the rows of [x, 2x]. The first letter is the outermost.
    """
    func = torch.func
    for letter in reversed(word):
        f = {
            "g": lambda f: func.grad(lambda x: f(x).sum()),
            "f": func.jacfwd,
            "r": func.jacrev,
            "j": lambda f: lambda x: func.jvp(f, (x,), (torch.ones_like(x),))[1],
            "p": lambda f: lambda x: _pulled(torch, f, x),
            "v": lambda f: lambda x: func.vmap(f)(torch.stack([x, 2 * x])),
        }[letter](f)
    return f


def _pulled(torch, f, x):
    out, pull = torch.func.vjp(f, x)
    return pull(torch.ones_like(out))[0]


def _words(torch, first):
    x = _point(torch)
    letters = "gfrjpv"
    words = [
        first,
        *[first + a for a in letters],
        *[first + a + b for a in letters for b in letters],
    ]
    return {
        f"{name} {word}": _attempt(lambda f=f, word=word: _word(torch, word, f)(x))
        for name, f in _functions(torch).items()
        for word in words
    }


def _attempt(action):
    """What `action` gives, or REFUSED: PyTorch cannot do every in-place write under transforms."""
    try:
        return action()
    except RuntimeError:
        return REFUSED


def words_grad(torch):
    return _words(torch, "g")


def words_jacfwd(torch):
    return _words(torch, "f")


def words_jacrev(torch):
    return _words(torch, "r")


def words_jvp(torch):
    return _words(torch, "j")


def words_vjp(torch):
    return _words(torch, "p")


def words_vmap(torch):
    return _words(torch, "v")


def structures(torch):
    func = torch.func
    x, y = torch.tensor([1.0, 2.0]), torch.tensor(3.0)

    def loss(params, scale):
        return (params["w"] ** 2).sum() * scale + params["b"][0]

    params = {"w": x, "b": (y,)}
    return [
        func.grad(loss)(params, y),
        func.grad(loss, argnums=1)(params, y),
        func.grad(loss, argnums=(0, 1))(params, y),
        func.grad_and_value(loss)(params, y),
        func.grad(lambda a: (a.sum(), {"twice": a * 2}), has_aux=True)(x),
        func.jacrev(lambda a, b: (a * b, a.sum()), argnums=(0, 1))(x, y),
        func.jacfwd(lambda a, b: (a * b, a.sum()), argnums=(0, 1))(x, y),
        func.jacrev(lambda a: {"u": a * a, "v": [a.sum()]})(x),
        func.hessian(lambda a: (a**3).sum())(x),
        func.jvp(lambda p: p["w"].sum() * p["b"][0], (params,), (params,)),
        func.jacrev(lambda a: (a * 2, a.sum()), has_aux=True)(x),
        func.jacfwd(lambda a: (a * 2, a.sum()), has_aux=True)(x),
        func.jacrev(lambda a: a * a, chunk_size=1)(x),
    ]


def vmap_arguments(torch):
    vmap = torch.func.vmap
    x = torch.arange(6.0).reshape(2, 3)
    w = torch.arange(3.0)
    return [
        vmap(torch.dot, in_dims=(0, None))(x, w),
        vmap(lambda a: a * 2, in_dims=1)(x),
        vmap(lambda a: a * 2, in_dims=1, out_dims=1)(x),
        vmap(lambda d: d["a"] + d["b"], in_dims=({"a": 0, "b": None},))({"a": x, "b": w}),
        vmap(lambda a: (a.sum(), a), out_dims=(0, 1))(x),
        vmap(vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))(w, w),
        vmap(lambda a: a.sum(), chunk_size=1)(x),
        vmap(lambda a, k: a * k, in_dims=(0, None))(x, 3),
        vmap(lambda a: torch.zeros(2))(x),
        vmap(lambda a, scale=1: a * scale)(x, scale=4),
        fails(lambda: vmap(lambda a: a.item())(w)),
        fails(lambda: vmap(lambda a, b: a)(x, w)),
        fails(lambda: vmap(lambda a: a, in_dims=3)(x)),
        fails(lambda: vmap(lambda a: a)(3)),
        vmap(lambda a: a[None].expand(2, 3).T @ a[None].expand(2, 3))(x),
        vmap(lambda a: torch.where(a > 2, a, -a))(x),
        vmap(lambda a: a.sort(descending=True)[0])(x),
        vmap(lambda a: a.max())(x),
    ]


def vmap_over_existing(torch):
    """A batch of per-example gradients of a small network."""
    torch.manual_seed(0)
    w = torch.randn(3, 2, dtype=torch.float64)
    x = torch.randn(4, 3, dtype=torch.float64)
    y = torch.tensor([0, 1, 1, 0])

    def loss(w, x, y):
        return -(x @ w).log_softmax(0).gather(0, y[None])[0]

    return torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(w, x, y)


def in_place_under_transforms(torch):
    func = torch.func
    x = torch.tensor([1.0, 2.0, 3.0])

    def f(x):
        y = x.clone()
        y.mul_(2)
        y[1:] += x[:2]
        y.view(3, 1)[0].pow_(2)
        return y

    return [
        func.jacrev(f)(x),
        func.jacfwd(f)(x),
        func.vmap(f)(torch.stack([x, x + 1])),
        func.vmap(func.jacrev(f))(torch.stack([x, x + 1])),
        func.jacrev(func.vmap(f))(torch.stack([x, x + 1])),
        func.hessian(lambda x: (f(x) ** 2).sum())(x),
    ]


def with_the_tape(torch):
    """func.grad inside a program that calls backward itself."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor(3.0, requires_grad=True)
    g = torch.func.grad(lambda a: (a**3).sum() * w)(x)
    seen = [g, g.requires_grad]
    g.sum().backward()
    seen += [x.grad, w.grad]
    with torch.no_grad():
        h = torch.func.grad(lambda a: (a**3).sum())(x)
    seen += [h, h.requires_grad]
    inner = torch.func.grad(lambda a: a * torch.func.grad(lambda b: b * b * a)(a).detach())
    return [*seen, inner(torch.tensor(2.0))]


def perturbations_do_not_mix(torch):
    grad, jvp = torch.func.grad, torch.func.jvp
    one = torch.tensor(1.0)

    def forward(f, x):
        return jvp(f, (x,), (torch.ones_like(x),))[1]

    return [
        grad(lambda x: x * grad(lambda y: x + y)(one))(one),
        forward(lambda x: x * forward(lambda y: x + y, one), one),
        grad(lambda x: x * forward(lambda y: x * y, one))(one),
        forward(lambda x: x * grad(lambda y: x * y)(one), one),
    ]


def no_grad_inside(torch):
    def f(x):
        with torch.no_grad():
            c = x * x
        return (x * c).sum()

    x = torch.tensor([1.0, 2.0])
    return [torch.func.grad(f)(x), torch.func.vmap(torch.func.grad(f))(x)]


def refusals(torch):
    func = torch.func
    x = torch.ones(2)
    return [
        fails(lambda: func.grad(lambda a: a * 2)(x)),
        fails(lambda: func.grad(lambda a: 3.0)(x)),
        fails(lambda: func.grad(lambda a: a.sum(), argnums=2)(x)),
        fails(lambda: func.vmap(lambda a: a, randomness="wild")(x)),
        fails(lambda: func.vmap(lambda a: 3)(x)),
    ]


def randomness(torch):
    x = torch.zeros(3, 2)
    torch.manual_seed(0)
    same = torch.func.vmap(lambda a: a + torch.rand(2), randomness="same")(x)
    torch.manual_seed(0)
    return [
        same,
        torch.func.vmap(lambda a: a + torch.rand(2), randomness="different")(x).shape[0],
    ]
