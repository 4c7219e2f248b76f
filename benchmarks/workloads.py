"""The timed programs, each written once for whatever module stands for torch.

`WORKLOADS[name].build(torch)` gives a `Program`: `step()` is what is timed, `result()` what is
compared between libraries afterwards, `primal()` the function alone, `gradient()` the function and
its gradient without an optimizer's step. Data and weights come from NumPy, so that no library's
random numbers matter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from networks import attention_model, convolutional, lstm_classifier, perceptron


@dataclass
class Program:
    """One workload in one library."""

    step: Callable[[], object]
    result: Callable[[], object]
    primal: Callable[[], object] | None = None
    gradient: Callable[[], object] | None = None


@dataclass
class Workload:
    """A workload, its title, and how closely results must agree."""

    title: str
    build: Callable
    tolerance: float = 1e-4


def normal(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) * np.float32(scale)


def labels(count, classes, seed=1):
    return np.random.default_rng(seed).integers(0, classes, count)


def tensor(torch, array):
    return torch.from_numpy(np.array(array))


def same_weights(torch, model):
    """Gives a model weights that depend on nothing but their shapes."""
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            fan_in = parameter.shape[-1] if parameter.dim() > 1 else 100
            values = normal(*parameter.shape, seed=index + 10, scale=fan_in**-0.5)
            parameter.copy_(tensor(torch, values))
    return model


def training(torch, model, forward, optimizer):
    """A training step of `model`; `forward()` is its loss."""

    def step():
        optimizer.zero_grad()
        loss = forward()
        loss.backward()
        optimizer.step()
        return loss

    def primal():
        with torch.no_grad():
            return forward()

    def gradient():
        optimizer.zero_grad()
        forward().backward()

    def result():
        sums = [float(parameter.detach().abs().sum()) for parameter in model.parameters()]
        return [float(primal()), *sums]

    return Program(step, result, primal, gradient)


def scalar(torch):
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)

    def step():
        x.grad = y.grad = None
        z = x**2 + y**3
        z.backward()

    def primal():
        with torch.no_grad():
            return x**2 + y**3

    return Program(step, lambda: [x.grad.item(), y.grad.item()], primal, step)


def gradient_descent(torch):
    w = torch.tensor(10.0, requires_grad=True)
    (w**2 + 20).backward()

    def step():
        loss = w**2 + 20
        w.grad.zero_()
        loss.sum().backward()
        w.data -= 0.01 * w.grad.data

    return Program(step, lambda: [w.item()])


def small_network(torch, make_optimizer):
    model = same_weights(torch, perceptron(torch, 10, 20, 1))
    inputs, targets = tensor(torch, normal(32, 10)), tensor(torch, normal(32, 1, seed=1))
    criterion = torch.nn.MSELoss()
    optimizer = make_optimizer(model.parameters())
    return training(torch, model, lambda: criterion(model(inputs), targets), optimizer)


def small_sgd(torch):
    return small_network(torch, lambda parameters: torch.optim.SGD(parameters, lr=0.01))


def small_adam(torch):
    return small_network(torch, lambda parameters: torch.optim.Adam(parameters, lr=1e-3))


def classifier(torch, model, inputs, classes, make_optimizer):
    same_weights(torch, model)
    targets = tensor(torch, labels(len(inputs), classes))
    images = tensor(torch, inputs)
    loss = torch.nn.functional.cross_entropy
    optimizer = make_optimizer(model.parameters())
    return training(torch, model, lambda: loss(model(images), targets), optimizer)


def large_network(torch):
    adam = lambda parameters: torch.optim.Adam(parameters, lr=1e-4)
    return classifier(torch, perceptron(torch, 784, 512, 512, 10), normal(128, 784), 10, adam)


def images_network(torch):
    adam = lambda parameters: torch.optim.Adam(parameters, lr=1e-4)
    return classifier(torch, convolutional(torch), normal(64, 1, 28, 28), 10, adam)


def recurrent_network(torch):
    adam = lambda parameters: torch.optim.Adam(parameters, lr=1e-4)
    return classifier(torch, lstm_classifier(torch, 64, 128, 10), normal(32, 50, 64), 10, adam)


def language_model(torch):
    vocabulary, length, batch = 65, 64, 16
    model = same_weights(torch, attention_model(torch, vocabulary, length, 128, 4, 2))
    text = labels((batch, length + 1), vocabulary)
    inputs, targets = tensor(torch, text[:, :-1]), tensor(torch, text[:, 1:].reshape(-1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    loss = torch.nn.functional.cross_entropy

    def forward():
        return loss(model(inputs).reshape(-1, vocabulary), targets)

    return training(torch, model, forward, optimizer)


def elementwise_chain(torch):
    x = tensor(torch, normal(1_000_000)).requires_grad_()

    def forward():
        return (torch.tanh(x) * torch.sigmoid(x) + torch.exp(x)).sum()

    def step():
        x.grad = None
        forward().backward()

    def primal():
        with torch.no_grad():
            return forward()

    return Program(step, lambda: x.grad[:1000].numpy(), primal, step)


def smooth_function(torch):
    """A scalar function of 64 numbers with a dense second derivative."""
    matrix = tensor(torch, normal(64, 64, scale=0.125))
    return lambda x: (torch.tanh(matrix @ x) ** 2).sum() + torch.sin(x).prod() + (x**3).sum()


def keeping(compute):
    """A program whose step's value is its result."""
    kept = [None]

    def step():
        kept[0] = compute()

    return Program(step, lambda: kept[0].detach().numpy())


def hessian(torch):
    function, x = smooth_function(torch), tensor(torch, normal(64))
    compute = torch.func.hessian(function)
    return keeping(lambda: compute(x))


def jacobian(torch):
    matrix, x = tensor(torch, normal(256, 256, scale=0.06)), tensor(torch, normal(256))
    compute = torch.func.jacrev(lambda x: torch.tanh(matrix @ x))
    return keeping(lambda: compute(x))


def hessian_vector(torch):
    function, x = smooth_function(torch), tensor(torch, normal(64))
    gradient, v = torch.func.grad(function), tensor(torch, normal(64, seed=2))
    return keeping(lambda: torch.func.jvp(gradient, (x,), (v,))[1])


def third_derivative(torch):
    grad = torch.func.grad
    compute = grad(grad(grad(lambda x: torch.sin(x) * x**3)))
    x = torch.tensor(0.7)
    return keeping(lambda: compute(x))


def per_sample(torch):
    model = same_weights(torch, perceptron(torch, 10, 20, 1))
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    inputs, targets = tensor(torch, normal(256, 10)), tensor(torch, normal(256, 1, seed=1))

    def loss(parameters, x, target):
        output = torch.func.functional_call(model, parameters, (x.unsqueeze(0),))
        return torch.nn.functional.mse_loss(output, target.unsqueeze(0))

    compute = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    kept = [None]

    def step():
        kept[0] = compute(parameters, inputs, targets)

    return Program(step, lambda: [float(value.abs().sum()) for value in kept[0].values()])


WORKLOADS = {
    "W1": Workload("scalar x²+y³, forward + backward", scalar),
    "W2": Workload("scalar gradient descent iteration", gradient_descent),
    "W3": Workload("MLP 10-20-1, batch 32, MSE, SGD step", small_sgd),
    "W4": Workload("the same, Adam", small_adam),
    "W5": Workload("MLP 784-512-512-10, batch 128, Adam", large_network, 1e-3),
    "W6": Workload("CNN 1-32-64 3x3, pool, fc, batch 64, Adam", images_network, 1e-3),
    "W7": Workload("GPT, 2 layers, d 128, 4 heads, T 64, batch 16", language_model, 1e-3),
    "W8": Workload("LSTM 64-128, T 50, batch 32, Adam", recurrent_network, 1e-3),
    "W9": Workload("tanh·sigmoid + exp, 1M, forward + backward", elementwise_chain),
    "W11": Workload("Hessian of a 64-dim function", hessian, 1e-3),
    "W12": Workload("Jacobian 256x256", jacobian),
    "W13a": Workload("Hessian-vector product, 64-dim", hessian_vector, 1e-3),
    "W13b": Workload("third derivative, scalar", third_derivative),
    "W16": Workload("per-sample gradients, 256 samples of W3's net", per_sample, 1e-3),
}
