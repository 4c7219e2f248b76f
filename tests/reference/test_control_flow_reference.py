"""Branches and loops give the values and gradients of PyTorch's."""

import importlib

import numpy as np
import pytest
import torch as reference

import tidu

START = np.random.RandomState(0).standard_normal(3)
XS = np.random.RandomState(1).standard_normal((4, 3))


def cond(t, ops, x, xs):
    return t.cond(x.sum() > 0.5, lambda a, b: a.sin() * b[0], lambda a, b: a * b.sum(0), (x, xs))


def scan(t, ops, x, xs):
    last, ys = ops.scan(lambda c, a: ((c * a).tanh(), c + a * 2), x, xs)
    return last + ys.sum(0)


def scan_back(t, ops, x, xs):
    last, ys = ops.scan(lambda c, a: (c * a.cos(), c.sin() + a), x, xs.T, dim=1, reverse=True)
    return last * ys[:, 1]


def while_loop(t, ops, x, xs):
    def step(i, y, z):
        return i + 1, y * z.cos(), z + 0.1

    return ops.while_loop(lambda i, y, z: i < 5, step, (t.tensor(0), x, xs[0]))[1]


def mapped(t, ops, x, xs):
    return ops.map(lambda a, b: a.exp() * b, xs, x).sum(0)


def both(module, program):
    x = module.tensor(START, requires_grad=True)
    xs = module.tensor(XS, requires_grad=True)
    ops = importlib.import_module(f"{module.__name__}._higher_order_ops")
    out = program(module, ops, x, xs)
    gx, gxs = module.autograd.grad((out * module.arange(1, 4)).sum(), (x, xs))
    return [t.detach().numpy() for t in (out, gx, gxs)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", [cond, scan, scan_back, while_loop, mapped])
def test_same_as_pytorch(program):
    for a, b in zip(both(tidu, program), both(reference, program), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
