"""Bayesian regression by variational inference: a line, and how sure one may be of it."""

import sys

import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

SMALL = "--small" in sys.argv
STEPS, POINTS, DRAWS = (50, 20, 4) if SMALL else (3000, 50, 16)
NOISE = 0.3


class Line(nn.Module):
    """Slope and intercept, each a bell curve of its own."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2))
        self.log_std = nn.Parameter(torch.full((2,), -1.0))

    def posterior(self):
        return Normal(self.mean, self.log_std.exp())

    def negative_elbo(self, x, y):
        posterior = self.posterior()
        slope, intercept = posterior.rsample((DRAWS, 1)).unbind(-1)
        likelihood = Normal(slope * x + intercept, NOISE).log_prob(y).sum(1).mean()
        prior = Normal(torch.zeros(2), torch.full((2,), 3.0))
        return kl_divergence(posterior, prior).sum() - likelihood


def main():
    torch.manual_seed(0)
    x = torch.rand(POINTS) * 4 - 2
    y = 1.5 * x - 0.7 + NOISE * torch.randn(POINTS)
    line = Line()
    optimizer = torch.optim.Adam(line.parameters(), lr=0.02)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = line.negative_elbo(x, y)
        loss.backward()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: negative ELBO {loss.item():.3f}")
    for name, mean, std in zip(("slope", "intercept"), line.mean, line.log_std.exp(), strict=True):
        print(f"{name}: {mean.item():.3f} +- {std.item():.3f}")
    design = torch.stack([x, torch.ones_like(x)], dim=1)
    exact = torch.linalg.inv(design.T @ design / NOISE**2 + torch.eye(2) / 9)
    print("exact spread:", [round(v, 3) for v in exact.diagonal().sqrt().tolist()])


if __name__ == "__main__":
    main()
