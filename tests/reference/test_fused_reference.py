"""Losses, normalisations and cuts that are single primitives, to second order and under vmap."""

import itertools

import numpy as np
import pytest

import tidu

torch = pytest.importorskip("torch")


def near(calculate):
    """The tensors that `calculate(library)` gives, and the names of their nodes, agree."""
    for ours, theirs in zip(calculate(tidu), calculate(torch), strict=True):
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-7, atol=1e-9
        )


def second_order(lib, function, *arrays):
    """The value, the gradients, and the gradients of the gradients' squares."""
    inputs = [lib.tensor(a, requires_grad=True) for a in arrays]
    out = function(lib, *inputs)
    first = lib.autograd.grad((out * out * out).sum(), inputs, create_graph=True)
    return [out, *first, *lib.autograd.grad(sum((g * g).sum() for g in first), inputs)]


def transformed(lib, function, *arrays):
    """The tangent along the squares, and the gradient of each of two examples."""
    inputs = tuple(lib.tensor(a) for a in arrays)
    pairs = [lib.stack([x, x * x], 0) for x in inputs]
    each = lib.func.grad(lambda *a: (function(lib, *a) ** 3).sum())
    tangent = lib.func.jvp(lambda *a: function(lib, *a), inputs, tuple(x * x for x in inputs))
    return [*tangent, lib.func.vmap(each)(*pairs)]


SCORES = [(5,), (4, 3), (2, 3, 4), (2, 3, 2, 2)]
WAYS = list(itertools.product(["mean", "sum", "none"], [-100, 1], [False, True]))


@pytest.mark.parametrize("shape", SCORES, ids=str)
@pytest.mark.parametrize("reduction, ignored, weighted", WAYS)
def test_cross_entropy(shape, reduction, ignored, weighted):
    draw = np.random.default_rng(len(shape))
    count = shape[len(shape) > 1]
    classes = draw.integers(0, count, shape[:1] + shape[2:] if len(shape) > 1 else ())
    weights = draw.random(count)

    def loss(lib, scores):
        weight = lib.tensor(weights) if weighted else None
        return lib.nn.functional.cross_entropy(
            scores, lib.tensor(classes), weight, ignore_index=ignored, reduction=reduction
        )

    scores = draw.standard_normal(shape)
    near(lambda lib: second_order(lib, loss, scores))
    near(lambda lib: transformed(lib, loss, scores))


NORMS = {
    "layer": ((4, 3, 5), (3, 5), lambda f, x, w, b: f.layer_norm(x, (3, 5), w, b)),
    "batch": ((6, 3), (3,), lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True)),
    "image": ((2, 3, 4, 5), (3,), lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True)),
    "group": ((2, 6, 4), (6,), lambda f, x, w, b: f.group_norm(x, 3, w, b)),
    "instance": ((2, 3, 4), (3,), lambda f, x, w, b: f.instance_norm(x, None, None, w, b)),
    "rms": ((4, 5), (5,), lambda f, x, w, b: f.rms_norm(x, (5,), w) + b),
}


@pytest.mark.parametrize("name", NORMS)
def test_normalisation(name):
    shape, few, norm = NORMS[name]
    draw = np.random.default_rng(1)
    arrays = [draw.standard_normal(s) + 1 for s in (shape, few, few)]

    def function(lib, x, weight, bias):
        return norm(lib.nn.functional, x, weight, bias)

    near(lambda lib: second_order(lib, function, *arrays))
    near(lambda lib: transformed(lib, function, *arrays))


def test_what_normalisation_gave_may_be_overwritten():
    def run(lib):
        x = lib.tensor([[1.0, -2.0, 4.0], [3.0, 1.0, 0.5]], requires_grad=True)
        y = lib.nn.functional.layer_norm(x, (3,))
        y.mul_(y.detach().clone()).relu_()
        y.sum().backward()
        return [y, x.grad]

    for ours, theirs in zip(run(tidu), run(torch), strict=True):
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-4, atol=1e-5
        )


CUTS = {
    "unbind": lambda x: x.unbind(1), "last": lambda x: x.unbind(-1),
    "chunk": lambda x: x.chunk(4, 1),
    "split": lambda x: x.split(4, 1), "sizes": lambda x: x.split([1, 2, 0, 3], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("chosen", [slice(None), slice(-1, None)], ids=["all", "last"])
def test_cuts(name, chosen):
    cut, array = CUTS[name], np.random.default_rng(2).standard_normal((4, 6, 3))

    def function(lib, x):
        return sum((p**2).sum() * (i + 1) for i, p in enumerate(cut(x)[chosen]))

    near(lambda lib: second_order(lib, function, array))
    near(lambda lib: transformed(lib, function, array))
    names = [[p.grad_fn.name() for p in cut(lib.ones(4, 6, 3, requires_grad=True))]
             for lib in (tidu, torch)]  # fmt: skip
    assert names[0] == names[1]


@pytest.mark.parametrize("name", CUTS)
def test_writes_to_cuts_reach_the_whole(name):
    def run(lib):
        x = lib.ones(4, 6, 3)
        for i, part in enumerate(CUTS[name](x)):
            part.mul_(i + 2)
        return [x]

    near(run)
