"""Reads and writes by index arrays in generated code, and the errors of wrong indices."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from lowered import of, steps_called

import tidu as torch
from tidu.compiler.machine import shared_code

pytestmark = pytest.mark.slow

F = torch.nn.functional
SHAPES = (((5,), 0), ((5, 3), 0), ((2, 5), 1), ((4, 5, 70), 1), ((6, 130), 0))


def index_of(shape, size, low=0):
    return torch.tensor(np.random.RandomState(1).randint(low, size, shape))


def compare(f, *inputs):
    assert steps_called(f, *inputs) == []
    got, expected = torch.compile(f)(*inputs), f(*inputs)
    torch.testing.assert_close(got, expected)
    leaves = [x for x in inputs if x.requires_grad]
    if leaves:
        seed = torch.cos(torch.arange(got.numel(), dtype=got.dtype)).reshape(got.shape)
        pairs = zip(torch.autograd.grad(got, leaves, seed),
                    torch.autograd.grad(expected, leaves, seed),
                    strict=True)  # fmt: skip
        for a, b in pairs:
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape,axis", SHAPES)
def test_rows(shape, axis, dtype):
    x = of(*shape, dtype=dtype).requires_grad_()
    for places in (index_of((7,), 5, -5), index_of((2, 3), 5, -5).to(torch.int32).long()):
        compare(lambda x, places=places: x[(slice(None),) * axis + (places,)] * 2, x)
    chosen, order = index_of((9,), 5), range(len(shape))[::-1]
    compare(lambda x: x.index_select(axis, chosen), x)
    turned = of(*shape[::-1], dtype=dtype).requires_grad_()
    compare(lambda x: x.permute(*order).index_select(axis, chosen), turned)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape,axis", SHAPES)
def test_picks(shape, axis, dtype):
    x = of(*shape, dtype=dtype).requires_grad_()
    size = [*shape[:axis], 8, *shape[axis + 1 :]]
    places, source = index_of(size, 5), of(*size, dtype=dtype).requires_grad_()
    compare(lambda x: x.gather(axis, places).sin(), x)
    compare(lambda x, y: x.scatter_add(axis, places, y).sin(), x, source)
    alone = (
        torch.arange(shape[axis])
        .flip(0)
        .reshape([-1 if a == axis else 1 for a in range(len(shape))])
    )
    alone = alone.expand(shape)
    compare(
        lambda x, y: x.scatter(axis, alone, y).sin(), x, of(*shape, dtype=dtype).requires_grad_()
    )


I, J = torch.tensor([0, 2, -1, 1]), torch.tensor([3, -2, 0, 1])
SEVERAL = {
    "x[i, j]": lambda x: x[I, J],
    "x[:, i, j]": lambda x: x.mT.reshape(1, 5, 4)[:, J, I],
    "x[i, :, j]": lambda x: (x[:, None] * torch.ones(3, 1, dtype=x.dtype))[I, :, J],
    "x[k, i]": lambda x: x[torch.tensor([[0], [1]]), I],
    "accumulated": lambda x: x.index_put((I, J), x[0, :4] * 2, accumulate=True),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SEVERAL)
def test_several_index_arrays(name, dtype):
    compare(lambda x: SEVERAL[name](x) * 2, of(4, 5, dtype=dtype).requires_grad_())


def assigned(*index):
    def f(x, v):
        y = x * 1
        y[index if len(index) > 1 else index[0]] = v
        return y.sin()

    return f


ASSIGNED = {
    "x[i] = row": (assigned(I), (5,)),
    "x[i, j] = v": (assigned(I, J), (4,)),
    "x[:, i] = column": (assigned(slice(None), I), (4, 1)),
    "x[i] = number": (assigned(I), ()),
    "the last of several stays": (assigned(torch.tensor([1, 1, 3, 1])), (4, 5)),
    "a row": (assigned(1), (5,)),
    "an element": (assigned(2, 3), ()),
    "a part": (assigned(slice(1, 3), slice(None, None, 2)), (2, 1)),
    "across": (lambda x, v: assigned(slice(None), 1)(x.mT, v).mT, (5,)),
    "through views": (lambda x, v: (y := x * 1).view(2, 10)[1].diff().add_(1) is None
                      or y.mT[1:3].flatten().mul_(2).sum() * v, ()),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ASSIGNED)
def test_assignments(name, dtype):
    f, shape = ASSIGNED[name]
    compare(f, of(4, 5, dtype=dtype).requires_grad_(), of(*shape, dtype=dtype).requires_grad_())
    x, v = (of(4, 5) * 3).long(), (of(*shape) * 3).long()
    torch.testing.assert_close(torch.compile(f)(x, v), f(x, v))


def test_types_that_are_not_floating():
    places = index_of((6,), 4)
    for dtype in (torch.int64, torch.int32, torch.int8, torch.bool):
        x = (of(4, 3) * 3).to(dtype)
        compare(lambda x: x[places], x)
        compare(lambda x: x.gather(0, places[:4].reshape(4, 1).expand(4, 3)), x)


def test_a_network_with_an_embedding_has_no_step_by_numpy():
    torch.manual_seed(0)
    table, head = torch.nn.Embedding(11, 6), torch.nn.Linear(6, 4)
    optimizer = torch.optim.Adam([*table.parameters(), *head.parameters()])
    words, classes = index_of((8, 5), 11), index_of((8,), 4)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(head(table(words).mean(1)), classes)
        loss.backward()
        optimizer.step()
        return loss

    compiled = torch.compile(step)
    losses = [float(compiled().detach()) for _ in range(5)]
    assert "as in eager" not in compiled.explain() and compiled.quick
    assert losses == sorted(losses, reverse=True)


ERRORS = {
    "x[i]": lambda x, i: x[i] * 2,
    "select": lambda x, i: x.index_select(1, i) * 2,
    "embedding": lambda x, i: F.embedding(i, x) * 2,
    "x[i, j]": lambda x, i: x[i, i.flip(0)] * 2,
    "x[i] = v": lambda x, i: assigned(i)(x, x[0]),
    "x[i, j] = v": lambda x, i: assigned(i, i * 0)(x, x[0, 0]),
    "gather": lambda x, i: x.gather(1, i.reshape(1, -1).expand(3, -1)) * 2,
    "scatter_add": lambda x, i: x.scatter_add(
        1, i.reshape(1, -1).expand(3, -1), x[:, :1].expand(3, 4)
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_wrong_index_is_eagers_error(name):
    f, x = ERRORS[name], of(3, 3)
    compiled = torch.compile(f)
    good = torch.tensor([0, 2, 1, 0])
    for _ in range(3):
        torch.testing.assert_close(compiled(x, good), f(x, good))
    for wrong in (3, 9, -4, -1):
        places = good.clone()
        places[2] = wrong
        found = []
        for run in (f, compiled):
            try:
                found.append(run(x, places).tolist())
            except Exception as error:
                found.append((type(error), str(error)))
        assert found[0] == found[1]
    torch.testing.assert_close(compiled(x, good), f(x, good))


def test_one_text_for_all_sizes():
    table = of(20, 6, dtype=torch.float32).requires_grad_()
    compiled = torch.compile(lambda i: table[i].sum(0), dynamic=True)
    count = None
    for n in (9, 4, 33, 70, 2):
        places = index_of((n,), 20)
        torch.testing.assert_close(compiled(places), table[places].sum(0))
        count = count or shared_code.COUNTS["compiled"]
    assert shared_code.COUNTS["compiled"] == count


def _base_written(x, i):
    part = x[i]
    x.mul_(2)
    return part.clone()


def _part_written(x, i):
    x[i].mul_(3)
    x[:, i].sub_(1)
    x[i, i] *= 4
    return x.clone()


def _views_of_the_part(x, i):
    part = x.t()[i].unsqueeze(0)
    tail = part[:, 1:]
    x.add_(1)
    tail.exp_()
    return part + 0, tail + 0, x + 0


def _copied_where_eager_copies(x, i):
    part = x[:, i].reshape(-1)  # its elements lie apart
    part.mul_(2)
    return part, x[i].reshape(-1).mul_(2)


def _detached(x, i):
    other = x.detach()
    part = other[i]
    x.mul_(2)
    part.add_(1)
    return part + 0, other + 0


def _index_written_later(x, i):
    part = x[i]
    i.sub_(1)
    x.mul_(3)
    return part + 0, i + 0


def _in_memory_of_its_own(x, i):
    buffer = torch.zeros(4, 3)
    row, other = buffer[i], buffer[1:]
    buffer.add_(1)
    row.mul_(x[0])
    return buffer, row, other


def _returned(x, i):
    y = x * 2
    z = x.t() * 3
    return y, y[i], x[i], x[:, i][:1], z[i], z


def _with_other_indices(x, i):
    y = x.reshape(1, 2, 3, 1).repeat(2, 1, 1, 2)
    return y[:, i, :, [0, 1, 1]], y[i, [0, 1]], y[i, None, ..., i]


def _inside_transforms(x, i):
    def inner(x):
        part = x.sin()[i] * 2
        part.square_()
        return part.sum()

    def row(r):
        r = r.clone()
        r[i].mul_(2)
        return r

    y = x.sin()
    part = y[i]
    y.mul_(2)
    return torch.func.grad(inner)(x), torch.vmap(row)(x), part


@pytest.mark.parametrize("function", [
    _base_written, _part_written, _views_of_the_part, _copied_where_eager_copies, _detached,
    _index_written_later, _in_memory_of_its_own, _returned, _with_other_indices, _inside_transforms,
])  # fmt: skip
@pytest.mark.parametrize("place", [1, -1])
def test_an_index_without_axes_gives_a_view(function, place):
    def results(run):
        x, i = torch.arange(6.0).reshape(2, 3), torch.tensor(place)
        outs = run(x, i)
        everything = [*(outs if isinstance(outs, tuple) else (outs,)), x, i]
        arrays = [t.numpy() for t in everything]
        together = [[np.may_share_memory(a, b) for b in arrays] for a in arrays]
        steps = [[s for n, s in zip(t.shape, t.stride(), strict=True) if n > 1] for t in everything]
        return everything, steps, together

    compiled = torch.compile(function, fullgraph=True)
    for _ in range(2):
        for got, expected in zip(results(compiled), results(function), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


def test_gradients_through_writes_at_an_index_without_axes():
    def function(x, i):
        y = x * 2
        part = y[:, i]
        y.mul_(x)
        part.mul_(part.detach().exp())
        y[i] += part.sum()
        return y

    x, i = of(3, 3, dtype=torch.float64).requires_grad_(), torch.tensor(2)
    (expected,) = torch.autograd.grad(function(x, i).sin().sum(), x)
    (got,) = torch.autograd.grad(torch.compile(function, fullgraph=True)(x, i).sin().sum(), x)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_a_place_outside_is_refused():
    for function in (lambda x, i: x[i], lambda x, i: (x * 2)[i], lambda x, i: x[i].zero_()):
        for place in (2, -3):
            with pytest.raises(IndexError, match=f"index {place} is out of bounds for dimension 0"):
                torch.compile(function, fullgraph=True)(torch.ones(2, 3), torch.tensor(place))
