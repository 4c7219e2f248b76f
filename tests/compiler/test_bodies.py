"""Random bodies of cond, while_loop, scan and map: against loops written by hand, and compiled.

Values, gradients of the operands and of what the bodies capture, second derivatives, batches and
strides of results are compared.
"""

import random

import pytest
from outcomes import same

import tidu as torch
from tidu._higher_order_ops import cond, map, scan, while_loop

pytestmark = pytest.mark.slow


def steps_of(rng):
    """A random function (matrix, matrix, captured) -> matrix, of square matrices."""
    kinds = [
        lambda a, b, w: a * b,
        lambda a, b, w: (a + w).sin(),
        lambda a, b, w: (a @ w).tanh(),
        lambda a, b, w: a.t() * 0.5,
        lambda a, b, w: a.t().contiguous() - b,
        lambda a, b, w: torch.where(a > b, a, b * w),
        lambda a, b, w: a.softmax(-1) + b.mean(0),
        lambda a, b, w: a.flip(0).cumsum(1) * 0.3,
        lambda a, b, w: torch.cat([a[1:], b[:1]]).sigmoid(),
        lambda a, b, w: inner(a, b, w),
    ]

    def inner(a, b, w):
        return cond(a.sum() > 0, lambda a: a * 0.7 + w, lambda a: a.t() * w, (a,))

    chosen = [rng.choice(kinds) for _ in range(rng.randint(1, 4))]

    def body(a, b, w):
        for step in chosen:
            a = step(a, b, w)
        return a

    return body


def program_of(rng):
    """(an operation with a random body, the same written by hand): of (a, xs, w)."""
    f, g, n = steps_of(rng), steps_of(rng), rng.randint(1, 4)
    kind, reverse, dim = rng.choice("cond scan map while bounded".split()), rng.random() < 0.5, 0
    if kind == "cond":
        return (
            lambda a, xs, w: cond(a.sum() > 0, lambda a, b: f(a, b, w), lambda a, b: g(b, a, w),
                                  (a, xs[0])),
            lambda a, xs, w: f(a, xs[0], w) if a.sum() > 0 else g(xs[0], a, w),
        )  # fmt: skip
    if kind == "map":
        return (
            lambda a, xs, w: map(lambda x, a: f(x, a, w), xs, a),
            lambda a, xs, w: torch.stack([f(x, a, w) for x in xs]),
        )
    if kind == "scan":
        dim = rng.choice([0, 1, 2])

        def by_hand(a, xs, w):
            slices, ys = list(xs.unbind(dim)), []
            for x in reversed(slices) if reverse else slices:
                a = f(a, x, w)
                ys.append(g(x, a, w))
            return a, torch.stack(ys[::-1] if reverse else ys, dim)

        def call(a, xs, w):
            return scan(lambda c, x: (f(c, x, w), g(x, f(c, x, w), w)), a, xs, dim=dim,
                        reverse=reverse)  # fmt: skip

        return call, by_hand

    def loop(a, xs, w):
        more = {"max_steps": 6} if kind == "bounded" else {}
        return while_loop(lambda i, a: i < n, lambda i, a: (i + 1, f(a, xs[0], w)),
                          (torch.tensor(0), a), **more)[1]  # fmt: skip

    def by_hand(a, xs, w):
        for _ in range(n):
            a = f(a, xs[0], w)
        return a

    return loop, by_hand


def tensors(rng):
    def one(*shape):
        found = torch.randn(*shape, dtype=torch.float64)
        return found.transpose(-1, -2) if rng.random() < 0.5 else found

    found = [one(3, 3), one(3, 3, 3), one(3, 3)]
    return [t.detach().requires_grad_() for t in found]


def outcome(function, given, twice):
    outs = function(*given)
    outs = list(outs) if isinstance(outs, tuple) else [outs]
    loss = sum((o * o).sum() for o in outs)
    grads = torch.autograd.grad(loss, given, create_graph=twice, allow_unused=True)
    found = [o.detach() for o in outs], [None if g is None else g.detach() for g in grads]
    if not twice:
        return found
    total = sum(g.sin().sum() for g in grads if g is not None)
    if not total.requires_grad:
        return found
    second = torch.autograd.grad(total, given, allow_unused=True)
    return (*found, [None if g is None else g.detach() for g in second])


def alike(a, b):
    """As `same`, but a gradient that is zero may be missing."""
    for x, y in zip(a, b, strict=True):
        if isinstance(x, list):
            alike(x, y)
        elif x is None or y is None:
            assert all(t is None or not t.any() for t in (x, y))
        else:
            torch.testing.assert_close(x, y)


@pytest.mark.parametrize("seed", range(24))
def test_by_hand(seed):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    function, by_hand = program_of(rng)
    given = tensors(rng)
    # A loop without a bound has first derivatives alone.
    twice = "loop" not in function.__qualname__
    alike(outcome(function, given, twice), outcome(by_hand, given, twice))
    batch = [torch.stack([t, t + 0.1, -t]).detach() for t in given]
    plain = [function(*[t[i] for t in batch]) for i in range(3)]
    wide = torch.vmap(function)(*batch)
    for i, one in enumerate(plain):
        for x, y in zip(*[v if isinstance(v, tuple) else (v,) for v in (one, wide)], strict=True):
            torch.testing.assert_close(x, y[i])


class Holder(torch.nn.Module):
    """A module whose method is the body, and which holds what is captured."""

    def __init__(self, function, w):
        super().__init__()
        self.function, self.w = function, torch.nn.Parameter(w.detach().clone())

    def forward(self, a, xs):
        return self.function(a, xs, self.w)


@pytest.mark.parametrize("dynamic", [None, True])
@pytest.mark.parametrize("seed", range(12))
def test_compiled(seed, dynamic):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    function, _ = program_of(rng)
    a, xs, w = tensors(rng)
    module = Holder(function, w)
    compiled = torch.compile(module, dynamic=dynamic)
    for _ in range(3):
        results = []
        for call in (module, compiled):
            module.zero_grad()
            a.grad = xs.grad = None
            outs = call(a, xs)
            outs = outs if isinstance(outs, tuple) else (outs,)
            sum((o * o).sum() for o in outs).backward()
            results.append([*outs, a.grad, xs.grad, module.w.grad])
        for eager, ours in zip(*results, strict=True):
            assert (eager is None) == (ours is None)
            if eager is not None:
                torch.testing.assert_close(eager, ours)


CASES = {
    "cond": lambda t: cond(torch.tensor(True), lambda a: a * 2, lambda a: a.sin(), (t,)),
    "transposes": lambda t: cond(t.sum() < 9, lambda a: a.t() * 1, lambda a: a.t().cos(), (t,)),
    "scan that turns": lambda t: scan(lambda c, x: ((c * x).t() * 1, c.t() + 1), t * 1,
                                      torch.ones(4, 3, 3).mT, reverse=True),
    "cond, two orders": lambda t: cond(t.sum() < 9, lambda a: a.t() * 1, lambda a: a * 1, (t,)),
    "scan": lambda t: scan(lambda c, x: (c * 2, x + 1), t, torch.ones(4, 3, 3)),
    "while_loop": lambda t: while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * 2),
                                       (torch.tensor(0), t)),
    "no step": lambda t: while_loop(lambda i, a: i < 0, lambda i, a: (i + 1, a * 2),
                                    (torch.tensor(0), t)),
    "map": lambda t: map(lambda x, a: (x * a).t(), torch.ones(4, 3, 3), t),
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in CASES if n != "cond, two orders"])
def test_strides(name):
    x = torch.randn(3, 3)
    for given in (x, x.t(), x.t() * 2):
        eager, ours = CASES[name](given), torch.compile(CASES[name])(given)
        same(eager, ours)
        for a, b in zip(*[v if isinstance(v, tuple) else (v,) for v in (eager, ours)], strict=True):
            assert a.stride() == b.stride()


def test_channels_last():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    out = torch.compile(CASES["cond"])(x)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_branches_that_lie_in_two_orders():
    """Which of them is not known beforehand: values are eager's, in the order of the axes."""
    x = torch.randn(3, 3)
    same(CASES["cond, two orders"](x), torch.compile(CASES["cond, two orders"])(x))
