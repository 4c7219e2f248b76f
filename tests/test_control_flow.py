"""cond, scan, while_loop and map: values, derivatives of both modes and orders, batches, draws,
nesting, compiled programs, and what is refused."""

import sys
import tracemalloc
import warnings

import numpy as np
import pytest

import tidu
from tidu import func
from tidu._higher_order_ops import map as mapped
from tidu._higher_order_ops import scan

pytestmark = pytest.mark.slow

F64 = tidu.float64


def randn(*shape, seed=0, **options):
    values = np.random.RandomState(seed + sum(shape)).standard_normal(shape)
    return tidu.tensor(values, **options)


W = randn(3, 3, seed=5)


def branch(x):
    def first(a, b):
        return (a @ W).sin() * b, a.sum()

    def second(a, b):
        return a * b.exp(), (a * b).mean() * W[0, 0]

    return tidu.cond(x.sum() > 0, first, second, (x, x * 0.5 + 1))[0] * 2


def loop(x):
    last, all = scan(lambda c, y: ((c @ W).tanh() + y, c * y), x, tidu.stack([x, x + 1, x * x]))
    return last * 2 + all.sum(0)


def backwards(x):
    def step(c, y):
        return {"a": c["a"] * y[0] + 0.3, "n": c["n"] + 1}, (c["a"].cos() * c["n"], y[1] * 2)

    xs = tidu.stack([x, x.sin(), x + 1], 1), tidu.stack([x, x * 2, x - 1], 1)
    start = {"a": x * 0.5, "n": tidu.tensor(1)}
    last, (one, two) = scan(step, start, xs, dim=1, reverse=True)
    return last["a"] + one.sum(1) * last["n"] + two.prod(1)


def counted(x):
    def more(i, y):
        return (i < 7) & (y.sum() < 1e6)

    def step(i, y):
        return i + 1, (y @ W).sin() + y * 0.9 + x

    return tidu.while_loop(more, step, (tidu.tensor(0), x))[1]


def at_most(x, limit=10):
    def more(i, y):
        return i < 7

    return tidu.while_loop(more, lambda i, y: (i + 1, (y @ W).sin() + 0.9 * y + x),
                           (tidu.tensor(0), x), max_steps=limit)[1]  # fmt: skip


def rows(x):
    return mapped(lambda row, s: (row * s).cumsum(0) + W[0], tidu.stack([x, x * x]), x.sin()).sum(0)


def nested(x):
    def step(c, y):
        inner, _ = scan(lambda d, z: (d * z.cos() + c, d), c, y.unsqueeze(1) * W)
        return tidu.cond(inner.sum() > 0.1, lambda a: a.sin(), lambda a: a * y, (inner,)), inner * 2

    last, all = scan(step, x, tidu.stack([x, x + 0.2]))
    return last + all.sum(0)


PROGRAMS = (branch, loop, backwards, counted, at_most, rows, nested)
HIGHER = tuple(p for p in PROGRAMS if p is not counted)


def plain_branch(x):
    y = x * 0.5 + 1
    return ((x @ W).sin() * y if x.sum() > 0 else x * y.exp()) * 2


def plain_loop(x):
    c, total = x, 0
    for y in (x, x + 1, x * x):
        c, total = (c @ W).tanh() + y, total + c * y
    return c * 2 + total


def plain_backwards(x):
    a, n, one, two = x * 0.5, 1, [], []
    for y, z in zip((x + 1, x.sin(), x), (x - 1, x * 2, x), strict=True):
        one.append(a.cos() * n)
        two.append(z * 2)
        a, n = a * y + 0.3, n + 1
    return a + sum(one) * n + two[0] * two[1] * two[2]


def plain_counted(x):
    y = x
    for _ in range(7):
        y = (y @ W).sin() + y * 0.9 + x
    return y


def plain_rows(x):
    return sum([(row * x.sin()).cumsum(0) + W[0] for row in (x, x * x)])


def plain_nested(x):
    c, total = x, 0
    for y in (x, x + 0.2):
        d = c
        for z in y.unsqueeze(1) * W:
            d = d * z.cos() + c
        c, total = d.sin() if d.sum() > 0.1 else d * y, total + d * 2
    return c + total


PLAIN = {branch: plain_branch, loop: plain_loop, backwards: plain_backwards, rows: plain_rows,
         counted: plain_counted, at_most: plain_counted, nested: plain_nested}  # fmt: skip
POINTS = [randn(3, seed=s) * 0.7 for s in (1, 2, 3)]


def close(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)


def gradient(f, x):
    x = x.clone().requires_grad_()
    (g,) = tidu.autograd.grad((f(x) * tidu.arange(1, 4)).sum(), x)
    return g


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("x", POINTS)
def test_values_and_gradients_are_those_of_python(f, x):
    close(f(x), PLAIN[f](x))
    close(gradient(f, x), gradient(PLAIN[f], x))


@pytest.mark.parametrize("f", [f for f in PROGRAMS if f is not backwards])
def test_gradients_reach_tensors_from_outside(f, monkeypatch):
    matrix = W.clone().requires_grad_()
    monkeypatch.setitem(globals(), "W", matrix)
    x = POINTS[0].abs()
    (a,) = tidu.autograd.grad(f(x).sum(), matrix)
    (b,) = tidu.autograd.grad(PLAIN[f](x).sum(), matrix)
    close(a, b)


@pytest.mark.parametrize("f", HIGHER)
def test_second_order(f):
    x = POINTS[1].clone().requires_grad_()
    assert tidu.autograd.gradcheck(f, (x,))
    assert tidu.autograd.gradgradcheck(f, (x,))


@pytest.mark.parametrize("f", PROGRAMS)
def test_forward_mode(f):
    x, t = POINTS[0], randn(3, seed=9)
    out, moved = func.jvp(f, (x,), (t,))
    close(out, PLAIN[f](x))
    close(moved, func.jvp(PLAIN[f], (x,), (t,))[1])


@pytest.mark.parametrize("f", HIGHER)
def test_hessian_forward_over_reverse(f):
    a = func.jacfwd(func.jacrev(f))(POINTS[2])
    close(a, func.jacfwd(func.jacrev(PLAIN[f]))(POINTS[2]))
    close(func.jacrev(func.jacrev(f))(POINTS[2]), a)


@pytest.mark.parametrize("f", PROGRAMS)
def test_batches(f):
    xs = tidu.stack(POINTS)
    close(func.vmap(f)(xs), tidu.stack([PLAIN[f](x) for x in POINTS]))
    close(func.vmap(f, in_dims=1, out_dims=1)(xs.mT), tidu.stack([f(x) for x in POINTS], 1))
    expected = tidu.stack([func.grad(lambda x: PLAIN[f](x).sum())(x) for x in POINTS])
    close(func.vmap(func.grad(lambda x: f(x).sum()))(xs), expected)
    close(func.grad(lambda xs: func.vmap(f)(xs).sum())(xs), expected)


@pytest.mark.parametrize("f", PROGRAMS)
def test_compiled(f):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled = tidu.compile(f, fullgraph=True)
        for x in POINTS:
            close(compiled(x), PLAIN[f](x))
            close(gradient(compiled, x), gradient(PLAIN[f], x))
    lines = compiled.explain()
    assert "2 version" in lines or "1 version" in lines, lines  # both branches are in the program


@pytest.mark.parametrize("f", PROGRAMS)
def test_compiled_gradient_inside(f):
    def step(x):
        x = x.clone().requires_grad_()
        (f(x) ** 2).sum().backward()
        return x.grad

    compiled = tidu.compile(step, fullgraph=True)
    for x in POINTS:
        close(compiled(x), step(x))
    inner = tidu.compile(func.vmap(func.grad(lambda x: f(x).sum())), fullgraph=True)
    expected = [func.grad(lambda x: PLAIN[f](x).sum())(x) for x in POINTS]
    close(inner(tidu.stack(POINTS)), tidu.stack(expected))


def test_loops_end_at_different_steps():
    def halved(x):
        def more(n, x):
            return x > 1

        return tidu.while_loop(more, lambda n, x: (n + 1, x / 2), (tidu.tensor(0), x))

    xs = tidu.tensor([1.0, 5.0, 100.0, 0.1], dtype=F64)
    steps, ends = func.vmap(halved)(xs)
    assert steps.tolist() == [0, 3, 7, 0]
    close(ends, xs / 2.0**steps)
    slopes = func.vmap(func.grad(lambda x: halved(x)[1]))(xs)
    close(slopes, 0.5**steps)
    close(func.grad(lambda xs: func.vmap(halved)(xs)[1].sum())(xs), 0.5**steps)
    close(func.vmap(lambda x, t: func.jvp(halved, (x,), (t,))[1][1])(xs, xs), xs * 0.5**steps)


def test_a_bounded_loop_stops():
    out = tidu.while_loop(lambda i: i < 100, lambda i: (i + 1,), (tidu.tensor(0),), max_steps=11)
    assert out[0] == 11
    for limit in (0, 1, 2, 3, 4, 9, 10):
        (n,) = tidu.while_loop(lambda i: i < 5, lambda i: (i + 1,), (tidu.tensor(0),),
                               max_steps=limit)  # fmt: skip
        assert n == min(limit, 5)


def test_a_long_loop_keeps_few_values():
    size, steps = 50_000, 400

    def run(x, **options):
        return tidu.while_loop(lambda i, y: i < steps, lambda i, y: (i + 1, y.sin() + 0.5),
                               (tidu.tensor(0), x), **options)[1].sum()  # fmt: skip

    for options in ({}, {"max_steps": steps}):
        x = randn(size, seed=3).requires_grad_()
        run(x, **options).backward()  # graphs are made
        x.grad = None
        tracemalloc.start()
        run(x, **options).backward()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100 * size * 8, peak / (size * 8)  # all steps would be over 400
        y, z = x.detach().requires_grad_(), x.detach()
        z = y
        for _ in range(steps):
            z = z.sin() + 0.5
        z.sum().backward()
        close(x.grad, y.grad)


def dropped(x):
    def step(c, y):
        keep = tidu.nn.functional.dropout(c, 0.5, training=True)
        noise = tidu.cond(y.sum() > 0, lambda a: a * tidu.rand(3, dtype=F64), lambda a: a * 3, (y,))
        return keep + noise, keep

    last, all = scan(step, x, tidu.stack([x, -x, x + 1]))
    return last * all.sum(0)


def plain_dropped(x):
    c, all = x, []
    for y in (x, -x, x + 1):
        keep = tidu.nn.functional.dropout(c, 0.5, training=True)
        all.append(keep)
        c = keep + (y * tidu.rand(3, dtype=F64) if y.sum() > 0 else y * 3)
    return c * sum(all)


def seeded(f, *args):
    tidu.manual_seed(3)
    out = f(*args)
    return out, tidu.rand(1)


def test_random_draws_come_from_the_stream_in_order():
    for x in POINTS:
        for f in (dropped, tidu.compile(dropped, fullgraph=True)):
            (a, end), (b, place) = seeded(f, x), seeded(plain_dropped, x)
            close(a, b)
            assert end == place
            (a, end), (b, place) = seeded(gradient, f, x), seeded(gradient, plain_dropped, x)
            close(a, b)
            assert end == place


def test_random_draws_under_transforms():
    t = randn(3, seed=4)
    (_, a), _ = seeded(func.jvp, dropped, (POINTS[0],), (t,))
    (_, b), _ = seeded(func.jvp, plain_dropped, (POINTS[0],), (t,))
    close(a, b)
    hessians = [
        seeded(func.jacfwd(func.grad(lambda x, f=f: f(x).sum()), randomness="same"), t)[0]
        for f in (dropped, plain_dropped)
    ]
    close(*hessians)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        func.vmap(dropped)(tidu.stack(POINTS))


def noisy(x):
    return tidu.while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, y * tidu.rand(3, dtype=F64)),
                           (tidu.tensor(0), x))[1]  # fmt: skip


def test_random_draws_in_while_loops():
    x = POINTS[0]
    tidu.manual_seed(0)
    a = noisy(x)
    tidu.manual_seed(0)
    b = x
    for _ in range(4):
        b = b * tidu.rand(3, dtype=F64)
    close(a, b)
    with pytest.raises(RuntimeError, match="can't be repeated for its gradient"):
        gradient(noisy, x)


def test_no_grad_and_detach_inside():
    def step(c, y):
        with tidu.no_grad():
            still = c * 3
        return c * y + still + c.detach() * y, c

    def plain(x):
        c = x
        for y in (x, x + 1):
            c = step(c, y)[0]
        return c

    def looped(x):
        return scan(step, x, tidu.stack([x, x + 1]))[0]

    for f in (looped, tidu.compile(looped, fullgraph=True)):
        close(gradient(f, POINTS[0]), gradient(plain, POINTS[0]))


def test_tensors_made_and_written_inside():
    def step(c, y):
        total = tidu.zeros(3, dtype=F64)
        for i in range(3):
            total += c * i
            total[0] = y[i]
        return total, total[1:]

    c, parts = scan(step, POINTS[0], tidu.stack(POINTS))
    d, expected = POINTS[0], []
    for y in POINTS:
        d, part = step(d, y)
        expected.append(part)
    close(c, d)
    close(parts, tidu.stack(expected))


def test_gradients_taken_inside():
    def step(c, y):
        g = func.grad(lambda a: (a.sin() * y).sum())(c)
        z = c.detach().requires_grad_()
        (h,) = tidu.autograd.grad((z * z * y).sum(), z)
        return c - 0.1 * g, h

    c, hs = scan(step, POINTS[0], tidu.stack(POINTS))
    d = POINTS[0]
    for y, h in zip(POINTS, hs, strict=True):
        close(h, 2 * d * y)
        d = d - 0.1 * d.cos() * y
    close(c, d)
    assert tidu.autograd.gradcheck(
        lambda x: scan(step, x, tidu.stack(POINTS))[0], (POINTS[1].clone().requires_grad_(),)
    )


def test_results_are_memory_of_their_own():
    x = POINTS[0].clone()
    y = tidu.cond(tidu.tensor(True), lambda a: a, lambda a: a * 2, (x,))
    (z,) = tidu.while_loop(lambda a: a.sum() < -1e9, lambda a: (a + 1,), (x,))
    w, _ = scan(lambda c, a: (c, a), x, tidu.ones(2, 3))
    for t in (y, z, w):
        t.zero_()
    close(x, POINTS[0])
    one, two = tidu.cond(tidu.tensor(True), lambda a: (a, a), lambda a: (a, a * 2), (x,))
    one.zero_()
    close(two, x)


def test_results_may_be_written_before_the_backward_pass():
    x = POINTS[0].clone().requires_grad_()
    y = tidu.cond(x.sum() > -99, lambda a: a.sin(), lambda a: a, (x,))
    y.mul_(2)
    y.sum().backward()
    close(x.grad, 2 * x.detach().cos())


def test_a_python_predicate_chooses():
    assert tidu.cond(True, lambda x: x + 1, lambda x: x.nothing, (tidu.zeros(()),)) == 1
    assert tidu.cond(0, lambda x: x.nothing, lambda x: x + 2, (tidu.zeros(()),)) == 2


X = tidu.ones(3)
YES, NO = (lambda: X.sum() > 0), (lambda: X.sum() < 0)
REFUSED = {
    "Expected pred to be bool or tensor": lambda: tidu.cond("a", YES, NO),
    "Expected pred to be bool or single-element tensor": lambda: tidu.cond(X > 0, YES, NO),
    "Expect both branches to be callable": lambda: tidu.cond(X.sum() > 0, 3, NO),
    "Expect operands to be a tuple": lambda: tidu.cond(X.sum() > 0, YES, NO, X),
    "expected same dim but got 1 and 0": lambda: tidu.cond(
        YES(), lambda x: x, lambda x: x.sum(), (X,)),
    "expected same shape but got": lambda: tidu.cond(YES(), lambda x: x, lambda x: x[:2], (X,)),
    "expected same dtype but got": lambda: tidu.cond(
        YES(), lambda x: x, lambda x: x.double(), (X,)),
    "Unmatched output spec": lambda: tidu.cond(YES(), lambda x: x, lambda x: (x, x), (X,)),
    "must return tensors": lambda: tidu.cond(YES(), lambda x: x, lambda x: 3, (X,)),
    "the value of a tensor was asked for": lambda: tidu.cond(
        YES(), lambda x: x if x.sum() > 0 else -x, lambda x: x, (X,)),
    "do not support input mutation": lambda: tidu.cond(
        YES(), lambda x: X.add_(x), lambda x: x, (X * 2,)),
    "Combine_fn must be a callable": lambda: scan(3, X, X),
    "scan\\(\\) operator requires init leaves": lambda: scan(lambda c, x: (c, x), [], X),
    "All init leaves must be a Tensor": lambda: scan(lambda c, x: (c, x), 1.0, X),
    "improper combine_fn number of returns": lambda: scan(lambda c, x: c + x, X[0], X),
    "init and carry to have same metadata": lambda: scan(lambda c, x: (c.double(), x), X[0], X),
    "init and carry to have same structure": lambda: scan(lambda c, x: ((c, c), x), X[0], X),
    "Dimension out of range": lambda: scan(lambda c, x: (c, x), X, X, dim=5),
    "scan dimension > 0": lambda: scan(lambda c, x: (c, x), X, X[:0]),
    "same size along the scan dimension": lambda: scan(lambda c, x: (c, x[0]), X, (X, X[:2])),
    "Leading dimensions of mapped xs cannot be 0": lambda: mapped(lambda x: x, X[:0]),
    "Leading dimensions of mapped xs must be consistent": lambda: mapped(
        lambda x: x[0], (X, X[:2])),
    "Expect cond_fn and body_fn to be callable": lambda: tidu.while_loop(3, 4, (X,)),
    "carried_inputs must be a tuple": lambda: tidu.while_loop(YES, NO, X),
    "cond_fn must return a boolean scalar tensor": lambda: tidu.while_loop(
        lambda x: x > 0, lambda x: (x,), (X,)),
    "cond_fn must return a boolean scalar": lambda: tidu.while_loop(
        lambda x: x.sum(), lambda x: (x,), (X,)),
    "same number of outputs": lambda: tidu.while_loop(
        lambda x, y: x.sum() < 0, lambda x, y: (x,), (X, X)),
    "body_fn_output and carried_inputs to have same metadata": lambda: tidu.while_loop(
        lambda x: x.sum() < 0, lambda x: (x.sum(),), (X,)),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    with pytest.raises((RuntimeError, IndexError), match=message):
        REFUSED[message]()
    assert X.tolist() == [1, 1, 1]


def test_while_loops_say_that_they_are_differentiable_once():
    x = POINTS[0].clone().requires_grad_()
    (g,) = tidu.autograd.grad(counted(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable once"):
        g.sum().backward()


def test_under_other_names():
    class Sub(tidu.Tensor):
        """From now on public functions ask the classes of their arguments."""

    assert tidu.add(tidu.ones(1).as_subclass(Sub), 1).__class__ is Sub
    assert tidu._higher_order_ops.scan is tidu.scan is scan  # but not those of functions
    assert sys.modules["tidu._higher_order_ops.while_loop"].while_loop is tidu.while_loop
