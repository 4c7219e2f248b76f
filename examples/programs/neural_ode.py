"""A network as the right side of a differential equation, found from a path it should follow."""

import sys
from itertools import pairwise

import torch
from torch import nn

SMALL = "--small" in sys.argv
STEPS, TIMES = (8, 12) if SMALL else (600, 60)


class Field(nn.Module):
    """The speed at each point of the plane."""

    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2))

    def forward(self, y):
        return self.net(y**3)


def solved(field, start, times):
    """The path through `start`, by the classical Runge-Kutta method."""
    path, y = [start], start
    for before, now in pairwise(times):
        h = now - before
        k1 = field(y)
        k2 = field(y + h / 2 * k1)
        k3 = field(y + h / 2 * k2)
        k4 = field(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return torch.stack(path)


def main():
    torch.manual_seed(0)
    turning = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    times = torch.linspace(0, 3, TIMES)
    start = torch.tensor([2.0, 0.0])
    with torch.no_grad():
        wanted = solved(lambda y: (y**3) @ turning, start, times)
    field = Field()
    optimizer = torch.optim.RMSprop(field.parameters(), lr=2e-3)
    for step in range(STEPS):
        first = torch.randint(TIMES - 5, (8,))
        starts = wanted[first]
        path = solved(field, starts, times[:5])
        goal = torch.stack([wanted[first + i] for i in range(5)])
        loss = (path - goal).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % max(STEPS // 5, 1) == 0:
            print(f"step {step}: loss {loss.item():.5f}")
    with torch.no_grad():
        error = (solved(field, start, times) - wanted).abs().mean().item()
    print(f"error of the whole path {error:.4f}")


if __name__ == "__main__":
    main()
