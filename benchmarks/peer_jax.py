"""The workloads in JAX under `jit`, for those it expresses in a few lines."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from workloads import Program, normal

jax.config.update("jax_platforms", "cpu")


def keeping(compute, *arguments, pick=np.asarray):
    compiled, kept = jax.jit(compute), [None]

    def step():
        kept[0] = jax.block_until_ready(compiled(*arguments))

    return Program(step, lambda: pick(kept[0]))


def scalar():
    return keeping(jax.grad(lambda x, y: x**2 + y**3, (0, 1)), 3.0, 2.0)


def gradient_descent():
    update = jax.jit(lambda w: w - 0.01 * jax.grad(lambda w: w**2 + 20)(w))
    w = [jnp.float32(10.0)]

    def step():
        w[0] = jax.block_until_ready(update(w[0]))

    return Program(step, lambda: [float(w[0])])


def weights(*sizes):
    """The weights of `perceptron`, drawn as `same_weights` draws them."""
    drawn = []
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        drawn.append(normal(outputs, inputs, seed=2 * index + 10, scale=inputs**-0.5))
        drawn.append(normal(outputs, seed=2 * index + 11, scale=0.1))
    return [jnp.asarray(array) for array in drawn]


def apply(parameters, x):
    for index in range(0, len(parameters), 2):
        x = x @ parameters[index].T + parameters[index + 1]
        x = jax.nn.relu(x) if index + 2 < len(parameters) else x
    return x


def small_sgd():
    inputs, targets = jnp.asarray(normal(32, 10)), jnp.asarray(normal(32, 1, seed=1))

    def loss(parameters):
        return jnp.mean((apply(parameters, inputs) - targets) ** 2)

    @jax.jit
    def update(parameters):
        value, gradients = jax.value_and_grad(loss)(parameters)
        return value, [p - 0.01 * g for p, g in zip(parameters, gradients)]

    state = [None, weights(10, 20, 1)]

    def step():
        state[:] = jax.block_until_ready(update(state[1]))

    def result():
        return [float(state[0]), *(float(jnp.abs(p).sum()) for p in state[1])]

    return Program(step, result)


def chain():
    def forward(x):
        return jnp.sum(jnp.tanh(x) * jax.nn.sigmoid(x) + jnp.exp(x))

    x = jnp.asarray(normal(1_000_000))
    return keeping(jax.grad(forward), x, pick=lambda value: np.asarray(value)[:1000])


def smooth_function():
    matrix = jnp.asarray(normal(64, 64, scale=0.125))
    return lambda x: (jnp.tanh(matrix @ x) ** 2).sum() + jnp.sin(x).prod() + (x**3).sum()


def hessian():
    return keeping(jax.hessian(smooth_function()), jnp.asarray(normal(64)))


def jacobian():
    matrix = jnp.asarray(normal(256, 256, scale=0.06))
    return keeping(jax.jacrev(lambda x: jnp.tanh(matrix @ x)), jnp.asarray(normal(256)))


def hessian_vector():
    gradient, v = jax.grad(smooth_function()), jnp.asarray(normal(64, seed=2))
    return keeping(lambda x: jax.jvp(gradient, (x,), (v,))[1], jnp.asarray(normal(64)))


def third_derivative():
    grad = jax.grad
    return keeping(grad(grad(grad(lambda x: jnp.sin(x) * x**3))), 0.7)


PROGRAMS = {
    "W1": scalar,
    "W2": gradient_descent,
    "W3": small_sgd,
    "W9": chain,
    "W11": hessian,
    "W12": jacobian,
    "W13a": hessian_vector,
    "W13b": third_derivative,
}
