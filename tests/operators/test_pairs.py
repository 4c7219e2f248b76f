"""Transposed pairs: <Px, y> is <x, P'y>; each is the other's derivative and its own tangent."""

import numpy as np
import pytest
from harvest import calls_of

import tidu
from tidu.cli.ops import all_primitives
from tidu.primitives.indexing import Write, put
from tidu.primitives.structural import Cut
from tidu.primitives.transposed import Transposed, pair

ALL = {name: prim for _, name, prim in all_primitives() if isinstance(prim, Transposed)}
CUTS = {name: prim for name, prim in ALL.items() if isinstance(prim, Cut)}
PAIRS = {name: prim for name, prim in ALL.items() if name not in CUTS}


def inner(x, y):
    return np.sum(np.real(np.asarray(x) * np.conj(y)))


def wide(prim):
    for args, params in calls_of()[id(prim)]:
        if args[0].dtype in (np.float64, np.complex128):
            yield args, params


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_transpose(name):
    back, checked = PAIRS[name], 0
    forth = back.of
    random = np.random.default_rng(0)
    for args, params in wide(back):
        others = args[1:]
        given = {k: v for k, v in params.items() if k != "shape"}
        x = back(*args, **params)
        y = random.standard_normal(args[0].shape).astype(args[0].dtype)
        whole = forth(x, *others, **given)
        np.testing.assert_allclose(inner(whole, y), inner(x, back(y, *others, **params)))
        checked += 1
    assert checked


@pytest.mark.parametrize("name", PAIRS)
def test_each_is_the_derivative_of_the_other(name):
    back = PAIRS[name]
    for prim in (back, back.of):
        for args, params in wide(prim):
            x = tidu.tensor(args[0], requires_grad=True)
            out = prim(x, *args[1:], **params)
            assert out.grad_fn.name() == prim.torch_name
            seed = tidu.ones_like(out).requires_grad_()
            (found,) = tidu.autograd.grad(out, x, seed, create_graph=True)
            other = back if prim is back.of else back.of
            assert found.grad_fn.name() == other.torch_name
            (again,) = tidu.autograd.grad(found, seed, tidu.ones_like(found))
            want = prim(np.ones_like(args[0]), *args[1:], **params)
            np.testing.assert_allclose(np.asarray(again), want)


@pytest.mark.parametrize("name", CUTS)
def test_cuts_are_joined_again(name):
    """By their derivative; parts that were not used are zeros in it."""
    prim = CUTS[name]
    for args, params in wide(prim):
        x = tidu.tensor(args[0], requires_grad=True)
        parts = prim(x, **params)
        assert {part.grad_fn.name() for part in parts} == {prim.torch_name}
        weights = [np.random.standard_normal(part.shape) * (k != 0) for k, part in enumerate(parts)]
        total = sum([(part * tidu.tensor(w)).sum() for part, w in zip(parts, weights, strict=True)])
        (found,) = tidu.autograd.grad(total, x)
        pieces = prim(np.asarray(found), **params)
        for piece, w in zip(pieces, weights, strict=True):
            np.testing.assert_array_equal(piece, w)
        unused = tidu.autograd.grad([p.sum() for p in prim(x, **params)][-1], x)[0]
        assert unused.sum().item() == parts[-1].numel()


def test_a_pair_of_ones_own():
    """Every second row along an axis; batches, both modes and second order follow."""

    def every(x, *, axis, step):
        return x[(slice(None),) * axis + (slice(None, None, step),)]

    def between(g, *, axis, step, shape):
        out = np.zeros(shape, g.dtype)
        out[(slice(None),) * axis + (slice(None, None, step),)] = g
        return out

    forth, back = pair(
        "every", every, "every_backward", between, tex=("every(x)", "between(g)"),
        batched=lambda axis, step: {"axis": axis + 1, "step": step},
    )  # fmt: skip

    def cubes(x):
        return (forth(x, axis=0, step=2) ** 3).sum()

    x = tidu.tensor(np.arange(1.0, 6), dtype=tidu.float64)
    kept = tidu.tensor([1.0, 0, 1, 0, 1], dtype=tidu.float64)
    assert tidu.func.grad(cubes)(x).tolist() == (3 * x**2 * kept).tolist()
    assert tidu.func.hessian(cubes)(x).tolist() == (6 * x * kept).diag().tolist()
    rows = tidu.stack([x, 2 * x])
    each = tidu.func.vmap(tidu.func.grad(cubes), in_dims=1)(rows.T)
    assert each.tolist() == (3 * rows**2 * kept).tolist()
    assert back.of is forth


WRITES = {name: prim for _, name, prim in all_primitives() if isinstance(prim, Write)}


@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    """<W(x, part), g> is <x, its first cotangent> + <part, its second>, which `of` reads."""
    prim, random, checked = WRITES[name], np.random.default_rng(0), 0
    at = next(k for k, i in enumerate(prim.inputs) if i in ("part", "source"))
    for args, params in wide(prim):
        moving = [tidu.tensor(args[k], requires_grad=True) for k in (0, at)]
        given = list(args)
        given[0], given[at] = moving
        out = prim(*given, **params)
        g = tidu.tensor(random.standard_normal(tuple(out.shape)), dtype=out.dtype)
        found = tidu.autograd.grad(out, moving, g)
        whole = inner(np.asarray(out.detach()), np.asarray(g))
        parts = [
            inner(np.asarray(x.detach()), np.asarray(c)) for x, c in zip(moving, found, strict=True)
        ]
        np.testing.assert_allclose(whole, sum(parts))
        assert found[1].shape == moving[1].shape
        checked += 1
    assert checked


@pytest.mark.parametrize("places", ["alike", "each"])
@pytest.mark.parametrize("dims", [(0,), (1,), (0, 2), (1, 2)])
def test_a_part_that_is_broadcast_into_a_batch(dims, places):
    x = tidu.randn(3, 2, 4, 5, dtype=tidu.float64)
    index = [tidu.tensor([[0, 1], [1, 0], [1, 1]]) for _ in dims]
    if places == "alike":
        index = [i[0] for i in index]
    shape = {(0,): (5,), (1,): (5,), (0, 2): (4,), (1, 2): (2,)}[dims]  # of the last axes alone
    part = tidu.randn(3, *shape, dtype=tidu.float64)

    def one(x, part, *index):
        return put(x, part, *index, dims=dims)

    axes = (0, 0, *[0 if places == "each" else None for _ in dims])
    got = tidu.func.vmap(one, in_dims=axes)(x, part, *index)
    for k in range(3):
        here = [i[k] if places == "each" else i for i in index]
        assert tidu.equal(got[k], one(x[k], part[k], *here))
