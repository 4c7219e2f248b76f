"""A Gaussian process fitted to a noisy sine."""

import math

import gpytorch
import torch

torch.manual_seed(0)
x = torch.linspace(0, 1, 25)
y = torch.sin(2 * math.pi * x) + 0.1 * torch.randn(25)


class Process(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood):
        super().__init__(x, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


likelihood = gpytorch.likelihoods.GaussianLikelihood()
process = Process(x, y, likelihood)
process.train()
likelihood.train()
optimizer = torch.optim.Adam(process.parameters(), lr=0.1)
evidence = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, process)
for step in range(30):
    optimizer.zero_grad()
    loss = -evidence(process(x), y)
    loss.backward()
    optimizer.step()
    if step % 6 == 5:
        print(f"{loss.item():.2f}")
process.eval()
likelihood.eval()
with torch.no_grad():
    told = likelihood(process(torch.linspace(0, 1, 5)))
    print([f"{value:.2f}" for value in told.mean.tolist()])
    print([f"{value:.2f}" for value in told.stddev.tolist()])
