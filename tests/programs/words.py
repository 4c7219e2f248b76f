"""Many functions of three numbers, and words: transforms of transforms of them.

A word such as "gvh" is a transform of a transform of a transform; `assigned(name)` gives each
function its share of all words, so that together the functions meet every word up to length 3.
"""

import itertools

LETTERS = "gjpvrfh"
# PyTorch 2.13's nested derivatives of these disagree with differences in 829 of 1,197 words, for
# instance the second derivative of det(x xᵀ + 2) along ones, which is 24 and comes out as -2.
WRONG_IN_PYTORCH = ("det", "layer_norm", "solve")


def functions(torch):
    """Smooth functions of a vector of three float64 numbers near (0.5, -0.7, 1.2)."""
    nn, linalg = torch.nn.functional, torch.linalg
    eye = torch.eye(3, dtype=torch.float64)
    fixed = torch.tensor([[0.3, 0.1, -0.2], [0.5, -0.4, 0.2], [0.1, 0.6, 0.7]]).double()
    index = torch.tensor([2, 0, 1])
    matrix = lambda x: torch.outer(x, x) + 2 * eye
    image = lambda x: torch.outer(x, x.sin())[None, None]
    found = {
        "cube": lambda x: x**3, "exp": lambda x: x.exp() * x, "tanh": lambda x: x.tanh(),
        "sigmoid": lambda x: x.sigmoid() * x, "gelu": lambda x: nn.gelu(x),
        "silu": lambda x: nn.silu(x), "softplus": lambda x: nn.softplus(x),
        "erf": lambda x: x.erf(), "atan": lambda x: x.atan(), "rsqrt": lambda x: (x * x + 1).rsqrt(),
        "divide": lambda x: x / (2 + x.flip(0) ** 2), "power": lambda x: (x * x + 1) ** x,
        "where": lambda x: torch.where(x > 0, x * x, x.exp()), "clamp": lambda x: x.clamp(-0.6) ** 2,
        "maximum": lambda x: torch.maximum(x, x.sin() + 0.1), "abs": lambda x: x.abs() * x,
        "softmax": lambda x: x.softmax(0), "log_softmax": lambda x: x.log_softmax(0),
        "logsumexp": lambda x: x.logsumexp(0), "prod": lambda x: x.prod(),
        "norm": lambda x: x.norm(), "var": lambda x: x.var(), "cumsum": lambda x: x.cumsum(0) ** 2,
        "cumprod": lambda x: x.cumprod(0), "matvec": lambda x: fixed @ x.sin(),
        "mm": lambda x: (matrix(x) @ fixed).sum(0), "dot": lambda x: x.dot(x.cos()),
        "einsum": lambda x: torch.einsum("i,ij,j->i", x, fixed, x.sin()),
        "linear": lambda x: nn.linear(x, fixed, x), "solve": lambda x: linalg.solve(matrix(x), x),
        "inv": lambda x: linalg.inv(matrix(x)).diagonal(), "det": lambda x: linalg.det(matrix(x)),
        "cholesky": lambda x: linalg.cholesky(matrix(x)).sum(1),
        "conv1d": lambda x: nn.conv1d(x[None, None], fixed[:1, :2][None])[0, 0],
        "conv2d": lambda x: nn.conv2d(image(x), fixed[:2, :2][None, None]).reshape(-1),
        "avg_pool": lambda x: nn.avg_pool2d(image(x), 2, 1).reshape(-1),
        "layer_norm": lambda x: nn.layer_norm(x, (3,), x.cos(), x),
        "mse": lambda x: nn.mse_loss(x, x.sin()), "huber": lambda x: nn.huber_loss(x, x * 0 + 0.1),
        "gather": lambda x: x.gather(0, index) * x, "index": lambda x: x[index] ** 2 * x,
        "scatter": lambda x: torch.zeros_like(x).scatter_add(0, index, x * x) * x,
        "pad": lambda x: nn.pad(x * x, (1, 1)), "stack": lambda x: torch.stack([x, x.sin()]).prod(0),
        "cat": lambda x: torch.cat([x, x * x]), "roll": lambda x: x.roll(1) * x,
        "sort": lambda x: x.sort()[0] * x, "max": lambda x: x.max() * x,
        "diag": lambda x: torch.diag(x * x).sum(1), "tril": lambda x: matrix(x).tril().sum(0),
        "fft": lambda x: torch.fft.rfft(x).abs(), "lerp": lambda x: torch.lerp(x, x.sin(), x),
    }  # fmt: skip
    return {name: (lambda x, f=f: f(x) * 1) for name, f in found.items()}


def point(torch):
    return torch.tensor([0.5, -0.7, 1.2], dtype=torch.float64)


def all_words(length):
    return ["".join(word) for word in itertools.product(LETTERS, repeat=length)]


def assigned(position, count):
    """The words of function number `position` of `count`: single letters, and shares of others."""
    pairs, triples = all_words(2), all_words(3)
    share = -(-len(triples) // count)
    start = position * share
    return [
        *LETTERS,
        *[pairs[(position * 5 + k) % len(pairs)] for k in range(5)],
        *[triples[(start + k) % len(triples)] for k in range(share)],
    ]


def word(torch, letters, f):
    """The transform named by `letters` (the first is the outermost) of f.

    g: gradient of the sum, j: jvp along ones, p: vjp with ones, v: vmap over [x, 2x] / 2 rows,
    r, f: Jacobians, h: Hessian of the sum.
    """
    func = torch.func
    for letter in reversed(letters):
        f = {
            "g": lambda f: func.grad(lambda x: f(x).sum()),
            "j": lambda f: lambda x: func.jvp(f, (x,), (torch.ones_like(x),))[1],
            "p": lambda f: lambda x: _pulled(torch, f, x),
            "v": lambda f: lambda x: func.vmap(f)(torch.stack([x, 0.9 * x])),
            "r": func.jacrev,
            "f": func.jacfwd,
            "h": lambda f: func.hessian(lambda x: f(x).sum()),
        }[letter](f)
    return f


def _pulled(torch, f, x):
    out, pull = torch.func.vjp(f, x)
    return pull(torch.ones_like(out))[0]


def by_differences(torch, letters, f):
    """What `word` gives at the point, from values of the word one shorter (for h: a gradient's)."""
    letter, x = letters[0], point(torch)
    f = word(torch, "g" + letters[1:] if letter == "h" else letters[1:], f)
    if letter == "v":
        return torch.stack([f(x), f(0.9 * x)])
    jacobian = differences(torch, f, x)
    if letter in "frh":
        return jacobian
    return jacobian.sum(-1) if letter == "j" else jacobian.reshape(-1, x.numel()).sum(0)


def differences(torch, f, x, h=1e-3):
    """The Jacobian by central differences with one step of Richardson extrapolation."""
    columns = []
    for i in range(x.numel()):
        e = torch.zeros_like(x)
        e[i] = 1.0
        coarse = (f(x + 2 * h * e) - f(x - 2 * h * e)) / (4 * h)
        fine = (f(x + h * e) - f(x - h * e)) / (2 * h)
        columns.append((4 * fine - coarse) / 3)
    return torch.stack(columns, -1)


def in_place_functions(torch):
    """Functions as above whose text writes in place: to copies, views, and several times."""

    def filled(x):
        out = torch.zeros(4, dtype=x.dtype)
        out = out + 0 * x.sum()
        out[1:] = x * x
        out[0] += x[0] * x[1]
        return out

    def accumulated(x):
        total = x.sin()
        for k in range(3):
            total.mul_(x).add_(k)
        return total

    def through_view(x):
        y = x * x
        y[:2].mul_(x[1:])
        return y * x

    def of_rows(x):
        y = torch.outer(x, x).clone()
        y[0].copy_(x.exp())
        y.t()[2].add_(x)
        return y.sum(0) * x

    def swapped(x):
        y = x.clone()
        first = y[0].clone()
        y[0] = y[2]
        y[2] = first * y[1].clone()
        return y * y

    def masked(x):
        return (x * x).masked_fill_(x < 0, 0.5).exp_()

    found = [filled, accumulated, through_view, of_rows, swapped, masked]
    return {f.__name__: f for f in found}
