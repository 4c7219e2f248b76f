"""A network that satisfies the equation of a damped oscillator (a physics-informed network).

x'' + 2 d x' + w² x = 0 with x(0) = 1, x'(0) = 0: the equation's residual is the loss.
"""

import math
import sys

import torch
from torch import nn

SMALL = "--small" in sys.argv
STEPS, POINTS = (40, 20) if SMALL else (4000, 60)
DAMPING, FREQUENCY = 1.0, 4.0


class Solution(nn.Module):
    """t -> x(t)."""

    def __init__(self, width=24):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        )

    def forward(self, t):
        return self.layers(t)


def derivative(y, t):
    return torch.autograd.grad(y, t, torch.ones_like(y), create_graph=True)[0]


def exact(t):
    w = math.sqrt(FREQUENCY**2 - DAMPING**2)
    return torch.exp(-DAMPING * t) * (torch.cos(w * t) + DAMPING / w * torch.sin(w * t))


def loss_of(model, t, start):
    x = model(t)
    speed = derivative(x, t)
    residual = derivative(speed, t) + 2 * DAMPING * speed + FREQUENCY**2 * x
    x0 = model(start)
    v0 = derivative(x0, start)
    return (residual**2).mean() * 1e-2 + ((x0 - 1) ** 2).mean() + (v0**2).mean() * 1e-1


def main():
    torch.manual_seed(0)
    model = Solution().double()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    t = torch.linspace(0, 1.5, POINTS, dtype=torch.float64).view(-1, 1).requires_grad_()
    start = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model, t, start)
        loss.backward()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: loss {loss.item():.6f}")
    error = (model(t) - exact(t)).abs().max().item()
    print(f"largest error {error:.6f}")


if __name__ == "__main__":
    main()
