"""The workloads in HIPS autograd, for those it can express."""

import autograd
import autograd.numpy as np
from workloads import Program, normal


def scalar():
    gradient = autograd.grad(lambda x, y: x**2 + y**3, (0, 1))
    kept = [None]

    def step():
        kept[0] = gradient(3.0, 2.0)

    return Program(step, lambda: kept[0])


def gradient_descent():
    gradient = autograd.grad(lambda w: w**2 + 20)
    w = [10.0]

    def step():
        w[0] -= 0.01 * gradient(w[0])

    return Program(step, lambda: [w[0]])


def chain():
    x = normal(1_000_000)

    def forward(x):
        return np.sum(np.tanh(x) / (1 + np.exp(-x)) + np.exp(x))

    return keeping(autograd.grad(forward), x, lambda value: value[:1000])


def smooth_function():
    matrix = normal(64, 64, scale=0.125)

    def function(x):
        return np.sum(np.tanh(matrix @ x) ** 2) + np.prod(np.sin(x)) + np.sum(x**3)

    return function


def keeping(compute, x, pick=lambda value: value):
    kept = [None]

    def step():
        kept[0] = compute(x)

    return Program(step, lambda: pick(kept[0]))


def hessian():
    return keeping(autograd.hessian(smooth_function()), normal(64))


def jacobian():
    matrix = normal(256, 256, scale=0.06)
    return keeping(autograd.jacobian(lambda x: np.tanh(matrix @ x)), normal(256))


def hessian_vector():
    v = normal(64, seed=2)
    gradient = autograd.grad(smooth_function())
    product = autograd.grad(lambda x: np.sum(gradient(x) * v))
    return keeping(product, normal(64))


def third_derivative():
    grad = autograd.grad
    return keeping(grad(grad(grad(lambda x: np.sin(x) * x**3))), 0.7)


PROGRAMS = {
    "W1": scalar,
    "W2": gradient_descent,
    "W9": chain,
    "W11": hessian,
    "W12": jacobian,
    "W13a": hessian_vector,
    "W13b": third_derivative,
}
