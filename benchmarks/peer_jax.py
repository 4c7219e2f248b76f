"""The workloads in JAX: each step is one function under `jit`, its networks in `jnp` alone."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from workloads import Program, labels, normal

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


def drawn(shapes):
    """Weights as `same_weights` draws them."""
    fan_in = [shape[-1] if len(shape) > 1 else 100 for shape in shapes]
    return [jnp.asarray(normal(*shape, seed=index + 10, scale=n**-0.5))
            for index, (shape, n) in enumerate(zip(shapes, fan_in, strict=True))]  # fmt: skip


def training(loss, shapes, optimizer):
    """Steps of ``optimizer(parameters, gradients, state) -> (parameters, state)``."""
    first, change = optimizer

    @jax.jit
    def update(parameters, state):
        value, gradients = jax.value_and_grad(loss)(parameters)
        return value, *change(parameters, gradients, state)

    parameters = drawn(shapes)
    now = [None, parameters, first(parameters)]

    def step():
        now[:] = jax.block_until_ready(update(now[1], now[2]))

    def result():
        return [float(loss(now[1])), *(float(jnp.abs(p).sum()) for p in now[1])]

    return Program(step, result)


def sgd(rate):
    def change(parameters, gradients, state):
        return [p - rate * g for p, g in zip(parameters, gradients, strict=True)], state

    return (lambda parameters: ()), change


def adam(rate, decay=0.0):
    """Adam with PyTorch's defaults; with `decay`, AdamW."""

    def first(parameters):
        return jnp.zeros(()), [(jnp.zeros_like(p), jnp.zeros_like(p)) for p in parameters]

    def change(parameters, gradients, state):
        count, moments = state[0] + 1, []
        out = []
        for p, g, (m, v) in zip(parameters, gradients, state[1], strict=True):
            m, v = m + 0.1 * (g - m), 0.999 * v + 0.001 * g * g
            scale = jnp.sqrt(v) / jnp.sqrt(1 - 0.999**count) + 1e-8
            out.append(p * (1 - rate * decay) - rate / (1 - 0.9**count) * m / scale)
            moments.append((m, v))
        return out, (count, moments)

    return first, change


def cross_entropy(scores, targets):
    chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), targets[:, None], 1)
    return -chosen.mean()


# --- networks -------------------------------------------------------------------------------------


def linear_shapes(*sizes):
    return [
        shape for inputs, outputs in pairwise(sizes) for shape in ((outputs, inputs), (outputs,))
    ]


def perceptron(parameters, x):
    for index in range(0, len(parameters), 2):
        x = x @ parameters[index].T + parameters[index + 1]
        x = jax.nn.relu(x) if index + 2 < len(parameters) else x
    return x


def small(optimizer):
    inputs, targets = jnp.asarray(normal(32, 10)), jnp.asarray(normal(32, 1, seed=1))
    loss = lambda parameters: jnp.mean((perceptron(parameters, inputs) - targets) ** 2)
    return training(loss, linear_shapes(10, 20, 1), optimizer)


def large():
    inputs, targets = jnp.asarray(normal(128, 784)), jnp.asarray(labels(128, 10))
    loss = lambda parameters: cross_entropy(perceptron(parameters, inputs), targets)
    return training(loss, linear_shapes(784, 512, 512, 10), adam(1e-4))


def images():
    inputs, targets = jnp.asarray(normal(64, 1, 28, 28)), jnp.asarray(labels(64, 10))

    def layer(x, weight, bias):
        x = jax.lax.conv_general_dilated(x, weight, (1, 1), "VALID")
        return jax.nn.relu(x + bias[:, None, None])

    def loss(parameters):
        x = layer(layer(inputs, *parameters[:2]), *parameters[2:4])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return cross_entropy(perceptron(parameters[4:], x.reshape(len(x), -1)), targets)

    shapes = [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), *linear_shapes(64 * 12 * 12, 128, 10)]
    return training(loss, shapes, adam(1e-4))


def recurrent():
    inputs, targets = jnp.asarray(normal(32, 50, 64)), jnp.asarray(labels(32, 10))
    hidden = 128

    def loss(parameters):
        w, u, b, c, *head = parameters
        gates = jnp.swapaxes(inputs @ w.T + b + c, 0, 1)

        def one(carry, x):
            h, cell = carry
            i, f, g, o = jnp.split(x + h @ u.T, 4, axis=-1)
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(cell), cell), None

        zero = jnp.zeros((len(inputs), hidden))
        (last, _), _ = jax.lax.scan(one, (zero, zero), gates)
        return cross_entropy(perceptron(head, last), targets)

    shapes = [(4 * hidden, 64), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,)]
    return training(loss, [*shapes, *linear_shapes(hidden, 10)], adam(1e-4))


def normalised(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def attention_block(p, x, heads):
    batch, length, width = x.shape
    n1, b1, n2, b2, qkv, qkv_b, out, out_b, up, up_b, down, down_b = p
    parts = jnp.split(normalised(x, n1, b1) @ qkv.T + qkv_b, 3, axis=2)
    q, k, v = [jnp.swapaxes(a.reshape(batch, length, heads, -1), 1, 2) for a in parts]
    scores = q @ jnp.swapaxes(k, 2, 3) / (width / heads) ** 0.5
    scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    mixed = jnp.swapaxes(jax.nn.softmax(scores) @ v, 1, 2).reshape(batch, length, width)
    x = x + mixed @ out.T + out_b
    inner = jax.nn.gelu(normalised(x, n2, b2) @ up.T + up_b, approximate=False)
    return x + inner @ down.T + down_b


def language():
    vocabulary, length, batch, width, layers = 65, 64, 16, 128, 2
    text = labels((batch, length + 1), vocabulary)
    inputs, targets = jnp.asarray(text[:, :-1]), jnp.asarray(text[:, 1:].reshape(-1))
    n = [(width,)]
    block = [*n * 4, (3 * width, width), (3 * width,), (width, width), *n, (4 * width, width),
             (4 * width,), (width, 4 * width), *n]  # fmt: skip

    def loss(parameters):
        tokens, places, *rest = parameters
        x = tokens[inputs] + places
        for k in range(layers):
            x = attention_block(rest[len(block) * k : len(block) * (k + 1)], x, 4)
        weight, bias, head = rest[len(block) * layers :]
        return cross_entropy(
            (normalised(x, weight, bias) @ head.T).reshape(-1, vocabulary), targets
        )

    shapes = [(vocabulary, width), (length, width), *block * layers, *n * 2, (vocabulary, width)]
    return training(loss, shapes, adam(1e-4, decay=0.01))


# --- functions ------------------------------------------------------------------------------------


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


def per_sample():
    inputs, targets = jnp.asarray(normal(256, 10)), jnp.asarray(normal(256, 1, seed=1))

    def loss(parameters, x, target):
        return jnp.mean((perceptron(parameters, x[None]) - target[None]) ** 2)

    compute = jax.vmap(jax.grad(loss), (None, 0, 0))
    parameters = drawn(linear_shapes(10, 20, 1))
    return keeping(compute, parameters, inputs, targets,
                   pick=lambda values: [float(jnp.abs(v).sum()) for v in values])  # fmt: skip


PROGRAMS = {
    "W1": scalar,
    "W2": gradient_descent,
    "W3": lambda: small(sgd(0.01)),
    "W4": lambda: small(adam(1e-3)),
    "W5": large,
    "W6": images,
    "W7": language,
    "W8": recurrent,
    "W9": chain,
    "W11": hessian,
    "W12": jacobian,
    "W13a": hessian_vector,
    "W13b": third_derivative,
    "W16": per_sample,
}
