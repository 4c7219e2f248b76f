"""Bayesian regression by stochastic variational inference, and a biased coin."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoDiagonalNormal
from pyro.optim import Adam

pyro.set_rng_seed(0)
x = torch.randn(20, 2)
y = x @ torch.tensor([1.0, -2.0]) + 0.1 * torch.randn(20)


def regression(x, y):
    w = pyro.sample("w", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    with pyro.plate("data", len(x)):
        pyro.sample("y", dist.Normal(x @ w, 0.5), obs=y)


guide = AutoDiagonalNormal(regression)
inference = SVI(regression, guide, Adam({"lr": 0.1}), Trace_ELBO())
for step in range(40):
    loss = inference.step(x, y)
    if step % 10 == 9:
        print(f"{loss:.1f}")
print([f"{value:.2f}" for value in guide.median()["w"].tolist()])

tosses = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])


def coin(tosses):
    bias = pyro.sample("bias", dist.Beta(10.0, 10.0))
    with pyro.plate("tosses", len(tosses)):
        pyro.sample("toss", dist.Bernoulli(bias), obs=tosses)


def beliefs(tosses):
    a = pyro.param("a", torch.tensor(15.0), constraint=dist.constraints.positive)
    b = pyro.param("b", torch.tensor(15.0), constraint=dist.constraints.positive)
    pyro.sample("bias", dist.Beta(a, b))


inference = SVI(coin, beliefs, Adam({"lr": 0.01}), Trace_ELBO())
for _ in range(5):
    print(f"{inference.step(tosses):.2f}")
print(f"{pyro.param('a').item():.3f} {pyro.param('b').item():.3f}")
