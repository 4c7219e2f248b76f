"""Programs of users in which compiled once differed from eager: memory, streams, types, errors."""

import numpy as np
import pytest

import tidu as torch

F = torch.nn.functional
TYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int64", "bool",
         "complex64", "complex128")  # fmt: skip


def both(function, *given, calls=2, fullgraph=True):
    """All that a function gives and leaves, eager and compiled, must be equal; the compiled one."""
    found = []
    compiled = torch.compile(function, fullgraph=fullgraph)
    for run in (function, compiled):
        torch.manual_seed(0)
        own = [g.clone() for g in given]
        made = []
        for _ in range(calls):
            out = run(*own)
            made += [t.clone() for t in (out if isinstance(out, tuple) else (out,))]
        found.append([*made, *own, torch.rand(1)])
    for a, b in zip(*found, strict=True):
        assert a.dtype is b.dtype and a.shape == b.shape
        assert torch.equal(a, b), (a, b)
    return compiled


X = torch.linspace(-2, 3, 12, dtype=torch.float64).reshape(3, 4)


def test_reshape_copies_where_the_memory_asks_for_it():
    def f(x):
        y = x.mT.reshape(-1)
        y.zero_()
        z = x.reshape(-1)
        z[0] = 5
        w = (x.mT * 2).flatten()
        w[1] = 7
        return x * 1, y, z, w

    both(f, X)
    both(f, X.mT)


def test_contiguous_is_the_tensor_itself_or_a_copy():
    def f(x):
        y = x.contiguous()
        y[0] = 1
        w = x.mT.contiguous()
        w[0] = 2
        return x * 1, torch.tensor([x.is_contiguous(), x.mT.is_contiguous()]), w

    both(f, X)
    both(f, X[:, ::2])


def test_a_view_that_memory_does_not_allow():
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        torch.compile(lambda x: x.mT.view(-1), fullgraph=True)(X)
    assert torch.compile(lambda x: torch.tensor(x.mT.stride()))(X).tolist() == [1, 4]


@pytest.mark.parametrize("name", TYPES)
def test_writes_of_every_type(name):
    dtype = getattr(torch, name)

    def f(x, y):
        x.copy_(y)
        z = x.mT.reshape(-1).clone()
        x[0] = y[1]
        y.mT[0] = x[:, 0]
        x.fill_(1)
        return z, x.mT.contiguous(), y.flatten()[::2], y.permute(1, 0).reshape(2, -1)

    x, y = (X * 3).to(dtype), (X.flip(0) * 2).to(dtype)
    both(f, x, y)


def test_masks_that_are_assigned_a_number():
    def f(x):
        y = x * 2
        y[x > 0] = 0.25
        y[x[:, 0] > 0] = torch.tensor([-1.0], dtype=x.dtype)
        y[y.sum() > 100] = 3
        y[..., -1][y[..., -1] < 0] = 7
        return y

    both(f, X)


def test_seeds_inside():
    def f(x):
        torch.manual_seed(1)
        return x + torch.rand(4)

    def g(x):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            x = x + torch.rand(4)
        return x * torch.rand(4)

    def h(x):
        return x * torch.rand(4, generator=torch.Generator().manual_seed(4))

    seeds, asks = "it seeds a stream of random numbers", "it asks where a stream .* stands"
    for function, reason, line in (
        (f, seeds, "manual_seed"),
        (g, asks, "fork"),
        (h, seeds, "rand"),
    ):
        with pytest.warns(UserWarning, match=rf"{reason}.\n  {__file__}:\d+: .*{line}"):
            both(function, X, calls=3, fullgraph=False)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
@pytest.mark.parametrize("exponent", [0, 1, 2, 5, 17, "y"])
def test_powers_of_whole_numbers(dtype, exponent):
    x = torch.tensor([-3, 0, 1, 2, 7, 1_000_003]).to(dtype)
    kind = torch.int64 if dtype is torch.bool else dtype
    y = torch.tensor([3, 0, 5, 2, 21, 4]).to(kind) if exponent == "y" else exponent
    got, want = torch.compile(lambda x: x**y, fullgraph=True)(x), x**y
    assert got.dtype == want.dtype and got.tolist() == want.tolist()


def test_whole_numbers_divided_by_zero():
    counts = torch.ones(2)
    f = torch.compile(lambda a, b, c: (a // b, a % b, c.mul_(2)), fullgraph=True)
    a = torch.tensor([5, -5, 7])
    assert f(a, torch.tensor([3, 3, -2]), counts)[0].tolist() == [1, -2, -4]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            f(a, torch.tensor([3, 0, 2]), counts)
    assert counts.tolist() == [2.0, 2.0]  # nothing was written


def test_probabilities_and_draws_by_weights():
    f = torch.compile(F.binary_cross_entropy, fullgraph=True)
    p, t = torch.tensor([0.2, 0.7, 1.0, 0.0]), torch.tensor([0.0, 1.0, 1.0, 0.3])
    torch.testing.assert_close(f(p, t), F.binary_cross_entropy(p, t))
    with pytest.raises(RuntimeError, match="all elements of input should be between 0 and 1"):
        f(p * 2, t)
    both(lambda p: torch.multinomial(p, 2), torch.tensor([0.1, 0.2, 0.3]))
    with pytest.raises(RuntimeError, match="invalid multinomial distribution"):
        torch.compile(lambda p: torch.multinomial(p, 2), fullgraph=True)(torch.zeros(3))


def test_sparse_gradients_are_made_eagerly():
    def trained(compiles):
        torch.manual_seed(0)
        table = torch.nn.Embedding(5, 2, sparse=True)
        optimizer = torch.optim.SparseAdam(list(table.parameters()))

        def step(rows):
            optimizer.zero_grad()
            table(rows).sum().backward()
            optimizer.step()

        run = torch.compile(step) if compiles else step
        for _ in range(3):
            run(torch.tensor([1, 2, 1]))
        return table.weight

    with pytest.warns(UserWarning, match="its gradient, is sparse"):
        found = trained(True)
    torch.testing.assert_close(found, trained(False))


def test_a_statement_that_makes_sparse_gradients_is_cut_out():
    table = torch.nn.Embedding(5, 2, sparse=True)
    f = torch.compile(lambda rows: table(rows).sum() * 2)
    with pytest.warns(UserWarning, match="it makes sparse gradients"):
        f(torch.tensor([1, 2, 1])).backward()
    assert table.weight.grad.to_dense().tolist() == [[0, 0], [4, 4], [2, 2], [0, 0], [0, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_that_are_parts_of_memory(dtype):
    a, b = [torch.ones(2, 3, dtype=dtype, requires_grad=True) for _ in range(2)]
    f = torch.compile(lambda a, b: torch.cat([a, b], 1).flip(1).mT.flip(0)[1:])
    for _ in range(2):
        f(a, b).square().sum().backward()
    assert a.grad.tolist() == [[0.0, 4.0, 4.0]] * 2 and b.grad.tolist() == [[4.0] * 3] * 2


def test_the_product_of_nadam_is_rounded_as_eager():
    def products(compiles):
        p = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        optimizer = torch.optim.NAdam([p], 0.01)

        def step():
            optimizer.zero_grad()
            (p**2).sum().backward()
            optimizer.step()

        run = torch.compile(step) if compiles else step
        for _ in range(6):
            run()
        return p.detach().numpy(), optimizer.state[p]["mu_product"].numpy()

    (p, product), (expected, other) = products(True), products(False)
    assert product == other
    np.testing.assert_allclose(p, expected, rtol=1e-13)


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("view", [lambda x: x.mT, lambda x: x[:1], lambda x: x.detach()])
def test_views_made_without_gradients(view, tracked):
    """Such a view asks its base for its history, as in eager."""
    x = torch.ones(2, 3, requires_grad=tracked)
    with torch.no_grad():
        eager, compiled = view(x), torch.compile(view)
        for _ in range(3):
            y = compiled(x)
            assert y.requires_grad == eager.requires_grad and y.is_leaf and y.grad_fn is None
            assert y._is_view() == eager._is_view() and y.data_ptr() == x.data_ptr()


def backward_of(p):
    """A gradient that is computed in several steps, not in one loop."""
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    F.avg_pool2d(x * p, 2, 1).square().mean().backward()


def emptied(p):
    p.grad.zero_()
    backward_of(p)


def scaled_after(p):
    emptied(p)
    p.grad.mul_(2)


def replaced_after(p):
    emptied(p)
    p.grad = p.grad * 0.5


def dropped_when_written(p):
    p.grad.mul_(3)
    p.grad = None
    backward_of(p)


def replaced_before(p):
    p.grad = p.grad * 2
    backward_of(p)


GRADIENTS = (backward_of, emptied, scaled_after, replaced_after, dropped_when_written,
             replaced_before)  # fmt: skip


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("change", GRADIENTS)
def test_gradients_that_are_written_replaced_and_added_to(change, given):
    def told(compiles):
        p = torch.linspace(-1, 2, 4, requires_grad=True)
        p.grad, found = torch.ones(4), []
        function = (lambda p: change(p)) if given else (lambda: change(p))
        run = torch.compile(function, fullgraph=True) if compiles else function
        for held in (False, True, False, False, True):
            last = p.grad if held else None
            run(*[p] * given)
            found += [p.grad.tolist(), last is p.grad, held and last.tolist()]
        return found

    assert told(True) == told(False)


def test_the_gradient_of_an_argument_is_read_at_each_call():
    read = torch.compile(lambda p: p.grad * 2, fullgraph=True)
    for number in (1.0, 2.0, 3.0, 4.0):
        p = torch.zeros(3, requires_grad=True)
        p.grad = torch.full((3,), number)
        assert read(p).tolist() == [2 * number] * 3


def test_equal_results_have_memory_of_their_own():
    """The same expression is computed once, and what `clone` made is still apart."""

    def f(x):
        y = x.sin()
        return y, y.clone(), x.sin(), y.reshape(4, 3), y * 1

    for run in (f, torch.compile(f, fullgraph=True)):
        a, b, c, view, d = run(X)
        a.zero_()
        assert view.abs().sum() == 0
        for other in (b, c, d):
            torch.testing.assert_close(other, X.sin())


@pytest.mark.parametrize("to_none", [True, False])
def test_equal_gradients_have_memory_of_their_own(to_none):
    def told(compiles):
        a, b = [torch.nn.Parameter(torch.ones(4, dtype=torch.float64)) for _ in range(2)]
        optimizer, found = torch.optim.SGD([a, b], 0.1, momentum=0.5), []

        def step():
            optimizer.zero_grad(set_to_none=to_none)
            out = X * (a + b)
            out.square().sum().backward()
            optimizer.step()
            return out.detach()

        run = torch.compile(step) if compiles else step
        for _ in range(4):
            run()
            found += [a.grad.tolist(), b.grad.tolist(), a.grad.data_ptr() == b.grad.data_ptr()]
        a.grad.add_(1)
        return *found, b.grad.tolist()

    assert told(True) == told(False)


ORDERS = {
    "elementwise": lambda x: x.mT * 2,
    "an operation of a turned result": lambda x: (
        (x[None] * torch.ones(4, 1, 1)).permute(2, 0, 1) + 1
    ),
    "zeros": lambda x: torch.zeros_like(x.mT),
    "a copy": lambda x: x.mT.clone(),
    "in order": lambda x: (x.mT * 2).contiguous(),
    "flipped": lambda x: (x.flip(0), (x * 2).flip(1), x.mT.flip(0), torch.rot90(x)),
    "a view of it": lambda x: (x.mT.sin(), x.mT.sin()[1:]),
    "a gradient is in order": lambda x: x.mT.softmax(-1),
}


@pytest.mark.parametrize("name", ORDERS)
def test_results_lie_in_memory_as_eager_ones(name):
    """So that their views are views."""
    results = [f(X) for f in (ORDERS[name], torch.compile(ORDERS[name], fullgraph=True))]
    for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in results], strict=True):
        torch.testing.assert_close(a, b)
        assert a.stride() == b.stride() or name == "a view of it"


@pytest.mark.parametrize("function", [
    lambda x: (x * 2j).cumsum(0), lambda x: x.to(torch.float8_e4m3fn) + x.to(torch.float8_e4m3fn),
    lambda x: (x * 2j).exp(),
])  # fmt: skip
def test_types_that_only_keep_numbers_are_refused_as_eagerly(function):
    x = torch.ones(4, dtype=torch.float16)
    with pytest.raises(NotImplementedError) as expected:
        function(x)
    for fullgraph in (False, True):
        with pytest.raises(NotImplementedError) as found:
            torch.compile(function, fullgraph=fullgraph)(x)
        assert str(found.value) == str(expected.value)
    sums = both(lambda x: (x * 2j) * (x * 3j) + x * 1j, x)(x)
    assert sums.dtype is torch.complex32
